"""Options and commands of other tools are understood or answered; help pages have sections. Nothing is run."""

from __future__ import annotations

import re
from typing import Any

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.cli.command import OPTIONS, WORDS, Command, Group, sections
from reconciler.cli.main import COMMANDS, cli

ROOT = click.Context(cli, info_name="reconciler")


def command(name: str) -> click.Command:
    first, _, inner = name.partition(" ")
    found = cli.get_command(ROOT, first)
    assert found is not None
    if not inner:
        return found
    assert isinstance(found, click.Group)
    return found.commands[inner]


def every() -> list[str]:
    groups = [(name, command(name)) for name in COMMANDS]
    inner = [f"{name} {item}" for name, group in groups if isinstance(group, click.Group) for item in group.commands]
    return [*COMMANDS, *inner]


def params(name: str, *args: str) -> dict[str, Any]:
    """Return what a command line is read as; the command is not run."""
    with command(name).make_context(name, list(args), parent=ROOT) as context:
        return {**context.params, **context.meta.get("reconciler.options", {})}


def refused(name: str, *args: str) -> str:
    with pytest.raises(click.UsageError) as caught:
        params(name, *args)
    return caught.value.format_message()


@pytest.mark.parametrize("name", every())
def test_every_command_is_one_of_ours(name: str) -> None:
    assert isinstance(command(name), Command | Group), "declare it with cls=Command"


@pytest.mark.parametrize(
    ("name", "terraform", "ours"),
    [
        ("apply", ["-auto-approve"], ["--auto-approve"]),
        ("apply", ["-auto-approve=true", "x.plan"], ["--auto-approve", "x.plan"]),
        ("apply", ["-parallelism=3", "-lock-timeout", "5"], ["--parallelism", "3", "--lock-timeout", "5"]),
        ("apply", ["-refresh-only", "-var", "a=b"], ["--refresh-only", "--var", "a=b"]),
        ("plan", ["-out=FILE"], ["--out", "FILE"]),
        ("plan", ["-out", "FILE", "crm"], ["--out", "FILE", "crm"]),
        ("plan", ["-target=a/flow", "-target", "b"], ["--target", "a/flow", "--target", "b"]),
        ("plan", ["-var=a=-b=c"], ["--var", "a=-b=c"]),
        ("plan", ["-var-file=x.yaml", "-detailed-exitcode"], ["--var-file", "x.yaml", "--detailed-exitcode"]),
        ("plan", ["-refresh=false"], ["--no-refresh"]),
        ("plan", ["--refresh=false"], ["--no-refresh"]),
        ("plan", ["--no-refresh=false"], ["--refresh"]),
        ("plan", ["-no-refresh"], ["--no-refresh"]),
        ("plan", ["-refresh=true", "-destroy", "-no-color"], ["--refresh", "--destroy", "--no-color"]),
        ("fmt", ["-check", "-diff"], ["--check", "--diff"]),
        # a value is never taken for an option, whatever it looks like
        ("plan", ["--var", "-target=x"], ["--var=-target=x"]),
        ("plan", ["-var", "-input=false"], ["--var=-input=false"]),
        ("plan", ["--var", "--", "crm"], ["--var=--", "crm"]),
        ("eval", ["--", "-out=x"], ["--", "-out=x"]),
        ("preview", ["x", "--input", "-"], ["x", "--input=-"]),
        ("fmt", ["-"], ["-"]),
    ],
)
def test_one_dash_is_as_good_as_two(name: str, terraform: list[str], ours: list[str]) -> None:
    assert params(name, *terraform) == params(name, *ours)


