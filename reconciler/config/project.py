"""`reconciler.yaml`: platform, environments, variables, secrets, state, guardrails, renames."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from reconciler.config.policies import Policies
from reconciler.config.state_settings import StateSettings
from reconciler.core.development import Development
from reconciler.core.problems import ManifestError, Problem
from reconciler.core.trees import members, transform
from reconciler.core.values import Path as Steps
from reconciler.core.values import Secret, Tree
from reconciler.documents.blocks import Block
from reconciler.documents.document import PROJECT_FILE, Document, envelope
from reconciler.documents.interpolate import TOKEN, Scope, interpolate
from reconciler.documents.shapes import problems_of
from reconciler.yamltext.files import read_file
from reconciler.yamltext.reader import read
from reconciler.yamltext.text import Text

_PREFIX = re.compile(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?-")
"""Prefixes of development mode: their last hyphen aside, names of a state."""


class AuthSettings(Block):
    """The tool's own credentials; what is not here comes from `AEP_*`."""

    client_id: str | None = None
    """The client id of the credential."""
    client_secret: str | None = None
    """Its secret, as `${secret.NAME}`."""
    access_token: str | None = None
    """Instead of both: a token, as `${secret.NAME}`."""
    scopes: list[str] = Field(default_factory=list)
    """The scopes to ask for."""
    ims_url: str | None = None
    """The address of the identity service."""


class Platform(Block):
    """Which platform, organization and sandbox; what is not here comes from `AEP_*`."""

    url: str | None = None
    """The platform's address, or `emulator`."""
    organization: str | None = None
    """The organization's id, ending in @AdobeOrg."""
    sandbox: str | None = None
    """The sandbox."""
    api_key: str | None = None
    """The API key; left out, the client id."""
    auth: AuthSettings = Field(default_factory=AuthSettings)
    """The credential."""


class DevelopmentSettings(Block):
    """Development mode: each developer applies the manifests to objects and a state of their own."""

    prefix: str
    """Prefix of the names of created objects, as `${var.me}-`: lower-case letters, digits and hyphens, and a hyphen at
    the end."""
    state: Literal["disabled"] | None = None
    """`disabled` disables every flow."""


class Environment(Block):
    """One environment: what differs from the rest of the project."""

    url: str | None = None
    """Another platform address."""
    organization: str | None = None
    """Another organization."""
    sandbox: str | None = None
    """Its sandbox."""
    variables: dict[str, Any] = Field(default_factory=dict)
    """Values of variables here."""
    protected: bool = False
    """Whether deletes and replaces are refused without `--allow-protected`."""
    development: DevelopmentSettings | None = None
    """Names and states of its own for each developer."""


class EnvProvider(Block):
    """Secrets from environment variables: prefix + NAME in capitals, hyphens as underscores."""

    prefix: str = "RECONCILER_SECRET_"
    """What stands before the name."""


class FileProvider(Block):
    """Secrets from one file each, named as the secret."""

    directory: str
    """The folder, relative to this file."""


class CommandProvider(Block):
    """Secrets from a command's standard output; `{name}` in its arguments is the secret's name."""

    run: list[str] = Field(min_length=1)
    """The command and its arguments; `{name}` is the secret's name."""
    timeout: float = Field(default=30, gt=0, strict=False)
    """Seconds it may take."""


class DotenvProvider(Block):
    """Secrets from a file of NAME=value lines: prefix + NAME in capitals, hyphens as underscores."""

    file: str = ".env"
    """The file, relative to this one."""
    prefix: str = "RECONCILER_SECRET_"
    """What stands before the name."""


class KeyringProvider(Block):
    """Secrets from the system's keyring: `service`, and the secret's name as the user (extra `keyring`)."""

    service: str = "reconciler"
    """The service in the keyring."""


class Provider(Block):
    """One place to look for secrets."""

    env: EnvProvider | None = None
    """Environment variables."""
    file: FileProvider | None = None
    """One file each."""
    dotenv: DotenvProvider | None = None
    """A file of NAME=value lines."""
    command: CommandProvider | None = None
    """A command's output."""
    keyring: KeyringProvider | None = None
    """The system's keyring."""

    @model_validator(mode="after")
    def _one(self) -> Provider:
        if len(self.model_fields_set) != 1:
            raise PydanticCustomError("one_of", "exactly one of env, file, dotenv, command and keyring must be given")
        return self


