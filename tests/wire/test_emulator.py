"""The emulator, asked by a plain HTTP client that knows nothing of ours."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from reconciler.emulator.options import Options
from tests.conftest import FLOW, HEADERS, PREP, Server, serve

PROFILE = {"id": "8a9c3494-9708-43d7-ae3f-cda01e5030e1", "version": "1.0"}
KINESIS = {"id": "86043421-563b-46ec-8e6c-e23184711bf6", "version": "1.0"}
AUTH = {
    "specName": "Aws Kinesis authentication credentials",
    "params": {"accessKeyId": "a", "secretKey": "hush", "region": "r"},
}


def made(http: httpx.Client, kind: str, body: dict[str, Any], status: int = 201) -> Any:
    """POST an object and return the answer."""
    answer = http.post(f"{FLOW}/{kind}", json=body)
    assert answer.status_code == status, answer.text
    return answer.json()


def account(http: httpx.Client, name: str = "n", **more: Any) -> str:
    """Make a base connection and return its id."""
    return str(made(http, "connections", {"name": name, "connectionSpec": PROFILE, **more})["id"])


def destination(http: httpx.Client) -> dict[str, str]:
    """Make a whole destination dataflow and return its ids."""
    base, store = account(http, connectionSpec=KINESIS, auth=AUTH), account(http)
    source = made(
        http, "sourceConnections", {"name": "s", "connectionSpec": PROFILE, "baseConnectionId": store, "data": {}}
    )
    target = made(
        http, "targetConnections", {"name": "t", "connectionSpec": KINESIS, "baseConnectionId": base, "params": {}}
    )
    flow = made(
        http,
        "flows",
        {
            "name": "f",
            "flowSpec": {"id": "71471eba-b620-49e4-90fd-23f1fa0174d8", "version": "1.0"},
            "sourceConnectionIds": [source["id"]],
            "targetConnectionIds": [target["id"]],
            "transformations": [{"name": "GeneralTransform", "params": {"segmentSelectors": {"selectors": []}}}],
        },
    )
    return {"base": base, "source": source["id"], "target": target["id"], "flow": flow["id"], "etag": flow["etag"]}


@pytest.mark.parametrize(
    ("missing", "status", "says"),
    [
        ("Authorization", 403, "403010"),
        ("x-api-key", 403, "403000"),
        ("x-gw-ims-org-id", 400, "400003"),
        ("x-sandbox-name", 400, "2105"),
    ],
)
def test_headers_are_wanted(server: Server, missing: str, status: int, says: str) -> None:
    headers = {key: value for key, value in HEADERS.items() if key != missing}
    answer = httpx.get(f"{server.url}{FLOW}/flows", headers=headers)
    assert answer.status_code == status
    assert says in answer.text


def test_expired_tokens_and_bad_bodies(http: httpx.Client) -> None:
    assert http.get(f"{FLOW}/flows", headers={"Authorization": "Bearer expired"}).json()["error_code"] == "401013"
    assert "content-type" in http.post(f"{FLOW}/connections", content="{}").text
    json = {"Content-Type": "application/json"}
    for text in ("{", "[1", '{"name": NaN}', "[" * 100_000):
        refused = http.post(f"{FLOW}/connections", content=text, headers=json)
        assert (refused.status_code, "not valid JSON" in refused.text) == (400, True), text[:20]
    assert http.post(f"{FLOW}/connections", content="", headers=json).status_code == 400
    assert http.post(f"{FLOW}/connections", json=[]).status_code == 400
    assert http.get("/nowhere").status_code == 404


def test_organizations_and_sandboxes_are_apart(http: httpx.Client) -> None:
    ident = account(http)
    for other in ({"x-sandbox-name": "prod"}, {"x-gw-ims-org-id": "other"}):
        assert http.get(f"{FLOW}/connections", headers=other).json()["items"] == []
        answer = http.get(f"{FLOW}/connections/{ident}", headers=other)
        assert answer.status_code == 404
        assert answer.json()["errorMessage"] == f"connections not found with id = [{ident}]"


def test_secrets_are_never_returned(http: httpx.Client) -> None:
    ident = account(http, connectionSpec=KINESIS, auth=AUTH)
    found = http.get(f"{FLOW}/connections/{ident}")
    assert "hush" not in found.text
    assert found.json()["items"][0]["auth"]["params"]["region"] == "r"
    assert "authorizedDate" in found.json()["items"][0]["auth"]["params"]
    assert "hush" not in http.get(f"{FLOW}/connections").text
    assert http.get(f"{FLOW}/connections/{ident}/test").json() == {"result": True}


@pytest.mark.parametrize(
    ("kind", "body", "status", "says"),
    [
        ("connections", {"name": "n"}, 400, "valid spec id"),
        ("connections", {"name": "n", "connectionSpec": {"id": PROFILE["id"]}}, 422, "version"),
        ("connections", {"connectionSpec": PROFILE}, 400, "name"),
        ("connections", {"name": "n", "connectionSpec": KINESIS, "auth": {"specName": "x"}}, 400, "1415"),
        ("sourceConnections", {"name": "n", "connectionSpec": PROFILE, "baseConnectionId": "x"}, 400, "1412"),
        ("flows", {"name": "n", "flowSpec": {"id": "x"}}, 400, "1413"),
        ("flows", {"name": "n", "state": "enabled"}, 400, "1410"),
    ],
)
def test_bad_creates_are_refused(http: httpx.Client, kind: str, body: dict[str, Any], status: int, says: str) -> None:
    answer = http.post(f"{FLOW}/{kind}", json=body)
    assert answer.status_code == status
    assert says in answer.text


def test_if_match(http: httpx.Client) -> None:
    ident = account(http)
    etag = http.get(f"{FLOW}/connections/{ident}").json()["items"][0]["etag"]
    patch = [{"op": "REPLACE", "path": "/name", "value": "m"}]
    path = f"{FLOW}/connections/{ident}"
    missing = http.patch(path, json=patch)
    assert (missing.status_code, "1403-400" in missing.text) == (400, True)
    assert http.patch(path, json=patch, headers={"If-Match": etag.strip('"')}).status_code == 412
    assert http.patch(path, json=patch, headers={"If-Match": '"old"'}).status_code == 412
    done = http.patch(path, json=patch, headers={"If-Match": etag})
    assert done.status_code == 200
    assert done.json()["etag"] != etag
    assert http.patch(path, json=patch, headers={"If-Match": etag}).status_code == 412
    assert http.get(f"{path}/").json()["items"][0]["name"] == "m", "a trailing slash is fine"


@pytest.mark.parametrize(
    ("kind", "operation", "code"),
    [
        ("base", {"op": "replace", "path": "/connectionSpec/id", "value": "x"}, "1414"),
        ("base", {"op": "move", "path": "/name", "from": "/description"}, "1434"),
        ("flow", {"op": "replace", "path": "/nothing", "value": 1}, "1455"),
        ("flow", {"op": "replace", "path": "/state", "value": "disabled"}, "1455"),
        ("flow", {"op": "remove", "path": "/transformations/9"}, "1455"),
        ("flow", {"op": "replace", "path": "/sourceConnectionIds", "value": ["x"]}, "1412"),
        ("flow", {"path": "/name"}, "1455"),
    ],
)
def test_bad_patches_are_refused(http: httpx.Client, kind: str, operation: dict[str, Any], code: str) -> None:
    ids = destination(http)
    path = f"{FLOW}/{'flows' if kind == 'flow' else 'connections'}/{ids[kind]}"
    etag = http.get(path).json()["items"][0]["etag"]
    answer = http.patch(path, json=[operation], headers={"If-Match": etag})
    assert answer.status_code == 400
    assert code in answer.text


def test_the_life_of_a_flow(http: httpx.Client) -> None:
    ids = destination(http)
    path = f"{FLOW}/flows/{ids['flow']}"
    flow = http.get(path).json()["items"][0]
    assert flow["state"] == "enabled"
    assert flow["etag"] != ids["etag"], "the platform enables it itself"
    assert flow["lastOperation"]["operation"] == "enable"
    assert flow["inheritedAttributes"]["properties"] == {"isDestinationFlow": True}
    source = http.get(f"{FLOW}/sourceConnections/{ids['source']}").json()["items"][0]
    assert "baseConnectionId" not in source
    assert source["typeInfo"]["type"] == "ProfileFragments"
    assert http.post(f"{path}/action?op=ENABLE").status_code == 400
    assert http.post(f"{path}/action?op=DISABLE").status_code == 200
    assert http.get(path).json()["items"][0]["state"] == "disabled"
    for kind, name in (("connections", "base"), ("sourceConnections", "source"), ("targetConnections", "target")):
        in_use = http.delete(f"{FLOW}/{kind}/{ids[name]}")
        assert in_use.status_code == 400
        assert ids["flow"] in in_use.text or ids["target"] in in_use.text
    assert http.delete(path).status_code == 204
    assert http.delete(path).status_code == 404
    assert http.delete(f"{FLOW}/targetConnections/{ids['target']}").status_code == 204


def test_drafts_are_published_in_order(http: httpx.Client) -> None:
    draft = http.post(f"{FLOW}/targetConnections?mode=draft", json={"name": "t", "connectionSpec": KINESIS}).json()[
        "id"
    ]
    ids = destination(http)
    body = {
        "name": "d",
        "flowSpec": {"id": "71471eba-b620-49e4-90fd-23f1fa0174d8", "version": "1.0"},
        "sourceConnectionIds": [ids["source"]],
        "targetConnectionIds": [draft],
    }
    flow = http.post(f"{FLOW}/flows?mode=draft", json=body).json()["id"]
    assert http.get(f"{FLOW}/flows/{flow}").json()["items"][0]["state"] == "draft"
    assert "published first" in http.post(f"{FLOW}/flows/{flow}/action?op=publish").text
    assert http.post(f"{FLOW}/targetConnections/{draft}/action?op=publish").status_code == 200
    assert http.post(f"{FLOW}/flows/{flow}/action?op=publish").status_code == 200


def test_lists_are_paged_filtered_and_ordered(http: httpx.Client) -> None:
    for number in range(25):
        account(http, f"n{number:02}", description="odd, really" if number % 2 else "even")
    seen: list[str] = []
    href: str | None = "/connections?limit=10"
    pages = 0
    while href:
        page = http.get(FLOW + href).json()
        seen += [item["name"] for item in page["items"]]
        href = page["_links"].get("next", {}).get("href")
        pages += 1
    assert pages == 3
    assert seen == [f"n{number:02}" for number in reversed(range(25))], "newest first, none lost, none twice"

    def names(**query: Any) -> list[str]:
        return [item["name"] for item in http.get(f"{FLOW}/connections", params=query).json()["items"]]

    assert names(property="name==n03") == ["n03"]
    assert names(property='name=="n03"') == ["n03"]
    assert names(property="name==n03,n04") == ["n04", "n03"]
    assert len(names(property='description=="odd, really"')) == 12
    assert names(property=["name==n03", "description==even"]) == []
    assert len(names(property="connectionSpec.id==" + PROFILE["id"], limit=5)) == 5
    assert len(names(property="createdAt>1")) == 25
    assert names(orderby="name", limit=2) == ["n00", "n01"]
    assert names(orderby="-name", limit=1) == ["n24"]
    assert http.get(f"{FLOW}/connections?count=true").json() == {"count": 25}
    ordered = http.get(f"{FLOW}/connections?orderby=name&limit=20").json()
    assert len(http.get(FLOW + ordered["_links"]["next"]["href"]).json()["items"]) == 5
    for bad, code in (
        ("count=true&limit=5", "1401"), ("limit=0", "1453"), ("colour=red", "1451"), ("property=name~x", "1440"),
        ("property=name", "1450"), ("property=name==", "1454"), ("orderby=%2B%2B1", "1432"), ("orderby=1", "1433"),
        ("property=createdAt>1,2", "1443"), ("continuationToken=rubbish", "1453"),
    ):  # fmt: skip
        answer = http.get(f"{FLOW}/connections?{bad}")
        assert (answer.status_code, code in answer.text) == (400, True), bad


def test_selector_filters_reach_into_lists(http: httpx.Client) -> None:
    ids = destination(http)
    etag = http.get(f"{FLOW}/flows/{ids['flow']}").json()["items"][0]["etag"]
    value = {"type": "PLATFORM_SEGMENT", "value": {"id": "x"}}
    step = {"op": "add", "path": "/transformations/0/params/segmentSelectors/selectors/-", "value": value}
    assert http.patch(f"{FLOW}/flows/{ids['flow']}", json=[step], headers={"If-Match": etag}).status_code == 200
    place = "transformations[].params.segmentSelectors.selectors[].value.id"
    assert len(http.get(f"{FLOW}/flows", params={"property": f"{place}==x"}).json()["items"]) == 1
    assert http.get(f"{FLOW}/flows", params={"property": f"{place}==y"}).json()["items"] == []


def test_mapping_sets_have_versions_and_no_delete(http: httpx.Client) -> None:
    body = {"outputSchema": {}, "mappings": [{"sourceAttribute": "a", "destinationXdmPath": "_t.a"}]}
    first = http.post(f"{PREP}/mappingSets", json=body)
    assert first.status_code == 200
    ident = first.json()["id"]
    assert len(ident) == 32
    body["mappings"] = [{"sourceType": "EXPRESSION", "source": "lower(a)", "destination": "_t.a"}]
    assert http.put(f"{PREP}/mappingSets/{ident}", json=body).json()["version"] == 1
    newest = http.get(f"{PREP}/mappingSets/{ident}").json()
    assert newest["mappings"][0]["sourceType"] == "text/x.aep-xl"
    assert newest["mappings"][0]["sourceAttribute"] == newest["mappings"][0]["source"] == "lower(a)"
    assert http.get(f"{PREP}/mappingSets/{ident}?version=0").json()["mappings"][0]["source"] == "a"
    assert http.get(f"{PREP}/mappingSets/{ident}?version=7").status_code == 404
    assert http.get(f"{PREP}/mappingSets/{ident}/mappings").json()[0]["destination"] == "_t.a"
    assert http.delete(f"{PREP}/mappingSets/{ident}").status_code == 405
    assert http.get(f"{PREP}/mappingSets/nobody").status_code == 404
    assert http.put(f"{PREP}/mappingSets/nobody", json=body).status_code == 404
    assert http.post(f"{PREP}/mappingSets", json={}).status_code == 400
    assert http.post(f"{PREP}/mappingSets", json={"mappings": [{}]}).status_code == 400
    assert http.post(f"{PREP}/mappingSets/validate", json=body).json()["validationResponse"][0]["status"] == "SUCCESS"
    assert http.get(f"{PREP}/mappingSets?limit=x&start=0").status_code == 400


def test_specs_come_from_the_catalog(http: httpx.Client) -> None:
    specs = http.get(f"{FLOW}/connectionSpecs").json()["items"]
    kinesis = next(item for item in specs if item["id"] == KINESIS["id"])
    assert kinesis["attributes"]["isSource"]
    assert kinesis["attributes"]["isDestination"]
    auth = next(item for item in kinesis["authSpec"] if item["name"] == AUTH["specName"])
    assert auth["spec"]["properties"]["secretKey"]["format"] == "password"
    assert http.get(f"{FLOW}/connectionSpecs/{KINESIS['id']}").json()["items"][0]["id"] == KINESIS["id"]
    assert len(http.get(f"{FLOW}/flowSpecs", params={"property": 'name=="CRMToAEP"'}).json()["items"]) == 1
    assert http.get(f"{FLOW}/flowSpecs/nobody").status_code == 404


def test_audiences_are_listed_by_page(http: httpx.Client) -> None:
    for number in range(5):
        http.post("/data/core/ups/audiences", json={"name": f"Loyal {number}"})
    page = http.get("/data/core/ups/audiences?name=LOYAL&limit=2").json()
    assert (len(page["children"]), page["_page"]["totalCount"], page["_page"]["next"]) == (2, 5, 2)
    one = page["children"][0]
    assert http.get(f"/data/core/ups/audiences/{one['id']}").json() == one
    assert http.get("/data/core/ups/audiences/nobody").status_code == 404


def test_tokens(server: Server) -> None:
    form = {"grant_type": "client_credentials", "client_id": "c", "client_secret": "s", "scope": "a,b"}
    answer = httpx.post(f"{server.url}/ims/token/v3", data=form).json()
    assert (answer["token_type"], answer["expires_in"]) == ("bearer", 86399)
    assert httpx.post(f"{server.url}/ims/token/v3", data={**form, "client_secret": "wrong"}).status_code == 401
    assert httpx.post(f"{server.url}/ims/token/v3", data={}).status_code == 400


def test_transitions_take_their_time() -> None:
    for server in serve(Options(settle_delay=3600, deletes_accepted=True, patch_without_body=True)):
        with httpx.Client(base_url=server.url, headers=HEADERS) as http:
            ids = destination(http)
            path = f"{FLOW}/flows/{ids['flow']}"
            flow = http.get(path).json()["items"][0]
            assert flow["state"] == "initializing"
            name = [{"op": "replace", "path": "/name", "value": "x"}]
            done = http.patch(path, json=name, headers={"If-Match": flow["etag"]})
            assert (done.status_code, done.text) == (202, "")
            assert http.delete(f"{FLOW}/flows/{ids['flow']}").status_code == 202


def test_objects_survive_in_a_file(tmp_path: Any) -> None:
    from reconciler.emulator.storage import Storage

    path = str(tmp_path / "emulator.db")
    for server in serve(storage=Storage(path)):
        with httpx.Client(base_url=server.url, headers=HEADERS) as http:
            ident = account(http)
    for server in serve(storage=Storage(path)):
        with httpx.Client(base_url=server.url, headers=HEADERS) as http:
            assert http.get(f"{FLOW}/connections/{ident}").status_code == 200
            assert http.get("/").json()["identity"]


def test_searches_ask_in_a_body(http: httpx.Client) -> None:
    for number in range(12):
        account(http, f"n{number:02}", description="odd" if number % 2 else "even")

    def search(kind: str = "connections", **body: Any) -> Any:
        return http.post(f"{FLOW}/{kind}/search", json=body).json()

    assert [item["name"] for item in search(queryString="property=name==n03")["items"]] == ["n03"]
    assert len(search(queryString="property=description==odd&property=createdAt>1", limit=1000)["items"]) == 6
    assert search(count=True) == {"count": 12}
    page = search(limit=5, orderby="description,-name", projectionFields="name, description")
    assert page["items"][0] == {"name": "n10", "description": "even"}
    following = http.post(f"{FLOW}{page['_links']['next']['href']}", json={"limit": 5, "orderby": "description,-name"})
    assert [item["name"] for item in following.json()["items"]] == ["n00", "n11", "n09", "n07", "n05"]
    found = http.post(f"{FLOW}/flowSpecs/search", json={"queryString": "name==CRMToAEP"}).json()["items"]
    assert [item["name"] for item in found] == ["CRMToAEP"]
    for bad in (
        {"limit": 0},
        {"limit": 1001},
        {"limit": "5"},
        {"queryString": 5},
        {"queryString": "property=colour==red"},
    ):
        assert http.post(f"{FLOW}/connections/search", json=bad).status_code == 400, bad


def test_filters_reach_through_lists_of_lists(http: httpx.Client) -> None:
    ids = destination(http)
    etag = http.get(f"{FLOW}/flows/{ids['flow']}").json()["items"][0]["etag"]
    path = "/transformations/0/params/segmentSelectors/selectors/-"
    steps = [{"op": "add", "path": path, "value": {"type": "x", "value": {"id": "aud", "on": True, "n": 5}}}]
    assert http.patch(f"{FLOW}/flows/{ids['flow']}", json=steps, headers={"If-Match": etag}).is_success
    way = "transformations[].params.segmentSelectors.selectors[].value"

    def found(text: str) -> int:
        return len(http.get(f"{FLOW}/flows", params={"property": text}).json()["items"])

    assert [found(f"{way}.id=={value}") for value in ("aud", "other")] == [1, 0]
    assert [found(f"{way}.on=={value}") for value in ("true", "false")] == [1, 0]
    assert [found(f"{way}.n{value}") for value in ("==5", ">=5", ">5", "<6")] == [1, 1, 0, 1]
    assert found("inheritedAttributes.properties.isDestinationFlow==true") == 1
    assert found(f"inheritedAttributes.targetConnections[].connectionSpec.id=={KINESIS['id']}") == 1
    assert [found(f"sourceConnectionIds[]=={value}") for value in (ids["source"], "x")] == [1, 0]
    assert found(f"sourceConnectionIds[]==x,{ids['source']}") == 1
    for bad, code in (("name!=x", "1450"), ("colour==red", "1449"), ("name>x", "1453"), ("a..b==c", "1449")):
        answer = http.get(f"{FLOW}/flows", params={"property": bad})
        assert (answer.status_code, code in answer.text) == (400, True), bad


def test_what_an_account_reaches(http: httpx.Client) -> None:
    base = account(http)
    where = f"{FLOW}/connections/{base}"
    roots = http.get(f"{where}/explore?objectType=root").json()
    assert {item["type"] for item in roots} == {"folder"}
    (file,) = http.get(f"{where}/explore?objectType=FOLDER&object={roots[0]['path']}").json()
    columns = http.get(f"{where}/explore?objectType=file&object={file['path']}&fileType=delimited").json()
    assert {"name", "type"} == set(columns[0])
    assert http.get(f"{where}/explore?objectType=galaxy").status_code == 400
    for number in range(3):
        http.post("/data/foundation/catalog/dataSets", json={"name": f"d{number}"}).raise_for_status()
    for path in (f"{where}/configs", f"{FLOW}/connectionSpecs/{KINESIS['id']}/configs"):
        page = http.get(f"{path}?outputType=activationDatasets&outputField=datasets&limit=2").json()
        assert (len(page["items"]), page["pageInfo"]) == (2, {"start": 0, "end": 2, "total": 3, "hasNext": True})
    assert http.post(f"{FLOW}/connectionSpecs", json={}).json()["type"].endswith("1426-400")
    assert http.get(f"{FLOW}/flowSpecs/none").status_code == 404


def test_ids_in_the_query_and_slashes_at_the_end(http: httpx.Client) -> None:
    """Prose of tutorials puts the id into the query; one description ends paths with a slash."""
    base = account(http)
    etag = http.get(f"{FLOW}/connections/{base}/").json()["items"][0]["etag"]
    steps = [{"op": "REPLACE", "path": "/name", "value": "m"}]
    assert http.patch(f"{FLOW}/connections/?id={base}", json=steps, headers={"If-Match": etag}).is_success
    assert http.delete(f"{FLOW}/connections?id={base}").status_code == 204
    assert http.delete(f"{FLOW}/connections").json()["type"].endswith("1411-400")
    assert http.get(f"{FLOW}/connections/{base}").status_code == 404


def test_other_names_of_a_login_and_what_a_delete_leaves(http: httpx.Client) -> None:
    sftp = {"id": "36965a81-b1c6-401b-99f8-22508f1e6a26", "version": "1.0"}
    auth = {"specName": "Basic Authentication for sftp", "params": {"username": "u", "password": "hush"}}
    made_one = made(http, "connections", {"name": "s", "connectionSpec": sftp, "auth": auth})
    shown = http.get(f"{FLOW}/connections/{made_one['id']}").json()["items"][0]["auth"]
    assert shown["specName"] == "SFTP with Password", "as it is read back"
    assert shown["params"]["password"] == "******"


def test_products_that_share_a_spec_hide_all_their_secrets(http: httpx.Client) -> None:
    """One id is claimed by two products whose ways to log in have one name and other parameters."""
    shared = {"id": "59a4b493-a615-40f9-bd38-f823d0909a2b", "version": "1.0"}
    specs = http.get(f"{FLOW}/connectionSpecs/{shared['id']}").json()["items"][0]["authSpec"]
    for spec in specs:
        properties = spec["spec"]["properties"]
        hidden = [name for name, facts in properties.items() if facts.get("format") == "password"]
        auth = {"specName": spec["name"], "params": dict.fromkeys(properties, "hush")}
        ident = made(http, "connections", {"name": "s", "connectionSpec": shared, "auth": auth})["id"]
        params = http.get(f"{FLOW}/connections/{ident}").json()["items"][0]["auth"]["params"]
        assert hidden
        assert {params[name] for name in hidden} == {"******"}
    names = {name for spec in specs for name in spec["spec"]["properties"]}
    assert {"username", "password"} <= names


def test_noise_and_deletes_that_take_their_time() -> None:
    options = Options(noise=True, stringify=True, deletes_accepted=True, settle_delay=3600)
    for server in serve(options):
        with httpx.Client(base_url=server.url, headers=HEADERS) as http:
            ids = destination(http)
            flow = http.get(f"{FLOW}/flows/{ids['flow']}").json()["items"][0]
            assert flow["experimental"] is None
            assert http.delete(f"{FLOW}/flows/{ids['flow']}").status_code == 202
            assert http.get(f"{FLOW}/flows/{ids['flow']}").json()["items"][0]["state"] == "delete-finalizing"
            assert http.delete(f"{FLOW}/flows/{ids['flow']}").json()["type"].endswith("1458-400")
            assert http.delete(f"{FLOW}/targetConnections/{ids['target']}").status_code == 400, "still in use"
