"""Mapping tests from the command line: test, preview, eval, and what validate says about mappings."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from reconciler.app import watching
from tests.conftest import ROOT, Cli, Server

EXAMPLE = ROOT / "examples" / "mapping-tests"
ROWS = """\
    - {source: id, destination: _id}
    - {source: lower(mail), sourceType: EXPRESSION, destination: a.mail}
    - {source: 'iif(n > 10, "big", decode(kind, "x", "X", "other"))', sourceType: EXPRESSION, destination: a.size}
    - {source: 'date(day, "yyyy-MM-dd")', sourceType: EXPRESSION, destination: a.day}
"""


CASES = (("good", 1), ("bad", 2))


def project(cli: Cli, cases: str, rows: str = ROWS, spec: str = "") -> None:
    (cli.folder / "t.yaml").write_text(
        "apiVersion: reconciler/v1\nkind: MappingTest\nmetadata: {name: t}\nspec:\n"
        f"{spec}  mapping:\n{rows}  cases:\n{cases}",
        encoding="utf-8",
    )


def example(cli: Cli) -> None:
    shutil.copytree(EXAMPLE, cli.folder, dirs_exist_ok=True)


def replace(cli: Cli, file: str, old: str, new: str) -> None:
    text = (cli.folder / file).read_text(encoding="utf-8")
    assert old in text
    (cli.folder / file).write_text(text.replace(old, new), encoding="utf-8")


def test_the_example_passes_and_covers_everything(cli: Cli) -> None:
    example(cli)
    done = cli("test", "--coverage")
    assert done.code == 0, done.err
    assert done.out.count("PASS") == 4
    assert "every row, branch and required field is exercised" in done.out
    assert done.err == "4 passed, 0 failed.\n"


def test_a_difference_is_shown_side_by_side_with_its_row(cli: Cli) -> None:
    project(
        cli, "    - {name: one, given: {id: 1, mail: A@B.C, n: 3}, expect: {_id: 2, a: {mail: a@b.c, size: other}}}\n"
    )
    done = cli("test")
    assert done.code == 1
    lines = done.out.splitlines()
    assert lines[0] == "FAIL  t › one"
    assert lines[2].split() == ["field", "expected", "actual"]
    assert lines[3].split() == ["_id", "2", "1"]
    assert lines[4].strip() == "made by row 1: id"
    assert len(lines) == 5


@pytest.mark.parametrize(
    ("case", "words"),
    [
        ("given: {day: x}, expect: {}", "a.day is set to null by an error: the text 'x' does not match"),
        ("given: {day: 2026-01-02}, warnings: [a.day]", "no error sets it to null"),
        ("given: {id: 1}, exactly: {}", "(none)"),
        ("given: [{id: 1}, {id: 2}], expect: [{_id: 1}]", "the number of records is 2, expected: 1"),
        ("given: [{id: 1}, {id: 2}], expect: {_id: 1}", "one record is expected, there are 2"),
        ("given: {id: 1}, rejected: true", "the record is not rejected"),
        ("given: 5", "a record is a mapping"),
        ("file: gone.json", "'gone.json' is not a file"),
        ("file: ../x.json", "lies outside the project"),
    ],
)
def test_a_case_that_does_not_pass_says_why(cli: Cli, case: str, words: str) -> None:
    (cli.folder.parent / "x.json").write_text('{"secret": 1}', encoding="utf-8")
    project(cli, f"    - {{name: one, {case}}}\n")
    done = cli("test")
    assert done.code == 1
    assert words in done.out
    assert "secret" not in done.out + done.err


def test_an_expected_warning_passes_and_the_clock_stands_still(cli: Cli) -> None:
    rows = "    - {source: now(), sourceType: EXPRESSION, destination: t}\n" + ROWS
    expect = "{t: '2026-01-02T03:04:05Z', a: {day: null}}"
    case = f"    - {{name: one, given: {{day: x, n: 1}}, warnings: [a.day], expect: {expect}}}\n"
    project(cli, case, rows, "  now: 2026-01-02T03:04:05Z\n")
    done = cli("test")
    assert done.code == 0, done.out


def test_a_function_that_cannot_be_run_is_an_error_of_the_case(cli: Cli) -> None:
    rows = "    - {source: fpid_to_ecid(a), sourceType: EXPRESSION, destination: e}\n"
    project(cli, "    - {name: one, given: {a: '1'}, warnings: [e]}\n", rows)
    done = cli("test")
    assert done.code == 1
    assert done.out.startswith("ERROR t › one")
    assert "not supported locally" in done.out


def test_a_broken_document_is_refused_with_its_place(cli: Cli) -> None:
    project(cli, "    - {name: a, given: {}, file: x}\n    - {name: a, given: {}}\n", spec="  dataflow: nowhere\n")
    done = cli("test")
    assert done.code == 1
    assert "exactly one of given and file must be given" in done.err
    (cli.folder / "t.yaml").write_text(
        "apiVersion: reconciler/v1\nkind: MappingTest\nmetadata: {name: t}\nspec:\n  dataflow: t\n  now: soon\n"
        "  cases: [{name: a, given: {}}, {name: a, given: {}}]\n",
        encoding="utf-8",
    )
    done = cli("test")
    assert "t.yaml:5:13: error: 't' is a MappingTest, not a dataflow" in done.err
    assert "t.yaml:6:8: error: 'soon' is not a time with a zone" in done.err
    assert "a second case 'a'" in done.err


def test_json_and_junit(cli: Cli) -> None:
    cases = (f"    - {{name: {name}, given: {{id: 1, n: 1}}, expect: {{_id: {ident}}}}}\n" for name, ident in CASES)
    project(cli, "".join(cases))
    found = json.loads(cli("test", "--format", "json").out)
    assert found["summary"] == {"passed": 1, "failed": 1}
    assert found["results"][1]["differences"] == [{"path": "_id", "expected": 2, "actual": 1, "row": 1, "source": "id"}]
    suite = ElementTree.fromstring(cli("test", "--format", "junit").out)[0]
    assert (suite.get("tests"), suite.get("failures")) == ("2", "1")
    assert [len(case) for case in suite] == [0, 1]


def test_update_writes_only_what_differs(cli: Cli) -> None:
    example(cli)
    file = cli.folder / "tests.yaml"
    before = file.read_text(encoding="utf-8")
    replace(cli, "tests.yaml", "size: large\n          total: 120.5", "size: huge # why\n          total: 1")
    replace(cli, "tests.yaml", "{_id: B-2, _emulator: {size: small,", "{_id: B-2, _emulator: {size: tiny,")
    replace(cli, "tests.yaml", "      warnings: [timestamp]\n      rejected: true\n", "")
    assert cli("test").code == 1
    done = cli("test", "--update")
    assert done.code == 0
    assert done.out == "updated tests.yaml\n"
    after = file.read_text(encoding="utf-8")
    assert "size: large # why\n" in after
    assert after.splitlines()[:30] == before.replace("size: large\n", "size: large # why\n", 1).splitlines()[:30]
    assert cli("test").code == 0
    assert cli("test", "--update").out == ""


def test_coverage_names_rows_branches_and_required_fields(cli: Cli) -> None:
    example(cli)
    text = (cli.folder / "tests.yaml").read_text(encoding="utf-8")
    start = text.index("    - name: an order")
    cases = "".join(f"    - {{name: {name}, given: {{total: 5}}, rejected: true}}\n" for name in "ab")
    (cli.folder / "tests.yaml").write_text(text[:start] + cases, encoding="utf-8")
    done = cli("test", "--coverage", "--format", "json")
    found = {(one["kind"], one["text"].partition(":")[0]) for one in json.loads(done.out)["uncovered"]}
    assert ("row", "row 1") in found
    assert ("required", "_id") in found
    assert ("branch", "row 5 (_emulator.size)") in found
    assert not any(text == "row 6" for _, text in found)


def test_live_agrees_with_the_platform_and_reports_a_difference(live: Cli, server: Server) -> None:
    example(live)
    cli = live
    done = cli("test", "--live")
    assert done.code == 0, done.out
    assert "no difference" in done.out
    assert any(item.path.endswith("/mappingSets/preview") for item in server.requests)

    def other(request: Any) -> Any:
        if request.path.endswith("/mappingSets/preview"):
            return 200, [], [{"data": {"_id": "other"}, "errors": [{"destination": "x"}]} for _ in request.body["data"]]
        return None

    server.before.append(other)
    done = cli("test", "--live")
    assert done.code == 1
    assert '_id is "A-1" locally and "other" in the preview' in done.out
    assert "x has an error in the preview only" in done.out


def test_live_sends_every_record_in_batches(live: Cli, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reconciler.app.mapping_live.RECORDS", 1)
    example(live)
    assert live("test", "--live").code == 0
    sent = [item for item in server.requests if item.path.endswith("/mappingSets/preview")]
    server.clear()
    monkeypatch.setattr("reconciler.app.mapping_live.RECORDS", 20)
    assert live("test", "--live").code == 0
    batches = [item for item in server.requests if item.path.endswith("/mappingSets/preview")]
    assert len(sent) > len(batches), "a case of the example has several records"


def test_a_test_makes_nothing(live: Cli, server: Server) -> None:
    cli = live
    project(cli, "    - {name: one, given: {id: 1}}\n")
    assert cli("validate").code == 0
    cli("apply", "-y")
    assert server.writes() == []


def test_preview_prints_records_and_names_what_is_wrong(cli: Cli) -> None:
    example(cli)
    (cli.folder / "in.csv").write_text("order_id,ordered,total\n1,01.02.2026 10:00,5\n2,bad,x\n", encoding="utf-8")
    done = cli("preview", "shop-orders", "--input", str(cli.folder / "in.csv"), "--path", str(cli.folder))
    assert done.code == 0
    assert json.loads(done.out)["timestamp"] == "2026-02-01T10:00:00Z"
    assert "record 2: timestamp is null" in done.err
    assert "record 2 is rejected: it lacks the required timestamp" in done.err
    done = cli("preview", "shop-order", "--input", "x.csv", "--path", str(cli.folder))
    assert done.code == 1
    assert "did you mean 'shop-orders'?" in done.err
    done = cli("preview", "shop-orders", "--input", "x.csv", "--path", str(cli.folder))
    assert "x.csv: cannot be read" in done.err


def test_preview_reads_parquet(cli: Cli) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    import pyarrow.parquet as parquet

    example(cli)
    table = pyarrow.table({"order_id": ["A"], "ordered": ["01.02.2026 10:00"], "total": [150.0], "gift": [True]})
    parquet.write_table(table, cli.folder / "in.parquet")
    done = cli("preview", "shop-orders", "--input", str(cli.folder / "in.parquet"), "--path", str(cli.folder))
    assert json.loads(done.out)["_emulator"] == {"size": "large", "total": 150.0, "gift": True}


def test_eval(cli: Cli) -> None:
    assert cli("eval", 'concat("a", 1 + 1)').out == '"a2"\n'
    assert cli("eval", "now()", "--now", "2026-01-02T03:04:05.5+01:00").out == '"2026-01-02T02:04:05.500Z"\n'
    (cli.folder / "in.jsonl").write_text('{"a": 1}\n{"a": {"b": null}}\n', encoding="utf-8")
    assert cli("eval", "a", "--input", str(cli.folder / "in.jsonl")).out == '1\n{"b": null}\n'
    done = cli("eval", 'lwer("a")')
    assert done.code == 1
    assert done.err == "error: 'lwer' is not a function; did you mean 'lower'? (at 1:1)\n    lwer(\"a\")\n    ^\n"
    done = cli("eval", "a.b", "--input", str(cli.folder / "in.jsonl"))
    assert done.code == 1
    assert "record 1:" in done.err
    assert "--now is a time with a zone" in cli("eval", "1", "--now", "soon").err


def test_validate_shows_the_place_in_an_expression(cli: Cli) -> None:
    project(
        cli,
        "    - {name: one, given: {}}\n",
        "    - {source: 'concat(a, lower())', sourceType: EXPRESSION, destination: x}\n",
    )
    done = cli("validate")
    assert done.code == 1
    assert "t.yaml:6:27: error: lower takes 1 argument, not 0: lower(text)" in done.out
    assert "    concat(a, lower())\n              ^" in done.out


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("source: order_id,", "source: ordr_id,", "no sample has the field ordr_id (did you mean 'order_id'?)"),
        ("_emulator.size", "_emulator.siez", "the schema has no field _emulator.siez (did you mean '_emulator.size'?)"),
        ("lower(trim(customer.email)), s", "explode(customer.email), s", "the expression gives array"),
        ("'_emulator.items[*].sku'", "_emulator.items.sku", "write _emulator.items[0] or _emulator.items[*]"),
        ("destination: _id", "destination: _emulator.email2", "no row writes the required field _id"),
        ("lower(trim(customer.email)), sourceType", "lowr(customer.email), sourceType", "did you mean 'lower'?"),
        ("source: gift, destination: _emulator.gift", "source: a, sourceType: STATIC, destination: _emulator.gift.b",
         "the schema has no field"),
        ("samples/orders.jsonl]", "samples/none.jsonl]", "'samples/none.jsonl' is not a file"),
    ],
)  # fmt: skip
def test_validate_looks_at_schema_and_samples(cli: Cli, old: str, new: str, words: str) -> None:
    example(cli)
    replace(cli, "mapping-tests.yaml", old, new)
    done = cli("validate")
    assert words in done.out
    assert cli("plan", "--emulator", "--no-checks").code == 0, "warnings never block"


def test_validate_finds_nothing_wrong_with_the_example(cli: Cli) -> None:
    example(cli)
    done = cli("validate")
    assert (done.code, done.out) == (0, "")


def test_watch_runs_again_after_a_change(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("1", encoding="utf-8")
    runs: list[int] = []
    looks = 0

    def wait() -> None:
        nonlocal looks
        looks += 1
        if looks == 3:
            (tmp_path / "a.yaml").write_text("12", encoding="utf-8")
        if looks == 6:
            raise KeyboardInterrupt

    assert watching.watch(tmp_path, lambda: runs.append(1) or 7, print, wait) == 7
    assert len(runs) == 2
