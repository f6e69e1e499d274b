"""What the house must know about one sort of object: its rules as data, and its words on the wire.

Everything here is pure and synchronous: a kind names calls and reads replies, it sends nothing.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from reconciler.core.problems import Problem
from reconciler.core.resource import Call, Live, Reply
from reconciler.core.rules import FieldChange, Rules
from reconciler.core.values import Path, Tree

if TYPE_CHECKING:
    from reconciler.core.plan.model import Change


@dataclass(frozen=True, slots=True)
class Check:
    """Something a plan asks before anything is written: a `call` that changes nothing, and how its answer is read.

    `evaluate` gets 400 and 404 too. A finding with severity `warning` stops nothing; a question asks further.
    """

    call: Call
    evaluate: Callable[[Reply], Sequence[Problem | Check]]


class Kind(ABC):
    """One sort of object on the platform. Subclasses are stateless; one instance each, named `KIND`."""

    name: ClassVar[str]
    holds_data: ClassVar[bool] = False
    """Whether a replace loses data: it is an objection unless the manifest allows that."""
    retain_on_delete: ClassVar[bool] = False
    """Whether an object that left the manifests is forgotten, unless the manifest allowed data to be lost."""
    write_once: ClassVar[bool] = False
    """Whether an object never changes and is never read: an update makes another, and the state is believed."""
    unique_names: ClassVar[bool] = False
    """Whether the platform refuses a second object of the same name."""
    name_field: ClassVar[str] = "name"
    """The top-level field that a search goes by."""
    is_part: ClassVar[bool] = False
    """Whether the object has no use without the one it is a part of (`Resource.owner`)."""
    list_orders: ClassVar[tuple[str, str] | None] = None
    """How a list is asked for from its oldest object on, and from its newest."""
    lists_are_complete: ClassVar[bool] = False
    """Whether a list shows objects whole, so that they need not be read singly to see what another version says."""
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
    def read(self, ident: str, version: Tree = None) -> Call:
        """Return the call that reads one object by id; `version` pins one where the kind has versions."""

    @abstractmethod
    def live(self, reply: Reply) -> Live | None:
        """Return the object a `read` answered with, or None where the answer says there is none."""

    @abstractmethod
    def search(self, body: Tree) -> Call | None:
        """Return the call that lists the objects that could be the one made from `body`, newest first.

        None where the platform has no such list: then one whose create got no answer is made again.
        """

    def browse(self, after: Reply | None, order: str = "") -> Call | None:
        """Return the call for the first page of all objects, or for the page after one; None when there is none.

        `order` is one of `list_orders`, or left to the platform.
        """
        del after, order
        return None

    def page(self, after: Reply | None, order: str, seen: int) -> Call | None:
        """Return the call for a page of whole objects, for a refresh of many; None when there is none, or no such list.

        It is `browse` for a kind that has that. `seen` is how many objects the pages before had.
        """
        del seen
        return self.browse(after, order)

    @abstractmethod
    def found(self, reply: Reply) -> Sequence[Live]:
        """Return the objects a `search` page answered with."""

    @abstractmethod
    def created_at(self, live: Live) -> int:
        """Return when the object was made, in ms since the epoch by the server's clock."""

    def edited_with(self, live: Live) -> str | None:
        """Return the client id that made the object, if it has been changed since and the platform tells both."""
        del live
        return None

    def pinned(self, ident: str, users: Sequence[Tree]) -> Tree | None:
        """Return the version of object `ident` that one of its live `users` is pinned to, if kinds have versions."""
        del ident, users
        return None

    # -- changing --------------------------------------------------------------------------------------------
    @abstractmethod
    def create(self, body: Tree) -> Call:
        """Return the POST of the seed; what it leaves out is settled by the update that follows."""

    def created_fields(self, call: Call) -> Tree:
        """Return what of the object is so once the create `call` is carried out."""
        return call.body

    def predicted(self, call: Call) -> Tree:
        """Return what an object looks like once its create `call` is carried out and settled, as far as is known."""
        return self.created_fields(call)

    @abstractmethod
    def created(self, reply: Reply, body: Tree) -> Live:
        """Return the new object as far as the answer to `create` tells: id, maybe etag and outputs."""

    @abstractmethod
    def update(self, live: Live, patch: Sequence[Tree], body: Tree) -> Sequence[Call]:
        """Return the calls, in order, that make `patch` (RFC 6902 on the `live` object) true."""

    def described(self, call: Call) -> Sequence[Tree]:
        """Return how `call` stands in a plan's `patch`: its own instructions, or `{"call": …}`."""
        if call.method == "PATCH" and isinstance(call.body, list):
            return call.body
        return [{"call": call.brief()}]

    @abstractmethod
    def updated(self, reply: Reply, before: Live) -> Live | None:
        """Return the object after an update as far as the answer tells, or None when it must be read again."""

    @abstractmethod
    def delete(self, ident: str) -> Call | None:
        """Return the call that deletes the object; None means the API cannot: it is forgotten."""

    def suspend(self, live: Live) -> Call | None:
        """Return the call that stops the old object of a replace before the new one is made, if any."""
        del live
        return None

    def resume(self, live: Live) -> Call | None:
        """Return the call that undoes `suspend` when the new object could not be made; `live` as before that."""
        del live
        return None

    def undeletable_reason(self, body: Tree) -> str | None:
        """Return why the platform keeps such an object for good, or None where it can be deleted."""
        del body
        return None

    def delete_blocked_by(self, body: Tree, needs: Sequence[Tree]) -> str | None:
        """Return why the object cannot be deleted while the objects `needs` that it refers to stay, or None."""
        del body, needs
        return None

    def incompatible_changes(self, live: Tree, fields: Sequence[FieldChange], now: int) -> Mapping[Path, str]:
        """Return those of the changed `fields` that the platform refuses in this object as it is, and why."""
        del live, fields, now
        return {}

    def checks(self, change: Change) -> Sequence[Check]:
        """Return what the platform should be asked before `change` is carried out."""
        del change
        return ()

    # -- watching --------------------------------------------------------------------------------------------
    def settled(self, live: Live) -> bool:
        """Tell whether the platform is done with what it was last asked to do."""
        del live
        return True

    def failure(self, live: Live) -> str | None:
        """Return the platform's own error about its last operation on the object, if there is one."""
        del live
        return None

    def probe(self, ident: str, body: Tree) -> Call | None:
        """Return a call that asks the platform whether the new object works, if there is one."""
        del ident, body
        return None

    def probe_failure(self, reply: Reply) -> str | None:
        """Return what the answer to `probe` says is wrong, or None."""
        del reply
        return None

    def replace_warnings(self, live: Live, body: Tree, now: int) -> Sequence[str]:
        """Return what people should know before `live` is replaced by a new object; `now` in s since the epoch."""
        del live, body, now
        return ()

    def update_warnings(self, live: Live, patch: Sequence[Tree]) -> Sequence[str]:
        """Return what others put into `live` that `patch` takes away because the API takes a unit only as a whole."""
        del live, patch
        return ()

    def preflight_errors(self, before: Tree, body: Tree, now: int) -> Sequence[Problem]:
        """Return what the platform will refuse about going from live `before` to `body`; `now` in s since the epoch."""
        del before, body, now
        return ()


Kinds = Mapping[str, Kind]


@dataclass(frozen=True, slots=True)
class Row:
    """One object in a list: its `id`, its `name`, and a `detail` that tells namesakes apart."""

    id: str
    name: str
    detail: str


@dataclass(frozen=True, slots=True)
class Finder:
    """How one sort of object that is not ours is found by name.

    `page` names the call for the objects from a start on, `rows` reads its answer. `limit` is the size of a page,
    None where one page holds all of one name.
    """

    page: Callable[[str, int], Call]
    rows: Callable[[Tree], Sequence[Row]]
    limit: int | None = None


Finders = Mapping[str, Finder]
