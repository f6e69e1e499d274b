"""The life of a Flow Service object: creation, updates, transitions, actions, output (flow-service.yaml, draft.md)."""

from __future__ import annotations

import copy
from typing import Any

from reconciler.emulator.flow_rules import DATA_LAKE, ENDS, PROFILE_STORE
from reconciler.emulator.options import Options
from reconciler.emulator.storage import Json, Storage
from reconciler.emulator.wire import Caller, flow_refusal, member, new_etag, new_uuid, now_ms

PLATFORM_USER = "acp_foundation_connectors@AdobeID"
RIPENS = "x-ripens"
"""[state, ms]: the state an object will be in, and when. Members beginning with x- are never shown."""
GONE = "x-gone"
INLET = "x-inlet"


class FlowLife:
    """What happens to an object, and when. Every method returns a new body; the caller keeps it."""

    def __init__(self, storage: Storage, options: Options) -> None:
        self._storage = storage
        self._options = options

    def born(self, body: Json, who: Caller, *, draft: bool) -> Json:
        """Return a new object with all that the server sets."""
        ms = now_ms()
        etag = new_etag(self._storage, ms)
        return {
            **body,
            "id": new_uuid(),
            "createdAt": ms,
            "updatedAt": ms,
            "createdBy": who.user,
            "updatedBy": who.user,
            "createdClient": who.client,
            "updatedClient": who.client,
            "sandboxId": who.sandbox_id,
            "sandboxName": who.sandbox,
            "imsOrgId": who.organization,
            "state": "draft" if draft else "enabled",
            "etag": etag,
            "version": etag,
            "providerRefId": new_uuid(),
        }

    def flow_born(self, body: Json, ends: dict[str, list[Json]], *, draft: bool) -> Json:
        """Return a new flow: the platform itself enables it, so its etag moves between the answer and the first GET."""
        body = {
            **body,
            "runs": f"/runs?property=flowId=={body['id']}",
            "lastOperation": {"started": 0, "updated": 0, "operation": "create"},
            "inheritedAttributes": inherited(ends),
        }
        return self._stamped(body if draft else self._ripening(body, "initializing", "enabled"))

    def _ripening(self, body: Json, now: str, then: str) -> Json:
        return {**body, "state": now, RIPENS: [then, now_ms() + round(self._options.settle_delay * 1000)]}

    def ripened(self, body: Json) -> Json:
        """Return an object whose transition is over; a body marked `x-gone` is to be removed."""
        state = body[RIPENS][0]
        ms = max(now_ms(), body["updatedAt"] + 1)
        etag = new_etag(self._storage, ms)
        done = {key: value for key, value in body.items() if key != RIPENS}
        if state == "deleted":
            return {**done, GONE: True}
        if (done.get("lastOperation") or {}).get("operation") == "create":
            done["lastOperation"] = {"started": 0, "updated": 0, "operation": "enable"}
        return {
            **done, "state": state, "updatedAt": ms, "updatedBy": PLATFORM_USER, "etag": etag, "version": etag,
        }  # fmt: skip

    def touched(self, body: Json, who: Caller) -> Json:
        """Return an object that somebody changed just now."""
        ms = max(now_ms(), body["updatedAt"])
        etag = new_etag(self._storage, ms)
        return {
            **body, "updatedAt": ms, "updatedBy": who.user, "updatedClient": who.client, "etag": etag, "version": etag,
        }  # fmt: skip

    def operated(self, body: Json, verb: str, operations: list[Json]) -> Json:
        """Return a flow with its last operation, in transition for a while where the switch says so."""
        ms = body["updatedAt"]
        body = {
            **body,
            "lastOperation": {
                "started": ms,
                "updated": ms,
                "percentCompleted": 100,
                "status": {"value": "completed", "properties": None, "errors": []},
                "ops": operations,
                "operation": verb,
            },
        }
        if self._options.settle_delay and body["state"] in ("enabled", "disabled"):
            now = {"enable": "enabling", "disable": "disabling"}.get(verb, "updating")
            body = self._ripening(body, now, body["state"])
        return self._stamped(body)

    def dying(self, body: Json) -> Json:
        """Return an object whose deletion was accepted and takes a while."""
        return self._ripening(body, "delete-finalizing", "deleted")

    def acted(self, who: Caller, kind: str, body: Json, verb: str) -> Json:
        """Return an object after an action. Refuses what its state does not allow."""
        state = body["state"]
        if verb == "publish" and state == "draft":
            drafts = [ident for ident in self._parts(who, kind, body) if self._is_draft(who, ident)]
            if drafts:
                raise flow_refusal("1422-400", "Not applicable", f"{', '.join(drafts)} must be published first")
            return {**body, "state": "enabled"}
        if state == "updating":
            raise flow_refusal("1421-400", "No transition in this state", f"The flow is {state}.")
        if kind == "flows" and (verb, state) in (("enable", "disabled"), ("disable", "enabled")):
            return {**body, "state": f"{verb}d"}
        if verb not in ("enable", "disable", "publish", "finalize", "finalize_update"):
            raise flow_refusal("1435-400", "Unsupported action", f"op={verb!r} is no action.")
        if verb.startswith("finalize"):
            raise flow_refusal("1402-400", "finalize is for providers only")
        raise flow_refusal("1422-400", "Action not applicable", f"{verb} is not applicable in state {state}")

    def _parts(self, who: Caller, kind: str, body: Json) -> list[str]:
        return self._storage.uses(who.tenant, body["id"]) if kind != "connections" else []

    def _is_draft(self, who: Caller, ident: str) -> bool:
        kinds = ("connections", "sourceConnections", "targetConnections")
        return any((self._storage.get(who.tenant, kind, ident) or {}).get("state") == "draft" for kind in kinds)

    def _stamped(self, body: Json) -> Json:
        """Selectors of audiences gain times, as texts in s: those of files do, others by a switch (facts 7.2)."""
        body = copy.deepcopy(body)
        for item in body.get("transformations") or []:
            for selector in member(item, "params.segmentSelectors.selectors") or []:
                value = selector.get("value")
                if isinstance(value, dict) and (self._options.stringify or "exportMode" in value):
                    stamp = str(body["updatedAt"] // 1000)
                    selector["value"].setdefault("createTime", stamp)
                    selector["value"].setdefault("updateTime", stamp)
        return body

    # -- showing ---------------------------------------------------------------------------------------------
    def shown(self, kind: str, body: Json, inlets: str) -> Json:
        """Return an object as a GET or list shows it; `inlets` is the address that inlet ids are put after."""
        inlet = body.get(INLET)
        body = {key: value for key, value in body.items() if not key.startswith("x-")}
        if kind == "sourceConnections" and member(body, "connectionSpec.id") == PROFILE_STORE:
            body.pop("baseConnectionId", None)  # it is under inheritedAttributes only
        if inlet and kind == "flows":
            body["options"] = {**(body.get("options") or {}), "inletUrl": f"{inlets}/{inlet}"}
        elif inlet:
            params = {**(member(body, "auth.params") or {}), "inletId": inlet, "inletUrl": f"{inlets}/{inlet}"}
            body["auth"] = {**(body.get("auth") or {}), "params": params}
        if kind == "flows" and self._options.stringify:
            body = _stringified(body)
        return _noisy(body) if self._options.noise else body


def inherited(ends: dict[str, list[Json]]) -> Json:
    """Return what a flow inherits of its ends."""
    lake = any(member(end, "connectionSpec.id") == DATA_LAKE for end in ends["targetConnections"])
    return {
        "properties": {"isSourceFlow": True} if lake else {"isDestinationFlow": True},
        **{kind: [_brief(end) for end in ends[kind]] for _, kind in ENDS},
    }


def _brief(end: Json) -> Json:
    brief = {"id": end["id"], "connectionSpec": end.get("connectionSpec")}
    base = member(end, "inheritedAttributes.baseConnection")
    found = {**brief, "baseConnection": base} if base else brief
    return {**found, "typeInfo": end["typeInfo"]} if "typeInfo" in end else found


def _stringified(body: Json) -> Json:
    body = copy.deepcopy(body)
    if isinstance(body.get("scheduleParams"), dict):
        body["scheduleParams"] = {key: _text(value) for key, value in body["scheduleParams"].items()}
    for item in body.get("transformations") or []:
        for pin in (item.get("params") or {}, member(item, "params.profileMapping") or {}):
            if "mappingVersion" in pin:
                pin["mappingVersion"] = str(pin["mappingVersion"])
    return body


def _text(value: Any) -> Any:
    return str(value).lower() if isinstance(value, bool) else str(value) if isinstance(value, int | float) else value


def _noisy(body: Json) -> Json:
    """Members in another order, selectors too, and members that nobody declared."""
    body = copy.deepcopy(body)
    for item in body.get("transformations") or []:
        for name in ("segmentSelectors", "profileSelectors"):
            found = member(item, f"params.{name}.selectors")
            if isinstance(found, list):
                found.reverse()
    for name in ("params", "data"):
        if isinstance(body.get(name), dict):
            body[name] = {**body[name], "serverAddedByEmulator": {}}
    return {**dict(reversed(body.items())), "experimental": None}
