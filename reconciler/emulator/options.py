"""Switches of the emulator: what the platform does in more than one way, and how patient it is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Options:
    """How this emulator behaves; the defaults are the milder ways, each switch is documented in docs/emulator.md.

    Times are seconds. Where documents contradict each other, the default answers as the service's own
    description does, and a switch gives the other form.
    """

    settle_delay: float = 0.0
    """How long a new, changed or acted-upon flow stays in transition."""
    list_lag: float = 0.0
    """How long a new Flow Service object is missing from lists and searches; a GET by id finds it at once."""
    clock_skew: float = 0.0
    """Seconds by which the clock that stamps objects is ahead of the one of the Date header; negative: behind."""
    date_header: bool = True
    """Whether answers have a Date header."""
    strict_references: bool = False
    """Refuse schemas, datasets and audiences that the emulator does not hold, and mappings to fields that a schema
    does not have."""
    strict_sandboxes: bool = False
    """Refuse sandboxes that the emulator does not hold; else every name is one."""
    check_start_time: bool = True
    """Refuse to move a start time that has passed."""
    stringify: bool = False
    """Numbers of schedules and versions come back as strings, selectors gain times."""
    noise: bool = False
    """Reads come back with members nobody declared, other orders, empty members."""
    patch_without_body: bool = False
    """PATCH /flows answers 202 without a body."""
    deletes_accepted: bool = False
    """DELETE answers 202; with a settle delay the object is visible until then, in state `delete-finalizing`."""
    mapping_sets_deletable: bool = False
    """DELETE /mappingSets/{id} answers 200 instead of 405."""
    tutorial_forms: bool = False
    """Answer as tutorials print where they differ from the descriptions: PATCH of source and target connections and
    POST /runs, PUT of mapping sets and descriptors, checks of expressions, creation of audiences."""
    bare_etags: bool = False
    """If-Match is taken without its double quotes too."""
    token_lifetime: float = 86399.0
    """How long a token of this emulator is good for."""
    inlet_url: str = ""
    """Where inlet addresses point; empty: to the address the emulator was asked under."""
