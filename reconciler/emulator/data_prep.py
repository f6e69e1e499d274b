"""Data Prep: mapping sets and their versions, checks, previews, the language (data-prep.yaml)."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable
from typing import Any

from starlette.responses import Response

from reconciler import dataprep
from reconciler.dataprep.operators import OPERATORS
from reconciler.emulator.options import Options
from reconciler.emulator.storage import Json, Storage
from reconciler.emulator.wire import Ask, Caller, Endpoint, Service, answer, member, message_refusal, new_hex, now_ms
from reconciler.emulator.xdm import Xdm

BASE = "/data/foundation/conversion"
_READ_AS = {"ATTRIBUTE": "text/x.schema-path", "EXPRESSION": "text/x.aep-xl", "STATIC": "text/plain"}
_KINDS = {**_READ_AS, **{media: media for media in _READ_AS.values()}}
_SOURCE = "data-prep.yaml; facts 4"
_ORDERS = {"createdDate": "createdDate", "updatedDate": "modifiedDate", "lastUpdateDate": "modifiedDate"}
_NAMED_FORM = re.compile(r"([+-]?)(\w+)")


class DataPrep(Service):
    """Data Prep over one storage. There are no etags here."""

    base = BASE
    title = "Data Prep"

    def __init__(self, storage: Storage, options: Options, xdm: Xdm) -> None:
        super().__init__(storage)
        self._options = options
        self._xdm = xdm

    def endpoints(self) -> Iterable[Endpoint]:
        """Return the operations."""
        sets = "/mappingSets"
        yield Endpoint("POST", f"{sets}/validate", self.validate, "200 with SUCCESS or FAILED a row", _SOURCE + ".5")
        yield Endpoint("POST", f"{sets}/preview", self.preview, "rows carried out, errors apart", _SOURCE + ".5")
        yield Endpoint("GET", sets, self.browse, "limit, start, name, orderBy", _SOURCE + ".3")
        yield Endpoint("POST", sets, self.create, "200, both vocabularies, ?validate=true", _SOURCE + ".1")
        yield Endpoint("GET", f"{sets}/{{id}}", self.get, "?version, ?expandSchema; else the newest", _SOURCE + ".2")
        yield Endpoint("PUT", f"{sets}/{{id}}", self.put, "a new version; the old ones stay", _SOURCE + ".4")
        yield Endpoint("DELETE", f"{sets}/{{id}}", self.delete, "405, or 200 by a switch", "facts 4.4, 10 (30)")
        yield Endpoint("GET", f"{sets}/{{id}}/mappings", self.rows, "the newest rows", _SOURCE + ".2")
        yield Endpoint("GET", f"{sets}/{{id}}/mappings/{{row}}", self.row, "404", _SOURCE + ".2")
        yield Endpoint("POST", "/schemas", self.make_schema, "ad-hoc schemas: name and jsonSchema", "facts 4.5")
        yield Endpoint("GET", "/schemas/{id}", self.get_schema, "404", "facts 4.5 (inferred)")
        yield Endpoint("POST", "/languages/el/validate", self.check, "succeeded or what is wrong", _SOURCE + ".5")
        yield Endpoint("GET", "/languages/el/functions", self.functions, "the documented ones", _SOURCE + ".6")
        yield Endpoint("GET", "/languages/el/operators", self.operators, "the documented ones", _SOURCE + ".6")

    # -- sets ------------------------------------------------------------------------------------------------
    def create(self, ask: Ask) -> Response:
        """POST a set: 200, not 201."""
        body = self._body(ask)
        if ask.query.get("validate", "").lower() == "true":
            self._demand_valid(ask.who, body)
        return answer(self._store(ask.who, new_hex(32), 0, body, created=None))

    def browse(self, ask: Ask) -> Response:
        """GET a page of sets; its count is 0 on the platform too."""
        limit, start = ask.number("limit", 10, least=1, most=1000), ask.number("start", 0)
        name = ask.query.get("name")
        found = _NAMED_FORM.fullmatch(ask.query.get("orderBy", "-lastUpdateDate").strip())
        if not found or found.group(2) not in _ORDERS:
            raise message_refusal(400, f"orderBy must be one of {sorted(_ORDERS)}, with + or - before it")
        way = "DESC" if found.group(1) == "-" else "ASC"
        data = self.storage.select(
            ask.who.tenant,
            "mappingSets",
            [("name = ?", (name,))] if name else [],
            order=f"json_extract(body, '$.{_ORDERS[found.group(2)]}') {way}, number {way}",
            limit=limit,
            offset=start,
        )
        links = {"next": {"href": f"/mappingSets?start={start + limit}&limit={limit}"}} if len(data) == limit else {}
        return answer({"data": [body for _, body in data], "_page": {"count": 0, "limit": limit}, "_links": links})

    def get(self, ask: Ask) -> Response:
        """GET the newest version, or the one asked for."""
        body = self._newest(ask)
        if "version" in ask.query:
            version = ask.number("version", 0, most=2**31)
            found = self.storage.get_version(ask.who.tenant, ask.id, version)
            if found is None:
                raise message_refusal(404, f"mapping set {ask.id} has no version {version}")
            body = found
        return answer(self._expanded(ask.who, body) if ask.query.get("expandSchema", "").lower() == "true" else body)

    def _expanded(self, who: Caller, body: Json) -> Json:
        ident = member(body, "outputSchema.schemaRef.id")
        schema = self._xdm.resolved(who, str(ident)) if ident else None
        output = {**(body.get("outputSchema") or {}), "jsonSchema": schema or {}}
        return {**body, "outputSchema": output} if ident else body

    def put(self, ask: Ask) -> Response:
        """PUT a new version. Flows stay pinned to the one they have."""
        newest = self._newest(ask)
        made = self._store(ask.who, ask.id, newest["version"] + 1, self._body(ask), created=newest["createdDate"])
        return answer(made if self._options.tutorial_forms else self._newest(ask))

    def delete(self, ask: Ask) -> Response:
        """DELETE is not in the description; one client has it."""
        if not self._options.mapping_sets_deletable:
            raise message_refusal(405, "Method Not Allowed")
        self._newest(ask)
        self.storage.delete(ask.who.tenant, "mappingSets", ask.id)
        self.storage.delete_versions(ask.who.tenant, ask.id)
        return answer({"id": ask.id})

    def rows(self, ask: Ask) -> Response:
        """GET the rows of the newest version."""
        return answer(self._newest(ask)["mappings"])

    def row(self, ask: Ask) -> Response:
        """GET one row of the newest version."""
        wanted = ask.request.path_params["row"]
        for row in self._newest(ask)["mappings"]:
            if row["id"] == wanted:
                return answer(row)
        raise message_refusal(404, f"mapping {wanted} not found")

    def _newest(self, ask: Ask) -> Json:
        found = self.storage.get(ask.who.tenant, "mappingSets", ask.id)
        if found is None:
            raise message_refusal(404, f"mapping set {ask.id} not found")
        return found

    def _body(self, ask: Ask) -> Json:
        body = ask.object()
        _check_rows(body)
        ident = member(body, "outputSchema.schemaRef.id")
        if self._options.strict_references and ident and not self._xdm.find(ask.who, "schemas", str(ident)):
            raise message_refusal(400, f"schema {ident} not found")
        return body

    def _store(self, who: Caller, ident: str, version: int, body: Json, *, created: int | None) -> Json:
        ms = now_ms()
        stored = {
            **{key: value for key, value in body.items() if key not in ("id", "version")},
            "id": ident,
            "version": version,
            "createdDate": created or ms,
            "modifiedDate": ms,
            "createdBy": who.client,
            "modifiedBy": who.client,
            "supportVersion": "1.1",
            "status": "PUBLISHED",
            "mappings": [row_of(row, ms, who) for row in body["mappings"]],
        }
        self.storage.put(who.tenant, "mappingSets", stored, made=ms)
        self.storage.put_version(who.tenant, ident, version, stored)
        return {key: stored[key] for key in ("id", "version", "createdDate", "modifiedDate", "createdBy", "modifiedBy")}

    # -- checks and previews ---------------------------------------------------------------------------------
    def validate(self, ask: Ask) -> Response:
        """POST …/validate: failures come with HTTP 200, one entry a row."""
        body = ask.object()
        _check_rows(body)
        return answer({"validationResponse": [self._verdict(ask.who, body, row) for row in body["mappings"]]})

    def _demand_valid(self, who: Caller, body: Json) -> None:
        for row in body["mappings"]:
            verdict = self._verdict(who, body, row)
            if verdict["errors"]:
                raise message_refusal(400, verdict["errors"][0]["exception"])

    def _verdict(self, who: Caller, body: Json, row: Json) -> Json:
        source, destination = _both(row)
        problem = self._source_problem(row, source) or self._destination_problem(who, body, destination)
        if not problem:
            return {"status": "SUCCESS", "errors": None}
        kind = row.get("sourceType") or "ATTRIBUTE"
        error = {
            "source": source,
            "destination": destination,
            "sourceType": kind,
            "exception": problem,
        }
        return {"status": "FAILED", "errors": [error]}

    def _source_problem(self, row: Json, source: str) -> str | None:
        if _READ_AS.get(row.get("sourceType") or "ATTRIBUTE", row.get("sourceType")) != _READ_AS["EXPRESSION"]:
            return None  # an expression labelled ATTRIBUTE is accepted, though the UI cannot edit it then
        return _problem(source)

    def _destination_problem(self, who: Caller, body: Json, destination: str) -> str | None:
        """A path must be in an ad-hoc output schema; of the registry's, the documents say so nowhere: by a switch."""
        ident = member(body, "outputSchema.schemaRef.id")
        strict = self._options.strict_references
        schema: Any = self._xdm.resolved(who, str(ident)) if ident and strict else None
        if schema is None:
            adhoc = self.storage.get(who.tenant, "adhocSchemas", str(member(body, "outputSchema.id")))
            schema = adhoc and adhoc.get("jsonSchema")
        if not isinstance(schema, dict) or self._xdm.has_path(schema, destination):
            return None
        return f"The destination {destination} is not in the output schema."

    def preview(self, ask: Ask) -> Response:
        """POST …/preview: a list of records gives a list of results; one record one."""
        body = ask.object()
        mapping_set = body.get("mappingSet")
        if not isinstance(mapping_set, dict):
            raise message_refusal(400, "mappingSet is required")
        _check_rows(mapping_set)
        data = body.get("data")
        records = data if isinstance(data, list) else [data]
        ident = member(mapping_set, "outputSchema.schemaRef.id")
        schema = self._xdm.resolved(ask.who, str(ident)) if ident else None
        results = [_previewed(mapping_set["mappings"], record, schema) for record in records]
        return answer(results if isinstance(data, list) else results[0])

    # -- schemas and the language ----------------------------------------------------------------------------
    def make_schema(self, ask: Ask) -> Response:
        """POST an ad-hoc schema, for the mapping sets of file exports."""
        body = ask.object()
        if not isinstance(body.get("jsonSchema"), dict):
            raise message_refusal(400, "jsonSchema is required")
        made = {"id": new_hex(32), "version": 0, "name": body.get("name"), "jsonSchema": body["jsonSchema"]}
        self.storage.put(ask.who.tenant, "adhocSchemas", made, made=now_ms())
        return answer(made)

    def get_schema(self, ask: Ask) -> Response:
        """GET an ad-hoc schema."""
        found = self.storage.get(ask.who.tenant, "adhocSchemas", ask.id)
        if found is None:
            raise message_refusal(404, f"schema {ask.id} not found")
        return answer(found)

    def check(self, ask: Ask) -> Response:
        """POST an expression to check; the description's example nests it once more."""
        expression = ask.object().get("expression")
        if isinstance(expression, dict):
            expression = expression.get("expression")
        if not isinstance(expression, str):
            raise message_refusal(400, "expression is required")
        problem = _problem(expression)
        if not self._options.tutorial_forms:
            return answer(problem is None)
        return answer({"validationStatus": "failed" if problem else "succeeded", "error": problem or "none"})

    def functions(self, ask: Ask) -> Response:
        """GET the functions."""
        return answer([_described(item) for item in dataprep.FUNCTIONS.values()])

    def operators(self, ask: Ask) -> Response:
        """GET the operators."""
        return answer([
            {
                "operatorSymbol": item.symbol, "methodName": item.name, "numberOfOperands": item.operands,
                "description": item.doc, "example": item.example,
            }
            for item in OPERATORS
        ])  # fmt: skip


