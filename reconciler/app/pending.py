"""Finds the commits behind changes that were merged and not applied: the manifests of each commit against the state."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.app.git_history import GitError, History
from reconciler.app.options import PlanOptions
from reconciler.app.planning import Owed, compute_plan
from reconciler.app.project_lines import imported
from reconciler.app.session import Session, in_memory, open_session
from reconciler.core.compare.lens import Lens
from reconciler.core.fingerprint import Fingerprinter
from reconciler.core.plan.drift_report import Commit, PendingChange, pending_changes
from reconciler.core.problems import ReconcilerError
from reconciler.core.resource import Resource
from reconciler.core.state.model import Entry, Record, State
from reconciler.core.trees import filled, resolve
from reconciler.core.values import Ref, Tree
from reconciler.documents.document import API_VERSION, PROJECT_FILE
from reconciler.documents.load import Project
from reconciler.documents.overlay import FOLDER
from reconciler.kinds import kinds
from reconciler.secrets.store import SecretStore

if TYPE_CHECKING:
    from reconciler.api.client import Client

_COMMITS = 20
"""Commits that are looked at: each is a whole project to read."""
_UNKNOWN = "the commits of pending changes are not known"
_EMPTY = f"apiVersion: {API_VERSION}\nkind: Project\nmetadata: {{name: project}}\nspec: {{}}\n"


@dataclass(slots=True)
class _Search:
    """One change on its way back through the history: the commits that made it, the newest first."""

    change: PendingChange
    entry: Entry | None
    later: Resource | None
    commits: list[Commit] = field(default_factory=list)
    open: bool = True

    def step(self, commit: Commit | None, was: Resource | None, known: Mapping[Ref, Tree]) -> None:
        """Go back to the manifests before `commit`, in which the address is `was`."""
        if commit is not None and _differs(self.later, was):
            self.commits.append(commit)
        self.later = was
        self.open = not self._applied(was, known)

    def _applied(self, was: Resource | None, known: Mapping[Ref, Tree]) -> bool:
        """Tell whether the manifests equal the last applied values."""
        if self.entry is None or not self.entry.id or was is None:
            return (was is None) is (self.entry is None or not self.entry.id)
        if self.change.action in ("delete", "forget"):
            return True
        if was.kind != self.entry.kind:
            return False
        applied = self.entry.applied
        desired = filled(resolve(was.body, known), applied)
        return not Lens(kinds()[was.kind], desired, was).compare(applied, applied).fields


def _differs(one: Resource | None, other: Resource | None) -> bool:
    if one is None or other is None:
        return one is not other
    return (one.kind, one.body) != (other.kind, other.body)


def with_history(
    session: Session, project: Project, state: State, pending: Sequence[PendingChange]
) -> tuple[tuple[PendingChange, ...], tuple[str, ...]]:
    """Return `pending` with the commits that made each change, and notes on what the history does not tell.

    A commit made a change where the manifests before it equal the last applied values. Only the main line of the
    history is read, where a merge is one commit.
    """
    if not pending:
        return (), ()
    try:
        history = History.of(session.root)
        searches, notes = _searched(session, history, project, state, pending)
    except (GitError, OSError) as error:
        return tuple(pending), (f"{_UNKNOWN}: {error}",)
    return tuple(map(_told, searches)), tuple(notes)


async def not_applied(session: Session, api: Client, state: State) -> tuple[tuple[PendingChange, ...], str]:
    """Return what the manifests want beyond what was last applied, and why that is not known, or an empty text.

    No secret is compared and nothing is settled: only look-ups and lines that import objects ask the platform.
    """
    try:
        project = session.manifests()
        if not project.documents:
            return (), ""
        secrets = SecretStore([], Fingerprinter(None, state.lineage))
        options = PlanOptions(read=False, checks=False, judged=False)
        imports = await imported(session, api, project, state, options)
        bound = [Record("bound", address, entry=entry) for address, entry in imports.items()]
        owed = Owed(bound, in_memory(state, bound), imports)
        plan, _ = await compute_plan(session, api, project, owed.state, secrets, options, owed=owed)
    except ReconcilerError as error:
        return (), str(error.problems[0])
    return pending_changes(plan), ""


def _told(search: _Search) -> PendingChange:
    since = search.commits[-1].at if search.commits and not search.open else None
    return replace(search.change, since=since, commits=tuple(search.commits))


def _searched(
    session: Session, history: History, project: Project, state: State, pending: Sequence[PendingChange]
) -> tuple[list[_Search], list[str]]:
    known: dict[Ref, Tree] = {}
    for name, entry in state.resources.items():
        if entry.id:
            known[Ref(name)] = entry.id
        known |= {Ref(name, key): value for key, value in entry.outputs.items()}
    searches = [
        _Search(
            item, state.resources.get(item.address), project.resources.get(item.address), open=item.action != "import"
        )
        for item in pending
    ]
    paths = _paths(project, state, pending)
    commits = history.commits(paths, _COMMITS)
    notes = []
    if history.changed(paths):
        notes.append("a pending change is not committed yet")
    for later, commit in zip([None, *commits], commits, strict=False):
        left = [item for item in searches if item.open]
        if not left:
            break
        resources = _resources(session, history, commit)
        for item in left:
            item.step(later, resources.get(item.change.address), known)
    left = [item for item in searches if item.open]
    if left and history.shallow:
        notes.append(f"{_UNKNOWN}: the clone is shallow, fetch the whole history")
    elif left and len(commits) == _COMMITS:
        notes.append(f"{_UNKNOWN}: they are older than {_COMMITS} commits")
    elif left and commits:  # before the first commit there was nothing
        for item in left:
            item.step(commits[-1], None, known)
    return searches, notes


def _paths(project: Project, state: State, pending: Sequence[PendingChange]) -> list[str]:
    """Return the files that can have made the changes, relative to the root: documents, overlays, project file."""
    paths = {PROJECT_FILE, FOLDER}
    for item in pending:
        entry = state.resources.get(item.address)
        document = project.documents.get(item.document)
        paths |= {entry.file} if entry is not None and entry.file else set()
        paths |= {document.file} if document is not None else set()
    return sorted(path for path in paths if not path.startswith(".."))


def _resources(session: Session, history: History, commit: Commit) -> Mapping[str, Resource]:
    """Return the resources that the manifests of a commit declare; none where they cannot be read."""
    with tempfile.TemporaryDirectory(prefix="reconciler-") as name:
        folder = Path(name)
        history.write(commit.id, folder)
        if not (folder / PROJECT_FILE).exists():  # a project file above is none of this project
            (folder / PROJECT_FILE).write_text(_EMPTY, encoding="utf-8")
        options = replace(session.options, path=folder, state_dir=folder / "state")
        try:
            return open_session(options, session.dialogue).read_manifests().resources
        except ReconcilerError:
            return {}
