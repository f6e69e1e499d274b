"""`Connection`: a base connection of its own, for dataflows to share through `{ref: NAME}`."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from reconciler.catalog import Connector, Direction
from reconciler.core.values import Tree
from reconciler.documents.blocks import Auth, Block, Versioned
from reconciler.documents.expand import Expansion, spec_of


class ConnectionSpec(Block):
    """The `spec` of a Connection; the connector key says its direction where it is known in both."""

    name: str | None = None
    """Its name on the platform; left out, the document's."""
    description: str | None = None
    """Its description on the platform."""
    connector: str | None = None
    """The connector's key; `source/KEY` or `destination/KEY` where both have it."""
    connection_spec: Versioned | None = None
    """Instead of `connector`: a connection spec by its id."""
    provider_id: str | None = None
    """The documented `providerId`."""
    auth: Auth | None = None
    """How to log in."""
    overrides: dict[str, Any] | None = None
    """Merged into the request body (RFC 7386), for what is not known here yet."""


class Connection:
    """Expands to one resource whose address is the document's name."""

    kind = "Connection"
    model = ConnectionSpec
    spec_kept = False
    example: ClassVar[Tree] = {
        "apiVersion": "reconciler/v1",
        "kind": "Connection",
        "metadata": {"name": "loyalty-bucket", "labels": {"owner": "crm"}},
        "spec": {
            "connector": "source/amazon-s3",
            "auth": {
                "specName": "Access Key",
                "params": {"s3AccessKey": "${secret.s3-key}", "s3SecretKey": "${secret.s3-secret}"},
            },
        },
    }

    def expand(self, ctx: Expansion) -> None:
        """Add the resource of one document to `ctx`, and what is wrong with it."""
        spec = ctx.parse(self.model, ctx.spec, ())
        if spec is None:
            return
        connector = _connector(ctx, spec)
        wanted = spec_of(spec.connection_spec, connector.connection_spec if connector else None)
        if wanted is None:
            if spec.connector is None:
                ctx.report(
                    (),
                    "missing-key",
                    "the connection names no connector",
                    "add connector: KEY, or connectionSpec: {id, version}",
                )
            return
        name = ctx.document.name
        body: dict[str, Tree] = {
            "name": spec.name or name,
            **spec.given("description", "provider_id"),
            "connectionSpec": wanted,
        }
        sensitive = ctx.add_auth(body, spec.auth, (), connector)
        staging: Literal["draft"] | None = None
        if connector is not None and connector.direction == "source":
            staging = "draft"
        ctx.add(name, "Connection", body, (), overrides=spec.overrides, sensitive=sensitive, staging=staging)


def _connector(ctx: Expansion, spec: ConnectionSpec) -> Connector | None:
    catalog, key = ctx.setting.catalog, spec.connector
    if key is None:
        if spec.connection_spec is None:
            return None
        ident = spec.connection_spec.id
        return catalog.by_spec("source", ident) or catalog.by_spec("destination", ident)
    if "/" in key:
        prefix, _, _ = key.partition("/")
        directions: list[Direction] = ["source"] if prefix == "source" else ["destination"]
    else:
        directions = [way for way in ("source", "destination") if key in catalog.keys(way)]
    if len(directions) == 2:
        ctx.report(
            ("connector",),
            "ambiguous-connector",
            f"{key!r} is both a source and a destination",
            f"write source/{key} or destination/{key}",
        )
        return catalog.get("source", key)
    return ctx.connector(key, spec.connection_spec, directions[0] if directions else "source", ())


DOCUMENT = Connection()
