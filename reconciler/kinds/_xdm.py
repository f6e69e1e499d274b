"""What breaks a schema that data was written with (xdm/schema/composition.md)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from reconciler.core.pointers import pointer
from reconciler.core.rules import FieldChange
from reconciler.core.values import MISSING, Path, Wire

_NAMED = frozenset(("properties", "definitions", "patternProperties"))
_RETYPES = frozenset(("type", "format", "$ref", "meta:xdmType", "const", "multipleOf", "additionalProperties"))
_LOWER_BOUNDS = frozenset(("minimum", "exclusiveMinimum", "minLength", "minItems"))
_UPPER_BOUNDS = frozenset(("maximum", "exclusiveMaximum", "maxLength", "maxItems"))


def incompatible_changes(live: Wire, fields: Sequence[FieldChange]) -> Mapping[Path, str]:
    """Return those of `fields` that take something from the `live` resource or narrow it, and in which words."""
    found = {}
    for item in fields:
        why = _why(live, item)
        if why is not None:
            place = item.path[:1] if item.path[:1] == ("allOf",) else item.path  # its key is a URL, and in the words
            found[item.path] = f"{pointer(place)}: {why}"
    return found


def _why(live: Wire, item: FieldChange) -> str | None:
    path, old, new = item.path, item.old, item.new
    name, word = _last(path)
    if name is not None:
        return f"the field {name} would be taken away" if new is MISSING else None
    if path[:1] == ("meta:immutableTags",):
        return "a schema cannot leave Profile" if new is MISSING else None
    if word == "allOf":
        return f"{path[-1]} would be taken away" if new is MISSING else None
    if word in _RETYPES:
        return f"{word} would turn from {old!r} to {_shown(new)}" if old is not MISSING else None
    if word == "required":
        return _required(live, path, old, new)
    return _narrowed(word, old, new)


def _last(path: Path) -> tuple[str | None, str]:
    """Return the field that `path` names, if it names one, and the keyword it stands under or is."""
    named, word = False, ""
    for step in path:
        if named:
            named, word = False, ""
            field: str | None = step
            continue
        field = None
        if word == "allOf":
            word = "" if step != path[-1] else word
            continue
        word = step
        named = step in _NAMED
    return (field if path else None), word


def _required(live: Wire, path: Path, old: Wire, new: Wire) -> str | None:
    """New fields may be required; fields that were optional must stay so."""
    before = set(old) if isinstance(old, list) else set()
    here = live
    for step in path[:-1]:
        here = here.get(step, {}) if isinstance(here, dict) else {}
    known = here.get("properties", {}) if isinstance(here, dict) else {}
    late = sorted(name for name in (new if isinstance(new, list) else ()) if name not in before and name in known)
    return f"{', '.join(late)} would become required" if late else None


def _narrowed(word: str, old: Wire, new: Wire) -> str | None:
    if new is MISSING:
        return None
    if word == "enum":
        both = isinstance(old, list) and isinstance(new, list)
        lost = sorted(str(value) for value in old if value not in new) if both else ["all others"]
        return f"{', '.join(lost)} would no longer be allowed" if lost else None
    numbers = all(isinstance(value, int | float) for value in (old, new))
    bounded = word in _LOWER_BOUNDS | _UPPER_BOUNDS
    if word == "pattern" or (bounded and (not numbers or (new > old) == (word in _LOWER_BOUNDS))):
        return f"{word} would turn from {_shown(old)} to {new!r}"
    return None


def _shown(value: Wire) -> str:
    return "nothing" if value is MISSING else repr(value)
