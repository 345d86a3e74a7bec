"""The explorer: it shows the numbers of its mathematics; a keyboard, a phone and a link all work.

That these numbers are those of grpo_lib is tested without a browser.
"""

import gzip
import html
import json
import re
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from grpo_lib import Recurrence
from reproduce import explorer

URL = "/book/explorer.html"


@pytest.fixture
def tab(page: Page) -> Page:
    page.goto(URL)
    page.wait_for_selector("#explorer-phase[data-painted]")
    return page


def choose_panel(tab: Page, beta: str, p_ref: str) -> str:
    tab.select_option("#figure-5", label=f"β = {beta}, p_ref = {p_ref}")
    return verdict(tab)


def verdict(tab: Page) -> str:
    tab.evaluate("() => new Promise(done => requestAnimationFrame(() => setTimeout(done)))")
    return tab.inner_text("#verdict")


def test_presets_give_the_verdicts_of_the_notebooks(tab: Page) -> None:
    assert choose_panel(tab, "1", "0.2") == "Settles at 0.6813."
    assert choose_panel(tab, "5", "0.2") == "Settles at 0.2807."
    assert choose_panel(tab, "0.8", "0.2") == "Runs to one: limit 1 − 8.6 × 10⁻¹⁷²."
    assert choose_panel(tab, "5", "0.0001") == "Oscillates between 0.0001492 and 0.9987."
    assert "After 50 steps p is 0.04419." in tab.inner_text("#detail")
    tab.check("#from-reference")
    assert verdict(tab) == "Runs to one: limit 1 − 3.4 × 10⁻²⁴."
    assert tab.input_value("#figure-5") == ""
    tab.click("text=Cycle of E6")
    assert verdict(tab) == "Oscillates between 0.002338 and 0.05872."
    tab.click("text=Cycle of E13")
    assert verdict(tab) == "Oscillates between 0.004097 and 0.1746."
    tab.click("text=Reset")
    assert verdict(tab) == "Settles at 0.6813."


def test_the_limit_is_told_where_it_is_not_1(tab: Page) -> None:
    tab.fill("#eps", "0.096")
    tab.fill("#beta", "0.296")
    tab.fill("#p_ref", "0.00368")
    assert verdict(tab) == "Runs to one: limit 0.9927."
    tab.fill("#alpha", "0")
    assert verdict(tab) == "Runs to one."


def test_what_no_theorem_settles_is_undecided(page: Page) -> None:
    """The slope at the fixed point is -0.9996, and 2000 steps do not lead close enough to it."""
    page.goto(f"{URL}#p_ref=4.02e-6&beta=0.56&eps=0.043&alpha=0.75&p_0=0.672")
    assert verdict(page) == "Undecided."
    assert "Its last states lie between 0.02804 and 0.03026." in page.inner_text("#detail")


def test_each_normalisation_has_its_own_constant(tab: Page) -> None:
    constants = {"mean-variance": "eps", "mean-deviation": "delta", "mean-only": None}
    told = set()
    for name, constant in constants.items():
        tab.select_option("#normalization", name)
        told.add(verdict(tab))
        assert [n for n in ("eps", "delta") if tab.is_visible(f"#{n}")] == [constant] * bool(
            constant
        )
    assert len(told) == 3


def test_every_panel_of_figure_5_ends_at_its_50th_iterate(tab: Page) -> None:
    """The paper prints p_50; grpo_lib computes it, and the page shows it."""
    for panel in explorer.FIGURE_5:
        choose_panel(tab, str(panel["beta"]), f"{panel['p_ref']:g}")
        end = (
            Recurrence(panel["beta"])
            .trajectory(p_ref=panel["p_ref"], steps=50, p_0=0.1)
            .probability[-1]
        )
        assert f"{end:.4f}" == shown(tab), panel


def shown(tab: Page) -> str:
    told = re.search(r"After 50 steps p is (1 −|[\d.]+\d)", tab.inner_text("#detail"))
    return "1.0000" if told[1] == "1 −" else f"{float(told[1]):.4f}"


def test_a_link_brings_its_setting_back(tab: Page) -> None:
    tab.fill("#p_ref", "0.03")
    tab.fill("#beta", "0.4")
    tab.select_option("#normalization", "mean-deviation")
    tab.fill("#delta", "0.001")
    tab.uncheck("#from-reference")
    tab.fill("#p_0", "0.5")
    tab.fill("#alpha", "0.25")
    words, link = verdict(tab), tab.url
    wanted = {
        "p_ref": "0.03", "beta": "0.4", "eps": "0.00001", "delta": "0.001",
        "alpha": "0.25", "normalization": "mean-deviation", "p_0": "0.5",
    }  # fmt: skip
    assert dict(parse_qsl(urlsplit(link).fragment)) == wanted
    tab.goto("about:blank")
    tab.goto(link)
    assert verdict(tab) == words
    assert tab.input_value("#p_ref") == "0.03" and not tab.is_checked("#from-reference")
    tab.click("text=Reset")
    assert verdict(tab) != words


