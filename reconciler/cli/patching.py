"""`drift --patch`: the change of the manifests that would accept what was changed outside, as a unified diff."""

from __future__ import annotations

import difflib

import click

from reconciler.cli.output import say
from reconciler.core.values import pointer
from reconciler.documents.load import Project
from reconciler.export.acceptance import NoPlaceError, accepting
from reconciler.render.drift import Report
from reconciler.yamltext.edit import CannotEditError, Edit, rewritten
from reconciler.yamltext.reader import Text

_OURS_TO_ACCEPT = ("outside", "conflict")


def show_patch(report: Report, project: Project) -> None:
    """Print the diff on stdout, and on stderr what no diff can accept."""
    wanted: dict[str, tuple[Text, list[tuple[Edit, str]]]] = {}
    for item in report.of("changed", "missing"):
        resource = project.resources.get(item.address)
        if item.status == "missing":
            say(f"{item.address}: deleted outside; take it out of the manifest, or apply to make it again")
        if resource is None:
            continue
        document = project.documents[resource.document]
        for field in item.fields:
            if field.cause not in _OURS_TO_ACCEPT:
                continue
            try:
                place = accepting(document, resource, field)
            except NoPlaceError as error:
                say(f"{item.address}{pointer(field.path)}: {error}")
                continue
            text = place.document.text
            name = f"{item.address}{pointer(field.path)}"
            wanted.setdefault(text.file, (text, []))[1].append((place.edit, name))
    for file, (text, edits) in wanted.items():
        before, after = (part.splitlines(keepends=True) for part in (text.content, _after(text, edits)))
        diff = "".join(difflib.unified_diff(before, after, f"a/{file}", f"b/{file}"))
        click.echo(diff, nl=bool(diff) and not diff.endswith("\n"))


def _after(text: Text, edits: list[tuple[Edit, str]]) -> str:
    """Return the text after all edits; one that cannot be made is told and does not spoil the others."""
    try:
        return rewritten(text, [edit for edit, _ in edits])
    except CannotEditError:
        pass
    good: list[Edit] = []
    for edit, name in edits:
        try:
            rewritten(text, [edit])
        except CannotEditError as error:
            say(f"{name}: {error}")
        else:
            good.append(edit)
    return rewritten(text, good)
