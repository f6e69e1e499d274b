"""Usage labels of datasets: the Dataset Service (dataset-service.yaml)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from starlette.responses import Response

from reconciler.emulator.storage import Json
from reconciler.emulator.wire import Ask, Endpoint, Refusal, Service, answer, now_ms


class DatasetLabels(Service):
    """Usage labels of datasets, what data governance is decided by."""

    base = "/data/foundation/dataset"
    title = "Dataset Service"

    def endpoints(self) -> Iterable[Endpoint]:
        """Return the operations."""
        path, source = "/datasets/{id}/labels", "dataset-service.yaml; facts 5.4"
        yield Endpoint("GET", path, self.get, "404 without labels; etag in a header", source)
        yield Endpoint("PUT", path, self.put, "If-Match with that etag, 409", source)
        yield Endpoint("POST", path, self.create, "201, 409 when there are some", source)

    def refuse(self, status: int, detail: str) -> Refusal:
        """Return a refusal in the Dataset Service's shape; its status is a text."""
        moment = datetime.now(UTC).isoformat(timespec="milliseconds")
        body = {
            "timestamp": moment,
            "status": str(status),
            "code": f"PES-{status}",
            "message": detail,
            "path": self.base,
        }
        return Refusal(status, body)

    def get(self, ask: Ask) -> Response:
        """GET the labels of a dataset."""
        found = self._found(ask)
        return answer(found["body"], 200, {"etag": f'"{found["turn"]}"'})

    def put(self, ask: Ask) -> Response:
        """PUT other labels."""
        old = self._found(ask)
        if ask.request.headers.get("if-match") != f'"{old["turn"]}"':
            raise self.refuse(409, "If-Match is not the etag of the labels.")
        return self._keep(ask, old["turn"] + 1, 200)

    def create(self, ask: Ask) -> Response:
        """POST the first labels of a dataset."""
        if self.storage.get(ask.who.tenant, "dataSets", ask.id) is None:
            raise self.refuse(404, f"Dataset {ask.id} not found.")
        if self.storage.get(ask.who.tenant, "labels", ask.id) is not None:  # the description says 403
            raise self.refuse(409, "The dataset has labels; PUT others.")
        return self._keep(ask, 1, 201)

    def _keep(self, ask: Ask, turn: int, status: int) -> Response:
        sent = ask.object()
        body = {key: sent.get(key, []) for key in ("labels", "optionalLabels")}
        self.storage.put(ask.who.tenant, "labels", {"id": ask.id, "turn": turn, "body": body}, made=now_ms())
        return answer(body, status, {"etag": f'"{turn}"'})

    def _found(self, ask: Ask) -> Json:
        found = self.storage.get(ask.who.tenant, "labels", ask.id)
        if found is None or self.storage.get(ask.who.tenant, "dataSets", ask.id) is None:
            raise self.refuse(404, f"Dataset {ask.id} has no labels.")
        return found
