"""The documents are true: the tutorial runs as written, generated pages are current, start-up stays light."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT, Cli, same_text

TOOL = Path(sys.executable).parent


@pytest.mark.parametrize("page", ["tutorial.md", "brownfield.md", "convert.md", "mapping-tests.md"])
def test_the_page_runs_as_written(page: str, tmp_path: Path) -> None:
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    session: list[tuple[str, str]] = []
    for block in re.findall(r"```console\n(.*?)```", text, re.DOTALL):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            heredoc = re.match(r"(.*?<<'END'\n.*?^END\n)(.*)", part, re.DOTALL | re.MULTILINE)
            command, _, output = part.partition("\n") if not heredoc else (heredoc[1], "", heredoc[2])
            session.append((command, output))
    assert len(session) > 4
    env = {key: value for key, value in os.environ.items() if not key.startswith(("AEP_", "RECONCILER_"))}
    env["PATH"] = f"{TOOL}:{env['PATH']}"
    script = ["set -u"]
    for command, _ in session:
        script += ["echo '@@@'", command.strip("\n"), 'echo "### $?"']
    done = subprocess.run(
        ["bash", "-c", "\n".join(script)], cwd=tmp_path, env=env, text=True, check=False,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    for (command, expected), seen in zip(session, done.stdout.split("@@@\n")[1:], strict=True):
        wanted = re.search(r"# exit code (\d)", command)
        output, _, code = seen.rpartition("### ")
        assert int(code) == int(wanted[1] if wanted else 0), f"{command}\n{output}"
        pattern = ".*".join(re.escape(piece) for piece in expected.replace("…\n", "…").split("…"))
        assert re.search(pattern, output, re.DOTALL), f"{command}\nwanted:\n{expected}\ngot:\n{output}"


sys.path.insert(0, str(ROOT / "docs"))
import generate  # noqa: E402

sys.path.pop(0)


@pytest.mark.parametrize("page", generate.PAGES)
def test_generated_pages_are_current(page: str) -> None:
    same_text(generate.PAGES[page](), (ROOT / "docs" / page).read_text(encoding="utf-8"), f"docs/{page}", "./run docs")


def test_the_examples_of_every_command_are_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import shlex

    import click

    from reconciler.cli.examples import EXAMPLES
    from reconciler.cli.main import COMMANDS, cli

    context = click.Context(cli, info_name="reconciler")
    names = set()
    for name in COMMANDS:
        found = cli.get_command(context, name)
        assert found is not None
        names |= {name, *(f"{name} {inner}" for inner in (found.commands if isinstance(found, click.Group) else ()))}
    assert set(EXAMPLES) == names
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sandbox.yaml").touch()
    for name, lines in EXAMPLES.items():
        for line in lines:
            words = shlex.split(re.split(r" [|<>] ", line)[0])
            assert words[0] == "reconciler", line
            command: click.Command = cli
            rest = words[1:]
            while isinstance(command, click.Group) and rest and not rest[0].startswith("-"):
                inner = command.get_command(click.Context(command), rest[0])
                assert inner is not None, line
                command, rest = inner, rest[1:]
            command.make_context(name, rest)  # raises where an option or value is none


HEAVY = {"pydantic", "yaml", "httpx", "httpx2", "rich", "starlette", "uvicorn", "asyncio", "jsonpatch", "deepdiff"}


@pytest.mark.parametrize(
    ("args", "completion"),
    [(["--version"], None), (["--help"], None), ([], "reconciler pl"), ([], "reconciler plan --de")],
)
def test_start_up_imports_nothing_heavy(args: list[str], completion: str | None) -> None:
    code = (
        "import sys, atexit\n"
        "loaded = lambda: {name.partition('.')[0] for name, module in sys.modules.items() if module is not None}\n"
        "atexit.register(lambda: print('MODULES', *sorted(loaded())))\n"
        f"sys.argv = ['reconciler', *{args!r}]\n"
        "from reconciler.__main__ import main\nmain()"
    )
    env = dict(os.environ)
    if completion:
        words = completion.split(" ")
        env |= {"_RECONCILER_COMPLETE": "bash_complete", "COMP_WORDS": completion, "COMP_CWORD": str(len(words) - 1)}
    done = subprocess.run([sys.executable, "-c", code], env=env, text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    if completion:
        assert "plain,plan" in done.stdout or "plain,--detailed-exitcode" in done.stdout
    loaded = set(done.stdout.rpartition("MODULES ")[2].split())
    assert not loaded & HEAVY


def test_the_tool_says_no_word_of_machines_or_neighbours() -> None:
    """What ships refers to nothing outside the repository."""
    for path in [*(ROOT / "reconciler").rglob("*.py"), *(ROOT / "docs").glob("*.md"), ROOT / "README.md"]:
        assert "/shared" not in path.read_text(encoding="utf-8"), path


def test_the_demo_tells_the_whole_story() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "examples" / "demo.py")], text=True, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for chapter in (
        "9 to create",
        "No changes",
        "follows another change",
        "do not touch, Bob",
        "8 deleted, 1 forgotten",
    ):
        assert chapter in done.stdout


def blocks(page: str) -> list[str]:
    """Return the YAML blocks of a page."""
    return re.findall(r"```yaml\n(.*?)```", (ROOT / "docs" / page).read_text(encoding="utf-8"), re.DOTALL)


def test_the_recipes_for_secrets_are_project_files(cli: Cli) -> None:
    recipes = [block for block in blocks("secrets.md") if block.startswith("secrets:")]
    assert len(recipes) == 3
    table = re.findall(r"(?m)^\| `(\w+: \{.*?\})` \|", (ROOT / "docs" / "secrets.md").read_text(encoding="utf-8"))
    assert len(table) == 5
    cli.example("customer-io")
    for recipe in [*recipes, *(f"secrets: [{line.replace('TOOL, …', 'tool')}]".replace("{secrets", "") for line in
                               (f"{{{item}}}" for item in table))]:  # fmt: skip
        head = "apiVersion: reconciler/v1\nkind: Project\nmetadata: {name: p}\nspec:\n"
        cli.write("reconciler.yaml", head + "".join(f"  {line}\n" for line in recipe.splitlines()))
        assert cli("validate").code == 0, cli("validate").out + cli("validate").err + recipe


def test_the_page_on_environments_runs_as_written(live: Cli) -> None:
    project, overlay, *_ = blocks("environments.md")
    live.example("kinesis")
    live.write("reconciler.yaml", project)
    live.write("overlays/prod/kinesis.yaml", overlay)
    live.ok("validate", "--env", "all")
    live.ok("apply", "-y", "--env", "dev")
    found = live.ok("plan", "--env", "all").out
    shown = (ROOT / "docs" / "environments.md").read_text(encoding="utf-8")
    assert found.splitlines()[1] in shown, "the table is a real one"
    assert live("promote", "dev", "prod", "--detailed-exitcode").code == 2
