"""How many requests each command makes: counted, not timed, so that one too many for each object fails here."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from reconciler.core.state.model import Record
from reconciler.engine import apply, listing, rebuild, refresh
from reconciler.stores.store import Store
from tests.conftest import FLOW, PREP, Cli, Server

COUNT = 130
"""Dataflows: two pages of a list, and enough for lists to be worth it."""
CUSTOMER_IO = {"id": "96479064-7b8a-4d69-b9ed-21c5683837ea", "version": "1.0"}
LAKE = {"id": "c604ff05-7f1a-43c0-8e18-33bf874cb11c", "version": "1.0"}
LISTS = {"flows", "sourceConnections", "targetConnections"}

MANIFEST = """apiVersion: reconciler/v1
kind: SourceDataflow
metadata: {{name: events-{n:03}}}
spec:
  source: {{connector: customer-io, data: {{format: json}}}}
  target:
    schema: {{id: https://ns.adobe.com/acme/schemas/0123456789abcdef}}
    dataset: {{id: 63ec807d3f5ce91bd2d06c65}}
  mapping: [{{source: a, destination: _acme.a}}]
  flow: {{description: Events {n}}}
"""


@pytest.fixture(params=["as it comes", "as for ten thousand"])
def many(live: Cli, server: Server, request: pytest.FixtureRequest) -> Iterator[Cli]:
    """Applied dataflows; and the same where what is meant for very many holds already."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param != "as it comes":
            patch.setattr(listing, "_BOTH_ENDS", 30)
            patch.setattr(refresh, "_LARGE", 30)
        live.write("all.yaml", "---\n".join(MANIFEST.format(n=n) for n in range(COUNT)))
        server.clear()
        live.ok("apply", "-y")
        yield live


def asked(server: Server) -> Counter[str]:
    """Return how often each thing was asked: method, and path with ids left out."""
    found: Counter[str] = Counter()
    for item in server.requests:
        path = item.path.removeprefix(FLOW).removeprefix(PREP).strip("/").split("/")
        tail = "/{id}" if len(path) > 1 and path[1] != "validate" else "/validate" if len(path) > 1 else ""
        found[f"{item.method} {path[0]}{tail}"] += 1
    server.clear()
    return Counter({key: count for key, count in found.items() if "token" not in key and "ims" not in key})


def only_lists(found: Counter[str]) -> bool:
    """Tell whether lists were read and nothing else: two pages each, and one more where two walks meet."""
    return found.keys() == {f"GET {kind}" for kind in LISTS} and set(found.values()) <= {2, 3}


def besides_lists(found: Counter[str]) -> dict[str, int]:
    """Return what was asked besides."""
    lists = Counter({key: count for key, count in found.items() if "{id}" not in key and key.startswith("GET")})
    assert only_lists(lists)
    return {key: count for key, count in found.items() if key not in lists}


def test_a_first_apply_asks_once_and_makes_once(many: Cli, server: Server) -> None:
    found = asked(server)
    assert found.pop("GET data/{id}") == 1, "one schema, however many mappings"
    assert found == {
        "POST mappingSets/validate": 1, "POST mappingSets": COUNT, "POST sourceConnections": COUNT,
        "POST targetConnections": COUNT, "POST flows": COUNT, "GET flows/{id}": COUNT,
        # a page each: which namesakes exist before the first is made; of flows, also for the check of a first apply
        "GET mappingSets": 1, "GET sourceConnections": 1, "GET targetConnections": 1, "GET flows": 2,
    }  # fmt: skip


def test_a_plan_without_change_reads_lists_alone(many: Cli, server: Server) -> None:
    server.clear()
    for command in ("plan", "apply", "drift"):
        assert many(command, *(["-y"] if command == "apply" else [])).code == 0
        found = asked(server)
        assert found.pop("GET data/{id}", 0) == (command == "drift"), "drift asks once whether the one dataset is there"
        assert only_lists(found), command


def test_a_plan_with_changes_reads_what_it_touches_once_more(many: Cli, server: Server) -> None:
    server.clear()
    text = (many.folder / "all.yaml").read_text(encoding="utf-8")
    many.write("all.yaml", text.replace("Events 7}", "Other events}").replace("Events 99}", "Others}"))
    assert many.changes() == {"events-007/flow": "update", "events-099/flow": "update"}
    assert besides_lists(asked(server)) == {"GET flows/{id}": 2}
    many.ok("apply", "-y")
    assert besides_lists(asked(server)) == {"GET flows/{id}": 4, "PATCH flows/{id}": 2}
    assert many.changes() == {}


def test_what_changed_outside_is_seen_and_read(many: Cli, server: Server) -> None:
    server.edit("flows", many.id("events-042/flow"), {"op": "replace", "path": "/description", "value": "clicked"})
    gone = many.id("events-100/flow")
    server.call("DELETE", f"{FLOW}/flows/{gone}")
    server.clear()
    assert many.changes() == {"events-042/flow": "update", "events-100/flow": "create"}
    counts = asked(server)
    assert counts["GET flows/{id}"] == 2, "the one with another etag, and the one that no list shows"
    told = many("drift")
    assert told.code == 2
    assert "clicked" in told.out
    assert "deleted outside" in told.out


def test_few_are_read_one_by_one(live: Cli, server: Server) -> None:
    live.write("all.yaml", "---\n".join(MANIFEST.format(n=n) for n in range(3)))
    live.ok("apply", "-y")
    server.clear()
    assert live("plan", "--detailed-exitcode").code == 0
    assert asked(server) == {f"GET {kind}/{{id}}": 3 for kind in LISTS}


def test_a_list_full_of_what_others_made_is_given_up(live: Cli, server: Server, tmp_path: Path) -> None:
    live.write("all.yaml", "---\n".join(MANIFEST.format(n=n) for n in range(30)))
    live.ok("apply", "-y")
    body = {"name": "theirs", "connectionSpec": CUSTOMER_IO}
    for _ in range(600):  # newer than ours, so first in the list
        server.call("POST", f"{FLOW}/sourceConnections", body)
    server.clear()
    assert live("plan", "--detailed-exitcode").code == 0
    found = asked(server)
    assert found["GET sourceConnections"] == 3, "after three pages without one of ours"
    assert found["GET sourceConnections/{id}"] == 30
    assert found["GET flows"] == 1


def test_a_platform_that_orders_by_no_age_is_read_as_it_likes(many: Cli, server: Server) -> None:
    server.clear()
    refusal = {"errorCode": "1433-400", "errorMessage": "Bad orderby field"}
    server.before.append(lambda seen: (400, [], refusal) if "orderby" in seen.query else None)
    assert many("plan", "--detailed-exitcode").code == 0
    assert all("GET" in key and "{id}" not in key for key in asked(server))


SCHEMAS = """apiVersion: reconciler/v1
kind: Schema
metadata: {{name: schema-{n:03}}}
spec:
  title: Schema {n}
  class: profile
  fieldGroups: [{{ref: group}}]
  descriptors:
    email: {{"@type": xdm:descriptorIdentity, xdm:sourceProperty: /_emulator/email, xdm:namespace: Email,
             xdm:property: xdm:code, xdm:isPrimary: true}}
---
apiVersion: reconciler/v1
kind: Dataset
metadata: {{name: dataset-{n:03}}}
spec: {{name: Dataset {n}, schemaRef: {{ref: schema-{n:03}}}}}
"""
GROUP = """apiVersion: reconciler/v1
kind: FieldGroup
metadata: {name: group}
spec:
  title: Group
  meta:intendedToExtend: ["https://ns.adobe.com/xdm/context/profile"]
  definitions:
    own: {properties: {_emulator: {type: object, properties: {email: {type: string, title: E-mail}}}}}
"""


def test_schemas_their_descriptors_and_datasets_are_read_by_lists_too(
    live: Cli, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    live.write("all.yaml", "---\n".join([GROUP, *(SCHEMAS.format(n=n) for n in range(COUNT))]))
    live.ok("apply", "-y")
    for ends in (1000, 30):
        monkeypatch.setattr(listing, "_BOTH_ENDS", ends)
        server.clear()
        assert live("plan", "--detailed-exitcode").code == 0
        counts = Counter(item.path.rsplit("/", 1)[-1] for item in server.requests if "token" not in item.path)
        group = live.id("group").rpartition("/")[2]
        assert {name for name in counts if group not in name} == {"schemas", "descriptors", "dataSets"}
        assert counts["schemas"] == 2
        assert counts["descriptors"] == 1
        assert counts["dataSets"] in (2, 3, 4)
        assert counts.total() <= 8
    catalog = "/data/foundation/catalog/dataSets"
    server.call("PATCH", f"{catalog}/{live.id('dataset-007')}", {"name": "By hand"})
    server.call("DELETE", f"{catalog}/{live.id('dataset-011')}")
    server.clear()
    assert live.changes() == {"dataset-007": "update", "dataset-011": "create"}
    singly = [item for item in server.requests if item.path.startswith(f"{catalog}/")]
    assert len(singly) == 2, "the one that is touched, and the one that no list shows"


def test_what_was_read_leaves_nothing_behind(many: Cli, server: Server) -> None:
    """An answer that knows itself stays until somebody looks for garbage, and its page with it."""
    import gc

    import httpx2

    gc.collect()
    gc.disable()
    try:
        assert many("plan").code == 0
        kept = [item for item in gc.get_objects() if isinstance(item, httpx2.Response) and item.is_closed]
    finally:
        gc.enable()
    assert len(kept) <= 1


def test_a_lost_state_is_rebuilt_from_lists(many: Cli, server: Server) -> None:
    before = {name: item["id"] for name, item in many.state["resources"].items()}
    shutil.rmtree(many.folder / "state")
    server.clear()
    many.ok("state", "rebuild", "-y")
    assert {name: item["id"] for name, item in many.state["resources"].items()} == before
    found = asked(server)
    assert found.pop("GET mappingSets/{id}") == COUNT, "they have no list by id"
    assert found == {f"GET {kind}": 2 for kind in LISTS}
    assert many.changes() == {}


def test_a_few_are_rebuilt_without_reading_what_others_made(
    live: Cli, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rebuild, "MANY", 3)
    live.write("all.yaml", "---\n".join(MANIFEST.format(n=n) for n in range(3)))
    live.ok("apply", "-y")
    body = {"name": "theirs", "connectionSpec": CUSTOMER_IO}
    for number in range(400):
        server.call("POST", f"{FLOW}/sourceConnections", {**body, "name": f"theirs {number}"})
    shutil.rmtree(live.folder / "state")
    server.clear()
    live.ok("state", "rebuild", "-y")
    found = asked(server)
    assert len(live.state["resources"]) == 12
    assert found["GET sourceConnections/{id}"] == 3
    assert found["GET sourceConnections"] <= 4
    assert found["GET flows"] == 1


def test_a_twin_on_a_later_page_is_seen(live: Cli, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rebuild, "MANY", 3)
    live.write("all.yaml", "---\n".join(MANIFEST.format(n=n) for n in range(3)))
    live.ok("apply", "-y")
    flow = server.get("flows", live.id("events-001/flow"))
    body = {key: flow[key] for key in ("name", "description", "flowSpec", "transformations")}
    live.ok("destroy", "-y")
    ends = {
        kind: server.call("POST", f"{FLOW}/{kind}", {"name": "x", "connectionSpec": spec})["id"]
        for kind, spec in (("sourceConnections", CUSTOMER_IO), ("targetConnections", LAKE))
    }
    body |= {f"{kind[:-1]}Ids": [ident] for kind, ident in ends.items()}
    twin = server.call("POST", f"{FLOW}/flows", body)["id"]
    for number in range(100):
        server.call("POST", f"{FLOW}/flows", {**body, "name": f"other {number}"})
    live.ok("apply", "-y")
    shutil.rmtree(live.folder / "state")
    said = live.ok("state", "rebuild", "-y")
    assert "events-001/flow: warning: 2 objects could be it" in said.err
    assert twin in said.err


@pytest.mark.parametrize("count", [3, COUNT])
def test_lost_schemas_descriptors_and_datasets_are_rebuilt_from_lists(live: Cli, server: Server, count: int) -> None:
    live.write("all.yaml", "---\n".join([GROUP, *(SCHEMAS.format(n=n) for n in range(count))]))
    live.ok("apply", "-y")
    before = {name: item["id"] for name, item in live.state["resources"].items()}
    shutil.rmtree(live.folder / "state")
    server.clear()
    assert "warning" not in live.ok("state", "rebuild", "-y").err, "parts wait for what they are parts of"
    assert {name: item["id"] for name, item in live.state["resources"].items()} == before
    assert len([item for item in server.requests if "token" not in item.path]) <= 8


def test_outputs_and_status_read_flows_from_lists(many: Cli, server: Server) -> None:
    gone = many.id("events-100/flow")
    server.call("DELETE", f"{FLOW}/flows/{gone}")
    server.clear()
    outputs = many.ok("outputs", "--format", "json").json()
    assert asked(server) == {"GET flows": 2, "GET flows/{id}": 1}, "lists may lag: what none shows is asked for"
    assert len(outputs) == COUNT
    assert outputs["events-007"]["ids"] == {
        f"events-007/{part}": many.id(f"events-007/{part}") for part in ("flow", "mapping", "source", "target")
    }
    assert outputs["events-007"]["inletUrl"].startswith("http")
    assert outputs["events-100"]["state"] == "missing"
    many.ok("status")
    dataset = {"GET data/{id}": 1}  # one for all
    assert asked(server) == {"GET flows": 2, "GET flows/{id}": 1, "GET runs": COUNT - 1, **dataset}


def test_moved_files_are_noted_in_groups_and_nothing_is_sent(
    live: Cli, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    live.write("all.yaml", "---\n".join(MANIFEST.format(n=n) for n in range(10)))
    live.ok("apply", "-y")
    (live.folder / "all.yaml").rename(live.folder / "moved.yaml")
    monkeypatch.setattr(apply, "_GROUP", 7)
    groups: list[int] = []
    append = Store.append

    async def counted(self: Store, records: Sequence[Record]) -> None:
        groups.append(len(records))
        await append(self, records)

    monkeypatch.setattr(Store, "append", counted)
    server.clear()
    live.ok("apply", "-y")
    assert server.writes() == []
    assert groups == [7, 7, 7, 7, 7, 5]
    assert {item["file"] for item in live.state["resources"].values()} == {"moved.yaml"}
