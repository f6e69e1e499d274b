"""`reconciler emulator`: the platform in small, served over HTTP."""

from __future__ import annotations

from pathlib import Path

import click

from reconciler.cli.options import common


@click.command("emulator")
@click.option("--port", default=8080, type=click.IntRange(0, 65535), show_default=True)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--data", type=click.Path(path_type=Path), metavar="FILE", help="Keep the objects here; else in memory.")
@click.option("--settle-delay", default=0.0, type=click.FloatRange(0), help="Seconds a flow stays in transition.")
@click.option("--strict-references", is_flag=True, help="Refuse ids of schemas, datasets, audiences it does not hold.")
@click.option("--stringify", is_flag=True, help="Numbers come back as strings and selectors gain fields.")
@click.option("--patch-without-body", is_flag=True, help="PATCH /flows answers 202 without a body.")
@click.option("--deletes-accepted", is_flag=True, help="DELETE answers 202 instead of 204.")
@common
def command(
    port: int,
    host: str,
    data: Path | None,
    settle_delay: float,
    strict_references: bool,
    stringify: bool,
    patch_without_body: bool,
    deletes_accepted: bool,
) -> None:
    """Serve the platform emulator over HTTP for any client; it accepts any bearer token.

    Point the tool at it with AEP_PLATFORM_URL=http://127.0.0.1:8080, AEP_IMS_URL the same, and any AEP_ACCESS_TOKEN,
    AEP_API_KEY and AEP_ORG_ID.
    """
    import uvicorn

    from reconciler.emulator.app import create_app
    from reconciler.emulator.storage import Storage
    from reconciler.emulator.wire import Options

    options = Options(settle_delay, strict_references, stringify, patch_without_body, deletes_accepted)
    app = create_app(Storage(str(data) if data else ":memory:"), options)
    click.echo(f"The emulator listens on http://{host}:{port}; Ctrl-C stops it.", err=True)
    uvicorn.run(app, host=host, port=port, log_level="warning")
