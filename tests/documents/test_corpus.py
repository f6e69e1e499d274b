"""Every documented request body can be pasted: the bodies of public pages go into manifests and come out the same.

`faults.yaml` lists the examples whose page is at fault, with the reason; an entry that is no longer needed fails.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from reconciler.core.values import Ref
from tests.conftest import FLOW, Cli, Server
from tests.documents.corpus import Example, Outcome, differences, examples, manifests, paste, update

FAULTS: Mapping[str, Mapping[str, str]] = yaml.safe_load(
    (Path(__file__).parent / "faults.yaml").read_text(encoding="utf-8")
)
RUNS: Mapping[str, Callable[[Example, Path], Outcome]] = {"variants": paste, "updates": update}


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Mapping[str, Outcome]]:
    """The outcome of every example by its name, of `variants` and of `updates`."""
    folder = tmp_path_factory.mktemp("pages")
    return {
        field: {item.name: run(item, folder / field / str(index)) for index, item in enumerate(examples(field))}
        for field, run in RUNS.items()
    }


def test_the_corpus_is_of_whole_pages() -> None:
    both = [*examples("variants"), *examples("updates")]
    assert len({item.page for item in both}) >= 60
    assert all(re.fullmatch(r"[0-9a-f]{40}", item.commit) for item in both)
    for field in RUNS:
        names = [item.name for item in examples(field)]
        assert len(names) == len(set(names)), "each example has a name of its own"


@pytest.mark.parametrize("field", RUNS)
def test_documented_bodies_are_sent_as_printed(
    field: str, outcomes: Mapping[str, Mapping[str, Outcome]], capsys: pytest.CaptureFixture[str]
) -> None:
    found = outcomes[field]
    accepted = sum(item.accepted for item in found.values())
    exact = sum(item.exact for item in found.values())
    with capsys.disabled():
        print(f"\n{field} of documented bodies: {len(found)}, accepted {accepted}, exact {exact}")
    listed = FAULTS[field]
    wrong = {name: item for name, item in found.items() if not item.exact and name not in listed}
    assert not wrong, "\n".join(
        f"{name}\n  " + "\n  ".join((*item.errors, *item.differences)) for name, item in wrong.items()
    )
    passing = [name for name in listed if name not in found or found[name].exact]
    assert not passing, f"remove from faults.yaml, as they are exact now: {passing}"
    assert accepted >= 0.95 * len(found)
    assert exact >= 0.90 * len(found)


def test_a_difference_is_seen() -> None:
    """The comparison tells a changed value, a key that was added or lost, and an id of another object."""
    printed = {"name": "n", "data": {"format": "json", "schema": None}, "ids": ["1"]}
    assert not [*differences(printed, {"name": "n", "data": {"format": "json"}, "ids": [Ref("a")]}, {"a"})]
    for sent in (
        {**printed, "name": "m"},
        {**printed, "data": {}},
        {**printed, "params": {}},
        {**printed, "ids": ["1", "2"]},
        {**printed, "ids": [Ref("b")]},
        {**printed, "ids": [1]},
    ):
        assert len([*differences(printed, sent, {"a"})]) == 1, sent


OVER_HTTP = (
    "create/streaming/http.md (XDM data)",
    "create/streaming/http.md (raw data)",
    "create/ecommerce/shopify-streaming.md",
    "create/loyalty/lava.md (ticket scans)",
    "export-datasets.md (Amazon S3)",
    "streaming-destinations.md (Amazon Kinesis)",
)


def test_a_sample_goes_over_http_as_printed(live: Cli, server: Server) -> None:
    """The pure comparison looks at the same bodies that are posted to the platform."""
    sample = [item for item in examples("variants") if _short(item) in OVER_HTTP]
    assert len(sample) == len(OVER_HTTP)
    documents: list[Any] = []
    for index, item in enumerate(sample):
        for document in manifests(item.parts):
            document["metadata"]["name"] = f"page-{index}"
            documents.append(document)
    live.write("all.yaml", "\n---\n".join(yaml.safe_dump(item) for item in documents))
    live.ok("apply", "-y", "--allow-literal-secrets")
    for item in sample:
        for role, collection in (("source", "sourceConnections"), ("target", "targetConnections"), ("flow", "flows")):
            sent = server.bodies("POST", f"{FLOW}/{collection}")
            lines = [[*differences(_anonymous(item.parts[role]), _anonymous(body), set())] for body in sent]
            assert [] in lines, (item.name, role, min(lines, key=len))
    assert live("plan", "--detailed-exitcode", "--allow-literal-secrets").code == 0


def _short(item: Example) -> str:
    page = re.sub(r".*/(api/)", "", item.page)
    return f"{page} ({item.of})" if item.of else page


def _anonymous(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return a body without ids of objects that the same run makes."""
    away = ("baseConnectionId", "sourceConnectionIds", "targetConnectionIds")
    steps = [item for item in body.get("transformations", ()) if item["name"] != "Mapping"]
    return {key: value for key, value in {**body, "transformations": steps}.items() if key not in away and value != []}
