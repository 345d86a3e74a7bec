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
"""Updates for which `regime` follows a run that no theorem has settled yet."""


def contraction_threshold(eps: ArrayLike, alpha: ArrayLike = 1.0) -> Array:
    """Weight of the KL penalty above which the update contracts the whole log-odds line.

    The steepest slope of Omega is ``1 / (3 sqrt(3 eps) (1 + 4 eps))``. Divided by ``alpha`` it is
    the threshold: for a larger beta every reference has exactly one fixed point, and every run
    approaches it geometrically. At the threshold itself the largest slope is 1. With mean-only
    normalisation the threshold is 0.

    Args:
        eps: smoothing, at least 0, shape [...].
        alpha: share of the KL penalty that goes to the reference, in [0, 1], shape [...].

    Returns:
        The infimum of such beta, shape [...]; inf, as there is none, for ``eps = 0`` and for
        ``alpha = 0``.

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

    These are values of ``L_ref``, not states. Write ``c_1 <= c_2`` for the states at which the
    update has slope 1, and ``-d_2 <= -d_1`` for those at which it has slope -1: each boundary is
    the reference that has one of them as a fixed point.

    Attributes:
        fold: there are three fixed points strictly between these two, and one outside; shape
            [..., 2], NaN where there are never three. At the first, two of them merge at c_2, at
            the second at c_1. At ``eps = 0`` the first is -inf; below the second there are two
            fixed points inside (0, 1), above it none.
        flip: the lowest fixed point has a slope below -1, so that runs near it oscillate, strictly
            between these two; shape [..., 2], NaN where that never happens. At the first it is
            -d_2, at the second -d_1.

    Examples:
        >>> from grpo_lib import phase_boundaries
        >>> from scipy.special import expit
        >>> found = phase_boundaries(beta=1.0)
        >>> print(expit(found.fold).round(4), expit(found.flip).round(4))
        [0.     0.2562] [0.   0.01]
    """

    fold: Array
    flip: Array


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

    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        return PhaseBoundaries(between(alpha * beta, 1.0), between((2 - alpha) * beta, -1.0))


class Regime(IntEnum):
    """What becomes of a run that starts at the reference; the codes that `regime` returns.

    ``c_1 <= c_2`` are the states at which the update has slope 1, as in `PhaseBoundaries`.

    Examples:
        >>> from grpo_lib import Regime
        >>> print([(regime.value, regime.name) for regime in Regime])
        [(0, 'SETTLES'), (1, 'OSCILLATES'), (2, 'RUNS_TO_ONE'), (3, 'UNDECIDED')]
    """

    SETTLES = 0
    """It approaches the lowest fixed point, which is inside (0, 1) and does not exceed c_1."""
    OSCILLATES = 1
    """It approaches no fixed point. If there are several it stays below the second lowest."""
    RUNS_TO_ONE = 2
    """It approaches the fixed point from c_2 on; that is p = 1 for eps = 0 and for mirror."""
    UNDECIDED = 3
    """No theorem has settled it after `STEPS` updates; it has come to no rest so far."""


