"""Keyed fingerprints of secrets: enough to see that a value changed, not enough to learn it."""

from __future__ import annotations

import hashlib
import hmac

from reconciler.core.values import Fingerprint

UNPROVEN = Fingerprint("unproven::")
"""Stands where the platform has not logged in with what was sent: it equals no value, so the next run sends again."""

TRUSTED = Fingerprint("trusted::")
"""Stands where an imported object has a secret that we never sent: taken for right until it is sent."""

WITHHELD = Fingerprint("withheld::")
"""Replaces every fingerprint in a snapshot: it can be compared with nothing."""


class Fingerprinter:
    """Makes and checks fingerprints, each distinct value once.

    With `key` (from `RECONCILER_FINGERPRINT_KEY`) they are HMAC-SHA-256; without, scrypt under `salt`, which
    is random for each state. An old fingerprint is checked by the way it was made.
    """

    def __init__(self, key: bytes | None, salt: str) -> None:
        self._key = key
        self._salt = salt
        self._made: dict[tuple[str, str], str] = {}

    def make(self, value: str) -> Fingerprint:
        """Return the fingerprint of `value`."""
        if self._key is not None:
            return Fingerprint(f"hmac-sha256::{self._hmac(value)}")
        return Fingerprint(f"scrypt:{self._salt}:{self._scrypt(value, self._salt)}")

    def matches(self, value: str, seen: Fingerprint) -> bool | None:
        """Tell whether `seen` was made from `value`; None when the key it was made with is not at hand."""
        algorithm, salt, digest = seen.digest.split(":")
        if algorithm == "unproven":
            return False
        if algorithm in ("trusted", "withheld"):
            return None
        if algorithm == "scrypt":
            return hmac.compare_digest(self._scrypt(value, salt), digest)
        if self._key is None:
            return None
        return hmac.compare_digest(self._hmac(value), digest)

    def _hmac(self, value: str) -> str:
        assert self._key is not None
        return hmac.new(self._key, value.encode(), hashlib.sha256).hexdigest()

    def _scrypt(self, value: str, salt: str) -> str:
        made = self._made.get((value, salt))
        if made is None:
            made = hashlib.scrypt(value.encode(), salt=salt.encode(), n=2**14, r=8, p=1, dklen=32).hex()
            self._made[value, salt] = made
        return made
