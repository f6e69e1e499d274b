"""Settings, and the proof that a run reaches the platform."""

from __future__ import annotations

import pytest

from tests.conftest import FLOW, Cli, Request, Server
from tests.wire.proxy import failed

SANDBOXES = "/data/foundation/sandbox-management/"
pytestmark = pytest.mark.usefixtures("quick")


# -- settings -----------------------------------------------------------------------------------------------------
def test_missing_settings_are_listed_at_once(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    cli.example("customer-io")
    said = failed(cli)
    for name in ("AEP_CLIENT_ID", "AEP_CLIENT_SECRET", "AEP_ORG_ID"):
        assert f"{name} is not set" in said
    monkeypatch.setenv("AEP_ACCESS_TOKEN", "t")
    said = failed(cli)
    assert "AEP_API_KEY is not set" in said
    assert "AEP_ORG_ID is not set" in said
    assert "AEP_CLIENT_SECRET is not set" not in said
    cli.ok("plan", "--emulator")


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("canary-77\n", "ends with a line end"),
        ("canary-77\r\n", "ends with a line end"),
        ("can\nary-77", "holds a line end"),
        ("canary-\x0077", "holds the control character U+0000"),
        ("canary-\t77", "holds the control character U+0009"),
        ("canary-ü77", "holds the character U+00FC, which is not ASCII"),
        (" canary-77", "begins or ends with a blank"),
    ],
)
@pytest.mark.parametrize(
    "name", ["AEP_ACCESS_TOKEN", "AEP_API_KEY", "AEP_ORG_ID", "AEP_SANDBOX", "AEP_CLIENT_ID", "AEP_CLIENT_SECRET"]
)
def test_settings_that_no_header_may_hold(
    dataflow: Cli, server: Server, monkeypatch: pytest.MonkeyPatch, name: str, value: str, words: str
) -> None:
    if "\x00" in value:
        dataflow.write(
            "reconciler.yaml",
            'apiVersion: reconciler/v1\nkind: Project\nmetadata: {name: p}\nspec: {platform: {apiKey: "a\\0b"}}\n',
        )
        said = failed(dataflow)
        assert "platform.apiKey in reconciler.yaml holds the control character U+0000" in said
        return
    monkeypatch.setenv(name, value)
    said = failed(dataflow)
    assert f"{name} {words}" in said
    assert "canary" not in said
    assert server.requests == []


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("platform.adobe.io", "is not a valid URL of a platform"),
        ("ftp://platform.adobe.io", "is not a valid URL of a platform"),
        ("http://127.0.0.1:99999", "is not a valid URL"),
        ("http://[::1", "is not a valid URL"),
        ("https://", "is not a valid URL of a platform"),
        ("https://me:canary-9@host", "must not hold a user name or a password"),
        ("https://host?x=1", "has a query or a fragment"),
    ],
)
@pytest.mark.parametrize("name", ["AEP_PLATFORM_URL", "AEP_IMS_URL"])
def test_addresses_that_are_not_valid(
    dataflow: Cli, server: Server, monkeypatch: pytest.MonkeyPatch, name: str, url: str, words: str
) -> None:
    monkeypatch.setenv(name, url)
    said = failed(dataflow)
    assert f"{name} {words}" in said
    assert "canary" not in said
    assert server.requests == []


# -- the proof ----------------------------------------------------------------------------------------------------
def asked(server: Server) -> list[str]:
    """Return what was asked since the last time."""
    found = [f"{item.method} {item.path}" for item in server.requests]
    server.clear()
    return found


PROOF = ["POST /ims/token/v3", f"GET {SANDBOXES}"]


def test_the_proof_is_one_request_and_only_where_nothing_else_is_read(live: Cli, server: Server) -> None:
    live.example("customer-io")
    live.ok("plan", "--no-checks")
    assert asked(server) == PROOF
    live.ok("plan", "--no-refresh")
    assert asked(server) == PROOF
    live.ok("drift")
    assert asked(server) == PROOF
    live.ok("plan")
    assert f"GET {SANDBOXES}" not in asked(server)
    live.ok("plan", "--no-checks", "--out", "plan.json")
    server.clear()
    live.ok("apply", "plan.json", "-y")
    assert asked(server)[:2] == PROOF, "before anything is sent"
    live.ok("plan")
    assert f"GET {SANDBOXES}" not in asked(server)
    live.ok("plan", "--no-refresh")
    assert asked(server) == PROOF


@pytest.mark.parametrize(
    "command", [("plan", "--no-refresh", "--out", "p.json"), ("plan", "--no-checks", "--out", "p.json"), ("drift",)]
)
@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((403, {"error_code": "403025", "message": "Profile is not valid"}), "403 Profile is not valid"),
        ((200, {"sandboxes": [{"name": "prod", "state": "active"}]}), "no access to the sandbox 'dev'"),
        ((200, {"sandboxes": [{"name": "dev", "state": "resetting"}]}), "'dev' is not active, but resetting"),
        ((200, {"items": []}), "something unexpected"),
        ((200, ["dev"]), "something unexpected"),
    ],
)
def test_no_access_to_the_sandbox_is_an_error(
    live: Cli, server: Server, command: tuple[str, ...], answer: tuple[int, object], words: str
) -> None:
    live.example("customer-io")
    status, content = answer
    server.before.append(lambda seen: (status, [], content) if seen.path == SANDBOXES else None)
    assert words in failed(live, *command)
    assert not (live.folder / "p.json").exists()


def test_a_token_that_is_refused_stops_an_apply_before_anything(live: Cli, server: Server) -> None:
    live.example("customer-io")

    def refuse(seen: Request) -> object:
        return (403, [], {"error_code": "403025", "message": "no"}) if seen.path.startswith("/data") else None

    server.before.append(refuse)
    said = failed(live, "apply", "-y", "--no-checks")
    assert "403 no" in said
    assert server.writes() == []
    assert not (live.folder / "state").exists() or not list((live.folder / "state").glob("*.json"))
    assert FLOW not in said
