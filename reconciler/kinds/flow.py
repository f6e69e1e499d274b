"""`Flow`: a dataflow, its transformations, schedule and state (flow-service.yaml, Flows)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from reconciler.core.abilities import Checked, Constrained, Reviewed, Suspendable, whole_number
from reconciler.core.answers import Answer, ListOf, Object, rows
from reconciler.core.kind import Check, Reference
from reconciler.core.observations import DataflowKind, Pin, Relying
from reconciler.core.plan.model import Action, Change
from reconciler.core.problems import Problem
from reconciler.core.resource import Call, Live, Reply
from reconciler.core.rules import AssociativeList, FieldChange, FieldRule, Reason, Rules
from reconciler.core.runs import Dataflow, order
from reconciler.core.selector import Selector, Selectors
from reconciler.core.values import MISSING, Path, Wire
from reconciler.kinds._flow_service import BASE, LEAVING, TRANSITIONAL, FlowServiceKind, item, server_owned
from reconciler.kinds._runs import SHAPE as RUN
from reconciler.kinds._runs import run_of
from reconciler.kinds.mapping_set import mapping_pins
from reconciler.kinds.selectors import PARAMS, SELECTORS

_EMPTY: dict[str, Wire] = {"profileMapping": {}, "primaryFields": [], "mandatoryFields": []}
_ENDS = {
    "enabling": "enabled", "enabled-finalizing": "enabled", "initializing": "enabled", "disabling": "disabled",
}  # fmt: skip
"""The states that transitions end in (flow-service.yaml)."""
_IMMUTABLE = (
    FieldRule("/flowSpec", Reason.IMMUTABLE, "documented nowhere as changeable"),
    FieldRule("/sourceConnectionIds", Reason.IMMUTABLE, "update-dataflows.md"),
    FieldRule("/targetConnectionIds", Reason.IMMUTABLE, "update-dataflows.md"),
)
_SOURCE_PAGE = "source/dataflows/{id}/activity"
"""As the alerts of sources link it ("Standard alert rules", see `core/console.py`)."""
_DESTINATION_PAGE = "destination/browse/{id}"
"""As Adobe's notebooks link it (github.com/Adobe-Marketing-Cloud/aep-cloud-ml-ecosystem, Week3Notebook.py)."""
_SHAPE = item(
    ("transformations", ListOf(Object(may=(("params", Object(may=(("profileMapping", Object()),))),)))),
    ("scheduleParams", Object()),
    ("options", Object()),
    ("lastOperation", Object()),
)


