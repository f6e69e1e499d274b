"""The emulator's data services, asked by a plain HTTP client: mapping sets, datasets, audiences, sandboxes, labels."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from reconciler.emulator.options import Options
from tests.conftest import FLOW, HEADERS, PREP, Server, serve, served

CATALOG = "/data/foundation/catalog"
UPS = "/data/core/ups"
REGISTRY = "/data/foundation/schemaregistry"
PROFILE = "https://ns.adobe.com/xdm/context/profile"
DETAILS = "https://ns.adobe.com/xdm/context/profile-person-details"


def schema(http: httpx.Client, title: str = "People", **more: Any) -> dict[str, Any]:
    """Make a schema of Adobe's own parts and return it."""
    body = {
        "type": "object",
        "title": title,
        "description": "",
        "allOf": [{"$ref": PROFILE}, {"$ref": DETAILS}],
        **more,
    }
    answer = http.post(f"{REGISTRY}/tenant/schemas", json=body)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


# -- Data Prep -------------------------------------------------------------------------------------------------------
def rows(*pairs: tuple[str, str], kind: str | None = None, schema_id: str = "") -> dict[str, Any]:
    """Return a mapping set."""
    found: list[dict[str, Any]] = [{"source": source, "destination": destination} for source, destination in pairs]
    if kind:
        found = [{**row, "sourceType": kind} for row in found]
    output = {"outputSchema": {"schemaRef": {"id": schema_id, "contentType": "x"}}} if schema_id else {}
    return {**output, "mappings": found}


@pytest.mark.parametrize(
    ("expression", "good"),
    [
        ('concat("Hi", ",", "there", "!")', True),
        ("iif(a.b == 'x' && !c, lower(d), null)", True),
        ("items[0].price * 2 + ${full.name}", True),
        ("person.name.equalsIgnoreCase('x')", True),
        ("a > 1 ? b : c", True),
        ("frobnicate(a)", False),
        ("lower(a, b)", False),
        ("concat(", False),
        ("a +", False),
        ("while", False),
        ("a b", False),
        ("§", False),
        ("x" * 4097, False),
        ("(" * 500 + "a" + ")" * 500, False),
    ],
)
def test_expressions_are_read(http: httpx.Client, expression: str, good: bool) -> None:
    answer = http.post(f"{PREP}/languages/el/validate", json={"expression": expression})
    assert answer.json() is good
    verdict = http.post(f"{PREP}/mappingSets/validate", json=rows((expression, "a"), kind="EXPRESSION"))
    assert verdict.status_code == 200, "failures come with HTTP 200"
    assert verdict.json()["validationResponse"][0]["status"] == ("SUCCESS" if good else "FAILED")
    labelled = http.post(f"{PREP}/mappingSets/validate", json=rows((expression, "a"), kind="ATTRIBUTE"))
    assert labelled.json()["validationResponse"][0]["status"] == "SUCCESS", "a path is not read as an expression"


def test_validation_knows_the_schema_it_holds_when_it_is_strict() -> None:
    for http in served(options=Options(strict_references=True)):
        made = schema(http)
        body = rows(("a", "person.name.firstName"), ("a", "person.shoeSize"), ("a", "_id"), schema_id=made["$id"])
        found = http.post(f"{PREP}/mappingSets/validate", json=body).json()["validationResponse"]
        assert [item["status"] for item in found] == ["SUCCESS", "FAILED", "SUCCESS"]
        assert found[1]["errors"][0]["destination"] == "person.shoeSize"
        refused = http.post(f"{PREP}/mappingSets?validate=true", json=body)
        assert refused.status_code == 400
        assert "person.shoeSize" in refused.text


def test_validation_takes_any_path_of_a_schema_but_knows_an_ad_hoc_one(http: httpx.Client) -> None:
    body = rows(("a", "person.shoeSize"), schema_id=schema(http)["$id"])
    found = http.post(f"{PREP}/mappingSets/validate", json=body).json()["validationResponse"]
    assert {item["status"] for item in found} == {"SUCCESS"}
    adhoc = http.post(f"{PREP}/schemas", json={"name": "out", "jsonSchema": {"properties": {"email": {}}}}).json()
    assert http.get(f"{PREP}/schemas/{adhoc['id']}").json() == adhoc
    body = {"outputSchema": {"id": adhoc["id"], "version": 0}, **rows(("a", "email"), ("a", "phone"))}
    found = http.post(f"{PREP}/mappingSets/validate", json=body).json()["validationResponse"]
    assert [item["status"] for item in found] == ["SUCCESS", "FAILED"]


