"""Learns, before objects are made, which ones of the same name exist: a new one after a lost answer can only be ours.

No clock is asked. The times of objects come from other machines than this one, and a wrong clock must not make twins.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Coroutine, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from reconciler.core.abilities import Listable, Searchable, Singleton
from reconciler.core.compare.lens import Lens
from reconciler.core.kind import Kind, Kinds
from reconciler.core.plan.model import Action, Plan
from reconciler.core.problems import ApiError
from reconciler.core.resource import Call, Live
from reconciler.core.values import Tree
from reconciler.engine.pages import candidates, pages
from reconciler.engine.ports import Api

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")
_Ids = dict[str, list[str]]
"""Ids by name."""


def name_of(kind: Searchable, body: Tree) -> str:
    """Return the name that a search for the object of `body` goes by; empty where it has none."""
    return str(body.get(kind.name_field) or "") if isinstance(body, dict) else ""


@dataclass(slots=True)
class Namesakes:
    """The objects that exist before a run creates its own; `wanted` are the names it is about to create, by kind.

    A kind is asked once, and only when its first object is about to be made: by its list where several names are
    wanted, and by name where the list has more than two pages, or more than a tenth as many pages as there are names.
    """

    api: Api
    wanted: Mapping[str, Collection[str]]
    _lists: dict[str, asyncio.Task[_Ids | None]] = field(default_factory=dict)
    _searches: dict[Call, asyncio.Task[Sequence[Live]]] = field(default_factory=dict)

    @classmethod
    def of_plan(cls, api: Api, kinds: Kinds, plan: Plan) -> Namesakes:
        """Return the namesakes of what `plan` creates; nothing is asked yet."""
        wanted: dict[str, set[str]] = {}
        for change in plan.effective:
            kind = kinds[change.kind]
            if change.action in (Action.CREATE, Action.REPLACE) and isinstance(kind, Searchable):
                wanted.setdefault(change.kind, set()).add(name_of(kind, change.desired))
        return cls(api, wanted)

    async def of(self, kind: Kind, body: Tree) -> tuple[str, ...] | None:
        """Return the ids of the objects that could be taken for the one about to be made from `body`.

        Objects without a name are those of equal content. None where the platform refuses to say: then an unanswered
        create is never matched with an object.
        """
        if isinstance(kind, Singleton) or not isinstance(kind, Searchable):
            return ()
        try:
            return await self._ids(kind, body)
        except ApiError:
            return None

    async def _ids(self, kind: Searchable, body: Tree) -> tuple[str, ...]:
        name = name_of(kind, body)
        wanted = self.wanted.get(kind.name, ())
        if isinstance(kind, Listable) and name in wanted and len(wanted) > 1:
            try:
                known = await _once(self._lists, kind.name, lambda: self._listed(kind))
            except ApiError:
                known = None  # a search by name may be answered all the same
            if known is not None:
                return tuple(known.get(name, ()))
        call = kind.search(body)
        lives = await _once(self._searches, call, lambda: candidates(self.api, kind, body))
        if name:
            return tuple(live.id for live in lives if name_of(kind, live.body) == name)
        lens = Lens(kind, body)
        return tuple(live.id for live in lives if lens.matches(live.body))

    async def _listed(self, kind: Listable) -> _Ids | None:
        """Return the ids of the wanted names from the list; None where it has too many pages for so few names."""
        names = self.wanted[kind.name]
        most = max(2, len(names) // 10)
        ids: _Ids = {}
        count = 0
        async for lives in pages(self.api, kind):
            if count == most:
                return None
            count += 1
            for live in lives:
                if (name := name_of(kind, live.body)) in names:
                    ids.setdefault(name, []).append(live.id)
        return ids


async def _once(tasks: dict[K, asyncio.Task[T]], key: K, start: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Return the result of `start`, which is called for the first caller of a `key` alone."""
    task = tasks.get(key)
    if task is None:
        task = tasks[key] = asyncio.ensure_future(start())
    return await asyncio.shield(task)
