"""Schemas, field groups, descriptors and datasets of our own: by themselves and inside a dataflow, over HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.emulator.options import Options
from tests.conftest import FLOW, Cli, Server, point_at, serve

REGISTRY = "/data/foundation/schemaregistry/tenant"
CATALOG = "/data/foundation/catalog/dataSets"
ONE = "application/vnd.adobe.xed+json; version=1"

INLINE = """\
apiVersion: reconciler/v1
kind: SourceDataflow
metadata: {name: clicks}
spec:
  source:
    connector: customer-io
    data: {format: json}
  target:
    schema:
      title: Clicks
      description: What people do
      class: profile
      fieldGroups:
        - title: Click fields
          definitions:
            clicks:
              properties:
                _emulator:
                  type: object
                  properties:
                    email: {type: string, title: E-mail}
                    page: {type: string}
      meta:immutableTags: [union]
      descriptors:
        - "@type": xdm:descriptorIdentity
          xdm:sourceProperty: /_emulator/email
          xdm:namespace: Email
          xdm:property: xdm:code
          xdm:isPrimary: true
    dataset:
      name: Clicks
      tags:
        unifiedProfile: ["enabled: true"]
        unifiedIdentity: ["enabled: true"]
  mapping:
    - {source: mail, destination: _emulator.email}
