"""Recorded calls become manifests that send the same bodies: examples are applied, recorded, converted and compared."""

from __future__ import annotations

import base64
import json
import re
import shlex
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

import pytest
import yaml

from reconciler.convert.calls import filled, written
from reconciler.convert.script import read as script_calls
from tests.conftest import SECRETS, SHARED, Cli, Request, Server

SERVICES = re.compile(r"/(?:flowservice|conversion|catalog|schemaregistry)/")
HOST = "https://platform.adobe.io"


def record(live: Cli, server: Server, examples: Iterable[str]) -> list[Request]:
    """Apply examples and return the exchanges with the platform."""
    for name in examples:
        live.example(name)
    live.ok("apply", "-y", "--no-checks")
    exchanges = list(server.requests)
    live.afresh()
    server.clear()
    return exchanges


def address(item: Request) -> str:
    """Return the address of a call; ids of schemas in it are encoded, which the server has undone."""
    head, sign, ident = item.path.partition("/https:")
    return f"{HOST}{head}{'/' * bool(sign)}{quote(sign[1:] + ident, safe='')}?{item.query}"


def har(exchanges: list[Request]) -> str:
    """Return exchanges as a browser saves them; every other answer in base64."""
    entries = []
    for number, item in enumerate(exchanges):
        content: dict[str, Any] = {"mimeType": "application/json", "text": json.dumps(item.answer)}
        if number % 2:
            content = {"encoding": "base64", "text": base64.b64encode(content["text"].encode()).decode()}
        request: dict[str, Any] = {
            "method": item.method,
            "url": address(item),
            "headers": [{"name": name, "value": value} for name, value in item.headers.items()],
        }
        if item.body is not None:
            request["postData"] = {"mimeType": "application/json", "text": json.dumps(item.body)}
        entries.append({"request": request, "response": {"status": item.status, "content": content}})
    return json.dumps({"log": {"version": "1.2", "entries": entries}})


def script(exchanges: list[Request]) -> str:
    """Return exchanges as curl commands with the answers below."""
    parts = []
    for item in exchanges:
        data = f" \\\n  --data-raw {shlex.quote(json.dumps(item.body, indent=1))}" if item.body is not None else ""
        token = item.headers.get("authorization", "")
        url = shlex.quote(address(item))
        parts.append(
            f"curl -sSX {item.method} {url} \\\n  -H 'Authorization: {token}'{data}\n{json.dumps(item.answer)}\n"
        )
    return "\n".join(parts)


def collection(exchanges: list[Request]) -> str:
    """Return exchanges as a Postman collection with saved responses, in two folders."""
    items = [
        {
            "name": f"call {number}",
            "request": {
                "method": item.method,
                "header": [{"key": "Authorization", "value": item.headers.get("authorization", "")}],
                "url": {"raw": address(item)},
                **({"body": {"mode": "raw", "raw": json.dumps(item.body)}} if item.body is not None else {}),
            },
            "response": [{"code": item.status, "body": json.dumps(item.answer)}],
        }
        for number, item in enumerate(exchanges)
    ]
    half = len(items) // 2
    return json.dumps({
        "info": {"name": "x", "schema": "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"},
        "item": [{"name": "first", "item": items[:half]}, {"name": "second", "item": items[half:]}],
    })  # fmt: skip


FORMS = {"recording.har": har, "calls.sh": script, "calls.postman_collection.json": collection}


def sent(exchanges: list[Request], secrets: Mapping[str, str]) -> list[str]:
    """Return the bodies of the creates, ids of earlier answers by what they name, secrets masked; sorted."""
    names: dict[str, str] = {}
    bodies = []
    for item in exchanges:
        collection_name = item.path.rpartition("/")[2]
        if item.method != "POST" or not SERVICES.search(item.path) or collection_name in ("validate", "action"):
            continue
        text = json.dumps(item.body, sort_keys=True)
        if "jsonSchema" in item.body:  # the columns of a file export, which have no name of the author's
            text = json.dumps(item.body["jsonSchema"], sort_keys=True)
        for value, name in {**names, **secrets}.items():
            text = text.replace(json.dumps(value), json.dumps(name))
        bodies.append(f"{collection_name} {text}")
        answer = item.answer if isinstance(item.answer, dict) else {"id": str((item.answer or [""])[0])}
        for key in ("id", "$id", "meta:altId"):
            if answer.get(key):
                plain = str(answer[key]).removeprefix("@/dataSets/")
                names[plain] = f"{collection_name} {text}"
    return sorted(bodies)


@pytest.mark.parametrize(
    "examples",
    [("customer-io", "kinesis", "http-api"), ("s3-loyalty", "s3-audiences"), ("dataset-export", "mapping-tests")],
    ids=" ".join,
)
def test_a_recorded_apply_converts_to_manifests_that_send_the_same(
    live: Cli, server: Server, examples: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    exchanges = record(live, server, examples)
    texts = []
    for name, write in FORMS.items():
        live.write(name, write(exchanges))
        done = live.ok("convert", name, "--format", "json")
        result = done.json()
        assert result["notConverted"] == [], result["notConverted"]
        texts.append([(item["name"], item["text"]) for item in result["documents"]])
        for value in SECRETS.values():
            assert value not in done.out + done.err
    assert texts[0] == texts[1] == texts[2]
    live.ok("convert", "recording.har", "--out", "made")
    for name in result["secrets"]:
        monkeypatch.setenv(f"RECONCILER_SECRET_{name.upper().replace('-', '_')}", f"secret of {name}")
    live.ok("validate", "made")
    monkeypatch.setenv("AEP_SANDBOX", "another")
    live.ok("apply", "made", "-y", "--no-checks")
    values = {f"secret of {name}": "(secret)" for name in result["secrets"]}
    assert sent(list(server.requests), values) == sent(exchanges, dict.fromkeys(SECRETS.values(), "(secret)"))


SEEDS = SHARED / "seeds"
IDS = ("baseConnectionId", "sourceConnectionIds", "targetConnectionIds", "transformations")


@pytest.mark.parametrize("seed", ["customer-io-source.txt", "streaming-destinations.txt"])
def test_a_published_tutorial_applies_as_it_is(
    live: Cli, server: Server, seed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not (SEEDS / seed).is_file():
        pytest.skip("the tutorials are not beside this checkout")
    live.ok("convert", SEEDS / seed, "--out", "made")
    monkeypatch.setenv("RECONCILER_SECRET_SAS_KEY", "{SAS_KEY}")
    live.ok("apply", "made", "-y", "--no-checks")
    values = yaml.safe_load((live.folder / "made" / "reconciler.yaml").read_text())["spec"]["variables"]
    calls = script_calls((SEEDS / seed).read_text(encoding="utf-8"), seed, lambda name: name).calls
    printed = []
    for call in calls:
        if call.method == "POST":
            shown = written(json.dumps(filled(call.body, call.values), ensure_ascii=False))
            for name, value in values.items():
                shown = re.sub(rf"\{{_?{name.upper()}\}}", lambda _, value=value: str(value), shown)  # type: ignore[misc]
            printed.append({key: value for key, value in json.loads(shown).items() if key not in IDS})
    sent_bodies = [item.body for item in server.writes() if item.method == "POST" and SERVICES.search(item.path)]
    made = [{key: value for key, value in body.items() if key not in IDS} for body in sent_bodies]
    assert _sorted(made) == _sorted(printed)


def _sorted(bodies: list[Any]) -> list[str]:
    return sorted(json.dumps(body, sort_keys=True) for body in bodies)
