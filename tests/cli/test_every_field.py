"""Every declared field of every example, changed one at a time: in place or by a replace, as the documents say.

This is what docs/kinds.md says of each kind, proven: apply, change each field, plan empty, drift, import, destroy.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from reconciler.yamltext.reader import read
from reconciler.yamltext.text import Text
from tests.conftest import EXAMPLES, ROOT, Cli, Server

UPDATE, REPLACE = "update", "replace"
FORMATS = {"json": "parquet", "delimited": "json", "tabular": "json"}
WORDS = {  # what another allowed value is, where any text will not do
    "GZIP": "NONE", "NONE": "GZIP", "CSV": "JSON", "JSON": "CSV", "PARQUET": "JSON", "folder": "file", "raw": "xdm",
    "latest": "earliest", "week": "day", "day": "hour", "hour": "day", "minute": "day",
    "AFTER_SEGMENT_EVAL": "SCHEDULED",
    "EVERY_6_HOURS": "EVERY_3_HOURS", "DAILY": "ONCE", "02:00": "03:00", "2030-01-01": "2031-01-01",
    "disabled": "enabled",
    "FIRST_FULL_THEN_INCREMENTAL": "DAILY_FULL_EXPORT", "DAILY_FULL_EXPORT": "FIRST_FULL_THEN_INCREMENTAL",
    "ATTRIBUTE": "IDENTITY", "union": "union", "Email": "Phone",
}  # fmt: skip

# document kind -> (pattern of the field's place in `spec`, what its change does by address below the document's name);
# None: no value but the one it has makes sense there, said in the third place
SOURCE_TRIO = {"/source": REPLACE, "/target": REPLACE, "/flow": REPLACE}
MAPPED = {"/mapping": UPDATE, "/flow": UPDATE}
COLUMN = {"/mapping/input": UPDATE, "/mapping/output": UPDATE, **MAPPED}
TABLE: dict[str, list[tuple[str, Any, str]]] = {
    "SourceDataflow": [
        (r"/source/(name|description)", {"/source": UPDATE}, "PATCH /sourceConnections"),
        (r"/(source|target)/connector", None, "another connector has other parameters"),
        (r"/source/connection/(name|description)", {"/source/connection": UPDATE}, "PATCH /connections"),
        (r"/source/connection/auth/specName", None, "another way to log in has other parameters"),
        (r"/source/connection/auth/params/dataType", None, "the other value wants data in XDM"),
        (r"/source/connection/auth/params/.*", {"/source/connection": UPDATE}, "PATCH /auth/params whole"),
        (r"/source/connection/ref", None, "names a document"),
        (r"/source/samples/\d+", None, "read by validate only"),
        (r"/source/(data|params|providerId).*", SOURCE_TRIO, "a change never reaches the dataflow"),
        (r"/target/(name|description)", {"/target": UPDATE}, "PATCH /targetConnections"),
        (r"/target/data/.*", SOURCE_TRIO, "a change never reaches the dataflow"),
        (r"/target/schema/id", {**SOURCE_TRIO, "/mapping": UPDATE}, "schemas of all three must be the same"),
        (r"/target/schema/version", {**SOURCE_TRIO, "/mapping": UPDATE}, "and so must their versions"),
        (r"/target/schema/(title|description)", {"/target/schema": UPDATE}, "texts are free"),
        (r"/target/schema/fieldGroups/0/description", {"/target/schema/field-groups/*": UPDATE}, "texts are free"),
        (r"/target/schema/fieldGroups/.*/title", None, "the title of a field group is in its address; else free"),
        (r"/target/schema/.*/title", {"/target/schema/field-groups/*": UPDATE}, "texts are free"),
        (r"/target/schema/descriptors/\w+/xdm:namespace", {"/target/schema/descriptors/*": UPDATE}, "PUT"),
        (r"/target/schema/.*", None, "breaking, or names what is there: tests/cli/test_schemas.py"),
        (r"/target/dataset/id", SOURCE_TRIO, "a change never reaches the dataflow"),
        (r"/target/dataset/(name|description)", {"/target/dataset": UPDATE}, "PATCH /dataSets"),
        (r"/target/(schema|dataset)/ref", None, "names a document"),
        (r"/target/dataset/labels/\d+", {"/target/dataset/labels": UPDATE}, "PUT of the labels"),
        (r"/target/dataset/tags/.*", None, "a tag of Profile has its own words: tests/cli/test_schemas.py"),
        (r"/mapping/\d+/(identity|version|sourceType)", None, "kept apart below"),
        (r"/mapping/\d+/.*", MAPPED, "PUT, and PATCH of the Mapping transformation"),
        (r"/flow/flowSpec/.*", None, "must fit the connector; fixed"),
        (r"/flow/transformations/\d+/name", None, "names the transformation"),
        (r"/flow/.*", {"/flow": UPDATE}, "PATCH /flows"),
    ],
    "DestinationDataflow": [
        (r"/source/(name|description)", {"/source": UPDATE}, "PATCH /sourceConnections"),
        (r"/source/connection/(name|description)", {"/source/connection": UPDATE}, "PATCH /connections"),
        (r"/source/params/datasets/\d+/dataSetId", {"/source": REPLACE, "/flow": UPDATE}, "PATCH /sourceConnectionIds"),
        (r"/source/params/datasets/\d+/name", {"/source": REPLACE, "/flow": UPDATE}, "PATCH /sourceConnectionIds"),
        (r"/source/(data|params).*", {"/source": REPLACE, "/flow": REPLACE}, "fixed"),
        (r"/target/connector", None, "another connector has other parameters"),
        (r"/target/(name|description)", {"/target": UPDATE}, "PATCH /targetConnections"),
        (r"/target/connection/(name|description)", {"/target/connection": UPDATE}, "PATCH /connections"),
        (r"/target/connection/auth/specName", None, "another way to log in has other parameters"),
        (r"/target/connection/auth/params/.*", {"/target/connection": UPDATE}, "PATCH /auth/params whole"),
        (r"/target/connection/ref", None, "names a document"),
        (r"/target/params/mode", None, "one value only"),
        (r"/target/params.*", {"/target": UPDATE}, "PATCH /params (edit-destination.md)"),
        (r"/target/data.*", {"/target": REPLACE, "/flow": REPLACE}, "fixed"),
        (r"/audiences/\d+/(exportMode|schedule/(frequency|triggerType))", None, "go together: test_file_export.py"),
        (r"/audiences/.*", {"/flow": UPDATE}, "the selector is replaced at its live index"),
        (r"/attributes/\d+/operator", None, "one value only"),
        (r"/attributes/\d+/sourceType", None, "goes with its source"),
        (r"/attributes/\d+/source", [{"/mapping/input": UPDATE, **MAPPED}, MAPPED], "another schema, PUT, PATCH"),
        (r"/attributes/\d+/destination", {"/mapping/output": UPDATE, **MAPPED}, "another schema, PUT, PATCH"),
        (r"/attributes/\d+(/path)?", [{"/flow": UPDATE}, COLUMN], "selectors; in files, a column of that name"),
        (r"/(primaryFields|mandatoryFields)/.*/fieldType", None, "goes with its path"),
        (r"/(primaryFields|mandatoryFields)/.*", {"/flow": UPDATE}, "add …/primaryFields, whole"),
        (r"/flow/scheduleParams/(exportMode|timeUnit|interval)", None, "go together: test_dataset_export.py"),
        (r"/flow/.*", {"/flow": UPDATE}, "PATCH /flows"),
    ],
    "Connection": [
        (r"/(name|description)", {"": UPDATE}, "PATCH /connections"),
        (r"/auth/params/.*", {"": UPDATE}, "PATCH /auth/params whole"),
        (r"/(connector|auth/specName)", None, "another one has other parameters"),
    ],
    "FieldGroup": [
        (r"/(title|description)", {"": UPDATE}, "texts are free"),
        (r"/.*/title", {"": UPDATE}, "texts are free"),
        (r"/.*", None, "breaking: tests/cli/test_schemas.py"),
    ],
    "Schema": [
        (r"/(title|description)", {"": UPDATE}, "texts are free"),
        (r"/.*", None, "breaking: tests/cli/test_schemas.py"),
    ],
    "DatasetLabels": [
        (r"/labels/\d+", {"": UPDATE}, "PUT of the whole"),
        (r"/optionalLabels/\d+/labels/\d+", {"": UPDATE}, "PUT of the whole"),
        (r"/.*", None, "names the dataset or a field: tests/cli/test_dataset_labels.py"),
    ],
    "MappingTest": [(r"/.*", None, "never part of a plan: tests/cli/test_mapping_tests.py")],
    "Dataset": [
        (r"/labels/(optionalLabels/\d+/)?(labels/)?\d+", {"/labels": UPDATE}, "PUT of the labels"),
        (r"/labels/optionalLabels/\d+/option/schemaPath", {"/labels": UPDATE}, "another member of the list"),
        (r"/(name|description|tags/.*)", {"": UPDATE}, "PATCH /dataSets"),
        (r"/.*", None, "fixed: tests/cli/test_schemas.py"),
    ],
}  # fmt: skip


def leaves(tree: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of every scalar."""
    pairs = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else None
    if pairs is None:
        yield path
        return
    for key, value in pairs:
        yield from leaves(value, (*path, key))


