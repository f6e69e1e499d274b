"""A random life: manifests edited, somebody clicking, applies in between; afterwards all is as declared.

The seed of a failing life is in its test id; `RECONCILER_LIVES=200` runs more of them.
"""

from __future__ import annotations

import copy
import os
import random
from typing import Any

import pytest
import yaml

from tests.conftest import FLOW, PREP, Cli, Server

COLLECTIONS = ("connections", "sourceConnections", "targetConnections", "flows")
LIVES = int(os.environ.get("RECONCILER_LIVES", "6"))
SELECTORS = "/transformations/0/params/segmentSelectors/selectors"


def source(name: str) -> dict[str, Any]:
    """Return a source dataflow."""
    spec = {
        "source": {"connector": "customer-io", "data": {"format": "json"}},
        "target": {"schema": {"id": "https://ns.adobe.com/t/schemas/1"}, "dataset": {"id": "d0"}},
        "mapping": [{"source": f"s{n}", "destination": f"_t.d{n}"} for n in range(3)],
        "flow": {"name": name, "description": "first"},
    }
    return {"apiVersion": "reconciler/v1", "kind": "SourceDataflow", "metadata": {"name": name}, "spec": spec}


def destination(name: str) -> dict[str, Any]:
    """Return a destination dataflow."""
    params = {"accessKeyId": "a", "secretKey": "${secret.kinesis-key}", "region": "r0"}
    auth = {"specName": "Aws Kinesis authentication credentials", "params": params}
    spec = {
        "target": {
            "connector": "amazon-kinesis",
            "connection": {"name": name, "auth": auth},
            "params": {"stream": "s0", "region": "r0"},
        },
        "flow": {"name": name},
        "audiences": [{"id": f"a{n}", "name": f"A{n}"} for n in range(3)],
        "attributes": ["p.a", "p.b"],
    }
    return {"apiVersion": "reconciler/v1", "kind": "DestinationDataflow", "metadata": {"name": name}, "spec": spec}


