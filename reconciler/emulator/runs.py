"""Flow runs: the platform's, those of events, those on demand (flow-service.yaml, destinations.yaml)."""

from __future__ import annotations

import copy
import uuid
from collections.abc import Iterable
from typing import Any

from starlette.responses import Response

from reconciler.emulator import listing
from reconciler.emulator.options import Options
from reconciler.emulator.storage import Json, Storage
from reconciler.emulator.wire import (
    Ask,
    Caller,
    Endpoint,
    Refusal,
    Service,
    answer,
    flow_refusal,
    member,
    message_refusal,
    new_etag,
    new_uuid,
    now_ms,
)

BASE = "/data/foundation/flowservice"
WINDOW = 60_000
"""ms of events that are one run of a streaming flow."""

_BOTH = "flow-service.yaml, destinations.yaml; facts 9"
_ROOTS = frozenset((
    "id", "flowId", "createdAt", "updatedAt", "createdBy", "updatedBy", "createdClient", "updatedClient", "metrics",
    "state", "flowSpec", "providerRefId",
))  # fmt: skip
_COUNTS = (
    "inputRecordCount", "createdRecordCount", "updatedRecordCount", "deletedRecordCount", "skippedRecordCount",
    "failedRecordCount", "warningRecordCount", "outputRecordCount",
)  # fmt: skip


