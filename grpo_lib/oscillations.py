"""Runs that never settle: cycles of the update, and how fast neighbours part."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize.elementwise import find_root
from scipy.special import expit

from .dynamics import Recurrence, check_recurrence
from .equilibria import fixed_points
from .records import Record
from .validation import Array, real_array, require, whole

POINTS = 200_001
"""Points of the grid on which `cycles` looks for changes of sign."""

SAME = 1e-6
"""Log-odds that differ by less are one state: a cycle is not taken for one of a longer period."""


@dataclass(frozen=True, eq=False)
class Cycles(Record):
    """Cycles of one period.

    Attributes:
        log_odds: states in their order, the lowest first, shape [cycles, period].
        multiplier: product of the slopes along each cycle, shape [cycles]. A cycle attracts if its
            absolute value is below 1 and repels if it is above 1.

    Examples:
        >>> from grpo_lib import Recurrence, cycles
        >>> from scipy.special import logit
        >>> found = cycles(Recurrence(beta=5.0), L_ref=logit(0.001), period=2)
        >>> print(found.probability.round(5), found.multiplier.round(3))
        [[0.00234 0.05872]] [0.769]
    """

    log_odds: Array
    multiplier: Array

    @property
    def probability(self) -> Array:
        """Probability of success at the states, shape [cycles, period]."""
        return expit(self.log_odds)


def cycles(recurrence: Recurrence, *, L_ref: float, period: int) -> Cycles:
    """Find the cycles of one prompt that have this least period.

    From period 2 on the lowest state of a cycle lies between ``low``, the value of the update G at
    its local minimum, and the lowest fixed point: from there up to the middle one, G lowers every
    state, and G only falls below ``low`` where it raises states that are below the lowest fixed
    point already. On this interval ``G^period(L) - L`` is computed on a grid of `POINTS` points,
    and each change of sign is refined. Two cycles that are closer to each other than the grid, as
    right after they were born in a fold, may be missed: `grpo_lib.certified.cycle` proves those
    that are found.

    Args:
        recurrence: the iteration, with scalar parameters.
        L_ref: log-odds of the reference.
        period: number of states, at least 1.

    Returns:
        The cycles, ordered by their lowest state; for period 1 those of `fixed_points` with finite
        log-odds.

    Raises:
        ValueError: ``L_ref`` is not finite, ``period`` is not a whole number of at least 1, or a
            parameter is an array.

    Examples:
        >>> from grpo_lib import Recurrence, cycles
        >>> from scipy.special import logit
        >>> for period in 1, 2, 3, 4:
        ...     found = cycles(Recurrence(beta=1.0), L_ref=logit(1e-3), period=period)
        ...     print(period, len(found.multiplier))
        1 3
        2 1
        3 2
        4 3
    """
    L_ref = real_array("L_ref", L_ref)
    require(np.isfinite(L_ref), "L_ref", L_ref, "finite")
    require(L_ref.ndim == 0, "L_ref", L_ref, "a single number")
    period = whole("period", period, at_least=1)
    check_recurrence(recurrence)._require_scalars()
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        if period == 1:
            starts = fixed_points(recurrence, L_ref=L_ref).log_odds
            starts = starts[np.isfinite(starts)]
        else:
            starts = _lowest_states(recurrence, L_ref, period)
        states = _orbits(recurrence, L_ref, starts, period - 1)
        return Cycles(states, np.prod(recurrence._slope(states), axis=1))


def _orbits(recurrence: Recurrence, L_ref: Array, starts: Array, steps: int) -> Array:
    """The starts and the states after 1 to ``steps`` updates, shape [n, steps + 1]."""
    states = [starts]
    for _ in range(steps):
        states.append(recurrence._step(states[-1], L_ref))
    return np.stack(states, axis=1)


def _lowest_states(recurrence: Recurrence, L_ref: Array, period: int) -> Array:
    """The lowest state of every cycle of this period, at least 2, in ascending order; shape [n]."""
    minimum, _ = recurrence._extrema()
    lowest = fixed_points(recurrence, L_ref=L_ref).log_odds[0]
    if np.isinf(lowest) or np.isinf(minimum):
        return np.empty(0)  # every update raises L, or the update rises everywhere
    grid = np.linspace(recurrence._step(minimum, L_ref), lowest, POINTS)

    def gap(L: Array) -> Array:
        return recurrence.iterate(L_ref=L_ref, steps=period, L_0=L) - L

    sign = np.sign(gap(grid))
    (change,) = np.nonzero(sign[:-1] * sign[1:] < 0)
    roots = find_root(gap, (grid[change], grid[change + 1])).x
    states = _orbits(recurrence, L_ref, roots, period - 1)
    shorter = [d for d in range(1, period) if period % d == 0]
    lasts = np.all(np.abs(states[:, shorter] - states[:, :1]) > SAME, axis=1)
    return roots[lasts & (states.argmin(axis=1) == 0)]


def lyapunov_exponent(
    recurrence: Recurrence,
    *,
    L_ref: ArrayLike,
    steps: int,
    transient: int,
    L_0: ArrayLike | None = None,
) -> Array:
    """Mean rate at which two neighbouring runs part, the average of ``log |dL_n / dL_{n-1}|``.

    It is below 0 on a run that approaches an attracting fixed point or cycle, and above 0 where the
    run depends sensitively on its start.

    Args:
        recurrence: the iteration.
        L_ref: log-odds of the reference, shape [...].
        steps: number of updates that are averaged, at least 1.
        transient: number of updates before, which are not.
        L_0: log-odds of the first policy, shape [...]; the reference's if left out.

    Returns:
        The average in natural logarithms per update, shape [...]; -inf for a run that meets a slope
        of 0, NaN for one that leaves the finite numbers.

    Raises:
        ValueError: as in `Recurrence.iterate`, or ``steps`` is 0.

    Examples:
        >>> from grpo_lib import Recurrence, lyapunov_exponent
        >>> from scipy.special import logit
        >>> exponents = lyapunov_exponent(
        ...     Recurrence(beta=5.0), L_ref=logit([0.2, 1e-3]), steps=1000, transient=100
        ... )
        >>> print(exponents.round(3))
        [-2.327 -0.132]
    """
    steps = whole("steps", steps, at_least=1)
    transient = whole("transient", transient, at_least=0)
    L_ref = real_array("L_ref", L_ref)
    L = check_recurrence(recurrence).iterate(L_ref=L_ref, steps=transient, L_0=L_0)
    total = np.zeros_like(L)
    with np.errstate(divide="ignore", invalid="ignore"):
        for _ in range(steps):
            total += np.log(np.abs(recurrence._slope(L)))
            L = recurrence._step(L, L_ref)
    return total / steps
