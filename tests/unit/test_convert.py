"""Recorded calls as people keep them: shells, pages, Postman, HAR and bare bodies; what becomes of ids and secrets."""

from __future__ import annotations

import contextlib
import json
import re
import shlex
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from reconciler.catalog import shipped
from reconciler.convert.calls import START, UnreadableError, clean, written
from reconciler.convert.conversion import Converted, Input, convert
from reconciler.convert.loose_json import LooseError, balanced_end, parse
from reconciler.convert.script import read
from reconciler.convert.shell import commands
from reconciler.kinds.selectors import SELECTORS

FLOW = "https://platform.adobe.io/data/foundation/flowservice"
KINESIS = {"id": "86043421-563b-46ec-8e6c-e23184711bf6", "version": "1.0"}
PROFILE = {"id": "8a9c3494-9708-43d7-ae3f-cda01e5030e1", "version": "1.0"}
BODY = {"name": "a customer's", "params": {"list": [1, "x // y"], "text": 'say "hi" \\ $HOME `x`'}}
FILES = {"body.json": json.dumps(BODY)}


def attached(name: str) -> str:
    if name not in FILES:
        raise ValueError("it is not read")
    return FILES[name]


def converted(*texts: str, environments: tuple[str, ...] = ()) -> Converted:
    """Convert texts as files named in order."""
    inputs = [Input(f"file{number}", text, attached) for number, text in enumerate(texts)]
    given_environments = [Input("env", text, attached) for text in environments]
    return convert(inputs, given_environments, shipped(), SELECTORS)


def specs(made: Converted) -> dict[str, Any]:
    return {name: yaml.safe_load(item.text)["spec"] for name, item in made.documents.items()}


def post(kind: str, body: Any, answer: Any = None) -> str:
    shown = f"\n{json.dumps(answer)}\n" if answer is not None else "\n"
    return f"curl -X POST {FLOW}/{kind} -d {shlex.quote(json.dumps(body))}{shown}"


