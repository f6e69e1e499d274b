"""What the Flow Service demands of an object, adds to it, and shows of it (api-facts 2.1-2.9, 3, 7)."""

from __future__ import annotations

import copy
import re
from datetime import UTC, datetime
from typing import Any

from reconciler.emulator.specs import Specs
from reconciler.emulator.storage import Json, Storage
from reconciler.emulator.wire import Caller, Options, Refusal, flow_refusal, member, new_etag, new_hex, new_uuid, now_ms

DATA_LAKE = "c604ff05-7f1a-43c0-8e18-33bf874cb11c"
PROFILE_STORE = "8a9c3494-9708-43d7-ae3f-cda01e5030e1"
MASK = "******"

_SERVER_SET = (
    "id", "createdAt", "updatedAt", "createdBy", "updatedBy", "createdClient", "updatedClient", "sandboxId",
    "sandboxName", "imsOrgId", "version", "etag", "state", "inheritedAttributes", "providerRefId", "runs",
    "lastOperation", "lastRunDetails",
)  # fmt: skip
_FIELDS = {
    "connections": {"name", "description", "connectionSpec", "auth", "providerId", "params", "encryption"},
    "sourceConnections": {"name", "description", "connectionSpec", "data", "baseConnectionId", "params", "providerId"},
    "targetConnections": {"name", "description", "connectionSpec", "data", "baseConnectionId", "params", "providerId"},
    "flows": {
        "name", "description", "flowSpec", "sourceConnectionIds", "targetConnectionIds", "transformations",
        "scheduleParams", "options", "policy", "providerId",
    },
}  # fmt: skip
_SETTABLE = {"connections": {"name", "description", "auth", "params", "encryption"}}
_MEDIA = re.compile(r"\s+|(?<=version=\d)\.0\b")


def clean(body: Json, *, keep: bool = False) -> Json:
    """Return `body` without what only the server sets; with `keep`, an independent copy of all of it."""
    copied = copy.deepcopy(body)
    return copied if keep else {key: value for key, value in copied.items() if key not in _SERVER_SET}


