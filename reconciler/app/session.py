"""One run's view of a project: manifests, environment, platform, store, secrets."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.app.dialogue import Dialogue
from reconciler.app.environment import EVERY, choose_environment, collect_variables, project_scope, unused_variables
from reconciler.app.options import ProjectOptions
from reconciler.app.platform import EMULATOR, Platform, Target, chosen_url
from reconciler.app.runtime import keep_until_exit, no_garbage_collection
from reconciler.app.trust import check_secret_prefixes, confine, is_restricted, need_from_environment
from reconciler.catalog import shipped
from reconciler.config.project import (
    Environment,
    ProjectSpec,
    development_of,
    development_variables,
    find_root,
    load_project,
)
from reconciler.config.review_lines import line_problems
from reconciler.config.state_settings import StateSettings
from reconciler.core.characters import counted, require_unicode
from reconciler.core.development import Development, developed
from reconciler.core.fingerprint import Fingerprinter
from reconciler.core.pointers import parse_pointer
from reconciler.core.problems import ManifestError, Problem, StateError
from reconciler.core.resource import Resource
from reconciler.core.state.model import Entry, Record, State, fold
from reconciler.core.state.validation import contradictions
from reconciler.core.values import Secret, Tree
from reconciler.documents.document import PROJECT_FILE, Document
from reconciler.documents.load import Project, load, no_manifests
from reconciler.documents.overlay import speak_of
from reconciler.kinds import dataflow_kind, kinds
from reconciler.kinds.selectors import SELECTORS
from reconciler.secrets.providers import Provider, command, dotenv, environment, files, keyring
from reconciler.secrets.redaction import redact
from reconciler.secrets.store import SecretStore

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from reconciler.api.client import Client
    from reconciler.stores.store import Store


@dataclass(slots=True)
class Session:
    """One run's view of a project and an environment.

    `path` is what the run is limited to, `root` the project root and `shown` how messages call it. `state_dir` is the
    folder of a local state and of the emulator's data.
    """

    options: ProjectOptions
    dialogue: Dialogue
    path: Path
    root: Path
    shown: str
    environment: str
    project: ProjectSpec
    project_document: Document | None
    settings: Environment
    state_dir: Path
    emulated: bool
    variables: dict[str, Tree] = field(default_factory=dict)
    given: frozenset[str] = frozenset()
    """The variables that were given from outside the project file."""
    project_variables: frozenset[str] = frozenset()
    """The variables that the project file itself uses."""
    development: Development | None = None
    """The development mode of the environment, if it has one."""

    # -- manifests -------------------------------------------------------------------------------------------
    def manifests(self) -> Project:
        """Return the project's resources. Raises `ManifestError` with every finding when there is an error."""
        found = self.examine()
        if found.errors:
            raise ManifestError([*found.errors, *found.warnings])
        found.let_go()
        return found

    def desired(self, *, destroy: bool = False) -> Project:
        """Return the manifests for a plan. Raises `ManifestError` where there are none, unless it is to `destroy`.

        A plan from nothing deletes all that the state holds, and an empty folder is usually the wrong one.
        """
        found = self.manifests()
        if not found.documents and not destroy:
            problem = no_manifests(self.root if self.shown in ("", ".") else self.shown)
            raise ManifestError([problem, *(item for item in found.warnings if item.code != problem.code)])
        return found

    def require_something(self, project: Project, state: State) -> None:
        """Raise `ManifestError` where PATH holds no manifest and no entry of the state came from it."""
        files = chain(
            (item.file for item in project.documents.values()), (item.file for item in state.resources.values())
        )
        if not any(map(self.came_from_path, files)):
            what = f"there is no manifest under {self.options.path}, and no entry of the state came from it"
            raise ManifestError(Problem("no-manifests", what, f"name a folder or a file of the project in {self.root}"))

    def examine(self) -> Project:
        """Return the project's resources and findings."""
        with no_garbage_collection():
            found = self.read_manifests()
        keep_until_exit(found)
        redact.spare(lambda text: found.declares(text))
        found.problems += unused_variables(
            self.project, self.project_document, self.environment, self.settings,
            self.options.given, self.options.var_files, found.used_variables | self.project_variables,
            lambda: speak_of(self.root, found.documents.values()),
        )  # fmt: skip
        if found.documents and not found.errors:
            found.problems += line_problems(self.project, self.project_document, self.environment, found.resources)
        return found

    def read_manifests(self) -> Project:
        """Return the project's resources and the findings about its documents."""
        found = load(
            self.root,
            self.path,
            self.shown,
            shipped(),
            self.variables,
            selectors=SELECTORS,
            literal_secrets=self.options.allow_literal_secrets or self.emulated,
            environment=self.environment,
            environments=self.project.environments,
            skip=[self.state_dir],
        )
        if self.development is not None:
            found.resources = developed(found.resources, kinds(), dataflow_kind().name, self.development)
        return found

    def scope(self, project: Project, state: State) -> tuple[dict[str, Resource], list[str]]:
        """Return the resources PATH names, and the state entries this run may touch.

        Raises `ManifestError` when one refers to something outside that is not applied yet.
        """
        whole = self.path.resolve() == self.root.resolve()
        resources = project.resources
        if len(project.inside) < len(resources):
            resources = {name: item for name, item in resources.items() if name in project.inside}
        entries = [
            name
            for name, entry in state.resources.items()
            if name in resources or (name not in project.resources and (whole or self.came_from_path(entry.file)))
        ]
        if left := _in_nested(project, state, entries):
            raise ManifestError(left)
        problems = [
            project.documents[item.document].problem(
                parse_pointer(item.where),
                "outside",
                f"{item.address} needs {need}, which {self.path} does not contain and which is not applied yet",
                f"include {project.resources[need].file}",
            )
            for item in resources.values()
            for need in item.dependencies
            if need not in resources and need not in state.resources
        ]
        if problems:
            raise ManifestError(problems)
        return resources, entries

    def holds(self, entry: Entry) -> bool:
        """Tell whether a state entry is one of those PATH is about."""
        return self.path.resolve() == self.root.resolve() or self.came_from_path(entry.file)

    def came_from_path(self, file: str) -> bool:
        """Tell whether a state entry came from a manifest in PATH."""
        return bool(file) and _lies_in((self.root / file).absolute(), self.path.absolute())

    # -- state -----------------------------------------------------------------------------------------------
    def store(self) -> Store:
        """Return the store of this environment's state, as the project file says."""
        return self.store_in(self.project.state)

    def store_in(self, settings: StateSettings) -> Store:
        """Return the store of this environment's state in another place. Raises `ManifestError`, `SecretError`."""
        from reconciler.app.stores import store_of

        if (
            self.options.state_dir is not None or self.options.emulator
        ):  # trying something out leaves no trace in what teams share
            return store_of(StateSettings(), self._state_name, self.state_dir, self._revealed)
        if is_restricted(os.environ):
            if settings.backend != "local":
                raise ManifestError(need_from_environment(f"state.backend: {settings.backend}", "RECONCILER_STATE_DIR"))
            confine(self.root, self.root / settings.path, "state.path in reconciler.yaml")
        return store_of(settings, self._state_name, self.root / settings.path, self._revealed)

    @property
    def _state_name(self) -> str:
        """The name that the environment's state is kept under: in development mode, one for each developer."""
        if self.development is None:
            return self.environment
        return f"{self.environment}_{self.development.prefix[:-1]}"

    def _revealed(self, text: str) -> str:
        """Return a setting with `${secret.NAME}` filled in."""
        if "${secret." not in text:
            return text
        own = SecretStore(self._providers(), Fingerprinter(None, "unused"))
        return own.reveal(Secret(text)).plain()

    def check(self, state: State | None, target: Target) -> State:
        """Return `state`, or an empty one.

        Raises `StateError` for one of another platform, organization, sandbox or environment, and for one that
        contradicts itself.
        """
        if state is None:
            return State(str(uuid.uuid4()), self.environment, target.identity, target.organization, target.sandbox)
        for word, theirs, ours in (
            ("platform", state.platform, target.identity),
            ("organization", state.organization, target.organization),
            ("sandbox", state.sandbox, target.sandbox),
            ("environment", state.environment, self.environment),
        ):
            if theirs != ours:
                raise StateError(
                    Problem(
                        "foreign-state",
                        f"the state {self.store().where} belongs to {word} {theirs!r}, not {ours!r}",
                        "use another --env or --state-dir for this one; a state is never used against another",
                    )
                )
        if found := contradictions(state.resources, kinds()):
            what = f"the state {self.store().where} contradicts itself: {found[0]}"
            more = f"; and {counted(len(found) - 1, 'more finding')}" if found[1:] else ""
            advice = "take the wrong entry out with reconciler state rm, or restore an earlier state"
            raise StateError(Problem("state-broken", what + more, advice))
        return state

    def moves(self, state: State) -> list[Record]:
        """Return the records of the renames in the project file that the state has not followed yet."""
        records: list[Record] = []
        names = {*state.resources, *state.pending}
        for _ in self.project.moved:  # a name that another line gives up is free in the next round
            for move in self.project.moved:
                for address in sorted(names):
                    if address == move.from_ or address.startswith(move.from_ + "/"):
                        target = move.to + address[len(move.from_) :]
                        if target not in names:
                            records.append(Record("moved", address, to=target))
                            names.remove(address)
                            names.add(target)
        return records

    def secret_store(self, state: State) -> SecretStore:
        """Return the secrets of this project; fingerprints are salted by the state's lineage."""
        key = os.environ.get("RECONCILER_FINGERPRINT_KEY")
        return SecretStore(self._providers(), Fingerprinter(key.encode() if key else None, state.lineage))

    def _providers(self) -> list[Provider]:
        found: list[Provider] = []
        if is_restricted(os.environ):
            return found
        for item in self.project.secrets:
            if item.env is not None:
                found.append(environment(os.environ, item.env.prefix))
            elif item.file is not None:
                found.append(files(self.root / item.file.directory))
            elif item.dotenv is not None:
                found.append(dotenv(self.root / item.dotenv.file, item.dotenv.prefix))
            elif item.command is not None:
                found.append(command(item.command.run, item.command.timeout))
            elif item.keyring is not None:
                found.append(keyring(item.keyring.service))
        return found

    # -- platform --------------------------------------------------------------------------------------------
    def platform(self, parallelism: int = 10) -> AbstractAsyncContextManager[tuple[Client, Target, SecretStore]]:
        """Open the door to the platform, real or emulated, for as long as the command runs."""
        platform = Platform(
            self.project,
            self.project_document,
            self.environment,
            self.settings,
            self.state_dir,
            self.emulated,
            self._providers(),
        )
        return platform.open(parallelism, self.dialogue)


