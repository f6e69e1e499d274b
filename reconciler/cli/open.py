"""`reconciler open`: the page of an object in the platform's UI."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from reconciler.cli.command import Command
from reconciler.cli.options import common


@click.command("open", cls=Command)
@click.argument("address")
@click.argument("path", default=".", type=click.Path(path_type=Path), required=False)
@click.option("--print", "only_print", is_flag=True, help="Print the link and open no browser.")
@common
def command(address: str, path: Path, only_print: bool) -> int:
    """Print the link to ADDRESS in the platform's UI, and open it where stdout is a terminal.

    The id comes from the state; nothing is sent. The name of a document is the address of its dataflow. Dataflows,
    datasets and field groups have links. For other objects no public document names the page.
    """
    from reconciler.app.console import link_to
    from reconciler.cli.arguments import open_project

    url = link_to(open_project(path), address)
    click.echo(url)
    if not only_print and sys.stdout.isatty():
        click.launch(url)
    return 0
