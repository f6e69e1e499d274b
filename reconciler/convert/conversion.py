"""Inputs to manifests, as one pure function."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import cast

from reconciler.catalog import Catalog
from reconciler.convert import json_inputs, script
from reconciler.convert.calls import Attachments, Call, Recording, UnreadableError, clean, written
from reconciler.convert.credentials import Credentials, snake
from reconciler.convert.documents import write
from reconciler.convert.inference import infer
from reconciler.convert.loose_json import LooseError, parse
from reconciler.convert.manifests import Writer
from reconciler.convert.objects import Left, Related
from reconciler.convert.replay import replay
from reconciler.convert.routes import shown
from reconciler.core.characters import counted
from reconciler.core.selector import Selectors
from reconciler.core.values import Tree
from reconciler.export.export_result import Written

CALLS = 20_000
"""Calls that one conversion takes."""


@dataclass(frozen=True, slots=True)
class Input:
    """A text to convert: its name for people, and what reads the files that its calls name."""

    name: str
    text: str
    attached: Attachments


@dataclass(frozen=True, slots=True)
class Finding:
    """A remark about a call: its place, its method and path, and the remark."""

    file: str
    line: int
    call: str
    reason: str


@dataclass(slots=True)
class Converted:
    """The result: documents by name, what they need, and what is not in them.

    `variables` holds the value of each variable, None where the input has none; `placeholders` how the input writes
    it. `reads`, `tokens`, `foreign` and `lines` count what was left out on purpose: reads, calls for tokens, calls to
    other services, and lines without a call.
    """

    documents: dict[str, Written] = field(default_factory=dict)
    variables: dict[str, Tree] = field(default_factory=dict)
    placeholders: dict[str, str] = field(default_factory=dict)
    secrets: list[str] = field(default_factory=list)
    not_converted: list[Finding] = field(default_factory=list)
    remarks: list[Finding] = field(default_factory=list)
    calls: int = 0
    reads: int = 0
    tokens: int = 0
    foreign: int = 0
    lines: int = 0
    secret_values: Collection[str] = field(default=(), repr=False)
    """The secrets of the inputs, for the streams to take out of everything."""


def convert(
    inputs: Sequence[Input], environments: Sequence[Input], catalog: Catalog, selectors: Selectors
) -> Converted:
    """Return the manifests for the calls of `inputs`, taken as one sequence; `environments` are Postman's.

    `selectors` are the lists that flows hand out. Raises `UnreadableError` for an input that cannot be read.
    """
    related = Related(catalog)
    whole = Recording()
    bare: list[Call] = []
    for item in [*environments, *inputs]:
        found, is_bare = _read(item, related)
        if is_bare:
            bare += found.calls
            found.calls = []
        whole.extend(found)
    calls = [*sorted(bare, key=json_inputs.in_order), *whole.calls]
    if len(calls) > CALLS:
        raise UnreadableError(f"one conversion takes at most {counted(CALLS, 'call')}, and there are {len(calls):,}")
    credentials = Credentials(catalog)
    values = credentials.learn_placeholders(whole.values, whole.secrets)
    credentials.learn_from_calls(calls)
    history = replay(calls, values, related)
    inferred = infer(history, related)
    writer = Writer(history, related, credentials)
    write(writer, selectors)
    made = Converted(dict(writer.made.documents), calls=len(calls), lines=whole.skipped_lines)
    made.reads, made.tokens, made.foreign = history.reads, history.tokens, history.foreign
    _variables(made, writer, {**inferred, **values, **history.ambiguous})
    made.secrets, made.secret_values = list(credentials.used), tuple(credentials.by_value)
    made.not_converted = [_finding(item, credentials) for item in history.left]
    made.remarks = [_finding(item, credentials) for item in history.remarks]
    return made


def _read(item: Input, related: Related) -> tuple[Recording, bool]:
    """Return what an input holds, and whether it is bare bodies, whose order is not that of calls."""
    text = clean(item.text)
    data = _json(text)
    if data is None:
        return script.read(text, item.name, item.attached), False
    if json_inputs.is_collection(data):
        return json_inputs.collection(data, item.name, text), False
    if json_inputs.is_har(data):
        return json_inputs.har(data, item.name, text), False
    if json_inputs.is_environment(data):
        return json_inputs.environment(data), False
    if isinstance(data, dict) and "requests" in data and "order" in data:
        raise UnreadableError(f"{item.name} is a collection of Postman's first format: export it as v2.1")

    def side(ident: str) -> str:
        source, target = related.catalog.by_spec("source", ident), related.catalog.by_spec("destination", ident)
        return "" if bool(source) == bool(target) else "SourceConnection" if source else "TargetConnection"

    return json_inputs.bodies(parse(text).value, item.name, side), True


def _json(text: str) -> Tree:
    """Return the JSON document that a text is; None for a script or page, even one that begins with a bracket."""
    if text.lstrip()[:1] not in ("{", "["):
        return None
    try:
        return cast("Tree", json.loads(text))
    except RecursionError:
        raise UnreadableError("the JSON is nested too deeply") from None
    except ValueError:
        if "curl" in text:
            return None
    try:
        return parse(text.strip()).value
    except LooseError:
        return None


def _variables(made: Converted, writer: Writer, values: dict[str, str]) -> None:
    alike = {snake(name): value for name, value in values.items()}  # {_ID} and {ID} are one variable
    for variable, name in sorted(writer.variables.items()):
        value: Tree = values.get(name, alike.get(variable))
        if value is not None and value in writer.credentials.by_value:
            value = None
        if isinstance(value, str) and writer.bare.get(variable) and value.lstrip("-").isdigit() and len(value) < 19:
            value = int(value)
        made.variables[variable] = value
        made.placeholders[variable] = name


def _finding(item: Left, credentials: Credentials) -> Finding:
    place = item.call.place
    return Finding(
        place.file, place.line, credentials.hidden(shown(item.call)), credentials.hidden(written(item.reason))
    )