@pytest.mark.parametrize("value", ["", "x", "-1", "NaN", "Infinity", "1e9", "<b>"])
def test_bad_values_in_a_link_give_way_to_the_defaults(page: Page, value: str) -> None:
    names = ("p_ref", "p_0", "beta", "eps", "delta", "alpha", "normalization")
    page.goto(f"{URL}#{urlencode(dict.fromkeys(names, value))}")
    assert verdict(page) == "Settles at 0.6813."
    page.goto(f"{URL}#{urlencode({'beta': value, 'p_ref': '0.5'})}")
    assert page.input_value("#beta") == "1"
    page.wait_for_function("document.getElementById('p_ref').value === '0.5'")


def test_an_address_without_delta_still_works(page: Page) -> None:
    old = {"p_ref": 0.2, "beta": 5, "eps": 1e-5, "alpha": 1, "normalization": "mean-only"}
    page.goto(f"{URL}#{urlencode(old)}")
    assert verdict(page) == "Settles at 0.2339."
    page.select_option("#normalization", "mean-deviation")
    assert page.input_value("#delta") == "0.0001"


AS_RUN = {
    "p_ref=0.001&beta=5&low=0.2&high=0.28": "After 2000 steps still between 0.007603 and 0.009742.",
    "p_ref=0.018&beta=2&normalization=mean-deviation&size=8&deviation=sample": (
        "Settles at 0.05469."
    ),
    "p_ref=0.03&beta=1&penalty=forward": "After 2000 steps near 0.5291.",
    "p_ref=0.3&beta=1&true_positive=0.9&false_positive=0.05": "Settles at 0.7213.",
}
"""Settings of Part III; the last two are numbers that its chapters name."""


@pytest.mark.parametrize("link", AS_RUN)
def test_a_link_brings_what_training_adds(page: Page, link: str) -> None:
    page.goto(f"{URL}#{link}")
    assert verdict(page) == AS_RUN[link]
    assert page.get_attribute("#as-it-is-run", "open") is not None
    given = dict(parse_qsl(link))
    for name, value in given.items():
        assert page.input_value(f"#{name}") == value
    again = dict(parse_qsl(page.evaluate("explorer.address()")))
    assert again.items() >= given.items()
    page.click("text=Reset")
    kept = dict(parse_qsl(page.evaluate("explorer.address()")))
    assert kept.keys() == {"p_ref", "beta", "eps", "delta", "alpha", "normalization"}


def links(site: Path) -> list[tuple[str, str]]:
    """Chapters and the settings they link to."""
    return [
        (page.stem, html.unescape(fragment))
        for page in sorted(site.glob("notebooks/*.html"))
        for fragment in re.findall(
            r'href="[^"]*explorer\.html#([^"]*=[^"]*)"', page.read_text("utf-8")
        )
    ]


def test_links_of_chapters_are_settings(page: Page, site: Path) -> None:
    """Each number of a link is read: what is misspelt or illegal would give way to a default."""
    found = links(site)
    assert {chapter for chapter, _ in found} >= {
        "clip", "groups", "dead-groups", "estimators", "noise",
    }  # fmt: skip
    for chapter, fragment in found:
        given = dict(parse_qsl(fragment))
        page.goto("about:blank")
        page.goto(f"{URL}#{fragment}")
        assert verdict(page) != "No verdict.", chapter
        for name, value in given.items():
            shown = page.input_value(f"#{name}")
            assert shown == value or float(shown) == float(value), (chapter, name)


def test_half_a_clip_and_a_useless_verifier_give_way_to_the_defaults(page: Page) -> None:
    page.goto(f"{URL}#low=0.2&true_positive=0.2&false_positive=0.3&size=7.5&penalty=none")
    assert verdict(page) == "Settles at 0.6813."
    assert not page.is_checked("#clip") and not page.is_checked("#groups")
    assert (page.input_value("#true_positive"), page.input_value("#penalty")) == ("1", "reverse")


