"""`reconciler doctor`: what stands between this machine and a plan, and what to do about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from reconciler.cli.arguments import Files, project
from reconciler.cli.command import Command
from reconciler.cli.options import common

if TYPE_CHECKING:
    pass

_SIGNS = {"ok": ("green", "ok    "), "warning": ("yellow", "warn  "), "wrong": ("red", "wrong ")}


@click.command("doctor", cls=Command)
@project
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@common
def command(files: Files, form: str) -> int:
    """Check configuration, token, sandbox, permissions, clock, state, lock and catalog; say what to do.

    Each service is asked for one harmless page; nothing is changed, on the platform or here. Exit code 1 when something
    is wrong.
    """
    import sys

    from reconciler.app.doctor import diagnose
    from reconciler.app.running import run
    from reconciler.cli.terminal import painter
    from reconciler.render import json as as_json

    found = run(diagnose(files.open()))
    if form == "json":
        rows = [{"check": item.check, "status": item.status, "what": item.what, "next": item.next} for item in found]
        click.echo(as_json.text(rows), nl=False)
    else:
        paint = painter(sys.stdout)
        width = max(len(item.check) for item in found)
        for item in found:
            style, sign = _SIGNS[item.status]
            click.echo(f"{paint(style, sign)} {item.check.ljust(width)}  {item.what}")
            if item.next:
                click.echo(f"{' ' * (width + 9)}→ {item.next}")
    return 1 if any(item.status == "wrong" for item in found) else 0
