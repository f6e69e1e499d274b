"""The JSON Schema of manifests, for editors: from the models that check them, and from the catalog."""

from __future__ import annotations

import ast
import inspect
import itertools
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from reconciler.catalog import Catalog
from reconciler.config.project import ProjectSpec
from reconciler.config.variables import Variable
from reconciler.core.selector import Selectors, of_documents
from reconciler.documents import blocks, mapping_blocks
from reconciler.documents._selections import member_forms, spec_model
from reconciler.documents.dataset import DatasetSpec
from reconciler.documents.document import ANNOTATIONS, API_VERSION, NAME
from reconciler.documents.field_group import FieldGroupSpec
from reconciler.documents.load import document_kinds
from reconciler.documents.schema import SchemaSpec
from reconciler.kinds.dataset_labels import Labels

Json = dict[str, Any]

OPEN: Mapping[tuple[str, str], tuple[type[BaseModel] | type[str], ...]] = {
    ("Endpoint", "connection"): (blocks.Account, blocks.ExternalRef),
    ("SourceEndpoint", "connection"): (blocks.Account, blocks.ExternalRef),
    ("DatasetTarget", "schema"): (blocks.SchemaRef, SchemaSpec),
    ("DatasetTarget", "dataset"): (blocks.DatasetRef, DatasetSpec),
    ("SourceDataflowSpec", "mapping"): (mapping_blocks.MappingBlock,),
    ("DestinationDataflowSpec", "primaryFields"): (str, blocks.PrimaryField),
    ("DatasetSpec", "labels"): (Labels,),
    ("SchemaSpec", "fieldGroups"): (str, blocks.ExternalRef, FieldGroupSpec),
}
"""The contents of fields that the models leave open, because the content decides how it is read."""

_DESCRIPTIONS = {
    "reconciler/prevent-destroy": '"true": never deleted or replaced, also when this manifest goes',
    "reconciler/allow-data-loss": '"true": data may be lost with it',
    "reconciler/ignore-changes": "JSON pointers into spec, comma separated, that are left alone after the creation",
}
_FILLED_IN = {"$ref": "#/definitions/Interpolated"}
_OPTIONAL_NULL = {"type": "null"}


def json_schema(catalog: Catalog, selectors: Selectors) -> Json:
    """Return one JSON Schema (draft 7, which every editor reads) for every kind of document.

    `selectors` are the lists that dataflows hand out.
    Any value but a text may be `${var.NAME}` and the like. The parameters of each connector in `catalog` are known.
    """
    kinds: dict[str, type[BaseModel]] = {kind: found.model for kind, found in sorted(document_kinds().items())}
    kinds["Project"] = ProjectSpec
    destination = spec_model(selectors)
    kinds["DestinationDataflow"] = destination
    lists = {(destination.__name__, row.document_field): member_forms(row) for row in of_documents(selectors)}
    opened = {**OPEN, **lists}
    inner = {model for held in opened.values() for model in held if issubclass(model, BaseModel)}
    models: list[type[BaseModel]] = sorted({*kinds.values(), *inner, Variable}, key=lambda model: model.__name__)
    _, top = models_json_schema([(model, "validation") for model in models], ref_template="#/definitions/{model}")
    definitions: Json = {name: _tidy(found) for name, found in top["$defs"].items()}
    _describe(definitions, models)
    for (name, field), holds in opened.items():
        _open(definitions[name]["properties"], field, holds)
    _variables(definitions)
    _meta(definitions)
    for definition in definitions.values():
        properties = definition.get("properties", {})
        definition["properties"] = {name: _or_filled_in(found) for name, found in properties.items()}
    definitions["Interpolated"] = {"type": "string", "pattern": r"\$\{(var|env|secret)\."}
    _connectors(definitions, catalog)
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "reconciler manifest",
        "type": "object",
        "required": ["apiVersion", "kind", "metadata", "spec"],
        "additionalProperties": False,
        "properties": {
            "apiVersion": {"const": API_VERSION},
            "kind": {"enum": list(kinds), "description": "What the document is about."},
            "metadata": _metadata(),
            "spec": {"type": "object", "description": "The content of the document, by its kind."},
        },
        "allOf": [_if("kind", kind, {"spec": _to(model.__name__)}) for kind, model in kinds.items()],
        "examples": [found.example for found in document_kinds().values()],
        "definitions": definitions,
    }


