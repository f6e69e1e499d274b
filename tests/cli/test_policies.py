"""Rules over a plan: in the project file, in files, on labels, on what is exported; and selections by label."""

from __future__ import annotations

import json

import pytest

from reconciler.core.plan.policy import Rule, judge
from tests.cli.test_project import project
from tests.conftest import ROOT, Cli, Server

OWNER = """
policies:
  rules:
    - name: owner
      deny: resources[?kind == 'Flow' && !(labels.owner)]
      message: "{document} carries no owner label"
"""
SENSITIVE = """
rules:
  - name: no-sensitive-export
    deny: exports[?contains(dataLabels, 'sensitive')]
    message: "{path} is sensitive and must not leave"
  - name: few
    warn: summary.create > `3`
    message: that is a lot at once
attributeLabels: {"personalEmail.*": [sensitive, contact]}
"""


def test_a_rule_denies_until_the_manifests_keep_it(live: Cli, server: Server) -> None:
    live.example("customer-io")
    project(live, OWNER)
    for command in (("plan", "--out", "p.json"), ("apply", "-y")):
        refused = live(*command)
        assert refused.code == 1
        assert "customer-io/flow: error: customer-io carries no owner label (policy 'owner')" in refused.err
        assert "Plan: 4 to create" in refused.out
    assert not (live.folder / "p.json").exists()
    assert server.writes() == []
    live.edit("customer-io.yaml", "  name: customer-io", "  name: customer-io\n  labels: {owner: crm}")
    live.ok("apply", "-y")
    assert live.state["resources"]["customer-io/flow"]["labels"] == {"owner": "crm"}
    assert live("plan", "--detailed-exitcode").code == 0


def test_rules_of_a_file_see_what_is_exported(live: Cli) -> None:
    live.example("kinesis")
    live.write("_rules.yaml", SENSITIVE)
    refused = live("plan", "--policy", live.folder / "_rules.yaml")
    assert refused.code == 1
    assert "kinesis-summer/flow: error: personalEmail.address is sensitive and must not leave" in refused.err
    assert "Warning: " in refused.out
    assert "that is a lot at once (policy 'few')" in refused.out
    live.edit("kinesis.yaml", "    - personalEmail.address\n", "")
    live.ok("plan", "--policy", live.folder / "_rules.yaml")


def test_mapped_attributes_are_exports_too(live: Cli) -> None:
    live.example("s3-audiences")
    live.write("_rules.yaml", SENSITIVE.replace("personalEmail.*", "*"))
    assert "is sensitive and must not leave" in live("plan", "--policy", live.folder / "_rules.yaml").err


def test_a_saved_plan_is_judged_again_when_it_is_applied(live: Cli, server: Server) -> None:
    live.example("customer-io")
    live.ok("plan", "--out", "p.json")
    live.write("_rules.yaml", 'rules: [{name: closed, deny: "length(changes) > `0`", message: we are closed}]')
    refused = live("apply", "p.json", "-y", "--policy", live.folder / "_rules.yaml")
    assert refused.code == 1
    assert "error: we are closed (policy 'closed')" in refused.err
    assert server.writes() == []


def test_rules_count_in_their_environments_and_on_their_days() -> None:
    facts = {"environment": "prod", "now": {"weekday": "Friday"}, "changes": [{"address": "a", "action": "delete"}]}
    rule = Rule(
        "friday", "changes[?action == 'delete']", "no {action} of {address} {today}", when="now.weekday == 'Friday'",
        environments=("prod",),
    )  # fmt: skip
    (found,) = judge([rule], facts)
    assert str(found).startswith("a: error: no delete of a {today} (policy 'friday')")
    assert judge([rule], {**facts, "environment": "dev"}) == []
    assert judge([rule], {**facts, "now": {"weekday": "Monday"}}) == []


