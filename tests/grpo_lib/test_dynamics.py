import tracemalloc
from itertools import pairwise

import numpy as np
import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit, logit

from grpo_lib import MeanOnly, MeanVariance, Recurrence, symbolic
from grpo_lib.arithmetic import Doubles
from grpo_lib.maps import BLOCK
from grpo_lib.symbolic import L, L_ref, alpha, beta, eps, p, p_ref
from tests.grpo_lib.reference import ALPHA, BETA, EPS, LOG_ODDS, exact, in_log_odds, worst

MAP = symbolic.log_odds_map(L, L_ref, beta, eps, alpha)
STEP, SLOPE = in_log_odds(MAP), in_log_odds(sp.diff(MAP, L))
GAIN = in_log_odds(symbolic.omega(p, eps) / beta)
NORMALIZATION = st.just(MeanOnly()) | EPS.map(MeanVariance)
PROBABILITY = st.floats(1e-15, 1 - 1e-15)


def step_error(at, reference, weight, smoothing, share):
    """Worst error of a step, relative to the largest of the terms that it adds up."""
    values = {L: at, L_ref: reference, beta: weight, eps: smoothing, alpha: share}
    gain = exact(GAIN, {L: at, beta: weight, eps: smoothing})
    size = np.maximum(gain, np.maximum(share * np.abs(reference), (1 - share) * np.abs(at)))
    step = Recurrence(weight, MeanVariance(smoothing), share).step(L=at, L_ref=reference)
    return worst(step, exact(STEP, values), size)


def slope_error(at, weight, smoothing, share):
    values = {L: at, beta: weight, eps: smoothing, alpha: share}
    slope = Recurrence(weight, MeanVariance(smoothing), share).slope(L=at)
    return worst(slope, exact(SLOPE, values), 1 - share + 1e-50)


@given(LOG_ODDS, LOG_ODDS, BETA, EPS, ALPHA)
def test_step_and_slope_equal_symbolic(at, reference, weight, smoothing, share):
    assert step_error(at, reference, weight, smoothing, share) <= 4e-15
    assert slope_error(at, weight, smoothing, share) <= 4e-15


@given(PROBABILITY, PROBABILITY, BETA, EPS)
def test_step_is_theorem_2_in_probability(current, reference, weight, smoothing):
    step = Recurrence(weight, MeanVariance(smoothing)).step(
        L=logit(current), L_ref=logit(reference)
    )
    values = {p: current, p_ref: reference, beta: weight, eps: smoothing}
    h = exact(symbolic.success_map(p, p_ref, beta, eps), values)
    assert worst(expit(step), h) <= 1e-13


@given(LOG_ODDS, BETA, ALPHA)
def test_mean_only_moves_by_one_over_beta(reference, weight, share):
    recurrence = Recurrence(weight, MeanOnly(), share)
    at = [recurrence.iterate(L_ref=reference, steps=n) for n in range(4)]
    moved = [sum((1 - share) ** k for k in range(n)) / weight for n in range(4)]
    assert at == pytest.approx([reference + m for m in moved], rel=1e-14, abs=1e-11)
    assert recurrence.slope(L=reference) == 1 - share


@given(LOG_ODDS, BETA, NORMALIZATION, ALPHA)
def test_theorem_3_every_iterate_is_above_the_reference(reference, weight, normalization, share):
    recurrence = Recurrence(weight, normalization, share)
    assert all(recurrence.iterate(L_ref=reference, steps=n) > reference for n in range(1, 6))


@given(LOG_ODDS, LOG_ODDS, BETA, NORMALIZATION)
def test_theorem_3_from_any_start(start, reference, weight, normalization):
    assert Recurrence(weight, normalization).step(L=start, L_ref=reference) > reference


@given(PROBABILITY, BETA, NORMALIZATION)
def test_theorem_5_mirror_only_rises(reference, weight, normalization):
    at = Recurrence(weight, normalization, alpha=0).trajectory(p_ref=reference, steps=20).log_odds
    assert np.all((at[1:] > at[:-1]) | (at[:-1] == np.inf))


