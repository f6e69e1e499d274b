"""Optional abilities of kinds: one small class each. A kind inherits those it has, a caller asks with isinstance.

`isinstance(kind, Listable)` is the question. A kind that inherits an ability without all of its methods cannot be
instantiated: mypy and Python both refuse its `KIND = …`.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from reconciler.core.kind import Check, Kind
from reconciler.core.problems import Problem
from reconciler.core.resource import Call, Live, Reply
from reconciler.core.rules import FieldChange
from reconciler.core.values import Path, Tree

if TYPE_CHECKING:
    from reconciler.core.plan.model import Change


# -- finding ---------------------------------------------------------------------------------------------------------
class Searchable(Kind):
    """Objects can be found by content: an unanswered create is looked for, and a lost state is rebuilt."""

    name_field: ClassVar[str] = "name"
    """The top-level field that a search goes by."""
    unique_names: ClassVar[bool] = False
    """Whether the platform refuses a second object of the same name."""
    not_found: ClassVar[tuple[int, ...]] = ()
    """Statuses of a search that finds no object; any other refusal is an error."""

    @abstractmethod
    def search(self, body: Tree) -> Call:
        """Return the call that lists the objects that could be the one made from `body`, newest first."""

    @abstractmethod
    def found(self, reply: Reply) -> Sequence[Live]:
        """Return the objects that one page, of a search or of the list, answered with."""

    @abstractmethod
    def created_at(self, live: Live) -> int:
        """Return when the object was made, in ms since the epoch by the server's clock; it orders candidates only."""

    def made_by(self, live: Live) -> str | None:
        """Return the client id that made the object, or None where the platform does not tell."""
        del live
        return None

    def edited_with(self, live: Live) -> str | None:
        """Return the client id that made the object, if it has been changed since and the platform tells both."""
        del live
        return None


class Listable(Searchable):
    """All objects can be paged through."""

    list_orders: ClassVar[tuple[str, str] | None] = None
    """How a list is asked for from its oldest object on, and from its newest."""
    lists_are_complete: ClassVar[bool] = False
    """Whether a list shows objects whole, so that they need not be read singly to see what another version says."""
    shows_unmanaged: ClassVar[bool] = False
    """Whether objects that no address is bound to are worth telling: `drift --unmanaged`."""

    @abstractmethod
    def page(self, after: Reply | None, order: str, seen: int) -> Call | None:
        """Return the call for the first page of all objects, or for the page after one; None when there is none.

        `order` is one of `list_orders`, or left to the platform; `seen` is how many objects the pages before had.
        """


class Singleton(Kind):
    """The one object of its sort that another object has: its id is that of its owner, and no answer carries one.

    It may exist before anybody declares it: a create takes over what is there. Where the API cannot delete it, it is
    gone when it is empty.
    """

    owner_kind: ClassVar[str]
    """The kind of the object it belongs to."""

    @abstractmethod
    def owner(self, body: Tree) -> Tree:
        """Return the id of the owner that `body` names; a reference or look-up as long as it is not known."""

    @abstractmethod
    def is_empty(self, live: Live) -> bool:
        """Tell whether the object as read counts as absent."""


class Versioned(Kind):
    """Objects have versions, and their users are pinned to one of them."""

    @abstractmethod
    def pinned(self, live: Live, users: Sequence[Tree]) -> Tree | None:
        """Return the version of the object that one of the live bodies in `users` is pinned to, or None."""


# -- changing --------------------------------------------------------------------------------------------------------
class Suspendable(Kind):
    """The old object of a replace is stopped, or gives up its name, before the new one is made."""

    @abstractmethod
    def suspend(self, live: Live) -> Call | None:
        """Return the call that makes way for the new object; None where this object is not in the way."""

    @abstractmethod
    def resume(self, live: Live) -> Call | None:
        """Return the call that undoes `suspend` when the new object could not be made; `live` as before that."""


class Asynchronous(Kind):
    """The platform goes on working after it has answered."""

    @abstractmethod
    def settled(self, live: Live) -> bool:
        """Tell whether the platform is done with what it was last asked to do."""

    @abstractmethod
    def failure(self, live: Live) -> str | None:
        """Return the platform's own error about its last operation on the object, if there is one."""

    leaving_codes: ClassVar[frozenset[str]] = frozenset()
    """Error codes by which a change or delete is refused because the object is being deleted already."""
    in_use_codes: ClassVar[frozenset[str]] = frozenset()
    """Error codes by which a delete is refused because another object uses this one; it may be leaving itself."""

    def is_leaving(self, live: Live) -> bool:
        """Tell whether the platform is deleting the object."""
        del live
        return False

    def arriving(self, live: Tree, declared: Tree) -> Tree:
        """Return the `live` body as it will be after the transition it is in, where that is as `declared`."""
        del declared
        return live


