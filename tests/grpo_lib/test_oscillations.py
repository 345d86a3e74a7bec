"""Cycles against ball arithmetic and counting laws; Lyapunov exponents against known cases."""

import numpy as np
import pytest
from scipy.special import logit

from grpo_lib import (
    MeanOnly,
    MeanVariance,
    Recurrence,
    certified,
    cycles,
    fixed_points,
    lyapunov_exponent,
    phase_boundaries,
)

CHAOTIC = Recurrence(1.0), logit(1e-3)


@pytest.mark.parametrize("period", range(1, 9))
def test_states_return_after_the_period_and_not_before(period):
    recurrence, L_ref = CHAOTIC
    found = cycles(recurrence, L_ref=L_ref, period=period)
    assert len(found.log_odds) >= 1
    for states in found.log_odds:
        path = [states[0]]
        for _ in range(period):
            path.append(recurrence.step(L=path[-1], L_ref=L_ref))
        np.testing.assert_allclose(path[:-1], states, rtol=1e-7)
        assert path[-1] == pytest.approx(path[0], abs=1e-8)
        assert states[0] == states.min()
        assert len(np.unique(states.round(6))) == period


@pytest.mark.parametrize("period", range(2, 7))
def test_every_cycle_is_certified_with_its_multiplier(period):
    recurrence, L_ref = CHAOTIC
    found = cycles(recurrence, L_ref=L_ref, period=period)
    for states, multiplier in zip(found.log_odds, found.multiplier, strict=True):
        proved = certified.cycle(recurrence, p_ref=1e-3, near=states[0], period=period)
        assert proved.is_finite()
        assert float(proved.multiplier) == pytest.approx(multiplier, rel=1e-8, abs=0)


def test_at_full_height_there_are_as_many_cycles_as_of_the_tent_map():
    """If the trap's lowest value is mapped beyond the middle fixed point, G folds it over itself.

    Then the update has the cycles of a full shift on two symbols: 2^n points with G^n = id, of
    which one is the middle fixed point.
    """
    recurrence, L_ref = Recurrence(2.0, MeanVariance(0.0)), -8.0
    x_1, x_2, _ = fixed_points(recurrence, L_ref=L_ref).log_odds
    lowest = recurrence.step(L=0.0, L_ref=L_ref)
    assert x_1 < 0 < x_2 < recurrence.step(L=lowest, L_ref=L_ref)
    counts = [len(cycles(recurrence, L_ref=L_ref, period=n).multiplier) for n in range(2, 8)]
    assert counts == [1, 2, 3, 6, 9, 18]  # Lyndon words


def test_the_two_cycle_is_born_at_the_flip():
    recurrence = Recurrence(5.0)
    before, after = logit([0.002, 0.001])
    assert (
        fixed_points(recurrence, L_ref=before).slope[0]
        > -1
        > fixed_points(recurrence, L_ref=after).slope[0]
    )
    assert cycles(recurrence, L_ref=before, period=2).multiplier.size == 0
    (multiplier,) = cycles(recurrence, L_ref=after, period=2).multiplier
    assert abs(multiplier) < 1


@pytest.mark.parametrize("beyond", [1e-8, 1e-7, 1e-5])
def test_a_newborn_cycle_has_its_own_period_however_close_its_states_are(beyond):
    recurrence = Recurrence(5.0)
    flip = phase_boundaries(Recurrence(5.0)).flip[1]
    (states,) = cycles(recurrence, L_ref=flip - beyond, period=2).log_odds
    assert 1 < (states[1] - states[0]) / np.sqrt(beyond) < 10  # the width grows like a root
    assert cycles(recurrence, L_ref=flip + beyond, period=2).multiplier.size == 0


@pytest.mark.parametrize(("beta", "alpha"), [(1.2, 1.0), (5.0, 1.0), (5.0, 0.9)])
@pytest.mark.parametrize("beyond", [0.0, 1e-11, 1e-9])
def test_no_cycle_is_made_of_rounding(beta, alpha, beyond):
    """Just above the flip G^2(L) - L is cubic, and less than rounding on much of the grid."""
    recurrence = Recurrence(beta, alpha=alpha)
    L_ref = phase_boundaries(Recurrence(beta, alpha=alpha)).flip[1] + beyond
    for period in 2, 4:
        assert cycles(recurrence, L_ref=L_ref, period=period).multiplier.size == 0


def test_a_cycle_about_to_double_is_not_taken_for_one_of_twice_the_period():
    """The cycle of two states doubles at the reference 2.1119e-4, to five digits."""
    recurrence = Recurrence(5.0)
    for p_ref, doubled in [(2.1115e-4, True), (2.1118625e-4, False), (2.1119e-4, False)]:
        (multiplier,) = cycles(recurrence, L_ref=logit(p_ref), period=2).multiplier
        assert (multiplier < -1) == doubled
        assert (cycles(recurrence, L_ref=logit(p_ref), period=4).multiplier.size == 1) == doubled


def test_two_kl_has_its_cycle_of_erratum_13():
    found = cycles(Recurrence(1.0, alpha=0.9), L_ref=logit(1e-3), period=2)
    assert len(found.multiplier) == 1


