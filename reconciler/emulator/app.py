"""The emulator as one ASGI application: all services over one storage, faults and the log around them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, TextIO

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from reconciler.emulator.catalog import Catalog
from reconciler.emulator.control import Control
from reconciler.emulator.data_prep import DataPrep
from reconciler.emulator.dataset_labels import DatasetLabels
from reconciler.emulator.descriptors import Descriptors
from reconciler.emulator.door import BODY_LIMIT, BodyTooLargeError, Door, internal_error
from reconciler.emulator.faults import Fault, Faults
from reconciler.emulator.flow_service import FlowService
from reconciler.emulator.inlet import Inlet
from reconciler.emulator.options import Options
from reconciler.emulator.platform_services import Activation, Ims, Sandboxes
from reconciler.emulator.request_log import RequestLog
from reconciler.emulator.runs import Runs
from reconciler.emulator.schema_registry import SchemaRegistry
from reconciler.emulator.seeds import Seeds
from reconciler.emulator.segmentation import Segmentation
from reconciler.emulator.spec_service import SpecService
from reconciler.emulator.specs import Specs
from reconciler.emulator.storage import Storage
from reconciler.emulator.wire import CLOCK_SKEW, Refusal, Service, answer
from reconciler.emulator.xdm import Xdm

IN_PROCESS = "emulator"
"""The host name of the emulator inside the tool's own process, where no browser reaches it."""
SPECS = Path(__file__).parent.parent / "specs"


def specs_folder() -> Path:
    """Return where the connector files are: inside the wheel, or beside the package in a checkout."""
    return SPECS if SPECS.is_dir() else SPECS.parent.parent / "specs"


def services(storage: Storage, options: Options, specs: Specs) -> list[Service]:
    """Return every service; the control endpoint is the last."""
    xdm, runs = Xdm(storage), Runs(storage, options)
    registry = SchemaRegistry(storage, options, xdm)
    made: list[Service] = [
        FlowService(storage, specs, options, runs),
        SpecService(storage, specs),
        runs,
        DataPrep(storage, options, xdm),
        Catalog(storage, options, xdm),
        DatasetLabels(storage),
        Descriptors(storage, options, xdm, registry),
        registry,
        Segmentation(storage, options),
        Activation(storage, runs),
        Sandboxes(storage),
        Ims(storage, options),
        Inlet(storage, runs),
        Control(storage, options, Seeds(storage, specs), runs),
    ]
    for service in made:
        service.strict_sandboxes = options.strict_sandboxes
    return made


def create_app(
    storage: Storage,
    options: Options | None = None,
    *,
    faults: Iterable[Fault] = (),
    seed: int = 0,
    log: TextIO | None = None,
    hosts: Iterable[str] = (IN_PROCESS,),
    body_limit: int = BODY_LIMIT,
) -> Any:
    """Return the application over `storage`.

    `seed` makes the chances of faults repeatable. `hosts` are names to answer for besides addresses and `localhost`.
    `body_limit` is in bytes.
    """
    made = services(storage, options or Options(), Specs(specs_folder()))
    control = made[-1]
    assert isinstance(control, Control)
    routes = [route for service in made for route in service.routes()]
    routes.append(Route("/", about))
    app = Starlette(routes=routes, exception_handlers=_HANDLERS)
    app.router.redirect_slashes = False
    app.state.identity = storage.identity
    app.state.strict_references = bool(options and options.strict_references)
    skewed: Any = _Skewed(app, options.clock_skew) if options and options.clock_skew else app
    around = Faults(skewed, seed=seed, faults=faults, edit=control.try_edit)
    control.faults = around
    return Door(RequestLog(around, log) if log else around, hosts=hosts, body_limit=body_limit)


class _Skewed:
    """An application whose objects are stamped by a clock of its own."""

    def __init__(self, app: Any, seconds: float) -> None:
        self._app, self._seconds = app, seconds

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        token = CLOCK_SKEW.set(self._seconds)
        try:
            await self._app(scope, receive, send)
        finally:
            CLOCK_SKEW.reset(token)


async def about(request: Request) -> Response:
    """GET /: who this is."""
    return answer({"emulator": "Adobe Experience Platform, in small", "identity": request.app.state.identity})


async def _refused(request: Request, error: Exception) -> Response:
    """An object that is not held here may be referred to all the same, and a client that looks for it is told so."""
    assert isinstance(error, Refusal)
    lenient = error.status == 404 and not request.app.state.strict_references
    return answer(error.body, error.status, {"x-emulator-references": "any"} if lenient else {})


async def _unknown(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return answer({"error_code": f"{error.status_code}000", "message": error.detail}, error.status_code)


async def _too_large(_request: Request, error: Exception) -> Response:
    return answer({"error_code": "413000", "message": str(error)}, 413, {"connection": "close"})


async def _broken(_request: Request, error: Exception) -> Response:
    return answer({"error_code": "500000", "message": internal_error(error)}, 500)


_HANDLERS: dict[Any, Any] = {
    Refusal: _refused,
    HTTPException: _unknown,
    BodyTooLargeError: _too_large,
    Exception: _broken,
}
