"""Live objects -> documents a person would have written: the way back from what `expand` makes. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from reconciler.catalog import Catalog, Connector, Direction
from reconciler.core.selector import Selectors, of_documents
from reconciler.core.values import Tree
from reconciler.export.accounts import Accounts
from reconciler.export.export_result import ExportResult, Names, slug_of
from reconciler.export.to_manifest import base_of, column, mapping_words, some, spec_of, words
from reconciler.export.unsaid import unsaid, unsaid_of_lists, unsaid_of_rows

Body = Mapping[str, Any]

_WAYS: tuple[Direction, Direction] = ("source", "destination")


@dataclass(frozen=True, slots=True)
class Sandbox:
    """What was read: flows, and by id what they refer to; `mappings` are the versions the flows are pinned to."""

    flows: Sequence[Body]
    sources: Mapping[str, Body]
    targets: Mapping[str, Body]
    bases: Mapping[str, Body]
    mappings: Mapping[str, Body]


def sandbox_of(bodies: Callable[[str], Mapping[str, Body]], managed: Collection[str]) -> Sandbox:
    """Return what was read, by the name of a kind, without the connections that are managed already."""

    def unmanaged(kind: str) -> dict[str, Body]:
        return {ident: body for ident, body in bodies(kind).items() if ident not in managed}

    return Sandbox(
        list(bodies("Flow").values()), unmanaged("SourceConnection"), unmanaged("TargetConnection"),
        unmanaged("Connection"), bodies("MappingSet"),
    )  # fmt: skip


class CannotExportError(Exception):
    """A dataflow has something that no manifest can say; the message tells what."""


def export(
    sandbox: Sandbox, catalog: Catalog, selectors: Selectors, chosen: Sequence[Body], *, whole: bool = False
) -> ExportResult:
    """Return the documents for the `chosen` flows of `sandbox`; those that cannot be written are told in `skipped`.

    `selectors` are the lists that flows hand out.
    With `whole` accounts that nothing uses are written, too, and connections without a flow are told.
    """
    work = _Export(sandbox, catalog, of_documents(selectors))
    for flow in sorted(chosen, key=_order):
        work.add(flow)
    if whole:
        work.rest()
    work.made.documents = dict(sorted(work.made.documents.items()))
    return work.made


def _order(body: Body) -> tuple[str, int, str]:
    """The older of two namesakes comes first, so that a later export gives it the same name."""
    return slug_of(body), int(body.get("createdAt") or 0), str(body["id"])


@dataclass(slots=True)
class _Export:
    sandbox: Sandbox
    catalog: Catalog
    selectors: Selectors
    made: ExportResult = field(default_factory=ExportResult)
    names: Names = field(default_factory=Names)
    users: Counter[str] = field(default_factory=Counter)
    accounts: Accounts = field(init=False)

    def __post_init__(self) -> None:
        """Count who uses what: what several use is a document of its own, or nobody's to own."""
        for flow in self.sandbox.flows:
            self.users.update([*(flow.get("sourceConnectionIds") or ()), *(flow.get("targetConnectionIds") or ())])
        for body in (*self.sandbox.sources.values(), *self.sandbox.targets.values()):
            self.users.update(filter(None, [base_of(body)]))
        self.accounts = Accounts(self.sandbox.bases, self.catalog, self.users, self.made, self.names)

    def add(self, flow: Body) -> None:
        """Add the documents of one flow, or none of them and the reason."""
        accounts, secrets, unsaid_before = len(self.accounts.given), len(self.made.secrets), len(self.made.unsaid)
        name = self.names.free(flow)
        try:
            kind, spec, bindings = self.dataflow(name, flow)
        except (CannotExportError, LookupError, TypeError, AttributeError) as failure:
            known = isinstance(failure, CannotExportError)
            error = failure if known else f"it is not of the documented shape ({type(failure).__name__}: {failure})"
            self.made.skip("flow", flow, error)
            del self.made.secrets[secrets:]
            del self.made.unsaid[unsaid_before:]
            self.accounts.take_back(accounts)
            self.names.give_back(flow, name)
            return
        self.made.put(kind, name, spec)
        self.made.bindings |= bindings

    def rest(self) -> None:
        """Add the accounts that nothing uses, and tell of connections that belong to no flow."""
        for ident, base in sorted(self.sandbox.bases.items(), key=lambda item: _order(item[1])):
            if not self.users[ident]:
                spec = (base.get("connectionSpec") or {}).get("id")
                if not spec:
                    self.made.skip("connection", base, "it names no spec")
                    continue
                found = [(way, self.catalog.by_spec(way, spec)) for way in _WAYS]
                way, connector = next((pair for pair in found if pair[1]), found[-1])
                self.accounts.document(base, connector, way)
        for word, bodies in (("source", self.sandbox.sources), ("target", self.sandbox.targets)):
            for ident, body in sorted(bodies.items(), key=lambda item: _order(item[1])):
                if not self.users[ident]:
                    self.made.skip(f"{word} connection", body, "no flow uses it")

    # -- dataflows -------------------------------------------------------------------------------------------
    def dataflow(self, name: str, flow: Body) -> tuple[str, dict[str, Any], dict[str, str]]:
        """Return the kind and the spec of a document, and the ids behind its addresses."""
        source, target = self.end(flow, "source"), self.end(flow, "target")
        lake, profile = (self.catalog.fixed_spec(word)["id"] for word in ("data-lake", "profile-store"))
        export = self.catalog.fixed_spec("dataset-export")["id"]
        bindings = {f"{name}/flow": flow["id"], f"{name}/target": target["id"]}
        for what, body in (("flow", flow), ("source connection", source), ("target connection", target)):
            self.made.note_unsaid(what, body, unsaid(what, body))
        if self.users[source["id"]] == 1:
            bindings[f"{name}/source"] = source["id"]
        if target["connectionSpec"]["id"] == lake:
            kind = "SourceDataflow"
            spec = self.incoming(name, flow, source, target, bindings)
        elif source["connectionSpec"]["id"] in (profile, export):
            kind = "DestinationDataflow"
            spec = self.outgoing(
                name, flow, source, target, bindings, datasets=source["connectionSpec"]["id"] == export
            )
        else:
            raise CannotExportError("it neither ends in the data lake nor begins at the Profile Service or a dataset")
        return kind, spec, bindings

    def end(self, flow: Body, side: str) -> Body:
        idents: list[str] = list(flow.get(f"{side}ConnectionIds") or [])
        if len(idents) != 1:
            raise CannotExportError(f"it has {len(idents)} {side} connections")
        known = self.sandbox.sources if side == "source" else self.sandbox.targets
        if idents[0] not in known:
            raise CannotExportError(f"its {side} connection {idents[0]} is not to be seen, or managed already")
        if side == "target" and self.users[idents[0]] > 1:
            raise CannotExportError(f"it shares its target connection {idents[0]} with another flow")
        return known[idents[0]]

    def incoming(self, name: str, flow: Body, source: Body, target: Body, bindings: dict[str, str]) -> dict[str, Any]:
        connector = self.catalog.by_spec("source", source["connectionSpec"]["id"])
        begin = {**self.block(source, connector), **some(source, "providerId")}
        if self.users[source["id"]] > 1:
            begin = self.borrowed(source, begin)
        else:
            begin |= self.accounts.block(name, "source", source, connector, bindings)
            begin |= some(source, "data", "params")
        data, params = dict(target.get("data") or {}), dict(target.get("params") or {})
        schema, dataset = data.pop("schema", None) or {}, params.pop("dataSetId", None)
        if not isinstance(schema, dict) or not isinstance(dataset, str):
            raise CannotExportError("its target names no dataset")
        end: dict[str, Any] = {**words(target), **some(target, "baseConnectionId", "providerId")}
        end |= {"schema": dict(schema)} if schema else {}
        end["dataset"] = {"id": dataset}
        end |= {key: value for key, value in (("data", data), ("params", params)) if value}
        rest, rows = self.transformations(name, flow, schema, bindings)
        spec: dict[str, Any] = {"source": begin, "target": end}
        if rows is not None:
            spec["mapping"] = rows
        spec["flow"] = self.flow(flow, connector, "audiences")
        if rest:
            spec["flow"]["transformations"] = rest
        return spec

    def transformations(self, name: str, flow: Body, schema: Body, bindings: dict[str, str]) -> tuple[list[Any], Tree]:
        """Return the transformations besides the mapping, and the mapping."""
        items = list(flow.get("transformations") or ())
        rows: Tree = None
        for index, item in enumerate(items):
            if item.get("name") != "Mapping":
                continue
            body = self.mapping(item.get("params") or {})
            bindings[f"{name}/mapping"] = str(body["id"])
            rows = mapping_words(body, schema)
            self.made.note_unsaid("mapping set", body, unsaid_of_rows(body.get("mappings")))
            items[index] = {"name": "Mapping"}
        if rows is not None and items and items[-1] == {"name": "Mapping"}:
            items.pop()  # that is where it goes by itself
        return items, rows

    def mapping(self, pin: Body) -> Body:
        found = self.sandbox.mappings.get(str(pin.get("mappingId")))
        if found is None:
            raise CannotExportError(f"its mapping set {pin.get('mappingId')} is not to be seen")
        return found

    def outgoing(
        self, name: str, flow: Body, source: Body, target: Body, bindings: dict[str, str], *, datasets: bool
    ) -> dict[str, Any]:
        connector = self.catalog.by_spec("destination", target["connectionSpec"]["id"])
        begin: dict[str, Any] = words(source)
        if self.users[source["id"]] > 1:
            if datasets:
                raise CannotExportError(f"it shares its source connection {source['id']} with another flow")
            begin = self.borrowed(source, {})
        else:
            begin |= some(source, "providerId", "data", "params")
            if not datasets:
                account = self.accounts.block(name, "source", source, None, bindings)
                begin |= account or {"connection": None}  # left out, there would be one of its own
        end = self.block(target, connector)
        end |= self.accounts.block(name, "target", target, connector, bindings)
        end |= some(target, "providerId", "data", "params")
        spec = {"source": begin, "target": end}
        spec["flow"] = self.flow(flow, connector, "datasets" if datasets else "audiences")
        if not datasets:
            spec |= self.selections(name, flow, bindings)
        return spec

    def selections(self, name: str, flow: Body, bindings: dict[str, str]) -> dict[str, Any]:
        items = flow.get("transformations") or ()
        names = [str(item.get("name")) for item in items]
        if names not in ([], ["GeneralTransform"]):
            raise CannotExportError(f"its transformations are {', '.join(names)}")
        params = (items[0].get("params") or {}) if items else {}
        known = {row.steps[-2] for row in self.selectors}
        unknown = params.keys() - known - {"profileMapping", "primaryFields", "mandatoryFields"}
        if unknown:
            raise CannotExportError(f"its transformation has {', '.join(sorted(unknown))}")
        self.made.note_unsaid("flow", flow, unsaid_of_lists(self.selectors, params))
        spec: dict[str, Any] = {}
        for row in self.selectors:
            outer, inner = row.steps[-2:]
            if outer in params or not row.optional:
                spec[row.document_field] = [row.written(item) for item in (params.get(outer) or {}).get(inner) or ()]
        pin = params.get("profileMapping") or {}
        if pin.get("mappingId"):
            body = self.mapping(pin)
            bindings[f"{name}/mapping"] = str(body["id"])
            for side in ("input", "output"):
                bindings[f"{name}/mapping/{side}"] = str((body.get(f"{side}Schema") or {}).get("id", ""))
            spec["attributes"] = [column(row) for row in body.get("mappings", ())]
            self.made.note_unsaid("mapping set", body, unsaid_of_rows(body.get("mappings")))
        elif "profileMapping" in params:
            spec["attributes"] = []
        beside = params.get("profileSelectors") or {}  # where a destination of the older family has them
        for key in ("primaryFields", "mandatoryFields"):
            if found := params.get(key) or beside.get(key):
                spec[key] = found
        return spec

    # -- blocks ----------------------------------------------------------------------------------------------
    def borrowed(self, body: Body, block: Body) -> dict[str, Any]:
        """Return a source that several flows share: used by its id, nobody's to change or delete."""
        return {"id": body["id"], **some(block, "connector", "connectionSpec")}

    def block(self, body: Body, connector: Connector | None) -> dict[str, Any]:
        """Return name, description and what says which connector it is."""
        if connector is not None and connector.end_spec == spec_of(body["connectionSpec"]):
            return {**words(body), "connector": connector.key}
        return {**words(body), "connectionSpec": spec_of(body["connectionSpec"])}

    def flow(self, flow: Body, connector: Connector | None, export: str) -> dict[str, Any]:
        block: dict[str, Any] = words(flow)
        usual = connector.usual_flow_spec(flow.get("transformations") or (), export) if connector else None
        if usual != spec_of(flow["flowSpec"]):
            block["flowSpec"] = spec_of(flow["flowSpec"])
        state = flow.get("state", "enabled")
        if state in ("disabled", "draft"):
            block["state"] = state
        elif state != "enabled":
            raise CannotExportError(f"its state is {state}")
        options = {key: value for key, value in (flow.get("options") or {}).items() if key != "inletUrl"}
        return {
            **block,
            **some(flow, "providerId", "scheduleParams", "policy"),
            **some({"options": options}, "options"),
        }
