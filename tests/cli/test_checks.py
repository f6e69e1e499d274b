"""What a plan asks before anything is written, and what it makes of the answers."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.emulator.options import Options
from tests.conftest import FLOW, Cli, Server, point_at, serve

AUDIENCES = "/data/core/ups/audiences"
SCHEMAS = "/data/foundation/schemaregistry/tenant/schemas"
STREAM = """\
apiVersion: reconciler/v1
kind: DestinationDataflow
metadata: {name: out}
spec:
  target:
    connector: amazon-kinesis
    connection: {auth: {specName: Aws Kinesis authentication credentials,
      params: {accessKeyId: "${secret.kinesis-id}", secretKey: "${secret.kinesis-key}", region: us-east-1}}}
    params: {stream: clicks, region: us-east-1}
  audiences: [{id: AUDIENCE}]
  attributes: [personalEmail.address]
"""
SOURCE = """\
apiVersion: reconciler/v1
kind: SourceDataflow
metadata: {name: in}
spec:
  source: {connector: customer-io, data: {format: json}}
  target: {schema: {id: SCHEMA}, dataset: {id: 63ec807d3f5ce91bd2d06c65}}
  mapping:
    - {source: a, destination: person.name.firstName}
    - {sourceType: EXPRESSION, source: "concat(a, b)", destination: person.name.lastName}
