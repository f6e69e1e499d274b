"""Where `${secret.NAME}` gets its value: environment, files, commands. Resolved late, held in memory only."""

from __future__ import annotations

import base64
import subprocess
import urllib.parse
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from reconciler.core.fingerprint import TRUSTED, Fingerprinter
from reconciler.core.problems import Problem, SecretError
from reconciler.core.values import SENSITIVE, Fingerprint, Secret

Provider = Callable[[str], str | None]
"""Returns the value of a secret by name, or None when it has none."""


def environment(environ: Mapping[str, str], prefix: str) -> Provider:
    """Return the provider that reads `prefix` + NAME in capitals, everything but letters and digits as `_`."""

    def find(name: str) -> str | None:
        return environ.get(prefix + "".join(letter if letter.isalnum() else "_" for letter in name).upper())

    return find


def files(directory: Path) -> Provider:
    """Return the provider that reads one file a secret, as Kubernetes and Docker mount them; one final newline goes."""

    def find(name: str) -> str | None:
        path = directory / name
        if directory.resolve() not in path.resolve().parents:
            return None
        try:
            return path.read_text(encoding="utf-8").removesuffix("\n")
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise SecretError(
                Problem(
                    "secret-unreadable", f"the secret {name!r} in {directory} cannot be read: {type(error).__name__}"
                )
            ) from None

    return find


def command(arguments: Sequence[str], timeout: float) -> Provider:
    """Return the provider that runs a vault's command line; its output is the value and is never shown."""

    def find(name: str) -> str | None:
        line = [part.replace("{name}", name) for part in arguments]
        try:
            ran = subprocess.run(line, capture_output=True, timeout=timeout, check=False, text=True)
        except (OSError, subprocess.TimeoutExpired) as error:
            what = (
                f"did not answer within {timeout:g} s"
                if isinstance(error, subprocess.TimeoutExpired)
                else "cannot be run"
            )
            raise SecretError(
                Problem(
                    "secret-command",
                    f"the command {line[0]!r} for the secret {name!r} {what}",
                    "run it by hand to see why",
                )
            ) from None
        return ran.stdout.removesuffix("\n") if ran.returncode == 0 and ran.stdout.strip() else None

    return find


class SecretStore:
    """Answers what a secret is and whether it changed; asks each provider once for each name."""

    def __init__(self, providers: Sequence[Provider], fingerprinter: Fingerprinter) -> None:
        self._providers = providers
        self._fingerprinter = fingerprinter
        self._values: dict[str, str | None] = {}
        self._shown: set[str] = set()
        self.send_trusted = False
        """Whether secrets that were never sent from here, only trusted, count as changed."""

    def value(self, name: str) -> str | None:
        """Return the value of one named secret, or None when no provider has it."""
        if name not in self._values:
            found = next((value for find in self._providers if (value := find(name)) is not None), None)
            self._values[name] = found
            if found:
                self._hide(found)
        return self._values[name]

    def reveal(self, secret: Secret) -> str:
        """Return the clear text. Raises `SecretError` with the names that have no value."""
        values = {name: self.value(name) for name in secret.names()}
        missing = [name for name, value in values.items() if value is None]
        if missing:
            raise SecretError(missing_problem(missing))
        text = secret.reveal({name: value or "" for name, value in values.items()})
        self._hide(text)
        return text

    def missing(self, secrets: Sequence[Secret]) -> list[str]:
        """Return the names, sorted, that no provider has a value for."""
        return sorted({name for secret in secrets for name in secret.names() if self.value(name) is None})

    def fingerprint(self, secret: Secret) -> Fingerprint:
        """Return what the state keeps of it."""
        return self._fingerprinter.make(self.reveal(secret))

    def changed(self, secret: Secret, seen: Fingerprint | None) -> bool | None:
        """Tell whether it differs from what was last sent; None when its value or the key is not at hand."""
        if seen is None or any(self.value(name) is None for name in secret.names()):
            return None
        if seen == TRUSTED and self.send_trusted:
            return True
        same = self._fingerprinter.matches(self.reveal(secret), seen)
        return None if same is None else not same

    def redact(self, text: str) -> str:
        """Return `text` with every secret in use, also base64, URL- or JSON-encoded, taken out."""
        for value in sorted(self._shown, key=len, reverse=True):
            text = text.replace(value, SENSITIVE)
        return text

    def _hide(self, value: str) -> None:
        if len(value) >= 4:  # shorter ones would blacken ordinary words
            coded = base64.b64encode(value.encode()).decode()
            quoted = urllib.parse.quote(value, safe="")
            escaped = value.replace("\\", "\\\\").replace('"', '\\"')
            self._shown |= {value, coded, quoted, escaped}


def missing_problem(names: Sequence[str]) -> Problem:
    """Return the finding about secrets without a value."""
    variable = "RECONCILER_SECRET_" + "".join(letter if letter.isalnum() else "_" for letter in names[0]).upper()
    many = f"the secrets {', '.join(names)} have" if len(names) > 1 else f"the secret {names[0]!r} has"
    return Problem(
        "secret-missing", f"{many} no value", f"set {variable}, or name a provider under secrets: in reconciler.yaml"
    )
