"""URL functions (functions.md, "URL functions"). An invalid URL gives null."""

from __future__ import annotations

from urllib.parse import SplitResult, quote, unquote, unquote_plus, urlsplit

from reconciler.dataprep.errors import EvaluationError
from reconciler.dataprep.table import function
from reconciler.dataprep.values import Value

_CATEGORY = "URL"
_PORTS = {"http": 80, "https": 443, "ftp": 21, "sftp": 22, "ssh": 22, "ws": 80, "wss": 443}


def _parts(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        _ = parts.port  # looks at the port, which may be invalid
    except ValueError:
        return None
    return parts if parts.scheme else None


@function(_CATEGORY, "get_url_protocol", "url: string", returns="string", doc="Give the protocol.")
def get_url_protocol(url: str) -> Value:
    parts = _parts(url)
    return parts.scheme if parts else None


@function(_CATEGORY, "get_url_host", "url: string", returns="string", doc="Give the host.")
def get_url_host(url: str) -> Value:
    parts = _parts(url)
    if parts is None or not parts.hostname:
        return None
    return parts.netloc.rpartition("@")[2].partition(":")[0] if ":" not in parts.hostname else parts.hostname


@function(
    _CATEGORY, "get_url_port", "url: string", returns="integer",
    doc="Give the port, by default the usual one of the protocol.",
)  # fmt: skip
def get_url_port(url: str) -> Value:
    parts = _parts(url)
    if parts is None:
        return None
    return parts.port if parts.port is not None else _PORTS.get(parts.scheme)


@function(
    _CATEGORY, "get_url_path", "url: string, full?: boolean", returns="string",
    doc="Give the path, or with false its last part.",
)  # fmt: skip
def get_url_path(url: str, full: bool = True) -> Value:
    parts = _parts(url)
    if parts is None:
        return None
    return parts.path if full else parts.path.rpartition("/")[2]


@function(
    _CATEGORY, "get_url_query_str", "url: string, anchor: string", returns="object",
    doc='Give the query as a map; the anchor is kept with "retain", dropped with "remove", apart with "append".',
)  # fmt: skip
def get_url_query_str(url: str, anchor: str) -> Value:
    if anchor not in ("retain", "remove", "append"):
        raise EvaluationError(f'the anchor is "retain", "remove" or "append", not {anchor!r}')
    parts = _parts(url)
    if parts is None:
        return None
    query = parts.query + (f"#{parts.fragment}" if anchor == "retain" and parts.fragment else "")
    result: dict[str, Value] = {}
    for pair in filter(None, query.split("&")):
        key, _, value = pair.partition("=")
        result[unquote_plus(key)] = unquote_plus(value)
    if anchor == "append" and parts.fragment:
        result["_anchor_"] = parts.fragment
    return result


@function(_CATEGORY, "get_url_encoded", "url: string", returns="string", doc="Encode special characters, such as %20.")
def get_url_encoded(url: str) -> Value:
    return quote(url, safe="", errors="replace").replace("~", "%7E")


@function(_CATEGORY, "get_url_decoded", "url: string", returns="string", doc="Decode encoded characters.")
def get_url_decoded(url: str) -> Value:
    return unquote(url)
