r"""JSON's surrogate pairs in a YAML text: `"\ud83d\ude00"`, as `json.dumps` writes a character beyond U+FFFF.

YAML 1.2 is a superset of JSON, but libyaml refuses the escape of half a pair. Each half is replaced by an escape of the
same length, so that every place in the text stays where it is, and the halves are joined in the values afterwards.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from dataclasses import dataclass

_ESCAPE = re.compile(r"\\(?:u([dD][89a-fA-F][0-9a-fA-F]{2})|.)", re.DOTALL)
_HALVES = re.compile("[\ud800-\udbff][\udc00-\udfff]|[\ud800-\udfff]")
_HALF = re.compile("[\ud800-\udfff]")
_PRIVATE = range(0xE000, 0xF900)


class HalfPairError(Exception):
    """Half of a surrogate pair alone: `index` is the place of its escape in the text."""

    def __init__(self, index: int) -> None:
        super().__init__(index)
        self.index = index


@dataclass(frozen=True, slots=True)
class Escapes:
    """A text whose escapes of half pairs are replaced by those of one private character that it does not use.

    `places` are the indices of the escapes, `written` their four digits as they are in the text.
    """

    content: str
    character: str
    places: tuple[int, ...]
    written: tuple[str, ...]

    def joined(self, value: str, start: int, end: int, *, quoted: bool) -> str:
        """Return the value of the scalar from index `start` to `end`. Raises `HalfPairError` for half a pair.

        Escapes count in texts in double `quoted` style; elsewhere a backslash is a backslash.
        """
        first, last = bisect_left(self.places, start), bisect_left(self.places, end)
        if first == last:
            return value
        halves = iter(self.written[first:last])
        if not quoted:
            return re.sub(rf"(?<=\\u){ord(self.character):x}", lambda _: next(halves), value)
        text = "".join(chr(int(next(halves), 16)) if letter == self.character else letter for letter in value)
        for match in _HALVES.finditer(text):
            if len(match[0]) == 1:
                before = len(_HALF.findall(text, 0, match.start()))
                raise HalfPairError(self.places[first + before])
        return _HALVES.sub(lambda match: match[0].encode("utf-16", "surrogatepass").decode("utf-16"), text)


def escapes_in(content: str) -> Escapes | None:
    r"""Return what replaces the escapes of half pairs (`\ud800` to `\udfff`) in a text; None where it has none."""
    if "\\ud" not in content and "\\uD" not in content:
        return None
    found = [match for match in _ESCAPE.finditer(content) if match[1]]
    lower = content.lower()
    free = (code for code in _PRIVATE if chr(code) not in content and f"{code:x}" not in lower)
    code = next(free, None)
    if not found or code is None:
        return None
    places = tuple(match.start() for match in found)
    parts, end = [], 0
    for place in places:
        parts += [content[end:place], f"\\u{code:x}"]
        end = place + 6
    return Escapes("".join(parts) + content[end:], chr(code), places, tuple(match[1] for match in found))
