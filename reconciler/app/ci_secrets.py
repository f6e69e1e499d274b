"""The secrets that a pipeline must pass: named by the manifests, and by the jobs of a pipeline's file that apply."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from reconciler.app.session import Session
from reconciler.config.project import ProjectSpec
from reconciler.core.problems import Problem
from reconciler.core.trees import of_kind
from reconciler.core.values import Secret
from reconciler.documents.load import Project
from reconciler.secrets.providers import variable
from reconciler.yamltext.files import read_file
from reconciler.yamltext.reader import read
from reconciler.yamltext.text import Text

_APPLIES = re.compile(r"\breconciler\b.*\b(apply|approve)\b|\bci (github|gitlab) (apply|approve)\b")


def variables(project: Project, settings: ProjectSpec) -> dict[str, str]:
    """Return the secrets that the manifests name, by the variable that the first provider `env` reads them from.

    There are none where the project file declares providers and none of them is `env`.
    """
    prefixes = [item.env.prefix for item in settings.secrets if item.env]
    bodies = (item.body for item in project.resources.values())
    names = {name for body in bodies for secret in of_kind(body, Secret) for name in secret.names()}
    return {variable(prefix, name): name for prefix in prefixes[:1] for name in sorted(names)}


def lines_for(names: Mapping[str, str], indent: str) -> list[str]:
    """Return the `env:` lines of a GitHub workflow that pass secrets."""
    return [f"{indent}{name}: ${{{{ secrets.{name} }}}}" for name in names]


def ci_findings(session: Session, project: Project, file: Path) -> list[Problem]:
    """Return a finding for each secret that a job of the pipeline in `file` applies without.

    In a file that is not a GitHub workflow, each variable must be named somewhere. Raises ManifestError for a file that
    cannot be read.
    """
    text = Text(str(file), read_file(file, str(file)))
    needed = variables(project, session.project)
    documents = read(text)
    first = documents[0] if documents else None
    whole: Mapping[str, Any] = first if isinstance(first, dict) else {}
    jobs = whole.get("jobs")
    if not isinstance(jobs, dict):
        missing = [name for name in needed if not re.search(rf"\b{re.escape(name)}\b", text.content)]
        return [_problem(text, (), f"{name} is not named", needed[name], name) for name in missing]
    outer = _env(whole)
    return [
        _problem(text, ("jobs", key), f"the job {key} applies without {name}", needed[name], name)
        for key, job in jobs.items()
        if isinstance(job, dict)
        for step in _applying(job)
        for name in needed
        if name not in outer | _env(job) | _env(step)
    ]


def _applying(job: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for step in job.get("steps") or ():
        given = step.get("with") if isinstance(step, dict) else None
        command = given.get("command") if isinstance(given, dict) else None
        if command in ("apply", "approve") or (isinstance(step, dict) and _APPLIES.search(str(step.get("run", "")))):
            yield step


def _env(part: Mapping[str, Any]) -> set[str]:
    env = part.get("env")
    return set(env) if isinstance(env, dict) else set()


def _problem(text: Text, path: tuple[str, ...], what: str, secret: str, name: str) -> Problem:
    advice = (
        f"add to its env: {lines_for({name: secret}, '')[0]}" if path else f"pass the variable {name}, or name it here"
    )
    return Problem("ci-secret", f"{what}, for the secret {secret!r}", advice, span=text.span(0, path, key=True))
