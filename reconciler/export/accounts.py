"""Base connections -> `connection:` blocks and `Connection` documents: the accounts of an export."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from reconciler.catalog import Catalog, Connector, Direction
from reconciler.core.compare.same import is_masked
from reconciler.core.values import Secret
from reconciler.export.export_result import ExportResult, Names, slug
from reconciler.export.to_manifest import base_of, some, spec_of, words
from reconciler.export.unsaid import unsaid

Body = Mapping[str, Any]
_SERVERS = ("authorizedDate", "inletId", "inletUrl")
"""The parameters of a login that the platform adds (destinations.yaml; http.md)."""


@dataclass(slots=True)
class Accounts:
    """The base connections of a sandbox, by id; `users` counts who uses one, `given` are the names of documents."""

    bases: Mapping[str, Body]
    catalog: Catalog
    users: Mapping[str, int]
    made: ExportResult
    names: Names
    given: dict[str, str] = field(default_factory=dict)

    def block(
        self, name: str, side: str, body: Body, connector: Connector | None, bindings: dict[str, str]
    ) -> dict[str, Any]:
        """Return the account of a connection: inline when it is this one's alone, else as a document of its own."""
        ident = base_of(body)
        if not ident:
            return {}
        base = self.bases.get(ident)
        if base is None or (connector and connector.auth_specs and not (base.get("auth") or {}).get("specName")):
            return {"connection": {"id": ident}}  # used, not owned: nobody could make it again
        direction: Direction = "source" if side == "source" and connector else "destination"
        usual = connector.connection_spec if connector else spec_of(body["connectionSpec"])
        if self.users[ident] > 1 or usual != spec_of(base["connectionSpec"]):
            return {"connection": {"ref": self.document(base, connector, direction)}}
        bindings[f"{name}/{side}/connection"] = ident
        self.made.note_unsaid("connection", base, unsaid("connection", base))
        return {"connection": {**words(base), **some(base, "providerId"), **self._auth(base, connector, name)}}

    def document(self, base: Body, connector: Connector | None, direction: Direction) -> str:
        """Return the name of an account's document, which is written the first time."""
        ident = str(base["id"])
        if ident not in self.given:
            name = self.given[ident] = self.names.free(base)
            spec: dict[str, Any] = words(base)
            if connector is not None and connector.connection_spec == spec_of(base["connectionSpec"]):
                other: Direction = "destination" if direction == "source" else "source"
                both = connector.key in self.catalog.keys(other)
                spec["connector"] = f"{direction}/{connector.key}" if both else connector.key
            else:
                spec["connectionSpec"] = spec_of(base["connectionSpec"])
            if base.get("providerId"):
                spec["providerId"] = base["providerId"]
            spec |= self._auth(base, connector, name)
            self.made.note_unsaid("connection", base, unsaid("connection", base))
            self.made.put("Connection", name, spec)
            self.made.bindings[name] = ident
        return self.given[ident]

    def take_back(self, count: int) -> None:
        """Forget the documents that came after the first `count`."""
        while len(self.given) > count:
            ident, name = self.given.popitem()
            self.names.give_back(self.bases[ident], name)
            self.made.documents.pop(name, None)
            self.made.bindings.pop(name, None)

    def _auth(self, base: Body, connector: Connector | None, name: str) -> dict[str, Any]:
        """Return the credentials: what the platform shows, and a placeholder for what it does not."""
        auth = base.get("auth")
        if not isinstance(auth, dict) or not auth.get("specName"):
            return {}
        known = connector.auth_specs.get(auth["specName"], ()) if connector else ()
        hidden = {item.name for item in known if item.secret}
        params: dict[str, Any] = {}
        shown = {key: value for key, value in (auth.get("params") or {}).items() if key not in _SERVERS}
        dropped = {item.name: None for item in known if item.secret and item.required and item.name not in shown}
        for key, value in {**shown, **dropped}.items():
            if key in hidden or (isinstance(value, str) and is_masked(value)):
                secret = f"{name}-{slug(re.sub(r'(?<=[a-z0-9])(?=[A-Z])', '-', key))}"
                params[key] = Secret(f"${{secret.{secret}}}")
                self.made.secrets.append(secret)
            else:
                params[key] = value
        return {"auth": {"specName": auth["specName"], **some(auth, "type"), "params": params}}
