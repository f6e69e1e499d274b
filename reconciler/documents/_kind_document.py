"""Documents that a kind declares itself: found among the kinds, expanded to one resource each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from reconciler.core.abilities import Singleton
from reconciler.core.values import Ref, Tree
from reconciler.documents.expand import Expansion
from reconciler.kinds.shape import Documented


class KindDocument:
    """The kind of document of a kind of object: of the same name."""

    spec_kept = False

    def __init__(self, of: Documented[Any]) -> None:
        self.of = of
        self.kind = of.name
        self.model: type[Any] = of.spec
        self.example = of.example

    def expand(self, ctx: Expansion) -> None:
        """Add the resource of one document to `ctx`; its address is the document's name."""
        spec = ctx.parse(self.model, ctx.spec, ())
        if spec is not None:
            body = self.of.body(spec, ctx)
            add_of_kind(ctx, self.of, ctx.document.name, body, (), getattr(spec, "overrides", None))


def add_of_kind(
    ctx: Expansion,
    kind: Documented[Any],
    address: str,
    body: dict[str, Tree],
    block: Sequence[str],
    overrides: Tree = None,
) -> Ref:
    """Add the resource of `kind` made from the block at `block`; a singleton is a part of the resource it names."""
    belongs = kind.owner(body) if isinstance(kind, Singleton) else None
    owner = belongs.address if isinstance(belongs, Ref) else ""
    return ctx.add(address, kind.name, body, block, overrides=overrides, owner=owner)