def _problem(expression: str) -> str | None:
    try:
        dataprep.compile_expression(expression)
    except dataprep.DataPrepError as error:
        return error.message
    return None


_JAVA = {
    "string": "java.lang.String", "integer": "java.lang.Integer", "number": "java.lang.Double",
    "boolean": "java.lang.Boolean", "date": "java.time.ZonedDateTime", "array": "java.util.List",
    "object": "java.util.Map",
}  # fmt: skip


def _described(item: dataprep.Function) -> Json:
    return {
        "category": item.category,
        "function": item.name,
        "description": item.doc,
        "syntax": item.syntax,
        "returns": "",
        "returnType": _JAVA.get(item.returns, "java.lang.Object"),
        "params": [
            {
                "name": one.name, "description": "", "type": one.kind,
                "dataType": _JAVA.get(one.kind, "java.lang.Object"), "position": position,
            }
            for position, one in enumerate(item.parameters, 1)
        ],
        "since": 1,
        "example": "",
        "result": "",
    }  # fmt: skip


def _check_rows(body: Json) -> None:
    rows = body.get("mappings")
    if not isinstance(rows, list):
        raise message_refusal(400, "mappings is required")
    for row in rows:
        if not isinstance(row, dict) or not all(isinstance(text, str) and text for text in _both(row)):
            raise message_refusal(400, "every mapping needs a source and a destination")
        if row.get("sourceType") is not None and row["sourceType"] not in _KINDS:
            raise message_refusal(400, f"sourceType must be one of {sorted(_READ_AS)}")