# -- shells ----------------------------------------------------------------------------------------------------------
@given(st.lists(st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs", "Co"]), min_size=1)))
def test_words_are_those_of_a_shell(words: list[str]) -> None:
    words = [clean(word) for word in words if not re.search(r"^\s*[\[{\"]", word)]  # a body in JSON ends by itself
    found = next(commands(f"curl -x {shlex.join(words)}"))
    assert found.words == ["-x", *words]


@given(st.text("curl -dXH'\"\\\n{}[]$`^|;&<>#@:/,()=ABC “”‘’", max_size=60))
def test_any_text_is_read_to_its_end(text: str) -> None:
    read(clean(f"curl https://x {text}"), "x", attached)
    read(clean(f"{text} curl -d {text}"), "x", attached)


QUOTED = json.dumps(BODY).replace("'", "'\\''")
DOUBLE = json.dumps(json.dumps(BODY)).replace("$", "\\$").replace("`", "\\`")
ANSI = json.dumps(BODY).replace("\\", "\\\\").replace("'", "\\'")
PRETTY = json.dumps(BODY, indent=2)
URL = f"{FLOW}/connections"
CMD = json.dumps(BODY).replace("\\", "\\\\").replace('"', '\\"').replace('"', '^"')
FORMS = {
    "short": f"curl -X POST {URL} -d '{QUOTED}'",
    "joined": f"curl -sSLXPOST {URL} -d'{QUOTED}'",
    "long": f"curl --location --request POST --url '{URL}' --data-raw '{QUOTED}'",
    "equals": f"curl --request=POST --url={URL} --data={shlex.quote(json.dumps(BODY))}",
    "json": f"curl {URL} --json '{QUOTED}'",
    "double quotes": f"curl {URL} -d {DOUBLE}",
    "ANSI-C": f"curl {URL} -d $'{ANSI}'",
    "an apostrophe in the body": f"curl {URL} \\\n -H 'x: y' \\\n -d '{PRETTY}'",
    "a missing quote": f"curl {URL} \\\n -d '{PRETTY}\n\nThe customer's page goes on with {{braces}}.\n",
    "a missing quote before a fence": f"```shell\ncurl {URL} -d '{PRETTY}\n```\n\nIt's more text.\n",
    "curly quotes": f"curl ‘{URL}’ -d ‘{PRETTY}’",
    "no continuation": f"curl -X POST\n  '{URL}'\n  -H 'x: y'\n  -d '{PRETTY}'",
    "a blank after the continuation": f"curl -X POST \\  \n '{URL}' \\ \n -d '{PRETTY}'",
    "PowerShell": f"curl.exe -X POST `\n  '{URL}' `\n  -d '{PRETTY}'",
    "Windows": f'curl -X POST ^\n  "{URL}" ^\n  -d {DOUBLE}'.replace("\\$", "$").replace("\\`", "`"),
    "Windows, copied from a browser": f'curl ^"{URL}^" ^\n  -X ^"POST^" ^\n  --data-raw ^"{CMD}^"',
    "a heredoc": f"curl {URL} -d @- <<'EOF'\n{PRETTY}\nEOF\necho done",
    "a heredoc in a pipe": f"cat <<'EOF' | curl {URL} -d @-\n{PRETTY}\nEOF",
    "a heredoc in a substitution": f"curl {URL} -d \"$(cat <<'EOF'\n{PRETTY}\nEOF\n)\"",
    "a file": f"curl {URL} -d @body.json",
    "a file by cat": f'curl {URL} -d "$(cat body.json)"',
    "a pipe behind": f"curl -s {URL} -d '{QUOTED}' | jq .id > id.txt",
    "quoted in a page": f"Run this: `curl {URL} -d '{QUOTED}'` and wait.",
    "two in a line": f"curl -s https://example.com/x && curl {URL} -d '{QUOTED}'",
    "next": f"curl https://example.com/x --next {URL} -d '{QUOTED}'",
    "continued in the text": f"as shown in the snippet.curl -X POST \\\n'{URL}' \\\n-d '{PRETTY}\n",
}


@pytest.mark.parametrize("form", FORMS)
def test_a_body_is_read_from_every_form_of_a_command(form: str) -> None:
    calls = [call for call in read(clean(FORMS[form]), "x", attached).calls if "flowservice" in call.url]
    assert [(call.method, call.url) for call in calls] == [("POST", URL)]
    assert calls[0].fault == ""
    body = json.loads(written(json.dumps(calls[0].body, ensure_ascii=False)))
    assert body == BODY


@pytest.mark.parametrize(
    ("command", "url", "body"),
    [
        ('curl $URL/flows -d "{\\"id\\": \\"$ID\\"}"', "{URL}/flows", {"id": "{ID}"}),
        ("curl $URL/flows -d '{\"id\": \"'\"$ID\"'\"}'", "{URL}/flows", {"id": "{ID}"}),
        ("curl $URL/flows -d '{\"id\": \"'$ID'\"}'", "{URL}/flows", {"id": "{ID}"}),
        ("curl ${URL}/flows -d '{\"time\": '$(date +%s)'}'", "{URL}/flows", {"time": "{=date_s}"}),
        ("curl {{base}}/flows -d '{\"n\": {{n}}, \"m\": {M}}'", "{base}/flows", {"n": "{=n}", "m": "{=M}"}),
        ("curl https://x.adobe.io/flows -d <<E @-\n{\"id\": \"$ID\"}\nE", "https://x.adobe.io/flows", {"id": "{ID}"}),
    ],
)  # fmt: skip
def test_variables_are_placeholders(command: str, url: str, body: Any) -> None:
    call = read(clean(command), "x", attached).calls[0]
    assert written(call.url) == url
    shown = re.sub(r"\ue000([^\ue001]*)\ue001", r"{\1}", json.dumps(call.body, ensure_ascii=False))
    assert json.loads(shown) == body


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ("-d @other.json", "it is not read"),
        ("-d @-", "standard input"),
        ("-F file=@x", "multipart"),
        ("-d a=b", "a form"),
        ("-d nothing", "not JSON"),
        ("-d '{{body}}'", "variable body"),
        ("-d '{\"a\" 1}'", "colon"),
        ("-K options", "another file"),
    ],
)
def test_a_body_that_cannot_be_read_is_listed(data: str, reason: str) -> None:
    made = converted(f"\ncurl -X POST {URL} {data}\n")
    (finding,) = made.not_converted
    assert (finding.file, finding.line, finding.call) == ("file0", 2, "POST /data/foundation/flowservice/connections")
    assert reason in finding.reason
    assert made.documents == {}


