import numpy as np
import pytest

from grpo_lib import random_policies, random_rewards, success_log_odds


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.mark.parametrize("outcomes", [2, 3, 20])
def test_rewards_are_mixed(rng, outcomes):
    reward = random_rewards(rng, 500, outcomes)
    assert reward.shape == (500, outcomes)
    assert set(np.unique(reward)) == {0, 1}
    successes = reward.sum(axis=-1)
    assert successes.min() >= 1 and successes.max() <= outcomes - 1
    assert np.ptp(successes) >= min(outcomes - 2, 15)
    assert 0 < reward[:, 0].mean() < 1  # no outcome is always a success


def test_policies_have_the_log_odds_asked_for(rng):
    reward = random_rewards(rng, 400, 7)
    L = rng.uniform(-600, 600, 400)
    policy = random_policies(rng, L=L, reward=reward)
    found = success_log_odds(policy, reward)
    inner = np.abs(L) < 30  # beyond, the double 1 - p rounds
    assert np.max(np.abs(found - L)[inner]) < 1e-12 * 30
    assert np.all(policy.sum(axis=-1) == pytest.approx(1, abs=1e-15 * 7))
    assert np.all(policy > 0)


def test_conditionals_are_flat(rng):
    reward = np.tile([1, 1, 0, 0], (20_000, 1))
    policy = random_policies(rng, L=np.zeros(20_000), reward=reward)
    share = policy[:, 0] / (policy[:, 0] + policy[:, 1])
    quarters, _ = np.histogram(share, np.linspace(0, 1, 5))
    assert np.all(np.abs(quarters - 5000) < 5 * np.sqrt(5000))


def test_certain_policies(rng):
    reward = [[1, 0, 1], [1, 0, 0]]
    policy = random_policies(rng, L=[-np.inf, np.inf], reward=reward)
    assert policy[0].tolist() == [0, 1, 0]
    assert policy[1].tolist() == [1, 0, 0]


def test_one_prompt_is_a_policy_of_its_own(rng):
    policy = random_policies(rng, L=2.0, reward=[1, 0, 1])
    assert policy.shape == (3,)
    assert success_log_odds(policy, [1, 0, 1]) == pytest.approx(2, rel=1e-14, abs=0)


def test_bad_input(rng):
    with pytest.raises(ValueError, match="outcomes must be a whole number of at least 2, got 1"):
        random_rewards(rng, 3, 1)
    with pytest.raises(ValueError, match="count must be a whole number of at least 0, got -1"):
        random_rewards(rng, -1, 2)
    with pytest.raises(ValueError, match="reward must be at least one success and one failure"):
        random_policies(rng, L=[0.0], reward=[[1, 1]])
    for lacking in [0, 0], [1, 1]:  # the other prompt has both
        with pytest.raises(ValueError, match=r"for every prompt, got \[\["):
            random_policies(rng, L=[0.0, 0.0], reward=[[1, 0], lacking])
    with pytest.raises(ValueError, match=r"reward must be 0 or 1, got 2\.0 at index"):
        random_policies(rng, L=[0.0], reward=[[2, 0]])
    with pytest.raises(ValueError, match="L must be a number, not NaN"):
        random_policies(rng, L=[np.nan], reward=[[1, 0]])
