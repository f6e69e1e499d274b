"""Saved plans: they show what they send, are judged by what they touch, signed, compared and planned again."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.cli.test_policies import OWNER
from tests.cli.test_project import project
from tests.conftest import FLOW, Cli, Server

KEY = "canary-plan-key-7d1f"


def two(live: Cli) -> None:
    """Apply two dataflows that share nothing."""
    live.example("customer-io")
    text = (live.folder / "customer-io.yaml").read_text(encoding="utf-8")
    live.write("second.yaml", text.replace("name: customer-io", "name: second").replace("Streaming Dataflow", "Second"))
    live.ok("apply", "-y")


def edited(live: Cli, server: Server) -> tuple[str, str]:
    """Save a plan for each of two dataflows, each made on a branch that changes this one only."""
    two(live)
    live.edit("customer-io.yaml", "name: Streaming Dataflow", "name: First A")
    live.ok("plan", "--out", "a.plan")
    live.edit("customer-io.yaml", "name: First A", "name: Streaming Dataflow")
    live.edit("second.yaml", "name: Second", "name: Second B")
    live.ok("plan", "--out", "b.plan")
    live.edit("customer-io.yaml", "name: Streaming Dataflow", "name: First A")
    server.clear()
    return "a.plan", "b.plan"


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_plans_over_different_dataflows_apply_in_either_order(
    live: Cli, server: Server, order: tuple[int, int]
) -> None:
    plans = edited(live, server)
    for index in order:
        live.ok("apply", plans[index], "-y")
    assert live("plan", "--detailed-exitcode").code == 0
    again = live("apply", plans[0], "-y")
    assert again.code == 1
    assert "changed in the state since the plan was made" in again.err


def test_first_plans_of_different_dataflows_apply_in_either_order(live: Cli, server: Server) -> None:
    live.example("customer-io")
    live.ok("plan", "--out", "a.plan")
    text = (live.folder / "customer-io.yaml").read_text(encoding="utf-8")
    live.write("second.yaml", text.replace("name: customer-io", "name: second").replace("Streaming Dataflow", "Second"))
    live.ok("plan", "--out", "b.plan", "--target", "second")
    live.ok("apply", "b.plan", "-y")
    live.ok("apply", "a.plan", "-y")
    assert live("plan", "--detailed-exitcode").code == 0


def test_an_etag_alone_makes_no_plan_stale(live: Cli, server: Server) -> None:
    live.example("customer-io")
    live.ok("apply", "-y")
    ident = live.id("customer-io/flow")
    live.edit("customer-io.yaml", "name: Streaming Dataflow", "name: A Dataflow")
    live.ok("plan", "--out", "p.plan")
    server.edit("flows", ident, {"op": "replace", "path": "/name", "value": server.get("flows", ident)["name"]})
    live.ok("apply", "p.plan", "-y")
    live.edit("customer-io.yaml", "name: A Dataflow", "name: B Dataflow")
    live.ok("plan", "--out", "p.plan")
    server.edit("flows", ident, {"op": "replace", "path": "/name", "value": "by hand"})
    server.clear()
    refused = live("apply", "p.plan", "-y")
    assert refused.code == 1
    assert "customer-io/flow" in refused.err
    assert server.writes() == []


def test_a_document_counts_as_it_renders(live: Cli, server: Server) -> None:
    live.example("customer-io")
    live.ok("plan", "--out", "p.plan")
    path = live.folder / "customer-io.yaml"
    text = path.read_text(encoding="utf-8")
    path.write_text("# a comment\n" + text, encoding="utf-8")
    live.write("other.yaml", text.replace("name: customer-io", "name: other").replace("Streaming", "Other"))
    live.ok("apply", "p.plan", "-y")
    assert [flow["name"] for flow in server.items("flows")] == ["Streaming Dataflow for Customer.io"]


def test_a_new_dependent_makes_a_delete_stale(live: Cli, server: Server) -> None:
    two(live)
    live.ok("plan", "--destroy", "--target", "second", "--out", "p.plan")
    path = live.folder / "p.plan"
    saved = json.loads(path.read_text(encoding="utf-8"))
    assert any(saved["basis"]["dependents"].values())
    for address in saved["basis"]["dependents"]:
        saved["basis"]["dependents"][address] = []
    path.write_text(json.dumps(saved), encoding="utf-8")
    refused = live("apply", "p.plan", "-y")
    assert refused.code == 1
    assert "began to depend on the object" in refused.err


# -- signatures ------------------------------------------------------------------------------------------------------
def test_a_key_signs_and_demands_a_signature(live: Cli, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    live.example("customer-io")
    live.ok("plan", "--out", "unsigned.plan")
    monkeypatch.setenv("RECONCILER_PLAN_KEY", KEY)
    live.ok("plan", "--out", "p.plan")
    text = (live.folder / "p.plan").read_text(encoding="utf-8")
    assert KEY not in text
    assert "is not signed" in live("apply", "unsigned.plan", "-y").err
    saved = json.loads(text)
    live.write("changed.plan", json.dumps({**saved, "warnings": ["all is well"]}))
    for command in (("apply", "changed.plan", "-y"), ("show", "changed.plan")):
        refused = live(*command)
        assert refused.code == 1
        assert "the signature is not valid" in refused.err
    monkeypatch.setenv("RECONCILER_PLAN_KEY", "another key")
    assert "the signature is not valid" in live("apply", "p.plan", "-y").err
    assert server.writes() == []
    monkeypatch.setenv("RECONCILER_PLAN_KEY", KEY)
    live.write("again.plan", json.dumps(saved, sort_keys=True))  # the signature is one of the content
    live.ok("apply", "again.plan", "-y")


def test_without_a_key_a_signed_plan_is_applied_with_a_note(
    live: Cli, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    live.example("customer-io")
    monkeypatch.setenv("RECONCILER_PLAN_KEY", KEY)
    live.ok("plan", "--out", "p.plan")
    monkeypatch.delenv("RECONCILER_PLAN_KEY")
    assert "the signature is not checked" in live.ok("apply", "p.plan", "-y").err


def test_an_unsigned_plan_is_made_again_and_compared(
    live: Cli, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    live.example("customer-io")
    live.ok("plan", "--out", "p.plan")
    monkeypatch.setenv("RECONCILER_PLAN_KEY", KEY)
    live.edit("customer-io.yaml", "name: Streaming Dataflow", "name: Not reviewed")
    refused = live("apply", "p.plan", "-y", "--replan-if-stale")
    assert refused.code == 1
    assert "is not signed" in refused.err
    assert server.writes() == []
    assert "the signature" not in live.ok("show", "p.plan.new").err
    live.edit("customer-io.yaml", "name: Not reviewed", "name: Streaming Dataflow")
    applied = live.ok("apply", "p.plan", "-y", "--replan-if-stale")
    assert "the changes are the same" in applied.err
    assert server.writes() != []


# -- planned again ---------------------------------------------------------------------------------------------------
def test_a_stale_plan_is_planned_again_and_applied_if_it_is_the_same(live: Cli, server: Server) -> None:
    live.example("customer-io")
    live.ok("apply", "-y")
    live.edit("customer-io.yaml", "name: Streaming Dataflow", "name: A Dataflow")
    live.ok("plan", "--out", "p.plan")
    live.edit("customer-io.yaml", "sourceAttribute: metric,", "sourceAttribute: data.metric,")
    refused = live("apply", "p.plan", "-y", "--replan-if-stale")
    assert refused.code == 1
    assert "p.plan.new" in refused.err
    assert [item for item in server.writes() if item.method in ("PATCH", "PUT")] == []
    assert "customer-io/mapping" in live.ok("show", "p.plan", "--compare", "p.plan.new").out
    found = live.ok("show", "p.plan", "--compare", "p.plan.new", "--format", "json").json()
    assert found["equal"] is False
    live.ok("apply", "p.plan.new", "-y")
    assert live("plan", "--detailed-exitcode").code == 0


def test_a_plan_whose_state_moved_without_effect_is_applied_after_planning_again(live: Cli, server: Server) -> None:
    live.example("customer-io")
    live.ok("apply", "-y")
    live.edit("customer-io.yaml", "name: Streaming Dataflow", "name: A Dataflow")
    live.ok("plan", "--out", "p.plan")
    path = live.folder / "p.plan"
    saved = json.loads(path.read_text(encoding="utf-8"))
    saved["basis"]["documents"] = dict.fromkeys(saved["basis"]["documents"], "0")  # as when a variable moved
    path.write_text(json.dumps(saved), encoding="utf-8")
    assert live("apply", "p.plan", "-y").code == 1
    applied = live.ok("apply", "p.plan", "-y", "--replan-if-stale")
    assert "the changes are the same" in applied.err
    assert live("plan", "--detailed-exitcode").code == 0
    assert live.ok("show", "p.plan", "--compare", "p.plan").out == "The plans make the same changes.\n"


@pytest.mark.parametrize("example", ["customer-io", "kinesis"])
def test_a_saved_plan_from_a_snapshot_is_never_applied_but_compared(
    live: Cli, server: Server, monkeypatch: pytest.MonkeyPatch, example: str
) -> None:
    """As in the pipelines: a fork plans from a snapshot without the key, the main branch plans again with it."""
    live.example(example)
    live.ok("apply", "-y")
    old, new = ("name: Streaming Dataflow", "name: A") if example == "customer-io" else ("name: Summer", "name: Winter")
    live.ok("snapshot", "--out", "now.snapshot")
    live.edit(f"{example}.yaml", old, new)
    assert "--replan-if-stale" in live.ok("plan", "--snapshot", "now.snapshot", "--out", "s.plan").err
    server.clear()
    monkeypatch.setenv("RECONCILER_PLAN_KEY", KEY)
    refused = live("apply", "s.plan", "-y")
    assert refused.code == 1
    assert "made from a snapshot and cannot be applied" in refused.err
    assert server.writes() == []
    assert "the changes are the same" in live.ok("apply", "s.plan", "-y", "--replan-if-stale").err
    assert live("plan", "--detailed-exitcode").code == 0
    live.edit(f"{example}.yaml", new, "name: Other")
    server.clear()
    assert live("apply", "s.plan", "-y", "--replan-if-stale").code == 1
    assert server.writes() == []


def test_what_is_left_of_a_plan_that_was_cut_off_is_applied_after_planning_again(live: Cli, server: Server) -> None:
    two(live)
    live.edit("customer-io.yaml", "name: Streaming Dataflow", "name: First A")
    live.edit("second.yaml", "name: Second", "name: Second B")
    live.ok("plan", "--out", "p.plan")
    live.ok("apply", "-y", "--target", "second")
    assert "a part is done" in live.ok("apply", "p.plan", "-y", "--replan-if-stale").err
    assert live("plan", "--detailed-exitcode").code == 0
    server.clear()
    live.ok("apply", "p.plan", "-y", "--replan-if-stale")  # all of it is done
    assert server.writes() == []
    live.edit("second.yaml", "name: Second B", "name: Second C")
    assert live("apply", "p.plan", "-y", "--replan-if-stale").code == 1
    assert server.writes() == []


def test_a_comparison_as_markdown_stays_within_its_table_and_code(live: Cli) -> None:
    live.example("customer-io")
    for name, title in (("a", "A | b ``` @octocat"), ("b", "B")):
        live.edit("customer-io.yaml", "name: Streaming Dataflow for Customer.io", f"name: '{title}'")
        live.ok("plan", "--out", f"{name}.plan")
        live.edit("customer-io.yaml", f"name: '{title}'", "name: Streaming Dataflow for Customer.io")
    told = live.ok("show", "a.plan", "--compare", "b.plan", "--format", "markdown").out
    table, _, calls = told.partition("<details>")
    assert "| `customer-io/flow` | create | create |" in table
    assert "octocat" not in table
    assert "````diff" in calls
    assert "same changes" in live.ok("show", "a.plan", "--compare", "a.plan", "--format", "markdown").out


@pytest.mark.parametrize("edit", [False, True], ids=["the same changes", "other changes"])
def test_a_plan_that_may_not_be_applied_when_planned_again_is_refused_with_the_reason(
    live: Cli, server: Server, edit: bool
) -> None:
    live.example("customer-io")
    live.ok("plan", "--out", "p.plan")
    saved = json.loads((live.folder / "p.plan").read_text(encoding="utf-8"))
    saved["basis"]["documents"] = dict.fromkeys(saved["basis"]["documents"], "0")
    live.write("p.plan", json.dumps(saved))
    project(live, OWNER)
    if edit:
        live.edit("customer-io.yaml", "name: Streaming Dataflow", "name: A Dataflow")
    refused = live("apply", "p.plan", "-y", "--replan-if-stale")
    assert refused.code == 1
    assert "carries no owner label" in refused.err
    assert ("other changes" in refused.err, "customer-io/flow" in refused.out) == (False, edit)
    assert server.writes() == []
    assert not (live.folder / "p.plan.new").exists()


# -- nothing unseen --------------------------------------------------------------------------------------------------
def test_what_a_plan_does_not_show_is_not_sent(live: Cli, server: Server) -> None:
    live.example("customer-io")
    live.ok("apply", "-y")
    live.edit("customer-io.yaml", "name: Streaming Dataflow", "name: A Dataflow")
    live.ok("plan", "--out", "p.plan")
    saved = json.loads((live.folder / "p.plan").read_text(encoding="utf-8"))
    index = next(i for i, item in enumerate(saved["changes"]) if item["action"] == "update")
    server.clear()

    def attempt(**members: Any) -> str:
        changes = [*saved["changes"]]
        changes[index] = {**changes[index], **members}
        live.write("evil.plan", json.dumps({**saved, "changes": changes}))
        refused = live("apply", "evil.plan", "-y")
        assert refused.code == 1, members
        assert server.writes() == []
        return refused.err

    call = saved["changes"][index]["calls"][0]
    for path in ("http://evil/steal", "//evil/data/x", "/data/../ims", f"{FLOW}/flows/x?y", f"{FLOW}/flows/other"):
        attempt(calls=[{**call, "path": path}])
    attempt(calls=[{**call, "guarded": False}])
    attempt(calls=[{**call, "headers": [["x-sandbox-name", "prod"]]}])
    body = [{**call["body"][0], "value": "EVIL"}]
    assert "the patch shown" in attempt(calls=[{**call, "body": body}])
    attempt(calls=[{**call, "body": body}], patch=body)
    desired = {**saved["changes"][index]["desired"], "name": "EVIL"}
    assert "the body shown is not the body sent" in attempt(desired=desired)
    attempt(desired=desired, after=desired)


def test_variables_of_the_command_line_are_in_the_plan(live: Cli, server: Server) -> None:
    live.example("customer-io")
    live.edit("customer-io.yaml", "name: Streaming Dataflow for Customer.io", 'name: "${var.title}"')
    plan = live.ok("plan", "--var", "title=Title A", "--out", "p.plan")
    assert 'Variables given: title="Title A"' in plan.out
    for form in ("json", "markdown", "html"):
        assert "Title A" in live.ok("show", "p.plan", "--format", form).out
    other = live("apply", "p.plan", "-y", "--var", "title=B")
    assert other.code == 1
    assert "renders differently" in other.err
    assert server.writes() == []
    live.ok("apply", "p.plan", "-y")
    assert server.get("flows", live.id("customer-io/flow"))["name"] == "Title A"


def test_a_variable_that_a_literal_secret_contains_is_not_in_the_plan(live: Cli) -> None:
    live.example("kinesis")
    live.ok("apply", "-y")
    live.edit("kinesis.yaml", "${secret.kinesis-key}", "${var.key}")
    plan = live("plan", "--var", "key=canary-literal-51", "--allow-literal-secrets", "--out", "p.plan")
    file = live.folder / "p.plan"
    assert "canary-literal-51" not in plan.out + plan.err + (file.read_text("utf-8") if file.exists() else "")
