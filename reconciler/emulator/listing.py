"""Pages of the Flow Service: lists, searches, counts, exploration (flow-service.yaml, sort-and-filter.md)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode

from starlette.responses import Response

from reconciler.emulator import filters
from reconciler.emulator.storage import Condition, Json, Storage
from reconciler.emulator.wire import Ask, answer, flow_refusal, member

_PARAMETERS = {"property", "limit", "orderby", "continuationToken", "count", "start"}
_COLUMNS = [("name", "string"), ("address", "string"), ("dob", "date"), ("phone", "string")]
Show = Callable[[Json], Json]


@dataclass(frozen=True, slots=True)
class View:
    """What of a kind can be listed: the members a filter may begin with, and conditions that always hold."""

    roots: Collection[str]
    where: Sequence[Condition] = ()


@dataclass(frozen=True, slots=True)
class Wish:
    """What a list was asked for."""

    properties: list[str]
    limit: int
    orderby: str = ""
    token: str = ""


def page(ask: Ask, storage: Storage, kind: str, show: Show, view: View) -> Response:
    """Answer a GET of a collection."""
    query = ask.query
    for parameter in query:
        if parameter not in _PARAMETERS:
            raise flow_refusal("1451-400", "Unknown query parameter", f"Unknown query parameter {parameter!r}.")
    counting = query.get("count", "false").lower() == "true"
    if counting and "limit" in query:
        raise flow_refusal("1401-400", "limit and count exclude each other")
    limit = ask.number("limit", 100, least=1, most=100)
    wish = Wish(query.getlist("property"), limit, query.get("orderby", ""), query.get("continuationToken", ""))
    if counting:
        return answer({"count": storage.count(ask.who.tenant, kind, _where(wish, view))})
    others = [(key, value) for key, value in query.multi_items() if key not in ("continuationToken", "start")]
    return answer(_page(ask, storage, kind, show, view, wish, others))


def search(ask: Ask, storage: Storage, kind: str, show: Show, view: View) -> Response:
    """Answer a POST …/search: `queryString` holds what a list has in its query."""
    body = ask.object()
    wish = searched(body, ask)
    if body.get("count") is True:
        return answer({"count": storage.count(ask.who.tenant, kind, _where(wish, view))})
    made = _page(ask, storage, kind, show, view, wish, [], path=f"/{kind}/search")
    fields = body.get("projectionFields")
    if fields and isinstance(fields, str):
        wanted = [name.strip() for name in fields.split(",")]
        made["items"] = [{name: item[name] for name in wanted if name in item} for item in made["items"]]
    return answer(made)


def searched(body: Mapping[str, Any], ask: Ask) -> Wish:
    """Return what a search in a body asks for."""
    text, limit, orderby = body.get("queryString"), body.get("limit", 100), body.get("orderby")
    if type(limit) is not int or not 1 <= limit <= 1000:
        raise flow_refusal("1453-400", "Bad value", "limit must be a number from 1 to 1000")
    if not isinstance(text, str | None) or not isinstance(orderby, str | None):
        raise flow_refusal("1453-400", "Bad value", "queryString and orderby must be text")
    pairs = parse_qsl(text or "", keep_blank_values=True)
    properties = [value if key == "property" else f"{key}={value}" for key, value in pairs]
    return Wish(properties, limit, orderby or "", ask.query.get("continuationToken", ""))


def _where(wish: Wish, view: View) -> list[Condition]:
    return [*view.where, *(filters.condition(text, view.roots) for text in wish.properties)]


def _page(
    ask: Ask,
    storage: Storage,
    kind: str,
    show: Show,
    view: View,
    wish: Wish,
    others: list[tuple[str, str]],
    path: str = "",
) -> Json:
    """Newest first by number, page after page from an index; other orders by offset. The total is counted once."""
    tenant, where = ask.who.tenant, _where(wish, view)
    way, place, total = filters.position(wish.token) if wish.token else ("", 0, storage.count(tenant, kind, where))
    if wish.orderby:
        order = filters.order(wish.orderby, view.roots)
        rows = storage.select(tenant, kind, where, order=order, limit=wish.limit + 1, offset=place if way else 0)
        following = filters.token("offset", place + wish.limit, total)
    else:
        below: list[Condition] = [("number < ?", (place,))] if way else []
        rows = storage.select(tenant, kind, [*where, *below], limit=wish.limit + 1)
        following = filters.token("after", rows[wish.limit - 1][0], total) if len(rows) > wish.limit else ""
    made: Json = {"items": [show(body) for _, body in rows[: wish.limit]], "_links": {}, "count": total}
    if len(rows) > wish.limit:
        made["_links"]["next"] = {
            "href": f"{path or '/' + kind}?{urlencode([*others, ('continuationToken', following)])}"
        }
    return made


def explored(ask: Ask) -> list[Json]:
    """Return what is at a place of a connection: for a file or table its columns, else what lies below."""
    place = ask.query.get("object", "")
    sort = ask.query.get("objectType", "root").lower()
    if sort not in ("root", "table", "file", "folder", "rest"):
        raise flow_refusal("1453-400", "Bad value", f"objectType {sort!r} is none of root, table, file, folder, rest")
    if sort in ("file", "table", "rest"):
        return [{"name": name, "type": kind} for name, kind in _COLUMNS]
    if sort == "folder" and place.strip("/"):
        name = f"{place.strip('/').rpartition('/')[2]}.csv"
        return [_place("file", name, f"/{place.strip('/')}/{name}", readable=True)]
    return [_place("folder", name, f"/{name}/", readable=False) for name in ("acme-customers", "acme-orders")]


def _place(sort: str, name: str, path: str, *, readable: bool) -> Json:
    return {"type": sort, "name": name, "path": path, "canPreview": readable, "canFetchSchema": readable}


def exportable(ask: Ask, storage: Storage) -> Json:
    """Return a page of the sandbox's datasets, as a destination may export them."""
    start, limit = ask.number("start", 0), ask.number("limit", 20, least=1, most=100)
    rows = [body for _, body in storage.select(ask.who.tenant, "dataSets", limit=limit, offset=start)]
    total = storage.count(ask.who.tenant, "dataSets")
    end = start + len(rows)
    return {
        "items": [{key: value for key, value in body.items() if not key.startswith("x-")} for body in rows],
        "pageInfo": {"start": start, "end": end, "total": total, "hasNext": end < total},
    }


def named(items: list[Json], properties: list[str], roots: Collection[str]) -> list[Json]:
    """Return those of a short list in memory (specs) that filters leave; only `==` on plain members is known there."""
    for text in properties:
        path, operator, values = filters.parse(text)
        if operator != "==" or path.split(".")[0].removesuffix("[]") not in roots:
            raise flow_refusal("1449-400", "Unknown filter field", f"The field {path!r} is not known.")
        items = [item for item in items if _any_of(item, path, values)]
    return items


def _any_of(item: Json, path: str, values: list[str]) -> bool:
    found = member(item, path.removesuffix("[]"))
    texts = found if isinstance(found, list) else [found]
    return any((str(one).lower() if isinstance(one, bool) else str(one)) in values for one in texts)
