"""Every page in a browser: without network, on a phone, in both themes, for everyone, on paper."""

import gzip
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from urllib.parse import unquote, urlsplit

import pytest
from playwright.sync_api import Page

from reproduce.project import Project
from reproduce.screenshots import load
from tests.conftest import HTML, ROOT
from tests.site.accessibility import DESKTOP, PHONE, out_of_reach, settle, show, violations
from tests.site.conftest import OpenTab

CHAPTER = "notebooks/theorem-2.html"
PAGES = sorted(
    f"{name}.html" for name in Project(ROOT).toc_files() | {"genindex", "py-modindex", "search"}
)
"""The pages of the book, with those that Sphinx adds."""

Plant = Callable[[str], str]


@dataclass(frozen=True)
class Visit:
    """What was found on one page.

    Attributes:
        faults: requests to the outside, and errors of scripts.
        unset: formulas that MathJax did not set.
        weight: bytes of all that was requested, as gzip.
        width: of the page's content on a phone, in pixels.
        cut: formulas of which a phone shows a part alone.
        out_of_reach: boxes that scroll, but not by keyboard, on a desktop or on a phone.
        violations: serious and critical ones, light on a desktop and dark on a phone.
    """

    faults: list[str]
    unset: list[str]
    weight: int
    width: int
    cut: list[str]
    out_of_reach: list[str]
    violations: list[str]

    def wrong(self) -> dict[str, object]:
        """What of this must not be."""
        lists = ("faults", "unset", "cut", "out_of_reach", "violations")
        wrong = {name: found for name in lists if (found := getattr(self, name))}
        wrong |= {"weight": self.weight} if self.weight > 1.5e6 else {}
        return wrong | ({"width": self.width} if self.width > PHONE["width"] else {})


def unset_formulas(page: Page) -> list[str]:
    """Formulas that are still TeX, or that MathJax shows as an error."""
    return page.evaluate(
        r"""() => {
            const found = [...document.querySelectorAll(".math")]
                .filter(math => !math.querySelector("mjx-container"))
                .concat(...document.querySelectorAll("mjx-merror, [data-mjx-error]"))
                .map(math => math.textContent);
            const texts = document.createTreeWalker(
                document.querySelector("article, main") ?? document.body, NodeFilter.SHOW_TEXT);
            while (texts.nextNode()) {
                const { data, parentElement } = texts.currentNode;
                const tex = /\\[a-zA-Z([]|\$[^$]+\$/.test(data);
                if (tex && !parentElement.closest("pre, code, script, style, .math"))
                    found.push(data.trim());
            }
            return found;
        }"""
    )


def open_folds(page: Page) -> None:
    """Open everything that is folded, so that it is checked too."""
    page.evaluate("document.querySelectorAll('details').forEach(fold => fold.open = true)")


def content_width(page: Page) -> int:
    """Width in pixels of what a phone shows; more than the screen's means the page scrolls."""
    page.set_viewport_size(PHONE)
    return page.evaluate("document.scrollingElement.scrollWidth")


def cut_formulas(page: Page) -> list[str]:
    """Formulas wider than their box that do not scroll."""
    return page.locator(".math:visible").evaluate_all(
        """all => all.filter(math => {
            const scrolls = [math, ...math.children].some(
                box => ["auto", "scroll"].includes(getComputedStyle(box).overflowX));
            const set = math.querySelector("mjx-math") ?? math.firstElementChild ?? math;
            const width = set.getBoundingClientRect().width;
            return !scrolls && width > math.getBoundingClientRect().width + 1;
        }).map(math => math.textContent)"""
    )


@cache
def weight(path: str) -> int:
    """Bytes of a file of the site as gzip."""
    return len(gzip.compress((HTML / path).read_bytes()))


