"""What every kind of document needs to become resources: bodies, references, findings, in one small workshop."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from sys import intern
from typing import Any, Literal, TypeVar, cast

from pydantic import BaseModel, ValidationError

from reconciler.catalog import Catalog, Connector, Direction
from reconciler.core.interning import Interner
from reconciler.core.plan.judged import Judged
from reconciler.core.pointers import parse_pointer, pointer
from reconciler.core.problems import Problem
from reconciler.core.provenance import Provenance
from reconciler.core.resource import Resource
from reconciler.core.selector import Selectors
from reconciler.core.trees import leaves, members, merge_patch
from reconciler.core.values import Lookup, Path, Ref, Secret, Tree
from reconciler.documents import checks
from reconciler.documents.blocks import Account, Auth, Block, Endpoint, ExternalRef, FlowBlock, Versioned
from reconciler.documents.document import Document, nearest
from reconciler.documents.mapping_blocks import Row
from reconciler.documents.shapes import problems_of

Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class ProjectContext:
    """What a document is expanded against: the catalog, and the kinds of all documents by name."""

    catalog: Catalog
    documents: Mapping[str, Document]
    literal_secrets: bool = False
    selectors: Selectors = ()
    """The lists that dataflows hand out."""
    interner: Interner = field(default_factory=Interner)
    """Many documents name the same schema, or map alike."""


@dataclass(frozen=True, slots=True)
class ParsedTest:
    """A MappingTest as it was read: of a dataflow's mapping, or of rows of its own."""

    document: str
    dataflow: str | None
    rows: Sequence[Row] | None
    now: datetime | None
    cases: Sequence[Any]


