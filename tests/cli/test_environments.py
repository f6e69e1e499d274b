"""One manifest for every sandbox: typed variables, overlays, every environment at once, promotion."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from reconciler.documents.overlay import merge
from reconciler.render.markdown import LIMIT, markdown_of_several
from tests.cli.test_project import project
from tests.conftest import FLOW, Cli, Server
from tests.unit.plans import many

ENVIRONMENTS = """
variables:
  region: {type: string, default: us-east-1, description: where the stream is}
  stream: {type: string}
environments:
  dev: {sandbox: dev, variables: {stream: clicks-dev}}
  stage: {sandbox: stage, variables: {stream: clicks-stage}}
  prod: {sandbox: prod-1, protected: true, variables: {stream: clicks, region: eu-west-1}}
"""
OVERLAY = """
apiVersion: reconciler/v1
kind: DestinationDataflow
metadata: {name: kinesis-summer, annotations: {reconciler/prevent-destroy: "true"}}
spec:
  flow: {description: The real one}
  target: {params: {partitions: four}}
  attributes: [personalEmail.address]
"""


@pytest.fixture
def three(live: Cli) -> Cli:
    """The kinesis example in three environments, production with an overlay."""
    live.example("kinesis")
    project(live, ENVIRONMENTS)
    live.write("overlays/prod/kinesis.yaml", OVERLAY)
    return live


# -- variables ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("declared", "given", "expected"),
    [
        ("{type: string, default: x}", "12", "12"),
        ("{type: string, default: x}", "no", "no"),
        ("{type: integer}", "12", 12),
        ("{type: number}", "1.5", 1.5),
        ("{type: boolean}", "true", True),
        ("{type: list}", "[a, 1]", ["a", 1]),
        ("{type: map}", "{a: 1}", {"a": 1}),
        ("{a: 1}", "{b: 2}", {"b": 2}),
    ],
)
def test_a_variable_has_a_type(cli: Cli, server: Server, declared: str, given: str, expected: Any) -> None:
    from tests.conftest import point_at

    with pytest.MonkeyPatch.context() as patch:
        point_at(server, patch)
        cli.example("kinesis")
        project(cli, f"variables:\n  region: r\n  stream: s\n  it: {declared}")
        cli.edit("kinesis.yaml", "      stream: ${var.stream}", "      stream: ${var.stream}\n      it: ${var.it}")
        plan = cli.ok("plan", "--format", "json", "--var", f"it={given}").json()
    target = next(item for item in plan["changes"] if item["address"] == "kinesis-summer/target")
    assert target["after"]["params"]["it"] == expected


@pytest.mark.parametrize(
    ("lines", "options", "place", "said"),
    [
        ("variables: {it: {type: strng}}", (), "reconciler.yaml:5:26", "'strng' is no type of a variable"),
        ("variables: {it: {type: [list]}}", (), "reconciler.yaml:5:26", "['list'] is no type of a variable"),
        ("variables: {it: {type: integer, default: 1.5}}", (), "reconciler.yaml:5:44", "declared as integer, and 1.5"),
        ("variables: {it: {type: string, default: 15}}", (), "reconciler.yaml:5:43", 'write "15" in quotes'),
        ("variables: {it: {type: number, default: true}}", (), "reconciler.yaml:5:43", "declared as number, and True"),
        (
            "variables: {it: {type: list}}\nenvironments: {dev: {variables: {it: 5}}}",
            ("--env", "dev"),
            "reconciler.yaml:6:40",
            "declared as list, and 5",
        ),
        ("variables: {it: {type: boolean}}", ("--var", "it=maybe"), "--var it: ", "declared as boolean, and 'maybe'"),
        ("environments: {all: {}}", (), "reconciler.yaml:5:17", "no environment can be named all"),
    ],
)
def test_a_wrong_value_is_told_with_its_place(
    cli: Cli, lines: str, options: tuple[str, ...], place: str, said: str
) -> None:
    cli.example("customer-io")
    project(cli, lines)
    found = cli("validate", *options)
    assert found.code == 1
    assert place in found.err
    assert said in found.err


def test_what_nothing_uses_is_told(three: Cli) -> None:
    project(three, ENVIRONMENTS.replace("  stream: {type: string}", "  stream: {type: string}\n  strem: 1\n  later: 2"))
    three.write("overlays/stage/kinesis.yaml", OVERLAY.replace("four", "${var.later}"))
    found = three.ok("validate", "--env", "dev").out
    assert "reconciler.yaml:8:5: warning: the variable 'strem' is used nowhere" in found
    three.ok("validate", "--env", "dev", "--var", "strem=2", "--var", "later=3")
    for command in ("validate", "plan"):
        unknown = three(command, "--env", "dev", "--var", "reegion=x", "--emulator")
        assert unknown.code == 1
        said = "error: nothing declares or uses the variable 'reegion' (did you mean 'region'?)"
        assert said in unknown.out + unknown.err
    three.write("more.vars", "region: x\nstraem: y\n")
    filed = three.ok("validate", "--env", "dev", "--var-file", "more.vars").out
    assert "more.vars:2:1: warning: nothing uses a variable named 'straem' (did you mean 'stream'?)" in filed
    assert "'later'" not in found, "another environment uses it"
    assert "'stream'" not in found


# -- overlays -----------------------------------------------------------------------------------------------------
def test_an_overlay_changes_one_environment(three: Cli, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    three.ok("apply", "-y", "--env", "dev")
    (flow,) = server.bodies("POST", f"{FLOW}/flows")
    assert flow["description"] == "Summer campaign"
    server.clear()
    three.ok("apply", "-y", "--env", "prod")
    (flow,) = server.bodies("POST", f"{FLOW}/flows")
    assert flow["description"] == "The real one"
    assert flow["name"] == "Summer campaign", "what an overlay does not say stays"
    (target,) = server.bodies("POST", f"{FLOW}/targetConnections")
    assert target["params"] == {"stream": "clicks", "region": "eu-west-1", "partitions": "four"}
    state = json.loads((three.folder / "state" / "prod.json").read_text())
    assert state["resources"]["kinesis-summer/flow"]["protect"] is True
    assert three("plan", "--env", "prod", "--detailed-exitcode").code == 0
    assert three("plan", "--env", "dev", "--detailed-exitcode").code == 0


def test_null_takes_out_and_lists_are_replaced(three: Cli) -> None:
    text = OVERLAY.replace("{description: The real one}", "{description: null}")
    three.write("overlays/prod/kinesis.yaml", text)
    plan = three.ok("plan", "--env", "prod", "--format", "json").json()
    flow = next(item for item in plan["changes"] if item["kind"] == "Flow")["after"]
    assert "description" not in flow
    selectors = flow["transformations"][0]["params"]["profileSelectors"]["selectors"]
    assert [item["value"]["path"] for item in selectors] == ["personalEmail.address"]


@pytest.mark.parametrize(
    ("old", "new", "place", "said"),
    [
        ("name: kinesis-summer", "name: kinesis-sumer", ":4:18", "did you mean 'kinesis-summer'?"),
        ("kind: DestinationDataflow", "kind: SourceDataflow", ":3:7", "is a DestinationDataflow, not a SourceDataflow"),
        ("flow: {description", "flow: {descripton", ":6:10", "unknown key 'descripton'"),
        ("{partitions: four}", "four", ":7:20", "params must be a mapping"),
        ("attributes: [p", "attributes: ['${var.nothing}', p", ":8:16", "'nothing' has no value"),
        ("kind: DestinationDataflow", "kind: Deployment", ":3:7", "unknown kind 'Deployment'"),
        ("apiVersion: reconciler/v1\nkind: DestinationDataflow", "a: b\nkind: ConfigMap", "", "is none of ours"),
        ("spec:", "spec: [", ":", "not valid YAML"),
    ],
)
def test_a_broken_overlay_is_told_at_its_place(three: Cli, old: str, new: str, place: str, said: str) -> None:
    three.write("overlays/prod/kinesis.yaml", OVERLAY.replace(old, new))
    found = three("validate", "--env", "prod")
    assert found.code == 1, found.out
    assert said in found.out
    assert f"overlays/prod/kinesis.yaml{place}" in found.out
    three.ok("validate", "--env", "dev")


def test_a_place_in_the_document_below_stays_there(three: Cli) -> None:
    three.edit("kinesis.yaml", "    name: Summer campaign", "    nam: Summer campaign")
    found = three("validate", "--env", "prod").out
    assert "kinesis.yaml:34:5: error: unknown key 'nam'" in found
    assert "overlays" not in found


def test_overlays_of_no_environment_and_as_path(three: Cli) -> None:
    three.write("overlays/prdo/x.yaml", OVERLAY)
    assert (
        "warning: overlays/prdo belongs to no environment (did you mean 'prod'?)"
        in three.ok("validate", "--env", "dev").out
    )
    refused = three("plan", "overlays/prod/kinesis.yaml", "--env", "prod")
    assert refused.code == 1
    assert "is an overlay" in refused.err


def test_metadata_alone(three: Cli) -> None:
    text = OVERLAY[: OVERLAY.index("spec:")]
    three.write("overlays/prod/kinesis.yaml", text)
    three.ok("apply", "-y", "--env", "prod")
    assert "prevent-destroy" in three("destroy", "-y", "--env", "prod", "--allow-protected").err


# -- every environment --------------------------------------------------------------------------------------------
def test_every_environment_in_one_table(three: Cli, server: Server) -> None:
    three.ok("apply", "-y", "--env", "dev")
    plan = three("plan", "--env", "all", "--detailed-exitcode")
    assert plan.code == 2
    rows = {line.split()[0]: line.split() for line in plan.out.splitlines()[1:]}
    assert rows["dev"][1:9] == ["dev", "0", "0", "0", "0", "0", "5", "0"]
    assert rows["prod"][1:9] == ["prod-1", "5", "0", "0", "0", "0", "0", "0"]
    assert plan.out.splitlines()[0].split()[:3] == ["environment", "sandbox", "create"]
    for name in ("stage", "prod"):
        three.ok("apply", "-y", "--env", name)
    assert three("plan", "--env", "all", "--detailed-exitcode").code == 0
    found = three.ok("plan", "--env", "all", "--format", "json").json()["environments"]
    assert {name: item["summary"]["noop"] for name, item in found.items()} == {"dev": 5, "stage": 5, "prod": 5}


def test_one_that_cannot_be_planned_leaves_the_others(three: Cli) -> None:
    three.write("overlays/prod/kinesis.yaml", OVERLAY.replace("kinesis-summer", "nobody"))
    plan = three("plan", "--env", "all")
    assert plan.code == 1
    assert "prod         " in plan.out
    assert "error, see below" in plan.out
    assert "prod: overlays/prod/kinesis.yaml:4:18: error: no document is named 'nobody'" in plan.err
    found = three("plan", "--env", "all", "--format", "json").json()["environments"]
    assert found["dev"]["summary"]["create"] == 5
    assert "nobody" in found["prod"]["errors"][0]
    assert "stage:" in three("validate", "--env", "all").err


def test_where_all_is_not_taken(three: Cli, live: Cli) -> None:
    for command in (("apply", "-y"), ("destroy", "-y"), ("state", "list")):
        refused = three(*command, "--env", "all")
        assert refused.code == 1
        assert "this command works on one environment" in refused.err
    assert "of one environment" in three("plan", "--env", "all", "--out", "x").err
    project(three, "variables: {region: a, stream: b}")
    assert "declares no environments" in three("plan", "--env", "all").err


# -- promotion ----------------------------------------------------------------------------------------------------
def test_what_differs_besides_variables(three: Cli, server: Server) -> None:
    server.clear()
    found = three.ok("promote", "dev", "prod", "--format", "json").json()
    assert found["variables"] == {
        "region": {"from": "us-east-1", "to": "eu-west-1"},
        "stream": {"from": "clicks-dev", "to": "clicks"},
    }
    fields = {
        item["address"]: {field["path"]: (field.get("from"), field.get("to")) for field in item["fields"]}
        for item in found["differences"]
    }
    last_name = {"type": "JSON_PATH", "value": {"path": "person.lastName", "operator": "EXISTS"}}
    place = "/transformations/GeneralTransform/params/profileSelectors/selectors/person.lastName"
    assert fields.pop("kinesis-summer/flow") == {
        "/description": ("Summer campaign", "The real one"),
        place: (last_name, None),
    }
    assert fields == {"kinesis-summer/target": {"/params/partitions": (None, "four")}}
    text = three("promote", "dev", "prod", "--detailed-exitcode")
    assert text.code == 2
    assert '  stream  "clicks-dev" → "clicks"' in text.out
    assert '/description: "Summer campaign" → "The real one"' in text.out
    same = three("promote", "dev", "stage", "--detailed-exitcode")
    assert same.code == 0
    assert "Variables that are the same: region" in same.out
    assert "Besides variables the two are the same." in same.out
    assert [item for item in server.requests if FLOW in item.path] == []


def test_an_overlay_that_says_what_the_variable_says_is_a_difference(three: Cli) -> None:
    text = OVERLAY.replace("{partitions: four}", "{region: eu-west-1}").replace(
        "  attributes: [personalEmail.address]\n", ""
    )
    three.write("overlays/prod/kinesis.yaml", text)
    found = three.ok("promote", "stage", "prod", "--format", "json").json()["differences"]
    paths = {field["path"] for item in found for field in item["fields"]}
    assert paths == {"/description", "/params/region"}, "in prod it is no longer what the variable says"


def test_secrets_differ_by_name_and_are_not_shown(three: Cli) -> None:
    auth = "{connection: {auth: {params: {secretKey: '${secret.s3-secret}'}}}}"
    text = OVERLAY.replace("{params: {partitions: four}}", auth)
    three.write("overlays/prod/kinesis.yaml", text)
    found = three.ok("promote", "dev", "prod").out
    assert "/auth/params/secretKey: (sensitive) → (sensitive)" in found
    unknown = three("promote", "dev", "pord")
    assert unknown.code == 1
    assert "did you mean 'prod'?" in unknown.err


@pytest.mark.parametrize(
    ("target", "patch", "expected"),
    [  # RFC 7386, appendix A
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        (["a", "b"], ["c", "d"], ["c", "d"]),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_overlays_merge_as_the_standard_says(target: Any, patch: Any, expected: Any) -> None:
    assert merge(target, patch) == expected


def test_plans_of_several_environments_are_one_comment_and_one_report(three: Cli) -> None:
    text = three.ok("plan", "--env", "dev,prod", "--format", "markdown").out
    assert text.startswith("<!-- reconciler plan dev,prod -->\n### Plan for 2 environments\n")
    assert text.count("<!-- reconciler plan") == 1
    assert "| `prod` | `prod-1` |" in text
    assert text.count("| `+` | `kinesis-summer/flow` | Flow | create |") == 2
    page = three.ok("plan", "--env", "dev,prod", "--format", "html").out
    anchors = re.findall(r' id="((?!tip)[^"]+)"', page)
    assert len(anchors) == len(set(anchors))
    assert "change-dev-kinesis-summer/flow" in anchors
    assert "change-prod-kinesis-summer/flow" in anchors
    three.write("overlays/prod/kinesis.yaml", OVERLAY.replace("partitions: four", "streem: x"))
    three.write("overlays/prod/kinesis.yaml", "kind: Nothing <b>|\n")
    broken = three("plan", "--env", "dev,prod", "--format", "markdown")
    assert broken.code == 1
    assert "**`prod`: no plan.**" in broken.out
    assert "`kinesis-summer/flow`" in broken.out
    page = three("plan", "--env", "dev,prod", "--format", "html").out
    assert "prod: no plan." in page
    assert "<b>" not in page


@pytest.mark.parametrize("count", [3, 30, 300])
def test_the_comment_of_many_environments_stays_within_its_limit(count: int) -> None:
    text = markdown_of_several({f"e{number}": many(200) for number in range(count)}, {})
    assert len(text) <= LIMIT
    assert text.count("| `e") == count
