"""A folder of manifests -> resources, in one call: find files, read, interpolate, expand, cross-check."""

from __future__ import annotations

import importlib
import os
import pkgutil
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import reconciler.documents
from reconciler.catalog import Catalog
from reconciler.core import graph
from reconciler.core.abilities import Singleton
from reconciler.core.plan.basis import rendered_digest
from reconciler.core.plan.judged import Judged
from reconciler.core.pointers import parse_pointer
from reconciler.core.problems import ManifestError, Problem
from reconciler.core.resource import Resource
from reconciler.core.selector import Selectors
from reconciler.core.trees import leaves, of_kind
from reconciler.core.values import Path as Steps
from reconciler.core.values import Secret, Tree
from reconciler.documents._kind_document import KindDocument
from reconciler.documents.document import API_VERSION, PROJECT_FILE, Document, envelope
from reconciler.documents.expand import Expansion, ParsedTest, ProjectContext
from reconciler.documents.files import find_files
from reconciler.documents.interpolate import Scope, interpolate
from reconciler.documents.overlay import FOLDER, read_overlays
from reconciler.documents.placeholders import left_over, may_be_left
from reconciler.kinds import kinds
from reconciler.kinds.shape import Documented
from reconciler.yamltext.files import read_file
from reconciler.yamltext.reader import read
from reconciler.yamltext.text import Text, forget_places


class DocumentKind(Protocol):
    """A kind of document: its name, the model of its spec, a whole example, and how it becomes resources."""

    kind: str
    model: type[Any]
    example: Tree
    spec_kept: bool
    """Whether other documents look into the spec of one of these."""

    def expand(self, ctx: Expansion) -> None:
        """Add the resources of one document to `ctx`."""
        ...


@cache
def document_kinds() -> Mapping[str, DocumentKind]:
    """Return every kind of document by name: those that kinds declare, and the modules here with a `DOCUMENT`."""
    found: dict[str, DocumentKind] = {
        name: KindDocument(kind) for name, kind in kinds().items() if isinstance(kind, Documented)
    }
    for module in pkgutil.iter_modules(reconciler.documents.__path__):
        loaded = importlib.import_module(f"{reconciler.documents.__name__}.{module.name}")
        if hasattr(loaded, "DOCUMENT"):
            found[loaded.DOCUMENT.kind] = loaded.DOCUMENT
    return found


@dataclass(slots=True)
class Project:
    """All manifests of a project: `resources` by address, and `inside`, the addresses that PATH names."""

    resources: dict[str, Resource] = field(default_factory=dict)
    documents: dict[str, Document] = field(default_factory=dict)
    inside: set[str] = field(default_factory=set)
    problems: list[Problem] = field(default_factory=list)
    used_variables: set[str] = field(default_factory=set)
    tests: list[ParsedTest] = field(default_factory=list)
    judged: list[Judged] = field(default_factory=list)
    """Findings that count only where a plan writes the value."""
    samples: dict[str, list[str]] = field(default_factory=dict)
    """The sample files of each source that names some."""
    passed_over: list[str] = field(default_factory=list)
    """The files in PATH that hold no manifest."""
    unfinished: set[str] = field(default_factory=set)
    """The files, relative to the root, that may hold placeholders."""
    nested: list[str] = field(default_factory=list)
    """Folders below the root, relative to it, that are projects of their own."""

    def digests(self) -> dict[str, str]:
        """Return the digest of each rendered document that the addresses inside were made from, by its name.

        Overlays, variables and includes are part of it, secrets only by name; the place in the file is not.
        """
        rendered: dict[str, list[Resource]] = {}
        for address in sorted(self.inside):
            resource = self.resources[address]
            rendered.setdefault(resource.document, []).append(resource)
        return {name: rendered_digest(items) for name, items in rendered.items()}

    def files(self) -> dict[str, str]:
        """Return the source file of each document that the addresses inside were made from, by its name."""
        return {self.resources[address].document: self.resources[address].file for address in self.inside}

    def declares(self, text: str) -> bool:
        """Tell whether `text` is the whole of a value that a manifest writes out, other than as a secret."""
        if any(
            leaf.literal and leaf.template == text
            for item in self.resources.values()
            if item.sensitive
            for leaf in of_kind(item.body, Secret)
        ):
            return False
        parts = (part for document in self.documents.values() for part in (document, *document.overlays))
        texts = {part.text.file: part.text for part in parts}
        return any(
            text == leaf
            for source in texts.values()
            if text in source.content
            for tree in read(source)
            for _, leaf in leaves(tree)
        )

    def let_go(self) -> None:
        """Keep no texts: where one is asked for, to tell a place in it, it is read again."""
        for document in self.documents.values():
            document.text.let_go()

    @property
    def checks_mappings(self) -> bool:
        """Whether a mapping can be checked against something: a schema of the project, sample files, files of tests."""
        schemas = any(resource.kind == "Schema" for resource in self.resources.values())
        return bool(self.tests or self.samples or schemas)

    @property
    def errors(self) -> list[Problem]:
        """The findings that stop everything."""
        return [problem for problem in self.problems if problem.severity == "error"]

    @property
    def warnings(self) -> list[Problem]:
        """The findings that stop nothing offline."""
        return [problem for problem in self.problems if problem.severity != "error"]

    @property
    def doubts(self) -> list[Problem]:
        """The findings that stop nothing, whatever is live."""
        judged = {item.doubt for item in self.judged}
        return [problem for problem in self.warnings if problem not in judged]


