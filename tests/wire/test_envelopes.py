"""Odd answers of the platform to every call: each ends in success or a message, and nothing is made twice."""

from __future__ import annotations

import copy
import gzip
import json
import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from reconciler.api import body as body_module
from reconciler.engine import listing_guard
from tests.conftest import FLOW, PREP, Cli, Request, Server

pytestmark = pytest.mark.usefixtures("quick")

UNEXPECTED = "the platform answered something unexpected"
CRASH = ("internal error", "Traceback")
JSON = [(b"content-type", b"application/json")]
ID = re.compile(r"/(connections|sourceConnections|targetConnections|flows|mappingSets|dataSets|schemas)/[^/]+$")

Mutation = Callable[[Any], tuple[int, list[tuple[bytes, bytes]], Any] | None]


@dataclass
class Odd:
    """Replaces the answers to the calls that `wanted` takes, the first `times` of them."""

    wanted: Callable[[Request], bool]
    mutate: Mutation
    times: int = 1_000_000
    used: int = field(default=0)

    def __call__(self, seen: Request) -> Any:
        if seen.status >= 400 or not self.wanted(seen) or self.used >= self.times:
            return None
        verdict = self.mutate(copy.deepcopy(seen.answer))
        self.used += verdict is not None
        return verdict


def fixed(content: Any, *headers: tuple[bytes, bytes], status: int = 200) -> Mutation:
    """Return a mutation that answers with `content` whatever the true answer is."""
    return lambda _: (status, [*headers], content)


def holders(answer: Any) -> list[dict[str, Any]]:
    """Return the objects in an answer that have an id."""
    items = answer.values() if isinstance(answer, dict) else answer if isinstance(answer, list) else ()
    inner = [found for item in items for found in holders(item)] if not _has_id(answer) else []
    return [answer, *inner] if _has_id(answer) else inner


def _has_id(value: Any) -> bool:
    return isinstance(value, dict) and ("id" in value or "$id" in value or "@id" in value)


def changed(**members: Any) -> Mutation:
    """Return a mutation that sets members of every object with an id; a member `...` is taken out."""

    def mutate(answer: Any) -> tuple[int, list[tuple[bytes, bytes]], Any] | None:
        found = holders(answer)
        for item in found:
            for name, value in members.items():
                keys = [key for key in ("id", "$id", "@id") if key in item] if name == "id" else [name]
                for key in keys:
                    item.pop(key, None)
                    if value is not ...:
                        item[key] = value
        return (200, [], answer) if found else None

    return mutate


def deep(depth: int) -> bytes:
    """Return JSON nested `depth` levels deep."""
    return b"[" * depth + b"]" * depth


GONE: dict[str, Mutation] = {
    "an empty object": fixed({}),
    "null": fixed(None),
    "an empty list": fixed([]),
    "true": fixed(True),
    "nothing": fixed(b""),
    "a status": fixed({"status": "ok"}),
    "an error with 200": fixed({"error": "backend unavailable", "status": 503}),
    "items null": fixed({"items": None}),
    "items empty": fixed({"items": []}),
}
"""Answers that were taken for "there is no such object"."""

