"""Runs of whole policies: exact updates against the recurrence, groups against their objective."""

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import logit, softmax

from grpo_lib import (
    MeanOnly,
    MeanVariance,
    Recurrence,
    advantage,
    geometric_mean,
    kl_divergence,
    optimal_policy,
    random_policies,
    random_rewards,
    rounding,
    success_log_odds,
    success_probability,
    total_variation,
    train,
)

REFERENCE, REWARD = np.array([0.05, 0.15, 0.3, 0.5]), np.array([1, 1, 0, 0])
ONE = Recurrence(beta=1.0)


def random_problems(alpha, prompts=300, outcomes=6):
    """A reward and a reference for every prompt, and a recurrence with parameters of their own."""
    rng = np.random.default_rng(0)
    reward = random_rewards(rng, prompts, outcomes)
    reference = random_policies(rng, L=rng.uniform(-20, 5, prompts), reward=reward)
    eps, beta = 10 ** rng.uniform([[-4], [0]], [[0], [2]], (2, prompts))
    share = rng.random(prompts) if alpha is None else alpha
    return reference, reward, Recurrence(beta, MeanVariance(eps), share)


def rounding_of(policies, reference, recurrence, L):
    """Bound on the relative error of a mass, of each update; shape [steps, prompts]."""
    pull = recurrence.normalization.scale(L=L) / recurrence.beta
    return np.stack(
        [
            rounding.update_bound(reference, policy, pull=force, L=state)
            for policy, force, state in zip(policies[:-1], pull[:-1], L[:-1], strict=True)
        ]
    )


@pytest.mark.parametrize("alpha", [1.0, 0.0, None], ids=["reference", "mirror", "both"])
def test_exact_updates_follow_the_recurrence(alpha):
    reference, reward, recurrence = random_problems(alpha)
    policies = train(reference, reward, recurrence, steps=12)
    assert policies.shape == (13, *reference.shape)
    assert np.array_equal(policies[0], reference)
    L, L_ref = success_log_odds(policies, reward), success_log_odds(reference, reward)
    path = recurrence.iterate  # the scalar run starts from the log-odds, not from p
    scalar = np.stack([path(L_ref=L_ref, steps=steps) for steps in range(13)])
    # Log-odds read off a policy are off by at most twice the relative error of a mass.
    own = 2 * rounding_of(policies, reference, recurrence, L)
    bound = rounding.orbit_bound(recurrence, L=L, L_ref=L_ref, step_error=own)
    bound += rounding.orbit_bound(recurrence, L=scalar, L_ref=L_ref)
    settled = np.all(np.abs(L) < 600, axis=0) & np.all(bound < 1e-6, axis=0)
    assert settled.mean() > 0.9  # masses that are doubles, and no chaos
    assert np.all(np.abs(L - scalar)[:, settled] <= bound[:, settled])


@pytest.mark.parametrize("alpha", [1.0, 0.0, None], ids=["reference", "mirror", "both"])
def test_exact_updates_keep_the_conditionals(alpha):
    reference, reward, recurrence = random_problems(alpha)
    policies = train(reference, reward, recurrence, steps=12)
    L = success_log_odds(policies, reward)
    # The errors of a mass add up at most, and a conditional has that of a mass and of a sum.
    bound = 2 * rounding_of(policies, reference, recurrence, L).sum(axis=0)
    for event in (reward, 1 - reward):
        mass = np.sum(policies * event, axis=-1, keepdims=True)
        kept = np.all(mass > 1e-280, axis=0)[:, 0]  # below, doubles have fewer digits
        conditionals = (policies / mass)[:, kept]
        change = np.abs(conditionals / conditionals[0] - 1) * event[kept]
        assert kept.mean() > 0.9
        assert np.all(change <= bound[kept, None])