class Runs(Service):
    """Runs over one storage; other services tell it when a flow ran."""

    base = BASE
    title = "Flow Service: runs"

    def __init__(self, storage: Storage, options: Options) -> None:
        super().__init__(storage)
        self._options = options

    def endpoints(self) -> Iterable[Endpoint]:
        """Return the operations."""
        yield Endpoint("GET", "/runs", self.browse, "filters into metrics, orderby, paging, count", _BOTH)
        yield Endpoint("POST", "/runs", self.create, "only for flows with frequency once", "flow-service.yaml; facts 9")
        yield Endpoint("GET", "/runs/{id}", self.get, "404", _BOTH)
        yield Endpoint("PUT", "/runs/{id}", self.put, "1427: for services only", "flow-service.yaml; facts 9")
        yield Endpoint(
            "POST", "/runs/{id}/action", self.action, "re_trigger of a failed run", "flow-service.yaml; facts 9"
        )

    # -- asked for -------------------------------------------------------------------------------------------
    def browse(self, ask: Ask) -> Response:
        """GET a page of runs."""
        return listing.page(ask, self.storage, "runs", _shown, listing.View(_ROOTS))

    def get(self, ask: Ask) -> Response:
        """GET one run, as a list of one."""
        return answer({"items": [_shown(self._found(ask))]})

    def create(self, ask: Ask) -> Response:
        """POST a run on demand."""
        body = ask.object()
        flow = self.storage.get(ask.who.tenant, "flows", str(body.get("flowId")))
        if flow is None:
            raise flow_refusal("1430-400", "Flow not found", f"flows not found with id = [{body.get('flowId')}]")
        if member(flow, "scheduleParams.frequency") != "once":
            raise message_refusal(400, "Runs on demand are for flows with frequency once.")
        run = self.add(ask.who.tenant, flow, {})
        made = {"id": run["id"], "etag": run["etag"]}
        return answer({"items": [made]} if self._options.tutorial_forms else made, 201)

    def put(self, ask: Ask) -> Response:
        """PUT is refused: runs are written by services."""
        raise flow_refusal("1427-400", "User tokens may not create or update runs")

    def action(self, ask: Ask) -> Response:
        """POST …/action?op=re_trigger: a failed run is tried again, and succeeds."""
        run = self._found(ask)
        if ask.query.get("op", "").lower() != "re_trigger":
            raise flow_refusal("1435-400", "Unsupported action", f"op={ask.query.get('op')!r} is no action on a run.")
        if member(run, "metrics.statusSummary.status") != "failed":
            raise flow_refusal("1422-400", "Action not applicable", "Only a failed run can be tried again.")
        run["metrics"]["statusSummary"] = {"status": "success", "errors": []}
        self._keep(ask.who.tenant, run)
        return answer(_shown(run))

    def _found(self, ask: Ask) -> Json:
        run = self.storage.get(ask.who.tenant, "runs", ask.id)
        if run is None:
            text = f"runs not found with id = [{ask.id}]"
            raise Refusal(404, {"errorMessage": text, "errorDetails": text})
        return run

    # -- told ------------------------------------------------------------------------------------------------
    def begin(self, who: Caller, flow: Json) -> None:
        """A flow was made or published: one that runs once does so now."""
        if member(flow, "scheduleParams.frequency") == "once":
            self.add(who.tenant, flow, {})

    def add(self, tenant: str, flow: Json, metrics: Json, *, started: int | None = None, ident: str = "") -> Json:
        """Make a run of a flow with these metrics, and tell the flow; left out, they are a success of nothing."""
        ms = started or now_ms()
        etag = new_etag(self.storage, ms)
        run: Json = {
            **{key: flow[key] for key in ("sandboxId", "sandboxName", "imsOrgId", "flowSpec") if key in flow},
            "id": ident or new_uuid(),
            "createdAt": ms,
            "updatedAt": ms,
            "createdBy": flow.get("createdBy", ""),
            "updatedBy": flow.get("updatedBy", ""),
            "createdClient": flow.get("createdClient", ""),
            "updatedClient": flow.get("updatedClient", ""),
            "flowId": flow["id"],
            "providerRefId": f"M-{flow['id']}:{new_uuid()}",
            "etag": etag,
            "metrics": {**_empty(ms), **copy.deepcopy(metrics)},
            "activities": [],
        }
        self.storage.put(tenant, "runs", run, made=ms)
        self._tell(tenant, flow["id"], run)
        return run

    def count_events(self, tenant: str, flow: Json, *, good: int, bad: int, size: int, error: Json | None) -> None:
        """Add events to the run of a streaming flow's present window, which is made when there is none."""
        window = now_ms() // WINDOW * WINDOW
        ident = str(uuid.uuid5(uuid.NAMESPACE_OID, f"{tenant}/{flow['id']}/{window}"))
        run = self.storage.get(tenant, "runs", ident) or self.add(tenant, flow, {}, ident=ident)
        records, sizes = run["metrics"]["recordSummary"], run["metrics"]["sizeSummary"]
        for name, more in (
            ("inputRecordCount", good + bad), ("createdRecordCount", good), ("outputRecordCount", good),
            ("failedRecordCount", bad),
        ):  # fmt: skip
            records[name] = records.get(name, 0) + more
        sizes["inputBytes"] += size
        sizes["outputBytes"] += size if good else 0
        if error:
            records["failedInfo"] = [error]
        failed = records["failedRecordCount"] and not records["outputRecordCount"]
        run["metrics"]["statusSummary"] = {
            "status": "failed" if failed else "success",
            "errors": [error] if error else [],
        }
        run["metrics"]["durationSummary"]["completedAtUTC"] = now_ms()
        self._keep(tenant, run)

    def _keep(self, tenant: str, run: Json) -> None:
        run["updatedAt"] = now_ms()
        run["etag"] = new_etag(self.storage, run["updatedAt"])
        self.storage.put(tenant, "runs", run, made=run["createdAt"])
        self._tell(tenant, run["flowId"], run)

    def _tell(self, tenant: str, ident: str, run: Json) -> None:
        """The flow shows its last run; its etag does not move, since nobody changed the flow."""
        flow = self.storage.get(tenant, "flows", ident)
        if flow is None:
            return
        spans = run["metrics"].get("durationSummary") or {}
        flow["lastRunDetails"] = {
            "id": run["id"],
            "state": member(run, "metrics.statusSummary.status") or "success",
            "startedAtUTC": spans.get("startedAtUTC", run["createdAt"]),
            "completedAtUTC": spans.get("completedAtUTC", run["updatedAt"]),
        }
        ripens = flow.get("x-ripens")
        self.storage.put(tenant, "flows", flow, made=flow["createdAt"], ripens=ripens[1] if ripens else None)


def _empty(ms: int) -> Json:
    return {
        "durationSummary": {"startedAtUTC": ms, "completedAtUTC": ms},
        "sizeSummary": {"inputBytes": 0, "outputBytes": 0},
        "recordSummary": dict.fromkeys(_COUNTS, 0),
        "fileSummary": {},
        "statusSummary": {"status": "success", "errors": []},
    }


def _shown(run: Json) -> Json:
    shown: dict[str, Any] = {key: value for key, value in run.items() if not key.startswith("x-")}
    return shown
