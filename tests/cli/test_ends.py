"""Closed or full streams, missing folders, very many findings: nothing stops half-way, one message each."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from reconciler.core.plan import policy
from reconciler.core.plan.policy import Rule, compiled, judge
from reconciler.core.problems import LONGEST, SHOWN, ManifestError, Problem, brief
from tests.conftest import ROOT, Cli

pytestmark = pytest.mark.processes
RECONCILER = f"{sys.executable} -m reconciler"


def shell(cli: Cli, line: str, **environ: str) -> subprocess.CompletedProcess[bytes]:
    """Run a line of shell in the project; `RUN` is the command. The exit code is the command's, not that of a pipe."""
    line = line.replace("RUN", RECONCILER)
    return subprocess.run(
        ["bash", "-c", f"{line}; exit ${{PIPESTATUS[0]}}"],
        cwd=cli.folder, capture_output=True, check=False, env={**os.environ, "PYTHONPATH": str(ROOT), **environ},
    )  # fmt: skip


def assert_clean(done: subprocess.CompletedProcess[bytes]) -> None:
    for word in (b"Traceback", b"Exception ignored", b"internal error"):
        assert word not in done.stderr + done.stdout


@pytest.mark.parametrize(
    ("end", "code"),
    [
        ("| head -c 1", 0), ("2>&1 | head -c 1", 0), ("2>/dev/full", 0), ("2>&-", 0), (">&-", 0), (">&- 2>&-", 0),
        ("<&-", 0), ("<&- >&- 2>&-", 0), (">/dev/full", 1), (">/dev/full 2>&1", 1),
    ],
)  # fmt: skip
def test_an_apply_is_finished_whatever_becomes_of_its_output(cli: Cli, end: str, code: int) -> None:
    cli.example("customer-io")
    done = shell(cli, f"RUN apply --emulator -y {end}")
    assert done.returncode == code
    assert_clean(done)
    assert len(cli.state["resources"]) == 4
    assert not list(cli.folder.glob("state/*.journal"))
    if end == ">/dev/full":
        assert b"error: the output could not be written: No space left on device" in done.stderr


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("RUN connectors list | head -1", 0), ("RUN schema | head -c 50", 0), ("RUN --version | true", 0),
        ("RUN --help >/dev/full", 1), ("RUN schema >/dev/full", 1), ("RUN validate >&-", 0),
        ("RUN plan --emulator --format json | head -c 5", 0),
        ("RUN plan --emulator --detailed-exitcode | head -c 5", 2),
        ("RUN plan --emulator --detailed-exitcode > /dev/full", 1), ("RUN apply --emulator <&-", 1),
    ],
)  # fmt: skip
def test_the_exit_code_is_that_of_the_command(cli: Cli, line: str, code: int) -> None:
    cli.example("customer-io")
    done = shell(cli, line)
    assert done.returncode == code
    assert_clean(done)
    if "<&-" in line:
        assert b"There is no terminal to ask on" in done.stderr


def test_results_are_the_same_bytes_in_every_locale(cli: Cli) -> None:
    cli.example("customer-io")
    cli.edit("customer-io.yaml", "Streaming Dataflow for", "Datenfluß 😀 for")
    locales = (
        {},
        {"LC_ALL": "C"},
        {"LC_ALL": "C", "PYTHONUTF8": "0"},
        *({"PYTHONIOENCODING": name} for name in ("latin-1", "ascii")),
    )
    results = {shell(cli, "RUN plan --emulator", **environ).stdout for environ in locales}
    assert len(results) == 1
    assert "Datenfluß 😀".encode() in results.pop()


def test_messages_degrade_readably(cli: Cli) -> None:
    done = shell(cli, "RUN validate 'a→ß'", PYTHONIOENCODING="ascii")
    assert done.returncode == 1
    assert b"error: a->\\u00df does not exist" in done.stderr


@pytest.mark.parametrize("command", ["plan", "apply -y", "init", "fmt", "validate", "state list", "export --out x"])
def test_a_folder_that_is_gone_is_one_message(cli: Cli, command: str) -> None:
    done = shell(cli, f"mkdir gone; cd gone; rmdir ../gone; RUN {command} --emulator")
    assert done.returncode == 1
    assert_clean(done)
    assert done.stderr.count(b"\n") == 1
    assert b"the folder this was started in is gone" in done.stderr


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes into every folder")
def test_a_folder_that_cannot_be_written_is_one_message(cli: Cli, tmp_path: Path) -> None:
    folder = tmp_path / "fixed"
    folder.mkdir(mode=0o500)
    result = cli("init", folder)
    assert result.code == 1
    assert result.err.count("\n") == 1


