"""A canary goes through every command, format, error and crash; afterwards every byte that was written is searched.

It is looked for plain, in base64 (at any place of a longer text, URL-safe too), URL-encoded, JSON-escaped, as Python
writes it, and backwards.
"""

from __future__ import annotations

import base64
import json
import re
import shlex
import subprocess
import sys
import urllib.parse
from pathlib import Path
from typing import Any

import pytest

from reconciler.cli.main import COMMANDS
from reconciler.core.values import Clear, Secret
from reconciler.secrets.redaction import RESULTS, Redactor
from tests.cli.test_project import project
from tests.conftest import FLOW, Cli, Request, Result, Server
from tests.wire.test_faults import Once

CANARY = 'cänary "7+/\\=& öÿ?~9f31'
CLIENT = "canary-client-77aa"
TOKEN = "canary-token-5d0e"
COMMON = ("--settle", "0.1")


def forms(value: str) -> set[str]:
    """Return every way in which the value would still be readable; worked out without the tool's own code."""
    raw = value.encode()
    found = {
        value,
        value[::-1],
        repr(value)[1:-1],
        json.dumps(value)[1:-1],
        json.dumps(value, ensure_ascii=False)[1:-1],
    }
    found |= {urllib.parse.quote(value, safe=""), urllib.parse.quote_plus(value), raw.hex(), str(raw)[2:-1]}
    for start in range(3):  # whole triplets from each place: they look the same wherever they stand
        part = raw[start : start + (len(raw) - start) // 3 * 3]
        found |= {base64.b64encode(part).decode(), base64.urlsafe_b64encode(part).decode()}
    return found


FORMS = {form.encode() for value in (CANARY, CLIENT, TOKEN) for form in forms(value)}


class Watch:
    """Keeps what commands print, and searches it and every file of the project."""

    def __init__(self, cli: Cli, sources: tuple[str, ...] = ()) -> None:
        self.cli, self.sources = cli, sources
        self.seen: list[tuple[str, bytes]] = []

    def __call__(self, *args: str) -> Result:
        """Run a command and look at what it printed and wrote."""
        done = self.cli(*args)
        self.look(" ".join(args), done.out + done.err)
        return done

    def look(self, what: str, text: str = "") -> None:
        """Search a text and all files."""
        self.seen.append((what, text.encode()))
        for path in self.cli.folder.rglob("*"):
            if path.is_file() and path.name not in self.sources:
                self.seen.append((f"{what}: {path.name}", path.read_bytes()))
        for where, data in self.seen:
            for form in FORMS:
                assert form not in data, f"{form!r} after {where}"
        self.seen.clear()


@pytest.fixture
def watch(live: Cli, monkeypatch: pytest.MonkeyPatch) -> Watch:
    """A project with a destination and a source, the canary its key, in two environments."""
    live.example("kinesis")
    live.example("customer-io")
    project(live, "variables: {region: r, stream: s}\nenvironments: {dev: {sandbox: dev}, prod: {sandbox: prod}}")
    monkeypatch.setenv("RECONCILER_SECRET_KINESIS_KEY", CANARY)
    return Watch(live)


def recordings(folder: Path) -> list[Path]:
    """Write recorded calls that hold secrets wherever they can: headers, accounts, addresses, texts, broken bodies."""
    account = {
        "name": f"account of {CANARY}",
        "connectionSpec": {"id": "86043421-563b-46ec-8e6c-e23184711bf6", "version": "1.0"},
        "auth": {"specName": "unknown", "params": {"secretKey": CANARY, "nobodyKnowsThis": CANARY}},
    }
    url = "https://platform.adobe.io/data/foundation/flowservice/connections"
    headers = {"Authorization": f"Bearer {TOKEN}", "x-api-key": CLIENT}
    patch = [{"op": "replace", "path": "/auth/params", "value": {"secretKey": CANARY}}]
    calls = [("POST", url, account), ("PATCH", f"{url}/{urllib.parse.quote(CANARY, safe='')}", patch)]
    lines = [f"export SECRET={shlex.quote(CANARY)}", f"curl -u x:{shlex.quote(CANARY)} '{url}?token={TOKEN}' -d '[]'"]
    entries = []
    for method, address, body in calls:
        given = " ".join(f"-H {shlex.quote(f'{name}: {value}')}" for name, value in headers.items())
        lines.append(f"curl -X {method} {shlex.quote(address)} {given} -d {shlex.quote(json.dumps(body))}")
        lines.append(f"curl -X {method} {shlex.quote(address)} {given} -d {shlex.quote(f'broken {CANARY}')}")
        named = [{"name": name, "value": value} for name, value in headers.items()]
        request = {"method": method, "url": address, "headers": named, "postData": {"text": json.dumps(body)}}
        entries.append({"request": request, "response": {"status": 201, "content": {"text": '{"id": "c-1"}'}}})
    (folder / "calls.sh").write_text("\n".join(lines), encoding="utf-8")
    (folder / "calls.har").write_text(json.dumps({"log": {"entries": entries}}), encoding="utf-8")
    (folder / "calls.json").write_text(json.dumps(account, ensure_ascii=False), encoding="utf-8")
    return [folder / f"calls.{suffix}" for suffix in ("sh", "har", "json")]


def everything(watch: Watch, *more: str) -> None:
    """Run every command there is on an applied project."""
    # a rule that prints all it sees sees no secret
    watch.cli.write("_rules.yaml", 'rules: [{name: r, warn: "resources[].{address: to_string(@)}", message: all}]')
    env = ("--env", "dev", *more)
    for form in ("text", "json", "sarif", "junit"):
        watch("validate", *env, "--format", form)
    watch("fmt")
    watch("schema")
    for form in ("text", "json", "markdown", "html"):
        watch("plan", *env, "--verbose", "--format", form)
    for form in ("text", "json"):
        watch("plan", "--env", "all", "--format", form, *more)
        watch("promote", "dev", "prod", "--format", form, *more)
    assert watch("plan", *env, "--out", "first.plan").code == 0
    for form in ("text", "json", "markdown", "html"):
        watch("show", "first.plan", *env, "--format", form, "--verbose")
    watch("plan", *env, "--policy", "_rules.yaml")
    for form in ("dot", "mermaid", "svg"):
        watch("graph", *env, "--format", form)
        watch("graph", "first.plan", *env, "--format", form)
        watch("graph", *env, "--format", form, "--plan")
    assert watch("apply", "-y", *env, "--verbose", *COMMON).code == 0
    for form in ("text", "json"):
        watch("drift", *env, "--format", form, "--verbose")
        watch("outputs", *env, "--format", form)
        watch("state", "show", "kinesis-summer/target/connection", *env, "--format", form)
        watch("status", *env, "--format", form)
        watch("doctor", *env, "--format", form, "--verbose")
    for form in ("markdown", "junit", "sarif"):
        watch("drift", *env, "--format", form, "--unmanaged", "--metrics", "drift.prom")
    watch("drift", *env, "--patch")
    watch("outputs", *env, "--format", "env")
    watch("outputs", "kinesis-summer.state", *env)
    watch("open", "kinesis-summer", *env, "--print")
    watch("drift", *env, "--format", "jsonl", "--unmanaged")
    watch("show", *env)
    watch("state", "list", *env)
    watch("state", "pull", *env)
    watch("snapshot", *env, "--out", "dev.snapshot", "--verbose")
    watch("plan", *env, "--snapshot", "dev.snapshot", "--verbose")
    flow = json.loads((watch.cli.folder / "state" / "dev.json").read_text())["resources"]["kinesis-summer/flow"]["id"]
    watch("state", "rm", "kinesis-summer", *env)
    watch("import", "kinesis-summer/flow", flow, *env)
    watch("adopt", "-y", *env)
    watch("export", *env, "--verbose")
    watch("apply", "--refresh-only", "-y", *env)
    watch("state", "rebuild", "-y", *env)
    watch("apply", "-y", *env, *COMMON, "--send-secrets", "--format", "jsonl")
    watch("state", "mv", "kinesis-summer", "moved", *env)
    watch("state", "unlock", *env)
    watch("state", "unlock", "--id", "nobody", *env)
    watch("state", "migrate", "--from", "{backend: local, path: elsewhere}", *env)
    for recording in recordings(watch.cli.folder.parent):
        for form in ("text", "json"):
            watch("convert", str(recording), "--format", form, *more)
        watch("convert", str(recording), "--out", f"_converted-{recording.suffix[1:]}", "--verbose", *more)
    watch("connectors", "list")
    watch("connectors", "show", "destination/amazon-kinesis")
    watch("test", *env, "--coverage")
    watch("preview", "kinesis-summer", *env, "--input", "none.json")
    watch("eval", "now()", *env)
    watch("plan", *env, "--destroy")
    watch("destroy", "-y", *env)


def test_through_every_command(watch: Watch, server: Server) -> None:
    everything(watch)
    accounts = [body for body in server.bodies("POST", f"{FLOW}/connections") if "auth" in body]
    assert accounts[0]["auth"]["params"]["secretKey"] == CANARY, "it did arrive, whole"
    tried = {"init", "emulator"} | set(re.findall(r'watch\("(\w+)"', Path(__file__).read_text(encoding="utf-8")))
    assert tried == set(COMMANDS), "init and emulator take no secret; every other command is in the list above"


def test_on_the_embedded_emulator(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AEP_PLATFORM_URL", "AEP_CLIENT_ID", "AEP_CLIENT_SECRET"):
        monkeypatch.delenv(name)
    everything(watch, "--emulator")
    assert watch("apply", "-y", "--env", "dev", "--emulator").code == 0
    held = b"".join(path.read_bytes() for path in (watch.cli.folder / "state").glob("emulator.db*"))
    assert b"Amazon Kinesis target connection" in held, "what was searched is where the emulator keeps its objects"


def test_with_a_token_from_outside(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AEP_ACCESS_TOKEN", TOKEN)
    assert watch("apply", "-y", "--env", "dev", "--verbose").code == 0


# -- errors -------------------------------------------------------------------------------------------------------
def echoes(request: Request) -> Any:
    """Answer as a talkative platform: all it was sent, in every form."""
    if FLOW not in request.path or request.method == "GET":
        return None
    said = [json.dumps(request.body), json.dumps(request.body, ensure_ascii=False), repr(request.body)]
    for value in (CANARY, f"AKIA:{CANARY}", f"x{CANARY}"):
        said += [base64.b64encode(value.encode()).decode(), base64.urlsafe_b64encode(value.encode()).decode()]
    said += [urllib.parse.quote(CANARY, safe=""), urllib.parse.quote_plus(CANARY), str(request.headers)]
    return 400, [], {"message": " and ".join(said)}


def test_a_platform_that_repeats_what_it_was_sent(watch: Watch, server: Server) -> None:
    server.before.append(echoes)
    failed = watch("apply", "-y", "--env", "dev", "--verbose", *COMMON, "--format", "jsonl")
    assert failed.code == 1
    assert failed.err.count("(sensitive)") > 5
    assert failed.out.count("(sensitive)") > 5
    server.before.remove(echoes)

    def broken(request: Request) -> Any:
        return (500, [], {"message": f"oops {json.dumps(request.body)}"}) if request.method == "POST" else None

    server.before.append(broken)
    assert watch("apply", "-y", "--env", "dev", "--verbose", *COMMON).code == 1


@pytest.mark.processes
def test_on_a_narrow_terminal(watch: Watch, server: Server) -> None:
    """Lines are broken to fit the terminal: a secret in them is taken out before that."""
    import fcntl
    import os
    import pty
    import struct
    import termios

    def refused(seen: Request) -> Any:
        if seen.method != "POST" or seen.path != f"{FLOW}/connections" or "auth" not in seen.body:
            return None
        said = " ".join(f"{'.' * width} {CANARY}" for width in range(30))
        return 400, [], {"message": f"{said} {base64.b64encode(CANARY.encode()).decode()}"}

    server.before.append(refused)
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 37, 0, 0))
    command = [sys.executable, "-m", "reconciler", "apply", "-y", "--env", "dev", "--verbose"]
    printed = b""
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, cwd=watch.cli.folder) as process:
        os.close(theirs)
        while True:
            try:
                part = os.read(ours, 65536)
            except OSError:  # the other side is closed
                break
            if not part:
                break
            printed += part
    os.close(ours)
    assert process.returncode == 1
    flat = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|[\r\n]", "", printed.decode())
    assert "connection: create" in flat
    assert flat.count("(sensitive)") > 30
    watch.look("a terminal", flat)


