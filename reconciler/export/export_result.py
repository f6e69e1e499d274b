"""What an export makes: documents, each with a name of its own."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from reconciler.documents.document import API_VERSION, NAME
from reconciler.documents.interpolate import escape
from reconciler.yamltext.dump import yaml_text


class Written(NamedTuple):
    """A document: its kind, and its YAML."""

    kind: str
    text: str


@dataclass(slots=True)
class ExportResult:
    """Documents by name, in order; the id that stands behind each address; and what people must know."""

    documents: dict[str, Written] = field(default_factory=dict)
    bindings: dict[str, str] = field(default_factory=dict)
    secrets: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    unsaid: list[str] = field(default_factory=list)

    def note_unsaid(self, what: str, body: Mapping[str, Any], names: Collection[str]) -> None:
        """Tell which members of an exported object are not in its document."""
        if names:
            self.unsaid.append(f"{what} {body['id']} {str(body.get('name', ''))!r}: {', '.join(names)}")

    def put(self, kind: str, name: str, spec: dict[str, Any]) -> None:
        """Add a document; as text, for ten thousand trees take five times the memory."""
        document = {"apiVersion": API_VERSION, "kind": kind, "metadata": {"name": name}, "spec": escape(spec)}
        self.documents[name] = Written(kind, yaml_text(document))

    def keep_kinds(self, wanted: Collection[str]) -> None:
        """Leave out documents of other kinds than `wanted`, if that names any; accounts stay, others refer to them."""
        if wanted:
            kept = {*wanted, "Connection"}
            self.documents = {name: item for name, item in self.documents.items() if item.kind in kept}
            self.bindings = {key: to for key, to in self.bindings.items() if key.partition("/")[0] in self.documents}

    def skip(self, what: str, body: Mapping[str, Any], why: object) -> None:
        """Tell of an object that is not exported."""
        self.skipped.append(f"{what} {body['id']} {str(body.get('name', ''))!r}: {why}")


@dataclass(slots=True)
class Names:
    """The names of documents, each given once."""

    taken: set[str] = field(default_factory=lambda: {"reconciler"})  # reconciler.yaml is the project file
    counts: Counter[str] = field(default_factory=Counter)

    def free(self, body: Mapping[str, Any]) -> str:
        """Return a name for an object, with a number after it when it is taken; it is taken from then on."""
        name, found = slug_of(body), ""
        while not found or found in self.taken:
            self.counts[name] += 1  # goes on from the last: there may be thousands of namesakes
            found = name if self.counts[name] == 1 else f"{name}-{self.counts[name]}"
        self.taken.add(found)
        return found

    def give_back(self, body: Mapping[str, Any], found: str) -> None:
        """Let what `free` gave last for objects of this name be given again."""
        self.taken.discard(found)
        self.counts[slug_of(body)] -= 1


def slug(text: str) -> str:
    """Return `text` as the name of a document: lower-case ASCII letters, digits and inner hyphens."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    found = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:60].strip("-")
    return found if NAME.fullmatch(found) else "dataflow"


def slug_of(body: Mapping[str, Any]) -> str:
    """Return the name of an object as that of a document."""
    return slug(str(body.get("name", "")))
