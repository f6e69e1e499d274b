"""Small services around the rest: tokens, sandboxes, exports on demand."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from urllib.parse import parse_qs

from starlette.responses import Response

from reconciler.emulator.options import Options
from reconciler.emulator.runs import Runs
from reconciler.emulator.storage import Json, Storage
from reconciler.emulator.wire import (
    Ask,
    Endpoint,
    Refusal,
    Service,
    answer,
    member,
    message_refusal,
    new_token,
    placeholder_refusal,
    stable_uuid,
)


class Ims(Service):
    """Tokens: any client gets one, but one whose secret is `wrong`."""

    base = "/ims"
    title = "IMS"

    def __init__(self, storage: Storage, options: Options) -> None:
        super().__init__(storage)
        self._options = options

    def endpoints(self) -> Iterable[Endpoint]:
        """Return the operations."""
        for version in ("v3", "v2"):
            yield Endpoint(
                "POST",
                f"/token/{version}",
                self.token,
                "form or query; expires_in in seconds",
                "facts 1.3",
                public=True,
            )

    def token(self, ask: Ask) -> Response:
        """POST client credentials."""
        form = {**parse_qs(ask.raw.decode(errors="replace")), **parse_qs(ask.request.url.query)}
        value = {key: values[0] for key, values in form.items()}
        if value.get("grant_type") != "client_credentials" or not value.get("client_id"):
            return answer({"error": "invalid_request", "error_description": "grant_type and client_id are needed"}, 400)
        if value.get("client_secret") in (None, "wrong"):
            return answer({"error": "invalid_client", "error_description": "invalid client_secret parameter"}, 401)
        lifetime = self._options.token_lifetime
        return answer({"access_token": new_token(lifetime), "token_type": "bearer", "expires_in": round(lifetime)})


class Sandboxes(Service):
    """Sandboxes of an organization: `prod`, those declared to the emulator, those that are named or hold something."""

    base = "/data/foundation/sandbox-management"
    title = "Sandboxes"

    def endpoints(self) -> Iterable[Endpoint]:
        """Return the operations."""
        source = "sandbox.yaml; facts 1.7"
        yield Endpoint("GET", "/", self.active, "the active ones of the caller", source)
        yield Endpoint("GET", "/sandboxes", self.all, "all of the organization", source)
        yield Endpoint("GET", "/sandboxTypes", self.types, "", source)
        yield Endpoint("GET", "/sandboxes/{id}", self.get, "404", source)

    def refuse(self, status: int, detail: str) -> Refusal:
        """Return a refusal in the gateway's shape."""
        return placeholder_refusal(status, detail)

    def active(self, ask: Ask) -> Response:
        """GET the active sandboxes; services alone see their ids."""
        return self._listed(
            [{key: value for key, value in item.items() if key not in ("id", "_system")} for item in self._known(ask)]
        )

    def all(self, ask: Ask) -> Response:
        """GET all sandboxes."""
        return self._listed(self._known(ask))

    def _listed(self, items: list[Json]) -> Response:
        links = {"page": {"href": "/sandboxes?limit={limit}&offset={offset}", "templated": True}}
        return answer({"sandboxes": items, "_page": {"limit": 200, "count": len(items)}, "_links": links})

    def types(self, ask: Ask) -> Response:
        """GET the sorts of sandboxes."""
        return answer({"sandboxTypes": [{"id": name, "title": name.title()} for name in ("production", "development")]})

    def get(self, ask: Ask) -> Response:
        """GET one sandbox by name."""
        for item in self._known(ask):
            if item["name"] == ask.id:
                return answer(item)
        raise placeholder_refusal(404, f"Sandbox {ask.id} not found.")

    def _known(self, ask: Ask) -> list[Json]:
        organization = ask.who.organization
        declared = [body for _, body in self.storage.select(f"{organization}\x1f", "sandboxes", order="number")]
        # whoever names a sandbox here may use it
        here = {ask.who.sandbox, *self.storage.tenants(organization)}
        names = {"prod", *here, *(body["name"] for body in declared)} - {""}
        kinds = {body["name"]: body for body in declared}
        return [_sandbox(organization, name, kinds.get(name, {})) for name in sorted(names)]


def _sandbox(organization: str, name: str, facts: Json) -> Json:
    day = datetime.fromtimestamp(0, UTC).strftime("%Y-%m-%d %H:%M:%S")
    return {
        "id": stable_uuid(f"{organization}\x1f{name}"),
        "name": name,
        "title": facts.get("title", name),
        "state": facts.get("state", "active"),
        "type": facts.get("type", "production" if name == "prod" else "development"),
        "region": "VA7",
        "isDefault": name == "prod",
        "etag": 1,
        "createdDate": day,
        "lastModifiedDate": day,
        "createdBy": "emulator",
        "modifiedBy": "emulator",
        "_system": {"state": "active", "createdDate": day, "createdBy": "emulator", "lastModifiedBy": "emulator"},
    }


class Activation(Service):
    """Running a file export now (ad-hoc-activation.yaml)."""

    base = "/data/core/activation/disflowprovider"
    title = "Ad-hoc activation"

    def __init__(self, storage: Storage, runs: Runs) -> None:
        super().__init__(storage)
        self._runs = runs

    def endpoints(self) -> Iterable[Endpoint]:
        """Return the operations."""
        rules = "audiences of the flow, file exports only, exportIds in v1"
        yield Endpoint("POST", "/adhocrun", self.run, rules, "ad-hoc-activation.yaml; facts 7.6")

    def run(self, ask: Ask) -> Response:
        """POST {activationInfo: {flow: [audience, …]}}: a run of each flow."""
        body = ask.object()
        wanted = body.get("activationInfo")
        if not isinstance(wanted, dict) or not wanted:
            raise message_refusal(400, "activationInfo is required")
        if "version=2" not in ask.request.headers.get("accept", "") and not body.get("exportIds"):
            raise message_refusal(400, "exportIds is required; or ask for version 2 in the Accept header")
        order = [made for flow, audiences in wanted.items() for made in self._flow(ask, flow, audiences)]
        return answer({"order": order})

    def _flow(self, ask: Ask, ident: str, audiences: object) -> list[Json]:
        flow = self.storage.get(ask.who.tenant, "flows", ident)
        if flow is None:
            raise message_refusal(400, f"The dataflow {ident} is not known")
        found = {}
        for item in flow.get("transformations") or []:
            for selector in member(item, "params.segmentSelectors.selectors") or []:
                value = selector.get("value")
                if isinstance(value, dict):
                    found[str(value.get("systemSegmentId") or value.get("id"))] = value
        if not isinstance(audiences, list) or not audiences:
            raise message_refusal(400, f"{ident}: a list of audiences is required")
        for audience in audiences:
            if "exportMode" not in found.get(str(audience), {}):
                raise message_refusal(400, f"The audience {audience} is not exported to files by the dataflow {ident}")
        run = self._runs.add(ask.who.tenant, flow, {})
        link = f"https://platform.adobe.io/data/foundation/flowservice/runs/{run['id']}"
        return [{"segment": audience, "order": ident, "statusURL": link} for audience in audiences]
