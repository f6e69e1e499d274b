"""Questions about what a change refers to, and how their answers are read. Absent and invalid stop a plan; our own
reading of a schema only warns.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from urllib.parse import quote

from reconciler.core.answers import LIST, TEXT, Answer, ListOf, Object, OneOf, rows
from reconciler.core.kind import Check
from reconciler.core.problems import Problem
from reconciler.core.resource import Call, Reply
from reconciler.core.values import Wire
from reconciler.kinds._registry import BASE as REGISTRY
from reconciler.kinds._registry import NAMES
from reconciler.kinds.dataset import BASE as CATALOG
from reconciler.kinds.dataset import SHAPE as DATASETS

UPS = "/data/core/ups"
PREP = "/data/foundation/conversion"
_AUDIENCE = Object(ids=("id", "audienceId"), may=(("lifecycleState", TEXT),))
_VERDICT = Object(may=(("errors", LIST),))
_VERDICTS = Object(needs=(("validationResponse", OneOf((ListOf(_VERDICT), _VERDICT))),))
"""A verdict for each row; data-prep.yaml shows a single one."""
_VERSION = re.compile(r"version=(\d+)")


def audience(ident: str) -> Check:
    """Ask whether an audience exists and is published (segmentation.yaml); one from outside goes by its outside id."""

    def evaluate(reply: Reply) -> Sequence[Problem | Check]:
        if reply.status < 400:
            return _published(ident, reply.body)
        if _unknown_is_fine(reply):
            return ()
        query = (("property", f"audienceId=={ident}"), ("limit", "2"))
        return [Check(Call("GET", f"{UPS}/audiences", query=query, answer=several), outside)]

    def outside(reply: Reply) -> Sequence[Problem | Check]:
        children = reply.body["children"] if reply.status < 400 else []
        if children:
            return _published(ident, children[0])
        what = f"the audience {ident} is not in this sandbox (GET /audiences/{ident})"
        return [Problem("no-audience", what, "correct the id, or pass --no-checks")]

    several = Answer(rows("children", _AUDIENCE), ident)
    one = Answer(_AUDIENCE, ident)
    return Check(Call("GET", f"{UPS}/audiences/{quote(ident, safe='')}", answer=one), evaluate)


def dataset(ident: str) -> Check:
    """Ask whether a dataset exists (catalog.yaml)."""

    def evaluate(reply: Reply) -> Sequence[Problem | Check]:
        if reply.status != 404 or _unknown_is_fine(reply):
            return ()
        what = f"the dataset {ident} is not in this sandbox (GET /dataSets/{ident})"
        return [Problem("no-dataset", what, "correct the id, or restore the dataset")]

    path = f"{CATALOG}/dataSets/{quote(ident, safe='')}"
    return Check(Call("GET", path, answer=Answer(DATASETS, ident)), evaluate)


def _published(ident: str, body: Wire) -> Sequence[Problem]:
    state = body.get("lifecycleState")
    if state in (None, "published"):
        return ()
    what = f"the audience {ident} ({body.get('name', '')}) is {state}, not published: nobody is in what is sent"
    return [Problem("unpublished", what, severity="warning")]


def valid_mapping(body: Wire) -> Check:
    """Ask Data Prep whether every row can be mapped; a failure is a 200 too (data-prep.yaml)."""

    def evaluate(reply: Reply) -> Sequence[Problem | Check]:
        verdicts = reply.body["validationResponse"] if reply.status < 400 else []
        found = []
        for number, verdict in enumerate(verdicts if isinstance(verdicts, list) else [verdicts], 1):
            failed = str(verdict.get("status")).upper() == "FAILED"
            for error in filter(_is_object, verdict.get("errors") or [{}]) if failed else ():
                row = f"{error.get('source', '?')} → {error.get('destination', '?')}"
                what = f"row {number} ({row}) is refused: {error.get('exception', 'no reason given')}"
                advice = "POST /mappingSets/validate says so: correct the row, or pass --no-checks"
                found.append(Problem("invalid-mapping", what, advice))
        return found

    return Check(Call("POST", f"{PREP}/mappingSets/validate", body, read_only=True, answer=Answer(_VERDICTS)), evaluate)


def _is_object(value: Wire) -> bool:
    return isinstance(value, dict)


def destinations(schema: str, media_type: str, paths: Sequence[str]) -> Check:
    """Ask for a schema with all its fields, and look for the paths a mapping writes to."""
    found = _VERSION.search(media_type)
    accept = f"application/vnd.adobe.xed-full+json; version={found.group(1) if found else 1}"

    def evaluate(reply: Reply) -> Sequence[Problem | Check]:
        if reply.status == 404:
            what = f"the schema {schema} is not in this sandbox"
            fine = _unknown_is_fine(reply)
            return () if fine else [Problem("no-schema", what, "correct its id, or pass --no-checks")]
        if reply.status >= 400:
            return ()
        return list(_missing(reply.body, paths))

    path = f"{REGISTRY}/tenant/schemas/{quote(schema, safe='')}"
    answer = Answer(Object(ids=NAMES), schema)
    return Check(Call("GET", path, headers=(("Accept", accept),), answer=answer), evaluate)


def _missing(schema: Wire, paths: Sequence[str]) -> Iterator[Problem]:
    for path in paths:
        known = _siblings(schema, path)
        if known is None:
            continue
        near = get_close_matches(path, known, 1, 0.6)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        what = f"the schema {schema.get('title', '')!r} has no field {path!r}{hint}"
        yield Problem("no-field", what, severity="warning")


def _siblings(schema: Wire, path: str) -> list[str] | None:
    """Return None when `path` may be there, else the paths beside the first step that is not."""
    here, way = schema, ""
    for step in re.sub(r"\[[^\]]*\]", "", path).split("."):
        while isinstance(here, dict) and "items" in here and "properties" not in here:
            here = here["items"]
        fields = here.get("properties") if isinstance(here, dict) else None
        if not isinstance(fields, dict) or here.get("additionalProperties"):
            return None  # a map, or an object that says nothing of its fields
        if step not in fields:
            return [f"{way}{name}" for name in fields]
        here, way = fields[step], f"{way}{step}."
    return None


def _unknown_is_fine(reply: Reply) -> bool:
    """The emulator takes ids it does not hold, unless told otherwise, and says so."""
    return reply.headers.get("x-emulator-references") == "any"
