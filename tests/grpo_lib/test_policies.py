from itertools import chain

import numpy as np
import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st

from grpo_lib import (
    MeanOnly,
    MeanVariance,
    advantage,
    geometric_mean,
    kl_divergence,
    optimal_policy,
    success_log_odds,
    success_probability,
    symbolic,
)
from grpo_lib.symbolic import alpha, beta, eps
from tests.grpo_lib.reference import (
    ALPHA,
    BETA,
    EPS,
    REWARD,
    exact,
    exact_masses,
    masses,
    policies,
    worst,
)

WITH_REWARD = REWARD.flatmap(
    lambda r: st.tuples(policies(1, len(r)).map(lambda x: x[0]), st.just(r))
)
PAIR = st.integers(2, 5).flatmap(lambda size: policies(2, size))


def symbols_and_values(policy, reward):
    q, r = (masses(name, len(reward)) for name in "qr")
    return q, r, dict(zip([*q, *r], [*exact_masses(policy), *reward], strict=True))


def optimum_error(function, anchor, gain, weight):
    """Worst relative error of a mass, per rounding of its exponent."""
    q, a = masses("q", len(anchor)), masses("A", len(anchor))
    values = dict(zip([*q, *a, beta], [*exact_masses(anchor), *gain, weight], strict=True))
    forms = symbolic.optimal_policy(q, a, beta)
    exponent = 1 + np.max(np.abs(np.log(anchor))) + np.ptp(gain) / weight
    found = function(anchor, gain, weight)
    return max(worst(m, exact(f, values)) for m, f in zip(found, forms, strict=True)) / exponent


@given(WITH_REWARD)
def test_success_equals_symbolic(case):
    q, r, values = symbols_and_values(*case)
    success = symbolic.success_probability(q, r)
    failure = symbolic.success_probability(q, [1 - x for x in r])
    assert worst(success_probability(*case), exact(success, values)) <= 1e-15
    assert worst(success_log_odds(*case), exact(sp.log(success / failure), values), 1) <= 1e-15


@given(WITH_REWARD, EPS)
def test_advantage_equals_symbolic(case, smoothing):
    q, r, values = symbols_and_values(*case)
    omega = symbolic.omega(symbolic.success_probability(q, r), eps)
    for form, mean_only, a, b in zip(
        symbolic.advantage(q, r, omega),
        symbolic.advantage(q, r, sp.S.One),
        advantage(case[0], case[1], MeanVariance(smoothing)),
        advantage(case[0], case[1], MeanOnly()),
        strict=True,
    ):
        assert worst(a, exact(form, values | {eps: smoothing})) <= 4e-14
        assert worst(b, exact(mean_only, values)) <= 4e-14


@given(st.data(), BETA)
def test_optimal_policy_equals_symbolic(data, weight):
    anchor = data.draw(policies(1, 4))[0]
    gain = data.draw(st.lists(st.floats(-300, 300), min_size=4, max_size=4))
    assert optimum_error(optimal_policy, anchor, gain, weight) <= 4e-16


@given(PAIR, ALPHA)
def test_geometric_mean_equals_symbolic(pair, share):
    a, b = (masses(name, pair.shape[1]) for name in "ab")
    values = dict(zip([*a, *b], chain(*map(exact_masses, pair)), strict=True))
    forms = symbolic.geometric_mean(a, b, alpha)
    for mass, form in zip(geometric_mean(*pair, share), forms, strict=True):
        assert worst(mass, exact(form, values | {alpha: share})) <= 4e-14


@given(policies(2, 5), st.lists(st.floats(-5, 5), min_size=5, max_size=5), BETA)
def test_optimal_policy_is_optimal(pair, gain, weight):
    """Theorem 1's certificate: J(best) - J(other) = beta KL(other || best)."""
    anchor, other = pair
    best = optimal_policy(anchor, gain, weight)
    value = [q @ gain - weight * kl_divergence(q, anchor) for q in (best, other)]
    if np.all(best > 1e-300):  # KL loses digits where a mass has lost them
        lead = weight * kl_divergence(other, best)
        assert value[0] - value[1] == pytest.approx(lead, rel=1e-9, abs=1e-12 * (5 + 70 * weight))


def test_unlikely_success_and_failure_keep_their_digits():
    assert success_log_odds([1e-300, 1], [1, 0]) == pytest.approx(np.log(1e-300), rel=1e-15, abs=0)
    assert success_log_odds([1e-300, 1], [0, 1]) == pytest.approx(-np.log(1e-300), rel=1e-15, abs=0)
    assert advantage([1e-300, 1], [0, 1], MeanOnly())[1] == pytest.approx(1e-300, rel=1e-13, abs=0)


