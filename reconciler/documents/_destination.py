"""What the two sorts of destination dataflows share: the shape of the document, and the target connection."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from reconciler.catalog import Connector
from reconciler.core.values import Tree
from reconciler.documents.blocks import Block, Endpoint, FlowBlock, Ownership
from reconciler.documents.expand import Expansion, default_name


class DestinationDataflowSpec(Block):
    """The `spec` of a DestinationDataflow; without `source` it reads the Profile Service under generated names."""

    source: Endpoint | None = None
    """Where it reads from; left out, the Profile Service under generated names."""
    target: Endpoint | None = None
    """Where it writes to; left out, `flow.targetConnectionIds`."""
    flow: FlowBlock = Field(default_factory=FlowBlock)
    """The dataflow itself."""
    audiences: list[Any] | None = None
    """The audiences that are activated."""
    attributes: list[Any] | None = None
    """Profile attributes to send; for a file destination, rows of `{source, destination}`."""
    primary_fields: list[Any] | None = None
    """Of files: the deduplication keys."""
    mandatory_fields: list[str] | None = None
    """Of files: the attributes without which a profile is left out."""
    ownership: Ownership = Field(default_factory=Ownership)
    """Whether others may add audiences or attributes in the UI."""


def destination_target(ctx: Expansion, block: Endpoint, connector: Connector | None, export: str = "audiences") -> Tree:
    """Add the target connection and its account, and return a reference to it; of one that exists return its id."""
    document = ctx.document.name
    if block.id is not None:
        return block.id
    spec = ctx.end_spec(block.connection_spec, block.connector, connector, ("target",))
    body: dict[str, Tree] = {
        "name": block.name or default_name(document, ("target",)),
        **block.given("description"),
        "connectionSpec": spec,
        **block.given("provider_id"),
    }
    account = ctx.base_connection(block, "target", connector, connector.connection_spec if connector else spec)
    if account is not None:
        body["baseConnectionId"] = account
    elif connector is None or connector.needs_connection:
        ctx.report(
            ("target",),
            "missing-connection",
            f"{connector.name if connector else 'a destination'} needs a base connection",
            "add connection: {auth: …} or connection: {ref: NAME}",
        )
    elif "connection" not in block.given():
        place = ("target", "connection")
        body["baseConnectionId"] = ctx.account(f"{document}/target/connection", {}, place, connector, spec)
    body.update(block.given("data", "params"))
    ctx.check_params(block.params, connector, "target", export)
    return ctx.add(f"{document}/target", "TargetConnection", body, ("target",), overrides=block.overrides)
