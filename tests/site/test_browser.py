"""Every page in a browser: without network, on a phone, in both themes, for everyone, on paper."""

import gzip
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from reproduce.screenshots import load

HTML = Path(__file__).parents[2] / "_build" / "html"
DESKTOP = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}
CHAPTER = "/notebooks/theorem-2.html"


@dataclass(frozen=True)
class Visit:
    """What was found on one page.

    Attributes:
        faults: requests to the outside, and errors of scripts.
        unset: formulas that MathJax did not set.
        weight: bytes of all that was requested, as gzip.
        width: of the page's content on a phone, in pixels.
        cut: formulas of which a phone shows a part alone.
        violations: serious and critical ones, light on a desktop and dark on a phone.
    """

    faults: list[str]
    unset: list[str]
    weight: int
    width: int
    cut: list[str]
    violations: list[str]


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
            const set = math.querySelector("mjx-math") ?? math.firstElementChild;
            const width = set.getBoundingClientRect().width;
            return !scrolls && width > math.getBoundingClientRect().width + 1;
        }).map(math => math.textContent)"""
    )


def thin_out(page: Page) -> None:
    """Keep one of the many like elements, or axe would take minutes for a chapter.

    A letter stands for each formula, which has one colour and thousands of elements, and one token
    of each kind for the code. Colours change at once, not by a transition.
    """
    page.add_style_tag(content="* { transition: none !important }")
    page.evaluate(
        """() => {
            document.querySelectorAll("mjx-container").forEach(math => math.replaceChildren("x"));
            const kinds = new Set();
            for (const token of document.querySelectorAll(".highlight span")) {
                const kind = token.closest(".highlight").parentElement.className + token.className;
                if (kinds.has(kind)) token.replaceWith(...token.childNodes);
                kinds.add(kind);
            }
        }"""
    )


def violations(page: Page, theme: str) -> list[str]:
    """Serious and critical violations that axe-core finds."""
    page.evaluate("theme => document.documentElement.dataset.theme = theme", theme)
    found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    return [
        f"{theme}: {rule['id']}: {node['html'][:200]}"
        for rule in found
        if rule["impact"] in ("serious", "critical")
        for node in rule["nodes"]
    ]


@cache
def weight(path: str) -> int:
    """Bytes of a file of the site as gzip."""
    return len(gzip.compress((HTML / path).read_bytes()))


def visit(page: Page, faults: list[str], path: str) -> Visit:
    requested: set[str] = set()

    def note(request) -> None:
        requested.add(unquote(urlsplit(request.url).path).removeprefix("/"))

    faults.clear()
    page.set_viewport_size(DESKTOP)
    page.on("request", note)
    load(page, f"/{path}")
    page.remove_listener("request", note)
    met = list(faults)  # axe-core looks for style sheets of its own
    unset = unset_formulas(page)
    weighed = sum(weight(file) for file in requested if (HTML / file).is_file())
    open_folds(page)
    width = content_width(page)
    cut = cut_formulas(page)
    thin_out(page)
    dark = violations(page, "dark")
    page.set_viewport_size(DESKTOP)
    found = dark + violations(page, "light")
    return Visit(met, unset, weighed, width, cut, found)


@pytest.fixture(scope="module")
def visits(open_tab) -> dict[str, Visit]:
    """One visit to each page, with those that Sphinx adds."""
    files = [path for path in sorted(HTML.rglob("*.html")) if HTML / "_static" not in path.parents]
    redirects = [path for path in files if 'http-equiv="Refresh"' in path.read_text("utf-8")]
    paths = [path.relative_to(HTML).as_posix() for path in files if path not in redirects]
    with open_tab() as (page, faults):
        return {path: visit(page, faults, path) for path in paths}


@pytest.fixture
def broken(open_tab) -> Iterator[tuple[Page, list[str]]]:
    """A page with one of each fault."""
    with open_tab() as (page, faults):
        page.goto("/search.html")
        page.set_content(
            """<main><p style="width: 500px; color: #aaa; background: white">pale and wide</p>
            <p class="math">\\(x</p><p>from a table: $x$</p><p>costs 5 $</p>
            <img src="http://elsewhere.invalid/picture.png"><script>nowhere()</script></main>"""
        )
        yield page, faults


def test_every_page_is_visited(visits) -> None:
    assert {"genindex.html", "search.html", "book/index.html", CHAPTER[1:]} <= visits.keys()
    assert len(visits) > 25


def test_no_request_to_the_outside_and_no_script_error(visits) -> None:
    assert {path: seen.faults for path, seen in visits.items() if seen.faults} == {}


def test_every_formula_is_set(visits) -> None:
    assert {path: seen.unset for path, seen in visits.items() if seen.unset} == {}


def test_a_first_load_is_light(visits) -> None:
    assert {path: seen.weight for path, seen in visits.items() if seen.weight > 1.5e6} == {}
    assert visits[CHAPTER[1:]].weight > 5e5  # fonts and MathJax are weighed


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
        page.goto(CHAPTER)
        count = page.locator("i[class*=fa-]").count()
        assert count > 5
        assert undrawn_icons(page) == []
        page.locator("i.fa-download").evaluate("icon => icon.className = 'fa-solid fa-nothing'")
        assert undrawn_icons(page) == ["fa-solid fa-nothing"]
    with open_tab() as (page, _):
        page.route("**/webfonts/*", lambda route: route.abort())
        page.goto(CHAPTER)
        assert len(undrawn_icons(page)) == count


def test_no_page_scrolls_sideways_on_a_phone(visits) -> None:
    wide = {path: seen.width for path, seen in visits.items() if seen.width > PHONE["width"]}
    assert wide == {}


def test_no_formula_is_cut_on_a_phone(visits) -> None:
    assert {path: seen.cut for path, seen in visits.items() if seen.cut} == {}


def test_no_serious_or_critical_violation_of_accessibility(visits) -> None:
    assert {path: seen.violations for path, seen in visits.items() if seen.violations} == {}


def test_each_fault_is_found(broken) -> None:
    page, faults = broken
    assert any("elsewhere.invalid" in fault for fault in faults)
    assert any("nowhere" in fault for fault in faults)
    assert unset_formulas(page) == ["\\(x", "from a table: $x$"]
    page.add_style_tag(content=".math { width: 20px; overflow: hidden } .math b { width: 40px }")
    page.evaluate("document.querySelector('.math').innerHTML = '<b style=\"display: block\">x</b>'")
    assert cut_formulas(page) == ["x"]
    assert content_width(page) > PHONE["width"]
    rules = {violation.split(": ")[1] for violation in violations(page, "light")}
    assert {"color-contrast", "image-alt"} <= rules


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
    page.goto(CHAPTER, wait_until="commit")
    page.locator("footer").first.wait_for()
    assert page.locator("article h1").is_visible()
    assert "log-odds" in page.locator("article").inner_text()
    assert waiting and page.locator("mjx-container").count() == 0


def test_wide_boxes_take_the_keyboard(page: Page) -> None:
    page.set_viewport_size(PHONE)
    load(page, CHAPTER)
    reached = page.locator("pre, div.math > mjx-container").evaluate_all(
        "all => all.filter(box => box.scrollWidth > box.clientWidth).map(box => box.tabIndex)"
    )
    assert set(reached) == {0}


def test_a_chapter_prints_without_the_controls(page: Page) -> None:
    load(page, CHAPTER)
    assert "Scorecard" in page.locator("body").inner_text()  # in the side bar
    page.emulate_media(media="print")
    printed = page.locator("body").inner_text()
    assert "Theorem 2" in printed and "Scorecard" not in printed
    assert page.locator("button:visible, input:visible, summary:visible").count() == 0
    assert len(re.findall(rb"/Type /Page\b", page.pdf(format="A4"))) > 1


def test_a_dark_chapter_prints_light(page: Page) -> None:
    page.add_init_script("for (const key of ['mode', 'theme']) localStorage[key] = 'dark'")
    load(page, CHAPTER)
    ground = "getComputedStyle(document.body).backgroundColor"
    page.evaluate(f"addEventListener('beforeprint', () => window.printed = {ground})")
    screen = page.evaluate(ground)
    page.pdf()
    assert page.evaluate("printed") == "rgb(255, 255, 255)"
    assert page.evaluate(ground) == screen != "rgb(255, 255, 255)"
