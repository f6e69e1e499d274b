"""The proof that a run reaches the platform: a token, and access to the sandbox."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.core.problems import ApiError, Problem
from reconciler.core.resource import Call
from reconciler.core.values import Tree

if TYPE_CHECKING:
    from reconciler.api.client import Client

SANDBOXES = Call("GET", "/data/foundation/sandbox-management/", headers=(("Accept", "application/json"),))
"""The active sandboxes of the caller (sandbox.yaml)."""


async def prove_access(api: Client, sandbox: str) -> None:
    """Prove that the platform can be reached with access to `sandbox`, unless another call of the run did so.

    Raises `ApiError` without a token, a connection or access.
    """
    if api.reached:
        return
    reply = await api.send(SANDBOXES)
    problem = sandbox_problem(reply.body, sandbox)
    if problem is not None:
        raise ApiError(problem, reply.status)


def sandbox_problem(body: Tree, name: str) -> Problem | None:
    """Return why the sandbox `name` cannot be used, by an answer to `SANDBOXES`; None when it can be."""
    known = sandboxes(body)
    if known is None:
        what = f"{SANDBOXES}: the platform answered something unexpected: 200, but no list of sandboxes"
        return Problem("unexpected-answer", what, "check AEP_PLATFORM_URL, and proxies and gateways on the way")
    if name not in known:
        names = ", ".join(sorted(known)[:20]) or "none"
        what = f"the credential has no access to the sandbox {name!r}"
        return Problem("no-sandbox", what, f"active sandboxes: {names}; set AEP_SANDBOX, or pass --env")
    state = known[name].get("state")
    if state != "active":
        return Problem("no-sandbox", f"the sandbox {name!r} is not active, but {state}", "wait, or choose another one")
    return None


def sandboxes(body: Tree) -> dict[str, dict[str, Tree]] | None:
    """Return the sandboxes of an answer by name; None when the answer is not a list of sandboxes."""
    items = body.get("sandboxes") if isinstance(body, dict) else None
    if not isinstance(items, list):
        return None
    return {str(item["name"]): item for item in items if isinstance(item, dict) and "name" in item}