def _no_environment_is_all(value: dict[str, Environment]) -> dict[str, Environment]:
    if "all" in value:
        raise PydanticCustomError("reserved", "no environment can be named all: --env all means every one of them")
    return value


class GuardrailSettings(Block):
    """Limits of one apply."""

    max_deletes: int | None = Field(default=None, ge=0)
    """How many objects one apply may delete or replace, removed audiences included."""
    max_delete_percent: float | None = Field(default=None, ge=0, le=100, strict=False)
    """Percentage of the objects in scope that one apply may delete or replace, and of the audiences that it may
    remove; left out, 30 where it is more than 5."""


class Move(Block):
    """A rename of addresses in review: a bare name moves all that is below it."""

    from_: str = Field(alias="from")
    """The old address, or a document's old name."""
    to: str
    """The new one."""


class Import(Block):
    """An existing object that the next apply binds to an address of the manifests."""

    to: str
    """The address."""
    id: str = Field(min_length=1)
    """The id of the object on the platform."""
    environment: str | None = None
    """The only environment it is for; left out, every environment."""

    def is_for(self, environment: str) -> bool:
        """Tell whether the line is for `environment`."""
        return self.environment in (None, environment)


class Removed(Block):
    """An address that left the manifests: the next apply forgets its objects, or deletes them."""

    from_: str = Field(alias="from")
    """The address, or a document's name for all that is below it."""
    delete: bool
    """Whether the objects are deleted; `false` forgets them and leaves them on the platform."""


def _is_date(value: str) -> str:
    try:
        return date.fromisoformat(value).isoformat()  # other spellings of a date would not compare as texts
    except ValueError:
        raise PydanticCustomError("bad_date", "this must be a date, as in 2026-12-31") from None


class Acknowledgement(Block):
    """Drift that is known and waits for somebody: it is reported apart, and no failure, until a day."""

    address: str
    """The object's address."""
    path: str = ""
    """The field, as a JSON pointer; left out, the whole object."""
    reason: str = Field(min_length=1)
    """Why it may stay so for now."""
    until: Annotated[str, AfterValidator(_is_date)]
    """The last day, as 2026-12-31."""


class ProjectSpec(Block):
    """The `spec` of the project file."""

    platform: Platform = Field(default_factory=Platform)
    """Which platform; what is not here comes from `AEP_*`."""
    environments: Annotated[dict[str, Environment], AfterValidator(_no_environment_is_all)] = Field(
        default_factory=dict
    )
    """The environments, by name."""
    variables: dict[str, Any] = Field(default_factory=dict)
    """Defaults of variables, or declarations with a type."""
    secrets: list[Provider] = Field(default_factory=lambda: [Provider(env=EnvProvider())])
    """Where `${secret.NAME}` comes from; the first that has it wins."""
    state: StateSettings = Field(default_factory=StateSettings)
    """Where the state is kept."""
    guardrails: GuardrailSettings = Field(default_factory=GuardrailSettings)
    """Limits of one apply."""
    moved: list[Move] = Field(default_factory=list)
    """Renames of addresses."""
    imports: list[Import] = Field(default_factory=list)
    """Existing objects to bind to addresses."""
    removed: list[Removed] = Field(default_factory=list)
    """Addresses that left the manifests, and whether their objects are deleted."""
    acknowledged: list[Acknowledgement] = Field(default_factory=list)
    """Drift that is known."""
    policies: Policies = Field(default_factory=Policies)
    """Rules over every plan."""


def find_root(path: Path, *, own_state: bool = True) -> Path:
    """Return the project root: the nearest folder at or above `path` with a project file, else `path`'s folder.

    A project file that cannot be read counts: its folder must not be taken for a part of another project. Raises
    `ManifestError` where there is none and a folder above holds a state, which that of `path` would shadow; it does not
    matter without `own_state`, where the folder of the state is named.
    """
    start = path if path.is_dir() else path.parent
    for folder in (start, *start.parents):
        if os.path.lexists(folder / PROJECT_FILE):
            return folder
    for folder in start.parents if own_state else ():
        if any(map(_is_state, (folder / "state").glob("*.json"))):
            what = f"{start} has no project file, but {folder / 'state'} holds a state"
            advice = f"run it in {folder}, or write a {PROJECT_FILE} in one of the two folders"
            raise ManifestError(Problem("parent-state", what, advice))
    return start


