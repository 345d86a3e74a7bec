"""The explorer's mathematics, run without a browser: its numbers are those of grpo_lib.

What the library has is compared with it. All three normalisations are compared with 60 digits, too.
"""

from collections.abc import Callable, Iterator
from itertools import pairwise

import numpy as np
import pytest
from mpmath import mp, mpf
from scipy.special import expit, logit

from grpo_lib import (
    GroupNormalization,
    MeanDeviation,
    MeanOnly,
    MeanVariance,
    NoisyVerifier,
    Normalization,
    Recurrence,
    Regime,
    fixed_points,
    phase_boundaries,
    regime,
)
from grpo_lib.phases import STEPS
from reproduce import explorer
from tests.node import SOURCE, Call

LIBRARY: dict[str, Callable[[dict], Normalization]] = {
    "mean-variance": lambda s: MeanVariance(s["eps"]),
    "mean-deviation": lambda s: MeanDeviation(s["delta"]),
    "mean-only": lambda s: MeanOnly(),
}
"""What the library has, by the page's names: of one setting, or of many in one."""

NAMES = list(explorer.NORMALIZATIONS)

ROUNDING = np.finfo(float).eps


def settings(count: int, normalization: str, seed: int = 4) -> list[dict]:
    """Corners of the explorer's ranges and a bit beyond, then settings drawn at random."""
    rng = np.random.default_rng(seed)
    axes = [-1, 1], [-1, 1], [0, 0.01, 1], [-1, 0, 1]
    corners = np.stack(np.meshgrid(*axes), axis=-1).reshape(-1, 4)
    inner = rng.uniform([-1, -1, 0, -1], 1, (count, 4))
    inner[::3, 2] = 1  # the paper's own case
    return [
        {
            "beta": 10 ** (2 * beta),
            "eps": 10 ** (-4 + 4 * constant),
            "delta": 10 ** (-4 + 4 * constant),
            "alpha": alpha,
            "normalization": normalization,
            "L_ref": 14 * ref,
        }
        for beta, constant, alpha, ref in [*corners, *inner]
    ]


def rule(s: dict) -> Normalization:
    """That of a setting, or of many in one."""
    if "size" in s:
        deviation = "none" if s["normalization"] == "mean-only" else s["deviation"]
        used = {"mean-variance": "eps", "mean-deviation": "delta"}.get(s["normalization"])
        constants = {name: s[name] if name == used else 0.0 for name in ("eps", "delta")}
        return GroupNormalization(s["size"], deviation, **constants)
    plain = LIBRARY[s["normalization"]](s)
    if "true_positive" in s:
        return NoisyVerifier(s["true_positive"], s["false_positive"], plain)
    return plain


def recurrence(s: dict) -> Recurrence:
    clip = (s["low"], s["high"]) if "low" in s else None
    return Recurrence(s["beta"], rule(s), s["alpha"], clip)


def numbers(s: dict) -> set[str]:
    """What may differ within many settings in one: a group has constants of its own."""
    fixed = {"normalization", "deviation", "penalty", "size"}
    return s.keys() - fixed - ({"eps", "delta"} if "size" in s else set())


def together(given: list[dict]) -> dict:
    """All settings in one, with an array for each number."""
    return given[0] | {name: np.array([s[name] for s in given]) for name in numbers(given[0])}


# How a run ends.

ENDINGS = """all => all.map(
    s => grpo.ending(grpo.recurrence(s), s.L_ref, s.L_0 ?? s.L_ref))"""


SLOPES = """all => all.map(
    s => grpo.fixedPoints(grpo.recurrence(s), s.L_ref).map(point => point.slope))"""


def verdicts(call: Call, given: list[dict], source: str = SOURCE) -> np.ndarray:
    return np.array([Regime[end["regime"]] for end in call(ENDINGS, given, source)])


def by_library(s: dict) -> np.ndarray:
    return regime(recurrence(s), L_ref=s["L_ref"])


def unexplained(given: list[dict], answers: np.ndarray, units: float = 16) -> list[dict]:
    """Settings in which the library says something else, and still does next to them.

    Args:
        given: the settings.
        answers: what JavaScript says of them.
        units: how many units of rounding the parameters may be off.

    Either side of a comparison that decides is a sum of terms, each of them known to a few units in
    the last place. That is as if the parameters were known to a few units. So both answers are
    right where the library's own changes within that many of the parameters, in 200 draws.
    """
    rng = np.random.default_rng(5)
    all_of_them = together(given)
    different = np.nonzero(by_library(all_of_them) != answers)[0]
    nearby = {
        name: all_of_them[name][different] * (1 + ROUNDING * rng.uniform(-units, units, (200, 1)))
        for name in sorted(numbers(all_of_them))
    }
    for name in nearby.keys() & {"alpha", "true_positive"}:
        nearby[name] = np.minimum(nearby[name], 1)
    right = (by_library(all_of_them | nearby) == answers[different]).any(axis=0)
    return [given[i] for i in different[~right]]


