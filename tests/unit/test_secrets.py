"""Several secrets are asked for at once; at Ctrl-C nothing of it is left."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from reconciler.core.fingerprint import Fingerprinter
from reconciler.secrets import providers
from reconciler.secrets.store import SecretStore


def test_at_ctrl_c_every_command_is_ended_and_no_other_begun(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    vault = providers.command(["sh", "-c", f"echo $$ >> {pids}; sleep 600"], 3600)
    later: list[str] = []

    def begun() -> list[str]:
        return pids.read_text().split() if pids.exists() else []

    def interrupt(name: str) -> str | None:
        if name == "c":
            while len(begun()) < 2:
                pass
            os.kill(os.getpid(), signal.SIGINT)
        return None

    def after(name: str) -> str | None:
        later.append(name)
        return None

    store = SecretStore([interrupt, lambda name: None if name == "c" else vault(name), after], Fingerprinter(None, ""))
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # it is ignored in the background of a shell
    try:
        with pytest.raises(KeyboardInterrupt):
            store.fetch(["a", "b", "c"])
    finally:
        signal.signal(signal.SIGINT, before)
    assert len(begun()) == 2
    for pid in begun():
        with pytest.raises(ProcessLookupError):
            os.kill(int(pid), 0)
    assert set(later) <= {"c"}
    assert not providers._running
