"""What a link leads to is shown beside it, to the mouse and the keyboard, and Escape closes it."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from reproduce.screenshots import load
from tests.site.accessibility import PHONE, violations

CHAPTER = "notebooks/theorem-2.html"
SAME, OTHER = "#theorem-2", "#theorem-1"


@pytest.fixture
def preview(page: Page) -> Locator:
    load(page, f"/{CHAPTER}")
    return page.locator("#preview")


def link(page: Page, target: str) -> Locator:
    return page.locator(f"article a[href$='{target}']:visible:not(.headerlink)").first


@pytest.mark.parametrize(("target", "says"), [(SAME, "Theorem 2"), (OTHER, "Theorem 1")])
def test_the_mouse_opens_what_a_link_leads_to_and_may_go_there(
    page: Page, preview: Locator, target: str, says: str
) -> None:
    assert preview.is_hidden()
    link(page, target).hover()
    expect(preview).to_be_visible()
    assert says in preview.inner_text()
    expect(preview.locator("mjx-container").first).to_be_attached()
    assert preview.locator(".math:not(:has(mjx-container))").count() == 0
    preview.hover()
    page.wait_for_timeout(700)
    assert preview.is_visible()
    page.mouse.move(5, 5)
    expect(preview).to_be_hidden()


def test_the_keyboard_opens_it_and_escape_closes_it_where_one_is(
    page: Page, preview: Locator
) -> None:
    reached = link(page, OTHER)
    page.keyboard.press("Tab")
    reached.focus()
    expect(preview).to_be_visible()
    assert reached.get_attribute("aria-describedby") == "preview"
    page.keyboard.press("Escape")
    expect(preview).to_be_hidden()
    assert reached.evaluate("a => a === document.activeElement")
    assert reached.get_attribute("aria-describedby") is None
    reached.blur()
    reached.focus()
    expect(preview).to_be_visible()
    page.keyboard.press("Tab")
    expect(preview).to_be_hidden()


def test_it_stays_in_the_window_and_is_for_everyone(page: Page, preview: Locator) -> None:
    page.set_viewport_size({"width": 640, "height": 450})
    page.keyboard.press("Tab")
    link(page, OTHER).focus()
    expect(preview).to_be_visible()
    box = preview.bounding_box()
    assert box
    assert box["x"] >= 0 and box["x"] + box["width"] <= 640
    assert page.evaluate("document.scrollingElement.scrollWidth") <= 640
    assert [found for found in violations(page) if "preview" in found] == []


def test_what_is_no_box_or_is_not_there_has_none(page: Page, preview: Locator) -> None:
    page.route("**/theorem-1.html", lambda route: route.fulfill(body="<p>"))
    for wanted in (link(page, OTHER), page.locator("article a[href*='evidence-']:visible").first):
        wanted.hover()
        page.wait_for_timeout(700)
        assert preview.is_hidden()


@pytest.fixture
def phone(browser: Browser, address: str) -> Iterator[Page]:
    context = browser.new_context(base_url=address, viewport=PHONE, has_touch=True, is_mobile=True)
    yield context.new_page()
    context.close()


def test_a_touch_follows_the_link(phone: Page) -> None:
    load(phone, f"/{CHAPTER}")
    phone.evaluate(
        """() => new MutationObserver(([{ target }]) => {
            if (!target.hidden) sessionStorage.setItem("opened", "yes");
        }).observe(document.getElementById("preview"), { attributeFilter: ["hidden"] })"""
    )
    link(phone, OTHER).tap()
    phone.wait_for_url("**/theorem-1.html*")
    assert phone.evaluate("sessionStorage.getItem('opened')") is None
