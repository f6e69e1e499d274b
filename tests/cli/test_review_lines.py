"""Lines of the project file under review: `imports` and `removed`; and `--replace`."""

from __future__ import annotations

import json

import jsonschema
import pytest

from tests.cli.test_guardrails import CONNECTION, connections
from tests.cli.test_project import project
from tests.conftest import FLOW, ROOT, Cli, Server

SCHEMA = json.loads((ROOT / "reconciler" / "render" / "schemas" / "plan.json").read_text(encoding="utf-8"))


@pytest.fixture
def lost(live: Cli) -> Cli:
    """A dataflow that is live and that no state knows; `ids.json` beside the project has its ids by address."""
    live.example("customer-io")
    live.ok("apply", "-y")
    ids = {address: entry["id"] for address, entry in live.state["resources"].items()}
    (live.folder.parent / "ids.json").write_text(json.dumps(ids), encoding="utf-8")
    for path in (live.folder / "state").iterdir():
        path.unlink()
    return live


def ids(cli: Cli) -> dict[str, str]:
    found: dict[str, str] = json.loads((cli.folder.parent / "ids.json").read_text(encoding="utf-8"))
    return found


def imports(cli: Cli, **changed: str) -> str:
    lines = {**ids(cli), **{name.replace("__", "/").replace("_", "-"): value for name, value in changed.items()}}
    return "imports:\n" + "".join(f"  - {{to: {address}, id: {ident}}}\n" for address, ident in lines.items())


def test_imports_are_planned_applied_and_done(lost: Cli, server: Server) -> None:
    project(lost, imports(lost))
    server.clear()
    plan = lost.ok("plan", "--format", "json").json()
    jsonschema.validate(plan, SCHEMA)
    assert plan["changes"] == []
    assert {item["address"]: item["id"] for item in plan["imports"]} == ids(lost)
    assert lost("plan", "--detailed-exitcode").code == 2
    assert {item["action"] for item in lost.ok("drift", "--format", "json").json()["pending"]} == {"import"}
    assert lost("drift", "--fail-on", "pending").code == 2
    assert "pending, not applied: import customer-io/flow" in lost.ok("status").out
    flow = ids(lost)["customer-io/flow"]
    for form, words in (("text", f"Imported into the state: customer-io/flow is Flow {flow}"),
                        ("markdown", f"`customer-io/flow` is Flow `{flow}`"),
                        ("html", f"<code>customer-io/flow</code> is Flow <code>{flow}</code>")):  # fmt: skip
        assert words in lost.ok("plan", "--format", form).out
    assert "Plan: 4 to import, 0 to create" in lost.ok("plan").out
    assert not (lost.folder / "state").exists() or not list((lost.folder / "state").glob("*.json"))
    lost.ok("apply", "-y")
    assert server.writes() == [], "nothing is written to the platform"
    assert {address: entry["id"] for address, entry in lost.state["resources"].items()} == ids(lost)
    assert "imports" not in lost.ok("plan", "--format", "json").json(), "done once"
    assert lost("plan", "--detailed-exitcode").code == 0
    serial = lost.state["serial"]
    lost.ok("apply", "-y")
    assert lost.state["serial"] == serial


def test_an_import_shows_and_applies_what_differs(lost: Cli, server: Server) -> None:
    project(lost, imports(lost))
    lost.edit("customer-io.yaml", "description: Streaming Dataflow", "description: Another Dataflow")
    plan = lost.ok("plan", "--format", "json", "--out", "saved").json()
    assert [(item["address"], item["action"]) for item in plan["changes"]] == [("customer-io/flow", "update")]
    shown = lost.ok("show", "saved", "--format", "json").json()
    assert shown["imports"] == plan["imports"]
    lost.ok("apply", "-y", "saved")
    assert len(lost.state["resources"]) == 4
    assert "Another" in server.get("flows", ids(lost)["customer-io/flow"])["description"]
    assert lost("plan", "--detailed-exitcode").code == 0


