"""`reconciler import`: bind an object that exists to an address of the manifests."""

from __future__ import annotations

import click

from reconciler.cli.arguments import LOCK_TIMEOUT, Files, project
from reconciler.cli.command import Command
from reconciler.cli.options import common


@click.command("import", cls=Command)
@click.argument("address")
@click.argument("ident", metavar="ID")
@project
@LOCK_TIMEOUT
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