def test_the_legend_says_what_is_proved_and_what_is_computed(tab: Page) -> None:
    proved, computed = (f"[data-ending={name}]" for name in ("proved", "computed"))
    assert (tab.is_visible(proved), tab.is_visible(computed)) == (True, False)
    tab.click("#as-it-is-run > summary")
    tab.check("#clip")
    assert verdict(tab).startswith("After 2000 steps")
    assert "Computed by iteration, not proved." in tab.inner_text("#detail")
    assert (tab.is_visible(proved), tab.is_visible(computed)) == (False, True)
    tab.uncheck("#clip")
    assert verdict(tab) == "Settles at 0.6813."
    assert (tab.is_visible(proved), tab.is_visible(computed)) == (True, False)


def test_what_is_not_proved_together_is_off_and_says_why(tab: Page) -> None:
    tab.click("#as-it-is-run > summary")
    tab.fill("#alpha", "0.5")
    tab.check("#clip")
    tab.fill("#true_positive", "0.9")
    tab.select_option("#penalty", "forward")
    for name in ("alpha", "clip", "low", "true_positive", "false_positive"):
        assert tab.is_disabled(f"#{name}"), name
    for name in ("alpha", "clip", "verifier"):
        assert "forward penalty" in tab.inner_text(f"#{name}-message")
    assert (tab.input_value("#alpha"), tab.is_checked("#clip")) == ("1", False)
    assert "low" not in tab.url and "alpha=1&" in tab.url and "penalty=forward" in tab.url
    tab.select_option("#penalty", "reverse")  # what was chosen before comes back
    assert (tab.input_value("#alpha"), tab.is_checked("#clip")) == ("0.5", True)
    for switch in (lambda: tab.check("#groups"), lambda: tab.select_option("#penalty", "forward")):
        assert tab.is_enabled("#true_positive") and tab.inner_text("#verifier-message") == ""
        switch()
        assert tab.is_disabled("#true_positive") and tab.inner_text("#verifier-message")
        tab.select_option("#penalty", "reverse")
        tab.uncheck("#groups")
    tab.select_option("#normalization", "mean-deviation")
    assert "mean and variance" in tab.inner_text("#verifier-message")
    assert tab.is_disabled("#true_positive")


def test_symmetric_noise_is_told_as_a_smoothing(tab: Page) -> None:
    tab.click("#as-it-is-run > summary")
    tab.fill("#true_positive", "0.99")
    assert tab.inner_text("#verifier-message") == ""
    tab.fill("#false_positive", "0.01")
    told = re.search(r"smoothing ε of ([\d.]+)\.$", tab.inner_text("#verifier-message"))
    words = verdict(tab)
    tab.click("text=Reset")
    tab.fill("#eps", told[1])
    assert verdict(tab) == words != "Settles at 0.6813."


BAD = {
    "p_ref": ["", "-0.1", "1.1"],
    "beta": ["", "0", "-1", "101"],
    "alpha": ["", "-0.5", "2"],
    "eps": ["", "0", "2"],
    "low": ["", "0", "1.5"],
    "high": ["", "0"],
    "size": ["", "1", "7.5", "257"],
    "true_positive": ["", "-1", "1.01"],
}


@pytest.mark.parametrize("name", BAD)
def test_an_illegal_number_has_a_message_and_no_verdict(tab: Page, name: str) -> None:
    tab.click("#as-it-is-run > summary")
    if name in ("low", "high"):
        tab.check("#clip")
    if name == "size":
        tab.check("#groups")
    good, link = tab.input_value(f"#{name}"), tab.url
    words = verdict(tab)
    for value in BAD[name]:
        tab.fill(f"#{name}", value)
        assert verdict(tab) == "No verdict."
        assert "see the message at" in tab.inner_text("#detail")
        assert tab.locator("#points tr").count() == 0
        message = tab.inner_text(f"#{name}-message")
        assert re.fullmatch(r"A (whole )?number from \S+( × \S+)? to \S+\.", message)
        assert tab.get_attribute(f"#{name}", "aria-invalid") == "true"
        assert tab.get_attribute(f"#{name}", "aria-describedby") == f"{name}-message"
        tab.press(f"#{name}", "Tab")  # and it stays when the field is left
        assert verdict(tab) == "No verdict." and tab.inner_text(f"#{name}-message") == message
        assert tab.url == link
    tab.fill(f"#{name}", good)
    assert verdict(tab) == words
    assert tab.inner_text(f"#{name}-message") == ""
    assert tab.get_attribute(f"#{name}", "aria-invalid") == "false"


