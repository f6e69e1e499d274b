"""`reconciler test`: run the MappingTest documents."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from reconciler.cli.arguments import Files, project
from reconciler.cli.command import Command
from reconciler.cli.options import common

if TYPE_CHECKING:
    from reconciler.app.mapping_tests import MappingTests
    from reconciler.app.session import Session
    from reconciler.core.mapping_report import MappingReport

_FORMATS = ("text", "json", "junit")


@click.command("test", cls=Command)
@project
@click.option("--format", "form", type=click.Choice(_FORMATS), default="text", show_default=True)
@click.option("--update", "rewrite", is_flag=True, help="Write the actual results into the documents.")
@click.option("--coverage", is_flag=True, help="Name the rows, branches and required fields that no case exercises.")
@click.option("--live", is_flag=True, help="Compare with the platform's preview of the same records.")
@click.option("--watch", is_flag=True, help="Run again whenever a file of the project changes.")
@common
def command(files: Files, form: str, rewrite: bool, coverage: bool, live: bool, watch: bool) -> int:
    """Run the mapping tests in PATH locally: apply each mapping to its records and compare the results.

    Nothing is sent, except with --live. Exit code 1 when a case fails or cannot be run, or when --live finds a
    difference.
    """
    if watch:
        from reconciler.app.watching import watch as watched
        from reconciler.cli.terminal import message

        if rewrite:
            raise click.UsageError("--watch and --update exclude each other.")
        return watched(files.path, lambda: _once(files.open(), form, coverage=coverage, live=live), message)
    if rewrite:
        return _update(files.open())
    return _once(files.open(), form, coverage=coverage, live=live)


def _tests(session: Session) -> MappingTests:
    from reconciler.app.mapping_tests import MappingTests
    from reconciler.core.problems import ManifestError

    found = session.examine()
    if found.errors:
        raise ManifestError([*found.errors, *found.warnings])
    return MappingTests(session, found)


def _once(session: Session, form: str, *, coverage: bool, live: bool) -> int:
    from reconciler.cli.terminal import message
    from reconciler.render.mapping_tests import summary

    tests = _tests(session)
    report = tests.run()
    if coverage:
        report.uncovered = tests.uncovered()
    if live:
        report.live = _live(session, tests)
    _show(report, form)
    if not report.results:
        message("There are no MappingTest documents in PATH.")
    else:
        message(summary(report))
    return 1 if report.failed or report.live else 0


def _live(session: Session, tests: MappingTests) -> list[str]:
    from reconciler.app.mapping_live import compare_live
    from reconciler.app.running import run

    async def compared() -> list[str]:
        async with session.platform() as (client, _, _):
            return await compare_live(tests, client)

    return run(compared())


def _show(report: MappingReport, form: str) -> None:
    from reconciler.cli.terminal import painter
    from reconciler.render import mapping_tests

    if form == "text":
        click.echo(mapping_tests.text(report, painter(sys.stdout)), nl=False)
    else:
        click.echo({"json": mapping_tests.json_text, "junit": mapping_tests.junit}[form](report), nl=False)


def _update(session: Session) -> int:
    from reconciler.app.mapping_update import update
    from reconciler.cli.terminal import message

    tests = _tests(session)
    report = tests.run()
    changed = update(tests, report)
    for file in changed:
        click.echo(f"updated {file}")
    broken = [result for result in report.results if result.status == "error"]
    for result in broken:
        message(f"{result.document} › {result.case} cannot be run: {'; '.join(result.messages)}")
    if not changed and not broken:
        message("All cases pass: nothing to update.")
    return 1 if broken else 0
