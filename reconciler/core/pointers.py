"""JSON pointers, and patterns of them in which `*` stands for one step."""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache

from reconciler.core.values import Path


@lru_cache(4096)
def pointer(path: Path) -> str:
    """Return `path` as an RFC 6901 JSON pointer."""
    return "".join("/" + step.replace("~", "~0").replace("/", "~1") for step in path)


@lru_cache(4096)
def parse_pointer(text: str) -> Path:
    """Return the steps of an RFC 6901 JSON pointer; the inverse of `pointer`."""
    return tuple(step.replace("~1", "/").replace("~0", "~") for step in text.split("/")[1:])


def matches(pattern: str, path: Path) -> bool:
    """Tell whether `path` is the place `pattern` (a pointer, `*` for one step) names, or lies below it."""
    steps = parse_pointer(pattern)
    return len(steps) <= len(path) and all(want in ("*", have) for want, have in zip(steps, path, strict=False))


def matches_exactly(pattern: str, path: Path) -> bool:
    """Tell whether `pattern` (a pointer, `*` for one step) names just the place `path`."""
    return pattern.count("/") == len(path) and matches(pattern, path)


def is_below(address: str, names: Collection[str]) -> bool:
    """Tell whether an address is one of `names`, or below one."""
    return any(address == name or address.startswith(f"{name}/") for name in names)
