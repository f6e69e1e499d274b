"""`reconciler connectors`: the catalog."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reconciler.cli.command import Group
from reconciler.cli.options import common

if TYPE_CHECKING:
    from reconciler.catalog import Parameter


@click.group("connectors", cls=Group)
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
@click.option("--manifest", is_flag=True, help="Print the manifest alone, to be written to a file.")
@common
def show(key: str, manifest: bool) -> None:
    """Show one connector: its ids, ways to log in, parameters, and a manifest ready to be filled in.

    A key that is both a source and a destination wants source/ or destination/ before it.
    """
    from reconciler.app.connectors import find, next_midnight
    from reconciler.export.starter import starter

    item = find(key)
    if manifest:
        click.echo(starter(item, next_midnight()), nl=False)
        return
    click.echo(f"{item.key}: {item.name} ({item.direction}, {item.kind}, {item.category})")
    click.echo(f"connectionSpec  {item.connection_spec['id']}  version {item.connection_spec['version']}")
    for export in item.exports or ("",):
        spec = item.flow_spec(export)
        label = f"  for {export}" if export else ""
        known = (
            f"{spec['id']}  version {spec['version']}{label}" if spec else f"found by its name, {item.flow_spec_name()}"
        )
        click.echo(f"flowSpec        {known}")
    if (plain := item.flow_spec(mapped=False)) and plain != item.flow_spec():
        click.echo(f"flowSpec        {plain['id']}  version {plain['version']}  without a mapping")
    for page in item.facts["documents"]:
        click.echo(f"document        {page}")
    for name, parameters in item.auth_specs.items():
        _table(f"auth: {name}", parameters)
    for export in item.exports or ("",):
        _table(f"params{f' for {export}' if export else ''}:", item.parameters(export))
    click.echo("\nmanifest:\n")
    click.echo(starter(item, next_midnight()), nl=False)


@command.command("refresh")
@click.argument("path", default=".", type=click.Path(path_type=Path), required=False)
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@common
def refresh(path: Path, form: str) -> None:
    """Show how the specs of the sandbox differ from the catalog; it changes nothing.

    The live /connectionSpecs and /flowSpecs win over the catalog: what they have and it has not works through explicit
    ids, see connectionSpec and flowSpec in the manifests.
    """
    from reconciler.app.connectors import compare_specs
    from reconciler.app.running import run
    from reconciler.cli.arguments import open_project
    from reconciler.render import json as as_json

    comparison = run(compare_specs(open_project(path)))
    found = comparison.differences
    if form == "json":
        click.echo(as_json.text([{"connector": item.connector or None, "what": item.what} for item in found]), nl=False)
        return
    for item in found:
        click.echo(f"{item.connector or 'others'}: {item.what}")
    count = len({item.connector for item in found if item.connector})
    click.echo(
        f"{len(found)} differences, {count} connectors; "
        f"read {comparison.connection_specs} connection and {comparison.flow_specs} flow specs."
    )


def _table(title: str, parameters: tuple[Parameter, ...]) -> None:
    click.echo(title)
    for item in parameters:
        marks = [word for word, on in (("required", item.required), ("secret", item.secret)) if on]
        marks += [" | ".join(item.values)] if item.values else []
        click.echo(f"  {item.name:<28}{', '.join(marks)}".rstrip())
