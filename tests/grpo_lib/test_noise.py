"""A verifier that errs, against its definition and against searches that know nothing of it."""

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.special import expit, logit

from grpo_lib import (
    MeanDeviation,
    MeanOnly,
    MeanVariance,
    NoisyVerifier,
    Recurrence,
    Regime,
    advantage,
    contraction_threshold,
    fixed_points,
    phase_boundaries,
    regime,
    train,
)
from grpo_lib.arithmetic import Doubles
from grpo_lib.rounding import UNIT, fixed_point_bound, orbit_bound

NOISE = [(0.9, 0.05), (1.0, 0.3), (0.7, 0.0), (0.6, 0.4), (0.4, 0.1), (0.95, 0.55), (0.1, 0.9)]


def expected_advantages(T, F, policy, reward, eps):
    """From the definition: whiten the four pairs of outcome and observed reward, and average."""
    chance = np.where(reward == 1, T, F)
    mean = np.sum(policy * chance, axis=-1, keepdims=True)
    deviation = np.sqrt(mean * (1 - mean) + eps)
    return (chance * (1 - mean) + (1 - chance) * (0 - mean)) / deviation


@pytest.mark.parametrize(("T", "F"), NOISE)
def test_the_advantage_is_the_expectation_over_the_errors(T, F):
    policy, reward = (
        np.array([[0.1, 0.2, 0.3, 0.4], [0.01, 0.0, 0.0, 0.99]]),
        np.array([1, 1, 0, 0]),
    )
    found = advantage(policy, reward, NoisyVerifier(T, F, MeanVariance(0.01)))
    expected = expected_advantages(T, F, policy, reward, 0.01)
    assert found == pytest.approx(expected, rel=1e-13, abs=0)


def test_other_normalisations_compose():
    at = logit(np.array([0.0, 0.1, 0.8, 1.0]))
    assert NoisyVerifier(0.75, 0.5, MeanOnly()).scale(L=at).tolist() == [0.25] * 4
    q = 0.1 + 0.6 * expit(at)
    found = NoisyVerifier(0.7, 0.1, MeanDeviation(0.1)).scale(L=at)
    assert found == pytest.approx(0.6 / (np.sqrt(q * (1 - q)) + 0.1), rel=1e-14, abs=0)
    recurrence = Recurrence(1.0, NoisyVerifier(0.7, 0.1, MeanDeviation(0.1)))
    with pytest.raises(NotImplementedError, match=r"^MeanDeviation does not declare variance_smoo"):
        fixed_points(recurrence, L_ref=0.0)


def test_without_noise_nothing_changes():
    at = np.linspace(-60, 60, 201)
    for eps in (0.0, 1e-5, 1.0):
        clean, noisy = MeanVariance(eps), NoisyVerifier(1.0, 0.0, MeanVariance(eps))
        assert noisy.scale(L=at) == pytest.approx(clean.scale(L=at), rel=51 * UNIT, abs=0)
    found = fixed_points(Recurrence(1.0, NoisyVerifier(1.0, 0.0)), L_ref=-1.0).log_odds
    expected = fixed_points(Recurrence(1.0), L_ref=-1.0).log_odds
    assert found == pytest.approx(expected, rel=1e-12, abs=0, nan_ok=True)


@pytest.mark.parametrize("f", [1e-12, 1e-3, 0.1, 0.49])
def test_symmetric_noise_is_a_larger_smoothing(f):
    eps = 1e-5
    noisy, smooth = NoisyVerifier(1 - f, f), MeanVariance((eps + f * (1 - f)) / (1 - 2 * f) ** 2)
    at = np.linspace(-60, 60, 201)
    # 1 - f is rounded, which moves the smallest variance, and so is 1 - 2 f.
    condition = UNIT * (60 / (1 - 2 * f) + 1 / (eps + f))
    assert noisy.scale(L=at) == pytest.approx(smooth.scale(L=at), rel=condition, abs=0)
    for kind in (lambda n: n.steepest_slope(), lambda n: np.array(n.bounds())):
        assert kind(noisy) == pytest.approx(kind(smooth), rel=4 * condition, abs=0)
    beta = 0.5 * smooth.steepest_slope()
    curves = (phase_boundaries(Recurrence(beta, n)) for n in (noisy, smooth))
    for found, expected in zip(*((c.fold, c.flip) for c in curves), strict=True):
        assert found == pytest.approx(expected, rel=20 * condition, abs=0)


