"""Flow runs and the streaming inlet, asked by a plain HTTP client that follows the addresses it was handed."""

from __future__ import annotations

import time
from typing import Any

import httpx
import pytest

from reconciler.emulator.options import Options
from tests.conftest import FLOW, HEADERS, Server, serve

LAKE = {"id": "c604ff05-7f1a-43c0-8e18-33bf874cb11c", "version": "1.0"}
WEBHOOK = {"id": "96479064-7b8a-4d69-b9ed-21c5683837ea", "version": "1.0"}
WEBHOOK_FLOW = {"id": "e77fde5a-22a8-11ed-861d-0242ac120002", "version": "1.0"}
HTTP_API = {"id": "bc7b00d6-623a-4dfc-9fdb-f1240aeadaeb", "version": "1.0"}
HTTP_FLOW = {"id": "d8a6f005-7eaf-4153-983e-e8574508b877", "version": "1.0"}
S3 = {"id": "ecadc60c-7455-4d87-84dc-2a0e293d997b", "version": "1.0"}
S3_FLOW = {"id": "9753525b-82c7-4dce-8a9b-5ccfce2b9876", "version": "1.0"}
NOW = int(time.time())


def post(http: httpx.Client, path: str, body: Any, status: int = 201) -> Any:
    """POST to the Flow Service and return the answer."""
    answer = http.post(f"{FLOW}/{path}", json=body) if body is not None else http.post(f"{FLOW}/{path}")
    assert answer.status_code == status, answer.text
    return answer.json()


def dataflow(http: httpx.Client, spec: Any, flow_spec: Any, base: str | None = None, **more: Any) -> dict[str, Any]:
    """Make a source dataflow and return its flow as it is read back."""
    account = {"baseConnectionId": base} if base else {}
    source = {"name": "s", "connectionSpec": spec, "data": {"format": "json"}, **account}
    target = {"name": "t", "connectionSpec": LAKE, "data": {"format": "json"}, "params": {"dataSetId": "d"}}
    flow = {
        "name": "f",
        "flowSpec": flow_spec,
        "sourceConnectionIds": [post(http, "sourceConnections", source)["id"]],
        "targetConnectionIds": [post(http, "targetConnections", target)["id"]],
        **more,
    }
    ident = post(http, "flows", flow)["id"]
    found: dict[str, Any] = http.get(f"{FLOW}/flows/{ident}").json()["items"][0]
    return found


def runs(http: httpx.Client, flow: dict[str, Any], more: str = "") -> list[dict[str, Any]]:
    """Return the runs of a flow, by the link it gives."""
    found: list[dict[str, Any]] = http.get(f"{FLOW}{flow['runs']}{more}").json()["items"]
    return found


def envelope(flow: str = "", **more: Any) -> dict[str, Any]:
    """Return an XDM message."""
    reference = {"id": "https://ns.adobe.com/t/schemas/1", "contentType": "x"}
    header = {"schemaRef": reference, "imsOrgId": "O@AdobeOrg", "datasetId": "d", "flowId": flow}
    return {"header": header, "body": {"xdmMeta": {"schemaRef": reference}, "xdmEntity": {"_id": "1"}}, **more}


def test_events_at_a_webhook_become_runs(http: httpx.Client, server: Server) -> None:
    flow = dataflow(http, WEBHOOK, WEBHOOK_FLOW)
    inlet = flow["options"]["inletUrl"]
    assert inlet.startswith(f"{server.url}/collection/"), "an address that really takes events"
    assert len(inlet.rpartition("/")[2]) == 64
    for number in range(3):
        answer = httpx.post(inlet, json={"event_id": number})
        assert answer.status_code == 200
        assert set(answer.json()) == {"inletId", "xactionId", "receivedTimeMs"}
    found = runs(http, flow)
    records = [item["metrics"]["recordSummary"] for item in found]
    assert sum(item["inputRecordCount"] for item in records) == 3
    assert sum(item["outputRecordCount"] for item in records) == 3
    assert found[0]["metrics"]["statusSummary"]["status"] == "success"
    last = http.get(f"{FLOW}/flows/{flow['id']}").json()["items"][0]
    assert last["lastRunDetails"]["state"] == "success"
    assert last["etag"] == flow["etag"], "a run is no change of the flow"
    post(http, f"flows/{flow['id']}/action?op=disable", None, 200)
    httpx.post(inlet, json={"event_id": 9})
    assert sum(item["metrics"]["recordSummary"]["inputRecordCount"] for item in runs(http, flow)) == 3


