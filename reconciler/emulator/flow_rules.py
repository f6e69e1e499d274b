"""The rules of the Flow Service for new and changed objects (flow-service.yaml, destinations.yaml)."""

from __future__ import annotations

import copy
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from reconciler.emulator import schedules
from reconciler.emulator.options import Options
from reconciler.emulator.specs import Specs
from reconciler.emulator.storage import Json, Storage
from reconciler.emulator.wire import Caller, Refusal, flow_refusal, member, message_refusal, new_hex

DATA_LAKE = "c604ff05-7f1a-43c0-8e18-33bf874cb11c"
PROFILE_STORE = "8a9c3494-9708-43d7-ae3f-cda01e5030e1"
MASK = "******"
GIVEN, WRONG = "(given)", "wrong"

ENDS = (("sourceConnectionIds", "sourceConnections"), ("targetConnectionIds", "targetConnections"))

SERVER_SET = frozenset((
    "id", "createdAt", "updatedAt", "createdBy", "updatedBy", "createdClient", "updatedClient", "sandboxId",
    "sandboxName", "imsOrgId", "version", "etag", "state", "inheritedAttributes", "providerRefId", "runs",
    "lastOperation", "lastRunDetails", "typeInfo",
))  # fmt: skip
_END = ("name", "description", "connectionSpec", "data", "baseConnectionId", "params", "providerId")
FIELDS = {
    "connections": ("name", "description", "connectionSpec", "auth", "providerId", "params", "encryption"),
    "sourceConnections": _END,
    "targetConnections": _END,
    "flows": (
        "name", "description", "flowSpec", "sourceConnectionIds", "targetConnectionIds", "transformations",
        "scheduleParams", "options", "policy", "providerId",
    ),
}  # fmt: skip
_FIXED = {"connectionSpec", "flowSpec", "providerId"}
_MEDIA = re.compile(r"\s+|(?<=version=\d)\.0\b")


def kept(secret: Any) -> str:
    """Return all that is remembered of a secret, whose value must rest nowhere: whether it is the one that is bad."""
    return WRONG if secret == WRONG else GIVEN


@dataclass(slots=True)
class Checked:
    """What a check found: the ids an object refers to, its secrets, and members the server adds."""

    uses: list[str] = field(default_factory=list)
    secret: Json = field(default_factory=dict)
    extra: Json = field(default_factory=dict)


