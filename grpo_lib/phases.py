"""Where the iteration ends, as a function of its parameters: the phase diagram."""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import ArrayLike

from .arithmetic import Doubles, infinities
from .elementwise import until_done
from .equilibria import fixed_points
from .maps import Map, check_map
from .normalization import Normalization, check_normalization
from .records import Record
from .validation import Array, Indices, Mask, parameter, real_array

STEPS = 2000
"""Updates for which `regime` follows a run that no theorem has settled yet."""


def contraction_threshold(normalization: Normalization, alpha: ArrayLike = 1.0) -> Array:
    """Weight of the KL penalty above which the update contracts the whole log-odds line.

    It is the steepest slope of Omega, ``1 / (3 sqrt(3 eps) (1 + 4 eps))`` with `MeanVariance`,
    divided by ``alpha``. For a larger beta every reference has exactly one fixed point, and every
    run approaches it geometrically. At the threshold itself the largest slope is 1. With
    `MeanOnly` the threshold is 0.

    Args:
        normalization: how rewards become advantages, with parameters of shape [...].
        alpha: share of the KL penalty that goes to the reference, in [0, 1], shape [...].

    Returns:
        The infimum of such beta, shape [...]; inf, as there is none, for an Omega without upper
        bound and for ``alpha = 0``.

    Raises:
        ValueError: a parameter is out of its range or NaN, or they do not broadcast.

    Examples:
        >>> from grpo_lib import MeanDeviation, MeanVariance, contraction_threshold
        >>> print(contraction_threshold(MeanVariance(eps=[1e-5, 1.0])).round(4))
        [6.08556e+01 3.85000e-02]
        >>> print(contraction_threshold(MeanVariance(eps=0.01), alpha=0.5).round(4))
        3.701
        >>> print(contraction_threshold(MeanDeviation(delta=1e-4)).round(4))
        1250.0
    """
    normalization = check_normalization(normalization)
    alpha = np.asarray(parameter("alpha", alpha, at_least=0, at_most=1))
    normalization.shape(alpha=alpha)
    steepest = normalization.steepest_slope()
    with infinities():
        return np.where(alpha == 0, np.inf, steepest / alpha)


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
        >>> from grpo_lib import Recurrence, phase_boundaries
        >>> from scipy.special import expit
        >>> found = phase_boundaries(Recurrence(beta=1.0))
        >>> print(expit(found.fold).round(4), expit(found.flip).round(4))
        [0.     0.2562] [0.   0.01]
    """

    fold: Array
    flip: Array


def phase_boundaries(recurrence: Map) -> PhaseBoundaries:
    """Find where fixed points merge (slope 1) and where the lowest one flips (slope -1).

    A fixed point L belongs to the reference ``L_ref = L - Omega(L) / (alpha beta)``. Its slope
    ``1 - alpha + Omega'(L) / beta`` is 1 where ``Omega'(L) = alpha beta`` and -1 where
    ``Omega'(L) = -(2 - alpha) beta``. Either has two solutions, or none if the right-hand side
    exceeds the steepest slope of Omega. For `MeanVariance` they are the roots of a cubic in closed
    form. At ``eps = 0`` they are ``2 asinh(alpha beta)`` and ``-2 asinh((2 - alpha) beta)``, and
    the others at infinity.

    Args:
        recurrence: the iteration. At ``alpha = 0`` the reference plays no part and there are no
            boundaries.

    Examples:
        >>> from grpo_lib import MeanVariance, Recurrence, phase_boundaries
        >>> bare = Recurrence(beta=[0.5, 1.0, 2.0], normalization=MeanVariance(eps=0.0))
        >>> print(phase_boundaries(bare).fold.round(4))
        [[   -inf -3.5097]
         [   -inf -1.0657]
         [   -inf  0.6512]]
        >>> print(phase_boundaries(Recurrence(beta=100.0)).flip)
        [nan nan]
    """
    shape = check_map(recurrence).shape()
    normalization, b, mirror = recurrence.balance()
    unbounded = np.isinf(normalization.bounds()[1])

    def ends(states: tuple[Array, Array]) -> Array:
        """The references that have these fixed points, ascending; NaN if there are none."""
        references = []
        for L in states:
            at = L - normalization.omega(Doubles(L)) / b
            at = np.where(np.isinf(L), np.where(unbounded, -np.inf, np.nan), at)
            references.append(np.broadcast_to(np.where(mirror, np.nan, at), shape))
        return np.stack(references, axis=-1)

    with infinities():
        near, far = recurrence.slope_points(1)
        return PhaseBoundaries(fold=ends((far, near)), flip=ends(recurrence.slope_points(-1)))


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
    """It approaches the fixed point from c_2 on, p = 1 for mirror and for an unbounded Omega."""
    UNDECIDED = 3
    """No theorem has settled it after `STEPS` updates; it has come to no rest so far."""


def regime(recurrence: Map, *, L_ref: ArrayLike) -> np.ndarray:
    """Find out how the run from ``p_0 = p_ref`` ends, for every prompt.

    Let G be the update and ``x_1 < x_2`` its two lowest fixed points, ``x_2 = inf`` if there is
    only one. G rises up to the state ``-e_2``, falls to ``-e_1`` and rises from there on; its
    values at these two are ``high`` and ``low``. (At ``alpha = 1``, or if Omega has no upper bound,
    -e_2 is -inf and high the limit there. If G rises everywhere, both states are -inf.) Below x_1,
    ``G(L) > L``, and between x_1 and x_2, ``G(L) < L``. Each verdict rests on one of these
    theorems:

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
         Omega is, as the normalisation declares. Where ``Omega''' < 0``, the term ``(1 - alpha) L``
         makes the slope of G smaller in size; elsewhere ``G' G''' <= 0``.) So where ``G(G(L))``
         rises, its slope has no local minimum (Singer 1978). If ``G(low) > -e_1``, or if there were
         a 2-cycle in the interval, that slope would be at least 1 at a place on each side of x_1,
         and at most 1 at x_1. So G maps the interval into itself and has no 2-cycle there, and
         ``G(G(L))`` leads each state monotonically to x_1. Right of -e_1 a run falls until it is
         there: it settles.
    5. *No state can exceed x_2*, as ``high <= x_2``. A run below x_1 rises, hence reaches the trap
       if there is one, and 4 holds without following it. If there is none, a slope at x_1 below
       -1 still means that the run oscillates. And if G has no slope below -1, at all or on the
       states up to high, ``L + G(L)`` rises on an interval that G maps into itself. So there is no
       2-cycle, and every run there approaches a fixed point (Coppel 1955): it settles.

    From ``L_ref >= -e_2``, hence always at ``alpha = 1`` or without upper bound of Omega, two
    updates decide. Then ``low > L_ref`` or ``L_ref >= -e_1``, so if ``L_1 <= x_2`` there is a trap
    and L_1 lies in it.

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
        NotImplementedError: the map or its normalisation does not declare what this rests on.

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
    shape = check_map(recurrence).shape(L_ref=L_ref)
    flat = recurrence.cells(shape, slice(None))
    L_ref = np.broadcast_to(L_ref, shape).reshape(-1)
    with infinities():
        b = np.broadcast_to(flat.balance()[1], L_ref.shape)
        found = np.full(L_ref.size, Regime.SETTLES)
        found[(L_ref == np.inf) | ((b == 0) & (L_ref > -np.inf))] = Regime.RUNS_TO_ONE
        inner = (b > 0) & np.isfinite(L_ref)
        found[inner] = _regime(flat.cells(b.shape, inner), L_ref[inner])
    return found.reshape(shape)


