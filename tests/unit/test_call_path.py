"""Paths of requests: only those of the platform, whatever they were made from."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from reconciler.api.auth import StaticToken
from reconciler.api.client import Client
from reconciler.api.pace import Pace
from reconciler.core.call_path import path_fault
from reconciler.core.problems import ReconcilerError
from reconciler.core.resource import Call


@pytest.mark.parametrize(
    "path",
    [
        "http://evil.example/steal", "//evil.example/data/x", "/ims/token/v3", "data/foundation/x", "", "/data",
        "/data/../ims", "/data/x/..", "/data/%2e%2e/ims", "/data/%2E./x", "/data/a%2F..%2Fb", "/data//x", "/data/x?y=1",
        "/data/x#y", "/data/x\ny", "/data/x%0d%0ay", "/data/x\x00", "/data/x\\..\\y", "/data/./x", "/data/x%5C..%5Cy",
    ],
)  # fmt: skip
def test_an_unsafe_path_is_refused_before_anything_is_sent(path: str) -> None:
    assert path_fault(path) is not None
    asked: list[httpx.Request] = []

    async def send() -> None:
        def answer(request: httpx.Request) -> httpx.Response:
            asked.append(request)
            return httpx.Response(200)

        transport = httpx.MockTransport(answer)
        async with httpx.AsyncClient(transport=transport, base_url="http://platform") as http:
            client = Client(http, StaticToken("t"), organization="o", sandbox="s", api_key="k", pace=Pace(1))
            await client.send(Call("PATCH", path))

    with pytest.raises(ReconcilerError) as raised:
        asyncio.run(send())
    assert raised.value.problems[0].code == "unsafe-path"
    assert asked == []


@pytest.mark.parametrize(
    "path",
    [
        "/data/foundation/flowservice/flows/f1",
        "/data/foundation/schemaregistry/tenant/schemas/https%3A%2F%2Fns.adobe.com%2Ft%2Fschemas%2F1",
        "/data/core/ups/audiences/a..b",
        "/data/foundation/catalog/dataSets/日本",
    ],
)
def test_a_path_of_the_platform_is_fine(path: str) -> None:
    assert path_fault(path) is None
