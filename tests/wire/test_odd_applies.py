"""An apply whose answers are mutated at random ends in success or a message, and the next one leaves one of each."""

from __future__ import annotations

import copy
import random
from typing import Any

import pytest

from reconciler.core.state.validation import is_id
from tests.conftest import Cli, Server
from tests.wire.test_envelopes import CRASH, JUNK, Odd, spots

pytestmark = pytest.mark.usefixtures("quick")

SEED, CASES, LOTS = 20261127, 24, 4
KINDS = ("sourceConnections", "targetConnections", "flows", "mappingSets")
PARTS = ("/flows", "onnections", "/mappingSets", "/", "/")
TRUSTED = ("id", "version", "etag")
"""Members that nothing else tells: with another usable value an answer is false, not odd."""


def odd(answer: Any, rng: random.Random) -> Any:
    """Return an answer with one random value replaced by junk, or taken out."""
    path = rng.choice(list(spots(answer)))
    junk = copy.deepcopy(rng.choice(JUNK))
    if not path:
        return junk
    parent = answer
    for key in path[:-1]:
        parent = parent[key]
    if path[-1] in TRUSTED and (is_id(junk) or isinstance(junk, int)):
        return None
    if rng.random() < 0.15:
        del parent[path[-1]]
    else:
        parent[path[-1]] = junk
    return answer


@pytest.mark.parametrize("lot", range(LOTS))
def test_an_apply_of_odd_answers_is_finished_by_the_next(
    live: Cli, server: Server, monkeypatch: pytest.MonkeyPatch, lot: int
) -> None:
    for number in range(lot, CASES, LOTS):
        rng = random.Random(SEED * 1000 + number)
        said = f"seed {SEED}, case {number}"
        print(said)
        live.afresh()
        live.example("customer-io")
        sandbox = f"case-{number}"
        monkeypatch.setenv("AEP_SANDBOX", sandbox)
        part, method = rng.choice(PARTS), rng.choice(["POST", "POST", "GET", "PATCH"])

        def mutate(answer: Any, rng: random.Random = rng) -> Any:
            found = odd(answer, rng)
            return None if found is None else (200, [], found)

        def wanted(seen: Any, part: str = part, method: str = method) -> bool:
            return seen.method == method and "/data/" in seen.path and part in seen.path

        server.after[:] = [Odd(wanted, mutate, times=rng.choice([1, 2, 50]))]
        result = live("apply", "-y", "--settle", "0.1", "--wait-timeout", "1")
        assert result.code in (0, 1), said
        assert not [word for word in CRASH if word in result.err], f"{said}: {result.err}"
        server.after.clear()
        live.ok("apply", "-y", "--settle", "0.1")
        counts = [server.storage.count(f"ORG@AdobeOrg\x1f{sandbox}", kind) for kind in KINDS]
        assert counts == [1, 1, 1, 1], f"{said}, {method} {part}: {result.err}"
        assert live("plan", "--detailed-exitcode").code == 0, said