def test_commented_commands_and_prose_are_no_calls() -> None:
    text = f"# curl {URL} -d '{{}}'\n  # curl {URL}\nUse curl to send it. libcurl {URL}\n"
    assert read(text, "x", attached).calls == []


# -- JSON ------------------------------------------------------------------------------------------------------------
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text("aé\"\\/\n{[]}:,'“ "),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abc:{", min_size=1), inner, max_size=4),
)  # fmt: skip


@given(JSON)
def test_sound_json_is_read_as_it_is(value: Any) -> None:
    text = json.dumps(value, ensure_ascii=False)
    assert parse(text, recorded=True).value == value
    assert parse(f"{text}  // comment", recorded=True).value == value
    if isinstance(value, dict | list):
        assert balanced_end(text, 0) == len(text)


@given(st.text("{}[]\":,'/*#. \nab01\\u“”…" + START, max_size=40))
def test_any_text_is_json_or_an_error(text: str) -> None:
    with contextlib.suppress(LooseError):
        assert 0 < parse(text).end <= len(text)


@pytest.mark.parametrize(
    ("text", "value", "note"),
    [
        ('{"a": 1, /* x */ "b": 2, // y\n}', {"a": 1, "b": 2}, ""),
        ('{"a": 1\n "b": 2}', {"a": 1, "b": 2}, ""),
        ('{"a": "x,\n "b": 2}', {"a": "x", "b": 2}, "closing quote"),
        ('{a: "x", b: y}', {"a": "x", "b": "y"}, "without quotes"),
        ("{“a”: “x”}", {"a": "x"}, ""),
        ('{"a": [1, 2, ...]}', {"a": [1, 2]}, "leaves out"),
        ('{"a": {"b": 1}', {"a": {"b": 1}}, "closing bracket"),
        ('{"a": 1, "a": 2}', {"a": 2}, "'a' appears twice"),
        ('{"a": "https://x//y"}', {"a": "https://x//y"}, ""),
    ],
)
def test_published_json_is_repaired(text: str, value: Any, note: str) -> None:
    parsed = parse(text)
    assert parsed.value == value
    assert note in "; ".join(parsed.notes)


def test_deep_nesting_is_refused() -> None:
    for text in ("[" * 100_000, "[" * 200 + "]" * 200, '{"a":' * 5_000):
        with pytest.raises(LooseError, match="nested"):
            parse(text)
    with pytest.raises(UnreadableError):
        converted("[" * 100_000)


# -- ids -------------------------------------------------------------------------------------------------------------
def chain(*, base: str = "x", source: str = "x", target: str = "x", answers: bool = False) -> str:
    """Return the calls of a Kinesis dataflow, with the ids that later calls use."""

    def answer(ident: str) -> Any:
        return {"id": ident} if answers else None

    selectors: dict[str, Any] = {name: {"selectors": []} for name in ("segmentSelectors", "profileSelectors")}
    return "\n".join([
        post("connections", {"name": "P", "connectionSpec": PROFILE}, answer("c-1")),
        post("sourceConnections", {"name": "S", "connectionSpec": PROFILE, "baseConnectionId": "{BASE}"},
             answer("s-1")),
        post("connections", {"name": "K", "connectionSpec": KINESIS, "auth": {"specName": "x", "params": {}}},
             answer("c-2")),
        post("targetConnections", {"name": "T", "connectionSpec": KINESIS, "baseConnectionId": base,
                                   "params": {"stream": "s", "region": "r"}}, answer("t-1")),
        post("flows", {"name": "The flow", "flowSpec": {"id": "71471eba-b620-49e4-90fd-23f1fa0174d8"},
                       "sourceConnectionIds": [source], "targetConnectionIds": [target],
                       "transformations": [{"name": "GeneralTransform", "params": selectors}]}, answer("f-1")),
    ])  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        chain(base="{BASE}", source="{SOURCE}", target="{TARGET}"),
        chain(base="9b7", source="1c2", target="3d4"),
        chain(base="c-2", source="s-1", target="t-1", answers=True),
        chain(base="{ANY}", source="s-1", target="t-1", answers=True),
    ],
)
def test_calls_belong_together_by_ids_or_as_the_only_ones(text: str) -> None:
    made = converted(text)
    assert made.not_converted == []
    assert list(made.documents) == ["the-flow"]
    spec = specs(made)["the-flow"]
    assert spec["source"] == {"name": "S", "connection": {"name": "P"}}
    assert spec["target"]["connection"]["name"] == "K"
    assert spec["target"]["connector"] == "amazon-kinesis"
    assert made.variables == {}


