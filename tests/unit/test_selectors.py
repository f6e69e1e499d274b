"""A new list that dataflows hand out is one row: guardrails, policies, export, schema and plans see it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from reconciler.catalog import shipped
from reconciler.config.editor_schema import json_schema
from reconciler.core.kind import Check
from reconciler.core.plan.guards import Guardrails, exceeded
from reconciler.core.plan.input import PlanInput
from reconciler.core.plan.model import Action, Change, DriftField, Plan
from reconciler.core.plan.planner import plan
from reconciler.core.plan.saved_plan import plan_json, plan_of
from reconciler.core.resource import Call, Live, Resource
from reconciler.core.state.model import Entry, State
from reconciler.core.trees import resolve
from reconciler.core.values import MISSING, Ref
from reconciler.documents.load import Project, load
from reconciler.export.acceptance import NoPlaceError, accepting
from reconciler.export.dataflows import Sandbox, export
from reconciler.kinds import kinds
from reconciler.kinds.exports import exports
from reconciler.kinds.flow import Flow
from reconciler.kinds.selectors import SELECTORS, selector
from reconciler.render.html import html
from reconciler.render.markdown import markdown
from reconciler.render.text import plan_text
from reconciler.yamltext.reader import read
from reconciler.yamltext.text import Text


def ask(ident: str) -> Check:
    return Check(Call("GET", f"/accounts/{ident}"), lambda _: ())


ACCOUNTS = selector(
    "accountSelectors",
    "id",
    noun="account",
    document_field="accounts",
    doc="The accounts that are activated.",
    member_type="PLATFORM_ACCOUNT",
    member_fields=("id", "name"),
    optional=True,
    removal_counts=True,
    exported_as="account",
    looked_up_as="Account",
    check=ask,
)
ROWS = (*SELECTORS, ACCOUNTS)
KINDS = {**kinds(), "Flow": Flow(ROWS)}
MANIFEST = """\
apiVersion: reconciler/v1
kind: DestinationDataflow
metadata: {name: kinesis}
spec:
  target:
    connector: amazon-kinesis
    connection: {id: base-1}
    params: {stream: clicks, region: us-east-1}
  flow: {name: Kinesis}
  audiences: [{id: aud-1}]
  attributes: [personalEmail.address]
  accounts: [ACCOUNTS]
