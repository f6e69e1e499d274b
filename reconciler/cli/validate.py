"""`reconciler validate`: the manifests, offline."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.cli.arguments import Files, project
from reconciler.cli.command import Command
from reconciler.cli.options import common

if TYPE_CHECKING:
    from reconciler.app.session import Session
    from reconciler.core.problems import Problem
    from reconciler.documents.load import Project

_NAMED = 20
"""Files without a manifest that are named one by one."""
_FORMATS = ("text", "json", "sarif", "junit", "github", "gitlab")


@click.command("validate", cls=Command)
@project
@click.option("--format", "form", type=click.Choice(_FORMATS), default="text", show_default=True)
@click.option("--ci", type=click.Path(path_type=Path), metavar="FILE",
              help="Also check that the pipeline in FILE passes the secrets of the manifests.")  # fmt: skip
@common
def command(files: Files, form: str, ci: Path | None) -> int:
    """Check the manifests in PATH without asking the platform: shape, references, parameters, cycles.

    Every finding is one line, file:line:column: error: … (how to fix). Exit code 1 when there is an error. Placeholders
    that `init` wrote are warnings until they are replaced. Files without a manifest are named on stderr.
    With --env all every environment is checked. SARIF and JUnit are for code hosts and CI servers; github
    prints workflow commands, gitlab a code quality report. With --ci a secret that a job of a pipeline applies without
    is an error.
    """
    names = files.everywhere()
    if not names:
        return _one(files, form, ci)
    if form != "text":
        raise click.UsageError(f"Several environments are shown as text; pass one for {form}.")
    codes = []
    for name in names:
        click.echo(f"{name}:", err=True)
        codes.append(_check(files.open(env=name), form, ci))
    return max(codes)


def _one(files: Files, form: str, ci: Path | None) -> int:
    """Check one environment; a project file that cannot be used is a finding in the format that was asked for, too."""
    from reconciler.core.problems import ManifestError
    from reconciler.documents.load import Project

    try:
        session = files.open()
    except ManifestError as error:
        if form == "text":
            raise
        _show(Project(), list(error.problems), form)
        return 1
    return _check(session, form, ci)


def _check(session: Session, form: str, ci: Path | None) -> int:
    found = session.examine()
    if not found.errors and found.checks_mappings:
        from reconciler.app.mapping_checks import mapping_findings  # loads the language of mappings

        found.problems += mapping_findings(session, found)
    if ci is not None:
        from reconciler.app.ci_secrets import ci_findings

        found.problems += ci_findings(session, found, ci)
    problems = sorted(found.problems, key=lambda item: (item.span.file, item.span.line) if item.span else ("", 0))
    _show(found, problems, form)
    if found.passed_over and form == "text":
        click.echo(f"No manifest in {_listed(found.passed_over)}.", err=True)
    errors, warnings = len(found.errors), len(found.warnings)
    if errors:
        click.echo(f"{errors} error{'s' * (errors != 1)}, {warnings} warning{'s' * (warnings != 1)}.", err=True)
        return 1
    documents, resources = len(found.documents), len(found.resources)
    many = f"{documents} document{'s' if documents != 1 else ''}"
    click.echo(f"{many} with {resources} resource{'s' if resources != 1 else ''}: all valid.", err=True)
    return 0


def _listed(files: list[str]) -> str:
    more = f" and {len(files) - _NAMED} more" if len(files) > _NAMED else ""
    return f"{', '.join(files[:_NAMED])}{more}"


def _show(found: Project, problems: list[Problem], form: str) -> None:
    if form == "text":
        from reconciler.core.problems import brief

        for line in brief(problems):
            click.echo(line)
        return
    from reconciler.render import findings

    if form == "junit":
        names = dict.fromkeys(document.text.file for document in found.documents.values())
        click.echo(findings.junit(problems, names), nl=False)
    else:
        writers = {
            "json": findings.json_text,
            "sarif": findings.sarif,
            "github": findings.github,
            "gitlab": findings.gitlab,
        }
        click.echo(writers[form](problems), nl=False)
