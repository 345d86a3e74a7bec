from itertools import product

import mpmath
import numpy as np
import pytest
import sympy as sp
from scipy.special import expit, logit

from grpo_lib import (
    FixedPoints,
    MeanDeviation,
    MeanOnly,
    MeanVariance,
    Recurrence,
    fixed_points,
    symbolic,
)
from grpo_lib.symbolic import L, L_ref, alpha, beta, eps, p
from tests.grpo_lib.reference import exact, in_log_odds, worst

MAP = symbolic.log_odds_map(L, L_ref, beta, eps, alpha)
STEP, SLOPE = in_log_odds(MAP), in_log_odds(sp.diff(MAP, L))
ULP = 2.0**-52


def isolate(reference, b, smoothing, power=2):
    """Intervals that each hold exactly one zero of F: cells, lower ends, upper ends; the undecided.

    Omega is ``(s^power + smoothing)^(-1/power)`` with ``s^2 = p (1 - p)``: mean and variance for a
    power of 2, mean and deviation for 1.

    Interval bisection. An interval is dropped where the range of F excludes 0. It is done where the
    range of F' excludes 0. All it uses of Omega is that s falls and |2 p - 1| rises in |L|, so it
    shares nothing with the proof in `fixed_points`.
    """
    lowest = np.where(smoothing > 0, smoothing, 1) ** (1 / power)
    top = np.maximum(1, reference + 1 / (b * lowest) + 1)
    for i in np.flatnonzero(smoothing == 0):
        top[i] = 2 * np.arcsinh(b[i]) + 1  # F rises from here on, so it stays above 0 once it is
        while reference[i] + 2 * np.cosh(top[i] / 2) / b[i] <= top[i]:
            top[i] *= 2
    bottom = np.where(smoothing > 0, reference, np.maximum(reference, -top))
    cell = np.tile(np.arange(reference.size), 2)
    low, high = np.append(np.minimum(bottom, -1), 0 * top), np.append(0 * top, top)
    isolated, undecided = [], set()
    while cell.size:
        ref, weight, smooth = reference[cell], b[cell], smoothing[cell]
        root = (expit([low, high]) * expit([-low, -high])) ** (power / 2)
        gain = (root + smooth) ** (-1 / power) / weight
        least, most = gain.min(0) + ref - high, gain.max(0) + ref - low
        rounding = 1e-13 * (np.abs(ref) + gain.max(0) + np.maximum(-low, high))
        holds_zero = (least <= rounding) & (most >= -rounding)
        # On L <= 0 Omega falls, and F with it. On L >= 0 these enclose Omega'.
        slowest, fastest = (
            np.tanh(np.divide([low, high], 2)) / 2 * root[::-1] / (root + smooth) ** (1 + 1 / power)
        )
        monotone = (high <= 0) | (fastest < (1 - 1e-12) * weight) | (slowest > (1 + 1e-12) * weight)
        at_low, at_high = gain + ref - [low, high]
        crosses = holds_zero & monotone & ((at_low > 0) != (at_high > 0))
        isolated.append(np.stack([cell, low, high])[:, crosses])
        open_ = holds_zero & ~monotone
        narrow = open_ & (high - low < 1e-11 * np.maximum(1, high))
        undecided |= set(cell[narrow])
        open_ &= ~narrow
        cell, low, high = (np.tile(x[open_], 2) for x in (cell, low, high))
        half = cell.size // 2
        low[half:] = high[:half] = (low[half:] + high[:half]) / 2
    return np.concatenate(isolated, axis=1), undecided


def missing(found, reference, b, smoothing, power=2):
    """Number of cells whose finite fixed points are not one in each isolated interval."""
    (cell, low, high), undecided = isolate(reference, b, smoothing, power)
    cell = cell.astype(int)
    slack = 1e-11 * np.maximum(1, np.maximum(-low, high))
    at = found.log_odds[cell]
    outside = ~np.any((at >= (low - slack)[:, None]) & (at <= (high + slack)[:, None]), axis=-1)
    wrong = np.bincount(cell, minlength=b.size) != np.isfinite(found.log_odds).sum(axis=-1)
    wrong[cell] |= outside
    assert len(undecided) <= b.size // 1000  # these are too close to a double zero to tell
    wrong[list(undecided)] = False
    return np.count_nonzero(wrong)


