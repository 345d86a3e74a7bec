from itertools import product
from math import comb

import numpy as np
import pytest
import sympy as sp

from grpo_lib import (
    GroupNormalization,
    MeanOnly,
    Recurrence,
    Regime,
    contraction_threshold,
    fixed_points,
    regime,
)
from grpo_lib.arithmetic import Doubles
from grpo_lib.certified import Balls, number
from grpo_lib.groups import bernstein
from grpo_lib.rounding import UNIT
from grpo_lib.symbolic import Expressions, p

DEVIATIONS = ("sample", "population", "leave-one-out", "none")


def by_hand(rewards, deviation, delta, eps):
    """Advantages of one group, as a library writes them down."""
    rewards, advantages = np.asarray(rewards, dtype=float), []
    for i, reward in enumerate(rewards):
        among = np.delete(rewards, i) if deviation == "leave-one-out" else rewards
        centred = reward - among.mean()
        if deviation == "none" or np.ptp(among) == 0:
            advantages.append(centred)
        else:
            variance = among.var(ddof=0 if deviation == "population" else 1)
            advantages.append(centred / (np.sqrt(variance + eps) + delta))
    return np.array(advantages)


@pytest.mark.parametrize("deviation", DEVIATIONS)
@pytest.mark.parametrize("size", [2, 3, 4, 7])
@pytest.mark.parametrize(("delta", "eps"), [(0.0, 0.0), (1e-4, 0.0), (0.3, 0.2)])
def test_every_group_is_normalised_as_by_hand(size, deviation, delta, eps):
    table = GroupNormalization(size, deviation, delta, eps).advantages()
    assert table.shape == (size + 1, 2)
    assert np.isnan(table[0, 0]) and np.isnan(table[size, 1])
    assert np.isnan(table).sum() == 2
    for rewards in product([0, 1], repeat=size):
        expected = by_hand(rewards, deviation, delta, eps)
        found = [table[sum(rewards), 1 - reward] for reward in rewards]
        assert found == pytest.approx(expected, rel=1e-14, abs=1e-15)


@pytest.mark.parametrize("deviation", DEVIATIONS)
@pytest.mark.parametrize("size", [2, 3, 4, 7])
def test_the_scale_is_the_difference_of_mean_advantages(size, deviation):
    """By enumeration of what the other rollouts do."""
    at = np.array([0.0, 1e-3, 0.2, 0.5, 0.9, 1.0])
    expected = np.zeros_like(at)
    for others in product([0, 1], repeat=size - 1):
        chance = at ** sum(others) * (1 - at) ** (size - 1 - sum(others))
        success = by_hand([1, *others], deviation, 0.01, 0.1)[0]
        failure = by_hand([0, *others], deviation, 0.01, 0.1)[0]
        expected += chance * (success - failure)
    with np.errstate(divide="ignore"):
        L = np.log(at / (1 - at))
    found = GroupNormalization(size, deviation, 0.01, 0.1).scale(L=L)
    assert found == pytest.approx(expected, rel=1e-13, abs=0)


@pytest.mark.parametrize("deviation", DEVIATIONS)
def test_both_sums_of_the_docstring_are_one(deviation):
    symbolic = GroupNormalization.unchecked(size=5, deviation=deviation, delta=0, eps=0)
    at, table = Expressions(p), GroupNormalization(5, deviation, 0.0).advantages()
    expected = bernstein(at, [table[j + 1, 0] - table[j, 1] for j in range(5)])
    gap = sp.Poly(sp.expand(symbolic.omega(at) - expected), p)
    assert max(abs(c) for c in gap.all_coeffs()) < 1e-13


def test_limits_and_constants():
    for size in (4, 16, 64):
        ends = {"population": np.sqrt(size - 1), "sample": (size - 1) / np.sqrt(size)}
        for deviation, limit in ends.items():
            found = GroupNormalization(size, deviation, 0.0).scale(L=[-np.inf, -800.0, 800.0])
            assert found == pytest.approx(limit, rel=1e-14, abs=0)
    L = np.linspace(-9, 9, 7)
    for size, limit in ((2, 1.0), (3, np.sqrt(2))):
        constant = GroupNormalization(size, "population", 0.0)
        assert constant.scale(L=L) == pytest.approx(limit, rel=1e-14, abs=0)
        assert constant.steepest_slope() == 0
        assert contraction_threshold(constant) == 0
    assert GroupNormalization(10, "none").scale(L=L) == pytest.approx(0.9, rel=1e-14, abs=0)
    assert GroupNormalization(10, "none").steepest_slope() == 0


