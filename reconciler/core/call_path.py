"""The rule for the path of a request, whatever it was made from: a plan, a state, or a link in an answer. Pure."""

from __future__ import annotations

from urllib.parse import unquote

from reconciler.core.problems import Problem, ReconcilerError
from reconciler.core.resource import Call

ROOT = "/data/"
"""Every service of the platform that this tool uses lies below it."""


def path_fault(path: str) -> str | None:
    """Return why no request is sent to `path`, or None where it is the path of an object of the platform.

    Percent escapes are looked through: an id may hold an escaped `//`, as those of schemas do, but no `..` step.
    """
    if not path.startswith(ROOT):
        return f"it does not begin with {ROOT}"
    if "//" in path:
        return "it contains //"
    for sign in ("?", "#", "\\"):
        if sign in path:
            return f"it contains {sign}"
    decoded = unquote(path)
    if any(ord(letter) < 0x20 or 0x7F <= ord(letter) < 0xA0 for letter in decoded):
        return "it contains a control character"
    if any(step in (".", "..") for step in decoded.replace("\\", "/").split("/")):
        return "it contains a step .. or ."
    return None


def require_safe(call: Call) -> None:
    """Raise `ReconcilerError` for a call that may not be sent; the message shows the path escaped."""
    fault = path_fault(call.path)
    if fault is not None:
        what = f"{call.method} {call.path!r} is not sent: {fault}"
        advice = f"paths begin with {ROOT}; look for a wrong id in the plan, the state or the manifest"
        raise ReconcilerError(Problem("unsafe-path", what, advice))
