"""Text from the system that may not be valid Unicode. Pure.

Python decodes file names, arguments and environment variables with `surrogateescape`: a byte that is not UTF-8 becomes
a lone surrogate. Such a text cannot be encoded again, so it must not reach a request, a state, a plan or a journal.
"""

from __future__ import annotations

import re

from reconciler.core.problems import ManifestError, Problem

_SURROGATE = re.compile("[\ud800-\udfff]")


def is_unicode(text: str) -> bool:
    """Tell whether `text` can be encoded: it holds no lone surrogate."""
    return text.isascii() or _SURROGATE.search(text) is None


def legible(text: str) -> str:
    r"""Return `text` with every lone surrogate as an escape: `\xff` for a byte of the system, else `\ud800`."""
    if is_unicode(text):
        return text
    return _SURROGATE.sub(lambda match: _escape(ord(match[0])), text)


def _escape(code: int) -> str:
    return f"\\x{code - 0xDC00:02x}" if 0xDC80 <= code <= 0xDCFF else f"\\u{code:04x}"


def require_unicode(text: str, name: str, *, secret: bool = False) -> str:
    """Return `text`. Raises `ManifestError` that calls it `name` where it is not valid Unicode.

    The message shows the text with its invalid bytes escaped, unless it may be a `secret`.
    """
    if is_unicode(text):
        return text
    what = f"{name} is not valid UTF-8" + ("" if secret else f": {legible(text)}")
    raise ManifestError(Problem("not-unicode", what, "write it in UTF-8"))


def counted(count: int, noun: str) -> str:
    """Return a count with its noun: `1 step`, `2 steps`, `3 entries`."""
    if count == 1:
        return f"1 {noun}"
    plural = f"{noun[:-1]}ies" if noun.endswith("y") and noun[-2] not in "aeiou" else f"{noun}s"
    return f"{count:,} {plural}"
