"""The standard streams of an own process: there are three of them, results are UTF-8, messages degrade readably.

Loaded at every start: it imports the standard library alone.
"""

from __future__ import annotations

import codecs
import os
import sys
from typing import TextIO, cast

_ERRORS = "reconciler.readable"
_PLAIN = {
    "→": "->", "←": "<-", "…": "...", "–": "-", "—": "-", "×": "x", "≠": "!=", "≤": "<=", "≥": ">=", "·": "-", "•": "*",
    "✓": "ok", "✗": "x", "“": '"', "”": '"', "„": '"', "‘": "'", "’": "'", "\u00a0": " ",
}  # fmt: skip
"""ASCII for the signs of messages, for a terminal whose encoding lacks them."""


def open_streams() -> None:
    """Make the three standard streams usable, whatever the caller closed and whatever the locale says.

    Results on stdout are UTF-8, so that a file holds the same bytes everywhere. Messages on stderr are for the terminal
    and keep its encoding; a character that it lacks is written as ASCII or as an escape.
    """
    _occupy()
    sys.stdin = sys.stdin or _stream(0, "r")
    sys.stdout = sys.stdout or _stream(1, "w")
    sys.stderr = sys.stderr or _stream(2, "w")
    codecs.register_error(_ERRORS, _readable)
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(encoding="utf-8", errors=_ERRORS)
    if hasattr(sys.stderr, "reconfigure"):
        sys.stderr.reconfigure(errors=_ERRORS)


def _occupy() -> None:
    """Occupy the numbers of closed streams: else the next file that is opened, such as a journal, becomes stdout."""
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(number, True)
    os.close(number)


def _stream(number: int, mode: str) -> TextIO:
    return cast("TextIO", os.fdopen(number, mode, encoding="utf-8", closefd=False))


def _readable(error: UnicodeError) -> tuple[str, int]:
    """Return what is written instead of characters that an encoding lacks."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(map(_plain, error.object[error.start : error.end])), error.end


def _plain(letter: str) -> str:
    code = ord(letter)
    if 0xDC80 <= code <= 0xDCFF:  # a byte of the system that is not UTF-8
        return f"\\x{code - 0xDC00:02x}"
    return _PLAIN.get(letter) or (f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}")
