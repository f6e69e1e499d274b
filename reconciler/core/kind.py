"""The contract of a kind: its rules as data, and its requests and replies. `core.abilities` holds the optional parts.

Everything here is pure and synchronous: a kind names calls and reads replies, it sends nothing.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from reconciler.core.answers import Answer
from reconciler.core.problems import Problem
from reconciler.core.resource import Call, Live, Reply
from reconciler.core.rules import Rules
from reconciler.core.values import Tree


@dataclass(frozen=True, slots=True)
class Check:
    """Something a plan asks before anything is written: a `call` that changes nothing, and how its answer is read.

    `evaluate` gets 400 and 404 too. A finding with severity `warning` stops nothing; a question asks further.
    """

    call: Call
    evaluate: Callable[[Reply], Sequence[Problem | Check]]


@dataclass(frozen=True, slots=True)
class Reference:
    """How the reference page shows a kind, and the cases that the tests of every kind use.

    `samples` are bodies as a manifest declares them, by variant (an empty text for the only one); each is accepted by
    the published API description. The other fields complete the columns of the page: what forces a replace besides the
    rules, what follows an update, when a delete is possible, how drift is found.
    """

    samples: Mapping[str, Mapping[str, Tree]]
    replaces: str = ""
    updates: str = ""
    deletes: str = ""
    drift: str = "yes"


class Kind(ABC):
    """One sort of object on the platform. Subclasses are stateless; one instance each, named `KIND`.

    Methods receive the object they speak of as a `Live`: always with its id, with body and etag as far as they are
    known. Optional abilities are the classes of `core.abilities`: a kind inherits those it has.
    """

    name: ClassVar[str]
    reference: ClassVar[Reference]
    write_once: ClassVar[bool] = False
    """Whether an object never changes and is never read: an update makes another, and the state is believed."""
    deferred_fields: ClassVar[tuple[str, ...]] = ()
    """Top-level fields that can be set only when the object's own parts (`Resource.owner`) are there."""

    def needs_readback(self, body: Tree) -> bool:
        """Tell whether a create or update to `body` is only over once a GET shows a settled state."""
        del body
        return False

    @abstractmethod
    def rules(self, body: Tree) -> Rules:
        """Return the rules for an object with the desired `body`; they may depend on its connector."""

    def canonical(self, body: Tree) -> Tree:
        """Return `body`, desired or live, in the one vocabulary used for comparing."""
        return body

    def declarable(self, body: Tree) -> Tree:
        """Return a live `body` without what the platform writes there for itself; its id stays."""
        return body

    # -- reading ---------------------------------------------------------------------------------------------
    @abstractmethod
    def read(self, known: Live, version: Tree = None) -> Call:
        """Return the call that reads the object `known`; `version` pins one where the kind has versions."""

    @abstractmethod
    def live(self, reply: Reply, known: Live) -> Live | None:
        """Return the object that the `read` of `known` answered with, or None where the answer says there is none."""

    # -- changing --------------------------------------------------------------------------------------------
    @abstractmethod
    def create(self, body: Tree) -> Call:
        """Return the POST of the seed; what it leaves out is settled by the update that follows."""

    def created_fields(self, call: Call) -> Tree:
        """Return what of the object is so once the create `call` is carried out."""
        fields: Tree = call.body
        return fields

    def predicted(self, call: Call) -> Tree:
        """Return what an object looks like once its create `call` is carried out and settled, as far as is known."""
        return self.created_fields(call)

    @abstractmethod
    def created(self, reply: Reply, body: Tree) -> Live:
        """Return the new object made from `body` as far as the answer to `create` tells: id, maybe etag and outputs."""

    @abstractmethod
    def update(self, live: Live, patch: Sequence[Tree], body: Tree) -> Sequence[Call]:
        """Return the calls, in order, that make `patch` (RFC 6902 on the `live` object) true."""

    def described(self, call: Call) -> Sequence[Tree]:
        """Return how `call` is shown in a plan's `patch`: its own instructions, or `{"call": …}`."""
        if call.method == "PATCH" and isinstance(call.body, list):
            return call.body
        return [{"call": call.brief()}]

    def update_answer(self, live: Live) -> Answer | None:
        """Return the documented answer of the calls that update `live`; None where nothing of it is used."""
        del live
        return None

    @abstractmethod
    def updated(self, reply: Reply, before: Live) -> Live | None:
        """Return the object after an update as far as the answer tells, or None when it must be read again."""

    @abstractmethod
    def delete(self, live: Live) -> Call | None:
        """Return the call that deletes the object; None means the API cannot: it is forgotten.

        A guarded call is sent with the etag of `live`. After a conflict the object is read and `delete` called again.
        """


Kinds = Mapping[str, Kind]


@dataclass(frozen=True, slots=True)
class Row:
    """One object in a list: its `id`, its `name`, and a `detail` that tells namesakes apart."""

    id: str
    name: str
    detail: str


def _untold(body: Tree) -> int | None:
    """Return None: the page does not hold the number of objects."""
    del body
    return None


@dataclass(frozen=True, slots=True)
class Finder:
    """How one sort of object that is not ours is found by name.

    `page` names the call for the objects from a start on, `rows` reads its answer. `limit` is the size of a page,
    None where one page holds all of one name. `total` reads how many objects there are, None where the page does not
    tell.
    """

    page: Callable[[str, int], Call]
    rows: Callable[[Tree], Sequence[Row]]
    limit: int | None = None
    total: Callable[[Tree], int | None] = _untold


Finders = Mapping[str, Finder]