def residual(found, reference, weight, smoothing, share=1.0):
    """Worst step from a fixed point, in rounding errors of log-odds.

    One rounding error of L moves step(L) - L by |slope - 1| times that of max(1, |L|). The terms
    of the step are rounded, too; Omega / beta is the one that a fixed point can have large.
    """
    cell = np.nonzero(np.isfinite(found.log_odds))
    at, slope = found.log_odds[cell], found.slope[cell]
    values = {L_ref: reference, beta: weight, eps: smoothing, alpha: share}
    values = {s: np.broadcast_to(x, found.count.shape)[cell[:-1]] for s, x in values.items()}
    moved = exact(STEP, {L: at, **values}) - at
    size = np.abs(slope - 1) * np.maximum(1, np.abs(at)) + values[alpha] * (at - values[L_ref])
    return float(np.max(np.abs(moved) / (size * ULP), initial=0))


def slope_error(found, weight, smoothing, share=1.0):
    cell = np.nonzero(np.isfinite(found.log_odds))
    values = {beta: weight, eps: smoothing, alpha: share}
    values = {s: np.broadcast_to(x, found.count.shape)[cell[:-1]] for s, x in values.items()}
    slope = exact(SLOPE, {L: found.log_odds[cell], **values})
    return worst(found.slope[cell], slope, 1)


def random_cells(seed, size):
    """L_ref, beta, eps, alpha over the ranges of the design, half the cells with L_ref near 0."""
    rng = np.random.default_rng(seed)
    reference = rng.uniform(-1, 1, size) * 10.0 ** rng.uniform(-2, 4, size)
    reference[::2] = rng.normal(0, 3, reference[::2].size)
    smoothing = np.where(rng.random(size) < 0.2, 0, 10.0 ** rng.uniform(-12, 0, size))
    share = np.where(rng.random(size) < 0.5, 1, 10.0 ** rng.uniform(-3, 0, size))
    return reference, 10.0 ** rng.uniform(-3, 3, size), smoothing, share


def solve(reference, weight, smoothing, share=1.0):
    return fixed_points(Recurrence(weight, MeanVariance(smoothing), share), L_ref=reference)


def test_none_is_missed():
    reference, weight, smoothing, share = random_cells(0, 20_000)
    found = solve(reference, weight, smoothing, share)
    assert missing(found, reference, weight * share, smoothing) == 0
    assert np.all(np.bincount(found.count)[[1, 3]] > 1000)


def test_none_is_missed_with_mean_and_deviation():
    reference, weight, smoothing, share = random_cells(4, 10_000)
    constant = np.sqrt(smoothing)
    found = fixed_points(Recurrence(weight, MeanDeviation(constant), share), L_ref=reference)
    assert missing(found, reference, weight * share, constant, power=1) == 0
    assert np.all(np.bincount(found.count)[[1, 3]] > 500)
    inside_root = solve(reference, weight, smoothing, share)  # with the same upper bound
    assert missing(inside_root, reference, weight * share, constant, power=1) > 100


def test_all_are_exact():
    cells = random_cells(1, 300)
    found = solve(*cells)
    assert residual(found, *cells) <= 4
    assert slope_error(found, *cells[1:]) <= 4 * ULP


def deviation_errors(found, *cells):
    """Worst step from a fixed point, as in `residual`, and worst slope, in rounding errors."""
    steps, slopes = [], []
    with mpmath.workdps(60):
        for at in zip(*np.nonzero(np.isfinite(found.log_odds)), strict=True):
            reference, weight, constant, share = (mpmath.mpf(float(x[at[0]])) for x in cells)
            state, found_slope = (mpmath.mpf(float(x[at])) for x in (found.log_odds, found.slope))
            deviation = mpmath.sech(state / 2) / 2
            steepness = mpmath.tanh(state / 2) * deviation / (deviation + constant) ** 2 / 2
            slope = 1 - share + steepness / weight
            moved = share * (reference - state) + 1 / (deviation + constant) / weight
            size = abs(slope - 1) * max(1, abs(state)) + share * (state - reference)
            steps.append(abs(moved) / size / ULP)
            slopes.append(abs(found_slope - slope) / max(1, abs(slope)) / ULP)
    return float(max(steps)), float(max(slopes))


