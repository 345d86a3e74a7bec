"""Policies over finitely many outcomes: advantages, exact updates, probability of success.

A policy is an array of probabilities over outcomes on its last axis; other axes are prompts.
"""

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import softmax

from .normalization import Normalization, check_normalization
from .smoothed import MeanVariance
from .validation import (
    Array,
    binary,
    broadcastable,
    distribution,
    kl_weight,
    parameter,
    real_array,
    require,
    same_outcomes,
)


def success_probability(policy: ArrayLike, reward: ArrayLike) -> Array:
    """Probability of success p = P(r = 1); paper, section 2.

    Args:
        policy: probabilities, shape [..., outcomes].
        reward: 0 or 1 for every outcome, shape [..., outcomes].

    Returns:
        The probability of success, shape [...].

    Raises:
        ValueError: a policy is not a distribution, a reward is not 0 or 1, or shapes do not fit.

    Examples:
        >>> from grpo_lib import success_probability
        >>> print(success_probability([0.25, 0.5, 0.25], reward=[1, 0, 1]))
        0.5
    """
    policy, reward = _check(policy=policy, reward=reward)
    return np.minimum(np.sum(policy * reward, axis=-1), 1.0)  # rounding can take a sum above 1


def success_log_odds(policy: ArrayLike, reward: ArrayLike) -> Array:
    """Log-odds L = log(p / (1 - p)) of success, accurate for p near 0 and near 1.

    Args:
        policy: probabilities, shape [..., outcomes].
        reward: 0 or 1 for every outcome, shape [..., outcomes].

    Returns:
        The log-odds, shape [...]; -inf or +inf where success or failure has no mass.

    Raises:
        ValueError: as in `success_probability`.

    Examples:
        >>> from grpo_lib import success_log_odds
        >>> print(success_log_odds([[0.25, 0.75], [0.0, 1.0]], reward=[1, 0]).round(4))
        [-1.0986    -inf]
    """
    policy, reward = _check(policy=policy, reward=reward)
    return _log_odds(policy, reward)


def advantage(
    policy: ArrayLike, reward: ArrayLike, normalization: Normalization = MeanVariance()
) -> Array:
    """Normalised reward A = (r - p) Omega(p) under a policy; paper, Eq. (4).

    Args:
        policy: the policy whose probability of success p normalises the reward, shape
            [..., outcomes].
        reward: 0 or 1 for every outcome, shape [..., outcomes].
        normalization: how rewards become advantages.

    Returns:
        ``w_plus`` on every success and ``-w_minus`` on every failure, shape [..., outcomes]. With
        ``eps = 0`` the advantage of an outcome that a policy with p = 0 or 1 never takes is
        infinite.

    Raises:
        ValueError: as in `success_probability`; or ``normalization`` is not one, or its parameters
            do not broadcast over prompts.

    Examples:
        >>> from grpo_lib import MeanOnly, MeanVariance, advantage
        >>> policy, reward = [0.25, 0.5, 0.25], [1, 0, 0]
        >>> print(advantage(policy, reward, MeanOnly()))
        [ 0.75 -0.25 -0.25]
        >>> print(advantage(policy, reward, MeanVariance(eps=0.0)).round(4))
        [ 1.7321 -0.5774 -0.5774]
    """
    policy, reward = _check(policy=policy, reward=reward)
    parameters = check_normalization(normalization).parameters()
    broadcastable(policy=policy[..., 0], reward=reward[..., 0], **parameters)
    w_plus, w_minus = normalization.weights(L=_log_odds(policy, reward))
    return np.where(reward == 1, w_plus[..., None], -w_minus[..., None])


