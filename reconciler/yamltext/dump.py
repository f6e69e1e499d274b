"""A document as the YAML a person would have written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from reconciler.yamltext.scalars import is_text


class Dumper(yaml.SafeDumper):
    """No aliases, and every text so that it is read as that text.

    PyYAML quotes what YAML 1.1 takes for something else, and we read YAML 1.2: `1e3` and `0o7` are numbers there. The
    line breaks that are `escaped` here it would fold, and they would come back as blanks.
    """

    escaped = "\r\x85\u2028\u2029"

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: Dumper, data: str) -> yaml.ScalarNode:
    broken = any(mark in data for mark in dumper.escaped)
    style = '"' if broken else None if is_text(data) else "'"
    return dumper.represent_scalar("tag:yaml.org,2002:str", data, style=style)


Dumper.add_representer(str, _text)


class _Dumper(Dumper):
    """Block style, small leaves in one line."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        del indentless
        super().increase_indent(flow, False)


def yaml_text(document: Mapping[str, Any]) -> str:
    """Return a document as YAML."""
    text: str = yaml.dump(
        document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110, default_flow_style=None
    )
    return text
