"""Where the iteration ends, as a function of its parameters: the phase diagram."""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import ArrayLike

from .dynamics import Recurrence, check_recurrence
from .equilibria import fixed_points
from .normalization import MeanVariance
from .records import Record
from .validation import Array, broadcastable, kl_weight, parameter, real_array

STEPS = 2000
"""Updates after which `regime` takes a run that is not at rest for one that oscillates."""


def contraction_threshold(eps: ArrayLike, alpha: ArrayLike = 1.0) -> Array:
    """Weight of the KL penalty above which the update contracts the whole log-odds line.

    The steepest slope of Omega is ``1 / (3 sqrt(3 eps) (1 + 4 eps))``. Divided by ``alpha`` it is
    the threshold: for a larger beta every reference has exactly one fixed point, and every run
    approaches it geometrically. With mean-only normalisation the threshold is 0.

    Args:
        eps: smoothing, at least 0, shape [...].
        alpha: share of the KL penalty that goes to the reference, in [0, 1], shape [...].

    Returns:
        The smallest such beta, shape [...]; inf for ``eps = 0`` and for ``alpha = 0``.

    Raises:
        ValueError: a parameter is out of its range or NaN, or they do not broadcast.

    Examples:
        >>> from grpo_lib import contraction_threshold
        >>> print(contraction_threshold(eps=[1e-5, 1.0]).round(4))
        [6.08556e+01 3.85000e-02]
        >>> print(contraction_threshold(eps=0.01, alpha=0.5).round(4))
        3.701
    """
    eps = parameter("eps", eps, at_least=0)
    alpha = parameter("alpha", alpha, at_least=0, at_most=1)
    broadcastable(eps=eps, alpha=alpha)
    with np.errstate(divide="ignore"):
        return 1 / (3 * np.sqrt(3 * np.asarray(eps)) * (1 + 4 * eps) * np.asarray(alpha))


@dataclass(frozen=True, eq=False)
class PhaseBoundaries(Record):
    """Log-odds of the reference between which the picture of the fixed points differs.

    Attributes:
        fold: there are three fixed points strictly between these two, and one outside; shape
            [..., 2], NaN where there are never three. At ``eps = 0`` the first is -inf; below the
            second there are two fixed points inside (0, 1), above it none.
        flip: the lowest fixed point has a slope below -1, so that runs near it oscillate, strictly
            between these two; shape [..., 2], NaN where that never happens.

    Examples:
        >>> from grpo_lib import phase_boundaries
        >>> from scipy.special import expit
        >>> found = phase_boundaries(beta=1.0)
        >>> print(expit(found.fold).round(4), expit(found.flip).round(4))
        [0.     0.2562] [0.   0.01]
    """

    fold: Array
    flip: Array


@np.errstate(divide="ignore", over="ignore", invalid="ignore")
def phase_boundaries(
    beta: ArrayLike, alpha: ArrayLike = 1.0, eps: ArrayLike = 1e-5
) -> PhaseBoundaries:
    """Find where fixed points merge (slope 1) and where the lowest one flips (slope -1).

    A fixed point L belongs to the reference ``L_ref = L - Omega(L) / (alpha beta)``. Its slope
    ``1 - alpha + Omega'(L) / beta`` is 1 where ``Omega'(L) = alpha beta`` and -1 where
    ``Omega'(-L) = (2 - alpha) beta``, since Omega' is odd. Either is a cubic with two roots in
    closed form, or none if the right-hand side exceeds the steepest slope of Omega. At ``eps = 0``
    they are ``L = 2 asinh(alpha beta)`` and ``L = -2 asinh((2 - alpha) beta)``, and the others at
    infinity.

    Args:
        beta: weight of the KL penalty, above 0, shape [...].
        alpha: share of the KL penalty that goes to the reference, in [0, 1], shape [...]. At 0 the
            reference plays no part and there are no boundaries.
        eps: smoothing of the mean-and-variance normalisation, at least 0, shape [...].

    Raises:
        ValueError: a parameter is out of its range or NaN, or they do not broadcast.

    Examples:
        >>> from grpo_lib import phase_boundaries
        >>> print(phase_boundaries(beta=[0.5, 1.0, 2.0], eps=0.0).fold.round(4))
        [[   -inf -3.5097]
         [   -inf -1.0657]
         [   -inf  0.6512]]
        >>> print(phase_boundaries(beta=100.0).flip)
        [nan nan]
    """
    beta = np.asarray(kl_weight(beta))
    alpha = np.asarray(parameter("alpha", alpha, at_least=0, at_most=1))
    eps = np.asarray(parameter("eps", eps, at_least=0))
    broadcastable(beta=beta, alpha=alpha, eps=eps)
    beta, alpha, eps = np.broadcast_arrays(beta, alpha, eps)
    normalization = MeanVariance(eps)

    def reference(L: Array) -> Array:
        """The reference that has the fixed point L; NaN if there is no L."""
        at = L - normalization._scale(L) / (alpha * beta)
        return np.where(np.isinf(L), np.where(eps == 0, -np.inf, np.nan), at)

    def between(slope: Array, sign: float) -> Array:
        near, far = normalization._turning_points(slope)
        ends = np.stack([reference(sign * far), reference(sign * near)], axis=-1)
        return np.where((alpha == 0)[..., None], np.nan, ends)

    return PhaseBoundaries(between(alpha * beta, 1.0), between((2 - alpha) * beta, -1.0))


