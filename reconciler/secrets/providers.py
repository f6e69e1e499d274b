"""Where secrets come from: environment, files, a dotenv file, any vault's command line, the system's keyring."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path

from reconciler.core.distribution import install_command

Provider = Callable[[str], str | None]
"""Returns the value of a secret by name, or None when it has none. Raises `NotHereError` when it can say why."""


class NotHereError(Exception):
    """A provider has no value for a name, for a reason worth telling; it never holds a value or an output."""


def variable(prefix: str, name: str) -> str:
    """Return the name of the variable for a secret: `prefix` + NAME in capitals, all but letters and digits as `_`."""
    return prefix + "".join(letter if letter.isalnum() else "_" for letter in name).upper()


def environment(environ: Mapping[str, str], prefix: str) -> Provider:
    """Return the provider that reads environment variables."""
    return lambda name: environ.get(variable(prefix, name))


def files(directory: Path) -> Provider:
    """Return the provider that reads one file a secret, as Kubernetes and Docker mount them; one final newline goes."""

    def find(name: str) -> str | None:
        path = directory / name
        if directory.resolve() not in path.resolve().parents:
            return None
        try:
            return _line(path.read_text(encoding="utf-8"))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise NotHereError(f"{directory}/{name} cannot be read ({type(error).__name__})") from None

    return find


def dotenv(file: Path, prefix: str) -> Provider:
    """Return the provider that reads a file of NAME=value lines, which is never put into the environment."""

    @cache
    def values() -> Mapping[str, str | None]:
        from dotenv import dotenv_values

        if not file.is_file():
            raise NotHereError(f"there is no file {file}")
        try:
            return dotenv_values(file, interpolate=False)
        except (OSError, UnicodeDecodeError) as error:
            raise NotHereError(f"{file} cannot be read ({type(error).__name__})") from None

    return lambda name: values().get(variable(prefix, name))


def command(arguments: Sequence[str], timeout: float) -> Provider:
    """Return the provider that runs a vault's command line; its output is the value and is never shown."""

    def find(name: str) -> str | None:
        line = [part.replace("{name}", name) for part in arguments]
        tool = Path(line[0]).name
        try:
            code, out = _run(line, timeout)
        except subprocess.TimeoutExpired:
            raise NotHereError(f"the command {tool!r} did not answer within {timeout:g} s") from None
        except (OSError, UnicodeDecodeError) as error:
            raise NotHereError(f"the command {tool!r} cannot be run ({type(error).__name__})") from None
        if code:
            raise NotHereError(f"the command {tool!r} ended with exit code {code}; run it by hand to see why")
        return _line(out) or None

    return find


_running: set[subprocess.Popen[str]] = set()
"""The command lines that some thread waits for."""


def end_commands() -> None:
    """End every command line that runs, with all it started: those who wait for them get no value, and at once."""
    for process in list(_running):
        _kill(process)


def _kill(process: subprocess.Popen[str]) -> None:
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def _run(line: Sequence[str], timeout: float) -> tuple[int, str]:
    """Run a command in a process group of its own, so that nothing of it is left after a time-out or Ctrl-C."""
    with subprocess.Popen(
        line, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        text=True, encoding="utf-8", process_group=0,
    ) as process:  # fmt: skip
        _running.add(process)
        try:
            out, _ = process.communicate(timeout=timeout)
        except BaseException:
            _kill(process)
            raise
        finally:
            _running.discard(process)
    return process.returncode, out


def keyring(service: str) -> Provider:
    """Return the provider that asks the system's keyring for the secret's name under `service`."""

    def find(name: str) -> str | None:
        try:
            import keyring as system
            from keyring.errors import KeyringError
        except ImportError:
            raise NotHereError(f"keyring is not installed: {install_command('keyring')}") from None
        try:
            return system.get_password(service, name)
        except KeyringError as error:
            raise NotHereError(f"the system's keyring gives nothing ({type(error).__name__})") from None

    return find


def _line(text: str) -> str:
    """Return `text` without the line end that an editor or a command puts after it."""
    return text.removesuffix("\n").removesuffix("\r")
