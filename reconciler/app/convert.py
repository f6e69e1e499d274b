"""Converts recorded calls to manifests: reads inputs, writes documents and the project file with their variables."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from reconciler.catalog import shipped
from reconciler.convert.calls import UnreadableError
from reconciler.convert.conversion import Converted, Input, convert
from reconciler.core.problems import ManifestError, Problem
from reconciler.documents.document import API_VERSION, PROJECT_FILE
from reconciler.export.export_result import slug
from reconciler.kinds.selectors import SELECTORS
from reconciler.secrets.redaction import redact
from reconciler.yamltext.dump import yaml_text
from reconciler.yamltext.files import decoded, read_file, save

STDIN = "-"
_NOTE = """\
# Values in braces are placeholders of the input: replace them, or set them with --var NAME=VALUE.
"""


@dataclass(slots=True)
class Conversion:
    """A conversion, the files it wrote, and the variables that a project file above must declare."""

    converted: Converted
    files: list[str] = field(default_factory=list)
    undeclared: list[str] = field(default_factory=list)


def convert_files(files: Sequence[str], environments: Sequence[Path], out: Path | None) -> Conversion:
    """Convert files, `-` for the standard input, into `out` where it is given.

    Raises `ManifestError` for a file that cannot be read or holds no call, and for one in `out` that exists; nothing
    is written then.
    """
    try:
        made = convert(
            [_input(file) for file in files], [_input(str(path)) for path in environments], shipped(), SELECTORS
        )
    except UnreadableError as error:
        raise ManifestError(
            Problem("unreadable", str(error), "give curl scripts, Postman, HAR or JSON files")
        ) from None
    for value in made.secret_values:
        redact.hide(value)
    if not made.calls:
        names = ", ".join("stdin" if file == STDIN else file for file in files)
        raise ManifestError(
            Problem("no-calls", f"{names}: no API call was found", "give files with calls of the platform")
        )
    done = Conversion(made)
    if out is not None:
        _write(done, out)
    return done


def _input(file: str) -> Input:
    if file == STDIN:
        return Input("<stdin>", decoded(sys.stdin.buffer.read(), "<stdin>"), _refuse)
    path = Path(file)
    return Input(file, read_file(path, file), _attachments(path.parent))


def _refuse(name: str) -> str:
    del name
    raise ValueError("it is in a file, and the standard input has no folder to look in")


def _attachments(folder: Path) -> Callable[[str], str]:
    """Return a reader of the files in the folder of an input; it reads nothing outside, by links either."""
    root = folder.resolve()

    def read(name: str) -> str:
        try:
            real = (root / name).resolve()
            inside = real.is_relative_to(root)
        except (OSError, ValueError, RuntimeError):
            inside = False
        if not inside:
            raise ValueError("it is in a file outside the folder of the input, which is not read")
        try:
            return read_file(real, real.name)
        except ManifestError as error:
            raise ValueError(error.problems[0].what) from None

    return read


def _write(done: Conversion, out: Path) -> None:
    """Write a file for each document, and a project file for variables where no folder above has one."""
    made = done.converted
    texts = {f"{name}.yaml": document.text for name, document in made.documents.items()}
    if made.variables:
        if any((folder / PROJECT_FILE).exists() for folder in out.absolute().parents):
            done.undeclared = list(made.variables)
        else:
            texts[PROJECT_FILE] = _project(made, slug(out.absolute().name))
    existing = sorted(name for name in texts if (out / name).exists())
    if existing:
        more = f", and {len(existing) - 1} more" if existing[1:] else ""
        raise ManifestError(Problem("exists", f"{out / existing[0]} exists{more}", "convert into an empty folder"))
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ManifestError(Problem("unwritable", f"{out} cannot be written: {error.strerror}")) from None
    for name, text in texts.items():
        save(out / name, text)
        done.files.append(name)


def _project(made: Converted, name: str) -> str:
    """Return a project file that declares the variables."""
    open_ones = any(value is None for value in made.variables.values())
    values = {key: f"{{{made.placeholders[key]}}}" if value is None else value for key, value in made.variables.items()}
    document = {"apiVersion": API_VERSION, "kind": "Project", "metadata": {"name": name}, "spec": {"variables": values}}
    return _NOTE * open_ones + yaml_text(document)
