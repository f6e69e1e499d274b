"""What goes wrong on the way: refusals, lost answers, conflicts, limits, expired tokens, kills."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from typing import Any

import pytest

from reconciler.api import retry
from reconciler.emulator.options import Options
from tests.conftest import EXAMPLES, FLOW, PREP, Cli, Request, Server, serve


class Once:
    """A fault at the first matching request, or the first `times` of them."""

    def __init__(self, method: str, path: str, verdict: Any, times: int = 1, after: Once | None = None) -> None:
        self.method, self.path, self.verdict, self.left, self.after = method, path, verdict, times, after

    def __call__(self, request: Request) -> Any:
        if self.after is not None and self.after.left:
            return None  # its turn comes when the other fault is used up
        if self.left and request.method == self.method and request.path.startswith(self.path):
            self.left -= 1
            return self.verdict
        return None


@pytest.fixture(autouse=True)
def _no_long_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "BASE", 0.001)


COLLECTIONS = ("connections", "sourceConnections", "targetConnections", "flows")


def one_of_each(server: Server) -> None:
    """The kinesis example stands once, complete."""
    assert [len(server.items(kind)) for kind in COLLECTIONS] == [2, 1, 1, 1]


@pytest.mark.parametrize("kind", COLLECTIONS)
@pytest.mark.parametrize("verdict", ["drop", (503, [], {"message": "try later"})], ids=["dropped", "503"])
@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_create_without_an_answer_is_never_doubled(
    live: Cli, server: Server, kind: str, verdict: Any, moment: str
) -> None:
    live.example("kinesis")
    getattr(server, moment).append(Once("POST", f"{FLOW}/{kind}", verdict))
    live.ok("apply", "-y", "--settle", "0.1")
    one_of_each(server)
    assert live("plan", "--detailed-exitcode").code == 0
    assert live.state["pending"] == {}


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_mapping_set_without_an_answer(live: Cli, server: Server, moment: str) -> None:
    live.example("customer-io")
    getattr(server, moment).append(Once("POST", f"{PREP}/mappingSets", "drop"))
    live.ok("apply", "-y", "--settle", "0.1")
    assert len(server.call("GET", f"{PREP}/mappingSets?limit=10&start=0")["data"]) == 1


def test_a_platform_that_cannot_filter_by_name_is_paged_through(live: Cli, server: Server) -> None:
    live.example("kinesis")
    for number in range(120):  # two pages of others
        body = {
            "name": f"other {number}",
            "connectionSpec": {"id": "8a9c3494-9708-43d7-ae3f-cda01e5030e1", "version": "1.0"},
        }
        server.call("POST", f"{FLOW}/sourceConnections", body)

    def unfiltered(request: Request) -> Any:
        if request.path == f"{FLOW}/sourceConnections" and "property" in request.query:
            return 400, [], {"title": "Filter on unknown field", "type": "http://ns.adobe.com/aep/errors/FLOW-1449-400"}
        return None

    server.before.append(unfiltered)
    server.after.append(Once("POST", f"{FLOW}/sourceConnections", "drop"))
    live.ok("apply", "-y", "--settle", "0.1")
    assert len([item for item in server.requests if "continuationToken" in item.query]) >= 1
    names = [item["name"] for item in server.storage_items("sourceConnections")]
    assert names.count("Connecting to Profile Service") == 1


def test_an_unanswered_create_is_found_by_the_next_run(live: Cli, server: Server) -> None:
    live.example("customer-io")
    drop = Once("POST", f"{FLOW}/flows", "drop", times=1)
    server.after.append(drop)
    server.before.append(Once("GET", f"{FLOW}/flows", (403, [], {"message": "lists are down"}), after=drop))
    assert live("apply", "-y", "--settle", "0.1", "--no-checks").code == 1  # a check would list the flows, too
    assert "customer-io/flow" in live.state["pending"]
    plan = live.ok("plan", "--format", "json").json()
    assert plan["changes"] == []
    live.ok("apply", "-y")
    assert len(server.items("flows")) == 1
    assert live.state["pending"] == {}


def interrupted_create(live: Cli, server: Server) -> str:
    """Leave a target connection that was made and never bound; return its id."""
    live.example("kinesis")
    drop = Once("POST", f"{FLOW}/targetConnections", "drop")
    server.after.append(drop)
    down = (403, [], {"message": "lists are down"})
    server.before.append(Once("GET", f"{FLOW}/targetConnections", down, after=drop))
    assert live("apply", "-y", "--settle", "0.1", "--no-checks").code == 1
    assert "kinesis-summer/target" in live.state["pending"]
    (found,) = server.items("targetConnections")
    return str(found["id"])


STREAM = {"op": "replace", "path": "/params/stream", "value": "theirs"}


def test_what_was_made_unseen_and_edited_since_is_found(live: Cli, server: Server) -> None:
    made = interrupted_create(live, server)
    server.edit("targetConnections", made, STREAM)
    plan = live.ok("plan")
    assert "kinesis-summer/target  TargetConnection" in plan.out
    live.ok("apply", "-y", "--settle", "0.1")
    assert live.id("kinesis-summer/target") == made
    one_of_each(server)
    assert live("plan", "--detailed-exitcode").code == 0


def test_a_namesake_made_and_edited_by_somebody_else_is_not_ours(live: Cli, server: Server) -> None:
    made = interrupted_create(live, server)
    body = {
        key: server.get("targetConnections", made)[key]
        for key in ("name", "connectionSpec", "baseConnectionId", "data", "params")
    }
    server.call("DELETE", f"{FLOW}/targetConnections/{made}")
    theirs = server.call("POST", f"{FLOW}/targetConnections", body)["id"]
    server.edit("targetConnections", theirs, STREAM)
    live.ok("apply", "-y", "--settle", "0.1")
    assert live.id("kinesis-summer/target") not in (made, theirs)
    assert server.get("targetConnections", theirs)["params"]["stream"] == "theirs"


def test_which_one_came_of_it_is_asked_when_it_cannot_be_told(live: Cli, server: Server) -> None:
    made = interrupted_create(live, server)
    body = {
        key: server.get("targetConnections", made)[key]
        for key in ("name", "connectionSpec", "baseConnectionId", "data", "params")
    }
    mine = {"x-api-key": "client"}
    other = server.call("POST", f"{FLOW}/targetConnections", body, **mine)["id"]
    for ident in (made, other):
        server.edit("targetConnections", ident, STREAM)
    refused = live("apply", "-y", "--settle", "0.1")
    assert refused.code == 1
    assert "may be its result" in refused.err
    assert made in refused.err
    assert other in refused.err
    server.call("DELETE", f"{FLOW}/targetConnections/{other}")
    live.ok("apply", "-y", "--settle", "0.1")
    one_of_each(server)


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("verdict", ["drop", (500, [], {"message": "oops"})], ids=["dropped", "500"])
def test_a_patch_without_an_answer_is_looked_at(live: Cli, server: Server, moment: str, verdict: Any) -> None:
    live.example("kinesis")
    getattr(server, moment).append(Once("PATCH", f"{FLOW}/flows", verdict))
    live.ok("apply", "-y")
    flow = server.get("flows", live.id("kinesis-summer/flow"))
    selectors = flow["transformations"][0]["params"]["segmentSelectors"]["selectors"]
    assert len(selectors) == 1, "an audience is not added twice"
    assert live("plan", "--detailed-exitcode").code == 0


def test_reads_and_deletes_are_tried_again(live: Cli, server: Server) -> None:
    live.example("kinesis")
    server.before.append(Once("GET", f"{FLOW}/flows", (502, [], {}), times=3))
    live.ok("apply", "-y")
    server.after.append(Once("DELETE", f"{FLOW}/flows", "drop"))
    server.before.append(Once("DELETE", f"{FLOW}/connections", (503, [], {}), times=2))
    live.ok("destroy", "-y")
    assert [len(server.items(kind)) for kind in COLLECTIONS] == [0, 0, 0, 0]


def test_429_slows_down_and_goes_on(live: Cli, server: Server) -> None:
    live.example("kinesis")
    too_many = (429, [(b"retry-after", b"0")], {"error_code": "429050", "message": "Too many requests"})
    server.before.append(Once("POST", f"{FLOW}/connections", too_many, times=3))
    live.ok("apply", "-y")
    assert len(server.bodies("POST", f"{FLOW}/connections")) == 5, "three refused, two taken"
    one_of_each(server)


def test_an_expired_token_is_renewed_once_for_all(live: Cli, server: Server) -> None:
    live.example("kinesis")
    expired: set[str] = set()

    def expire(request: Request) -> Any:
        token = request.headers.get("authorization", "")
        if request.path == f"{FLOW}/targetConnections":
            expired.add(token) if not expired else None
        if token and token in expired:
            return 401, [], {"error_code": "401013", "message": "Oauth token is not valid"}
        return None

    server.before.append(expire)
    live.ok("apply", "-y")
    assert len([item for item in server.requests if item.path == "/ims/token/v3"]) == 2
    one_of_each(server)


def test_refused_credentials_of_the_tool(live: Cli, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    live.example("customer-io")
    live.ok("apply", "-y")
    monkeypatch.setenv("AEP_CLIENT_SECRET", "wrong")
    refused = live("plan")
    assert refused.code == 1
    assert "401" in refused.err
    assert "AEP_CLIENT_SECRET" in refused.err
    monkeypatch.setenv("AEP_ACCESS_TOKEN", "expired")
    refused = live("plan")
    assert refused.code == 1
    assert "does not accept the access token" in refused.err


# -- conflicts ---------------------------------------------------------------------------------------------------
def edit_before_patch(server: Server, kind: str, ident: str, *operations: dict[str, Any]) -> None:
    """Let somebody edit the object between our GET and our PATCH, once."""
    done = []

    def fault(request: Request) -> Any:
        if request.method == "PATCH" and ident in request.path and not done:
            done.append(1)
            thread_edit(server, kind, ident, *operations)
        return None

    server.before.append(fault)


def thread_edit(server: Server, kind: str, ident: str, *operations: dict[str, Any]) -> None:
    """Edit straight in the storage, as another server process would."""
    import jsonpatch

    tenant = "ORG@AdobeOrg\x1fdev"
    body = server.storage.get(tenant, kind, ident)
    body = jsonpatch.apply_patch(body, list(operations))
    body["etag"] = body["version"] = '"moved-0000"'
    body["updatedBy"] = "bob@AdobeID"
    with server.storage.transaction():
        server.storage.put(tenant, kind, body)


def test_a_disjoint_edit_is_built_upon(live: Cli, server: Server) -> None:
    live.example("kinesis")
    live.ok("apply", "-y")
    flow = live.id("kinesis-summer/flow")
    live.edit("kinesis.yaml", "    name: Summer campaign", "    name: Winter campaign")
    edit_before_patch(server, "flows", flow, {"op": "add", "path": "/scheduleParams", "value": {"theirs": 1}})
    live.ok("apply", "-y")
    found = server.get("flows", flow)
    assert found["name"] == "Winter campaign"
    assert found["scheduleParams"] == {"theirs": 1}
    assert live("plan", "--detailed-exitcode").code == 0


def test_an_edit_at_the_same_place_is_refused_with_both_values(live: Cli, server: Server) -> None:
    live.example("kinesis")
    live.ok("apply", "-y")
    flow = live.id("kinesis-summer/flow")
    live.edit("kinesis.yaml", "    name: Summer campaign", "    name: Winter campaign")
    edit_before_patch(server, "flows", flow, {"op": "replace", "path": "/name", "value": "Autumn"})
    refused = live("apply", "-y")
    assert refused.code == 1
    assert "bob@AdobeID changed /name to 'Autumn' while it was about to become 'Winter campaign'" in refused.err
    assert server.get("flows", flow)["name"] == "Autumn"


# -- the platform's moods ----------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", EXAMPLES)
def test_every_mood_of_the_platform_ends_in_an_empty_plan(cli: Cli, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    from tests.conftest import point_at

    moods = Options(
        settle_delay=0.3,
        stringify=True,
        noise=True,
        patch_without_body=True,
        deletes_accepted=True,
        tutorial_forms=True,
    )
    for server in serve(moods):
        point_at(server, monkeypatch)
        cli.example(name)
        cli.ok("apply", "-y")
        assert cli("plan", "--detailed-exitcode").code == 0
        assert cli("drift").code == 0
        text = (cli.folder / f"{name}.yaml").read_text(encoding="utf-8")
        renamed = re.sub(r"(?m)^  flow:(\s|.)*?name: ", lambda found: found.group() + "New ", text)
        cli.write(f"{name}.yaml", renamed if renamed != text else text + "  flow: {name: New flow}\n")
        cli.ok("apply", "-y")
        assert cli("plan", "--detailed-exitcode").code == 0
        cli.ok("destroy", "-y")
        assert server.items("flows") == []


def test_a_transition_that_does_not_end(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.conftest import point_at

    for server in serve(Options(settle_delay=3600)):
        point_at(server, monkeypatch)
        cli.example("kinesis")
        late = cli("apply", "-y", "--wait-timeout", "0")
        assert late.code == 1
        assert "still 'initializing'" in late.err
        assert "--wait-timeout" in late.err
        assert cli.id("kinesis-summer/flow"), "everything made is in the state"


def test_one_failure_stops_only_what_needs_it(live: Cli, server: Server) -> None:
    live.example("kinesis")
    live.example("customer-io")
    server.before.append(Once("POST", f"{FLOW}/targetConnections", (403, [], {"message": "no entry"}), times=1))
    failed = live("apply", "-y", "--parallelism", "1")
    assert failed.code == 1
    assert "403 no entry" in failed.err
    assert "product profile" in failed.err
    assert len(server.items("flows")) == 1, "the other dataflow is complete"
    assert "run apply again" in failed.err
    live.ok("apply", "-y")
    assert len(server.items("flows")) == 2


def test_a_limit_of_the_organization_is_not_taken_for_a_missing_permission(live: Cli, server: Server) -> None:
    live.example("kinesis")
    full = (403, [], {"message": "entitled to 20 dataflows; 20 exist"})
    server.before.append(Once("POST", f"{FLOW}/targetConnections", full, times=1))
    failed = live("apply", "-y")
    assert "have the entitlement of the organization raised" in failed.err
    assert "product profile" not in failed.err


def test_an_answer_without_an_id_is_no_answer(live: Cli, server: Server) -> None:
    live.example("kinesis")
    server.after.append(Once("POST", f"{FLOW}/targetConnections", (201, [], {"etag": "x"})))
    server.after.append(Once("POST", f"{FLOW}/sourceConnections", (201, [], [])))
    live.ok("apply", "-y", "--settle", "0.1")
    assert [len(server.bodies("POST", f"{FLOW}/{kind}Connections")) for kind in ("source", "target")] == [1, 1]
    one_of_each(server)


def test_an_update_waits_out_a_transition(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.conftest import point_at

    for server in serve(Options(settle_delay=0.4)):
        point_at(server, monkeypatch)
        cli.example("kinesis")
        assert cli("apply", "-y", "--wait-timeout", "0").code == 1
        cli.edit("kinesis.yaml", "    name: Summer campaign", "    state: disabled\n    name: Winter campaign")
        cli.ok("apply", "-y")
        flow = server.get("flows", cli.id("kinesis-summer/flow"))
        assert (flow["state"], flow["name"]) == ("disabled", "Winter campaign")
        assert cli("plan", "--detailed-exitcode").code == 0


def test_a_secret_in_a_platform_error_is_taken_out(live: Cli, server: Server) -> None:
    live.example("kinesis")
    told = {"message": "refused canary-kinesis-5f1c \x1b[31m and Y2FuYXJ5LWtpbmVzaXMtNWYxYw=="}
    server.before.append(Once("POST", f"{FLOW}/connections", (400, [], told), times=2))
    failed = live("apply", "-y")
    assert "refused (sensitive)" in failed.err
    assert "canary" not in failed.err + failed.out
    assert "Y2Fu" not in failed.err
    assert "\x1b[31m" not in failed.err


def test_a_bug_of_ours_is_no_traceback(live: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    from reconciler.documents import load

    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("hush")

    monkeypatch.setattr(load, "_expand", broken)
    live.example("customer-io")
    failed = live("plan")
    assert failed.code == 1
    assert "internal error, a bug of reconciler: ZeroDivisionError" in failed.err
    assert "hush" not in failed.err


@pytest.mark.processes
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_finishes_what_is_under_way(live: Cli, server: Server, number: signal.Signals) -> None:
    live.example("kinesis")
    processes: list[subprocess.Popen[str]] = []

    def interrupt(request: Request) -> Any:
        if request.method == "POST" and request.path == f"{FLOW}/connections" and processes:
            processes.pop().send_signal(number)
        return None

    server.before.append(interrupt)
    command = [sys.executable, "-m", "reconciler", "apply", "-y", "--parallelism", "1"]
    # the signal is sent by the first create, which comes long after Popen has returned
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        processes.append(process)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "Stopping" in err
    assert "Run apply again" in err
    assert len(server.items("connections")) == len(live.state["resources"]) == 1
    assert live.state["pending"] == {}
    live.ok("apply", "-y")
    one_of_each(server)


def test_a_second_writer_is_told_who_holds_the_lock(live: Cli, server: Server) -> None:
    from reconciler.stores.local import local_store

    live.example("customer-io")
    held = local_store(live.folder / "state", "default")
    held.lock("reconciler apply")
    refused = live("apply", "-y")
    held.unlock()
    assert refused.code == 1
    assert "the state is locked by reconciler apply of" in refused.err
    assert "--lock-timeout" in refused.err
    assert [item for item in server.writes() if FLOW in item.path] == []
    live.ok("plan")
    live.ok("apply", "-y")