"""
ONE, BOTH = "{id: acc-1, name: First}", "{id: acc-1, name: First}, {id: acc-2}"


def loaded(folder: Path, accounts: str) -> Project:
    (folder / "kinesis.yaml").write_text(MANIFEST.replace("ACCOUNTS", accounts), encoding="utf-8")
    return load(folder, folder, ".", shipped(), {}, literal_secrets=False, selectors=ROWS)


def flow_of(folder: Path, accounts: str) -> Resource:
    project = loaded(folder, accounts)
    assert project.problems == []
    return project.resources["kinesis/flow"]


def body_of(resource: Resource) -> dict[str, Any]:
    """Return the body as it is live, all references resolved."""
    known = {Ref(address): f"{address.rpartition('/')[2]}-1" for address in resource.dependencies}
    body: dict[str, Any] = resolve(resource.body, known)
    return body


def planned(wanted: Resource, before: Resource | None) -> tuple[Plan, State]:
    """Return the plan for `wanted` where `before` was applied and is live."""
    entries = {need: Entry("x", f"{need.rpartition('/')[2]}-1") for need in wanted.dependencies}
    lives: dict[str, Live | None] = {}
    if before is not None:
        entries[before.address] = Entry("Flow", "f1", applied=body_of(before), dependencies=before.dependencies)
        lives[before.address] = Live("f1", body_of(before), '"e"')
    state = State("l", "prod", "p", "o", "s", 0, entries)
    made = plan(PlanInput({wanted.address: wanted}, state, lives, KINDS, lambda *_: None, tuple(lives)))
    return made, state


def only(made: Plan) -> Change:
    (change,) = made.effective
    return change


def codes(made: Plan, state: State) -> list[str]:
    return [problem.code for problem in exceeded(made, state, Guardrails(max_deletes=0), KINDS)]


def test_guardrails_count_a_removal(tmp_path: Path) -> None:
    made, state = planned(flow_of(tmp_path, ONE), flow_of(tmp_path, BOTH))
    assert only(made).action is Action.UPDATE
    assert codes(made, state) == ["max-deletes"]
    assert codes(plan_of(plan_json(made), "it", KINDS), state) == ["max-deletes"], "of a saved plan, too"
    added, state = planned(flow_of(tmp_path, BOTH), flow_of(tmp_path, ONE))
    assert codes(added, state) == []


def test_a_percentage_compares_members_with_members(tmp_path: Path) -> None:
    def accounts(numbers: range) -> str:
        return ", ".join(f"{{id: acc-{number}}}" for number in numbers)

    def refused(before: int, after: int, limit: float | None = None) -> list[str]:
        made, state = planned(flow_of(tmp_path, accounts(range(after))), flow_of(tmp_path, accounts(range(before))))
        return [problem.what for problem in exceeded(made, state, Guardrails(None, limit), KINDS)]

    assert refused(10, 3) == [
        "the plan removes 7 of 10 accounts in scope (70 %), more than the default of guardrails.maxDeletePercent (30 %)"
    ]
    assert refused(10, 5) == [], "five are few"
    assert refused(30, 21) == [], "9 of 30 are not more than 30 %, and 900 % of the one object"
    assert refused(10, 5, 40) == ["the plan removes 5 of 10 accounts in scope (50 %), more than "
                                  "guardrails.maxDeletePercent (40 %)"]  # fmt: skip


def test_a_removal_that_does_not_count_is_free(tmp_path: Path) -> None:
    made, state = planned(flow_of(tmp_path, ONE), flow_of(tmp_path, BOTH))
    free = Flow((*SELECTORS, replace(ACCOUNTS, removal_counts=False))).rules({})
    assert codes(replace(made, changes=(replace(only(made), rules=free),)), state) == []


def test_policies_see_each_member(tmp_path: Path) -> None:
    made, _ = planned(flow_of(tmp_path, BOTH), None)
    found = [(item["type"], item["id"], item["path"]) for item in exports(made.changes, {}, ROWS)]
    assert found == [
        ("audience", "aud-1", None), ("attribute", None, "personalEmail.address"), ("account", "acc-1", None),
        ("account", "acc-2", None),
    ]  # fmt: skip


def test_the_seed_is_empty_and_added_members_are_asked_about(tmp_path: Path) -> None:
    change = only(planned(flow_of(tmp_path, BOTH), None)[0])
    (params,) = [item["params"] for item in change.calls[0].body["transformations"]]
    assert params["accountSelectors"] == {"selectors": []}
    asked: Sequence[Check] = KINDS["Flow"].checks(change)
    assert [check.call.path for check in asked if check.call.path.startswith("/accounts")] == [
        "/accounts/acc-1", "/accounts/acc-2",
    ]  # fmt: skip
    update = only(planned(flow_of(tmp_path, BOTH), flow_of(tmp_path, ONE))[0])
    assert [check.call.path for check in KINDS["Flow"].checks(update)] == ["/accounts/acc-2"]


def test_plans_show_members_below_the_list(tmp_path: Path) -> None:
    made, _ = planned(flow_of(tmp_path, ONE), flow_of(tmp_path, BOTH))
    assert "      accountSelectors\n        - acc-2\n" in plan_text(made)
    assert "accountSelectors" in markdown(made)
    assert "accountSelectors.acc-2" in html(made)
    new, _ = planned(flow_of(tmp_path, BOTH), None)
    assert '      accountSelectors\n        + "First" acc-1\n        + acc-2\n' in plan_text(new)


def test_export_writes_what_reads_back(tmp_path: Path) -> None:
    flow = {**body_of(flow_of(tmp_path, BOTH)), "id": "f1", "sourceConnectionIds": ["s"], "targetConnectionIds": ["t"]}
    catalog = shipped()
    source = {"id": "s", "name": "S", "connectionSpec": catalog.fixed_spec("profile-store")}
    connector = catalog.get("destination", "amazon-kinesis")
    assert connector is not None
    target = {"id": "t", "name": "T", "connectionSpec": connector.connection_spec, "params": {"stream": "c"}}
    made = export(Sandbox([flow], {"s": source}, {"t": target}, {}, {}), catalog, ROWS, [flow])
    assert made.skipped == []
    (document,) = read(Text("d", made.documents["kinesis"].text))
    assert document["spec"]["accounts"] == [{"id": "acc-1", "name": "First"}, {"id": "acc-2"}]
    without = export(Sandbox([flow], {"s": source}, {"t": target}, {}, {}), catalog, SELECTORS, [flow])
    assert "its transformation has accountSelectors" in without.skipped[0]


def test_drift_of_a_member_is_accepted(tmp_path: Path) -> None:
    project = loaded(tmp_path, ONE)
    member = {"type": "PLATFORM_ACCOUNT", "value": {"id": "acc-3", "name": "Third", "createTime": "1"}}
    field = DriftField((*ACCOUNTS.steps, "acc-3"), MISSING, member, MISSING)
    place = accepting(project.documents["kinesis"], project.resources["kinesis/flow"], field, ROWS)
    assert (place.edit.path, place.edit.value) == (("spec", "accounts", "-"), {"id": "acc-3", "name": "Third"})
    renamed = DriftField((*ACCOUNTS.steps, "acc-1", "value", "name"), "First", "1st", "First")
    place = accepting(project.documents["kinesis"], project.resources["kinesis/flow"], renamed, ROWS)
    assert (place.edit.path, place.edit.value) == (("spec", "accounts", "0", "name"), "1st")
    double = DriftField((*ACCOUNTS.steps, "acc-1"), MISSING, member, MISSING)
    with pytest.raises(NoPlaceError, match=r"^the manifest lists it already$"):
        accepting(project.documents["kinesis"], project.resources["kinesis/flow"], double, ROWS)


def test_ownership_follows_the_row(tmp_path: Path) -> None:
    assert ACCOUNTS.pattern not in flow_of(tmp_path, ONE).shared
    (tmp_path / "kinesis.yaml").write_text(
        MANIFEST.replace("ACCOUNTS", ONE) + "  ownership: {accounts: shared}\n", encoding="utf-8"
    )
    project = load(tmp_path, tmp_path, ".", shipped(), {}, literal_secrets=False, selectors=ROWS)
    assert project.problems == []
    assert project.resources["kinesis/flow"].shared == (ACCOUNTS.pattern,)


@pytest.mark.parametrize(
    ("accounts", "code"),
    [
        ("{id: a}, {id: a}", "duplicate-account"),
        ("{ident: a}", "unknown-key"),
        ("{}", "missing-key"),
        ("{id: 5}", "bad-type"),
    ],
)
def test_what_is_wrong_with_a_member_is_told(tmp_path: Path, accounts: str, code: str) -> None:
    assert [problem.code for problem in loaded(tmp_path, accounts).problems] == [code]


def test_editors_know_the_field() -> None:
    schema = json_schema(shipped(), ROWS)
    spec = schema["definitions"]["DestinationDataflowSpec"]["properties"]
    assert spec["accounts"]["description"] == ACCOUNTS.doc
    assert "accounts" in schema["definitions"]["Ownership"]["properties"]
    (document,) = read(Text("d", MANIFEST.replace("ACCOUNTS", BOTH)))
    check = jsonschema.Draft7Validator(schema)
    assert list(check.iter_errors(document)) == []
    document["spec"]["accounts"][0]["ident"] = "x"
    assert list(check.iter_errors(document)) != []
    assert list(jsonschema.Draft7Validator(json_schema(shipped(), SELECTORS)).iter_errors(document)) != []
