"""Commands and groups of the command line: grouped help, and habits of other tools.

Long options may be written with one dash, as in Terraform. An option that is not ours is answered with our spelling.
Loaded at every start: it imports nothing that click does not.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import click

from reconciler import __version__

_COMMON = ("env", "emulator", "state_dir", "verbose", "no_color")
_SECTIONS: Mapping[str, tuple[str, ...]] = {
    "Selection": (
        "variables", "var_file", "targets", "select", "exclude", "replace", "shard", "connector", "category",
        "unmanaged", "documents", "snapshot",
    ),
    "Safety": (
        "auto_approve", "destroy", "policy", "checks", "refresh", "refresh_only", "replan_if_stale", "staged",
        "send_secrets", "allow_delete", "allow_protected", "allow_literal_secrets",
    ),
    "Timing": ("parallelism", "lock_timeout", "wait_timeout", "settle", "time_limit"),
    "Output": (
        "out", "form", "compact", "detailed_exitcode", "metrics", "patch", "fail_on", "only_print", "runs", "watch",
    ),
}  # fmt: skip
"""The parameters of each section of a help page, in its order; the section "Options" holds all others."""
_FEW = 6
"""Options up to which a help page has one section."""

OPTIONS: Mapping[str, str] = {
    "input": "only the approval of a run is asked for: pass --auto-approve",
    "lock": "a writer always takes the lock; --lock-timeout SECONDS waits for it",
    "json": "write --format json; apply, destroy and drift also print events: --format jsonl",
    "state": "write --state-dir FOLDER",
    "chdir": "name the folder as PATH",
    "destroy": "use reconciler destroy",
    "raw": "write reconciler outputs NAME.KEY",
    "recursive": "a folder is read whole",
    "write": "write --check to change no file",
    "list": "write --check to list the files that would change",
    "upgrade": "there are no plugins to upgrade; reconciler connectors refresh compares the catalog with a sandbox",
    "reconfigure": "use reconciler state migrate",
    "migrate-state": "use reconciler state migrate",
    "backend-config": "write state: in reconciler.yaml",
    "compact-warnings": "write --compact for a line per change",
    "concise": "write --compact for a line per change",
    "f": "name the file or folder as PATH",
    "filename": "name the file or folder as PATH",
    "s": "name the file or folder as PATH",
    "k": "name the folder as PATH",
    "n": "write --env NAME",
    "namespace": "write --env NAME",
    "context": "write --env NAME",
    "workspace": "write --env NAME",
    "o": "write --format FORM, or --out FILE",
    "output": "write --format FORM, or --out FILE",
    "dry-run": "use reconciler plan",
    "yes": "write --auto-approve",
    "force": "write --auto-approve to run without a question; guardrails have options of their own",
    "selector": "write --select LABEL=VALUE",
    "l": "write --select LABEL=VALUE",
    "select-tag": "write --select LABEL=VALUE",
    "prune": "apply deletes what left the manifests",
    "concurrency": "write --parallelism N",
    "timeout": "write --time-limit SECONDS, or --wait-timeout SECONDS for each transition",
    "exit-code": "write --detailed-exitcode",
    "non-zero-exit-code": "write --detailed-exitcode",
    "generate-config-out": "use reconciler export --out DIR",
}
"""Options of other tools, without dashes, and our answer."""

WORDS: Mapping[str, Mapping[str, str]] = {
    "": {
        "diff": "use 'plan' for the changes to come, 'drift' for changes made outside",
        "sync": "use 'apply'", "deploy": "use 'apply'", "up": "use 'apply'", "create": "use 'apply'",
        "run": "use 'apply'",
        "dump": "use 'export' for live objects as manifests, 'state pull' for the state",
        "pull": "use 'export' for live objects as manifests, 'state pull' for the state",
        "get": "use 'status' for dataflows, 'state list' for all objects, 'outputs' for ids and URLs",
        "list": "use 'state list'", "ls": "use 'state list'",
        "describe": "use 'state show ADDRESS'",
        "logs": "use 'status'", "ping": "use 'doctor'",
        "login": "set AEP_CLIENT_ID and AEP_CLIENT_SECRET; 'doctor' checks them",
        "delete": "use 'destroy --target ADDRESS', or take the document out of the manifests and 'apply'",
        "down": "use 'destroy'", "reset": "use 'destroy'",
        "rm": "use 'destroy', or 'state rm ADDRESS' to keep the object",
        "refresh": "use 'drift' to compare, 'apply --refresh-only' to accept drift into the state",
        "taint": "pass --replace ADDRESS to plan or apply",
        "untaint": "leave --replace out: nothing is marked",
        "workspace": "use --env NAME; environments are declared in reconciler.yaml",
        "env": "use --env NAME; environments are declared in reconciler.yaml",
        "console": "use 'eval'", "providers": "use 'connectors list'", "force-unlock": "use 'state unlock'",
        "lint": "use 'validate'", "check": "use 'validate'", "new": "use 'init'",
        "edit": "edit the manifest, then use 'apply'",
        "rename": "use moved: in reconciler.yaml, or 'state mv'", "mv": "use 'state mv'", "bind": "use 'import'",
    },
    "state": {
        "ls": "use 'list'", "get": "use 'show'", "describe": "use 'show'",
        "delete": "use 'rm'", "remove": "use 'rm'", "move": "use 'mv'", "rename": "use 'mv'",
        "force-unlock": "use 'unlock'", "replace-provider": "there are no providers",
    },
    "connectors": {"ls": "use 'list'", "get": "use 'show'", "describe": "use 'show'"},
}  # fmt: skip
"""Commands of other tools, by the group that they are written after (empty for none), and our answer."""

_WORD = re.compile(r"--?(?P<name>[A-Za-z][A-Za-z0-9_-]*)(=(?P<value>.*))?", re.DOTALL)


class Command(click.Command):
    """A command with sections in its help that takes long options with one dash as well."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse `args`, options of other tools in our spelling."""
        return super().parse_args(ctx, list(_in_our_spelling(self, ctx, args)))

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options by section, and those of every command in one line."""
        _write_options(self, ctx, formatter)


class Group(click.Group):
    """A group of commands that names ours for a misspelt one, or one of another tool."""

    command_class = Command

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse `args` up to the name of the command, options of other tools in our spelling."""
        return super().parse_args(ctx, list(_in_our_spelling(self, ctx, args)))

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options by section, then the commands."""
        if ctx.parent is None:
            click.Command.format_options(self, ctx, formatter)
        else:
            _write_options(self, ctx, formatter)
        self.format_commands(ctx, formatter)

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        """Return the command that `args` begin with; `help` and `version` are understood in the main group."""
        known = self.list_commands(ctx)
        if args[0] in known or ctx.resilient_parsing:
            return super().resolve_command(ctx, args)
        if ctx.parent is None and args[0] == "help":
            if args[1:]:
                return self.resolve_command(ctx, [*args[1:], "--help"])
            click.echo(ctx.get_help())
            ctx.exit()
        if ctx.parent is None and args == ["version"]:
            click.echo(f"{ctx.info_name}, version {__version__}")
            ctx.exit()
        from difflib import get_close_matches

        answer = WORDS.get("" if ctx.parent is None else str(ctx.info_name), {}).get(args[0].lower())
        close = get_close_matches(args[0].lower(), known, 1)
        advice = f" {_sentence(answer)}" if answer else f" Did you mean {close[0]!r}?" if close else ""
        raise click.UsageError(f"No such command {args[0]!r}.{advice}", ctx)


def sections(command: click.Command) -> Iterator[tuple[str, list[click.Option]]]:
    """Yield the title and the options of each section of a command's help, without those of every command."""
    options = [item for item in command.params if isinstance(item, click.Option) and item.name not in _COMMON]
    places = {name: (title, place) for title, names in _SECTIONS.items() for place, name in enumerate(names)}
    if len(options) <= _FEW:
        if options:
            yield "Options", options
        return
    own = [item for item in options if item.name not in places]
    if own:
        yield "Options", own
    for title in _SECTIONS:
        found = [item for item in options if places.get(str(item.name), ("", 0))[0] == title]
        if found:
            yield title, sorted(found, key=lambda item: places[str(item.name)][1])


