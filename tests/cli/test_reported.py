"""Faults of comparable tools that were reported in public, as whole commands."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest

from reconciler.cli import terminal
from tests.conftest import FLOW, Cli, Request, Server


@pytest.mark.parametrize(("line_end", "start"), [("\r\n", b""), ("\n", b"\xef\xbb\xbf"), ("\r\n", b"\xef\xbb\xbf")])
def test_a_patch_of_drift_applies_to_a_file_of_another_system(
    live: Cli, server: Server, line_end: str, start: bytes
) -> None:
    live.example("customer-io")
    path = live.folder / "customer-io.yaml"
    path.write_bytes(start + path.read_bytes().replace(b"\n", line_end.encode()))
    live.ok("apply", "-y")
    change = {"op": "replace", "path": "/description", "value": "changed in the UI"}
    server.edit("flows", live.id("customer-io/flow"), change)
    patch = live("drift", "--patch")
    assert patch.code == 2
    done = subprocess.run(
        ["git", "apply"], cwd=live.folder, input=patch.out.encode(), capture_output=True, check=False
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    content = path.read_bytes()
    assert content.startswith(start)
    assert b"changed in the UI" in content
    assert content.count(b"\n") == content.count(line_end.encode())
    assert live.changes() == {}
    live.ok("fmt")
    assert path.read_bytes().count(b"\n") == path.read_bytes().count(line_end.encode())


def test_an_apply_whose_every_step_failed_says_so(live: Cli, server: Server) -> None:
    live.example("customer-io")

    def refuse(seen: Request) -> Any:
        posts = seen.method == "POST" and "/data/" in seen.path and not seen.path.endswith("/validate")
        return (400, [], {"message": "entitled to 20 source dataflows; 20 exist"}) if posts else None

    server.before.append(refuse)
    result = live("apply", "-y")
    assert result.code == 1
    assert result.out.rstrip().endswith("Apply: no step succeeded.")
    assert "nothing" not in result.out.lower()
    assert "entitled to 20 source dataflows; 20 exist" in result.err
    assert not server.items("flows")


def test_a_warning_has_its_word_once(live: Cli) -> None:
    live.example("customer-io")
    live.write("more.yaml", "unused: 1\n")
    results = [live.ok(command, "--var-file", "more.yaml") for command in ("plan", "validate")]
    text = "".join(result.out + result.err for result in results)
    assert text.lower().count("warning: ") >= 2
    assert "warning: warning" not in text.lower()


class _Terminal:
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("variables", "wanted"),
    [
        ({"TERM": "xterm-256color"}, True),
        ({"TERM": "dumb"}, False),
        ({"TERM": ""}, False),
        ({"TERM": "xterm", "NO_COLOR": "1"}, False),
    ],
)
def test_colours_are_for_terminals_that_know_them(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], wanted: bool
) -> None:
    monkeypatch.setattr(terminal, "option", lambda name: False)
    monkeypatch.delenv("NO_COLOR", raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert terminal.coloured(_Terminal()) is wanted


def test_a_list_that_lags_longer_than_the_wait_is_the_documented_limit(
    live: Cli, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The object of the lost answer is missing in the lists for good: another is made, and the state is whole."""
    live.example("customer-io")
    lost: list[str] = []

    def drop(seen: Request) -> Any:
        if seen.method == "POST" and seen.path == f"{FLOW}/flows" and not lost:
            lost.append(seen.answer["id"])
            return "drop"
        if seen.method == "GET" and seen.path == f"{FLOW}/flows" and lost:
            items = [item for item in seen.answer["items"] if item["id"] not in lost]
            return 200, [], {**seen.answer, "items": items}
        return None

    server.after.append(drop)
    live.ok("apply", "-y", "--settle", "0.1")
    assert live.id("customer-io/flow") not in lost
    assert len(server.items("flows")) == 2
    assert live.changes() == {}