def test_a_saved_import_is_stale_when_the_object_is_gone_or_taken(lost: Cli, server: Server) -> None:
    project(lost, imports(lost))
    lost.ok("plan", "--out", "saved")
    lost.ok("import", "customer-io/source", ids(lost)["customer-io/source"])
    lost.ok("apply", "-y", "saved")
    for path in (lost.folder / "state").iterdir():
        path.unlink()
    lost.ok("plan", "--out", "saved")
    server.call("DELETE", f"{FLOW}/flows/{ids(lost)['customer-io/flow']}")
    refused = lost("apply", "-y", "saved")
    assert refused.code == 1
    assert "no longer exists" in refused.err


@pytest.mark.parametrize(
    ("lines", "place", "says"),
    [
        ("[{to: customer-io/flwo, id: x}]", "5:18", "no manifest declares the address 'customer-io/flwo'"),
        ("[{to: customer-io/flow, id: x}, {to: customer-io/flow, id: y}]", "5:49", "two lines import the same"),
        ("[{to: customer-io/flow}]", "5:13", "id is missing"),
        ("[{to: customer-io/flow, id: nothing}]", "5:13", "there is no Flow with the id nothing in this sandbox"),
    ],
)
def test_imports_that_cannot_be(live: Cli, lines: str, place: str, says: str) -> None:
    live.example("customer-io")
    project(live, f"imports: {lines}")
    refused = live("plan")
    assert refused.code == 1
    assert f"reconciler.yaml:{place}: error: {says}" in refused.err
    assert "created" not in live("apply", "-y").out


def test_imports_never_bind_twice(lost: Cli) -> None:
    project(lost, imports(lost))
    lost.ok("apply", "-y")
    project(lost, "imports: [{to: customer-io/flow, id: other}]")
    assert "customer-io/flow: the address is bound to" in lost("plan").err
    flow = ids(lost)["customer-io/flow"]
    lost.ok("state", "mv", "customer-io/flow", "elsewhere/flow")
    project(lost, f"imports: [{{to: customer-io/flow, id: {flow}}}]")
    assert f"{flow} is bound to elsewhere/flow already" in lost("plan").err


def test_an_import_for_one_environment(lost: Cli) -> None:
    lines = "\n".join(f"  {line.rstrip()}" for line in imports(lost).splitlines()[1:]).replace("}", ", environment: a}")
    project(lost, f"environments: {{a: {{sandbox: dev}}, b: {{sandbox: dev}}}}\nimports:\n{lines}")
    assert len(lost.ok("plan", "--env", "a", "--format", "json").json()["imports"]) == 4
    assert lost.ok("plan", "--env", "b", "--format", "json", "--no-checks").json()["summary"]["create"] == 4


def test_only_what_is_in_scope_is_imported(lost: Cli) -> None:
    project(lost, imports(lost))
    lost.example("kinesis")
    project(lost, "variables: {region: us-east-1, stream: clicks}\n" + imports(lost))
    lost.ok("apply", "-y", "kinesis.yaml")
    assert not [name for name in lost.state["resources"] if name.startswith("customer-io")]
    lost.ok("apply", "-y", "--target", "customer-io/source")
    assert [name for name in lost.state["resources"] if "mapping" in name or name.endswith("/flow")] == [
        "kinesis-summer/flow"
    ], "what is replaced as one is imported as one"


# -- removed -------------------------------------------------------------------------------------------------------
def test_removed_lets_go_without_a_delete(live: Cli, server: Server) -> None:
    live.example("customer-io")
    connections(live, 1)
    live.ok("apply", "-y")
    flow = live.id("customer-io/flow")
    (live.folder / "customer-io.yaml").unlink()
    project(live, "removed: [{from: customer-io, delete: false}]")
    plan = live.ok("plan", "--format", "json", "--out", "saved").json()
    assert {item["action"] for item in plan["changes"]} == {"forget"}
    assert len(plan["changes"]) == 4
    assert "lets it go without a delete" in plan["changes"][0]["reason"]
    for form in ("text", "markdown", "html"):
        assert "lets it go without a delete" in live.ok("show", "saved", "--format", form).out
    server.clear()
    live.ok("apply", "-y", "saved")
    assert server.writes() == []
    assert server.get("flows", flow)["state"] == "enabled"
    assert set(live.state["resources"]) == {"c-0"}
    again = live.ok("plan")
    assert "No changes" in again.out
    assert "the state holds nothing of customer-io: the line can be removed" in " ".join(again.out.split())


