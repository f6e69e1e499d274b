"""The control endpoint under `/_emulator`: faults, edits from outside, runs, whole sandboxes. No platform has it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING

from starlette.responses import Response

from reconciler.emulator import faults as faults_module
from reconciler.emulator.faults import CONTROL, FaultError
from reconciler.emulator.flow_life import RIPENS
from reconciler.emulator.options import Options
from reconciler.emulator.patching import PatchError, patched
from reconciler.emulator.runs import Runs
from reconciler.emulator.seeds import KINDS, SeedError, Seeds
from reconciler.emulator.storage import Json, Storage
from reconciler.emulator.wire import Ask, Endpoint, Refusal, Service, answer, message_refusal, new_etag, now_ms

if TYPE_CHECKING:
    from reconciler.emulator.faults import Faults

_STRANGER = "somebody@AdobeID"


class Control(Service):
    """What a test, or a person trying things out, does to the emulator from behind."""

    base = CONTROL
    title = "Control"

    def __init__(self, storage: Storage, options: Options, seeds: Seeds, runs: Runs) -> None:
        super().__init__(storage)
        self._options = options
        self._seeds = seeds
        self._runs = runs
        self.faults: Faults | None = None

    def endpoints(self) -> Iterable[Endpoint]:
        """Return the operations; none wants the platform's headers."""
        for method, path, handler, rules in (
            ("GET", "/", self.about, "who this is, its switches, how much it holds"),
            ("GET", "/faults", self.list_faults, "the armed faults, how often they matched and hit"),
            ("POST", "/faults", self.add_faults, "one fault or a list of them"),
            ("DELETE", "/faults", self.clear_faults, "takes all faults away"),
            ("POST", "/edit", self.edit, "an edit from outside: JSON Patch, or delete"),
            ("POST", "/runs", self.run, "a run with the metrics given"),
            ("POST", "/seed", self.seed, "loads objects; the document of `emulator dump`"),
            ("GET", "/dump", self.dump, "every object, secrets masked"),
            ("DELETE", "/objects", self.clear, "forgets every object"),
        ):
            yield Endpoint(method, path, handler, rules, "this emulator", public=True)

    # -- faults ----------------------------------------------------------------------------------------------
    def list_faults(self, ask: Ask) -> Response:
        """GET the faults."""
        return answer({"faults": self._armed().report()})

    def add_faults(self, ask: Ask) -> Response:
        """POST faults."""
        body = ask.body()
        try:
            made = [faults_module.make(item) for item in (body if isinstance(body, list) else [body])]
        except FaultError as error:
            raise message_refusal(400, str(error)) from None
        self._armed().arm(made)
        return answer({"faults": self._armed().report()}, 201)

    def clear_faults(self, ask: Ask) -> Response:
        """DELETE the faults."""
        self._armed().disarm()
        return answer(None, 204)

    def _armed(self) -> Faults:
        assert self.faults is not None
        return self.faults

    # -- from outside ----------------------------------------------------------------------------------------
    def edit(self, ask: Ask) -> Response:
        """POST an edit that somebody else makes."""
        return answer(self.edited(ask.object()))

    def try_edit(self, wish: Json) -> None:
        """Carry out an edit where it can be: what a fault wants to edit may be gone by then."""
        with contextlib.suppress(Refusal):
            self.edited(wish)

    def edited(self, wish: Json) -> Json:
        """Change or delete an object behind everybody's back; return it. Refuses what is not there.

        `wish` is {organization, sandbox, kind, id or name, operations: JSON Patch or delete: true, by: a user}.
        """
        tenant = f"{wish.get('organization')}\x1f{wish.get('sandbox')}"
        kind = str(wish.get("kind"))
        with self.storage.transaction():
            body = self._target(tenant, kind, wish)
            if wish.get("delete"):
                self.storage.delete(tenant, kind, body["id"])
                return {"deleted": body["id"]}
            try:
                changed = patched(body, wish.get("operations") or [])
            except PatchError as error:
                raise message_refusal(400, str(error)) from None
            if "etag" in body:
                ms = max(now_ms(), body["updatedAt"] + 1)
                etag = new_etag(self.storage, ms)
                by = wish.get("by", _STRANGER)
                changed = {**changed, "updatedAt": ms, "updatedBy": by, "etag": etag, "version": etag}
            ripens = changed[RIPENS][1] if RIPENS in changed else None
            self.storage.put(tenant, kind, changed, ripens=ripens)
            return {"id": changed["id"], "etag": changed.get("etag")}

    def _target(self, tenant: str, kind: str, wish: Json) -> Json:
        if kind not in KINDS:
            raise message_refusal(400, f"kind must be one of {', '.join(KINDS)}")
        if "id" in wish:
            body = self.storage.get(tenant, kind, str(wish["id"]))
        else:
            found = self.storage.select(tenant, kind, [("name = ?", (str(wish.get("name")),))], limit=1)
            body = found[0][1] if found else None
        if body is None:
            raise message_refusal(404, f"no {kind} with that id or name in that organization and sandbox")
        return body

    def run(self, ask: Ask) -> Response:
        """POST {organization, sandbox, flowId, metrics, startedAt}: the flow ran, and this came of it."""
        body = ask.object()
        tenant = f"{body.get('organization')}\x1f{body.get('sandbox')}"
        flow = self.storage.get(tenant, "flows", str(body.get("flowId")))
        metrics, started = body.get("metrics") or {}, body.get("startedAt")
        if flow is None:
            raise message_refusal(404, f"no flow {body.get('flowId')} in that organization and sandbox")
        if not isinstance(metrics, dict) or not (started is None or type(started) is int):
            raise message_refusal(400, "metrics must be an object, startedAt a number of ms")
        return answer(self._runs.add(tenant, flow, metrics, started=started), 201)

    # -- whole sandboxes -------------------------------------------------------------------------------------
    def about(self, ask: Ask) -> Response:
        """GET who this is."""
        return answer({"identity": self.storage.identity, "options": asdict(self._options)})

    def seed(self, ask: Ask) -> Response:
        """POST a seed."""
        try:
            return answer({"loaded": self._seeds.load(ask.body())}, 201)
        except SeedError as error:
            raise message_refusal(400, str(error)) from None

    def dump(self, ask: Ask) -> Response:
        """GET everything."""
        return answer(self._seeds.dump())

    def clear(self, ask: Ask) -> Response:
        """DELETE everything."""
        self.storage.clear()
        return answer(None, 204)

    def refuse(self, status: int, detail: str) -> Refusal:
        """Return a refusal that is a message."""
        return message_refusal(status, detail)