def _write_options(command: click.Command, ctx: click.Context, formatter: click.HelpFormatter) -> None:
    for title, options in sections(command):
        records = [record for item in options if (record := item.get_help_record(ctx)) is not None]
        if records:
            with formatter.section(title):
                formatter.write_dl(records)
    common = [
        item
        for item in command.get_params(ctx)
        if isinstance(item, click.Option) and (item.name in _COMMON or item not in command.params)
    ]
    names = [record[0] for item in common if (record := item.get_help_record(ctx)) is not None]
    with formatter.section("Options of every command (see reconciler --help)"):
        formatter.write_text(", ".join(sorted(names, key=lambda name: name.lstrip("-"))))


def _in_our_spelling(command: click.Command, ctx: click.Context, args: Sequence[str]) -> Iterator[str]:
    """Yield `args`, each long option that is written with one dash with two.

    A value is never touched: neither what follows an option that takes one, nor what follows `--`. In a group the
    arguments from the name of the command on are its own.
    """
    options = {name: item for item in command.get_params(ctx) if isinstance(item, click.Option)
               for name in (*item.opts, *item.secondary_opts)}  # fmt: skip
    rest = iter(args)
    for arg in rest:
        positional = not arg.startswith("-") or arg == "-"
        if arg == "--" or (positional and not command.allow_interspersed_args):
            yield arg
            yield from rest
            return
        if positional:
            yield arg
            continue
        spelt = _option(ctx, arg, options)
        yield spelt
        item = options.get(spelt)
        if item is not None and not item.is_flag and not item.count and "=" not in spelt:
            yield from itertools.islice(rest, item.nargs)