@pytest.mark.parametrize("normalization", LIBRARY)
def test_runs_end_as_grpo_lib_says(call: Call, normalization: str) -> None:
    given = settings(6000, normalization)
    answers = verdicts(call, given)
    assert unexplained(given, answers) == []
    if normalization != "mean-only":
        assert min(np.bincount(answers, minlength=3)[:3]) > 50


@pytest.fixture(scope="module")
def many() -> list[dict]:
    return settings(6000, "mean-variance")


def test_rounding_is_an_excuse_on_a_boundary_alone(call: Call, many: list[dict]) -> None:
    """Right on a fold or a flip rounding decides; no answer is excused from 1e-9 beyond it."""
    s = together(many)
    found = phase_boundaries(recurrence(s))
    excused = noticed = 0
    for curve in (*found.fold.T, *found.flip.T):
        pairs = zip(many, curve, strict=True)
        there = [s | {"L_ref": L_ref} for s, L_ref in pairs if np.isfinite(L_ref)][:300]
        answers = verdicts(call, there)
        assert unexplained(there, answers) == []
        excused += np.sum(by_library(together(there)) != answers)
        one_side, other_side = (
            [s | {"L_ref": s["L_ref"] * (1 + way)} for s in there] for way in (-1e-9, 1e-9)
        )
        noticed += len(unexplained(one_side, verdicts(call, other_side)))
    assert excused > 30
    assert noticed > 300


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("x_1 > c_1", "x_1 > -c_1"),
        ("radius < 0 ? {", "radius > 0 ? {"),
        ("L > x_2", "L > x_1"),
        ("step(r, low, L_ref) <= x_2", "step(r, low, L_ref) <= x_1"),
        ("low >= maximum &&", "low >= 0 &&"),
        ("high <= x_2", "high <= x_1"),
    ],
)
def test_a_changed_comparison_is_noticed(
    call: Call, many: list[dict], right: str, wrong: str
) -> None:
    assert SOURCE.count(right) == 1
    assert unexplained(many, verdicts(call, many, SOURCE.replace(right, wrong)))


def test_a_limit_that_rounds_to_one_is_another_rule(call: Call, many: list[dict]) -> None:
    """What looks like 1 to four digits is not what runs to one."""
    ends = [end for end in call(ENDINGS, many) if "limit" in end]
    looks = [expit(-end["limit"]) < 5e-5 for end in ends]
    runs = [end["regime"] == "RUNS_TO_ONE" for end in ends]
    assert sum(a != b for a, b in zip(looks, runs, strict=True)) > 100
    s = {"beta": 0.296, "eps": 0.096, "alpha": 1, "normalization": "mean-variance", "L_ref": -5.6}
    (end,) = call(ENDINGS, [s])
    assert end["regime"] == "RUNS_TO_ONE"
    assert f"{expit(end['limit']):.2f}" == "0.99"


def test_undecided_runs_are_those_of_grpo_lib(call: Call) -> None:
    """Three that no theorem settles, on the page and far beyond it, and two that one does."""
    assert call("() => grpo.STEPS", None) == STEPS
    names = ("beta", "eps", "alpha", "L_ref")
    given = [
        dict(zip(names, values, strict=True), normalization="mean-variance")
        for values in (
            (0.56, 0.043, 0.75, float(logit(4.02e-6))),  # on the page
            (0.11870462, 0.00448577, 0.36816245, -285.41311),
            (32.124575, 1.8296509e-6, 3.3310432e-4, -62278.13),
            (1.3884198, 3.0750630e-4, 1.5668624e-4, -325494.06),
            (2.1818813, 2.7334349e-4, 0.651493, -22.4998443),
        )
    ]
    expected = [Regime.UNDECIDED] * 3 + [Regime.SETTLES, Regime.RUNS_TO_ONE]
    assert verdicts(call, given).tolist() == expected
    assert by_library(together(given)).tolist() == expected


