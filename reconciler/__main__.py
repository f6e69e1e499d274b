"""The console script: runs the command line and turns every error into one message and an exit code."""

from __future__ import annotations

import sys


def main() -> None:
    """Run `reconciler` and exit with its code."""
    from reconciler.app.runtime import exit_process, own_process
    from reconciler.cli.streams import open_streams

    open_streams()
    own_process()
    exit_process(run())


def run(args: list[str] | None = None) -> int:
    """Run one command line (the process's own without `args`) and return its exit code.

    0 fine, 1 any error, 2 changes (`plan --detailed-exitcode`) or drift (`drift`), 130 interrupted. Output that cannot
    be written stops nothing. A loss of results is an error once the command has ended, unless a reader closed its pipe.
    """
    from reconciler.secrets.redaction import guarded

    with guarded() as (results, messages):
        code = _run(args)
        results.flush()
        if (lost := results.lost) is not None:
            messages.write(f"error: the output could not be written: {lost}\n")
            code = code if code in (1, 130) else 1
        messages.flush()
        return code


def _run(args: list[str] | None) -> int:
    import click

    from reconciler.cli.main import cli

    try:
        _require_unicode(sys.argv[1:] if args is None else args)
        code = cli(args, standalone_mode=False)
    except click.exceptions.Exit as done:
        code = done.exit_code
    except click.Abort:
        click.echo("interrupted", err=True)
        code = 130
    except click.ClickException as error:
        error.show()
        code = 1
    except KeyboardInterrupt:
        click.echo("interrupted", err=True)
        code = 130
    except Exception as error:
        _report(error)
        code = 1
    return code if isinstance(code, int) else 0


def _require_unicode(args: list[str]) -> None:
    """Raise `ManifestError` for an argument that is not valid Unicode: no request and no file may hold it."""
    if all(map(str.isascii, args)):
        return
    from reconciler.core.characters import require_unicode

    for number, argument in enumerate(args, 1):
        require_unicode(argument, f"argument {number}")


def _report(error: Exception) -> None:
    """Print what is known of an error; one that is no finding is a bug of ours, and said to be."""
    import traceback
    from pathlib import Path

    import click

    from reconciler.core.problems import ReconcilerError

    if isinstance(error, ReconcilerError):
        from reconciler.core.problems import brief

        click.echo("\n".join(brief(error.problems)), err=True)
        return
    try:
        Path.cwd()
    except FileNotFoundError:
        click.echo("error: the folder this was started in is gone: change to one that is there", err=True)
        return
    if "--verbose" in sys.argv:
        traceback.print_exception(error)
    if (why := _cause_outside(error)) is not None:
        click.echo(f"error: {why}", err=True)
        return
    frame = traceback.extract_tb(error.__traceback__)[-1]
    click.echo(
        f"error: internal error, a bug of reconciler: {type(error).__name__} at {frame.name}:{frame.lineno} "
        "(what was done so far is in the journal and nothing is lost; --verbose shows the traceback for a report)",
        err=True,
    )


def _cause_outside(error: Exception) -> str | None:
    """Return a message for an error that the system causes, not a fault of ours; None for any other."""
    if isinstance(error, MemoryError):
        return "there is not enough memory (what was done so far is in the journal; run it on a larger machine)"
    if isinstance(error, OSError) and error.strerror:
        name = f"{error.filename}: " if isinstance(error.filename, str) else ""
        return f"{name}{error.strerror} (what was done so far is in the journal; correct the cause and run it again)"
    return None


if __name__ == "__main__":
    main()
