"""Faults on request, edits from outside, the request log, whole sandboxes: all over real HTTP."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from reconciler.emulator.faults import Fault, FaultError, parse
from reconciler.emulator.options import Options
from tests.conftest import FLOW, HEADERS, PREP, ROOT, Cli, served

PROFILE = {"id": "8a9c3494-9708-43d7-ae3f-cda01e5030e1", "version": "1.0"}
KINESIS = {"id": "86043421-563b-46ec-8e6c-e23184711bf6", "version": "1.0"}
ACCOUNT = {"name": "n", "connectionSpec": PROFILE}


@pytest.fixture
def plain() -> Iterator[httpx.Client]:
    """An emulator and a client."""
    yield from served()


def arm(client: httpx.Client, **fault: Any) -> None:
    """Arm one fault."""
    client.post("/_emulator/faults", json=fault).raise_for_status()


def accounts(client: httpx.Client) -> int:
    """Return how many accounts there are."""
    return int(client.get(f"{FLOW}/connections?count=true").json()["count"])


def test_the_kth_request_is_hit(plain: httpx.Client) -> None:
    arm(plain, do="status", status=429, retry_after="7", method="POST", path="/connections", nth=2, times=2)
    statuses = [plain.post(f"{FLOW}/connections", json=ACCOUNT).status_code for _ in range(5)]
    assert statuses == [201, 429, 429, 201, 201]
    assert accounts(plain) == 3
    (report,) = plain.get("/_emulator/faults").json()["faults"]
    assert (report["matched"], report["hits"]) == (5, 2)
    assert plain.delete("/_emulator/faults").status_code == 204
    arm(plain, do="status", status=429, retry_after="7", times=0)
    answer = plain.get(f"{FLOW}/flows")
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "7")
    assert answer.json() == {"error_code": "429050", "message": "Too many requests"}
    assert plain.get(f"{PREP}/mappingSets").status_code == 429, "a path left out is any path"


@pytest.mark.parametrize(
    ("do", "when", "kept"),
    [
        ("status", "before", 0),
        ("status", "after", 1),
        ("drop", "before", 0),
        ("drop", "after", 1),
        ("truncate", "after", 1),
    ],
)
def test_before_or_after_the_commit(plain: httpx.Client, do: str, when: str, kept: int) -> None:
    arm(plain, do=do, when=when, status=503, method="POST", path="/connections")
    if do == "status":
        assert plain.post(f"{FLOW}/connections", json=ACCOUNT).status_code == 503
    else:
        with pytest.raises(httpx.TransportError) as caught:
            plain.post(f"{FLOW}/connections", json=ACCOUNT)
        told = str(caught.value)
        assert ("message body" in told) == (do == "truncate"), told
    assert accounts(plain) == kept
    assert plain.post(f"{FLOW}/connections", json=ACCOUNT).status_code == 201, "the next one is well"


def test_a_token_expires_in_the_middle(plain: httpx.Client) -> None:
    arm(plain, do="expire", nth=2)
    assert [plain.get(f"{FLOW}/flows").status_code for _ in range(4)] == [200, 401, 401, 401]
    assert plain.get(f"{FLOW}/flows", headers={"Authorization": "Bearer other"}).status_code == 200
    for client in served(options=Options(token_lifetime=0)):
        form = {"grant_type": "client_credentials", "client_id": "c", "client_secret": "s"}
        found = client.post("/ims/token/v3", data=form).json()
        assert found["expires_in"] == 0
        headers = {"Authorization": f"Bearer {found['access_token']}"}
        assert client.get(f"{FLOW}/flows", headers=headers).json()["error_code"] == "401013"


def test_an_edit_between_get_and_patch(plain: httpx.Client) -> None:
    made = plain.post(f"{FLOW}/connections", json=ACCOUNT).json()
    edit = {
        "organization": HEADERS["x-gw-ims-org-id"], "sandbox": "dev", "kind": "connections", "name": "n",
        "operations": [{"op": "add", "path": "/description", "value": "clicked"}], "by": "bob@AdobeID",
    }  # fmt: skip
    arm(plain, do="edit", when="after", method="GET", path="/connections/*", edit=edit)
    etag = plain.get(f"{FLOW}/connections/{made['id']}").json()["items"][0]["etag"]
    steps = [{"op": "add", "path": "/name", "value": "m"}]
    stale = plain.patch(f"{FLOW}/connections/{made['id']}", json=steps, headers={"If-Match": etag})
    assert stale.status_code == 412
    found = plain.get(f"{FLOW}/connections/{made['id']}").json()["items"][0]
    assert (found["description"], found["updatedBy"], found["name"]) == ("clicked", "bob@AdobeID", "n")
    gone = plain.post("/_emulator/edit", json={**edit, "delete": True})
    assert gone.json() == {"deleted": made["id"]}
    assert plain.post("/_emulator/edit", json=edit).status_code == 404
    assert plain.post("/_emulator/edit", json={**edit, "kind": "gnomes"}).status_code == 400


def test_chances_repeat_under_a_seed() -> None:
    def statuses(seed: int) -> list[int]:
        fault = Fault("status", status=500, times=0, chance=0.5)
        for client in served(seed=seed, faults=[fault]):
            found = [client.get(f"{FLOW}/flows").status_code for _ in range(40)]
        return found

    first = statuses(7)
    assert first == statuses(7)
    assert first != statuses(8)
    assert 5 < first.count(500) < 35


def test_latency_makes_lists_slow_and_nothing_else(plain: httpx.Client) -> None:
    arm(plain, do="latency", seconds=30, method="GET", path="/connections", times=0)
    with pytest.raises(httpx.ReadTimeout):
        plain.get(f"{FLOW}/connections", timeout=0.3)
    assert plain.post(f"{FLOW}/connections", json=ACCOUNT, timeout=20).status_code == 201


def test_lists_lag_behind_creates() -> None:
    for client in served(options=Options(list_lag=3600)):
        ident = client.post(f"{FLOW}/connections", json=ACCOUNT).json()["id"]
        assert client.get(f"{FLOW}/connections").json()["items"] == []
        assert accounts(client) == 0
        assert client.get(f"{FLOW}/connections/{ident}").status_code == 200


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("do=explode", "do must be one of"),
        ("nth=2", "do must be one of"),
        ("do=drop,when=later", "before or after"),
        ("do=drop,colour=red", "'colour' is none of"),
        ("do=status,status=many", "status must be a number"),
        ("drop", "KEY=VALUE"),
        ("do=drop,nth=0", "nth must be 1 or more, not 0"),
        ("do=drop,chance=nan", "chance must be from 0 to 1"),
        ("do=status,status=9", "status must be a status"),
        ("do=latency,seconds=inf", "seconds must be 0 or more"),
        ("{", "no JSON"),
        ("[]", "KEY=VALUE"),
    ],
)
def test_faults_that_cannot_be_understood(plain: httpx.Client, cli: Cli, text: str, says: str) -> None:
    with pytest.raises(FaultError, match=re.escape(says)):
        parse(text)
    told = cli("emulator", "--fault", text, "--port", "0")
    assert (told.code, says in told.err) == (1, True), told.err
    assert plain.post("/_emulator/faults", json={"do": "explode"}).status_code == 400
    assert plain.get("/_emulator/faults").json() == {"faults": []}


def test_faults_are_written_in_both_forms() -> None:
    fault = parse("do=status,status=503,when=after,method=post,path=/flows,nth=2,retry-after=5")
    assert fault == Fault("status", "POST", "/flows", 2, 1, "after", 503, "5")
    assert parse(json.dumps({"do": "latency", "seconds": 0.5})) == Fault("latency", seconds=0.5)


def test_clients_at_the_same_time_lose_nothing(plain: httpx.Client) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(
            pool.map(lambda n: plain.post(f"{FLOW}/connections", json={**ACCOUNT, "name": f"n{n}"}), range(120))
        )
    assert {answer.status_code for answer in made} == {201}
    assert len({answer.json()["etag"] for answer in made}) == 120
    assert accounts(plain) == 120
    ident = made[0].json()["id"]
    etag = plain.get(f"{FLOW}/connections/{ident}").json()["items"][0]["etag"]

    def rename(number: int) -> int:
        steps = [{"op": "replace", "path": "/name", "value": f"x{number}"}]
        return plain.patch(f"{FLOW}/connections/{ident}", json=steps, headers={"If-Match": etag}).status_code

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(rename, range(8))) == [200] + [412] * 7, "one of them wins"


def test_the_log_says_everything_but_secrets(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    secret = "canary-in-the-log"
    with path.open("a", encoding="utf-8") as log:
        for client in served(log=log):
            auth = {
                "specName": "Aws Kinesis authentication credentials",
                "params": {"accessKeyId": "a", "secretKey": secret, "region": "r"},
            }
            body = {"name": "k", "connectionSpec": KINESIS, "auth": auth}
            made = client.post(f"{FLOW}/connections", json=body).json()
            etag = client.get(f"{FLOW}/connections/{made['id']}").json()["items"][0]["etag"]
            steps = [{"op": "replace", "path": "/auth/params", "value": auth["params"]}]
            client.patch(f"{FLOW}/connections/{made['id']}", json=steps, headers={"If-Match": etag}).raise_for_status()
            form = {"grant_type": "client_credentials", "client_id": "c", "client_secret": secret}
            client.post("/ims/token/v3", data=form).raise_for_status()
            client.post(f"/ims/token/v2?client_secret={secret}&client_id=c&grant_type=client_credentials")
            client.post(f"{FLOW}/connections", content=secret, headers={"Content-Type": "application/json"})
            client.get("/_emulator/faults")
            dump = client.get("/_emulator/dump").text
    text = path.read_text(encoding="utf-8")
    assert secret not in text
    assert secret not in dump
    lines = [json.loads(line) for line in text.splitlines()]
    assert [(line["method"], line["status"]) for line in lines] == [
        ("POST", 201), ("GET", 200), ("PATCH", 200), ("POST", 200), ("POST", 200), ("POST", 400),
    ]  # fmt: skip
    assert lines[0]["body"]["auth"] == {
        "specName": auth["specName"], "params": {"accessKeyId": "******", "secretKey": "******", "region": "******"},
    }  # fmt: skip
    assert lines[2]["ifMatch"] == etag
    assert lines[0]["client"] == "key"


def test_a_sandbox_goes_out_and_in(live: Cli, server: Any, tmp_path: Path) -> None:
    live.example("kinesis")
    live.ok("apply", "-y")
    dumped = live.ok("emulator", "dump", "--url", server.url)
    document = dumped.json()
    kinds = document["tenants"][0]["objects"]
    assert {kind: len(items) for kind, items in kinds.items()} == {
        "connections": 2, "sourceConnections": 1, "targetConnections": 1, "flows": 1,
    }  # fmt: skip
    live.write("sandbox.json", dumped.out)
    data = tmp_path / "other.db"
    told = live.ok("emulator", "seed", "sandbox.json", "--data", data)
    assert "1 flows" in told.err
    again = live.ok("emulator", "dump", "--data", data).json()
    assert again == document
    server.call("DELETE", "/_emulator/objects")
    assert server.items("flows") == []
    live.ok("emulator", "seed", "sandbox.json", "--url", server.url)
    assert live("plan", "--detailed-exitcode").code == 0, "the same objects under the same ids"


def test_a_seed_fills_in_what_is_left_out(live: Cli, server: Any) -> None:
    live.write(
        "seed.yaml",
        """
