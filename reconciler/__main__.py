"""The console script: runs the command line and turns every error into one message and an exit code."""

from __future__ import annotations

import sys


def main() -> None:
    """Run `reconciler` and exit with its code."""
    sys.exit(run())


def run(args: list[str] | None = None) -> int:
    """Run one command line (the process's own without `args`) and return its exit code.

    0 fine, 1 any error, 2 changes (`plan --detailed-exitcode`) or drift (`drift`), 130 interrupted.
    """
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
        from reconciler.core.problems import ReconcilerError

        if not isinstance(error, ReconcilerError):
            raise
        for problem in error.problems:
            click.echo(str(problem), err=True)
        code = 1
    return code if isinstance(code, int) else 0


if __name__ == "__main__":
    main()
