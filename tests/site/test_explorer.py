"""The explorer: its numbers are those of grpo_lib, and a keyboard, a phone and a link all work."""

import gzip
import json
import re
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page
from scipy.special import expit, logit

from grpo_lib import MeanOnly, MeanVariance, Recurrence, fixed_points
from reproduce import explorer

ROUNDING = np.finfo(float).eps
URL = "/book/explorer.html"


@pytest.fixture
def numbers(page: Page, site: Path) -> Page:
    """An empty tab with the mathematics alone."""
    page.add_script_tag(path=site / "_static" / "grpo.js")
    return page


@pytest.fixture
def tab(page: Page) -> Page:
    page.goto(URL)
    page.wait_for_selector("#explorer-phase[data-painted]")
    return page


def settings(count: int, normalization: str) -> list[dict]:
    """Corners of the explorer's ranges and beyond, then settings drawn at random."""
    rng = np.random.default_rng(4)
    corners = np.stack(np.meshgrid([-1, 1], [-1, 1], [0, 0.01, 1], [-1, 0, 1]), axis=-1).reshape(
        -1, 4
    )
    inner = rng.uniform([-1, -1, 0, -1], 1, (count, 4))
    inner[::3, 2] = 1  # the paper's own case
    return [
        {
            "beta": 10 ** (2 * beta),
            "eps": 10 ** (-5 + 5 * eps),
            "alpha": alpha,
            "normalization": normalization,
            "L_ref": 14 * ref,
        }
        for beta, eps, alpha, ref in [*corners, *inner]
    ]


def recurrence(s: dict) -> Recurrence:
    mean_only = s["normalization"] == "mean-only"
    return Recurrence(s["beta"], MeanOnly() if mean_only else MeanVariance(s["eps"]), s["alpha"])


def worst_step_and_slope(
    numbers: Page, wanted: list[dict], asked: list[dict]
) -> tuple[float, float]:
    """Largest errors, in units of rounding, of JavaScript's steps and slopes from many states."""
    states = [*np.linspace(-30, 30, 41), -2000.0, 2000.0]
    found = numbers.evaluate(
        "([asked, states]) => asked.map(s => states.map("
        "L => [grpo.step(s, L, s.L_ref), grpo.slope(s, L), grpo.scale(s, L)]))",
        [asked, states],
    )
    step_error = slope_error = 0.0
    for s, rows in zip(wanted, found, strict=True):
        steps, slopes, scales = np.transpose(rows)
        push = scales / s["beta"]
        r, L = recurrence(s), np.array(states)
        steps_off = np.abs(steps - r.step(L=L, L_ref=s["L_ref"])) / (
            np.abs(L) + abs(s["L_ref"]) + push
        )
        slopes_off = np.abs(slopes - r.slope(L=L)) / (1 + push)
        step_error = max(step_error, steps_off.max() / ROUNDING)
        slope_error = max(slope_error, slopes_off.max() / ROUNDING)
    return step_error, slope_error


@pytest.mark.parametrize("normalization", ["mean-variance", "mean-only"])
def test_step_and_slope_are_those_of_grpo_lib(numbers: Page, normalization: str) -> None:
    given = settings(200, normalization)
    assert max(worst_step_and_slope(numbers, given, given)) <= 8


def test_a_wrong_eps_is_noticed(numbers: Page) -> None:
    given = settings(20, "mean-variance")
    wrong = [s | {"eps": s["eps"] * (1 + 1e-12)} for s in given]
    assert min(worst_step_and_slope(numbers, given, wrong)) > 100