def test_no_success_and_no_failure():
    assert success_log_odds([[0.5, 0.5]] * 2, [[0, 0], [1, 1]]).tolist() == [-np.inf, np.inf]
    # Weights at p = 0 and p = 1: what the policy never does weighs 1 / sqrt(eps), the rest nothing.
    assert advantage([0.5, 0.5, 0], [0, 0, 1], MeanVariance(0.25)).tolist() == [0, 0, 2]
    assert advantage([0.5, 0.5, 0], [1, 1, 0], MeanVariance(0.25)).tolist() == [0, 0, -2]
    assert advantage([0.5, 0.5, 0], [1, 1, 0], MeanVariance(0)).tolist() == [0, 0, -np.inf]


def test_updates_create_no_mass():
    assert optimal_policy([0.5, 0.5, 0], [1, 2, np.inf], 1e-3)[2] == 0
    assert optimal_policy([0, 1], [5, 1], 1e-300).tolist() == [0, 1]
    a, b = [0.5, 0.5, 0], [0, 0.5, 0.5]
    assert geometric_mean(a, b, [0, 0.5, 1]).tolist() == [b, [0, 1, 0], a]


@pytest.mark.parametrize("beta", [1e-300, 1e-310])  # 1 / beta is a double, or not
def test_an_outcome_without_mass_gains_nothing_however_small_beta_is(beta):
    assert optimal_policy([0.5, 0.5, 0], [1, 1, 0], beta).tolist() == [0.5, 0.5, 0]


def test_one_advantage_serves_many_anchors():
    anchors = [[0.5, 0.5], [0.1, 0.9], [1, 0]]
    found = optimal_policy(anchors, [1, -1], 2)
    assert found.tolist() == [optimal_policy(anchor, [1, -1], 2).tolist() for anchor in anchors]


def test_the_advantage_must_be_finite_where_the_anchor_has_mass():
    message = "advantage must be finite where the anchor has mass, got inf at index 0"
    with pytest.raises(ValueError, match=message):
        optimal_policy([0.5, 0.5], [np.inf, 1], 1)


def test_every_prompt_must_share_an_outcome():
    a, b = [[1, 0], [0.5, 0.5]], [0, 1]
    assert geometric_mean(a[1], b, 0.5).tolist() == [0, 1]
    with pytest.raises(ValueError, match="b must be a policy that shares an outcome with a"):
        geometric_mean(a, b, 0.5)


def test_tiny_beta_takes_the_best_outcomes():
    best = optimal_policy([0.25, 0.5, 0.25], [1e308, -1e308, 1e308], 1e-300)
    assert best.tolist() == [0.5, 0, 0.5]


def test_broadcasts_over_prompts():
    rng = np.random.default_rng(0)
    q, r = rng.dirichlet(np.ones(4), (3, 1)), np.array([[0, 1, 1, 0], [1, 0, 0, 0]])
    smoothing = np.array([[0.0], [0.1], [1.0]])
    weight, share = np.array([0.1, 1.0]), np.array([0.0, 0.5])
    A = advantage(q, r, MeanVariance(smoothing))
    best, mean = optimal_policy(q, A, weight), geometric_mean(q, q[::-1], share)
    assert A.shape == best.shape == mean.shape == (3, 2, 4)
    for i, j in np.ndindex(3, 2):
        gain = advantage(q[i, 0], r[j], MeanVariance(smoothing[i, 0]))
        policy = optimal_policy(q[i, 0], gain, weight[j])
        middle = geometric_mean(q[i, 0], q[2 - i, 0], share[j])
        assert A[i, j] == pytest.approx(gain, rel=1e-14, abs=0)
        assert best[i, j] == pytest.approx(policy, rel=1e-13, abs=0)
        assert mean[i, j] == pytest.approx(middle, rel=1e-14, abs=0)
        assert success_probability(q, r)[i, j] == success_probability(q[i, 0], r[j])
        assert success_log_odds(q, r)[i, j] == success_log_odds(q[i, 0], r[j])


WRONG = {
    "beta dropped": lambda q, A, b: optimal_policy(q, A, 1),
    "wrong sign": lambda q, A, b: optimal_policy(q, np.negative(A), b),
    "anchor dropped": lambda q, A, b: optimal_policy(np.full(3, 1 / 3), A, b),
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_a_wrong_optimum_is_caught(wrong):
    case = np.array([0.2, 0.3, 0.5]), [1.0, -1.0, 0.3], 0.7
    assert optimum_error(optimal_policy, *case) <= 4e-16
    assert optimum_error(wrong, *case) > 0.01