def regime(recurrence: Recurrence, *, L_ref: ArrayLike) -> np.ndarray:
    """Find out how the run from ``p_0 = p_ref`` ends, for every prompt.

    Let G be the update and ``x_1 < x_2`` its two lowest fixed points, ``x_2 = inf`` if there is
    only one. G rises up to the state ``-e_2``, falls to ``-e_1 <= 0`` and rises from there on; its
    values at these two are ``high`` and ``low``. (At ``alpha = 1`` or ``eps = 0``, -e_2 is -inf and
    high the limit there. If G rises everywhere, both states are -inf.) Below x_1, ``G(L) > L``, and
    between x_1 and x_2, ``G(L) < L``. Each verdict rests on one of these theorems:

    1. *x_1 lies above c_1.* Then it is the only fixed point, G rises from there on, and
       ``G(L) > L`` below it: the run approaches it and runs to one.
    2. *A state exceeds x_2.* G rises from x_2 on, so the rest of the run is monotone: it runs to
       one.
    3. *A state is closer to x_1 than the nearest state with slope -1 or 1.* Each update brings the
       run closer to x_1 by a factor below 1: it settles.
    4. *A state lies in the trap.* If ``low >= -e_2`` and ``G(low) <= x_2``, then G maps the trap,
       from low to x_2, into itself.

       - If the slope at x_1 is below -1, the run oscillates: x_1 and x_2 repel, so it approaches
         neither, unless it hits one exactly, which at most countably many starts do.
       - Otherwise, if ``x_1 >= -e_1``, G rises on the trap: the run is monotone and settles.
       - Otherwise, G falls on ``[low, -e_1]``, and its Schwarzian derivative is negative. (That of
         Omega is. Where ``Omega''' < 0``, the term ``(1 - alpha) L`` makes the slope of G smaller
         in size; elsewhere ``G' G''' <= 0``.) So where ``G(G(L))`` rises, its slope has no local
         minimum (Singer 1978). If ``G(low) > -e_1``, or if there were a 2-cycle in the interval,
         that slope would be at least 1 at a place on each side of x_1, and at most 1 at x_1. So
         G maps the interval into itself and has no 2-cycle there, and ``G(G(L))`` leads each
         state monotonically to x_1. Right of -e_1 a run falls until it is there: it settles.
    5. *No state can exceed x_2*, as ``high <= x_2``. A run below x_1 rises, hence reaches the trap
       if there is one, and 4 holds without following it. If there is none, a slope at x_1 below
       -1 still means that the run oscillates. And if G has no slope below -1, at all or on the
       states up to high, ``L + G(L)`` rises on an interval that G maps into itself. So there is no
       2-cycle, and every run there approaches a fixed point (Coppel 1955): it settles.

    From ``L_ref >= -e_2``, hence always at ``alpha = 1`` or ``eps = 0``, two updates decide. Then
    ``low > L_ref`` or ``L_ref >= -e_1``, so if ``L_1 <= x_2`` there is a trap and L_1 lies in it.

    What is left starts at ``L_ref < -e_2`` and is followed until 2, 3 or 4 holds, for at most
    `STEPS` updates: runs with ``high > x_2``, which rise to -e_2 and may jump over x_2 from there,
    and runs with ``low < -e_2`` and a slope at x_1 of -1 to 0. Undecided remain runs that wander
    or cycle outside every trap, next to states that would lead them over x_2, and those from a
    reference so far below what a double can hold as a probability that they are still on their
    way up. Rounding enters all comparisons: within rounding of the curves on which the regime
    changes, the sign that double precision gives decides.

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
        with np.errstate(over="ignore", invalid="ignore"):
            found[inner] = _regime(*(x[inner] for x in (L_ref, alpha, beta, eps)))
    return found.reshape(shape)


def _regime(L_ref: Array, alpha: Array, beta: Array, eps: Array) -> Array:
    """`regime` for mean and variance, alpha beta > 0 and finite references; shape [n]."""
    normalization = MeanVariance(eps)
    recurrence = Recurrence(beta, normalization, alpha)
    c_1, _ = normalization._turning_points(alpha * beta)  # slope 1
    d_1, d_2 = normalization._turning_points((2 - alpha) * beta)  # slope -1, at -d_1 and -d_2
    minimum, maximum = recurrence._extrema()
    x_1, x_2, _ = fixed_points(recurrence, L_ref=L_ref).log_odds.T
    x_2 = np.where(np.isnan(x_2), np.inf, x_2)

    radius = np.minimum(np.where(x_1 >= -d_1, x_1 + d_1, -d_2 - x_1), c_1 - x_1)
    low = recurrence._step(minimum, L_ref)
    high = np.where(eps == 0, np.inf, recurrence._step(maximum, L_ref))
    trap = (low >= maximum) & (recurrence._step(low, L_ref) <= x_2)
    ends = np.where(radius < 0, Regime.OSCILLATES, Regime.SETTLES)  # of a run that is caught
    everywhere = trap | (radius < 0) | np.isinf(d_1) | (high <= -d_2)
    caught_from = np.where((high <= x_2) & everywhere, -np.inf, np.where(trap, low, np.inf))

    found = np.full(L_ref.size, Regime.UNDECIDED)
    found[x_1 > c_1] = Regime.RUNS_TO_ONE
    (cells,) = np.nonzero(x_1 <= c_1)
    state = np.stack([L_ref, L_ref, x_1, x_2, radius, caught_from, alpha, beta, eps])[:, cells]
    ends, recurrence = ends[cells], None
    for _ in range(STEPS):
        L, L_ref, x_1, x_2, radius, caught_from, alpha, beta, eps = state
        runs = x_2 < L
        caught = ~runs & ((caught_from <= L) | (np.abs(L - x_1) < radius))
        done = runs | caught
        found[cells[caught]] = ends[caught]
        found[cells[runs]] = Regime.RUNS_TO_ONE
        if recurrence is None or done.any():  # go on with the others alone
            cells, ends, state = cells[~done], ends[~done], state[:, ~done]
            if not cells.size:
                break
            L, L_ref, *_, alpha, beta, eps = state
            recurrence = Recurrence(beta, MeanVariance(eps), alpha)
        state[0] = recurrence._step(L, L_ref)
    return found