def _option(ctx: click.Context, arg: str, options: Mapping[str, click.Option]) -> str:
    """Return one option in our spelling. Raises a usage error for one of another tool, and for a misspelt one."""
    if arg in options or ctx.resilient_parsing:
        return arg
    found = _WORD.fullmatch(arg)
    if found is None:
        if arg.startswith("--") or arg[:2] in options:
            return arg
        raise click.UsageError(f"No such option {arg!r}. Write -- before a value that begins with a dash.", ctx)
    name, value = found["name"], found["value"]
    item = options.get(f"--{name}")
    if item is not None:
        return _flag(ctx, f"--{name}", value, item) if item.is_flag and value is not None else f"--{arg.lstrip('-')}"
    if not arg.startswith("--") and all(f"-{letter}" in options for letter in name):
        return arg  # short options written together
    answer = OPTIONS.get(name)
    if answer is None:
        if arg.startswith("--"):
            return arg  # click names the nearest
        from difflib import get_close_matches

        close = get_close_matches(f"--{name}", options, 1)
        advice = f" Did you mean {close[0]!r}?" if close else " Write -- before a value that begins with a dash."
        raise click.UsageError(f"No such option '-{name}'.{advice}", ctx)
    raise click.UsageError(f"No such option {arg.partition('=')[0]!r}. {_sentence(answer)}", ctx)


def _flag(ctx: click.Context, name: str, value: str, item: click.Option) -> str:
    """Return a flag that was given a value, as `-refresh=false`. Raises a usage error for another value."""
    on, off = item.opts, item.secondary_opts
    if value.lower() == "true":
        return name
    if value.lower() == "false" and off:
        return off[0] if name in on else on[0]
    if value.lower() == "false":
        raise click.UsageError(f"Option {name!r} does not take a value. Leave it out.", ctx)
    raise click.UsageError(f"Option {name!r} does not take a value.", ctx)


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."
