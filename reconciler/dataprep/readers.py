"""Sample files as a stream of records: CSV, JSON and JSON lines. Memory does not grow with the file.

An empty cell of a CSV file is null; all other cells are texts.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator
from typing import TextIO, cast

from reconciler.dataprep.errors import ReadError
from reconciler.dataprep.values import Value

FORMATS = {".csv": "csv", ".tsv": "csv", ".json": "json", ".jsonl": "jsonl", ".ndjson": "jsonl"}
"""The format of a sample file by the end of its name."""

_CHUNK = 1 << 16


def records_of(stream: TextIO, form: str, delimiter: str = ",") -> Iterator[dict[str, Value]]:
    """Return the records of a stream. `form` is csv, json or jsonl; `delimiter` is for CSV.

    Raises ReadError, with the line, for what is not of the format.
    """
    match form:
        case "csv":
            return read_csv(stream, delimiter)
        case "json":
            return read_json(stream)
        case "jsonl":
            return read_json_lines(stream)
    raise ReadError(f"{form!r} is not a format of samples: csv, json or jsonl")


def read_csv(lines: Iterable[str], delimiter: str = ",") -> Iterator[dict[str, Value]]:
    """Return a record for each row of a CSV file with a header. Raises ReadError for a row of another width."""
    rows = csv.reader(lines, delimiter=delimiter, strict=True)
    try:
        header = next(rows, None)
        if header is None:
            return
        header[0] = header[0].removeprefix("\ufeff") if header else ""
        if len(set(header)) < len(header):
            raise ReadError("line 1: two columns have the same name")
        width = len(header)
        for row in rows:
            if len(row) != width:
                if not row:
                    continue
                raise ReadError(f"line {rows.line_num}: {len(row)} cells, where the header has {width}")
            yield {name: cell or None for name, cell in zip(header, row, strict=True)}
    except csv.Error as error:
        raise ReadError(f"line {rows.line_num}: {error}") from None


def read_json_lines(lines: Iterable[str]) -> Iterator[dict[str, Value]]:
    """Return the record on each line. Raises ReadError for a line that is not a JSON object."""
    loads = json.JSONDecoder().decode
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            value = loads(line)
        except (ValueError, RecursionError) as error:
            raise ReadError(f"line {number}: not JSON: {error}") from None
        yield _object(value, f"line {number}")


def read_json(stream: TextIO) -> Iterator[dict[str, Value]]:
    """Return the objects of a JSON array, or the one object that the file holds.

    Objects are read one by one: the array as a whole is never in memory. Raises ReadError for anything else.
    """
    decoder = json.JSONDecoder()
    buffer = stream.read(_CHUNK).lstrip("\ufeff \t\r\n")
    in_array = buffer.startswith("[")
    buffer = buffer[1:] if in_array else buffer
    number = 0
    while True:
        buffer, ended = _skipped(buffer, stream)
        if buffer.startswith("]") and in_array:
            if (buffer[1:] + stream.read(_CHUNK)).strip():
                raise ReadError("more text after the end of the array")
            return
        if ended:
            if in_array or not number:
                raise ReadError("the file ends before the JSON does")
            return
        value, buffer = _decoded(decoder, buffer, stream, f"record {number + 1}")
        number += 1
        yield _object(value, f"record {number}")
        buffer, _ = _skipped(buffer, stream)
        if not in_array:
            if buffer:
                raise ReadError("more text after the first object; name the file .jsonl for one object a line")
            return
        if buffer.startswith(","):
            buffer = buffer[1:]
        elif buffer and not buffer.startswith("]"):
            raise ReadError(f"record {number}: expected ',' or ']' behind it")


def _skipped(buffer: str, stream: TextIO) -> tuple[str, bool]:
    """The buffer without leading blanks, filled again where it was used up; and whether the file has ended."""
    buffer = buffer.lstrip()
    while not buffer:
        more = stream.read(_CHUNK)
        if not more:
            return "", True
        buffer = more.lstrip()
    return buffer, False


def _decoded(decoder: json.JSONDecoder, buffer: str, stream: TextIO, name: str) -> tuple[object, str]:
    while True:
        try:
            value, end = decoder.raw_decode(buffer)
        except (ValueError, RecursionError) as error:
            more = stream.read(max(_CHUNK, len(buffer)))
            if not more or isinstance(error, RecursionError):
                raise ReadError(f"{name}: not JSON: {error}") from None
            buffer += more
            continue
        if end < len(buffer) or isinstance(value, dict | list):
            return value, buffer[end:]
        more = stream.read(_CHUNK)  # a number may go on
        if not more:
            return value, ""
        buffer += more


def _object(value: object, name: str) -> dict[str, Value]:
    if not isinstance(value, dict):
        raise ReadError(f"{name}: expected an object, found {type(value).__name__}")
    return cast(dict[str, Value], value)