@pytest.mark.parametrize(
    ("name", "args", "said"),
    [
        ("apply", ["-input=false"], "No such option '-input'. Only the approval of a run is asked for"),
        ("apply", ["-f", "x.yaml"], "Name the file or folder as PATH."),
        ("apply", ["-yes"], "Write --auto-approve."),
        ("apply", ["--dry-run"], "Use reconciler plan."),
        ("apply", ["-auto-approve=false"], "Option '--auto-approve' does not take a value. Leave it out."),
        ("apply", ["-auto-approve=maybe"], "Option '--auto-approve' does not take a value."),
        ("plan", ["-json"], "Write --format json;"),
        ("plan", ["-n", "dev"], "Write --env NAME."),
        ("plan", ["-tagret=x"], "No such option '-tagret'. Did you mean '--target'?"),
        ("plan", ["--tagret=x"], "'--target'"),
        ("plan", ["-zzzzzz"], "No such option '-zzzzzz'. Write -- before a value that begins with a dash."),
        ("eval", ["-1 + 2"], "Write -- before a value that begins with a dash."),
        ("plan", ["-out"], "Option '--out' requires an argument."),
        ("plan", ["-parallelism=3"], "No such option '-parallelism'."),
        ("apply", ["-parallelism=many"], "Invalid value for '--parallelism'"),
        ("apply", ["-lock=false"], "--lock-timeout SECONDS waits for it"),
    ],
)
def test_what_is_not_ours_is_answered(name: str, args: list[str], said: str) -> None:
    assert said in refused(name, *args)


@given(st.lists(st.sampled_from(["x", "-y", "--var", "a=-b", "--target", "-", "--emulator", "--env", "dev", "--"])))
def test_our_own_spelling_is_left_alone(args: list[str]) -> None:
    """Commands read their own spelling as click alone reads it, errors included."""
    ours, plain = command("apply"), click.Command("apply", params=command("apply").params)

    def read(one: click.Command) -> object:
        try:
            return one.make_context("apply", list(args), parent=ROOT).params
        except click.UsageError as error:
            return error.format_message()

    assert read(ours) == read(plain)


def resolved(*args: str) -> list[str | None]:
    """Return the names of the commands that a command line leads to."""
    context, names, group = ROOT, [], cli
    rest = list(args)
    while isinstance(group, click.Group) and rest:
        name, found, rest = group.resolve_command(context, rest)
        names.append(name)
        context = click.Context(found, info_name=name, parent=context)
        group = found
    return [*names, *rest]


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("diff",), "Use 'plan' for the changes to come"),
        (("Sync",), "Use 'apply'."),
        (("taint", "x"), "Pass --replace ADDRESS"),
        (("plna",), "Did you mean 'plan'?"),
        (("zzzzzz",), "No such command 'zzzzzz'."),
        (("state", "ls"), "Use 'list'."),
        (("state", "lst"), "Did you mean 'list'?"),
        (("help", "nope"), "No such command 'nope'."),
    ],
)
def test_a_command_of_another_tool(args: tuple[str, ...], said: str) -> None:
    with pytest.raises(click.UsageError) as caught:
        resolved(*args)
    assert said in caught.value.format_message()


def test_help_leads_to_help() -> None:
    assert resolved("help", "state", "mv") == ["state", "mv", "--help"]
    assert resolved("help", "plan") == ["plan", "--help"]


def test_the_answers_are_about_what_is_there() -> None:
    for group, words in WORDS.items():
        known = set(COMMANDS) if not group else set(command(group).commands)  # type: ignore[attr-defined]
        assert not known & words.keys(), "a command of ours needs no answer"
    flags = {flag for name in every() for item in command(name).params for flag in item.opts}
    for answers in (OPTIONS, *WORDS.values()):
        for answer in answers.values():
            assert set(re.findall(r"--[a-z-]+", answer)) <= flags, answer
            for name in re.findall(r"(?:'|reconciler )([a-z]+)", answer):
                assert name in COMMANDS or name in {"list", "show", "rm", "mv", "unlock"}, answer


@pytest.mark.parametrize("name", every())
def test_a_help_page_shows_every_option_once(name: str) -> None:
    found = command(name)
    shown = [item.name for _, options in sections(found) for item in options]
    own = [item.name for item in found.params if isinstance(item, click.Option)]
    common = {"env", "emulator", "state_dir", "verbose", "no_color"}
    assert sorted(map(str, shown)) == sorted(str(item) for item in own if item not in common)
    text = found.get_help(click.Context(found, info_name=name, parent=ROOT))
    for item in found.params:
        if isinstance(item, click.Option):
            assert item.opts[-1] in text
    if len(shown) > 10:
        assert len(list(sections(found))) > 1 or name == "emulator"