@pytest.mark.parametrize(
    ("size", "population", "sample"),
    [(4, 0.0447, 0.0387), (8, 0.2885, 0.2698), (64, 1.6655, 1.6524)],
)
def test_contraction_thresholds(size, population, sample):
    for deviation, threshold in (("population", population), ("sample", sample)):
        found = contraction_threshold(GroupNormalization(size, deviation, 0.0))
        assert round(float(found), 4) == threshold


def test_leave_one_out_pulls_two_successes_hardest():
    table = GroupNormalization(16, "leave-one-out", 1e-6).advantages()
    assert table[1:3, 0].round(2).tolist() == [1.0, 3.61]
    k = np.arange(17)
    sums = np.nansum(table * np.stack([k, 16 - k], axis=1), axis=1)
    assert sums[1:3].round(2).tolist() == [-2.87, 1.92]
    usual = GroupNormalization(16, "sample").advantages()
    assert usual[1:3, 0].round(2).tolist() == [3.75, 2.56]


def test_large_groups_and_rare_successes():
    largest = GroupNormalization(1024, "population", 0.0)
    found = largest.scale(L=[-1e4, -700.0, -5.0, 0.0, 5.0, 700.0])
    assert found[0] == pytest.approx(np.sqrt(1023), rel=1e-13, abs=0)
    assert found[2] == pytest.approx(found[4], rel=1e-10, abs=0)
    k, x = np.arange(1, 1024), 1 / (1 + np.exp(5.0))
    log_terms = np.cumsum(np.log(np.r_[1, (1022 - k[:-1] + 1) / k[:-1]])) + (k - 1) * np.log(x)
    log_terms += (1023 - k) * np.log1p(-x) + np.log(1023) - np.log(k * (1024 - k)) / 2
    assert found[2] == pytest.approx(np.exp(log_terms).sum(), rel=1e-9, abs=0)


def test_the_slope_stands_near_its_zero_and_in_balls():
    group = GroupNormalization(9, delta=0.0)
    for L in (1e-12, 1e-3, 5.0, 40.0):
        exact = float(group.omega_slope(Balls(number(L))).mid())
        found = group.omega_slope(Doubles(np.array(L)))
        assert found == pytest.approx(exact, rel=1e3 * UNIT, abs=0)


def test_fixed_points_solve_their_equation():
    recurrence = Recurrence(beta=0.4, normalization=GroupNormalization(16))
    found = fixed_points(recurrence, L_ref=np.linspace(-12, 2, 60))
    assert set(found.count) == {1, 3}
    L = np.where(np.isnan(found.log_odds), 0.0, found.log_odds)
    L_ref = np.linspace(-12, 2, 60)[:, None]
    gap = np.abs(recurrence.step(L=L, L_ref=L_ref) - L) * ~np.isnan(found.log_odds)
    assert gap.max() <= 1e-12


def test_at_slope_0_of_either_sign_the_points_are_0_and_infinity():
    for slope in (np.array(0.0), np.array(-0.0)):
        assert [float(c) for c in GroupNormalization(8).turning_points(slope)] == [0, np.inf]
        assert [float(c) for c in GroupNormalization(8).falling_points(slope)] == [-np.inf, 0]
        assert np.isposinf(GroupNormalization(3).turning_points(slope)).all()


@pytest.mark.parametrize("slope", [1e-3, 1e-10, 1e-200])
def test_turning_points_far_from_the_summit_have_the_slope_asked_for(slope):
    """A unit in the last place of L changes the slope near 0 by one, far out by |L| of them."""
    group = GroupNormalization(64, "population", 0.0)
    for point in group.turning_points(np.array(slope)):
        found = group.omega_slope(Doubles(point))
        assert found == pytest.approx(slope, rel=(1e3 + abs(point)) * UNIT, abs=0)


class Given(GroupNormalization):
    """The coefficients as they are given, n + 1 of them for a size of n + 2."""

    coefficients: list[float]

    def _coefficients(self, at):
        return self.coefficients


def given(*coefficients: float) -> Given:
    normalization = Given(len(coefficients) + 1)
    object.__setattr__(normalization, "coefficients", list(coefficients))
    return normalization


def test_a_wrong_shape_of_the_slope_raises():
    ragged = given(5.0, 2.0, 1.9, 1.0, 1.0, 1.9, 2.0, 5.0)
    with pytest.raises(NotImplementedError, match="does not declare turning_points"):
        ragged.turning_points(np.array(0.1))
    with pytest.raises(NotImplementedError, match="does not declare negative_schwarzian"):
        ragged.negative_schwarzian()