@dataclass(slots=True)
class Expansion:
    """Expands one document; collects its resources, problems and warnings."""

    document: Document
    spec: dict[str, Any]
    setting: ProjectContext
    resources: list[Resource] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    tests: list[ParsedTest] = field(default_factory=list)
    samples: list[str] = field(default_factory=list)
    ignores: list[Path] = field(default_factory=list)
    judged: list[Judged] = field(default_factory=list)
    """Findings that count only where a plan writes the value."""
    filled_in: bool = True
    """Whether something was interpolated: only then a body can hold a secret that no parameter is known to be."""
    provenance: Provenance = field(init=False)

    def __post_init__(self) -> None:
        self.provenance = Provenance(
            file=self.document.file,
            protect=self.document.annotated("prevent-destroy"),
            allow_data_loss=self.document.annotated("allow-data-loss"),
            labels=self.document.labels,
        )
        text = self.document.annotations.get("reconciler/ignore-changes", "")
        for part in filter(None, (part.strip() for part in text.split(","))):
            if part.startswith("/"):
                self.ignores.append(parse_pointer(part))
            else:
                self.problems.append(
                    self.document.problem(
                        ("metadata", "annotations", "reconciler/ignore-changes"),
                        "bad-pointer",
                        f"{part!r} is no JSON pointer into spec",
                        "begin it with a slash, as in /flow/description",
                    )
                )

    # -- reading ---------------------------------------------------------------------------------------------
    def parse(self, model: type[Model], value: Tree, path: Sequence[str]) -> Model | None:
        """Return `value` as `model`, or None after noting what is wrong with it; `path` is below `spec`."""
        try:
            return model.model_validate(value)
        except ValidationError as error:
            self.problems += problems_of(self.document, error, model, ("spec", *path))
            return None

    def report(
        self, path: Sequence[str | int], code: str, what: str, advice: str = "", *, severity: str = "error"
    ) -> None:
        """Note a finding about the value at `path` below `spec`."""
        self.problems.append(self.document.problem(("spec", *path), code, what, advice, severity=severity))

    def judging(self, address: str, block: Sequence[str], place: Path) -> checks.Report:
        """Return a `report` for rules that bind authors: a value that is live already may break them.

        The findings are about members of the `block` below `spec`, which is at `place` (by keys) in the body of
        `address`.
        """

        def report(
            path: Sequence[str | int], code: str, what: str, advice: str = "", *, severity: str = "error"
        ) -> None:
            found = self.document.problem(("spec", *path), code, what, advice, severity=severity)
            if severity == "error":
                member = [str(step) for step in path[len(block) : len(block) + 1]]
                self.judged.append(Judged(address, (*place, *member), found))
            else:
                self.problems.append(found)

        return report

    # -- connectors ------------------------------------------------------------------------------------------
    def connector(
        self, key: str | None, spec: Versioned | None, direction: Direction, path: Sequence[str]
    ) -> Connector | None:
        """Return the connector a block names by key or by connection spec id, or None when it is not in the catalog."""
        catalog = self.setting.catalog
        if key is not None:
            if spec is not None:
                self.report(
                    (*path, "connectionSpec"),
                    "one-of",
                    "connector and connectionSpec exclude each other",
                    "keep one",
                )
            plain = key.removeprefix(f"{direction}/")
            found = catalog.get(direction, plain)
            if found is None:
                self.report(
                    (*path, "connector"),
                    "unknown-connector",
                    f"no {direction} connector {key!r} in the catalog",
                    nearest(plain, catalog.keys(direction)) or "give connectionSpec: {id, version} instead",
                )
            return found
        return catalog.by_spec(direction, spec.id) if spec is not None else None

    def end_spec(
        self, given: Versioned | None, key: str | None, connector: Connector | None, path: Sequence[str]
    ) -> dict[str, Tree]:
        """Return the `connectionSpec` of a source, target or account; note when nothing says which it is."""
        spec = spec_of(given, connector.end_spec if connector else None)
        if spec is None and key is None:
            advice = "add connector: KEY, or connectionSpec: {id, version}"
            self.report(path, "missing-key", f"the {path[0] if path else 'connection'} names no connector", advice)
        return spec or {"id": "", "version": "1.0"}

    def flow_spec(
        self,
        given: Versioned | None,
        connector: Connector | None,
        export: str = "audiences",
        *,
        mapped: bool = True,
    ) -> Tree:
        """Return the `flowSpec` of the document's flow; note when it is neither given nor known.

        `mapped` tells whether the flow has a mapping: a source may have another flow spec without one.
        """
        if given is not None and connector is not None:
            own = connector.flow_spec(export, mapped=mapped)
            checks.flow_spec(self.report, self.setting.catalog, given.id, connector, own)
        spec: Tree = spec_of(given, connector.flow_spec(export, mapped=mapped) if connector else None)
        if spec is None and connector is not None and (name := connector.flow_spec_name(export)):
            return {"id": Lookup("FlowSpec", name), "version": "1.0"}
        if spec is None:
            self.report(("flow",), "missing-key", "the flow spec is not known here", "add flowSpec: {id, version}")
        return spec

    def check_params(
        self, params: dict[str, Tree] | None, connector: Connector | None, end: str, export: str = "audiences"
    ) -> None:
        """Check the parameters of a source or target block against the catalog."""
        if connector is not None:
            place = (end, "params") if params else (end,)
            checks.parameters(self.report, params or {}, connector.parameters(export), connector.name, place)

    # -- resources -------------------------------------------------------------------------------------------
    def add(
        self,
        address: str,
        kind: str,
        body: dict[str, Tree],
        block: Sequence[str],
        *,
        overrides: Tree = None,
        sensitive: Sequence[str] = (),
        shared: Sequence[str] = (),
        replace_group: Sequence[str] = (),
        ignore: Sequence[str] = (),
        owner: str = "",
        staging: Literal["draft", "disabled"] | None = None,
    ) -> Ref:
        """Add the resource made from the block at `block` (below `spec`) and return a reference to its id."""
        if overrides:
            body = members(merge_patch(body, overrides))
        ignored = [pointer(path[len(block) :]) for path in self.ignores if path[: len(block)] == tuple(block)]
        found = []
        if self.filled_in or sensitive:
            found = [pointer(path) for path, leaf in leaves(body) if isinstance(leaf, Secret)]
        self.resources.append(
            Resource(
                address=intern(address),
                kind=kind,
                body=body,
                provenance=self.provenance,
                document=self.document.name,
                where=intern(pointer(("spec", *block))),
                ignore=tuple(ignored) + tuple(ignore),
                sensitive=tuple(dict.fromkeys([*sensitive, *found])),
                shared=tuple(shared),
                replace_group=tuple(replace_group),
                owner=owner,
                staging=staging,
            )
        )
        return Ref(address)

    def account(
        self,
        address: str,
        value: Tree,
        block: Sequence[str],
        connector: Connector | None,
        spec: Mapping[str, Tree],
        staging: Literal["draft"] | None = None,
    ) -> Tree:
        """Return what `baseConnectionId` becomes: an id, a reference, a look-up, or a new inline connection's id."""
        if isinstance(value, dict) and value.keys() & {"ref", "id", "lookup"}:
            borrowed = self.parse(ExternalRef, value, block)
            return self.external(borrowed, "Connection", block) if borrowed else None
        parsed = self.parse(Account, value, block)
        if parsed is None:
            return None
        body: dict[str, Tree] = {
            "name": parsed.name or default_name(self.document.name, block),
            **parsed.given("description", "provider_id"),
            "connectionSpec": spec_of(parsed.connection_spec, None) or dict(spec),
        }
        sensitive = self.add_auth(body, parsed.auth, block, connector)
        return self.add(
            address, "Connection", body, block, overrides=parsed.overrides, sensitive=sensitive, staging=staging
        )

    def base_connection(
        self,
        block: Endpoint,
        end: str,
        connector: Connector | None,
        spec: Mapping[str, Tree],
        staging: Literal["draft"] | None = None,
    ) -> Tree:
        """Return the `baseConnectionId` that the source or target block `end` declares, None where it declares none.

        `spec` is the connection spec of an account that is written out.
        """
        if block.connection is None:
            return block.base_connection_id
        if block.base_connection_id is not None:
            what = f"baseConnectionId is not used: the account is the one of {end}.connection"
            place = (end, "baseConnectionId")
            self.report(place, "unused-id", what, "remove it, or connection", severity="warning")
        address = f"{self.document.name}/{end}/connection"
        return self.account(address, block.connection, (end, "connection"), connector, spec, staging)

    def earlier_id(self, flow: FlowBlock, end: str) -> str:
        """Return the id of the source or target that `flow` names because the document does not write it out."""
        ids = (flow.source_connection_ids if end == "source" else flow.target_connection_ids) or []
        if len(ids) != 1:
            advice = f"add {end}: with the connection, or name one connection in flow.{end}ConnectionIds"
            self.report((), "missing-key", f"{end} is missing", advice)
        return ids[0] if ids else ""

    def unused_ids(self, flow: FlowBlock, **written: bool) -> None:
        """Note which ids of earlier answers are not used, because what they name is `written` out, by end."""
        ids = {"source": flow.source_connection_ids, "target": flow.target_connection_ids}
        for end, is_written in written.items():
            if is_written and ids[end]:
                what = f"{end}ConnectionIds is not used: the connection is the one of spec.{end}"
                place = ("flow", f"{end}ConnectionIds")
                self.report(place, "unused-id", what, f"remove it, or spec.{end}", severity="warning")

    def add_auth(
        self, body: dict[str, Tree], auth: Auth | None, block: Sequence[str], connector: Connector | None
    ) -> list[str]:
        """Put `auth` into a base connection's body; return the pointers of its secret parameters."""
        if auth is None:
            if connector and connector.needs_connection and connector.auth_specs:
                specs = ", ".join(repr(name) for name in connector.auth_specs)
                self.report(
                    block,
                    "missing-key",
                    "auth is missing",
                    f"add auth: {{specName: …, params: …}}; {connector.name} knows {specs}",
                )
            return []
        params, secret = checks.auth(
            self.report,
            auth,
            connector,
            (*block, "auth"),
            document=self.document.name,
            literal_secrets=self.setting.literal_secrets,
        )
        body["auth"] = {**auth.given("spec_name", "type"), **({"params": params} if auth.params is not None else {})}
        return [pointer(("auth", "params", name)) for name in secret]

    def external(self, value: ExternalRef, kind: str, block: Sequence[str]) -> Tree:
        """Return the id, reference or look-up that stands for an object made elsewhere."""
        if value.id is not None:
            return value.id
        if value.lookup is not None:
            return Lookup(kind, value.lookup.name)
        name = str(value.ref)
        document = self.setting.documents.get(name)
        if document is None or document.kind != kind:
            names = [item.name for item in self.setting.documents.values() if item.kind == kind]
            what = (
                f"no {kind} document is named {name!r}"
                if document is None
                else f"{name!r} is a {document.kind}, not a {kind}"
            )
            self.report(
                (*block, "ref"),
                "unknown-reference",
                what,
                nearest(name, names) or f"add a {kind} document of that name",
            )
            return None
        return Ref(name)


def default_name(document: str, block: Sequence[str]) -> str:
    """Return the name a block without one gets on the platform: the document's name and the block."""
    return " ".join([document, *block])


def spec_of(given: Versioned | None, default: dict[str, str] | None) -> dict[str, Tree] | None:
    """Return an explicit spec as a body wants it, else the default."""
    if given is not None:
        return {"id": given.id, "version": given.version}
    return catalog_spec(default) if default is not None else None


def catalog_spec(spec: dict[str, str]) -> dict[str, Tree]:
    """Return a spec of the catalog as a body wants it: the one object that all bodies share."""
    return cast("dict[str, Tree]", spec)  # a copy for each body costs memory; bodies are not changed


def given(block: Block, *names: str) -> dict[str, Tree]:
    """Return the fields the author wrote, with blocks inside them as plain data."""
    return {key: value.given() if isinstance(value, Block) else value for key, value in block.given(*names).items()}
