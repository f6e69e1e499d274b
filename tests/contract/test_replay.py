"""The documents' own requests, replayed by a script that shares no line with the project."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.conftest import SHARED, Server
from tests.contract.descriptions import needs_descriptions
from tests.contract.replay import compare, echoed

SCRIPT = Path(__file__).with_name("replay.py")


@needs_descriptions
def test_every_printed_request_is_answered_as_printed(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    server.quoting = True
    done = subprocess.run(
        [sys.executable, str(SCRIPT), server.url, str(SHARED)], capture_output=True, text=True, check=False
    )
    with capsys.disabled():
        print("\n" + "\n".join(line for line in done.stdout.splitlines() if "replayed" in line), end="")
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr
    assert done.stdout.count("customer-io-source") == 5
    assert done.stdout.count("streaming-destinations") == 8
    assert not server.storage_items("flows"), "it works in an organization of its own"
    ours = httpx.get(f"{server.url}/_emulator/dump").json()["tenants"]
    assert [item["organization"] for item in ours] == ["REPLAY@AdobeOrg"]


def test_the_script_imports_nothing_of_ours() -> None:
    imported = {
        name.partition(".")[0]
        for node in ast.walk(ast.parse(SCRIPT.read_text(encoding="utf-8")))
        for name in ([alias.name for alias in node.names] if isinstance(node, ast.Import) else [])
        + ([str(node.module)] if isinstance(node, ast.ImportFrom) else [])
    }
    assert imported - set(sys.stdlib_module_names) == {"httpx", "yaml"}


@pytest.mark.parametrize(
    ("printed", "got", "said"),
    [
        ({"a": 1}, {"a": 2, "b": 3}, []),
        ({"a": 1}, {}, ["/a is missing"]),
        ({"a": 1}, {"a": "1"}, ["/a is text, printed number"]),
        ({"a": [{"b": 1}]}, {"a": [{"b": True}]}, ["/a/0/b is boolean, printed number"]),
        ({"a": [1]}, {"a": []}, ["/a is empty"]),
        ([], {}, ["/ is object, printed array"]),
        ({"63ec807d3f5ce91bd2d06c65": {"x": 1}}, {"5ab540d0864cf0267448ead4": {}}, ["/ID/x is missing"]),
    ],
)
def test_differences_are_seen(printed: object, got: object, said: list[str]) -> None:
    assert list(compare(printed, got)) == said
    assert list(echoed({"a": {"b": 1}}, {"a": {"b": 2}, "c": 3})) == ["/a/b came back as 2, sent 1"]
