"""`reconciler import`: bind an object that exists to an address of the manifests."""

from __future__ import annotations

import click

from reconciler.cli.arguments import Files, project
from reconciler.cli.options import common


@click.command("import")
@click.argument("address")
@click.argument("ident", metavar="ID")
@project
@click.option("--lock-timeout", default=0.0, type=click.FloatRange(0), help="Seconds to wait for the lock.")
@common
def command(address: str, ident: str, files: Files, lock_timeout: float) -> int:
    """Bind the existing object ID to ADDRESS, which a manifest in PATH declares.

    Nothing is written to the platform. The next plan shows where the object and the manifest differ. Secrets cannot be
    read back: they are trusted as they are, until apply --send-secrets or a new value sends them.
    """
    from reconciler.app.binding import import_object
    from reconciler.app.running import run

    entry = run(import_object(files.open(), address, ident, lock_timeout))
    click.echo(f"{address} is {entry.kind} {entry.id} now. Where it differs: reconciler plan")
    return 0
