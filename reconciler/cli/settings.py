"""What one run is told besides the manifests: which environment, which variables."""

from __future__ import annotations

import os
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path

from reconciler.cli.options import given
from reconciler.core.problems import ManifestError, Problem
from reconciler.core.values import Tree
from reconciler.manifests.document import NAME, Document
from reconciler.manifests.project import Environment, ProjectSpec
from reconciler.manifests.yaml import Text, read

_PREFIX = "RECONCILER_VAR_"


def choose_environment(project: ProjectSpec, document: Document | None) -> tuple[str, Environment]:
    """Return the environment `--env` names. Raises `ManifestError` when it is missing, malformed or not declared."""
    name, known = given("env"), project.environments
    if name is None:
        if len(known) > 1:
            raise ManifestError(
                Problem(
                    "no-env", "several environments are declared", f"pass --env with one of {', '.join(sorted(known))}"
                )
            )
        return "default", Environment()
    if not NAME.fullmatch(name):
        raise ManifestError(
            Problem("bad-env", f"{name!r} is no name of an environment", "use lower-case letters, digits and hyphens")
        )
    if known and name not in known:
        close = get_close_matches(name, known, 1)
        advice = f"did you mean {close[0]!r}?" if close else f"declared: {', '.join(sorted(known))}"
        where = document.span(("spec", "environments")) if document else None
        raise ManifestError(Problem("unknown-env", f"the environment {name!r} is not declared", advice, where))
    return name, known.get(name, Environment())


def collect_variables(
    project: ProjectSpec, settings: Environment, given_vars: tuple[str, ...], files_given: tuple[Path, ...]
) -> dict[str, Tree]:
    """Return the variables; `--var` wins, then `--var-file`, RECONCILER_VAR_*, the environment's, the project's."""
    found: dict[str, Tree] = {**project.variables, **settings.variables}
    spoken: dict[str, Tree] = {}
    for key, value in os.environ.items():
        name = key.removeprefix(_PREFIX)
        if name != key:
            # as written, or in capitals with _ for a name that is declared or yet unknown
            declared = [item for item in found if name in (item, item.upper().replace("-", "_"))]
            guesses = declared or [name, name.lower(), name.lower().replace("_", "-")]
            spoken.update(dict.fromkeys(guesses, _scalar(value, key)))
    found.update(spoken)
    for file in files_given:
        found.update(_var_file(file))
    for item in given_vars:
        name, sign, value = item.partition("=")
        if not sign or not name:
            raise ManifestError(Problem("bad-var", f"--var {item!r} is not NAME=VALUE", "as in --var region=us-east-1"))
        found[name] = _scalar(value, f"--var {name}")
    return found


def _scalar(text: str, source: str) -> Tree:
    values = read(Text(source, text))
    value = values[0] if values else ""
    return text if value is None and text.strip() == "" else value


def _var_file(file: Path) -> Mapping[str, Tree]:
    try:
        documents = read(Text(str(file), file.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError) as error:
        raise ManifestError(Problem("bad-var-file", f"--var-file {file} cannot be read: {error}")) from None
    if len(documents) != 1 or not isinstance(documents[0], dict):
        raise ManifestError(Problem("bad-var-file", f"--var-file {file} must hold one mapping of names to values"))
    return documents[0]