@pytest.mark.parametrize("alpha", [1.0, None], ids=["reference", "both"])
@pytest.mark.parametrize("every", [1, 3])
def test_a_renewed_reference_begins_a_run_of_its_own(alpha, every):
    reference, reward, recurrence = random_problems(alpha, prompts=20)
    start = random_policies(np.random.default_rng(1), L=np.zeros(20), reward=reward)
    policies = train(reference, reward, recurrence, 7, start=start, renew_every=every)
    for n in range(0, 7, every):
        anchor = policies[n] if n else reference
        stage = train(anchor, reward, recurrence, min(every, 7 - n), start=policies[n])
        assert np.array_equal(policies[n : n + every + 1], stage)


def test_a_reference_of_groups_is_renewed():
    rng = [np.random.default_rng(2) for _ in range(2)]
    given = REFERENCE, REWARD, ONE
    policies = train(*given, steps=4, group=8, rng=rng[0], renew_every=2)
    assert np.array_equal(policies[:3], train(*given, steps=2, group=8, rng=rng[1]))
    second = train(policies[2], REWARD, ONE, steps=2, group=8, rng=rng[1])
    assert np.array_equal(policies[2:], second)


def test_another_start_is_the_first_policy():
    start = np.array([0.3, 0.1, 0.2, 0.4])
    policies = train(REFERENCE, REWARD, ONE, 2, start=start)
    A = advantage(start, REWARD, ONE.normalization)
    assert np.array_equal(policies[0], start)
    # The mean with the share 1 is the reference up to rounding: six units and four logarithms.
    assert policies[1] == pytest.approx(optimal_policy(REFERENCE, A, 1.0), rel=1e-14, abs=0)
    mirror = train(REFERENCE, REWARD, Recurrence(1.0, alpha=0.0), 2, start=start)
    assert np.array_equal(mirror, train(start, REWARD, Recurrence(1.0, alpha=0.0), 2))
    assert not np.array_equal(mirror[1], policies[1])


@pytest.mark.parametrize("group", [None, 5])
def test_prompts_are_runs_of_their_own(group):
    recurrence = Recurrence([[1.0], [3.0]], MeanVariance([0.01, 0.1, 1.0]), alpha=0.5)
    rng = None if group is None else np.random.default_rng(0)
    policies = train(REFERENCE, REWARD, recurrence, 3, group, rng)
    assert policies.shape == (4, 2, 3, 4)
    assert np.all(policies[0] == REFERENCE)
    # What is rounded is the same in the same order.
    if group is None:
        one = Recurrence(3.0, MeanVariance(0.1), alpha=0.5)
        assert policies[:, 1, 1] == pytest.approx(
            train(REFERENCE, REWARD, one, 3), rel=1e-13, abs=0
        )


def counted(policy, group, seed):
    """How often each outcome was drawn for the first update of a run with this seed."""
    return np.random.default_rng(seed).multinomial(group, policy)


@pytest.mark.parametrize("alpha", [1.0, 0.4])
def test_a_step_of_a_group_by_hand(alpha):
    start, beta, eps, group = np.array([0.1, 0.3, 0.4, 0.2]), 0.7, 0.01, 8
    rule = Recurrence(beta, MeanVariance(eps), alpha)
    policies = train(REFERENCE, REWARD, rule, 1, group, np.random.default_rng(3), start=start)
    n = counted(start, group, seed=3)
    p_hat = (n[0] + n[1]) / group
    assert 0 < p_hat < 1
    A = (REWARD - p_hat) / np.sqrt(p_hat * (1 - p_hat) + eps)
    weights = REFERENCE**alpha * start ** (1 - alpha) * np.exp(n * A / (group * start * beta))
    # Exponents up to 5, so that rounding is some tens of units.
    assert policies[1] == pytest.approx(weights / weights.sum(), rel=1e-14, abs=0)


def objective(policy, outcomes, old, A, anchor, beta):
    """(1/G) sum_i pi(o_i) / pi_old(o_i) A_i - beta KL(pi || anchor), a sum over the group."""
    return np.mean([policy[o] / old[o] * A[o] for o in outcomes]) - beta * kl_divergence(
        policy, anchor
    )