def test_all_are_exact_with_mean_and_deviation():
    reference, weight, smoothing, share = random_cells(5, 300)
    cells = reference, weight, np.sqrt(smoothing), share
    found = fixed_points(Recurrence(weight, MeanDeviation(cells[2]), share), L_ref=reference)
    assert max(deviation_errors(found, *cells)) <= 4
    moved = FixedPoints(found.log_odds * (1 + 1e-13), found.slope)
    assert deviation_errors(moved, *cells)[0] > 100
    assert deviation_errors(FixedPoints(found.log_odds, -found.slope), *cells)[1] > 1e6


def test_delta_0_is_eps_0():
    """Newton's method and a closed form find the turning points: they may round differently."""
    reference, weight, _, share = random_cells(6, 5000)
    by_delta, by_eps = (
        fixed_points(Recurrence(weight, normalization, share), L_ref=reference)
        for normalization in (MeanDeviation(0.0), MeanVariance(0.0))
    )
    assert np.array_equal(by_delta.count, by_eps.count)
    assert by_delta.log_odds == pytest.approx(by_eps.log_odds, rel=1e-14, abs=1e-14, nan_ok=True)
    # The slope changes with the state at most by cosh(L / 2) / (2 beta).
    off = np.abs(by_delta.slope - by_eps.slope) / (np.abs(by_eps.slope) + 1 + 1 / weight[:, None])
    finite = np.isfinite(by_eps.log_odds)
    assert np.all((off / np.maximum(1, np.abs(by_eps.log_odds)))[finite] <= 1e-14)
    other = fixed_points(Recurrence(weight, MeanDeviation(1e-9), share), L_ref=reference)
    assert np.sum(np.isposinf(by_eps.log_odds)) == 5000 and np.all(other.log_odds != np.inf)


def test_ascending_padded_and_above_the_reference():
    reference, *parameters = random_cells(2, 5000)
    found = solve(reference, *parameters)
    order = np.diff(found.log_odds, axis=-1)
    assert np.all((order > 0) | np.isnan(order))
    assert np.array_equal(np.isnan(found.log_odds), np.arange(3) >= found.count[:, None])
    assert np.array_equal(np.isnan(found.log_odds), np.isnan(found.slope))
    assert np.array_equal(found.probability, expit(found.log_odds), equal_nan=True)
    assert np.nanmin(found.log_odds - reference[:, None]) > 0  # Theorem 3


@pytest.mark.parametrize("gap", [1e-6, 1e-9])
def test_pairs_about_to_merge_at_eps_0(gap):
    b = np.geomspace(1e-3, 1e3, 301)
    merged = 2 * np.arcsinh(b) - 2 / b * np.sqrt(1 + b**2)
    assert np.all(solve(merged - gap, b, 0).count == 3)
    assert np.all(solve(merged + gap, b, 0).log_odds[:, 0] == np.inf)
    near = solve((merged - gap)[::10], b[::10], 0)
    assert residual(near, (merged - gap)[::10], b[::10], 0) <= 4


@pytest.mark.parametrize("gap", [1e-6, 1e-9])
def test_pairs_about_to_merge_at_eps_above_0(gap):
    smoothing, place = map(np.ravel, np.meshgrid(10.0 ** np.arange(-12, 0), np.linspace(0, 2, 52)))
    cusp = 2 * np.arccosh(np.sqrt((1 + 12 * smoothing) / (8 * smoothing)))  # c_1 = c_2 there
    merging = place * cusp  # below the cusp c_1 is meant, above it c_2
    chosen = (np.abs(place - 1) > 0.1) & (place > 0)
    merging, smoothing, place = merging[chosen], smoothing[chosen], place[chosen]
    normalization = MeanVariance(smoothing)
    b = Recurrence(1.0, normalization).slope(L=merging)
    merged = merging - normalization.scale(L=merging) / b
    turning = np.where(place < 1, *MeanVariance(smoothing).turning_points(b))
    assert turning == pytest.approx(merging, rel=1e-12, abs=0)
    toward_three = np.where(place < 1, -gap, gap) * np.maximum(1, np.abs(merged))
    for side, count in (toward_three, 3), (-toward_three, 1):
        found = solve(merged + side, b, smoothing)
        assert np.all(found.count == count)
        assert missing(found, merged + side, b, smoothing) == 0
        every = np.s_[::20]
        found = FixedPoints(found.log_odds[every], found.slope[every])
        assert residual(found, (merged + side)[every], b[every], smoothing[every]) <= 4


