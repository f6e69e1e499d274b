"""Checks the lines of the project file that bring objects in and let them go under review: `imports` and `removed`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from reconciler.config.project import ProjectSpec
from reconciler.core.pointers import is_below
from reconciler.core.problems import Problem
from reconciler.core.resource import Resource
from reconciler.documents.document import Document, nearest


def line_problems(
    project: ProjectSpec, document: Document | None, environment: str, resources: Mapping[str, Resource]
) -> Iterator[Problem]:
    """Yield what is wrong with the lines, each at its place: addresses that are missing, declared or named twice."""
    if document is None:
        return
    seen: set[tuple[str, str]] = set()
    for index, item in enumerate(project.imports):
        place = ("spec", "imports", index, "to")
        if not item.is_for(environment):
            continue
        if item.to not in resources:
            what = f"no manifest declares the address {item.to!r}"
            advice = nearest(item.to, resources) or "addresses are listed by: reconciler plan"
            yield document.problem(place, "unknown-address", what, advice)
            continue
        names = {("", item.to), (resources[item.to].kind, item.id)}  # an object and its labels have the same id
        if names & seen:
            yield document.problem(place, "duplicate-import", "two lines import the same", "keep one of them")
        seen |= names
    for index, gone in enumerate(project.removed):
        declared = sorted(name for name in resources if is_below(name, (gone.from_,)))
        if declared:
            what = f"{declared[0]} is still declared in {resources[declared[0]].file}"
            advice = "remove it from the manifest, or remove this line"
            yield document.problem(("spec", "removed", index, "from"), "still-declared", what, advice)
