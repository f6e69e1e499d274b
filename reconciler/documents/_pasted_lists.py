"""The documented `transformations` of a destination's flow, pasted: its lists are audiences and attributes."""

from __future__ import annotations

from reconciler.core.selector import of_documents
from reconciler.core.trees import elements, members
from reconciler.core.values import Tree
from reconciler.documents.expand import Expansion

TRANSFORM = "GeneralTransform"
"""The one transformation of a destination's flow (destinations.yaml)."""
_KEYS = ("primaryFields", "mandatoryFields")


def with_pasted_lists(ctx: Expansion) -> dict[str, Tree]:
    """Return the spec with the lists of a pasted transformation as fields of their own.

    A list that the document declares already is left as it is, and one that both have is a finding.
    """
    spec, params = dict(ctx.spec), _pasted(ctx)
    lists: dict[str, Tree] = {key: params[key] for key in _KEYS if params.get(key)}
    for row in of_documents(ctx.setting.selectors):
        name, inner = row.steps[-2:]
        outer = members(params.get(name))
        lists |= {row.document_field: outer[inner]} if outer.get(inner) else {}
        lists |= {key: outer[key] for key in _KEYS if outer.get(key)}
    for field, value in lists.items():
        if spec.get(field) is not None:
            place = ("flow", "transformations")
            what = f"the transformation has a list that {field} declares, too"
            ctx.report(place, "one-of", what, f"keep one of them: {field}, or the list here")
        spec[field] = value
    return spec


def with_pasted_params(ctx: Expansion, params: dict[str, Tree]) -> dict[str, Tree]:
    """Return the parameters of the transformation: what is pasted, and `params`, which the lists were made into."""
    pasted = _pasted(ctx)
    made = {**pasted, **params}
    pin = members(pasted.get("profileMapping"))
    if pin and members(params.get("profileMapping")):
        what = "profileMapping is not used: the mapping set is made from attributes"
        ctx.report(("flow", "transformations"), "unused-id", what, "remove it, or attributes", severity="warning")
    elif pin:
        made["profileMapping"] = pin
    return made


def _pasted(ctx: Expansion) -> dict[str, Tree]:
    """Return the parameters of the pasted transformation, empty where there is none; note any other."""
    found: dict[str, Tree] = {}
    for index, item in enumerate(elements(members(ctx.spec.get("flow")).get("transformations"))):
        if members(item).get("name") == TRANSFORM:
            found = dict(members(members(item).get("params")))
        else:
            what = f"the one transformation of a destination is {TRANSFORM}"
            place = ("flow", "transformations", index)
            if not any(problem.code == "odd-transformation" for problem in ctx.problems):
                ctx.report(place, "odd-transformation", what, "remove it")
    return found
