"""The lines of the project file that bring objects in and let them go under review: `imports` and `removed`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from reconciler.core.plan.selection import narrowed
from reconciler.core.pointers import is_below
from reconciler.core.problems import ManifestError, Problem, StaleError, StateError
from reconciler.core.resource import Resource
from reconciler.core.state.model import Entry, State
from reconciler.engine.binding import refuse_bound
from reconciler.engine.gather import gather
from reconciler.engine.imports import bind_all
from reconciler.engine.listing import from_state
from reconciler.engine.observe import read
from reconciler.kinds import kinds

if TYPE_CHECKING:
    from reconciler.app.options import PlanOptions
    from reconciler.app.session import Session
    from reconciler.documents.load import Project
    from reconciler.engine.ports import Api

_NEXT = "plan again, and review what it shows"


def released(session: Session) -> tuple[str, ...]:
    """Return the addresses that the project file lets go without a delete."""
    return tuple(item.from_ for item in session.project.removed if not item.delete)


def line_notes(session: Session, state: State) -> list[str]:
    """Return a note for each `removed` line of which the state holds no entry any more."""
    document = session.project_document
    if document is None:
        return []
    return [
        f"{document.span(('spec', 'removed', str(index)))}: the state holds nothing of {item.from_}: the line can be "
        "removed where this is so in every environment"
        for index, item in enumerate(session.project.removed)
        if not any(is_below(name, (item.from_,)) for name in state.resources)
    ]


async def imported(
    session: Session, api: Api, project: Project, state: State, options: PlanOptions
) -> dict[str, Entry]:
    """Return the entries that the `imports` lines in scope add to `state`, by address.

    Raises `ManifestError` where an address or an object is bound otherwise, or an object does not exist.
    """
    wanted: dict[str, tuple[Resource, str]] = {}
    places: dict[str, int] = {}
    problems: list[Problem] = []
    lines = session.project.imports if not options.destroy else []
    for index, item in enumerate(lines):
        resource = project.resources.get(item.to)
        entry = state.resources.get(item.to)
        if resource is None or not item.is_for(session.environment) or item.to not in project.inside:
            continue
        if entry is not None and entry.id == item.id:
            continue
        try:
            refuse_bound(state, resource, item.id)
        except StateError as error:
            problems.append(_problem(session, index, "bound", f"{item.to}: {error.problems[0].what}"))
            continue
        wanted[item.to] = (resource, item.id)
        places[item.to] = index
    if wanted and options.selection:
        resources = {name: item for name, item in project.resources.items() if name in project.inside}
        chosen, _ = narrowed(options.selection, resources, list(state.resources), state)
        wanted = {name: item for name, item in wanted.items() if name in chosen}
    found = await bind_all(api, kinds(), state, wanted) if wanted else {}
    for address, bound_entry in found.items():
        if bound_entry is None:
            resource, ident = wanted[address]
            what = f"there is no {resource.kind} with the id {ident} in this sandbox"
            problems.append(_problem(session, places[address], "not-found", what))
    if problems:
        raise ManifestError(problems)
    return {address: entry for address, entry in found.items() if entry is not None}


def _problem(session: Session, index: int, code: str, what: str) -> Problem:
    assert session.project_document is not None
    return session.project_document.problem(("spec", "imports", index), code, what, "correct or remove this line")


async def still_importable(api: Api, state: State, imports: Mapping[str, Entry]) -> dict[str, Entry]:
    """Return those of a saved plan's imports that `state` lacks. Raises `StaleError` where one no longer fits."""
    left: dict[str, Entry] = {}
    problems = []
    for address, entry in imports.items():
        present = state.resources.get(address)
        if present is not None and present.id == entry.id:
            continue
        holder = next(
            (name for name, other in state.resources.items() if (other.kind, other.id) == (entry.kind, entry.id)), None
        )
        if present is not None and present.id:
            problems.append(_stale(address, f"the address is bound to {present.id} by now"))
        elif holder is not None:
            problems.append(_stale(address, f"{entry.id} is bound to {holder} by now"))
        else:
            left[address] = entry
    lives = await gather(*(read(api, kinds()[entry.kind], from_state(entry)) for entry in left.values()))
    problems += [
        _stale(address, f"the object {entry.id} no longer exists")
        for (address, entry), live in zip(left.items(), lives, strict=True)
        if live is None
    ]
    if problems:
        raise StaleError(problems)
    return left


def _stale(address: str, what: str) -> Problem:
    return Problem("stale-plan", f"it is to be imported, and {what}", _NEXT, address=address)
