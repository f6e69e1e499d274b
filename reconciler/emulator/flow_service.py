"""The Flow Service: connections, their ends, flows (flow-service.yaml, destinations.yaml)."""

from __future__ import annotations

import copy
from collections.abc import Iterable

from starlette.responses import Response

from reconciler.emulator import listing
from reconciler.emulator.flow_life import GONE, INLET, RIPENS, FlowLife
from reconciler.emulator.flow_rules import ENDS, FIELDS, SERVER_SET, WRONG, FlowRules
from reconciler.emulator.options import Options
from reconciler.emulator.patching import PatchError, patched
from reconciler.emulator.runs import Runs
from reconciler.emulator.specs import Specs
from reconciler.emulator.storage import Json, Storage
from reconciler.emulator.wire import (
    Ask,
    Caller,
    Endpoint,
    Refusal,
    Service,
    answer,
    flow_refusal,
    message_refusal,
    now_ms,
)

BASE = "/data/foundation/flowservice"
KINDS = ("connections", "sourceConnections", "targetConnections", "flows")
_BOTH = "flow-service.yaml, destinations.yaml; facts 2"


class FlowService(Service):
    """The four kinds of objects of the Flow Service over one storage."""

    base = BASE
    title = "Flow Service"

    def __init__(self, storage: Storage, specs: Specs, options: Options, runs: Runs) -> None:
        super().__init__(storage)
        self._specs = specs
        self._options = options
        self._rules = FlowRules(storage, specs, options)
        self._life = FlowLife(storage, options)
        self._runs = runs

    def endpoints(self) -> Iterable[Endpoint]:
        """Return the operations; searches stand before ids."""
        for kind in KINDS:
            one = f"/{kind}/{{id}}"
            if kind in ("connections", "flows"):
                yield Endpoint(
                    "POST", f"/{kind}/search", self.search, "limit up to 1000, queryString as property=", _BOTH + ".4"
                )
            yield Endpoint(
                "GET", f"/{kind}", self.browse, "filters, orderby, paging, count, 1451 unknown", _BOTH + ".4"
            )
            yield Endpoint(
                "POST",
                f"/{kind}",
                self.create,
                "specs, references, secrets apart, mode=draft, 422 version",
                _BOTH + ".2",
            )
            for method, handler in (("PATCH", self.patch), ("DELETE", self.delete)):
                yield Endpoint(method, f"/{kind}", handler, "the id as query parameter `id`", "facts 10 (3)")
            yield Endpoint("GET", one, self.get, "404; transitions that are over are carried out", _BOTH + ".3")
            yield Endpoint(
                "PATCH", one, self.patch, "If-Match 1403/412, RFC 6902, immutable fields, schedules", _BOTH + ".5-2.6"
            )
            yield Endpoint("DELETE", one, self.delete, "in use 1418/1447, states, 204 or 202", _BOTH + ".8")
            yield Endpoint(
                "POST", one + "/action", self.action, "op in any case, states, drafts in order", _BOTH + ".7"
            )
        yield Endpoint(
            "GET", "/connections/{id}/test", self.test, "200 with false for the credential `wrong`", _BOTH + ".10"
        )
        yield Endpoint(
            "GET", "/connections/{id}/explore", self.explore, "folders, files, columns made up", _BOTH + ".10"
        )
        yield Endpoint("GET", "/connections/{id}/configs", self.configs, "datasets that may be exported", _BOTH + ".10")

    def refuse(self, status: int, detail: str) -> Refusal:
        """Return a refusal as the Flow Service words it: a code of its catalogue where one fits."""
        if "x-sandbox-name" in detail:
            return flow_refusal("2105-400", "x-sandbox-name missing", detail)
        if detail == "The body is null or empty":
            return flow_refusal("1405-400", "Body is null or empty")
        if detail.startswith("The entity id"):
            return flow_refusal("1411-400", "No entity id", detail)
        if detail.startswith("limit"):
            return flow_refusal("1453-400", "Bad value", detail)
        return message_refusal(status, detail)

    # -- collections -----------------------------------------------------------------------------------------
    def create(self, ask: Ask) -> Response:
        """POST a new object: 201 with id and etag, which a flow's own start makes stale at once."""
        kind, who, body = _kind(ask), ask.who, ask.object()
        draft = ask.query.get("mode") == "draft"
        checked = self._rules.check_create(who, kind, body, draft=draft)
        own = {key: value for key, value in copy.deepcopy(body).items() if key not in SERVER_SET}
        made = self._life.born({**own, **checked.extra}, who, draft=draft)
        ends = self._ends(who, made)
        inlet = self._rules.inlet(kind, made, ends["sourceConnections"])
        if inlet:
            made[INLET] = inlet
        etag = made["etag"]
        if kind == "flows":
            made = self._life.flow_born(made, ends, draft=draft)
        self._keep(who, kind, made, uses=checked.uses, secret=checked.secret)
        if kind == "flows" and not draft:
            self._runs.begin(who, made)
        headers = {"Location": f"{BASE}/{kind}/{made['id']}"} if kind in ("connections", "flows") else None
        return answer({"id": made["id"], "etag": etag}, 201, headers)

    def _ends(self, who: Caller, body: Json) -> dict[str, list[Json]]:
        return {
            kind: [self.storage.get(who.tenant, kind, one) or {} for one in body.get(name) or []] for name, kind in ENDS
        }

    def _keep(
        self, who: Caller, kind: str, body: Json, *, uses: list[str] | None = None, secret: Json | None = None
    ) -> None:
        ripens = body[RIPENS][1] if RIPENS in body else None
        inlet = [f"inlet:{body[INLET]}"] if INLET in body else []
        used = None if uses is None else [*uses, *inlet]
        self.storage.put(who.tenant, kind, body, uses=used, secret=secret, made=body["createdAt"], ripens=ripens)

    def browse(self, ask: Ask) -> Response:
        """GET a page of objects, or their number."""
        kind = _kind(ask)
        return listing.page(ask, self.storage, kind, lambda body: self._shown(ask, kind, body), self._visible(kind))

    def search(self, ask: Ask) -> Response:
        """POST /search: the same as a list, asked for in a body."""
        kind = _kind(ask)
        return listing.search(ask, self.storage, kind, lambda body: self._shown(ask, kind, body), self._visible(kind))

    def _visible(self, kind: str) -> listing.View:
        ripe(self.storage, self._life)
        lag = [("made <= ?", (now_ms() - round(self._options.list_lag * 1000),))] if self._options.list_lag else []
        return listing.View(frozenset([*FIELDS[kind], *SERVER_SET]), lag)

    def _shown(self, ask: Ask, kind: str, body: Json) -> Json:
        return self._life.shown(kind, body, self._options.inlet_url or f"{_origin(ask)}/collection")

    # -- one object ------------------------------------------------------------------------------------------
    def get(self, ask: Ask) -> Response:
        """GET one object, as a list of one."""
        return answer({"items": [self._shown(ask, _kind(ask), self._found(ask))]})

    def _found(self, ask: Ask) -> Json:
        ripe(self.storage, self._life)
        kind = _kind(ask)
        body = self.storage.get(ask.who.tenant, kind, ask.id)
        if body is None:
            text = f"{kind} not found with id = [{ask.id}]"
            raise Refusal(404, {"errorMessage": text, "errorDetails": text})
        return body

    def patch(self, ask: Ask) -> Response:
        """PATCH one object by RFC 6902 instructions, all or none of them."""
        kind, who, body = _kind(ask), ask.who, self._found(ask)
        self._check_match(ask, body)
        operations = self._rules.check_patch(kind, body, ask.body())
        whole = self._rules.with_secrets(body, self.storage.secret(who.tenant, kind, ask.id))
        try:
            new = patched(whole, operations)
        except PatchError as error:
            raise flow_refusal("1455-400", "Patch instructions invalid", str(error)) from None
        draft = new["state"] == "draft"
        checked = self._rules.check(who, kind, new, draft=draft, before=body)
        changed = self._life.touched({**new, **checked.extra}, who)
        if kind == "flows":
            changed = self._life.operated(changed, "update", operations)
        self._keep(who, kind, changed, uses=checked.uses, secret=checked.secret)
        if kind == "flows" and self._options.patch_without_body:
            return answer(None, 202)
        if kind in ("sourceConnections", "targetConnections") and not self._options.tutorial_forms:
            return answer({"items": [self._shown(ask, kind, changed)]})
        return answer({"id": ask.id, "etag": changed["etag"]})

    def delete(self, ask: Ask) -> Response:
        """DELETE one object, unless it is in use or in the middle of something."""
        kind, who, body = _kind(ask), ask.who, self._found(ask)
        if body["state"] not in ("enabled", "disabled", "initializing", "draft", "failed"):
            code = "1458-400" if body["state"] == "delete-finalizing" else "1416-400"
            raise flow_refusal(code, "Delete is not possible in this state", f"The object is {body['state']}.")
        users = self.storage.users(who.tenant, ask.id)
        if users:
            code = "1418-400" if kind == "connections" else "1447-400"
            raise flow_refusal(code, "In use", f"{ask.id} is used by {', '.join(users)}; delete those first.")
        if self._options.deletes_accepted and self._options.settle_delay:
            self._keep(who, kind, self._life.dying(body))
        else:
            self.storage.delete(who.tenant, kind, ask.id)
        return answer(None, 202 if self._options.deletes_accepted else 204)

    def action(self, ask: Ask) -> Response:
        """POST …/action?op=enable|disable|publish."""
        kind, who, body = _kind(ask), ask.who, self._found(ask)
        ask.body(optional=True)
        verb = ask.query.get("op", "").lower()
        if ask.request.headers.get("if-match"):
            self._check_match(ask, body)
        changed = self._life.acted(who, kind, body, verb)
        if kind == "flows" and verb == "publish":
            self._rules.check(who, kind, changed)  # a draft may be incomplete, what is published may not
        changed = self._life.touched(changed, who)
        if kind == "flows":
            changed = self._life.operated(changed, verb, [])
        self._keep(who, kind, changed)
        if kind == "flows" and verb == "publish":
            self._runs.begin(who, changed)
        return answer({"id": ask.id, "etag": changed["etag"]})

    def _check_match(self, ask: Ask, body: Json) -> None:
        """A missing If-Match is a 400 with 1403; a stale one, or one without its double quotes, a 412."""
        supplied = ask.request.headers.get("if-match")
        if not supplied:
            raise flow_refusal("1403-400", "If-Match header missing", "The If-Match header is missing.")
        if self._options.bare_etags and not supplied.startswith('"'):
            supplied = f'"{supplied}"'
        if supplied != body["etag"]:
            text = f"Supplied version=[{supplied}] does not match the current version on entity=[{body['etag']}]"
            raise Refusal(412, {"errorMessage": text, "errorDetails": text})

    # -- what a connection reaches ---------------------------------------------------------------------------
    def test(self, ask: Ask) -> Response:
        """GET …/test: a bad credential is a 200 with false. The credential `wrong` is bad."""
        self._found(ask)
        secret = self.storage.secret(ask.who.tenant, "connections", ask.id)
        return answer({"result": WRONG not in secret.values()})

    def explore(self, ask: Ask) -> Response:
        """GET …/explore: a made-up shop: two folders, a file in each, and its columns."""
        self._found(ask)
        return answer(listing.explored(ask))

    def configs(self, ask: Ask) -> Response:
        """GET …/configs: the datasets of the sandbox, a page at a time."""
        self._found(ask)
        return answer(listing.exportable(ask, self.storage))


def ripe(storage: Storage, life: FlowLife) -> None:
    """Carry out every transition that is over by now."""
    for tenant, kind, body in storage.ripe(now_ms()):
        done = life.ripened(body)
        if GONE in done:
            storage.delete(tenant, kind, body["id"])
        else:
            storage.put(tenant, kind, done, made=body["createdAt"])


def _kind(ask: Ask) -> str:
    return ask.request.url.path.removeprefix(BASE).split("/")[1]


def _origin(ask: Ask) -> str:
    return f"{ask.request.url.scheme}://{ask.request.url.netloc}"