def no_manifests(place: Path | str) -> Problem:
    """Return the error for a project without any manifest."""
    what = f"there is no manifest under {place}"
    advice = f"check PATH: a manifest is a YAML file with apiVersion: {API_VERSION}; destroy needs none"
    return Problem("no-manifests", what, advice)


def load(
    root: Path,
    path: Path,
    shown: str,
    catalog: Catalog,
    variables: Mapping[str, Tree],
    *,
    literal_secrets: bool,
    selectors: Selectors,
    environment: str = "default",
    environments: Collection[str] = (),
    skip: Iterable[Path] = (),
) -> Project:
    """Return the project under `root`; `path` limits `inside`; `shown` is how `root` is called in messages.

    `selectors` are the lists that dataflows hand out.
    The overlays of `environment`, one of the declared `environments` where there are any, are merged in.

    Nothing is raised for what is wrong in a manifest: all findings are in `problems`.
    """
    project = Project()
    documents: list[Document] = []
    passed_over: list[Path] = []
    for file in _files(project, root, path, shown, skip):
        held = _read(project, root, file, shown, named=file == path)
        if held is None:
            passed_over.append(file)
        documents += held or ()
    project.passed_over = [_label(root, file, shown) for file in passed_over if _is_inside(file, path, root)]
    for document in documents:
        twin = project.documents.setdefault(document.name, document)
        if twin is not document:
            project.problems.append(
                document.problem(
                    ("metadata", "name"),
                    "duplicate-name",
                    f"the name {document.name!r} is taken by {twin.span(('metadata', 'name'))}",
                    "names are unique in a project",
                )
            )
    if not documents and not project.problems:
        project.problems.append(replace(no_manifests(path if shown in ("", ".") else shown), severity="warning"))
    overlays = read_overlays(root, shown, environment, environments, document_kinds())
    project.documents, found = overlays.lay(project.documents)
    project.problems += found
    setting = ProjectContext(catalog, project.documents, literal_secrets, selectors)
    scope = Scope(variables)
    for document in project.documents.values():
        _expand(project, document, setting, scope)
        # what became resources need not be kept as it was written, too; who wants it reads it again: `Document.written`
        if not document_kinds()[document.kind].spec_kept:
            document.drop()
    project.used_variables = scope.used
    _cross_check(project)
    project.inside = _inside(project, root, path)
    for document in project.documents.values():
        document.drop()
    forget_places()
    return project


def _inside(project: Project, root: Path, path: Path) -> set[str]:
    """Return the addresses that come from files in `path`."""
    if path.resolve() == root.resolve():
        return set(project.resources)
    inside = path.resolve()
    files = {item.file for item in project.resources.values()}
    within = {file for file in files if _within((root / file).resolve(), inside)}
    return {address for address, item in project.resources.items() if item.file in within}


def _is_inside(file: Path, path: Path, root: Path) -> bool:
    return path == root or _within(file.resolve(), path.resolve())


def _within(file: Path, folder: Path) -> bool:
    return file == folder or folder in file.parents


