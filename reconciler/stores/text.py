"""A state and its journal as text: what every store keeps, written and read back a part at a time.

Ten thousand dataflows make a state of 36 MB; as one tree of JSON it would need five times that.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import islice
from sys import intern
from typing import Any

import orjson

from reconciler.core.characters import legible
from reconciler.core.interning import Interner
from reconciler.core.problems import Problem, StateError
from reconciler.core.state.codec import (
    MALFORMED,
    MARK,
    addressed,
    decode,
    entry_json,
    entry_of,
    leaf_json,
    reason,
    record_json,
    record_of,
    state_json,
    state_of,
    too_new,
)
from reconciler.core.state.migrations import migrate_record
from reconciler.core.state.model import VERSION, Entry, Record, State
from reconciler.core.state.validation import require_address
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
def state_text(state: State, **more: str) -> list[bytes]:
    """Return the text of a state, in parts: JSON, two blanks a level, keys sorted; the same state gives the same text.

    `more` are members that only its store looks at. The text is read back before it is returned, and its checksum is
    made of what was read. Raises `StateError` where it would not be the same state: nothing unreadable is kept.
    """
    parts = list(_parts(state, more))
    try:
        checksum = _Checksum()
        shell = bytearray()
        for group in _groups(iter(parts), shell) if state.resources else ():
            entries = parsed(b"{" + group + b"}")
            checksum.add(entries)
            for address, item in entries.items():
                addressed(address, entry_of, item)
        data = parsed(bytes(shell) if state.resources else parts[0])
        digest = checksum.of(data)
        state_of(data, "the new state")
    except MALFORMED as error:
        raise _not_written(f"the new state could not be read back: {reason(error)}") from None
    except StateError as error:
        raise _not_written(error.problems[0].what) from None
    begin, rest = parts[0].split(b"\n", 1)
    parts[0] = begin + b'\n  "checksum": "' + digest.encode() + b'",\n' + rest
    return parts


def _not_written(what: str) -> StateError:
    return StateError(Problem("state-unwritable", what, "the state there is kept; report this as a bug"))


class _Checksum:
    """The sum over the content of a state, entry by entry in the order of their addresses.

    The layout does not count: a state that was only indented in another way, or whose line ends changed, is the same.
    """

    def __init__(self) -> None:
        self._sum = hashlib.sha256()
        self._last = ""

    def add(self, entries: Mapping[str, Any]) -> None:
        """Add entries as JSON. Raises `ValueError` where one belongs before those that were added."""
        for address in sorted(entries):
            if address < self._last:
                raise ValueError("its addresses are not sorted")
            self._last = address
            self._sum.update(_canonical([address, entries[address]]))

    def of(self, data: Mapping[str, Any]) -> str:
        """Return the checksum, given all other members."""
        self._sum.update(_canonical({key: data[key] for key in data if key not in ("checksum", "resources")}))
        return f"sha256:{self._sum.hexdigest()}"


def _canonical(tree: Any) -> bytes:
    try:
        return orjson.dumps(tree, option=orjson.OPT_SORT_KEYS)
    except TypeError:  # numbers beyond 64 bits
        return json.dumps(tree, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def _doubt(data: Mapping[str, Any], expected: str, source: str) -> Problem | None:
    """Return the finding about a state whose checksum is not `expected`: it was edited, or is torn."""
    if data.get("checksum") == expected:
        return None
    what = f"the checksum of {source} does not fit: it was edited by hand, or written in part"
    advice = "restore it from its backup or an earlier version, or accept it with: reconciler state push FILE --force"
    return Problem("state-edited", what, advice)


def _parts(state: State, more: Mapping[str, str]) -> Iterator[bytes]:
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
    except TypeError:  # numbers beyond 64 bits, texts that are not Unicode
        return _plainly(tree, indent=2, sort_keys=True)


def _plainly(tree: Tree, **layout: Any) -> bytes:
    """Return JSON as Python writes it. Raises `StateError` for a text that is not valid Unicode, naming it."""
    try:
        return json.dumps(tree, default=leaf_json, ensure_ascii=False, allow_nan=False, **layout).encode()
    except UnicodeEncodeError as error:
        text = error.object[max(0, error.start - 40) : error.end]
        what = f"a value is not valid Unicode and cannot be kept in a state: {legible(text)}"
        raise StateError(Problem("not-unicode", what, "correct the manifest, or the object on the platform")) from None


def line_of(record: Record) -> bytes:
    """Return a line of the journal. Raises `StateError` where the line could not be read back."""
    data = record_json(record, _as_it_is)
    try:
        line = orjson.dumps(data, default=leaf_json, option=_LINE)
    except TypeError:
        line = _plainly(data, separators=(",", ":")) + b"\n"
    try:
        record_of(parsed(line))
    except MALFORMED as error:
        what = f"{record.address} cannot be kept in the journal: {reason(error)}"
        raise StateError(Problem("state-unwritable", legible(what), "report this as a bug")) from None
    return line


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
    return checked_state(blocks, source, interner)[0]


def checked_state(blocks: Blocks, source: str, interner: Interner) -> tuple[State, Problem | None]:
    """Return the state in a text, and a finding where its checksum does not fit. Raises `StateError` as `state_in`."""
    found = _piecewise(blocks, source, interner)
    if found is not None:
        return found
    try:
        data = parsed(b"".join(blocks()))
    except (ValueError, RecursionError) as error:
        raise StateError(
            Problem(
                "state-broken",
                f"{source} is not valid JSON: {reason(error)}",
                "restore it from its backup, an earlier version or git; nothing was changed",
            )
        ) from None
    expected = _sum_of(data)
    state = state_of(data, source)
    entries = {name: interner.entry(name, entry) for name, entry in state.resources.items()}
    has_sum = data["version"] >= _SUMMED
    return replace(state, resources=entries), _doubt(data, expected, source) if has_sum else None


def _as_it_is(tree: Tree) -> Tree:
    return tree


_SUMMED = 2
"""The first version with a checksum."""


def _sum_of(data: Any) -> str:
    """Return the checksum that data of any sort should have, before it is decoded in place."""
    try:
        checksum = _Checksum()
        checksum.add(data["resources"])
        return checksum.of(data)
    except MALFORMED:
        return ""


def _piecewise(blocks: Blocks, source: str, interner: Interner) -> tuple[State, Problem | None] | None:
    """Return the state in a text that is laid out as `state_text` does it, or None: then it is read as a whole."""
    entries: dict[str, Entry] = {}
    checksum = _Checksum()
    shell = bytearray()
    try:
        for group in _groups(blocks(), shell):
            leaves = decode if MARK.encode() in group else _as_it_is
            members = parsed(b"{" + group + b"}")
            checksum.add(members)
            for name, item in members.items():
                require_address(name)
                entries[intern(name)] = interner.entry(name, entry_of(item, leaves))
        data = parsed(bytes(shell))
        if data["version"] != VERSION:
            return None
        doubt = _doubt(data, checksum.of(data), source)
        return replace(state_of(data, source), resources=entries), doubt
    except (StateError, *MALFORMED):
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
    except MALFORMED as error:
        raise StateError(
            Problem(
                "journal-broken",
                f"{source} is damaged: {reason(error)}",
                "keep a copy of it; it tells what the last run did. Remove it once the objects it names are known",
            )
        ) from None
