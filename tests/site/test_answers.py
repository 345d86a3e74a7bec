"""The calculator of the answers page, in a browser."""

import json
import re

import pytest
from playwright.sync_api import Browser, Page
from scipy.special import logit

from grpo_lib import Recurrence, fixed_points, libraries
from reproduce.screenshots import load
from tests.site.accessibility import PHONE, violations
from tests.site.conftest import OpenTab

PATH = "/book/answers.html"


@pytest.fixture
def calculator(page: Page) -> Page:
    page.goto(PATH)
    page.locator("#calculator").wait_for()
    assert not page.locator("#calculator-missing").is_visible()
    return page


def ask(page: Page, library: str | None = None, **numbers: float | str) -> dict[str, str]:
    """The three answers to a setting."""
    if library:
        page.locator("#calculator-library").select_option(label=library)
    for name, value in numbers.items():
        page.locator(f"#calculator-{name}").fill(str(value))
    cells = page.locator("#calculator dd")
    return {cell.get_attribute("data-answer") or "": cell.inner_text() for cell in cells.all()}


def test_it_ends_where_the_library_says(calculator: Page) -> None:
    for library, normalization, penalty in (
        ('TRL, scale_rewards="group"', libraries.trl(16), "reverse"),
        ('TRL, scale_rewards="none"', libraries.trl(16, "none"), "reverse"),
        ("verl, norm_adv_by_std_in_grpo=True, low_var_kl", libraries.verl(16), "forward"),
    ):
        recurrence = Recurrence(1.5, normalization)
        wanted = fixed_points(recurrence, L_ref=logit(0.02), penalty=penalty).probability[0]
        told = ask(calculator, library, p_ref=0.02, beta=1.5, size=16)
        assert told["end"] == f"{100 * wanted:.3g} %"
        assert told["dead"] == f"{100 * (0.02**16 + 0.98**16):.3g} %"
        pace = re.fullmatch(r"Within 1 % of the odds from exact update (\d+) on", told["pace"])
        if penalty == "reverse":
            path = recurrence.trajectory(p_ref=0.02, steps=200).log_odds
            far = abs(path - logit(wanted)) > 0.01
            assert int(pace[1]) == far.nonzero()[0][-1] + 1


def test_ends_that_are_none_are_told(calculator: Page) -> None:
    paper = "the paper, without groups"
    assert ask(calculator, paper, p_ref=0.001, beta=5)["end"].startswith("Nowhere: it goes on")
    assert ask(calculator, p_ref=0.03, beta=0.04)["end"].startswith("It runs to one: all but")
    assert ask(calculator, p_ref=0)["end"] == "0 %, where it is"
    assert ask(calculator)["dead"] == "None: no groups"
    assert calculator.locator("#calculator-size").is_disabled()


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("p_ref", "1.5", "from 0 to 1"),
        ("p_ref", "", "from 0 to 1"),
        ("beta", "0", "the default of TRL"),
        ("beta", "-1", "above 0"),
        ("size", "1", "from 2 to 256"),
        ("size", "8.5", "whole"),
        ("size", "eight", "whole"),
    ],
)
def test_an_illegal_value_is_told(calculator: Page, name: str, value: str, told: str) -> None:
    before = ask(calculator)
    assert "–" not in before.values()
    assert set(ask(calculator, **{name: value}).values()) == {"–"}
    assert told in calculator.locator(f"#calculator-{name}-message").inner_text()
    assert calculator.locator(f"#calculator-{name}").get_attribute("aria-invalid") == "true"


def test_the_explorer_shows_the_same_setting(calculator: Page) -> None:
    ask(calculator, 'TRL, scale_rewards="group"', p_ref=0.03, beta=1, size=8)
    calculator.locator("[data-answer=link]").click()
    calculator.wait_for_url("**/explorer.html#*")
    verdict = calculator.locator("#verdict")
    verdict.filter(has_text="Settles").wait_for()
    assert verdict.inner_text() == "Settles at 0.1854."


def test_the_links_of_the_answers_are_taken_as_they_are(page: Page) -> None:
    page.goto(PATH)
    links = page.locator("article a[href^='explorer.html#'], main a[href^='explorer.html#']")
    hashes = {a.get_attribute("href").partition("#")[2] for a in links.all()}
    assert len(hashes) >= 14
    page.goto("/book/explorer.html")
    page.wait_for_function("Boolean(window.explorer)")
    for hash in hashes:
        read = page.evaluate("hash => window.explorer.fromAddress('#' + hash)", hash)
        given = dict(part.split("=") for part in hash.split("&"))
        for name, value in given.items():
            assert str(read[name]) == value or read[name] == float(value), (hash, json.dumps(read))


def test_the_keyboard_reaches_every_control(calculator: Page) -> None:
    calculator.locator("#calculator-p_ref").focus()
    reached = []
    for _ in range(5):
        reached.append(
            calculator.evaluate(
                "document.activeElement.id || document.activeElement.dataset.answer"
            )
        )
        calculator.keyboard.press("Tab")
    names = ("p_ref", "beta", "size", "library")
    assert reached == [*(f"calculator-{name}" for name in names), "link"]


def test_it_fits_a_phone_in_the_dark(open_tab: OpenTab) -> None:
    with open_tab() as (page, faults):
        page.emulate_media(color_scheme="dark")
        page.set_viewport_size(PHONE)
        load(page, PATH)
        assert page.evaluate("document.scrollingElement.scrollWidth") <= PHONE["width"]
        assert violations(page) == []
        assert faults == []


def test_it_reads_well_without_javascript(browser: Browser, address: str) -> None:
    context = browser.new_context(base_url=address, java_script_enabled=False)
    page = context.new_page()
    page.goto(PATH)
    assert not page.locator("#calculator").is_visible()
    assert page.locator("#calculator-missing").is_visible()
    assert page.locator("#which-beta").is_visible()
    page.locator("#which-beta details summary").click()
    assert page.locator("#which-beta details pre").is_visible()
    context.close()