@pytest.mark.parametrize("normalization", [MeanOnly(), MeanVariance(0), MeanVariance(1e-5)])
@pytest.mark.parametrize("share", [0, 1e-9, 0.5, 1])
def test_no_or_certain_success_is_absorbing(normalization, share):
    recurrence = Recurrence([[1e-3], [1.0], [1e3]], normalization, share)
    ends = np.array([0.0, 1.0])
    assert np.array_equal(
        recurrence.trajectory(p_ref=ends, steps=5).probability, np.broadcast_to(ends, (6, 3, 2))
    )
    if share > 0:  # for KL to the previous policy alone, the reference has no say
        assert np.all(recurrence.trajectory(p_ref=ends, steps=5, p_0=0.5).probability[1:] == ends)


def test_a_share_of_0_or_1_hears_one_anchor_alone():
    """Also next to other shares, and where the other anchor is infinite."""
    mixed = Recurrence(1.0, MeanOnly(), [0.0, 1.0])
    assert np.array_equal(mixed.step(L=0.0, L_ref=np.inf), [1.0, np.inf])
    assert np.array_equal(mixed.step(L=-np.inf, L_ref=0.0), [-np.inf, 1.0])


@pytest.mark.parametrize("L_end", [-np.inf, np.inf])
def test_from_an_end_the_map_takes_its_limit(L_end):
    assert Recurrence(2.0, MeanVariance(0)).step(L=L_end, L_ref=-3.0) == np.inf  # erratum E3
    assert Recurrence(2.0, MeanVariance(0.25)).step(L=L_end, L_ref=-3.0) == -2.0  # erratum E4
    assert Recurrence(2.0, MeanVariance(0.25)).slope(L=L_end) == 0


@pytest.mark.parametrize(
    ("weight", "smoothing", "at"),
    [(1e-3, 0, 1415.0), (1e-310, 1e-5, 15.0), (5e-324, 1.0, 0.5), (1e-300, 1e-300, 1e4)],
)
@pytest.mark.parametrize("shape", [(), (2,)])
def test_a_step_beyond_the_largest_double_is_infinite(weight, smoothing, at, shape):
    recurrence = Recurrence(weight, MeanVariance(smoothing))
    assert np.all(recurrence.step(L=np.full(shape, at), L_ref=0) == np.inf)
    assert np.all(recurrence.iterate(L_ref=np.full(shape, 0.0), steps=2, L_0=at) == np.inf)
    assert np.all(recurrence.slope(L=np.full(shape, at)) >= 0)


@pytest.mark.parametrize(
    ("weight", "share", "reference", "cycle"),
    [
        (5, 1, 1e-3, (0.0023380, 0.0587158)),  # erratum E6
        (3, 0.9, 1e-3, (0.0040971, 0.1745856)),  # erratum E13
    ],
)
def test_known_cycles(weight, share, reference, cycle):
    last = Recurrence(weight, alpha=share).trajectory(p_ref=reference, steps=4000).probability[-4:]
    assert np.sort(last[:2]) == pytest.approx(cycle, abs=5e-8)
    assert last[2:] == pytest.approx(last[:2], rel=1e-12, abs=0)


def test_figure_5():
    weights, references = [[0.01], [0.2], [0.4], [0.8], [1], [5]], [0.2, 0.5, 0.8]
    printed = np.ones((6, 3))
    printed[4, 0], printed[5] = 0.6813, [0.2807, 0.6007, 0.8813]
    last = Recurrence(weights).trajectory(p_ref=references, steps=50, p_0=0.1).probability[-1]
    assert np.array_equal(last.round(4), printed)


