"""`outputs NAME.KEY` and `open ADDRESS`: one value for a script."""

from __future__ import annotations

import json
import re

import pytest

from tests.conftest import Cli

FLOW_LINK = r"https://experience\.adobe\.com/#/@ORG@AdobeOrg/sname:prod/platform/source/dataflows/{id}/activity\n"


@pytest.fixture
def applied(cli: Cli) -> Cli:
    cli.example("customer-io")
    cli.ok("apply", "-y", "--emulator")
    return cli


def test_one_raw_value(applied: Cli) -> None:
    whole = applied.ok("outputs", "--emulator", "--format", "json").json()["customer-io"]
    for key in ("flowId", "state", "inletUrl"):
        raw = applied.ok("outputs", f"customer-io.{key}", "--emulator")
        assert (raw.out, raw.err) == (f"{whole[key]}\n", "")
    for address, ident in whole["ids"].items():
        assert applied.ok("outputs", f"customer-io.ids.{address}", "--emulator").out == f"{ident}\n"
    assert applied.ok("outputs", "--emulator", "customer-io.flowId", "customer-io.yaml").out == f"{whole['flowId']}\n"
    for path in (".", "customer-io.yaml"):  # the first argument may be PATH, as before
        assert applied.ok("outputs", path, "--emulator", "--format", "json").json() == {"customer-io": whole}
    for args, said in {
        ("customer-i.flowId",): "did you mean 'customer-io'?",
        ("customer-io.inletURL",): "did you mean customer-io.inletUrl?",
        ("customer-io.ids.customer-io/flw",): "did you mean 'customer-io/flow'?",
        ("customer-io.flowId.x",): "write customer-io.flowId",
        ("customer-io.flowId", "--format", "json"): "printed raw",
        ("nothing",): "nothing does not exist",
        ("nothing", "customer-io.yaml"): "'nothing' is not NAME.KEY",
    }.items():
        failed = applied("outputs", *args, "--emulator")
        assert (failed.code, failed.out) == (1, "")
        assert said in failed.err

    # -- open: from the state alone, without credentials
    refused = applied("open", "customer-io")
    assert (refused.code, refused.out) == (1, "")
    assert "no UI is known for that platform" in refused.err
    file = applied.folder / "state" / "default.json"
    state = json.loads(file.read_text())
    file.write_text(json.dumps({**state, "platform": "https://platform.adobe.io", "organization": "ORG@AdobeOrg"}))
    expected = FLOW_LINK.format(id=applied.id("customer-io/flow"))
    for args in (("customer-io",), ("customer-io/flow",), ("customer-io", "."), ("customer-io", "--print")):
        assert re.fullmatch(expected, applied.ok("open", *args).out)
    unknown = applied("open", "customer-io/mapping")
    assert "no page of the platform's UI is known for a MappingSet" in unknown.err
    assert "reconciler open customer-io/flow" in unknown.err
    assert "did you mean" in applied("open", "custmer-io/flow").err
    file.unlink()
    assert "there is no state" in applied("open", "customer-io").err
