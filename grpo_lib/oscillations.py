"""Runs that never settle: cycles of the update, and how fast neighbours part."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit

from .arithmetic import Doubles, infinities
from .equilibria import fixed_points
from .maps import Map, check_map
from .records import Record
from .rounding import orbit_bound
from .validation import Array, real_array, require, whole

POINTS = 50_001
"""Points of the grid on which `cycles` looks for changes of sign."""


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


def cycles(recurrence: Map, *, L_ref: ArrayLike, period: int) -> Cycles:
    """Find the cycles of one prompt that have this least period.

    From period 2 on the lowest state of a cycle lies between ``low``, the value of the update G at
    its local minimum, and the lowest fixed point: from there up to the middle one, G lowers every
    state, and G only falls below ``low`` where it raises states that are below the lowest fixed
    point already. On this interval ``G^period(L) - L`` is computed on a grid of `POINTS` points,
    and each change of sign is refined.

    A sign counts where `grpo_lib.rounding.orbit_bound` says that no rounding can turn it. If a
    shorter period changes sign between the same two points, the change is that of a shorter cycle.
    So no cycle is made of rounding, and two may be missed that are closer to each other, or a
    cycle that is closer to a shorter one, than the grid or than rounding lets see: those that were
    just born. `grpo_lib.certified.cycle` proves those that are found.

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
    check_map(recurrence).require_scalars()
    if period == 1:
        starts = fixed_points(recurrence, L_ref=L_ref).log_odds
        starts = starts[np.isfinite(starts)]
    else:
        starts = _lowest_states(recurrence, L_ref, period)
    states = _orbits(recurrence, L_ref, starts, period - 1)
    return Cycles(states, np.prod(recurrence.slope(L=states), axis=1))


def _orbits(recurrence: Map, L_ref: Array, starts: Array, steps: int) -> Array:
    """The starts and the states after 1 to ``steps`` updates, shape [n, steps + 1]."""
    states = [starts]
    with infinities():
        for _ in range(steps):
            states.append(recurrence.update(Doubles(states[-1]), L_ref=L_ref))
    return np.stack(states, axis=1)


def _lowest_states(recurrence: Map, L_ref: Array, period: int) -> Array:
    """The lowest state of every cycle of this period, at least 2, in ascending order; shape [n]."""
    from scipy.optimize.elementwise import find_root  # slow to import, and needed here alone

    _, minimum = recurrence.slope_points(0)
    lowest = fixed_points(recurrence, L_ref=L_ref).log_odds[0]
    if np.isinf(lowest) or np.isinf(minimum):
        return np.empty(0)  # every update raises L, or the update rises everywhere
    grid = np.linspace(recurrence.step(L=minimum, L_ref=L_ref), lowest, POINTS)

    path = _orbits(recurrence, L_ref, grid, period).T
    returns = path - grid
    sign = np.sign(returns)
    sign[np.abs(returns) <= orbit_bound(recurrence, L=path, L_ref=L_ref)] = 0
    (certain,) = np.nonzero(sign[period])
    left, right = certain[:-1], certain[1:]
    # The fixed point at the grid's end has no sign, so what is shorter has at least two states.
    shorter = [d for d in range(2, period) if period % d == 0]
    change = sign[period, left] != sign[period, right]
    change &= np.all(sign[shorter][:, left] * sign[shorter][:, right] == 1, axis=0)

    def gap(L: Array) -> Array:
        return recurrence.iterate(L_ref=L_ref, steps=period, L_0=L) - L

    roots = find_root(gap, (grid[left[change]], grid[right[change]])).x
    states = _orbits(recurrence, L_ref, roots, period - 1)
    return roots[states.argmin(axis=1) == 0]


def lyapunov_exponent(
    recurrence: Map,
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
    L = check_map(recurrence).iterate(L_ref=L_ref, steps=transient, L_0=L_0)
    total = np.zeros_like(L)
    with infinities():
        for _ in range(steps):
            at = Doubles(L)
            total += np.log(np.abs(recurrence.update_slope(at)))
            L = recurrence.update(at, L_ref=L_ref)
    return total / steps
