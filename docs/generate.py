"""Writes the generated pages: commands and manifests from the code, connectors from `specs/`, the picture of a plan.

Run it with `./run docs`.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import subprocess
import sys
import tempfile
import types
import typing
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import dataprep
from kinds import kinds

HERE = Path(__file__).parent
REFERENCES = "https://github.com/AdobeDocs/experience-platform.en/blob/main"
"""Where the pages that `specs/` names are published."""
NOTE = "<!-- Written by docs/generate.py; change the code and run ./run docs. -->\n\n"


def commands() -> str:
    """Return the reference of commands, from the command line itself."""
    from reconciler.cli.main import COMMANDS, cli

    out = [NOTE, "# Commands\n\n", "These options are accepted before and after every command:\n\n"]
    out += _options(cli, {"--version"})
    common = set(_flags(cli))
    out.append(
        "\nExit codes: 0 fine; 1 any error; 2 changes (`plan --detailed-exitcode`) or drift (`drift`); "
        "130 interrupted.\n"
    )
    context = click.Context(cli, info_name="reconciler")
    for name in COMMANDS:
        found = cli.get_command(context, name)
        assert found is not None
        out += _command(found, f"reconciler {name}", common)
        if isinstance(found, click.Group):
            for inner in found.commands.values():
                out += _command(inner, f"reconciler {name} {inner.name}", common)
    return "".join(out)


def _command(found: click.Command, title: str, common: set[str]) -> Iterator[str]:
    arguments = " ".join(
        str(item.make_metavar(click.Context(found))) for item in found.params if isinstance(item, click.Argument)
    )
    yield f"\n## {title} {arguments}".rstrip() + f"\n\n{_paragraphs(found.help or '')}\n"
    if any(flag not in common for flag in _flags(found)):
        yield "\n"
        yield from _options(found, common)
    lines = [line.strip() for line in (found.epilog or "").split("\n")[2:]]
    if lines:
        yield "\n```sh\n" + "\n".join(lines) + "\n```\n"


def _paragraphs(text: str) -> str:
    return "\n\n".join(" ".join(part.split()) for part in text.split("\n\n"))


def _flags(found: click.Command) -> list[str]:
    return [item.opts[0] for item in found.params if isinstance(item, click.Option)]


def _options(found: click.Command, without: set[str] = frozenset()) -> Iterator[str]:  # type: ignore[assignment]
    from reconciler.cli.command import sections

    yield "| option | |\n| --- | --- |\n"
    context = click.Context(found)
    every = [item for item in found.params if isinstance(item, click.Option)]
    groups = list(sections(found)) or [("", every)]
    for title, options in groups:
        if len(groups) > 1:
            yield f"| **{title}** | |\n"
        for item in options:
            record = item.get_help_record(context) if item.opts[0] not in without else None
            if record:
                yield f"| `{record[0].replace('|', chr(92) + '|')}` | {record[1]} |\n"


def manifests() -> str:
    """Return the reference of manifests, from the models that check them."""
    from reconciler.config.editor_schema import field_docs
    from reconciler.config.project import ProjectSpec
    from reconciler.documents import blocks, mapping_blocks
    from reconciler.documents.load import document_kinds
    from reconciler.kinds.dataset_labels import Labels

    out = [
        NOTE,
        "# Manifests\n\n",
        "Every document has `apiVersion: reconciler/v1`, `kind`, `metadata: {name, labels, annotations}` and `spec`.\n"
        "Editors know all of this from `reconciler schema` ([editors](editors.md)).\n",
    ]
    models = {kind: found.model for kind, found in sorted(document_kinds().items())}
    for kind, model in {**models, "Project": ProjectSpec}.items():
        out.append(f"\n## {kind}\n")
        seen: list[Any] = []
        inner_blocks = {
            "SourceDataflow": [
                ("spec.mapping, long form", mapping_blocks.MappingBlock),
                ("spec.source.connection", blocks.Account),
                ("spec.source.connection, made elsewhere", blocks.ExternalRef),
                ("spec.target.schema, made elsewhere (else as a Schema)", blocks.SchemaRef),
                ("spec.target.dataset, made elsewhere (else as a Dataset)", blocks.DatasetRef),
            ],
            "Dataset": [("spec.labels, long form", Labels)],
            "DestinationDataflow": [
                ("spec.audiences, each", blocks.Audience),
                ("spec.attributes, each (a bare path is short for it)", blocks.Attribute),
                ("spec.attributes of a file-based destination, each", mapping_blocks.Row),
                ("spec.primaryFields, each (a bare path is short for it)", blocks.PrimaryField),
                ("spec.source.connection and spec.target.connection", blocks.Account),
                ("spec.target.connection, made elsewhere", blocks.ExternalRef),
                ("spec.source.params.datasets of a dataset export, each", blocks.ExportedDataset),
            ],
        }
        waiting = [("spec", model), *inner_blocks.get(kind, [])]
        while waiting:
            path, block = waiting.pop(0)
            if block in seen:
                continue
            seen.append(block)
            out.append(
                f"\n### {path}\n\n{_paragraphs(block.__doc__ or '')}\n\n| key | value | |\n| --- | --- | --- |\n"
            )
            told = field_docs(block)
            for name, field in block.model_fields.items():
                key = field.alias or name
                need = "Required. " if field.is_required() else ""
                out.append(f"| `{key}` | {_type(field.annotation)} | {need}{told[key].replace('|', chr(92) + '|')} |\n")
                waiting += [(f"{path}.{key}", inner) for inner in _models(field.annotation)]
    return "".join(out)


def _models(annotation: Any) -> list[Any]:
    if hasattr(annotation, "model_fields"):
        return [annotation]
    return [found for part in typing.get_args(annotation) for found in _models(part)]


def _type(annotation: Any) -> str:
    words = {
        str: "text",
        int: "whole number",
        float: "number",
        bool: "true or false",
        type(None): "null",
        Any: "any",
        dict: "mapping",
    }
    if annotation in words:
        return words[annotation]
    origin, args = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(_type(part) for part in args)
    if origin is typing.Literal:
        return ", ".join(f"`{part}`" for part in args)
    if origin is list:
        return f"list of {_type(args[0])}"
    if origin is dict:
        return "mapping" if args[1] is Any else f"mapping of names to {_type(args[1])}"
    if origin is typing.Annotated:
        return _type(args[0])
    return "block, see below" if hasattr(annotation, "model_fields") else str(annotation)


def connectors() -> str:
    """Return the table of connectors, from `specs/`."""
    from reconciler.catalog import shipped

    out = [
        NOTE,
        "# Connectors\n\n`reconciler connectors show KEY` prints ids, ways to log in, parameters and a manifest "
        "ready to be filled in; `reconciler init --connector KEY` writes it; `reconciler connectors refresh` tells how "
        "a sandbox differs. A connector that is not here works with `connectionSpec: {id, version}` and "
        "`flowSpec: {id, version}`. The last column links the pages of Adobe's "
        f"[documentation]({REFERENCES}) that the facts come from.\n",
    ]
    for direction in ("source", "destination"):
        out.append(
            f"\n## {direction.capitalize()}s\n\n| key | name | category | kind | auth | pages |\n"
            "| --- | --- | --- | --- | --- | --- |\n"
        )
        for item in shipped().all():
            if item.direction == direction:
                auth = ", ".join(item.auth_specs) or "none"
                pages = ", ".join(_page(path) for path in item.facts["documents"])
                out.append(f"| `{item.key}` | {item.name} | {item.category} | {item.kind} | {auth} | {pages} |\n")
    return "".join(out)


def _page(path: str) -> str:
    """Return a link to a page of Adobe's documentation; its text tells pages of one name apart."""
    folder, _, name = path.removesuffix(".md").rpartition("/")
    return f"[{folder.rpartition('/')[2]}/{name}]({REFERENCES}/{path})"


