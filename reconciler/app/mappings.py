"""The mappings of a project, ready to be applied: rows, output schema, delimiter of CSV samples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from reconciler.core.problems import ManifestError, Problem
from reconciler.core.trees import elements, members
from reconciler.core.values import Tree
from reconciler.dataprep import CompiledMapping, MappingError, Row, Schema, compile_mapping, row_of
from reconciler.documents.document import nearest
from reconciler.documents.load import Project
from reconciler.documents.mapping_test import TESTED
from reconciler.documents.xdm_fields import output_schema
from reconciler.kinds.mapping_set import ROWS


@dataclass(frozen=True, slots=True)
class ProjectMapping:
    """The mapping of a dataflow, or of a test's own rows; `body` is the mapping set as it is sent."""

    name: str
    rows: tuple[Row, ...]
    body: Mapping[str, Tree]
    schema: Schema | None = None
    delimiter: str = ","

    def compiled(self) -> CompiledMapping:
        """Return the mapping, ready to be applied. Raises ManifestError with the row that cannot be."""
        try:
            return compile_mapping(self.rows, self.schema)
        except MappingError as error:
            row = self.rows[error.row]
            what = f"row {error.row + 1} of {self.name} ({row.source} → {row.destination}): {error.message}"
            raise ManifestError(Problem("bad-mapping", what, "reconciler validate shows the place")) from None


def mapping_of(project: Project, name: str) -> ProjectMapping:
    """Return the mapping of a dataflow. Raises ManifestError if it has none, or if the dataflow is not declared."""
    document = project.documents.get(name)
    if document is None or document.kind not in TESTED:
        names = [one.name for one in project.documents.values() if one.kind in TESTED]
        raise ManifestError(Problem("unknown-dataflow", f"no dataflow is named {name!r}", nearest(name, names)))
    resource = project.resources.get(f"{name}/mapping")
    if resource is None:
        raise ManifestError(
            document.problem(
                ("spec",), "no-mapping", f"{name} has no mapping", "sources and file destinations have one"
            )
        )
    body = members(resource.body)
    rows = tuple(row_of(members(row)) for row in elements(body[ROWS]))
    schema = output_schema(project.resources, body)
    return ProjectMapping(name, rows, body, schema, _delimiter(project, name))


def _delimiter(project: Project, name: str) -> str:
    """The column delimiter of the source, where it says one; else a comma."""
    source = project.resources.get(f"{name}/source")
    body = members(source.body) if source is not None else {}
    for block in (body.get("data"), body.get("params")):
        properties = block.get("properties") if isinstance(block, dict) else None
        for holder in (properties, block):
            sign = holder.get("columnDelimiter") if isinstance(holder, dict) else None
            if isinstance(sign, str) and len(sign) == 1:
                return sign
    return ","