def test_a_verifier_no_better_than_chance_has_a_message(tab: Page) -> None:
    tab.click("#as-it-is-run > summary")
    tab.fill("#true_positive", "0.4")
    for value in ("0.4", "0.6"):
        tab.fill("#false_positive", value)
        assert verdict(tab) == "No verdict."
        assert tab.inner_text("#false_positive-message").startswith("Below T, which is 0.4")
    tab.fill("#true_positive", "0.9")
    assert verdict(tab).startswith("Settles at")
    assert tab.inner_text("#false_positive-message") == ""


def test_probabilities_of_0_and_1_are_legal(tab: Page) -> None:
    for value in ("0", "1"):
        tab.fill("#p_ref", value)
        assert verdict(tab) == f"Absorbed at {value}."
        assert tab.inner_text("#points") == f"{value}\t≈ 0\tattracted"
    tab.fill("#p_ref", "0.2")
    assert verdict(tab) == "Settles at 0.6813."
    tab.uncheck("#from-reference")
    tab.fill("#p_0", "0")
    assert verdict(tab).startswith("Runs to one")  # the first update depends on the reference alone
    tab.fill("#alpha", "0.5")
    assert verdict(tab) == "Absorbed at 0."
    tab.fill("#p_ref", "1")
    assert verdict(tab) == "No verdict."
    assert tab.inner_text("#p_0-message").startswith("No policy is near both")
    tab.fill("#alpha", "1")
    assert verdict(tab) == "Absorbed at 1."


def test_an_unproved_shape_would_have_a_message(tab: Page) -> None:
    """No group on offer has one; so the mathematics is told to have lost a proof."""
    tab.click("#as-it-is-run > summary")
    tab.evaluate(
        """() => { const make = grpo.recurrence; grpo.recurrence = (s) => {
            const r = make(s); r.normalization.proved = false; return r; }; }"""
    )
    tab.check("#groups")
    assert verdict(tab) == "No verdict."
    assert "is not proved" in tab.inner_text("#size-message")


def test_anything_else_after_the_hash_is_left_alone(tab: Page) -> None:
    tab.click("text=Cycle of E6")
    words = verdict(tab)
    tab.evaluate("location.hash = '#how-to-read-it'")
    assert verdict(tab) == words
    tab.goto(f"{URL}#how-to-read-it")
    assert tab.input_value("#beta") in ("1", "5")


def test_copy_link_copies_the_setting(tab: Page) -> None:
    tab.context.grant_permissions(["clipboard-read", "clipboard-write"])
    tab.click("text=Cycle of E13")
    tab.click("#copy-link")
    tab.wait_for_selector("text=Copied")
    assert tab.evaluate("navigator.clipboard.readText()") == tab.url
    assert "alpha=0.9" in tab.url


def test_a_tap_on_the_diagram_moves_the_setting(tab: Page) -> None:
    before = tab.url
    tab.locator("#explorer-phase").click(position={"x": 200, "y": 150})
    tab.wait_for_function("before => location.href !== before", arg=before)
    assert tab.input_value("#beta") != "1"


def test_a_keyboard_reaches_and_moves_every_control(tab: Page) -> None:
    tab.uncheck("#from-reference")  # or p_0 would rest
    tab.focus("#as-it-is-run summary")
    tab.keyboard.press("Enter")
    for switch in ("#clip", "#groups"):
        tab.focus(switch)
        tab.keyboard.press("Space")
    reach_every_control(tab)
    tab.focus("#groups")
    tab.keyboard.press("Space")  # what is off with groups is on without
    assert reach_every_control(tab) >= {"true_positive", "false_positive"}


def reach_every_control(tab: Page) -> set[str]:
    """Tab through the form, move each slider, and give the names of these."""
    reached, moved = set(), set()
    tab.focus("#figure-5")
    for _ in range(50):
        reached.add(tab.evaluate("[...document.forms.explorer].indexOf(document.activeElement)"))
        if tab.evaluate("document.activeElement.type") == "range":
            name = tab.evaluate("document.activeElement.dataset.for")
            before = tab.input_value(f"#{name}")
            tab.keyboard.press("ArrowLeft")
            if tab.input_value(f"#{name}") == before:  # it was at its end
                tab.keyboard.press("ArrowRight")
            assert tab.input_value(f"#{name}") != before, name
            moved.add(name)
        tab.keyboard.press("Tab")
    usable = "e.matches('input, select, button') && e.offsetParent && !e.disabled"
    shown = f"[...document.forms.explorer].flatMap((e, i) => {usable} ? [i] : [])"
    assert reached - {-1} == set(tab.evaluate(shown))
    return moved


