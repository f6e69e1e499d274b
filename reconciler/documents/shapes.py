"""What pydantic finds wrong with a block, as findings of ours: each at its place, with what to do."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from reconciler.core.problems import Problem
from reconciler.core.values import Secret
from reconciler.documents.document import Document, nearest

_WORDS = {
    "string_type": "text",
    "int_type": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "list_type": "a list",
}


def problems_of(
    document: Document, error: ValidationError, model: type[BaseModel], base: Sequence[str]
) -> list[Problem]:
    """Return pydantic's findings as ours, each at its place in the document below `base`."""
    return [_problem(document, item, model, tuple(base)) for item in error.errors()]


def _problem(document: Document, item: ErrorDetails, model: type[BaseModel], base: tuple[str, ...]) -> Problem:
    steps = [str(step) for step in item["loc"]]
    path = (*base, *steps)
    value = item.get("input")
    kind = item["type"]
    shown = (
        repr(value) if not isinstance(value, dict | list) else ("a mapping" if isinstance(value, dict) else "a list")
    )
    where = steps[-1] if steps and not steps[-1].isdigit() else "this"
    if kind == "extra_forbidden":
        known = _known_keys(model, steps[:-1])
        return document.problem(path, "unknown-key", f"unknown key {steps[-1]!r}", nearest(steps[-1], known), key=True)
    if kind == "missing":
        return document.problem(path[:-1], "missing-key", f"{steps[-1]} is missing", f"add {steps[-1]}: …")
    if isinstance(value, Secret):
        return document.problem(
            path, "misplaced-secret", f"{where} cannot hold a secret", "write it out, or use ${var.NAME}"
        )
    if kind in _WORDS:
        advice = f'write "{value}" in quotes' if kind == "string_type" and isinstance(value, int | float) else ""
        return document.problem(path, "bad-type", f"{where} must be {_WORDS[kind]}, not {shown}", advice)
    if kind == "literal_error":
        expected = item.get("ctx", {}).get("expected", "")
        words = [word.strip("' ") for word in expected.replace(" or ", ",").split(",")]
        return document.problem(
            path,
            "bad-value",
            f"{where} must be one of {', '.join(words)}, not {shown}",
            nearest(str(value), words),
        )
    return document.problem(path, kind.replace("_", "-"), item["msg"].removeprefix("Value error, "))


def _known_keys(model: type[BaseModel], steps: Iterable[str]) -> list[str]:
    """Return the keys a block takes, found by walking the model along `steps`."""
    here: Any = model
    for step in steps:
        fields = {(field.alias or name): field.annotation for name, field in getattr(here, "model_fields", {}).items()}
        inner = _model_in(fields.get(step)) if step in fields else here
        here = inner or here
    return [field.alias or name for name, field in getattr(here, "model_fields", {}).items()]


def _model_in(annotation: Any) -> Any:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for part in getattr(annotation, "__args__", ()):
        found = _model_in(part)
        if found is not None:
            return found
    return None
