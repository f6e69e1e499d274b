"""The emulator's Schema Registry, asked by a plain HTTP client."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import httpx
import pytest

BASE = "/data/foundation/schemaregistry"
PROFILE = "https://ns.adobe.com/xdm/context/profile"
LIST = {"Accept": "application/vnd.adobe.xed-id+json"}
LOOKUP = {"Accept": "application/vnd.adobe.xed+json; version=1"}
FULL = {"Accept": "application/vnd.adobe.xed-full+json;version=1"}


def group(title: str, **fields: Any) -> dict[str, Any]:
    """Return the body of a field group with these fields under the tenant."""
    tenant = {"type": "object", "properties": fields}
    return {
        "type": "object", "title": title, "description": "", "meta:intendedToExtend": [PROFILE],
        "definitions": {"d": {"properties": {"_emulator": tenant}}}, "allOf": [{"$ref": "#/definitions/d"}],
    }  # fmt: skip


def made(http: httpx.Client, kind: str, body: dict[str, Any]) -> dict[str, Any]:
    """POST a resource and return it."""
    answer = http.post(f"{BASE}/tenant/{kind}", json=body)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def schema(http: httpx.Client, title: str, *parts: str) -> dict[str, Any]:
    """Make a schema of the profile class and these parts."""
    parts = (PROFILE, *parts)
    body = {"type": "object", "title": title, "description": "d", "allOf": [{"$ref": part} for part in parts]}
    return made(http, "schemas", body)


def test_a_schema_is_found_by_all_its_names(http: httpx.Client) -> None:
    fields = made(http, "fieldgroups", group("Loyalty", email={"type": "string", "title": "Mail", "description": "x"}))
    assert "/mixins/" in fields["$id"], "field groups kept their old name in ids"
    found = schema(http, "Members", fields["$id"])
    assert found["meta:class"] == PROFILE
    assert set(found["meta:extends"][:2]) == {fields["$id"], PROFILE}
    assert "https://ns.adobe.com/xdm/data/record" in found["meta:extends"]
    for ident in (found["meta:altId"], quote(found["$id"], safe="")):
        raw = http.get(f"{BASE}/tenant/schemas/{ident}", headers=LOOKUP).json()
        assert raw["$id"] == found["$id"]
        assert [part["$ref"] for part in raw["allOf"]] == [PROFILE, fields["$id"]]
        full = http.get(f"{BASE}/tenant/schemas/{ident}", headers=FULL).json()
        assert full["properties"]["_emulator"]["properties"]["email"]["title"] == "Mail"
        assert "_id" in full["properties"]
        assert "allOf" not in full
    bare = {"Accept": "application/vnd.adobe.xed-full-notext+json; version=1"}
    texts = http.get(f"{BASE}/tenant/schemas/{found['meta:altId']}", headers=bare).json()
    assert texts["properties"]["_emulator"]["properties"]["email"] == {"type": "string"}
    assert texts["title"] == "Members"
    mixin = http.get(f"{BASE}/tenant/mixins/{fields['meta:altId']}", headers=LOOKUP)
    assert mixin.json()["title"] == "Loyalty", "the old alias answers too"
    assert http.get(f"{BASE}/tenant/schemas/none", headers=LOOKUP).json()["type"].endswith("XDM-1012-404")
    assert http.get(f"{BASE}/global/schemas/{found['meta:altId']}", headers=LOOKUP).status_code == 404


@pytest.mark.parametrize(
    ("path", "accept", "code"),
    [
        ("tenant/schemas", "application/vnd.adobe.xed+json; version=1", "XDM-1006"),
        ("tenant/schemas", "*/*", "XDM-1006"),
        ("global/classes", "application/json", "XDM-1006"),
        ("global/classes/_xdm.context.profile", "application/vnd.adobe.xed+json", "XDM-1007"),
        ("global/classes/_xdm.context.profile", "application/json", "XDM-1007"),
        ("tenant/descriptors", "application/vnd.adobe.xed+json", "XDM-1008"),
    ],
)
def test_accept_is_mandatory(http: httpx.Client, path: str, accept: str, code: str) -> None:
    answer = http.get(f"{BASE}/{path}", headers={"Accept": accept})
    assert (answer.status_code, code in answer.json()["type"]) == (400, True)
    assert answer.json()["report"]["detailed-message"]


def test_lists_are_paged_by_value(http: httpx.Client) -> None:
    for title in ("Cherry", "Apple", "Banana", "Date"):
        schema(http, title)

    def titles(query: str) -> list[str]:
        return [item["title"] for item in http.get(f"{BASE}/tenant/schemas?{query}", headers=LIST).json()["results"]]

    assert titles("") == ["Apple", "Banana", "Cherry", "Date"]
    assert titles("orderby=-title&limit=2") == ["Date", "Cherry"]
    assert titles("orderby=title&start=Banana") == ["Cherry", "Date"]
    assert titles("property=title==Date") == ["Date"]
    assert titles("property=title!=Date&property=title~an") == ["Banana"]
    page = http.get(f"{BASE}/tenant/schemas?limit=3", headers=LIST).json()
    assert page["_page"] == {"orderby": "title", "next": "Cherry", "count": 3}
    following = http.get(f"{BASE}{page['_links']['next']['href']}", headers=LIST).json()
    assert [item["title"] for item in following["results"]] == ["Date"]
    assert set(following["results"][0]) == {"title", "$id", "meta:altId", "version"}
    full = http.get(f"{BASE}/tenant/schemas", headers={"Accept": "application/vnd.adobe.xed+json"}).json()
    assert full["results"][0]["allOf"] == [{"$ref": PROFILE, "type": "object", "meta:xdmType": "object"}]
    for kind, title in (("classes", "XDM Individual Profile"), ("fieldgroups", "Demographic Details"),
                        ("datatypes", "Person name"), ("behaviors", "Record Schema")):  # fmt: skip
        found = http.get(f"{BASE}/global/{kind}", headers=LIST).json()["results"]
        assert title in [item["title"] for item in found]
    for bad in ("limit=0", "limit=x", "property=title", "property=title~(", "orderby=%22"):
        assert http.get(f"{BASE}/tenant/schemas?{bad}", headers=LIST).status_code == 400, bad


def test_titles_are_unique_across_kinds(http: httpx.Client) -> None:
    schema(http, "Members")
    refused = http.post(f"{BASE}/tenant/fieldgroups", json=group("Members"))
    assert (refused.status_code, "not unique" in refused.text) == (400, True)
    for bad in ({}, {"title": "x"}, {"title": "x", "type": "object"}, {"title": "x", "type": "object", "allOf": "y"}):
        assert http.post(f"{BASE}/tenant/schemas", json=bad).status_code == 400, bad


def test_a_schema_in_use_only_grows(http: httpx.Client) -> None:
    fields = made(http, "fieldgroups", group("Loyalty", email={"type": "string"}, points={"type": "integer"}))
    found = schema(http, "Members", fields["$id"])
    path, part = f"{BASE}/tenant/schemas/{found['meta:altId']}", f"{BASE}/tenant/fieldgroups/{fields['meta:altId']}"
    place = "/definitions/d/properties/_emulator/properties"
    assert http.patch(part, json=[{"op": "remove", "path": f"{place}/points"}]).json()["version"] == "1.1"
    assert http.patch(part, json=[{"op": "add", "path": f"{place}/points", "value": {"type": "integer"}}]).is_success
    body = {"name": "d", "schemaRef": {"id": found["$id"], "contentType": "x"}}
    http.post("/data/foundation/catalog/dataSets", json=body).raise_for_status()
    for operation in (
        {"op": "remove", "path": f"{place}/points"},
        {"op": "replace", "path": f"{place}/email/type", "value": "integer"},
    ):
        refused = http.patch(part, json=[operation])
        assert (refused.status_code, "only grows" in refused.text) == (400, True), operation
    without = {"type": "object", "title": "Members", "description": "d", "allOf": [{"$ref": PROFILE}]}
    assert http.put(path, json=without).status_code == 400
    assert http.patch(part, json=[{"op": "add", "path": f"{place}/tier", "value": {"type": "string"}}]).is_success
    more = made(http, "fieldgroups", group("More", shoe={"type": "number"}))
    steps = [
        {"op": "add", "path": "/meta:extends/-", "value": more["$id"]},
        {"op": "add", "path": "/allOf/-", "value": {"$ref": more["$id"]}},
    ]
    assert http.patch(path, json=steps).json()["version"] == "1.1"
    full = http.get(path, headers=FULL).json()["properties"]["_emulator"]["properties"]
    assert set(full) == {"email", "points", "tier", "shoe"}
    for bad in ([{"op": "replace", "path": "/$id", "value": "x"}], [{"op": "test", "path": "/title", "value": "x"}],
                [{"op": "replace", "path": "/nothing/x", "value": 1}], [{"op": "add"}], {}, []):  # fmt: skip
        assert http.patch(path, json=bad).status_code == 400, bad
    assert http.delete(part).status_code == 400, "in use"


def test_profile_is_for_ever(http: httpx.Client) -> None:
    found = schema(http, "Members", "https://ns.adobe.com/xdm/context/identitymap")
    path = f"{BASE}/tenant/schemas/{found['meta:altId']}"
    slip = [{"op": "add", "path": "/meta:immutableTags-", "value": "union"}]
    assert http.patch(path, json=slip).json()["meta:immutableTags"] == ["union"]
    assert http.patch(path, json=[{"op": "remove", "path": "/meta:immutableTags/0"}]).status_code == 400
    assert http.delete(path).status_code == 400
    (union,) = http.get(f"{BASE}/tenant/unions", headers={"Accept": "application/vnd.adobe.xed+json"}).json()["results"]
    assert union["$id"] == f"{PROFILE}__union"
    full = http.get(f"{BASE}/tenant/unions/{quote(union['$id'], safe='')}", headers=FULL).json()
    assert "identityMap" in full["properties"]
    stats = http.get(f"{BASE}/stats").json()
    assert (stats["tenantId"], stats["counts"]["schemas"], stats["counts"]["unions"]) == ("emulator", 1, 1)


def test_descriptors(http: httpx.Client) -> None:
    found = schema(http, "Members", "https://ns.adobe.com/xdm/context/profile-personal-details")
    identity = {
        "@type": "xdm:descriptorIdentity", "xdm:sourceSchema": found["$id"], "xdm:sourceVersion": 1,
        "xdm:sourceProperty": "/personalEmail/address", "xdm:namespace": "Email", "xdm:property": "xdm:code",
        "xdm:isPrimary": True,
    }  # fmt: skip
    first = made(http, "descriptors", identity)
    second = {**identity, "xdm:sourceProperty": "/homePhone/number"}
    assert http.post(f"{BASE}/tenant/descriptors", json=second).status_code == 400, "one primary identity"
    assert http.post(f"{BASE}/tenant/descriptors", json={**second, "xdm:isPrimary": False}).status_code == 201
    unknown = {**second, "xdm:isPrimary": False, "xdm:sourceProperty": "/shoe"}
    assert http.post(f"{BASE}/tenant/descriptors", json=unknown).status_code == 400
    assert http.post(f"{BASE}/tenant/descriptors", json={"@type": "x"}).status_code == 400
    listed = http.get(f"{BASE}/tenant/descriptors", headers={"Accept": "application/vnd.adobe.xdm+json"}).json()
    assert {kind: len(items) for kind, items in listed.items()} == {"xdm:descriptorIdentity": 2}
    ids = http.get(f"{BASE}/tenant/descriptors", headers={"Accept": "application/vnd.adobe.xdm-id+json"}).json()
    assert first["@id"] in ids["xdm:descriptorIdentity"]
    path = f"{BASE}/tenant/descriptors/{first['@id']}"
    assert http.get(path).json()["xdm:namespace"] == "Email"
    assert http.put(path, json={**identity, "xdm:namespace": "Mail"}).json()["xdm:namespace"] == "Mail"
    described = {"Accept": "application/vnd.adobe.xed-full-desc+json; version=1"}
    whole = http.get(f"{BASE}/tenant/schemas/{found['meta:altId']}", headers=described).json()
    assert len(whole["meta:descriptors"]) == 2
    assert http.delete(path).status_code == 204
    assert http.get(path).status_code == 404