def open_session(options: ProjectOptions, dialogue: Dialogue) -> Session:
    """Return the session for the project and the environment that `options` name.

    Raises `ManifestError`; nothing is sent or written.
    """
    _require_unicode(os.environ)
    absolute, root, shown = _located(options)
    if is_restricted(os.environ):
        confine(root, absolute, str(options.path))
        confine(root, root / PROJECT_FILE, PROJECT_FILE)
    project, document = load_project(root, shown, scope := project_scope(options))
    check_secret_prefixes(project, document)
    name, settings = choose_environment(project, document, options.environment)
    folder = Path(os.path.abspath(options.state_dir)) if options.state_dir else root / project.state.path  # noqa: PTH100
    emulated = options.emulator or chosen_url(project, settings) == EMULATOR
    development = development_of(document, name, settings, scope)
    variables, given = collect_variables(project, document, name, settings, options)
    return Session(
        options,
        dialogue,
        absolute,
        root,
        shown,
        name,
        project,
        document,
        settings,
        folder,
        emulated,
        variables,
        given,
        frozenset(scope.used | development_variables(project)),
        development,
    )


def _require_unicode(environ: Mapping[str, str]) -> None:
    """Raise `ManifestError` for a variable of ours that is not valid Unicode, by its name alone: it may be a secret."""
    for name, value in environ.items():
        if name.startswith(("AEP_", "RECONCILER_")):
            require_unicode(name, "the name of an environment variable")
            require_unicode(value, f"the environment variable {name}", secret=True)


