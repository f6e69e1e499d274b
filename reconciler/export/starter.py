"""A first manifest for a connector, from what the catalog knows of it: valid as it stands, ready to be filled in."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator

from reconciler.catalog import Connector, Parameter
from reconciler.documents import placeholders as words

_PLAIN = re.compile(r"[A-Za-z_][\w.-]*( [\w.-]+)*")
_WORDS = {"true", "false", "null", "yes", "no", "on", "off"}


def starter(connector: Connector, start: int) -> str:
    """Return a manifest for `connector` as YAML text; a schedule in it begins at `start`, in s since the epoch.

    Words in capitals stand for what only the author knows. Optional parameters are comments.
    """
    name = connector.key
    kind = "SourceDataflow" if connector.direction == "source" else "DestinationDataflow"
    head = [f"# {connector.name}: replace the words in capitals.", *_secret_notes(connector)]
    body = _source(connector, start) if connector.direction == "source" else _destination(connector, start)
    return "\n".join([
        *head, "apiVersion: reconciler/v1", f"kind: {kind}", f"metadata: {{name: {name}}}", "spec:", *body, "",
    ])  # fmt: skip


def _secret_notes(connector: Connector) -> Iterator[str]:
    names = [_secret(connector, item) for item in _login(connector)[1] if item.secret and item.required is not False]
    if names:
        variables = ", ".join("RECONCILER_SECRET_" + name.upper().replace("-", "_") for name in names)
        yield f"# Secrets come from {variables}, unless the project file names other providers."


def _secret(connector: Connector, item: Parameter) -> str:
    return f"{connector.key}-{item.name.lower()}"


def _login(connector: Connector) -> tuple[str, tuple[Parameter, ...]]:
    """Return the first documented way to log in."""
    return next(iter(connector.auth_specs.items()), ("", ()))


# -- sources ---------------------------------------------------------------------------------------------------------
def _source(connector: Connector, start: int) -> Iterator[str]:
    yield "  source:"
    yield f"    connector: {connector.key}"
    yield from _account(connector)
    forms = connector.facts["source"].get("format") or ["json"]
    others = f"    # or {', '.join(forms[1:])}" if forms[1:] else ""
    yield f"    data: {{format: {forms[0]}}}{others}"
    yield from _parameters(connector, "params", connector.parameters(), 4)
    yield "  target:"
    schema = f"https://ns.adobe.com/{words.TENANT}/schemas/{words.SCHEMA}"
    yield f'    schema: {{id: "{schema}"}}    # or {{lookup: {{name: TITLE}}}}'
    yield f"    dataset: {{id: {words.DATASET}}}    # or {{lookup: {{name: NAME}}}}"
    yield "  mapping:"
    yield f"    - {{source: {words.SOURCE_FIELD}, destination: _{words.TENANT}.field}}"
    if connector.facts["schedule"]["use"] == "required":
        yield "  flow:"
        if connector.facts["schedule"].get("incremental") == "delta-column":
            yield "    # what tells new rows from old ones:"
            yield "    # transformations: [{name: Copy, params: {deltaColumn: {name: COLUMN}}}, {name: Mapping}]"
        yield f"    scheduleParams: {{startTime: {start}, frequency: day, interval: 1}}"


def _account(connector: Connector) -> Iterator[str]:
    """The base connection with the first way to log in; the others are named."""
    name, parameters = _login(connector)
    if not connector.needs_connection:
        return
    if not name:
        yield "    connection: {}"
        return
    yield "    connection:"
    yield "      auth:"
    others = ", ".join(other for other in connector.auth_specs if other != name)
    yield f"        specName: {_scalar(name)}{'    # or ' + others if others else ''}"
    yield from _parameters(connector, "params", parameters, 8)


# -- destinations ----------------------------------------------------------------------------------------------------
def _destination(connector: Connector, start: int) -> Iterator[str]:
    exports = connector.facts["exports"]
    selecting = "audiences" in exports
    if not selecting:
        yield "  source:"
        yield "    params:"
        yield "      datasets:"
        yield f"        - {{dataSetId: {words.DATASET}}}    # or {{lookup: {{name: NAME}}}}"
    yield "  target:"
    yield f"    connector: {connector.key}"
    yield from _account(connector)
    yield from _parameters(connector, "params", connector.parameters("audiences" if selecting else "datasets"), 4)
    if not selecting:
        yield "  flow:"
        yield "    scheduleParams:"
        yield "      exportMode: FIRST_FULL_THEN_INCREMENTAL"
        yield "      timeUnit: day"
        yield "      interval: 1"
        yield f"      startTime: {start}"
        return
    yield "  audiences:"
    yield f"    - id: {words.AUDIENCE}    # or name: NAME alone, then it is looked up"
    if exports["audiences"].get("schedule") == "audience-file-export":
        yield "      exportMode: DAILY_FULL_EXPORT"
        yield '      schedule: {frequency: DAILY, triggerType: AFTER_SEGMENT_EVAL, startDate: "2030-01-01"}'
        yield '      filenameTemplate: "%DESTINATION_NAME%_%SEGMENT_ID%_%DATETIME(YYYYMMdd_HHmmss)%"'
    yield "  attributes:"
    yield "    - personalEmail.address"


# -- parameters ------------------------------------------------------------------------------------------------------
def _parameters(connector: Connector, key: str, items: Iterable[Parameter], depth: int) -> Iterator[str]:
    """The required parameters with words to replace, the others as comments."""
    known = list(items)
    if not known:
        return
    blank = " " * depth
    yield f"{blank}{key}:{'' if any(item.required for item in known) else ' {}'}"
    for item in known:
        values = f"    # {' | '.join(item.values)}" if len(item.values) > 1 else ""
        line = f"{item.name}: {_value(connector, item)}"
        yield f"{blank}  {line}{values}" if item.required else f"{blank}  # {line}{values}"


def _value(connector: Connector, item: Parameter) -> str:
    if item.secret:
        return f"${{secret.{_secret(connector, item)}}}"
    if item.values:
        return _scalar(item.values[0])
    samples = {"integer": "1", "number": "1", "boolean": "true", "array": "[]", "object": "{}"}
    return samples.get(item.type or "", words.parameter_word(item.name))


def _scalar(text: str) -> str:
    """Return a text as YAML reads it back: in quotes unless it is plainly a text."""
    return text if _PLAIN.fullmatch(text) and text.lower() not in _WORDS else json.dumps(text)
