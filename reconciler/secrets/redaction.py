"""The last door: what must never be shown is taken out of every text that leaves the process for a person.

Secrets are known here from the moment they are resolved. Streams are guarded as a whole, so that no message, trace
or traceback has to think of it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO, cast

SENSITIVE = "(sensitive)"
MESSAGES, RESULTS = 4, 8
"""Letters of the shortest secret that is taken out of messages, and of results. Shorter ones are ordinary words, and a
result is made from values that are masked already: a word in it must not become another."""


class Redactor:
    """Knows every secret in use, in each form in which it may turn up."""

    def __init__(self) -> None:
        self._hidden: dict[str, str] = {}
        self._declared: Callable[[str], bool] | None = None
        self._patterns: dict[int, re.Pattern[str]] = {}

    def hide(self, value: str) -> None:
        """Take `value` out of every text from now on, also encoded, and each long line of it."""
        if value in self._hidden or len(value) < MESSAGES:
            return
        for text in (value, *(line for line in value.splitlines() if len(line) >= 16)):
            self._hidden |= dict.fromkeys(_forms(text), text)
        self._patterns.clear()

    def spare(self, declared: Callable[[str], bool]) -> None:
        """Leave alone a secret of at least 8 letters that is `declared`: a text that the project's files say anyway.

        To hide it there would tell an author who guesses a secret that the guess is right.
        """
        self._declared = declared
        self._patterns.clear()

    def __call__(self, text: str, shortest: int = MESSAGES) -> str:
        """Return `text` with `(sensitive)` in the place of every secret of at least `shortest` letters."""
        if not self._hidden:
            return text
        if shortest not in self._patterns:
            spared = {text for text in set(self._hidden.values()) if len(text) >= RESULTS and self._is_declared(text)}
            found = [
                form
                for form, value in self._hidden.items()
                if len(value) >= shortest and len(form) >= MESSAGES and value not in spared
            ]
            longest_first = sorted(found, key=len, reverse=True)
            self._patterns[shortest] = re.compile("|".join(map(re.escape, longest_first)) or r"(?!)")
        return self._patterns[shortest].sub(SENSITIVE, text)

    def _is_declared(self, text: str) -> bool:
        return self._declared is not None and self._declared(text)

    def forget(self) -> None:
        """Forget everything: another command line begins."""
        self._hidden.clear()
        self._declared = None
        self._patterns.clear()


redact = Redactor()
"""The one of this process."""


def _forms(value: str) -> Iterator[str]:
    """Yield `value` plain, as JSON and Python write it, URL-encoded, and in base64 at any place of a longer text."""
    import base64
    import json
    import urllib.parse

    yield value
    for ascii_only in (True, False):
        yield json.dumps(value, ensure_ascii=ascii_only)[1:-1]
    yield repr(value)[1:-1]
    for safe in ("", "/"):
        yield urllib.parse.quote(value, safe=safe)
        yield urllib.parse.quote_plus(value, safe=safe)
    raw = value.encode()
    for before in range(3):
        # the letters that depend on what stands before or after it are left off
        text = base64.b64encode(b"\0" * before + raw).decode().rstrip("=")
        whole = text[(0, 2, 3)[before] : len(text) - (1 if (before + len(raw)) % 3 else 0)]
        if before == 0 or len(whole) >= 8:
            yield whole
            yield whole.translate(str.maketrans("+/", "-_"))


class Guarded:
    """A text stream that writes nothing it should not; click and rich take it for the stream itself.

    A stream that cannot be written stops nothing: a run goes on without it, for a lost line must not leave an apply
    half-way. `lost` tells the caller at the end.
    """

    def __init__(self, stream: Any, shortest: int) -> None:
        self._stream = stream
        self._shortest = shortest
        self._error: Exception | None = None

    @property
    def lost(self) -> str | None:
        """The reason why text was lost; None where all was written, or a reader closed its pipe as `head` does."""
        error = self._error
        if error is None or isinstance(error, BrokenPipeError):
            return None
        return (error.strerror if isinstance(error, OSError) else None) or str(error)

    def write(self, text: str | bytes) -> int:
        """Write `text` without secrets. click writes completions as bytes, having seen that empty ones are refused."""
        if isinstance(text, bytes):
            if not text:
                raise TypeError("a text stream")
            text = text.decode()
        self._try(self._stream.write, redact(text, self._shortest))
        return len(text)

    def flush(self) -> None:
        """Write what is buffered."""
        self._try(self._stream.flush)

    def _try(self, do: Callable[..., object], *arguments: str) -> None:
        if self._error is not None:
            return
        try:
            do(*arguments)
        except UnicodeEncodeError:
            raise
        except (OSError, ValueError) as error:  # ValueError: the stream was closed
            self._error = error
            with suppress(OSError, ValueError):  # the buffer is discarded, at the end of the process too
                sink = os.open(os.devnull, os.O_WRONLY)
                os.dup2(sink, self._stream.fileno())
                os.close(sink)

    def writelines(self, lines: Any) -> None:
        """Write each line without secrets."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        if name == "buffer":  # the way around it
            raise AttributeError(name)
        return getattr(self._stream, name)


@contextmanager
def guarded() -> Iterator[tuple[Guarded, Guarded]]:
    """Guard stdout and stderr for one command line, and give both."""
    import sys

    redact.forget()
    before = sys.stdout, sys.stderr
    streams = Guarded(sys.stdout, RESULTS), Guarded(sys.stderr, MESSAGES)
    sys.stdout, sys.stderr = cast("tuple[TextIO, TextIO]", streams)
    try:
        yield streams
    finally:
        sys.stdout, sys.stderr = before
