"""`reconciler init`: the first files of a project."""

from __future__ import annotations

import os
from pathlib import Path

import click

from reconciler.cli.command import Command
from reconciler.cli.options import common

_PIPELINES = {
    "github": ".github/workflows/reconciler.yml",
    "gitlab": ".gitlab-ci.yml",
    "pre-commit": ".pre-commit-config.yaml",
}
SCHEMA = ".reconciler/manifest.schema.json"
_MODELINE = f"# yaml-language-server: $schema={SCHEMA}\n"


@click.command("init", cls=Command)
@click.argument("path", default=".", type=click.Path(path_type=Path, file_okay=False), required=False)
@click.option("--connector", metavar="KEY", help="Write a first manifest for this connector.")
@click.option("--pipeline", type=click.Choice([*_PIPELINES, "none"]), default="github", show_default=True,
              help="Write a pipeline for this.")  # fmt: skip
@click.option(
    "--from-sample",
    "sample",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write a schema, a mapping and a first test for this sample data: .json, .jsonl, .csv or .parquet.",
)
@click.option(
    "--tenant",
    default="_tenant",
    show_default=True,
    metavar="FIELD",
    help="With --from-sample: the tenant's field in XDM, with its underscore.",
)
@common
def command(path: Path, connector: str | None, pipeline: str, sample: Path | None, tenant: str) -> None:
    """Write a project file, a .gitignore, a pipeline, a schema for editors and, for a connector, a first manifest.

    With --from-sample the first manifests are a field group, a schema, a dataflow and a test for the data in FILE, with
    inferred types.

    Files that are there already are left alone, and named.
    """
    from reconciler.app.connectors import find, next_midnight
    from reconciler.app.schemas import schema_text
    from reconciler.export.starter import starter

    found = find(connector) if connector else None
    name = path.resolve().name.lower()
    files = {
        "reconciler.yaml": _MODELINE
        + _PROJECT.replace("NAME", "".join(c if c.isalnum() else "-" for c in name).strip("-") or "aep"),
        ".gitignore": "# ids, no secrets; pipelines share it: the workflow keeps it in a branch of its own\nstate/\n",
    }
    if found is not None:
        files[f"{found.key}.yaml"] = _MODELINE + starter(found, next_midnight())
    if sample is not None:
        proposed = _proposal(sample, tenant)
        files[f"{proposed[0]}.yaml"] = _MODELINE + proposed[1]
    if pipeline != "none":
        files[_PIPELINES[pipeline]] = _with_secrets(pipeline, path, files)
    schema = path / SCHEMA
    _write(schema, SCHEMA, schema_text("manifest"), renew=True)
    for file, text in files.items():
        _write(path / file, file, text)
    if sample is not None:
        click.echo(f"Next: review {proposed[0]}.yaml, then reconciler validate, and reconciler test.")
    elif found is None:
        click.echo(
            "Next: reconciler init --connector KEY writes a manifest; reconciler connectors list shows the keys."
        )
    else:
        click.echo(f"Next: fill in {found.key}.yaml, then reconciler validate, and reconciler plan --emulator.")
    if pipeline != "none":
        click.echo(
            f"Before you push {_PIPELINES[pipeline]}: replace its zeros by the commit or digest of reconciler to run."
        )


def _proposal(sample: Path, tenant: str) -> tuple[str, str]:
    """Return the name of the documents for sample data, and their text."""
    import re
    from itertools import islice

    from reconciler.app.samples import records_in
    from reconciler.core.problems import ManifestError, Problem
    from reconciler.export.from_sample import SAMPLED, proposal

    if not re.fullmatch(r"_[A-Za-z0-9]+", tenant):
        raise click.UsageError(f"--tenant is a name that begins with an underscore, not {tenant!r}.")
    name = re.sub(r"[^a-z0-9]+", "-", sample.stem.lower()).strip("-") or "sample"
    try:
        return name, proposal(islice(records_in(sample), SAMPLED), name, tenant)
    except ValueError:
        raise ManifestError(Problem("empty-sample", f"{sample} has no record", "use a file with records")) from None


def _pipeline(name: str) -> str:
    """Return a pipeline that comes with the package: beside it in a wheel, among the examples in a checkout."""
    inside = Path(__file__).parent.parent / "pipelines"
    folder = inside if inside.is_dir() else inside.parent.parent / "examples" / "pipelines"
    return (folder / f"{name}.yml").read_text(encoding="utf-8")


def _with_secrets(name: str, path: Path, files: dict[str, str]) -> str:
    """Return a pipeline whose jobs that apply pass each secret of the manifests in `path` and of the new `files`."""
    import re

    from reconciler.app.ci_secrets import lines_for
    from reconciler.secrets.providers import variable

    text = _pipeline(name)
    manifests = [file.read_text("utf-8", "replace") for file in sorted(path.rglob("*.y*ml")) if file.is_file()]
    found = re.findall(r"(?<!\$)\$\{secret\.([A-Za-z0-9_.-]+)\}", "\n".join([*manifests, *files.values()]))
    needed = {variable("RECONCILER_SECRET_", secret): secret for secret in sorted(set(found))}
    if not needed:
        return text
    if name == "gitlab":
        note = [f"#   {item}" for item in needed]
        return text.replace(
            "stages:", "\n".join(["# Secrets of the manifests, in the scope aep-apply:", *note, "stages:"]), 1
        )
    if name != "github":
        return text
    env = "          AEP_SANDBOX: ${{ vars.AEP_SANDBOX }}"
    for command in ("apply", "approve"):
        before, marker, after = text.partition(f"with: {{command: {command}, ")
        text = before + marker + after.replace(env, "\n".join([env, *lines_for(needed, "          ")]), 1)
    return text


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