def test_a_preview_carries_the_rows_out(http: httpx.Client) -> None:
    mapping = {
        "mappings": [
            {"source": "first", "destination": "person.name.firstName"},
            {
                "sourceType": "EXPRESSION",
                "source": 'concat(upper(last), "-", n + 1)',
                "destination": "person.name.lastName",
            },
            {"sourceType": "STATIC", "source": "web", "destination": "channel"},
            {"sourceType": "EXPRESSION", "source": "sha256(mail)", "destination": "hash"},
            {"sourceType": "EXPRESSION", "source": "fpid_to_ecid(mail)", "destination": "ecid"},
        ]
    }
    record = {"first": "Ann", "last": "Lee", "n": 1, "mail": "a@b.c"}
    one = http.post(f"{PREP}/mappingSets/preview", json={"data": record, "mappingSet": mapping}).json()
    assert one["data"]["person"]["name"] == {"firstName": "Ann", "lastName": "LEE-2"}
    assert one["data"]["channel"] == "web"
    assert one["data"]["hash"].startswith("d648b243")
    assert "not supported locally" in one["errors"][0]["exception"]
    many = http.post(f"{PREP}/mappingSets/preview", json={"data": [record, {}], "mappingSet": mapping}).json()
    assert [item["data"].get("channel") for item in many] == ["web", "web"]


def test_mapping_sets_are_listed_and_their_rows_looked_up(http: httpx.Client) -> None:
    ids = [http.post(f"{PREP}/mappingSets", json={"name": f"m{n}", **rows(("a", "b"))}).json()["id"] for n in range(5)]
    page = http.get(f"{PREP}/mappingSets?limit=2&start=0&orderBy=%2BcreatedDate").json()
    assert [item["id"] for item in page["data"]] == ids[:2]
    assert [item["id"] for item in http.get(f"{PREP}/mappingSets?limit=9&start=3").json()["data"]] == ids[1::-1]
    assert [item["name"] for item in http.get(f"{PREP}/mappingSets?limit=9&start=0&name=m3").json()["data"]] == ["m3"]
    assert http.get(f"{PREP}/mappingSets?limit=9&start=0&orderBy=colour").status_code == 400
    (row,) = http.get(f"{PREP}/mappingSets/{ids[0]}/mappings").json()
    assert http.get(f"{PREP}/mappingSets/{ids[0]}/mappings/{row['id']}").json() == row
    assert http.get(f"{PREP}/mappingSets/{ids[0]}/mappings/none").status_code == 404
    assert http.put(f"{PREP}/mappingSets/none", json=rows(("a", "b"))).status_code == 404
    assert http.delete(f"{PREP}/mappingSets/{ids[0]}").status_code == 405
    assert {item["function"] for item in http.get(f"{PREP}/languages/el/functions").json()} >= {"concat", "iif"}
    assert {item["operatorSymbol"] for item in http.get(f"{PREP}/languages/el/operators").json()} >= {"+", "~"}


def test_an_expanded_mapping_set_shows_the_schema(http: httpx.Client) -> None:
    made = schema(http)
    ident = http.post(f"{PREP}/mappingSets", json=rows(("a", "_id"), schema_id=made["$id"])).json()["id"]
    found = http.get(f"{PREP}/mappingSets/{ident}?expandSchema=true").json()
    assert "person" in found["outputSchema"]["jsonSchema"]["properties"]


# -- Catalog ---------------------------------------------------------------------------------------------------------
def dataset(http: httpx.Client, name: str, **more: Any) -> str:
    """Make a dataset and return its id."""
    answer = http.post(f"{CATALOG}/dataSets", json={"name": name, **more})
    assert answer.status_code == 201, answer.text
    (reference,) = answer.json()
    assert answer.headers["location"].endswith(reference.removeprefix("@"))
    return str(reference.removeprefix("@/dataSets/"))