MANY = np.random.default_rng(0).normal(-1, 3, 2 * BLOCK + 123)
PARAMETERS = {
    "scalar": (0.3, 1e-5, 1.0),
    "two-KL": (0.3, 1e-5, 0.25),
    "beta": (np.geomspace(1e-3, 1e3, MANY.size), 1e-5, 0.0),
    "eps": (0.3, np.append(0.0, np.geomspace(1e-12, 1, MANY.size - 1)), 1.0),
    "alpha": (3.0, 0.0, np.linspace(0, 1, MANY.size)),
    "all": (np.array([[0.1], [10.0]]), np.linspace(0, 1, MANY.size), np.array([[1.0], [0.5]])),
}


@pytest.mark.parametrize("parameters", PARAMETERS.values(), ids=PARAMETERS)
def test_trajectory_is_repeated_steps_and_iterate_its_end(parameters):
    weight, smoothing, share = parameters
    recurrence = Recurrence(weight, MeanVariance(smoothing), share)
    states = recurrence.trajectory(p_ref=expit(MANY), steps=3, p_0=expit(MANY[::-1])).log_odds
    reference = logit(expit(MANY))
    assert states.shape == (4, *np.broadcast_shapes(np.shape(weight), MANY.shape))
    assert np.array_equal(states[0], np.broadcast_to(reference[::-1], states.shape[1:]))
    for before, after in pairwise(states):
        assert np.array_equal(recurrence.step(L=before, L_ref=reference), after)
    assert np.array_equal(
        recurrence.iterate(L_ref=reference, steps=3, L_0=reference[::-1]), states[-1]
    )


def test_parameters_broadcast_over_prompts():
    weight, smoothing = np.array([0.1, 2.0]), np.array([[0.0], [1e-12], [0.1]])
    share, reference = np.array([0.0, 0.5, 1.0]).reshape(3, 1, 1), np.array([1e-3, 0.9])
    whole = Recurrence(weight, MeanVariance(smoothing), share)
    states = whole.trajectory(p_ref=reference, steps=2).log_odds
    assert states.shape == (3, 3, 3, 2)
    for i, j, k in np.ndindex(3, 3, 2):
        one = Recurrence(weight[k], MeanVariance(smoothing[j, 0]), share[i, 0, 0])
        assert np.array_equal(
            one.trajectory(p_ref=reference[k], steps=2).log_odds, states[:, i, j, k]
        )
        assert one.slope(L=-2.0) == whole.slope(L=-2.0)[i, j, k]


def test_shapes_of_small_cases():
    recurrence = Recurrence(1.0)
    assert recurrence.trajectory(p_ref=0.3, steps=0).probability == pytest.approx(
        [0.3], rel=1e-6, abs=0
    )
    assert recurrence.trajectory(p_ref=[[0.3, 0.4]], steps=2).probability.shape == (3, 1, 2)
    assert recurrence.iterate(L_ref=0.5, steps=0) == 0.5
    assert recurrence.iterate(L_ref=[], steps=3).shape == (0,)
    assert recurrence.iterate(L_ref=0.5, steps=3, L_0=[1, 2]).shape == (2,)


@pytest.mark.parametrize(("weight", "share"), [(0.3, 1.0), (0.3, 0.5), (np.full(10**6, 0.3), 1.0)])
def test_iterate_needs_at_most_six_arrays(weight, share):
    reference, recurrence = MANY[np.arange(10**6) % MANY.size], Recurrence(weight, alpha=share)
    tracemalloc.start()
    recurrence.iterate(L_ref=reference, steps=2)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (peak + reference.nbytes + np.size(weight) * 8) / reference.nbytes <= 6


