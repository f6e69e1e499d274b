"""The body of an answer: limited while it is read, and decoded in one place."""

from __future__ import annotations

import httpx2

from reconciler.core.resource import Reply
from reconciler.network.exact_json import received

LIMIT = 64 * 1024 * 1024
"""Bytes of a body after decompression."""
ENCODINGS = "gzip, deflate"
"""The content codings that are asked for and read, one at a time: each one more multiplies what a byte can grow to."""
_SHOWN = 200
"""Characters of a body that a message shows."""
_ENDS = ' ",;:(){}[]<>'
"""Characters that end a word."""
_READ = httpx2.ByteStream(b"")


class UnexpectedAnswer(Exception):  # noqa: N818 - the callers turn it into an ApiError
    """An answer that cannot be read; the text is the reason."""


async def read(response: httpx2.Response) -> bytes:
    """Return the body of a streamed response, and close it. Raises `UnexpectedAnswer` when it is not readable."""
    try:
        coding = response.headers.get("content-encoding", "identity").strip().lower()
        if coding not in ("", "identity", "gzip", "deflate"):
            raise UnexpectedAnswer(f"its content coding {coding[:40]!r} was not asked for")
        parts, size = [], 0
        async for part in response.aiter_bytes():
            size += len(part)
            if size > LIMIT:
                raise UnexpectedAnswer(f"its body is larger than {LIMIT >> 20} MiB")
            parts.append(part)
        return b"".join(parts)
    finally:
        await response.aclose()
        response.stream = _READ  # the stream of a response refers to it: neither would go without a garbage collection


def decode(status: int, content: bytes, headers: httpx2.Headers) -> tuple[Reply, str]:
    """Return the decoded answer, and why its body is not usable as JSON, or an empty text.

    A body that is not JSON is kept as its first characters, so that an error can show it.
    """
    if not content.strip():
        return Reply(status, None, headers), ""
    try:
        return Reply(status, received(content), headers), ""
    except ValueError as error:
        why = "nested too deeply" if "deeply" in str(error) else "not valid JSON"
        return Reply(status, excerpt(content), headers), f"its body is {why}"


def excerpt(content: bytes) -> str:
    """Return the beginning of a body for a message, on one line."""
    return cut(content[: 4 * _SHOWN].decode("utf-8", errors="replace"))


def cut(text: str, length: int = _SHOWN) -> str:
    """Return the beginning of `text` for a message, on one line.

    A word that does not fit is left out as a whole: a part of a secret could not be told from other text.
    """
    head = text[: 4 * length]
    line = " ".join("".join(letter if letter.isprintable() else " " for letter in head).split())
    if len(line) <= length and len(head) == len(text):
        return line
    whole = line[:length].rstrip("".join(chr(code) for code in range(33, 127) if chr(code) not in _ENDS))
    return f"{whole or line[:length]}…"
