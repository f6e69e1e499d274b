"""`reconciler convert`: recorded API calls as manifests."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reconciler.cli.command import Command
from reconciler.cli.options import common
from reconciler.cli.terminal import message
from reconciler.core.characters import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reconciler.app.convert import Conversion
    from reconciler.convert.conversion import Converted, Finding


@click.command("convert", cls=Command)
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), metavar="DIR", help="Write one file per document."
)
@click.option(
    "--env-file", "environments", multiple=True, type=click.Path(path_type=Path), metavar="FILE",
    help="Take values of placeholders from a Postman environment. Repeatable.",
)  # fmt: skip
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@common
def command(files: tuple[str, ...], out: Path | None, environments: tuple[Path, ...], form: str) -> int:
    """Convert recorded API calls to manifests: curl scripts, tutorials, Postman collections, HAR files, JSON bodies.

    FILE `-` reads from stdin. The manifests go to stdout, or to files in DIR. Nothing in FILE is executed, and
    nothing is sent. Calls that no manifest can express are listed with the reason; credentials become
    `${secret.NAME}`, and their values are not written anywhere.
    """
    from reconciler.app.convert import convert_files
    from reconciler.render.json import text

    done = convert_files(files, environments, out)
    if form == "json":
        click.echo(text(_document(done)), nl=False)
        return 0
    if out is None:
        click.echo("---\n".join(item.text for item in done.converted.documents.values()), nl=False)
    _tell(done, out)
    return 0


def _tell(done: Conversion, out: Path | None) -> None:
    """Print on stderr what was made and left out, and what to provide."""
    made = done.converted
    where = f" in {out}" if out is not None else ""
    message(f"{counted(made.calls, 'call')} read, {counted(len(made.documents), 'document')} written{where}.")
    message(f"Left out: {_left_out(made)}.")
    _findings("Not converted:", made.not_converted)
    _findings("Check:", made.remarks)
    if made.secrets:
        message("Secrets to provide:")
        for name in made.secrets:
            message(f"  {name}")
    missing = [name for name, value in made.variables.items() if value is None]
    if missing:
        message("Variables without a value in the input:")
        for name in missing:
            message(f"  {name} (written as {{{made.placeholders[name]}}})")
    if done.undeclared or (out is None and made.variables):
        names = ", ".join(done.undeclared or made.variables)
        message(f"Declare under variables: in reconciler.yaml, or give with --var: {names}")


def _left_out(made: Converted) -> str:
    return (
        f"{counted(made.reads, 'read')}, {counted(made.tokens, 'token call')}, "
        f"{counted(made.foreign, 'call')} to other services, {counted(made.lines, 'line')} without a call"
    )


def _findings(title: str, findings: Sequence[Finding]) -> None:
    if findings:
        message(title)
        for item in findings:
            message(f"  {item.file}:{item.line}: {item.call}: {item.reason}")


def _document(done: Conversion) -> dict[str, Any]:
    """Return what `--format json` prints; documents that were written to files have no text."""
    from reconciler.render.json import FORMAT_VERSION

    made = done.converted
    return {
        "formatVersion": FORMAT_VERSION,
        "documents": [
            {"name": name, "kind": item.kind, **({"file": f"{name}.yaml"} if done.files else {"text": item.text})}
            for name, item in made.documents.items()
        ],
        "variables": made.variables,
        "secrets": made.secrets,
        "notConverted": [_finding(item) for item in made.not_converted],
        "remarks": [_finding(item) for item in made.remarks],
        "leftOut": {"reads": made.reads, "tokens": made.tokens, "otherServices": made.foreign, "lines": made.lines},
        "summary": {"calls": made.calls, "documents": len(made.documents), "notConverted": len(made.not_converted)},
    }


def _finding(item: Finding) -> dict[str, Any]:
    return {"file": item.file, "line": item.line, "call": item.call, "reason": item.reason}
