"""Graph, steps, guards, interpolation, YAML scalars: small and pure."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core import graph
from reconciler.core.compare.views import project as project_before
from reconciler.core.plan.guards import Guardrails, exceeded, protections
from reconciler.core.plan.model import Action, Change, Plan
from reconciler.core.plan.steps import steps
from reconciler.core.pointers import matches, parse_pointer, pointer
from reconciler.core.problems import ManifestError, Problem, ReconcilerError
from reconciler.core.provenance import Provenance
from reconciler.core.resource import Resource
from reconciler.core.state.model import Entry, State
from reconciler.core.values import Ref, Secret, Span
from reconciler.documents.document import Document
from reconciler.documents.interpolate import Scope, interpolate
from reconciler.documents.load import Project, _cross_check
from reconciler.kinds import kinds
from reconciler.kinds.flow import KIND as FLOW
from reconciler.yamltext.reader import read
from reconciler.yamltext.text import Text

ROOT = Path(__file__).parent.parent.parent


def test_order_and_cycles() -> None:
    edges = {"flow": ["source", "target"], "source": ["account"], "target": [], "account": []}
    assert graph.order(edges) == ["account", "target", "source", "flow"]
    assert graph.cycle(edges) is None
    assert graph.cycle({"a": ["b"], "b": ["c"], "c": ["a"]}) in (
        ["a", "b", "c", "a"],
        ["b", "c", "a", "b"],
        ["c", "a", "b", "c"],
    )
    assert graph.with_needs(["source"], edges) == {"source", "account"}
    assert graph.reversed_edges(edges)["source"] == ["flow"]


@given(st.lists(st.text("a/~*", max_size=3), max_size=4))
def test_pointers_round_trip(path: list[str]) -> None:
    assert parse_pointer(pointer(tuple(path))) == tuple(path)


def test_patterns() -> None:
    assert matches("/a/*", ("a", "b", "c"))
    assert matches("", ("anything",))
    assert not matches("/a/b", ("a",))


# -- YAML --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"), ("on", "on"), ("12:30", "12:30"), ("2022-01-05", "2022-01-05"), ("true", True), ("False", False),
        ("null", None), ("~", None), ("", None), ("15", 15), ("-3", -3), ("0o17", 15), ("0x1F", 31), ("017", 17),
        ("1.5", 1.5), ("1e3", 1000.0), (".5", 0.5), ("1_000", "1_000"), ("'15'", "15"), ("!!str 15", "15"),
        (".inf", ".inf"), ("=", "="), ("1.0.0", "1.0.0"), ("e3", "e3"), ("-", [None]), ("n", "n"), ("0b11", "0b11"),
    ],
)  # fmt: skip
def test_scalars_follow_yaml_1_2(text: str, value: Any) -> None:
    (document,) = read(Text("f", f"key: {text}" if text != "-" else "key:\n-"))
    assert document == {"key": value}


def test_places_are_found_again() -> None:
    text = Text("f.yaml", "a:\n  - {b: 1}\n  - c: 2\n---\nd: 3\n")
    assert text.span(0, ("a", "1", "c")) == Span("f.yaml", 3, 8)
    assert text.span(0, ("a", "1", "c"), key=True) == Span("f.yaml", 3, 5)
    assert text.span(1, ("d",)) == Span("f.yaml", 5, 4)
    assert text.span(0, ("a", "7")) == Span("f.yaml", 2, 3), "the nearest thing that is there"


def test_merge_keys() -> None:
    (document,) = read(Text("f", "base: &b {x: 1, y: 2}\nall: {<<: *b, y: 3}\n"))
    assert document["all"] == {"x": 1, "y": 3}
    with pytest.raises(ManifestError, match="<< takes a mapping"):
        read(Text("f", "a: {<<: 1}"))


# -- interpolation -----------------------------------------------------------------------------------------------
def filled(text: Any, path: tuple[str, ...] = ("name",), **variables: Any) -> tuple[Any, list[str]]:
    said: list[str] = []
    scope = Scope(variables)
    return interpolate(text, scope, lambda _p, code, *_: said.append(code), path), said


def test_interpolation() -> None:
    assert filled("${var.n}", n=5) == (5, [])
    assert filled("${var.n}", n=[1, 2]) == ([1, 2], [])
    assert filled("a-${var.n}-b", n=5) == ("a-5-b", [])
    assert filled("a-${env.PATH}") == ("a-", ["env-removed"])
    assert filled("${env.PATH}", ("mapping", "0", "source"))[1] == ["env-removed"]
    assert filled("$${env.PATH}", ("mapping", "0", "source")) == ("${env.PATH}", [])
    assert filled("a-${var.n}", n=True) == ("a-true", [])
    assert filled("$${var.n}") == ("${var.n}", [])
    assert filled("${full.name}", ("mapping", "0", "source")) == ("${full.name}", [])
    assert filled("${full.name}")[1] == ["bad-interpolation"]
    assert filled("a-${var.n}", n=[1])[1] == ["bad-interpolation"]
    assert filled("${}")[1] == ["bad-interpolation"]
    assert filled("${secret.a b}")[1] == ["bad-secret-name"]


def test_a_secret_inside_a_text() -> None:
    value, said = filled("user=${var.u};key=${secret.k}", u="bob")
    assert said == []
    assert isinstance(value, Secret)
    assert value.names() == ("k",)
    assert value.reveal({"k": "hush"}) == "user=bob;key=hush"


# -- guards and steps --------------------------------------------------------------------------------------------
def small_plan(*changes: Change, destroy: bool = False, scope: int = 10) -> Plan:
    names = tuple(f"a{number}" for number in range(scope))
    return Plan("prod", "p", "o", "s", "l", 0, changes, scope=names, destroy=destroy)


STATE = State(
    "l",
    "prod",
    "p",
    "o",
    "s",
    0,
    {f"a{n}": Entry("Flow", str(n), provenance=Provenance(protect=n == 0)) for n in range(10)},
)


def codes(plan: Plan, limits: Guardrails = Guardrails(), *, protected: bool = False) -> list[str]:  # noqa: B008
    found = [*protections(plan, STATE, protected=protected), *exceeded(plan, STATE, limits, kinds())]
    return [item.code for item in found]


def test_guards() -> None:
    delete = [Change(f"a{n}", "Flow", Action.DELETE, "", str(n)) for n in range(1, 4)]
    assert codes(small_plan(*delete)) == []
    assert codes(small_plan(*delete), Guardrails(max_deletes=2)) == ["max-deletes"]
    assert codes(small_plan(*delete), Guardrails(max_delete_percent=20)) == ["max-delete-percent"]
    assert codes(small_plan(*delete, destroy=True), Guardrails(max_deletes=0)) == []
    assert codes(small_plan(*delete), protected=True) == ["protected-environment"]
    many = [Change(f"a{n}", "Flow", Action.DELETE, "", str(n)) for n in range(1, 7)]
    assert codes(small_plan(*many[:5])) == [], "five are few, whatever the part"
    assert codes(small_plan(*many)) == ["max-delete-percent"]
    assert codes(small_plan(*many), Guardrails(max_delete_percent=60)) == []
    assert codes(small_plan(*many), Guardrails(max_deletes=9)) == ["max-delete-percent"], "one limit leaves the other"
    assert codes(small_plan(*many, destroy=True)) == []
    forgotten = [replace(item, action=Action.FORGET) for item in many]
    assert codes(small_plan(*forgotten), Guardrails(0, 0)) == []
    assert codes(small_plan(*(replace(item, deposed=True) for item in many)), Guardrails(0, 0)) == []
    kept = Change("a0", "Flow", Action.REPLACE, "", "0")
    assert codes(small_plan(kept)) == ["prevent-destroy"]
    assert codes(small_plan(kept, destroy=True)) == ["prevent-destroy"], "only an applied edit lifts it"
    forget = Change("a1", "MappingSet", Action.FORGET, "", "1")
    assert codes(small_plan(forget), Guardrails(max_deletes=0), protected=True) == []


def test_deletes_wait_for_users_that_move_on() -> None:
    state = State(
        "l", "e", "p", "o", "s", 0, {"flow": Entry("Flow", "f", dependencies=("old",)), "old": Entry("Connection", "c")}
    )
    plan = small_plan(
        Change("new", "Connection", Action.CREATE, ""),
        Change("flow", "Flow", Action.UPDATE, "", "f", dependencies=("new",)),
        Change("old", "Connection", Action.DELETE, "", "c"),
    )
    found = steps(plan, state)
    assert found["update flow"].needs == ("create new",)
    assert found["delete old c"].needs == ("update flow",)


def test_problems_read_well() -> None:
    problem = Problem("code", "it is wrong", "do this", Span("a.yaml", 1, 2))
    assert str(problem) == "a.yaml:1:2: error: it is wrong (do this)"
    assert str(ReconcilerError([problem, Problem("c", "x", address="a/b")])).endswith("a/b: error: x")


def test_a_cycle_is_named_with_its_place() -> None:
    """No document of today can make one; the check stands for kinds that refer to each other."""
    text = Text("a.yaml", "spec:\n  one: {}\n  two: {}\n")
    document = Document("Connection", "d", {}, "a.yaml", text, 0)
    one = Resource("one", "Connection", {"x": Ref("two")}, document="d", where="/spec/one")
    two = Resource("two", "Connection", {"x": Ref("one")}, document="d", where="/spec/two")
    project = Project({"one": one, "two": two}, {"d": document})
    _cross_check(project)
    (problem,) = project.problems
    assert re.match(
        r"a.yaml:[23]:8: error: references lead in a circle: (one → two → one|two → one → two)", str(problem)
    )


def test_before_is_what_the_manifest_speaks_of() -> None:
    member = {"type": "PLATFORM_SEGMENT", "value": {"id": "a", "name": "A", "createTime": "1"}}

    def body(item: object) -> dict[str, Any]:
        selectors = {"segmentSelectors": {"selectors": [item]}}
        return {"name": "n", "transformations": [{"name": "GeneralTransform", "params": selectors}]}

    declared = {"type": "PLATFORM_SEGMENT", "value": {"id": "a", "name": "B"}}
    shown = project_before(FLOW.rules({}), {**body(member), "etag": "e"}, body(declared))
    assert shown == body({"type": "PLATFORM_SEGMENT", "value": {"id": "a", "name": "A"}})


# -- the house ---------------------------------------------------------------------------------------------------
ROOMS = {
    "core": {"core"},
    "catalog": {"catalog"},
    "kinds": {"kinds", "core"},
    "yamltext": {"yamltext", "core"},
    "documents": {"documents", "core", "catalog", "dataprep", "kinds", "yamltext"},
    "config": {"config", "core", "catalog", "documents", "kinds", "yamltext"},
    "export": {"export", "core", "catalog", "dataprep", "documents", "yamltext"},
    "convert": {"convert", "core", "catalog", "documents", "export"},
    "network": {"network", "core"},
    "api": {"api", "core", "network"},
    "stores": {"stores", "core", "network"},
    "engine": {"engine", "core"},
    "render": {"render", "core"},
    "secrets": {"secrets", "core"},
    "app": {
        "app", "api", "catalog", "config", "convert", "core", "dataprep", "documents", "emulator", "engine", "export",
        "kinds", "network", "secrets", "stores", "yamltext",
    },
    "library": {"library", "app", "core", "render", "secrets"},
    "cli": {
        "cli", "app", "catalog", "config", "convert", "core", "dataprep", "documents", "emulator", "engine", "export",
        "render", "secrets", "yamltext",
    },
    "emulator": {"emulator", "dataprep"},
    "dataprep": {"dataprep"},
    "ci": {"ci"},
}  # fmt: skip
HOMES = {
    "click": {"cli", "__main__.py"},
    "yaml": {"yamltext", "catalog", "emulator"},
    "httpx2": {"network", "api", "stores", "app", "cli"},
    "starlette": {"emulator"},
    "uvicorn": {"emulator"},
    "rich": {"cli"},
    "dotenv": {"secrets"},
    "keyring": {"secrets"},
    "deepdiff": {"render"},
    "jmespath": {"core"},
    "orjson": {"stores", "network"},
    "obstore": {"stores", "app"},
    "boto3": {"app"},
    "psycopg": {"stores"},
    "ruamel": {"yamltext"},
    "jsonpatch": {"emulator", "convert"},
    "pydantic": {"documents", "config", "convert", "kinds"},
    "pydantic_core": {"documents", "config", "kinds"},
    "sqlite3": {"emulator"},
    "regex": {"dataprep"},
    "ua_parser": {"dataprep"},
    "pyarrow": {"app"},
}


@pytest.mark.parametrize(
    "path", sorted((ROOT / "reconciler").rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT))
)
def test_arrows_go_one_way(path: Path) -> None:
    """Every import of every file keeps to the table of rooms in ARCHITECTURE.md."""
    room = path.relative_to(ROOT / "reconciler").parts[0]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0
            names = [str(node.module)]
        for name in names:
            parts = name.split(".")
            if parts[0] == "reconciler" and len(parts) > 1 and room in ROOMS:
                assert parts[1] in ROOMS[room], f"{room} may not import {name}"
            if parts[0] in HOMES:
                assert room in HOMES[parts[0]], f"{room} may not import {name}"
            if parts[:2] == ["reconciler", "emulator"] and room != "emulator":
                assert path.name in ("platform.py", "emulator.py"), "only where the command line chooses the transport"


def _imports(path: Path, modules: Collection[str]) -> set[str]:
    """Return the modules that a file imports when it is loaded, or for its types alone."""
    found = set()
    waiting: list[ast.AST] = [ast.parse(path.read_text(encoding="utf-8"))]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue  # imported when it runs
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= inner | ({str(node.module)} if not inner <= set(modules) else set())
        waiting += ast.iter_child_nodes(node)
    return found & set(modules)


def test_no_modules_import_each_other() -> None:
    """Not even for their types: two modules that need each other become one, or share a third below both."""
    modules = {}
    for path in (ROOT / "reconciler").rglob("*.py"):
        parts = path.relative_to(ROOT).with_suffix("").parts
        modules[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    edges = {name: sorted(_imports(path, modules) - {name}) for name, path in modules.items()}
    assert sum(map(len, edges.values())) > 500
    assert graph.cycle(edges) is None


def test_the_slow_yaml_library_is_imported_to_lay_out_files_alone() -> None:
    """`ruamel.yaml` costs a tenth of a small plan: no module imports the layout when it is imported itself."""
    for path in (ROOT / "reconciler").rglob("*.py"):
        lines = path.read_text(encoding="utf-8").splitlines()
        assert path.name == "layout.py" or not [line for line in lines if line.startswith("from ruamel")], path
        assert not [line for line in lines if line.startswith("from reconciler.yamltext.layout")], path
