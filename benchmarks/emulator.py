"""Whether the emulator's lists stay as fast as they are when it holds thousands, as ratios of one run.

Run it with `./run bench`. 5,000 flows are listed page by page over HTTP, several times; the median of the last ten
pages is compared with that of the first ten. Beside it, what the lookups of a client cost against a store of ten.
"""

from __future__ import annotations

import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import uvicorn

from reconciler.emulator.app import create_app, specs_folder
from reconciler.emulator.seeds import FORMAT, Seeds
from reconciler.emulator.server import config, listen
from reconciler.emulator.specs import Specs
from reconciler.emulator.storage import Storage

FLOWS = "/data/foundation/flowservice/flows"
HEADERS = {"Authorization": "Bearer b", "x-api-key": "b", "x-gw-ims-org-id": "B@AdobeOrg", "x-sandbox-name": "prod"}
ROUNDS = 5
LIMIT = 1.5


@contextmanager
def holding(count: int) -> Iterator[httpx.Client]:
    """Serve an emulator that holds so many flows."""
    storage = Storage(":memory:")
    spec = {"id": "71471eba-b620-49e4-90fd-23f1fa0174d8", "version": "1.0"}
    selector = {"type": "PLATFORM_SEGMENT", "value": {"id": "a", "name": "n"}}
    steps = [{"name": "GeneralTransform", "params": {"segmentSelectors": {"selectors": [selector] * 5}}}]
    flows = [{"id": f"f{n}", "name": f"flow {n}", "flowSpec": spec, "transformations": steps} for n in range(count)]
    tenant = {"organization": HEADERS["x-gw-ims-org-id"], "sandbox": "prod", "objects": {"flows": flows}}
    Seeds(storage, Specs(specs_folder())).load({"format": FORMAT, "tenants": [tenant]})
    listener = listen("127.0.0.1", 0)
    server = uvicorn.Server(config(create_app(storage), log_level="critical"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    with httpx.Client(base_url=f"http://127.0.0.1:{listener.getsockname()[1]}", headers=HEADERS) as client:
        yield client
    server.should_exit = True
    thread.join()
    storage.close()


def timed(ask: Callable[[], Any]) -> tuple[float, Any]:
    """Return the seconds a call takes, and what it returns."""
    began = time.perf_counter()
    found = ask()
    return time.perf_counter() - began, found


def pages(client: httpx.Client) -> list[float]:
    """Return the seconds of each full page, first to last."""
    spent, href = [], "/flows?limit=100"
    while href:
        seconds, page = timed(lambda href=href: client.get("/data/foundation/flowservice" + href).json())
        spent.append(seconds)
        href = page["_links"].get("next", {}).get("href", "")
    return spent


def main() -> None:
    """Print the ratios; end with 1 when the last pages are slower than allowed."""
    lookups = {"by id": f"{FLOWS}/f5", "by name": f"{FLOWS}?property=name==flow 5", "newest 10": f"{FLOWS}?limit=10"}
    with holding(10) as few, holding(5000) as many:
        pages(many)  # warm
        rounds = [pages(many) for _ in range(ROUNDS)]
        first = statistics.median(value for spent in rounds for value in spent[:10])
        last = statistics.median(value for spent in rounds for value in spent[-10:])
        print(f"\n5,000 flows in {len(rounds[0])} pages of 100: {first * 1000:.1f} ms a page at first")
        print(f"{'last pages / first pages':<44}{last / first:>8.2f}")
        for name, path in lookups.items():
            costs = []
            for client in (few, many):
                costs.append(statistics.median(timed(lambda c=client, p=path: c.get(p))[0] for _ in range(40)))
            print(f"{'look-up ' + name + ': 5,000 held / 10 held':<44}{costs[1] / costs[0]:>8.2f}")
    if last / first > LIMIT:
        sys.exit(f"the last pages take more than {LIMIT} times as long as the first")


if __name__ == "__main__":
    main()