SHAPES: dict[str, Mutation] = {
    **GONE,
    "a text": fixed("ok"),
    "a number": fixed(7),
    "a list": fixed([{"id": "x"}]),
    "items an object": fixed({"items": {}}),
    "items of texts": fixed({"items": ["x"]}),
    "items of null": fixed({"items": [None]}),
    "an item without members": fixed({"items": [{}]}),
    "no id": changed(id=...),
    "a number as id": changed(id=7),
    "null as id": changed(id=None),
    "an object as id": changed(id={"id": "x"}),
    "an id with a line break": changed(id="a\nb"),
    "an id with a slash": changed(id="../../x"),
    "another id": changed(id="11111111-1111-1111-1111-111111111111"),
    "a number as etag": changed(etag=7, version=7),
    "an object as etag": changed(etag={"a": 1}, version=[]),
    "a list as state": changed(state=["enabled"]),
    "a page of a gateway": fixed(b"<html><title>Maintenance</title></html>", (b"content-type", b"text/html")),
    "deep JSON": fixed(deep(300)),
    "very deep JSON": fixed(deep(100_000)),
    "Infinity": fixed(b'{"items": [{"id": "x", "createdAt": Infinity}]}'),
    "a strange charset": fixed(b"{}", (b"content-type", b"application/json; charset=base64")),
    "UTF-16": fixed('{"items": []}'.encode("utf-16"), (b"content-type", b"application/json; charset=utf-16")),
    "no UTF-8": fixed(b'{"items": "\xff\xfe"}'),
    "a lone surrogate": fixed(b'{"items": "\\ud800"}'),
    "a gzip bomb": fixed(gzip.compress(b" " * 4_000_000), (b"content-encoding", b"gzip")),
    "no gzip": fixed(b"{}", (b"content-encoding", b"gzip")),
    "a coding not asked for": fixed(b"{}", (b"content-encoding", b"br")),
    "two objects": lambda answer: (
        (200, [], {"items": [*answer["items"], *answer["items"]]})
        if isinstance(answer, dict) and isinstance(answer.get("items"), list)
        else None
    ),
}

TOLERATED: dict[str, Mutation] = {
    "another time": changed(createdAt="soon", updatedAt=[], created={}, createdDate=None),
    "another maker": changed(createdBy=7, createdClient={}, updatedBy=[1], updatedClient=3),
    "more members": changed(surprise={"a": [1]}, _links=[], sandboxId=None),
    "an unknown last operation": changed(lastOperation={"status": {"value": 7, "errors": "none"}}),
    "no etag": changed(etag=..., version=...),
}
"""Members that the tool can do without."""

READS = {
    "flow": f"{FLOW}/flows/",
    "source connection": f"{FLOW}/sourceConnections/",
    "target connection": f"{FLOW}/targetConnections/",
    "base connection": f"{FLOW}/connections/",
}


@pytest.fixture
def applied(live: Cli, server: Server, monkeypatch: pytest.MonkeyPatch) -> Cli:
    """A project with a source and a destination, applied."""
    monkeypatch.setattr(body_module, "LIMIT", 1_000_000)
    live.example("customer-io")
    live.example("kinesis")
    live.ok("apply", "-y")
    server.clear()
    return live


def by_id(prefix: str) -> Callable[[Request], bool]:
    """Take the reads of single objects below `prefix`."""
    return lambda seen: seen.method == "GET" and seen.path.startswith(prefix) and not seen.path.endswith("/test")


def fine(result: Any) -> None:
    """Assert that a command ended in success or in a message."""
    assert result.code in (0, 1, 2), result.err
    for word in CRASH:
        assert word not in result.err, result.err
    assert result.code != 1 or "error" in result.err.lower(), result.err
    assert len(result.err) < 20_000


# -- reads -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("read", READS)
def test_an_odd_answer_to_a_read_is_an_error(applied: Cli, server: Server, read: str) -> None:
    for name, mutate in SHAPES.items():
        odd = Odd(by_id(READS[read]), mutate)
        server.after[:] = [odd]
        result = applied("apply", "-y")
        fine(result)
        if odd.used:
            assert result.code == 1, (read, name)
            assert UNEXPECTED in result.err or "cannot be decompressed" in result.err, (read, name, result.err)
            assert f"GET {READS[read]}" in result.err, (read, name)
            assert "x-request-id" in result.err, (read, name)
    assert not server.writes()


@pytest.mark.parametrize("read", READS)
def test_an_odd_answer_that_comes_once_is_asked_for_again(applied: Cli, server: Server, read: str) -> None:
    for name, mutate in GONE.items():
        odd = Odd(by_id(READS[read]), mutate, times=1)
        server.after[:] = [odd]
        applied.ok("apply", "-y")
        assert odd.used == 1
        assert not server.writes(), name


