"""Offline checks of a block against the catalog. What the catalog does not know is a warning: live specs win."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from reconciler.catalog import Connector, Parameter
from reconciler.core.values import Secret, Tree
from reconciler.manifests.blocks import Auth
from reconciler.manifests.document import nearest

if TYPE_CHECKING:
    from reconciler.manifests.expand import Workshop

_TYPES: dict[str, tuple[type, ...]] = {
    "integer": (int, str),
    "number": (int, float, str),
    "boolean": (bool, str),
    "array": (list,),
    "object": (dict,),
    "string": (str,),
}


def parameters(
    shop: Workshop, values: dict[str, Tree], known: Sequence[Parameter], owner: str, path: Sequence[str]
) -> None:
    """Check parameters: required ones are there, known ones well formed, unknown ones are warnings."""
    names = [parameter.name for parameter in known]
    for parameter in known:
        value = values.get(parameter.name)
        if value is None:
            if parameter.required:
                shop.say(
                    path,
                    "missing-parameter",
                    f"{owner} needs the parameter {parameter.name!r}",
                    f"add {parameter.name}: …",
                )
            continue
        if isinstance(value, Secret):
            continue
        place = (*path, parameter.name)
        if parameter.values and str(value) not in parameter.values:
            shop.say(
                place,
                "bad-value",
                f"{parameter.name} must be one of {', '.join(parameter.values)}, not {value!r}",
                nearest(str(value), parameter.values),
            )
        wanted = _TYPES.get(parameter.type or "")
        if wanted and not isinstance(value, wanted):
            shop.say(place, "bad-type", f"{parameter.name} must be of type {parameter.type}, not {value!r}")
        elif wanted is None and isinstance(value, list | dict) and parameter.secret:
            shop.say(place, "bad-type", f"{parameter.name} must be text")
    for name in values:
        if known and name not in names:
            shop.say(
                (*path, name),
                "unknown-parameter",
                f"the catalog knows no parameter {name!r} of {owner}",
                nearest(name, names),
                severity="warning",
            )


def auth(
    shop: Workshop, block: Auth, connector: Connector | None, path: Sequence[str]
) -> tuple[dict[str, Tree], list[str]]:
    """Check credentials; return the parameters, literal secrets wrapped, and the names of the secret ones."""
    params: dict[str, Tree] = dict(block.params)
    if connector is None:
        return params, []
    specs = connector.auth_specs
    if not specs:
        shop.say(path, "no-auth", f"{connector.name} has no credentials of its own", "remove auth")
        return params, []
    if block.spec_name not in specs:
        shop.say(
            (*path, "specName"),
            "unknown-auth",
            f"{connector.name} has no auth spec {block.spec_name!r}",
            nearest(block.spec_name, specs) or f"known: {', '.join(specs)}",
        )
        return params, []
    known = specs[block.spec_name]
    parameters(shop, params, known, f"the auth spec {block.spec_name!r}", (*path, "params"))
    secret = [parameter.name for parameter in known if parameter.secret]
    for name in secret:
        value = params.get(name)
        if value is None or isinstance(value, Secret):
            continue
        if not shop.setting.literal_secrets:
            shop.say(
                (*path, "params", name),
                "literal-secret",
                f"{name} is a secret and must not be written out in a manifest",
                f'write "${{secret.{shop.document.name}-{name.lower()}}}", or pass --allow-literal-secrets',
            )
        params[name] = Secret(str(value), literal=True)
    return params, secret


def export_schedule(shop: Workshop, values: dict[str, Any] | None, path: Sequence[str]) -> None:
    """Check the schedule of a dataset export: the API reference's schema; what documents dispute is a warning."""
    place = (*path, "scheduleParams")
    if not values:
        advice = (
            "add scheduleParams: {exportMode: FIRST_FULL_THEN_INCREMENTAL, timeUnit: day, interval: 1, startTime: …}"
        )
        shop.say(path, "missing-schedule", "a dataset export needs a schedule", advice)
        return
    known = [
        Parameter(item["name"], item.get("required"), False, item.get("type"), tuple(item.get("values", ())))
        for item in shop.setting.catalog.platform["schedules"]["dataset-export"]["params"]
    ]
    parameters(shop, values, known, "scheduleParams", place)
    interval, unit = str(values.get("interval", "")), values.get("timeUnit")
    full = values.get("exportMode") == "DAILY_FULL_EXPORT"
    usual = {("day", "0")} if full else {("day", "1"), *(("hour", number) for number in ("3", "6", "9", "12"))}
    if interval and unit in ("hour", "day") and (unit, interval) not in usual:
        what = f"an interval of {interval} with timeUnit {unit} is not documented for this exportMode"
        advice = "interval: 0 with timeUnit: day" if full else "3, 6, 9 or 12 with timeUnit: hour, or 1 with day"
        shop.say((*place, "interval"), "odd-schedule", what, advice, severity="warning")


def schedule(shop: Workshop, connector: Connector, values: dict[str, Any] | None, path: Sequence[str]) -> None:
    """Check that a batch source has a schedule of the right form, and a streaming one none (flow spec scheduleSpec)."""
    use = connector.facts["schedule"]["use"]
    place = (*path, "scheduleParams")
    if use == "none":
        if values:
            shop.say(
                place,
                "no-schedule",
                f"{connector.name} is a streaming source and takes no schedule",
                "remove scheduleParams",
            )
        return
    if not values:
        shop.say(
            path,
            "missing-schedule",
            f"{connector.name} is a batch source and needs a schedule",
            "add scheduleParams: {startTime: …, frequency: day, interval: 1}",
        )
        return
    known = [
        Parameter(item["name"], item.get("required"), False, item.get("type"), tuple(item.get("values", ())))
        for item in shop.setting.catalog.platform["schedules"]["batch-periodic"]["params"]
    ]
    parameters(shop, values, known, "scheduleParams", place)
    once = values.get("frequency") == "once"
    for name in ("interval", "backfill"):
        if once and name in values:
            shop.say(
                (*place, name),
                "bad-schedule",
                f"{name} must be absent when frequency is once",
                f"remove {name}",
            )
    if not once and "interval" not in values and "frequency" in values:
        shop.say(place, "bad-schedule", f"frequency {values['frequency']!r} needs an interval", "add interval: …")
    interval = str(values.get("interval", ""))
    if values.get("frequency") == "minute" and interval.isdigit() and int(interval) < 15:
        shop.say((*place, "interval"), "bad-schedule", "the shortest interval is 15 minutes", "write 15 or more")