def test_an_id_that_an_answer_contradicts_is_that_of_an_object_that_exists() -> None:
    made = converted(chain(base="c-9", source="s-1", target="t-1", answers=True))
    assert specs(made)["the-flow"]["target"]["connection"] == {"id": "c-9"}
    assert "k" in made.documents, "the account that nothing uses is a document"


def test_an_ambiguous_id_is_a_variable_and_listed() -> None:
    account = {"name": "K", "connectionSpec": KINESIS, "auth": {"specName": "x", "params": {}}}
    made = converted(post("connections", account) + chain(base="{BASE}", source="{S}", target="{T}"))
    assert specs(made)["the-flow"]["target"]["connection"] == {"id": "${var.base}"}
    (finding,) = [item for item in made.remarks if "variable" in item.reason]
    assert "several creates (file0:1, file0:" in finding.reason
    literal = converted(post("connections", account) + chain(base="no-such", source="{S}", target="{T}"))
    assert literal.variables == {"connection_id_1": "no-such"}


def test_later_calls_change_what_earlier_ones_made() -> None:
    change = [
        {"op": "replace", "path": "/name", "value": "New"},
        {"op": "add", "path": "/transformations/0/params/segmentSelectors/selectors/-",
         "value": {"type": "PLATFORM_SEGMENT", "value": {"id": "a-1", "name": "Readers"}}},
    ]  # fmt: skip
    calls = chain(base="c-2", source="s-1", target="t-1", answers=True)
    patch = f"curl -X PATCH {FLOW}/flows/f-1 -d {shlex.quote(json.dumps(change))}\n"
    made = converted(calls + patch + f"curl -X POST '{FLOW}/flows/f-1/action?op=disable'\n")
    spec = specs(made)["new"]
    assert spec["audiences"] == [{"id": "a-1", "name": "Readers"}]
    assert spec["flow"]["state"] == "disabled"
    gone = converted(calls + f"curl -X DELETE {FLOW}/flows/f-1\n")
    assert "the-flow" not in gone.documents
    assert any("deletes" in item.reason for item in gone.remarks)
    foreign = converted(calls + patch.replace("f-1", "f-2"))
    assert [item.reason for item in foreign.not_converted] == ["it changes an object that none of these calls creates"]


def test_answers_are_found_where_scripts_keep_them() -> None:
    text = chain(base="$ACCOUNT", source="x", target="x").replace("'", "'")
    text = text.replace("curl", "ACCOUNT=$(curl", 3).replace("ACCOUNT=$(curl", "curl", 2)
    text = re.sub(r"(ACCOUNT=.*)", r"\1 | jq -r .id)", text)
    made = converted(text.replace('"$ACCOUNT"', "\"'$ACCOUNT'\""))
    assert specs(made)["the-flow"]["target"]["connection"]["name"] == "K"
    derived = text.replace("ACCOUNT=", "REPLY=").replace(" | jq -r .id)", ")\nACCOUNT=$(echo \"$REPLY\" | jq -r '.id')")
    made = converted(derived.replace('"$ACCOUNT"', "\"'$ACCOUNT'\""))
    assert specs(made)["the-flow"]["target"]["connection"]["name"] == "K"