def zeros_by_search(T, F, eps, b, L_ref):
    """Signs of F on a fine grid, and bisection between them; the formula written out."""

    def gap(L):
        q, not_q = T * expit(L) + F * expit(-L), (1 - T) * expit(L) + (1 - F) * expit(-L)
        return L_ref + (T - F) / np.sqrt(q * not_q + eps) / b - L

    reach = 1 / (b * np.sqrt(eps)) + 1
    grid = np.concatenate([np.linspace(-40, 40, 8001), [L_ref - 1, L_ref + reach]])
    grid = np.unique(grid[(grid >= L_ref - 1) & (grid <= L_ref + reach)])
    signs = np.sign(gap(grid))
    return [brentq(gap, grid[i], grid[i + 1], xtol=1e-13) for i in np.nonzero(np.diff(signs))[0]]


def test_fixed_points_are_all_found():
    rng = np.random.default_rng(0)
    counts = []
    for _ in range(300):
        T, F = np.sort(rng.uniform(0, 1, 2))[::-1]
        T, F = (T, F) if rng.random() < 0.5 else (1 - 0.02 * (1 - T), 0.02 * F)
        eps, b = 10 ** rng.uniform(-5, -1), 10 ** rng.uniform(-2, 0.5)
        L_ref = rng.uniform(-12, 3)
        recurrence = Recurrence(b / 0.5, NoisyVerifier(T, F, MeanVariance(eps)), alpha=0.5)
        found = fixed_points(recurrence, L_ref=L_ref).log_odds
        found = found[~np.isnan(found)]
        expected = zeros_by_search(T, F, eps, b, L_ref)
        assert len(found) == len(expected), (T, F, eps, b, L_ref)
        bound = fixed_point_bound(recurrence, L=found, L_ref=L_ref)
        assert np.all(np.abs(found - expected) <= bound + 1e-10 * np.maximum(1, np.abs(found)))
        counts.append(len(found))
    assert {1, 3} == set(counts)


def test_fixed_points_broadcast_over_the_noise():
    noisy = NoisyVerifier(np.array([[0.99], [0.9], [0.95]]), np.array([0.0, 0.02]))
    whole = fixed_points(Recurrence(0.7, noisy), L_ref=-2.0).log_odds
    for i, j in np.ndindex(3, 2):
        one = NoisyVerifier(noisy.true_positive[i, 0], noisy.false_positive[j])
        alone = fixed_points(Recurrence(0.7, one), L_ref=-2.0).log_odds
        assert np.array_equal(whole[i, j], alone, equal_nan=True)


@pytest.mark.parametrize("alpha", [1.0, 0.3])
def test_regimes_are_those_of_the_runs(alpha):
    rng = np.random.default_rng(1)
    L_ref = rng.uniform(-14, 2, 400)
    noisy = NoisyVerifier(rng.uniform(0.97, 1, 400), rng.uniform(0, 0.003, 400))
    recurrence = Recurrence(10 ** rng.uniform(-0.7, 0.3, 400), noisy, alpha)
    found, points = regime(recurrence, L_ref=L_ref), fixed_points(recurrence, L_ref=L_ref)
    last = recurrence.iterate(L_ref=L_ref, steps=4000)
    x_1, top = points.log_odds[:, 0], np.nanmax(points.log_odds, axis=1)
    slow = np.abs(np.abs(points.slope[:, 0]) - 1) < 0.02
    at_x_1, at_top = np.abs(last - x_1) < 1e-6, np.abs(last - top) < 1e-6
    assert np.all(at_x_1 | slow | (found != Regime.SETTLES))
    assert np.all(at_top | slow | (found != Regime.RUNS_TO_ONE))
    assert np.all(~at_x_1 | (found != Regime.OSCILLATES))
    assert {Regime.SETTLES, Regime.RUNS_TO_ONE} <= set(found)
    assert alpha < 1 or Regime.OSCILLATES in found