def visit(open_tab: OpenTab, path: str, plant: Plant = lambda html: html) -> Visit:
    """Look at one page in every way.

    Args:
        open_tab: opens the tab.
        path: of the page in the site.
        plant: what to change in its HTML first.
    """
    requested: set[str] = set()
    with open_tab() as (page, faults):
        page.on(
            "request",
            lambda request: requested.add(unquote(urlsplit(request.url).path).removeprefix("/")),
        )
        html = plant((HTML / path).read_text("utf-8"))
        page.route(f"**/{path}", lambda route: route.fulfill(body=html, content_type="text/html"))
        load(page, f"/{path}")
        weighed = sum(weight(file) for file in requested if (HTML / file).is_file())
        unset = unset_formulas(page)
        open_folds(page)
        settle(page)
        unreached = out_of_reach(page)
        width = content_width(page)
        cut = cut_formulas(page)
        settle(page)
        unreached += out_of_reach(page)
        met = list(faults)
        return Visit(met, unset, weighed, width, cut, unreached, violations(page))


def test_every_page_is_visited() -> None:
    files = [path for path in sorted(HTML.rglob("*.html")) if HTML / "_static" not in path.parents]
    redirects = [path for path in files if 'http-equiv="Refresh"' in path.read_text("utf-8")]
    assert [path.relative_to(HTML).as_posix() for path in files if path not in redirects] == PAGES
    assert CHAPTER in PAGES


@pytest.mark.parametrize("path", PAGES)
def test_nothing_is_wrong_with_the_page(open_tab: OpenTab, path: str) -> None:
    seen = visit(open_tab, path)
    assert seen.wrong() == {}
    if path == CHAPTER:
        assert seen.weight > 5e5  # fonts and MathJax are weighed


PLANTED = {
    "faults": '<script src="http://elsewhere.invalid/x.js"></script><script>nowhere()</script>',
    "unset": r"""<p class="math">\(x</p><p>from a table: $y$</p><p>costs 5 $</p>""",
    "width": """<div style="width: 500px">wide</div>""",
    "cut": r"""<div style="width: 20px"><p class="math notranslate" style="overflow: hidden">
        \(x + x + x + x\)</p></div>""",
    "out_of_reach": """<div style="overflow-x: auto" tabindex="-1"><p style="white-space: nowrap">
        """
    + "far " * 400
    + "</p></div>",
    "violations": """<style>#pale + p { color: #bbb !important } html[data-theme] #dim + p {
        color: #444 !important }</style><i id="pale"></i><p>pale</p><i id="dim"></i><p>dim</p>
        <img src="../_static/favicon.svg"><a href="#"></a><button></button>""",
}
"""Faults of each kind. Nothing but its colour tells a paragraph from the others."""


