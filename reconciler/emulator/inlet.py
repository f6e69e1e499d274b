"""The streaming inlet, where flows and accounts take events in (streaming-ingestion.yaml)."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response

from reconciler.emulator.runs import Runs
from reconciler.emulator.storage import Json, Storage
from reconciler.emulator.wire import Ask, Endpoint, Refusal, Service, answer, member, new_hex, now_ms

_MOST = 1024 * 1024
_SOURCE = "streaming-ingestion.yaml; facts 1.7"


@dataclass(frozen=True, slots=True)
class Owner:
    """Who handed an inlet out: its tenant, and the flow or the account."""

    tenant: str
    flow: Json | None
    account: Json | None


class Inlet(Service):
    """Events become counts in the runs of their flow; their content is not kept."""

    base = "/collection"
    title = "Streaming inlet"

    def __init__(self, storage: Storage, runs: Runs) -> None:
        super().__init__(storage)
        self._runs = runs

    def endpoints(self) -> Iterable[Endpoint]:
        """Return the operations."""
        yield Endpoint("POST", "/batch/{id}", self.batch, "207, each message apart", _SOURCE, public=True)
        yield Endpoint("POST", "/{id}", self.one, "1 MB, syncValidation, counted in runs", _SOURCE, public=True)

    def refuse(self, status: int, detail: str) -> Refusal:
        """Return a refusal in the inlet's shape; `status` is a string there."""
        return Refusal(
            status,
            {
                "type": "https://ns.adobe.com/adobecloud/problem/data-collection-service-inlet",
                "status": str(status),
                "title": "Invalid XDM Message Format" if status == 400 else "Data collection",
                "report": {"message": detail},
            },
        )

    def one(self, ask: Ask) -> Response:
        """POST one event."""
        owner, message = self._owner(ask), self._body(ask)
        problem = self._problem(owner, message)
        if problem and ask.query.get("syncValidation") == "true":
            raise self.refuse(400, problem)
        self._count(ask, owner, message, problem)
        return answer({"inletId": ask.id, "xactionId": _action(), "receivedTimeMs": now_ms()})

    def batch(self, ask: Ask) -> Response:
        """POST `{"messages": [...]}`: one answer for each."""
        owner, body = self._owner(ask), self._body(ask)
        messages = body.get("messages") if isinstance(body, dict) else None
        if not isinstance(messages, list):
            raise self.refuse(400, "messages is required")
        responses: list[Json] = []
        for message in messages:
            problem = self._problem(owner, message)
            self._count(ask, owner, message, problem)
            responses.append({"status": 400, "message": problem} if problem else {"xactionId": _action()})
        made = {"inletId": ask.id, "batchId": _action(), "receivedTimeMs": now_ms(), "responses": responses}
        return answer(made, 207)

    def _body(self, ask: Ask) -> Any:
        if len(ask.raw) > _MOST:
            raise self.refuse(413, "A message has at most 1 MB.")
        return ask.body()

    def _owner(self, ask: Ask) -> Owner:
        for tenant, ident in self.storage.who_uses(f"inlet:{ask.id}"):
            flow = self.storage.get(tenant, "flows", ident)
            account = None if flow else self.storage.get(tenant, "connections", ident)
            wanted = str(member(account, "auth.params.authenticationRequired")).lower() == "true"
            if wanted and not ask.request.headers.get("authorization"):
                raise self.refuse(401, "This inlet takes authenticated messages only.")
            if flow or account:
                return Owner(tenant, flow, account)
        raise self.refuse(400, f"The inlet [{ask.id}] is not known.")

    def _problem(self, owner: Owner, message: Any) -> str | None:
        """Return what is wrong with a message: webhooks and raw accounts take any object, XDM accounts an envelope."""
        if not isinstance(message, dict):
            return "A message must be a JSON object."
        raw = owner.flow is not None or member(owner.account, "auth.params.dataType") == "raw"
        if raw and "header" not in message:
            return None
        for name in ("header.schemaRef.id", "header.imsOrgId", "header.datasetId", "body.xdmMeta.schemaRef.id"):
            if not member(message, name):
                return f"The message has no {name}."
        return None if isinstance(member(message, "body.xdmEntity"), dict) else "The message has no body.xdmEntity."

    def _count(self, ask: Ask, owner: Owner, message: Any, problem: str | None) -> None:
        flow = owner.flow or self._flow_of(ask, owner, message)
        if flow is None or flow["state"] == "disabled":
            return
        size = len(json.dumps(message).encode())
        error = {"code": "DCVS-1101-400", "message": problem} if problem else None
        self._runs.count_events(owner.tenant, flow, good=not problem, bad=bool(problem), size=size, error=error)

    def _flow_of(self, ask: Ask, owner: Owner, message: Any) -> Json | None:
        """An account serves many flows: the message says which, or a header does; else it is the only one."""
        assert owner.account is not None
        said = member(message, "header.flowId") or ask.request.headers.get("x-adobe-flow-id")
        if said:
            return self.storage.get(owner.tenant, "flows", str(said))
        ends = self.storage.users(owner.tenant, owner.account["id"])
        flows = [flow for end in ends for flow in self.storage.users(owner.tenant, end)]
        return self.storage.get(owner.tenant, "flows", flows[0]) if len(flows) == 1 else None


def _action() -> str:
    return f"{now_ms()}:{int(new_hex(3), 16):04d}:{int(new_hex(2), 16)}"
