"""The phase diagram against definitions, limits and brute force."""

import time

import numpy as np
import pytest
from scipy.special import expit, logit

from grpo_lib import (
    MeanDeviation,
    MeanOnly,
    MeanVariance,
    Recurrence,
    Regime,
    contraction_threshold,
    fixed_points,
    phase_boundaries,
    regime,
)


def random_parameters(rng, count):
    """Anything from tiny to huge, every tenth with eps = 0, half of them with alpha = 1."""
    beta = 10 ** rng.uniform(-2, 2.5, count)
    eps = np.where(rng.random(count) < 0.1, 0.0, 10 ** rng.uniform(-8, 0, count))
    alpha = np.where(rng.random(count) < 0.5, 1.0, rng.uniform(0.05, 1, count))
    return Recurrence(beta, MeanVariance(eps), alpha), rng.uniform(-20, 20, count)


def steepest(eps):
    """Log-odds at which Omega rises most steeply: cosh(L/2)^2 = (1 + 12 eps) / (8 eps)."""
    with np.errstate(divide="ignore"):
        return 2 * np.arccosh(np.sqrt((1 + 12 * eps) / (8 * eps)))


@pytest.mark.parametrize("eps", [1e-8, 1e-5, 0.01, 1.0, 30.0])
@pytest.mark.parametrize("alpha", [1.0, 0.3])
def test_the_contraction_threshold_is_where_the_largest_slope_is_1(eps, alpha):
    threshold = contraction_threshold(MeanVariance(eps), alpha)
    L = np.linspace(-60, 60, 400_001)
    slope = Recurrence(threshold, MeanVariance(eps), alpha).slope(L=L)
    assert np.abs(slope).max() == pytest.approx(1, abs=1e-6)
    assert np.abs(slope).max() <= 1 + 1e-12
    assert Recurrence(0.99 * threshold, MeanVariance(eps), alpha).slope(L=L).max() > 1


@pytest.mark.parametrize("delta", [1e-8, 1e-4, 0.1, 1.0, 30.0])
@pytest.mark.parametrize("alpha", [1.0, 0.3])
def test_so_it_is_with_mean_and_deviation(delta, alpha):
    threshold = contraction_threshold(MeanDeviation(delta), alpha)
    L = np.linspace(-60, 60, 400_001)
    deviation = 0.5 / np.cosh(L / 2)
    slope = 1 - alpha + np.tanh(L / 2) * deviation / (deviation + delta) ** 2 / 2 / threshold
    assert np.abs(slope).max() == pytest.approx(1, abs=1e-6)
    assert np.abs(slope).max() <= 1 + 1e-12


def test_the_threshold_at_the_ends_of_the_doubles():
    """It is 1 / (8 delta) for small delta and 1 / (8 delta^2) for large ones."""
    found = contraction_threshold(MeanDeviation([5e-324, 1e-300, 1e-100, 1e100, 1e300, 1.7e308]))
    assert found == pytest.approx([np.inf, 1.25e299, 1.25e99, 1.25e-201, 0, 0], rel=1e-15, abs=0)


def test_no_beta_contracts_without_smoothing_or_without_the_reference():
    assert np.isinf(contraction_threshold(MeanVariance(0.0))) and np.isinf(
        contraction_threshold(MeanVariance(1.0), 0.0)
    )


def test_at_the_flip_the_lowest_fixed_point_has_slope_minus_1():
    recurrence, _ = random_parameters(np.random.default_rng(0), 3000)
    flip = phase_boundaries(recurrence).flip
    for references in flip.T:
        there = np.isfinite(references)
        assert there.sum() > 500
        slope = fixed_points(recurrence, L_ref=np.where(there, references, 0.0)).slope[there, 0]
        np.testing.assert_allclose(slope, -1, atol=1e-9)