def _located(options: ProjectOptions) -> tuple[Path, Path, str]:
    """Return PATH whole, the project root, and how the root is called in messages."""
    path = options.path
    if not path.exists():
        raise ManifestError(Problem("no-path", f"{path} does not exist", "name a manifest or a folder of manifests"))
    require_unicode(str(path), "PATH")
    absolute = Path(os.path.abspath(path))  # noqa: PTH100 - symbolic links stay as the user wrote them
    require_unicode(str(absolute), "the folder")
    if absolute.name == PROJECT_FILE:
        absolute = absolute.parent
    root = find_root(absolute, own_state=options.state_dir is None)
    relative = os.path.relpath(root)
    return absolute, root, "" if relative == "." else relative


def several(options: ProjectOptions, *, by_name: bool = False) -> list[str]:
    """Return the environments that `all`, or a list as `dev,prod`, means; empty where one is meant.

    With `by_name` they must be named. Raises `ManifestError` for all of a project that declares none.
    """
    name = options.environment or ""
    if name != EVERY or by_name:
        return list(dict.fromkeys(filter(None, map(str.strip, name.split(","))))) if "," in name else []
    _, root, shown = _located(options)
    project, _ = load_project(root, shown, project_scope(options))
    if not project.environments:
        advice = "declare them under environments: in reconciler.yaml"
        raise ManifestError(Problem("no-env", "this project declares no environments", advice))
    return list(project.environments)


@lru_cache(1024)
def _lies_in(file: Path, folder: Path) -> bool:
    """Tell whether a file is `folder`, or in it; thousands of objects come from one file."""
    here, inside = file.resolve(), folder.resolve()
    return here == inside or inside in here.parents


def _in_nested(project: Project, state: State, entries: Iterable[str]) -> list[Problem]:
    """Return an error for each folder that became a project of its own while this state holds entries from it."""
    lost: dict[str, list[str]] = {}
    for address in entries if project.nested else ():
        file = state.resources[address].file
        folder = next((name for name in project.nested if file.startswith(f"{name}/")), None)
        if folder is not None and address not in project.resources:
            lost.setdefault(folder, []).append(address)
    return [
        Problem(
            "nested-project",
            f"{folder} is a project of its own now, and the state holds {counted(len(names), 'entry')} from it: "
            f"{', '.join(names[:5])}{', …' * (len(names) > 5)}",
            f"take them out with reconciler state rm, and bind them there with reconciler adopt {folder}; "
            f"or remove {folder}/{PROJECT_FILE}",
        )
        for folder, names in lost.items()
    ]


def in_memory(state: State, records: list[Record]) -> State:
    """Return `state` after `records` for a command that writes nothing: the serial stays that of the file."""
    return replace(fold(state, records), serial=state.serial)
