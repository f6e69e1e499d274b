"""The link to an object in the platform's UI, from the state alone."""

from __future__ import annotations

from reconciler.app.session import Session
from reconciler.app.state_edit import entry_of, read_state
from reconciler.core.console import console_url
from reconciler.core.problems import Problem, StateError
from reconciler.kinds import kinds


def link_to(session: Session, address: str) -> str:
    """Return the link to the object at `address`; the name of a document is the address of its dataflow.

    Raises `StateError` for an address that is not in the state, and where the page is not known.
    """
    state = read_state(session)
    name = address if address in state.resources else f"{address}/flow"
    entry = state.resources[name] if name in state.resources else entry_of(state, address)
    url = console_url(state, kinds()[entry.kind].rules(entry.applied).page, entry.id)
    if url is None:
        raise StateError(_no_page(state.platform, name, entry.kind))
    return url


def _no_page(platform: str, address: str, kind: str) -> Problem:
    if not platform.startswith("https://platform"):
        what = f"the state belongs to {platform}, and no UI is known for that platform"
        return Problem("no-page", what, "links lead to Adobe Experience Platform only")
    document = address.partition("/")[0]
    advice = f"open the dataflow: reconciler open {document}/flow"
    return Problem("no-page", f"{address}: no page of the platform's UI is known for a {kind}", advice)