def test_datasets_live_in_odd_envelopes(http: httpx.Client) -> None:
    made = schema(http)
    reference = {"id": made["$id"], "contentType": "application/vnd.adobe.xed-full+json;version=1"}
    ident = dataset(http, "Sales", schemaRef=reference, tags={"owner": ["crm"]})
    path = f"{CATALOG}/dataSets/{ident}"
    found = http.get(path).json()
    assert list(found) == [ident]
    assert "id" not in found[ident]
    assert found[ident]["tags"] == {"adobe/pqs/table": ["sales"], "owner": ["crm"]}
    assert http.patch(path, json={"tags": {"owner": ["web"]}}).json() == [f"@/dataSets/{ident}"]
    assert http.get(path).json()[ident]["tags"] == {"owner": ["web"]}, "a merge replaces objects whole"
    kinds = {"dataBehavior": "record", "managedBy": "CUSTOMER"}
    json_patch = {"Content-Type": "application/json-patch+json"}
    step = [{"op": "add", "path": "/tags/team", "value": ["a"]}]
    assert http.patch(path, json=step, headers=json_patch).status_code == 200
    assert (
        http.patch(f"{CATALOG}/v2/dataSets/{ident}", json={"classification": {**kinds, "more": 1}}).status_code == 200
    )
    assert (
        http.patch(
            f"{CATALOG}/v2/dataSets/{ident}", json={"classification": {**kinds, "dataBehavior": "adhoc"}}
        ).status_code
        == 200
    )
    body = http.get(path).json()[ident]
    assert body["classification"] == {**kinds, "dataBehavior": "adhoc", "more": 1}
    assert body["tags"] == {"owner": ["web"], "team": ["a"]}
    assert body["version"] == "1.0.4"
    stale = {"If-Match": "1"}
    assert http.patch(f"{CATALOG}/v2/dataSets/{ident}", json={"name": "x"}, headers=stale).status_code == 412
    assert http.put(path, json={"name": "Sales 2", "schemaRef": reference}).status_code == 200
    assert http.get(path).json()[ident]["name"] == "Sales 2"
    other = schema(http, "Other")
    lake = {"id": "c604ff05-7f1a-43c0-8e18-33bf874cb11c", "version": "1.0"}
    target = {"name": "t", "connectionSpec": lake, "data": {}, "params": {"dataSetId": ident}}
    assert http.post(f"{FLOW}/targetConnections", json=target).status_code == 201, "now somebody writes to it"
    for change in ({"schemaRef": {**reference, "id": other["$id"]}}, {"tags": {"a": "b"}}, {"name": ""}, []):
        assert http.patch(path, json=change).status_code == 400, change
    in_use = http.delete(f"{REGISTRY}/tenant/schemas/{made['meta:altId']}")
    assert in_use.status_code == 400
    assert http.delete(path).json() == [f"@/dataSets/{ident}"]
    assert http.get(path).json()["detail"] == "DataSet not found."
    assert http.delete(path).status_code == 404
    assert http.delete(f"{REGISTRY}/tenant/schemas/{made['meta:altId']}").status_code == 204


def test_datasets_are_paged_and_filtered(http: httpx.Client) -> None:
    ids = [dataset(http, f"d{n}", description="odd" if n % 2 else "even", tags={"t": [f"v{n}"]}) for n in range(5)]

    def listed(**query: str | int) -> list[str]:
        return list(http.get(f"{CATALOG}/dataSets", params=query).json())

    assert listed(limit=2) == ids[:2:-1]
    assert listed(limit=100, start=3) == ids[1::-1]
    assert listed(orderBy="asc:name") == ids
    assert listed(name="d3") == [ids[3]]
    assert sorted(listed(property="description==odd")) == sorted([ids[1], ids[3]])
    assert listed(property="name~^d[01]$", orderBy="desc:name") == [ids[1], ids[0]]
    assert listed(tags="t:v4") == [ids[4]]
    assert len(listed(tags="t:v*")) == 5
    assert http.get(f"{CATALOG}/dataSets?properties=name").json()[ids[0]] == {"name": "d0"}
    for bad in ("limit=0", "limit=101", "limit=x", "start=-1", "orderBy=name", "property=name", "colour=red"):
        assert http.get(f"{CATALOG}/dataSets?{bad}").status_code == 400, bad