def test_removed_needs_to_be_gone_from_the_manifests(live: Cli) -> None:
    live.example("customer-io")
    project(live, "removed: [{from: customer-io, delete: false}]")
    refused = live("validate")
    assert refused.code == 1
    assert "reconciler.yaml:5:20: error: customer-io/flow is still declared in customer-io.yaml" in refused.out
    project(live, "removed: [{from: other}]")
    assert "delete is missing" in live("plan").err


def test_removed_with_delete_deletes(live: Cli) -> None:
    files = connections(live, 2)
    live.ok("apply", "-y")
    (live.folder / files[0]).unlink()
    project(live, "removed: [{from: c-0, delete: true}]")
    assert live.changes() == {"c-0": "delete"}


def test_removed_counts_and_is_refused_for_protected_objects(live: Cli) -> None:
    files = connections(live, 1)
    protected = '{name: p, annotations: {reconciler/prevent-destroy: "true"}}'
    live.write("p.yaml", CONNECTION.replace("{name: NAME}", protected).replace("NAME", "p"))
    live.write("rest.yaml", CONNECTION.replace("NAME", "rest"))
    live.ok("apply", "-y")
    (live.folder / files[0]).unlink()
    project(live, "removed: [{from: c-0, delete: false}]\nguardrails: {maxDeletes: 0}")
    refused = live("plan")
    assert "the plan deletes, replaces or lets go 1 object, more than guardrails.maxDeletes (0)" in refused.err
    (live.folder / "p.yaml").unlink()
    project(live, "removed: [{from: p, delete: false}]")
    refused = live("apply", "-y", "--target", "p")
    assert refused.code == 1
    assert "prevent-destroy forbids" in refused.err
    project(live, "removed: [{from: c-0, delete: false}]\nenvironments: {default: {sandbox: dev, protected: true}}")
    assert "--allow-protected" in live("apply", "-y", "--env", "default", "--target", "c-0").err


def test_a_part_that_others_need_cannot_be_let_go(live: Cli) -> None:
    live.example("customer-io")
    connections(live, 1)
    live.ok("apply", "-y")
    (live.folder / "customer-io.yaml").unlink()
    project(live, "removed: [{from: customer-io/source, delete: false}]")
    refused = live("plan")
    assert refused.code == 1
    assert (
        "customer-io/source: error: the project file lets it go (removed), but customer-io/flow depends on it"
        in refused.err
    )
    project(live, "removed: [{from: customer-io/flow, delete: false}]")
    assert set(live.changes().values()) == {"forget"}, "what a live flow needs stays, too"


# -- replace -------------------------------------------------------------------------------------------------------
def test_replace_by_address(live: Cli, server: Server) -> None:
    live.example("customer-io")
    live.ok("apply", "-y")
    old = live.id("customer-io/flow")
    plan = live.ok("plan", "--replace", "customer-io/flow", "--format", "json", "--out", "saved").json()
    changes = {item["address"]: item for item in plan["changes"]}
    assert changes["customer-io/flow"]["action"] == "replace"
    assert changes["customer-io/flow"]["reason"] == "replace requested"
    live.ok("apply", "-y", "saved")
    assert live.id("customer-io/flow") != old
    assert old not in {item["id"] for item in server.items("flows")}
    new = live.id("customer-io/flow")
    live.ok("apply", "-y", "--replace", "customer-io/flow")
    assert live.id("customer-io/flow") != new
    assert live("plan", "--detailed-exitcode").code == 0


def test_replace_needs_an_applied_object_that_can_be_deleted(live: Cli) -> None:
    live.example("customer-io")
    refused = live("apply", "-y", "--replace", "customer-io/flow")
    assert refused.code == 1
    assert "--replace: no applied object in scope has the address 'customer-io/flow'" in refused.err
    live.ok("apply", "-y")
    assert "did you mean 'customer-io/flow'?" in live("plan", "--replace", "customer-io/flwo").err
    refused = live("plan", "--replace", "customer-io/mapping")
    assert refused.code == 1
    assert "--replace customer-io/mapping: " in refused.err
    live.ok("plan", "--out", "saved")
    assert "pass --replace to plan --out" in live("apply", "-y", "saved", "--replace", "customer-io/flow").err
