"""Migrates manifests of older versions: `${env.NAME}`, which was removed, becomes `${secret.NAME}` or `${var.NAME}`."""

from __future__ import annotations

import re
from functools import partial

from reconciler.catalog import Catalog, Connector
from reconciler.core.values import Path, Wire
from reconciler.documents.document import API_VERSION
from reconciler.documents.interpolate import TOKEN, is_platform_syntax
from reconciler.yamltext.positions import scalars
from reconciler.yamltext.reader import read
from reconciler.yamltext.text import Text

_ENV = re.compile(r"\s*env\.(.*)", re.DOTALL)
_SECRET_WORDS = re.compile(r"KEY|SECRET|TOKEN|PASS", re.IGNORECASE)
_SECRET_SETTINGS = frozenset(
    {"clientSecret", "accessToken", "secretAccessKey", "serviceAccountKey", "accountKey", "password"}
)
"""The settings of the project file that must not be written out."""
_PREFIXES = ("RECONCILER_SECRET_", "RECONCILER_VAR_")


def without_env(text: Text, catalog: Catalog) -> Text:
    """Return `text` with every `${env.NAME}` in the values of our documents replaced; all else stays as it is.

    A secret replaces it where `catalog` knows a secret parameter, in a secret setting of the project file, and where
    NAME looks like that of a secret; a variable elsewhere. The source of a mapping row is left alone: `${env.NAME}`
    may be meant for the platform there. Raises `ManifestError` where the text is not valid YAML.
    """
    content = text.content
    if not re.search(r"\$\{\s*env\.", content):
        return text
    edits: list[tuple[int, int, str]] = []
    for tree, values in zip(read(text), scalars(text), strict=True):
        if not isinstance(tree, dict) or tree.get("apiVersion") != API_VERSION:
            continue
        for path, start, end in values:
            if path[:1] == ("spec",) and not is_platform_syntax(path[1:]):
                word = partial(_word, secret=_is_secret(tree, path, catalog))
                edits.append((start, end, TOKEN.sub(word, content[start:end])))
    for start, end, value in sorted(set(edits), reverse=True):
        content = content[:start] + value + content[end:]
    return Text(text.file, content)


def _word(token: re.Match[str], secret: bool) -> str:
    inner = _ENV.fullmatch(token.group(1) or "")
    if inner is None:
        return token.group(0)
    name = inner.group(1).strip()
    secret = secret or _SECRET_WORDS.search(name) is not None
    for prefix in _PREFIXES:
        name = name.removeprefix(prefix)
    return f"${{secret.{name.lstrip('_')}}}" if secret else f"${{var.{name}}}"


def _is_secret(tree: Wire, path: Path, catalog: Catalog) -> bool:
    """Tell whether the value at `path` of a document is a secret by its place."""
    if tree.get("kind") == "Project":
        return path[-1] in _SECRET_SETTINGS
    if path[-3:-1] != ("auth", "params"):
        return False
    connectors = _connectors(tree, path, catalog) or catalog.all()
    return any(
        parameter.secret and parameter.name == path[-1]
        for connector in connectors
        for parameters in connector.auth_specs.values()
        for parameter in parameters
    )


def _connectors(tree: Wire, path: Path, catalog: Catalog) -> list[Connector]:
    """Return the connectors that the blocks around `path` name; several products may share a key."""
    found: list[Connector] = []
    block = tree
    for step in path:
        block = block[int(step)] if isinstance(block, list) else block[step]
        key = block.get("connector") if isinstance(block, dict) else None
        if isinstance(key, str):
            direction, _, name = key.rpartition("/")
            found = [item for item in catalog.all() if item.key == name and direction in ("", item.direction)]
    return found
