"""A search may answer that there is nothing: only with a status that its kind names."""

from __future__ import annotations

import asyncio
from collections.abc import Collection

import pytest

from reconciler.core.problems import ApiError, Problem
from reconciler.core.resource import Call, Reply
from reconciler.engine.pages import search
from reconciler.kinds.dataset import Dataset


class Api:
    """Answers every call with one status."""

    offset: int | None = None
    client = "client"

    def __init__(self, status: int) -> None:
        self.status = status

    async def send(self, call: Call, *, etag: str | None = None, accept: Collection[int] = ()) -> Reply:
        """Refuse what is not accepted, as the client does."""
        if self.status >= 400 and self.status not in accept:
            raise ApiError(Problem("refused", str(self.status)), self.status)
        return Reply(self.status, {"title": "not found"} if self.status >= 400 else {"1": {"name": "a"}})


class Nested(Dataset):
    """A kind whose list is part of an object that may not exist."""

    not_found = (404,)


def found(kind: Dataset, status: int) -> list[str]:
    return [live.id for live in asyncio.run(search(Api(status), kind, kind.search({"name": "a"})))]


def test_a_status_that_means_nothing_found() -> None:
    assert found(Nested(), 200) == found(Dataset(), 200) == ["1"]
    assert found(Nested(), 404) == []
    with pytest.raises(ApiError):
        found(Dataset(), 404)
    with pytest.raises(ApiError):
        found(Nested(), 403)
