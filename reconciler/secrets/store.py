"""Where `${secret.NAME}` gets its value. Resolved late, each name once, held in memory only."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from threading import Event

from reconciler.core.characters import is_unicode
from reconciler.core.fingerprint import TRUSTED, Fingerprinter
from reconciler.core.problems import Problem, SecretError
from reconciler.core.values import Clear, Fingerprint, Secret
from reconciler.secrets.providers import NotHereError, Provider, end_commands
from reconciler.secrets.redaction import redact

_AT_ONCE = 8
"""Providers asked at the same time: a vault's command line takes a second for each secret."""


_LOOK = 0.1
"""Seconds after which somebody who waits for them looks up."""


class SecretStore:
    """Answers what a secret is and whether it changed; asks the providers in order, each once for each name."""

    def __init__(self, providers: Sequence[Provider], fingerprinter: Fingerprinter) -> None:
        self._providers = providers
        self._fingerprinter = fingerprinter
        self._values: dict[str, Clear | None] = {}
        self._reasons: dict[str, list[str]] = {}
        self._given_up = False
        self.send_trusted = False
        """Whether secrets that were never sent from here, only trusted, count as changed."""

    def fetch(self, names: Iterable[str]) -> None:
        """Ask for several names at once. Nothing is raised: what is missing is told when it is needed."""
        wanted = [name for name in dict.fromkeys(names) if name not in self._values]
        if len(wanted) < 2:
            return
        begin, asked = Event(), list[Future[Clear | None]]()

        def ask(name: str) -> Clear | None:
            begin.wait()
            return self.value(name)

        with ThreadPoolExecutor(min(_AT_ONCE, len(wanted))) as pool:
            try:
                asked += [pool.submit(ask, name) for name in wanted]
                begin.set()
                while wait(asked, timeout=_LOOK).not_done:
                    pass  # a signal that another thread took is seen here only when this one runs
                for future in asked:
                    future.result()
            except BaseException:  # Ctrl-C, which reaches this thread alone
                self._given_up = True
                begin.set()  # where it came before all were there, none of them begins anything
                pool.shutdown(wait=False, cancel_futures=True)
                while wait(asked, timeout=_LOOK).not_done:
                    end_commands()
                raise

    def value(self, name: str) -> Clear | None:
        """Return the value of one named secret, or None when no provider has it."""
        if name not in self._values:
            self._values[name] = self._ask(name)
        return self._values[name]

    def _ask(self, name: str) -> Clear | None:
        for find in self._providers:
            if self._given_up:
                break
            try:
                found = find(name)
            except NotHereError as error:
                self._reasons.setdefault(name, []).append(str(error))
                continue
            if found is not None:
                if not is_unicode(found):
                    self._reasons.setdefault(name, []).append("its value is not valid UTF-8")
                    continue
                redact.hide(found)
                return Clear(found)
        return None

    def reveal(self, secret: Secret) -> Clear:
        """Return the clear text. Raises `SecretError` with the names that have no value."""
        values = {name: self.value(name) for name in secret.names()}
        missing = [name for name, value in values.items() if value is None]
        if missing:
            raise SecretError(self.missing_problem(missing))
        text = secret.reveal({name: value.plain() for name, value in values.items() if value is not None})
        redact.hide(text)
        return Clear(text)

    def missing(self, secrets: Collection[Secret]) -> list[str]:
        """Return the names, sorted, that no provider has a value for."""
        names = sorted({name for secret in secrets for name in secret.names()})
        self.fetch(names)
        return [name for name in names if self.value(name) is None]

    def unanswered(self, secrets: Collection[Secret]) -> str:
        """Return, as a text, which of them have no value for a reason that a provider told; empty when none."""
        names = [name for name in self.missing(secrets) if name in self._reasons]
        return self.missing_problem(names).what if names else ""

    def fingerprint(self, secret: Secret) -> Fingerprint:
        """Return what the state keeps of it."""
        return self._fingerprinter.make(self.reveal(secret).plain())

    def changed(self, secret: Secret, seen: Fingerprint | None) -> bool | None:
        """Tell whether it differs from what was last sent; None when its value or the key is not at hand."""
        if seen is None or any(self.value(name) is None for name in secret.names()):
            return None
        if seen == TRUSTED and self.send_trusted:
            return True
        same = self._fingerprinter.matches(self.reveal(secret).plain(), seen)
        return None if same is None else not same

    def missing_problem(self, names: Sequence[str]) -> Problem:
        """Return the finding about secrets without a value, with what the providers said about it."""
        variable = "RECONCILER_SECRET_" + "".join(letter if letter.isalnum() else "_" for letter in names[0]).upper()
        many = f"the secrets {', '.join(names)} have" if len(names) > 1 else f"the secret {names[0]!r} has"
        said = "; ".join(dict.fromkeys(reason for name in names for reason in self._reasons.get(name, ())))
        what = f"{many} no value" + (f": {said}" if said else "")
        advice = f"set {variable}, or name a provider under secrets: in reconciler.yaml"
        return Problem("secret-missing", what, advice)
