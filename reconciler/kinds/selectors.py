"""One row for each list that a dataflow hands out to destinations: the one place that knows them.

The kinds build their rules from the rows; guardrails, policies, export, acceptance, the editor schema, plans and the
preflight checks ask the rows. A new list is a new row.
"""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.core.rules import MemberLine
from reconciler.core.selector import Selector, Selectors
from reconciler.core.values import Wire
from reconciler.kinds.checks import audience
from reconciler.kinds.mapping_rows import SOURCES, destination_of, kind_of, source_of

FLOW = "Flow"
PARAMS = "/transformations/GeneralTransform/params"
"""The parameters of the one transformation of a destination's flow (destinations.yaml)."""


def _line(member: Mapping[str, Wire]) -> MemberLine | None:
    """An attribute is its path; an audience its name and id, then what else is said of it."""
    value = member.get("value")
    if not isinstance(value, dict) or member.keys() != {"type", "value"}:
        return None
    if "path" in value:
        return MemberLine((value["path"],))
    rest = {key: item for key, item in value.items() if key not in ("id", "name", "description")}
    return MemberLine((value.get("id"),), value.get("name") or None, rest=rest)


def selector(name: str, key: str, **row: Wire) -> Selector:
    """Return the row of the list `name` among the parameters of a flow, its members told apart by `key`."""
    pattern = f"{PARAMS}/{name}/selectors"
    return Selector(
        pattern, f"/value/{key}", kind=FLOW, value="/value", listed=True, line=_line,
        unlabelled=(pattern, f"{pattern}/*/value"), **row,
    )  # fmt: skip


def mapped_line(member: Mapping[str, Wire]) -> MemberLine | None:
    """A row of a mapping set, in the current or the older vocabulary: `source → destination`, and what it is."""
    source, destination = source_of(member), destination_of(member)
    if source is None or destination is None:
        return None
    row_type = kind_of(member)
    marks = [] if row_type == "ATTRIBUTE" else [row_type.lower()]
    marks += [name for name in ("identity", "primaryIdentity") if member.get(name) is True]
    return MemberLine((source, destination), marks=tuple(marks))


AUDIENCES = selector(
    "segmentSelectors",
    "id",
    noun="audience",
    document_field="audiences",
    doc="The audiences that are activated.",
    member_type="PLATFORM_SEGMENT",
    member_fields=(
        "id",
        "name",
        "description",
        "exportMode",
        "schedule",
        "filenameTemplate",
        "fileNameTemplate",
        "systemSegmentId",
        "namespace",
        "enrichmentInfo",
    ),
    shown_only=("createTime", "updateTime"),
    removal_counts=True,
    exported_as="audience",
    looked_up_as="Audience",
    check=audience,
)

ATTRIBUTES = selector(
    "profileSelectors",
    "path",
    noun="attribute",
    document_field="attributes",
    doc="The profile attributes to export; for a file destination `{source, destination}` rows.",
    member_type="JSON_PATH",
    member_fields=("path", "operator", "mapping", "identity"),
    defaults=(("operator", "EXISTS"),),
    short=True,
    exported_as="attribute",
)

MAPPED_ATTRIBUTES = Selector(
    "/mappings",
    "/destination",
    kind="MappingSet",
    noun="mapping row",
    listed=True,
    line=mapped_line,
    exported_as="attribute",
    exported_path=SOURCES,
)
"""The attributes of a file export are the rows of its mapping set, to which its `attributes` expand."""

DATASETS = Selector(
    "/params/datasets",
    "/dataSetId",
    kind="SourceConnection",
    noun="dataset",
    member_fields=("dataSetId", "name"),
    looked_up_as="Dataset",
)
"""The datasets of a dataset export; a change replaces the source connection (export-datasets.md)."""

SELECTORS: Selectors = (AUDIENCES, ATTRIBUTES, MAPPED_ATTRIBUTES, DATASETS)