def _both(row: Json) -> tuple[Any, Any]:
    """Return what a row reads and writes, in any of the documented words (mapping-set.md; lava.md for the third)."""
    source = _first(row, "source", "sourceAttribute", "sourceExpression")
    return source, _first(row, "destination", "destinationXdmPath")


def _first(row: Json, *names: str) -> Any:
    return next((row[name] for name in names if row.get(name) is not None), None)


def row_of(row: Json, ms: int, who: Caller) -> Json:
    """Rows come back in both vocabularies, with media types for kinds; `version` is the server's."""
    source, destination = _both(row)
    kept = {key: value for key, value in copy.deepcopy(row).items() if key != "version"}
    return {
        "identity": False,
        "primaryIdentity": False,
        "functionVersion": 1,
        **kept,
        "id": new_hex(32),
        "version": 0,
        "createdDate": ms,
        "modifiedDate": ms,
        "createdBy": who.client,
        "modifiedBy": who.client,
        "sourceType": _KINDS[row.get("sourceType") or "ATTRIBUTE"],
        "source": source,
        "destination": destination,
        "sourceAttribute": source,
        "destinationXdmPath": destination,
        "matchScore": 0.0,
    }


def _previewed(rows: list[Json], record: Any, schema: Json | None) -> Json:
    """A record as the mapping makes it. A row that cannot be compiled fails like one that has no value."""
    errors: list[Json] = []
    usable: list[dataprep.Row] = []
    for row in rows:
        try:
            dataprep.compile_mapping([dataprep.row_of(row)])
        except dataprep.DataPrepError as error:
            source, destination = _both(row)
            errors.append({"source": source, "destination": destination, "exception": error.message})
        else:
            usable.append(dataprep.row_of(row))
    outcome = dataprep.compile_mapping(usable, schema).apply(record if isinstance(record, dict) else {})
    errors += [
        {"source": one.source, "destination": one.destination, "exception": one.message} for one in outcome.warnings
    ]
    return {"data": dataprep.to_json(outcome.record), "errors": errors}
