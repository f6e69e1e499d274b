"""What is live, as manifests: they validate, plan to nothing, and can be bound at once."""

from __future__ import annotations

import copy
import json
import os
import re
import shutil
from typing import Any

import pytest
import yaml

from reconciler.app.export import bound
from reconciler.catalog import shipped
from reconciler.core.resource import Live, Resource
from reconciler.core.state.model import State
from reconciler.engine.inventory import Inventory
from reconciler.export.dataflows import Sandbox as Found
from reconciler.export.dataflows import export
from reconciler.export.export_result import slug
from reconciler.kinds.selectors import SELECTORS
from tests.cli.test_every_field import EXAMPLES
from tests.conftest import FLOW, PREP, Cli, Server


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_example_comes_back(live: Cli, server: Server, example: str) -> None:
    live.example(example)
    live.ok("apply", "-y")
    live.afresh()
    server.clear()
    done = live("export", "--out", "found", "--adopt")
    assert done.code == 0, done.err
    assert [item for item in server.writes() if FLOW in item.path] == []
    assert "Not exported" not in done.err, done.err
    live.ok("validate", "found")
    assert (live.folder / "found" / "state" / "default.json").exists()
    plan = live.ok("plan", "found", "--format", "json").json()
    assert plan["changes"] == [], plan
    assert live("drift", "found").code == 0


# -- as people and the UI leave it --------------------------------------------------------------------------------
PROFILE = {"id": "8a9c3494-9708-43d7-ae3f-cda01e5030e1", "version": "1.0"}
KINESIS = {"id": "86043421-563b-46ec-8e6c-e23184711bf6", "version": "1.0"}
KINESIS_FLOW = {"id": "71471eba-b620-49e4-90fd-23f1fa0174d8", "version": "1.0"}
LAKE = {"id": "c604ff05-7f1a-43c0-8e18-33bf874cb11c", "version": "1.0"}
CUSTOMER_IO = {"id": "96479064-7b8a-4d69-b9ed-21c5683837ea", "version": "1.0"}
CUSTOMER_IO_FLOW = {"id": "e77fde5a-22a8-11ed-861d-0242ac120002", "version": "1.0"}
SCHEMA = {"id": "https://ns.adobe.com/t/schemas/1", "version": "application/vnd.adobe.xed-full+json;version=1"}
NAMES = [
    "Sommeraktion Zürich",
    "Sommeraktion Zürich",
    "夏のキャンペーン",
    "x ${full.name}",
    "A/B: test #1",
    "",
    "no",
    "Ünï – 2",
]
TENANT = "ORG@AdobeOrg\x1fdev"
SEEDS = int(os.environ.get("RECONCILER_EXPORTS", "24"))


