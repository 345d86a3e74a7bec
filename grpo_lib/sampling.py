"""Random rewards and policies, for checks of statements about all of them."""

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit

from .validation import Array, binary, real_array, require, whole


def random_rewards(rng: np.random.Generator, count: int, outcomes: int) -> Array:
    """Rewards with at least one success and one failure, and a random share of successes.

    Args:
        rng: source of randomness.
        count: number of prompts, at least 0.
        outcomes: number of outcomes, at least 2.

    Returns:
        0 or 1 for every outcome, shape [count, outcomes].

    Raises:
        ValueError: ``count`` is not a whole number of at least 0, or ``outcomes`` of at least 2.

    Examples:
        >>> import numpy as np
        >>> from grpo_lib import random_rewards
        >>> reward = random_rewards(np.random.default_rng(0), count=1000, outcomes=5)
        >>> print(reward.shape, reward.sum(axis=-1).min(), reward.sum(axis=-1).max())
        (1000, 5) 1.0 4.0
    """
    count = whole("count", count, at_least=0)
    outcomes = whole("outcomes", outcomes, at_least=2)  # one success and one failure
    reward = rng.random((count, outcomes)) < rng.random((count, 1))
    reward[:, :2] = True, False
    return rng.permuted(reward, axis=-1).astype(float)


def random_policies(rng: np.random.Generator, *, L: ArrayLike, reward: ArrayLike) -> Array:
    """Policies with given log-odds of success whose conditionals on S and on F are random.

    Each conditional is uniform on its simplex (a flat Dirichlet distribution).

    Args:
        rng: source of randomness.
        L: log-odds of the probability of success, shape [...].
        reward: 0 or 1 for every outcome, with at least one of each, shape [..., outcomes].

    Returns:
        Policies without an impossible outcome as far as ``L`` allows it, shape [..., outcomes].

    Raises:
        ValueError: ``L`` is NaN, or a reward is not 0 or 1, or a prompt lacks a success or a
            failure.

    Examples:
        >>> import numpy as np
        >>> from grpo_lib import random_policies, success_log_odds
        >>> reward = [[1, 0, 0], [1, 1, 0]]
        >>> policy = random_policies(np.random.default_rng(0), L=[-3.0, 7.0], reward=reward)
        >>> print(success_log_odds(policy, reward).round(9))
        [-3.  7.]
    """
    L, reward = real_array("L", L)[..., None], binary("reward", reward)
    mixed = np.any(reward == 1, axis=-1) & np.any(reward == 0, axis=-1)
    require(mixed, "reward", reward, "at least one success and one failure for every prompt")
    mass = rng.exponential(size=reward.shape)
    success = np.sum(mass * reward, axis=-1, keepdims=True)
    failure = np.sum(mass * (1 - reward), axis=-1, keepdims=True)
    return mass * np.where(reward == 1, expit(L) / success, expit(-L) / failure)
