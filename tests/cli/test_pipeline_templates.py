"""The pipelines that users copy, and what they install: pins, permissions, forks, names on the package index."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from reconciler.ci.applying import LIMIT, LOCK
from reconciler.core.distribution import DISTRIBUTION, EXTRAS
from tests.conftest import ROOT


def load(path: Path) -> Any:
    """Return a workflow; `on` is a boolean of YAML 1.1."""
    return yaml.safe_load(path.read_text(encoding="utf-8"))


TEMPLATES = ROOT / "examples" / "pipelines"
WORKFLOWS = [
    TEMPLATES / "github.yml",
    TEMPLATES / "matrix.yml",
    *sorted((ROOT / ".github" / "workflows").glob("*.yml")),
]
JOBS = [pytest.param(job, id=f"{path.name}:{name}") for path in WORKFLOWS for name, job in load(path)["jobs"].items()]


def steps(job: Any) -> Any:
    """Return the steps of a job with their inputs and variables as text."""
    return [(item.get("uses", ""), item.get("with", {}), json.dumps(item.get("env", {}))) for item in job["steps"]]


@pytest.mark.parametrize("path", [ROOT / "action.yml", *WORKFLOWS], ids=lambda path: path.name)
def test_actions_are_pinned_by_full_commits(path: Path) -> None:
    for use in re.findall(r"uses: (\S+)", path.read_text(encoding="utf-8")):
        assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", use), use


@pytest.mark.parametrize(
    "path", ["Dockerfile", *(f"examples/pipelines/{name}.yml" for name in ("gitlab", "kubernetes"))]
)
def test_images_are_pinned_by_digest(path: str) -> None:
    images = re.findall(r"(?:FROM|image:|name:) (\S*[\w-]+[:/@][\w./:@-]+)", (ROOT / path).read_text(encoding="utf-8"))
    assert images
    for image in images:
        assert re.search(r"@sha256:[0-9a-f]{64}$", image), image


@pytest.mark.parametrize("job", JOBS)
def test_a_job_that_checks_code_out_keeps_no_token_in_it(job: Any) -> None:
    assert all(given.get("persist-credentials") is False for use, given, _ in steps(job) if "checkout@" in use)
    assert "pull_request_target" not in json.dumps(job)


@pytest.mark.parametrize("job", JOBS)
def test_jobs_with_credentials_are_in_an_environment_and_only_apply_may_write(job: Any) -> None:
    """A job of a pull request has credentials and reads, or writes and has neither credentials nor a checkout."""
    secret = any("secrets.AEP" in env for _, _, env in steps(job))
    commands = [given["command"] for _, given, _ in steps(job) if "command" in given]
    permissions = job["permissions"]
    assert isinstance(permissions, dict)
    if secret:
        assert job["environment"].startswith(("aep-apply", "aep-approve", "aep-plan"))
    if "plan" in commands:
        assert permissions == ({"contents": "read"} if secret else {"contents": "read", "actions": "read"})
    if "comment" in commands:
        assert permissions == {"pull-requests": "write"}
        assert not secret
        assert not any("checkout@" in use for use, _, _ in steps(job))
    if "apply" in commands:
        assert job["environment"] == "aep-apply"
        assert job["if"] == "github.event_name == 'push'"
    if {"apply", "approve"} & {*commands}:
        assert job["timeout-minutes"] * 60 > LOCK + LIMIT
        assert "fetch-depth" in json.dumps(job)


def test_forks_get_no_credentials_in_the_templates() -> None:
    jobs = load(TEMPLATES / "github.yml")["jobs"]
    same, other = (f"github.event.pull_request.head.repo.full_name {sign} github.repository" for sign in ("==", "!="))
    assert same in jobs["plan"]["if"]
    assert other in jobs["fork"]["if"]
    assert "secrets" not in json.dumps(jobs["fork"])
    assert jobs["fork"]["steps"][1]["with"] == {"command": "plan"}
    assert jobs["fork"]["steps"][1]["env"] == {"RECONCILER_RESTRICTED": "1"}
    gitlab_plan = load(TEMPLATES / "gitlab.yml")["reconciler:plan"]
    assert gitlab_plan["rules"][0] == {
        "if": "$CI_MERGE_REQUEST_SOURCE_PROJECT_ID != $CI_MERGE_REQUEST_PROJECT_ID",
        "when": "never",
    }


def test_the_placeholders_fail_until_they_are_replaced() -> None:
    """A commit and a digest of zeros do not exist: the run ends before a step starts."""
    for name in ("github", "matrix", "pre-commit"):
        text = (TEMPLATES / f"{name}.yml").read_text(encoding="utf-8")
        assert re.search(r"your-organization/reconciler(@| .*\n\s+rev: \")0{40}", text), name
    for name in ("gitlab", "kubernetes"):
        assert f"reconciler@sha256:{'0' * 64}" in (TEMPLATES / f"{name}.yml").read_text(encoding="utf-8")


# -- names on the package index ----------------------------------------------------------------------------------------
def shipped() -> list[Path]:
    """Return every file that could hold a command to install something."""
    folders = ("docs", "examples", "reconciler", ".github")
    files = [
        path for folder in folders for path in (ROOT / folder).rglob("*") if path.suffix in TEXT and path.is_file()
    ]
    return [*files, *ROOT.glob("*.md"), ROOT / "action.yml", ROOT / "Dockerfile", ROOT / "run", ROOT / "mkdocs.yml"]


TEXT = {".md", ".py", ".yml", ".yaml", ".sh", ".toml"}


def test_nothing_installs_a_name_that_is_not_ours_or_locked() -> None:
    locked = set()
    for lock in ROOT.glob("requirements*.lock"):
        locked |= set(re.findall(r"^([A-Za-z0-9_.-]+)==", lock.read_text(encoding="utf-8"), re.MULTILINE))
    found = []
    for path in shipped():
        for line in path.read_text(encoding="utf-8").splitlines():
            for words in re.findall(r"\b(?:pip3?|pipx|uv tool|uv pip) install ([^`|&#\"]*)", line):
                names = [word.strip("'()\",.") for word in words.split() if not word.startswith("-")]
                found += [(path.name, name) for name in names if re.fullmatch(r"[a-z][\w\[\]>=.-]*", name)]
    for name, requirement in found:
        distribution = re.split(r"[\[<>=~!]", requirement)[0]
        assert distribution in locked or distribution.endswith((".lock", ".txt")), (name, requirement)
    assert {requirement for _, requirement in found} >= {"keyring>=25", "obstore>=0.10"}


def test_extras_and_their_install_commands_agree() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["name"] == DISTRIBUTION
    assert {name: needed[0] for name, needed in project["optional-dependencies"].items() if needed} == EXTRAS
    assert project["scripts"] == {"reconciler": "reconciler.__main__:main"}


def test_the_build_backend_is_locked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    lock = (ROOT / "requirements-build.lock").read_text(encoding="utf-8")
    for requirement in project["build-system"]["requires"]:
        assert re.search(rf"^{re.split('[<>=]', requirement)[0]}==\S+ \\\n    --hash=sha256:", lock, re.MULTILINE)
