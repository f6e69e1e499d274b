"""Bad input: one clear finding with its place and the next step, exit 1, and nothing is sent."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pytest

from tests.conftest import Cli, Server

GOOD = """\
apiVersion: reconciler/v1
kind: SourceDataflow
metadata:
  name: events
spec:
  source:
    connector: customer-io
    data: {format: json}
  target:
    schema: {id: https://ns.adobe.com/t/schemas/1}
    dataset: {id: 63ec807d3f5ce91bd2d06c65}
  mapping:
    - {source: a, destination: _t.a}
    - {source: b, destination: _t.b}
  flow:
    name: Events
"""
KINESIS = """\
apiVersion: reconciler/v1
kind: DestinationDataflow
metadata: {name: out}
spec:
  target:
    connector: amazon-kinesis
    connection:
      auth:
        specName: Aws Kinesis authentication credentials
        params: {accessKeyId: a, secretKey: "${secret.k}", region: us-east-1}
    params: {stream: clicks, region: us-east-1}
  audiences:
    - {id: one, name: One}
  attributes: [personalEmail.address]
"""
BATCH = """\
apiVersion: reconciler/v1
kind: SourceDataflow
metadata: {name: rows}
spec:
  source:
    connector: snowflake
    connection:
      auth: {specName: ConnectionString, params: {connectionString: "${secret.c}"}}
    data: {format: tabular}
    params: {tableName: T}
  target:
    schema: {id: https://ns.adobe.com/t/schemas/1}
    dataset: {id: 63ec807d3f5ce91bd2d06c65}
  flow:
    scheduleParams: {startTime: 1700000000, frequency: day, interval: 1}
"""


@dataclass(frozen=True)
class Case:
    """One broken manifest: an edit of a good one, where the finding must point and what it must say."""

    why: str
    base: str
    old: str
    new: str
    place: str
    says: str
    advises: str = ""


def case(why: str, base: str, old: str, new: str, place: str, says: str, advises: str = "") -> object:
    return pytest.param(Case(why, base, old, new, place, says, advises), id=why.replace(" ", "-"))


CASES = [
    case("tab as indentation", GOOD, "  name: events", "\tname: events", "4:1", "not valid YAML"),
    case("unclosed bracket", GOOD, "{format: json}", "{format: json", "9:9", "not valid YAML"),
    case("unclosed quote", GOOD, "name: Events", 'name: "Events', "17:1", "not valid YAML"),
    case("duplicate key", GOOD, "    name: Events", "    name: Events\n    name: Again", "17:5", "'name' stands here twice", "remove one"),
    case("duplicate key in flow style", GOOD, "{format: json}", "{format: json, format: xml}", "8:26", "stands here twice"),
    case("unknown alias", GOOD, "name: Events", "name: *events", "16:11", "undefined alias"),
    case("python tag", GOOD, "name: Events", "name: !!python/name:os.system x", "16:11", "tag", "remove the tag"),
    case("alias into itself", GOOD, "data: {format: json}", "data: &d {inner: *d}", "8:11", "contains itself"),
    case("number too large", BATCH, "1700000000", "9" * 5000, "15:33", "too large", "in quotes"),
    case("number beyond all bounds", BATCH, "1700000000", "1e999", "15:33", "too large"),
    case("half a surrogate", GOOD, "name: Events", 'name: "\\ud800"', "16:12", "not valid YAML"),
    case("list as key", GOOD, "name: Events", "[a, b]: Events", "16:5", "key must be plain text"),
    case("wrong apiVersion", GOOD, "reconciler/v1", "reconciler/v2", "1:13", "apiVersion must be reconciler/v1", "write apiVersion"),
    case("no apiVersion", GOOD, "apiVersion: reconciler/v1\n", "", "1:1", "apiVersion must be"),
    case("misspelt kind", GOOD, "kind: SourceDataflow", "kind: SourceDataFlow", "2:7", "unknown kind", "'SourceDataflow'"),
    case("no kind", GOOD, "kind: SourceDataflow\n", "", "1:1", "unknown kind", "SourceDataflow"),
    case("unknown top key", GOOD, "kind: Source", "status: {}\nkind: Source", "2:1", "unknown key 'status'", "known here"),
    case("no metadata", GOOD, "metadata:\n  name: events\n", "", "1:1", "metadata with a name is missing", "add metadata"),
    case("no name", GOOD, "  name: events", "  labels: {}", "4:3", "the name is missing"),
    case("upper-case name", GOOD, "name: events", "name: Events!", "4:9", "no name", "lower-case"),
    case("name is a number", GOOD, "name: events", "name: 12", "4:9", "no name", "as text"),
    case("label is a number", GOOD, "  name: events", "  name: events\n  labels: {team: 7}", "5:18", "must be text", "in quotes"),
    case("unknown metadata key", GOOD, "  name: events", "  name: events\n  label: {}", "5:3", "unknown key 'label'", "'labels'"),
    case("unknown annotation", GOOD, "  name: events", "  name: events\n  annotations: {reconciler/prevent-destory: x}", "5:17", "unknown annotation", "prevent-destroy"),
    case("bad ignore-changes", GOOD, "  name: events", "  name: events\n  annotations: {reconciler/ignore-changes: flow}", "5:44", "no JSON pointer", "slash"),
    case("spec is a list", GOOD, GOOD[GOOD.index("spec:") :], "spec: []\n", "5:7", "spec must be a mapping"),
    case("unknown spec key", GOOD, "  flow:", "  flows:", "15:3", "unknown key 'flows'", "'flow'"),
    case("unknown flow key", GOOD, "    name: Events", "    nmae: Events", "16:5", "unknown key 'nmae'", "'name'"),
    case("unknown row key", GOOD, "destination: _t.b}", "destination: _t.b, identy: true}", "14:38", "unknown key 'identy'", "'identity'"),
    case("no target", GOOD, GOOD[GOOD.index("  target:") : GOOD.index("  mapping:")], "", "6:3", "target is missing", "add target"),
    case("no schema id", GOOD, "schema: {id: https://ns.adobe.com/t/schemas/1}", "schema: {}", "10:13", "exactly one of ref, id and lookup"),
    case("schema without class", GOOD, "schema: {id: https://ns.adobe.com/t/schemas/1}", "schema: {title: T}", "10:13", "needs class"),
    case("schema without title", GOOD, "schema: {id: https://ns.adobe.com/t/schemas/1}", "schema: {class: profile}", "10:13", "title is missing"),
    case("schema key unknown", GOOD, "schema: {id: https://ns.adobe.com/t/schemas/1}", "schema: {title: T, class: profile, fieldGroup: []}", "10:40", "unknown key 'fieldGroup'", "fieldGroups"),
    case("descriptor without type", GOOD, "schema: {id: https://ns.adobe.com/t/schemas/1}", "schema: {title: T, class: profile, descriptors: [{xdm:sourceProperty: /a}]}", "10:54", "@type is missing"),
    case("two like descriptors", GOOD, "schema: {id: https://ns.adobe.com/t/schemas/1}", 'schema: {title: T, class: profile, descriptors: [{"@type": xdm:descriptorIdentity}, {"@type": xdm:descriptorIdentity}]}', "10:89", "a second descriptor 'identity'", "as a mapping"),
    case("field group without fields", GOOD, "schema: {id: https://ns.adobe.com/t/schemas/1}", "schema: {title: T, class: profile, fieldGroups: [{title: F}]}", "10:54", "'F' has no fields", "definitions"),
    case("tags not lists", GOOD, "{id: 63ec807d3f5ce91bd2d06c65}", "{name: D, tags: {unifiedProfile: yes}}", "11:47", "must be a list"),
    case("dataset before its schema", GOOD.replace("{id: https://ns.adobe.com/t/schemas/1}", "{title: T, class: profile}"), "{id: 63ec807d3f5ce91bd2d06c65}", '{name: D, tags: {unifiedProfile: ["enabled:true"]}}', "11:47", "only when its schema is", "meta:immutableTags"),
    case("dataset unknown", GOOD, "{id: 63ec807d3f5ce91bd2d06c65}", "{ref: d}", "11:20", "no Dataset document is named 'd'"),
    case("name not text", GOOD, "name: Events", "name: 12", "16:11", "must be text", "in quotes"),
    case("version not text", GOOD, "    name: Events", "    flowSpec: {id: x, version: 1.0}", "16:32", "must be text", 'write "1.0" in quotes'),
    case("another's flow spec", GOOD, "    name: Events", "    flowSpec: {id: 14518937-270c-4525-bdec-c2ba7cce3860}", "16:20", "is not for Customer.io", "leave flowSpec out"),
    case("mapping is text", GOOD, GOOD[GOOD.index("  mapping:") : GOOD.index("  flow:")], "  mapping: all\n", "12:12", "must be"),
    case("row without destination", GOOD, "destination: _t.b}", "identity: true}", "14:7", "exactly one of destination"),
    case("row with two sources", GOOD, "{source: b,", "{source: b, sourceAttribute: c,", "14:7", "exactly one of source"),
    case("two rows one destination", GOOD, "destination: _t.b", "destination: _t.a", "14:7", "already written by row 1", "keep one"),
    case("bad row kind", GOOD, "{source: b,", "{source: b, sourceType: EXPRESION,", "14:31", "must be one of", "'EXPRESSION'"),
    case("bad flow state", GOOD, "name: Events", "state: enable", "16:12", "must be one of enabled, disabled, draft", "'enabled'"),
    case("unknown connector", GOOD, "customer-io", "customerio", "7:16", "no source connector 'customerio'", "'customer-io'"),
    case("connector and spec", GOOD, "    data: {f", "    connectionSpec: {id: x}\n    data: {f", "8:21", "exclude each other", "keep one"),
    case("no connector", GOOD, "    connector: customer-io\n", "", "7:5", "names no connector", "add connector"),
    case("schedule on streaming", GOOD, "    name: Events", "    scheduleParams: {startTime: 1}", "16:21", "takes no schedule", "remove"),
    case("auth where there is none", GOOD, "    data: {f", "    connection: {auth: {specName: x}}\n    data: {f", "8:24", "no credentials", "remove auth"),
    case("unknown variable", GOOD, "name: Events", "name: ${var.nmae}", "16:11", "'nmae' has no value", "--var"),
    case("environment variable", GOOD, "name: Events", "name: ${env.HOME}", "16:11", "not supported", "RECONCILER_VAR_HOME"),
    case("unknown prefix", GOOD, "name: Events", "name: ${vars.x}", "16:11", "not var. or secret.", "$${"),
    case("secret in a name", GOOD, "name: Events", "name: ${secret.x}", "16:11", "cannot hold a secret", "write it out"),
    case("literal secret", KINESIS, '"${secret.k}"', "AbC123", "10:45", "must not be written out", "${secret.out-secretkey}"),
    case("unknown auth spec", KINESIS, "Aws Kinesis authentication credentials", "Aws Kinesis credentials", "9:19", "has no auth spec", "did you mean"),
    case("missing auth parameter", KINESIS, "accessKeyId: a, ", "", "10:17", "needs the parameter 'accessKeyId'", "add accessKeyId"),
    case("missing target parameter", KINESIS, "stream: clicks, ", "", "11:13", "needs the parameter 'stream'", "add stream"),
    case("no auth", KINESIS, KINESIS[KINESIS.index("    connection:") : KINESIS.index("    params: {stream")], "    connection: {}\n", "7:17", "auth is missing", "specName"),
    case("no connection", KINESIS, KINESIS[KINESIS.index("    connection:") : KINESIS.index("    params: {stream")], "", "6:5", "needs a base connection", "add connection"),
    case("unknown reference", KINESIS, KINESIS[KINESIS.index("    connection:") : KINESIS.index("    params: {stream")], "    connection: {ref: acount}\n", "7:23", "no Connection document is named 'acount'", "add a Connection"),
    case("ref and id", KINESIS, KINESIS[KINESIS.index("    connection:") : KINESIS.index("    params: {stream")], "    connection: {ref: a, id: b}\n", "7:17", "exactly one of ref, id and lookup"),
    case("audience without anything", KINESIS, "{id: one, name: One}", "{description: x}", "13:7", "needs an id, or a name"),
    case("audience twice", KINESIS, "    - {id: one, name: One}", "    - {id: one, name: One}\n    - {id: one}", "14:7", "is declared twice", "remove one"),
    case("attribute twice", KINESIS, "[personalEmail.address]", "[a.b, a.b]", "14:21", "is declared twice", "remove one"),
    case("attribute operator", KINESIS, "[personalEmail.address]", "[{path: a, operator: EQUALS}]", "14:36", "must be one of EXISTS"),
    case("bad ownership", KINESIS, "  attributes:", "  ownership: {audiences: share}\n  attributes:", "14:26", "must be one of", "'shared'"),
    case("batch without schedule", BATCH, "    scheduleParams: {startTime: 1700000000, frequency: day, interval: 1}", "    name: x", "15:5", "needs a schedule", "add scheduleParams"),
    case("unknown frequency", BATCH, "frequency: day", "frequency: daily", "15:56", "must be one of once, minute", "'day'"),
    case("no interval", BATCH, ", interval: 1", "", "15:21", "needs an interval", "add interval"),
    case("interval with once", BATCH, "frequency: day", "frequency: once", "15:72", "must be absent", "remove interval"),
    case("interval too short", BATCH, "frequency: day, interval: 1", "frequency: minute, interval: 5", "15:74", "15 minutes", "15 or more"),
    case("missing source parameter", BATCH, "    params: {tableName: T}\n", "", "6:5", "needs the parameter 'tableName'"),
]  # fmt: skip


@pytest.mark.parametrize("broken", CASES)
def test_a_broken_manifest_is_told_and_nothing_is_sent(broken: Case, live: Cli, server: Server) -> None:
    assert broken.old in broken.base
    live.write("manifest.yaml", broken.base.replace(broken.old, broken.new, 1))
    found = live("validate")
    assert found.code == 1
    line = next((text for text in found.out.splitlines() if broken.says in text), found.out + found.err)
    assert re.match(rf"manifest\.yaml:{broken.place}: error: ", line), line
    assert broken.says in line
    assert broken.advises in line
    for command in (("plan",), ("apply", "-y")):
        again = live(*command)
        assert again.code == 1
        assert broken.says in again.err
        assert "Traceback" not in again.err
    assert server.requests == []
    assert not (live.folder / "state").exists()


def test_there_are_at_least_forty() -> None:
    assert len(CASES) >= 40


@pytest.mark.parametrize("good", [GOOD, KINESIS, BATCH], ids=["source", "destination", "batch"])
def test_the_unbroken_ones_are_fine(good: str, cli: Cli) -> None:
    cli.write("manifest.yaml", good)
    assert cli.ok("validate").out == ""


def test_several_findings_come_at_once(cli: Cli) -> None:
    text = (
        GOOD.replace("name: Events", "nmae: Events")
        .replace("customer-io", "customerio")
        .replace("_t.b}", "_t.b, x: 1}")
    )
    cli.write("a.yaml", text)
    cli.write("b/b.yaml", KINESIS.replace("stream: clicks, ", ""))
    found = cli("validate")
    assert found.code == 1
    assert "a.yaml:16:5" in found.out
    assert "a.yaml:14:" in found.out
    assert "b/b.yaml:11:13" in found.out
    assert "errors" in found.err


def test_duplicate_names_across_files(cli: Cli) -> None:
    cli.write("a.yaml", GOOD)
    cli.write("b.yaml", GOOD)
    found = cli("validate")
    assert "b.yaml:4:9: error: the name 'events' is taken by a.yaml:4:9" in found.out


def test_what_is_not_ours_is_passed_over(cli: Cli) -> None:
    cli.write("good.yaml", GOOD)
    cli.write("other.yaml", "kind: Deployment\napiVersion: apps/v1\n")
    cli.write("template.yaml", "{{ .Values.x }}: {{ y }\n")
    cli.write(".hidden/broken.yaml", GOOD + GOOD)
    cli.write("_drafts/broken.yaml", GOOD.replace("flow:", "flows:"))
    cli.write("state/broken.yaml", GOOD.replace("flow:", "flows:"))
    cli.write("overlays/dev/x.yaml", GOOD.replace("flow:", "flows:"))
    cli.ok("validate")
    named = cli("validate", "other.yaml")
    assert named.code == 1
    assert "holds no document of ours" in named.out


def test_a_bomb_and_a_tower(cli: Cli) -> None:
    levels = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    levels += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    bomb = GOOD.replace("    data: {format: json}", "    params:\n      " + "\n      ".join(levels))
    cli.write("bomb.yaml", bomb)
    assert "aliases grow this" in cli("validate").out
    cli.write("bomb.yaml", GOOD.replace("{format: json}", "[" * 50_000))
    assert "nested deeper than 100 levels" in cli("validate").out


def test_anchors_and_merges_work(cli: Cli) -> None:
    text = GOOD.replace("data: {format: json}", "data: &d {format: json}").replace(
        "  mapping:", "    data: {<<: *d}\n  mapping:"
    )
    cli.write("manifest.yaml", text)
    plan = cli.ok("plan", "--emulator", "--format", "json").json()
    target = next(item for item in plan["changes"] if item["address"] == "events/target")
    assert target["after"]["data"]["format"] == "json"
    assert "<<" not in target["after"]["data"]


def test_no_path_no_file(cli: Cli) -> None:
    assert "does not exist" in cli("plan", "nowhere").err
    cli.folder.joinpath("latin.yaml").write_bytes(b"name: caf\xe9\n")
    assert "UTF-8" in cli("validate").out
