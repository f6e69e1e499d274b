"""Sample files: CSV, JSON, JSON lines; read as a stream."""

from __future__ import annotations

import io
import json
import tracemalloc
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler import dataprep
from tests.dataprep.trees import VALUES


def read(text: str, form: str, delimiter: str = ",") -> list[dict[str, Any]]:
    return list(dataprep.records_of(io.StringIO(text, newline=""), form, delimiter))


def test_csv() -> None:
    text = '\ufeffid;Full.Name;note\r\n1;"Ann; ""A""";\r\n\r\n2;Bob;"two\r\nlines"\r\n'
    assert read(text, "csv", ";") == [
        {"id": "1", "Full.Name": 'Ann; "A"', "note": None},
        {"id": "2", "Full.Name": "Bob", "note": "two\r\nlines"},
    ]
    assert read("", "csv") == []


def test_json_and_json_lines() -> None:
    assert read('{"a": 1}', "json") == [{"a": 1}]
    assert read('\ufeff [ {"a": 1} , {"a": [2, {"b": "]"}]} ] \n', "json") == [{"a": 1}, {"a": [2, {"b": "]"}]}]
    assert read("[]", "json") == []
    assert read('{"a": 1}\n\n{"a": 2}\n', "jsonl") == [{"a": 1}, {"a": 2}]


@pytest.mark.parametrize(
    ("text", "form", "words"),
    [
        ("a,b\n1\n", "csv", "line 2: 1 cells, where the header has 2"),
        ("a,a\n", "csv", "two columns have the same name"),
        ('a\n"x', "csv", "line 2"),
        ('{"a": 1} {', "json", "more text after the first object"),
        ('[{"a": 1}', "json", "the file ends before the JSON does"),
        ('[{"a": 1} {"b": 1}]', "json", "expected ',' or ']'"),
        ("[1]", "json", "record 1: expected an object"),
        ("", "json", "the file ends"),
        ("[{]", "json", "record 1: not JSON"),
        ('{"a": 1}\n{', "jsonl", "line 2: not JSON"),
        ("[1]", "jsonl", "line 1: expected an object"),
        ("", "xml", "not a format of samples"),
    ],
)
def test_a_broken_file_is_an_error_with_its_place(text: str, form: str, words: str) -> None:
    with pytest.raises(dataprep.ReadError) as caught:
        read(text, form)
    assert words in caught.value.message


@given(st.lists(st.dictionaries(st.text(max_size=5), VALUES, max_size=3), max_size=5), st.integers(0, 3))
def test_any_array_of_objects_is_read_back(records: list[dict[str, Any]], indent: int) -> None:
    assert read(json.dumps(records, indent=indent or None), "json") == records


class Endless(io.StringIO):
    """A JSON array, CSV or JSON lines file of many records, made as it is read."""

    def __init__(self, first: str, each: str, last: str, count: int) -> None:
        super().__init__()
        self._parts = self._made(first, each, last, count)

    @staticmethod
    def _made(first: str, each: str, last: str, count: int) -> Iterator[str]:
        yield first
        for _ in range(count):
            yield each
        yield last

    def read(self, size: int | None = -1, /) -> str:
        return next(self._parts, "")

    def __next__(self) -> str:
        return next(self._parts)


@pytest.mark.parametrize(
    ("form", "first", "each", "last"),
    [
        ("json", "[", '{"a": "xxxxxxxxxxxxxxxx"},' * 100, '{"a": 1}]'),
        ("jsonl", "\n", '{"a": "xxxxxxxxxxxxxxxx"}\n', "\n"),
        ("csv", "a\n", "xxxxxxxxxxxxxxxx\n", ""),
    ],
)
def test_memory_does_not_grow_with_the_file(form: str, first: str, each: str, last: str) -> None:
    tracemalloc.start()
    count = sum(1 for _ in dataprep.records_of(Endless(first, each, last, 1000 if form == "json" else 50_000), form))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count >= 50_000
    assert peak < 2_000_000