GRID = [
    logit([0.001, 0.003, 0.01, 0.03, 0.1, 0.25, 0.5, 0.75, 0.9, 0.97, 0.99, 0.997, 0.999]),
    [0.1, 0.3, 1, 3, 5, 10, 30],
    [1e-5, 1e-3, 0.01, 0.1, 1],
]


def test_grid_of_455_cells():
    reference, weight, smoothing = map(np.ravel, np.meshgrid(*GRID))
    found = solve(reference, weight, smoothing)
    assert missing(found, reference, weight, smoothing) == 0
    assert residual(found, reference, weight, smoothing) <= 4
    cell, place = np.nonzero(np.isfinite(found.log_odds))
    at = found.log_odds[cell, place]
    step = Recurrence(weight[cell], MeanVariance(smoothing[cell])).step(L=at, L_ref=reference[cell])
    assert np.max(np.abs(step - at) / np.maximum(1, np.abs(at))) <= 1e-12


@pytest.mark.parametrize(
    ("weight", "success", "printed"),
    [(1, 0.2, 0.6813), (5, 0.2, 0.2807), (5, 0.5, 0.6007), (5, 0.8, 0.8813)],
)
def test_figure_5(weight, success, printed):
    assert solve(logit(success), weight, 1e-5).probability[0] == pytest.approx(printed, abs=5e-5)


def test_lemma_1_slope_is_that_of_the_map_in_probability():
    reference, weight, smoothing = np.array([-3.0, 0.0, 2.0]), 2.0, np.array([[0.0], [0.01]])
    found = solve(reference, weight, smoothing)
    lemma_1 = p * (1 - p) * (2 * p - 1) / (2 * beta * (p * (1 - p) + eps) ** sp.Rational(3, 2))
    cell = np.nonzero(np.isfinite(found.log_odds))
    values = {L: found.log_odds[cell], beta: weight, eps: smoothing[cell[0], 0]}
    assert worst(found.slope[cell], exact(in_log_odds(lemma_1), values)) <= 1e-14


@pytest.mark.parametrize("smoothing", [0.0, 0.25])
def test_mirror_is_fixed_at_both_ends_alone(smoothing):
    found = solve([-3.0, 0.0, np.inf, -np.inf], 2.0, smoothing, 0.0)
    assert np.all(found.count == 2)
    assert np.all(found.log_odds[:, :2] == [-np.inf, np.inf])
    rate = np.inf if smoothing == 0 else 1.0
    assert np.all(found.slope[:, :2] == np.exp([rate, -rate]))


def test_mirror_slope_is_the_rate_at_which_p_grows():
    recurrence = Recurrence(2.0, MeanVariance(0.25), alpha=0)
    found = fixed_points(recurrence, L_ref=0.0)
    assert expit(recurrence.step(L=-200, L_ref=0)) / expit(-200) == pytest.approx(
        found.slope[0], rel=1e-12, abs=0
    )
    assert expit(-recurrence.step(L=200, L_ref=0)) / expit(-200) == pytest.approx(
        found.slope[1], rel=1e-12, abs=0
    )


@pytest.mark.parametrize("share", [0.3, 1.0])
def test_ends_of_the_reference(share):
    ends = np.array([-np.inf, np.inf])
    for normalization in MeanOnly(), MeanVariance(0), MeanVariance(0.1):
        found = fixed_points(Recurrence(1.0, normalization, share), L_ref=ends)
        assert np.array_equal(found.log_odds[:, 0], ends)
        assert np.all(found.count == 1)
        assert np.all(found.slope[:, 0] == 0)


def test_a_reference_at_an_end_absorbs_even_if_alpha_beta_rounds_to_0():
    weakest = Recurrence(1e-300, alpha=1e-300)
    found = fixed_points(weakest, L_ref=[-np.inf, 0.0, np.inf]).log_odds[:, 0]
    assert found.tolist() == [-np.inf, np.inf, np.inf]


