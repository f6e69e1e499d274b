"""`DatasetLabels`: data usage labels of a dataset and of its fields (dataset-service.yaml)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from reconciler.core.abilities import Checked, Part, Singleton
from reconciler.core.answers import TEXT, Answer, ListOf, Object, OneOf
from reconciler.core.kind import Check, Reference
from reconciler.core.plan.model import Action, Change
from reconciler.core.pointers import parse_pointer
from reconciler.core.problems import Problem
from reconciler.core.resource import Call, Live, Reply
from reconciler.core.rules import AssociativeList, FieldRule, Reason, Rules
from reconciler.core.trees import without_nulls
from reconciler.core.values import Wire
from reconciler.kinds.shape import Block, Context, Documented, ExternalRef

BASE = "/data/foundation/dataset"
_LABELS = ("labels", ListOf(TEXT))
_FIELDS = ("optionalLabels", ListOf(Object(may=(("option", Object(may=(("schemaPath", TEXT),))), _LABELS))))
_SHAPE = OneOf((Object(needs=(_LABELS,), may=(_FIELDS,)), Object(needs=(_FIELDS,), may=(_LABELS,))))
"""LabelPayload: it names no dataset, so only its members distinguish it from another answer."""
_EMPTY: dict[str, Wire] = {"labels": [], "optionalLabels": []}


# -- in manifests ----------------------------------------------------------------------------------------------------
class FieldOption(Block):
    """The field that labels are for: the documented `option`."""

    id: str | None = None
    """The `$id` of the dataset's schema; left out in a dataset's own `labels`, its schema."""
    schema_: ExternalRef | None = Field(default=None, alias="schema")
    """Instead of `id`: the schema by reference or look-up."""
    content_type: str = "application/vnd.adobe.xed-full+json;version=1"
    """The schema's media type with its version."""
    schema_path: str
    """The path of the field in the schema, as in `/properties/personalEmail`."""


class FieldLabels(Block):
    """Labels of one field."""

    option: FieldOption
    """The field."""
    labels: list[str]
    """Its labels."""


class Labels(Block):
    """Data usage labels of a dataset, as the request body is documented; a part that is left out is left alone."""

    labels: list[str] | None = None
    """Labels of the dataset as a whole."""
    optional_labels: list[FieldLabels] | None = None
    """Labels of single fields."""
    overrides: dict[str, Any] | None = None
    """Merged into the request body (RFC 7386), for fields that the model does not have yet."""

    @model_validator(mode="after")
    def _some(self) -> Labels:
        if not self.labels and not any(item.labels for item in self.optional_labels or ()):
            raise PydanticCustomError("no_labels", "at least one label must be given; remove the block to have none")
        return self


class DatasetLabelsSpec(Labels):
    """The `spec` of a DatasetLabels document."""

    dataset: ExternalRef
    """The dataset that the labels belong to."""


def labels_body(ctx: Context, dataset: Wire, value: Labels, block: Sequence[str], schema: Wire = None) -> Wire:
    """Return the body of the labels of `dataset` (an id, reference or look-up).

    `schema` is what stands for the `$id` of a field that names no schema; `block` the place of `value` below `spec`.
    """
    body: dict[str, Wire] = {"dataset": dataset, **value.given("labels")}
    if value.optional_labels is not None:
        rows, seen = [], set[str]()
        for index, item in enumerate(value.optional_labels):
            place = (*block, "optionalLabels", str(index), "option")
            path = item.option.schema_path
            if path in seen:
                ctx.report((*place, "schemaPath"), "duplicate-field", f"a second entry for {path}", "keep one")
            seen.add(path)
            option = {"id": _schema(ctx, item.option, place, schema), "contentType": item.option.content_type}
            rows.append({"option": {**option, "schemaPath": path}, "labels": item.labels})
        body["optionalLabels"] = rows
    return body


def _schema(ctx: Context, option: FieldOption, place: Sequence[str], default: Wire) -> Wire:
    if option.id is not None and option.schema_ is not None:
        ctx.report((*place, "schema"), "one-of", "id and schema exclude each other", "keep one")
    if option.schema_ is not None:
        return ctx.external(option.schema_, "Schema", (*place, "schema"))
    if option.id is None and default is None:
        ctx.report(place, "missing-key", "the field names no schema", "add id: $ID of the schema, or schema: {ref: …}")
    return option.id if option.id is not None else default


