"""The objects that calls leave behind, and which of them can belong together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from reconciler.catalog import Catalog
from reconciler.convert.calls import Call, only_hole
from reconciler.core.trees import members
from reconciler.core.values import Tree


@dataclass(slots=True)
class Made:
    """An object that calls made: `body` as the last call left it, references as `Ref` to the `key` of another."""

    key: str
    kind: str
    body: dict[str, Tree]
    call: Call
    ids: frozenset[str] = frozenset()
    """The ids that the recorded answer gives it; none where there is no answer."""
    state: str = ""
    deleted: bool = False


@dataclass(frozen=True, slots=True)
class Left:
    """A call, or a part of one, that became no manifest, and the reason."""

    call: Call
    reason: str


@dataclass(slots=True)
class History:
    """The outcome of calls: objects by key, calls that cannot be expressed, remarks, and numbers of calls left out."""

    objects: dict[str, Made] = field(default_factory=dict)
    left: list[Left] = field(default_factory=list)
    remarks: list[Left] = field(default_factory=list)
    reads: int = 0
    tokens: int = 0
    foreign: int = 0
    ambiguous: dict[str, str] = field(default_factory=dict)
    """Literal ids that could belong to several creates, by the name of the variable that takes their place."""


@dataclass(frozen=True)
class Related:
    """The catalog's knowledge of specs: which account, connections and flow fit together."""

    catalog: Catalog

    @cached_property
    def lake(self) -> str:
        """The connection spec of the data lake as a target."""
        return self.catalog.fixed_spec("data-lake")["id"]

    @cached_property
    def profile(self) -> str:
        """The connection spec of the Profile Store."""
        return self.catalog.fixed_spec("profile-store")["id"]

    @cached_property
    def datasets(self) -> str:
        """The connection spec of the data lake as a source."""
        return self.catalog.fixed_spec("dataset-export")["id"]

    @cached_property
    def _pairs(self) -> frozenset[tuple[str, str]]:
        """Connection specs of accounts and of the connections on them, where they differ."""
        known = [(one.connection_spec["id"], one.end_spec["id"]) for one in self.catalog.all()]
        return frozenset(pair for pair in known if pair[0] != pair[1])

    @cached_property
    def _incoming(self) -> frozenset[str]:
        """The flow specs of sources."""
        listed = {str(spec["id"]) for spec in self.catalog.platform["flowSpecs"]["sources"]}
        known = [one for one in self.catalog.all() if one.direction == "source"]
        sources = [one.flow_spec(mapped=mapped) for one in known for mapped in (True, False)]
        return frozenset(listed | {spec["id"] for spec in sources if spec})

    @cached_property
    def _served(self) -> frozenset[str]:
        """The connection specs that some flow spec is known to serve."""
        return frozenset(ident for ends in self.catalog.flow_specs().values() for ident in ends)

    def direction(self, flow_spec: str) -> str:
        """Return `source` or `destination` for a flow spec; empty where the catalog does not know it."""
        if flow_spec in self._incoming:
            return "source"
        return "destination" if flow_spec in self.catalog.flow_specs() else ""

    def fits(self, candidate: Made, user: Made) -> bool:
        """Tell whether `user` can refer to `candidate`; what is not known speaks for it."""
        if candidate.kind == "Connection":
            return self._account_fits(candidate, user)
        if user.kind == "Flow" and candidate.kind in ("SourceConnection", "TargetConnection"):
            return self._end_fits(candidate, spec_id(user.body, "flowSpec"))
        return True

    def _account_fits(self, account: Made, user: Made) -> bool:
        mine, its = spec_id(account.body), spec_id(user.body)
        if user.kind == "TargetConnection" and mine in (self.profile, self.lake, self.datasets):
            return False
        if its == self.profile and account.body.get("auth"):
            return False
        if not mine or not its or only_hole(mine) or only_hole(its):
            return True
        return mine == its or (mine, its) in self._pairs

    def _end_fits(self, end: Made, flow_spec: str) -> bool:
        spec, ends = spec_id(end.body), self.catalog.flow_specs().get(flow_spec)
        if not flow_spec or only_hole(flow_spec) or not spec or only_hole(spec):
            return True
        incoming = flow_spec in self._incoming
        if end.kind == "TargetConnection" and (spec == self.lake or incoming):
            return spec == self.lake and (incoming or ends is None)
        if end.kind == "SourceConnection" and (spec in (self.profile, self.datasets) or not incoming):
            return not incoming
        return ends is None or spec in ends or spec not in self._served


def spec_id(body: Mapping[str, Tree], key: str = "connectionSpec") -> str:
    """Return the id of a body's connection spec or flow spec; empty where it names none."""
    return str(members(body.get(key)).get("id") or "")