def optimal_policy(anchor: ArrayLike, advantage: ArrayLike, beta: ArrayLike) -> Array:
    """Maximiser of E_pi[A] - beta KL(pi || anchor): anchor exp(A / beta) / Z; Theorems 1 and 8.

    Args:
        anchor: the policy that the KL penalty holds on to, shape [..., outcomes].
        advantage: advantage of every outcome, finite where the anchor has mass, shape
            [..., outcomes].
        beta: weight of the KL penalty, above 0, shape [...].

    Returns:
        The maximising policy, shape [..., outcomes]. It has no mass where the anchor has none.

    Raises:
        ValueError: the anchor is not a distribution, the advantage is not finite on its support,
            ``beta`` is not above 0, or shapes do not fit.

    Examples:
        >>> from grpo_lib import advantage, optimal_policy
        >>> policy, reward = [0.25, 0.5, 0.25], [1, 0, 0]
        >>> print(optimal_policy(policy, advantage(policy, reward), beta=1.0).round(4))
        [0.7704 0.153  0.0765]
    """
    anchor, advantage = distribution("anchor", anchor), real_array("advantage", advantage)
    same_outcomes(anchor=anchor, advantage=advantage)
    beta = np.asarray(kl_weight(beta))
    broadcastable(anchor=anchor[..., 0], advantage=advantage[..., 0], beta=beta)
    support = np.broadcast_to(anchor > 0, np.broadcast_shapes(anchor.shape, advantage.shape))
    require(
        np.isfinite(advantage) | ~support,
        "advantage",
        np.broadcast_to(advantage, support.shape),
        "finite where the anchor has mass",
    )
    # The largest advantage is taken out first, so that a tiny beta cannot overflow.
    top = np.max(np.where(support, advantage, -np.inf), axis=-1, keepdims=True)
    with np.errstate(divide="ignore", over="ignore"):
        gain = np.where(support, advantage - top, 0.0) / beta[..., None]
        return softmax(np.log(anchor) + gain, axis=-1)


def geometric_mean(a: ArrayLike, b: ArrayLike, alpha: ArrayLike) -> Array:
    """Normalised geometric mean a^alpha b^(1 - alpha) / Z of two policies; Lemma 2.

    Args:
        a: first policy, shape [..., outcomes].
        b: second policy, shape [..., outcomes].
        alpha: share of ``a``, in [0, 1], shape [...].

    Returns:
        The mean, shape [..., outcomes]. It is ``a`` at alpha = 1 and ``b`` at alpha = 0.

    Raises:
        ValueError: a policy is not a distribution, ``alpha`` is outside [0, 1], shapes do not fit,
            or ``0 < alpha < 1`` and the two policies share no outcome.

    Examples:
        >>> from grpo_lib import geometric_mean
        >>> print(geometric_mean([0.8, 0.2], [0.2, 0.8], alpha=[0.0, 0.5]))
        [[0.2 0.8]
         [0.5 0.5]]
    """
    a, b = distribution("a", a), distribution("b", b)
    same_outcomes(a=a, b=b)
    alpha = np.asarray(parameter("alpha", alpha, at_least=0, at_most=1))
    broadcastable(a=a[..., 0], b=b[..., 0], alpha=alpha)
    alpha = alpha[..., None]
    with np.errstate(divide="ignore", invalid="ignore"):
        log_mean = alpha * np.log(a) + (1 - alpha) * np.log(b)
        log_mean = np.where(alpha == 1, np.log(a), np.where(alpha == 0, np.log(b), log_mean))
    shared = np.max(log_mean, axis=-1) > -np.inf
    require(shared, "b", b, "a policy that shares an outcome with a when 0 < alpha < 1")
    return softmax(log_mean, axis=-1)


def _check(policy: ArrayLike, reward: ArrayLike) -> tuple[Array, Array]:
    policy, reward = distribution("policy", policy), binary("reward", reward)
    same_outcomes(policy=policy, reward=reward)
    return policy, reward


def _log_odds(policy: Array, reward: Array) -> Array:
    with np.errstate(divide="ignore"):
        success = np.log(np.sum(policy * reward, axis=-1))
        failure = np.log(np.sum(policy * (1 - reward), axis=-1))
    return success - failure
