"""GRPO's clipped surrogate, and the weighted contrastive loss that it equals; paper, section 2.

Both leave out the KL penalty. Policies are arrays of probabilities over outcomes on the last axis.
"""

import numpy as np
from numpy.typing import ArrayLike

from .normalization import Normalization, check_normalization
from .policies import advantage, success_log_odds
from .smoothed import MeanVariance
from .validation import Array, binary, broadcastable, distribution, parameter, same_outcomes


def clipped_surrogate(
    policy: ArrayLike,
    old_policy: ArrayLike,
    reward: ArrayLike,
    clip: ArrayLike,
    normalization: Normalization = MeanVariance(),
) -> Array:
    """E_old[min(x A, clamp(x, 1 - clip, 1 + clip) A)], x = policy / old_policy; section 2.2.

    Args:
        policy: the policy to score, shape [..., outcomes].
        old_policy: the policy that samples and normalises, shape [..., outcomes]; outcomes it
            never takes do not count.
        reward: 0 or 1 for every outcome, shape [..., outcomes].
        clip: clipping parameter, at least 0, shape [...]. It is not the smoothing eps.
        normalization: how rewards become advantages.

    Returns:
        The surrogate, shape [...].

    Raises:
        ValueError: a policy is not a distribution, a reward is not 0 or 1, ``clip`` is negative,
            or shapes do not fit.

    Examples:
        >>> from grpo_lib import MeanOnly, clipped_surrogate
        >>> old_policy, policy = [0.5, 0.5], [0.9, 0.1]
        >>> value = clipped_surrogate(policy, old_policy, [1, 0], [0.2, 10.0], MeanOnly())
        >>> print(value.round(12))
        [0.1 0.4]
    """
    policy, old_policy, reward, clip = _check(policy, old_policy, reward, clip, normalization)
    A = np.where(old_policy > 0, advantage(old_policy, reward, normalization), 0.0)
    # old_policy is multiplied into the minimum, so that no ratio can overflow.
    clamped = np.clip(policy, old_policy * (1 - clip), old_policy * (1 + clip))
    return np.sum(np.minimum(policy * A, clamped * A), axis=-1)


def contrastive_surrogate(
    policy: ArrayLike,
    old_policy: ArrayLike,
    reward: ArrayLike,
    clip: ArrayLike,
    normalization: Normalization = MeanVariance(),
) -> Array:
    """w_plus E_old[min(x, 1 + clip) 1_S] - w_minus E_old[max(x, 1 - clip) 1_F]; section 2.2.

    Args:
        policy: the policy to score, shape [..., outcomes].
        old_policy: the policy that samples and normalises, shape [..., outcomes]; outcomes it
            never takes do not count.
        reward: 0 or 1 for every outcome, shape [..., outcomes].
        clip: clipping parameter, at least 0, shape [...]. It is not the smoothing eps.
        normalization: how rewards become advantages.

    Returns:
        The loss, shape [...]; equal to `clipped_surrogate` up to rounding.

    Raises:
        ValueError: as in `clipped_surrogate`.

    Examples:
        >>> from grpo_lib import MeanOnly, contrastive_surrogate
        >>> old_policy, policy = [0.5, 0.5], [0.9, 0.1]
        >>> value = contrastive_surrogate(policy, old_policy, [1, 0], [0.2, 10.0], MeanOnly())
        >>> print(value.round(12))
        [0.1 0.4]
    """
    policy, old_policy, reward, clip = _check(policy, old_policy, reward, clip, normalization)
    w_plus, w_minus = normalization.weights(L=success_log_odds(old_policy, reward))
    sampled = old_policy > 0
    success = np.sum(np.minimum(policy, old_policy * (1 + clip)) * reward * sampled, axis=-1)
    failure = np.sum(np.maximum(policy, old_policy * (1 - clip)) * (1 - reward) * sampled, axis=-1)
    with np.errstate(invalid="ignore"):
        # At eps = 0 a weight is infinite where its event has no mass: that event does not count.
        pull = np.where(success == 0, 0.0, w_plus * success)
        push = np.where(failure == 0, 0.0, w_minus * failure)
    return pull - push


def _check(
    policy: ArrayLike,
    old_policy: ArrayLike,
    reward: ArrayLike,
    clip: ArrayLike,
    normalization: Normalization,
) -> tuple[Array, Array, Array, Array]:
    """Check the arguments and return them as arrays, clip with an axis for the outcomes."""
    policy, old_policy = distribution("policy", policy), distribution("old_policy", old_policy)
    reward = binary("reward", reward)
    same_outcomes(policy=policy, old_policy=old_policy, reward=reward)
    clip = np.asarray(parameter("clip", clip, at_least=0))
    prompts = {"policy": policy, "old_policy": old_policy, "reward": reward}
    parameters = {"clip": clip, **check_normalization(normalization).parameters()}
    broadcastable(**{name: array[..., 0] for name, array in prompts.items()}, **parameters)
    return policy, old_policy, reward, clip[..., None]