class FlowRules:
    """Checks and embellishments, kind by kind."""

    def __init__(self, storage: Storage, specs: Specs, options: Options) -> None:
        self._storage = storage
        self._specs = specs
        self._options = options

    # -- demands ---------------------------------------------------------------------------------------------
    def check_create(self, who: Caller, kind: str, body: Json, *, draft: bool) -> tuple[list[str], Json, Json]:
        """Return what a new object refers to, its secrets, and what is added to it. Refuses a bad one."""
        for field in ("id", "state") if kind == "flows" else ("id",):
            if field in body:
                raise flow_refusal("1410-400", f"{field} must not be given", f"{field} must not be given on creation.")
        if kind == "flows":
            spec = body.get("flowSpec")
            if not isinstance(spec, dict) or spec.get("id") not in self._specs.flow:
                raise flow_refusal("1413-400", "Invalid spec id", "Please provide a valid spec id")
        else:
            self._check_connection_spec(body)
        if not body.get("name"):
            raise Refusal(400, {"message": "name is required"})
        return self.check_update(who, kind, body, draft=draft)

    def _check_connection_spec(self, body: Json) -> None:
        spec = body.get("connectionSpec")
        if not isinstance(spec, dict) or spec.get("id") not in self._specs.connection:
            raise Refusal(400, {"message": "Please provide a valid spec id"})
        if not spec.get("version"):
            raise Refusal(422, {"message": "connectionSpec.version is required"})

    def check_update(self, who: Caller, kind: str, body: Json, *, draft: bool = False) -> tuple[list[str], Json, Json]:
        """Return references, secrets and additions of an object as it shall be. Refuses a bad one."""
        if kind == "flows":
            return self._check_flow(who, body, draft=draft), {}, {}
        uses = []
        base = body.get("baseConnectionId")
        if base is not None:
            if self._storage.get(who.tenant, "connections", str(base)) is None:
                raise flow_refusal("1412-400", "Unknown base connection", f"connections not found with id = [{base}]")
            uses.append(str(base))
        if kind == "connections":
            return uses, *self._check_auth(body)
        return uses, {}, self._inherited(who, body)

    def _check_auth(self, body: Json) -> tuple[Json, Json]:
        auth = body.get("auth")
        if not auth:
            return {}, {}
        ident = body["connectionSpec"]["id"]
        known = [item["name"] for item in self._specs.connection[ident]["authSpec"]]
        if not isinstance(auth, dict) or auth.get("specName") not in known:
            raise flow_refusal("1415-400", "Unknown auth spec", f"auth.specName must be one of {known}")
        params = dict(auth.get("params") or {})
        hidden = self._specs.secret_parameters(ident, auth["specName"])
        secret = {key: value for key, value in params.items() if key in hidden}
        shown = {key: MASK if key in hidden else value for key, value in params.items()}
        if self._specs.connection[ident]["attributes"]["isDestination"]:
            shown["authorizedDate"] = datetime.now(UTC).strftime("%Y-%m-%d")
        return secret, {"auth": {**auth, "params": shown}}

    def with_secrets(self, body: Json, secret: Json) -> Json:
        """Return `body` with its secrets in clear: what a patch is applied to."""
        whole = copy.deepcopy(body)
        params = member(whole, "auth.params")
        if isinstance(params, dict):
            params.update({key: value for key, value in secret.items() if key in params})
        return whole

    def _inherited(self, who: Caller, body: Json) -> Json:
        base = body.get("baseConnectionId")
        if base is None:
            return {}
        account = self._storage.get(who.tenant, "connections", str(base)) or {}
        inherited: Json = {"baseConnection": {"id": base, "connectionSpec": account.get("connectionSpec")}}
        if body["connectionSpec"]["id"] == PROFILE_STORE:
            inherited["typeInfo"] = {"type": "ProfileFragments", "id": "ups"}
        return {"inheritedAttributes": inherited}

    def _check_flow(self, who: Caller, body: Json, *, draft: bool) -> list[str]:
        uses = []
        ends: dict[str, Json] = {}
        for field, kind in (("sourceConnectionIds", "sourceConnections"), ("targetConnectionIds", "targetConnections")):
            ids = body.get(field)
            if not isinstance(ids, list) or (not ids and not draft):
                raise Refusal(400, {"message": f"{field} is required"})
            for ident in ids:
                found = self._storage.get(who.tenant, kind, str(ident))
                if found is None:
                    raise flow_refusal("1412-400", f"Unknown {kind}", f"{kind} not found with id = [{ident}]")
                ends[kind] = found
                uses.append(str(ident))
        for item in body.get("transformations") or []:
            params = item.get("params") or {}
            pins = [pin for pin in (params, params.get("profileMapping") or {}) if "mappingId" in pin]
            for pin in pins:
                self._check_mapping(who, pin, ends.get("targetConnections", {}), lake=item.get("name") == "Mapping")
        return uses

    def _check_mapping(self, who: Caller, pin: Json, target: Json, *, lake: bool) -> None:
        ident, version = str(pin["mappingId"]), str(pin.get("mappingVersion", 0))
        if self._storage.get(who.tenant, "mappingSets", ident) is None:
            raise flow_refusal("1419-400", "Mapping set invalid", f"mapping set {ident} not found")
        found = self._storage.get_version(who.tenant, ident, int(version)) if version.isdigit() else None
        if found is None:
            raise flow_refusal("1412-400", "Mapping version wrong", f"mapping set {ident} has no version {version}")
        schema = member(found, "outputSchema.schemaRef") or {}
        wanted = member(target, "data.schema") or {}
        if lake and schema and wanted and (schema.get("id"), _media(schema.get("contentType"))) != (
            wanted.get("id"), _media(wanted.get("version")),
        ):  # fmt: skip
            raise flow_refusal(
                "1425-400", "Schemas differ", "schema of the target dataset differs from the mapping set's"
            )

    def check_patch(self, kind: str, body: Json, operations: Any) -> list[Json]:
        """Return the operations in lower case. Refuses unknown ones, and paths that cannot change."""
        if not isinstance(operations, list) or not operations:
            raise flow_refusal("1405-400", "Body is null or empty")
        if body.get("state") in ("disabling", "updating"):
            raise flow_refusal("1420-400", "No update in this state")
        checked = []
        for item in operations:
            if not isinstance(item, dict) or "op" not in item or "path" not in item:
                raise flow_refusal("1455-400", "Patch instructions invalid")
            verb = str(item["op"]).lower()
            if verb not in ("add", "replace", "remove"):
                raise flow_refusal("1434-400", f"Operation {verb} unsupported")
            field = str(item["path"]).split("/")[1] if str(item["path"]).startswith("/") else ""
            if kind == "connections" and field == "connectionSpec":
                raise flow_refusal("1414-400", "The connection spec of a connection cannot change")
            if field not in _SETTABLE.get(kind, _FIELDS[kind]) or field == "flowSpec":
                raise flow_refusal("1455-400", "Patch instructions invalid", f"{item['path']} cannot be patched")
            checked.append({**item, "op": verb})
        return checked

    # -- the life of a flow ----------------------------------------------------------------------------------
    def born(self, body: Json, who: Caller, *, draft: bool) -> Json:
        """A new flow is enabled by the platform itself: its etag moves between the answer and the first GET."""
        sources = [
            self._storage.get(who.tenant, "sourceConnections", ident) or {} for ident in body["sourceConnectionIds"]
        ]
        targets = [
            self._storage.get(who.tenant, "targetConnections", ident) or {} for ident in body["targetConnectionIds"]
        ]
        incoming = any(member(end, "connectionSpec.id") == DATA_LAKE for end in targets)
        body = {
            **body,
            "inheritedAttributes": {
                "properties": {"isSourceFlow": True} if incoming else {"isDestinationFlow": True},
                "sourceConnections": [_brief(end) for end in sources],
                "targetConnections": [_brief(end) for end in targets],
            },
            "runs": f"/runs?property=flowId=={body['id']}",
            "providerRefId": new_uuid(),
            "lastOperation": {"started": 0, "updated": 0, "operation": "create"},
        }
        spec = self._specs.connection.get(str(member(sources[0], "connectionSpec.id"))) if sources else None
        if incoming and spec and spec.get("streaming") == "flow":
            inlet = f"https://dcs.adobedc.net/collection/{new_hex(64)}"
            body["options"] = {**(body.get("options") or {}), "inletUrl": inlet}
        if not draft:
            body["state"] = "initializing"
            body["x-ripens"] = ["enabled", now_ms() + round(self._options.settle_delay * 1000)]
        return self._stamped(body)

    def ripened(self, body: Json) -> Json:
        """Return `body` with a transition that is over by now carried out; `body` itself when there is none."""
        ripens = body.get("x-ripens")
        if not ripens or now_ms() < ripens[1]:
            return body
        ms = max(now_ms(), body["updatedAt"] + 1)
        etag = new_etag(self._storage, ms)
        done = {key: value for key, value in body.items() if key != "x-ripens"}
        last = dict(done.get("lastOperation") or {})
        if last.get("operation") == "create":
            last = {"started": 0, "updated": 0, "operation": "enable"}
        by = {"updatedBy": "acp_foundation_connectors@AdobeID"}
        return {**done, **by, "state": ripens[0], "updatedAt": ms, "etag": etag, "version": etag, "lastOperation": last}

    def acted(self, who: Caller, kind: str, body: Json, verb: str) -> Json:
        """Return an object after an action. Refuses what its state does not allow."""
        state = body["state"]
        if verb == "publish" and state == "draft":
            drafts = [
                ident
                for field, other in (
                    ("sourceConnectionIds", "sourceConnections"),
                    ("targetConnectionIds", "targetConnections"),
                )
                for ident in body.get(field, [])
                if (self._storage.get(who.tenant, other, ident) or {}).get("state") == "draft"
            ]
            if drafts:
                raise flow_refusal("1422-400", "Not applicable", f"{', '.join(drafts)} must be published first")
            return {**body, "state": "enabled"}
        if kind == "flows" and (verb, state) in (("enable", "disabled"), ("disable", "enabled")):
            return {**body, "state": f"{verb}d"}
        raise flow_refusal("1422-400", "Action not applicable", f"{verb or 'no op'} is not applicable in state {state}")

    def operated(self, body: Json, verb: str, operations: list[Json]) -> Json:
        """Return a flow with its last operation, in transition for a while where the switch says so."""
        ms = body["updatedAt"]
        body["lastOperation"] = {
            "started": ms,
            "updated": ms,
            "percentCompleted": 100,
            "status": {"value": "completed", "properties": None, "errors": []},
            "ops": operations,
            "operation": verb,
        }
        if self._options.settle_delay and body["state"] in ("enabled", "disabled"):
            target = body["state"]
            body["state"] = {"enable": "enabling", "disable": "disabling"}.get(verb, "updating")
            body["x-ripens"] = [target, now_ms() + round(self._options.settle_delay * 1000)]
        return self._stamped(body)

    def _stamped(self, body: Json) -> Json:
        """Selectors of audiences gain the times of their making, in seconds, as strings."""
        if not self._options.stringify:
            return body
        for item in body.get("transformations") or []:
            for selector in member(item, "params.segmentSelectors.selectors") or []:
                if isinstance(selector.get("value"), dict):
                    stamp = str(body["updatedAt"] // 1000)
                    selector["value"].setdefault("createTime", stamp)
                    selector["value"].setdefault("updateTime", stamp)
        return body

    # -- showing ---------------------------------------------------------------------------------------------
    def shown(self, kind: str, body: Json) -> Json:
        """Return an object as a GET or list shows it."""
        body = {key: value for key, value in self.ripened(body).items() if not key.startswith("x-")}
        if kind == "sourceConnections" and member(body, "connectionSpec.id") == PROFILE_STORE:
            body.pop("baseConnectionId", None)  # it is under inheritedAttributes only
        if kind == "flows" and self._options.stringify:
            body = copy.deepcopy(body)
            if isinstance(body.get("scheduleParams"), dict):
                body["scheduleParams"] = {key: _text(value) for key, value in body["scheduleParams"].items()}
            for item in body.get("transformations") or []:
                if "mappingVersion" in (item.get("params") or {}):
                    item["params"]["mappingVersion"] = str(item["params"]["mappingVersion"])
        return body


def _brief(end: Json) -> Json:
    brief = {"id": end.get("id"), "connectionSpec": end.get("connectionSpec")}
    base = member(end, "inheritedAttributes.baseConnection")
    return {**brief, "baseConnection": base} if base else brief


def _media(text: Any) -> str:
    return _MEDIA.sub("", str(text or ""))


def _text(value: Any) -> Any:
    return str(value).lower() if isinstance(value, bool) else str(value) if isinstance(value, int | float) else value