@pytest.mark.parametrize("seed", range(5))
def test_a_step_of_a_group_maximises_its_objective(seed):
    beta, group, alpha = 2.0, 6, 0.4
    rule = Recurrence(beta, MeanVariance(0.01), alpha)
    start = np.array([0.1, 0.3, 0.4, 0.2])
    rng = np.random.default_rng(seed)
    found = train(REFERENCE, REWARD, rule, 1, group, rng, start=start)[1]
    n = counted(start, group, seed)
    outcomes = np.repeat(np.arange(4), n)
    A = advantage(n / group, REWARD, rule.normalization)
    anchor = geometric_mean(REFERENCE, start, alpha)

    def loss(x):
        return -objective(softmax(x), outcomes, start, A, anchor, beta)

    searched = softmax(minimize(loss, np.log(anchor), method="BFGS").x)
    best, reached = (objective(x, outcomes, start, A, anchor, beta) for x in (found, searched))
    # J(found) - J(other) = beta KL(other || found): no policy does better. J is of size 1.
    short = beta * kl_divergence(searched, found)
    assert best - reached == pytest.approx(short, rel=0, abs=1e-14)
    # J is concave, so where its slopes are h no policy gains more than max h - E[h], and
    # KL >= 2 TV^2 turns this into a distance.
    h = n * A / (group * start) - beta * (1 + np.log(searched / anchor))
    room = np.sqrt((h.max() - searched @ h) / (2 * beta))
    assert total_variation(searched, found) <= room < 0.01 < total_variation(anchor, found)


def gain_bound(policy, reward, normalization, group, chance):
    """How far the gain from a group can be from the advantage, but for this chance.

    Hoeffding: each of the shares of the m outcomes, and that of the successes, is off by more than
    t with a chance of at most 2 exp(-2 G t^2). So with t = sqrt(log(2 (m + 1) / chance) / (2 G))
    none is, but for the chance. Where none is, w_plus, which falls in p, and w_minus, which grows,
    are between their values at p - t and p + t, and the ratio n / (G pi) within t / pi of 1.
    """
    t = np.sqrt(np.log(2 * (len(policy) + 1) / chance) / (2 * group))
    p = success_probability(policy, reward)
    assert t < min(p, 1 - p)
    at = [normalization.weights(L=logit(x)) for x in (p - t, p, p + t)]
    (plus_high, _), (plus, _), (plus_low, _) = at
    (_, minus_low), (_, minus), (_, minus_high) = at
    high = np.where(reward == 1, plus_high, minus_high) * (1 + t / policy)
    low = np.where(reward == 1, plus_low, minus_low) * np.maximum(0, 1 - t / policy)
    exact = np.where(reward == 1, plus, minus)
    return np.max(np.maximum(high - exact, exact - low))


@pytest.mark.parametrize("group", [10**4, 10**6, 10**8])
def test_large_groups_approach_the_exact_update(group):
    """An exponent off by d moves the log-odds of success by at most 2 d."""
    rule = Recurrence(2.0, MeanVariance(0.01))
    exact = success_log_odds(train(REFERENCE, REWARD, rule, 1), REWARD)[1]
    off = gain_bound(REFERENCE, REWARD, rule.normalization, group, chance=1e-6) / rule.beta
    policies = train(REFERENCE, REWARD, rule, 1, group, np.random.default_rng(7))
    assert abs(success_log_odds(policies, REWARD)[1] - exact) <= 2 * off
    # To first order off is 127 / sqrt(G), mostly the ratio of the outcome of mass 0.05.
    assert 2 * off <= 150 / np.sqrt(group)
    # The gain without the ratio tends to pi A instead.
    A = advantage(REFERENCE, REWARD, rule.normalization)
    wrong = success_log_odds(optimal_policy(REFERENCE, REFERENCE * A, rule.beta), REWARD)
    assert abs(wrong - exact) > 0.5
    if group >= 10**6:
        assert 2 * off < 0.5


