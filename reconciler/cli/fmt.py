"""`reconciler fmt`: manifests in one layout, so that a diff shows what was meant."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from reconciler.cli.command import Command
from reconciler.cli.options import common


@click.command("fmt", cls=Command)
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option("--check", is_flag=True, help="Change nothing; exit 1 when a file would change.")
@click.option("--diff", is_flag=True, help="Change nothing; print what would change.")
@common
def command(paths: tuple[Path, ...], check: bool, diff: bool) -> int:
    """Lay out the manifests in PATHS, files or folders; `-` reads from stdin and writes to stdout.

    Comments, quotes and values stay; indents, blanks and the order of a document's head become the same everywhere.
    Files that hold nothing of ours are passed over. `${env.NAME}`, which is no longer supported, becomes
    `${secret.NAME}` or `${var.NAME}`.
    """
    from reconciler.cli.terminal import message
    from reconciler.core.problems import ManifestError
    from reconciler.yamltext.files import save, unified_diff

    if paths == (Path("-"),):
        click.echo(laid_out("<stdin>", _stdin()), nl=False)
        return 0
    changed, broken, seen = 0, 0, 0
    for path in _files(paths or (Path(),)):
        seen += 1
        before = _read(path)
        try:
            after = laid_out(str(path), before)
        except ManifestError as error:
            broken += 1
            for problem in error.problems:
                message(str(problem))
            continue
        if after == before:
            continue
        changed += 1
        if diff:
            click.echo(unified_diff(before, after, str(path)), nl=False)
        if check or diff:
            message(f"{path} would change")
        else:
            save(path, after)
            message(f"{path} changed")
    message(f"{seen} file{'s' * (seen != 1)} looked at, {changed} {'would change' if check or diff else 'changed'}.")
    return 1 if broken or (changed and check) else 0


def laid_out(name: str, content: str) -> str:
    """Return `content`, the text of the file `name`, migrated and in the one layout."""
    from reconciler.catalog import shipped
    from reconciler.documents.migrate import without_env
    from reconciler.yamltext.layout import formatted
    from reconciler.yamltext.text import Text

    return formatted(without_env(Text(name, content), shipped()))


def _files(paths: tuple[Path, ...]) -> Iterator[Path]:
    """Yield the files that hold a document of ours; one that is named must be readable."""
    from reconciler.cli.terminal import message
    from reconciler.core.problems import ManifestError, Problem
    from reconciler.documents.document import PROJECT_FILE
    from reconciler.documents.files import find_files

    for path in paths:
        if path.is_dir():
            if (project := path / PROJECT_FILE).is_file():
                yield from _ours(project)
            found = find_files(path, str)
            for problem in found.problems:
                message(str(problem))
            for file in found.files:
                yield from _ours(file)
            yield from _files(tuple(found.projects))
        elif path.exists():
            yield from _ours(path)
        else:
            raise ManifestError(Problem("no-path", f"{path} does not exist", "name manifests, or folders of them"))


def _ours(file: Path) -> Iterator[Path]:
    if "reconciler/v1" in _read(file):
        yield file


def _read(file: Path) -> str:
    from reconciler.yamltext.files import read_file

    return read_file(file, str(file))


def _stdin() -> str:
    import sys

    from reconciler.core.problems import ManifestError, Problem
    from reconciler.yamltext.files import decoded

    try:
        return decoded(sys.stdin.buffer.read(), "<stdin>")
    except OSError as error:
        raise ManifestError(Problem("unreadable", f"<stdin> cannot be read: {error.strerror}")) from None
