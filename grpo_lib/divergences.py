"""Distances between policies: Kullback-Leibler, total variation, Renyi."""

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import logsumexp, rel_entr

from .validation import Array, broadcastable, distribution, parameter, same_outcomes


def kl_divergence(a: ArrayLike, b: ArrayLike) -> Array:
    """KL(a || b) = sum of a log(a / b), in nats.

    Args:
        a: first policy, shape [..., outcomes].
        b: second policy, shape [..., outcomes].

    Returns:
        The divergence, shape [...]; +inf where ``a`` has mass outside the support of ``b``.

    Raises:
        ValueError: a policy is not a distribution, or shapes do not fit.

    Examples:
        >>> from grpo_lib import kl_divergence
        >>> print(kl_divergence([0.5, 0.5], [0.25, 0.75]).round(6))
        0.143841
        >>> print(kl_divergence([0.5, 0.5], [1.0, 0.0]))
        inf
    """
    a, b = _check(a, b)
    return np.sum(rel_entr(a, b), axis=-1)


def total_variation(a: ArrayLike, b: ArrayLike) -> Array:
    """TV(a, b): half the L1 distance, the largest gap between the probabilities of an event.

    Args:
        a: first policy, shape [..., outcomes].
        b: second policy, shape [..., outcomes].

    Returns:
        The distance in [0, 1], shape [...].

    Raises:
        ValueError: a policy is not a distribution, or shapes do not fit.

    Examples:
        >>> from grpo_lib import total_variation
        >>> print(total_variation([0.5, 0.5], [0.25, 0.75]))
        0.25
    """
    a, b = _check(a, b)
    return np.sum(np.abs(a - b), axis=-1) / 2


def renyi_divergence(a: ArrayLike, b: ArrayLike, alpha: ArrayLike) -> Array:
    """D_alpha(a || b) = log(sum of a^alpha b^(1 - alpha)) / (alpha - 1), in nats; Lemma 3.

    Args:
        a: first policy, shape [..., outcomes].
        b: second policy, shape [..., outcomes].
        alpha: order, in [0, 1], shape [...]; at 1 the divergence is KL(a || b), at 0 it is minus
            the log of the mass that ``b`` puts on the support of ``a``.

    Returns:
        The divergence, shape [...]; +inf where the two policies share no outcome, and at order 1
        where ``a`` has mass outside the support of ``b``.

    Raises:
        ValueError: a policy is not a distribution, ``alpha`` is outside [0, 1], or shapes do not
            fit.

    Examples:
        >>> from grpo_lib import renyi_divergence
        >>> print(renyi_divergence([0.5, 0.5], [0.25, 0.75], alpha=[0.5, 1.0]).round(6))
        [0.069336 0.143841]
    """
    a, b = _check(a, b)
    alpha = np.asarray(parameter("alpha", alpha, at_least=0, at_most=1))
    broadcastable(a=a[..., 0], b=b[..., 0], alpha=alpha)
    weight = (1 - alpha)[..., None]
    with np.errstate(divide="ignore", invalid="ignore"):
        log_ratio = np.where(a > 0, np.log(b) - np.log(a), -np.inf)
        # The log of the sum of a (b/a)^(1 - alpha). A sum close to 1 keeps its digits if its
        # difference from 1 is summed instead.
        log_sum = logsumexp(weight * log_ratio, b=a, axis=-1)
        change = np.sum(a * np.expm1(weight * log_ratio), axis=-1)
        log_sum = np.where(change > -0.5, np.log1p(change), log_sum)
        return np.where(alpha == 1, np.sum(rel_entr(a, b), axis=-1), log_sum / (alpha - 1))


def _check(a: ArrayLike, b: ArrayLike) -> tuple[Array, Array]:
    a, b = distribution("a", a), distribution("b", b)
    same_outcomes(a=a, b=b)
    return a, b