def _regime(recurrence: Map, L_ref: Array) -> Array:
    """`regime` for finite references and fixed points that depend on them; shape [n]."""
    normalization, _, _ = recurrence.balance()
    normalization.negative_schwarzian()  # theorem 4 needs it
    unbounded = np.isinf(normalization.bounds()[1])
    c_1, _ = recurrence.slope_points(1)
    before, after = recurrence.slope_points(-1)  # -d_2 and -d_1
    maximum, minimum = recurrence.slope_points(0)
    x_1, x_2, _ = fixed_points(recurrence, L_ref=L_ref).log_odds.T
    x_2 = np.where(np.isnan(x_2), np.inf, x_2)

    def step(L: Array) -> Array:
        return recurrence.update(Doubles(np.broadcast_to(L, L_ref.shape)), L_ref=L_ref)

    radius = np.minimum(np.where(x_1 >= after, x_1 - after, before - x_1), c_1 - x_1)
    low, high = step(minimum), np.where(unbounded, np.inf, step(maximum))
    trap = (low >= maximum) & (step(low) <= x_2)
    ends = np.where(radius < 0, Regime.OSCILLATES, Regime.SETTLES)  # of a run that is caught
    everywhere = trap | (radius < 0) | np.isinf(after) | (high <= before)
    caught_from = np.where((high <= x_2) & everywhere, -np.inf, np.where(trap, low, np.inf))

    found = np.full(L_ref.size, Regime.UNDECIDED)
    found[x_1 > c_1] = Regime.RUNS_TO_ONE
    (followed,) = np.nonzero(x_1 <= c_1)

    def advance(
        recurrence: Map,
        cells: Indices,
        L: Array,
        L_ref: Array,
        x_1: Array,
        x_2: Array,
        radius: Array,
        caught_from: Array,
    ) -> tuple[Mask, list[Array]]:
        runs = x_2 < L
        caught = ~runs & ((caught_from <= L) | (np.abs(L - x_1) < radius))
        found[followed[cells[caught]]] = ends[followed[cells[caught]]]
        found[followed[cells[runs]]] = Regime.RUNS_TO_ONE
        following = recurrence.update(Doubles(L), L_ref=L_ref)
        return runs | caught, [following, L_ref, x_1, x_2, radius, caught_from]

    state = [array[followed] for array in (L_ref, L_ref, x_1, x_2, radius, caught_from)]
    until_done(advance, recurrence.cells(L_ref.shape, followed), state, most=STEPS)
    return found