def test_notes_of_a_page_tell_placeholders() -> None:
    text = post("connections", {"name": "P", "connectionSpec": {"id": "{SPEC}", "version": "1.0"}})
    text += f"`{{SPEC}}`: use the id of the Profile Service, `{PROFILE['id']}`.\n"
    assert specs(converted(text))["p"]["connectionSpec"] == PROFILE


def test_placeholders_that_the_input_settles_have_a_value() -> None:
    lake, name = shipped().fixed_spec("data-lake"), "https://ns.adobe.com/{}/schemas/945546112b746524bfd9f1264b26c2b7"
    target = {
        "name": "T",
        "connectionSpec": lake,
        "data": {"schema": {"id": name.format("acme")}},
        "params": {"dataSetId": "1"},
    }
    mapping = {"outputSchema": {"schemaRef": {"id": name.format("{TENANT_ID}")}}, "mappings": []}
    flow = {"name": "F", "sourceConnectionIds": ["s"], "targetConnectionIds": ["{T}"],
            "transformations": [{"name": "Mapping", "params": {"mappingId": "{M}"}}]}  # fmt: skip
    calls = [post("targetConnections", target), post("x", mapping).replace("flowservice/x", "conversion/mappingSets")]
    assert converted("\n".join([*calls, post("flows", flow)])).variables == {"tenant_id": "acme"}
    params = {"sasKeyName": "{A}", "sasKey": "{KEY_OF_IT}", "namespace": "n"}
    account = {"name": "E", "connectionSpec": {"id": "{_SPEC}"}, "auth": {"specName": "{LOGIN}", "params": params}}
    hub = {"name": "T", "connectionSpec": {"id": "{SPEC}"}, "baseConnectionId": "{BASE}", "params": {}}
    flow = {"name": "F", "sourceConnectionIds": ["s"], "targetConnectionIds": ["{TARGET}"]}
    made = converted(post("connections", account) + post("targetConnections", hub) + post("flows", flow))
    assert made.variables["spec"] == "bf9f5905-92b7-48bf-bf20-455bc6b60a4e"
    assert made.variables["login"] == "Azure EventHub authentication credentials"
    assert any("Event Hubs" in item.reason for item in made.remarks)


# -- schemas and datasets --------------------------------------------------------------------------------------------
REGISTRY = "https://platform.adobe.io/data/foundation/schemaregistry/tenant"
CATALOG = "https://platform.adobe.io/data/foundation/catalog"


def test_schemas_and_datasets_refer_to_each_other() -> None:
    ns = "https://ns.adobe.com/acme"
    body = {"title": "Orders", "type": "object", "allOf": [{"$ref": f"{ns}/classes/x"}, {"$ref": f"{ns}/mixins/1"}]}
    group = {"title": "Order", "type": "object", "meta:intendedToExtend": [f"{ns}/classes/x"],
             "definitions": {"o": {"properties": {}}}, "allOf": [{"$ref": "#/definitions/o"}]}  # fmt: skip
    identity = {"@type": "xdm:descriptorIdentity", "xdm:sourceSchema": f"{ns}/schemas/2", "xdm:sourceProperty": "/id"}
    data = {"name": "Orders", "schemaRef": {"id": f"{ns}/schemas/2", "contentType": "x"}}
    calls = [
        (f"{REGISTRY}/mixins", group, {"$id": f"{ns}/mixins/1"}),
        (f"{REGISTRY}/schemas", body, {"$id": f"{ns}/schemas/2", "meta:altId": "_acme.schemas.2"}),
        (f"{REGISTRY}/descriptors", identity, {"@id": "d"}),
        (f"{CATALOG}/dataSets", data, ["@/dataSets/5ef"]),
    ]
    text = "\n".join(
        f"curl {url} -d {shlex.quote(json.dumps(body))}\n{json.dumps(answer)}" for url, body, answer in calls
    )
    found = specs(converted(text))
    assert found["orders"]["allOf"] == [{"$ref": f"{ns}/classes/x"}, {"ref": "order"}]
    assert found["orders"]["descriptors"] == [{"@type": "xdm:descriptorIdentity", "xdm:sourceProperty": "/id"}]
    assert found["orders-2"]["schemaRef"] == {"ref": "orders", "contentType": "x"}


