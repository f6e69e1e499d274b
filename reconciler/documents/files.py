"""The manifest files below a folder: links are followed, each file is read once, nothing outside is read."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from reconciler.core.characters import is_unicode, legible
from reconciler.core.problems import Problem
from reconciler.documents.document import PROJECT_FILE

_SUFFIXES = (".yaml", ".yml")
_LOOK = 2_000
"""Names that are looked at to tell whether a folder outside the project holds manifests."""


@dataclass(slots=True)
class Found:
    """The YAML files below a folder, in a stable order, and findings about what could not be read.

    `projects` are folders with a project file of their own: they are left out, each is a project by itself.
    """

    files: list[Path] = field(default_factory=list)
    projects: list[Path] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def is_hidden(name: str) -> bool:
    """Tell whether a file or folder is passed over for its name."""
    return name.startswith((".", "_"))


def find_files(
    root: Path, shown: Callable[[Path], str], *, skip: Collection[Path] = (), within: Path | None = None
) -> Found:
    """Return the YAML files below `root`, which is followed where it is a link itself.

    `shown` gives the name of a path in messages. `skip` are real paths of folders to leave out. Links may lead to any
    place `within` a folder, `root` where none is given. A folder that is reached
    by several names is read under the one without links, else under the first of its names; so a loop of links ends.
    """
    real = os.path.realpath(root)
    walk = _Walk(real if within is None else os.path.realpath(within), shown, frozenset(map(str, skip)))
    walk.enter(root, real)
    while walk.links:
        waiting, walk.links = sorted(walk.links), []
        for link in waiting:
            walk.follow(link)
    walk.found.files.sort(key=lambda path: _order(path.relative_to(root).parts))
    return walk.found


def _order(parts: tuple[str, ...]) -> tuple[tuple[int, str], ...]:
    """Sort the files of a folder before those of its folders."""
    return tuple((int(number < len(parts)), part) for number, part in enumerate(parts, 1))


class _Walk:
    def __init__(self, bounds: str, shown: Callable[[Path], str], skip: frozenset[str]) -> None:
        self._bounds, self.shown = bounds, shown
        self.found = Found()
        self.links: list[Path] = []
        self._apart = set(skip)
        self._seen: set[str] = set()

    def enter(self, root: Path, real: str) -> None:
        """Take the files of the outermost folder, and of those below it."""
        if real == self._bounds or self._bounds in map(str, Path(real).parents):
            self.folder(root, real, is_root=True)
        else:
            self._outside(root, "folder")

    def folder(self, folder: Path, real: str, *, is_root: bool = False) -> None:
        """Take the files of a folder and of those below it; links are noted for later. `real` is its real path."""
        if real in self._seen or real in self._apart:
            return
        self._seen.add(real)
        try:
            with os.scandir(folder) as entries:
                content = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            why = error.strerror or str(error)
            self._report("unreadable", f"the folder {self.shown(folder)} cannot be read: {why}", "fix its permissions")
            return
        if not is_root and any(entry.name == PROJECT_FILE and entry.is_file() for entry in content):
            self.found.projects.append(folder)
            self._apart.add(real)
            return
        folders = []
        for entry in content:
            path = folder / entry.name
            if is_hidden(entry.name) or (is_root and entry.name == PROJECT_FILE):
                continue
            if entry.is_symlink():
                self.links.append(path)
            elif entry.is_dir():
                folders.append(path)
            elif entry.name.endswith(_SUFFIXES):
                self._file(path, f"{real}/{entry.name}")
        for path in folders:
            if self._named(path):
                self.folder(path, f"{real}/{path.name}")

    def follow(self, link: Path) -> None:
        """Take what a link leads to, unless it was taken under another name."""
        try:
            real = Path(os.path.realpath(link, strict=True))
            mode = real.stat().st_mode
        except OSError as error:
            if link.suffix in ("", *_SUFFIXES):  # it may be a folder of manifests that is not mounted
                why = "a link that leads nowhere" if isinstance(error, FileNotFoundError) else "a link in a loop"
                self._report("bad-link", f"{self.shown(link)} is {why}", "restore its target, or remove the link")
            return
        is_folder = stat.S_ISDIR(mode)
        if not is_folder and not link.name.endswith(_SUFFIXES):
            return
        above = {str(real), *map(str, real.parents)}
        if self._apart & above:
            return
        if self._bounds in above:
            if self._named(link):
                (self.folder if is_folder else self._file)(link, str(real))
        elif not is_folder or _holds_manifests(real):
            self._outside(link, "folder" if is_folder else "file")

    def _file(self, path: Path, real: str) -> None:
        if real not in self._seen and self._named(path):
            self._seen.add(real)
            self.found.files.append(path)

    def _named(self, path: Path) -> bool:
        """Tell whether a name can be used; one that is not valid Unicode cannot be kept in a state."""
        if is_unicode(path.name):
            return True
        self._report("not-unicode", f"{self.shown(path)}: the name is not valid UTF-8", "rename it")
        return False

    def _outside(self, link: Path, sort: str) -> None:
        what = f"{self.shown(link)} is a link to a {sort} outside the project"
        self._report("outside-project", what, "move it below the project's folder, or remove the link")

    def _report(self, code: str, what: str, advice: str) -> None:
        self.found.problems.append(Problem(code, legible(what), advice))


def _holds_manifests(folder: Path) -> bool:
    """Tell by names alone whether there may be a manifest in a folder outside the project."""
    return any(name.endswith(_SUFFIXES) or number >= _LOOK for number, name in enumerate(_names_below(folder)))


def _names_below(folder: Path) -> Iterator[str]:
    for _, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not is_hidden(name)]
        yield from names
        yield from folders
