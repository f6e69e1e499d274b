"""The emulator against hostile clients: large bodies, foreign host names, broken text, errors of its own."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from reconciler.emulator.segmentation import Segmentation
from tests.conftest import FLOW, PREP, served


@pytest.fixture
def small() -> Iterator[httpx.Client]:
    """An emulator that reads 4,000 bytes at most and answers for one host name."""
    yield from served(body_limit=4000, hosts=("aep.test",))


def test_a_body_above_the_limit_is_413(small: httpx.Client) -> None:
    def chunks() -> Iterator[bytes]:
        for _ in range(5):
            yield b" " * 1000

    big = {"name": "n" * 4000}
    answers = [
        small.post(f"{FLOW}/connections", json=big),
        small.post(f"{FLOW}/connections", content=chunks(), headers={"content-type": "application/json"}),
        small.post("/_emulator/seed", json=big),
    ]
    assert [answer.status_code for answer in answers] == [413] * 3
    assert {answer.json()["message"] for answer in answers} == {"A request body has at most 4000 bytes."}
    assert small.post(f"{FLOW}/connections", json={"name": "n" * 3900}).status_code == 400


@pytest.mark.parametrize("length", ["600000000", "9" * 30])
def test_a_large_content_length_is_refused_before_anything_is_sent(small: httpx.Client, length: str) -> None:
    with socket.create_connection((small.base_url.host, small.base_url.port or 80), timeout=10) as raw:
        raw.sendall(f"POST {FLOW}/flows HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n".encode())
        assert raw.recv(100).split()[1] in (b"413", b"400")


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:8080", 200),
        ("[::1]:8080", 200),
        ("[::1]", 200),
        ("localhost", 200),
        ("LocalHost.:8080", 200),
        ("aep.test:8080", 200),
        ("evil.example", 421),
        ("localhost.evil.example:8080", 421),
        ("aep.test.evil.example", 421),
        ("127.0.0.1.evil.example", 421),
        ("emulator", 421),
    ],
)
def test_only_known_host_names_are_answered(small: httpx.Client, host: str, status: int) -> None:
    answer = small.get("/_emulator/dump", headers={"host": host})
    assert answer.status_code == status
    if status == 421:
        assert "--allow-host" in answer.json()["message"]


@pytest.mark.parametrize(
    "raw",
    [rb'{"name": "\ud800"}', rb'{"\uDFFF": 1}', b'{"name": "\xed\xa0\x80"}', b'{"name": "\xff"}', rb'["\ud83d\u0041"]'],
)
def test_text_that_utf8_cannot_hold_is_400(small: httpx.Client, raw: bytes) -> None:
    for path in (f"{FLOW}/connections", "/_emulator/edit", "/_emulator/faults", "/_emulator/seed"):
        answer = small.post(path, content=raw, headers={"content-type": "application/json"})
        assert answer.status_code == 400, path
        assert "not valid JSON" in answer.text


def test_a_surrogate_pair_is_a_character(small: httpx.Client) -> None:
    spec = {"id": "8a9c3494-9708-43d7-ae3f-cda01e5030e1", "version": "1.0"}
    body = json.dumps({"name": "\U0001f600", "connectionSpec": spec})
    answer = small.post(f"{FLOW}/connections", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 201


def test_an_expression_cannot_make_a_lone_surrogate(small: httpx.Client) -> None:
    text = r'json_to_object("{\"a\": \"\ud800\"}")'
    answer = small.post(f"{PREP}/languages/el/validate", json={"expression": text})
    assert answer.status_code < 500
    mapping = {"sourceType": "EXPRESSION", "source": text, "destination": "_t.x"}
    preview = small.post(f"{PREP}/mappingSets/preview", json={"data": {}, "mappingSet": {"mappings": [mapping]}})
    assert preview.status_code < 500, preview.text


def test_an_internal_error_has_an_id_and_no_traceback(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: Any) -> Any:
        raise ZeroDivisionError("a detail of the inside")

    monkeypatch.setattr(Segmentation, "browse", broken)
    for client in served():
        answer = client.get("/data/core/ups/segment/definitions")
        assert answer.status_code == 500
        message = answer.json()["message"]
        assert "Traceback" not in answer.text
        assert "inside" not in answer.text
        ident = message.split()[2]
        record = next(item for item in caplog.records if ident in item.getMessage())
        assert record.exc_info
        assert client.get(f"{FLOW}/flows").status_code == 200
