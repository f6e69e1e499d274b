"""`overlays/<environment>/*.yaml`: what one environment says differently, merged by kind and name (RFC 7386)."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from reconciler.core.problems import ManifestError, Problem
from reconciler.core.values import Tree
from reconciler.documents.document import Document, envelope, nearest
from reconciler.documents.files import Found, find_files
from reconciler.yamltext.files import read_file
from reconciler.yamltext.reader import read
from reconciler.yamltext.text import Text

FOLDER = "overlays"
_VARIABLE = re.compile(r"\$\{\s*var\.([^}]*)\}")


@dataclass(frozen=True, slots=True)
class Overlays:
    """The overlays of one environment, and what is wrong with them."""

    documents: tuple[Document, ...]
    problems: tuple[Problem, ...]

    def lay(self, documents: Mapping[str, Document]) -> tuple[dict[str, Document], list[Problem]]:
        """Return `documents` by name with what the environment says differently, and findings."""
        laid = dict(documents)
        problems = list(self.problems)
        for overlay in self.documents:
            base = laid.get(overlay.name)
            if base is None:
                what = f"no document is named {overlay.name!r}: an overlay changes documents, it adds none"
                advice = nearest(overlay.name, documents)
                problems.append(overlay.problem(("metadata", "name"), "no-base", what, advice))
            elif base.kind != overlay.kind:
                what = f"{overlay.name} is a {base.kind}, not a {overlay.kind}"
                problems.append(overlay.problem(("kind",), "no-base", what, f"write kind: {base.kind}"))
            else:
                laid[overlay.name] = over(base, overlay)
        return laid, problems


def over(base: Document, overlay: Document) -> Document:
    """Return `base` with `overlay` merged into its spec, labels and annotations; places are those of both."""
    return replace(
        base,
        spec=merge(base.spec, overlay.spec),
        labels={**base.labels, **overlay.labels},
        annotations={**base.annotations, **overlay.annotations},
        overlays=(*base.overlays, overlay),
    )


def merge(target: Tree, patch: Tree) -> Tree:
    """Return `target` after the merge patch `patch`: mappings merge, null removes, all else replaces (RFC 7386)."""
    if not isinstance(patch, Mapping):
        return patch
    merged = dict(target) if isinstance(target, Mapping) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = merge(merged.get(key), value)
    return merged


def read_overlays(
    root: Path,
    shown: str,
    environment: str,
    declared: Collection[str],
    kinds: Collection[str],
) -> Overlays:
    """Return the overlays of `environment`; folders named after no `declared` environment are findings."""
    problems: list[Problem] = []
    folder = root / FOLDER
    try:
        names = sorted(item.name for item in folder.iterdir() if item.is_dir()) if folder.is_dir() else []
    except OSError as error:
        return Overlays((), (Problem("unreadable", f"{FOLDER} cannot be read: {error.strerror}"),))
    for name in names:
        if declared and name not in declared and not name.startswith((".", "_")):
            what = f"{FOLDER}/{name} belongs to no environment"
            problems.append(Problem("no-env", what, nearest(name, declared), severity="warning"))
    documents: list[Document] = []
    files = _files(root, environment, shown)
    problems += files.problems
    for file in files.files:
        relative = file.relative_to(root).as_posix()
        label = relative if shown in ("", ".") else f"{shown}/{relative}"
        try:
            text = Text(label, read_file(file, label))
            trees = read(text)
        except ManifestError as error:
            problems += error.problems
            continue
        for index, data in enumerate(trees):
            found = envelope(data, text, relative, index, kinds, partial=True)
            if isinstance(found, Document):
                documents.append(found)
            elif found is None:
                what = f"document {index + 1} of {label} is none of ours"
                problems.append(Problem("not-ours", what, "it needs apiVersion, kind and metadata.name"))
            else:
                problems += found
    return Overlays(tuple(documents), tuple(problems))


def _files(root: Path, environment: str, shown: str) -> Found:
    """Return the overlays of an environment, which may be a link within the project; of all of them for `""`."""
    folder = root / FOLDER / environment
    if not folder.is_dir():
        return Found()
    prefix = "" if shown in ("", ".") else f"{shown}/"
    return find_files(folder, lambda file: prefix + file.relative_to(root).as_posix(), within=root)


def speak_of(root: Path, documents: Iterable[Document]) -> set[str]:
    """Return the variables that the documents as written, or an overlay of any environment, speak of."""
    texts = {document.text.file: document.text.content for document in documents}
    for file in _files(root, "", "").files:
        try:
            texts[str(file)] = read_file(file, str(file))
        except ManifestError:
            continue  # told where it matters: in its own environment
    return {name.strip() for text in texts.values() for name in _VARIABLE.findall(text[: text.rfind("}") + 1])}