class FlowRules:
    """Checks, kind by kind. Each refuses what the platform would."""

    def __init__(self, storage: Storage, specs: Specs, options: Options) -> None:
        self._storage = storage
        self._specs = specs
        self._options = options

    def check_create(self, who: Caller, kind: str, body: Json, *, draft: bool) -> Checked:
        """Return what to keep of a new object."""
        if kind == "flows" and "state" in body:
            raise flow_refusal("1410-400", "state must not be given", "state must not be given when a flow is created.")
        if "id" in body:
            raise message_refusal(400, "id must not be given")
        _check_shapes(kind, body)
        if kind == "flows":
            spec = body.get("flowSpec")
            if not isinstance(spec, dict) or spec.get("id") not in self._specs.flow:
                raise flow_refusal("1413-400", "Invalid spec id", "Please provide a valid spec id")
        else:
            self._check_connection_spec(body)
        if not body.get("name"):
            raise message_refusal(400, "name is required")
        return self.check(who, kind, body, draft=draft)

    def _check_connection_spec(self, body: Json) -> None:
        spec = body.get("connectionSpec")
        if not isinstance(spec, dict) or spec.get("id") not in self._specs.connection:
            raise message_refusal(400, "Please provide a valid spec id")
        if not spec.get("version"):
            raise message_refusal(422, "connectionSpec.version is required")

    def check(self, who: Caller, kind: str, body: Json, *, draft: bool = False, before: Json | None = None) -> Checked:
        """Return what to keep of an object as it shall be; `before` is what a patch began with."""
        _check_shapes(kind, body)
        if not body.get("name"):
            raise flow_refusal("1455-400", "Patch instructions invalid", "name cannot be taken away")
        if kind == "flows":
            return self._check_flow(who, body, draft=draft, before=before)
        found = Checked()
        base = body.get("baseConnectionId")
        if base is not None:
            account = self._storage.get(who.tenant, "connections", base)
            if account is None:
                raise flow_refusal("1412-400", "Unknown base connection", f"connections not found with id = [{base}]")
            found.uses.append(base)
            spec = {"id": base, "connectionSpec": account["connectionSpec"]}
            found.extra["inheritedAttributes"] = {"baseConnection": spec}
        if kind == "sourceConnections" and member(body, "connectionSpec.id") == PROFILE_STORE:
            found.extra["typeInfo"] = {"type": "ProfileFragments", "id": "ups"}
        if kind == "targetConnections" and isinstance(member(body, "params.dataSetId"), str):
            found.uses.append(f"dataset:{body['params']['dataSetId']}")
        if kind == "connections":
            self._check_auth(body, found)
        elif self._options.strict_references:
            self._check_references(who, body)
        return found

    def _check_auth(self, body: Json, found: Checked) -> None:
        auth = body.get("auth")
        if not auth:
            return
        ident = body["connectionSpec"]["id"]
        name = self._specs.auth_name(ident, str(auth.get("specName")))
        if name is None:
            known = [item["name"] for item in self._specs.connection[ident]["authSpec"]]
            raise flow_refusal("1415-400", "Unknown auth spec", f"auth.specName must be one of {known}")
        params = auth.get("params") or {}
        hidden = self._specs.secret_parameters(ident, name)
        shown = {key: MASK if key in hidden else value for key, value in params.items()}
        if self._specs.connection[ident]["attributes"]["isDestination"]:
            shown["authorizedDate"] = datetime.now(UTC).strftime("%Y-%m-%d")
        found.secret = {key: kept(value) for key, value in params.items() if key in hidden}
        found.extra["auth"] = {**auth, "specName": name, "params": shown}

    def with_secrets(self, body: Json, secret: Json) -> Json:
        """Return `body` with what is kept of its secrets instead of masks: what a patch is applied to."""
        whole = copy.deepcopy(body)
        params = member(whole, "auth.params")
        if isinstance(params, dict):
            params.update({key: value for key, value in secret.items() if key in params})
        return whole

    def _check_references(self, who: Caller, body: Json) -> None:
        dataset, schema = member(body, "params.dataSetId"), member(body, "data.schema.id")
        if dataset is not None and self._storage.get(who.tenant, "dataSets", str(dataset)) is None:
            raise flow_refusal("1439-400", "Resource not found", f"dataset {dataset} not found")
        if schema is not None and not self._has_schema(who, str(schema)):
            raise flow_refusal("1439-400", "Resource not found", f"schema {schema} not found")

    def _has_schema(self, who: Caller, ident: str) -> bool:
        """Only ids of the Schema Registry are looked up: tutorials write other things there, like `1.0`."""
        if "/schemas/" not in ident:
            return True
        return self._storage.get(who.tenant, "schemas", ident.rpartition("/")[2]) is not None

    # -- flows -----------------------------------------------------------------------------------------------
    def _check_flow(self, who: Caller, body: Json, *, draft: bool, before: Json | None) -> Checked:
        found = Checked()
        ends: dict[str, list[Json]] = {}
        for name, kind in ENDS:
            ids = body.get(name) or []
            if not ids and not draft:
                raise message_refusal(400, f"{name} is required")
            ends[kind] = [self._end(who, kind, ident) for ident in ids]
            found.uses += ids
        self._check_fit(body, ends)
        for item in body.get("transformations") or []:
            self._check_transformation(who, item, ends)
        if not draft or body.get("scheduleParams"):
            self._check_schedule(body, before)
        return found

    def _end(self, who: Caller, kind: str, ident: str) -> Json:
        end = self._storage.get(who.tenant, kind, ident)
        if end is None:
            raise flow_refusal("1412-400", f"Unknown {kind}", f"{kind} not found with id = [{ident}]")
        return end

    def _check_fit(self, body: Json, ends: dict[str, list[Json]]) -> None:
        """A flow spec takes the ends in its own lists; an empty list is one that no document gives."""
        spec = self._specs.flow[body["flowSpec"]["id"]]
        for kind, name in (("sourceConnections", "source"), ("targetConnections", "target")):
            known = spec[f"{name}ConnectionSpecIds"]
            for end in ends[kind]:
                ident = member(end, "connectionSpec.id")
                if known and ident not in known:
                    text = f"The flow spec {spec['id']} takes no {name} with the connection spec {ident}."
                    raise flow_refusal("1413-400", "Invalid spec id", text)

    def _check_schedule(self, body: Json, before: Json | None) -> None:
        ident = body["flowSpec"]["id"]
        kind = self._specs.schedule(ident)
        params = body.get("scheduleParams")
        if kind == "none" and params:
            raise message_refusal(400, "scheduleParams is not allowed: the flow spec has no schedule")
        if kind is None or kind == "none":
            return
        problem = schedules.problem(kind, self._specs.limits(kind), params)
        old = (before or {}).get("scheduleParams")
        if problem is None and self._options.check_start_time:
            problem = schedules.start_problem(old, params)
        if problem:
            raise flow_refusal("1455-400", "Schedule invalid", problem)

    def _check_transformation(self, who: Caller, item: Json, ends: dict[str, list[Json]]) -> None:
        params = item.get("params") or {}
        targets = ends["targetConnections"]
        for pin in (params, params.get("profileMapping") or {}):
            if "mappingId" in pin:
                lake = targets[0] if targets and item.get("name") == "Mapping" else {}
                self._check_mapping(who, pin, lake)
        if self._options.strict_references:
            for selector in member(params, "segmentSelectors.selectors") or []:
                self._check_audience(who, member(selector, "value") or {})

    def _check_audience(self, who: Caller, value: Json) -> None:
        ident = str(value.get("systemSegmentId") or value.get("id"))
        if not any(self._storage.get(who.tenant, kind, ident) for kind in ("audiences", "definitions")):
            raise flow_refusal("1439-400", "Resource not found", f"audience {ident} not found")

    def _check_mapping(self, who: Caller, pin: Json, target: Json) -> None:
        ident, version = str(pin["mappingId"]), str(pin.get("mappingVersion", 0))
        if self._storage.get(who.tenant, "mappingSets", ident) is None:
            raise flow_refusal("1419-400", "Mapping set invalid", f"mapping set {ident} not found")
        known = version.isascii() and version.isdigit() and len(version) < 10
        found = self._storage.get_version(who.tenant, ident, int(version)) if known else None
        if found is None:
            raise flow_refusal("1412-400", "Mapping version wrong", f"mapping set {ident} has no version {version}")
        schema = member(found, "outputSchema.schemaRef") or {}
        wanted = member(target, "data.schema") or {}
        if schema and wanted and (schema.get("id"), _media(schema.get("contentType"))) != (
            wanted.get("id"), _media(wanted.get("version")),
        ):  # fmt: skip
            raise flow_refusal(
                "1425-400", "Schemas differ", "schema of the target dataset differs from the mapping set's"
            )

    # -- patches ---------------------------------------------------------------------------------------------
    def check_patch(self, kind: str, body: Json, operations: Any) -> list[Json]:
        """Return the operations in lower case. Refuses unknown ones, and paths that cannot change."""
        if isinstance(operations, dict):
            operations = [operations]  # flow-service.yaml types the body of PATCH /connections as one instruction
        if not isinstance(operations, list) or not operations:
            raise flow_refusal("1405-400", "Body is null or empty")
        state = body["state"]
        if state in ("disabling", "updating"):
            code = "1420-400" if state == "disabling" else "1421-400"
            raise flow_refusal(code, "No update in this state", f"The flow is {state}; try again when that is over.")
        if state == "delete-finalizing":
            raise flow_refusal("1457-400", "No update in this state", "The object is being deleted.")
        checked = []
        for item in operations:
            if not isinstance(item, dict) or not isinstance(item.get("path"), str) or "op" not in item:
                raise flow_refusal("1455-400", "Patch instructions invalid")
            verb = str(item["op"]).lower()
            if verb not in ("add", "replace", "remove"):
                raise flow_refusal("1434-400", f"Operation {verb} unsupported")
            if verb != "remove" and "value" not in item:
                raise flow_refusal("1455-400", "Patch instructions invalid", f"{verb} needs a value")
            root = item["path"].split("/")[1] if item["path"].startswith("/") else ""
            if kind == "connections" and root == "connectionSpec":
                raise flow_refusal("1414-400", "The connection spec of a connection cannot change")
            if root not in FIELDS[kind] or root in _FIXED:
                raise flow_refusal("1455-400", "Patch instructions invalid", f"{item['path']} cannot be patched")
            checked.append({**item, "op": verb})
        return checked

    def inlet(self, kind: str, body: Json, ends: list[Json]) -> str | None:
        """Return a new inlet id for an object that gets one when it is made: a webhook's flow, an HTTP API account."""
        if kind == "connections" and self._specs.inlet_from(body["connectionSpec"]["id"]) == "base-connection":
            return new_hex(64)
        if kind == "flows" and ends:
            spec = str(member(ends[0], "connectionSpec.id"))
            return new_hex(64) if self._specs.inlet_from(spec) == "flow" else None
        return None