class Flow(FlowServiceKind, DataflowKind, Relying, Suspendable, Constrained, Reviewed, Checked):
    """Created without `state` (1410-400) and, for destinations, with empty selectors; the rest is a PATCH."""

    name = "Flow"
    collection = "flows"
    shape = _SHAPE
    uses = ("SourceConnection", "TargetConnection", "Connection")
    notes = FlowServiceKind.notes | {"inheritedAttributes"}  # of its connections
    reference = Reference(
        {
            "": {
                "name": "Customer.io",
                "flowSpec": {"id": "e77fde5a-22a8-11ed-861d-0242ac120002", "version": "1.0"},
                "sourceConnectionIds": ["5e3a2f"],
                "targetConnectionIds": ["6f4b30"],
                "transformations": [{"name": "Mapping", "params": {"mappingId": "1", "mappingVersion": 0}}],
                "state": "enabled",
            },
            " of a dataset export": {
                "name": "Loyalty export",
                "flowSpec": {"id": "269ba276-16fc-47db-92b0-c1049a3c131f", "version": "1.0"},
                "sourceConnectionIds": ["5e3a2f"],
                "targetConnectionIds": ["6f4b30"],
                "transformations": [],
                "scheduleParams": {"interval": 1, "timeUnit": "day", "startTime": 1893456000},
                "state": "enabled",
            },
        },
        replaces="a `startTime` that has passed",
        updates="; state by actions",
    )

    def __init__(self, selectors: Selectors = SELECTORS) -> None:
        """Build the rules from the rows in `selectors` that are lists of a flow."""
        self.selectors = tuple(row for row in selectors if row.kind == self.name)
        owned = server_owned(self.notes)
        self._rules = Rules(
            (
                *_IMMUTABLE,
                # the whole transformation goes, with its new mappingVersion
                FieldRule("/transformations/Mapping", Reason.ATOMIC, "update-dataflows.md", merge=True),
                FieldRule(
                    f"{PARAMS}/profileSelectors/selectors/*/value/operator", Reason.RELEASED,
                    "filled in by 0.1.0", values=("EXISTS",),
                ),
                *(FieldRule(f"{PARAMS}/{name}", Reason.ATOMIC, "destinations.yaml, PATCH /flows") for name in _EMPTY),
                *owned,
            ),
            (AssociativeList("/transformations", "/name", deep=True, exclusive=False), *self.selectors),
            unlabelled=(
                "/transformations", PARAMS.rpartition("/")[0], "/transformations/*/params",
                *(place for row in self.selectors for place in row.unlabelled),
            ),
        )  # fmt: skip
        self._source_rules = replace(self._rules, page=_SOURCE_PAGE)
        self._destination_rules = replace(self._rules, page=_DESTINATION_PAGE)
        # a dataset export gets a new source connection in place (export-datasets.md; destinations.yaml PATCH /flows);
        # its schedule goes whole, as the example there shows it
        self._export_rules = replace(
            self._rules,
            fields=(
                *(item for item in _IMMUTABLE if item.pattern != "/sourceConnectionIds"),
                FieldRule("/sourceConnectionIds", Reason.ATOMIC, "export-datasets.md"),
                FieldRule("/scheduleParams", Reason.ATOMIC, "destinations.yaml, PATCH /flows", merge=True),
                *owned,
            ),
            page=_DESTINATION_PAGE,
        )

    def needs_readback(self, body: Wire) -> bool:
        """The platform enables a new flow itself, which changes its etag (examples of flow-service.yaml)."""
        del body
        return True

    def rules(self, body: Wire) -> Rules:
        schedule = body.get("scheduleParams") if isinstance(body, dict) else None
        exporting = isinstance(schedule, dict) and "timeUnit" in schedule  # only dataset exports have one (7.5)
        if exporting:
            return self._export_rules
        transformations = body.get("transformations") if isinstance(body, dict) else None
        if not isinstance(transformations, list):
            return self._rules
        return self._destination_rules if any(map(_activates, transformations)) else self._source_rules

    def canonical(self, body: Wire) -> Wire:
        """Templates for the names of files and folders have two spellings each (destinations.yaml)."""
        if not isinstance(body, dict):
            return body
        body = {**body, **_with_file_names(body.get("transformations"))}
        schedule = body.get("scheduleParams")
        if not isinstance(schedule, dict) or "foldernameTemplate" not in schedule:
            return body
        other = {("folderNameTemplate" if key == "foldernameTemplate" else key): schedule[key] for key in schedule}
        return {**body, "scheduleParams": other}

    def seed(self, body: Wire) -> Wire:
        """Selectors start empty and are added by PATCH (connect-activate-batch-destinations.md)."""
        seed = super().seed(body)
        if isinstance(seed.get("transformations"), list):
            seed = {**seed, "transformations": [self._emptied(item) for item in seed["transformations"]]}
        return seed

    def _emptied(self, transformation: Wire) -> Wire:
        params = transformation.get("params") if isinstance(transformation, dict) else None
        if not isinstance(params, dict):
            return transformation
        emptied = dict(params)
        for row in self.selectors:
            name, inner = row.steps[-2:]
            if isinstance(params.get(name), dict) and inner in params[name]:
                emptied[name] = {**params[name], inner: []}
        if "profileMapping" in params:
            emptied |= _EMPTY
        return {**transformation, "params": emptied}

    def predicted(self, call: Call) -> Wire:
        """The platform enables a new flow unless it is a draft (draft.md)."""
        return {"state": "enabled", **self.created_fields(call)}

    def update(self, live: Live, patch: Sequence[Wire], body: Wire) -> Sequence[Call]:
        """Send whole lists of file exports as `add`, and empty ones instead of a removal (destinations.yaml)."""
        return super().update(live, [_set_whole(step) for step in patch], body)

    def actions(self, live: Live, body: Wire) -> Sequence[str]:
        """A draft is published, which enables it; the rest is enable and disable."""
        wanted, now = body.get("state", "enabled"), live.body.get("state")
        first = ["publish"] if now == "draft" and wanted != "draft" else []
        then = {"disabled": ["disable"], "enabled": [] if first else ["enable"]}.get(wanted, [])
        return [*first, *then]

    def incompatible_changes(self, live: Wire, fields: Sequence[FieldChange], now: int) -> Mapping[Path, str]:
        """A startTime that has passed cannot move, whether the flow is enabled or not (update-dataflows.md)."""
        start = str((live.get("scheduleParams") or {}).get("startTime", "")) if isinstance(live, dict) else ""
        if not start.isdigit() or int(start) > now or live.get("state") == "draft":
            return {}
        place = ("scheduleParams", "startTime")
        return {item.path: f"the startTime {start} has passed" for item in fields if item.path[:2] == place}

    def checks(self, change: Change) -> Sequence[Check]:
        """Members that are activated now are asked about, where their row has a check."""
        return [
            row.check(key)
            for row in self.selectors
            if row.check is not None
            for key in _keys(row, change.desired)
            if change.action is not Action.UPDATE or key in _added(row, change.fields)
        ]

    def relies_on(self, live: Live) -> Mapping[str, Check]:
        rows = [row for row in self.selectors if row.check is not None]
        return {key: row.check(key) for row in rows if row.check is not None for key in _keys(row, live.body)}

    def pins(self, body: Wire) -> Sequence[Pin]:
        return [Pin("MappingSet", ident, version) for ident, version in mapping_pins(body)]

    def endpoint(self, live: Live) -> str | None:
        """The inlet of a webhook is in the options of its flow (webhook.md)."""
        url = (live.body.get("options") or {}).get("inletUrl")
        return str(url) if url else None

    def runs_call(self, ident: str, limit: int) -> Call:
        """The runs of one flow (flow-service.yaml, GET /runs)."""
        query = (("property", f"flowId=={ident}"), ("orderby", "-createdAt"), ("limit", str(limit)))
        return Call("GET", f"{BASE}/runs", query=query, answer=Answer(rows("items", RUN)))

    def dataflow(self, name: str, live: Live, runs: Reply) -> Dataflow:
        return Dataflow(
            name=name,
            id=live.id,
            state=self.state_of(live),
            operation=live.body.get("lastOperation") or {},
            failure=self.failure(live),
            leaving=self.is_leaving(live),
            created=whole_number(live.body.get("createdAt")),
            runs=order([run_of(run) for run in runs.body["items"]]),
        )

    def suspend(self, live: Live) -> Call | None:
        """The old flow of a replace is disabled before its successor reads the same data."""
        return _action(live.id, "disable") if live.body.get("state") == "enabled" else None

    def resume(self, live: Live) -> Call | None:
        return _action(live.id, "enable")

    def arriving(self, live: Wire, declared: Wire) -> Wire:
        """The state that a flow is on its way to; of an update, the one it had before, which no answer shows."""
        now, wanted = live.get("state"), declared.get("state")
        if not isinstance(now, str) or now not in TRANSITIONAL or now == LEAVING or not isinstance(wanted, str):
            return live
        return {**live, "state": wanted} if _ENDS.get(now, wanted) == wanted else live

    def settled(self, live: Live) -> bool:
        if not super().settled(live):
            return False
        status = (live.body.get("lastOperation") or {}).get("status")
        value = status.get("value") if isinstance(status, dict) else None
        return str(value or "completed").lower() not in ("inprogress", "processing", "pending")

    def failure(self, live: Live) -> str | None:
        """`lastOperation.status.errors` holds asynchronous failures (flow-service.yaml)."""
        status = (live.body.get("lastOperation") or {}).get("status")
        errors = status.get("errors") if isinstance(status, dict) else None
        if not isinstance(errors, list) or not errors:
            return None
        texts = [
            f"{item.get('code', '')} {item.get('message', '')}".strip() if isinstance(item, dict) else str(item)
            for item in errors
        ]
        return "the platform reports about its last operation: " + "; ".join(texts)

    def review_replace(self, live: Live, body: Wire, now: int) -> Sequence[Problem]:
        """A new flow has a new endpoint, and a batch flow reads from its startTime on unless backfill is off."""
        found = []
        if (live.body.get("options") or {}).get("inletUrl"):
            found.append("it gets a new inletUrl: point the webhook at the one `outputs` prints after the apply")
        schedule = body.get("scheduleParams")
        if isinstance(schedule, dict):
            start = str(schedule.get("startTime", ""))
            if start.isdigit() and int(start) < now and str(schedule.get("backfill", True)).lower() != "false":
                found.append("its startTime has passed and backfill is not false: the new flow reads history again")
        return [Problem("replaced-flow", what, severity="warning") for what in found]

    def review_update(self, live: Live, body: Wire, patch: Sequence[Wire]) -> Sequence[Problem]:
        del patch
        if body.get("state") == "draft" and live.body.get("state") in ("enabled", "disabled"):
            return [
                Problem(
                    "back-to-draft",
                    f"the flow is {live.body['state']} and cannot become a draft again",
                    "use state: disabled",
                )
            ]
        return []


