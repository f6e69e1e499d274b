"""`AdHocSchema`: field names on either side of a file export's mapping.

Source: activate-segments-file-based-destinations.md.
"""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.core.abilities import Persistent
from reconciler.core.answers import SCALAR, Answer, Object
from reconciler.core.kind import Reference
from reconciler.core.resource import Call, Live, Reply
from reconciler.core.rules import Rules
from reconciler.core.trees import without_nulls
from reconciler.core.values import Wire
from reconciler.kinds.checks import PREP as BASE

_SHAPE = Object(ids=("id",), may=(("version", SCALAR),))


class AdHocSchema(Persistent):
    """Made and never changed, listed or deleted: a change makes another, and the mapping set moves over to it.

    One whose create got no answer cannot be found again; a second one does no harm, for nothing refers to the first.
    """

    name = "AdHocSchema"
    write_once = True
    reference = Reference(
        {
            "": {
                "name": "Columns",
                "jsonSchema": {"type": "object", "properties": {"email": {"type": "string"}}},
            }
        },
        drift="not read",
    )

    _RULES = Rules(reported_as="Schema")  # to a reader of plans there is one sort of schema

    def rules(self, body: Wire) -> Rules:
        del body
        return self._RULES

    def read(self, known: Live, version: Wire = None) -> Call:
        del version
        return Call("GET", f"{BASE}/schemas/{known.id}", answer=Answer(_SHAPE, known.id))

    def live(self, reply: Reply, known: Live) -> Live | None:
        del known
        return None if reply.status == 404 else _live(reply.body)

    def create(self, body: Wire) -> Call:
        return Call("POST", f"{BASE}/schemas", without_nulls(body), answer=Answer(_SHAPE))

    def created(self, reply: Reply, body: Wire) -> Live:
        return Live(reply.body["id"], body, None, {"version": reply.body.get("version", 0)})

    def update(self, live: Live, patch: Sequence[Wire], body: Wire) -> Sequence[Call]:
        del live, patch
        return [self.create(body)]

    def update_answer(self, live: Live) -> Answer | None:
        del live  # the answer shows a new object
        return Answer(_SHAPE)

    def updated(self, reply: Reply, before: Live) -> Live | None:
        return self.created(reply, before.body)

    def undeletable_reason(self, body: Wire) -> str | None:
        del body
        return "the platform cannot delete it, it stays there unused"

    def delete(self, live: Live) -> Call | None:
        del live
        return None


def _live(body: Wire) -> Live:
    return Live(body["id"], body, None, {"version": body.get("version", 0)})


KIND = AdHocSchema()