# -- Postman ---------------------------------------------------------------------------------------------------------
def collection(*items: Any, **more: Any) -> str:
    info = {"schema": "https://schema.getpostman.com/json/collection/v2.1.0/collection.json", "name": "c"}
    return json.dumps({"info": info, "item": [{"name": "folder", "item": list(items)}], **more})


def item(name: str, path: str, raw: str, test: str = "") -> Any:
    return {
        "name": name,
        "event": [{"listen": "test", "script": {"exec": [test]}}],
        "request": {
            "method": "POST",
            "header": [{"key": "Authorization", "value": "Bearer {{ACCESS_TOKEN}}"}],
            "body": {"mode": "raw", "raw": raw},
            "url": {"raw": f"{{{{PLATFORM_GATEWAY}}}}{path}"},
        },
        "response": [],
    }


SCRIPTS = (
    'pm.environment.set("baseConnectionId", pm.response.json().id);',
    "var data = JSON.parse(responseBody); postman.setEnvironmentVariable('baseConnectionId', data[\"id\"])",
)


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_postman_collection_with_an_environment(script: str) -> None:
    account = {"name": "{{name}}", "connectionSpec": KINESIS,
               "auth": {"specName": "x", "params": {"secretKey": "{{awsSecret}}", "region": "{{region}}"}}}  # fmt: skip
    other = {"name": "O", "connectionSpec": KINESIS, "auth": {"specName": "x", "params": {}}}
    target = {"name": "T", "connectionSpec": KINESIS, "baseConnectionId": "{{baseConnectionId}}"}
    flow = {"name": "F", "flowSpec": {"id": "71471eba-b620-49e4-90fd-23f1fa0174d8"}, "sourceConnectionIds": ["s-live"],
            "targetConnectionIds": ["{{targetId}}"], "scheduleParams": {}}  # fmt: skip
    raw = json.dumps(flow).replace('"scheduleParams": {}', '"options": {"limit": {{limit}}}')
    path = "/data/foundation/flowservice"
    text = collection(
        item("account", f"{path}/connections", json.dumps(account), script),
        item("other", f"{path}/connections", json.dumps(other)),
        item("target", f"{path}/targetConnections", json.dumps(target)),
        item("flow", f"{path}/flows", raw),
        item("all", f"{path}/connections", "{{body}}"),
        {"name": "token", "request": {"method": "POST", "url": "https://ims-na1.adobelogin.com/ims/token/v2?client_secret=s"}},
        variable=[{"key": "region", "value": "eu-west-1"}],
    )  # fmt: skip
    values = {"name": "Our Kinesis", "awsSecret": "hush-hush", "limit": "7", "baseConnectionId": "stale", "off": "x"}
    environment = json.dumps(
        {"name": "e", "values": [{"key": k, "value": v, "enabled": k != "off"} for k, v in values.items()]}
    )
    made = converted(text, environments=(environment,))
    found = specs(made)
    assert found["f"]["source"] == {"id": "s-live"}
    assert found["f"]["target"]["connection"]["name"] == "${var.name}"
    assert found["f"]["target"]["connection"]["auth"]["params"] == {
        "secretKey": "${secret.aws-secret}",
        "region": "${var.region}",
    }
    assert made.variables == {"name": "Our Kinesis", "region": "eu-west-1", "limit": 7}
    assert made.tokens == 1
    assert [(finding.line, finding.reason) for finding in made.not_converted] == [(1, "its body cannot be read: it is a variable, or not JSON")]  # noqa: E501  # fmt: skip
    assert "hush-hush" not in repr(made)
    assert "hush-hush" not in "".join(document.text for document in made.documents.values())


def test_the_first_format_of_postman_is_named() -> None:
    with pytest.raises(UnreadableError, match=r"v2\.1"):
        converted(json.dumps({"id": "1", "name": "x", "order": [], "requests": []}))