def test_the_folds_are_the_turning_points_of_the_reference_as_a_function_of_its_fixed_point():
    rng = np.random.default_rng(3)
    eps = 10 ** rng.uniform(-8, 0, 300)
    alpha = rng.uniform(0.05, 1, 300)
    beta = contraction_threshold(MeanVariance(eps), alpha) * rng.uniform(0.01, 0.99, 300)
    normalization = MeanVariance(eps)
    rising = np.linspace(0, steepest(eps), 20_001)
    falling = np.linspace(steepest(eps), steepest(eps) + 20, 20_001)
    highest = (rising - normalization.scale(L=rising) / (alpha * beta)).max(axis=0)
    lowest = (falling - normalization.scale(L=falling) / (alpha * beta)).min(axis=0)
    fold = phase_boundaries(Recurrence(beta, MeanVariance(eps), alpha)).fold.T
    np.testing.assert_allclose(fold, [lowest, highest], rtol=1e-5, atol=1e-5)


def test_the_counts_change_at_the_fold_and_the_slopes_at_the_flip():
    recurrence, _ = random_parameters(np.random.default_rng(1), 3000)
    found = phase_boundaries(recurrence)
    gap = 1e-3
    for (low, high), inside in ((found.fold.T, 3), (found.flip.T, None)):
        there = (high - low > 1) & np.isfinite(low)
        assert there.sum() > 500
        for end, sign in ((low, 1), (high, -1)):
            within, outside = (
                fixed_points(recurrence, L_ref=np.where(there, end + way * gap, 0.0))
                for way in (sign, -sign)
            )
            if inside:
                assert (within.count[there] == 3).all() and (outside.count[there] == 1).all()
            else:
                assert (within.slope[there, 0] < -1).all()
                assert (outside.slope[there, 0] > -1).all()


def test_without_smoothing_the_boundaries_have_a_closed_form():
    beta, alpha = 10 ** np.linspace(-2, 2, 41), np.array([1.0, 0.5, 0.01])[:, None]
    found = phase_boundaries(Recurrence(beta, MeanVariance(0.0), alpha))
    b, d = alpha * beta, (2 - alpha) * beta
    fold = 2 * np.arcsinh(b) - 2 / b * np.sqrt(1 + b**2)
    flip = -2 * np.arcsinh(d) - 2 / b * np.sqrt(1 + d**2)
    np.testing.assert_allclose(found.fold[..., 1], fold, rtol=1e-13, atol=1e-13)
    np.testing.assert_allclose(found.flip[..., 1], flip, rtol=1e-13)
    assert np.isneginf(found.fold[..., 0]).all() and np.isneginf(found.flip[..., 0]).all()
    tiny = phase_boundaries(Recurrence(beta, MeanVariance(1e-14), alpha))
    np.testing.assert_allclose(tiny.fold[..., 1], fold, rtol=1e-6, atol=1e-6)


def test_boundaries_end_at_the_contraction_threshold():
    threshold = contraction_threshold(MeanVariance(1e-3), 0.5)
    found = phase_boundaries(
        Recurrence(threshold * np.array([0.999, 1.001]), MeanVariance(1e-3), 0.5)
    )
    assert np.isfinite(found.fold[0]).all() and np.isnan(found.fold[1]).all()
    tip = threshold * 0.5 / 1.5
    found = phase_boundaries(Recurrence(tip * np.array([0.999, 1.001]), MeanVariance(1e-3), 0.5))
    assert np.isfinite(found.flip[0]).all() and np.isnan(found.flip[1]).all()


def test_mirror_has_no_boundaries_and_runs_to_one():
    found = phase_boundaries(Recurrence([0.1, 10.0], alpha=0.0))
    assert np.isnan(found.fold).all() and np.isnan(found.flip).all()
    assert (regime(Recurrence(2.0, alpha=0.0), L_ref=[-30.0, 0.0, 5.0]) == Regime.RUNS_TO_ONE).all()
    assert regime(Recurrence(2.0, alpha=0.0), L_ref=-np.inf) == Regime.SETTLES  # no success ever


@pytest.mark.parametrize(
    ("beta", "p_ref", "expected"),
    [
        (1.0, 0.2, Regime.SETTLES),
        (0.8, 0.2, Regime.RUNS_TO_ONE),
        (5.0, 1e-3, Regime.OSCILLATES),
        (5.0, 1e-4, Regime.RUNS_TO_ONE),  # the first step jumps over the middle fixed point
        (100.0, 1e-4, Regime.SETTLES),
    ],
)
def test_known_points(beta, p_ref, expected):
    assert regime(Recurrence(beta), L_ref=logit(p_ref)) == expected


