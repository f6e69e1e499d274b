"""Links to the pages of objects in the platform's UI."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from reconciler.core.console import console_url
from reconciler.core.plan.drift_report import Report
from reconciler.core.plan.with_rules import with_rules
from reconciler.kinds import kinds
from reconciler.render.drift import markdown as drift_markdown
from reconciler.render.html import html
from reconciler.render.json import plan_document
from reconciler.render.markdown import markdown
from tests.unit.plans import everything


@dataclass
class Sandbox:
    platform: str = "https://platform.adobe.io"
    organization: str = "ABC@AdobeOrg"
    sandbox: str = "dev"


UI = "https://experience.adobe.com/#/@ABC@AdobeOrg/sname:dev/platform/"
SOURCE = {"transformations": [{"name": "Mapping", "params": {"mappingId": "1"}}]}
AUDIENCES = {"transformations": [{"name": "GeneralTransform", "params": {"segmentSelectors": {"selectors": []}}}]}
DATASETS = {"transformations": [], "scheduleParams": {"timeUnit": "day"}}


@pytest.mark.parametrize(
    ("kind", "body", "ident", "page"),
    [
        ("Flow", SOURCE, "f-1", "source/dataflows/f-1/activity"),
        ("Flow", AUDIENCES, "f-1", "destination/browse/f-1"),
        ("Flow", DATASETS, "f-1", "destination/browse/f-1"),
        ("Flow", {}, "f-1", None),
        ("Flow", None, "f-1", None),
        ("Dataset", {}, "63ec", "dataset/browse/63ec"),
        ("FieldGroup", {}, "https://ns.adobe.com/m/a)b", "schema/mixin/browse/https%3A%2F%2Fns.adobe.com%2Fm%2Fa%29b"),
        ("MappingSet", {}, "1", None),
        ("SourceConnection", {}, "1", None),
        ("Schema", {}, "https://ns.adobe.com/t/schemas/1", None),
    ],
)  # fmt: skip
def test_the_page_of_a_kind(kind: str, body: object, ident: str, page: str | None) -> None:
    url = console_url(Sandbox(), kinds()[kind].rules(body).page, ident)  # type: ignore[arg-type]
    assert url == (None if page is None else UI + page)


@pytest.mark.parametrize(
    ("place", "linked"),
    [
        (Sandbox(platform="https://platform-nld2.adobe.io/"), True),
        (Sandbox(platform="https://platform-stage.adobe.io"), False),
        (Sandbox(platform="https://platform.adobe.io.evil.example"), False),
        (Sandbox(platform="https://platform.adobe.io@evil.example"), False),
        (Sandbox(platform="http://[::1"), False),
        (Sandbox(platform="http://127.0.0.1:8080"), False),
        (Sandbox(platform="emulator:4711"), False),
        (Sandbox(platform=""), False),
        (Sandbox(organization=""), False),
        (Sandbox(sandbox=""), False),
    ],
)
def test_a_link_leads_to_the_platform_only(place: Sandbox, linked: bool) -> None:
    assert (console_url(place, "dataset/browse/{id}", "1") is not None) is linked


def test_no_part_can_leave_its_place() -> None:
    odd = Sandbox(organization="a/b#?)@AdobeOrg", sandbox="dev/../x](")
    url = console_url(odd, "dataset/browse/{id}", "1/2){x}\n<")
    expected = "@a%2Fb%23%3F%29@AdobeOrg/sname:dev%2F..%2Fx%5D%28/platform/dataset/browse/1%2F2%29%7Bx%7D%0A%3C"
    assert url == f"https://experience.adobe.com/#/{expected}"


def test_reports_link_to_objects() -> None:
    bodies = {change.address: AUDIENCES for change in everything().changes if change.kind == "Flow"}
    whole = tuple(replace(item, desired=bodies.get(item.address, item.desired)) for item in everything().changes)
    plan = with_rules(replace(everything(), changes=whole), kinds())
    linked = [change for change in plan.effective if change.rules.page and change.ident]
    assert "kinesis/flow" in {change.address for change in linked}
    for change in linked:
        url = console_url(plan, change.rules.page, change.ident or "")
        assert url is not None
        assert f"`{change.address}`]({url})" in markdown(plan)
        assert f'href="{url}"' in html(plan)
    links = {item["address"]: item["link"] for item in plan_document(plan)["changes"] if "link" in item}
    assert links.keys() == {change.address for change in linked}
    emulated = replace(plan, platform="emulator:1")
    for text in (markdown(emulated), html(emulated), str(plan_document(emulated))):
        assert "experience.adobe.com" not in text
    # a flow that drifted is linked by its own body
    flow = next(item for item in plan.drift if item.address == "kinesis/flow" and item.status == "changed")
    report = Report("prod", "dev", 1, (flow,), platform=plan.platform, organization=plan.organization)
    assert f"| [`kinesis/flow`]({console_url(report, flow.rules.page, flow.ident)}) |" in drift_markdown(report)
    assert "experience.adobe.com" not in drift_markdown(replace(report, platform="emulator:1"))