def _metadata() -> Json:
    texts = {"type": "object", "additionalProperties": {"type": "string"}}
    known = {name: {"type": "string", "description": _DESCRIPTIONS[name]} for name in ANNOTATIONS}
    return {
        "type": "object",
        "required": ["name"],
        "additionalProperties": False,
        "properties": {
            "name": {
                "type": "string",
                "pattern": f"^{NAME.pattern}$",
                "description": "Unique in the project: lower-case letters, digits and inner hyphens.",
                "examples": ["customer-io"],
            },
            "labels": {**texts, "description": "What --select and policies ask for.", "examples": [{"owner": "crm"}]},
            "annotations": {**texts, "properties": known, "description": "What the tool is to mind."},
        },
    }


def _tidy(node: Any) -> Any:
    """Return a schema without pydantic's titles; what stands beside a reference goes round it, as draft 7 wants."""
    if isinstance(node, list):
        return [_tidy(item) for item in node]
    if not isinstance(node, dict):
        return node
    kept = {
        key: ({name: _tidy(item) for name, item in value.items()} if key == "properties" else _tidy(value))
        for key, value in node.items()
        if key != "title" or isinstance(value, dict)
    }
    if "$ref" in kept and len(kept) > 1:
        kept["allOf"] = [{"$ref": kept.pop("$ref")}]
    return kept


# -- what fields are for -------------------------------------------------------------------------------------------
def field_docs(model: type[BaseModel]) -> dict[str, str]:
    """Return what the author of a model wrote below each of its fields, by manifest name; those of its bases too."""
    found: dict[str, str] = {}
    for base in reversed(model.__mro__):
        if issubclass(base, BaseModel) and base is not BaseModel:
            found |= dict(_written(base))
    return {(field.alias or name): found[name] for name, field in model.model_fields.items() if name in found}


def _written(model: type[BaseModel]) -> Iterator[tuple[str, str]]:
    tree = ast.parse(inspect.getsource(sys.modules[model.__module__]))
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == model.__name__]
    body = classes[0].body if classes else []  # a model that is made at run time describes its fields itself
    for before, node in itertools.pairwise(body):
        if (
            isinstance(before, ast.AnnAssign)
            and isinstance(before.target, ast.Name)
            and isinstance(node, ast.Expr)
            and isinstance(node.value, ast.Constant)
            and isinstance(node.value.value, str)
        ):
            yield before.target.id, node.value.value


def _describe(definitions: Json, models: Sequence[type[BaseModel]]) -> None:
    waiting = list(models)
    seen: set[type[BaseModel]] = set()
    while waiting:
        model = waiting.pop()
        if model in seen:
            continue
        seen.add(model)
        waiting += [inner for field in model.model_fields.values() for inner in models_in(field.annotation)]
        for name, text in field_docs(model).items():
            definitions[model.__name__]["properties"][name]["description"] = text


