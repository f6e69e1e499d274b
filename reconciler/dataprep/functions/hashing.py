"""Hashing functions (functions.md, "Hashing functions"). Character sets are encoded as Java does it."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable

from reconciler.dataprep.errors import EvaluationError
from reconciler.dataprep.table import function
from reconciler.dataprep.values import Value

_CATEGORY = "Hashing"
_PARAMETERS = "text: string, charset?: string"


def _encoded(text: str, charset: str) -> bytes:
    match charset.upper().replace("_", "-"):
        case "UTF-8":
            return text.encode("utf-8", "replace")
        case "UTF-16":
            return b"\xfe\xff" + text.encode("utf-16-be", "replace")
        case "ISO-8859-1":
            return text.encode("iso-8859-1", "replace")
        case "US-ASCII":
            return text.encode("ascii", "replace")
    raise EvaluationError(f"{charset!r} is not a character set: UTF-8, UTF-16, ISO-8859-1 or US-ASCII")


def _hash(algorithm: str) -> Callable[..., Value]:
    def run(text: str, charset: str = "UTF-8") -> Value:
        return hashlib.new(algorithm, _encoded(text, charset), usedforsecurity=False).hexdigest()

    return run


for _name in ("sha1", "sha256", "sha512", "md5"):
    function(
        _CATEGORY, _name, _PARAMETERS, returns="string", doc=f"Give the {_name.upper()} hash in hexadecimal digits."
    )(_hash(_name))


@function(_CATEGORY, "crc32", _PARAMETERS, returns="string", doc="Give the CRC-32 checksum in hexadecimal digits.")
def crc32(text: str, charset: str = "UTF-8") -> Value:
    """The lowest byte comes first, as in the guide's sample."""
    return zlib.crc32(_encoded(text, charset)).to_bytes(4, "little").hex()
