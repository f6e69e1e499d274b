"""`state:` of the project file: what each backend needs, what it may not hold, what is told when it lacks something."""

from __future__ import annotations

import json
import shlex
import sys
from typing import Any

import click
import pytest
import yaml

from reconciler.cli.main import cli as group
from reconciler.core.distribution import install_command
from tests.conftest import ROOT, Cli

HEAD = {"apiVersion": "reconciler/v1", "kind": "Project", "metadata": {"name": "p"}}


def project(cli: Cli, state: dict[str, Any], **spec: Any) -> None:
    cli.write("reconciler.yaml", json.dumps({**HEAD, "spec": {"state": state, **spec}}))


@pytest.mark.parametrize(
    ("state", "told"),
    [
        ({"backend": "s4"}, "backend"),
        ({"backend": "s3"}, "the backend s3 needs bucket"),
        ({"backend": "gcs"}, "the backend gcs needs bucket"),
        ({"backend": "azure"}, "the backend azure needs container"),
        ({"backend": "http"}, "the backend http needs address"),
        ({"backend": "s3", "bucket": "b", "container": "c"}, "container is of another backend than s3"),
        ({"backend": "local", "prefix": "x"}, "prefix is of another backend than local"),
        ({"backend": "s3", "bucket": "b", "secretAccessKey": "plain-77"}, "secretAccessKey must not be written out"),
        ({"backend": "azure", "container": "c", "accountKey": "plain-77"}, "accountKey must not be written out"),
        ({"backend": "gcs", "bucket": "b", "serviceAccountKey": "plain-77"}, "must not be written out"),
        ({"backend": "http", "address": "https://x", "password": "plain-77"}, "password must not be written out"),
        ({"backend": "http", "address": "https://u:plain-77@h/d"}, "must not be written out in address"),
        ({"backend": "s3", "bucket": "b", "endpoint": "https://u:plain-77@h"}, "must not be written out in endpoint"),
        ({"backend": "postgres", "url": "postgresql://u:plain-77@h/d"}, "a password must not be written out"),
        ({"backend": "s3", "bucket": "b", "lease": 1}, "greater than or equal to 5"),
        ({"backend": "s3", "bucket": "b", "versions": 0}, "greater than or equal to 1"),
        ({"backend": "s3", "bucket": "b", "acl": "x"}, "acl"),
    ],
)
def test_settings_that_cannot_be_are_told_with_their_place(cli: Cli, state: dict[str, Any], told: str) -> None:
    project(cli, state)
    result = cli("validate")
    assert result.code == 1
    text = result.out + result.err
    assert told in text
    assert "reconciler.yaml:1:" in text
    assert "plain-77" not in text


@pytest.mark.parametrize(
    ("state", "library", "extra"),
    [
        ({"backend": "s3", "bucket": "b"}, "obstore", "s3"),
        ({"backend": "gcs", "bucket": "b"}, "obstore", "gcs"),
        ({"backend": "azure", "container": "b"}, "obstore", "azure"),
        ({"backend": "postgres"}, "psycopg", "postgres"),
    ],
)
def test_a_library_that_is_not_installed_is_named_with_its_extra(
    cli: Cli, state: dict[str, Any], library: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == library]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delitem(sys.modules, "reconciler.stores.objects", raising=False)
    monkeypatch.delitem(sys.modules, "reconciler.stores.postgres", raising=False)
    monkeypatch.setitem(sys.modules, library, None)
    project(cli, state)
    result = cli("state", "list")
    assert result.code == 1
    assert f"needs the Python package {library}" in result.err
    assert install_command(extra) in result.err


def test_one_address_for_several_environments_is_refused(cli: Cli) -> None:
    project(cli, {"backend": "http", "address": "https://x.example"}, environments={"dev": {}, "prod": {}})
    result = cli("state", "list", "--env", "dev")
    assert result.code == 1
    assert "{environment}" in result.err


def test_a_secret_that_is_not_there_is_told(cli: Cli) -> None:
    project(cli, {"backend": "http", "address": "https://x.example", "password": "${secret.token}"})
    result = cli("state", "list")
    assert result.code == 1
    assert "token" in result.err


@pytest.mark.parametrize("option", ["--emulator", "--state-dir"])
def test_who_tries_something_out_writes_to_no_shared_state(cli: Cli, option: str) -> None:
    cli.example("customer-io")
    project(cli, {"backend": "http", "address": "http://127.0.0.1:1/never"})
    options = ["--emulator", *(["--state-dir", "own"] if option == "--state-dir" else [])]
    cli.ok("apply", "-y", *options)
    assert (cli.folder / ("own" if option == "--state-dir" else "state") / "default.json").exists()


def commands(name: str) -> list[list[str]]:
    """The command lines of reconciler in one of the pipelines to paste."""
    found: list[list[str]] = []

    def look(value: Any) -> None:
        if isinstance(value, dict):
            args = value.get("args")
            if isinstance(args, list) and value.get("command") is None:
                found.append([str(arg) for arg in args])
            for inner in value.values():
                look(inner)
        elif isinstance(value, list):
            for inner in value:
                look(inner)
        elif isinstance(value, str) and "reconciler " in value and "pip install" not in value:
            words = shlex.split(value.replace("$((JOB_COMPLETION_INDEX + 1))", "2").replace("$PART", "1/4"))
            if "reconciler" in words:
                found.append(words[words.index("reconciler") + 1 :])

    for document in yaml.safe_load_all((ROOT / "examples" / "pipelines" / name).read_text()):
        look(document)
    return found


@pytest.mark.parametrize(("name", "count"), [("matrix.yml", 2), ("kubernetes.yml", 2)])
def test_what_is_there_to_paste_can_be_run(name: str, count: int) -> None:
    lines = commands(name)
    assert len(lines) == count
    for line in lines:
        context = click.Context(group)
        command = group.get_command(context, line[0])
        assert command is not None, line
        command.make_context(line[0], line[1:], parent=context, resilient_parsing=False)
