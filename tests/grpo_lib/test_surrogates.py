from functools import cache
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
    clipped_surrogate,
    contrastive_surrogate,
    success_probability,
    symbolic,
)
from grpo_lib.symbolic import clip, eps
from tests.grpo_lib.reference import (
    CLIP,
    EPS,
    REWARD,
    exact,
    exact_masses,
    masses,
    policies,
    worst,
)

CASE = REWARD.flatmap(lambda r: st.tuples(policies(2, len(r)), st.just(r)))


def clipped_form(q, old, reward, omega):
    """Section 2.2: the expected clipped term."""
    terms = zip(old, q, symbolic.advantage(old, reward, omega), strict=True)
    return sp.Add(*(o * symbolic.clipped(x / o, A, clip) for o, x, A in terms))


def contrastive_form(q, old, reward, omega):
    """Section 2.2: one weighted term for successes, one for failures."""
    success = symbolic.success_probability(old, reward)
    kept = [o * sp.Min(x / o, 1 + clip) for o, x in zip(old, q, strict=True)]
    shed = [o * sp.Max(x / o, 1 - clip) for o, x in zip(old, q, strict=True)]
    return omega * (
        (1 - success) * symbolic.success_probability(kept, reward)
        - success * symbolic.success_probability(shed, [1 - r for r in reward])
    )


FORMS = {clipped_surrogate: clipped_form, contrastive_surrogate: contrastive_form}


@cache
def written_out(form, outcomes, mean_only):
    q, old, reward = (masses(name, outcomes) for name in "qor")
    success = symbolic.success_probability(old, reward)
    omega = sp.S.One if mean_only else symbolic.omega(success, eps)
    return [*q, *old, *reward], form(q, old, reward, omega)


def error(function, form, case, clipping, normalization):
    """Error relative to the sum of the absolute terms."""
    (policy, old_policy), reward = case
    mean_only = normalization == MeanOnly()
    symbols, expression = written_out(form, len(reward), mean_only)
    columns = exact_masses(policy), exact_masses(old_policy), reward
    values = dict(zip(symbols, chain(*columns), strict=True)) | {clip: clipping}
    values |= {} if mean_only else {eps: normalization.eps}
    found = function(policy, old_policy, reward, clipping, normalization)
    size = np.sum((policy + old_policy) * np.abs(advantage(old_policy, reward, normalization)))
    return worst(found, exact(expression, values), size)


@pytest.mark.parametrize("function", FORMS)
@given(CASE, CLIP, EPS.map(MeanVariance) | st.just(MeanOnly()))
def test_surrogates_equal_symbolic(function, case, clipping, normalization):
    assert error(function, FORMS[function], case, clipping, normalization) <= 4e-14


@given(CASE, CLIP, EPS)
def test_clipped_is_contrastive(case, clipping, smoothing):
    (policy, old_policy), reward = case
    arguments = policy, old_policy, reward, clipping, MeanVariance(smoothing)
    size = np.sum((policy + old_policy) * np.abs(advantage(old_policy, reward, arguments[-1])))
    assert abs(clipped_surrogate(*arguments) - contrastive_surrogate(*arguments)) <= 1e-14 * size


@given(CASE, EPS)
def test_without_clipping_it_is_linear_in_the_policy(case, smoothing):
    """Section 2.3: w_plus P(S) - w_minus P(F)."""
    (policy, old_policy), reward = case
    normalization = MeanVariance(smoothing)
    gain = policy * advantage(old_policy, reward, normalization)
    for surrogate in clipped_surrogate, contrastive_surrogate:
        found = surrogate(policy, old_policy, reward, 1e40, normalization)
        assert found == pytest.approx(gain.sum(), rel=0, abs=1e-14 * np.abs(gain).sum())


@pytest.mark.parametrize("surrogate", FORMS)
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_outcomes_the_old_policy_never_takes_do_not_count(surrogate, smoothing):
    normalization = MeanVariance(smoothing)
    # Ratios 0.4, clipped to 0.9, for the failure and 0.8 for the success, weights alike.
    right = 0.5 * (0.8 - 0.9) * 0.5 / np.sqrt(0.25 + smoothing)
    for reward in 0, 1:
        found = surrogate([0.2, 0.4, 0.4], [0.5, 0.5, 0], [0, 1, reward], 0.1, normalization)
        assert found == pytest.approx(right, rel=1e-14, abs=0)
    for all_alike in [0, 0], [1, 1]:  # nothing to tell apart: the advantage is 0
        assert surrogate([0.2, 0.8], [0.5, 0.5], all_alike, 0.1, normalization) == 0


@pytest.mark.parametrize("surrogate", FORMS)
def test_a_ratio_beyond_the_largest_double(surrogate):
    found = surrogate([0.5, 0.5], [1e-310, 1], [0, 1], 0.2, MeanVariance(0.25))
    # w_minus = 2 weighs the failure's mass of 1/2; w_plus is 0 as success is almost certain.
    assert found == pytest.approx(-1.0, rel=1e-14, abs=0)


@pytest.mark.parametrize("surrogate", FORMS)
def test_broadcasts_over_prompts(surrogate):
    rng = np.random.default_rng(0)
    q, old = rng.dirichlet(np.ones(4), (3, 1)), rng.dirichlet(np.ones(4), 2)
    reward, clipping = np.array([[0, 1, 1, 0], [1, 0, 0, 0]]), np.array([[0.0], [0.1], [0.2]])
    smoothing = np.array([0.0, 0.1])
    whole = surrogate(q, old, reward, clipping, MeanVariance(smoothing))
    assert whole.shape == (3, 2)
    for i, j in np.ndindex(3, 2):
        normalization = MeanVariance(smoothing[j])
        one = surrogate(q[i, 0], old[j], reward[j], clipping[i, 0], normalization)
        assert whole[i, j] == pytest.approx(one, rel=1e-14, abs=0)


WRONG = {
    "clip for eps": lambda q, o, r, c, n: clipped_surrogate(q, o, r, n.eps, MeanVariance(c)),
    "policies swapped": lambda q, o, r, c, n: clipped_surrogate(o, q, r, c, n),
    "clip dropped": lambda q, o, r, c, n: clipped_surrogate(q, o, r, 1e9, n),
    "eps dropped": lambda q, o, r, c, n: clipped_surrogate(q, o, r, c, MeanVariance(0)),
    "conditional expectations": lambda q, o, r, c, n: (  # erratum E1
        clipped_surrogate(q, o, r, c, n) / success_probability(o, r)
    ),
    "ratio and advantage swapped": lambda q, o, r, c, n: np.sum(  # erratum E2
        o * q / o * np.minimum(advantage(o, r, n), 1 + c)
    ),
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
@pytest.mark.parametrize("form", FORMS.values(), ids=["clipped", "contrastive"])
def test_a_wrong_surrogate_is_caught(wrong, form):
    case = np.array([[0.1, 0.5, 0.4], [0.3, 0.2, 0.5]]), [0, 1, 0]
    assert error(clipped_surrogate, form, case, 0.2, MeanVariance(0.1)) <= 1e-14
    assert error(wrong, form, case, 0.2, MeanVariance(0.1)) > 0.01