def scale(s: dict, L: np.ndarray) -> np.ndarray:
    deviation = 0.5 / np.cosh(L / 2)
    if s["normalization"] == "mean-variance":
        return 1 / np.hypot(deviation, np.sqrt(s["eps"]))
    return 1 / (deviation + s["delta"]) if "delta" in s else np.ones_like(L)


@pytest.mark.parametrize("normalization", NAMES)
def test_runs_from_anywhere_end_as_brute_force_says(call: Call, normalization: str) -> None:
    """6000 updates and the spread over 64 more; above the steepest place or below tells the rest.

    With a slope of 0.99 in size at its limit, a run comes e^60 times closer to it in 6000 updates.
    Where the slope at a fixed point is closer to 1 or -1 than that, nothing is compared.
    """
    rng = np.random.default_rng(6)
    count = 3000
    s = {
        "beta": 10 ** rng.uniform(-2, 2, count),
        "alpha": np.where(rng.random(count) < 0.5, 1.0, rng.uniform(0.05, 1, count)),
        "L_ref": rng.uniform(-14, 14, count),
        "L_0": rng.uniform(-14, 14, count),
    }
    constant = {"mean-variance": "eps", "mean-deviation": "delta"}.get(normalization)
    if constant:
        s[constant] = 10 ** rng.uniform(-8, 0, count)
    given = [dict(zip(s, map(float, x), strict=True)) for x in zip(*s.values(), strict=True)]
    given = [one | {"normalization": normalization} for one in given]
    ends = call(ENDINGS, given)
    told = np.array([Regime[end["regime"]] for end in ends])

    s["normalization"] = normalization
    L = s["L_0"]
    low, high = np.full(count, np.inf), np.full(count, -np.inf)
    with np.errstate(over="ignore"):
        for n in range(6064):
            L = s["alpha"] * s["L_ref"] + (1 - s["alpha"]) * L + scale(s, L) / s["beta"]
            if n >= 6000:
                low, high = np.minimum(low, L), np.maximum(high, L)
    # One place between c_1 and c_2 will do, as no limit lies between them.
    turns = call("all => all.map(s => grpo.recurrence(s).one)", given)
    between = np.array([(c_1 + c_2) / 2 for c_1, c_2 in turns])
    at_rest = high - low <= 1e-6 * np.maximum(1, np.abs(L))
    brute = np.where(at_rest, np.where(between < L, 2, 0), 1)
    slopes = call(SLOPES, given)
    clear = np.array([all(abs(abs(slope) - 1) > 0.01 for slope in some) for some in slopes])
    assert clear.sum() > 0.95 * count
    assert (told[clear] == brute[clear]).all()
    limits = np.array([end.get("limit", np.nan) for end in ends])
    off = np.abs(limits - L) / np.maximum(1, np.abs(L))
    assert off[clear & at_rest].max() <= 1e-6
    if constant:
        assert min(np.bincount(told, minlength=3)[:3]) > 20
        # A control: from the reference, some of these runs would end otherwise.
        at_reference = [{k: v for k, v in one.items() if k != "L_0"} for one in given]
        assert np.sum(verdicts(call, at_reference) != told) > 20


def test_cycles_have_the_values_of_the_errata(call: Call) -> None:
    for beta, alpha, cycle in ((5, 1, [0.0023380, 0.0587158]), (3, 0.9, [0.0040971, 0.1745856])):
        s = {"beta": beta, "alpha": alpha, "eps": 1e-5, "normalization": "mean-variance"}
        found = call("([s, L]) => grpo.verdict(grpo.recurrence(s), L, L)", [s, float(logit(1e-3))])
        assert (found["regime"], found["period"]) == ("OSCILLATES", 2)
        assert expit([found["low"], found["high"]]) == pytest.approx(cycle, abs=6e-8)


def test_steps_say_when_a_run_has_arrived(call: Call) -> None:
    def steps(**changed: float) -> int | None:
        s = {"beta": 1, "alpha": 1, "eps": 1e-5, "normalization": "mean-variance"} | changed
        L = float(logit(0.2))
        return call("([s, L]) => grpo.verdict(grpo.recurrence(s), L, L)", [s, L])["steps"]

    limit = fixed_points(Recurrence(1.0), L_ref=logit(0.2)).log_odds[0]
    path = Recurrence(1.0).trajectory(p_ref=0.2, steps=100).log_odds
    first = steps()
    assert np.abs(path[first - 1] - limit) > 0.01 >= np.abs(path[first:] - limit).max()
    mirror = Recurrence(10.0, alpha=0.0).trajectory(p_ref=0.2, steps=100).probability
    assert steps(beta=10, alpha=0) == np.argmax(mirror > 0.99)
    assert steps(beta=100, alpha=1e-4) is None