def test_where_there_is_one_fixed_point_all_else_is_nan():
    found = fixed_points(Recurrence([1.0, 1.0, 1e-200], alpha=[0.5, 1, 1e-200]), L_ref=np.inf)
    for rows, first in (found.log_odds, np.inf), (found.slope, 0.0):
        assert rows[:, 0].tolist() == [first] * 3
        assert np.isnan(rows[:, 1:]).all()
    tiny = fixed_points(Recurrence(1e-200, alpha=1e-200), L_ref=0.0)
    assert tiny.log_odds[0] == np.inf and np.isnan(tiny.log_odds[1:]).all()
    assert tiny.slope[0] == 0 and np.isnan(tiny.slope[1:]).all()


def test_the_penalty_is_named_if_it_is_neither():
    message = r'^penalty must be "reverse" or "forward", got .?k3.?$'
    with pytest.raises(ValueError, match=message):
        fixed_points(Recurrence(1.0), L_ref=0.0, penalty="k3")


@pytest.mark.parametrize("share", [0.3, 1.0])
def test_success_is_fixed_at_eps_0_and_only_there(share):
    found = solve(0.0, 1.0, [0, 1e-12], share)
    assert found.log_odds[0, 0] == np.inf
    assert found.slope[0, 0] == 0
    assert not np.any(np.isinf(found.log_odds[1]))  # erratum E4


def test_a_gap_beyond_the_doubles_has_its_fixed_point_at_infinity():
    """Omega / b is 1e600; the distance of the largest double from the reference is none."""
    found = fixed_points(Recurrence(1.0, MeanDeviation(1e-300), 1e-300), L_ref=-1.7e308)
    assert found.log_odds[:2] == pytest.approx([-37.9, 37.9], abs=0.1)
    assert found.log_odds[2] == np.inf


@pytest.mark.parametrize("L_ref", [-1.5e308, -1.75e308])
def test_a_gap_beyond_the_doubles_can_end_within_them(L_ref):
    """Where p = 1 to all digits Omega is 1 / sqrt(eps), and 1 / (beta sqrt(eps)) is 2.5e308."""
    half_gap = 1.25e308
    found = fixed_points(Recurrence(np.sqrt(1e5) / half_gap / 2), L_ref=L_ref)
    # Its logarithm is found from three others, up to 710, each off by a unit in the last place.
    error = 3 * np.spacing(710.0) * half_gap
    assert found.log_odds[2] / 2 == pytest.approx(L_ref / 2 + half_gap, abs=error)


def test_mean_only_has_one():
    reference, share = np.array([-1e4, 0.0, 3.0]), np.array([[0.25], [1.0], [0.0]])
    found = fixed_points(Recurrence(2.0, MeanOnly(), share), L_ref=reference)
    assert np.array_equal(found.count, [[1] * 3, [1] * 3, [2] * 3])
    assert found.log_odds[:2, :, 0] == pytest.approx(
        np.add(reference, [[2.0], [0.5]]), rel=1e-15, abs=0
    )
    assert np.all(found.slope[:2, :, 0] == [[0.75], [0.0]])
    assert found.slope[2, :, :2] == pytest.approx(np.exp([[0.5, -0.5]] * 3), rel=1e-15, abs=0)


def test_broadcasts_over_prompts():
    reference, weight = np.array([-5.0, 0.0, np.inf]), np.array([[0.1], [3.0]])
    smoothing = np.array([0.0, 1e-5]).reshape(2, 1, 1)
    share = np.array([0, 0.5, 1]).reshape(3, 1, 1, 1)
    whole = solve(reference, weight, smoothing, share)
    assert whole.log_odds.shape == whole.slope.shape == (3, 2, 2, 3, 3)
    assert whole.count.shape == (3, 2, 2, 3)
    for i, j, k, m in np.ndindex(3, 2, 2, 3):
        one = solve(reference[m], weight[k, 0], smoothing[j, 0, 0], share[i, 0, 0, 0])
        assert one.log_odds == pytest.approx(
            whole.log_odds[i, j, k, m], rel=1e-14, nan_ok=True, abs=0
        )
        assert one.slope == pytest.approx(whole.slope[i, j, k, m], rel=1e-12, nan_ok=True, abs=0)
    assert solve([], 1.0, 0.1).log_odds.shape == (0, 3)


