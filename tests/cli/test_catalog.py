"""Every connector this version can write: a minimal manifest of it validates, applies and plans to no change."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from reconciler.catalog import Catalog, Connector, Parameter, shipped
from tests.conftest import FLOW, SHARED, Cli, Server


def value(parameter: Parameter) -> Any:
    """Return some value a parameter takes."""
    if parameter.secret:
        return "${secret.any}"
    plain: dict[str | None, Any] = {"integer": 1, "number": 1, "boolean": True, "array": [], "object": {}}
    return parameter.values[0] if parameter.values else plain.get(parameter.type, "x")


def end(connector: Connector) -> dict[str, Any]:
    """Return the source or target block of a minimal manifest."""
    block: dict[str, Any] = {"connector": connector.key}
    block["params"] = {item.name: value(item) for item in connector.parameters() if item.required}
    if connector.needs_connection:
        account: dict[str, Any] = {}
        for name, parameters in list(connector.auth_specs.items())[:1]:
            params = {item.name: value(item) for item in parameters if item.required}
            account["auth"] = {"specName": name, "params": params}
        block["connection"] = account
    return block


def manifest(connector: Connector) -> dict[str, Any]:
    """Return a minimal manifest."""
    if connector.direction == "source":
        batch = connector.facts["schedule"]["use"] == "required"
        schedule = {"scheduleParams": {"startTime": 1700000000, "frequency": "day", "interval": 1}} if batch else {}
        spec: dict[str, Any] = {
            "source": {**end(connector), "data": {"format": (connector.facts["source"].get("format") or ["json"])[0]}},
            "target": {"schema": {"id": "https://ns.adobe.com/t/schemas/1"}, "dataset": {"id": "d"}},
            "mapping": [{"source": "a", "destination": "_t.a"}],
            "flow": schedule,
        }
        kind = "SourceDataflow"
    else:
        by_file = connector.facts["exports"]["audiences"]["schedule"] == "audience-file-export"
        schedule = {"frequency": "DAILY", "triggerType": "AFTER_SEGMENT_EVAL"}
        daily = {"exportMode": "DAILY_FULL_EXPORT", "schedule": schedule} if by_file else {}
        spec = {"target": end(connector), "audiences": [{"id": "a", **daily}], "attributes": ["p.a"]}
        kind = "DestinationDataflow"
    name = f"{connector.direction}-{connector.key}"
    return {"apiVersion": "reconciler/v1", "kind": kind, "metadata": {"name": name}, "spec": spec}


def test_every_connector_settles(live: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECONCILER_SECRET_ANY", "a secret value")
    connectors = shipped().all()
    for connector in connectors:
        live.write(f"{connector.direction}-{connector.key}.yaml", yaml.safe_dump(manifest(connector)))
    found = live.ok("validate")
    assert found.out == "", "no warning either"
    live.ok("apply", "-y")
    assert live("plan", "--detailed-exitcode").code == 0
    assert live("drift").code == 0
    live.ok("destroy", "-y")


def test_the_manifest_that_is_shown_for_every_connector_settles(live: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """What `connectors show KEY` prints validates, applies to the emulator and plans to no change, all at once."""
    connectors = shipped().all()
    for number, connector in enumerate(connectors):
        key = f"{connector.direction}/{connector.key}"
        text = live.ok("connectors", "show", key, "--manifest").out
        assert text in live.ok("connectors", "show", key).out
        name = f"m{number}"
        live.write(f"{name}.yaml", text.replace(f"metadata: {{name: {connector.key}}}", f"metadata: {{name: {name}}}"))
        for secret in re.findall(r"\$\{secret\.([^}]+)\}", text):
            variable = "RECONCILER_SECRET_" + secret.upper().replace("-", "_")
            assert variable in text or f"# {secret}" not in text
            monkeypatch.setenv(variable, "a secret value")
    found = live("validate", "--format", "json")
    assert found.code == 0
    assert {item["code"] for item in found.json()["findings"]} == {"placeholder"}, "no other warning"
    live.ok("apply", "-y")
    assert live("plan", "--detailed-exitcode").code == 0
    live.ok("destroy", "-y")


def test_refresh_tells_how_a_sandbox_differs(live: Cli, server: Server) -> None:
    assert "0 differences" in live.ok("connectors", "refresh").out, "the emulator's specs are made from the catalog"
    specs = server.call("GET", f"{FLOW}/connectionSpecs")["items"]
    flows = server.call("GET", f"{FLOW}/flowSpecs")["items"]
    kinesis = next(item for item in specs if item["id"] == "86043421-563b-46ec-8e6c-e23184711bf6")
    kinesis["authSpec"][0]["spec"]["properties"]["region"]["format"] = "password"
    kinesis["authSpec"][0]["spec"]["properties"]["roleArn"] = {"type": "string"}
    kinesis["authSpec"].append({"name": "Role", "spec": {}})
    s3 = next(item for item in specs if item["id"] == "4fce964d-3f37-408f-9778-e597338a21ee")
    s3["version"] = "2.0"
    specs[:] = [item for item in specs if item["id"] != "96479064-7b8a-4d69-b9ed-21c5683837ea"]
    specs.append({"id": "n", "name": "Newcomer", "version": "1.0", "attributes": {"isSource": True}})
    flows[:] = [item for item in flows if item["name"] != "upsToCampaign"]
    answers = {f"{FLOW}/connectionSpecs": specs, f"{FLOW}/flowSpecs": flows}
    server.before.append(lambda seen: (200, [], {"items": answers[seen.path]}) if seen.path in answers else None)
    found = live.ok("connectors", "refresh", "--format", "json").json()
    assert {(item["connector"], item["what"][:44]) for item in found} == {
        ("source/customer-io", "its connectionSpec 96479064-7b8a-4d69-b9ed-2"),
        ("source/amazon-kinesis", "it has an auth spec 'Role' that the catalog "),
        ("destination/amazon-kinesis", "it has an auth spec 'Role' that the catalog "),
        ("destination/amazon-kinesis", "Aws Kinesis authentication credentials: the "),
        ("source/amazon-kinesis", "Aws Kinesis authentication credentials: the "),
        ("destination/amazon-s3", "its connectionSpec has version 2.0, the cata"),
        ("destination/adobe-campaign", "no flowSpec is named 'upsToCampaign' here"),
        (None, "the catalog does not know 'Newcomer', connec"),
    }
    told = live.ok("connectors", "refresh").out
    assert "the parameter 'region' is a secret here" in told
    assert "the parameter 'roleArn' is not in the catalog" in told
    assert not [item for item in server.writes() if item.path.startswith("/data")]


def test_init_writes_what_is_not_there(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECONCILER_SECRET_AMAZON_KINESIS_SECRETKEY", "k")
    told = cli.ok("init", "--connector", "destination/amazon-kinesis")
    assert told.out.count("wrote") == 5
    assert "Next: fill in amazon-kinesis.yaml" in told.out
    assert "replace its zeros" in told.out
    for name in ("reconciler.yaml", ".gitignore", ".github/workflows/reconciler.yml", "amazon-kinesis.yaml"):
        assert (cli.folder / name).is_file()
    assert yaml.safe_load((cli.folder / ".github/workflows/reconciler.yml").read_text())["jobs"]["plan"]["steps"]
    for name in ("reconciler.yaml", "amazon-kinesis.yaml"):
        modeline = (cli.folder / name).read_text(encoding="utf-8").partition("\n")[0]
        assert (cli.folder / modeline.partition("$schema=")[2]).is_file(), "editors find the schema"
    assert {line.split(": ")[2].split()[1] for line in cli.ok("validate").out.splitlines()} == {"placeholder"}
    cli.ok("apply", "-y", "--emulator")
    cli.write("amazon-kinesis.yaml", "# mine")
    again = cli.ok("init", "--connector", "destination/amazon-kinesis")
    assert again.out.count("kept") == 4
    assert (cli.folder / "amazon-kinesis.yaml").read_text() == "# mine"
    assert "connectors list" in cli.ok("init", "elsewhere").out
    assert (cli.folder / "elsewhere" / "reconciler.yaml").is_file()
    for wrong, says in (("amazon-s3", "both a source and a destination"), ("amazn-s3", "did you mean")):
        refused = cli("init", "other", "--connector", wrong)
        assert (refused.code, says in refused.err) == (1, True), refused.err
    assert not (cli.folder / "other").exists(), "nothing is written for a key that is not there"


def test_every_dataset_export_settles(live: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECONCILER_SECRET_ANY", "a secret value")
    connectors = [item for item in shipped().all() if "datasets" in item.facts.get("exports", {})]
    assert len(connectors) == 6
    for connector in connectors:
        document = manifest(connector)
        target = {
            **end(connector),
            "params": {p.name: value(p) for p in connector.parameters("datasets") if p.required},
        }
        schedule = {"timeUnit": "hour", "interval": 3, "startTime": 1900000000}
        document["spec"] = {
            "source": {"params": {"datasets": [{"dataSetId": "d"}]}},
            "target": target,
            "flow": {"scheduleParams": schedule},
        }
        live.write(f"{connector.key}.yaml", yaml.safe_dump(document))
    assert live.ok("validate").out == "", "no warning either"
    live.ok("apply", "-y")
    assert live("plan", "--detailed-exitcode").code == 0
    live.ok("destroy", "-y")


@pytest.mark.skipif(not SHARED.is_dir(), reason="the catalog's facts lie beside the project, not in it")
@pytest.mark.parametrize("direction", ["source", "destination"])
def test_the_facts_are_all_there(direction: str) -> None:
    """Ids, ways to log in, parameters and pages are those of the collected facts; the pages show more of them."""
    facts = yaml.safe_load((SHARED / "catalog" / f"{direction}s.yaml").read_text(encoding="utf-8"))
    for item in facts:
        ours = shipped().get(direction, item["key"])  # type: ignore[arg-type]
        assert ours is not None, item["key"]
        spec = item.get("connectionSpec") or item["baseConnectionSpec"]
        assert ours.connection_spec["id"] == spec["id"]
        assert list(ours.auth_specs)[: len(item["auth"])] == [auth["specName"] for auth in item["auth"]]
        for auth in item["auth"]:
            seen = {(param.name, param.secret) for param in ours.auth_specs[auth["specName"]]}
            assert seen >= {(param["name"], param["secret"]) for param in auth["params"]}
        assert item.get("doc", ours.facts["documents"][0]) in ours.facts["documents"]
    assert len(facts) == len(shipped().keys(direction))  # type: ignore[arg-type]


def test_an_id_that_several_products_claim_is_no_name() -> None:
    assert shipped().by_spec("source", "96479064-7b8a-4d69-b9ed-21c5683837ea") is not None
    for doubtful in ("ea1c2a08-b722-11eb-8529-0242ac130003", "59a4b493-a615-40f9-bd38-f823d0909a2b"):
        assert shipped().by_spec("source", doubtful) is None


def test_xdm_data_of_the_http_api_has_a_flow_spec_of_its_own() -> None:
    """d8a6f005… takes no Mapping (http.md); the one that the key stands for demands one."""
    found = shipped().get("source", "http-api-streaming")
    assert found is not None
    assert found.flow_spec() == {"id": "c1a19761-d2c7-4702-b9fa-fe91f0613e81", "version": "1.0"}
    unmapped = found.flow_spec(mapped=False)
    assert unmapped == {"id": "d8a6f005-7eaf-4153-983e-e8574508b877", "version": "1.0"}
    assert found.end_spec["id"] in shipped().flow_specs()[unmapped["id"]]
    mysql = shipped().get("source", "mysql")
    assert mysql is not None
    assert mysql.flow_spec(mapped=False) == mysql.flow_spec()


def test_a_missing_list_is_not_an_empty_one(tmp_path: Path) -> None:
    """A flow spec whose connection specs no document lists may serve any of them."""
    specs = [{"id": "listed", "sourceConnectionSpecIds": ["a"]}, {"id": "unlisted"}]
    specs.append({"id": "empty", "sourceConnectionSpecIds": []})
    (tmp_path / "platform.yaml").write_text(yaml.safe_dump({"flowSpecs": {"sources": specs}}), encoding="utf-8")
    assert Catalog(tmp_path).flow_specs() == {"listed": frozenset({"a"})}


def test_a_login_has_the_names_of_older_documents() -> None:
    blob = shipped().get("source", "azure-blob")
    assert blob is not None
    assert blob.auth_specs["SasURIAuthentication"] == blob.auth_specs["SAS URI Authentication"]
    assert next(iter(blob.auth_specs)) == "ConnectionString", "the current names come first"
