"""The emulator as one ASGI application: all services over one storage, and the token endpoint."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qs

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from reconciler.emulator.catalog import Catalog
from reconciler.emulator.data_prep import DataPrep
from reconciler.emulator.flow_service import FlowService
from reconciler.emulator.schema_registry import SchemaRegistry
from reconciler.emulator.segmentation import Segmentation
from reconciler.emulator.specs import Specs
from reconciler.emulator.storage import Storage
from reconciler.emulator.wire import Options, Refusal, answer, new_hex

SPECS = Path(__file__).parent.parent / "specs"


def specs_folder() -> Path:
    """Return where the connector files are: inside the wheel, or beside the package in a checkout."""
    return SPECS if SPECS.is_dir() else SPECS.parent.parent / "specs"


def create_app(storage: Storage, options: Options | None = None) -> Starlette:
    """Return the application over `storage`."""
    chosen = options or Options()
    routes = [
        *FlowService(storage, Specs(specs_folder()), chosen).routes(),
        *DataPrep(storage).routes(),
        *Segmentation(storage).routes(),
        *Catalog(storage).routes(),
        *SchemaRegistry(storage).routes(),
        Route("/ims/token/v3", token, methods=["POST"]),
        Route("/", about),
    ]
    app = Starlette(routes=routes, exception_handlers={Refusal: _refused, HTTPException: _unknown})
    app.router.redirect_slashes = False
    app.state.identity = storage.identity
    return app


async def token(request: Request) -> Response:
    """POST /ims/token/v3: any client gets a token, but one whose secret is `wrong`; form or query."""
    form = {**parse_qs((await request.body()).decode()), **parse_qs(request.url.query)}
    value = {key: values[0] for key, values in form.items()}
    if value.get("grant_type") != "client_credentials" or not value.get("client_id"):
        return answer({"error": "invalid_request", "error_description": "grant_type and client_id are needed"}, 400)
    if value.get("client_secret") in (None, "wrong"):
        return answer({"error": "invalid_client", "error_description": "invalid client_secret parameter"}, 401)
    return answer({"access_token": f"emulator-{new_hex(16)}", "token_type": "bearer", "expires_in": 86399})


async def about(request: Request) -> Response:
    """GET /: who this is."""
    return answer({"emulator": "Adobe Experience Platform, in small", "identity": request.app.state.identity})


async def _refused(_request: Request, error: Exception) -> Response:
    assert isinstance(error, Refusal)
    return answer(error.body, error.status)


async def _unknown(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return answer({"error_code": f"{error.status_code}000", "message": error.detail}, error.status_code)