LARGE = [-1.7e308, -1e300, -1e4, 0, 1e4, 1e300, 1.7e308]
EXTREMES = [5e-324, 1e-300, 1.0, 1e300, 1.7e308]


@pytest.mark.parametrize(
    "normalization",
    [
        MeanOnly(),
        *(kind(constant) for kind in (MeanVariance, MeanDeviation) for constant in [0, *EXTREMES]),
    ],
    ids=repr,
)
def test_extreme_parameters(normalization):
    """All are found; one beyond the largest double is returned as +inf."""
    lowest = float(1 / normalization.scale(L=np.inf))
    for weight, share, reference in product(EXTREMES, EXTREMES[:3], LARGE):
        recurrence = Recurrence(weight, normalization, share)
        found = fixed_points(recurrence, L_ref=reference)
        at, slope = found.log_odds[: found.count], found.slope[: found.count]
        assert 1 <= found.count <= 3
        assert np.all(at >= reference)
        assert not np.any(np.isnan(slope))
        beyond = weight * share * lowest < 1e-307 or abs(reference) > 1e307
        assert beyond or np.all(np.isfinite(at))
        step = recurrence.step(L=at, L_ref=reference)
        held = np.isfinite(at) & np.isfinite(step)
        # Where Omega exceeds the doubles beside it, the fixed point is put where that begins.
        held &= np.isfinite(
            recurrence.step(L=np.nextafter(at, np.copysign(np.inf, at)), L_ref=reference)
        )
        with np.errstate(over="ignore"):
            size = np.maximum(1, np.abs(slope)) * np.maximum(1, np.maximum(abs(reference), abs(at)))
        assert np.all(np.abs(step[held] - at[held]) <= 1e-14 * size[held])


def test_proof_turning_points_and_shape_of_omega():
    x = sp.Symbol("x", positive=True)  # exp(L / 2) for L > 0, so x > 1
    sinh, u = (x - 1 / x) / 2, (x + 1 / x) ** 2 / 4
    omega = symbolic.omega(symbolic.sigma(2 * sp.log(x)), eps)
    slope = sinh / (1 + 4 * eps * u) ** sp.Rational(3, 2)
    along = x / 2  # d/dL = (x / 2) d/dx
    assert sp.simplify(along * sp.diff(omega, x) - slope) == 0
    positive_factor = 2 * (1 + 4 * eps * u) * sinh / sp.sqrt(u)
    rate = along * sp.diff(sp.log(slope), x)
    assert sp.simplify(rate * positive_factor - (1 + 12 * eps - 8 * eps * u)) == 0
    # Omega' = b, squared, is the cubic of `MeanVariance.turning_points`.
    z, cubic = 1 + 4 * eps * u, sp.Lambda(L, 4 * eps * beta**2 * L**3 - L + 1 + 4 * eps)
    assert sp.simplify((beta**2 - slope**2) * 4 * eps * z**3 - cubic(z)) == 0


def test_controls_see_doctored_results():
    cells = random_cells(3, 200)
    reference, weight, smoothing, share = cells
    found = solve(*cells)
    dropped, moved = found.log_odds.copy(), found.log_odds.copy()
    dropped[found.count == 3, 1:] = np.nan  # what a scan misses
    moved[:, 0] *= 1 + 1e-13
    assert missing(found, reference, weight * share, smoothing) == 0
    assert missing(FixedPoints(dropped, found.slope), reference, weight * share, smoothing) > 10
    assert residual(FixedPoints(moved, found.slope), *cells) > 100
    assert slope_error(FixedPoints(found.log_odds, -found.slope), *cells[1:]) > 0.1


@pytest.mark.parametrize(
    "changed", [{"weight": 2.0}, {"smoothing": 0.0}, {"share": 0.5}, {"reference": 0.1}]
)
def test_controls_see_a_wrong_parameter(changed):
    right = {"reference": -2.0, "weight": 1.0, "smoothing": 0.05, "share": 1.0}
    assert residual(solve(**right), **right) <= 4
    assert residual(solve(**right | changed), **right) > 1e6