def test_the_schwarzian_is_shown_to_be_negative_by_the_right_coefficients():
    """One for which the binomial weights of a degree less would have a positive one."""
    normalization = given(12.0, 5.0, 4.0, 3.0, 3.0, 4.0, 5.0, 12.0)
    assert normalization.negative_schwarzian()
    L = np.linspace(-12, 12, 2401)
    slope = normalization.omega_slope(Doubles(L))
    bent = np.gradient(slope, L)
    inner = slice(3, -3)  # where differences are central
    schwarzian = (slope * np.gradient(bent, L) - 1.5 * bent**2)[inner]
    assert (schwarzian < 0).all()
    assert (schwarzian + 1.5 * bent[inner] ** 2 > 0).any(), "the second term is needed"


def test_what_is_not_proved_is_not_declared():
    recurrence = Recurrence(beta=1.0, normalization=GroupNormalization(8, "leave-one-out"))
    with pytest.raises(NotImplementedError, match="does not declare bounds"):
        fixed_points(recurrence, L_ref=0.0)
    for name in ("steepest_slope", "bounds"):
        with pytest.raises(NotImplementedError, match=f"does not declare {name}"):
            getattr(recurrence.normalization, name)()
    for name in ("turning_points", "falling_points"):
        with pytest.raises(NotImplementedError, match=f"does not declare {name}"):
            getattr(recurrence.normalization, name)(np.array(0.1))
    for group in GroupNormalization(8, "leave-one-out"), GroupNormalization(501):
        with pytest.raises(NotImplementedError, match="does not declare negative_schwarzian"):
            group.negative_schwarzian()
    assert GroupNormalization(500).negative_schwarzian()


def test_the_regime_is_how_runs_end():
    """Against a thousand updates, at prompts away from the borders."""
    recurrence = Recurrence(beta=0.15, normalization=GroupNormalization(16, "population", 0.0))
    L_ref = np.array([-40.0, -30.0, -24.0, -20.0, -14.0, -9.0, -2.0, 3.0])
    found = regime(recurrence, L_ref=L_ref)
    states = recurrence.iterate(L_ref=L_ref, steps=1000)
    ends = fixed_points(recurrence, L_ref=L_ref)
    settled = np.abs(recurrence.step(L=states, L_ref=L_ref) - states) < 1e-9
    assert (settled == (found != Regime.OSCILLATES)).all()
    lowest = np.abs(states - ends.log_odds[:, 0]) < 1e-6
    assert (lowest | (found != Regime.SETTLES)).all()
    assert set(found.tolist()) >= {Regime.SETTLES, Regime.OSCILLATES, Regime.RUNS_TO_ONE}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"size": 1}, "size must be a whole number of at least 2, got 1"),
        ({"size": 2.0}, "size must be a whole number of at least 2, got 2.0"),
        ({"size": 1025}, "size must be at most 1024, got 1025"),
        ({"size": 8, "deviation": "std"}, "deviation must be one of .*, got 'std'"),
        ({"size": 8, "delta": -1.0}, "delta must be finite and at least 0, got -1"),
        ({"size": 8, "eps": np.inf}, "eps must be finite and at least 0, got inf"),
        ({"size": 8, "eps": [0.1, 0.2]}, "eps must be a single number"),
    ],
)
def test_bad_input_is_named(given, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        GroupNormalization(**given)


def test_bernstein_is_a_mean():
    at = Doubles(np.array([-np.inf, -1.0, 0.0, np.inf]))
    assert bernstein(at, [1.0] * 9) == pytest.approx(np.ones(4), rel=1e-14, abs=0)
    assert bernstein(at, [3.0, 0.0, 7.0])[[0, -1]].tolist() == [3, 7]
    assert bernstein(at, []).tolist() == [0] * 4
    assert 1 / comb(1023, 511) > np.finfo(float).tiny


def test_one_size_of_mean_only_is_dr_grpo_but_for_a_factor():
    plain = Recurrence(beta=0.75, normalization=GroupNormalization(4, "none"))
    path = plain.trajectory(p_ref=0.2, steps=2).log_odds
    full = Recurrence(beta=1.0, normalization=MeanOnly()).trajectory(p_ref=0.2, steps=2).log_odds
    assert path == pytest.approx(full, rel=1e-14, abs=0)
