"""fmt: one layout, nothing said differently, no comment lost."""

from __future__ import annotations

import io
import random
import sys

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.problems import ManifestError
from reconciler.yamltext.layout import formatted
from reconciler.yamltext.reader import read
from reconciler.yamltext.text import Text
from tests.conftest import ROOT, Cli

UGLY = """\
# the first line
kind:   SourceDataflow
apiVersion: reconciler/v1
metadata: {labels: {b: "1",   a: 'no'},name: x}
spec:
    # about the source
    source:   # why not
       connector: customer-io
       version: 1.10
       data: {format:   json}
    list:
    - a   # one
    -   b: 012
        c: ~
        d:
    - "quoted"


    text: |
      # no comment
      two   spaces
    folded: >-
      one
      two
    date: 2022-01-05
    hex: 0x1F
    time: 12:30
    empty: ''
---
# another
apiVersion: reconciler/v1   
kind: Dataset
metadata: {name: y}
spec: &anchor {a: 1}
# the end
"""  # noqa: W291
NEAT = """\
# the first line
kind: SourceDataflow
apiVersion: reconciler/v1
metadata: {name: x, labels: {b: "1", a: 'no'}}
spec:
  # about the source
  source:     # why not
    connector: customer-io
    version: 1.10
    data: {format: json}
  list:
    - a   # one
    - b: 012
      c: ~
      d:
    - "quoted"


  text: |
    # no comment
    two   spaces
  folded: >-
    one
    two
  date: 2022-01-05
  hex: 0x1F
  time: 12:30
  empty: ''
---
# another
apiVersion: reconciler/v1
kind: Dataset
metadata: {name: y}
spec: &anchor {a: 1}
# the end
"""


def test_a_file_is_laid_out_and_says_the_same() -> None:
    text = formatted(Text("x", UGLY))
    assert text == NEAT
    assert read(Text("x", text)) == read(Text("x", UGLY))


def test_the_head_is_put_in_order_where_no_comment_stands() -> None:
    text = "spec: {a: 1}\nmetadata: {name: x}\nkind: Dataset\napiVersion: reconciler/v1\n"
    assert formatted(Text("x", text)).split("\n")[0] == "apiVersion: reconciler/v1"


leaf = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=20),
    st.sampled_from(["no", "12:30", "2022-01-05", "0o7", "~", "null", "", "a: b", "# x", "${var.x}", "1_0"]),
)  # fmt: skip
trees = st.recursive(
    leaf,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=12,
)


@given(trees, st.booleans() | st.none(), st.integers(2, 6), st.integers(0, 2**32))
def test_formatting_changes_no_value_loses_no_comment_and_is_done_once(
    tree: object, flow: bool | None, indent: int, seed: int
) -> None:
    document = {"apiVersion": "reconciler/v1", "kind": "Dataset", "spec": tree}
    lines = yaml.safe_dump(document, default_flow_style=flow, indent=indent, sort_keys=False, allow_unicode=True).split(
        "\n"
    )
    chance = random.Random(seed)
    plain = not any(char in line for line in lines for char in "|>'\"") and flow is False
    comments = []
    if plain:  # where a line is surely no part of a text
        for index in range(len(lines) - 1):
            if chance.random() < 0.4:
                comments.append(f"# c{index}")
                lines[index] = (
                    f"{comments[-1]}\n{lines[index]}" if chance.random() < 0.5 else f"{lines[index]}  {comments[-1]}"
                )
    content = "\n".join(lines)
    try:
        before = read(Text("x", content))
    except ManifestError:
        return  # YAML 1.1 in, which is another language for some scalars
    once = formatted(Text("x", content))
    assert read(Text("x", once)) == before
    assert all(comment in once for comment in comments)
    assert formatted(Text("x", once)) == once


