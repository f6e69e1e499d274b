"""Ends a listing that has no end: a page that was asked for before, pages without news, more than there can be."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from reconciler.core.problems import ApiError, Problem
from reconciler.core.resource import Call

MOST = 10_000
"""Pages of one listing: a million objects."""
_WITHOUT_NEWS = 10
"""Empty pages in a row that a listing may have; a filter may leave some empty."""


@dataclass(slots=True)
class ListingGuard:
    """Watches one listing, page by page."""

    calls: set[Call] = field(default_factory=set)
    seen: set[str] = field(default_factory=set)
    empty: int = 0

    def page(self, call: Call, idents: Iterable[str], following: Call | None, total: int | None = None) -> None:
        """Note the page that `call` was answered with: its objects, and the call for the page after it.

        `total` is how many objects the listing says there are. Raises `ApiError` where the listing does not end.
        """
        self.calls.add(call)
        before, shown = len(self.seen), set(idents)
        self.seen |= shown
        self.empty = 0 if shown else self.empty + 1
        if following is None:
            return
        if following in self.calls:
            raise _endless(call, "the link to the next page leads to a page that was read before")
        if shown and len(self.seen) == before:
            raise _endless(call, "a page shows the objects of earlier pages again")
        if total is not None and len(self.seen) > total:
            raise _endless(call, f"the pages show more objects than the total of {total}")
        if self.empty >= _WITHOUT_NEWS:
            raise _endless(call, f"{self.empty} pages in a row show nothing, and more are to come")
        if len(self.calls) >= MOST:
            raise _endless(call, f"there are more than {MOST} pages")


def _endless(call: Call, why: str) -> ApiError:
    what = f"{call}: the platform answered something unexpected: the list has no end, {why}"
    return ApiError(Problem("endless-list", what, "try again later; check proxies and gateways on the way"), 200)
