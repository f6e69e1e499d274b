"""`${…}`: whatever load accepts, export writes so that load reads the same value again."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.trees import leaves
from reconciler.core.values import Path, Secret
from reconciler.documents.interpolate import Scope, escape, interpolate, is_filled_in, is_platform_syntax
from reconciler.documents.load import document_kinds
from reconciler.export.export_result import ExportResult
from reconciler.yamltext.reader import read
from reconciler.yamltext.text import Text

ROWS = {
    "mapping": [{"source": "s", "sourceAttribute": "s", "destination": "d", "name": "n", "description": "n"}],
    "attributes": [{"source": "s", "sourceAttribute": "s", "destination": "d"}, "bare.path", {"path": "p"}],
    "audiences": [{"id": "i", "name": "n", "description": "d", "filenameTemplate": "t"}],
    "primaryFields": ["p"], "mandatoryFields": ["m"],
}  # fmt: skip
PIECES = ["${", "$${", "$$${", "$", "{", "}", "var.", "env.", "secret.", "full.", "name", " ", "a", "\n", "'", '"', "ß"]
TEXTS = st.one_of(
    st.lists(st.sampled_from(PIECES), max_size=8).map("".join),
    st.sampled_from(["${var.x}", "${secret.x}", "${env.HOME}", "${person.name}", "$${var.x}", "${ var.x }", "${}"]),
    st.text(max_size=6),
)


def places() -> list[Path]:
    """Return the places of every text in the examples of all kinds of documents, and of rows with every text."""
    specs = [kind.example["spec"] for kind in document_kinds().values()]
    mapping_block = {"mapping": {"mappings": ROWS["mapping"], "name": "n"}}
    return sorted(
        {path for spec in [*specs, ROWS, mapping_block] for path, leaf in leaves(spec) if isinstance(leaf, str)}
    )


PLACES = places()


def read_back(tree: Any, path: Path = ()) -> Any:
    """Return what load makes of `tree`; every finding fails the test."""

    def say(*finding: object) -> None:
        raise AssertionError(finding)

    return interpolate(tree, Scope({}), say, path)


@given(TEXTS, st.sampled_from(PLACES))
def test_what_is_written_reads_back(text: str, path: Path) -> None:
    assert read_back(escape(text, path), path) == text


@given(st.dictionaries(st.sampled_from(["name", "description"]), TEXTS), st.lists(st.tuples(TEXTS, TEXTS), max_size=2))
def test_an_exported_document_reads_back(words: dict[str, str], rows: list[tuple[str, str]]) -> None:
    pairs = [{"source": source, "destination": destination} for source, destination in rows]
    spec = {"target": words, "mapping": pairs, "attributes": [*pairs, *(source for source, _ in rows)]}
    made = ExportResult()
    made.put("DestinationDataflow", "d", spec)
    (document,) = read(Text("d.yaml", made.documents["d"].text))
    assert read_back(document["spec"]) == spec


@given(TEXTS, st.sampled_from(PLACES))
def test_what_load_accepts_is_written_so_that_it_reads_the_same(text: str, path: Path) -> None:
    said: list[object] = []
    value = interpolate(text, Scope({"x": "$${var.y} ${full.name}"}), lambda *finding: said.append(finding), path)
    if not said and not isinstance(value, Secret):
        assert read_back(escape(value, path), path) == value


@pytest.mark.parametrize("path", [("mapping", "0", "source"), ("mapping", "mappings", "0", "sourceAttribute"),
                                  ("attributes", "3", "source")])  # fmt: skip
def test_an_expression_of_the_platform_stays_readable(path: Path) -> None:
    assert is_platform_syntax(path)
    assert escape("concat(${full.name})", path) == "concat(${full.name})"
    assert escape("${var.x}", path) == "$${var.x}", "the platform's text, never our variable"
    assert escape("${full.name}", ("attributes", "0")) == "$${full.name}"


def test_a_placeholder_is_written_and_a_text_like_it_is_not() -> None:
    assert escape({"key": Secret("${secret.a}"), "name": "${secret.a}"}) == {
        "key": "${secret.a}",
        "name": "$${secret.a}",
    }


def test_what_is_filled_in() -> None:
    assert is_filled_in("a ${var.x}")
    assert is_filled_in("$${a} ${secret.x}")
    assert not is_filled_in("${full.name} $${var.x} ${")
