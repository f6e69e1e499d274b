"""The Python API against the emulator: typed results, errors with problems, and the documented examples."""

from __future__ import annotations

import asyncio
import importlib
import json
import shutil
import subprocess
import sys
import types
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import reconciler
from tests.conftest import FLOW, Server, point_at

ROOT = Path(__file__).parent.parent.parent
EXAMPLES = ROOT / "examples"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the Customer.io example."""
    return Path(shutil.copytree(EXAMPLES / "customer-io", tmp_path / "customer-io"))


@pytest.fixture
def project(folder: Path) -> reconciler.Project:
    return reconciler.load(folder, emulator=True)


def test_the_life_of_a_project(project: reconciler.Project, capsys: pytest.CaptureFixture[str]) -> None:
    plan = project.plan()
    assert [(item.address, item.kind, item.action) for item in plan.changes] == [
        ("customer-io/mapping", "MappingSet", "create"),
        ("customer-io/source", "SourceConnection", "create"),
        ("customer-io/target", "TargetConnection", "create"),
        ("customer-io/flow", "Flow", "create"),
    ]
    assert plan
    assert plan.summary == {"create": 4, "update": 0, "replace": 0, "delete": 0, "noop": 0}
    assert plan.document["changes"][3]["address"] == plan.changes[3].address
    assert plan.changes[3].replace_paths == ()
    result = project.apply(plan)
    assert {(step.address, step.result) for step in result.steps} == {(item.address, "done") for item in plan.changes}
    assert not project.plan()
    report = project.drift()
    assert (report.entries, report.drifted, report.environment) == ((), False, "default")
    (status,) = project.status().values()
    assert status.state == "enabled"
    outputs = project.outputs()["customer-io"]
    assert outputs.flow_id == status.flow_id == outputs.ids["customer-io/flow"]
    assert outputs.inlet_url is not None
    assert project.destroy().plan.summary["delete"] == 3
    assert project.outputs() == {}
    assert capsys.readouterr() == ("", ""), "the API prints nothing"


def test_one_text_is_one_target(project: reconciler.Project) -> None:
    assert [item.address for item in project.plan(targets="customer-io/mapping").changes] == ["customer-io/mapping"]
    assert project.plan(exclude="customer-io").changes == ()


def test_the_keys_of_a_summary_are_plain_texts(project: reconciler.Project) -> None:
    project.apply()
    summary = project.plan(destroy=True).summary
    assert {type(key) for key in summary} == {str}
    assert summary["forget"] == 1


def test_a_plan_is_applied_as_shown_or_refused(project: reconciler.Project, folder: Path) -> None:
    early = project.plan()
    project.apply(early)
    with pytest.raises(reconciler.StaleError) as raised:
        project.apply(early)
    assert raised.value.problems[0].code == "stale-plan"
    manifest = next(folder.glob("*.yaml"))
    manifest.write_text(manifest.read_text().replace("Streaming Dataflow for Customer.io", "One name"))
    plan = project.plan()
    manifest.write_text(manifest.read_text().replace("One name", "Another name"))
    with pytest.raises(reconciler.StaleError, match="manifests"):
        project.apply(plan)
    assert project.plan().changes[0].action == "update"


def test_errors_hold_every_finding(folder: Path) -> None:
    manifest = next(folder.glob("*.yaml"))
    manifest.write_text(
        manifest.read_text().replace("connector: customer-io", "connector: customer-io\n    colour: 1\n    shape: 2")
    )
    project = reconciler.load(folder, emulator=True)
    assert [item.code for item in project.validate()] == ["unknown-key", "unknown-key"]
    with pytest.raises(reconciler.ManifestError) as raised:
        project.plan()
    assert [item.code for item in raised.value.problems] == ["unknown-key", "unknown-key"]
    assert str(raised.value).count("error:") == 2
    with pytest.raises(reconciler.ManifestError, match="does not exist"):
        reconciler.load(folder / "nothing")


def test_a_failed_step_is_an_error_with_the_result(
    folder: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    point_at(server, monkeypatch)
    project = reconciler.load(folder)
    refusal = (403, [], {"message": "no permission for canary-client-77aa"})
    server.before.append(
        lambda request: refusal if (request.method, request.path) == ("POST", f"{FLOW}/flows") else None
    )
    with pytest.raises(reconciler.ApplyError) as raised:
        project.apply(wait_timeout=1)
    assert {step.address: step.result for step in raised.value.result.steps}["customer-io/flow"] == "failed"
    assert "canary" not in str(raised.value)
    server.before.clear()
    assert [item.address for item in project.plan().changes] == ["customer-io/flow"], "the rest is in the state"


def test_guardrails_hold(folder: Path) -> None:
    (folder / "reconciler.yaml").write_text(
        "apiVersion: reconciler/v1\nkind: Project\nmetadata: {name: p}\nspec:\n"
        "  environments:\n    prod: {protected: true}\n"
    )
    project = reconciler.load(folder, env="prod", emulator=True)
    project.apply()
    with pytest.raises(reconciler.GuardError, match="protected"):
        project.destroy()
    assert project.destroy(allow_protected=True).plan.summary["delete"] == 3


def test_variables_keep_their_type(tmp_path: Path) -> None:
    (tmp_path / "m.yaml").write_text(
        "apiVersion: reconciler/v1\nkind: Dataset\nmetadata: {name: d}\n"
        "spec: {name: '${var.title}', schemaRef: {id: 'https://ns.adobe.com/t/schemas/1'}}\n"
    )
    project = reconciler.load(tmp_path, variables={"title": "From Python"}, emulator=True)
    assert project.plan().changes[0].after["name"] == "From Python"


def test_inside_an_event_loop(project: reconciler.Project) -> None:
    async def work() -> reconciler.ApplyResult:
        return project.apply(project.plan())

    assert asyncio.run(work()).steps


def test_several_threads(project: reconciler.Project) -> None:
    project.apply()
    calls: list[Callable[[], Any]] = [project.plan, project.drift, project.status, project.outputs, project.validate]
    with ThreadPoolExecutor(5) as pool:
        plan, report, *_ = [item.result() for item in [pool.submit(call) for call in calls * 2]]
    assert not plan
    assert not report.drifted


def test_importing_the_package_loads_nothing() -> None:
    code = "import sys, reconciler; print(json.dumps([m for m in sys.modules if m.startswith('reconciler')]))"
    done = subprocess.run([sys.executable, "-c", f"import json; {code}"], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == ["reconciler"]
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        reconciler.nothing  # noqa: B018
    for name in reconciler.__all__:
        assert getattr(reconciler, name) is not None


def test_the_plain_script(folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(EXAMPLES / "python"))
    nightly = importlib.import_module("nightly")
    assert nightly.main(str(folder), emulator=True) == 0
    out = capsys.readouterr().out
    assert "create   Flow" in out
    assert "customer-io enabled https://" in out
    next(folder.glob("*.yaml")).write_text("apiVersion: reconciler/v1\nkind: Nothing\nmetadata: {name: x}\nspec: {}\n")
    assert nightly.main(str(folder), emulator=True) == 1
    assert "error:" in capsys.readouterr().err


def test_the_airflow_example(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Airflow itself is too large for the tests: a stand-in for its two decorators calls the tasks in order."""
    ran: dict[str, Any] = {}

    def task(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*values: Any) -> Any:
            ran[function.__name__] = function(*values)
            return ran[function.__name__]

        return call

    sdk = types.ModuleType("airflow.sdk")
    sdk.task = task  # type: ignore[attr-defined]
    sdk.dag = lambda **_options: lambda function: function  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "airflow", types.ModuleType("airflow"))
    monkeypatch.setitem(sys.modules, "airflow.sdk", sdk)
    monkeypatch.setenv("MARTECH_PROJECT", str(folder))
    monkeypatch.setenv("MARTECH_EMULATOR", "1")
    monkeypatch.syspath_prepend(str(EXAMPLES / "python"))
    importlib.import_module("airflow_dag")
    assert ran["check_drift"] == 0
    assert ran["apply"]["create"] == 4
