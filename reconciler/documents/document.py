"""One document of a manifest: its envelope, checked; its spec, still as written; its places, on demand."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from reconciler.core.interning import Interner
from reconciler.core.problems import ManifestError, Problem
from reconciler.core.values import Path, Span, Tree
from reconciler.yamltext.reader import read
from reconciler.yamltext.text import Text

API_VERSION = "reconciler/v1"
PROJECT_FILE = "reconciler.yaml"
NAME = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")
ANNOTATIONS = ("reconciler/prevent-destroy", "reconciler/allow-data-loss", "reconciler/ignore-changes")


@dataclass(frozen=True, slots=True)
class Document:
    """What an author wrote: `spec` is plain data, `file` is relative to the project root, with `/`.

    `overlays` are the documents merged into it, the last on top: a value's place is where it was written last. Of a
    document that was loaded and expanded `spec` is empty; `written` has it.
    """

    kind: str
    name: str
    spec: Any
    file: str
    text: Text
    index: int
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    overlays: tuple[Document, ...] = ()

    def drop(self) -> None:
        """Let go of the spec, which became resources; one made by overlays is kept, because no file contains it."""
        if not self.overlays:
            object.__setattr__(self, "spec", _NOTHING)

    def written(self) -> Any:
        """Return the spec, overlays merged in."""
        if self.overlays:
            return self.spec
        documents = read(self.text)
        if self.index >= len(documents):
            raise ManifestError(Problem("changed", f"{self.text.file} changed while it was in use", "run it again"))
        found = documents[self.index]
        return found["spec"] if isinstance(found, dict) else {}

    def span(self, path: Path, *, key: bool = False) -> Span:
        """Return the position in the file of the value at `path` (from the document's root)."""
        for overlay in reversed(self.overlays):
            if overlay.says(path):
                return overlay.span(path, key=key)
        return self.text.span(self.index, path, key=key)

    def says(self, path: Path) -> bool:
        """Tell whether there is something at `path` (from the document's root)."""
        here: object = {"spec": self.spec, "metadata": {"labels": self.labels, "annotations": self.annotations}}
        for step in path:
            if isinstance(here, Mapping) and step in here:
                here = here[step]
            elif isinstance(here, list) and step.isdigit() and int(step) < len(here):
                here = here[int(step)]
            else:
                return False
        return True

    def problem(
        self,
        path: Iterable[str | int],
        code: str,
        what: str,
        advice: str = "",
        *,
        key: bool = False,
        severity: str = "error",
    ) -> Problem:
        """Return a finding about the value at `path` (from the document's root)."""
        steps = tuple(str(step) for step in path)
        return Problem(code, what, advice, self.span(steps, key=key), severity=severity)

    def annotated(self, name: str) -> bool:
        """Tell whether an annotation that is a switch is on."""
        return self.annotations.get(f"reconciler/{name}", "") == "true"


def nearest(name: str, known: Iterable[str]) -> str:
    """Return advice that names the nearest known word, or all known words when none is near."""
    words = sorted(known)
    close = get_close_matches(name, words, 1, 0.6)
    if close:
        return f"did you mean {close[0]!r}?"
    return f"known here: {', '.join(words)}" if 0 < len(words) <= 25 else ""


_NOTHING: dict[str, Any] = {}
_SHARED = Interner()
"""Thousands of documents have the same owner in their labels."""


def envelope(
    data: Tree, text: Text, file: str, index: int, kinds: Collection[Any], *, partial: bool = False
) -> Document | list[Problem] | None:
    """Return the document in `data`, the problems of its envelope, or None when it is not one of ours.

    A `partial` one, to be merged into another, may go without a spec.
    """
    if not isinstance(data, dict):
        return None
    ours = data.get("apiVersion") == API_VERSION
    if not ours and data.get("kind") not in kinds:
        slip = _near_miss(data, kinds)
        return None if slip is None else [Document("", "", None, file, text, index).problem(*slip, key=True)]
    metadata: Any = data.get("metadata")
    if _is_sound(data, metadata, kinds):
        return Document(
            str(data["kind"]), metadata["name"], data["spec"], file, text, index,
            _SHARED.texts(metadata.get("labels") or _NOTHING), metadata.get("annotations") or _NOTHING,
        )  # fmt: skip
    draft = Document(str(data.get("kind")), "", data.get("spec"), file, text, index)
    if partial and "spec" not in data:
        data = {**data, "spec": {}}
    problems = list(_top(draft, data, ours, kinds))
    if not isinstance(metadata, dict):
        problems.append(
            draft.problem(("metadata",), "no-metadata", "metadata with a name is missing", "add metadata: {name: …}")
        )
        return problems
    problems += _metadata(draft, metadata)
    if problems:
        return problems
    return Document(
        draft.kind,
        metadata["name"],
        data["spec"],
        file,
        text,
        index,
        metadata.get("labels") or {},
        metadata.get("annotations") or {},
    )


def _near_miss(data: dict[str, Any], kinds: Collection[Any]) -> tuple[tuple[str, ...], str, str, str] | None:
    """Return the finding about a document that is surely meant to be ours: its place, code, fault and advice.

    That is one whose apiVersion is nearly ours, or whose kind nearly is while no apiVersion says otherwise. A document
    of another tool, with an apiVersion of its own, is left alone.
    """
    if not _TOP & (data.keys() - {"kind"}):
        return None
    for key, value in data.items():
        if not isinstance(key, str) or not isinstance(value, str):
            continue
        if key != "apiVersion" and key.lower().replace("_", "") == "apiversion" and _is_near(value):
            return (key,), "unknown-key", f"unknown key {key!r}", f"write apiVersion: {API_VERSION}"
        if key == "apiVersion" and _is_near(value):
            what = f"apiVersion must be {API_VERSION}, not {value!r}"
            return (key,), "api-version", what, f"write apiVersion: {API_VERSION}"
    kind = data.get("kind", data.get("Kind"))
    if data.get("apiVersion") is not None or not isinstance(kind, str):
        return None
    close = get_close_matches(kind.lower(), {str(item).lower(): item for item in kinds}, 1, 0.8)
    if not close:
        return None
    found = next(str(item) for item in kinds if str(item).lower() == close[0])
    place = "kind" if "kind" in data else "Kind"
    return (place,), "unknown-kind", f"unknown kind {kind!r}, and no apiVersion", f"write kind: {found}"


def _is_near(version: str) -> bool:
    """Tell whether an apiVersion is ours but for a slip: another case, version or spelling of the same name."""
    name = version.lower().partition("/")[0].strip()
    return name == _GROUP or bool(get_close_matches(name, [_GROUP], 1, 0.8))


_GROUP = API_VERSION.partition("/")[0]
_TOP = frozenset(("apiVersion", "kind", "metadata", "spec"))
_METADATA = frozenset(("name", "labels", "annotations"))


def _is_sound(data: dict[str, Any], metadata: Any, kinds: Collection[Any]) -> bool:
    """Tell whether an envelope is surely right; what is not sure is looked at closely, to tell what is wrong."""
    return (
        data.keys() == _TOP
        and data["apiVersion"] == API_VERSION
        and data["kind"] in kinds
        and isinstance(data["spec"], dict)
        and isinstance(metadata, dict)
        and metadata.keys() <= _METADATA
        and "annotations" not in metadata
        and isinstance(name := metadata.get("name"), str)
        and NAME.fullmatch(name) is not None
        and isinstance(labels := metadata.get("labels", {}), dict)
        and all(isinstance(value, str) for value in labels.values())
    )


def _top(draft: Document, data: dict[str, Tree], ours: bool, kinds: Collection[Any]) -> Iterable[Problem]:
    if not ours:
        yield draft.problem(
            ("apiVersion",),
            "api-version",
            f"apiVersion must be {API_VERSION}, not {data.get('apiVersion')!r}",
            f"write apiVersion: {API_VERSION}",
        )
    elif data.get("kind") not in kinds:
        yield draft.problem(
            ("kind",),
            "unknown-kind",
            f"unknown kind {data.get('kind')!r}",
            nearest(str(data.get("kind")), kinds),
        )
    known = ("apiVersion", "kind", "metadata", "spec")
    for key in data:
        if key not in known:
            yield draft.problem((key,), "unknown-key", f"unknown key {key!r}", nearest(key, known), key=True)
    if not isinstance(data.get("spec"), dict):
        yield draft.problem(("spec",), "no-spec", "spec must be a mapping", "add spec: with the document's content")


def _metadata(draft: Document, metadata: dict[str, Tree]) -> Iterable[Problem]:
    known = ("name", "labels", "annotations")
    for key in metadata:
        if key not in known:
            yield draft.problem(("metadata", key), "unknown-key", f"unknown key {key!r}", nearest(key, known), key=True)
    name = metadata.get("name")
    if not isinstance(name, str) or not NAME.fullmatch(name):
        yield draft.problem(
            ("metadata", "name"),
            "bad-name",
            f"{name!r} is no name" if name is not None else "the name is missing",
            "use lower-case letters, digits and inner hyphens, as text",
        )
    for block in ("labels", "annotations"):
        values = metadata.get(block)
        if values is None:
            continue
        if not isinstance(values, dict):
            yield draft.problem(("metadata", block), "bad-type", f"{block} must be a mapping of texts")
            continue
        for key, value in values.items():
            if not isinstance(value, str):
                yield draft.problem(
                    ("metadata", block, key),
                    "bad-type",
                    f"{key} must be text, not {value!r}",
                    f'write "{value}" in quotes',
                )
            if block == "annotations" and key.startswith("reconciler/") and key not in ANNOTATIONS:
                yield draft.problem(
                    ("metadata", block, key),
                    "unknown-annotation",
                    f"unknown annotation {key!r}",
                    nearest(key, ANNOTATIONS),
                    key=True,
                )