def test_a_connection_that_cannot_log_in_and_a_conflict(watch: Watch, server: Server) -> None:
    told = (200, [], {"result": False, "message": CANARY})
    server.before.append(lambda seen: told if seen.path.endswith("/test") else None)
    assert watch("apply", "-y", "--env", "dev", *COMMON).code == 1
    server.before.clear()
    assert watch("apply", "-y", "--env", "dev", *COMMON).code == 0
    server.before.append(Once("PATCH", FLOW, (412, [], {"message": CANARY}), times=50))
    watch.cli.edit("kinesis.yaml", "Summer campaign", "Winter campaign")
    assert watch("apply", "-y", "--env", "dev", *COMMON).code == 1


def test_a_bug_with_the_value_in_its_message(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    from reconciler.core import fingerprint

    def broken(_self: object, value: str) -> None:
        raise ValueError(f"cannot digest {value!r}")

    monkeypatch.setattr(fingerprint.Fingerprinter, "make", broken)
    monkeypatch.setattr(sys, "argv", ["reconciler", "--verbose"])
    failed = watch("apply", "-y", "--env", "dev", "--verbose")
    assert failed.code == 1
    assert "Traceback" in failed.err
    assert "cannot digest '(sensitive)'" in failed.err


def test_a_literal_secret(watch: Watch) -> None:
    watch.cli.edit("kinesis.yaml", "${secret.kinesis-key}", json.dumps(CANARY))
    for command in ("validate", "plan", "apply"):
        assert watch_manifest(watch, command, "--env", "dev").code == 1
    options = ("--env", "dev", "--allow-literal-secrets")
    unsaved = watch_manifest(watch, "plan", *options, "--out", "it.plan")
    assert "cannot be saved in a file" in unsaved.err
    assert watch_manifest(watch, "apply", "-y", *options, "--verbose").code == 0


def watch_manifest(watch: Watch, *args: str) -> Result:
    """Run a command while the manifest itself holds the canary."""
    watch.sources = ("kinesis.yaml",)
    return watch(*args)


# -- crashes ------------------------------------------------------------------------------------------------------
@pytest.mark.processes
@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("path", ["connections", "flows"])
def test_a_killed_process(watch: Watch, server: Server, moment: str, path: str) -> None:
    command = [sys.executable, "-m", "reconciler", "apply", "-y", "--env", "dev", "--verbose"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=watch.cli.folder) as process:

        def kill(seen: Request) -> Any:
            if seen.method == "POST" and seen.path == f"{FLOW}/{path}" and process.poll() is None:
                process.kill()
                process.wait()
                return "drop"
            return None

        getattr(server, moment).append(kill)
        printed, _ = process.communicate(timeout=60)
    assert process.returncode == -9
    watch.look("killed", printed.decode())
    getattr(server, moment).remove(kill)
    watch("plan", "--env", "dev", "--format", "json")
    assert watch("apply", "-y", "--env", "dev", *COMMON).code == 0


# -- where it comes from ------------------------------------------------------------------------------------------
def test_from_every_provider(watch: Watch, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import keyring
    from keyring.backend import KeyringBackend

    class Memory(KeyringBackend):
        priority = 1  # type: ignore[assignment]

        def get_password(self, service: str, username: str) -> str | None:
            return CANARY if (service, username) == ("reconciler", "kinesis-key") else None

        def set_password(self, service: str, username: str, password: str) -> None:
            raise NotImplementedError

    monkeypatch.delenv("RECONCILER_SECRET_KINESIS_KEY")
    held = tmp_path / "held"
    held.mkdir()
    (held / "kinesis-key").write_text(CANARY + "\n", encoding="utf-8")
    quoted = CANARY.replace("\\", "\\\\").replace('"', '\\"')
    (held / ".env").write_text(f'RECONCILER_SECRET_KINESIS_KEY="{quoted}"\n', encoding="utf-8")
    tool = held / "vault"
    tool.write_text(f'#!/bin/sh\necho "looking up $1: {TOKEN}" >&2\ncat {held}/kinesis-key\n', encoding="utf-8")
    tool.chmod(0o700)
    before = keyring.get_keyring()
    keyring.set_keyring(Memory())
    providers = {
        "file": f"file: {{directory: {held}}}",
        "dotenv": f"dotenv: {{file: {held}/.env}}",
        "command": f"command: {{run: [{tool}, '{{name}}']}}",
        "keyring": "keyring: {}",
    }
    try:
        for name, provider in providers.items():
            project(watch.cli, f"variables: {{region: r, stream: s}}\nsecrets: [{{env: {{}}}}, {{{provider}}}]")
            assert watch("apply", "-y", "--verbose").code == 0, name
            assert watch("plan", "--detailed-exitcode").code == 0, f"{name} gives the very same value"
    finally:
        keyring.set_keyring(before)


@pytest.mark.parametrize(
    ("provider", "said"),
    [
        ("command: {run: [sh, -c, 'echo CANARY; echo CANARY >&2; exit 3']}", "'sh' ended with exit code 3"),
        ("command: {run: [sh, -c, 'sleep 600 & sleep 600'], timeout: 0.2}", "'sh' did not answer within 0.2 s"),
        ("command: {run: [/no/such/tool]}", "'tool' cannot be run (FileNotFoundError)"),
        ("dotenv: {file: nowhere.env}", "nowhere.env"),
        ("file: {directory: .}", "cannot be read (UnicodeDecodeError)"),
    ],
)
def test_a_provider_that_fails_says_why_and_no_more(
    watch: Watch, server: Server, monkeypatch: pytest.MonkeyPatch, provider: str, said: str
) -> None:
    monkeypatch.delenv("RECONCILER_SECRET_KINESIS_KEY")
    (watch.cli.folder / "kinesis-key").write_bytes(b"\xff\xfe" + CANARY.encode())
    watch.sources = ("kinesis-key", "reconciler.yaml")
    project(
        watch.cli,
        f"variables: {{region: r, stream: s}}\nsecrets: [{{env: {{}}}}, {{{provider.replace('CANARY', TOKEN)}}}]",
    )
    failed = watch("apply", "-y")
    assert failed.code == 1
    assert "'kinesis-key' has no value: " in failed.err
    assert said in failed.err
    assert [item for item in server.writes() if FLOW in item.path] == []


# -- the parts ----------------------------------------------------------------------------------------------------
def test_the_types_that_never_print() -> None:
    for value in (Secret("${secret.x}"), Secret(CANARY, literal=True), Clear(CANARY)):
        assert {repr(value), str(value), f"{value}", f"{value!s}", f"{value!r}", "%s" % value, repr([value])} <= {  # noqa: UP031
            "(sensitive)",
            "[(sensitive)]",
        }
    assert json.loads(json.dumps({"x": Clear(CANARY)}))["x"] == CANARY
    assert type(Clear(CANARY).plain()) is str


def test_what_is_taken_out() -> None:
    redact = Redactor()
    assert redact("nothing known yet") == "nothing known yet"
    redact.hide("abc")
    assert redact("abc is too short to hide") == "abc is too short to hide"
    redact.hide("tiger")
    assert redact("a tiger told") == "a (sensitive) told"
    assert redact("a tiger asked for", RESULTS) == "a tiger asked for", "a result hides secrets by their place"
    redact.hide("-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG9w0\n-----END KEY-----\n")
    assert redact("line MIIEvQIBADANBgkqhkiG9w0 of it") == "line (sensitive) of it"
    redact.hide(CANARY)
    for prefix in ("", "u:", "us:", "use:"):
        coded = base64.b64encode(f"{prefix}{CANARY}:more".encode()).decode()
        hidden = redact(f"Basic {coded} end")
        assert "(sensitive)" in hidden
        for form in FORMS:
            assert form.decode() not in hidden
    redact.forget()
    assert redact(CANARY) == CANARY


def test_the_search_would_find_a_leak(watch: Watch) -> None:
    watch.cli.write("leak.txt", f"x{base64.b64encode(('ab' + CANARY).encode()).decode()}y")
    with pytest.raises(AssertionError, match=r"leak\.txt"):
        watch.look("a leak")
    (watch.cli.folder / "leak.txt").unlink()
    with pytest.raises(AssertionError, match="after printed"):
        Watch(watch.cli).look("printed", CANARY[::-1])
