"""Pages do not move while they load, and none is heavy."""

import gzip

import pytest
from playwright.sync_api import Page

from reproduce.screenshots import load
from tests.conftest import HTML
from tests.site.accessibility import DESKTOP, PHONE
from tests.site.conftest import OpenTab
from tests.site.test_browser import CHAPTER, PAGES, Plant

GOOD = 0.1
"""The most that the Web Vitals call good."""

# A busy machine is slow, not wrong: what waits for its formulas waits as long as it takes.
PATIENT = "<style>html { --patience: 600s }</style></head>"

SHIFTS = """() => new Promise((done) => {
    let sum = 0;
    new PerformanceObserver((list) => {
        for (const shift of list.getEntries()) if (!shift.hadRecentInput) sum += shift.value;
    }).observe({ type: "layout-shift", buffered: true });
    setTimeout(() => done(sum), 200); // two frames, in which what was buffered is told
})"""


def moved(open_tab: OpenTab, path: str, window: dict[str, int], plant: Plant = str) -> float:
    """Cumulative layout shift of a page while it loads."""
    with open_tab() as (page, _):
        html = plant((HTML / path).read_text("utf-8")).replace("</head>", PATIENT, 1)
        page.route(f"**/{path}", lambda route: route.fulfill(body=html, content_type="text/html"))
        page.set_viewport_size(window)
        load(page, f"/{path}")
        return page.evaluate(SHIFTS)


@pytest.mark.parametrize("path", PAGES)
def test_a_page_does_not_move_while_it_loads(open_tab: OpenTab, path: str) -> None:
    moves = {window["width"]: moved(open_tab, path, window) for window in (DESKTOP, PHONE)}
    assert {width: move for width, move in moves.items() if move > GOOD} == {}


def test_a_page_that_moves_is_seen(open_tab: OpenTab) -> None:
    late = "setTimeout(() => document.querySelector('article h1').style.marginTop = '300px', 50)"
    script = f"<script>addEventListener('load', () => {late})</script></body>"
    plant = lambda html: html.replace("</body>", script, 1)  # noqa: E731
    assert moved(open_tab, CHAPTER, DESKTOP, plant) > GOOD


def test_a_chapter_without_mathjax_is_whole_after_three_seconds(page: Page) -> None:
    page.route("**/mathjax/**", lambda route: None)  # is never answered
    page.goto(f"/{CHAPTER}", wait_until="commit")
    formula = page.locator("article p .math").first
    formula.wait_for(state="attached")
    assert page.locator("article h1").is_visible()
    seen = "formula => getComputedStyle(formula).visibility"
    delay = formula.evaluate("f => getComputedStyle(f.closest('p')).animationDelay")
    assert delay == "3s"
    page.wait_for_function(
        f"() => ({seen})(document.querySelector('article p .math')) == 'visible'"
    )


def test_figures_have_their_room_before_they_come(page: Page) -> None:
    page.route("**/*.svg", lambda route: None)
    for path in (CHAPTER, "book/index.html"):
        page.goto(f"/{path}", wait_until="commit")
        page.locator("footer").first.wait_for(state="attached")
        for figure in page.locator("article img").all():
            shape = "f => [f.width, f.height, +f.getAttribute('width'), +f.getAttribute('height')]"
            width, height, wide, high = figure.evaluate(shape)
            assert min(wide, high) > 100
            assert width * high == pytest.approx(height * wide, rel=0.02, abs=0)


def heavy(paths: list[str], limit: float) -> dict[str, int]:
    """Files of the site that have more than some bytes as gzip."""
    sizes = {path: len(gzip.compress((HTML / path).read_bytes())) for path in paths}
    return {path: size for path, size in sizes.items() if size > limit}


def test_no_page_and_no_search_index_has_more_than_500_kilobytes() -> None:
    files = [*PAGES, "searchindex.js"]
    assert heavy(files, 500e3) == {}
    assert heavy(files, 1e3).keys() == set(files)


def test_the_search_index_is_loaded_by_the_page_that_searches_alone(open_tab: OpenTab) -> None:
    for path, loads in ((CHAPTER, False), ("search.html", True)):
        requested: list[str] = []
        with open_tab() as (page, _):
            page.on("request", lambda request, to=requested: to.append(request.url))
            load(page, f"/{path}")
        assert any(url.endswith("/searchindex.js") for url in requested) is loads