def fixed_point_errors(numbers: Page, wanted: list[dict], asked: list[dict]) -> list[float]:
    """Errors of the fixed points, in units of what rounding does to them; inf if the count is off.

    A step is known to about a unit in the last place of its terms. At a fixed point of slope s that
    moves the point by 1 / |1 - s| times as much.
    """
    found = numbers.evaluate("asked => asked.map(s => grpo.fixedPoints(s, s.L_ref))", asked)
    errors = []
    for s, points in zip(wanted, found, strict=True):
        r = recurrence(s)
        exact = fixed_points(r, L_ref=s["L_ref"])
        if len(points) != exact.count:
            errors.append(np.inf)
            continue
        for point, L, slope in zip(points, exact.log_odds, exact.slope, strict=False):
            if np.isinf(L):
                same = point["L"] == L and point["slope"] == slope
                if not same:  # exp(push) carries the rounding of the push
                    off = abs(point["slope"] / slope - 1) / (1 + abs(np.log(slope)))
                    errors.append(off / ROUNDING if point["L"] == L else np.inf)
                continue
            b = s["alpha"] * s["beta"]
            size = max(1, abs(L), abs(s["L_ref"]), abs(L - s["L_ref"]))
            condition = size * s["alpha"] / abs(1 - slope)
            errors.append(abs(point["L"] - L) / condition / ROUNDING)
            bend = (1 + abs(L - s["L_ref"]) * b / s["beta"]) * (1 + condition)
            errors.append(abs(point["slope"] - slope) / bend / ROUNDING)
    return errors


@pytest.mark.parametrize("normalization", ["mean-variance", "mean-only"])
def test_fixed_points_are_those_of_grpo_lib(numbers: Page, normalization: str) -> None:
    given = settings(300, normalization)
    counts = {int(fixed_points(recurrence(s), L_ref=s["L_ref"]).count) for s in given}
    assert counts == ({1, 2, 3} if normalization == "mean-variance" else {1, 2})
    assert max(fixed_point_errors(numbers, given, given)) <= 16


def test_fixed_points_of_a_wrong_eps_are_noticed(numbers: Page) -> None:
    given = settings(50, "mean-variance")
    wrong = [s | {"eps": s["eps"] * (1 + 1e-9)} for s in given]
    assert max(fixed_point_errors(numbers, given, wrong)) > 1e3


def test_each_step_of_a_trajectory_is_that_of_grpo_lib(numbers: Page) -> None:
    given = settings(100, "mean-variance")
    found = numbers.evaluate("all => all.map(s => grpo.trajectory(s, s.L_ref, -2, 50))", given)
    for s, states in zip(given, np.array(found), strict=True):
        assert states.shape == (51,) and states[0] == -2
        steps = recurrence(s).step(L=states[:-1], L_ref=s["L_ref"])
        size = np.abs(states[:-1]) + np.abs(states[1:]) + 2 * abs(s["L_ref"])
        assert (np.abs(states[1:] - steps) <= 8 * ROUNDING * size).all(), s


def test_boundaries_have_slopes_of_one_at_fixed_points(numbers: Page) -> None:
    s = {"beta": 1, "eps": 1e-5, "alpha": 0.7, "normalization": "mean-variance"}
    curves = numbers.evaluate("s => grpo.boundaries(s, [0.1, 0.5, 2, 8, 30])", s)
    for name, slope in (("fold", 1), ("flip", -1)):
        assert len(curves[name]) == 12
        for point in curves[name]:
            r = recurrence(s | {"beta": point["beta"]})
            near = point["L_ref"] + np.array([-1, 1]) * 1e-6
            slopes = fixed_points(r, L_ref=near).slope
            assert np.nanmin(np.abs(slopes - slope)) <= 5e-3, (name, point)
        assert np.nanmin(np.abs(slopes - 0.9 * slope)) > 5e-3


def choose_panel(tab: Page, beta: str, p_ref: str) -> str:
    tab.select_option("#figure-5", label=f"β = {beta}, p_ref = {p_ref}")
    return verdict(tab)


def verdict(tab: Page) -> str:
    tab.evaluate("() => new Promise(done => requestAnimationFrame(() => setTimeout(done)))")
    return tab.inner_text("#verdict")


def test_presets_give_the_verdicts_of_the_notebooks(tab: Page) -> None:
    assert choose_panel(tab, "1", "0.2") == "Settles at 0.6813."
    assert choose_panel(tab, "5", "0.2") == "Settles at 0.2807."
    assert choose_panel(tab, "0.8", "0.2") == "Runs to 1."
    assert choose_panel(tab, "5", "0.0001") == "Has not settled in 2000 steps."
    assert "After 50 steps p is 0.04419." in tab.inner_text("#detail")
    tab.check("#from-reference")
    assert verdict(tab) == "Runs to 1."
    assert tab.input_value("#figure-5") == ""
    tab.click("text=Cycle of E6")
    assert verdict(tab) == "Oscillates between 0.002338 and 0.05872."
    tab.click("text=Cycle of E13")
    assert verdict(tab) == "Oscillates between 0.004097 and 0.1746."
    tab.click("text=Reset")
    assert verdict(tab) == "Settles at 0.6813."