def emulator() -> str:
    """Return the page on the emulator: what people wrote, and the table of endpoints from the code."""
    from reconciler.emulator.app import services, specs_folder
    from reconciler.emulator.options import Options
    from reconciler.emulator.specs import Specs
    from reconciler.emulator.storage import Storage

    heading = "## Endpoints\n\n"
    written = (HERE / "emulator.md").read_text(encoding="utf-8").partition(heading)[0]
    out = [written, heading, "<!-- The tables are written by docs/generate.py: run ./run docs. -->\n"]
    storage = Storage(":memory:")
    for service in services(storage, Options(), Specs(specs_folder())):
        out.append(f"\n### {service.title}: `{service.base or '/'}`\n\n| | rules | source |\n| --- | --- | --- |\n")
        for item in service.endpoints():
            path = (item.path or "/").replace("{id:path}", "{id}")
            source = re.sub(r";? ?facts .*", "", item.source) or "tutorials"
            out.append(f"| {item.method} `{path}` | {item.rules} | {source} |\n")
    storage.close()
    out.append("\nNot offered, and why:\n\n")
    for reason, names in _not_offered().items():
        out.append(f"- {reason}: {', '.join(f'`{name}`' for name in names)}\n")
    return "".join(out)


def _not_offered() -> dict[str, list[str]]:
    sys.path.insert(0, str(HERE.parent))
    try:
        from tests.contract.not_offered import NOT_OFFERED
    finally:
        sys.path.pop(0)
    return NOT_OFFERED


