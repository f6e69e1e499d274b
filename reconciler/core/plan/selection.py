"""Which part of a project one run is about: addresses, labels, and what hangs together with them. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from reconciler.core import graph
from reconciler.core.plan.sharding import Shard
from reconciler.core.pointers import is_below
from reconciler.core.problems import ManifestError, Problem
from reconciler.core.resource import Resource
from reconciler.core.state.model import State

Labels = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Selection:
    """What `--target`, `--select` and `--exclude` say; an address stands for all that is below it.

    Targets add up, labels must all fit; both together mean what fits both. `exclude` wins over either.
    """

    targets: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    shard: Shard | None = None
    """Of all this only what is in that part of the project."""

    def __bool__(self) -> bool:
        return bool(self.targets or self.labels or self.exclude or self.shard)


def narrowed(
    selection: Selection,
    resources: Mapping[str, Resource],
    scope: Collection[str],
    state: State,
) -> tuple[dict[str, Resource], list[str]]:
    """Return those of the desired `resources` and of the state entries in `scope` that a run is about.

    With what is selected comes what it needs and, of what leaves, whoever uses it; with what is excluded goes whoever
    needs it. Raises `ManifestError` for an address that nothing has, and for a label that is none.
    """
    part = _Part(resources, scope, state)
    _check(selection, part)
    wanted = part.all
    if selection.targets or selection.labels:
        fits = _fits(selection.labels)
        hit = {
            name
            for name in part.all
            if (not selection.targets or is_below(name, selection.targets)) and fits(part.labels(name))
        }
        wanted = part.with_company(hit)
    if selection.exclude:
        wanted = wanted - part.with_users({name for name in part.all if is_below(name, selection.exclude)})
    if selection.shard is not None:
        wanted = wanted & selection.shard.addresses(resources, scope, state)
    return (
        {name: item for name, item in resources.items() if name in wanted},
        [name for name in scope if name in wanted],
    )


def _check(selection: Selection, part: _Part) -> None:
    known = set(part.all)
    for address in part.all:
        while "/" in address:
            address = address.rpartition("/")[0]
            known.add(address)
    problems = []
    for option, addresses in (("--target", selection.targets), ("--exclude", selection.exclude)):
        for address in addresses:
            if address not in known:
                close = get_close_matches(address, known, 1)
                advice = f"did you mean {close[0]!r}?" if close else "addresses are listed by: reconciler plan"
                problems.append(Problem("unknown-target", f"{option}: nothing has the address {address!r}", advice))
    if problems:
        raise ManifestError(problems)


def _fits(texts: Iterable[str]) -> Callable[[Labels], bool]:
    """Return the test for labels: `name=value`, `name!=value`, several separated by commas."""
    rules = []
    for text in (part.strip() for item in texts for part in item.split(",")):
        name, sign, value = text.partition("=")
        wanted = not name.endswith("!")
        name = name.removesuffix("!").strip()
        if not sign or not name:
            raise ManifestError(Problem("bad-label", f"--select {text!r} is not LABEL=VALUE", "as in: team=crm"))
        rules.append((name, value.strip(), wanted))
    return lambda labels: all((labels.get(name) == value) is wanted for name, value, wanted in rules)


class _Part:
    """What there is to choose from, and how it hangs together."""

    def __init__(self, resources: Mapping[str, Resource], scope: Collection[str], state: State) -> None:
        self.all = set(resources) | set(scope)
        self._resources = resources
        self._state = state
        self._leaving = {name for name in scope if name not in resources}
        self._needs = {name: item.dependencies for name, item in resources.items()}
        entries = {name: entry.dependencies for name, entry in state.resources.items() if name in self.all}
        self._held = {name: tuple(entries[name]) for name in self._leaving if name in entries}
        self._users = graph.reversed_edges(entries)

    def labels(self, name: str) -> Labels:
        """Return the labels of an address, as the manifest says them now, or of old as the state remembers."""
        found = self._resources.get(name) or self._state.resources.get(name)
        return found.labels if found is not None else {}

    def with_company(self, names: set[str]) -> set[str]:
        """Return `names`, what they need, what is replaced with them, and of what leaves whoever still uses it."""
        found: set[str] = set()
        waiting = set(names)
        while waiting:
            name = waiting.pop()
            found.add(name)
            company: set[str] = set()
            if name in self._resources:
                company |= set(self._needs[name]) | set(self._resources[name].replace_group)
            if name in self._leaving:
                company |= set(self._users.get(name, ()))
            waiting |= (company & self.all) - found
        return found

    def with_users(self, names: set[str]) -> set[str]:
        """Return `names`, whoever needs them, what is replaced with them, and what the leaving ones hold on to."""
        users = graph.reversed_edges(self._needs)
        found: set[str] = set()
        waiting = set(names)
        while waiting:
            name = waiting.pop()
            found.add(name)
            company = set(users.get(name, ()))
            if name in self._resources:
                company |= set(self._resources[name].replace_group)
            company |= set(self._held.get(name, ())) & self._leaving
            waiting |= (company & self.all) - found
        return found
