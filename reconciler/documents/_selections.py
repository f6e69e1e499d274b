"""The lists that a `DestinationDataflow` hands out, as the rows of `ProjectContext.selectors` describe them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, Literal

from pydantic import BaseModel, Field, create_model

from reconciler.catalog import Connector
from reconciler.core.pointers import parse_pointer
from reconciler.core.selector import Selector, Selectors, of_documents
from reconciler.core.values import Lookup, Tree
from reconciler.documents import _schedules
from reconciler.documents._destination import DestinationDataflowSpec
from reconciler.documents.blocks import Attribute, Audience, Block, Ownership
from reconciler.documents.expand import Expansion
from reconciler.documents.mapping_blocks import Row

_MODELS: Mapping[str, type[Block]] = {"audiences": Audience, "attributes": Attribute}
"""The members that have more to check than the names of their fields, by the field of the document."""
_MAPPED = "attributes"
"""The field that a file export declares as rows of a mapping set."""


@cache
def spec_model(rows: Selectors) -> type[DestinationDataflowSpec]:
    """Return the model of a spec in which every row that a document declares has a field."""
    base = DestinationDataflowSpec
    known = {field.alias or name for name, field in base.model_fields.items()}
    new = [row for row in of_documents(rows) if row.document_field not in known]
    if not new:
        return base
    owners: dict[str, Any] = {
        row.document_field: (
            Literal["exclusive", "shared"],
            Field("exclusive", description=f"`shared` leaves alone each {row.noun} that others add."),
        )
        for row in new
    }
    ownership = create_model("Ownership", __base__=Ownership, **owners)
    fields: dict[str, Any] = {row.document_field: (list[Any] | None, Field(None, description=row.doc)) for row in new}
    fields["ownership"] = (ownership, Field(default_factory=ownership))
    return create_model(base.__name__, __base__=base, __module__=base.__module__, **fields)


@cache
def member_model(row: Selector) -> type[Block]:
    """Return the model of one member of a list; of a row without one of its own, all fields are texts."""
    if row.document_field in _MODELS:
        return _MODELS[row.document_field]
    fields: dict[str, Any] = {
        name: (str | None, Field(None, alias=name, description=f"The {name} of the {row.noun}."))
        for name in row.member_fields
    }
    return create_model(f"Selected{row.noun.title().replace(' ', '')}", __base__=Block, **fields)


def member_forms(row: Selector) -> tuple[type[BaseModel] | type[str], ...]:
    """Return the models of what may be written for one member of a list; `str` where a text is enough."""
    rows = (Row,) if row.document_field == _MAPPED else ()
    return (*((str,) if row.short else ()), member_model(row), *rows)


def selections(ctx: Expansion, connector: Connector | None, *, mapped: bool) -> dict[str, Tree]:
    """Return the lists as parameters of the flow's transformation; those that go by a mapping set are left out.

    An optional list that the manifest does not declare is left out, too.
    """
    params: dict[str, Tree] = {}
    for row in of_documents(ctx.setting.selectors):
        items = ctx.spec.get(row.document_field)
        if (mapped and row.document_field == _MAPPED) or (row.optional and items is None):
            continue
        name, inner = row.steps[-2:]
        params[name] = {inner: _members(ctx, row, items, connector)}
    return params


def shared(ctx: Expansion, ownership: Ownership) -> list[str]:
    """Return the pointers to the lists that others may fill: the declared ones, and those left out altogether."""
    owners = ownership.model_dump(by_alias=True)
    return [
        row.pattern
        for row in of_documents(ctx.setting.selectors)
        if owners.get(row.document_field) == "shared" or ctx.spec.get(row.document_field) is None
    ]


def ignored(ctx: Expansion) -> list[str]:
    """Return the pointers to the lists that are left alone after the creation."""
    return [row.pattern for row in of_documents(ctx.setting.selectors) if (row.document_field,) in ctx.ignores]


def _members(ctx: Expansion, row: Selector, items: Tree, connector: Connector | None) -> list[Tree]:
    """Return the members in the platform's words; one without its key is looked up by its name."""
    members: list[Tree] = []
    seen = set[str]()
    for index, item in enumerate(items if isinstance(items, list) else ()):
        place: tuple[str, ...] = (row.document_field, str(index))
        value = item
        if row.short and isinstance(item, str):
            value = {row.key_field: item, **dict(row.defaults)}
        elif isinstance(item, dict) and row.value and item.keys() == {"type", "value"}:
            value, place = item["value"], (*place, "value")  # as documented, and as the platform shows it
        parsed = ctx.parse(member_model(row), value, place)
        if parsed is None:
            continue
        if isinstance(parsed, Audience):
            flow = f"{ctx.document.name}/flow"
            selected = (*row.steps, str(parsed.id or "*"), *parse_pointer(row.value))
            _schedules.audience(ctx, connector, parsed, place, ctx.judging(flow, place, selected))
        written = {name: found for name, found in parsed.given().items() if name not in row.shown_only}
        key, name = written.get(row.key_field), written.get("name")
        if not key and not (row.looked_up_as and name):
            what = f"the {row.noun} has no {row.key_field}"
            ctx.report(place, "missing-key", what, f"add {row.key_field}: …")
            continue
        if (key or f"name {name}") in seen:
            what = f"the {row.noun} {key or name!r} is declared twice"
            ctx.report(place, f"duplicate-{row.noun}", what, "remove one")
        seen.add(key or f"name {name}")
        ident: Tree = key or Lookup(row.looked_up_as, str(name))
        member_type = {"type": row.member_type} if row.member_type else {}
        members.append({**member_type, "value": {**written, row.key_field: ident}})
    return members
