"""Finds a connector by key or by connection spec id; the facts are data in `specs/`."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml

Direction = Literal["source", "destination"]
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of an auth spec, source or target; `required` is None where no document settles it."""

    name: str
    required: bool | None = None
    secret: bool = False
    type: str | None = None
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Connector:
    """What is known of one connector: `facts` is its file in `specs/`, as read."""

    key: str
    name: str
    direction: Direction
    category: str
    kind: str
    facts: Mapping[str, Any]

    @property
    def connection_spec(self) -> dict[str, str]:
        """The `connectionSpec` of its base connection, and of its source or target connection."""
        return _spec(self.facts["connectionSpec"])

    @property
    def end_spec(self) -> dict[str, str]:
        """The `connectionSpec` of its source or target connection; five sources use another than the base's."""
        return _spec(self.facts.get("sourceConnectionSpec") or self.facts["connectionSpec"])

    @property
    def needs_connection(self) -> bool:
        """Whether a base connection with credentials stands before it."""
        return bool(self.facts["baseConnection"])

    @property
    def auth_specs(self) -> dict[str, tuple[Parameter, ...]]:
        """The parameters of each way to log in, by `specName`; older documents know some under other names."""
        named = {auth["specName"]: _parameters(auth["params"]) for auth in self.facts["auth"]}
        others = {other: auth for auth in self.facts["auth"] for other in auth.get("alsoNamed", ())}
        return named | {other: named[auth["specName"]] for other, auth in others.items() if other not in named}

    def parameters(self, export: str = "audiences") -> tuple[Parameter, ...]:
        """Return the parameters of its source or target connection; `export` picks those of a destination."""
        if self.direction == "source":
            return _parameters(self.facts["source"]["params"])
        extra = self.facts["exports"].get(export, {}).get("targetParams", [])
        return _parameters([*self.facts["target"]["params"], *extra])

    @property
    def exports(self) -> tuple[str, ...]:
        """What a destination exports: `audiences`, `datasets`; nothing for a source."""
        return tuple(self.facts.get("exports", ()))

    def flow_spec_name(self, export: str = "audiences") -> str | None:
        """Return the name of the `flowSpec`: what it is found by where no document gives its id."""
        facts = self.facts["flowSpec"] if self.direction == "source" else self.facts["exports"].get(export, {})
        found = facts.get("name") if self.direction == "source" else facts.get("flowSpec", {}).get("name")
        return str(found) if found else None

    def flow_spec(self, export: str = "audiences", *, mapped: bool = True) -> dict[str, str] | None:
        """Return the `flowSpec` of its dataflows, or None where no document gives its id.

        A source may have another one for data that is not mapped: XDM data of the HTTP API (http.md).
        """
        if self.direction == "source":
            plain = None if mapped else self.facts.get("flowSpecWithoutMapping")
            return _spec(plain or self.facts["flowSpec"])
        spec = self.facts["exports"].get(export, {}).get("flowSpec", {})
        return _spec(spec) if "id" in spec else None

    def usual_flow_spec(self, transformations: Iterable[object], export: str = "audiences") -> dict[str, str] | None:
        """Return the `flowSpec` of a flow with these transformations where its document does not name another one."""
        mapped = any(isinstance(one, Mapping) and one.get("name") == "Mapping" for one in transformations)
        return self.flow_spec(export, mapped=mapped)


def _spec(facts: Mapping[str, str]) -> dict[str, str]:
    return _one_spec(facts["id"], facts["version"])


@functools.cache
def _one_spec(ident: str, version: str) -> dict[str, str]:
    """Return the one object for a spec: thousands of dataflows have the same, and nobody changes it."""
    return {"id": ident, "version": version}


def _parameters(facts: list[dict[str, Any]]) -> tuple[Parameter, ...]:
    return tuple(
        Parameter(
            item["name"],
            item.get("required"),
            item.get("secret", False),
            item.get("type"),
            tuple(item.get("values", ())),
        )
        for item in facts
    )


class Catalog:
    """The connectors under one `specs/` folder, each file read when it is first asked for."""

    def __init__(self, root: Path) -> None:
        self._root = root

    @functools.cached_property
    def platform(self) -> dict[str, Any]:
        """The ids that are the same in every organization (`specs/platform.yaml`)."""
        return _read(self._root / "platform.yaml")

    def fixed_spec(self, name: str) -> dict[str, str]:
        """Return the `connectionSpec` of `data-lake`, `profile-store` or `dataset-export`."""
        return _spec(self.platform["connectionSpecs"][name])

    @functools.cache  # noqa: B019 - one catalog lives as long as the process
    def get(self, direction: Direction, key: str) -> Connector | None:
        """Return the connector with this key, or None."""
        if key not in self.keys(direction):
            return None
        facts = _read(self._root / f"{direction}s" / f"{key}.yaml")
        return Connector(facts["key"], facts["name"], direction, facts["category"], facts["kind"], facts)

    @functools.cache  # noqa: B019
    def keys(self, direction: Direction) -> tuple[str, ...]:
        """Return the keys of all connectors of one direction, sorted."""
        return tuple(sorted(path.stem for path in (self._root / f"{direction}s").glob("*.yaml")))

    def all(self) -> list[Connector]:
        """Return every connector, sources first, by key."""
        directions: tuple[Direction, Direction] = ("source", "destination")
        return [
            found
            for direction in directions
            for key in self.keys(direction)
            if (found := self.get(direction, key)) is not None
        ]

    @functools.cache  # noqa: B019
    def flow_specs(self) -> Mapping[str, frozenset[str]]:
        """Return every flow spec id whose connection specs are known, with their ids.

        A flow spec whose list no document gives is left out: a missing list is not an empty one.
        """
        found: dict[str, set[str]] = {}
        for spec in self.platform["flowSpecs"]["sources"]:
            if ends := spec.get("sourceConnectionSpecIds"):
                found.setdefault(spec["id"], set()).update(ends)
        for connector in self.all():
            for export in connector.exports or ("audiences",):
                for own in (connector.flow_spec(export), connector.flow_spec(export, mapped=False)):
                    if own is not None:
                        found.setdefault(own["id"], set()).add(connector.end_spec["id"])
        return {ident: frozenset(ends) for ident, ends in found.items()}

    @functools.cache  # noqa: B019
    def by_spec(self, direction: Direction, ident: str) -> Connector | None:
        """Return the one connector with this connection spec id; None where several products claim it."""
        claims = [
            found
            for key in self.keys(direction)
            if (found := self.get(direction, key)) is not None
            and ident in (found.connection_spec["id"], found.end_spec["id"])
        ]
        return claims[0] if len(claims) == 1 and not claims[0].facts.get("idDoubtful") else None


def _read(path: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.load(path.read_text(encoding="utf-8"), Loader=_LOADER)
    return loaded


@functools.cache
def shipped() -> Catalog:
    """Return the catalog that comes with the package: `specs/` in the wheel, or beside it in a checkout."""
    inside = Path(__file__).parent.parent / "specs"
    return Catalog(inside if inside.is_dir() else inside.parent.parent / "specs")
