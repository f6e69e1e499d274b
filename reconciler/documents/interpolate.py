"""`${var.NAME}`, `${secret.NAME}` and `$${` in the texts of a document: how they are read and written.

A manifest cannot read the process environment: `${env.NAME}`, which older versions accepted, is an error everywhere.

Reading (`interpolate`) and writing (`escape`) share one definition of a token, and of the places where `${…}` is
the platform's own syntax. For every text, `interpolate(escape(text)) == text`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from reconciler.core.values import Path, Secret, Tree
from reconciler.documents.document import nearest
from reconciler.kinds.mapping_rows import SOURCES

TOKEN = re.compile(r"\$\$\{|\$\{([^}]*)\}")
"""A literal `${`, or the content of `${…}` as the first group."""
_OURS = re.compile(r"\s*(var|env|secret)\.(.*)", re.DOTALL)
"""`env` is reserved: nothing is filled in for it."""
_ROWS = ("mapping", "attributes")
"""The fields of a spec that hold rows of a mapping set."""

Say = Callable[[Path, str, str, str], None]
"""Reports a finding: path, code, what is wrong, what to do."""


@dataclass(slots=True)
class Scope:
    """Where values come from; `used` collects the names of the variables that were asked for.

    `source` ends the advice about a variable without a value: the places it can be set in, besides `--var`.
    """

    variables: Mapping[str, Tree]
    source: str = "under variables: in reconciler.yaml"
    used: set[str] = field(default_factory=set)


def is_platform_syntax(path: Path) -> bool:
    """Tell whether `${full.name}` at `path` below a spec is Data Prep's own syntax.

    It is in the source of a mapping row, both of a source dataflow and of a file export.
    """
    return len(path) > 1 and path[0] in _ROWS and path[-1] in SOURCES


def interpolate(tree: Tree, scope: Scope, say: Say, path: Path = ()) -> Tree:
    """Return `tree`, the value at `path` below a spec, with every text filled in.

    A text with a secret in it becomes a `Secret`; a whole-value `${var.x}` keeps the variable's type. Where
    `is_platform_syntax` holds, `${…}` without one of our prefixes stays; elsewhere it is a finding.
    """
    if isinstance(tree, dict):
        return {key: interpolate(value, scope, say, (*path, key)) for key, value in tree.items()}
    if isinstance(tree, list):
        return [interpolate(value, scope, say, (*path, str(i))) for i, value in enumerate(tree)]
    if isinstance(tree, str) and "${" in tree:
        return _Text(scope, say, path, is_platform_syntax(path)).fill(tree)
    return tree


def escape(tree: Tree, path: Path = ()) -> Tree:
    """Return the value to write at `path` below a spec so that `interpolate` gives `tree`; the inverse of it.

    A `Secret` is written as its template. A text of the platform's stays as it is where nothing in it would be filled
    in: an expression like `${full.name}` in the source of a mapping row reads as it does on the platform.
    """
    if isinstance(tree, dict):
        return {key: escape(value, (*path, key)) for key, value in tree.items()}
    if isinstance(tree, list):
        return [escape(value, (*path, str(i))) for i, value in enumerate(tree)]
    if isinstance(tree, Secret):
        return tree.template
    if isinstance(tree, str) and "${" in tree and not (is_platform_syntax(path) and _is_untouched(tree)):
        return tree.replace("${", "$${")
    return tree


def is_filled_in(text: str) -> bool:
    """Tell whether a text as written holds one of our prefixes."""
    return any(_is_ours(token) for token in TOKEN.finditer(text))


def _is_untouched(text: str) -> bool:
    """Tell whether a text reads as it is written, where `${…}` is the platform's own syntax."""
    return not any(token.group(1) is None or _is_ours(token) for token in TOKEN.finditer(text))


def _is_ours(token: re.Match[str]) -> bool:
    return _OURS.fullmatch(token.group(1) or "") is not None


@dataclass(slots=True)
class _Text:
    scope: Scope
    say: Say
    path: Path
    foreign: bool
    secret: bool = False

    def fill(self, text: str) -> Tree:
        whole = TOKEN.fullmatch(text)
        ours = _OURS.fullmatch(whole.group(1) or "") if whole else None
        if ours and ours.group(1) == "var":
            return self._variable(ours.group(2).strip())
        end = text.rfind("}") + 1  # behind it no token ends, and looking for one costs the square of the length
        filled = TOKEN.sub(self._token, text[:end]) + text[end:].replace("$${", "${")
        return Secret(filled) if self.secret else filled

    def _token(self, found: re.Match[str]) -> str:
        inner = found.group(1)
        if inner is None:
            return "${"
        ours = _OURS.fullmatch(inner)
        if ours is None:
            if not self.foreign:
                self.say(
                    self.path,
                    "bad-interpolation",
                    f"${{{inner}}} is not var. or secret.",
                    "write $${ for a literal ${" if inner else "name what to insert, as in ${var.name}",
                )
            return found.group(0)
        prefix, name = ours.group(1), ours.group(2).strip()
        if prefix == "secret":
            self.secret = True
            if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._/-]*", name):
                self.say(self.path, "bad-secret-name", f"{name!r} is no name of a secret", "")
            return f"${{secret.{name}}}"
        if prefix == "env":
            return self._environment(found.group(0), name)
        value = self._variable(name)
        if isinstance(value, dict | list) or value is None:
            self.say(
                self.path,
                "bad-interpolation",
                f"the variable {name!r} is no text or number and cannot stand inside a text",
                f"use ${{var.{name}}} as the whole value",
            )
            return ""
        return str(value).lower() if isinstance(value, bool) else str(value)

    def _variable(self, name: str) -> Tree:
        self.scope.used.add(name)
        if name in self.scope.variables:
            return self.scope.variables[name]
        hint = nearest(name, self.scope.variables)
        self.say(
            self.path,
            "unknown-variable",
            f"the variable {name!r} has no value",
            f"{hint} " * bool(hint) + f"give it with --var {name}=VALUE, or {self.scope.source}",
        )
        return ""

    def _environment(self, token: str, name: str) -> str:
        if self.foreign:
            advice = f"write ${token} for the platform's own syntax, or ${{var.{name}}} for a variable"
        else:
            advice = (
                f"write ${{var.{name}}}, declare the variable and set RECONCILER_VAR_{name}, or write "
                f"${{secret.{name}}} for a secret; reconciler fmt does it"
            )
        what = f"{token} is not supported: manifests cannot read the process environment"
        self.say(self.path, "env-removed", what, advice)
        return ""