# -- limits -------------------------------------------------------------------------------------------------------
def test_very_many_findings_are_counted(cli: Cli) -> None:
    count = 20_000
    rows = "\n".join(f'    - {{source: a, destination: "${{var.x{index}}}"}}' for index in range(count))
    cli.write(
        "a.yaml",
        "apiVersion: reconciler/v1\nkind: SourceDataflow\nmetadata: {name: a}\n"
        "spec:\n  source: {connector: customer-io}\n"
        f"  target: {{dataset: {{id: '1'}}}}\n  mapping:\n{rows}\n  flow: {{name: A}}\n",
    )
    text = cli("validate")
    lines = text.out.splitlines()
    assert len(lines) == SHOWN + 1
    assert lines[0].startswith("a.yaml:8:")
    assert lines[-1].startswith(f"… and {count - SHOWN:,} more findings")
    assert f"{count} errors" in text.err.replace(",", "")
    assert cli("validate", "--format", "json").json()["summary"]["errors"] == count


def test_a_text_of_open_interpolations_takes_linear_time(cli: Cli) -> None:
    cli.write(
        "a.yaml",
        f"apiVersion: reconciler/v1\nkind: Schema\nmetadata: {{name: a}}\nspec: {{title: '{'${' * 200_000}'}}\n",
    )
    assert cli("validate").code in (0, 1)


@pytest.mark.parametrize("source", ["${var." * 100_000, "${" * 200_000, "a[" * 200_000])
def test_a_path_of_any_length_takes_linear_time(cli: Cli, source: str) -> None:
    cli.write(
        "a.yaml",
        "apiVersion: reconciler/v1\nkind: SourceDataflow\nmetadata: {name: a}\nspec:\n"
        "  source: {connector: customer-io}\n  target: {dataset: {id: '1'}}\n  flow: {name: A}\n"
        f'  mapping:\n    - {{sourceType: ATTRIBUTE, source: "{source}", destination: a.b}}\n',
    )
    result = cli("validate")
    assert result.code in (0, 1)
    assert "is neither a path nor an expression" in cli("validate", "--format", "json").out
    assert len(result.out) < 10_000


def test_errors_are_brief() -> None:
    problems = [Problem("x", f"finding {number}") for number in range(SHOWN + 2)]
    assert brief(problems[:SHOWN]) == [str(problem) for problem in problems[:SHOWN]]
    assert brief(problems)[-1].startswith("… and 2 more findings")
    assert str(ManifestError(problems)).count("\n") == SHOWN
    long = str(Problem("x", "y" * 1_000_000, "do this"))
    assert long == f"error: {'y' * LONGEST}… (do this)"


FACTS = {"environment": "default", "changes": [{"address": f"a{number}"} for number in range(500)]}


@pytest.mark.parametrize(
    ("expression", "says"),
    [
        ("[@,@][] | " * 60 + "[@,@][]", "takes more than"),
        ("changes[].{a: $}".replace("$", "$.changes[].{b: $.changes}").replace("$", "changes"), ""),
        ("[@.changes,@.changes][] | " + "map(&[@,@], @)[] | " * 40 + "@", "takes more than"),
        ("||".join(["a"] * 3000), "it is nested too deeply"),
    ],
)
def test_a_policy_that_does_not_end_denies(monkeypatch: pytest.MonkeyPatch, expression: str, says: str) -> None:
    monkeypatch.setattr(policy, "MAX_STEPS", 200_000)
    problems = judge([Rule("r", expression, "m")], FACTS)
    assert says in str(problems[:1])


@pytest.mark.parametrize("expression", ["(" * 3000 + "a" + ")" * 3000, "a" * 20_000])
def test_an_expression_that_is_too_deep_or_long_is_refused(expression: str) -> None:
    with pytest.raises(ValueError, match=r"nested too deeply|longer than"):
        compiled(expression)


def test_values_of_a_finding_are_shortened() -> None:
    nested = "[@,@] | " * 40 + "[{address: 'a', x: @}]"
    (problem,) = judge([Rule("r", nested, "found {x}")], FACTS)
    assert len(problem.what) < 5_000
