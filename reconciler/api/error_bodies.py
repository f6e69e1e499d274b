"""Error bodies of the services, no two of which agree, in one vocabulary: a code, a message, and "it is absent"."""

from __future__ import annotations

import json
from typing import Any

from reconciler.api.body import cut
from reconciler.core.resource import Reply

_LONGEST = 1000
"""Characters of a message that are shown."""
_NAMES = ("detail", "errorMessage", "message", "errorDetails", "title", "error_description")
_NO_SANDBOX = frozenset({"2100-404", "2101-404", "2103-404", "2106-404"})
"""Codes of a 404 that speaks of the sandbox, not of the object (the Flow Service's catalogue of errors)."""


def error_text(body: Any) -> str:
    """Return the message of an error body, whichever service it came from, on one line; else the beginning of it."""
    return cut(_message(body), _LONGEST) or body_text(body)


def body_text(body: Any) -> str:
    """Return the beginning of a decoded body for a message, on one line."""
    return cut(_raw(body))


def _message(body: Any) -> str:
    if not isinstance(body, dict):
        return ""
    inner = body.get("error")
    for part in (body, inner if isinstance(inner, dict) else {}):
        for name in _NAMES:
            if isinstance(part.get(name), str) and part[name].strip():
                return str(part[name])
    return ""


def _raw(body: Any) -> str:
    if body is None or isinstance(body, str):
        return body or ""
    try:
        return json.dumps(body, ensure_ascii=False)
    except (ValueError, RecursionError):
        return str(type(body).__name__)


def policy_violations(body: Any) -> list[str]:
    """Return which data usage policies an error body names, in words (dataset-service.yaml, ConflictError)."""
    found = body.get("violations") if isinstance(body, dict) else None
    return [
        cut(f"policy {_named(policy)!r} against {violation.get('enforcementRef') or 'this action'}")
        for violation in (found if isinstance(found, list) else ())
        if isinstance(violation, dict)
        for policy in _policies(violation)
    ]


def _named(policy: dict[str, Any]) -> object:
    return policy.get("name") or policy.get("id")


def _policies(violation: dict[str, Any]) -> list[dict[str, Any]]:
    found = violation.get("violatedPolicies")
    named = [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []
    return named or [{"name": "unnamed"}]


def error_code(body: Any) -> str:
    """Return the code of an error body: `1403-400`, `401013`, … or an empty text."""
    if not isinstance(body, dict):
        return ""
    inner = body.get("error")
    for part in (body, inner if isinstance(inner, dict) else {}):
        code = part.get("error_code") or part.get("code")
        if isinstance(code, str | int) and not isinstance(code, bool):
            return str(code)[:100]
        if isinstance(part.get("type"), str):
            return str(part["type"]).rpartition("/")[2].removeprefix("FLOW-")[:100]
    return ""


def says_absent(reply: Reply) -> bool:
    """Tell whether an answer is the documented "not found": a 404, or a 400 with the error 1439-400.

    Neither the page of a gateway nor a 404 about the sandbox is one.
    """
    body, code = reply.body, error_code(reply.body)
    if reply.status == 404:
        return (body is None or isinstance(body, dict)) and code not in _NO_SANDBOX
    if reply.status != 400 or not isinstance(body, dict):
        return False
    return code == "1439-400" or "not found" in _message(body).lower()
