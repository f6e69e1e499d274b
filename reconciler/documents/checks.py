"""Offline checks of a block against the catalog. What the catalog does not know is a warning: live specs win."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from reconciler.catalog import Catalog, Connector, Parameter
from reconciler.core.values import Secret, Tree
from reconciler.documents.blocks import Auth
from reconciler.documents.document import nearest
from reconciler.documents.placeholders import finding, parameter_word


class Report(Protocol):
    """Takes a finding about the value at `path` below the document's `spec`."""

    def __call__(
        self, path: Sequence[str | int], code: str, what: str, advice: str = "", *, severity: str = "error"
    ) -> None:
        """Note the finding."""
        ...


_TYPES: dict[str, tuple[type, ...]] = {
    "integer": (int, str),
    "number": (int, float, str),
    "boolean": (bool, str),
    "array": (list,),
    "object": (dict,),
    "string": (str,),
}


def parameters(
    report: Report, values: dict[str, Tree], known: Sequence[Parameter], owner: str, path: Sequence[str]
) -> None:
    """Check parameters: required ones are there, known ones well formed, unknown ones are warnings."""
    names = [parameter.name for parameter in known]
    for parameter in known:
        value = values.get(parameter.name)
        if value is None:
            if parameter.required:
                report(
                    path,
                    "missing-parameter",
                    f"{owner} needs the parameter {parameter.name!r}",
                    f"add {parameter.name}: …",
                )
            continue
        if isinstance(value, Secret):
            continue
        place = (*path, parameter.name)
        if value == parameter_word(parameter.name) and not parameter.values:
            report(place, *finding(str(value)), severity="warning")
        if parameter.values and str(value) not in parameter.values:
            report(
                place,
                "bad-value",
                f"{parameter.name} must be one of {', '.join(parameter.values)}, not {value!r}",
                nearest(str(value), parameter.values),
            )
        wanted = _TYPES.get(parameter.type or "")
        if wanted and not isinstance(value, wanted):
            report(place, "bad-type", f"{parameter.name} must be of type {parameter.type}, not {value!r}")
        elif wanted is None and isinstance(value, list | dict) and parameter.secret:
            report(place, "bad-type", f"{parameter.name} must be text")
    for name in values:
        if known and name not in names:
            report(
                (*path, name),
                "unknown-parameter",
                f"the catalog knows no parameter {name!r} of {owner}",
                nearest(name, names),
                severity="warning",
            )


def auth(
    report: Report,
    block: Auth,
    connector: Connector | None,
    path: Sequence[str],
    *,
    document: str,
    literal_secrets: bool,
) -> tuple[dict[str, Tree], list[str]]:
    """Check credentials; return the parameters, literal secrets wrapped, and the names of the secret ones.

    `document` is the name of the document, for advice; without `literal_secrets` a secret that is written out is an
    error.
    """
    params: dict[str, Tree] = dict(block.params or {})
    specs = connector.auth_specs if connector is not None else {}
    if block.spec_name is None:
        if params or specs:
            names = f"; {connector.name} knows {', '.join(map(repr, specs))}" if connector and specs else ""
            report(path, "missing-key", "specName is missing", f"add specName: …{names}")
        return params, []
    if connector is None:
        return params, []
    if not specs:
        report(path, "no-auth", f"{connector.name} has no credentials of its own", "remove auth")
        return params, []
    if block.spec_name not in specs:
        report(
            (*path, "specName"),
            "unknown-auth",
            f"{connector.name} has no auth spec {block.spec_name!r}",
            nearest(block.spec_name, specs) or f"known: {', '.join(specs)}",
        )
        return params, []
    known = specs[block.spec_name]
    parameters(report, params, known, f"the auth spec {block.spec_name!r}", (*path, "params"))
    secret = [parameter.name for parameter in known if parameter.secret]
    for name in secret:
        value = params.get(name)
        if value is None or isinstance(value, Secret):
            continue
        if not literal_secrets:
            report(
                (*path, "params", name),
                "literal-secret",
                f"{name} is a secret and must not be written out in a manifest",
                f'write "${{secret.{document}-{name.lower()}}}", or pass --allow-literal-secrets',
            )
        params[name] = Secret(str(value), literal=True)
    return params, secret


def flow_spec(
    report: Report, catalog: Catalog, ident: str, connector: Connector, own: Mapping[str, str] | None
) -> None:
    """Check a flow spec given by id: one that is known to be another connector's is wrong, an unknown one a doubt."""
    if own is not None and ident == own["id"]:
        return
    ends = {connector.connection_spec["id"], connector.end_spec["id"]}
    known = catalog.flow_specs().get(ident)
    if known is not None and ends & known:
        return
    advice = f"leave flowSpec out, or write {own['id']}" if own else "leave flowSpec out: it is looked up by its name"
    other = ident in {(connector.flow_spec(name) or {}).get("id") for name in connector.exports}
    if known is None or other:
        what = f"the catalog does not know the flow spec {ident} for {connector.name}"
        report(("flow", "flowSpec", "id"), "unknown-flow-spec", what, advice, severity="warning")
        return
    what = f"the flow spec {ident} is not for {connector.name}"
    report(("flow", "flowSpec", "id"), "wrong-flow-spec", what, advice)