class Life:
    """One random life."""

    def __init__(self, seed: int, cli: Cli, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
        self.random = random.Random(seed)
        self.cli, self.server, self.monkeypatch = cli, server, monkeypatch
        self.documents: dict[str, dict[str, Any]] = {"in": source("in"), "out": destination("out")}
        self.story: list[str] = []

    def pick(self, kind: str) -> dict[str, Any] | None:
        """Return the spec of a random document of one kind."""
        found = [item["spec"] for item in self.documents.values() if item["kind"] == kind]
        return self.random.choice(found) if found else None

    # -- edits of manifests ----------------------------------------------------------------------------------
    def edit_flow(self) -> None:
        spec = self.pick(self.random.choice(["SourceDataflow", "DestinationDataflow"]))
        if spec:
            flow = spec["flow"]
            flow["description"] = self.random.choice(["x", "y", None, "z"])
            flow["state"] = self.random.choice(["enabled", "enabled", "disabled"])

    def edit_mapping(self) -> None:
        if spec := self.pick("SourceDataflow"):
            rows = spec["mapping"]
            choice = self.random.randrange(3)
            if choice == 0:
                rows.append({"source": "n", "destination": f"_t.n{self.random.randrange(10**6)}"})
            elif choice == 1 and len(rows) > 1:
                rows.pop(self.random.randrange(len(rows)))
            else:
                self.random.shuffle(rows)
                rows[0]["source"] = f"c{self.random.randrange(100)}"

    def edit_dataset(self) -> None:
        if spec := self.pick("SourceDataflow"):
            spec["target"]["dataset"]["id"] = f"d{self.random.randrange(3)}"

    def edit_audiences(self) -> None:
        if spec := self.pick("DestinationDataflow"):
            idents = self.random.sample(range(6), self.random.randrange(6))
            spec["audiences"] = [{"id": f"a{n}", "name": self.random.choice(["A", "B"])} for n in idents]
            spec["attributes"] = [f"p.{letter}" for letter in self.random.sample("abcde", self.random.randrange(5))]

    def edit_target(self) -> None:
        if spec := self.pick("DestinationDataflow"):
            spec["target"]["params"]["stream"] = f"s{self.random.randrange(3)}"
            spec["target"]["connection"]["auth"]["params"]["region"] = f"r{self.random.randrange(3)}"

    def edit_project(self) -> None:
        name = f"{self.random.choice(['in', 'out'])}{self.random.randrange(3)}"
        if name in self.documents and len(self.documents) > 1:
            del self.documents[name]
        else:
            self.documents[name] = source(name) if name.startswith("in") else destination(name)

    def rotate_secret(self) -> None:
        self.monkeypatch.setenv("RECONCILER_SECRET_KINESIS_KEY", f"value-{self.random.randrange(5)}")

    # -- somebody clicking -----------------------------------------------------------------------------------
    def click_delete(self) -> None:
        flows = self.server.items("flows")
        if flows:
            self.server.call("DELETE", f"{FLOW}/flows/{self.random.choice(flows)['id']}")

    def click_state(self) -> None:
        for flow in self.server.items("flows")[:1]:
            verb = "disable" if flow["state"] == "enabled" else "enable"
            self.server.call("POST", f"{FLOW}/flows/{flow['id']}/action?op={verb}")

    def click_flow(self) -> None:
        flows = self.server.items("flows")
        if flows:
            flow = self.random.choice(flows)
            verb = "replace" if "description" in flow else "add"
            self.server.edit("flows", flow["id"], {"op": verb, "path": "/description", "value": "clicked"})

    def click_selectors(self) -> None:
        for flow in self.server.items("flows"):
            params = flow["transformations"][0]["params"]
            if "segmentSelectors" not in params:
                continue
            extra = {"type": "PLATFORM_SEGMENT", "value": {"id": f"a{self.random.randrange(8)}"}}
            steps: list[dict[str, Any]] = [{"op": "add", "path": f"{SELECTORS}/-", "value": extra}]
            if params["segmentSelectors"]["selectors"]:
                steps.insert(0, {"op": "remove", "path": f"{SELECTORS}/0"})
            self.server.edit("flows", flow["id"], *steps)

    def click_mapping(self) -> None:
        for flow in self.server.items("flows"):
            item = flow["transformations"][0]
            if item["name"] == "Mapping":
                ident = item["params"]["mappingId"]
                body = self.server.call("GET", f"{PREP}/mappingSets/{ident}")
                row = {"source": "clicked", "destination": "_t.clicked"}
                made = self.server.call(
                    "PUT", f"{PREP}/mappingSets/{ident}", {**body, "mappings": [*body["mappings"][:1], row]}
                )
                pin = {**item, "params": {**item["params"], "mappingVersion": made["version"]}}
                self.server.edit("flows", flow["id"], {"op": "replace", "path": "/transformations/0", "value": pin})
                return

    def click_target(self) -> None:
        for target in self.server.items("targetConnections"):
            if "stream" in (target.get("params") or {}):
                step = {"op": "replace", "path": "/params/stream", "value": "clicked"}
                extra = {"op": "add", "path": "/params/theirs", "value": "kept"}
                self.server.edit("targetConnections", target["id"], step, extra)

    # -- the run ---------------------------------------------------------------------------------------------
    def live(self, steps: int) -> None:
        """Make so many random steps, with an apply and a check after each few."""
        deeds = [getattr(self, name) for name in sorted(dir(self)) if name.startswith(("edit_", "click_", "rotate_"))]
        for _ in range(steps):
            for _ in range(self.random.randrange(1, 4)):
                deed = self.random.choice(deeds)
                self.story.append(deed.__name__)
                deed()
            self.apply()

    def apply(self) -> None:
        """Apply, and check that all is as declared."""
        self.story.append("APPLY")
        text = "---\n".join(yaml.safe_dump(item, sort_keys=False) for item in self.documents.values())
        self.cli.write("all.yaml", text)
        theirs = {item["id"] for item in self.server.items("targetConnections") if "theirs" in item.get("params", {})}
        done = self.cli("apply", "-y")
        assert done.code == 0, f"{self.story}\n{done.err}\n{done.out}"
        again = self.cli("plan", "--detailed-exitcode")
        assert again.code == 0, f"{self.story}\n{again.out}"
        assert self.cli("drift").code == 0, self.story
        kinds = [item["kind"] for item in self.documents.values()]
        outs = kinds.count("DestinationDataflow")
        counts = [len(self.server.items(kind)) for kind in COLLECTIONS]
        assert counts == [2 * outs, len(kinds), len(kinds), len(kinds)], self.story
        assert self.cli.state["pending"] == {}
        assert not any("deposed" in entry for entry in self.cli.state["resources"].values())
        for document in self.documents.values():
            self.check(document)
        for item in self.server.items("targetConnections"):
            if item["id"] in theirs:
                assert item["params"].get("theirs") == "kept", "what we do not declare is never touched"

    def check(self, document: dict[str, Any]) -> None:
        """Compare one dataflow with its manifest, without any code of the tool."""
        spec, name = copy.deepcopy(document["spec"]), document["metadata"]["name"]
        flow = self.server.get("flows", self.cli.id(f"{name}/flow"))
        assert flow["state"] == spec["flow"].get("state", "enabled")
        if "description" in spec["flow"]:
            assert flow.get("description") == spec["flow"]["description"], self.story
        params = flow["transformations"][0]["params"]
        if document["kind"] == "SourceDataflow":
            path = f"{PREP}/mappingSets/{params['mappingId']}?version={params['mappingVersion']}"
            rows = {row["destination"]: row["source"] for row in self.server.call("GET", path)["mappings"]}
            assert rows == {row["destination"]: row["source"] for row in spec["mapping"]}, self.story
            target = self.server.get("targetConnections", flow["targetConnectionIds"][0])
            assert target["params"]["dataSetId"] == spec["target"]["dataset"]["id"]
        else:
            found = sorted(
                (item["value"]["id"], item["value"]["name"]) for item in params["segmentSelectors"]["selectors"]
            )
            assert found == sorted((item["id"], item["name"]) for item in spec["audiences"]), self.story
            paths = sorted(item["value"]["path"] for item in params["profileSelectors"]["selectors"])
            assert paths == sorted(spec["attributes"]), self.story


@pytest.mark.parametrize("seed", range(LIVES))
def test_a_random_life_ends_as_declared(seed: int, live: Cli, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    Life(seed, live, server, monkeypatch).live(6)