def test_a_rule_that_cannot_be_evaluated_denies() -> None:
    (found,) = judge([Rule("odd", "contains(environment, changes)", "x", verdict="warn")], {"environment": None})
    assert found.severity == "error"
    assert "policy 'odd' cannot be evaluated" in found.what


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("{name: x, deny: 'a[', message: m}", "reconciler.yaml:7:25: error: this is no JMESPath"),
        ("{name: x, deny: 'changes[?!labels.owner]', message: m}", "! binds closer than the dot"),
        ("{name: x, deny: a, warn: b, message: m}", "exactly one of deny and warn must be given"),
        ("{name: x, denies: a, message: m}", "did you mean 'deny'?"),
    ],
)
def test_a_broken_rule_is_told_with_its_place(live: Cli, server: Server, rule: str, said: str) -> None:
    live.example("customer-io")
    project(live, f"policies:\n  rules:\n    - {rule}")
    refused = live("plan")
    assert refused.code == 1
    assert said in refused.err
    assert server.requests == []


def test_a_policy_file_that_is_none_is_told(live: Cli) -> None:
    live.example("customer-io")
    assert "cannot be read" in live("plan", "--policy", "no.yaml").err
    live.write("_bad.yaml", "rules: [{name: x}]\nother: 1\n")
    said = live("plan", "--policy", live.folder / "_bad.yaml").err
    assert "message is missing" in said
    assert "unknown key 'other'" in said


def test_the_rules_of_the_documents_work_as_written(live: Cli) -> None:
    page = (ROOT / "docs" / "policies.md").read_text(encoding="utf-8")
    block = page.partition("```yaml\n# reconciler.yaml\nspec:\n")[2].partition("```")[0]
    live.example("kinesis")
    project(live, "\n".join(line[2:] for line in block.splitlines()) + "\nvariables: {region: r, stream: s}")
    live.write("policies/everyone.yaml", "rules: [{name: more, warn: 'changes', message: '{address} was seen'}]")
    refused = live("plan")
    assert "kinesis-summer/flow: error: kinesis-summer carries no owner label (policy 'owner')" in refused.err
    assert "personalEmail.address is sensitive and must not leave" in refused.err
    assert "person.lastName" not in refused.err
    assert "kinesis-summer/target was seen (policy 'more')" in refused.out


# -- selections ------------------------------------------------------------------------------------------------------
def test_labels_select_and_the_plan_says_what_it_left_out(live: Cli, server: Server) -> None:
    live.example("customer-io")
    live.example("kinesis")
    live.edit("customer-io.yaml", "  name: customer-io", "  name: customer-io\n  labels: {team: crm}")
    said = live.ok("plan", "--select", "team=crm")
    assert "Plan: 4 to create" in said.out
    assert "Left out: 5 addresses" in said.out
    document = live.ok("plan", "--exclude", "kinesis-summer", "--format", "json").json()
    assert document["summary"]["create"] == 4
    parts = ("source/connection", "source", "target/connection", "target", "flow")
    assert set(document["leftOut"]) == {f"kinesis-summer/{part}" for part in parts}
    live.ok("apply", "-y", "--select", "team=crm")
    assert {address.partition("/")[0] for address in live.state["resources"]} == {"customer-io"}
    # what left the manifests is still selected by the label it had
    (live.folder / "customer-io.yaml").unlink()
    assert live.changes("--select", "team=crm").keys() == live.state["resources"].keys()
    assert live.changes("--select", "team=other") == {}


def test_destroy_takes_a_selection(live: Cli, server: Server) -> None:
    live.example("customer-io")
    live.example("kinesis")
    live.ok("apply", "-y")
    live.ok("destroy", "-y", "--exclude", "kinesis-summer/flow")
    left = set(live.state["resources"])
    assert "kinesis-summer/target/connection" in left, "what stays keeps what it needs"
    assert not any(address.startswith("customer-io") for address in left)
    live.ok("destroy", "-y", "--target", "kinesis-summer/source")
    assert set(live.state["resources"]) == {"kinesis-summer/target/connection", "kinesis-summer/target"}


