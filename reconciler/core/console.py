"""Links to the pages of objects in the platform's UI (Experience Cloud). Pure.

The form of a link is the one in the alerts that the platform sends, as printed on "Standard alert rules"
(https://experienceleague.adobe.com/docs/experience-platform/observability/alerts/rules.html): the organization id after
`@`, the sandbox after `sname:`, then the page. The page of each kind is in its rules; a kind whose page no public
document of Adobe names has none.
"""

from __future__ import annotations

import re
from typing import Protocol
from urllib.parse import quote, urlsplit

_PLATFORM = re.compile(r"platform(-[a-z]{3}[0-9])?\.adobe\.io")
"""The gateway and its regional addresses; an emulator or another environment has no known UI."""
_UI = "https://experience.adobe.com/#"


class Place(Protocol):
    """A sandbox: what a plan, a state and a drift report know of it."""

    @property
    def platform(self) -> str:
        """The URL of the platform."""
        ...

    @property
    def organization(self) -> str:
        """The id of the organization."""
        ...

    @property
    def sandbox(self) -> str:
        """The name of the sandbox."""
        ...


def console_url(place: Place, page: str, ident: str) -> str | None:
    """Return the address of the page of the object `ident`, or None where it is not known.

    `page` is the path of a page, with `{id}` for the id. Each part that comes from outside is quoted.
    """
    if not page or not ident or not place.organization or not place.sandbox:
        return None
    try:
        host = urlsplit(place.platform).hostname or ""
    except ValueError:
        return None
    if not _PLATFORM.fullmatch(host):
        return None
    organization, sandbox = quote(place.organization, safe="@"), quote(place.sandbox, safe="")
    return f"{_UI}/@{organization}/sname:{sandbox}/platform/{page.format(id=quote(ident, safe=''))}"
