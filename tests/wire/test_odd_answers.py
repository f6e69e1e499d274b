"""Answers that are not what the platform or the token service documents."""

from __future__ import annotations

import pytest

from reconciler.api import body, retry
from tests.conftest import Cli, Server
from tests.stores.servers import served
from tests.wire.proxy import failed

pytestmark = pytest.mark.usefixtures("quick")


# -- answers ------------------------------------------------------------------------------------------------------
def test_a_body_without_end_is_not_read(dataflow: Cli, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body, "LIMIT", 1000)
    server.before.append(lambda seen: (200, [], {"x": "y" * 2000}) if seen.path.startswith("/data") else None)
    said = failed(dataflow)
    assert "the platform answered something unexpected: 200, but its body is larger than" in said
    assert "x-request-id" in said


def test_a_small_body_that_grows_is_not_read(dataflow: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    import gzip

    monkeypatch.setattr(body, "LIMIT", 100_000)
    bomb = gzip.compress(b" " * 10_000_000)
    for coding, content, words in (
        ("gzip", bomb, "is larger than"),
        ("gzip, gzip", gzip.compress(bomb), "was not asked for"),
        ("br", b"xx", "was not asked for"),
        ("gzip", b"no gzip at all", "cannot be decompressed"),
    ):
        headers = {"Content-Type": "application/json", "Content-Encoding": coding}
        answer = lambda method, target, sent, text, headers=headers, content=content: (200, headers, content)  # noqa: E731
        with served(answer) as url:
            monkeypatch.setenv("AEP_PLATFORM_URL", url)
            assert words in failed(dataflow), coding


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"<html><body>Maintenance  until\nnoon</body></html>", "not valid JSON: <html><body>Maintenance until noon"),
        (b"\xff\xfe binary", "not valid JSON"),
        (b'{"a": Infinity}', "not valid JSON"),
        (b"[" * 300 + b"]" * 300, "nested too deeply"),
        (b'{"a":' * 100_000, "not valid JSON"),
        (b"[" * 100_000 + b"]" * 100_000, "its body is"),
        (b"[" * 100_000 + b"1000000000000000000000" + b"]" * 100_000, "nested too deeply"),
        (b'"\\ud800"', "not valid JSON"),
    ],
)
def test_an_answer_that_is_not_json(dataflow: Cli, monkeypatch: pytest.MonkeyPatch, content: bytes, words: str) -> None:
    with served(lambda method, target, headers, text: (200, {"Content-Type": "application/json"}, content)) as url:
        monkeypatch.setenv("AEP_PLATFORM_URL", url)
        said = failed(dataflow)
    assert "GET /data/" in said
    assert "the platform answered something unexpected: 200, but " in said
    assert words in said
    assert len(said) < 800


# -- the token service --------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("answer", "words", "asked"),
    [
        ((400, {"error": "invalid_client", "error_description": "invalid client_secret parameter"}),
         "400 invalid_client: invalid client_secret parameter", 1),
        ((401, {"error": "unauthorized_client"}), "401 unauthorized_client", 1),
        ((400, {"error": "invalid_scope", "error_description": "bad \x1b[31m\n::set-output x"}),
         "invalid_scope: bad  [31m ::set", 1),
        ((200, {"token_type": "bearer"}), "without an access_token: no reason given", 1),
        ((200, {"error": "x", "error_description": "y"}), "without an access_token: x: y", 1),
        ((200, {"access_token": None}), "without an access_token", 1),
        ((200, {"access_token": 7}), "without an access_token", 1),
        ((200, {"access_token": {"a": 1}}), "without an access_token", 1),
        ((200, {"access_token": "tök"}), "characters that no header may hold", 1),
        ((200, {"access_token": "a\nb"}), "characters that no header may hold", 1),
        ((200, ["x"]), "is not a JSON object", 1),
        ((200, "x"), "is not a JSON object", 1),
        ((200, None), "is not a JSON object", 1),
        ((200, 5), "is not a JSON object", 1),
        ((302, {}), "302", 1),
        ((503, {"error": "busy"}), "503 busy", retry.ATTEMPTS),
        ((429, {"error": "slow down"}), "429 slow down", retry.ATTEMPTS),
    ],
)  # fmt: skip
def test_answers_of_the_token_service(
    dataflow: Cli, server: Server, answer: tuple[int, object], words: str, asked: int
) -> None:
    status, content = answer
    server.before.append(lambda seen: (status, [], content) if seen.path == "/ims/token/v3" else None)
    said = failed(dataflow)
    assert f"POST {server.url}/ims/token/v3: " in said
    assert words in said
    assert "check AEP_" in said
    assert said.count("POST ") == 1
    assert len(server.requests) == asked


@pytest.mark.parametrize("lifetime", ["soon", None, "86399", 86399, -1, 0, True, [], 1e300, 86_399_992, "1e999"])
def test_a_token_without_a_usable_lifetime_is_used(dataflow: Cli, server: Server, lifetime: object) -> None:
    token = {"access_token": "t", "token_type": "bearer", "expires_in": lifetime}
    server.before.append(lambda seen: (200, [], token) if seen.path == "/ims/token/v3" else None)
    dataflow.ok("plan")
    assert len([item for item in server.requests if item.path == "/ims/token/v3"]) == 1


def test_a_page_of_a_gateway_instead_of_a_token(dataflow: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def answer(method: str, target: str, headers: object, text: bytes) -> tuple[int, dict[str, str], bytes]:
        asked.append(target)
        return 200, {"Content-Type": "text/html"}, b"<html>Please log in</html>"

    with served(answer) as url:
        monkeypatch.setenv("AEP_IMS_URL", url)
        said = failed(dataflow)
    assert "the answer is not that of a token service: 200, but its body is not valid JSON: <html>Please log in" in said
    assert len(asked) == retry.ATTEMPTS
