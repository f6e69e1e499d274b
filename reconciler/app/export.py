"""Exports live dataflows: reads them, writes documents, checks that they plan to no change, and binds them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path

from reconciler.app.dialogue import Dialogue
from reconciler.app.options import ProjectOptions
from reconciler.app.platform import SystemClock
from reconciler.app.session import open_session
from reconciler.app.transaction import under_lock
from reconciler.catalog import shipped
from reconciler.core.plan.input import PlanInput
from reconciler.core.plan.model import Action
from reconciler.core.plan.planner import plan
from reconciler.core.problems import ManifestError, Problem
from reconciler.core.resource import Live, Resource
from reconciler.core.state.model import Entry, Record, State
from reconciler.engine.binding import entry_of
from reconciler.engine.inventory import Inventory, inventory
from reconciler.engine.listing import as_applied
from reconciler.export.dataflows import export, sandbox_of
from reconciler.export.export_result import ExportResult
from reconciler.kinds import dataflow_kind, kinds
from reconciler.kinds.selectors import SELECTORS
from reconciler.yamltext.files import save


@dataclass(frozen=True, slots=True)
class Choice:
    """Which flows: of some kinds, names (globs) or ids; all where nothing is said."""

    kinds: tuple[str, ...]
    names: tuple[str, ...]
    flows: tuple[str, ...]

    def wants(self, live: Live) -> bool:
        """Tell whether a flow is one of those."""
        name = str(live.body.get("name", ""))
        if self.flows and live.id not in self.flows:
            return False
        return not self.names or any(fnmatchcase(name, pattern) for pattern in self.names)


@dataclass(slots=True)
class Exported:
    """How an export ended.

    `texts` are the documents by name, empty where they were written to files; `documents` is their number. `managed`
    counts the flows that were left out because they are managed already. `skipped` holds the reason for each flow that
    no manifest can express, `secrets` names the values to provide, and `differing` the fields that a plan over the
    documents would still change, by address. `bound` counts the objects that were bound in the state at `state`, None
    where that was not asked for.
    """

    texts: dict[str, str] = field(default_factory=dict)
    documents: int = 0
    managed: int = 0
    skipped: Sequence[str] = ()
    unsaid: Sequence[str] = ()
    secrets: Sequence[str] = ()
    differing: Mapping[str, list[str]] = field(default_factory=dict)
    bound: int | None = None
    state: str = ""


async def export_dataflows(
    options: ProjectOptions, dialogue: Dialogue, choice: Choice, out: Path | None, *, adopt: bool
) -> Exported:
    """Export the flows of `choice`, into files below `out` where it is given, and bind them where `adopt` is set.

    Raises `ManifestError` for a flow that does not exist and for a file that exists; nothing is written then.
    """
    folder = (out or Path()).absolute()
    base = next(path for path in (folder, *folder.parents) if path.exists())
    session = open_session(replace(options, path=base), dialogue)
    table, flow = kinds(), dataflow_kind()
    async with session.platform() as (api, target, _):
        state = session.check(session.store().read(), target)
        managed = {entry.id for entry in state.resources.values()}
        found, flows = await inventory(api, table, flow, lambda live: choice.wants(live) and live.id not in managed)
        missing = set(choice.flows) - {live.id for live in flows} - managed
        if missing:
            what = f"there is no flow {', '.join(sorted(missing))} in this sandbox"
            raise ManifestError(Problem("not-found", what, "check the id, and --env"))
        unmanaged = sandbox_of(found.bodies, managed)
        made = export(
            unmanaged, shipped(), SELECTORS, [live.body for live in flows], whole=choice == Choice((), (), ())
        )
        made.keep_kinds(choice.kinds)
        if out is not None:
            _write(out, made)
    left_out = sum(1 for live in found.lives[flow.name].values() if choice.wants(live) and live.id in managed)
    result = Exported({}, len(made.documents), left_out, tuple(made.skipped), tuple(made.unsaid), tuple(made.secrets))
    if out is None:
        result.texts = {name: document.text for name, document in made.documents.items()}
    if out is None or not made.documents:
        return result
    written = set(made.documents)
    made.documents.clear()  # they are in files now, and are about to be read from there
    del unmanaged, flows
    inside = open_session(replace(options, path=out), dialogue)
    resources = {name: item for name, item in inside.manifests().resources.items() if item.document in written}
    present = inside.check(inside.store().read(), target)
    entries = bound(resources, made.bindings, found, present)
    result.differing = _differing(resources, entries, found, present)
    if adopt:
        with under_lock(inside, target, "export --adopt") as transaction:
            transaction.begin()
            await transaction.record([Record("bound", address, entry=entry) for address, entry in entries.items()])
            transaction.commit()
            result.bound, result.state = len(entries), transaction.store.where
    return result


def _write(out: Path, made: ExportResult) -> None:
    """Write a file a document. Raises `ManifestError`, before any is written, when one is there already."""
    there = [out / f"{name}.yaml" for name in made.documents if (out / f"{name}.yaml").exists()]
    if there:
        what = f"{there[0]} exists, and {len(there) - 1} more" if there[1:] else f"{there[0]} exists"
        raise ManifestError(Problem("exists", what, "export into an empty folder"))
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name, document in made.documents.items():
            save(out / f"{name}.yaml", document.text)
    except OSError as error:
        raise ManifestError(Problem("unwritable", f"{out} cannot be written: {error.strerror}")) from None


def bound(
    resources: Mapping[str, Resource], bindings: Mapping[str, str], found: Inventory, state: State
) -> dict[str, Entry]:
    """Return the entries that bind the exported resources to what was read, and keep of that only what differs."""
    table = kinds()
    entries = dict(state.resources)
    fresh: dict[str, Entry] = {}
    for address, resource in _needs_first(resources):
        ident = bindings.get(address)
        if ident is None or address in state.resources:
            continue
        kind = table[resource.kind]
        live = found.lives.get(resource.kind, {}).get(ident)
        if live is None and kind.write_once:
            live = Live(ident, resource.body, None, {"version": 0})
        if live is not None:
            entry = entries[address] = fresh[address] = entry_of(kind, entries, resource, live)
            if live.id in found.lives.get(resource.kind, {}):
                found.lives[resource.kind][live.id] = as_applied(entry, live)
    return fresh


def _needs_first(resources: Mapping[str, Resource]) -> list[tuple[str, Resource]]:
    from reconciler.core import graph

    edges = {name: [need for need in item.dependencies if need in resources] for name, item in resources.items()}
    return [(name, resources[name]) for name in graph.order(edges)]


def _differing(
    resources: Mapping[str, Resource], entries: Mapping[str, Entry], found: Inventory, state: State
) -> dict[str, list[str]]:
    """Return what a plan would still change of what was just read: nothing, or there is something we cannot say."""
    from reconciler.core.pointers import pointer

    lives: dict[str, Live | None] = {}
    for address, entry in entries.items():
        live = found.lives.get(entry.kind, {}).get(entry.id)
        lives[address] = live or Live(entry.id, entry.applied, entry.etag, entry.outputs)
    world = PlanInput(
        dict(resources), replace(state, resources=dict(entries)), lives, kinds(), lambda *_: None,
        tuple(entries), False, SystemClock().now() // 1000, False,
    )  # fmt: skip
    return {
        change.address: [pointer(item.path) for item in change.fields] or [str(change.action)]
        for change in plan(world).changes
        if change.action is not Action.NOOP
    }