format: reconciler-emulator/1
tenants:
  - organization: ORG@AdobeOrg
    sandbox: dev
    objects:
      connections: [{id: c1, name: Old account, connectionSpec: {id: x, version: "1.0"}, state: disabled,
                     auth: {specName: s, params: {password: hush, host: h}}}]
      sourceConnections: [{id: s1, name: s, connectionSpec: {id: x, version: "1.0"}, baseConnectionId: c1}]
      targetConnections: [{id: t1, name: t, connectionSpec: {id: c604ff05-7f1a-43c0-8e18-33bf874cb11c, version: "1.0"}}]
      mappingSets: [{id: m1, mappings: [{source: a, destination: b}]}]
      flows: [{id: f1, name: Ünïcode, flowSpec: {id: nobody-knows, version: "1.0"}, sourceConnectionIds: [s1],
               targetConnectionIds: [t1], state: failed}]
      schemas: [{title: People, allOf: [{$ref: "https://ns.adobe.com/xdm/context/profile"}]}]
      dataSets: [{id: d1, name: Sales}]
      audiences: [{id: a1, name: Men}]
      runs: [{id: r1, flowId: f1, createdAt: 1, metrics: {}}]
""",
    )
    live.ok("emulator", "seed", "seed.yaml", "--url", server.url)
    flow = server.get("flows", "f1")
    assert (flow["state"], flow["name"]) == ("failed", "Ünïcode")
    assert flow["inheritedAttributes"]["properties"] == {"isSourceFlow": True}
    assert flow["etag"].startswith('"')
    assert server.get("connections", "c1")["auth"]["params"] == {"password": "******", "host": "h"}
    assert server.call("GET", f"{PREP}/mappingSets/m1")["mappings"][0]["sourceType"] == "text/x.schema-path"
    assert server.call("GET", f"{PREP}/mappingSets/m1?version=0")["id"] == "m1"
    assert server.call("GET", "/data/core/ups/audiences/a1")["lifecycleState"] == "published"
    assert server.call("GET", f"{FLOW}/runs?property=flowId==f1")["items"][0]["id"] == "r1"
    refused = httpx.delete(f"{server.url}{FLOW}/connections/c1", headers={**HEADERS, "x-gw-ims-org-id": "ORG@AdobeOrg"})
    assert refused.status_code == 400, "in use"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("format: other", "format must be"),
        ("[", "neither YAML nor JSON"),
        ("{format: reconciler-emulator/1, tenants: 5}", "tenants must be a list"),
        ("{format: reconciler-emulator/1, tenants: [{sandbox: dev, objects: {}}]}", "tenants[0]: organization"),
        ("{format: reconciler-emulator/1, tenants: [{organization: o, objects: {gnomes: []}}]}", "gnomes is none of"),
        (
            "{format: reconciler-emulator/1, tenants: [{organization: o, objects: {audiences: [{}], schemas: [{}]}}]}",
            "tenants[0].objects.schemas[0] is not of the shape",
        ),
    ],
)
def test_bad_seeds_load_nothing(cli: Cli, text: str, says: str) -> None:
    cli.write("seed.yaml", text)
    told = cli("emulator", "seed", "seed.yaml", "--data", "e.db")
    assert (told.code, says in told.err) == (1, True), told.err
    assert "Traceback" not in told.err
    if (cli.folder / "e.db").exists():
        assert cli.ok("emulator", "dump", "--data", "e.db").json()["tenants"] == []


def test_seed_and_dump_of_the_embedded_emulator(cli: Cli) -> None:
    cli.write(
        "seed.yaml", "{format: reconciler-emulator/1, tenants: [{organization: o, objects: {audiences: [{id: a}]}}]}"
    )
    cli.ok("emulator", "seed", "seed.yaml")
    assert (cli.folder / "state" / "emulator.db").exists()
    assert cli.ok("emulator", "dump").json()["tenants"][0]["objects"]["audiences"][0]["id"] == "a"
    cli.write("junk.db", "this is no database, and long enough not to be taken for an empty one" * 20)
    for command in (("emulator", "dump"), ("emulator", "--port", "0")):
        told = cli(*command, "--data", "junk.db")
        assert (told.code, "junk.db cannot be used" in told.err) == (1, True)
    nobody = cli("emulator", "dump", "--url", "http://127.0.0.1:9")
    assert (nobody.code, "no emulator answers" in nobody.err) == (1, True)


def test_the_command_serves(tmp_path: Path) -> None:
    """The command as a user runs it: a port of its own, a file, a log, a fault; and it ends when told to."""
    log = tmp_path / "log.jsonl"
    arguments = ["--port", "0", "--data", str(tmp_path / "e.db"), "--log", str(log), "--fault", "do=drop,path=/flows"]
    command = [sys.executable, "-m", "reconciler", "emulator", *arguments]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        try:
            address = re.search(r"http://\S+?(?=;)", process.stderr.readline())
            assert address
            with httpx.Client(base_url=address.group(), headers=HEADERS) as client:
                with pytest.raises(httpx.TransportError):
                    client.get(f"{FLOW}/flows")
                assert client.get(f"{FLOW}/flows").json() == {"items": [], "_links": {}, "count": 0}
                assert client.get("/").json()["identity"] == client.get("/_emulator/").json()["identity"]
                busy = subprocess.run(
                    [*command[:4], "--port", str(client.base_url.port)], capture_output=True, text=True, check=False
                )
                assert (busy.returncode, "Address already in use (pass another --port" in busy.stderr) == (1, True)
        finally:
            process.send_signal(signal.SIGINT)
        assert (process.stderr.read(), process.wait()) == ("", 0), "a dropped connection is no error of the server"
    assert [json.loads(line)["status"] for line in log.read_text(encoding="utf-8").splitlines()][:2] == [
        "no answer",
        200,
    ]
