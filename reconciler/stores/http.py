"""State behind an HTTP address, in the form of Terraform's `http` backend, as GitLab-managed state offers it.

GET reads, POST replaces, LOCK and UNLOCK carry who it is; all else a server does not know. So there is no journal:
every write is the whole state, which knows its open intents, and many that wait together share one. The server holds
the lock, and refuses what another than its holder posts.
"""

from __future__ import annotations

import hashlib
import json
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import httpx2

from reconciler.core.problems import Problem, StateError
from reconciler.core.state.model import State
from reconciler.network.failures import Remedy, failure_of
from reconciler.network.transport import Network, Routes
from reconciler.stores.lease import Holder, by_force, clock, locked, lost, wait_for
from reconciler.stores.text import Blocks, parts_of, serial_in, state_text

_TIMEOUT = 60.0
PATIENCE, FIRST_PATIENCE = 30.0, 5.0
"""Seconds for one answer; for how long a request is made again that got none; and where none ever came."""
_PAUSE = 15.0
"""Seconds after which a writer looks whether the state is still the one it wrote: its machine may have slept."""
_LOCKED = (409, 423)
_SETTING = "state.address in reconciler.yaml"


class Address:
    """A state behind an address as a `Medium`."""

    def __init__(
        self,
        address: str,
        *,
        lock_address: str | None = None,
        unlock_address: str | None = None,
        lock_method: str = "LOCK",
        unlock_method: str = "UNLOCK",
        username: str = "",
        password: str = "",
        network: Network | None = None,
    ) -> None:
        self.where = address
        self._network = network or Network({})
        self._lock_at, self._unlock_at = lock_address or address, unlock_address or lock_address or address
        self._auth = (username, password) if username or password else None
        self._lock, self._unlock = lock_method, unlock_method
        self._http: httpx2.Client | None = None
        self._answered = False
        self._holder: Holder | None = None
        self._serial, self._seen, self._last = 0, b"", clock()

    @property
    def held(self) -> bool:
        """Whether this process has the lock."""
        return self._holder is not None

    @property
    def taken_over(self) -> bool:
        """The server refuses what a former holder posts."""
        return False

    def prepared(self) -> bool:
        """There is nothing to prepare."""
        return True

    # -- reading ---------------------------------------------------------------------------------------------
    def exists(self) -> bool:
        """Tell whether there is a state."""
        return self._get() is not None

    def current(self) -> bool:
        """A state without a journal is whole, whenever it was read."""
        return True

    def text(self) -> Blocks | None:
        """Return the text of the state, or None where there is none yet."""
        content = self._get()
        self._seen = content or b""
        self._serial = serial_in(self._seen)
        return None if content is None else parts_of(content)

    def _get(self) -> bytes | None:
        answer = self._send("GET", self.where)
        if answer.status_code in (204, 404) or (answer.status_code == 200 and not answer.content):
            return None
        self._expect(answer, "read")
        return answer.content

    def journals(self, state: State) -> Iterator[tuple[str, list[bytes]]]:
        """There are none."""
        del state
        return iter(())

    # -- locking ---------------------------------------------------------------------------------------------
    def lock(self, command: str, timeout: float) -> None:
        """Take the lock from the server."""
        holder = Holder.here(command)
        wait_for(lambda: self._take(holder), timeout)
        self._holder = holder

    def _take(self, holder: Holder) -> None:
        answer = self._send(self._lock, self._lock_at, json.dumps(_info(holder)).encode())
        if answer.status_code in _LOCKED:
            other = _holder_in(answer)
            if other.get("ID") == holder.id:
                return  # taken before the answer was lost
            ident = str(other.get("ID", ""))
            raise locked(_told(other), by_force(ident) if ident else "")
        if answer.status_code in (404, 405, 501):
            what = f"{self._lock_at} gives no locks: {answer.status_code} to {self._lock}"
            advice = "use a server that speaks the whole protocol, or another backend"
            raise StateError(Problem("no-locks", what, advice))
        self._expect(answer, "locked")

    def unlock(self) -> None:
        """Give the lock back; harmless when it is not held."""
        holder, self._holder = self._holder, None
        if holder is not None:
            with suppress(StateError):  # whoever meets the lock is told how to release it
                self._send(self._unlock, self._unlock_at, json.dumps(_info(holder)).encode())
        if self._http is not None:
            self._http.close()
            self._http = None

    def release(self, ident: str) -> str:
        """Take the lock `ident` from its holder; without an id, say who that is."""
        if not ident:
            self._take(holder := Holder.here("reconciler state unlock"))
            self._send(self._unlock, self._unlock_at, json.dumps(_info(holder)).encode())
            return "The state is not locked."
        answer = self._send(self._unlock, self._unlock_at, json.dumps({"ID": ident}).encode())
        if answer.status_code in _LOCKED:
            other = _holder_in(answer)
            what = f"the lock is {other.get('ID')}, not {ident}: {_told(other)}"
            raise StateError(Problem("other-lock", what, "look again who holds it"))
        self._expect(answer, "unlocked")
        return f"Released the lock {ident}. Its holder can write no more."

    # -- writing ---------------------------------------------------------------------------------------------
    def start(self, state: State) -> None:
        """HTTP stores have no journal."""

    def add(self, lines: bytes, after: Callable[[], State]) -> None:
        """Post the state as it is after these records."""
        del lines
        self._post(after())

    def save(self, state: State) -> State:
        """Post the state, with a serial that is higher than any before: a server may know a version by it."""
        return self._post(state)

    def _post(self, state: State) -> State:
        assert self._holder is not None
        if clock() - self._last > _PAUSE and (self._get() or b"") != self._seen:
            raise lost(self.where, "the state was written by another")  # not every server sees to that
        state = replace(state, serial=max(state.serial, self._serial + 1 if self._seen else 0))
        text = b"".join(state_text(state))
        answer = self._send("POST", self.where, text, {"ID": self._holder.id})
        if answer.status_code in _LOCKED:
            raise lost(self.where, f"{_told(_holder_in(answer))} has it")
        if not answer.is_success and self._get() == text:
            pass  # it was carried out, and only then its answer was lost
        else:
            self._expect(answer, "written")
        self._serial, self._seen, self._last = state.serial, text, clock()
        return state

    def retire(self) -> str:
        """Remove the state: GitLab keeps no version of it, so a copy was made before."""
        assert self._holder is not None
        answer = self._send("DELETE", self.where, None, {"ID": self._holder.id})
        self._expect(answer, "removed")
        self._seen, self._serial = b"", 0
        return "nowhere: it was removed"

    # -- the wire --------------------------------------------------------------------------------------------
    def _send(
        self, method: str, address: str, content: bytes | None = None, query: dict[str, str] | None = None
    ) -> httpx2.Response:
        """Send a request, once more where no answer came or the server is not well, for a while."""
        headers = {}
        if content is not None:
            headers["Content-Type"] = "application/json"
            headers["Content-MD5"] = b64encode(hashlib.md5(content, usedforsecurity=False).digest()).decode()
        patience = PATIENCE if self._answered else min(PATIENCE, FIRST_PATIENCE)
        give_up, pause = time.monotonic() + patience, 0.2
        while True:
            if self._http is None:
                routes = Routes(self._network)
                self._http = httpx2.Client(transport=routes, auth=self._auth, timeout=_TIMEOUT, trust_env=False)
            try:
                url = httpx2.URL(address).copy_merge_params(query or {})
                answer = self._http.request(method, url, content=content, headers=headers)
            except httpx2.InvalidURL as error:
                raise self._unreachable(f"{address!r} is not a valid URL: {error}") from None
            except httpx2.HTTPError as error:
                failure = failure_of(error, address)
                if time.monotonic() >= give_up or failure.remedy is Remedy.NEVER:
                    raise self._unreachable(f"{method}: {failure.what}", failure.advice(_SETTING)) from None
            else:
                self._answered = True
                if answer.status_code not in (429, 500, 502, 503, 504) or time.monotonic() >= give_up:
                    return answer
            time.sleep(pause)
            pause = min(2 * pause, 5.0)

    def _expect(self, answer: httpx2.Response, what: str) -> None:
        if answer.is_success:
            return
        raise self._unreachable(f"it cannot be {what}: {answer.status_code} {answer.reason_phrase}")

    def _unreachable(self, what: str, advice: str = "check address, credentials and network") -> StateError:
        next_step = f"{advice}; completed work is kept"
        return StateError(Problem("store-unreachable", f"{self.where}: {what}", next_step))


def _info(holder: Holder) -> dict[str, Any]:
    """Return who we are as the protocol wants it, with more that people want to know."""
    return {
        "ID": holder.id,
        "Operation": holder.command,
        "Info": f"process {holder.process}" + (f", {holder.pipeline}" if holder.pipeline else ""),
        "Who": f"{holder.who}@{holder.host}",
        "Version": "",
        "Created": datetime.now(UTC).isoformat(),
        "Path": "",
    }


def _holder_in(answer: httpx2.Response) -> dict[str, Any]:
    try:
        found = answer.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _told(info: dict[str, Any]) -> str:
    """Return a holder in words; a server need not tell who it is."""
    if not info.get("ID"):
        return "somebody the server does not name"
    parts = [f"{info.get('Operation') or 'a run'} of {info.get('Who') or 'somebody'}"]
    parts += [str(info["Info"])] if info.get("Info") else []
    parts += [f"since {info['Created']}"] if info.get("Created") else []
    return ", ".join(parts)
