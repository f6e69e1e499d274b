"""Files of sample data as a stream of records: JSON, JSON lines, CSV, and Parquet with the extra `parquet`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from reconciler.core.distribution import install_command
from reconciler.core.problems import ManifestError, Problem
from reconciler.dataprep import FORMATS, ReadError, Value, records_of
from reconciler.documents.document import Document

_KNOWN = ", ".join(sorted([*FORMATS, ".parquet"]))
_BATCH = 1024
"""Rows of a Parquet file that are in memory at once."""


def records_in(path: Path, delimiter: str = ",") -> Iterator[dict[str, Value]]:
    """Yield the records of a file; `-` is JSON lines on standard input; `delimiter` is for CSV.

    Raises ManifestError, with the file and line, where it cannot be read.
    """
    try:
        if str(path) == "-":
            yield from records_of(sys.stdin, "jsonl")
        elif path.suffix == ".parquet":
            yield from _parquet(path)
        elif path.suffix in FORMATS:
            sign = "\t" if path.suffix == ".tsv" else delimiter
            with path.open(encoding="utf-8", newline="") as stream:
                yield from records_of(stream, FORMATS[path.suffix], sign)
        else:
            raise _unreadable(
                path, f"{path.suffix or 'a name without an end'!r} is not a format of samples", f"use one of {_KNOWN}"
            )
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise _unreadable(path, f"cannot be read: {reason}") from None
    except ReadError as error:
        raise _unreadable(path, error.message) from None


def _parquet(path: Path) -> Iterator[dict[str, Value]]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise _unreadable(path, "is a Parquet file", install_command("parquet")) from None
    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=_BATCH):
                yield from map(_plain_record, batch.to_pylist())
    except pyarrow.ArrowException as error:
        raise _unreadable(path, str(error).splitlines()[0]) from None


def _plain_record(record: dict[str, object]) -> dict[str, Value]:
    return {key: _plain(value) for key, value in record.items()}


def _plain(value: object) -> Value:
    """A value of Parquet as the language knows it: dates with a zone, decimals as floats, bytes as text."""
    from datetime import UTC, date, datetime
    from decimal import Decimal

    match value:
        case None | bool() | int() | float() | str():
            return value
        case datetime():
            return value if value.tzinfo else value.replace(tzinfo=UTC)
        case date():
            return datetime(value.year, value.month, value.day, tzinfo=UTC)
        case Decimal():
            return float(value)
        case bytes():
            return value.decode("utf-8", "replace")
        case dict():
            return {str(key): _plain(item) for key, item in value.items()}
        case list() | tuple():
            return [_plain(item) for item in value]
    return str(value)


def sample_path(root: Path, document: Document, name: str, where: tuple[str, ...]) -> Path:
    """Return the path of a sample file that a document names, relative to the document's own file.

    Raises ManifestError unless it is a regular file inside the project root, symbolic links followed.
    """
    path = (root / document.file).parent / name
    real = path.resolve()
    if not real.is_relative_to(root.resolve()):
        raise ManifestError(
            document.problem(where, "outside-root", f"{name!r} lies outside the project", "move it inside")
        )
    if not real.is_file():
        raise ManifestError(
            document.problem(where, "no-file", f"{name!r} is not a file", "paths are relative to this file")
        )
    return real


def _unreadable(path: Path, what: str, advice: str = "") -> ManifestError:
    return ManifestError(Problem("unreadable-sample", f"{path}: {what}", advice))
