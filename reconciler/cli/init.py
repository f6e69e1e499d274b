"""`reconciler init`: the first files of a project."""

from __future__ import annotations

from pathlib import Path

import click

from reconciler.cli.options import common


@click.command("init")
@click.argument("path", default=".", type=click.Path(path_type=Path, file_okay=False), required=False)
@click.option("--connector", metavar="KEY", help="Write a first manifest for this connector.")
@common
def command(path: Path, connector: str | None) -> None:
    """Write a project file, a .gitignore, a pipeline and, for a connector, a first manifest into PATH.

    Files that are there already are left alone, and named. Example: `reconciler init --connector customer-io`.
    """
    from reconciler.cli.connectors import find, next_midnight
    from reconciler.manifests.starter import starter

    found = find(connector) if connector else None
    name = path.resolve().name.lower()
    files = {
        "reconciler.yaml": _PROJECT.replace(
            "NAME", "".join(c if c.isalnum() else "-" for c in name).strip("-") or "aep"
        ),
        ".gitignore": "# ids, no secrets; pipelines must share it: commit it, or keep it elsewhere\nstate/\n",
        ".github/workflows/reconciler.yml": _PIPELINE,
    }
    if found is not None:
        files[f"{found.key}.yaml"] = starter(found, next_midnight())
    for file, text in files.items():
        _write(path / file, file, text)
    if found is None:
        click.echo(
            "Next: reconciler init --connector KEY writes a manifest; reconciler connectors list shows the keys."
        )
    else:
        click.echo(f"Next: fill in {found.key}.yaml, then reconciler validate, and reconciler plan --emulator.")


def _write(target: Path, shown: str, text: str) -> None:
    """Write a file unless it is there. Raises ManifestError where it cannot be written."""
    from reconciler.core.problems import ManifestError, Problem

    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        click.echo(f"kept   {shown}")
    except OSError as error:
        raise ManifestError(
            Problem("cannot-write", f"{target} cannot be written: {error.strerror}", "choose another folder")
        ) from None
    else:
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

_PIPELINE = """\
# Plans on every pull request, applies what is merged. The state must outlive the job: commit it, or mount a folder.
name: reconciler
on:
  pull_request:
  push:
    branches: [main]
concurrency: reconciler
jobs:
  reconciler:
    runs-on: ubuntu-latest
    env:
      AEP_CLIENT_ID: ${{ secrets.AEP_CLIENT_ID }}
      AEP_CLIENT_SECRET: ${{ secrets.AEP_CLIENT_SECRET }}
      AEP_SCOPES: ${{ vars.AEP_SCOPES }}
      AEP_ORG_ID: ${{ vars.AEP_ORG_ID }}
      AEP_SANDBOX: ${{ vars.AEP_SANDBOX }}
    steps:
      - uses: actions/checkout@v4
      - uses: actions/setup-python@v5
        with: {python-version: "3.13"}
      - run: pip install reconciler
      - run: reconciler validate
      - run: reconciler plan
        if: github.event_name == 'pull_request'
      - run: reconciler apply --auto-approve
        if: github.event_name == 'push'
"""
