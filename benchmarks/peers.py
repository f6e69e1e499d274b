"""What others take for the same, where they are at hand: Adobe's `aepp` in sequence, and Terraform's own engine.

`aepp` is no part of our environment: name a Python that has it in RECONCILER_AEPP. Terraform (or OpenTofu) makes as
many of its cheapest built-in objects (`terraform_data`) as we make, without any network at all: the cost of its engine.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

MOST = 1000
"""Dataflows beyond which peers are not asked: one after another they would take hours."""
PATIENCE = 200
"""Seconds after which a peer is given up."""

SCRIPT = """
import sys
import aepp.config as config
url, count = sys.argv[1], int(sys.argv[2])
config.endpoints["global"] = url
settings = {**config.config_object, "org_id": "B@AdobeOrg", "client_id": "b", "token": "b", "date_limit": 2**40,
            "sandbox": "aepp", "environment": "prod", "scopes": "b", "connectionType": "oauthV2"}
header = {**config.header, "x-api-key": "b", "x-gw-ims-org-id": "B@AdobeOrg", "x-sandbox-name": "aepp",
          "Authorization": "Bearer b"}
from aepp import dataprep, flowservice
flows, prep = flowservice.FlowService(settings, header), dataprep.DataPrep(settings, header)
schema = {"id": "https://ns.adobe.com/acme/schemas/0123456789abcdef",
          "contentType": "application/vnd.adobe.xed-full+json;version=1"}
for n in range(count):
    rows = [{"sourceType": "ATTRIBUTE", "source": f"a{i}", "destination": f"_acme.b{n}.c{i}"} for i in range(4)]
    mapping = prep.createMappingSet(mappingSet={"outputSchema": {"schemaRef": schema}, "mappings": rows})
    source = flows.createSourceConnection({"name": f"s{n}", "data": {"format": "json"}, "connectionSpec":
        {"id": "96479064-7b8a-4d69-b9ed-21c5683837ea", "version": "1.0"}})
    target = flows.createTargetConnection(data={"name": f"t{n}", "connectionSpec":
        {"id": "c604ff05-7f1a-43c0-8e18-33bf874cb11c", "version": "1.0"},
        "data": {"format": "json", "schema": {"id": schema["id"], "version": schema["contentType"]}},
        "params": {"dataSetId": "63ec807d3f5ce91bd2d06c65"}})
    flow = flows.createFlow("e77fde5a-22a8-11ed-861d-0242ac120002", obj={"name": f"f{n}", "flowSpec":
        {"id": "e77fde5a-22a8-11ed-861d-0242ac120002", "version": "1.0"},
        "sourceConnectionIds": [source["id"]], "targetConnectionIds": [target["id"]], "transformations": [
        {"name": "Mapping", "params": {"mappingId": mapping["id"], "mappingVersion": 0}}]})
    assert flow["id"], flow
"""


def aepp(url: str, count: int) -> float | None:
    """Return the seconds a sequential script takes to make `count` dataflows with `aepp`; None where it is absent."""
    python = os.environ.get("RECONCILER_AEPP") or (sys.executable if importlib.util.find_spec("aepp") else None)
    if python is None or count > MOST:
        return None
    began = time.perf_counter()
    done = subprocess.run([python, "-c", SCRIPT, url, str(count)], capture_output=True, text=True, check=False)
    if done.returncode:
        print(f"aepp: {done.stderr.strip().splitlines()[-1]}", file=sys.stderr)
        return None
    return time.perf_counter() - began


def terraform(count: int) -> float | None:
    """Return the seconds Terraform takes for `count` built-in objects: infinite when given up, None without one."""
    tool = shutil.which("terraform") or shutil.which("tofu")
    if tool is None or count > 4 * MOST:
        return None
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "main.tf").write_text(
            f'resource "terraform_data" "object" {{\n  count = {count}\n  input = "object ${{count.index}}"\n}}\n',
            encoding="utf-8",
        )
        quiet = {"cwd": folder, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        if subprocess.run([tool, "init"], **quiet, check=False).returncode:
            return None
        began = time.perf_counter()
        try:
            subprocess.run([tool, "apply", "-auto-approve"], **quiet, check=True, timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            return float("inf")
        return time.perf_counter() - began