# -- bare bodies -----------------------------------------------------------------------------------------------------
def test_bare_bodies_are_told_apart_by_their_keys_and_matched_in_any_order() -> None:
    flow = {"name": "F", "flowSpec": {"id": "e77fde5a-22a8-11ed-861d-0242ac120002"}, "sourceConnectionIds": ["1"],
            "targetConnectionIds": ["2"],
            "transformations": [{"name": "Mapping", "params": {"mappingId": "3"}}]}  # fmt: skip
    lake = shipped().fixed_spec("data-lake")
    customer_io = {"id": "96479064-7b8a-4d69-b9ed-21c5683837ea", "version": "1.0"}
    schema = {"id": "https://ns.adobe.com/acme/schemas/1", "version": "v"}
    target = {"name": "T", "connectionSpec": lake, "data": {"schema": schema}, "params": {"dataSetId": "5ef"}}
    source = {"name": "S", "connectionSpec": customer_io, "data": {"format": "json"}}
    mapping = {"outputSchema": {"schemaRef": {"id": schema["id"], "contentType": "v"}},
               "mappings": [{"sourceAttribute": "a", "destinationXdmPath": "b", "identity": False}]}  # fmt: skip
    read_back = {**flow, "id": "f-1", "etag": '"x"', "createdAt": 1, "state": "enabled"}
    for first in (flow, {"items": [read_back]}):
        made = converted(*map(json.dumps, (first, mapping, target, source)))
        assert made.not_converted == []
        spec = specs(made)["f"]
        assert spec["mapping"] == [{"sourceAttribute": "a", "destinationXdmPath": "b", "identity": False}]
        assert spec["source"] == {"name": "S", "connector": "customer-io", "data": {"format": "json"}}
        assert spec["flow"] == {"name": "F"}


def test_a_document_without_a_known_body_is_refused() -> None:
    with pytest.raises(UnreadableError, match="neither calls nor the body"):
        converted('{"hello": "world"}')


# -- secrets ---------------------------------------------------------------------------------------------------------
VALUES = {
    "connectionString": "DefaultEndpointsProtocol=https;AccountName=a;AccountKey=Zm9vYmFyYmF6;EndpointSuffix=x",
    "sasUri": "https://a.blob.core.windows.net/c?sv=2020&sig=aB3%2FxYz012345",
    "privateKey": "-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----",
    "somethingNobodyKnows": "value-of-something",
    "password": "p4ssw0rd!",
    "apiKey": "k-0123456789",
}


@pytest.mark.parametrize("key", VALUES)
def test_no_secret_of_an_account_is_in_the_result(key: str) -> None:
    value = VALUES[key]
    body = {"name": "N", "description": f"with {value}", "connectionSpec": {"id": "1-2", "version": "1.0"},
            "auth": {"specName": "x", "params": {key: value, "host": "example.com", "flag": True}}}  # fmt: skip
    made = converted(post("connections", body))
    params = specs(made)["n"]["auth"]["params"]
    assert params["host"] == "example.com"
    assert params["flag"] is True
    assert re.fullmatch(r"\$\{secret\.n-[a-z-]+\}", params[key]), params[key]
    if key != "somethingNobodyKnows":  # hidden at its place; it may be an ordinary word elsewhere
        assert value not in "".join(document.text for document in made.documents.values())


@pytest.mark.parametrize(
    "value", [*[*VALUES.values()][:3], "Bearer abcdefghijklmnop0123", "https://u:p4ss@example.com/x"]
)
def test_credentials_are_recognized_in_any_text(value: str) -> None:
    made = converted(post("connections", {"name": "N", "connectionSpec": KINESIS, "description": value}))
    assert specs(made)["n"]["description"] == "${secret.n-description}"


def test_a_token_from_a_header_is_hidden_where_it_appears_again() -> None:
    body = {"name": "N", "connectionSpec": KINESIS, "description": "made with tok-0123456789"}
    text = post("connections", body).replace("curl", "curl -H 'Authorization: Bearer tok-0123456789'", 1)
    broken = f"curl -X POST {FLOW}/connections/tok-0123456789/x -d '{{}}'"
    made = converted(text + broken)
    assert specs(made)["n"]["description"] == "made with ${secret.access-token}"
    assert "tok-0123456789" not in repr(made)


