"""The Flow Service's connection and flow specs, served from `specs/` (flow-service.yaml)."""

from __future__ import annotations

from collections.abc import Iterable

from starlette.responses import Response

from reconciler.emulator import listing
from reconciler.emulator.flow_service import BASE
from reconciler.emulator.specs import Specs
from reconciler.emulator.storage import Json, Storage
from reconciler.emulator.wire import Ask, Endpoint, Service, answer, flow_refusal

_SOURCE = "flow-service.yaml; facts 2.11"
_ROOTS = (
    "id", "name", "providerId", "version", "attributes", "sourceConnectionSpecIds", "targetConnectionSpecIds",
)  # fmt: skip


class SpecService(Service):
    """Specs can be read by everybody and written by services only."""

    base = BASE
    title = "Flow Service: specs"

    def __init__(self, storage: Storage, specs: Specs) -> None:
        super().__init__(storage)
        self._specs = specs

    def endpoints(self) -> Iterable[Endpoint]:
        """Return the operations."""
        yield Endpoint("POST", "/flowSpecs/search", self.search, "queryString as property=", _SOURCE)
        for kind in ("connectionSpecs", "flowSpecs"):
            yield Endpoint("GET", f"/{kind}", self.browse, "property filters", _SOURCE)
            yield Endpoint("GET", f"/{kind}/{{id}}", self.get, "404", _SOURCE)
            yield Endpoint("POST", f"/{kind}", self.write, "1426: for services only", _SOURCE)
            yield Endpoint("PUT", f"/{kind}/{{id}}", self.write, "1426: for services only", _SOURCE)
        yield Endpoint("GET", "/connectionSpecs/{id}/explore", self.explore, "made up", "flow-service.yaml")
        yield Endpoint(
            "GET",
            "/connectionSpecs/{id}/configs",
            self.configs,
            "datasets that may be exported, paged",
            "destinations.yaml",
        )

    def browse(self, ask: Ask) -> Response:
        """GET all of them, or those that `property` filters leave."""
        properties = ask.query.getlist("property")
        return answer({"items": listing.named(list(self._table(ask).values()), properties, _ROOTS)})

    def search(self, ask: Ask) -> Response:
        """POST /flowSpecs/search."""
        wish = listing.searched(ask.object(), ask)
        found = listing.named(list(self._specs.flow.values()), wish.properties, _ROOTS)
        return answer({"items": found[: wish.limit], "_links": {}, "count": len(found)})

    def get(self, ask: Ask) -> Response:
        """GET one, as a list of one."""
        return answer({"items": [self._found(ask)]})

    def write(self, ask: Ask) -> Response:
        """POST and PUT are refused: a user's token may not."""
        raise flow_refusal("1426-400", "User tokens may not create or update specs")

    def explore(self, ask: Ask) -> Response:
        """GET what can be explored without an account."""
        self._found(ask)
        return answer(listing.explored(ask))

    def configs(self, ask: Ask) -> Response:
        """GET the datasets a destination may export."""
        self._found(ask)
        return answer(listing.exportable(ask, self.storage))

    def _found(self, ask: Ask) -> Json:
        found = self._table(ask).get(ask.id)
        if found is None:
            raise flow_refusal("1413-404", "Spec not found", f"No spec has the id {ask.id}.")
        return found

    def _table(self, ask: Ask) -> dict[str, Json]:
        return self._specs.connection if "/connectionSpecs" in ask.request.url.path else self._specs.flow