class Probed(Kind):
    """The platform can be asked whether a new object works."""

    @abstractmethod
    def probe(self, live: Live, body: Tree) -> Call | None:
        """Return the call that asks about the object made from `body`; None where there is nothing to ask."""

    @abstractmethod
    def probe_failure(self, reply: Reply) -> str | None:
        """Return what the answer to `probe` says is wrong, or None."""


# -- deleting --------------------------------------------------------------------------------------------------------
class DataHolding(Kind):
    """A replace loses data, or the shape of data: the plan objects unless the manifest allows that."""

    retain_on_delete: ClassVar[bool] = False
    """Whether an object that left the manifests is forgotten, unless the manifest allowed data to be lost."""


class Persistent(Kind):
    """The platform keeps objects for good, all of them or some."""

    @abstractmethod
    def undeletable_reason(self, body: Tree) -> str | None:
        """Return why the platform keeps the object with this live `body`, or None where it can be deleted."""


class Part(Kind):
    """An object has no use without the one it completes (`Resource.owner`), and stays where that one is retained."""

    @abstractmethod
    def delete_blocked_by(self, body: Tree, needs: Sequence[Tree]) -> str | None:
        """Return why the object cannot be deleted while the objects `needs` that it refers to stay, or None."""


# -- judging a change before it is made ------------------------------------------------------------------------------
class Constrained(Kind):
    """Whether a field can change in place depends on the live object."""

    @abstractmethod
    def incompatible_changes(self, live: Tree, fields: Sequence[FieldChange], now: int) -> Mapping[Path, str]:
        """Return those of the changed `fields` that the platform refuses in the object `live` as it is, and why.

        `live` is the canonical body; `now` in s since the epoch.
        """


class Reviewed(Kind):
    """A change has consequences that people should know: an error stops the plan, a warning is shown with it."""

    @abstractmethod
    def review_update(self, live: Live, body: Tree, patch: Sequence[Tree]) -> Sequence[Problem]:
        """Return what is to be said about the change of `live` to `body` by `patch`."""

    @abstractmethod
    def review_replace(self, live: Live, body: Tree, now: int) -> Sequence[Problem]:
        """Return what is to be said about the replacement of `live` by a new object; `now` in s since the epoch."""


class Checked(Kind):
    """The platform can be asked about a change before anything is written."""

    @abstractmethod
    def checks(self, change: Change) -> Sequence[Check]:
        """Return what the platform should be asked before `change` is carried out."""


ABILITIES: tuple[type[Kind], ...] = (
    Searchable, Listable, Singleton, Versioned, Suspendable, Asynchronous, Probed, DataHolding, Persistent, Part,
    Constrained, Reviewed, Checked,
)  # fmt: skip
"""Every ability, for the tests that ask all kinds."""


# -- asked for in several places -------------------------------------------------------------------------------------
def suspend_call(kind: Kind, live: Live) -> Call | None:
    """Return the call that stops the old object of a replace, if its kind has one."""
    return kind.suspend(live) if isinstance(kind, Suspendable) else None


def undeletable_reason(kind: Kind, body: Tree) -> str | None:
    """Return why the platform keeps an object with this live `body` for good, or None where it can be deleted."""
    return kind.undeletable_reason(body) if isinstance(kind, Persistent) else None


def operation_failure(kind: Kind, live: Live) -> str | None:
    """Return the platform's error about its last operation on the object, if it works asynchronously and failed."""
    return kind.failure(live) if isinstance(kind, Asynchronous) else None


def is_settled(kind: Kind, live: Live) -> bool:
    """Tell whether nothing is going on with the object."""
    return kind.settled(live) if isinstance(kind, Asynchronous) else True


def is_leaving(kind: Kind, live: Live) -> bool:
    """Tell whether the platform is deleting the object."""
    return isinstance(kind, Asynchronous) and kind.is_leaving(live)


def whole_number(value: Tree) -> int | None:
    """Return a member of an answer that counts something, as a number or a numeral; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return int(value)
    except (ValueError, OverflowError):  # not a numeral; not finite
        return None


def text_or_none(value: Tree) -> str | None:
    """Return a member of an answer that is a text when it is there; None for anything else."""
    return value if isinstance(value, str) and value else None
