"""A state and its journal as text: what every store keeps, written and read back a part at a time.

Ten thousand dataflows make a state of 36 MB; as one tree of JSON it would need five times that.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import islice
from sys import intern
from typing import Any

import orjson

from reconciler.core.interning import Interner
from reconciler.core.problems import Problem, StateError
from reconciler.core.state.codec import (
    MARK,
    decode,
    entry_json,
    entry_of,
    leaf_json,
    record_json,
    record_of,
    state_json,
    state_of,
    too_new,
)
from reconciler.core.state.migrations import migrate_record
from reconciler.core.state.model import VERSION, Entry, Record, State
from reconciler.core.values import Tree
from reconciler.network.exact_json import parsed

Blocks = Callable[[], Iterable[bytes]]
"""Gives the text of a state from its beginning, in parts of any size; asked again where it has to be read otherwise."""

_LINE = orjson.OPT_APPEND_NEWLINE | orjson.OPT_PASSTHROUGH_DATACLASS
_FORM = orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS | orjson.OPT_PASSTHROUGH_DATACLASS
_PART = 1 << 20
_GROUP = 500
"""Entries that are written at once."""


# -- writing -----------------------------------------------------------------------------------------------------
def state_text(state: State, **more: str) -> Iterator[bytes]:
    """Yield the text of a state: JSON, two blanks a level, keys sorted; the same state gives the same text.

    `more` are members that only its store looks at.
    """
    shell = _dumped({**state_json(replace(state, resources={}), _as_it_is), **more})
    if not state.resources:
        yield shell + b"\n"
        return
    head, tail = shell.split(_NONE, 1)
    yield head + _OPEN
    names = iter(sorted(state.resources))
    between = b""
    while group := list(islice(names, _GROUP)):
        text = _dumped({name: entry_json(state.resources[name], _as_it_is) for name in group})
        yield between + b"  " + text[2:-2].replace(b"\n", b"\n  ")
        between = b",\n"
    yield b"\n  }" + tail + b"\n"


def _dumped(tree: Tree) -> bytes:
    try:
        return orjson.dumps(tree, default=leaf_json, option=_FORM)
    except TypeError:  # numbers beyond 64 bits, texts that are no Unicode
        return json.dumps(tree, default=leaf_json, indent=2, sort_keys=True).encode()


def line_of(record: Record) -> bytes:
    """Return a line of the journal."""
    try:
        return orjson.dumps(record_json(record, _as_it_is), default=leaf_json, option=_LINE)
    except TypeError:
        return (json.dumps(record_json(record), separators=(",", ":")) + "\n").encode()


def header_of(state: State, **more: Any) -> bytes:
    """Return the first line of a journal: which state it follows, and `more` that its store wants to know."""
    return orjson.dumps({"version": VERSION, "lineage": state.lineage, "serial": state.serial, **more}) + b"\n"


# -- reading -----------------------------------------------------------------------------------------------------
_NONE = b'\n  "resources": {}'
_OPEN = b'\n  "resources": {\n'
_NEXT, _CLOSE = b"\n    },\n", b"\n    }\n  }"


def parts_of(content: bytes) -> Blocks:
    """Return a text that came in one piece as parts: parsed as a whole it would take five times its size."""
    return lambda: (content[start : start + _PART] for start in range(0, len(content), _PART))


def state_in(blocks: Blocks, source: str, interner: Interner) -> State:
    """Return the state in a text; `source` names it in errors. Raises `StateError` when it is none, or a newer one.

    Its entries are held in the objects of `interner`.
    """
    found = _piecewise(blocks, source, interner)
    if found is not None:
        return found
    try:
        data = parsed(b"".join(blocks()))
    except ValueError as error:
        raise StateError(
            Problem(
                "state-broken",
                f"{source} is not valid JSON: {error}",
                "restore it from its backup, an earlier version or git; nothing was changed",
            )
        ) from None
    state = state_of(data, source)
    return replace(state, resources={name: interner.entry(name, entry) for name, entry in state.resources.items()})


def _as_it_is(tree: Tree) -> Tree:
    return tree


def _piecewise(blocks: Blocks, source: str, interner: Interner) -> State | None:
    """Return the state in a text that is laid out as `state_text` does it, or None: then it is read as a whole."""
    entries: dict[str, Entry] = {}
    shell = bytearray()
    try:
        for group in _groups(blocks(), shell):
            leaves = decode if MARK.encode() in group else _as_it_is
            for name, item in parsed(b"{" + group + b"}").items():
                entries[intern(name)] = interner.entry(name, entry_of(item, leaves))
        data = parsed(bytes(shell))
        if data["version"] != VERSION:
            return None
        return replace(state_of(data, source), resources=entries)
    except (StateError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _groups(blocks: Iterable[bytes], shell: bytearray) -> Iterator[bytes]:
    """Yield the entries, some at a time, and put all that is around them into `shell`."""
    coming = iter(blocks)
    text = b""
    for block in coming:
        text += block
        if _OPEN in text:
            break
    head, opened, text = text.partition(_OPEN)
    if not opened:
        raise ValueError("it is laid out in another way")
    shell += head + _NONE
    while True:
        end = text.find(_CLOSE)
        if end >= 0:
            yield text[: end + 6]
            shell += text[end + len(_CLOSE) :]
            break
        end = text.rfind(_NEXT)
        if end >= 0:
            yield text[: end + 6]
            text = text[end + len(_NEXT) :]
        more = next(coming, None)
        if more is None:
            raise ValueError("the text ends too early")
        text += more
    for block in coming:
        shell += block


def serial_in(text: bytes) -> int:
    """Return the serial that a text tells, whatever else is wrong with it; 0 where it tells none."""
    found = re.findall(rb'\n {0,2}"serial": (\d+)', text)
    return int(found[-1]) if found else 0


def records_in(lines: Iterable[bytes], source: str) -> tuple[dict[str, Any], list[Record]]:
    """Return the header and the records of a journal's whole lines. Raises `StateError` for a damaged or newer one."""
    try:
        header, *rest = (json.loads(line) for line in lines)
        header = {**header, "lineage": str(header["lineage"]), "serial": int(header["serial"])}
        version = int(header.get("version", 1))
        if version > VERSION:
            raise too_new(source, version)
        return header, [record_of(migrate_record(item, version)) for item in rest]
    except (ValueError, KeyError, TypeError) as error:
        raise StateError(
            Problem(
                "journal-broken",
                f"{source} is damaged: {type(error).__name__}: {error}",
                "keep a copy of it; it tells what the last run did. Remove it once the objects it names are known",
            )
        ) from None
