"""The console script: runs the command line and turns every error into one message and an exit code."""

from __future__ import annotations

import sys


def main() -> None:
    """Run `reconciler` and exit with its code."""
    from reconciler.app.runtime import exit_process, own_process

    own_process()
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a terminal that knows no arrows still gets its plan
    exit_process(run())


def run(args: list[str] | None = None) -> int:
    """Run one command line (the process's own without `args`) and return its exit code.

    0 fine, 1 any error, 2 changes (`plan --detailed-exitcode`) or drift (`drift`), 130 interrupted.
    """
    from reconciler.secrets.redaction import guarded

    with guarded():
        return _run(args)


def _run(args: list[str] | None) -> int:
    import click

    from reconciler.cli.main import cli

    try:
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
    except BrokenPipeError:
        sys.stderr.close()
        code = 1
    except Exception as error:
        _report(error)
        code = 1
    return code if isinstance(code, int) else 0


def _report(error: Exception) -> None:
    """Print what is known of an error; one that is no finding is a bug of ours, and said to be."""
    import traceback
    from pathlib import Path

    import click

    from reconciler.core.problems import ReconcilerError

    if isinstance(error, ReconcilerError):
        for problem in error.problems:
            click.echo(str(problem), err=True)
        return
    try:
        Path.cwd()
    except FileNotFoundError:
        click.echo("error: the folder this was started in is gone: change to one that is there", err=True)
        return
    if "--verbose" in sys.argv:
        traceback.print_exception(error)
    frame = traceback.extract_tb(error.__traceback__)[-1]
    click.echo(
        f"error: internal error, a bug of reconciler: {type(error).__name__} at {frame.name}:{frame.lineno} "
        "(what was done so far is in the journal and nothing is lost; --verbose shows the traceback for a report)",
        err=True,
    )


if __name__ == "__main__":
    main()