@pytest.mark.parametrize("read", READS)
def test_members_that_are_not_used_may_be_anything(applied: Cli, server: Server, read: str) -> None:
    for name, mutate in TOLERATED.items():
        server.after[:] = [Odd(by_id(READS[read]), mutate)]
        assert applied("plan", "--detailed-exitcode").code == 0, name
    assert not server.writes()


@pytest.mark.parametrize(
    "answer",
    [
        (404, [(b"content-type", b"text/html")], b"<html><h1>404 Not Found</h1></html>"),
        (404, [], ["not found"]),
        (404, [], "not found"),
        (400, [(b"content-type", b"text/html")], b"<html>route not found</html>"),
        (
            404,
            [],
            {"type": "http://ns.adobe.com/aep/errors/FLOW-2101-404", "title": "Sandbox not found", "status": 404},
        ),
    ],
)
def test_a_404_of_somebody_else_is_not_absence(applied: Cli, server: Server, answer: tuple[int, Any, Any]) -> None:
    server.after.append(lambda seen: answer if by_id(f"{FLOW}/flows/")(seen) else None)
    for command in (("plan",), ("apply", "-y"), ("destroy", "-y")):
        result = applied(*command)
        fine(result)
        assert result.code == 1, result.out
    assert not server.writes()


def test_a_400_that_says_not_found_is_absence(applied: Cli, server: Server) -> None:
    gone = {"type": "http://ns.adobe.com/aep/errors/FLOW-1439-400", "title": "Resource not found", "status": 400}
    server.after.append(lambda seen: (400, [], gone) if by_id(f"{FLOW}/flows/")(seen) else None)
    assert applied.changes()["customer-io/flow"] == "create"


def test_swapped_answers_change_nothing(applied: Cli, server: Server) -> None:
    flows = {item["id"]: item for item in server.items("flows")}
    first, second = flows
    other = {first: second, second: first}

    def swap(seen: Request) -> Any:
        ident = seen.path.rpartition("/")[2]
        return (200, [], {"items": [flows[other[ident]]]}) if seen.method == "GET" and ident in other else None

    server.before.append(swap)
    applied.edit("customer-io.yaml", "description: Streaming Dataflow for Customer.io", "description: Another")
    result = applied("apply", "-y")
    assert result.code == 1
    assert "but its body.items[0] is the object" in result.err
    assert not server.writes()


# -- creates and updates ---------------------------------------------------------------------------------------------
CREATED: dict[str, Mutation] = {
    **GONE,
    "no id": changed(id=...),
    "a number as id": changed(id=7),
    "an id with a line break": changed(id="a\nb"),
    "an id with a slash": changed(id="../../x"),
    "an id that no state may hold": changed(id="é?#"),
    "a page of a gateway": fixed(b"<html>", (b"content-type", b"text/html")),
    "a text": fixed("ok"),
}


@pytest.mark.parametrize("path", [f"{FLOW}/flows", f"{FLOW}/targetConnections", f"{PREP}/mappingSets"])
def test_a_create_without_a_usable_id_makes_one_object(live: Cli, server: Server, path: str) -> None:
    live.example("customer-io")
    kind = path.rpartition("/")[2]
    for name, mutate in CREATED.items():
        before = len(server.storage_items(kind))
        odd = Odd(lambda seen: seen.method == "POST" and seen.path == path, mutate, times=1)
        server.after[:] = [odd]
        live.ok("apply", "-y")
        assert odd.used == 1, name
        assert len(server.storage_items(kind)) == before + 1, name
        server.after.clear()
        assert not live.changes(), name
        live.ok("destroy", "-y")