def _check_shapes(kind: str, body: Json) -> None:
    """Refuse members of another JSON type than the descriptions give."""
    objects = ("connectionSpec", "auth", "data", "params", "flowSpec", "options")
    for name in objects:
        if body.get(name) is not None and not isinstance(body[name], dict):
            raise _bad_type(kind, name, "an object")
    for name in ("name", "description", "baseConnectionId", "providerId"):
        if body.get(name) is not None and not isinstance(body[name], str):
            raise _bad_type(kind, name, "a string")
    for place in ("connectionSpec.id", "flowSpec.id", "auth.specName"):
        if member(body, place) is not None and not isinstance(member(body, place), str):
            raise _bad_type(kind, place, "a string")
    if member(body, "auth.params") is not None and not isinstance(member(body, "auth.params"), dict):
        raise _bad_type(kind, "auth.params", "an object")
    for name, _ in ENDS:
        ids = body.get(name)
        if ids is not None and not (isinstance(ids, list) and all(isinstance(item, str) for item in ids)):
            raise _bad_type(kind, name, "a list of strings")
    steps = body.get("transformations")
    if steps is not None and not (isinstance(steps, list) and all(_is_transformation(item) for item in steps)):
        raise _bad_type(kind, "transformations", "a list of {name, params}")


def _is_transformation(item: Any) -> bool:
    if not isinstance(item, dict) or not isinstance(item.get("params") or {}, dict):
        return False
    params = item.get("params") or {}
    lists = [member(params, f"{name}.selectors") for name in ("segmentSelectors", "profileSelectors")]
    return isinstance(params.get("profileMapping") or {}, dict) and all(
        found is None or (isinstance(found, list) and all(isinstance(one, dict) for one in found)) for found in lists
    )


def _bad_type(kind: str, name: str, wanted: str) -> Refusal:
    return message_refusal(400, f"{kind}: {name} must be {wanted}")


def _media(text: Any) -> str:
    return _MEDIA.sub("", str(text or ""))