def documents(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """Return the documents of a project, by file."""
    files = sorted(path for path in folder.glob("*.yaml") if path.name != "reconciler.yaml")
    return {path.name: read(Text(path.name, path.read_text(encoding="utf-8"))) for path in files}


def other(value: Any, pointer: str) -> Any:
    """Return another value that is allowed at a place."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    text = str(value)
    if pointer.endswith("/format"):
        return FORMATS[text]
    if text.startswith("${secret."):
        return "${secret.other}"
    if text.startswith("${var."):
        return "another"
    if pointer.endswith("/version"):
        return text.replace("version=1", "version=2")
    if pointer.endswith("/source") and "(" in text:
        changed = text.replace("large", "big").replace("'Ms'", "'Mrs'").replace("duration", "length")
        return changed if changed != text else f"coalesce({text})"
    return WORDS.get(text, f"{text}x")


def expected(kind: str, pointer: str) -> Any:
    """Return what a change at a place does, or None where there is no other value."""
    for pattern, outcome, _ in TABLE[kind]:
        if re.fullmatch(pattern, pointer):
            return outcome
    raise AssertionError(f"{kind} {pointer} is in no line of the table")


@pytest.fixture
def secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second value for every secret, and fingerprints that cost little."""
    monkeypatch.setenv("RECONCILER_FINGERPRINT_KEY", "key")
    monkeypatch.setenv("RECONCILER_SECRET_OTHER", "another-secret-value")


@pytest.mark.parametrize("example", EXAMPLES)
def test_each_field_changes_as_documented(live: Cli, server: Server, example: str, secrets: None) -> None:
    live.example(example)
    live.ok("apply", "-y")
    files = documents(live.folder)
    places = [
        (name, index, path)
        for name, items in files.items()
        for index, document in enumerate(items)
        for path in leaves(document["spec"])
    ]
    tried = 0
    for name, index, path in places:
        document = files[name][index]
        pointer = "/" + "/".join(map(str, path))
        outcome = expected(document["kind"], pointer)
        if outcome is None:
            continue
        here = document["spec"]
        for step in path[:-1]:
            here = here[step]
        before = here[path[-1]]
        here[path[-1]] = other(before, pointer)
        assert here[path[-1]] != before, f"{pointer}: no other value for {before!r}"
        live.write(name, yaml.safe_dump_all(files[name], sort_keys=False, allow_unicode=True))
        base = document["metadata"]["name"]
        found = live.changes()
        done = {_plain(address, base): action for address, action in found.items()}
        assert done in (outcome if isinstance(outcome, list) else [outcome]), f"{example} {pointer}"
        live.ok("apply", "-y")
        tried += 1
    assert tried >= 8
    assert live.changes() == {}
    assert live("drift").code == 0
    finish(live, server)


def _plain(address: str, base: str) -> str:
    """Return an address below its document's name, keys of descriptors and field groups as `*`."""
    assert address == base or address.startswith(base + "/"), f"{address} is not of {base}"
    return re.sub(r"/(field-groups|descriptors)/.*", r"/\1/*", address[len(base) :])


def finish(live: Cli, server: Server) -> None:
    """Destroy, and find nothing left but what the platform or the contract keeps, said aloud."""
    planned = live.ok("plan", "--destroy", "--format", "json").json()["changes"]
    kept = {item["address"]: item for item in planned if item["action"] == "forget"}
    assert {item["kind"] for item in kept.values()} <= {
        "MappingSet",
        "Schema",
        "Dataset",
        "DatasetLabels",
        "FieldGroup",
        "Descriptor",
    }
    said = live.ok("destroy", "-y").out
    assert ("stays there" in said) == bool(kept)
    assert live.state["resources"] == {}
    for kind in ("flows", "sourceConnections", "targetConnections", "connections"):
        assert server.items(kind) == []
    left = {kind: len(server.storage_items(kind)) for kind in ("schemas", "fieldgroups", "dataSets", "descriptors")}
    known = {"schemas": "Schema", "fieldgroups": "FieldGroup", "dataSets": "Dataset", "descriptors": "Descriptor"}
    for kind, count in left.items():
        there = [item for item in kept.values() if item["kind"] == known[kind] and "/mapping/" not in item["address"]]
        assert count == len(there), f"{kind}: {json.dumps(list(kept))}"


def test_every_kind_of_document_and_a_dozen_connectors_are_shown() -> None:
    found = [item for name in EXAMPLES for items in documents(ROOT / "examples" / name).values() for item in items]
    assert {item["kind"] for item in found} == set(TABLE)
    connectors = {
        (end, item["spec"][end]["connector"])
        for item in found
        for end in ("source", "target")
        if isinstance(item["spec"].get(end), dict) and "connector" in item["spec"][end]
    }
    assert len(connectors) >= 12
    for item in found:
        for path in leaves(copy.deepcopy(item["spec"])):
            expected(item["kind"], "/" + "/".join(map(str, path)))