def test_on_one_side_of_one_half_the_scale_only_rises_or_falls():
    often, seldom = NoisyVerifier(0.95, 0.55), NoisyVerifier(0.4, 0.1)
    assert np.all(np.diff(often.scale(L=np.linspace(-20, 20, 401))) > 0)
    assert np.all(np.diff(seldom.scale(L=np.linspace(-20, 20, 401))) < 0)
    slope = np.array([0.0, 0.01, 0.1])
    assert np.isneginf(often.falling_points(slope)).all()
    assert np.isposinf(seldom.turning_points(slope)).all()
    assert [c[0] for c in often.turning_points(slope)] == [-np.inf, np.inf]
    assert fixed_points(Recurrence(0.1, seldom), L_ref=-3.0).count == 1


@pytest.mark.parametrize(("T", "F"), NOISE[:-1])
def test_the_scale_lies_between_its_bounds_and_reaches_both(T, F):
    noisy = NoisyVerifier(T, F, MeanVariance(0.01))
    even = logit(np.clip((0.5 - F) / (T - F), 0, 1))  # where q = 1/2, or an end
    scale = noisy.scale(L=np.r_[np.linspace(-40, 40, 801), even, -np.inf, np.inf])
    assert np.array(noisy.bounds()) == pytest.approx(
        [scale.min(), scale.max()], rel=2 * noisy.omega_error() * UNIT, abs=0
    )


@pytest.mark.parametrize(("T", "F"), NOISE[:-1])
def test_turning_and_falling_points_have_the_slope_asked_for(T, F):
    """Half the largest slope that a search finds on that side, if there is such a side."""
    noisy = NoisyVerifier(T, F, MeanVariance(0.01))
    slopes = noisy.omega_slope(Doubles(np.linspace(-20, 20, 4001)))
    # Less than h = 0.01 from the peak the slope is smaller by h^2 / 2 times a curvature that is
    # bounded by a small multiple of the slope.
    assert np.max(np.abs(slopes)) == pytest.approx(noisy.steepest_slope(), rel=1e-3, abs=0)
    for points, sign in (noisy.turning_points, 1), (noisy.falling_points, -1):
        half = np.max(sign * slopes) / 2
        if half > 0:
            found = noisy.omega_slope(Doubles(np.array(points(half))))
            assert sign * found == pytest.approx(half, rel=1e-10, abs=0)


@pytest.mark.parametrize(("T", "F"), [(0.5, 0.5), (0.2, 0.7)])
def test_a_verifier_no_better_than_chance_has_no_facts(T, F):
    recurrence = Recurrence(1.0, NoisyVerifier(T, F))
    for asked in (
        lambda: fixed_points(recurrence, L_ref=0.0),
        lambda: contraction_threshold(recurrence.normalization),
        lambda: orbit_bound(recurrence, L=[0.0, 1.0], L_ref=0.0),
    ):
        message = rf"^true_positive must be above false_positive .*, got {T}$"
        with pytest.raises(ValueError, match=message):
            asked()
    assert recurrence.slope(L=0.0) is not None
    path = recurrence.trajectory(p_ref=0.3, steps=3).probability
    assert np.all(path[1:] == path[0]) if T == F else np.all(path[1:] < path[0])


@pytest.mark.parametrize(("T", "F"), [(0.9, 0.0), (1.0, 0.2)])
def test_a_scale_without_bound_at_one_end_has_no_facts(T, F):
    recurrence = Recurrence(1.0, NoisyVerifier(T, F, MeanVariance(0.0)))
    with pytest.raises(
        ValueError, match=r"^eps must be above 0 if errors are of one kind.*, got 0"
    ):
        fixed_points(recurrence, L_ref=0.0)


def test_a_constant_reward_moves_nothing():
    for verdict in (0.0, 1.0):
        blind = Recurrence(1.0, NoisyVerifier(verdict, verdict, MeanVariance(0.0)))
        assert blind.step(L=[-2.0, 3.0], L_ref=[-1.0, 0.5]).tolist() == [-1.0, 0.5]


@pytest.mark.parametrize("alpha", [0.0, 0.5, 1.0])
def test_whole_policies_follow_the_recurrence(alpha):
    reference, reward = np.array([0.05, 0.15, 0.3, 0.5]), np.array([1, 1, 0, 0])
    for T, F in NOISE:
        recurrence = Recurrence(2.0, NoisyVerifier(T, F), alpha)
        success = train(reference, reward, recurrence, 5) @ reward
        expected = recurrence.trajectory(p_ref=0.2, steps=5).probability
        assert success == pytest.approx(expected, rel=1e-10, abs=0)