def test_check_and_diff_change_nothing_and_fmt_does(cli: Cli) -> None:
    cli.write("a.yaml", UGLY)
    cli.write("neat.yaml", NEAT.replace("name: x", "name: z").replace("name: y", "name: w"))
    cli.write("theirs.yaml", "b:   1\n")
    cli.write(".hidden/x.yaml", UGLY)
    checked = cli("fmt", "--check", "--diff")
    assert checked.code == 1
    assert "+++ b/a.yaml" in checked.out
    assert "2 files looked at, 1 would change." in checked.err
    assert (cli.folder / "a.yaml").read_text(encoding="utf-8") == UGLY
    assert cli("fmt", "--diff").code == 0
    cli.ok("fmt", "a.yaml", ".")
    assert (cli.folder / "a.yaml").read_text(encoding="utf-8") == NEAT
    assert (cli.folder / "theirs.yaml").read_text(encoding="utf-8") == "b:   1\n"
    cli.ok("fmt", "--check")


def test_what_is_no_yaml_is_told_and_left(cli: Cli) -> None:
    cli.write("bad.yaml", "apiVersion: reconciler/v1\n  kind: [\n")
    refused = cli("fmt")
    assert refused.code == 1
    assert "bad.yaml:2:" in refused.err
    assert "no-such.yaml does not exist" in cli("fmt", "no-such.yaml").err


def test_stdin_to_stdout(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(UGLY.encode()), encoding="utf-8"))
    assert cli.ok("fmt", "-").out == NEAT
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"\xff\xfe"), encoding="utf-8"))
    assert "error: <stdin> cannot be read" in cli("fmt", "-").err


def test_the_examples_are_laid_out() -> None:
    for path in (ROOT / "examples").rglob("*.yaml"):
        text = path.read_text(encoding="utf-8")
        assert formatted(Text(str(path), text)) == text


OLD = """\
apiVersion: reconciler/v1
kind: DestinationDataflow
metadata: {name: kinesis}
spec:
  target:
    connector: amazon-kinesis # "${env.COMMENT}" stays
    connection:
      auth:
        specName: Aws Kinesis authentication credentials
        params: {accessKeyId: "${env.KINESIS_USER}", secretKey: '${ env.KINESIS }', region: "${env.REGION}"}
    params: {stream: "a-${env.STREAM}-$${env.X}-${env.SOME_TOKEN}"}
    description: |
      first ${env.RECONCILER_VAR_TEXT}
      second
  attributes:
    - {source: "${env.X}", destination: a}
---
kind: ConfigMap
data: {x: "${env.X}"}
"""
NEW = (
    OLD.replace('"${env.KINESIS_USER}"', '"${var.KINESIS_USER}"')
    .replace("${ env.KINESIS }", "${secret.KINESIS}")
    .replace("${env.REGION}", "${var.REGION}")
    .replace("${env.STREAM}", "${var.STREAM}")
    .replace("${env.SOME_TOKEN}", "${secret.SOME_TOKEN}")
    .replace("${env.RECONCILER_VAR_TEXT}", "${var.TEXT}")
)


def test_fmt_migrates_environment_variables(cli: Cli) -> None:
    cli.write("old.yaml", OLD)
    assert cli("fmt", "old.yaml", "--check").code == 1
    assert "+      first ${var.TEXT}" in cli("fmt", "old.yaml", "--diff").out
    assert (cli.folder / "old.yaml").read_text() == OLD
    cli.ok("fmt", "old.yaml")
    assert (cli.folder / "old.yaml").read_text() == NEW
    cli.ok("fmt", "old.yaml", "--check")


def test_fmt_migrates_credentials_of_the_project_file(cli: Cli) -> None:
    head = "apiVersion: reconciler/v1\nkind: Project\nmetadata: {name: p}\nspec:\n"
    cli.write("reconciler.yaml", head + "  platform: {sandbox: '${env.BOX}', auth: {clientSecret: '${env.AEP}'}}\n")
    cli.ok("fmt")
    laid_out = (cli.folder / "reconciler.yaml").read_text()
    assert "{sandbox: '${var.BOX}', auth: {clientSecret: '${secret.AEP}'}}" in laid_out


def test_fmt_lays_out_project_files_and_nested_projects(cli: Cli) -> None:
    head = "apiVersion: reconciler/v1\nkind:   Project\nmetadata: {name: p}\n"
    for file in ("reconciler.yaml", "team/reconciler.yaml"):
        cli.write(file, head)
    assert cli("fmt", "--check").code == 1
    cli.ok("fmt")
    for file in ("reconciler.yaml", "team/reconciler.yaml"):
        assert "kind: Project\n" in (cli.folder / file).read_text()