def _schema(document: str) -> Callable[[], str]:
    def made() -> str:
        from reconciler.app.schemas import schema_text

        return schema_text(document)

    return made


def picture() -> str:
    """Return the picture of a real plan: two examples are applied, edited and planned again."""
    from rich.console import Console
    from rich.text import Text

    tool = [sys.executable, "-m", "reconciler"]
    with tempfile.TemporaryDirectory() as folder:
        for name in ("customer-io", "kinesis"):
            for file in sorted((HERE.parent / "examples" / name).glob("*.yaml")):
                (Path(folder) / file.name).write_text(file.read_text(encoding="utf-8"), encoding="utf-8")
        env = {
            **os.environ,
            "AEP_PLATFORM_URL": "emulator",
            "RECONCILER_SECRET_KINESIS_ID": "id",
            "RECONCILER_SECRET_KINESIS_KEY": "key",
        }
        subprocess.run([*tool, "apply", "-y"], cwd=folder, env=env, check=True, capture_output=True)
        for name, old, new in (
            ("customer-io.yaml", "sourceAttribute: metric,", "sourceAttribute: data.metric,"),
            (
                "kinesis.yaml",
                "  attributes:\n    - personalEmail.address\n",
                "    - {id: 7841ba61-23c1-4bb3-a495-00d695fe1e93, name: Loyalty members}\n  attributes:\n",
            ),
        ):
            path = Path(folder) / name
            path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
        env["RECONCILER_SECRET_KINESIS_KEY"] = "another key"
        colour = (
            "import sys; sys.stdout.isatty = lambda: True; from reconciler.__main__ import run; sys.exit(run(['plan']))"
        )
        done = subprocess.run(
            [sys.executable, "-c", colour], cwd=folder, env=env, check=True, capture_output=True, text=True
        )
    known = "".join(path.read_text(encoding="utf-8") for path in Path(HERE.parent / "examples").rglob("*.yaml"))
    text = _fixed_ids(done.stdout, known)
    console = Console(record=True, width=142, file=io.StringIO(), force_terminal=True)
    console.print(Text("$ reconciler plan"))
    console.print(Text.from_ansi(text))
    return console.export_svg(title="reconciler plan", unique_id="plan")


def _fixed_ids(text: str, known: str) -> str:
    """Return `text` with the random ids that the emulator gave replaced, so that the picture is the same every time."""
    fixed: dict[str, str] = {}

    def replace(match: re.Match[str]) -> str:
        ident = match[0]
        if ident in known:
            return ident
        digits = hashlib.sha256(str(len(fixed)).encode()).hexdigest()
        letters = iter(digits)
        return fixed.setdefault(ident, "".join(next(letters) if letter != "-" else "-" for letter in ident))

    return re.sub(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}|[0-9a-f]{32}", replace, text)


PAGES: dict[str, Callable[[], str]] = {
    **{f"schemas/{name}.schema.json": _schema(name) for name in ("manifest", "plan", "drift", "validate", "events")},
    "commands.md": commands,
    "manifests.md": manifests,
    "connectors.md": connectors,
    "emulator.md": emulator,
    "kinds.md": kinds,
    "dataprep.md": dataprep.page,
    "plan.svg": picture,
}


def main() -> None:
    """Write every page."""
    (HERE / "schemas").mkdir(exist_ok=True)
    for name, make in PAGES.items():
        (HERE / name).write_text(make(), encoding="utf-8")


if __name__ == "__main__":
    main()