# -- saved plans -----------------------------------------------------------------------------------------------------
def test_a_saved_plan_is_stale_when_its_manifests_changed(live: Cli, server: Server) -> None:
    live.example("customer-io")
    live.ok("plan", "--out", "p.json")
    live.write("other.yaml", "apiVersion: v1\nkind: ConfigMap\n")  # not its business
    live.edit("customer-io.yaml", "name: Streaming Dataflow", "name: A Dataflow")
    server.clear()
    refused = live("apply", "p.json", "-y")
    assert refused.code == 1
    assert "customer-io.yaml: the document customer-io renders differently (plan again" in refused.err
    assert server.writes() == []
    live.edit("customer-io.yaml", "name: A Dataflow", "name: Streaming Dataflow")
    live.ok("apply", "p.json", "-y")


def test_a_saved_plan_is_whole_and_a_damaged_one_is_told(live: Cli, server: Server) -> None:
    live.example("customer-io")
    live.ok("plan", "--out", "p.json")
    for option in (("--target", "customer-io/flow"), ("--select", "a=b"), ("--exclude", "customer-io")):
        assert "A saved plan is applied whole" in live("apply", "p.json", "-y", *option).err
        assert "A saved plan is drawn whole" in live("graph", "p.json", *option).err
    saved = json.loads((live.folder / "p.json").read_text(encoding="utf-8"))
    for part in ({"basis": 5}, {"leftOut": 5}, {"changes": [{**saved["changes"][0], "labels": 5}]},
                 {"changes": [{**saved["changes"][0], "requests": [{}]}]}):  # fmt: skip
        live.write("p.json", json.dumps({**saved, **part}))
        refused = live("apply", "p.json", "-y")
        assert refused.code == 1
        assert "p.json is not a usable saved plan" in refused.err, part
    assert server.writes() == []


def test_a_plan_saved_by_an_older_version_has_to_be_made_again(live: Cli, server: Server) -> None:
    live.example("customer-io")
    live.ok("plan", "--out", "p.json")
    saved = json.loads((live.folder / "p.json").read_text(encoding="utf-8"))
    live.write("p.json", json.dumps({**saved, "formatVersion": 1}))
    for command in (("apply", "p.json", "-y"), ("show", "p.json")):
        refused = live(*command)
        assert refused.code == 1
        assert "plan again with: reconciler plan --out FILE" in refused.err
    assert server.writes() == []


def _shape(method: str, path: str) -> str:
    import re

    return method + " " + re.sub(r"/(\{id\}|[0-9a-f-]{24,})", "/ID", path)


def _requests(live: Cli) -> list[str]:
    plan = json.loads((live.folder / "p.json").read_text(encoding="utf-8"))
    calls = [call for change in plan["changes"] for call in change.get("requests", change.get("calls", ()))]
    return sorted(_shape(call["method"], call["path"]) for call in calls)


def _sent(server: Server) -> list[str]:
    away = ("/test", "/validate")
    return sorted(
        _shape(item.method, item.path)
        for item in server.writes()
        if item.path.startswith("/data") and not item.path.endswith(away)
    )


@pytest.mark.parametrize("name", ["customer-io", "kinesis", "s3-loyalty", "s3-audiences", "dataset-export"])
def test_every_request_of_a_first_apply_was_shown(live: Cli, server: Server, name: str) -> None:
    live.example(name)
    live.ok("plan", "--out", "p.json")
    server.clear()
    live.ok("apply", "p.json", "-y")
    assert _sent(server) == _requests(live)


def test_every_request_of_a_replace_was_shown(live: Cli, server: Server) -> None:
    live.example("customer-io")
    live.ok("apply", "-y")
    live.edit("customer-io.yaml", "providerId: 5", "providerId: 6")
    live.ok("plan", "--out", "p.json")
    server.clear()
    live.ok("apply", "p.json", "-y")
    shown = _requests(live)
    assert _sent(server) == shown
    assert any(call.startswith("DELETE") for call in shown)
    assert any(call.endswith("/action") for call in shown), "the old flow is stopped first"
