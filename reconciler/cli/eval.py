"""`reconciler eval`: the value of one Data Prep expression."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.cli.command import Command
from reconciler.cli.options import common

if TYPE_CHECKING:
    from reconciler.core.problems import ManifestError
    from reconciler.dataprep import DataPrepError, Value


@click.command("eval", cls=Command)
@click.argument("expression")
@click.option(
    "--input",
    "file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Records that the expression reads: .json, .jsonl, .csv or .parquet; - reads JSON lines from stdin.",
)
@click.option("--delimiter", default=",", show_default=True, metavar="SIGN", help="Of a CSV file.")
@click.option("--now", metavar="TIME", help="The time of now(), as 2026-01-02T03:04:05Z; the current time by default.")
@common
def command(expression: str, file: Path | None, delimiter: str, now: str | None) -> int:
    """Print the value of a Data Prep EXPRESSION as JSON, for each record of FILE on a line of its own.

    Dates are in UTC. Exit code 1, with the place, when the expression does not parse or has no value.
    """
    from reconciler.app.samples import records_in
    from reconciler.dataprep import Context, DataPrepError, Record, compile_expression

    if len(delimiter) != 1:
        raise click.UsageError("--delimiter is one character.")
    context = Context(now=time_of(now))
    empty: Record = {}
    records = [empty] if file is None else records_in(file, delimiter)
    try:
        compiled = compile_expression(expression)
    except DataPrepError as error:
        raise _failed(expression, error, "") from None
    for number, record in enumerate(records, 1):
        try:
            click.echo(json_line(compiled.evaluate(record, context)))
        except DataPrepError as error:
            raise _failed(expression, error, f"record {number}: " if file else "") from None
    return 0


def _failed(expression: str, error: DataPrepError, prefix: str) -> ManifestError:
    from reconciler.core.problems import ManifestError, Problem
    from reconciler.dataprep import with_caret

    place = error.place(expression)
    if place is None:
        return ManifestError(Problem("bad-expression", prefix + error.message))
    what = f"{prefix}{error.message} (at {place.line}:{place.column})"
    return ManifestError(Problem("bad-expression", what, detail=with_caret(expression, place)))


def json_line(value: Value) -> str:
    """Return a value as JSON on one line."""
    import json

    from reconciler.dataprep import to_json

    return json.dumps(to_json(value), ensure_ascii=False)


def time_of(text: str | None) -> datetime | None:
    """Return the time that `--now` gives. Raises UsageError where it is not one with a zone."""
    if text is None:
        return None
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        time = None
    if time is None or time.tzinfo is None:
        raise click.UsageError(f"--now is a time with a zone, such as 2026-01-02T03:04:05Z, not {text!r}.")
    return time
