"""Secrets that a pipeline must pass by name: `init` writes the lines, `validate --ci` reports the missing ones."""

from __future__ import annotations

import pytest

from tests.conftest import Cli

WORKFLOW = ".github/workflows/reconciler.yml"
LINE = "          RECONCILER_SECRET_KINESIS_KEY: ${{ secrets.RECONCILER_SECRET_KINESIS_KEY }}\n"


def test_init_writes_the_secrets_of_the_manifests_into_the_jobs_that_apply(cli: Cli) -> None:
    cli.example("kinesis")
    cli.ok("init")
    text = (cli.folder / WORKFLOW).read_text(encoding="utf-8")
    assert text.count(LINE) == 2
    plan = text.partition("  plan:\n")[2].partition("  apply:")[0]
    assert "RECONCILER_SECRET_" not in plan
    cli.ok("validate", "--ci", WORKFLOW)
    (cli.folder / WORKFLOW).write_text(text.replace(LINE, "", 1), encoding="utf-8")
    found = cli("validate", "--ci", WORKFLOW)
    assert found.code == 1
    (line,) = found.out.splitlines()
    assert line.startswith(f"{WORKFLOW}:")
    assert "error: the job apply applies without RECONCILER_SECRET_KINESIS_KEY, for the secret 'kinesis-key'" in line
    assert LINE.strip() in line


def test_a_variable_of_the_workflow_or_the_job_counts(cli: Cli) -> None:
    cli.example("kinesis")
    names = "{RECONCILER_SECRET_KINESIS_ID: a, RECONCILER_SECRET_KINESIS_KEY: b}"
    step = "steps: [{run: python -I -m reconciler apply --auto-approve}]"
    cli.write("whole.yml", f"env: {names}\njobs: {{a: {{{step}}}}}\n")
    cli.write("job.yml", f"jobs: {{a: {{env: {names}, {step}}}}}\n")
    cli.write("none.yml", f"jobs: {{a: {{{step}}}, b: {{steps: [{{run: reconciler plan}}]}}}}\n")
    for name in ("whole", "job"):
        cli.ok("validate", "--ci", f"{name}.yml")
    assert len(cli("validate", "--ci", "none.yml").out.splitlines()) == 2


@pytest.mark.parametrize("pipeline", ["gitlab"])
def test_a_pipeline_without_jobs_names_the_variables_somewhere(cli: Cli, pipeline: str) -> None:
    cli.example("kinesis")
    cli.ok("init", "--pipeline", pipeline)
    file = cli.folder / ".gitlab-ci.yml"
    cli.ok("validate", "--ci", file)
    file.write_text(file.read_text("utf-8").replace("RECONCILER_SECRET_KINESIS_ID", "OTHER"), encoding="utf-8")
    assert "RECONCILER_SECRET_KINESIS_ID is not named" in cli("validate", "--ci", file).out


def test_a_pipeline_that_cannot_be_read_is_an_error(cli: Cli) -> None:
    cli.example("kinesis")
    assert "missing.yml" in cli("validate", "--ci", "missing.yml").err
