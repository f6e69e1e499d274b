"""Offline checks of schedules: of batch sources, dataset exports and audiences in files.

Sources: flow-service.yaml, destinations.yaml, export-datasets.md.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from reconciler.catalog import Connector, Parameter
from reconciler.core.trees import members
from reconciler.documents.blocks import Audience
from reconciler.documents.checks import Report, parameters
from reconciler.documents.expand import Expansion

_FILE_ONLY = ("exportMode", "schedule", "filenameTemplate")
_DATE = (re.compile(r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])"), "2030-01-31")
_FORMS = {"startDate": _DATE, "endDate": _DATE, "startTime": (re.compile(r"([01]\d|2[0-3]):00"), "23:00")}
_FREQUENCIES = {
    "DAILY_FULL_EXPORT": ("ONCE", "DAILY"),
    "FIRST_FULL_THEN_INCREMENTAL": ("DAILY", "EVERY_3_HOURS", "EVERY_6_HOURS", "EVERY_8_HOURS", "EVERY_12_HOURS"),
}


def known(ctx: Expansion, name: str) -> list[Parameter]:
    """Return the parameters of a form of schedule as the catalog has them."""
    return [
        Parameter(item["name"], item.get("required"), False, item.get("type"), tuple(item.get("values", ())))
        for item in ctx.setting.catalog.platform["schedules"][name]["params"]
    ]


def _is_draft(ctx: Expansion) -> bool:
    """Tell whether the flow is a draft, which may go without a schedule (draft.md)."""
    return members(ctx.spec.get("flow")).get("state") == "draft"


def export_schedule(ctx: Expansion, values: dict[str, Any] | None, path: Sequence[str]) -> None:
    """Check the schedule of a dataset export: the API reference's schema; what documents dispute is a warning."""
    place = (*path, "scheduleParams")
    if not values and _is_draft(ctx):
        return
    if not values:
        advice = (
            "add scheduleParams: {exportMode: FIRST_FULL_THEN_INCREMENTAL, timeUnit: day, interval: 1, startTime: …}"
        )
        ctx.report(path, "missing-schedule", "a dataset export needs a schedule", advice)
        return
    names = known(ctx, "dataset-export")
    parameters(ctx.report, values, names, "scheduleParams", place)
    interval, unit = str(values.get("interval", "")), values.get("timeUnit")
    full = values.get("exportMode") == "DAILY_FULL_EXPORT"
    usual = {("day", "0")} if full else {("day", "1"), *(("hour", number) for number in ("3", "6", "9", "12"))}
    if interval and unit in ("hour", "day") and (unit, interval) not in usual:
        what = f"an interval of {interval} with timeUnit {unit} is not documented for this exportMode"
        advice = "interval: 0 with timeUnit: day" if full else "3, 6, 9 or 12 with timeUnit: hour, or 1 with day"
        ctx.report((*place, "interval"), "odd-schedule", what, advice, severity="warning")


def schedule(ctx: Expansion, connector: Connector, values: dict[str, Any] | None, path: Sequence[str]) -> None:
    """Check that a batch source has a schedule of the right form, and a streaming one none (flow spec scheduleSpec)."""
    use = connector.facts["schedule"]["use"]
    place = (*path, "scheduleParams")
    if use == "none":
        if values:
            ctx.report(
                place,
                "no-schedule",
                f"{connector.name} is a streaming source and takes no schedule",
                "remove scheduleParams",
            )
        return
    if not values and _is_draft(ctx):
        return
    if not values:
        ctx.report(
            path,
            "missing-schedule",
            f"{connector.name} is a batch source and needs a schedule",
            "add scheduleParams: {startTime: …, frequency: day, interval: 1}",
        )
        return
    names = known(ctx, "batch-periodic")
    parameters(ctx.report, values, names, "scheduleParams", place)
    once = values.get("frequency") == "once"
    for name in ("interval", "backfill"):
        if once and name in values:
            ctx.report(
                (*place, name),
                "bad-schedule",
                f"{name} must be absent when frequency is once",
                f"remove {name}",
            )
    if not once and "interval" not in values and "frequency" in values:
        ctx.report(place, "bad-schedule", f"frequency {values['frequency']!r} needs an interval", "add interval: …")
    interval = str(values.get("interval", ""))
    if values.get("frequency") == "minute" and interval.isdigit() and int(interval) < 15:
        ctx.report((*place, "interval"), "bad-schedule", "the shortest interval is 15 minutes", "write 15 or more")