def test_regimes_agree_with_brute_force_away_from_the_flip():
    """3000 updates and the spread over 64 more; "above the fold" is told by the steepest slope."""
    recurrence, L_ref = random_parameters(np.random.default_rng(2), 100_000)
    alpha, eps = recurrence.alpha, recurrence.normalization.eps
    found = regime(recurrence, L_ref=L_ref)

    L = recurrence.iterate(L_ref=L_ref, steps=3000)
    low, high = L, L
    with np.errstate(over="ignore", invalid="ignore"):
        for _ in range(64):
            L = recurrence.step(L=L, L_ref=L_ref)
            low, high = np.minimum(low, L), np.maximum(high, L)
        at_rest = np.isposinf(low) | (high - low <= 1e-6 * np.maximum(1, np.abs(L)))
    folds = recurrence.beta < contraction_threshold(MeanVariance(eps), alpha)
    above = np.where(eps == 0, np.isposinf(low), folds & (low > steepest(np.where(eps, eps, 1))))
    brute = np.where(at_rest, np.where(above, 2, 0), 1)

    boundaries = phase_boundaries(Recurrence(recurrence.beta, MeanVariance(eps), alpha))
    to_flip = np.abs(boundaries.flip - L_ref[:, None])
    distance = np.min(np.where(np.isnan(to_flip), np.inf, to_flip), axis=-1)
    wrong = found != brute
    print(f"{wrong.sum()} disagree, at most {distance[wrong].max(initial=0):.3g} from a flip")
    assert not (wrong & (distance > 0.1)).any()
    assert wrong.sum() <= 20
    assert min(np.bincount(found)) > 1000  # all three are there
    # A control: the count of fixed points alone does not tell where a run goes.
    assert np.sum((fixed_points(recurrence, L_ref=L_ref).slope[:, 0] < -1) != (brute == 1)) > 300


def test_a_reference_at_an_end_stays_there_and_mean_only_always_settles():
    ends = [-np.inf, np.inf]
    assert list(regime(Recurrence(1.0), L_ref=ends)) == [Regime.SETTLES, Regime.RUNS_TO_ONE]
    mean_only = Recurrence([0.01, 100.0], MeanOnly())
    assert (regime(mean_only, L_ref=[[-30.0], [30.0]]) == Regime.SETTLES).all()


def test_an_orbit_that_oscillates_may_exceed_a_fixed_point_that_is_alone():
    recurrence, L_ref = Recurrence(1.0, MeanVariance(0.01)), -9.7258
    found = fixed_points(recurrence, L_ref=L_ref)
    assert found.count == 1
    assert regime(recurrence, L_ref=L_ref) == Regime.OSCILLATES
    path = recurrence.trajectory(p_ref=expit(L_ref), steps=200).log_odds[1:]
    assert path.min() < found.log_odds[0] < path.max()


def random_two_kl(rng, count, slowest):
    """Shares down to the slowest, references from p_ref = 1e-300 on, eps > 0."""
    eps, alpha = 10 ** rng.uniform(-8, 0, count), 10 ** rng.uniform(np.log10(slowest), 0, count)
    beta = np.where(
        rng.random(count) < 0.5,
        10 ** rng.uniform(-2, 2.5, count),
        contraction_threshold(MeanVariance(eps)) * 10 ** rng.uniform(-3, 0.3, count),
    )
    near = rng.random(count) < 0.5
    L_ref = np.where(near, rng.uniform(-20, 20, count), -(10 ** rng.uniform(0, 2.84, count)))
    return Recurrence(beta, MeanVariance(eps), alpha), L_ref


def test_a_slow_run_settles_although_it_is_not_at_rest_for_long():
    recurrence, L_ref = Recurrence(11.0, MeanVariance(1.0), 2e-4), -600.0
    path = recurrence.trajectory(p_ref=expit(L_ref), steps=3000).log_odds
    x_1 = fixed_points(recurrence, L_ref=L_ref).log_odds[0]
    assert np.all(np.diff(path) > 0) and path[-1] < x_1 - 100
    assert regime(recurrence, L_ref=L_ref) == Regime.SETTLES