class Sandbox:
    """Fills a sandbox through the API, as somebody without this tool would."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.shared = self.made("connections", {"name": "Platform", "connectionSpec": PROFILE})
        self.account = self.made("connections", self.login("One account for all"))
        source = {"name": "Profile", "connectionSpec": PROFILE, "baseConnectionId": self.shared}
        self.everyones = self.made("sourceConnections", {**source, "data": {"format": "json"}})

    def made(self, kind: str, body: dict[str, Any]) -> str:
        """Create an object and return its id."""
        return str(self.server.call("POST", f"{FLOW}/{kind}", body)["id"])

    def profile(self, name: str, number: int) -> str:
        """Return a Profile source connection: one that many use, or one of its own on an account of either sort."""
        if number % 4 == 1:
            return self.everyones
        base = self.shared if number % 3 == 0 else self.made("connections", {"name": name, "connectionSpec": PROFILE})
        body = {"name": name, "connectionSpec": PROFILE, "baseConnectionId": base, "data": {"format": "json"}}
        return self.made("sourceConnections", body)

    @staticmethod
    def login(name: str) -> dict[str, Any]:
        params = {"accessKeyId": "AKIA", "secretKey": "s3cr3t-value", "region": "eu-west-1"}
        auth = {"specName": "Aws Kinesis authentication credentials", "params": params}
        return {"name": name, "connectionSpec": KINESIS, "auth": auth}

    def outgoing(self, number: int) -> str:
        """Make a destination dataflow; every third shares its accounts with others."""
        name = NAMES[number % len(NAMES)] or "x"
        own = number % 3 != 0
        source = self.profile(name, number)
        account = self.made("connections", self.login(name)) if own else self.account
        target = {"name": f"to {name}", "connectionSpec": KINESIS, "baseConnectionId": account,
                  "params": {"stream": f"s{number}", "region": "eu-west-1"}}  # fmt: skip
        selectors = [
            {"type": "PLATFORM_SEGMENT", "value": {"id": f"a{n}", "name": f"A {n}"}} for n in range(number % 4)
        ]
        paths = [{"type": "JSON_PATH", "value": {"operator": "EXISTS", "path": "person.lastName"}}]
        params = {"segmentSelectors": {"selectors": selectors}, "profileSelectors": {"selectors": paths}}
        return self.flow(name, KINESIS_FLOW, source, target, [{"name": "GeneralTransform", "params": params}], number)

    def incoming(self, number: int) -> str:
        """Make a source dataflow with a mapping, sometimes with rows that are more than attributes."""
        name = NAMES[number % len(NAMES)] or "y"
        rows: list[dict[str, Any]] = [{"sourceType": "ATTRIBUTE", "source": "a", "destination": "_t.a"}]
        if number % 2:
            rows.append({"sourceType": "EXPRESSION", "source": "concat(${first.name}, a)", "destination": "_t.b"})
        reference = {"id": SCHEMA["id"], "contentType": SCHEMA["version"]}
        body = {"outputSchema": {"schemaRef": reference}, "mappings": rows}
        mapping = self.server.call("POST", f"{PREP}/mappingSets", body)
        pin = {"mappingId": mapping["id"], "mappingVersion": mapping.get("version", 0)}
        source = {"name": name, "connectionSpec": CUSTOMER_IO, "data": {"format": "json"}}
        params = {"dataSetId": f"d{number}"}
        target = {"name": name, "connectionSpec": LAKE, "data": {"format": "json", "schema": SCHEMA}, "params": params}
        return self.flow(name, CUSTOMER_IO_FLOW, source, target, [{"name": "Mapping", "params": pin}], number)

    def age(self, number: int, ident: str) -> None:
        """Let a flow be what the API of today no longer makes: of an unknown connector, with a step nobody knows."""
        flow = self.server.storage.get(TENANT, "flows", ident)
        flow["state"] = {5: "draft"}.get(number % 9, flow["state"].replace("initializing", "enabled"))
        if number % 2 == 0 and number % 3 == 1:
            flow["transformations"].insert(0, {"name": "Enrich", "params": {"with": ["weather"]}})
        if number % 2 == 0 and number % 5 == 4:
            flow["flowSpec"] = {"id": "00000000-unknown-flow", "version": "2.0"}
            source = self.server.storage.get(TENANT, "sourceConnections", flow["sourceConnectionIds"][0])
            source["connectionSpec"] = {"id": "00000000-unknown", "version": "3.0"}
            with self.server.storage.transaction():
                self.server.storage.put(TENANT, "sourceConnections", source)
        with self.server.storage.transaction():
            self.server.storage.put(TENANT, "flows", flow)

    def flow(
        self, name: str, spec: dict[str, str], source: Any, target: Any, transformations: list[Any], number: int
    ) -> str:
        """Make a flow and its ends; some get disabled, some have a description."""
        ends = {"sourceConnectionIds": [source if isinstance(source, str) else self.made("sourceConnections", source)],
                "targetConnectionIds": [self.made("targetConnections", target)]}  # fmt: skip
        body = {"name": name, "flowSpec": spec, **ends, "transformations": transformations}
        if number % 5 == 0:
            body["description"] = f"made by hand: {name}"
        ident = self.made("flows", body)
        if number % 7 == 6:
            self.server.call("POST", f"{FLOW}/flows/{ident}/action?op=disable")
        return ident


def test_connections_without_a_flow_are_told(live: Cli, server: Server) -> None:
    Sandbox(server)
    spec = {"name": "left over", "connectionSpec": CUSTOMER_IO, "data": {"format": "json"}}
    left = server.call("POST", f"{FLOW}/sourceConnections", spec)["id"]
    assert f"Not exported: source connection {left} 'left over': no flow uses it" in live("export").err
    assert "left over" not in live("export", "--name", "*").err, "only when everything is asked for"


def test_a_sandbox_as_the_ui_leaves_it(live: Cli, server: Server) -> None:
    sandbox = Sandbox(server)
    flows = [sandbox.outgoing(number) if number % 2 else sandbox.incoming(number) for number in range(SEEDS)]
    for number, ident in enumerate(flows):
        sandbox.age(number, ident)
    unused = sandbox.made("connections", sandbox.login("Nobody's account"))
    server.clear()
    done = live("export", "--out", "found", "--adopt")
    assert done.code == 0, done.err
    assert [item for item in server.writes() if FLOW in item.path or PREP in item.path] == []
    assert len([item for item in server.requests if "mappingSets" in item.path]) == (SEEDS + 1) // 2
    plan = live.ok("plan", "found", "--format", "json").json()
    assert plan["changes"] == []
    assert plan["summary"]["noop"] == len(
        json.loads((live.folder / "found/state/default.json").read_text())["resources"]
    )
    state = json.loads((live.folder / "found" / "state" / "default.json").read_text())["resources"]
    assert plan["summary"]["noop"] == len(state)
    assert {entry["id"] for name, entry in state.items() if name.endswith("/flow")} == set(flows)
    names = sorted(path.stem for path in (live.folder / "found").glob("*.yaml"))
    assert "one-account-for-all" in names, "what several use is a document of its own"
    assert {"sommeraktion-zurich", "sommeraktion-zurich-2", "dataflow", "a-b-test-1", "no"} <= set(names)
    text = (live.folder / "found" / "sommeraktion-zurich.yaml").read_text(encoding="utf-8")
    assert "Sommeraktion Zürich" in text
    assert "connector: " in text
    assert "s3cr3t" not in "".join(path.read_text(encoding="utf-8") for path in (live.folder / "found").rglob("*.yaml"))
    texts = {path.stem: path.read_text(encoding="utf-8") for path in (live.folder / "found").glob("*.yaml")}
    borrowed = [name for name, text in texts.items() if f"source: {{id: {sandbox.everyones}}}" in text]
    assert len(borrowed) == len([number for number in range(SEEDS) if number % 4 == 1])
    assert sandbox.everyones not in {entry["id"] for entry in state.values()}, "what several share is nobody's own"
    assert state["nobody-s-account"]["id"] == unused, "an account that nothing uses is not dropped silently"
    again = live("export", "--out", "found")
    assert "reconciler adopt" not in again.err, "they are bound"
    assert "0 documents" in again.err
    assert f"Left out: {SEEDS} flows managed already." in again.err


def test_what_no_manifest_can_say_is_listed(live: Cli, server: Server) -> None:
    sandbox = Sandbox(server)
    good = sandbox.outgoing(1)
    one, other = sandbox.incoming(2), sandbox.incoming(4)

    def change(ident: str, **more: Any) -> None:
        body = {**server.storage.get(TENANT, "flows", ident), "state": "enabled", **more}
        body = {key: value for key, value in body.items() if value is not None}
        with server.storage.transaction():
            server.storage.put(TENANT, "flows", body)

    change(one, targetConnectionIds=server.get("flows", other)["targetConnectionIds"])
    strange = sandbox.outgoing(5)
    change(strange, transformations=[{"name": "Enrich", "params": {}}])
    failed = sandbox.outgoing(7)
    change(failed, state="failed")
    inner = sandbox.outgoing(11)
    change(inner, sourceConnectionIds=[], targetConnectionIds=[])
    bare = sandbox.incoming(10)
    change(bare, flowSpec=None)
    gone = sandbox.incoming(8)
    change(gone, transformations=[{"name": "Mapping", "params": {"mappingId": "nowhere", "mappingVersion": 0}}])
    done = live("export", "--out", "found")
    assert done.code == 0, done.err
    assert "bind them with reconciler adopt found" in done.err
    reasons = {line.split()[3]: line for line in done.err.splitlines() if line.startswith("Not exported: flow ")}
    assert set(reasons) == {one, other, strange, failed, inner, gone, bare}
    for ident, said in (
        (one, "shares its target connection"), (other, "shares its target connection"), (strange, "are Enrich"),
        (failed, "its state is failed"), (inner, "has 0 source connections"), (gone, "nowhere is not to be seen"),
        (bare, "not of the documented shape"),
    ):  # fmt: skip
        assert said in reasons[ident]
    flow = server.get("flows", good)["name"]
    assert flow in "".join(path.read_text(encoding="utf-8") for path in (live.folder / "found").glob("*.yaml"))
    assert not list((live.folder / "found").glob("enrich*"))
    live.ok("validate", "found")


def test_what_is_chosen(live: Cli, server: Server) -> None:
    sandbox = Sandbox(server)
    out, into = sandbox.outgoing(1), sandbox.incoming(4)
    assert "kind: SourceDataflow" not in live.ok("export", "--kind", "DestinationDataflow").out
    by_name = live.ok("export", "--name", "A/B*").out
    assert by_name.count("kind: ") == 1
    assert "A/B: test #1" in by_name
    by_id = live.ok("export", "--flow", out).out
    assert "Sommeraktion" in by_id
    assert by_id.count("---") == 0
    both = live.ok("export", "--flow", out, "--flow", into).out
    live.write("all.yaml", both)
    live.ok("validate")
    unknown = live("export", "--flow", "nobody")
    assert unknown.code == 1
    assert "there is no flow nobody in this sandbox" in unknown.err
    assert "--adopt needs --out DIR" in live("export", "--adopt").err


def test_nothing_is_overwritten(live: Cli, server: Server) -> None:
    sandbox = Sandbox(server)
    sandbox.outgoing(1)
    live.write("found/sommeraktion-zurich.yaml", "mine: yes\n")
    refused = live("export", "--out", "found", "--adopt")
    assert refused.code == 1
    assert "exists (export into an empty folder)" in refused.err
    assert (live.folder / "found" / "sommeraktion-zurich.yaml").read_text() == "mine: yes\n"
    assert [path.name for path in (live.folder / "found").iterdir()] == ["sommeraktion-zurich.yaml"]


def test_secrets_are_named_and_asked_for(live: Cli, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    Sandbox(server).outgoing(1)
    done = live.ok("export", "--out", "found", "--adopt")
    assert "  sommeraktion-zurich-secret-key" in done.err
    text = (live.folder / "found" / "sommeraktion-zurich.yaml").read_text(encoding="utf-8")
    assert "${secret.sommeraktion-zurich-secret-key}" in text
    monkeypatch.setenv("RECONCILER_SECRET_SOMMERAKTION_ZURICH_SECRET_KEY", "n3w-value")
    live.ok("apply", "found", "-y", "--send-secrets")
    (patch,) = [item for item in server.writes() if item.method == "PATCH"]
    assert patch.body[0]["value"]["secretKey"] == "n3w-value"
    assert live.changes("found") == {}


@pytest.mark.parametrize(
    ("name", "expected"),
    [("Summer  2024!", "summer-2024"), ("Zürich", "zurich"), ("夏", "dataflow"), ("", "dataflow"), ("-a-", "a"),
     ("x" * 100, "x" * 60), ("UPPER_case", "upper-case")],
)  # fmt: skip
def test_names_of_documents(name: str, expected: str) -> None:
    assert slug(name) == expected


def test_no_document_takes_the_name_of_the_project_file(live: Cli, server: Server) -> None:
    sandbox = Sandbox(server)
    server.edit("flows", sandbox.incoming(2), {"op": "replace", "path": "/name", "value": "Reconciler"})
    live.ok("export", "--name", "Reconciler", "--out", "found")
    assert [path.name for path in (live.folder / "found").iterdir()] == ["reconciler-2.yaml"]


def test_a_source_by_its_id_is_used_and_not_owned(live: Cli, server: Server) -> None:
    sandbox = Sandbox(server)
    live.example("kinesis")
    text = (live.folder / "kinesis.yaml").read_text(encoding="utf-8")
    borrowed = f"  source: {{id: {sandbox.everyones}}}\n  target:"
    live.write("kinesis.yaml", re.sub(r"(?ms)^  source:.*?^  target:", borrowed, text))
    live.ok("apply", "-y")
    assert server.get("flows", live.id("kinesis-summer/flow"))["sourceConnectionIds"] == [sandbox.everyones]
    assert live.changes() == {}
    live.ok("destroy", "-y")
    assert server.get("sourceConnections", sandbox.everyones)["name"] == "Profile"
    live.edit("kinesis.yaml", f"{{id: {sandbox.everyones}}}", f"{{id: {sandbox.everyones}, name: x}}")
    assert "an object used by its id is not changed here" in live("plan").err


def test_what_was_written_is_not_held_twice() -> None:
    body = {"name": "n", "connectionSpec": {"id": "1", "version": "1.0"}}
    live = Live("7", {**copy.deepcopy(body), "id": "7", "createdAt": 1}, '"e"')
    edited = Live("8", {**copy.deepcopy(body), "name": "m"}, '"e"')
    resources = {name: Resource(name, "SourceConnection", body) for name in ("a/source", "b/source")}
    found = Inventory({"SourceConnection": {"7": live, "8": edited}})
    entries = bound(resources, {"a/source": "7", "b/source": "8"}, found, State("l", "default", "p", "o", "s", 1))
    assert entries["a/source"].applied is body
    assert found.lives["SourceConnection"]["7"].body is body
    assert found.lives["SourceConnection"]["8"] == edited


def test_namesakes_are_numbered_and_a_number_is_free_again_where_nothing_came_of_it() -> None:
    end = {"data": {"format": "json", "schema": SCHEMA}, "params": {"dataSetId": "d"}}
    sources = {f"s{n}": {"id": f"s{n}", "name": "Same", "connectionSpec": CUSTOMER_IO} for n in range(5)}
    targets = {f"t{n}": {"id": f"t{n}", "name": "Same", "connectionSpec": LAKE, **end} for n in range(5)}
    flows: list[dict[str, Any]] = [
        {"id": f"f{n}", "name": "Same", "createdAt": n, "flowSpec": CUSTOMER_IO_FLOW, "sourceConnectionIds": [f"s{n}"],
         "targetConnectionIds": [] if n == 2 else [f"t{n}"]} for n in range(5)
    ]  # fmt: skip
    made = export(Found(flows, sources, targets, {}, {}), shipped(), SELECTORS, flows)
    assert {name: made.bindings[f"{name}/flow"] for name in made.documents} == {
        "same": "f0", "same-2": "f1", "same-3": "f3", "same-4": "f4",
    }  # fmt: skip
    assert len(made.skipped) == 1


def test_an_account_that_cannot_be_written_takes_its_dataflows_with_it_and_no_more() -> None:
    end = {"data": {"format": "json", "schema": SCHEMA}, "params": {"dataSetId": "d"}}
    source = {"name": "n", "connectionSpec": CUSTOMER_IO}
    sources = {f"s{n}": {**source, "id": f"s{n}", **({"baseConnectionId": "odd"} if n < 2 else {})} for n in range(3)}
    targets = {f"t{n}": {"id": f"t{n}", "name": "n", "connectionSpec": LAKE, **end} for n in range(3)}
    auth = {"specName": "OAuth", "params": {"token": "***"}}
    bases = {"odd": {"id": "odd", "name": "n", "auth": auth}}  # without a spec
    flows: list[dict[str, Any]] = [
        {"id": f"f{n}", "name": "n", "createdAt": n, "flowSpec": CUSTOMER_IO_FLOW, "sourceConnectionIds": [f"s{n}"],
         "targetConnectionIds": [f"t{n}"]} for n in range(3)
    ]  # fmt: skip
    made = export(Found(flows, sources, targets, bases, {}), shipped(), SELECTORS, flows, whole=True)
    assert list(made.documents) == ["n"]
    assert made.bindings == {"n/flow": "f2", "n/target": "t2", "n/source": "s2"}
    assert made.secrets == []
    assert [line.split(" ")[1] for line in made.skipped] == ["f0", "f1"]


def test_of_one_kind_nothing_else_is_bound(live: Cli, server: Server) -> None:
    for example in ("customer-io", "kinesis"):
        live.example(example)
    live.ok("apply", "-y")
    live.afresh()
    live.ok("export", "--out", "found", "--kind", "DestinationDataflow", "--adopt")
    state = json.loads((live.folder / "found" / "state" / "default.json").read_text(encoding="utf-8"))
    written = {path.stem for path in (live.folder / "found").glob("*.yaml")}
    assert {name.partition("/")[0] for name in state["resources"]} <= written
    assert any(item["kind"] == "Flow" for item in state["resources"].values())


def test_the_mapping_that_counts_is_the_one_the_flow_is_pinned_to(live: Cli, server: Server) -> None:
    live.example("customer-io")
    live.ok("apply", "-y")
    ident = live.id("customer-io/mapping")
    body = server.call("GET", f"{PREP}/mappingSets/{ident}")
    rows = [{key: row[key] for key in ("sourceType", "source", "destination")} for row in body["mappings"]]
    server.call("PUT", f"{PREP}/mappingSets/{ident}", {"outputSchema": body["outputSchema"], "mappings": rows[:1]})
    shutil.rmtree(live.folder / "state")
    (document,) = yaml.safe_load_all(live.ok("export").out)
    assert len(document["spec"]["mapping"]) == len(rows) > 1