class Regime(IntEnum):
    """What becomes of a run that starts at the reference; the codes that `regime` returns.

    Examples:
        >>> from grpo_lib import Regime
        >>> print([(regime.value, regime.name) for regime in Regime])
        [(0, 'SETTLES'), (1, 'OSCILLATES'), (2, 'RUNS_TO_ONE')]
    """

    SETTLES = 0
    """It approaches the lowest fixed point, which is inside (0, 1)."""
    OSCILLATES = 1
    """It stays below the highest fixed point and approaches none."""
    RUNS_TO_ONE = 2
    """It approaches the fixed point above the fold; that is p = 1 for eps = 0 and for mirror."""


@np.errstate(divide="ignore", over="ignore", invalid="ignore")
def regime(recurrence: Recurrence, *, L_ref: ArrayLike) -> np.ndarray:
    """Find out how the run from ``p_0 = p_ref`` ends, for every prompt.

    Let ``x_1 < x_2`` be the two lowest fixed points. A run is followed until one of these settles
    the matter for good:

    1. There is no fixed point below the fold. Then the only one lies where the update rises,
       there are no cycles, and the run goes there.
    2. A state lies above x_2, where the update rises: from there on the run is monotone and goes to
       the fixed point above the fold.
    3. ``|L - x_1|`` is so small that the slope stays in (-1, 1) from there to x_1 and as far on the
       other side. Each update brings the run closer to x_1. Or x_1 and L are both positive and L
       is below x_2: the run goes to x_1 monotonically.
    4. The slope at x_1 is below -1, and the state lies between ``low``, the update's value at its
       local minimum, and x_2, and the update maps this interval into itself. (It does if its values
       left of the minimum do not exceed x_2.) The run cannot leave, and it can end at the repelling
       x_1 only by hitting it exactly, which at most countably many starts do.

    A run of which none of these holds within `STEPS` updates counts as oscillating. That is a
    numerical verdict: the run may converge very slowly, next to a flip, or leave after a very long
    transient.

    Args:
        recurrence: the iteration.
        L_ref: log-odds of the reference, shape [...].

    Returns:
        Codes of `Regime`, shape [...]. A reference of -inf, absorbing, settles.

    Raises:
        ValueError: ``L_ref`` is NaN or does not broadcast with the recurrence's parameters.

    Examples:
        >>> from grpo_lib import Recurrence, Regime, regime
        >>> from scipy.special import logit
        >>> found = regime(Recurrence(beta=[0.5, 1.25, 5.0]), L_ref=logit([[0.007], [0.2]]))
        >>> print(found)
        [[2 1 0]
         [2 0 0]]
        >>> print(Regime(found[0, 1]).name)
        OSCILLATES
    """
    L_ref = real_array("L_ref", L_ref)
    shape = check_recurrence(recurrence)._shape(L_ref=L_ref)
    L_ref, alpha, beta = (
        np.broadcast_to(x, shape).ravel() for x in (L_ref, recurrence.alpha, recurrence.beta)
    )
    found = np.full(L_ref.size, Regime.SETTLES)
    b = alpha * beta
    found[(L_ref == np.inf) | ((b == 0) & (L_ref > -np.inf))] = Regime.RUNS_TO_ONE
    if isinstance(recurrence.normalization, MeanVariance):
        eps = np.broadcast_to(recurrence.normalization.eps, shape).ravel()
        inner = (b > 0) & np.isfinite(L_ref)
        found[inner] = _regime(*(x[inner] for x in (L_ref, alpha, beta, eps)))
    return found.reshape(shape)


def _regime(L_ref: Array, alpha: Array, beta: Array, eps: Array) -> Array:
    """`regime` for mean and variance, alpha beta > 0 and finite references; shape [n]."""
    normalization = MeanVariance(eps)
    recurrence = Recurrence(beta, normalization, alpha)
    c_1, c_2 = normalization._turning_points(alpha * beta)  # slope 1
    d_1, d_2 = normalization._turning_points((2 - alpha) * beta)  # slope -1, at -d_1 and -d_2
    minimum, maximum = recurrence._extrema()
    x_1, x_2, _ = fixed_points(recurrence, L_ref=L_ref).log_odds.T
    x_2 = np.where(x_2 <= c_2, x_2, np.inf)

    radius = np.minimum(np.where(x_1 > -d_1, x_1 + d_1, -d_2 - x_1), c_1 - x_1)
    low = recurrence._step(minimum, L_ref)
    closed = (radius < 0) & (recurrence._step(np.maximum(low, maximum), L_ref) <= x_2)

    found = np.full(L_ref.size, Regime.OSCILLATES)
    found[x_1 > c_1] = Regime.RUNS_TO_ONE
    (cells,) = np.nonzero(x_1 <= c_1)
    state = np.stack([L_ref, L_ref, x_1, x_2, radius, low, alpha, beta, eps])[:, cells]
    closed, recurrence = closed[cells], None
    for _ in range(STEPS):
        L, L_ref, x_1, x_2, radius, low, alpha, beta, eps = state
        runs = x_2 < L
        settles = (np.abs(L - x_1) < radius) | ((x_1 >= 0) & (L >= 0) & (x_2 > L))
        done = runs | settles | (closed & (low <= L) & (x_2 >= L))
        found[cells[settles]] = Regime.SETTLES
        found[cells[runs]] = Regime.RUNS_TO_ONE
        if recurrence is None or done.any():  # go on with the others alone
            cells, closed, state = cells[~done], closed[~done], state[:, ~done]
            if not cells.size:
                break
            L, L_ref, *_, alpha, beta, eps = state
            recurrence = Recurrence(beta, MeanVariance(eps), alpha)
        state[0] = recurrence._step(L, L_ref)
    return found
