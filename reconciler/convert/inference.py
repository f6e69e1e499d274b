"""Values of placeholders that other parts of an input settle. They are defaults of variables, and listed."""

from __future__ import annotations

import re
from collections.abc import Iterator

from reconciler.catalog import Connector
from reconciler.convert.calls import HOLE, hole_name, only_hole
from reconciler.convert.objects import History, Left, Related, spec_id
from reconciler.core.trees import leaves, members, refs
from reconciler.core.values import Tree

_IDS = "https://ns.adobe.com/"


def infer(history: History, related: Related) -> dict[str, str]:
    """Return values for placeholders, by name: of ids that are written out elsewhere, and of connectors."""
    return {**dict(_by_equal_ids(history)), **dict(_by_parameters(history, related))}


def _by_equal_ids(history: History) -> Iterator[tuple[str, str]]:
    """Yield placeholders in ids of schemas of which the input has the whole id as well."""
    found = {leaf for item in history.objects.values() for _, leaf in leaves(item.body) if isinstance(leaf, str)}
    texts = [text for text in found if text.startswith(_IDS)]
    whole = [text for text in texts if not HOLE.search(text)]
    for text in texts:
        holes = list(HOLE.finditer(text))
        if len(holes) != 1 or len(text) - len(holes[0][0]) < len(_IDS) + 12:
            continue
        pattern = re.compile(f"{re.escape(text[: holes[0].start()])}([^/]+){re.escape(text[holes[0].end() :])}")
        values = {match[1] for other in whole if (match := pattern.fullmatch(other))}
        if len(values) == 1:
            yield hole_name(holes[0]), values.pop()


def _by_parameters(history: History, related: Related) -> Iterator[tuple[str, str]]:
    """Yield the specs of accounts whose credentials only one connector takes."""
    targets = {
        ref.address for item in history.objects.values() if item.kind == "TargetConnection" for ref in refs(item.body)
    }
    for item in history.objects.values():
        spec, auth = only_hole(spec_id(item.body)), members(item.body.get("auth"))
        if item.kind != "Connection" or not spec or not members(auth.get("params")):
            continue
        direction = "destination" if item.key in targets else "source"
        known = [one for one in related.catalog.all() if one.direction == direction]
        fitting = [(one, name) for one in known for name in _logins(one, set(members(auth["params"])))]
        if len({one.connection_spec["id"] for one, _ in fitting}) != 1:
            continue
        connector, name = fitting[0]
        what = f"its parameters are those of {connector.name}: check the variables of its connection spec"
        history.remarks.append(Left(item.call, what))
        yield spec, connector.connection_spec["id"]
        login = only_hole(_text(auth.get("specName")))
        if login and len(fitting) == 1:
            yield login, name


def _logins(connector: Connector, given: set[str]) -> Iterator[str]:
    for name, parameters in connector.auth_specs.items():
        needed = {item.name for item in parameters if item.required}
        if needed <= given <= {item.name for item in parameters}:
            yield name


def _text(value: Tree) -> str:
    return value if isinstance(value, str) else ""
