"""The change of the manifests that would accept what was changed outside, as a unified diff."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.core.plan.drift_report import Report
from reconciler.core.pointers import pointer
from reconciler.documents.load import Project
from reconciler.export.acceptance import NoPlaceError, accepting
from reconciler.kinds.selectors import SELECTORS
from reconciler.yamltext.edit import CannotEditError, Edit, rewritten
from reconciler.yamltext.files import unified_diff
from reconciler.yamltext.text import Text

_OURS_TO_ACCEPT = ("outside", "conflict")


@dataclass(frozen=True, slots=True)
class DriftPatch:
    """The unified diff, one part for each file, and messages about drift that no diff can accept."""

    diffs: tuple[str, ...]
    notes: tuple[str, ...]


def drift_patch(report: Report, project: Project) -> DriftPatch:
    """Return the change of the manifests of `project` that accepts the drift in `report`."""
    notes: list[str] = []
    diffs: list[str] = []
    wanted: dict[str, tuple[Text, list[tuple[Edit, str]]]] = {}
    for item in report.of("changed", "missing"):
        resource = project.resources.get(item.address)
        if item.status == "missing":
            notes.append(f"{item.address}: deleted outside; take it out of the manifest, or apply to make it again")
        if resource is None:
            continue
        document = project.documents[resource.document]
        for field in item.fields:
            if field.cause not in _OURS_TO_ACCEPT:
                continue
            try:
                place = accepting(document, resource, field, SELECTORS)
            except NoPlaceError as error:
                notes.append(f"{item.address}{pointer(field.path)}: {error}")
                continue
            text = place.document.text
            name = f"{item.address}{pointer(field.path)}"
            wanted.setdefault(text.file, (text, []))[1].append((place.edit, name))
    for file, (text, edits) in wanted.items():
        diffs.append(unified_diff(text.content, _after(text, edits, notes), file))
    return DriftPatch(tuple(diffs), tuple(notes))


def _after(text: Text, edits: list[tuple[Edit, str]], notes: list[str]) -> str:
    """Return the text after all edits; one that cannot be made becomes a note and does not spoil the others."""
    try:
        return rewritten(text, [edit for edit, _ in edits])
    except CannotEditError:
        pass
    good: list[Edit] = []
    for edit, name in edits:
        try:
            rewritten(text, [edit])
        except CannotEditError as error:
            notes.append(f"{name}: {error}")
        else:
            good.append(edit)
    return rewritten(text, good)
