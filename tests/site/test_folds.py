"""The two layers of a chapter, in a browser."""

from statistics import mean

import pytest
from playwright.sync_api import Browser, Page

from reproduce.screenshots import load
from tests.site.conftest import OpenTab
from tests.site.test_browser import CHAPTER, PAGES, open_folds

CHAPTERS = [path for path in PAGES if path.startswith("notebooks/")]


def height(page: Page) -> int:
    return page.evaluate("document.scrollingElement.scrollHeight")


def wide_code(page: Page) -> list[str]:
    """Code that its box does not show whole, on a page whose folds are open."""
    return page.locator("div.cell_input pre").evaluate_all(
        "all => all.filter(box => box.scrollWidth > box.clientWidth).map(box => box.innerText)"
    )


def hidden(page: Page) -> int:
    """How many paragraphs, pieces of code and tables of the chapter are not to be seen.

    Those of a picture that moves do not count: it repeats the figure above, and is not on paper.
    """
    return page.locator("article :is(p, pre, table):not(.live *)").evaluate_all(
        "all => all.filter(part => !part.checkVisibility()).length"
    )


def opened(page: Page) -> list[str]:
    """What stands on the folds that are open."""
    return page.locator("details.fold[open] > summary").all_inner_texts()


def closed(page: Page) -> int:
    return page.locator("details.fold:not([open])").count()


def test_a_chapter_has_9000_pixels_on_average_and_no_code_box_scrolls(open_tab: OpenTab) -> None:
    heights = {}
    with open_tab() as (page, _):
        for path in CHAPTERS:
            load(page, f"/{path}")
            heights[path] = height(page)
            open_folds(page)
            assert wide_code(page) == [], path
        assert height(page) > 1.5 * heights[path]
        line = "x" * 120
        page.locator("div.cell_input pre").last.evaluate("(box, line) => box.append(line)", line)
        assert len(wide_code(page)) == 1
    assert mean(heights.values()) <= 9000, heights


@pytest.mark.parametrize(
    ("anchor", "fold"),
    [
        ("wrong-variants", "What breaks"),  # a section within a fold
        ("what-breaks", "What breaks"),  # the section that is folded
        ("evidence-theorem-2", "Evidence"),  # a table within
        ("derivation", None),
    ],
)
def test_a_link_opens_the_fold_that_it_leads_to_and_no_other(
    page: Page, anchor: str, fold: str | None
) -> None:
    load(page, f"/{CHAPTER}#{anchor}")
    assert opened(page) == ([fold] if fold else [])
    place = page.locator(f"[id='{anchor}']")
    assert 0 <= place.evaluate("place => place.getBoundingClientRect().top") < 200


def test_the_same_link_opens_a_fold_again(page: Page) -> None:
    load(page, f"/{CHAPTER}#what-breaks")
    page.locator("details.fold[open] > summary").click()
    assert opened(page) == []
    page.locator("nav a[href='#what-breaks']").first.evaluate("link => link.click()")
    assert opened(page) == ["What breaks"]


def test_the_switch_opens_everything_in_every_chapter_until_it_is_switched_off(page: Page) -> None:
    load(page, f"/{CHAPTER}")
    switch = page.locator("button.show-all")
    assert hidden(page) > 50 and opened(page) == []
    switch.press("Enter")
    assert hidden(page) == closed(page) == 0
    load(page, "/notebooks/theorem-1.html")
    assert switch.get_attribute("aria-pressed") == "true"
    assert hidden(page) == closed(page) == 0
    switch.press("Enter")
    assert opened(page) == []
    load(page, f"/{CHAPTER}")
    assert switch.get_attribute("aria-pressed") == "false"
    assert opened(page) == []


def test_a_fold_opens_by_keyboard(page: Page) -> None:
    load(page, f"/{CHAPTER}")
    before = hidden(page)
    summary = page.locator("details.checks > summary").first
    summary.focus()
    page.keyboard.press("Enter")
    assert opened(page) == ["Outcome by outcome"]
    assert 0 < hidden(page) < before


def test_everything_is_printed_and_folded_again_after_that(page: Page) -> None:
    load(page, f"/{CHAPTER}")
    folds = closed(page)
    assert hidden(page) > 50
    page.emulate_media(media="print")
    assert hidden(page) == 0  # by the style sheet alone
    page.emulate_media(media="screen")
    page.evaluate(
        "addEventListener('beforeprint', () => window.left = document"
        ".querySelectorAll('details:not([open])').length)"
    )
    page.pdf()
    assert page.evaluate("left") == 0  # and by the script, for browsers that do not know it
    page.wait_for_function(
        "folds => folds === document.querySelectorAll('details.fold:not([open])').length", arg=folds
    )


def test_without_a_script_folds_open_and_there_is_no_switch(browser: Browser, address: str) -> None:
    context = browser.new_context(base_url=address, java_script_enabled=False)
    page = context.new_page()
    page.goto(f"/{CHAPTER}")
    assert page.locator("button.show-all").count() == 1
    assert not page.locator("button.show-all").is_visible()
    code = page.locator("details.code pre").first
    assert not code.is_visible()
    page.locator("details.code > summary").first.click()
    assert code.is_visible()
    context.close()