"""

APART = """\
apiVersion: reconciler/v1
kind: FieldGroup
metadata: {name: fields}
spec:
  title: Fields
  description: Ours
  meta:intendedToExtend: [https://ns.adobe.com/xdm/context/profile]
  definitions:
    ours:
      properties:
        _emulator:
          type: object
          properties:
            email: {type: string}
            level: {type: string, enum: [gold, silver]}
---
apiVersion: reconciler/v1
kind: Schema
metadata: {name: people}
spec:
  title: People
  allOf:
    - {$ref: https://ns.adobe.com/xdm/context/profile}
    - {ref: fields}
  descriptors:
    mail:
      "@type": xdm:descriptorIdentity
      xdm:sourceProperty: /_emulator/email
      xdm:namespace: Email
      xdm:property: xdm:code
      xdm:isPrimary: true
---
apiVersion: reconciler/v1
kind: Dataset
metadata: {name: people-data}
spec:
  name: People data
  schemaRef: {ref: people}
  tags: {team: [crm]}
---
apiVersion: reconciler/v1
kind: SourceDataflow
metadata: {name: crm}
spec:
  source: {connector: customer-io, data: {format: json}}
  target: {schema: {ref: people}, dataset: {ref: people-data}}
  mapping: [{source: mail, destination: _emulator.email}]
"""


def allowing(text: str) -> str:
    """Return manifests that let their data be lost."""
    return text.replace("}\nspec:", ', annotations: {reconciler/allow-data-loss: "true"}}\nspec:')


def registered(server: Server, kind: str, ident: str) -> dict[str, Any]:
    """Return one resource of the registry as it is there."""
    from urllib.parse import quote

    found: dict[str, Any] = server.call("GET", f"{REGISTRY}/{kind}/{quote(ident, safe='')}", Accept=ONE)
    return found


def descriptors(server: Server) -> list[dict[str, Any]]:
    """Return all descriptors."""
    found = server.call("GET", f"{REGISTRY}/descriptors", Accept="application/vnd.adobe.xdm+json")
    return [item for items in found.values() for item in items]


def datasets(server: Server) -> dict[str, Any]:
    """Return all datasets by id."""
    found: dict[str, Any] = server.call("GET", f"{CATALOG}?limit=100")
    return found


def test_all_inside_a_dataflow_is_made_in_the_one_order_that_works(live: Cli, server: Server) -> None:
    live.write("clicks.yaml", INLINE)
    live.ok("apply", "-y")
    order = [(item.method, item.path.split("/")[4]) for item in server.writes() if "foundation" in item.path]
    kinds = [item.path.rpartition("/")[2] for item in server.writes() if item.method == "POST"]
    assert kinds.index("fieldgroups") < kinds.index("schemas") < kinds.index("descriptors") < kinds.index("dataSets")
    patched = next(index for index, item in enumerate(server.writes()) if item.method == "PATCH")
    posts = [item.path.rpartition("/")[2] for item in server.writes()[:patched]]
    assert "descriptors" in posts, order  # Profile wants the primary identity first
    assert "dataSets" not in posts, order  # and a dataset in Profile a schema in Profile
    assert server.writes()[patched].body == [{"op": "add", "path": "/meta:immutableTags", "value": ["union"]}]
    assert set(live.state["resources"]) == {
        "clicks/source", "clicks/target", "clicks/mapping", "clicks/flow", "clicks/target/schema",
        "clicks/target/schema/field-groups/Click fields", "clicks/target/schema/descriptors/identity:_emulator.email",
        "clicks/target/dataset",
    }  # fmt: skip
    schema = registered(server, "schemas", live.id("clicks/target/schema"))
    assert schema["meta:immutableTags"] == ["union"]
    group = live.id("clicks/target/schema/field-groups/Click fields")
    assert [part["$ref"] for part in schema["allOf"]] == ["https://ns.adobe.com/xdm/context/profile", group]
    target = server.get("targetConnections", live.id("clicks/target"))
    assert target["data"]["schema"]["id"] == schema["$id"]
    assert target["params"]["dataSetId"] == live.id("clicks/target/dataset")
    assert live.changes() == {}


def test_documents_of_their_own_are_shared_by_reference(live: Cli, server: Server) -> None:
    live.write("all.yaml", APART)
    live.ok("apply", "-y")
    assert live.changes() == {}
    data = datasets(server)[live.id("people-data")]
    assert data["schemaRef"] == {
        "id": live.id("people"), "contentType": "application/vnd.adobe.xed-full+json;version=1",
    }  # fmt: skip
    assert data["tags"]["team"] == ["crm"]
    assert live.id("people/descriptors/mail") == descriptors(server)[0]["@id"]


@pytest.mark.parametrize(
    ("address", "old", "new"),
    [
        ("fields", "title: Fields", "title: More fields"),
        ("fields", "description: Ours", "description: Theirs"),
        ("fields", "email: {type: string}", "email: {type: string}\n            age: {type: integer}"),
        ("fields", "enum: [gold, silver]", "enum: [gold, silver, bronze]"),
        ("fields", ", enum: [gold, silver]", ""),
        ("people", "title: People", "title: Persons"),
        ("people", "    - {ref: fields}", "    - {ref: fields}\n    - {$ref: https://ns.adobe.com/xdm/mixins/x}"),
        ("people/descriptors/mail", "xdm:namespace: Email", "xdm:namespace: CRMID"),
        ("people-data", "name: People data", "name: Data of people"),
        ("people-data", "team: [crm]", "team: [crm, web]"),
        ("people-data", "team: [crm]", "owner: [crm]"),
    ],
)  # fmt: skip
def test_what_may_change_changes_in_place(live: Cli, server: Server, address: str, old: str, new: str) -> None:
    live.write("all.yaml", APART)
    live.ok("apply", "-y")
    before = live.id(address)
    live.edit("all.yaml", old, new)
    assert live.changes() == {address: "update"}
    live.ok("apply", "-y")
    assert live.id(address) == before
    assert live.changes() == {}


@pytest.mark.parametrize(
    ("address", "old", "new", "says"),
    [
        ("fields", "            email: {type: string}\n", "", "the field email would be taken away"),
        ("fields", "email: {type: string}", "email: {type: integer}", "type would turn from 'string' to 'integer'"),
        ("fields", "email: {type: string}", "email: {type: string, pattern: .+@.+}", "pattern would turn from nothing"),
        ("fields", "email: {type: string}", "email: {type: string, maxLength: 9}", "maxLength would turn from nothing"),
        ("fields", "enum: [gold, silver]", "enum: [gold]", "silver would no longer be allowed"),
        ("fields", "          type: object\n", "          type: object\n          required: [level]\n", "would become"),
        ("people", "    - {ref: fields}\n", "", "would be taken away"),
        ("people", "context/profile}", "context/experienceevent}", "would be taken away"),
        ("people-data", "schemaRef: {ref: people}", "schemaRef: {id: https://ns.adobe.com/x/s/1}", "/schemaRef/id"),
    ],
)  # fmt: skip
def test_a_breaking_change_is_an_objection(
    live: Cli, server: Server, address: str, old: str, new: str, says: str
) -> None:
    live.write("all.yaml", APART)
    live.ok("apply", "-y")
    server.clear()
    live.edit("all.yaml", old, new)
    for command in (("plan",), ("apply", "-y")):
        found = live(*command)
        assert found.code == 1
        assert f"{address}: error: " in found.err, found.err
        assert says in found.err
        assert "reconciler/allow-data-loss" in found.err
    assert [item for item in server.writes() if "/ims/" not in item.path] == []


def test_an_allowed_breaking_change_replaces_all_that_hangs_on_it(live: Cli, server: Server) -> None:
    allowed = allowing(APART)
    live.write("all.yaml", allowed)
    live.ok("apply", "-y")
    before = {name: live.id(name) for name in live.state["resources"]}
    live.edit("all.yaml", "email: {type: string}", "email: {type: string, pattern: .+@.+}")
    planned = live.changes("--allow-delete")
    assert planned["fields"] == planned["people"] == planned["people-data"] == planned["crm/flow"] == "replace"
    live.ok("apply", "-y", "--allow-delete")
    assert live.changes() == {}
    assert all(live.id(name) != ident for name, ident in before.items() if name != "crm/mapping")
    assert [item["title"] for item in server.storage_items("schemas")] == ["People"]
    assert [item["title"] for item in server.storage_items("fieldgroups")] == ["Fields"]
    assert len(descriptors(server)) == 1
    assert len(datasets(server)) == 1
    assert [item["id"] for item in server.items("flows")] == [live.id("crm/flow")]


def test_data_stays_when_its_manifest_goes_unless_that_is_allowed(live: Cli, server: Server) -> None:
    live.write("all.yaml", APART)
    live.ok("apply", "-y")
    plan = live.ok("plan", "--destroy", "--format", "json").json()
    actions = {item["address"]: item["action"] for item in plan["changes"]}
    assert {name for name, action in actions.items() if action == "forget"} == {
        "crm/mapping", "fields", "people", "people/descriptors/mail", "people-data",
    }  # fmt: skip
    reason = next(item["reason"] for item in plan["changes"] if item["address"] == "people-data")
    assert "never deleted in passing" in reason
    live.ok("destroy", "-y")
    assert live.state["resources"] == {}
    assert server.items("flows") == []
    assert len(datasets(server)) == len(descriptors(server)) == 1


def test_data_goes_when_that_is_allowed_even_after_the_manifest_is_gone(live: Cli, server: Server) -> None:
    path = live.write("all.yaml", allowing(APART))
    live.ok("apply", "-y")
    path.unlink()
    live.ok("destroy", "-y")
    assert live.state["resources"] == {}
    assert datasets(server) == {}
    assert descriptors(server) == []
    assert server.storage_items("schemas") == server.storage_items("fieldgroups") == []


def test_the_annotation_alone_is_written_into_the_state(live: Cli, server: Server) -> None:
    path = live.write("all.yaml", APART)
    live.ok("apply", "-y")
    live.write("all.yaml", allowing(APART))
    live.ok("apply", "-y")
    path.unlink()
    live.ok("destroy", "-y")
    assert datasets(server) == {}


def test_a_schema_in_profile_is_never_deleted_nor_replaced(live: Cli, server: Server) -> None:
    live.write("clicks.yaml", allowing(INLINE))
    live.ok("apply", "-y")
    live.edit("clicks.yaml", "page: {type: string}", "page: {type: integer}")
    found = live("plan")
    assert found.code == 1
    assert "a schema in Profile can never be deleted" in found.err
    live.edit("clicks.yaml", "page: {type: integer}", "page: {type: string}")
    live.ok("destroy", "-y")
    assert [item["title"] for item in server.storage_items("schemas")] == ["Clicks"]
    assert len(descriptors(server)) == 1
    assert datasets(server) == {}


def test_the_primary_identity_of_a_schema_in_profile_cannot_leave(live: Cli, server: Server) -> None:
    live.write("clicks.yaml", INLINE)
    live.ok("apply", "-y")
    head, _, rest = INLINE.partition("      descriptors:")
    live.write("clicks.yaml", head + rest[rest.index("    dataset:") :])
    found = live("plan")
    assert found.code == 1
    assert "the primary identity of a schema in Profile cannot be taken away" in found.err


def test_profile_is_joined_later_with_an_identity_that_is_new_too(live: Cli, server: Server) -> None:
    kinds = ("fieldgroups", "descriptors", "schemas", "dataSets")
    start, end = INLINE.index("      meta:immutableTags"), INLINE.index("    dataset:")
    live.write("clicks.yaml", INLINE[:start] + INLINE[end:].replace('        unifiedProfile: ["enabled: true"]\n', ""))
    live.ok("apply", "-y")
    server.clear()
    live.write("clicks.yaml", INLINE)
    live.edit("clicks.yaml", "page: {type: string}", "page: {type: string}\n                    age: {type: integer}")
    live.ok("apply", "-y")
    found = [(item.method, next((kind for kind in kinds if f"/{kind}" in item.path), "")) for item in server.writes()]
    seen = [pair for pair in found if pair[1]]
    assert seen == [("PATCH", "fieldgroups"), ("POST", "descriptors"), ("PATCH", "schemas"), ("PATCH", "dataSets")]
    assert live.changes() == {}


def test_upsert_is_added_by_leaving_profile_and_joining_it_again(live: Cli, server: Server) -> None:
    live.write("clicks.yaml", INLINE)
    live.ok("apply", "-y")
    server.clear()
    live.edit("clicks.yaml", 'unifiedProfile: ["enabled: true"]', 'unifiedProfile: ["enabled:true", "isUpsert:true"]')
    live.ok("apply", "-y")
    assert [step["value"] for item in server.writes() if item.method == "PATCH" for step in item.body] == [
        ["enabled:false"], ["enabled:false"], ["enabled:true", "isUpsert:true"], ["enabled: true"],
    ]  # fmt: skip
    assert live.changes() == {}


def test_an_edit_outside_is_drift_and_is_put_right(live: Cli, server: Server) -> None:
    live.write("all.yaml", APART)
    live.ok("apply", "-y")
    ident = live.id("people-data")
    server.call(
        "PATCH", f"{CATALOG}/{ident}", [{"op": "replace", "path": "/name", "value": "Mine"}],
        **{"Content-Type": "application/json-patch+json"},
    )  # fmt: skip
    found = live("drift", "--format", "json")
    assert found.code == 2
    assert [(item["address"], item["fields"][0]["path"]) for item in found.json()["drift"]] == [
        ("people-data", "/name")
    ]
    live.ok("apply", "-y")
    assert datasets(server)[ident]["name"] == "People data"


@pytest.mark.parametrize("kind", ["fieldgroups", "schemas", "descriptors", "dataSets"])
@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_create_without_an_answer_is_found_and_not_made_twice(
    live: Cli, server: Server, kind: str, moment: str
) -> None:
    live.write("all.yaml", APART)
    hits: list[str] = []

    def fault(request: Any) -> Any:
        if request.method == "POST" and request.path.endswith("/" + kind) and not hits:
            hits.append(request.path)
            return "drop" if moment == "after" else (503, [], {})
        return None

    getattr(server, moment).append(fault)
    live.ok("apply", "-y", "--settle", "0")
    assert len(server.storage_items("schemas")) == len(server.storage_items("fieldgroups")) == 1
    assert len(descriptors(server)) == len(datasets(server)) == 1
    assert live.changes() == {}


def test_other_forms_of_answers_change_nothing(live: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    for server in serve(Options(tutorial_forms=True, noise=True, settle_delay=0.05, stringify=True)):
        point_at(server, monkeypatch)
        live.write("clicks.yaml", INLINE)
        live.write("all.yaml", APART)
        live.ok("apply", "-y")
        assert live.changes() == {}
        live.edit("all.yaml", "xdm:namespace: Email", "xdm:namespace: CRMID")
        live.ok("apply", "-y")
        assert live.changes() == {}
        assert server.call("GET", f"{FLOW}/flows")["items"]


def test_a_field_group_is_found_by_its_title(live: Cli, server: Server) -> None:
    body = {
        "type": "object", "title": "Theirs", "meta:intendedToExtend": ["https://ns.adobe.com/xdm/context/profile"],
        "definitions": {"d": {"properties": {"_emulator": {"type": "object"}}}},
        "allOf": [{"$ref": "#/definitions/d"}],
    }  # fmt: skip
    theirs = server.call("POST", f"{REGISTRY}/fieldgroups", body)["$id"]
    live.write("s.yaml", (
        "apiVersion: reconciler/v1\nkind: Schema\nmetadata: {name: s}\n"
        "spec: {title: S, class: profile, fieldGroups: [{lookup: {name: Theirs}}]}\n"
    ))  # fmt: skip
    live.ok("apply", "-y")
    assert [part["$ref"] for part in registered(server, "schemas", live.id("s"))["allOf"]][1:] == [theirs]
    assert live.changes() == {}


def test_a_title_that_is_taken_is_told_with_the_way_to_adopt_it(live: Cli, server: Server) -> None:
    live.write("all.yaml", APART)
    live.ok("apply", "-y")
    taken = live.id("people")
    text = next(part for part in APART.split("---\n") if "kind: Schema" in part)
    live.write("all.yaml", text.replace("name: people", "name: persons").replace("    - {ref: fields}\n", ""))
    failed = live("apply", "-y", "--state-dir", "other")
    assert failed.code == 1
    assert f"the name is taken by {taken}" in failed.err
    assert f"reconciler import 'persons' {taken}" in failed.err
