"""`reconciler adopt`: what exists and looks as the manifests say becomes ours."""

from __future__ import annotations

import click

from reconciler.cli.arguments import Files, project
from reconciler.cli.options import common


@click.command("adopt")
@project
@click.option("-y", "--auto-approve", is_flag=True, help="Do not ask.")
@click.option("--lock-timeout", default=0.0, type=click.FloatRange(0), help="Seconds to wait for the lock.")
@common
def command(files: Files, auto_approve: bool, lock_timeout: float) -> int:
    """Find unmanaged objects that match the manifests in PATH by name and content, show them, ask, and bind them.

    Nothing is written to the platform. What matches more than once, or has the name but differs, is named and left to
    `import`. Secrets are trusted until `apply --send-secrets` sends them.
    """
    from reconciler.cli.running import run
    from reconciler.cli.surgery import rebuilt

    done: int = run(rebuilt(files.open(), lock_timeout, verb="adopt", auto_approve=auto_approve))
    return done