STEP_MUTANTS = {
    "beta dropped": lambda self, at, L_ref: (
        at.between(self.alpha, L_ref) + self.normalization.omega(at)
    ),
    "wrong sign": lambda self, at, L_ref: (
        at.between(self.alpha, L_ref) - self.normalization.omega(at) / self.beta
    ),
    "anchors swapped": lambda self, at, L_ref: (
        at.between(1 - self.alpha, L_ref) + self.normalization.omega(at) / self.beta
    ),
    "scale at the reference": lambda self, at, L_ref: (
        at.between(self.alpha, L_ref) + self.normalization.omega(Doubles(L_ref)) / self.beta
    ),
}
SLOPE_MUTANTS = {
    "beta dropped": lambda self, at: 1 - self.alpha + self.normalization.omega_slope(at),
    "wrong sign": lambda self, at: 1 - self.alpha - self.normalization.omega_slope(at) / self.beta,
    "alpha for 1 - alpha": lambda self, at: (
        self.alpha + self.normalization.omega_slope(at) / self.beta
    ),
}


@pytest.mark.parametrize("mutant", STEP_MUTANTS.values(), ids=STEP_MUTANTS)
def test_a_wrong_step_is_caught(monkeypatch, mutant):
    case = np.array([-3.0, 2.0]), 0.5, 0.2, 0.01, 0.7
    assert step_error(*case) <= 4e-15
    monkeypatch.setattr(Recurrence, "update", mutant)
    assert step_error(*case) > 0.01


@pytest.mark.parametrize("mutant", SLOPE_MUTANTS.values(), ids=SLOPE_MUTANTS)
def test_a_wrong_slope_is_caught(monkeypatch, mutant):
    case = np.array([-3.0, 2.0]), 0.2, 0.01, 0.7
    assert slope_error(*case) <= 4e-15
    monkeypatch.setattr(Recurrence, "update_slope", mutant)
    assert slope_error(*case) > 0.01


def test_a_trajectory_has_the_shape_of_start_and_reference_together():
    recurrence, starts = Recurrence(2.0), np.array([0.1, 0.5, 0.9])
    path = recurrence.trajectory(p_ref=0.2, steps=2, p_0=starts).probability
    assert path.shape == (3, 3)
    for start, column in zip(starts, path.T, strict=True):
        one = recurrence.trajectory(p_ref=0.2, steps=2, p_0=start).probability
        assert np.array_equal(column, one)
    path = recurrence.trajectory(p_ref=starts, steps=2, p_0=0.2).probability
    assert path.shape == (3, 3)
    for reference, column in zip(starts, path.T, strict=True):
        one = recurrence.trajectory(p_ref=reference, steps=2, p_0=0.2).probability
        assert np.array_equal(column, one)


@pytest.mark.parametrize("share", [1.0, 0.25])
@pytest.mark.parametrize("every", [1, 3, 4])
def test_a_renewed_reference_is_the_policy_of_the_last_renewal(share, every):
    recurrence, starts = Recurrence([[0.5], [5.0]], alpha=share), np.array([1e-3, 0.3, 0.9])
    path = recurrence.trajectory(p_ref=0.2, steps=9, p_0=starts, renew_every=every).log_odds
    assert path.shape == (10, 2, 3)
    for n in range(9):
        reference = path[n - n % every] if n >= every else logit(0.2)
        assert np.array_equal(path[n + 1], recurrence.step(L=path[n], L_ref=reference))


def test_renewed_at_every_update_it_is_mirror_and_never_within_a_run_it_is_plain():
    reference, mirror = Recurrence(3.0), Recurrence(3.0, alpha=0.0)
    p_ref = np.array([0.0, 1e-6, 0.1, 0.9, 1.0])
    renewed = reference.trajectory(p_ref=p_ref, steps=7, renew_every=1)
    assert renewed == mirror.trajectory(p_ref=p_ref, steps=7)
    late = reference.trajectory(p_ref=p_ref, steps=7, renew_every=7)
    assert late == reference.trajectory(p_ref=p_ref, steps=7)


@pytest.mark.parametrize("every", [0, -1, 1.5, True])
def test_a_reference_is_renewed_after_a_whole_number_of_updates(every):
    with pytest.raises(ValueError, match=r"^renew_every must be a whole number of at least 1"):
        Recurrence(1.0).trajectory(p_ref=0.2, steps=3, renew_every=every)
