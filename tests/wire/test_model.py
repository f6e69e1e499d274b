"""A model of a project's life: manifests edited, people clicking, servers failing, processes killed.

After each quiet apply all is as declared: one object an address, nothing foreign touched, an empty second plan.
Hypothesis chooses the deeds and prints a failing life as a program; `./run soak` runs many, from a seed it prints.
"""

from __future__ import annotations

import contextlib
import copy
import io
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from random import Random
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from reconciler.__main__ import run
from reconciler.api import retry
from tests.conftest import FLOW, PREP, Request, Result, Server, point_at, serve

COLLECTIONS = ("connections", "sourceConnections", "targetConnections", "flows")
LIVES = int(os.environ.get("RECONCILER_LIVES", "6"))
pytestmark = pytest.mark.processes
RANDOMS = st.randoms(use_true_random=False)
MOMENTS = st.sampled_from(["before", "after"])
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


class Fault:
    """Answers the request that is `left` requests away, once."""

    def __init__(self, left: int, verdict: Any) -> None:
        self.left, self.verdict = left, verdict

    def __call__(self, request: Request) -> Any:
        if FLOW not in request.path and PREP not in request.path:
            return None
        self.left -= 1
        return self.verdict() if self.left == 0 and callable(self.verdict) else self.verdict if self.left == 0 else None


VERDICTS = {
    "drop": "drop",
    "503": (503, [], {"message": "try later"}),
    "500": (500, [], {"message": "oops"}),
    "429": (429, [(b"retry-after", b"0")], {"error_code": "429050", "message": "Too many requests"}),
    "403": (403, [], {"message": "no entry"}),
}
REFUSALS = ("403", "429")


