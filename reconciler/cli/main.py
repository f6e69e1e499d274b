"""The group of commands. It imports click alone: a command's own file is loaded when it runs."""

from __future__ import annotations

import importlib
import keyword
from typing import Any

import click

from reconciler import __version__
from reconciler.cli.command import Group
from reconciler.cli.examples import epilog
from reconciler.cli.options import common

COMMANDS = {
    "init": "Write the first files of a project.",
    "validate": "Check the manifests offline.",
    "test": "Run the mapping tests locally.",
    "preview": "Print what a mapping makes of sample data.",
    "eval": "Print the value of a Data Prep expression.",
    "fmt": "Lay out the manifests in one way.",
    "plan": "Show what apply would do.",
    "snapshot": "Write what a plan needs to know, for plans without credentials.",
    "apply": "Make the platform as the manifests say.",
    "destroy": "Delete what the state holds.",
    "drift": "Compare the platform with what was last applied.",
    "promote": "Show how two environments differ besides their variables.",
    "show": "Show a saved plan or the state.",
    "graph": "Print what depends on what.",
    "status": "Show whether data flows, and why not.",
    "outputs": "Print endpoint URLs and ids.",
    "convert": "Convert recorded API calls to manifests.",
    "open": "Open an object in the platform's UI.",
    "export": "Write what is live as manifests.",
    "adopt": "Bind existing objects that match the manifests.",
    "import": "Bind an object that exists to an address.",
    "state": "Look into the state, and put it right.",
    "doctor": "Check credentials, sandbox, permissions, clock, state, catalog.",
    "connectors": "List and show the connectors of the catalog.",
    "schema": "Print the JSON Schema of manifests, plans and drift.",
    "emulator": "Serve the platform emulator over HTTP.",
}


class LazyGroup(Group):
    """Knows its commands by name and one line of help, and loads only the one that is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order people use them."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return one command, or None."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        module = f"{cmd_name}_" if keyword.iskeyword(cmd_name) else cmd_name
        loaded: click.Command = importlib.import_module(f"reconciler.cli.{module}").command
        loaded.epilog = epilog(cmd_name)
        for inner in loaded.commands.values() if isinstance(loaded, click.Group) else ():
            inner.epilog = epilog(f"{cmd_name} {inner.name}")
        return loaded

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the table of commands without loading any of them."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[Any]:
        """Complete command names from the table, options from the group itself."""
        from click.shell_completion import CompletionItem

        found = [CompletionItem(name, help=text) for name, text in COMMANDS.items() if name.startswith(incomplete)]
        return [*found, *click.Command.shell_complete(self, ctx, incomplete)]


@click.command(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="reconciler")
@common
def cli(**_values: object) -> None:
    """Declarative infrastructure-as-code for Adobe Experience Platform dataflows."""