def test_a_create_answered_with_the_id_of_another_object(applied: Cli, server: Server) -> None:
    taken = applied.id("kinesis-summer/flow")
    applied.write("more.yaml", (applied.folder / "customer-io.yaml").read_text().replace("customer-io", "more", 1))
    applied.edit("more.yaml", "name: Streaming Dataflow for Customer.io", "name: More")
    before = len(server.storage_items("flows"))
    server.after.append(
        Odd(lambda seen: seen.method == "POST" and seen.path == f"{FLOW}/flows", fixed({"id": taken}), times=1)
    )
    applied("apply", "-y")
    assert len(server.storage_items("flows")) == before + 1
    assert len({entry["id"] for entry in applied.state["resources"].values()}) == len(applied.state["resources"])


def test_an_update_with_an_odd_answer_is_looked_at(applied: Cli, server: Server) -> None:
    for number, (name, mutate) in enumerate({**CREATED, "another id": changed(id="x-1")}.items()):
        text = applied.folder.joinpath("customer-io.yaml").read_text()
        new = re.sub(r"(flow:\n(?:.*\n)*?\s+description: ).*", rf"\g<1>Text {number}", text)
        assert new != text
        applied.write("customer-io.yaml", new)
        server.clear()
        server.after[:] = [Odd(lambda seen: seen.method == "PATCH", mutate, times=1)]
        applied.ok("apply", "-y")
        ids = {entry["id"] for entry in applied.state["resources"].values()}
        assert {item.path.rpartition("/")[2] for item in server.writes()} <= ids, name
        assert server.get("flows", applied.id("customer-io/flow"))["description"] == f"Text {number}", name


# -- lists -----------------------------------------------------------------------------------------------------------
def endless(server: Server, fresh: bool) -> Callable[[Request], Any]:
    """Return a fault that gives every list of the Flow Service another page, at the same token or at fresh ones."""
    tokens = iter(range(1_000_000))
    names = ("connections", "sourceConnections", "targetConnections", "flows")
    items = {f"{FLOW}/{name}": server.items(name) for name in names}

    def fault(seen: Request) -> Any:
        if seen.method != "GET" or seen.path not in items:
            return None
        link = {"next": {"href": f"/flows?continuationToken={next(tokens) if fresh else 1}"}}
        return 200, [], {"items": items[seen.path], "_links": link}

    return fault


@pytest.mark.parametrize("fresh", [True, False])
@pytest.mark.parametrize("command", [("export",), ("drift", "--unmanaged")])
def test_a_list_without_end(applied: Cli, server: Server, fresh: bool, command: tuple[str, ...]) -> None:
    server.before.append(endless(server, fresh))
    result = applied(*command)
    fine(result)
    assert result.code == 1
    assert "the list has no end" in result.err
    assert len(server.requests) < 60


def test_a_link_to_another_host(applied: Cli, server: Server) -> None:
    link = {"next": {"href": "https://evil.example/flows?continuationToken=1"}}
    server.after.append(lambda seen: (200, [], {"items": [], "_links": link}) if seen.path == f"{FLOW}/flows" else None)
    result = applied("export")
    fine(result)
    assert "leads to another host, 'evil.example'" in result.err


@pytest.mark.parametrize("repeating", [True, False])
def test_a_lookup_by_name_without_end(
    live: Cli, server: Server, repeating: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing_guard, "MOST", 20)
    live.example("customer-io")
    live.edit("customer-io.yaml", "dataset: {id: 63ec807d3f5ce91bd2d06c65}", "dataset: {lookup: {name: Some}}")
    numbers = iter(range(1_000_000))

    def page(seen: Request) -> Any:
        if not seen.path.endswith("/dataSets"):
            return None
        return 200, [], {f"{n if repeating else next(numbers):024x}": {"name": "x"} for n in range(100)}

    server.before.append(page)
    result = live("plan")
    fine(result)
    assert "the list has no end" in result.err
    assert len(server.requests) < 40