def test_profile_wants_the_schema_first(http: httpx.Client) -> None:
    made = schema(http)
    reference = {"id": made["$id"], "contentType": "application/vnd.adobe.xed-full+json;version=1"}
    tags = {"unifiedProfile": ["enabled: true"], "unifiedIdentity": ["enabled: true"]}
    refused = http.post(f"{CATALOG}/dataSets", json={"name": "p", "schemaRef": reference, "tags": tags})
    assert (refused.status_code, "Profile" in refused.text) == (400, True)
    identity = {
        "@type": "xdm:descriptorIdentity", "xdm:sourceSchema": made["$id"], "xdm:sourceVersion": 1,
        "xdm:sourceProperty": "/person/name/firstName", "xdm:namespace": "Email", "xdm:property": "xdm:code",
        "xdm:isPrimary": True,
    }  # fmt: skip
    union = [{"op": "add", "path": "/meta:immutableTags", "value": ["union"]}]
    path = f"{REGISTRY}/tenant/schemas/{made['meta:altId']}"
    assert http.patch(path, json=union).status_code == 400, "no primary identity yet"
    assert http.post(f"{REGISTRY}/tenant/descriptors", json=identity).status_code == 201
    assert http.patch(path, json=union).json()["meta:immutableTags"] == ["union"]
    ident = dataset(http, "p", schemaRef=reference, tags=tags)
    upsert = {"tags": {**tags, "unifiedProfile": ["enabled:true", "isUpsert:true"]}}
    assert http.patch(f"{CATALOG}/dataSets/{ident}", json=upsert).status_code == 400
    off = {"tags": {"unifiedProfile": ["enabled:false"], "unifiedIdentity": ["enabled:false"]}}
    assert http.patch(f"{CATALOG}/dataSets/{ident}", json=off).status_code == 200
    assert http.patch(f"{CATALOG}/dataSets/{ident}", json=upsert).status_code == 200


def test_labels_of_a_dataset(http: httpx.Client) -> None:
    path = f"/data/foundation/dataset/datasets/{dataset(http, 'd')}/labels"
    body = {"labels": ["C1", "C2"], "optionalLabels": []}
    assert http.get(path).status_code == 404, "no labels yet"
    assert http.post(path, json=body).status_code == 201
    assert http.post(path, json=body).status_code == 409
    etag = http.get(path).headers["etag"]
    assert http.put(path, json=body, headers={"If-Match": '"9"'}).status_code == 409
    assert http.put(path, json={**body, "labels": ["C3"]}, headers={"If-Match": etag}).status_code == 200
    assert http.get(path).json()["labels"] == ["C3"]
    assert http.get("/data/foundation/dataset/datasets/none/labels").json()["code"] == "PES-404"


# -- Segmentation ----------------------------------------------------------------------------------------------------
def definition(name: str) -> dict[str, Any]:
    """Return the body of a segment definition."""
    expression = {"type": "PQL", "format": "pql/text", "value": 'workAddress.country = "US"'}
    return {"name": name, "schema": {"name": "_xdm.context.profile"}, "expression": expression}


def test_definitions_are_audiences(http: httpx.Client) -> None:
    path = f"{UPS}/segment/definitions"
    made = http.post(path, json=definition("Men over 50"))
    assert made.status_code == 200
    ident = made.json()["id"]
    assert made.headers["x-location"].endswith(ident)
    assert http.post(path, json=definition("Men over 50")).status_code == 422
    assert http.post(path, json={"name": "x"}).status_code == 400
    assert [item["id"] for item in http.get(path).json()["segments"]] == [ident]
    assert http.get(f"{UPS}/audiences/{ident}").json()["audienceId"] == ident
    assert http.patch(f"{path}/{ident}", json=definition("Men over 60")).json()["name"] == "Men over 60"
    assert http.get(f"{UPS}/audiences/{ident}").json()["name"] == "Men over 60", "both faces change"
    bulk = http.post(f"{path}/bulk-get", json={"ids": [{"id": ident}, {"id": "none"}]})
    assert (bulk.status_code, list(bulk.json()["results"])) == (207, [ident])
    assert http.delete(f"{path}/{ident}").json() == {"status": True, "message": "deleted"}
    assert http.get(f"{UPS}/audiences/{ident}").json()["errors"]["404"][0]["code"] == 404
    assert http.delete(f"{path}/{ident}").status_code == 404