def test_a_run_that_a_theorem_settles_is_never_undecided():
    recurrence, L_ref = random_two_kl(np.random.default_rng(4), 20_000, slowest=1e-6)
    beta, alpha, eps = recurrence.beta, recurrence.alpha, recurrence.normalization.eps
    found, steep = regime(recurrence, L_ref=L_ref), contraction_threshold(MeanVariance(eps))
    fixed = fixed_points(recurrence, L_ref=L_ref)
    lone, at_low = fixed.count == 1, fixed.log_odds[:, 0] < steepest(eps)
    rises, mild = (1 - alpha) * beta >= steep, (2 - alpha) * beta >= steep
    for cases, expected in (
        (lone & at_low & mild, Regime.SETTLES),  # no slope below -1: Coppel
        (rises & at_low, Regime.SETTLES),  # no slope below 0: monotone from below x_1
        (lone & ~at_low & (alpha * beta < steep), Regime.RUNS_TO_ONE),
        ((fixed.slope[:, 0] >= 0) & (L_ref > -steepest(eps)) & lone & at_low, Regime.SETTLES),
    ):
        assert cases.sum() > 100
        assert (found[cases] == expected).all()


def test_regimes_of_slow_runs_agree_with_brute_force():
    """At a share of 0.002 or more, 20,000 updates shrink what a monotone run lacks by e^40."""
    recurrence, L_ref = random_two_kl(np.random.default_rng(5), 2000, slowest=2e-3)
    found = regime(recurrence, L_ref=L_ref)
    low = high = L = recurrence.iterate(L_ref=L_ref, steps=20_000)
    for _ in range(64):
        L = recurrence.step(L=L, L_ref=L_ref)
        low, high = np.minimum(low, L), np.maximum(high, L)
    eps, alpha = recurrence.normalization.eps, recurrence.alpha
    above = (alpha * recurrence.beta < contraction_threshold(MeanVariance(eps))) & (
        low > steepest(eps)
    )
    brute = np.where(above, 2, np.where(high - low > 1e-3, 1, 0))
    assert (found == brute).all()
    assert np.sum(found == Regime.OSCILLATES) > 5


def test_regimes_with_mean_and_deviation_agree_with_brute_force():
    """As above, with an update of the test's own, and farther than 0.1 from flips and folds."""
    rng, count = np.random.default_rng(8), 2000
    delta = 10 ** rng.uniform(-4, 0, count)
    alpha = np.where(rng.random(count) < 0.5, 1, 10 ** rng.uniform(np.log10(2e-3), 0, count))
    q = np.sqrt(1 + 32 * delta**2)
    steep, steep_at = np.sqrt((1 + q) / (2 * (3 + q) ** 3)) / delta, (1 + q) / (4 * delta)
    beta = steep * 10 ** rng.uniform(-3, 0.3, count)
    L_ref = rng.uniform(-20, 10, count)

    def step(L):
        with np.errstate(over="ignore"):
            return alpha * L_ref + (1 - alpha) * L + 1 / (0.5 / np.cosh(L / 2) + delta) / beta

    L = L_ref
    for _ in range(20_000):
        L = step(L)
    low = high = L
    for _ in range(64):
        L = step(L)
        low, high = np.minimum(low, L), np.maximum(high, L)
    above = (alpha * beta < steep) & (low > 2 * np.arccosh(steep_at))
    brute = np.where(above, 2, np.where(high - low > 1e-3, 1, 0))

    recurrence = Recurrence(beta, MeanDeviation(delta), alpha)
    boundaries = phase_boundaries(recurrence)
    distance = np.abs(np.hstack([boundaries.fold, boundaries.flip]) - L_ref[:, None])
    far = ~np.any(distance < 0.1, axis=-1)
    assert np.sum(far) > 1800
    found = regime(recurrence, L_ref=L_ref)
    assert (found == brute)[far].all()
    assert min(np.bincount(brute[far])) > 50
    # A control: with the same largest scale and the constant inside the root, runs end otherwise.
    inside_root = Recurrence(beta, MeanVariance(delta**2), alpha)
    assert np.sum((regime(inside_root, L_ref=L_ref) != brute)[far]) > 20