# The numbers behind it.


def worst_step_and_slope(call: Call, wanted: list[dict], asked: list[dict]) -> tuple[float, float]:
    """Largest errors, in units of rounding, of JavaScript's steps and slopes from many states."""
    states = [*np.linspace(-30, 30, 41), -2000.0, 2000.0]
    found = call(
        "([asked, states]) => asked.map(s => { const r = grpo.recurrence(s); return states.map("
        "L => [grpo.step(r, L, s.L_ref), grpo.slope(r, L), r.normalization.scale(L)]); })",
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


@pytest.mark.parametrize("normalization", LIBRARY)
def test_step_and_slope_are_those_of_grpo_lib(call: Call, normalization: str) -> None:
    given = settings(200, normalization)
    assert max(worst_step_and_slope(call, given, given)) <= 8


def test_a_wrong_eps_is_noticed(call: Call) -> None:
    given = settings(20, "mean-variance")
    wrong = [s | {"eps": s["eps"] * (1 + 1e-12)} for s in given]
    assert min(worst_step_and_slope(call, given, wrong)) > 100


def test_each_step_of_a_trajectory_is_that_of_grpo_lib(call: Call) -> None:
    given = settings(100, "mean-variance")
    found = call("all => all.map(s => grpo.trajectory(grpo.recurrence(s), s.L_ref, -2, 50))", given)
    for s, states in zip(given, np.array(found), strict=True):
        assert states.shape == (51,) and states[0] == -2
        steps = recurrence(s).step(L=states[:-1], L_ref=s["L_ref"])
        size = np.abs(states[:-1]) + np.abs(states[1:]) + 2 * abs(s["L_ref"])
        assert (np.abs(states[1:] - steps) <= 8 * ROUNDING * size).all(), s


@pytest.mark.parametrize("normalization", LIBRARY)
def test_fixed_points_are_those_of_grpo_lib(call: Call, normalization: str) -> None:
    given = settings(300, normalization)
    wanted = [fixed_points(recurrence(s), L_ref=s["L_ref"]) for s in given]
    counts = {int(points.count) for points in wanted}
    assert counts == ({1, 2} if normalization == "mean-only" else {1, 2, 3})
    listed = [
        [p for p in zip(points.log_odds, points.slope, strict=True) if not np.isnan(p[0])]
        for points in wanted
    ]
    assert max(fixed_point_errors(call, given, listed)) <= 16


def fixed_point_errors(call: Call, asked: list[dict], wanted: list[list[tuple]]) -> list[float]:
    """Errors of the fixed points, in units of what rounding does to them; inf if the count is off.

    A step is known to about a unit in the last place of its terms. At a fixed point of slope s that
    moves the point by 1 / |1 - s| times as much.
    """
    found = call("all => all.map(s => grpo.fixedPoints(grpo.recurrence(s), s.L_ref))", asked)
    errors = []
    for s, points, exact in zip(asked, found, wanted, strict=True):
        if len(points) != len(exact):
            errors.append(np.inf)
            continue
        for point, (L, slope) in zip(points, exact, strict=True):
            if np.isinf(L):
                same = point["L"] == L and point["slope"] == slope
                if not same:  # exp(push) carries the rounding of the push
                    off = abs(point["slope"] / slope - 1) / (1 + abs(np.log(slope)))
                    errors.append(off / ROUNDING if point["L"] == L else np.inf)
                continue
            size = max(1, abs(L), abs(s["L_ref"]), abs(L - s["L_ref"]))
            condition = size * s["alpha"] / abs(1 - slope)
            errors.append(abs(point["L"] - L) / condition / ROUNDING)
            bend = (1 + abs(L - s["L_ref"]) * s["alpha"]) * (1 + condition)
            errors.append(abs(point["slope"] - slope) / bend / ROUNDING)
    return errors


# The same against 60 digits, for all normalisations.


class Exact:
    """A normalisation in mpmath, from its definition.

    With c = cosh(L/2) the square of Omega' = slope is a polynomial in c, of which all roots are
    found. So turning points owe nothing to a closed form or to a start of Newton's method.
    """

    def __init__(self, s: dict) -> None:
        self.name, self.eps, self.delta = s["normalization"], mpf(s["eps"]), mpf(s["delta"])

    def scale(self, L: mpf) -> mpf:
        deviation = 1 / (2 * mp.cosh(L / 2))
        return {
            "mean-variance": 1 / mp.sqrt(deviation**2 + self.eps),
            "mean-deviation": 1 / (deviation + self.delta),
            "mean-only": mpf(1),
        }[self.name]

    def scale_slope(self, L: mpf) -> mpf:
        return self._derivative(L, 1)

    def bend(self, L: mpf) -> mpf:
        """d log Omega' / dL."""
        return self._derivative(L, 2) / self._derivative(L, 1)

    def _derivative(self, L: mpf, order: int) -> mpf:
        return mp.diff(self.scale, mpf(L), order)

    def turning_points(self, slope: mpf) -> list[mpf]:
        """Where Omega' = slope, ascending; two or none."""
        squared = mpf(slope) ** 2
        if self.name == "mean-variance":  # c^2 - 1 = slope^2 (1 + 4 eps c^2)^3, in c^2
            k = 4 * self.eps
            powers = [squared * k**3, 3 * squared * k**2, 3 * squared * k - 1, squared + 1]
        elif self.name == "mean-deviation":  # c^2 - 1 = slope^2 (1 + 2 delta c)^4
            powers = [squared * mp.binomial(4, n) * (2 * self.delta) ** n for n in range(4, -1, -1)]
            powers = [a + b for a, b in zip(powers, [0, 0, -1, 0, 1], strict=True)]
        else:
            return []
        roots = mp.polyroots(powers, maxsteps=500, extraprec=200)
        real = sorted(mp.re(root) for root in roots if mp.im(root) == 0 and mp.re(root) > 1)
        return [2 * mp.acosh(mp.sqrt(c) if self.name == "mean-variance" else c) for c in real]

    def fixed_points(self, s: dict) -> list[tuple[float, float]]:
        """Fixed points and their slopes for alpha > 0."""
        beta, alpha, L_ref = mpf(s["beta"]), mpf(s["alpha"]), mpf(s["L_ref"])

        def gap(L: mpf) -> mpf:
            return L_ref + self.scale(L) / (alpha * beta) - L

        # Omega lies between its values at 0 and far out, and 1 is more than rounding.
        low = L_ref + self.scale(mpf(0)) / (alpha * beta) - 1
        high = L_ref + self.scale(mpf(10**4)) / (alpha * beta) + 1
        turns = [L for L in self.turning_points(alpha * beta) if low < L < high]
        ends = [low, *turns, high]
        brackets = [pair for pair in pairwise(ends) if gap(pair[0]) * gap(pair[1]) < 0]
        zeros = [
            mp.findroot(gap, pair, solver="bisect", tol=1e-40, maxsteps=200) for pair in brackets
        ]
        return [(float(L), float(1 - alpha + self.scale_slope(L) / beta)) for L in zeros]


@pytest.fixture(autouse=True)
def sixty_digits() -> Iterator[None]:
    with mp.workdps(60):
        yield


def constants(normalization: str) -> list[dict]:
    """Settings that differ in eps and delta: the ends of the explorer's range, and between."""
    exponents = [-8, 0, *np.random.default_rng(7).uniform(-8, 0, 18)]
    return [
        {"beta": 1, "alpha": 1, "eps": 10.0**x, "delta": 10.0**x, "normalization": normalization}
        for x in exponents
    ]


def test_the_page_offers_what_there_is(call: Call) -> None:
    offered = call("() => [grpo.NORMALIZATIONS, grpo.DEVIATIONS]", None)
    assert offered == [NAMES, list(explorer.DEVIATIONS)]


@pytest.mark.parametrize("normalization", NAMES)
def test_facts_of_a_normalisation_are_exact(call: Call, normalization: str) -> None:
    """Omega and Omega' are products of at most eight factors, each within two units of rounding."""
    given, states = constants(normalization), [-60.0, -20.0, -3.0, -1e-9, 0.0, 0.5, 8.0, 36.0]
    found = call(
        """([given, states]) => given.map(s => {
            const { scale, scaleSlope, bounds, steepest } = grpo.recurrence(s).normalization;
            return { values: states.map(L => [scale(L), scaleSlope(L)]), bounds,
                steepest: steepest[0], falling: steepest[1],
                ends: [scale(-Infinity), scaleSlope(-Infinity), scaleSlope(Infinity)] };
        })""",
        [given, states],
    )
    for s, facts in zip(given, found, strict=True):
        exact = Exact(s)
        for L, (scale, slope) in zip(states, facts["values"], strict=True):
            assert abs(scale / exact.scale(mpf(L)) - 1) <= 16 * ROUNDING
            assert abs(slope - exact.scale_slope(L)) <= 16 * ROUNDING * abs(exact.scale_slope(L))
        far = exact.scale(mpf(10**4))
        for bound, value in zip(facts["bounds"], (exact.scale(mpf(0)), far), strict=True):
            assert abs(bound / value - 1) <= 16 * ROUNDING
        assert abs(facts["ends"][0] / far - 1) <= 16 * ROUNDING
        assert facts["ends"][1:] == [0, 0]
        # No slope above the steepest is taken, and any below it.
        assert facts["falling"] == facts["steepest"]
        steepest = mpf(facts["steepest"])
        assert exact.turning_points(steepest * (1 + 32 * ROUNDING)) == []
        assert steepest == 0 or len(exact.turning_points(steepest * (1 - 32 * ROUNDING))) == 2


@pytest.mark.parametrize("normalization", NAMES)
def test_turning_points_are_exact(call: Call, normalization: str) -> None:
    """Up to a relative error of 64 units of rounding in the slope.

    Newton's method solves the equation in logarithms, which are below 64 here.
    """
    slopes = [*(10 ** np.random.default_rng(8).uniform(-12, 4, 6)), 0.0]
    found = call(
        """([given, slopes]) => given.map(s => {
            const { steepest, turningPoints } = grpo.recurrence(s).normalization;
            const all = [...slopes, 0.9 * steepest[0], (1 - 1e-9) * steepest[0]];
            return all.map(slope => [slope, ...turningPoints(slope)]);
        })""",
        [constants(normalization), slopes],
    )
    errors = []
    for s, rows in zip(constants(normalization), found, strict=True):
        exact = Exact(s)
        for slope, *turns in rows:
            if normalization != "mean-only" and slope == 0:
                assert turns == [0, np.inf]
                continue
            wanted = exact.turning_points(slope)
            if not wanted:
                assert turns == [np.inf, np.inf]
                continue
            for turn, L in zip(turns, wanted, strict=True):
                allowed = abs(L) + 1 / abs(exact.bend(L))
                errors.append(float(abs(turn - L) / allowed / ROUNDING))
    assert max(errors, default=0) <= 64
    assert len(errors) == 0 if normalization == "mean-only" else len(errors) > 100


@pytest.mark.parametrize("normalization", NAMES)
def test_fixed_points_are_exact(call: Call, normalization: str) -> None:
    given = [s for s in settings(30, normalization) if s["alpha"] > 0]
    wanted = [Exact(s).fixed_points(s) for s in given]
    assert {len(points) for points in wanted} == ({1} if normalization == "mean-only" else {1, 3})
    assert max(fixed_point_errors(call, given, wanted)) <= 16
    if normalization != "mean-only":
        wrong = [s | {name: s[name] * (1 + 1e-9) for name in ("eps", "delta")} for s in given]
        assert max(fixed_point_errors(call, wrong, wanted)) > 1e3


@pytest.mark.parametrize("normalization", NAMES)
def test_boundaries_are_exact(call: Call, normalization: str) -> None:
    """Both ends of each boundary are fixed points with a slope of 1 or -1."""
    betas = [0.01, 0.5, 2, 8, 30]
    for s in constants(normalization)[:8]:
        s["alpha"] = 0.7
        curves = call("([s, betas]) => grpo.boundaries(grpo.recurrence(s), betas)", [s, betas])
        exact, alpha = Exact(s), mpf(s["alpha"])
        for name, factor, sign in (("fold", alpha, 1), ("flip", 2 - alpha, -1)):
            curve = curves[name]
            assert len(curve) == len({point["beta"] for point in curve}) * 2
            for i, point in enumerate(curve):
                beta = mpf(point["beta"])
                first = 2 * i < len(curve)
                turn = exact.turning_points(factor * beta)[0 if first == (sign > 0) else 1]
                push = exact.scale(turn) / (alpha * beta)
                # At a fold the reference does not depend on the place; at a flip 2 / alpha times.
                unsure = abs(turn) + 1 / abs(exact.bend(turn))
                allowed = 16 * (turn + push) + (64 * 2 / alpha * unsure if sign < 0 else 0)
                assert abs(point["L_ref"] - (sign * turn - push)) <= allowed * ROUNDING
        assert bool(curves["fold"]) == (normalization != "mean-only")
        s["alpha"] = 0
        none = call("([s, betas]) => grpo.boundaries(grpo.recurrence(s), betas)", [s, betas])
        assert none == {"fold": [], "flip": []}
