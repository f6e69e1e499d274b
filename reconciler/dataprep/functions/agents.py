"""User agent functions (functions.md, "User agent functions").

The platform's device classes are those of the Yauaa library, which exists for Java only. `ua-parser` gives the same
answers for the systems and browsers in the tables below; for every other one a function is not supported locally.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from reconciler.dataprep.errors import NotSupportedLocallyError
from reconciler.dataprep.table import function
from reconciler.dataprep.values import Value

_CATEGORY = "User agent"
_SYSTEMS = {"iOS": "iOS", "Android": "Android"}
_AGENTS = {
    "Mobile Safari": "Safari", "Safari": "Safari", "Firefox": "Firefox", "Firefox Mobile": "Firefox",
    "Chrome": "Chrome", "Chrome Mobile": "Chrome",
}  # fmt: skip
_REASON = "the platform uses a Java library, which may give another answer for this user agent"


@dataclass(frozen=True, slots=True)
class _Version:
    name: str
    parts: tuple[str, ...]

    @property
    def text(self) -> str:
        return ".".join(self.parts)


def _version(name: str, parts: tuple[str | None, ...]) -> _Version:
    return _Version(name, tuple(part for part in parts if part))


@lru_cache(maxsize=1024)
def _parsed(text: str) -> tuple[_Version | None, _Version | None, str]:
    """The system, the agent, and the family of the device; raises where the optional library is not installed."""
    try:
        import ua_parser
    except ImportError:
        raise NotSupportedLocallyError(
            "a user agent function", "install the library: pip install 'ua-parser>=1.0.1'"
        ) from None
    result = ua_parser.parse(text)
    os, agent = result.os, result.user_agent
    system = None if os is None else _version(os.family, (os.major, os.minor, os.patch))
    browser = (
        None if agent is None else _version(agent.family, (agent.major, agent.minor, agent.patch, agent.patch_minor))
    )
    return system, browser, result.device.family if result.device else ""


def _system(text: str) -> _Version:
    system = _parsed(text)[0]
    if system is None or system.name not in _SYSTEMS or not system.parts:
        raise NotSupportedLocallyError(
            f"the operating system {system.name if system else 'of this user agent'}", _REASON
        )
    return _Version(_SYSTEMS[system.name], system.parts)


def _agent(text: str) -> _Version:
    agent = _parsed(text)[1]
    if agent is None or agent.name not in _AGENTS or not agent.parts:
        raise NotSupportedLocallyError(f"the agent {agent.name if agent else 'of this user agent'}", _REASON)
    return _Version(_AGENTS[agent.name], agent.parts)


def _full_agent_version(text: str) -> str:
    agent = _agent(text)
    if re.fullmatch(r"\d+(\.0)+", agent.text):
        raise NotSupportedLocallyError(f"the full version of {agent.name} {agent.text}", "browsers freeze it to zeros")
    return agent.text


def _device_class(text: str) -> str:
    system, _, family = _parsed(text)
    if family == "iPhone":
        return "Phone"
    if family == "iPad":
        return "Tablet"
    if family == "Spider":
        raise NotSupportedLocallyError("the class of a robot", _REASON)
    if system and system.name in ("Windows", "Mac OS X") and re.match(r"Mozilla/5\.0 \((Windows NT|Macintosh)", text):
        return "Desktop"
    raise NotSupportedLocallyError(f"the class of the device {family or 'of this user agent'}", _REASON)


def _declare(name: str, doc: str, run: Callable[[str], Value]) -> None:
    function(
        _CATEGORY, name, "agent: string", returns="string", doc=doc,
        unsupported="user agents other than common browsers on iOS, Android, Windows and macOS",
    )(run)  # fmt: skip


_declare("ua_os_name", "Give the name of the operating system.", lambda text: _system(text).name)
_declare("ua_os_version", "Give the version of the operating system.", lambda text: _system(text).text)
_declare(
    "ua_os_version_major", "Give the name and major version of the operating system.",
    lambda text: f"{_system(text).name} {_system(text).parts[0]}",
)  # fmt: skip
_declare(
    "ua_os_name_version", "Give the name and version of the operating system.",
    lambda text: f"{_system(text).name} {_system(text).text}",
)  # fmt: skip
_declare("ua_agent_name", "Give the name of the agent.", lambda text: _agent(text).name)
_declare("ua_agent_version", "Give the version of the agent.", _full_agent_version)
_declare(
    "ua_agent_version_major", "Give the name and major version of the agent.",
    lambda text: f"{_agent(text).name} {_agent(text).parts[0]}",
)  # fmt: skip
_declare("ua_device_class", "Give the class of the device, such as Phone.", _device_class)
