"""The words of a curl command as a request, by curl's own options."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from reconciler.convert.calls import HOLE, Attachments, Call, Place, only_hole, with_holes
from reconciler.convert.loose_json import LooseError, parse
from reconciler.convert.shell import Command

_SHORT_WITH_VALUE = "XHdFuoAebcCDEKmPQrtTUwxyYz"
_VALUED = frozenset((
    "request", "header", "data", "data-ascii", "data-binary", "data-raw", "data-urlencode", "json", "url",
    "url-query", "form", "form-string", "user", "output", "cookie", "cookie-jar", "user-agent", "referer",
    "max-time", "connect-timeout", "retry", "retry-delay", "retry-max-time", "write-out", "cacert", "capath",
    "cert", "cert-type", "key", "key-type", "pass", "proxy", "proxy-user", "proxy-header", "noproxy",
    "upload-file", "oauth2-bearer", "config", "resolve", "connect-to", "interface", "limit-rate", "max-filesize",
    "max-redirs", "range", "time-cond", "ciphers", "tls-max", "dump-header", "trace", "trace-ascii", "stderr",
    "aws-sigv4", "unix-socket", "variable", "expand-data", "expand-url", "expand-header", "output-dir", "rate",
))  # fmt: skip
"""Long options that take a value."""
_ALIASES = {"X": "request", "H": "header", "d": "data", "F": "form", "u": "user", "K": "config", "T": "upload-file"}
_BODIES = ("data", "data-ascii", "data-binary", "data-raw", "data-urlencode", "json", "expand-data")
_ADDRESS = re.compile(r"(?:https?://|//|\{\{|[\w.-]+\.adobe)", re.IGNORECASE)


@dataclass(slots=True)
class _Request:
    """The options of one request."""

    method: str = ""
    urls: list[str] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    data: list[tuple[str, str]] = field(default_factory=list)
    get: bool = False
    head: bool = False
    upload: bool = False
    fault: str = ""


def requests(command: Command, file: str, attached: Attachments) -> list[Call]:
    """Return the requests of a command: one, or several where `--next` divides them; none where it has no address."""
    calls: list[Call] = []
    options: list[str] = []
    for word in [*command.words, "--next"]:
        if word not in ("--next", "-:"):
            options.append(word)
            continue
        call = _call(_options(options), command, Place(file, command.line), attached)
        if call is not None:
            calls.append(call)
        options = []
    return calls


def _options(words: Sequence[str]) -> _Request:
    made = _Request()
    rest = list(reversed(words))
    while rest:
        word = rest.pop()
        if word.startswith("--") and len(word) > 2:
            name, sign, value = word[2:].partition("=")
            if name in _VALUED:
                _take(made, name, value if sign else rest.pop() if rest else "")
            else:
                _flag(made, name)
        elif re.fullmatch(r"[-–—][A-Za-z#0-9:].*", word, re.DOTALL):
            _short(made, word[1:], rest)
        elif word:
            made.urls.append(word)
    return made


def _short(made: _Request, letters: str, rest: list[str]) -> None:
    """Take a group of short options; the first with a value takes what is left of the word, else the next word."""
    for index, letter in enumerate(letters):
        if letter in _SHORT_WITH_VALUE:
            value = letters[index + 1 :] or (rest.pop() if rest else "")
            _take(made, _ALIASES.get(letter, letter), value)
            return
        _flag(made, letter)


def _flag(made: _Request, name: str) -> None:
    made.get = made.get or name in ("G", "get")
    made.head = made.head or name in ("I", "head")


def _take(made: _Request, name: str, value: str) -> None:
    if name == "request":
        made.method = value.upper()
    elif name in ("url", "expand-url"):
        made.urls.append(value)
    elif name in ("header", "expand-header"):
        key, _, text = value.partition(":")
        made.headers[key.strip().lower()] = text.strip()
    elif name in _BODIES:
        made.data.append((name, value))
    elif name == "user":
        made.headers["authorization"] = value
    elif name == "oauth2-bearer":
        made.headers["authorization"] = f"Bearer {value}"
    elif name in ("form", "form-string"):
        made.fault = "its body is a multipart form"
        made.data.append(("form", ""))
    elif name == "upload-file":
        made.upload = True
        made.data.append(("data-binary", f"@{value}"))
    elif name == "config":
        made.fault = "its options are in another file (-K), which is not read"


def _call(made: _Request, command: Command, place: Place, attached: Attachments) -> Call | None:
    url = next((item for item in made.urls if _ADDRESS.match(item) or HOLE.match(item)), None)
    if url is None:
        return None
    method = made.method or ("HEAD" if made.head else "GET" if made.get or not made.data else "POST")
    if made.upload and not made.method:
        method = "PUT"
    url = with_holes(re.sub(r"\s+", "", url))
    call = Call(method, url, place, headers=made.headers, fault=made.fault, notes=list(command.notes))
    if made.data and not made.get and not made.fault:
        try:
            _read_body(call, made.data, command, attached)
        except (LooseError, ValueError) as error:
            call.fault = f"its body cannot be read: {error}"
    return call


def _read_body(call: Call, data: Sequence[tuple[str, str]], command: Command, attached: Attachments) -> None:
    parts = [_text(name, value, command, attached) for name, value in data]
    text = "&".join(parts) if all(name != "json" for name, _ in data) else "".join(parts)
    name = only_hole(with_holes(text.strip()))
    if name:
        if name.startswith("file:"):
            text = attached(name.removeprefix("file:"))
        else:
            raise LooseError(f"it is the variable {name}")
    if not text.strip():
        return
    if text.lstrip()[0] not in "{[":
        pairs = parse_qsl(text, keep_blank_values=True) if "=" in text else []
        if not pairs:
            raise LooseError("it is not JSON")
        call.body = dict(pairs)
        call.fault = "its body is a form, not JSON"
        return
    parsed = parse(text)
    call.body = parsed.value
    call.notes += parsed.notes


def _text(name: str, value: str, command: Command, attached: Attachments) -> str:
    """Return the text that one data option adds to the body."""
    if name == "data-urlencode":
        key, sign, content = value.partition("=")
        if not sign and "@" in value:
            key, _, path = value.partition("@")
            content = attached(path)
        return f"{key}={content}" if key else content
    if value.startswith("@") and name != "data-raw":
        path = value[1:]
        if path in ("-", "/dev/stdin"):
            if command.stdin is None:
                raise LooseError("it comes from the standard input of the command")
            return command.stdin
        return attached(path)
    return value