@pytest.mark.parametrize(
    "recurrence",
    [Recurrence(1.0, MeanOnly()), Recurrence(1.0, alpha=0.0), Recurrence(100.0, alpha=0.3)],
    ids=["mean only", "mirror", "rising everywhere"],
)
def test_an_update_that_rises_has_no_cycles(recurrence):
    for period in (2, 3):
        assert cycles(recurrence, L_ref=-6.0, period=period).log_odds.shape == (0, period)


def test_a_prompt_without_a_finite_fixed_point_has_no_cycles():
    recurrence = Recurrence(1e-3, MeanVariance(0.0), alpha=0.9)
    assert fixed_points(recurrence, L_ref=18.0).log_odds[0] == np.inf
    assert cycles(recurrence, L_ref=18.0, period=2).log_odds.shape == (0, 2)


def test_a_cycle_that_climbs_in_two_steps_is_found_once():
    """With a share of the previous policy, G rises on the lowest states, too."""
    recurrence, L_ref = Recurrence(2.0, MeanVariance(1e-4), alpha=0.5), -104.24
    lowest = fixed_points(recurrence, L_ref=L_ref).log_odds[0]
    found = cycles(recurrence, L_ref=L_ref, period=3).log_odds
    assert np.any(found[:, 1] < lowest)
    assert np.all(found[:, 0] == found.min(axis=1))


def test_period_1_gives_the_finite_fixed_points():
    found = cycles(Recurrence(1.0), L_ref=logit(0.2), period=1)
    expected = fixed_points(Recurrence(1.0), L_ref=logit(0.2))
    np.testing.assert_array_equal(found.log_odds[:, 0], expected.log_odds)
    np.testing.assert_allclose(found.multiplier, expected.slope)
    assert cycles(Recurrence(0.1, MeanVariance(0.0)), L_ref=0.0, period=1).log_odds.shape == (0, 1)


def test_the_exponent_of_a_cycle_is_that_of_its_multiplier():
    recurrence = Recurrence(5.0)
    (multiplier,) = cycles(recurrence, L_ref=logit(1e-3), period=2).multiplier
    exponent = lyapunov_exponent(recurrence, L_ref=logit(1e-3), steps=2000, transient=400)
    assert exponent == pytest.approx(np.log(abs(multiplier)) / 2, abs=1e-9)


def test_the_exponent_is_above_0_where_runs_part_and_is_how_fast_they_do():
    recurrence, L_ref = Recurrence(5.0), logit(1e-4)
    starts = logit(0.1) + np.array([0.0, 1e-13])
    exponent = lyapunov_exponent(
        recurrence, L_ref=L_ref, steps=20_000, transient=100, L_0=starts[0]
    )
    assert exponent > 0.3
    path = recurrence.trajectory(p_ref=1e-4, steps=60, p_0=0.1).log_odds
    local = np.log(np.abs(recurrence.slope(L=path[:40]))).mean()
    near = recurrence.iterate(L_ref=L_ref, steps=40, L_0=starts)
    assert np.log(abs(near[1] - near[0]) / 1e-13) / 40 == pytest.approx(local, rel=0.05, abs=0)


def test_a_run_that_meets_a_slope_of_0_or_leaves_the_doubles_says_so():
    at_minimum = lyapunov_exponent(Recurrence(1.0), L_ref=-2.0, steps=3, transient=0, L_0=0.0)
    assert at_minimum == -np.inf
    tiny = Recurrence(1e-310, MeanVariance(0))  # Omega / beta exceeds the doubles
    assert np.isnan(lyapunov_exponent(tiny, L_ref=-2.0, steps=3, transient=0, L_0=0.0))


def test_mean_only_has_the_exponent_of_its_slope():
    recurrence = Recurrence(2.0, MeanOnly(), alpha=[0.25, 0.5])
    found = lyapunov_exponent(recurrence, L_ref=[[0.0], [3.0]], steps=5, transient=0)
    np.testing.assert_allclose(found, np.log([[0.75, 0.5]] * 2))


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda: cycles(Recurrence([1.0, 2.0]), L_ref=0.0, period=2), "beta"),
        (lambda: cycles(Recurrence(1.0, MeanVariance([0.1])), L_ref=0.0, period=2), "eps"),
        (lambda: cycles(Recurrence(1.0), L_ref=np.inf, period=2), "L_ref must be finite, got inf"),
        (lambda: cycles(Recurrence(1.0), L_ref=np.nan, period=2), "L_ref must be a number"),
        (
            lambda: cycles(Recurrence(1.0), L_ref=[0.0, 1.0], period=2),
            r"L_ref must be a single number, got \[0\. 1\.\]",
        ),
        (lambda: cycles(Recurrence(1.0), L_ref=0.0, period=0), "period"),
        (lambda: cycles(Recurrence(1.0), L_ref=0.0, period=2.0), "period"),
        (lambda: lyapunov_exponent(Recurrence(1.0), L_ref=0.0, steps=0, transient=0), "steps"),
        (lambda: lyapunov_exponent(Recurrence(1.0), L_ref=0.0, steps=1, transient=-1), "transient"),
        (lambda: lyapunov_exponent(Recurrence(1.0), L_ref=np.nan, steps=1, transient=0), "L_ref"),
    ],
)
def test_bad_input_is_named(call, name):
    with pytest.raises(ValueError, match=name):
        call()