def test_delta_0_is_eps_0():
    recurrence, L_ref = random_parameters(np.random.default_rng(9), 20_000)
    by_delta, by_eps, smoothed = (
        Recurrence(recurrence.beta, normalization, recurrence.alpha)
        for normalization in (MeanDeviation(0.0), MeanVariance(0.0), MeanDeviation(1e-3))
    )
    assert (regime(by_delta, L_ref=L_ref) == regime(by_eps, L_ref=L_ref)).all()
    assert (regime(smoothed, L_ref=L_ref) != regime(by_eps, L_ref=L_ref)).sum() > 100
    found, expected = phase_boundaries(by_delta), phase_boundaries(by_eps)
    # Newton's method and a closed form find the turning points: they may round differently.
    np.testing.assert_allclose(found.fold, expected.fold, rtol=1e-14, atol=1e-14)
    np.testing.assert_allclose(found.flip, expected.flip, rtol=1e-14)


def test_right_beside_a_flip_the_slope_at_the_fixed_point_decides():
    """The next fixed point's slope is above -1 on one side and below on the other."""
    rng = np.random.default_rng(6)
    eps = 10 ** rng.uniform(-6, -4, 200)
    beta = contraction_threshold(MeanVariance(eps)) * 10 ** rng.uniform(-2, -0.1, 200)
    flip = phase_boundaries(Recurrence(beta, MeanVariance(eps))).flip[:, 1]
    recurrence = Recurrence(beta, MeanVariance(eps))
    inside, outside = (regime(recurrence, L_ref=flip + gap) for gap in (-1e-6, 1e-6))
    assert ((inside == Regime.OSCILLATES) | (inside == Regime.RUNS_TO_ONE)).all()
    assert ((outside == Regime.SETTLES) | (outside == Regime.RUNS_TO_ONE)).all()
    assert (inside == Regime.OSCILLATES).sum() > 100
    assert ((inside == Regime.RUNS_TO_ONE) == (outside == Regime.RUNS_TO_ONE)).all()


def test_a_run_may_return_to_the_left_of_the_local_maximum_and_leap_over_x_2_from_there():
    deep = Recurrence(2.1818813, MeanVariance(2.7334349e-4), 0.651493)
    assert regime(deep, L_ref=-22.4998443) == Regime.RUNS_TO_ONE
    x_2 = fixed_points(deep, L_ref=-22.4998443).log_odds[1]
    path = deep.trajectory(p_ref=expit(-22.4998443), steps=2000).log_odds
    assert path[1] < x_2 < path[-1]


def test_what_no_theorem_settles_is_undecided_and_rare():
    """Two states, the higher one between -e_2 and x_2, and next to both G leads over x_2."""
    recurrence = Recurrence(0.11870462, MeanVariance(0.00448577), 0.36816245)
    assert regime(recurrence, L_ref=-285.41311) == Regime.UNDECIDED
    many, L_ref = random_two_kl(np.random.default_rng(7), 100_000, slowest=1e-6)
    found = regime(many, L_ref=L_ref)
    undecided = found == Regime.UNDECIDED
    assert undecided.sum() < 100
    below_the_maximum = L_ref < many.slope_points(0)[0]
    assert (below_the_maximum & (many.alpha < 1))[undecided].all()


def test_what_a_theorem_settles_is_not_followed_and_what_none_settles_is():
    """Both runs are on a way up that takes more than `STEPS` updates; G has slopes below -1 or not.

    In the second case they are at states that lie below the highest value of G.
    """
    settled = Recurrence(1.3884198, MeanVariance(3.0750630e-4), 1.5668624e-4)
    assert regime(settled, L_ref=-325494.06) == Regime.SETTLES
    open_ = Recurrence(32.124575, MeanVariance(1.8296509e-6), 3.3310432e-4)
    assert regime(open_, L_ref=-62278.13) == Regime.UNDECIDED


def test_regimes_at_the_ends_of_the_doubles():
    tiny = Recurrence(1.2e-308, MeanVariance([1e-20, 0.1]), [0.055, 1.0])
    assert regime(tiny, L_ref=[24.2, -1.1e308]).tolist() == [Regime.RUNS_TO_ONE] * 2
    assert regime(Recurrence(1e-200, alpha=1e-200), L_ref=0.0) == Regime.RUNS_TO_ONE
    assert regime(Recurrence(1e300, alpha=1e-50), L_ref=0.0) == Regime.SETTLES


