"""Findings of a new user: placeholders, misspelt envelopes, unknown variables, the emulator and the shell."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import reconciler
from reconciler.documents.document import envelope
from reconciler.documents.load import document_kinds
from reconciler.documents.placeholders import parameter_word
from reconciler.emulator.seeds import Seeds
from reconciler.emulator.specs import Specs
from reconciler.emulator.storage import Storage
from reconciler.yamltext.text import Text
from tests.conftest import ROOT, SECRETS, Cli

DATASET = "apiVersion: reconciler/v1\nkind: Dataset\nmetadata: {name: d}\nspec: {name: d, schemaRef: {id: 'https://ns.adobe.com/t/schemas/1'}}\n"


# -- placeholders -------------------------------------------------------------------------------------------------
def test_what_init_leaves_to_the_author_is_found(cli: Cli) -> None:
    cli.ok("init", "--connector", "source/amazon-s3", "--pipeline", "none")
    found = cli.ok("validate", "--format", "json").json()["findings"]
    left = [item for item in found if item["code"] == "placeholder"]
    lines = (cli.folder / "amazon-s3.yaml").read_text().splitlines()
    words = {"TENANT", "DATASET_ID", "SOURCE_FIELD"}
    for item in left:
        assert item["severity"] == "warning"
        assert item["file"] == "amazon-s3.yaml"
        word = item["message"].split()[2]
        assert word in lines[item["line"] - 1][item["column"] - 1 :], "the place is that of the word"
        words.discard(word)
    assert not words
    assert any(item["message"].split()[2] not in ("TENANT", "DATASET_ID", "SOURCE_FIELD") for item in left), (
        "a parameter"
    )
    shown = cli.ok("validate")
    assert "amazon-s3.yaml:" in shown.out
    assert "the placeholder DATASET_ID was not replaced (write the value of your organization)" in shown.out
    text = (cli.folder / "amazon-s3.yaml").read_text()
    for word in ("TENANT", "SCHEMA_ID", "DATASET_ID", "SOURCE_FIELD", *(item["message"].split()[2] for item in left)):
        text = text.replace(word, "orders1")
    cli.write("amazon-s3.yaml", text)
    assert "placeholder" not in cli.ok("validate").out


@pytest.mark.parametrize(
    ("name", "word"), [("s3AccessKey", "S3_ACCESS_KEY"), ("host", "HOST"), ("tableName", "TABLE_NAME")]
)
def test_the_word_for_a_parameter(name: str, word: str) -> None:
    assert parameter_word(name) == word


def test_a_word_that_only_looks_like_one(cli: Cli) -> None:
    cli.write("d.yaml", DATASET.replace("name: d,", "name: 'LIEUTENANT, MY_DATASET_IDS',"))
    assert "placeholder" not in cli.ok("validate").out


# -- envelopes ----------------------------------------------------------------------------------------------------
MEANT = {
    "apiVersion: reconcilier/v1\nkind: Dataset2\nspec: {}": "apiVersion must be reconciler/v1",
    "apiVersion: Reconciler/v1\nkind: X\nspec: {}": "apiVersion must be reconciler/v1",
    "apiVersion: reconciler/v2\nkind: X\nspec: {}": "apiVersion must be reconciler/v1",
    "apiVersion: reconciler\nkind: SourceDataflows\nspec: {}": "apiVersion must be reconciler/v1",
    "apiversion: reconciler/v1\nkind: SourceDataflw\nmetadata: {name: x}\nspec: {}": "unknown key 'apiversion'",
    "kind: SourceDataflw\nmetadata: {name: x}": "unknown kind 'SourceDataflw', and no apiVersion",
    "kind: sourcedataflow\nspec: {}": "write kind: SourceDataflow",
    "apiVersion: reconciler/v1\nkind: SourceDataflw\nmetadata: {name: x}\nspec: {}": "did you mean 'SourceDataflow'?",
}
FOREIGN = (
    "apiVersion: v1\nkind: Service\nmetadata: {name: x}\nspec: {}",
    "apiVersion: apps/v1\nkind: Connections\nmetadata: {name: x}",
    "apiVersion: reconciler.example.com/v1\nkind: Thing\nspec: {}",
    "apiVersion: reconciliation.org/v1\nkind: Thing\nspec: {}",
    "kind: Datasets",
    "services: {web: {image: x}}",
    "kind: Pod\nspec: {}",
    "- 1",
    "text",
    "1: 2",
)


@pytest.mark.parametrize("text", MEANT)
def test_a_slip_in_the_envelope_is_an_error(cli: Cli, text: str) -> None:
    cli.write("d.yaml", DATASET)
    cli.write("slip.yaml", text + "\n")
    found = cli("validate")
    assert found.code == 1
    assert f"slip.yaml:{2 if text.startswith('apiVersion: reconciler/v1') else 1}:" in found.out
    assert MEANT[text] in found.out
    assert found.out.count("error") == 1


def test_files_without_a_document_are_named(cli: Cli) -> None:
    cli.write("d.yaml", DATASET)
    for number, text in enumerate(FOREIGN):
        cli.write(f"other/f{number}.yaml", text + "\n")
    cli.write("other/template.yaml", "a: {{ .Values }}: b\n")
    found = cli.ok("validate")
    names = ", ".join(sorted([*(f"other/f{number}.yaml" for number in range(len(FOREIGN))), "other/template.yaml"]))
    assert f"No manifest in {names}." in found.err
    assert "1 document with 1 resource: all valid." in found.err
    assert found.out == ""
    assert "other/" not in cli.ok("validate", "d.yaml").err, "only PATH is told about"
    assert json.loads(cli.ok("validate", "--format", "json").out)["findings"] == []


@pytest.mark.parametrize("text", FOREIGN)
def test_a_document_of_another_tool_is_passed_over(text: str) -> None:
    import yaml

    data = yaml.safe_load(text)
    assert envelope(data, Text("f.yaml", text), "f.yaml", 0, document_kinds()) is None


# -- variables from a program -------------------------------------------------------------------------------------
def test_an_unknown_variable_of_a_program_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "d.yaml").write_text(DATASET.replace("name: d,", "name: '${var.title}',"))
    known = reconciler.load(tmp_path, variables={"title": "x"}, emulator=True)
    assert known.validate() == ()
    project = reconciler.load(tmp_path, variables={"title": "x", "titel": "y"}, emulator=True)
    (problem,) = project.validate()
    assert (problem.code, problem.severity) == ("unknown-variable", "error")
    assert str(problem) == "error: nothing declares or uses the variable 'titel' (did you mean 'title'?)"
    for call in (project.plan, project.apply, project.drift):
        with pytest.raises(reconciler.ManifestError, match="titel"):
            call()


# -- the emulator -------------------------------------------------------------------------------------------------
def test_the_settings_of_the_shell_do_not_reach_the_emulator(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    cli.write("d.yaml", DATASET)
    cli.ok("apply", "-y", "--emulator")
    before = cli.state
    for name, value in {
        "AEP_ORG_ID": "OTHER@AdobeOrg", "AEP_SANDBOX": "other", "AEP_PLATFORM_URL": "not a url",
        "AEP_CLIENT_ID": "x", "AEP_IMS_URL": "http://elsewhere.example", "AEP_ACCESS_TOKEN": "t",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    assert cli.ok("plan", "--emulator", "--detailed-exitcode").code == 0
    assert (before["organization"], before["sandbox"]) == ("emulator@AdobeOrg", "prod")


def test_a_dump_masks_secrets_that_no_spec_knows() -> None:
    storage = Storage(":memory:")
    seeds = Seeds(storage, Specs(ROOT / "specs"))
    kinesis = "6fd2cbd2-a2be-4b1d-8bd7-ea4cb9fbb0ae"
    auth = {"specName": "Made up", "params": {"pin": "hush-1", "nested": {"a": ["hush-2"]}, "port": 8080}}
    times = {"createdAt": 1, "updatedAt": 1, "etag": "1"}
    seeds.load({"format": "reconciler-emulator/1", "tenants": [{"organization": "O", "sandbox": "dev", "objects": {
        "connections": [
            {"id": "a", "name": "a", "connectionSpec": {"id": "unknown", "version": "1"}, "auth": auth, **times},
            {"id": "b", "name": "b", "connectionSpec": {"id": "unknown", "version": "1"}, **times,
             "auth": {**auth, "x": "hush-3"}},
        ],
        "targetConnections": [
            {"id": "t", "name": "t", "connectionSpec": {"id": kinesis, "version": "1"},
             "params": {"stream": "clicks", "headers": {"Authorization-Token": "hush-4"}}, **times},
        ],
    }}]})  # fmt: skip
    text = json.dumps(seeds.dump())
    assert "hush" not in text
    assert "8080" not in text
    assert "Made up" in text
    assert "clicks" in text
    Seeds(Storage(":memory:"), Specs(ROOT / "specs")).load(seeds.dump())
    storage.close()


def test_a_dump_keeps_what_a_spec_calls_open(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    cli.example("kinesis")
    cli.ok("apply", "-y", "--emulator")
    dumped = cli.ok("emulator", "dump").out
    assert SECRETS["RECONCILER_SECRET_KINESIS_KEY"] not in dumped
    held = json.loads(dumped)["tenants"][-1]["objects"]["connections"]
    assert [item["auth"]["params"]["region"] for item in held if "auth" in item] == ["us-east-1"]