# -- on the wire -----------------------------------------------------------------------------------------------------
class DatasetLabels(Singleton, Part, Checked, Documented[DatasetLabelsSpec]):
    """Read with a 404 while there are none, made by a POST, changed and emptied by a PUT with the etag of the GET.

    The API has no DELETE. Neither requests nor answers name the dataset: it is in the path alone, and here in
    `/dataset`.
    """

    name = "DatasetLabels"
    owner_kind = "Dataset"
    reference = Reference(
        {
            "": {
                "dataset": "5abd49645591445e1ba04f87",
                "labels": ["C1", "C2"],
                "optionalLabels": [
                    {
                        "option": {
                            "id": "https://ns.adobe.com/tenant/schemas/1",
                            "contentType": "application/vnd.adobe.xed-full+json;version=1",
                            "schemaPath": "/properties/personalEmail",
                        },
                        "labels": ["I1"],
                    }
                ],
            }
        },
        updates=" of the whole",
        deletes="which empties them",
    )
    spec = DatasetLabelsSpec
    example: ClassVar[Wire] = {
        "apiVersion": "reconciler/v1",
        "kind": "DatasetLabels",
        "metadata": {"name": "loyalty-labels"},
        "spec": {"dataset": {"lookup": {"name": "Loyalty members"}}, "labels": ["C2", "I1"]},
    }

    _RULES = Rules(
        (FieldRule("/dataset", Reason.IMMUTABLE, "dataset-service.yaml, PUT /datasets/{id}/labels"),),
        associative_lists=(
            AssociativeList("/labels", "/"),
            AssociativeList("/optionalLabels", "/option/schemaPath", deep=True),
            AssociativeList("/optionalLabels/*/labels", "/"),
        ),
    )

    def body(self, spec: DatasetLabelsSpec, ctx: Context) -> Wire:
        return labels_body(ctx, ctx.external(spec.dataset, "Dataset", ("dataset",)), spec, ())

    def rules(self, body: Wire) -> Rules:
        del body
        return self._RULES

    def owner(self, body: Wire) -> Wire:
        return body["dataset"]

    def is_empty(self, live: Live) -> bool:
        return not live.body.get("labels") and not any(
            item.get("labels") for item in live.body.get("optionalLabels") or ()
        )

    def read(self, known: Live, version: Wire = None) -> Call:
        del version
        return Call("GET", _path(known.id), answer=Answer(_SHAPE))

    def live(self, reply: Reply, known: Live) -> Live | None:
        return None if reply.status == 404 else _live(reply, known.id)

    def create(self, body: Wire) -> Call:
        """The dataset may be one that is yet to be made."""
        dataset = body["dataset"] if isinstance(body["dataset"], str) else "{id}"
        return Call("POST", _path(dataset), {**_EMPTY, **_payload(body)}, answer=Answer(_SHAPE, empty=True))

    def created(self, reply: Reply, body: Wire) -> Live:
        return _live(reply, body["dataset"])

    def update(self, live: Live, patch: Sequence[Wire], body: Wire) -> Sequence[Call]:
        """The PUT replaces both lists: one that the patch leaves alone is sent as it is live."""
        touched = {parse_pointer(step["path"])[0] for step in patch}
        now = {**_EMPTY, **_payload(live.body)}
        wanted = {name: _payload(body).get(name, []) for name in touched}
        return [Call("PUT", _path(live.id), {**now, **wanted}, guarded=True)]

    def update_answer(self, live: Live) -> Answer | None:
        del live
        return Answer(_SHAPE, empty=True)

    def updated(self, reply: Reply, before: Live) -> Live | None:
        after = _live(reply, before.id)
        return after if after.etag else None

    def delete(self, live: Live) -> Call | None:
        return Call("PUT", _path(live.id), dict(_EMPTY), guarded=True)

    def delete_blocked_by(self, body: Wire, needs: Sequence[Wire]) -> str | None:
        del body, needs
        return None

    def checks(self, change: Change) -> Sequence[Check]:
        """The create takes over existing labels: the plan warns about it."""
        desired: Wire = change.desired
        dataset = desired["dataset"]
        if change.action is Action.UPDATE or not isinstance(dataset, str):
            return ()

        def evaluate(reply: Reply) -> Sequence[Problem]:
            live = _live(reply, dataset) if reply.status < 400 else None
            if live is None or self.is_empty(live):
                return ()
            fields = [
                (item.get("option") or {}).get("schemaPath", "") for item in live.body.get("optionalLabels") or ()
            ]
            names = ", ".join([*(live.body.get("labels") or ()), *(f"labels of {path}" for path in fields)])
            what = f"the dataset {dataset} has labels already ({names}); the apply takes them over and changes them"
            return [Problem("taken-over", what, severity="warning")]

        return [Check(Call("GET", _path(dataset), answer=Answer(_SHAPE)), evaluate)]


def _path(dataset: str) -> str:
    return f"{BASE}/datasets/{dataset}/labels"


def _payload(body: Wire) -> dict[str, Wire]:
    present: Wire = without_nulls(body)
    return {key: value for key, value in present.items() if key != "dataset"}


def _live(reply: Reply, dataset: str) -> Live:
    """The etag is a header of every answer, not a field."""
    body = reply.body if isinstance(reply.body, dict) else {}
    return Live(dataset, {"dataset": dataset, **body}, reply.headers.get("etag"))


KIND = DatasetLabels()
