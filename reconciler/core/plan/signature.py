"""The digest and the signature of the file of a saved plan. Pure."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

from reconciler.core.problems import Problem, StateError
from reconciler.core.trees import canonical_json

SIGNATURE = "signature"
_PREFIX = "hmac-sha256:"


def canonical_bytes(data: dict[str, Any]) -> bytes:
    """Return the bytes that a signature covers: the file's content without the signature, as canonical JSON."""
    content = {name: value for name, value in data.items() if name != SIGNATURE}
    return canonical_json(content).encode("utf-8", "surrogatepass")


def plan_digest(data: dict[str, Any]) -> str:
    """Return the digest of a saved plan's content, `sha256:HEX`. It identifies the plan; every format shows it."""
    return f"sha256:{hashlib.sha256(canonical_bytes(data)).hexdigest()}"


def signed(data: dict[str, Any], key: str) -> dict[str, Any]:
    """Return the file's content with the signature made with `key`."""
    return {**data, SIGNATURE: _PREFIX + _mac(data, key)}


def _mac(data: dict[str, Any], key: str) -> str:
    return hmac.new(key.encode("utf-8", "surrogateescape"), canonical_bytes(data), hashlib.sha256).hexdigest()


def check_signature(data: dict[str, Any], source: str, key: str, *, required: bool) -> None:
    """Raise `StateError` where the signature is not valid for `key`, or is missing although it is `required`."""
    signature = data.get(SIGNATURE)
    again = "plan again with RECONCILER_PLAN_KEY set"
    if signature is None:
        if required:
            what = f"{source} is not signed, and RECONCILER_PLAN_KEY demands a signature"
            raise StateError(Problem("plan-unsigned", what, again))
        return
    expected = (_PREFIX + _mac(data, key)).encode()
    if not isinstance(signature, str) or not hmac.compare_digest(expected, signature.encode("utf-8", "replace")):
        what = f"{source}: the signature is not valid: the plan file was changed, or signed with another key"
        raise StateError(Problem("plan-changed", what, again))
