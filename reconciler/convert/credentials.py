"""Which values of an input are secret, and the names that manifests give them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from urllib.parse import parse_qsl, quote

from reconciler.catalog import Catalog, Direction
from reconciler.convert.calls import HOLE, Call, only_hole
from reconciler.convert.objects import spec_id
from reconciler.convert.routes import route
from reconciler.core.trees import elements, leaves, members
from reconciler.core.values import SENSITIVE, Path, Tree
from reconciler.export.export_result import slug

_SECRET_KEY = re.compile(
    r"secret|passw|passphrase|private_?key|api_?key|access_?(?:key|token|id)|refresh_?token|security_?token|session_?token"
    r"|developer_?token|jwt|bearer|client_?id|connection_?string|sas_?(?:token|ur[il]|key)|ssh_?key|principal_?(?:key|id)"
    r"|credential|authorization|^token$|signature",
    re.IGNORECASE,
)
"""Names of parameters whose values are credentials, or the ids that belong to them."""
_NO_SECRET_KEY = re.compile(
    r"(?:(?:token|authorization\w*|auth)_?(?:url|uri|endpoint|type)|keyname|required)$", re.IGNORECASE
)
_SECRET_NAME = re.compile(r"secret|token|passw|private|(?:api|access)[_-]?key", re.IGNORECASE)
"""Names of placeholders that are secret, whatever their value."""
_LOOKS_SECRET = re.compile(
    r"[?&;]sig=[^&\s]{8,}"  # a shared access signature
    r"|(?:AccountKey|SharedAccessKey|SharedAccessSignature|Password|Pwd|client_secret|api[_-]?key|access_token)\s*=\s*[^;&\s]+"
    r"|\beyJ[\w-]{8,}\.[\w-]{8,}"  # a JSON web token
    r"|\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----"
    r"|://[^/\s:@]+:[^/\s@]+@"
    r"|\b(?:Bearer|Basic)\s+[A-Za-z0-9+/._=-]{16,}",
    re.IGNORECASE,
)
_HEADERS = {"authorization": "access-token", "x-api-key": "api-key", "cookie": "cookie", "proxy-authorization": "proxy"}
_TOKEN_FIELDS = ("client_secret", "client_id", "jwt_token", "access_token", "refresh_token", "code", "assertion")
_DIRECTIONS: tuple[Direction, ...] = ("source", "destination")
_SHORTEST = 6
"""Characters of a secret that is looked for in other texts; a shorter one is in too many words."""


@dataclass(slots=True)
class Credentials:
    """The secret values of an input by value, and the placeholders that hold one."""

    catalog: Catalog
    by_value: dict[str, str] = field(default_factory=dict)
    holes: set[str] = field(default_factory=set)
    pinned: set[str] = field(default_factory=set)
    """Values whose name a manifest has already."""
    used: dict[str, None] = field(default_factory=dict)
    """The names that manifests refer to, in order."""
    _forms: dict[str, list[tuple[str, str]]] | None = None
    """The texts to look for with their plain values, the longest first, by how they begin; None until asked for."""

    def learn(self, value: Tree, name: str) -> None:
        """Remember a secret value under a name, unless it is a placeholder or known already."""
        if isinstance(value, str) and value.strip() and not HOLE.search(value):
            self.by_value.setdefault(value, name)
            self._forms = None

    def learn_placeholders(self, values: Mapping[str, str], marked: Mapping[str, str]) -> dict[str, str]:
        """Return the `values` of placeholders that are not secret; remember the others and the `marked` ones."""
        secrets = {name: value for name, value in values.items() if _is_secret(name, value)}
        secrets |= marked
        for name, value in secrets.items():
            self.learn(value, _kebab(name))
            self.holes.add(name)
        return {name: value for name, value in values.items() if name not in secrets}

    def learn_from_calls(self, calls: Sequence[Call]) -> None:
        """Remember the credentials in headers, of token calls, and in the accounts of `calls`."""
        for call in calls:
            for header, name in _HEADERS.items():
                plain = re.sub(r"^(?:Bearer|Basic)\s+", "", call.headers.get(header, ""), flags=re.IGNORECASE)
                self.learn(plain, name)
            if route(call).operation == "token":
                for source in (call.body, call.answer, _query(call.url)):
                    for field_name in _TOKEN_FIELDS:
                        self.learn(members(source).get(field_name), field_name.replace("_", "-"))
            self._learn_from_body(call)

    def _learn_from_body(self, call: Call) -> None:
        for path, leaf in leaves(call.body):
            key = next((step for step in reversed(path) if not step.isdigit()), "")
            if isinstance(leaf, str) and (_looks_secret(leaf) or self._is_parameter(call, path, key)):
                self.learn(leaf, _kebab(key))
        for item in elements(call.body):  # instructions of a patch
            target = str(members(item).get("path", ""))
            inner = leaves({target.rpartition("/")[2]: members(item).get("value")})
            for path, leaf in inner if target.startswith("/auth") else ():
                if _named(path[-1]):
                    self.learn(leaf, _kebab(path[-1]))

    def _is_parameter(self, call: Call, path: Path, key: str) -> bool:
        """Tell whether a leaf of a body is a parameter that is surely a secret."""
        if path[:2] == ("auth", "params"):
            return self.is_secret(key, members(call.body)) and (key not in self.doubtful(members(call.body)))
        return "params" in path[:-1] and _named(key)

    def doubtful(self, body: Mapping[str, Tree]) -> frozenset[str]:
        """Return the parameters of an account that are hidden only because nothing is known of them."""
        params = members(members(body.get("auth")).get("params"))
        return frozenset(key for key in params if not _named(key) and not self._secret_by_catalog(key, body))

    def is_secret(self, key: str, body: Mapping[str, Tree]) -> bool:
        """Tell whether a parameter of an account is hidden: by the catalog, by its name, or as an unknown one."""
        return self._secret_by_catalog(key, body) or _named(key) or key not in _harmless(self.catalog)

    def _secret_by_catalog(self, key: str, body: Mapping[str, Tree]) -> bool:
        spec, name = spec_id(body), str(members(body.get("auth")).get("specName"))
        claims = [self.catalog.by_spec(direction, spec) for direction in _DIRECTIONS]
        known = [item for one in claims if one for item in one.auth_specs.get(name, ())]
        return any(item.name == key and item.secret for item in known)

    def name_of(self, value: str, document: str, key: str) -> str:
        """Return the name of a secret at `key` of a document: as export names it, or for the placeholder it is."""
        placeholder = only_hole(value)
        name = _kebab(placeholder) if placeholder else f"{document}-{_kebab(key)}"
        if placeholder:
            self.holes.add(placeholder)
        elif value in self.pinned:
            name = self.by_value[value]
        else:
            self.by_value[value] = name
        return self._use(value, name)

    def _use(self, value: str, name: str) -> str:
        self.pinned.add(value)  # one value, one name
        self.used[name] = None
        return name

    def replaced(self, text: str, document: str, key: str) -> list[tuple[str, bool]]:
        """Return a text in pieces; a piece with `True` is the name of a secret that takes its place."""
        if _looks_secret(text) or text in self.by_value:
            return [(self.name_of(text, document, key), True)]
        pieces: list[tuple[str, bool]] = []
        at = 0
        for begin, end, value in self._occurrences(text):
            pieces += [(text[at:begin], False), (self._use(value, self.by_value[value]), True)]
            at = end
        return [piece for piece in [*pieces, (text[at:], False)] if piece[0]] or [("", False)]

    def _occurrences(self, text: str) -> Iterator[tuple[int, int, str]]:
        """Yield where secrets are in a text, plain or as an address has them, and their plain values."""
        if self._forms is None:
            self._forms = {}
            for value in sorted(self.by_value, key=len):
                for form in {value, quote(value, safe="")} if len(value) >= _SHORTEST else ():
                    self._forms.setdefault(form[:_SHORTEST], []).insert(0, (form, value))
        at = 0
        while at <= len(text) - _SHORTEST:
            known = self._forms.get(text[at : at + _SHORTEST], ())
            form, value = next(((form, value) for form, value in known if text.startswith(form, at)), ("", ""))
            if form:
                yield at, at + len(form), value
            at += len(form) or 1

    def hidden(self, text: str) -> str:
        """Return a message without the secrets of the input, plain or as an address has them."""
        parts: list[str] = []
        at = 0
        for begin, end, _ in self._occurrences(text):
            parts += [text[at:begin], SENSITIVE]
            at = end
        return "".join([*parts, text[at:]])


@cache
def _harmless(catalog: Catalog) -> frozenset[str]:
    """Return the parameters that some connector knows and none calls secret."""
    known = [item for one in catalog.all() for items in one.auth_specs.values() for item in items]
    return frozenset(item.name for item in known) - {item.name for item in known if item.secret}


def _named(key: str) -> bool:
    return bool(_SECRET_KEY.search(key)) and not _NO_SECRET_KEY.search(key)


def is_secret_name(name: str) -> bool:
    """Tell whether a placeholder of this name holds a credential."""
    return bool(_SECRET_NAME.search(name)) and not _NO_SECRET_KEY.search(name)


def _is_secret(name: str, value: str) -> bool:
    return is_secret_name(name) or _named(name) or _looks_secret(value)


def _looks_secret(text: str) -> bool:
    return bool(_LOOKS_SECRET.search(text))


def _query(url: str) -> Tree:
    return dict(parse_qsl(url.partition("?")[2]))


def _kebab(key: str) -> str:
    return slug(re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", key)) if key else ""


def snake(name: str) -> str:
    """Return a placeholder's name as that of a variable."""
    text = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    return re.sub(r"[^A-Za-z0-9]+", "_", text).strip("_").lower() or "value"