def audience(ctx: Expansion, connector: Connector | None, item: Audience, path: Sequence[str], judge: Report) -> None:
    """Check how often and how an audience goes out: by file with a schedule of its own, by stream at once.

    `judge` takes what the documents rule out for authors, which does not keep it from being live.
    """
    exports = connector.facts["exports"].get("audiences") if connector else None
    if exports is None:
        return
    given = item.given()
    assert connector is not None
    if exports.get("schedule") != "audience-file-export":
        for key in (name for name in _FILE_ONLY if name in given):
            what = f"{connector.name} is a streaming destination: its audiences have no {key}"
            judge((*path, key), "no-schedule", what, f"remove {key}")
        return
    for key in ("exportMode", "schedule"):
        if key not in given:
            advice = "add exportMode: DAILY_FULL_EXPORT, schedule: {frequency: DAILY, triggerType: AFTER_SEGMENT_EVAL}"
            what = f"an audience of {connector.name} without {key} is exported by nobody's schedule"
            ctx.report(path, "missing-schedule", what, advice, severity="warning")
            return
    schedule: dict[str, Any] = given["schedule"] or {}
    names = [parameter for parameter in known(ctx, "audience-file-export") if parameter.name != "exportMode"]
    place = (*path, "schedule")
    parameters(judge, schedule, names, "schedule", place)
    _combination(ctx, judge, str(given["exportMode"]), schedule, path)
    for key, (form, like) in _FORMS.items():
        if key in schedule and not form.fullmatch(str(schedule[key])):
            what = f"{key} must be like {like}, not {schedule[key]!r}"
            judge((*place, key), "bad-schedule", what, "times are UTC")


def _combination(ctx: Expansion, judge: Report, mode: str, schedule: dict[str, Any], path: Sequence[str]) -> None:
    """Check that frequency and trigger fit the export mode (destinations.yaml, PATCH /flows)."""
    place = (*path, "schedule")
    if mode not in _FREQUENCIES:
        what = f"exportMode must be one of {', '.join(_FREQUENCIES)}, not {mode!r}"
        judge((*path, "exportMode"), "bad-value", what)
        return
    frequency, trigger = schedule.get("frequency"), schedule.get("triggerType")
    every = known(ctx, "audience-file-export")[1].values
    if frequency in every and frequency not in _FREQUENCIES[mode]:
        what = f"{mode} goes with the frequencies {', '.join(_FREQUENCIES[mode])}, not {frequency}"
        judge((*place, "frequency"), "bad-schedule", what)
    if mode == "DAILY_FULL_EXPORT" and trigger is None:
        advice = "add triggerType: SCHEDULED, or AFTER_SEGMENT_EVAL"
        # documented as required, and left out in documented requests (update-destination-dataflows.md)
        what = "DAILY_FULL_EXPORT without a triggerType is against the API reference"
        judge(place, "odd-schedule", what, advice, severity="warning")
    if mode != "DAILY_FULL_EXPORT" and trigger == "AFTER_SEGMENT_EVAL":
        judge((*place, "triggerType"), "bad-schedule", f"{mode} is SCHEDULED", "write triggerType: SCHEDULED")
    if trigger == "AFTER_SEGMENT_EVAL" and "startTime" in schedule:
        judge((*place, "startTime"), "bad-schedule", "after the evaluation there is no startTime", "remove it")
    if frequency == "ONCE" and "endDate" in schedule:
        judge((*place, "endDate"), "bad-schedule", "what is exported once has no endDate", "remove it")
