"""`reconciler export`: what is live, as manifests."""

from __future__ import annotations

from pathlib import Path

import click

from reconciler.cli.options import common

_KINDS = ("SourceDataflow", "DestinationDataflow")


@click.command("export")
@click.option("--kind", "kinds", multiple=True, type=click.Choice(_KINDS), help="Only this kind. Repeatable.")
@click.option("--name", "names", multiple=True, metavar="GLOB", help="Only flows whose name matches. Repeatable.")
@click.option("--flow", "flows", multiple=True, metavar="ID", help="Only this flow. Repeatable.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), metavar="DIR", help="A file a document.")
@click.option("--adopt", is_flag=True, help="Bind what was exported in the state of DIR's project.")
@common
def command(
    kinds: tuple[str, ...], names: tuple[str, ...], flows: tuple[str, ...], out: Path | None, adopt: bool
) -> int:
    """Write the dataflows of a sandbox as manifests that plan to no change, one document a file; else to stdout.

    Nothing is written to the platform. What no manifest can say is listed with the reason. Secrets, which the platform
    never shows, become placeholders. Dataflows that are managed already are left out.
    """
    from reconciler.cli.exporting import Choice, exported
    from reconciler.cli.running import run

    if adopt and out is None:
        raise click.UsageError("--adopt needs --out DIR: it binds what is written there.")
    done: int = run(exported(Choice(kinds, names, flows), out, adopt=adopt))
    return done
