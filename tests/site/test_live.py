"""Live pictures in chapters, in a browser."""

from math import log10
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Locator, Page
from scipy.special import logit

from grpo_lib import Recurrence, Regime, regime
from tests.conftest import HTML
from tests.site.conftest import OpenTab

PLACES = {"theorem-2": "cobweb", "phase-diagram": "phase"}

SAID = {
    Regime.SETTLES: "Settles at",
    Regime.RUNS_TO_ONE: "Runs to one",
    Regime.OSCILLATES: "Oscillates between",
}


def opened(page: Page, chapter: str) -> Locator:
    page.goto(f"/notebooks/{chapter}.html")
    picture = page.locator("details.live")
    picture.locator("summary").click()
    picture.locator("svg path.run").first.wait_for(state="attached")
    return picture


def move(picture: Locator, name: str, place: float) -> float:
    """Move a slider, and give the number that it then shows."""
    slider = picture.locator(f"input[data-name={name}]")
    slider.evaluate(
        "(s, place) => { s.value = place; s.dispatchEvent(new Event('input')); }", place
    )
    return float(slider.locator("xpath=..").locator("output").inner_text())


@pytest.mark.parametrize("chapter", PLACES)
def test_it_moves_and_says_what_the_library_says(page: Page, chapter: str) -> None:
    picture = opened(page, chapter)
    assert picture.get_attribute("data-picture") == PLACES[chapter]
    drawn, said = set(), set()
    for p_ref, beta in ((1e-3, 5), (1e-4, 1), (0.2, 5), (0.5, 0.2), (0.007, 1.25), (1e-5, 40)):
        p_ref = move(picture, "p_ref", float(logit(p_ref)))
        beta = move(picture, "beta", log10(beta))
        verdict = picture.locator(".live-verdict").inner_text()
        ending = regime(Recurrence(beta), L_ref=logit(p_ref)).item()
        assert verdict.startswith(SAID[Regime(ending)])
        drawn.add(picture.locator("svg").first.inner_html())
        said.add(verdict.split()[0])
        (address,) = picture.locator("a").evaluate_all("(all) => all.map((a) => a.href)")
        values = parse_qs(urlsplit(address).fragment)
        assert (float(values["p_ref"][0]), float(values["beta"][0])) == (p_ref, beta)
    assert len(drawn) == 6 and said == {"Settles", "Runs", "Oscillates"}


def test_the_borders_move_with_the_share_of_the_reference(page: Page) -> None:
    picture = opened(page, "phase-diagram")
    border = picture.locator("path.fold")
    before = border.get_attribute("d")
    move(picture, "alpha", 0.5)
    assert border.get_attribute("d") != before
    move(picture, "alpha", 0)  # the mirror has no borders
    assert border.count() == 0
    assert picture.locator(".live-verdict").inner_text().startswith("Runs to one")


@pytest.mark.parametrize("chapter", PLACES)
def test_it_takes_no_large_library_and_no_paper(page: Page, chapter: str) -> None:
    picture = opened(page, chapter)
    assert "bokeh" not in (HTML / f"notebooks/{chapter}.html").read_text("utf-8").lower()
    assert picture.is_visible()
    page.emulate_media(media="print")
    assert not picture.is_visible()


def test_without_scripts_the_figure_stands_and_the_fold_says_why(open_tab: OpenTab) -> None:
    with open_tab() as (page, _):
        plain = page.context.browser.new_context(java_script_enabled=False)
        bare = plain.new_page()
        bare.goto((HTML / "notebooks/theorem-2.html").as_uri())
        picture = bare.locator("details.live")
        picture.locator("summary").click()
        assert "needs JavaScript" in picture.inner_text()
        assert bare.locator("figure img").first.is_visible()
        plain.close()
