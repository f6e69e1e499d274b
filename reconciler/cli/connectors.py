"""`reconciler connectors`: the catalog."""

from __future__ import annotations

from typing import Any

import click

from reconciler.cli.options import common


@click.group("connectors")
@common
def command() -> None:
    """List and show the connectors of the catalog."""


@command.command("list")
@click.option("--category", help="Only this category.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@common
def list_(category: str | None, form: str) -> None:
    """List the connectors: key, name, category, direction, kind."""
    from reconciler.catalog import shipped
    from reconciler.render import json as as_json

    rows: list[dict[str, Any]] = [
        {name: getattr(item, name) for name in ("key", "name", "category", "direction", "kind")}
        for item in shipped().all()
        if category in (None, item.category)
    ]
    if form == "json":
        click.echo(as_json.text(rows), nl=False)
        return
    for row in rows:
        click.echo(f"{row['direction']:<12}{row['key']:<36}{row['kind']:<11}{row['category']:<24}{row['name']}")


@command.command("show")
@click.argument("key")
@common
def show(key: str) -> None:
    """Show one connector: its ids, ways to log in and parameters.

    A key that is both a source and a destination wants source/ or destination/ before it.
    """
    from reconciler.catalog import Parameter, shipped
    from reconciler.core.problems import ManifestError, Problem
    from reconciler.manifests.document import nearest

    catalog = shipped()
    direction, _, plain = key.rpartition("/")
    found = [
        item
        for way in ("source", "destination")
        if direction in ("", way) and (item := catalog.get(way, plain)) is not None
    ]
    if not found:
        names = [*catalog.keys("source"), *catalog.keys("destination")]
        raise ManifestError(Problem("unknown-connector", f"no connector {key!r} in the catalog", nearest(plain, names)))
    if len(found) > 1:
        raise ManifestError(
            Problem(
                "ambiguous-connector",
                f"{key!r} is both a source and a destination",
                f"write source/{key} or destination/{key}",
            )
        )

    def table(title: str, parameters: tuple[Parameter, ...]) -> None:
        click.echo(title)
        for item in parameters:
            marks = [word for word, on in (("required", item.required), ("secret", item.secret)) if on]
            marks += [" | ".join(item.values)] if item.values else []
            click.echo(f"  {item.name:<28}{', '.join(marks)}".rstrip())

    item = found[0]
    click.echo(f"{item.key}: {item.name} ({item.direction}, {item.kind}, {item.category})")
    click.echo(f"connectionSpec  {item.connection_spec['id']}  version {item.connection_spec['version']}")
    spec = item.flow_spec()
    click.echo(
        f"flowSpec        {spec['id']}  version {spec['version']}"
        if spec
        else "flowSpec        look it up: GET /flowSpecs"
    )
    for name, parameters in item.auth_specs.items():
        table(f"auth: {name}", parameters)
    table("params:", item.parameters())