def _is_state(file: Path) -> bool:
    """Tell whether a file begins like a state."""
    try:
        if not file.is_file():
            return False
        with file.open("rb") as handle:
            return b'"lineage"' in handle.read(4096)
    except OSError:
        return False


def load_project(root: Path, shown: str, scope: Scope) -> tuple[ProjectSpec, Document | None]:
    """Return the project file's content and its document, defaults and None without a file.

    `shown` is the root as people see it; `scope` fills in `${var.NAME}`. Raises `ManifestError` with every finding.
    """
    path = root / PROJECT_FILE
    if not os.path.lexists(path):
        return ProjectSpec(), None
    file = f"{shown}/{PROJECT_FILE}" if shown not in ("", ".") else PROJECT_FILE
    text = Text(file, read_file(path, file))
    documents = [
        found
        for index, data in enumerate(read(text))
        if (found := envelope(data, text, PROJECT_FILE, index, ("Project",))) is not None
    ]
    problems = [problem for found in documents if isinstance(found, list) for problem in found]
    if problems:
        raise ManifestError(problems)
    if len(documents) != 1 or not isinstance(documents[0], Document):
        raise ManifestError(
            Problem("no-project", f"{file} must hold one document of kind Project", "see: reconciler init")
        )
    document = documents[0]
    spec = _filled(document, scope)
    try:
        return ProjectSpec.model_validate(spec), document
    except ValidationError as error:
        raise ManifestError(problems_of(document, error, ProjectSpec, ("spec",))) from None


def _filled(document: Document, scope: Scope) -> Tree:
    """Return the spec with `${var.NAME}` filled in; `${secret.NAME}` stays a name for its provider."""
    found: list[Problem] = []

    def say(path: Steps, code: str, what: str, advice: str) -> None:
        found.append(document.problem(("spec", *path), code, what, advice))

    modes = _development_modes(document.spec)  # only that of the chosen environment is filled in
    spec = interpolate(_with_modes(document.spec, dict.fromkeys(modes)), scope, say)
    if found:
        raise ManifestError(found)
    return _with_modes(transform(spec, lambda leaf: leaf.template if isinstance(leaf, Secret) else leaf), modes)


def _development_modes(spec: Tree) -> dict[str, Tree]:
    """Return the development block of each environment that has one, as it is written."""
    environments = members(members(spec).get("environments"))
    return {
        name: body["development"] for name, item in environments.items() if "development" in (body := members(item))
    }


def _with_modes(spec: Tree, modes: Mapping[str, Tree]) -> Tree:
    """Return the spec with these development blocks in its environments."""
    if not modes:
        return spec
    environments = members(members(spec)["environments"])
    changed = {name: {**members(environments[name]), "development": mode} for name, mode in modes.items()}
    return {**members(spec), "environments": {**environments, **changed}}


def development_variables(project: ProjectSpec) -> set[str]:
    """Return the variables that the development modes of all environments use; only one of them is filled in."""
    modes = (item.development for item in project.environments.values())
    texts = (mode.prefix for mode in modes if mode is not None)
    return {name.removeprefix("var.") for text in texts for name in map(str.strip, TOKEN.findall(text)) if name}


def development_of(
    document: Document | None, environment: str, settings: Environment, scope: Scope
) -> Development | None:
    """Return the development mode of an environment, None for none. Raises `ManifestError` for a bad one."""
    mode = settings.development
    if mode is None or document is None:
        return None
    place = ("environments", environment, "development", "prefix")
    found: list[Problem] = []

    def say(path: Steps, code: str, what: str, advice: str) -> None:
        found.append(document.problem(("spec", *path), code, what, advice))

    prefix = interpolate(mode.prefix, scope, say, place)
    if not found and not (isinstance(prefix, str) and _PREFIX.fullmatch(prefix)):
        shown = "(sensitive)" if isinstance(prefix, Secret) else repr(prefix)
        advice = "use lower-case letters, digits and hyphens, and a hyphen at the end, as in ada-"
        found.append(document.problem(("spec", *place), "bad-prefix", f"invalid prefix {shown}", advice))
    if found:
        raise ManifestError(found)
    return Development(str(prefix), disabled=mode.state == "disabled")
