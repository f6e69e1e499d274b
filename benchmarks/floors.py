"""What nobody can do without who wants the same result: a bare client, and one pass of YAML's C parser."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import httpx
import yaml

FLOW, PREP = "/data/foundation/flowservice", "/data/foundation/conversion"
HEADERS = {"Authorization": "Bearer b", "x-api-key": "b", "x-gw-ims-org-id": "B@AdobeOrg", "x-sandbox-name": "prod"}
PARALLELISM = 10
KINDS = ("flows", "sourceConnections", "targetConnections")


def client(url: str, sandbox: str = "prod") -> httpx.AsyncClient:
    """Return a bare client."""
    limits = httpx.Limits(max_connections=PARALLELISM, max_keepalive_connections=PARALLELISM)
    headers = {**HEADERS, "x-sandbox-name": sandbox}
    return httpx.AsyncClient(base_url=url, headers=headers, limits=limits, timeout=120)


async def read_floor(url: str) -> None:
    """Page through the lists: the pages of one kind in sequence, the kinds side by side."""
    async with client(url) as http:
        await asyncio.gather(*(_pages(http, kind) for kind in KINDS))


async def _pages(http: httpx.AsyncClient, kind: str) -> list[str]:
    """Return the ids of the mapping sets that the objects on the pages are pinned to."""
    found = []
    href = f"/{kind}?limit=100"
    while href:
        page = (await http.get(FLOW + href)).json()
        found += [step["params"]["mappingId"] for item in page["items"] for step in item.get("transformations", ())]
        href = page["_links"].get("next", {}).get("href", "")
    return found


async def export_floor(url: str) -> None:
    """Page through the lists, and read the mapping sets that no list tells of, `PARALLELISM` at a time."""
    slots = asyncio.Semaphore(PARALLELISM)

    async def mapping(http: httpx.AsyncClient, ident: str) -> None:
        async with slots:
            (await http.get(f"{PREP}/mappingSets/{ident}", params={"version": 0})).json()

    async with client(url) as http:
        pages = await asyncio.gather(*(_pages(http, kind) for kind in KINDS))
        await asyncio.gather(*(mapping(http, ident) for found in pages for ident in found))


async def create_floor(url: str, count: int) -> None:
    """Ask and make what the first apply of `count` dataflows asks and makes, `PARALLELISM` requests at a time."""
    slots = asyncio.Semaphore(PARALLELISM)

    async def send(http: httpx.AsyncClient, method: str, path: str, body: Any = None) -> Any:
        async with slots:
            answer = await http.request(method, path, json=body)
        answer.raise_for_status()
        return answer.json()

    async def one(http: httpx.AsyncClient, n: int) -> None:
        rows = [{"sourceType": "ATTRIBUTE", "source": f"a{i}", "destination": f"_acme.b{n}.c{i}"} for i in range(4)]
        schema = {
            "id": "https://ns.adobe.com/acme/schemas/0123456789abcdef",
            "contentType": "application/vnd.adobe.xed-full+json;version=1",
        }
        mapping = {"outputSchema": {"schemaRef": schema}, "mappings": rows}
        await send(http, "POST", f"{PREP}/mappingSets/validate", mapping)
        source = {"name": f"s{n}", "connectionSpec": {"id": "96479064-7b8a-4d69-b9ed-21c5683837ea", "version": "1.0"},
                  "data": {"format": "json"}}  # fmt: skip
        target = {"name": f"t{n}", "connectionSpec": {"id": "c604ff05-7f1a-43c0-8e18-33bf874cb11c", "version": "1.0"},
                  "data": {"format": "json", "schema": {"id": schema["id"], "version": schema["contentType"]}},
                  "params": {"dataSetId": "63ec807d3f5ce91bd2d06c65"}}  # fmt: skip
        made = await asyncio.gather(
            send(http, "POST", f"{PREP}/mappingSets", mapping),
            send(http, "POST", f"{FLOW}/sourceConnections", source),
            send(http, "POST", f"{FLOW}/targetConnections", target),
        )
        params = {"mappingId": made[0]["id"], "mappingVersion": 0}
        flow = {"name": f"f{n}", "flowSpec": {"id": "e77fde5a-22a8-11ed-861d-0242ac120002", "version": "1.0"},
                "sourceConnectionIds": [made[1]["id"]], "targetConnectionIds": [made[2]["id"]],
                "transformations": [{"name": "Mapping", "params": params}]}  # fmt: skip
        ident = (await send(http, "POST", f"{FLOW}/flows", flow))["id"]
        await send(http, "GET", f"{FLOW}/flows/{ident}")

    async with client(url, "floor") as http:
        await asyncio.gather(*(one(http, n) for n in range(count)))


def yaml_floor(texts: list[str]) -> None:
    """Let YAML's C parser compose every document, and nothing else."""
    for text in texts:
        for _ in yaml.compose_all(text, Loader=yaml.CSafeLoader):
            pass


def seconds(work: Any) -> float:
    """Return how long a call, or a coroutine, takes."""
    began = time.perf_counter()
    if asyncio.iscoroutine(work):
        asyncio.run(work)
    else:
        work()
    return time.perf_counter() - began
