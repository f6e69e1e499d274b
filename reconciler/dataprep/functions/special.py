"""Special operations (functions.md, "Special operations")."""

from __future__ import annotations

import uuid

from reconciler.dataprep.errors import NotSupportedLocallyError
from reconciler.dataprep.table import Context, function
from reconciler.dataprep.values import Value

_CATEGORY = "Special operation"
_NO_ALGORITHM = "how an ECID is made of an FPID is not published"


@function(
    _CATEGORY, "uuid", returns="string", context=True, doc="Give a pseudo-random ID; repeatable here by a seed.",
    aliases=("guid",),
)  # fmt: skip
def uuid_(context: Context) -> Value:
    return str(uuid.UUID(int=context.random().getrandbits(128), version=4))


@function(
    _CATEGORY, "fpid_to_ecid", "fpid: string", returns="string", doc="Convert an FPID to an ECID.",
    runnable=False, unsupported=_NO_ALGORITHM,
)  # fmt: skip
def fpid_to_ecid(_: str) -> Value:
    raise NotSupportedLocallyError("fpid_to_ecid", _NO_ALGORITHM)
