"""The HTML report in a real browser: reads, searches, filters, by keyboard, in the dark, and calls nobody."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from reconciler.core.plan.model import Plan
from reconciler.render.html import html
from tests.unit.plans import everything, many, nothing, refused

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed (Debian: apt-get install chromium)")
SCREENSHOTS = os.environ.get("RECONCILER_SCREENSHOTS")


@dataclass
class Report:
    """A report as somebody opened it."""

    page: Any
    folder: Path
    calls: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def open(self, plan: Plan, anchor: str = "") -> None:
        """Write the report of `plan` and open it."""
        path = self.folder / "report.html"
        path.write_text(html(plan), encoding="utf-8")
        self.page.goto(f"file://{path}{anchor}")

    def seen(self) -> list[str]:
        """Return the addresses of the changes that are shown."""
        found: list[str] = self.page.eval_on_selector_all(
            "details.change:not([hidden])", "all => all.map(item => item.id.slice(7))"
        )
        return found

    def picture(self, name: str) -> bytes:
        """Return a screenshot; keep it where RECONCILER_SCREENSHOTS says."""
        shot: bytes = self.page.screenshot(full_page=True)
        if SCREENSHOTS:
            Path(SCREENSHOTS).mkdir(parents=True, exist_ok=True)
            (Path(SCREENSHOTS) / f"{name}.png").write_bytes(shot)
        return shot


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium without a window."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        found = play.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        yield found
        found.close()


@pytest.fixture(params=["light", "dark"])
def report(request: pytest.FixtureRequest, browser: Any, tmp_path: Path) -> Iterator[Report]:
    """A fresh page, light and dark; at the end nothing was called and nothing went wrong."""
    context = browser.new_context(color_scheme=request.param, viewport={"width": 1200, "height": 900})
    page = context.new_page()
    opened = Report(page, tmp_path)
    page.on("request", lambda call: opened.calls.append(call.url))
    page.on("pageerror", lambda error: opened.errors.append(str(error)))
    page.on("console", lambda line: opened.errors.append(line.text) if line.type in ("error", "warning") else None)
    yield opened
    context.close()
    assert [url for url in opened.calls if not url.startswith("file://")] == []
    assert opened.errors == []


def test_each_change_is_told_with_its_calls(report: Report) -> None:
    report.open(everything())
    text = report.page.inner_text("main")
    assert "1 to create, 1 to update, 1 to replace, 1 to delete, 1 to forget; 1 unchanged." in text
    flow = report.page.locator("[id='change-kinesis/flow']")
    assert "PATCH /data/foundation/flowservice/flows/f1 with If-Match" in flow.inner_text()
    assert '"op": "add"' in flow.inner_text()
    assert flow.locator("del", has_text="old").count() == 1
    assert flow.locator("ins", has_text="a new description").count() == 1
    assert "forces the replace" in report.page.locator("[id='change-s3/source']").inner_text()
    assert "${secret" not in report.page.content()
    assert "Men over 50 <b>& more</b>" in text, "what somebody wrote is text, not markup"
    shot = report.picture(f"report-{report.page.evaluate('matchMedia(`(prefers-color-scheme: dark)`).matches')}")
    assert len(shot) > 20_000


def test_search_and_filters_narrow_it_down(report: Report) -> None:
    report.open(everything())
    everyone = report.seen()
    assert len(everyone) == 5
    report.page.fill("#search", "kinesis men")
    assert report.seen() == ["kinesis/flow"]
    assert report.page.inner_text("#count") == "1 of 5 changes shown"
    report.page.fill("#search", "")
    report.page.get_by_role("button", name="delete (1)").click()
    report.page.get_by_role("button", name="replace (1)").click()
    assert report.seen() == ["s3/source", "old/flow"]
    assert report.page.get_by_role("button", name="delete (1)").get_attribute("aria-pressed") == "true"
    report.page.get_by_role("button", name="delete (1)").click()
    assert report.seen() == ["s3/source"]


def test_it_can_be_used_by_keyboard_alone(report: Report) -> None:
    report.open(many(30))
    keys = report.page.keyboard
    keys.press("Tab")
    assert report.page.evaluate("document.activeElement.textContent") == "Skip to the changes"
    keys.press("/")
    assert report.page.evaluate("document.activeElement.id") == "search"
    keys.type("00007")
    assert report.seen() == ["flow-00007/flow"]
    keys.press("Escape")
    assert len(report.seen()) == 30
    report.page.evaluate("document.activeElement.blur()")
    keys.press("j")
    keys.press("j")
    focused = report.page.evaluate("document.activeElement.parentElement.id")
    assert focused == "change-flow-00001/flow"
    assert report.page.evaluate("document.activeElement.parentElement.open") is False
    keys.press("Enter")
    assert report.page.evaluate("document.activeElement.parentElement.open") is True
    keys.press("k")
    assert report.page.evaluate("document.activeElement.parentElement.id") == "change-flow-00000/flow"


def test_the_drawing_leads_to_the_change(report: Report) -> None:
    report.open(everything())
    report.page.get_by_role("button", name="Fold all", exact=True).click()
    report.page.fill("#search", "nothing has this")
    assert report.seen() == []
    report.page.get_by_role("link", name="s3/source, SourceConnection, replace").click()
    report.page.wait_for_selector("[id='change-s3/source'][open]")
    assert len(report.seen()) == 5, "what is followed is shown, whatever was searched for"
    assert report.page.evaluate("document.activeElement.parentElement.id") == "change-s3/source"


def test_screen_readers_are_told_everything(report: Report) -> None:
    report.open(refused())
    tree = report.page.locator("body").aria_snapshot()
    for said in ('heading "Plan for prod" [level=1]', 'heading "Changes" [level=2]', 'heading "kinesis/flow" [level=3]',
                 'searchbox "Search"', 'region "Objections"', 'region "Dependency graph"', 'group "Filter by action"',
                 'columnheader "old"'):  # fmt: skip
        assert said in tree, said
    assert report.page.evaluate("document.documentElement.lang") == "en"
    unnamed = (
        "all => all.filter(e => !(e.textContent.trim() || e.getAttribute('aria-label') || e.labels?.length)).length"
    )
    assert report.page.eval_on_selector_all("button, a, input", unnamed) == 0
    names = report.page.eval_on_selector_all("[id]", "all => all.map(item => item.id)")
    assert len(names) == len(set(names))


CONTRAST = """all => all.map(item => {
  const rgb = text => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(v => (v /= 255) <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
  let back = item;
  while (back && /, 0\\)$|transparent/.test(getComputedStyle(back).backgroundColor)) back = back.parentElement;
  const pair = [getComputedStyle(item).color, back ? getComputedStyle(back).backgroundColor : 'rgb(255,255,255)']
    .map(text => light(rgb(text))).sort((a, b) => b - a);
  return [item.className + ' ' + item.tagName, (pair[0] + .05) / (pair[1] + .05)];
}).filter(([, ratio]) => ratio < 4.5)"""


def test_all_text_stands_out_enough(report: Report) -> None:
    report.open(everything())
    found = report.page.eval_on_selector_all(
        "p, li, td, th, del, ins, code, pre, .badge, .dim, summary, button", CONTRAST
    )
    assert found == []


def test_a_great_many_changes_stay_usable(report: Report) -> None:
    report.open(many(3000))
    assert len(report.seen()) == 3000
    report.page.fill("#search", "flow-02999")
    assert report.seen() == ["flow-02999/flow"]
    report.open(many(2), "#change-flow-00001/flow")
    assert report.page.evaluate("document.getElementById('change-flow-00001/flow').open") is True


def test_a_narrow_screen_scrolls_one_way(report: Report) -> None:
    report.page.set_viewport_size({"width": 380, "height": 800})
    report.open(everything())
    assert report.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth + 1")
    report.open(nothing())
    assert "The platform is as the manifests say." in report.page.inner_text("main")


def test_it_is_one_file() -> None:
    text = html(everything())
    assert re.findall(r'(?:src|href)="(?!#)[^"]*"', text) == []
    assert "default-src 'none'" in text