def test_cycles_have_the_values_of_the_errata(numbers: Page) -> None:
    for beta, alpha, cycle in ((5, 1, [0.0023380, 0.0587158]), (3, 0.9, [0.0040971, 0.1745856])):
        s = {"beta": beta, "alpha": alpha, "eps": 1e-5, "normalization": "mean-variance"}
        L_ref = float(logit(1e-3))
        found = numbers.evaluate("([s, L]) => grpo.verdict(s, L, L)", [s, L_ref])
        assert (found["kind"], found["period"]) == ("cycle", 2)
        assert expit([found["low"], found["high"]]) == pytest.approx(cycle, abs=6e-8)


def test_every_panel_of_figure_5_ends_at_its_50th_iterate(tab: Page) -> None:
    """The paper prints p_50; grpo_lib computes it, and the page shows it."""
    for panel in explorer.FIGURE_5:
        choose_panel(tab, str(panel["beta"]), f"{panel['p_ref']:g}")
        end = (
            Recurrence(panel["beta"])
            .trajectory(p_ref=panel["p_ref"], steps=50, p_0=0.1)
            .probability[-1]
        )
        assert f"{end:.4f}" == ("1.0000" if verdict(tab) == "Runs to 1." else shown(tab)), panel


def shown(tab: Page) -> str:
    told = re.search(r"After 50 steps p is ([\d.]+\d)", tab.inner_text("#detail"))
    return f"{float(told[1]):.4f}"


def test_a_link_brings_its_setting_back(tab: Page) -> None:
    tab.fill("#p_ref", "0.03")
    tab.fill("#beta", "0.4")
    tab.select_option("#normalization", "mean-only")
    tab.uncheck("#from-reference")
    tab.fill("#p_0", "0.5")
    tab.fill("#alpha", "0.25")
    words, link = verdict(tab), tab.url
    wanted = {
        "p_ref": "0.03", "beta": "0.4", "eps": "0.00001", "alpha": "0.25",
        "normalization": "mean-only", "p_0": "0.5",
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
    names = ("p_ref", "p_0", "beta", "eps", "alpha", "normalization")
    page.goto(f"{URL}#{urlencode(dict.fromkeys(names, value))}")
    assert verdict(page) == "Settles at 0.6813."
    page.goto(f"{URL}#{urlencode({'beta': value, 'p_ref': '0.5'})}")
    assert page.input_value("#beta") == "1"
    page.wait_for_function("document.getElementById('p_ref').value === '0.5'")


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
    reached = set()
    tab.focus("#figure-5")
    for _ in range(30):
        reached.add(tab.evaluate("[...document.forms.explorer].indexOf(document.activeElement)"))
        if tab.evaluate("document.activeElement.type") == "range":
            name = tab.evaluate("document.activeElement.dataset.for")
            before = tab.input_value(f"#{name}")
            tab.keyboard.press("ArrowLeft")
            assert tab.input_value(f"#{name}") != before, name
        tab.keyboard.press("Tab")
    assert reached - {-1} == set(range(tab.evaluate("document.forms.explorer.length")))


def test_the_sliders_reach_their_ends(tab: Page) -> None:
    for parameter in explorer.PARAMETERS[:4]:
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
    page.goto(URL)
    page.wait_for_selector("#explorer-phase[data-painted]")
    # Without preload: axe would ask for the style sheets once more, one of them at a wrong place.
    found = Axe().run(page, context="article", options={"preload": False})
    serious = [v for v in found.response["violations"] if v["impact"] in ("serious", "critical")]
    assert serious == []


def test_a_phone_shows_it_without_scrolling_sideways(page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{URL}#beta=0.01&p_ref=0.999999")
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
