"""JSON of a client, read strictly: UTF-8, no NaN, no half of a surrogate pair."""

from __future__ import annotations

import json
import re
from typing import Any

_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


def read_json(text: str | bytes) -> Any:
    """Return the decoded value.

    Raises ValueError for text that is not JSON (RFC 8259) and for a lone surrogate, which no answer could repeat in
    UTF-8; RecursionError where it is nested too deeply.
    """
    decoded = text.decode("utf-8-sig") if isinstance(text, bytes) else text
    value = json.loads(decoded, parse_constant=_no_constant)
    if _SURROGATE.search(decoded):
        json.dumps(value, ensure_ascii=False).encode()  # UnicodeEncodeError is a ValueError
    return value


def _no_constant(text: str) -> Any:
    raise ValueError(text)  # NaN and Infinity are not JSON, though Python reads them