def _with_file_names(steps: Wire) -> dict[str, Wire]:
    """Return the transformations with the usual spelling of `filenameTemplate`, where an audience has the other."""
    if not isinstance(steps, list) or "fileNameTemplate" not in str(steps):
        return {}

    def spelled(tree: Wire) -> Wire:
        if isinstance(tree, list):
            return [spelled(item) for item in tree]
        if not isinstance(tree, dict):
            return tree
        return {("filenameTemplate" if key == "fileNameTemplate" else key): spelled(tree[key]) for key in tree}

    return {"transformations": spelled(steps)}


def _keys(row: Selector, body: Wire) -> list[str]:
    return [str(value[row.key_field]) for value in row.members(body) if row.key_field in value]


def _added(row: Selector, fields: Sequence[FieldChange]) -> set[str]:
    return {item.path[-1] for item in fields if item.old is MISSING and item.path[:-1] == row.steps}


def _activates(transformation: Wire) -> bool:
    """Tell whether a transformation is the one of destinations: it has selectors (destinations.yaml)."""
    params = transformation.get("params") if isinstance(transformation, dict) else None
    return isinstance(params, dict) and "segmentSelectors" in params


def _set_whole(step: Wire) -> Wire:
    name = step["path"].rpartition("/")[2]
    if name not in _EMPTY or not step["path"].startswith("/transformations/"):
        return step
    return {"op": "add", "path": step["path"], "value": step.get("value", _EMPTY[name])}


def _action(ident: str, verb: str) -> Call:
    return Call("POST", f"{BASE}/flows/{ident}/action", query=(("op", verb),))


KIND = Flow()