"""


@pytest.fixture
def strict(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> Any:
    """An emulator that knows what it holds, and a project pointed at it."""
    for server in serve(Options(strict_references=True)):
        point_at(server, monkeypatch)
        yield server


def schema(server: Server) -> str:
    """Make a schema of profiles."""
    parts = [{"$ref": f"https://ns.adobe.com/xdm/context/{name}"} for name in ("profile", "profile-person-details")]
    body = {"title": "S", "type": "object", "description": "", "allOf": parts}
    return str(server.call("POST", SCHEMAS, body)["$id"])


def test_an_audience_that_is_not_there_stops_the_plan(cli: Cli, strict: Server) -> None:
    cli.write("m.yaml", STREAM)
    for command in (("plan",), ("apply", "-y")):
        found = cli(*command)
        assert found.code == 1
        assert "out/flow: error: the audience AUDIENCE is not in this sandbox" in found.err
        assert "--no-checks" in found.err
    assert strict.items("flows") == []
    assert cli("plan", "--no-checks").code == 0


def test_one_that_is_published_passes_and_one_that_is_not_is_a_warning(cli: Cli, strict: Server) -> None:
    good = strict.call("POST", AUDIENCES, {"name": "Good", "type": "SegmentDefinition"})["id"]
    draft = strict.call("POST", AUDIENCES, {"name": "Draft", "lifecycleState": "draft"})["id"]
    cli.write("m.yaml", STREAM.replace("AUDIENCE", good))
    assert "warning" not in cli.ok("plan").out
    cli.ok("apply", "-y")
    strict.clear()
    cli.edit("m.yaml", "{id: " + good + "}", "{id: " + good + "}, {id: " + draft + "}")
    said = cli.ok("plan")
    assert f"the audience {draft} (Draft) is draft, not published" in said.out
    assert [item.path for item in strict.requests if "/audiences" in item.path] == [f"{AUDIENCES}/{draft}"]
    cli.ok("apply", "-y")
    strict.clear()
    cli.ok("plan")
    assert [item for item in strict.requests if "/audiences" in item.path] == []


def test_an_audience_from_outside_goes_by_its_outside_id(cli: Cli, strict: Server) -> None:
    body = {"name": "Theirs", "type": "ExternalAudience", "audienceId": "outside-1", "namespace": "aamSegments"}
    strict.call("POST", AUDIENCES, body)
    cli.write("m.yaml", STREAM.replace("AUDIENCE", "outside-1"))
    assert "warning" not in cli.ok("plan").out


def test_a_row_that_data_prep_refuses_stops_the_plan(live: Cli, server: Server) -> None:
    live.write("m.yaml", SOURCE.replace("SCHEMA", schema(server)).replace("concat(a, b)", "concatt(a)"))
    found = live("plan")
    assert found.code == 1
    assert "in/mapping: error: row 2 (concatt(a) → person.name.lastName) is refused" in found.err
    assert "POST /mappingSets/validate says so" in found.err
    assert live("plan", "--no-checks").code == 0
    assert [item for item in server.writes() if FLOW in item.path] == []


def test_a_path_that_the_schema_does_not_have_is_a_warning(live: Cli, server: Server) -> None:
    live.write("m.yaml", SOURCE.replace("SCHEMA", schema(server)).replace("name.firstName", "name.firstname"))
    said = live.ok("plan")
    assert "the schema 'S' has no field 'person.name.firstname'; did you mean 'person.name.firstName'?" in said.out
    assert "lastName" not in said.out.partition("Warning")[2]
    assert "Warning" not in live.ok("plan", "--no-checks").out
    live.ok("apply", "-y")
    server.clear()
    live.ok("plan")
    assert [item for item in server.requests if "validate" in item.path or "schemas" in item.path] == []


def test_a_schema_that_is_not_there_stops_the_plan(cli: Cli, strict: Server) -> None:
    cli.write("m.yaml", SOURCE.replace("SCHEMA", "https://ns.adobe.com/emulator/schemas/none"))
    found = cli("plan")
    assert found.code == 1
    assert (
        "in/mapping: error: the schema https://ns.adobe.com/emulator/schemas/none is not in this sandbox" in found.err
    )


def test_what_the_emulator_does_not_hold_is_fine_unless_it_is_strict(live: Cli) -> None:
    live.write("m.yaml", SOURCE.replace("SCHEMA", "https://ns.adobe.com/emulator/schemas/none"))
    live.write("n.yaml", STREAM)
    said = live.ok("plan")
    assert "arning" not in said.out


def test_each_question_is_asked_once(live: Cli, server: Server) -> None:
    for index in range(5):
        live.write(f"m{index}.yaml", STREAM.replace("name: out", f"name: out{index}"))
    live.ok("plan")
    assert len([item for item in server.requests if "/audiences/" in item.path]) == 1


def test_a_check_that_cannot_be_made_stops_nothing(live: Cli, server: Server) -> None:
    live.write("m.yaml", STREAM)
    server.before.append(lambda request: (403, [], {"message": "no"}) if "/audiences" in request.path else None)
    assert "1 checks could not be made: GET /data/core/ups/audiences/AUDIENCE: 403 no" in live.ok("plan").out


@pytest.mark.parametrize(
    "odd", [[], "text", {"validationResponse": "x"}, {"validationResponse": [1, {"status": "FAILED", "errors": [2]}]}]
)
def test_an_odd_answer_to_a_question_is_no_bug(live: Cli, server: Server, odd: Any) -> None:
    live.write("m.yaml", SOURCE.replace("SCHEMA", schema(server)))
    server.before.append(
        lambda request: (200, [], odd) if "validate" in request.path or "schemas" in request.path else None
    )
    plan = live.ok("plan")
    assert "4 to create" in plan.out, "what cannot be read is no objection"
    assert any("validate" in request.path for request in server.requests), "it was asked"


def test_a_refusal_for_reasons_of_data_governance_is_told_as_one(live: Cli, server: Server) -> None:
    live.write("m.yaml", STREAM)
    violation = {
        "enforcementRef": "/dulepolicy/marketingActions/core/exportToThirdParty",
        "violatedPolicies": [{"id": "corepolicy_0001", "name": "3rd party export restriction", "status": "ENABLED"}],
    }
    refusal = {"code": "PES-409", "message": "Policy conflict error", "violations": [violation], "count": 1}
    server.before.append(
        lambda request: (400, [], refusal) if (request.method, request.path) == ("POST", f"{FLOW}/flows") else None
    )
    found = live("apply", "-y")
    assert found.code == 1
    assert "data governance forbids it: policy '3rd party export restriction'" in found.err
    assert "exportToThirdParty" in found.err
    assert "data steward" in found.err
