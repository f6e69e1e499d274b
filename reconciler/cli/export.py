"""`reconciler export`: what is live, as manifests."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.cli.command import Command
from reconciler.cli.options import common
from reconciler.cli.terminal import message
from reconciler.core.characters import counted

if TYPE_CHECKING:
    from reconciler.app.export import Exported

_KINDS = ("SourceDataflow", "DestinationDataflow")


@click.command("export", cls=Command)
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

    Nothing is written to the platform. Settings that manifests cannot express are listed with the reason. Secrets,
    which the platform never shows, become placeholders. Dataflows that are managed already are left out. Without
    --adopt no state knows the objects: bind them with `reconciler adopt DIR` before the first plan.
    """
    from reconciler.app.export import Choice, export_dataflows
    from reconciler.app.running import run
    from reconciler.cli.arguments import project_options
    from reconciler.cli.terminal import Terminal

    if adopt and out is None:
        raise click.UsageError("--adopt needs --out DIR: it binds what is written there.")
    choice = Choice(kinds, names, flows)
    exported = run(export_dataflows(project_options(Path()), Terminal(), choice, out, adopt=adopt))
    if out is None:
        click.echo("---\n".join(exported.texts.values()), nl=False)
    _tell(exported, out)
    return 1 if exported.differing else 0


def _tell(exported: Exported, out: Path | None) -> None:
    """Say on stderr what was written, what was left out and why, and which secrets to provide."""
    where = f" in {out}" if out is not None else ""
    message(f"{counted(exported.documents, 'document')}{where}.")
    if exported.managed:
        message(f"Left out: {counted(exported.managed, 'flow')} managed already.")
    for line in exported.skipped:
        message(f"Not exported: {line}")
    for line in exported.unsaid:
        message(f"Not written, because no manifest can say it: {line}")
    if exported.secrets:
        message("Secrets to provide, which the platform never shows:")
        for name in exported.secrets:
            message(f"  {name}")
    for address, fields in exported.differing.items():
        message(f"{address} would still change: {', '.join(fields)}")
    if exported.bound is not None:
        message(f"{counted(exported.bound, 'object')} bound in {exported.state}.")
    elif out is not None and exported.documents:
        message(
            f"No state knows these objects yet: bind them with reconciler adopt {out}, or a plan creates them again."
        )
