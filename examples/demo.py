"""The whole story on the embedded emulator: plan, apply, nothing to do, edit, drift, repair, destroy.

Run it with `./run demo`. Everything happens in a temporary folder; no platform and no credential is needed.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import httpx2

from reconciler.emulator.app import create_app
from reconciler.emulator.storage import Storage

HERE = Path(__file__).parent
EXAMPLES = ("customer-io", "kinesis")
FLOWS = "/data/foundation/flowservice/flows"
BOLD, DIM, END = ("\033[1m", "\033[2m", "\033[0m") if sys.stdout.isatty() else ("", "", "")


def chapter(title: str) -> None:
    """Announce a part of the story."""
    print(f"\n{BOLD}── {title} {'─' * (92 - len(title))}{END}\n", flush=True)


def reconciler(*arguments: str, expect: int = 0, quiet: bool = False) -> str:
    """Run the tool as a user would and show what it prints."""
    print(f"{BOLD}$ reconciler {' '.join(arguments)}{END}", flush=True)
    stdout = subprocess.PIPE if quiet else None
    done = subprocess.run([sys.executable, "-m", "reconciler", *arguments], text=True, stdout=stdout, check=False)
    if done.returncode != expect:
        sys.exit(f"exit code {done.returncode}, {expect} was expected")
    print(f"{DIM}exit code {done.returncode}{END}\n", flush=True)
    return done.stdout or ""


def edit(file: Path, old: str, new: str) -> None:
    """Change a manifest and show the change."""
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")
    print(
        f"{file}:\n  - {old.strip()}\n" + "".join(f"  + {line.strip()}\n" for line in new.strip().split("\n")),
        flush=True,
    )


async def somebody_clicks(database: Path, flow: str) -> None:
    """Edit a flow behind the tool's back, over the same wire the UI uses."""
    headers: dict[str, str] = {
        "Authorization": "Bearer ui",
        "x-api-key": "the-ui",
        "x-gw-ims-org-id": "emulator@AdobeOrg",
        "x-sandbox-name": "prod",
    }
    storage = Storage(str(database))
    transport = httpx2.ASGITransport(app=create_app(storage))
    async with httpx2.AsyncClient(transport=transport, base_url="http://emulator", headers=headers) as ui:
        etag = (await ui.get(f"{FLOWS}/{flow}")).json()["items"][0]["etag"]
        operations: list[dict[str, Any]] = [
            {"op": "replace", "path": "/description", "value": "do not touch, Bob"},
            {"op": "remove", "path": "/transformations/0/params/segmentSelectors/selectors/0"},
        ]
        answer = await ui.patch(f"{FLOWS}/{flow}", json=operations, headers={"If-Match": etag})
        answer.raise_for_status()
    storage.close()


def main() -> None:
    """Tell the story."""
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        for name in EXAMPLES:
            shutil.copytree(HERE / name, name, ignore=shutil.ignore_patterns("state"))
        os.environ.update(
            AEP_PLATFORM_URL="emulator",
            RECONCILER_STATE_DIR=str(Path(folder) / "state"),
            RECONCILER_SECRET_KINESIS_ID="AKIAIOSFODNN7EXAMPLE",
            RECONCILER_SECRET_KINESIS_KEY="not-a-real-key",
        )
        (Path(folder) / "reconciler.yaml").write_text(Path("kinesis/reconciler.yaml").read_text(encoding="utf-8"))
        Path("kinesis/reconciler.yaml").unlink()
        chapter("Two documented dataflows as manifests: what would be made?")
        reconciler("plan")
        chapter("Make it")
        reconciler("apply", "--auto-approve")
        chapter("Plan again: nothing to do")
        reconciler("plan", "--detailed-exitcode")
        reconciler("outputs")
        chapter("Edit: one mapping line, one more audience, one attribute less")
        edit(Path("customer-io/customer-io.yaml"), "sourceAttribute: metric,", "sourceAttribute: data.metric,")
        edit(
            Path("kinesis/kinesis.yaml"),
            "  attributes:\n    - personalEmail.address\n",
            "    - {id: 7841ba61-23c1-4bb3-a495-00d695fe1e93, name: Loyalty members}\n  attributes:\n",
        )
        reconciler("plan", "--detailed-exitcode", expect=2)
        reconciler("apply", "--auto-approve", quiet=True)
        chapter("Somebody clicks in the UI: drift")
        outputs = json.loads(reconciler("outputs", "--format", "json", quiet=True))
        asyncio.run(somebody_clicks(Path(folder) / "state" / "emulator.db", outputs["kinesis-summer"]["flowId"]))
        reconciler("drift", expect=2)
        chapter("Repair it: the manifests win")
        reconciler("apply", "--auto-approve")
        reconciler("drift")
        chapter("Take it all away again")
        reconciler("destroy", "--auto-approve")
        reconciler("state", "list")


if __name__ == "__main__":
    main()