def _files(project: Project, root: Path, path: Path, shown: str, skip: Iterable[Path]) -> list[Path]:
    """Return the YAML files of the project in a stable order, and `path` itself wherever it lies."""
    apart = {Path(os.path.realpath(item)) for item in (root / "state", root / FOLDER, *skip)}
    found = find_files(root, lambda file: _label(root, file, shown), skip=apart)
    project.problems += found.problems
    project.nested = [folder.relative_to(root).as_posix() for folder in found.projects]
    for folder in project.nested:
        what = f"{_label(root, root / folder, shown)} is a project of its own: its manifests are not part of this one"
        advice = "plan and apply it with that folder as PATH"
        project.problems.append(Problem("nested-project", what, advice, severity="warning"))
    files = found.files
    is_file = path.exists() and not path.is_dir()
    if is_file and path not in files and path.name != PROJECT_FILE:
        if root / FOLDER in path.parents:
            what = f"{path} is an overlay: it is merged into the document it changes"
            raise ManifestError(Problem("overlay", what, "name that document, and its environment with --env"))
        real = os.path.realpath(path)
        # reached by another name, it was read under that one
        files = [path if os.path.realpath(file) == real else file for file in files]
        files += [path] if path not in files else []
    return files


def _label(root: Path, file: Path, shown: str) -> str:
    """Return the path of a file as messages show it."""
    relative = file.relative_to(root).as_posix() if file.is_relative_to(root) else os.path.relpath(file, root)
    return relative if shown in ("", ".") else f"{shown}/{relative}"


def _read(project: Project, root: Path, file: Path, shown: str, *, named: bool) -> list[Document] | None:
    """Return the documents in a file, or None for a file that holds no manifest; problems are noted."""
    relative, label = _label(root, file, ""), _label(root, file, shown)
    try:
        text = Text(label, read_file(file, label), file)
    except ManifestError as error:
        project.problems += error.problems
        return []
    try:
        trees = read(text)
    except ManifestError as error:
        # a file that is no YAML may be somebody else's template, unless it is named or speaks of us
        if named or API_VERSION in text.content:
            project.problems += error.problems
        return [] if named or API_VERSION in text.content else None
    documents, known = [], len(project.problems)
    for index, data in enumerate(trees):
        found = envelope(data, text, relative, index, document_kinds())
        if isinstance(found, Document):
            documents.append(found)
        elif found is not None:
            project.problems += found
    if documents and may_be_left(text.content):
        project.unfinished.add(relative)
    if named and not any(envelope(data, text, relative, 0, document_kinds()) for data in trees):
        project.problems.append(
            Problem(
                "not-ours",
                f"{label} holds no document of ours",
                f"it needs apiVersion: {API_VERSION} and a kind",
            )
        )
    return documents if documents or named or len(project.problems) > known else None


def _expand(project: Project, document: Document, setting: ProjectContext, scope: Scope) -> None:
    kind = document_kinds()[document.kind]
    if document.file in project.unfinished:
        project.problems += left_over(document)
    found: list[Problem] = []

    def say(path: Steps, code: str, what: str, advice: str) -> None:
        found.append(document.problem(("spec", *path), code, what, advice))

    spec = document.spec
    filled_in = document.text.fills_in or any(part.text.fills_in for part in document.overlays)
    if filled_in:
        spec = interpolate(spec, scope, say)
    ctx = Expansion(document, spec, setting, filled_in=filled_in)
    kind.expand(ctx)
    project.problems += found or ctx.problems
    if not found:
        project.judged += ctx.judged
        project.problems += [item.doubt for item in ctx.judged]
        project.resources.update({resource.address: resource for resource in ctx.resources})
        project.tests += ctx.tests
        if ctx.samples:
            project.samples[document.name] = ctx.samples


def _one_owner(project: Project) -> None:
    """A singleton has one address: of two declarations each would undo the other."""
    seen: dict[tuple[str, Tree], Resource] = {}
    for resource in project.resources.values():
        kind = kinds()[resource.kind]
        if not isinstance(kind, Singleton):
            continue
        first = seen.setdefault((resource.kind, kind.owner(resource.body)), resource)
        if first is not resource:
            document = project.documents[resource.document]
            what = f"{first.address} declares the {resource.kind} of the same {kind.owner_kind} already"
            place = parse_pointer(resource.where)
            project.problems.append(document.problem(place, "duplicate-owner", what, "keep one of them"))


def _cross_check(project: Project) -> None:
    """References lead somewhere, and never in a circle."""
    if project.errors:
        return
    _one_owner(project)
    needy = ((address, item.dependencies) for address, item in project.resources.items())
    found = graph.cycle({address: needs for address, needs in needy if needs})
    if found:
        resource = project.resources[found[0]]
        document = project.documents[resource.document]
        project.problems.append(
            document.problem(
                parse_pointer(resource.where),
                "cycle",
                f"references lead in a circle: {' → '.join(found)}",
                "remove one of them",
            )
        )
