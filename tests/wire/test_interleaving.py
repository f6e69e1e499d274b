"""Somebody edits while an apply runs: nothing they change at another place is ever lost.

Each seed is one run: a manifest change is applied while, before requests chosen at random, objects are edited
in the storage as another client would. `./run soak` runs more of them.
"""

from __future__ import annotations

import os
import random
from typing import Any

import jsonpatch
import pytest

from tests.conftest import Cli, Request, Server
from tests.wire.test_model import SELECTORS

TENANT = "ORG@AdobeOrg\x1fdev"
SEEDS = int(os.environ.get("RECONCILER_LIVES", "25"))
FIRST = int(os.environ.get("RECONCILER_SEED", "0"))
COLLECTIONS = ("connections", "sourceConnections", "targetConnections", "flows")

EDITS = [
    ("    name: Summer campaign", "    name: Winter campaign"),
    ("    description: Summer campaign", "    description: Winter campaign"),
    ("  attributes:\n", "  attributes:\n    - homeAddress.city\n"),
    ("    name: Amazon Kinesis target connection", "    name: Another name"),
    ("      name: Connection for Amazon Kinesis", "      name: Another account"),
    ("      stream: ", "      more: one\n      stream: "),
]


class Somebody:
    """Edits at random what is there, and knows what must still be so at the end."""

    def __init__(self, seed: int, server: Server) -> None:
        self.random = random.Random(seed)
        self.server = server
        self.kept: list[tuple[str, str, str, Any]] = []
        self.story: list[str] = []
        self.count = 0
        self.planned = False
        """The plan was shown: what is edited before, it shows and reverts."""

    def __call__(self, request: Request) -> None:
        """Before any request of ours, perhaps edit something."""
        self.planned = self.planned or request.method == "PATCH"
        if "flowservice" in request.path and self.random.random() < 0.4:
            self.edit()

    def edit(self) -> None:
        """Add a field nobody declared, an audience of their own, or change a declared field that we leave as it is."""
        kind = self.random.choice(COLLECTIONS)
        objects = self.server.storage_items(kind)
        if not objects:
            return
        body = self.random.choice(objects)
        self.count += 1
        path, value = f"/theirs{self.count}", f"value {self.count}"
        choice = self.random.randrange(3)
        if choice == 0 and "params" in body and kind != "connections":
            path = f"/params/theirs{self.count}"
        elif choice == 1 and kind == "flows" and self.has_selectors(body):
            member = {"type": "PLATFORM_SEGMENT", "value": {"id": f"theirs-{self.count}", "name": "T"}}
            self.write(kind, body, {"op": "add", "path": f"{SELECTORS}/-", "value": member})
            self.kept.append((kind, body["id"], "audience", f"theirs-{self.count}"))
            return
        elif choice == 2 and kind == "sourceConnections" and self.planned:
            path = "/description"  # declared, and never changed by our edits
            self.kept = [item for item in self.kept if item[:3] != (kind, body["id"], path)]
        self.write(kind, body, {"op": "add", "path": path, "value": value})
        self.kept.append((kind, body["id"], path, value))

    @staticmethod
    def has_selectors(body: dict[str, Any]) -> bool:
        return bool(body.get("transformations")) and "segmentSelectors" in body["transformations"][0]["params"]

    def write(self, kind: str, body: dict[str, Any], operation: dict[str, Any]) -> None:
        """Write as another process would: the etag moves on."""
        self.story.append(f"{kind} {operation}")
        edited = jsonpatch.apply_patch(body, [operation])
        edited["etag"] = edited["version"] = f'"theirs-{self.count}"'
        with self.server.storage.transaction():
            self.server.storage.put(TENANT, kind, edited)

    def lost(self) -> list[Any]:
        """Return what they changed and is not so any more."""
        found = []
        for kind, ident, path, value in self.kept:
            body = self.server.storage.get(TENANT, kind, ident)
            if path == "audience":
                members = body["transformations"][0]["params"]["segmentSelectors"]["selectors"]
                there = any(item["value"]["id"] == value for item in members)
            else:
                there = jsonpatch.JsonPointer(path).resolve(body, None) == value
            if not there:
                found.append((kind, ident, path, value))
        return found


@pytest.mark.parametrize("seed", range(FIRST, FIRST + SEEDS))
def test_no_edit_at_another_place_is_lost(seed: int, live: Cli, server: Server) -> None:
    live.example("kinesis")
    live.edit("kinesis.yaml", "  attributes:\n", "  ownership: {audiences: shared}\n  attributes:\n")
    live.ok("apply", "-y")
    somebody = Somebody(seed, server)
    for old, new in somebody.random.sample(EDITS, somebody.random.randrange(1, 5)):
        live.edit("kinesis.yaml", old, new)
    server.before.append(somebody)
    done = live("apply", "-y")
    server.before.remove(somebody)
    assert somebody.lost() == [], (somebody.story, done.err)
    assert done.code == 0 or "keeps changing it" in done.err, done.err
    live.ok("apply", "-y")
    assert live("plan", "--detailed-exitcode").code == 0


def test_a_declared_field_the_plan_did_not_show_is_left_alone(live: Cli, server: Server) -> None:
    """A rebase carries out the plan that was approved, nothing more; what was edited is shown by the next plan."""
    from tests.wire.test_faults import edit_before_patch

    live.example("kinesis")
    live.ok("apply", "-y")
    flow = live.id("kinesis-summer/flow")
    live.edit("kinesis.yaml", "    name: Summer campaign", "    name: Winter campaign")
    edit_before_patch(server, "flows", flow, {"op": "replace", "path": "/description", "value": "theirs"})
    live.ok("apply", "-y")
    found = server.get("flows", flow)
    assert (found["name"], found["description"]) == ("Winter campaign", "theirs")
    assert live.changes() == {"kinesis-summer/flow": "update"}