@pytest.mark.parametrize("rule", [MeanVariance(0.0), MeanVariance(0.1), MeanOnly()], ids=repr)
@pytest.mark.parametrize("group", [1, 7])
def test_a_group_of_equals_leads_to_the_anchor(rule, group):
    for reward in (np.ones(4), np.zeros(4)):
        rng = np.random.default_rng(0)
        start = np.array([0.3, 0.1, 0.2, 0.4])
        policies = train(REFERENCE, reward, Recurrence(1.0, rule, 0.5), 1, group, rng, start=start)
        assert np.array_equal(policies[1], geometric_mean(REFERENCE, start, 0.5))
    one = train(REFERENCE, REWARD, Recurrence(1.0, rule), 5, 1, np.random.default_rng(0))
    assert one == pytest.approx(np.tile(REFERENCE, (6, 1)), rel=1e-15, abs=0)


def test_outcomes_without_mass_stay_without():
    reference = np.array([[0.2, 0.3, 0.5, 0.0], [0.0, 0.0, 0.5, 0.5], [0.5, 0.5, 0.0, 0.0]])
    for alpha in (0.0, 0.5, 1.0):
        for eps in (0.0, 0.1):
            rule = Recurrence(0.5, MeanVariance(eps), alpha)
            exact = train(reference, REWARD, rule, 6)
            rng = np.random.default_rng(1)
            sampled = train(reference, REWARD, rule, 6, 4, rng)
            for policies in (exact, sampled):
                assert np.all(policies[:, reference == 0] == 0)
            assert np.all(success_probability(exact, REWARD)[:, 1:] == [0, 1])


def test_masses_below_the_doubles_end_as_the_recurrence_does():
    """At eps = 0 a failure without mass has the advantage -inf, though the reference has mass."""
    rule = Recurrence(0.1, MeanVariance(0.0))
    policies = train([0.2, 0.8], [1, 0], rule, 5)
    path = rule.trajectory(p_ref=0.2, steps=5)
    assert path.log_odds[-1] == np.inf
    assert policies[-1].tolist() == [1, 0]
    tiny = train([1e-300, 1 - 1e-300], [1, 0], Recurrence(1.0), 1)
    expected = Recurrence(1.0).iterate(L_ref=np.log(1e-300), steps=1)
    # Rounding of a logarithm of size 691 and of a pull of 316.
    assert success_log_odds(tiny, [1, 0])[1] == pytest.approx(expected, rel=0, abs=1e-12)


def test_a_seed_gives_one_run():
    def run(seed):
        return train(REFERENCE, REWARD, ONE, 4, 8, np.random.default_rng(seed))

    assert np.array_equal(run(0), run(0))
    assert not np.array_equal(run(0), run(1))


def test_groups_are_drawn_from_a_policy_whose_sum_is_off_by_rounding():
    reference = np.array([0.2, 0.3, 0.5 + 9e-10, 0.0])  # NumPy allows 1e-12 before the last
    policies = train(reference, REWARD, ONE, 1, 8, np.random.default_rng(0))
    assert policies[1].sum() == pytest.approx(1, abs=1e-15)
    assert policies[1, 3] == 0


class Slip(np.random.Generator):
    """Draws the last outcome once, as rounding can make NumPy do though it has no mass."""

    def multinomial(self, n, pvals):
        return np.array([1, 2, n - 4, 1])


def test_a_draw_without_mass_counts_for_nothing_but_the_share():
    start = np.array([0.2, 0.3, 0.5, 0.0])
    rule = Recurrence(1.0, MeanVariance(0.01))
    policies = train(REFERENCE, REWARD, rule, 1, 8, Slip(np.random.PCG64(0)), start=start)
    n, p_hat = np.array([1, 2, 4]), 3 / 8
    A = (REWARD[:3] - p_hat) / np.sqrt(p_hat * (1 - p_hat) + 0.01)
    weights = REFERENCE * np.exp([*(n * A / (8 * start[:3])), 0.0])
    assert policies[1] == pytest.approx(weights / weights.sum(), rel=1e-14, abs=0)


def test_a_start_may_be_far_from_the_reference_unless_both_anchor():
    reference, start = [0.5, 0.5, 0.0], [0.0, 0.0, 1.0]
    held, mirror = (
        train(reference, [1, 0, 0], Recurrence(1.0, alpha=x), 3, start=start) for x in (1, 0)
    )
    assert held[-1, 2] == 0 and mirror[-1].tolist() == start


def generator():
    return np.random.default_rng(0)