def test_audiences_are_looked_up(http: httpx.Client) -> None:
    for name in ("Men over 50", "Women over 50", "Men under 20"):
        body = {"name": name, "description": name[::-1], "lifecycleState": "published"}
        assert http.post(f"{UPS}/audiences", json=body).status_code == 201
    external = http.post(
        f"{UPS}/audiences", json={"name": "List", "type": "ExternalAudience", "audienceId": "x1"}
    ).json()
    assert external["originName"] == "CUSTOM_UPLOAD"

    def names(**query: str | int) -> list[str]:
        return [item["name"] for item in http.get(f"{UPS}/audiences", params=query).json()["children"]]

    assert names(name="OVER 50", sort="name:asc") == ["Men over 50", "Women over 50"]
    assert names(description="05 REVO", sort="name:desc") == ["Women over 50", "Men over 50"]
    assert names(property="audienceId==x1") == ["List"]
    assert names(property="name==List") == ["List"]
    assert names(start=1, limit=2, sort="name:asc") == ["Men over 50", "Men under 20"]
    page = http.get(f"{UPS}/audiences?limit=3").json()
    assert (page["_page"]["totalCount"], page["_page"]["next"]) == (4, 3)
    assert http.get(f"{UPS}/{page['_links']['next']['href'].removeprefix('@/')}").json()["_page"]["pageSize"] == 1
    changed = http.patch(
        f"{UPS}/audiences/{external['id']}", json=[{"op": "add", "path": "/lifecycleState", "value": "archived"}]
    )
    assert (changed.status_code, changed.json()["lifecycleState"]) == (201, "archived")
    assert http.patch(f"{UPS}/audiences/{external['id']}", json={"lifecycleState": "gone"}).status_code == 400
    assert http.put(f"{UPS}/audiences/{external['id']}", json={"name": "L2"}).json()["name"] == "L2"
    assert http.delete(f"{UPS}/audiences/{external['id']}").status_code == 204
    for bad in ("limit=0", "start=x", "sort=a:b", "property=name"):
        assert http.get(f"{UPS}/audiences?{bad}").status_code == 400, bad


# -- sandboxes and references ----------------------------------------------------------------------------------------
def test_sandboxes_are_those_that_hold_something(http: httpx.Client) -> None:
    dataset(http, "d")
    base = "/data/foundation/sandbox-management"
    found = http.get(f"{base}/", headers={"Accept": "application/json"}).json()["sandboxes"]
    assert [(item["name"], item["isDefault"], item["type"]) for item in found] == [
        ("dev", False, "development"),
        ("prod", True, "production"),
    ]
    assert "id" not in found[0]
    assert http.get(f"{base}/sandboxes").json()["_page"]["count"] == 2
    assert http.get(f"{base}/sandboxes/dev").json()["state"] == "active"
    assert http.get(f"{base}/sandboxes/nowhere").status_code == 404
    assert {item["id"] for item in http.get(f"{base}/sandboxTypes").json()["sandboxTypes"]} == {
        "production",
        "development",
    }


def test_strict_references_and_sandboxes() -> None:
    for server in serve(Options(strict_references=True, strict_sandboxes=True)):
        seed = {"format": "reconciler-emulator/1", "tenants": [
            {"organization": "O@AdobeOrg", "objects": {"sandboxes": [{"name": "dev", "title": "Dev"}]}},
        ]}  # fmt: skip
        httpx.post(f"{server.url}/_emulator/seed", json=seed).raise_for_status()
        with httpx.Client(base_url=server.url, headers=HEADERS) as http:
            nowhere = http.get(f"{CATALOG}/dataSets", headers={"x-sandbox-name": "staging"})
            assert (nowhere.status_code, "2100" in nowhere.text) == (404, True)
            lost = {"id": "https://ns.adobe.com/t/schemas/1", "contentType": "x"}
            assert http.post(f"{CATALOG}/dataSets", json={"name": "d", "schemaRef": lost}).status_code == 400
            assert http.post(f"{PREP}/mappingSets", json=rows(("a", "b"), schema_id=lost["id"])).status_code == 400
            made = schema(http)
            dataset(http, "d", schemaRef={"id": made["$id"], "contentType": "x"})
            unknown = {"type": "object", "title": "t", "allOf": [{"$ref": PROFILE}, {"$ref": f"{PROFILE}-nothing"}]}
            assert http.post(f"{REGISTRY}/tenant/schemas", json=unknown).status_code == 400


def test_tutorial_forms(server: Server) -> None:
    for other in serve(Options(tutorial_forms=True, mapping_sets_deletable=True)):
        with httpx.Client(base_url=other.url, headers=HEADERS) as http:
            found = http.post(f"{PREP}/languages/el/validate", json={"expression": "lower(a)"}).json()
            assert found == {"validationStatus": "succeeded", "error": "none"}
            ident = http.post(f"{PREP}/mappingSets", json=rows(("a", "b"))).json()["id"]
            assert "mappings" not in http.put(f"{PREP}/mappingSets/{ident}", json=rows(("a", "c"))).json()
            assert http.delete(f"{PREP}/mappingSets/{ident}").status_code == 200
            assert http.get(f"{PREP}/mappingSets/{ident}").status_code == 404
            assert http.post(f"{UPS}/audiences", json={"name": "a"}).status_code == 200