@pytest.mark.parametrize("beta", [1e-300, 1e-12, 1e12, 1e300])
@pytest.mark.parametrize("smoothing", [0.0, 1e-300, 1e-5, 1e300])
@pytest.mark.parametrize("kind", [MeanVariance, MeanDeviation])
def test_extreme_parameters_have_a_regime(beta, smoothing, kind):
    recurrence = Recurrence(beta, kind(smoothing))
    found = regime(recurrence, L_ref=logit([1e-300, 1e-12, 0.5]))
    assert set(found.tolist()) <= set(Regime)
    assert regime(recurrence, L_ref=logit([0, 1])).tolist() == [Regime.SETTLES, Regime.RUNS_TO_ONE]
    if beta == 1e300:
        assert (found == Regime.SETTLES).all()


def test_shapes_broadcast():
    recurrence = Recurrence(np.ones(4), MeanVariance(np.full((3, 1), 1e-5)), 0.5)
    assert regime(recurrence, L_ref=np.zeros((2, 1, 1))).shape == (2, 3, 4)
    assert phase_boundaries(
        Recurrence(np.ones(4), MeanVariance(np.full((3, 1), 1e-5)), 0.5)
    ).fold.shape == (3, 4, 2)
    assert isinstance(int(regime(Recurrence(1.0), L_ref=0.0)), int)


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda: contraction_threshold(MeanVariance(-1.0)), "eps"),
        (lambda: contraction_threshold(MeanVariance(1.0), 2.0), "alpha"),
        (lambda: phase_boundaries(Recurrence(0.0)), "beta"),
        (lambda: phase_boundaries(Recurrence([1.0, 2.0], alpha=[1.0, 0.5, 0.1])), "broadcast"),
        (lambda: regime(Recurrence(1.0), L_ref=np.nan), "L_ref"),
        (lambda: regime(Recurrence([1.0, 2.0]), L_ref=np.zeros(3)), "broadcast"),
    ],
)
def test_bad_input_is_named(call, name):
    with pytest.raises(ValueError, match=name):
        call()


def test_probabilities_of_the_paper_s_example():
    """At beta = 1 a reference above 25.6 % runs to 1; at 20 % the run settles."""
    fold = expit(phase_boundaries(Recurrence(1.0)).fold[1])
    codes = regime(Recurrence(1.0), L_ref=logit([fold - 1e-6, fold + 1e-6]))
    assert codes.tolist() == [Regime.SETTLES, Regime.RUNS_TO_ONE]


def test_a_diagram_of_a_million_points_takes_seconds():
    beta, L_ref = np.geomspace(0.01, 100, 1000), np.linspace(-14, 14, 1000)[:, None]
    before = time.process_time()
    found = regime(Recurrence(beta), L_ref=L_ref)
    taken = time.process_time() - before
    print(f"{taken:.1f} s")
    assert taken < 30
    assert min(np.bincount(found.ravel())) > 10_000


def test_a_fold_beyond_the_doubles_is_infinite():
    found = phase_boundaries(Recurrence(1e-309, MeanVariance(0.0)))
    assert found.fold.tolist() == [-np.inf, -np.inf]


def test_without_the_reference_no_weight_contracts_whatever_the_scale():
    for normalization in (MeanOnly(), MeanVariance(), MeanVariance(0.0)):
        assert contraction_threshold(normalization, alpha=[0.0]).tolist() == [np.inf]
    assert contraction_threshold(MeanOnly(), alpha=0.5) == 0


def test_the_largest_numbers_give_a_verdict_without_a_warning():
    """A double can hold each of these, and not every sum or product of them."""
    largest = np.finfo(float).max
    strict = Recurrence([100.0, largest], alpha=[1.0, 0.5])  # every run contracts: it settles
    assert strict.beta.min() > contraction_threshold(MeanVariance(1e-5), strict.alpha).min()
    ends = [largest, 1e300, 0.0, -1e300]
    found = regime(strict, L_ref=np.array(ends)[:, None])
    assert np.all(found == Regime.SETTLES)
    weak = regime(Recurrence(1.0), L_ref=ends)
    assert weak.tolist() == [Regime.RUNS_TO_ONE, Regime.RUNS_TO_ONE, Regime.RUNS_TO_ONE, 0]