class Life(RuleBasedStateMachine):
    """One life of a project."""

    def __init__(self) -> None:
        super().__init__()
        self.ending = contextlib.ExitStack()
        self.monkeypatch = self.ending.enter_context(pytest.MonkeyPatch.context())
        self.folder = Path(self.ending.enter_context(tempfile.TemporaryDirectory()))
        for name in list(os.environ):
            if name.startswith(("AEP_", "RECONCILER_")):
                self.monkeypatch.delenv(name)
        self.monkeypatch.chdir(self.folder)
        self.monkeypatch.setattr(retry, "BASE", 0.001)
        self.serving = serve()
        self.server: Server = next(self.serving)
        point_at(self.server, self.monkeypatch)
        self.documents: dict[str, dict[str, Any]] = {"in": source("in"), "out": destination("out")}

    def teardown(self) -> None:
        """End the server, which checks what went over the wire, and take the folder away."""
        self.ending.close()
        for _ in self.serving:
            pass

    @initialize()
    def others_are_there(self) -> None:
        """Make objects of somebody else, of names like ours: they are never touched."""
        path = f"{FLOW}/connections"
        spec = {"id": "8a9c3494-9708-43d7-ae3f-cda01e5030e1", "version": "1.0"}
        made = [
            self.server.call("POST", path, {"name": name, "connectionSpec": spec}) for name in ("out", "in", "theirs")
        ]
        self.theirs = [self.server.get("connections", item["id"]) for item in made]

    def cli(self, *args: str) -> Result:
        """Run a command in this process."""
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = run(list(args))
        return Result(code, out.getvalue(), err.getvalue())

    @property
    def state(self) -> dict[str, Any]:
        """The state file."""
        found: dict[str, Any] = yaml.safe_load((self.folder / "state" / "default.json").read_text(encoding="utf-8"))
        return found

    def write(self) -> None:
        """Write the manifests as they are now."""
        text = "---\n".join(yaml.safe_dump(item, sort_keys=False) for item in self.documents.values())
        (self.folder / "all.yaml").write_text(text, encoding="utf-8")

    def pick(self, random: Random, kind: str) -> dict[str, Any] | None:
        """Return the spec of a random document of one kind."""
        found = [item["spec"] for item in self.documents.values() if item["kind"] == kind]
        return random.choice(found) if found else None

    # -- edits of manifests ----------------------------------------------------------------------------------
    @rule(random=RANDOMS)
    def edit_flow(self, random: Random) -> None:
        spec = self.pick(random, random.choice(["SourceDataflow", "DestinationDataflow"]))
        if spec:
            flow = spec["flow"]
            flow["description"] = random.choice(["x", "y", None, "z"])
            flow["state"] = random.choice(["enabled", "enabled", "disabled"])

    @rule(random=RANDOMS)
    def edit_mapping(self, random: Random) -> None:
        if spec := self.pick(random, "SourceDataflow"):
            rows = spec["mapping"]
            choice = random.randrange(3)
            if choice == 0:
                taken = {row["destination"] for row in rows}
                free = next(name for n in range(100) if (name := f"_t.n{n}") not in taken)
                rows.append({"source": "n", "destination": free})
            elif choice == 1 and len(rows) > 1:
                rows.pop(random.randrange(len(rows)))
            else:
                random.shuffle(rows)
                rows[0]["source"] = f"c{random.randrange(100)}"

    @rule(random=RANDOMS)
    def edit_dataset(self, random: Random) -> None:
        if spec := self.pick(random, "SourceDataflow"):
            spec["target"]["dataset"]["id"] = f"d{random.randrange(3)}"

    @rule(random=RANDOMS)
    def edit_audiences(self, random: Random) -> None:
        if spec := self.pick(random, "DestinationDataflow"):
            idents = random.sample(range(6), random.randrange(6))
            spec["audiences"] = [{"id": f"a{n}", "name": random.choice(["A", "B"])} for n in idents]
            spec["attributes"] = [f"p.{letter}" for letter in random.sample("abcde", random.randrange(5))]

    @rule(random=RANDOMS)
    def edit_target(self, random: Random) -> None:
        if spec := self.pick(random, "DestinationDataflow"):
            spec["target"]["params"]["stream"] = f"s{random.randrange(3)}"
            spec["target"]["connection"]["auth"]["params"]["region"] = f"r{random.randrange(3)}"

    @rule(random=RANDOMS)
    def edit_project(self, random: Random) -> None:
        name = f"{random.choice(['in', 'out'])}{random.randrange(3)}"
        if name in self.documents and len(self.documents) > 1:
            del self.documents[name]
        else:
            self.documents[name] = source(name) if name.startswith("in") else destination(name)

    @rule(random=RANDOMS)
    def rotate_secret(self, random: Random) -> None:
        self.monkeypatch.setenv("RECONCILER_SECRET_KINESIS_KEY", f"value-{random.randrange(5)}")

    # -- somebody clicking -----------------------------------------------------------------------------------
    @rule(random=RANDOMS)
    def click_delete(self, random: Random) -> None:
        flows = self.server.items("flows")
        if flows:
            self.server.call("DELETE", f"{FLOW}/flows/{random.choice(flows)['id']}")

    @rule(random=RANDOMS)
    def click_state(self, random: Random) -> None:
        for flow in self.server.items("flows")[:1]:
            verb = "disable" if flow["state"] == "enabled" else "enable"
            self.server.call("POST", f"{FLOW}/flows/{flow['id']}/action?op={verb}")

    @rule(random=RANDOMS)
    def click_flow(self, random: Random) -> None:
        flows = self.server.items("flows")
        if flows:
            flow = random.choice(flows)
            verb = "replace" if "description" in flow else "add"
            self.server.edit("flows", flow["id"], {"op": verb, "path": "/description", "value": "clicked"})

    @rule(random=RANDOMS)
    def click_selectors(self, random: Random) -> None:
        for flow in self.server.items("flows"):
            params = flow["transformations"][0]["params"]
            if "segmentSelectors" not in params:
                continue
            extra = {"type": "PLATFORM_SEGMENT", "value": {"id": f"a{random.randrange(8)}"}}
            steps: list[dict[str, Any]] = [{"op": "add", "path": f"{SELECTORS}/-", "value": extra}]
            if params["segmentSelectors"]["selectors"]:
                steps.insert(0, {"op": "remove", "path": f"{SELECTORS}/0"})
            self.server.edit("flows", flow["id"], *steps)

    @rule(random=RANDOMS)
    def click_mapping(self, random: Random) -> None:
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

    @rule(random=RANDOMS)
    def click_target(self, random: Random) -> None:
        for target in self.server.items("targetConnections"):
            if "stream" in (target.get("params") or {}):
                step = {"op": "replace", "path": "/params/stream", "value": "clicked"}
                extra = {"op": "add", "path": "/params/theirs", "value": "kept"}
                self.server.edit("targetConnections", target["id"], step, extra)

    # -- applies ---------------------------------------------------------------------------------------------
    @rule(left=st.integers(1, 30), moment=MOMENTS, verdict=st.sampled_from(sorted(VERDICTS)))
    def apply_with_a_fault(self, left: int, moment: str, verdict: str) -> None:
        """Let one request of an apply fail, before or after it was carried out."""
        if verdict in REFUSALS:
            moment = "before"  # who says so has not done it
        self.write()
        fault = Fault(left, VERDICTS[verdict])
        getattr(self.server, moment).append(fault)
        done = self.cli("apply", "-y", "--allow-delete", "--settle", "0.1")
        getattr(self.server, moment).remove(fault)
        assert done.code in (0, 1), done.err
        assert "internal error" not in done.err, done.err

    @rule(left=st.integers(1, 30), moment=MOMENTS)
    def apply_and_be_killed(self, left: int, moment: str) -> None:
        """Kill the process that applies at one of its requests, before or after it was carried out."""
        self.write()
        command = [sys.executable, "-m", "reconciler", "apply", "-y", "--allow-delete", "--settle", "0.1"]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:

            def kill() -> str:
                process.kill()
                process.wait()
                return "drop"

            fault = Fault(left, kill)
            getattr(self.server, moment).append(fault)
            code = process.wait(60)
        getattr(self.server, moment).remove(fault)
        assert code in (-9, 0), "killed, or over before that"

    @rule()
    def apply(self) -> None:
        """Apply in peace, and check that all is as declared."""
        self.write()
        patched = {item["id"] for item in self.server.items("targetConnections") if "theirs" in item.get("params", {})}
        done = self.cli("apply", "-y", "--allow-delete", "--settle", "0.1")
        assert done.code == 0, f"{done.err}\n{done.out}"
        again = self.cli("plan", "--detailed-exitcode")
        assert again.code == 0, again.out
        assert self.cli("drift").code == 0
        kinds = [item["kind"] for item in self.documents.values()]
        outs = kinds.count("DestinationDataflow")
        counts = [len(self.server.items(kind)) for kind in COLLECTIONS]
        assert counts == [2 * outs + len(self.theirs), len(kinds), len(kinds), len(kinds)], "one object an address"
        assert self.state["pending"] == {}
        assert not any("deposed" in entry for entry in self.state["resources"].values())
        for document in self.documents.values():
            self.check(document)
        for item in self.server.items("targetConnections"):
            if item["id"] in patched:
                assert item["params"].get("theirs") == "kept", "what we do not declare is never touched"
        assert [self.server.get("connections", item["id"]) for item in self.theirs] == self.theirs

    def check(self, document: dict[str, Any]) -> None:
        """Compare one dataflow with its manifest, without any code of the tool."""
        spec, name = copy.deepcopy(document["spec"]), document["metadata"]["name"]
        flow = self.server.get("flows", self.state["resources"][f"{name}/flow"]["id"])
        assert flow["state"] == spec["flow"].get("state", "enabled")
        if "description" in spec["flow"]:
            assert flow.get("description") == spec["flow"]["description"]
        params = flow["transformations"][0]["params"]
        if document["kind"] == "SourceDataflow":
            path = f"{PREP}/mappingSets/{params['mappingId']}?version={params['mappingVersion']}"
            rows = {row["destination"]: row["source"] for row in self.server.call("GET", path)["mappings"]}
            assert rows == {row["destination"]: row["source"] for row in spec["mapping"]}
            target = self.server.get("targetConnections", flow["targetConnectionIds"][0])
            assert target["params"]["dataSetId"] == spec["target"]["dataset"]["id"]
        else:
            found = sorted(
                (item["value"]["id"], item["value"]["name"]) for item in params["segmentSelectors"]["selectors"]
            )
            assert found == sorted((item["id"], item["name"]) for item in spec["audiences"])
            paths = sorted(item["value"]["path"] for item in params["profileSelectors"]["selectors"])
            assert paths == sorted(spec["attributes"])


def test_every_life_ends_as_declared() -> None:
    class Whole(Life):
        """A life that ends with a quiet apply, whatever came before."""

        def teardown(self) -> None:
            try:
                self.apply()
            finally:
                super().teardown()

    run_state_machine_as_test(
        Whole,
        settings=settings(
            max_examples=LIVES,
            stateful_step_count=12,
            deadline=None,
            derandomize="RECONCILER_LIVES" not in os.environ,
            suppress_health_check=list(HealthCheck),
            print_blob=True,
            phases=[Phase.explicit, Phase.reuse, Phase.generate],  # a life is short enough to read as it is
        ),
    )
