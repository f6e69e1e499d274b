"""Failures of the network: what is retried, and how it is reported."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.app import platform
from tests.conftest import Cli, Server
from tests.wire.proxy import HOST, Proxy, closed_port, failed

pytestmark = pytest.mark.usefixtures("quick")


@pytest.mark.parametrize(
    "command", [("plan",), ("plan", "--no-checks"), ("plan", "--no-refresh"), ("drift",), ("apply", "-y")]
)
@pytest.mark.parametrize("token", ["", "t"])
def test_no_connection_is_an_error_of_every_command_and_told_once(
    dataflow: Cli, server: Server, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...], token: str, tmp_path: Path
) -> None:
    out = tmp_path / "saved.json"
    more = ("--out", str(out)) if command[0] == "plan" else ()
    monkeypatch.setenv("AEP_ACCESS_TOKEN", token)
    monkeypatch.setenv("AEP_API_KEY", "k")
    port = closed_port()
    for url, words in (
        (f"http://127.0.0.1:{port}", f"connection refused by 127.0.0.1:{port}"),
        ("http://nowhere.invalid", "cannot resolve nowhere.invalid"),
    ):
        monkeypatch.setenv("AEP_PLATFORM_URL" if token else "AEP_IMS_URL", url)
        said = failed(dataflow, *command, *more)
        assert said.count(words) == 1
        assert f"check {'AEP_PLATFORM_URL' if token else 'AEP_IMS_URL'}" in said
        assert not out.exists()
    assert server.requests == []


def test_many_objects_that_cannot_be_read_are_told_once(
    dataflow: Cli, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataflow.example("kinesis")
    dataflow.ok("apply", "-y")
    state = dataflow.state
    port = closed_port()
    text = (dataflow.folder / "state" / "default.json").read_text()
    (dataflow.folder / "state" / "default.json").write_text(text.replace(state["platform"], f"http://127.0.0.1:{port}"))
    monkeypatch.setenv("AEP_PLATFORM_URL", f"http://127.0.0.1:{port}")
    for command in ("plan", "drift"):
        assert failed(dataflow, command).count("connection refused") == 1
    found = dataflow("doctor")
    assert found.out.count("connection refused") == 1


def test_doctor_tells_one_failure_once(dataflow: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AEP_ACCESS_TOKEN", "t")
    monkeypatch.setenv("AEP_API_KEY", "k")
    monkeypatch.setenv("AEP_PLATFORM_URL", f"http://127.0.0.1:{closed_port()}")
    found = dataflow("doctor")
    assert found.code == 1
    assert found.out.count("connection refused by 127.0.0.1") == 1


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("reset", "the connection was reset by 127.0.0.1"),
        ("close", "closed the connection without an answer"),
        ("truncate", "closed the connection before the end of its answer"),
        ("garbage", "is not valid HTTP"),
        ("silence", "sent nothing within 0.2 s (read time-out)"),
    ],
)
def test_a_broken_connection_is_retried_and_then_told(
    dataflow: Cli, proxy: Proxy, monkeypatch: pytest.MonkeyPatch, fault: str, words: str
) -> None:
    monkeypatch.setattr(platform, "READ", 0.2)
    monkeypatch.setenv("AEP_PLATFORM_URL", proxy.url)
    proxy.faults = [fault]
    dataflow.ok("plan")
    assert proxy.faults == []
    proxy.faults = [fault] * 10_000
    said = failed(dataflow)
    assert words in said
    assert "x-request-id" in said


def test_a_connection_that_is_refused_later_is_retried(
    dataflow: Cli, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The proxy stands for a gateway: it cannot be reached for a moment in the middle of an apply."""
    monkeypatch.setenv("AEP_PLATFORM_URL", f"http://{HOST}")
    monkeypatch.setenv("HTTP_PROXY", proxy.url)
    proxy.faults = [""] * 5 + ["reset", "", "close"]
    dataflow.ok("apply", "-y", "--settle", "0.1")
    assert proxy.faults == []


def test_one_cause_of_many_failed_steps_is_told_once() -> None:
    from reconciler.cli.outcome import _told_once
    from reconciler.core.problems import Problem

    down = [Problem("connection-refused", "connection refused by h:1", "check it", address=f"a{n}") for n in range(3)]
    other = Problem("refused", "POST /x: 400 no", address="b")
    assert [str(item) for item in _told_once([down[0], other, *down[1:]])] == [
        "error: connection refused by h:1, the same for a0, a1, a2 (check it)",
        "b: error: POST /x: 400 no",
    ]
