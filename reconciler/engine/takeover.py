"""Creates of singletons: an object that exists already is taken over."""

from __future__ import annotations

from reconciler.core.abilities import Singleton
from reconciler.core.plan.model import Change
from reconciler.core.problems import AmbiguousError, ApiError
from reconciler.core.resource import Live
from reconciler.core.values import Tree
from reconciler.engine.ledger import Ledger
from reconciler.engine.observe import fetch
from reconciler.engine.ports import Api
from reconciler.engine.updater import Updater

_EXISTS = (403, 409)
"""Statuses by which a create is refused because the object exists (dataset-service.yaml: 403; others: 409)."""


async def take_over(api: Api, ledger: Ledger, updater: Updater, kind: Singleton, change: Change, desired: Tree) -> Live:
    """Return the singleton that shows `desired`: made where there was none, else the existing one, updated.

    Raises `ApiError` when the platform refuses. A create without an answer is settled by reading: there is one object
    at most, so a second attempt cannot double it.
    """
    known = Live(str(kind.owner(desired)))
    there: Live | None = None
    for last in (False, False, True):
        there = await fetch(api, kind, known)
        if there is not None:
            break
        try:
            return kind.created(await api.send(ledger.clear(kind.create(desired))), desired)
        except AmbiguousError:
            if last:
                raise
        except ApiError as error:
            there = await fetch(api, kind, known) if error.status in _EXISTS else None
            if there is None:
                raise
            break
    assert there is not None, "the last attempt returns, breaks or raises"
    delta = updater.compare(kind, change, desired, None, there)
    return await updater.update(kind, change, desired, None, there, delta) if delta else there
