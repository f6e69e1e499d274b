"""The words of a mapping row: two vocabularies, and media types for the kinds of row that the platform shows."""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.core.values import Tree

SOURCES = ("source", "sourceAttribute", "sourceExpression")
"""The members that hold what a row reads, the current one first (data-prep.yaml; lava.md for the last)."""
DESTINATIONS = ("destination", "destinationXdmPath")
"""The members that hold the path a row writes, the current one first."""
KINDS_OF_ROW: Mapping[str, str] = {
    "text/x.schema-path": "ATTRIBUTE",
    "text/x.aep-xl": "EXPRESSION",
    "text/plain": "STATIC",
}
"""The kind of a row, by the media type that the platform shows for it (mapping-set.md)."""


def source_of(row: Mapping[str, Tree]) -> Tree:
    """Return what a row reads, or None."""
    return next((row[name] for name in SOURCES if row.get(name) is not None), None)


def destination_of(row: Mapping[str, Tree]) -> Tree:
    """Return the path a row writes, or None."""
    return next((row[name] for name in DESTINATIONS if row.get(name) is not None), None)


def kind_of(row: Mapping[str, Tree]) -> str:
    """Return ATTRIBUTE, EXPRESSION or STATIC, in whichever words the row says it; ATTRIBUTE where it says nothing."""
    word = str(row.get("sourceType") or "ATTRIBUTE")
    return KINDS_OF_ROW.get(word, word)
