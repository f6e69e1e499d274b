"""`drift --patch`: the change of the manifests that would accept what was changed outside, as a unified diff."""

from __future__ import annotations

import difflib

import click

from reconciler.cli.output import say
from reconciler.manifests.acceptance import NoPlaceError, accepting, reason
from reconciler.manifests.load import Project
from reconciler.manifests.rewrite import CannotEditError, Edit, rewritten
from reconciler.manifests.yaml import Text
from reconciler.render.drift import Report

_OURS_TO_ACCEPT = ("outside", "conflict")


def show_patch(report: Report, project: Project) -> None:
    """Print the diff on stdout, and on stderr what no diff can accept."""
    edits: dict[str, tuple[Text, list[Edit]]] = {}
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
                wanted = [*edits.get(place.document.text.file, (place.document.text, []))[1], place.edit]
                rewritten(place.document.text, wanted)  # one that cannot be made does not spoil the others
            except (NoPlaceError, CannotEditError) as error:
                say(reason(item, field, error))
                continue
            edits[place.document.text.file] = (place.document.text, wanted)
    for file, (text, wanted) in edits.items():
        before, after = (part.splitlines(keepends=True) for part in (text.content, rewritten(text, wanted)))
        diff = "".join(difflib.unified_diff(before, after, f"a/{file}", f"b/{file}"))
        click.echo(diff, nl=bool(diff) and not diff.endswith("\n"))