def test_the_inlet_of_an_account_and_its_refusals(http: httpx.Client, server: Server) -> None:
    auth = {"specName": "Streaming Connection", "params": {"dataType": "xdm", "name": "n", "sourceId": "s"}}
    base = post(http, "connections", {"name": "a", "connectionSpec": HTTP_API, "auth": auth})["id"]
    params = http.get(f"{FLOW}/connections/{base}").json()["items"][0]["auth"]["params"]
    assert params["inletUrl"].endswith(params["inletId"])
    flow = dataflow(http, HTTP_API, HTTP_FLOW, base)
    inlet = params["inletUrl"]
    assert httpx.post(inlet, json=envelope(flow["id"])).status_code == 200
    bad = {"header": {}}
    assert httpx.post(inlet, json=bad).status_code == 200, "bad data is taken, and fails later"
    refused = httpx.post(inlet + "?syncValidation=true", json=bad)
    assert (refused.status_code, refused.json()["status"]) == (400, "400")
    several = inlet.replace("/collection/", "/collection/batch/")
    batch = httpx.post(several, json={"messages": [envelope(flow["id"]), bad]})
    assert batch.status_code == 207
    assert [sorted(item) for item in batch.json()["responses"]] == [["xactionId"], ["message", "status"]]
    summaries = [run["metrics"]["recordSummary"] for run in runs(http, flow)]  # two, where a minute ended in between
    assert [sum(item[name] for item in summaries) for name in ("inputRecordCount", "failedRecordCount")] == [4, 2]
    assert any(item.get("failedInfo") for item in summaries)
    assert httpx.post(f"{server.url}/collection/{'0' * 64}", json={}).status_code == 400
    assert httpx.post(inlet, content=b'"' + b"x" * 1024 * 1024 + b'"').status_code == 413
    assert httpx.post(several, json={}).status_code == 400


def test_an_account_can_want_a_token(http: httpx.Client) -> None:
    params = {"dataType": "raw", "name": "n", "authenticationRequired": True}
    auth = {"specName": "Streaming Connection", "params": params}
    base = post(http, "connections", {"name": "a", "connectionSpec": HTTP_API, "auth": auth})["id"]
    flow = dataflow(http, HTTP_API, HTTP_FLOW, base)
    inlet = http.get(f"{FLOW}/connections/{base}").json()["items"][0]["auth"]["params"]["inletUrl"]
    assert httpx.post(inlet, json={"a": 1}).status_code == 401
    named = {"Authorization": "Bearer t", "x-adobe-flow-id": flow["id"]}
    assert httpx.post(inlet, json={"a": 1}, headers=named).status_code == 200
    assert len(runs(http, flow)) == 1


def test_runs_on_demand(http: httpx.Client) -> None:
    once = dataflow(http, S3, S3_FLOW, scheduleParams={"startTime": NOW, "frequency": "once"})
    assert len(runs(http, once)) == 1, "a flow that runs once does so when it is made"
    params = {"startTime": NOW, "windowStartTime": NOW - 60, "windowEndTime": NOW}
    made = post(http, "runs", {"flowId": once["id"], "params": params})
    assert set(made) == {"id", "etag"}
    found = http.get(f"{FLOW}/runs/{made['id']}").json()["items"][0]
    assert found["flowId"] == once["id"]
    daily = dataflow(http, S3, S3_FLOW, scheduleParams={"startTime": NOW, "frequency": "day", "interval": 1})
    post(http, "runs", {"flowId": daily["id"]}, 400)
    post(http, "runs", {"flowId": "none"}, 400)
    assert http.put(f"{FLOW}/runs/{made['id']}", json={}).json()["type"].endswith("1427-400")
    assert http.get(f"{FLOW}/runs/none").status_code == 404
    post(http, f"runs/{made['id']}/action?op=RE_TRIGGER", None, 400)
    for other in serve(Options(tutorial_forms=True)):
        with httpx.Client(base_url=other.url, headers=HEADERS) as client:
            once = dataflow(client, S3, S3_FLOW, scheduleParams={"startTime": str(NOW), "frequency": "once"})
            assert list(post(client, "runs", {"flowId": once["id"]})) == ["items"]