BAD = {
    "reference must be probabilities that sum to 1": lambda: train([0.5, 0.4], [1, 0], ONE, 1),
    "reward must be 0 or 1, got 0.5": lambda: train([0.5, 0.5], [1, 0.5], ONE, 0),
    "recurrence must be a Map such as Recurrence(...)": lambda: train([0.5, 0.5], [1, 0], 1.0, 1),
    "steps must be a whole number of at least 0": lambda: train([0.5, 0.5], [1, 0], ONE, -1),
    "renew_every must be a whole number of at least 1": lambda: train(
        [0.5, 0.5], [1, 0], ONE, 1, renew_every=0
    ),
    "group must be a whole number of at least 1, got 0": lambda: train(
        [0.5, 0.5], [1, 0], ONE, 1, 0, generator()
    ),
    "rng must be a generator that draws groups, got None": lambda: train(
        [0.5, 0.5], [1, 0], ONE, 1, 8
    ),
    "rng must be a generator that draws groups, got 7": lambda: train(
        [0.5, 0.5], [1, 0], ONE, 1, 8, 7
    ),
    "rng must be left out where no group is drawn, got Generator(PCG64)": lambda: train(
        [0.5, 0.5], [1, 0], ONE, 1, rng=generator()
    ),
    "start must be probabilities that sum to 1": lambda: train(
        [0.5, 0.5], [1, 0], ONE, 1, start=[1, 1]
    ),
    "start must be a policy that shares an outcome with the reference when 0 < alpha < 1": (
        lambda: train([1, 0], [1, 0], Recurrence(1.0, alpha=0.5), 1, start=[0, 1])
    ),
    "reference and reward must have the same outcomes": lambda: train([0.5, 0.5], [1], ONE, 1),
    "reference and reward and start must have the same outcomes": lambda: train(
        [0.5, 0.5], [1, 0], ONE, 1, start=[1.0]
    ),
    "reference and reward and beta and eps and alpha must broadcast over prompts": lambda: train(
        [[0.5, 0.5]] * 2, [1, 0], Recurrence([1.0, 2.0, 3.0]), 1
    ),
}


def test_without_smoothing_a_policy_that_never_succeeds_is_taken_to_1_at_once():
    """Its successes have an infinite advantage, and the reference has them."""
    bare = Recurrence(1.0, MeanVariance(0.0))
    assert train([0.5, 0.5], [1, 0], bare, 1, start=[0, 1])[1].tolist() == [1, 0]
    assert bare.trajectory(p_ref=0.5, p_0=0.0, steps=1).probability.tolist() == [0, 1]


def test_one_outcome_is_enough():
    assert train([1.0], [1], Recurrence(1.0), 2).tolist() == [[1.0]] * 3


def test_every_prompt_must_share_an_outcome_with_its_start():
    reference, start = [[0.5, 0.5], [1.0, 0.0]], [[0.5, 0.5], [0.0, 1.0]]
    between = Recurrence(1.0, alpha=0.5)
    assert train(reference[:1], [1, 0], between, 1, start=start[:1]).shape == (2, 1, 2)
    with pytest.raises(ValueError, match=r"^start must be a policy .*, got \[\[0\.5 0\.5\]"):
        train(reference, [1, 0], between, 1, start=start)


def test_groups_of_several_prompts_are_drawn_from_their_own_policies():
    """An outcome without mass is never drawn, however many prompts there are."""
    policies = np.tile([0.25, 0.75, 0.0], (500, 1))
    after = train(policies, [1, 0, 0], ONE, 1, group=4, rng=generator())[1]
    gained = np.log(after[:, 0] / after[:, 1]) - np.log(0.25 / 0.75)
    alike = 0.25**4 + 0.75**4  # no gain in a group of equals
    assert abs(np.mean(np.abs(gained) < 1e-9) - alike) < 6 * np.sqrt(alike * (1 - alike) / 500)


@pytest.mark.parametrize("message", BAD)
def test_bad_input(message):
    with pytest.raises(ValueError) as caught:
        BAD[message]()
    assert str(caught.value).startswith(message)