def in_the_middle(html: str) -> str:
    """Plant all of the faults between two sections, half way down a page."""
    place = html.index("<section", len(html) // 2)
    return html[:place] + "".join(PLANTED.values()) + html[place:]


def test_each_fault_is_found_in_the_middle_of_a_long_page(open_tab: OpenTab) -> None:
    chapters = [path for path in PAGES if path.startswith("notebooks/")]  # which have formulas
    longest = max(chapters, key=lambda path: (HTML / path).stat().st_size)
    seen = visit(open_tab, longest, in_the_middle)
    assert seen.wrong().keys() == PLANTED.keys()
    assert any("elsewhere.invalid" in fault for fault in seen.faults)
    assert any("nowhere" in fault for fault in seen.faults)
    assert seen.unset == ["\\(x", "from a table: $y$"]
    assert len(seen.cut) == 1
    assert len(seen.out_of_reach) == 2  # on a desktop and on a phone
    rules = Counter(tuple(found.split(": ")[:2]) for found in seen.violations)
    names = "image-alt", "link-name", "button-name", "color-contrast", "scrollable-region-focusable"
    assert rules == {(theme, name): 1 for theme in ("dark", "light") for name in names}


def undrawn_icons(page: Page) -> list[str]:
    """Icons that no web font draws: without a sign, or of a font that is not loaded."""
    return page.locator("i[class*=fa-]").evaluate_all(
        """async all => {
            await document.fonts.ready;
            const bare = name => name.replaceAll('"', "");
            const loaded = [...document.fonts].filter(face => face.status == "loaded");
            return all.filter(icon => {
                const { content, fontWeight, fontFamily } = getComputedStyle(icon, "::before");
                return content == "none" || !loaded.some(face =>
                    face.weight == fontWeight && bare(face.family) == bare(fontFamily));
            }).map(icon => icon.className);
        }"""
    )


def test_the_web_font_draws_every_icon(open_tab) -> None:
    with open_tab() as (page, _):
        page.goto(f"/{CHAPTER}")
        count = page.locator("i[class*=fa-]").count()
        assert count > 5
        assert undrawn_icons(page) == []
        page.locator("i.fa-download").evaluate("icon => icon.className = 'fa-solid fa-nothing'")
        assert undrawn_icons(page) == ["fa-solid fa-nothing"]
    with open_tab() as (page, _):
        page.route("**/webfonts/*", lambda route: route.abort())
        page.goto(f"/{CHAPTER}")
        assert len(undrawn_icons(page)) == count


def test_search_finds_a_word_and_not_any_word(page: Page) -> None:
    page.goto("/search.html")
    results = page.locator("#search-results ul.search > li")
    for word, finds in (("mirror", True), ("xylophone", False)):
        field = page.locator("#search-input, article input[type=search], main input[type=search]")
        field.first.fill(word)
        field.first.press("Enter")
        page.wait_for_url(f"**/search.html?q={word}*")
        page.locator("#search-results .search-summary:not(:empty)").wait_for()
        page.wait_for_function("!document.querySelector('#search-progress')?.innerText")
        assert (results.count() > 0) == finds


def test_a_chapter_can_be_read_before_mathjax_is_there(page: Page) -> None:
    waiting = []
    page.route("**/mathjax/**", lambda route: waiting.append(route))  # and is never answered
    page.goto(f"/{CHAPTER}", wait_until="commit")
    page.locator("footer").first.wait_for()
    assert page.locator("article h1").is_visible()
    page.wait_for_function("document.querySelector('article').innerText.includes('log-odds')")
    assert waiting and page.locator("mjx-container").count() == 0


def test_what_scrolls_takes_the_keyboard_whatever_the_theme_says_and_when(page: Page) -> None:
    """The theme measures on loading, and 300 ms after a window changes."""
    load(page, "/notebooks/invariance.html")
    boxes = page.locator("article :is(pre, .pst-scrollable-table-container)")
    show(page, "light", PHONE)
    open_folds(page)
    settle(page)
    assert out_of_reach(page) == []
    scroll = boxes.evaluate_all("all => all.map(box => box.scrollWidth > box.clientWidth)")
    assert any(scroll) and not all(scroll)
    for said in (-1, 0):
        boxes.evaluate_all(f"all => all.forEach(box => box.tabIndex = {said})")
        reached = boxes.evaluate_all("all => all.map(box => box.tabIndex === 0)")
        assert reached == scroll
    show(page, "light", DESKTOP | {"width": 6000})
    assert boxes.evaluate_all("all => all.some(box => box.tabIndex === 0)") is False
    boxes.first.evaluate("box => box.innerHTML = '<table style=\"width: 9000px\"></table>'")
    settle(page)
    assert out_of_reach(page) == []


def test_a_chapter_prints_without_the_controls(page: Page) -> None:
    load(page, f"/{CHAPTER}")
    bar = "Part II: the whole picture"
    assert bar in page.locator("body").inner_text()
    page.emulate_media(media="print")
    printed = page.locator("body").inner_text()
    assert "Theorem 2" in printed and bar not in printed
    assert page.locator("button:visible, input:visible").count() == 0
    headings = ":has(h2, h3), .formal > *"  # what is folded behind them is printed, too
    assert page.locator(f"summary:visible:not({headings})").count() == 0
    assert len(re.findall(rb"/Type /Page\b", page.pdf(format="A4"))) > 1


def test_a_dark_chapter_prints_light(page: Page) -> None:
    page.add_init_script("for (const key of ['mode', 'theme']) localStorage[key] = 'dark'")
    load(page, f"/{CHAPTER}")
    ground = "getComputedStyle(document.body).backgroundColor"
    page.evaluate(f"addEventListener('beforeprint', () => window.printed = {ground})")
    screen = page.evaluate(ground)
    page.pdf()
    assert page.evaluate("printed") == "rgb(255, 255, 255)"
    page.wait_for_function("([ground, screen]) => eval(ground) === screen", arg=[ground, screen])
    assert screen != "rgb(255, 255, 255)"