def test_the_sliders_reach_their_ends(tab: Page) -> None:
    tab.uncheck("#from-reference")  # or p_0 would rest
    tab.click("#as-it-is-run > summary")
    tab.check("#clip")
    for parameter in (*explorer.PARAMETERS, *explorer.CLIP, *explorer.VERIFIER, *explorer.GROUP):
        if parameter.normalization:
            tab.select_option("#normalization", parameter.normalization)
        if parameter in explorer.VERIFIER:
            tab.select_option("#normalization", "mean-variance")
        if parameter in explorer.GROUP:
            tab.check("#groups")
        slider = tab.locator(f"[data-for={parameter.name}]")
        for key, end in (("Home", parameter.low), ("End", parameter.high)):
            slider.press(key)
            value = float(tab.input_value(f"#{parameter.name}"))
            assert value == pytest.approx(end, rel=0.01, abs=1e-12), parameter.name
            if parameter.scale == "log-odds":
                assert 1 - value == pytest.approx(1 - end, rel=0.1, abs=1e-12), parameter.name


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_no_rule_of_accessibility_is_broken(page: Page, theme: str) -> None:
    page.add_init_script(f"localStorage.setItem('mode', '{theme}')")
    page.goto(f"{URL}#penalty=forward")
    page.wait_for_selector("#explorer-phase[data-painted]")
    page.fill("#beta", "0")  # a message is shown, too
    # Without preload: axe would ask for the style sheets once more, one of them at a wrong place.
    found = Axe().run(page, context="article", options={"preload": False})
    serious = [v for v in found.response["violations"] if v["impact"] in ("serious", "critical")]
    assert serious == []


def test_a_phone_shows_it_without_scrolling_sideways(page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{URL}#beta=0.01&p_ref=0.999999&low=0.2&high=0.28&true_positive=0.9")
    page.wait_for_selector("#explorer-phase[data-painted]")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    widths = page.evaluate(
        "[...document.querySelectorAll('.explorer-plot')].map(p => p.getBoundingClientRect().right)"
    )
    assert len(widths) == 3 and max(widths) <= 390
    page.set_viewport_size({"width": 300, "height": 844})
    page.evaluate("document.querySelector('#verdict').style.width = '500px'")
    assert page.evaluate("document.documentElement.scrollWidth") > 300


def test_the_figures_are_drawn_in_both_themes(page: Page) -> None:
    for theme, dark in (("light", False), ("dark", True)):
        page.goto(URL)
        page.evaluate(f"localStorage.setItem('mode', '{theme}')")
        page.reload()
        page.wait_for_selector("#explorer-phase[data-painted]")
        inverted = page.evaluate(
            "getComputedStyle(document.querySelector('.explorer-plot')).filter"
        )
        assert ("invert" in inverted) == dark


def test_axes_are_labelled_with_probabilities(tab: Page) -> None:
    labels = tab.evaluate(
        "Bokeh.documents.flatMap(d => d.roots()).flatMap(r => [...r.left, ...r.below])"
        ".map(a => [a.axis_label, a.ticker.ticks.map(t => a.major_label_overrides.get(t) ?? t)])"
    )
    assert len(labels) == 6
    for name, ticks in labels:
        assert len(ticks) >= 3, name
        if "success" in name:
            assert all(isinstance(tick, str) and not tick.startswith("−") for tick in ticks), name


def test_first_load_is_light(page: Page) -> None:
    sizes = {}
    page.on("response", lambda r: r.ok and sizes.update({r.url: len(gzip.compress(r.body()))}))
    page.goto(URL)
    page.wait_for_selector("#explorer-phase[data-painted]")
    page.wait_for_load_state("networkidle")
    assert any("bokeh" in url for url in sizes)
    assert not any("mathjax" in url for url in sizes)  # a formula on this page would cost too much
    assert sum(sizes.values()) <= 1.5e6, sizes


def test_the_page_is_the_same_each_time(site: Path) -> None:
    assert explorer.parts() == explorer.parts()
    names = re.findall(r'id="explorer-figures">(.*)</script>', explorer.parts()["explorer"])
    assert [item["target_id"] for item in json.loads(names[0])] == [
        f"explorer-{name}" for name in explorer.FIGURES
    ]


def test_on_paper_the_verdict_covers_nothing_and_figures_stand_one_by_one(page: Page) -> None:
    """Figures keep their width there, so that two in a row would overlap."""
    page.goto("/book/explorer.html")
    seen = """() => [
        getComputedStyle(document.querySelector(".explorer-verdict")).position,
        getComputedStyle(document.querySelector(".explorer-views"))
            .gridTemplateColumns.split(" ").length,
    ]"""
    position, columns = page.evaluate(seen)
    assert position == "sticky" and columns > 1
    page.emulate_media(media="print")
    assert page.evaluate(seen) == ["static", 1]
