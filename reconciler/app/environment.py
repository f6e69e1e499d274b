"""Chooses the environment of a run and collects its variables."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path

from reconciler.app.options import ProjectOptions
from reconciler.config.project import Environment, ProjectSpec
from reconciler.config.variables import Given, resolve
from reconciler.core.problems import ManifestError, Problem
from reconciler.core.values import Tree
from reconciler.documents.document import NAME, Document, nearest
from reconciler.documents.interpolate import Scope
from reconciler.yamltext.files import read_file
from reconciler.yamltext.reader import read
from reconciler.yamltext.text import Text

_PREFIX = "RECONCILER_VAR_"

EVERY = "all"
"""What `--env` takes for every environment, where a command can; no environment may be named so."""


def choose_environment(project: ProjectSpec, document: Document | None, name: str | None) -> tuple[str, Environment]:
    """Return the environment that `name`, from `--env`, names.

    Raises `ManifestError` when it is missing, malformed or not declared.
    """
    known = project.environments
    if name == EVERY or "," in (name or ""):
        names = ", ".join(sorted(known)) or "your environments"
        advice = f"name one of {names}; validate, plan and drift take all, and apply a list as dev,prod"
        raise ManifestError(Problem("every-env", "this command works on one environment", advice))
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
    project: ProjectSpec,
    document: Document | None,
    environment: str,
    settings: Environment,
    options: ProjectOptions,
) -> tuple[dict[str, Tree], frozenset[str]]:
    """Return the variables, and the names of those that were given from outside the project file.

    `--var` wins, then `--var-file`, RECONCILER_VAR_*, the saved plan's, the environment's, the project's.
    """
    declared = project.variables.keys() | settings.variables.keys()
    told = [_saved(name, value) for name, value in options.saved.items()]
    for key, value in os.environ.items():
        name = key.removeprefix(_PREFIX)
        if name != key:
            # as written, or in capitals with _ for a name that is declared or yet unknown
            known = [item for item in declared if name in (item, item.upper().replace("-", "_"))]
            guesses = known or dict.fromkeys((name, name.lower(), name.lower().replace("_", "-")))
            told += [Given(guess, key, text=value) for guess in guesses]
    for file in options.var_files:
        told += [Given(name, f"--var-file {file}", value=value) for name, value in _var_file(file).items()]
    told += [Given(name, f"the variable {name}", value=value) for name, value in options.values.items()]
    told += map(_typed, options.variables)
    values = resolve(project.variables, settings.variables, told, environment, document)
    return values, frozenset(item.name for item in told)


def _saved(name: str, value: Tree) -> Given:
    return Given(name, f"the variable {name} of the saved plan", value=value)


class _Given(Mapping[str, Tree]):
    """The variables of a command line and of the environment, read only when they are asked for."""

    def __init__(self, options: ProjectOptions, environ: Mapping[str, str]) -> None:
        self._typed = {name: Given(name, f"the variable {name}", value=value) for name, value in options.values.items()}
        self._typed |= {item.name: item for item in map(_typed, options.variables)}
        self._saved = {name: _saved(name, value) for name, value in options.saved.items()}
        self._environ = environ

    def _given(self, name: str) -> Given | None:
        if name in self._typed:
            return self._typed[name]
        for word in (name, name.upper().replace("-", "_")):
            if (text := self._environ.get(_PREFIX + word)) is not None:
                return Given(name, _PREFIX + word, text=text)
        return self._saved.get(name)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self._given(name) is not None

    def __getitem__(self, name: str) -> Tree:
        found = self._given(name)
        if found is None:
            raise KeyError(name)
        return found.read(None)

    def __iter__(self) -> Iterator[str]:
        return iter(self._typed)

    def __len__(self) -> int:
        return len(self._typed)


def project_scope(options: ProjectOptions) -> Scope:
    """Return the variables of the project file itself: `--var` and RECONCILER_VAR_NAME, and no others.

    The file cannot use those that it declares.
    """
    return Scope(_Given(options, os.environ), "with RECONCILER_VAR_NAME: the project file reads no other variables")


def _typed(item: str) -> Given:
    """Return the variable of one `--var NAME=VALUE`. Raises `ManifestError` for anything else."""
    name, sign, value = item.partition("=")
    if not sign or not name:
        raise ManifestError(Problem("bad-var", f"--var {item!r} is not NAME=VALUE", "as in --var region=us-east-1"))
    return Given(name, f"--var {name}", text=value)


def unused_variables(
    project: ProjectSpec,
    document: Document | None,
    environment: str,
    settings: Environment,
    typed: Collection[str],
    files_given: tuple[Path, ...],
    used: Collection[str],
    spoken_of: Callable[[], Collection[str]],
) -> list[Problem]:
    """Return a finding for each variable that nothing uses, in this or any other environment.

    One in `typed`, which a command line or a program gave by name and nothing declares, is an error; others are
    warnings. `used` are those that were asked for; the rest is looked for by `spoken_of`, at most once.
    """
    places: dict[str, tuple[str, ...]] = {name: ("spec", "variables", name) for name in project.variables}
    places |= {name: ("spec", "environments", environment, "variables", name) for name in settings.variables}
    listed = {name: file for file in files_given for name in _var_file(file)}
    elsewhere = {name for other in project.environments.values() for name in other.variables}
    left = (places.keys() | set(typed) - elsewhere | listed.keys()) - set(used)
    if left:
        left -= set(spoken_of())
    found = []
    for name in sorted(left):
        known = nearest(name, set(used)) if name not in places else ""
        if name in places and document is not None:
            what = f"the variable {name!r} is used nowhere"
            found.append(
                document.problem(places[name], "unused-variable", what, "take it out", key=True, severity="warning")
            )
        elif name in listed:
            file = str(listed[name])
            span = Text(file, read_file(listed[name], file)).span(0, (name,), key=True)
            what = f"nothing uses a variable named {name!r}"
            found.append(Problem("unused-variable", what, known, span, severity="warning"))
        else:
            what = f"nothing declares or uses the variable {name!r}"
            found.append(Problem("unknown-variable", what, known or "declare it under variables: in reconciler.yaml"))
    return found


def _var_file(file: Path) -> Mapping[str, Tree]:
    documents = read(Text(str(file), read_file(file, f"--var-file {file}")))
    if len(documents) != 1 or not isinstance(documents[0], dict):
        raise ManifestError(Problem("bad-var-file", f"--var-file {file} must hold one mapping of names to values"))
    return documents[0]
