"""Shell scripts, Markdown pages and copied tutorials: calls, the answers printed below them, variables, and notes."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator

from reconciler.convert import curl, shell
from reconciler.convert.calls import HOLE, Attachments, Call, Recording, with_holes
from reconciler.convert.loose_json import first
from reconciler.core.values import Tree

_CAPTURE = re.compile(r"(?:^|[;&|]|\s)\$?([A-Za-z_]\w*)=[\"']?(?:\$\(|`)[^\n]*$")
_ASSIGNED = re.compile(
    r"^[ \t]*(?:export[ \t]+|set[ \t]+|local[ \t]+|readonly[ \t]+|\$env:|\$)?([A-Za-z_]\w*)[ \t]?=[ \t]?"
    r"(?:'([^'\n]*)'|\"([^\"\n]*)\"|([^\s'\"`$(){}<>|;&#]+))[ \t]*(?:;.*|#.*)?$",
    re.MULTILINE,
)
_DERIVED = re.compile(r"^[ \t]*(?:export[ \t]+|local[ \t]+)?([A-Za-z_]\w*)=[\"']?(?:\$\(|`)([^\n]+)$", re.MULTILINE)
_USED = re.compile(r"\$\{?([A-Za-z_]\w*)")
_MEMBER = re.compile(r"\.(?:\[\d+\])?\.?\[?[\"']?([$\w@]+)[\"']?\]?|\[[\"']([$\w@:]+)[\"']\]")
_EXAMPLE = re.compile(r"\{[A-Z_]+\}|<[A-Za-z_ -]+>")
"""A token that is a placeholder: the page is an example, and its ids are as well."""
_ANSWER = re.compile(r"^[ \t>]*([{\[])", re.MULTILINE)
_NOTE = re.compile(
    r"`?\{([A-Za-z_][A-Za-z0-9_]*)\}`?[^\n{]*?(?:\n[ \t]*:[^\n]*?)?(?<![0-9a-f])"
    r"([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})\b(?![^\n]*[0-9a-f]{8}-[0-9a-f]{4}-)"
)


def read(text: str, file: str, attached: Attachments) -> Recording:
    """Return the calls of a text."""
    made = Recording()
    found = list(shell.commands(text))
    covered = 0
    for number, command in enumerate(found):
        until = found[number + 1].start if number + 1 < len(found) else len(text)
        calls = curl.requests(command, file, attached)
        covered += text.count("\n", command.start, command.end) + 1 if calls else 0
        behind = text[command.end : until]
        for call in calls:
            call.values.update(dict(_NOTE.findall(behind)))
            call.sample = bool(_EXAMPLE.search(call.headers.get("authorization", "")))
        if calls:
            calls[-1].answer, lines = _answer(behind, calls[-1])
            covered += lines
            _captured(calls[-1], text, command)
        made.calls += calls
    _derive(made.calls, text, found)
    captured = {name for call in made.calls for name in call.captures}
    made.values = {name: value for name, value in _assignments(text) if name not in captured}
    made.skipped_lines = max(0, sum(1 for line in text.splitlines() if line.strip()) - covered)
    return made


def _answer(text: str, call: Call) -> tuple[Tree, int]:
    """Return the JSON printed below a call and the number of its lines: the first that the call could have answered."""
    for match in _ANSWER.finditer(text):
        parsed = first(text, match.start(1))
        if parsed is None:
            continue
        value = parsed.value
        answers = isinstance(value, list) or (isinstance(value, dict) and bool(value.keys() & {"id", "$id", "@id"}))
        if call.method == "GET" or answers:
            return value, text.count("\n", match.start(1), parsed.end) + 1
        return None, 0
    return None, 0


def _captured(call: Call, text: str, command: shell.Command) -> None:
    """Note the variable that a command's output goes to: `ID=$(curl … | jq -r .id)`."""
    begin = text.rfind("\n", 0, command.start) + 1
    before = _CAPTURE.search(text[begin : command.start])
    if before:
        end = text.find("\n", command.end)
        call.captures[before[1]] = _member(text[command.end : end if end >= 0 else len(text)])


def _member(text: str) -> str:
    """Return the member that a filter behind a command takes out of the answer; empty where it takes all."""
    found = _MEMBER.search(text.partition("jq")[2] or text.partition("json")[2])
    return (found[1] or found[2] or "") if found else ""


def _derive(calls: list[Call], text: str, found: list[shell.Command]) -> None:
    """Note variables made from a captured answer: `ID=$(echo "$ANSWER" | jq -r .id)`."""
    starts = [command.start for command in found]
    holders: dict[str, list[Call]] = {}
    for call in calls:
        for name in call.captures:
            holders.setdefault(name, []).append(call)
    for match in _DERIVED.finditer(text):
        nearest = bisect_right(starts, match.end()) - 1
        if nearest >= 0 and match.start() <= found[nearest].end:
            continue
        behind = {id(call): call for name in _USED.findall(match[2]) for call in holders.get(name, ())}
        for call in behind.values():
            call.captures[match[1]] = _member(match[2])
            holders.setdefault(match[1], []).append(call)


def _assignments(text: str) -> Iterator[tuple[str, str]]:
    """Yield the variables that a script sets to a plain text."""
    for match in _ASSIGNED.finditer(text):
        value = match[2] if match[2] is not None else match[3] if match[3] is not None else match[4]
        if value and "$" not in value and not HOLE.search(with_holes(value)):
            yield match[1], value
