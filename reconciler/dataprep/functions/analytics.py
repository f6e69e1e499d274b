"""Functions for Adobe Analytics strings (functions.md, "Analytics functions").

An event string is `event=value:id,…`. A products string is `category;name;quantity;price;events;evars,…`, with `|`
between the events and the evars of one product.
"""

from __future__ import annotations

from reconciler.dataprep.table import function
from reconciler.dataprep.values import Value

_CATEGORY = "Analytics"
_EVENT = "events: string, event: string"


def _event(events: list[str], name: str) -> tuple[str, str | None] | None:
    """The value and id of a named event; no value is 1."""
    for event in events:
        head, _, ident = event.strip().partition(":")
        key, _, value = head.partition("=")
        if key == name:
            return value or "1", ident or None
    return None


def _column(products: str, index: int) -> list[str | None]:
    rows = [product.split(";") for product in products.split(",")]
    return [(row[index].strip() or None) if index < len(row) else None for row in rows]


@function(_CATEGORY, "aa_get_event_id", _EVENT, returns="string", doc="Give the ID of an event.")
def aa_get_event_id(events: str, name: str) -> Value:
    found = _event(events.split(","), name)
    return found[1] if found else None


@function(_CATEGORY, "aa_get_event_value", _EVENT, returns="string", doc="Give the value of an event, by default 1.")
def aa_get_event_value(events: str, name: str) -> Value:
    found = _event(events.split(","), name)
    return found[0] if found else None


@function(_CATEGORY, "aa_get_product_categories", "products: string", returns="array", doc="Give the categories.")
def aa_get_product_categories(products: str) -> Value:
    return list(_column(products, 0))


@function(_CATEGORY, "aa_get_product_names", "products: string", returns="array", doc="Give the names.")
def aa_get_product_names(products: str) -> Value:
    return list(_column(products, 1))


@function(_CATEGORY, "aa_get_product_quantities", "products: string", returns="array", doc="Give the quantities.")
def aa_get_product_quantities(products: str) -> Value:
    return list(_column(products, 2))


@function(_CATEGORY, "aa_get_product_prices", "products: string", returns="array", doc="Give the prices.")
def aa_get_product_prices(products: str) -> Value:
    return list(_column(products, 3))


@function(
    _CATEGORY, "aa_get_product_event_values", "products: string, event: string", returns="array",
    doc="Give the values of an event of the products.",
)  # fmt: skip
def aa_get_product_event_values(products: str, name: str) -> Value:
    found = [_event((events or "").split("|"), name) for events in _column(products, 4)]
    return [event[0] for event in found if event]


@function(
    _CATEGORY, "aa_get_product_evars", "products: string, evar: string", returns="array",
    doc="Give the values of an eVar of the products.",
)  # fmt: skip
def aa_get_product_evars(products: str, name: str) -> Value:
    pairs = [evar.partition("=") for evars in _column(products, 5) for evar in (evars or "").split("|")]
    return [value for key, _, value in pairs if key.strip() == name]