def test_platform_syntax_in_mappings_stays() -> None:
    rows = [{"source": "${first.name}", "destination": "a"}, {"source": 'concat(${X}, "{TENANT}")', "destination": "b"}]
    lake, spec = shipped().fixed_spec("data-lake"), {"id": "96479064-7b8a-4d69-b9ed-21c5683837ea"}
    text = "\n".join([
        post("sourceConnections", {"name": "S", "connectionSpec": spec}),
        post("targetConnections", {"name": "T", "connectionSpec": lake, "params": {"dataSetId": "1"}}),
        post("x", {"mappings": rows}).replace("flowservice/x", "conversion/mappingSets"),
        post("flows", {"name": "F", "sourceConnectionIds": ["{S}"], "targetConnectionIds": ["{T}"],
                       "transformations": [{"name": "Mapping", "params": {"mappingId": "{M}", "mappingVersion": 0}}]}),
    ])  # fmt: skip
    found = specs(converted(text))["f"]["mapping"]
    assert found[0]["source"] == "${first.name}"
    assert found[1]["source"] == 'concat($${X}, "${var.tenant}")'


SCRIPT = """export MY_TOKEN=script-value-1
PASSWORD='script-value-2'
DATABASE=postgres://bob:script-value-3@host/db
TOKEN_URL=https://example.com/token
"""
POSTMAN = {"values": [
    {"key": "MY_TOKEN", "value": "script-value-1"}, {"key": "PASSWORD", "value": "script-value-2"},
    {"key": "DATABASE", "value": "script-value-3", "type": "secret"},
    {"key": "TOKEN_URL", "value": "https://example.com/token"},
]}  # fmt: skip


@pytest.mark.parametrize("environment", ["", json.dumps(POSTMAN)], ids=["assigned", "Postman"])
def test_placeholders_with_a_secret_value_or_name_are_secrets_wherever_they_are(environment: str) -> None:
    body = {"name": "n", "connectionSpec": KINESIS,
            "params": {"path": "/x?tok={{MY_TOKEN}}", "word": "{{PASSWORD}}", "db": "{{DATABASE}}",
                       "url": "{{TOKEN_URL}}", "unknown": "{{apiKey}}"}}  # fmt: skip
    text = "" if environment else SCRIPT
    made = converted(text + post("connections", body), environments=(environment,) if environment else ())
    assert specs(made)["n"]["overrides"]["params"] == {
        "path": "/x?tok=${secret.my-token}", "word": "${secret.password}", "db": "${secret.database}",
        "url": "${var.token_url}", "unknown": "${secret.api-key}",
    }  # fmt: skip
    assert made.variables == {"token_url": "https://example.com/token"}
    assert sorted(made.secrets) == ["api-key", "database", "my-token", "password"]


def test_credentials_inside_an_account_are_hidden_at_any_depth() -> None:
    params = {"key": {"private_key": "deep-secret", "pin": 987654321, "list": [123456789]}, "on": True}
    made = converted(post("connections", {"name": "n", "connectionSpec": {"id": "x"}, "auth": {"params": params}}))
    text = made.documents["n"].text
    assert not re.search("deep-secret|987654321|123456789", text)
    assert specs(made)["n"]["auth"]["params"]["on"] is True


def test_a_secret_in_a_name_is_in_no_name_of_a_document() -> None:
    made = converted(post("connections", {"name": "x postgres://bob:hunter-22@host", "connectionSpec": KINESIS}))
    assert not any("hunter" in name for name in made.documents)


def test_a_patch_that_copies_is_left_out() -> None:
    steps = [{"op": "copy", "from": "/list", "path": "/list/-"}] * 64  # 2^64 items
    made = converted(
        post("connections", {"name": "n", "connectionSpec": KINESIS, "list": [1]}, {"id": "c1"})
        + f"curl -X PATCH {URL}/c1 -d {shlex.quote(json.dumps(steps))}\n"
    )
    assert [item.reason for item in made.not_converted] == ["its patch copies a value"]
