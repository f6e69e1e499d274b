"""The form of the values of a state that end up in requests: ids, addresses, fingerprints. Pure.

A state can be edited, merged or cut off like any file. Every entry is checked when it is read, and again before it is
written, so that a file that is written can always be read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from reconciler.core.characters import is_unicode
from reconciler.core.state.model import Entry

_PLAIN_ID = re.compile(r"(?!\.{1,2}$)[A-Za-z0-9._~:@+=-]{1,512}")
_URL_ID = re.compile(r"https?://[A-Za-z0-9.:-]{1,255}(?:/(?!\.{1,2}(?:/|$))[A-Za-z0-9._~:@+=-]+)+")
"""Schema Registry API, `$id`: the URI of a schema, field group, class or data type."""
_FINGERPRINT = re.compile(r"hmac-sha256::[0-9a-f]+|scrypt:[^:\x00-\x1f]*:[0-9a-f]+|unproven::|trusted::|withheld::")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def is_id(value: object) -> bool:
    """Tell whether a value has the form of an id of the platform: it can be part of a path and of nothing else."""
    return isinstance(value, str) and (_PLAIN_ID.fullmatch(value) or _URL_ID.fullmatch(value)) is not None


def require_entry(data: Mapping[str, Any]) -> None:
    """Raise `ValueError` for an entry as JSON whose members have another type or form than ours."""
    ident, deposed = data["id"], data.get("deposed") or ()
    if not is_id(ident) and not (ident == "" and deposed):  # the last object of a replace that could not be finished
        raise ValueError(f"invalid id {ident!r}")
    for old in deposed:
        if not is_id(old["id"]):
            raise ValueError(f"invalid id {old['id']!r}")
    _require_texts(data, "kind", "file")
    if not isinstance(data.get("etag"), str | None):
        raise ValueError(f"invalid etag {data['etag']!r}")  # noqa: TRY004 - a finding about data, not about a caller
    if not isinstance(data.get("dependencies", ()), list | tuple):
        raise ValueError(f"invalid dependencies {data['dependencies']!r}")  # noqa: TRY004


def require_pending(data: Mapping[str, Any]) -> None:
    """Raise `ValueError` for an intent as JSON whose members have another type or form than ours."""
    if data.get("action") not in ("create", "update", "delete"):
        raise ValueError(f"invalid action {data.get('action')!r}")
    if data.get("id") is not None and not is_id(data["id"]):
        raise ValueError(f"invalid id {data['id']!r}")
    _require_texts(data, "kind", "file", "name")


def _require_texts(data: Mapping[str, Any], *names: str) -> None:
    for name in names:
        if not isinstance(data.get(name, ""), str):
            raise ValueError(f"invalid {name} {data[name]!r}")  # noqa: TRY004 - a finding about data


def require_address(address: object) -> None:
    """Raise `ValueError` for a key of a state that is not the address of a resource."""
    if not isinstance(address, str) or not address or _CONTROL.search(address) or not is_unicode(address):
        raise ValueError(f"invalid address {address!r}")


def require_fingerprint(digest: object) -> str:
    """Return the digest of a fingerprint. Raises `ValueError` for any other value."""
    if not isinstance(digest, str) or not _FINGERPRINT.fullmatch(digest):
        raise ValueError("invalid fingerprint of a secret")
    return digest


def contradictions(entries: Mapping[str, Entry], kinds: Iterable[str]) -> list[str]:
    """Return findings about entries that no run may act on: unknown kinds, and objects under two addresses."""
    known = frozenset(kinds)
    found: list[str] = []
    owners: dict[tuple[str, str], str] = {}
    for address, entry in entries.items():
        if entry.kind not in known:
            found.append(f"{address} is of the unknown kind {entry.kind!r}")
        owner = owners.setdefault((entry.kind, entry.id), address) if entry.id else address
        if owner != address:
            found.append(f"{owner} and {address} are both bound to the object {entry.id}")
    return found