def test_runs_are_made_from_behind_and_filtered(http: httpx.Client, server: Server) -> None:
    flow = dataflow(http, WEBHOOK, WEBHOOK_FLOW)
    failed = {"statusSummary": {"status": "failed", "errors": [{"code": "CONNECTOR-2001-500", "message": "no route"}]}}
    for number, metrics in enumerate([{}, failed, {"recordSummary": {"inputRecordCount": 7}}]):
        wish = {"organization": "O@AdobeOrg", "sandbox": "dev", "flowId": flow["id"], "metrics": metrics}
        answer = httpx.post(f"{server.url}/_emulator/runs", json={**wish, "startedAt": 1_000_000 + number})
        assert answer.status_code == 201, answer.text
    assert [item["createdAt"] for item in runs(http, flow, "&orderby=createdAt&limit=2")] == [1_000_000, 1_000_001]
    assert len(runs(http, flow, "&property=metrics.statusSummary.status==failed")) == 1
    assert len(runs(http, flow, "&property=metrics.durationSummary.startedAtUTC>1000000")) == 2
    assert http.get(f"{FLOW}/runs?count=true").json() == {"count": 3}
    (bad,) = runs(http, flow, "&property=metrics.statusSummary.status==failed")
    assert post(http, f"runs/{bad['id']}/action?op=RE_TRIGGER", None, 200)["id"] == bad["id"]
    assert not runs(http, flow, "&property=metrics.statusSummary.status==failed")
    nobody = {"organization": "O@AdobeOrg", "sandbox": "dev", "flowId": "none"}
    assert httpx.post(f"{server.url}/_emulator/runs", json=nobody).status_code == 404


@pytest.mark.parametrize(
    ("schedule", "says"),
    [
        (None, "required"),
        ({"frequency": "day", "interval": 1}, "startTime"),
        ({"startTime": NOW, "frequency": "yearly", "interval": 1}, "frequency"),
        ({"startTime": NOW, "frequency": "day"}, "interval"),
        ({"startTime": NOW, "frequency": "day", "interval": 0}, "interval"),
        ({"startTime": NOW, "frequency": "minute", "interval": 10}, "15"),
        ({"startTime": "soon", "frequency": "day", "interval": 1}, "startTime"),
        ({"startTime": NOW, "frequency": "once", "backfill": True}, "backfill"),
    ],
)
def test_schedules_have_rules(http: httpx.Client, schedule: Any, says: str) -> None:
    source = {"name": "s", "connectionSpec": S3, "data": {"format": "json"}}
    target = {"name": "t", "connectionSpec": LAKE, "data": {"format": "json"}, "params": {}}
    body = {
        "name": "f",
        "flowSpec": S3_FLOW,
        "sourceConnectionIds": [post(http, "sourceConnections", source)["id"]],
        "targetConnectionIds": [post(http, "targetConnections", target)["id"]],
        **({"scheduleParams": schedule} if schedule else {}),
    }
    answer = http.post(f"{FLOW}/flows", json=body)
    assert (answer.status_code, says in answer.text) == (400, True), answer.text
    draft = http.post(f"{FLOW}/flows?mode=draft", json={**body, "scheduleParams": {}})
    assert draft.status_code == 201, "a draft may be incomplete"


def test_a_start_time_that_has_passed_stays(http: httpx.Client) -> None:
    past = dataflow(http, S3, S3_FLOW, scheduleParams={"startTime": NOW - 60, "frequency": "day", "interval": 1})
    future = dataflow(http, S3, S3_FLOW, scheduleParams={"startTime": NOW + 6000, "frequency": "day", "interval": 1})
    streaming = dataflow(http, WEBHOOK, WEBHOOK_FLOW)

    def patched(flow: dict[str, Any], path: str, value: Any) -> httpx.Response:
        etag = http.get(f"{FLOW}/flows/{flow['id']}").json()["items"][0]["etag"]
        steps = [{"op": "add", "path": path, "value": value}]
        return http.patch(f"{FLOW}/flows/{flow['id']}", json=steps, headers={"If-Match": etag})

    assert "has passed" in patched(past, "/scheduleParams/startTime", NOW + 60).text
    assert patched(past, "/scheduleParams/startTime", str(NOW - 60)).status_code == 200, "the same time, as a text"
    assert patched(past, "/scheduleParams/frequency", "week").status_code == 200
    assert patched(future, "/scheduleParams/startTime", NOW + 7000).status_code == 200
    assert patched(streaming, "/scheduleParams", {"startTime": NOW}).status_code == 400


def test_a_flow_spec_takes_its_own_ends(http: httpx.Client) -> None:
    source = {"name": "s", "connectionSpec": S3, "data": {"format": "json"}}
    target = {"name": "t", "connectionSpec": LAKE, "data": {"format": "json"}, "params": {}}
    body = {
        "name": "f",
        "flowSpec": WEBHOOK_FLOW,
        "sourceConnectionIds": [post(http, "sourceConnections", source)["id"]],
        "targetConnectionIds": [post(http, "targetConnections", target)["id"]],
    }
    answer = http.post(f"{FLOW}/flows", json=body)
    assert (answer.status_code, answer.json()["type"][-8:]) == (400, "1413-400")