def models_in(annotation: Any) -> list[type[BaseModel]]:
    """Return the models that an annotation speaks of."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [found for part in getattr(annotation, "__args__", ()) for found in models_in(part)]


# -- what is left open ---------------------------------------------------------------------------------------------
def _open(properties: Json, field: str, holds: Sequence[type[BaseModel] | type[str]]) -> None:
    before = properties[field]
    forms: list[Json] = [{"type": "string"} if model is str else _to(model.__name__) for model in holds]
    options = before.get("anyOf", [before])
    if any(option.get("type") == "array" for option in options):
        rows = [option for option in options if option.get("type") == "array"]
        if len(options) > 2:  # rows, or a block instead of rows
            forms = [*rows, *forms]
        else:
            forms = [{"type": "array", "items": {"anyOf": forms}}]
    if _OPTIONAL_NULL in options:
        forms.append(_OPTIONAL_NULL)
    properties[field] = {"anyOf": forms, "description": before["description"]}


def _meta(definitions: Json) -> None:
    """Turn the field that stands for any `meta:…` member into a pattern."""
    for definition in definitions.values():
        found = definition.get("properties", {}).pop("meta:", None)
        if found is not None:
            definition["patternProperties"] = {"^meta:": {"description": found["description"]}}


def _variables(definitions: Json) -> None:
    declared = {"anyOf": [_to("Variable"), {"not": {"type": "object", "required": ["type"]}}]}
    definitions["ProjectSpec"]["properties"]["variables"]["additionalProperties"] = declared


def _or_filled_in(found: Json) -> Json:
    """Return the schema of a field that may be `${var.x}` instead; texts may hold that anyway."""
    if found.get("type") == "string" and "enum" not in found and "const" not in found:
        return found
    rest = {key: value for key, value in found.items() if key in ("description", "default", "examples")}
    inner = {key: value for key, value in found.items() if key not in rest}
    if not inner:
        return found
    options = inner["anyOf"] if inner.keys() == {"anyOf"} else [inner]
    if any(option.get("type") == "string" and len(option) == 1 for option in options):
        return found
    return {"anyOf": [*options, _FILLED_IN], **rest}


# -- connectors ----------------------------------------------------------------------------------------------------
def _connectors(definitions: Json, catalog: Catalog) -> None:
    """Add, for each connector, what its parameters and ways to log in are, where a block names it."""
    places = {"source": ("SourceEndpoint",), "destination": ("Endpoint",)}
    keys: dict[str, list[str]] = {}
    for connector in catalog.all():
        direction, key = connector.direction, connector.key
        name = f"{direction}/{key}"
        params = _parameters([item for export in connector.exports or ("audiences",)
                              for item in connector.parameters(export)])  # fmt: skip
        definitions[f"{direction}-{key}-parameters"] = params
        definitions[f"{direction}-{key}-login"] = _login(connector.auth_specs)
        login = {"properties": {"auth": _to(f"{direction}-{key}-login")}}
        for place in (*places[direction], "ConnectionSpec"):
            inside = {"params": _to(f"{direction}-{key}-parameters"), "connection": login}
            if place == "ConnectionSpec":
                inside = {"auth": _to(f"{direction}-{key}-login")}
            definitions[place].setdefault("allOf", []).append(_if("connector", (key, name), inside))
            keys.setdefault(place, []).extend((key, name) if place == "ConnectionSpec" else (key,))
    for place, words in keys.items():
        found = definitions[place]["properties"]["connector"]
        prefixed = {"type": "string", "pattern": "^(source|destination)/"}
        found["anyOf"] = [{"enum": sorted(set(words))}, prefixed, _FILLED_IN, _OPTIONAL_NULL]


def _parameters(parameters: Sequence[Any]) -> Json:
    properties: Json = {}
    for item in parameters:
        field: Json = {"type": item.type} if item.type in ("integer", "number", "boolean", "array", "object") else {}
        if item.values:
            field = {"enum": list(item.values)}
        text = "Required." if item.required else "Optional." if item.required is False else ""
        if item.secret:
            text += " A secret: write ${secret.NAME}."
        options = {"anyOf": [field, _FILLED_IN]} if field else {}
        properties[item.name] = {**options, "description": text.strip() or "Not documented whether it is required."}
    return {"type": "object", "properties": properties}


def _login(specs: Mapping[str, Sequence[Any]]) -> Json:
    if not specs:
        return {}
    return {
        "properties": {"specName": {"anyOf": [{"enum": list(specs)}, {"type": "string"}]}},
        "allOf": [_if("specName", name, {"params": _parameters(items)}) for name, items in specs.items()],
    }


def _to(name: str) -> Json:
    return {"$ref": f"#/definitions/{name}"}


def _if(key: str, value: str | tuple[str, str], then: Json) -> Json:
    wanted = {"const": value} if isinstance(value, str) else {"enum": list(value)}
    return {
        "if": {"properties": {key: wanted}, "required": [key]},
        "then": {"properties": then},
    }
