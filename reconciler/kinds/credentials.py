"""The parameters of a login, in the body of a connection or of an object that shows its connection."""

from __future__ import annotations

from collections.abc import Callable, Collection

from reconciler.core.values import Wire

Public = Callable[[str, str], Collection[str]]
"""Returns the parameters known not to be secret, by the id of a connection spec and the name of an auth spec."""

_AUTH, _PARAMS = "auth", "params"


def without_credentials(tree: Wire, instead: Callable[[Wire], Wire], public: Public, spec: str = "") -> Wire:
    """Return `tree` with `instead` of each parameter of a login, at any depth, that is not `public`.

    `spec` is the id of the connection spec of an object around `tree`.
    """
    if isinstance(tree, list):
        return [without_credentials(item, instead, public, spec) for item in tree]
    if not isinstance(tree, dict):
        return tree
    own = tree.get("connectionSpec")
    spec = str(own.get("id", "")) if isinstance(own, dict) else spec
    concealed = {}
    for key, value in tree.items():
        if key == _AUTH and isinstance(value, dict) and isinstance(value.get(_PARAMS), dict):
            names = public(spec, str(value.get("specName", "")))
            params = {name: item if name in names else instead(item) for name, item in value[_PARAMS].items()}
            concealed[key] = {**value, _PARAMS: params}
        else:
            concealed[key] = without_credentials(value, instead, public, spec)
    return concealed
