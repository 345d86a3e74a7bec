"""The first page says for whom the book is, and shows one figure, before anyone scrolls."""

import json
import re

from playwright.sync_api import Page

from reproduce.screenshots import load
from tests.conftest import HTML
from tests.site.test_browser import CHAPTER

LAPTOP = {"width": 1280, "height": 800}


def bottom(page: Page, selector: str) -> float:
    box = page.locator(selector).first.bounding_box()
    assert box
    return box["y"] + box["height"]


def test_doors_figure_and_worst_case_are_seen_without_scrolling(page: Page) -> None:
    page.set_viewport_size(LAPTOP)
    load(page, "/book/index.html")
    doors = page.locator(".doors a")
    links = doors.evaluate_all("all => all.map(door => door.getAttribute('href'))")
    assert links == ["answers.html", "scorecard.html", "setting.html"]
    for part in (".doors", "article p:has(em):has-text('closest call')", "article figure img"):
        assert bottom(page, part) <= LAPTOP["height"], part
    assert bottom(page, "article figure:nth-of-type(1) figcaption") > LAPTOP["height"]
    shown = page.locator("article p", has_text="not a forecast")
    assert shown.first.bounding_box()["y"] < LAPTOP["height"] / 2


def test_the_worst_case_is_that_of_the_ledger(page: Page) -> None:
    page.goto("/book/index.html")
    text = page.locator("article p", has_text="closest call").inner_text()
    told = re.search(
        r"^(\d+) predictions.*predicted ([\d.]+), recorded ([\d.]+) to ([\d.]+)[.]$", text
    )
    assert told
    claims = json.loads((HTML / "ledger.json").read_text("utf-8"))["claims"]
    (claim,) = (claim for claim in claims if claim["id"] == "beyond-16-observed")
    seen = [entry for entry in claim["evidence"] if entry["kind"] == "observed"]
    assert int(told[1]) == len(seen)
    entries = [(entry["value"], *entry["bound"]) for entry in seen]
    closest = min(entries, key=lambda e: min(e[0] - e[1], e[2] - e[0]) / (e[2] - e[1]))
    assert told.groups()[1:] == tuple(f"{number:.3f}" for number in closest)


def test_the_side_bar_is_short_and_opens_the_part_of_the_page(page: Page) -> None:
    for path, part in (("book/index.html", "Start here"), (CHAPTER, "Part I: the paper")):
        load(page, f"/{path}")
        bar = page.locator("nav.bd-links")
        assert bar.locator("details[open] > summary").all_inner_texts() == [part]
        assert bar.locator("a:visible").count() <= 15
        other = bar.locator("details:not([open]) > summary").first
        other.focus()
        page.keyboard.press("Enter")
        assert bar.locator("details[open]").count() == 2
    assert bar.locator("a").count() > 30
