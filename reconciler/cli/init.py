"""`reconciler init`: the first files of a project."""

from __future__ import annotations

import os
from pathlib import Path

import click

from reconciler.cli.options import common

_PIPELINES = {
    "github": ".github/workflows/reconciler.yml",
    "gitlab": ".gitlab-ci.yml",
    "pre-commit": ".pre-commit-config.yaml",
}
SCHEMA = ".reconciler/manifest.schema.json"
_MODELINE = f"# yaml-language-server: $schema={SCHEMA}\n"


@click.command("init")
@click.argument("path", default=".", type=click.Path(path_type=Path, file_okay=False), required=False)
@click.option("--connector", metavar="KEY", help="Write a first manifest for this connector.")
@click.option("--pipeline", type=click.Choice([*_PIPELINES, "none"]), default="github", show_default=True,
              help="Write a pipeline for this.")  # fmt: skip
@common
def command(path: Path, connector: str | None, pipeline: str) -> None:
    """Write a project file, a .gitignore, a pipeline, a schema for editors and, for a connector, a first manifest.

    Files that are there already are left alone, and named.
    """
    from reconciler.app.connectors import find, next_midnight
    from reconciler.cli.schema import schema_text
    from reconciler.export.starter import starter

    found = find(connector) if connector else None
    name = path.resolve().name.lower()
    files = {
        "reconciler.yaml": _MODELINE
        + _PROJECT.replace("NAME", "".join(c if c.isalnum() else "-" for c in name).strip("-") or "aep"),
        ".gitignore": "# ids, no secrets; pipelines share it: the workflow keeps it in a branch of its own\nstate/\n",
    }
    if pipeline != "none":
        files[_PIPELINES[pipeline]] = _pipeline(pipeline)
    if found is not None:
        files[f"{found.key}.yaml"] = _MODELINE + starter(found, next_midnight())
    schema = path / SCHEMA
    _write(schema, SCHEMA, schema_text("manifest"), renew=True)
    for file, text in files.items():
        _write(path / file, file, text)
    if found is None:
        click.echo(
            "Next: reconciler init --connector KEY writes a manifest; reconciler connectors list shows the keys."
        )
    else:
        click.echo(f"Next: fill in {found.key}.yaml, then reconciler validate, and reconciler plan --emulator.")


def _pipeline(name: str) -> str:
    """Return a pipeline that comes with the package: beside it in a wheel, among the examples in a checkout."""
    inside = Path(__file__).parent.parent / "pipelines"
    folder = inside if inside.is_dir() else inside.parent.parent / "examples" / "pipelines"
    return (folder / f"{name}.yml").read_text(encoding="utf-8")


def _write(target: Path, shown: str, text: str, *, renew: bool = False) -> None:
    """Write a file unless it is there, or anew. Raises ManifestError where it cannot be written."""
    from reconciler.core.problems import ManifestError, Problem
    from reconciler.yamltext.files import save

    try:
        if os.path.lexists(target) and not renew:
            click.echo(f"kept   {shown}")
            return
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ManifestError(
            Problem("cannot-write", f"{target} cannot be written: {error.strerror}", "choose another folder")
        ) from None
    save(target, text)
    click.echo(f"wrote  {shown}")


_PROJECT = """\
# What is not said here comes from AEP_CLIENT_ID, AEP_CLIENT_SECRET, AEP_SCOPES, AEP_ORG_ID and AEP_SANDBOX.
apiVersion: reconciler/v1
kind: Project
metadata: {name: NAME}
spec:
  variables: {}
  # environments:
  #   dev:  {sandbox: dev}
  #   prod: {sandbox: prod, protected: true}
  # guardrails: {maxDeletes: 5}
"""