def test_more_audiences_than_there_are(live: Cli, server: Server) -> None:
    live.example("kinesis")
    text = (live.folder / "kinesis.yaml").read_text()
    live.write("kinesis.yaml", re.sub(r"id: [0-9a-f-]{36}, name: Men over 50", "name: Men over 50", text))
    numbers = iter(range(1_000_000))

    def page(seen: Request) -> Any:
        rows = [{"id": f"{next(numbers):x}-a", "name": "x"} for _ in range(100)]
        return (200, [], {"children": rows, "_page": {"totalCount": 150}}) if seen.path.endswith("/audiences") else None

    server.before.append(page)
    result = live("plan")
    fine(result)
    assert "more objects than the total of 150" in result.err


# -- error bodies ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"error": {"code": "LIMIT", "message": "too many objects"}}, "400 too many objects (x-request-id"),
        ({"error": {"code": 7}}, '400 {"error": {"code": 7}} (x-request-id'),
        ({"reasons": ["a", "b"]}, '400 {"reasons": ["a", "b"]}'),
        (["a"], '400 ["a"]'),
        ([], "400 []"),
        (b"", "400 no message"),
        ({"message": {"text": "nested"}}, '400 {"message": {"text": "nested"}}'),
        ({"message": "word " * 100_000}, "400 word word"),
        ({"message": "a\x1b[31m\n::set-output"}, "400 a [31m ::set-output"),
        (b"<html><body>Bad  gateway</body></html>", "400 <html><body>Bad gateway</body></html>"),
    ],
)
def test_every_error_body_is_shown(live: Cli, server: Server, content: Any, words: str) -> None:
    live.example("customer-io")
    server.before.append(lambda seen: (400, [], content) if seen.method == "POST" and FLOW in seen.path else None)
    result = live("apply", "-y")
    fine(result)
    assert words in result.err
    assert len(result.err) < 8000


# -- random mutations ------------------------------------------------------------------------------------------------
SEED, CASES, LOTS = 20261126, 120, 6
JUNK: list[Any] = [
    None, True, 7, -1, 1.5, 1e300, "", "x", "\x1b[31m\n", "é" * 500, [], [None], ["x"], [[]], {}, {"id": 7},
    {"a": None}, [{"id": "x"}], "2030-01-01", 10**25,
]  # fmt: skip
COMMANDS = [
    ("plan",), ("drift", "--unmanaged"), ("status",), ("outputs",), ("export",), ("doctor",), ("drift", "--patch"),
    ("plan", "--format", "json"), ("drift", "--format", "json"), ("state", "rebuild"), ("connectors", "refresh"),
]  # fmt: skip


def spots(tree: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of every value in a tree."""
    yield path
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in items:
        yield from spots(value, (*path, key))


def mutated(answer: Any, rng: random.Random) -> Any:
    """Return an answer with one random value replaced by junk, or taken out."""
    path = rng.choice(list(spots(answer)))
    junk = copy.deepcopy(rng.choice(JUNK))
    if not path:
        return junk
    parent = answer
    for key in path[:-1]:
        parent = parent[key]
    if rng.random() < 0.15:
        del parent[path[-1]]
    else:
        parent[path[-1]] = junk
    return answer


@pytest.mark.parametrize("lot", range(LOTS))
def test_random_mutations_of_answers(applied: Cli, server: Server, lot: int) -> None:
    state = json.dumps(applied.state, sort_keys=True)
    for number in range(lot, CASES, LOTS):
        rng = random.Random(SEED * 1000 + number)
        command = rng.choice(COMMANDS)
        part = rng.choice(["/flows", "onnections", "/mappingSets", "/runs", "/audiences", "Specs", "/", "/", "sandbox"])
        server.after[:] = [
            Odd(
                lambda seen, part=part: "/data/" in seen.path and part in seen.path,
                lambda answer, rng=rng: (200, [], mutated(answer, rng)),
                times=rng.choice([1, 5, 1000]),
            )
        ]
        result = applied(*command)
        for word in CRASH:
            assert word not in result.err, f"seed {SEED}, case {number}, {command}, {part}: {result.err}"
    assert not server.writes(), f"seed {SEED}"
    assert json.dumps(applied.state, sort_keys=True) == state
