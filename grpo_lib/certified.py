"""Fixed points and cycles in ball arithmetic: results that hold with every rounding error included.

Needs python-flint, which the rest of the package does not. A real number is a ball (``arb``): a
midpoint and a radius that together are sure to contain it.

Parameters mean the decimals they are written as: ``beta=0.1`` is one tenth, not the double next to
it. A recurrence keeps doubles, so one third becomes the decimal 0.3333333333333333 there.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from numbers import Rational

import numpy as np
from numpy.typing import ArrayLike

from .arithmetic import State
from .maps import Map, check_map
from .validation import real_array, require, whole

try:
    from flint import arb, ctx
except ImportError as error:
    raise ImportError("grpo_lib.certified needs python-flint: pip install python-flint") from error

BITS = 256
"""Precision of the midpoints that enclosures are computed with."""

RADII = tuple(2.0**-k for k in range(1, 100, 3))
"""Radii, in log-odds, of the balls in which uniqueness is tried, the largest first."""

POLISHING = 60
"""Newton steps from the approximate cycle to one that is good to all bits."""

PIECES = 100_000
"""Number of pieces after which `lower_bound` gives up."""


@dataclass(frozen=True)
class Cycle:
    """A cycle of a recurrence that is proved to exist; a fixed point is a cycle of period 1.

    If nothing could be proved every ball is NaN and `is_finite` is false.

    Attributes:
        log_odds: balls that contain the states, in their order.
        multiplier: ball that contains the product of the slopes along the cycle. The cycle
            attracts if its absolute value is below 1 and repels if it is above 1.
        radius: in log-odds. As far as this from the midpoint of the first state's ball,
            ``G^period(L) - L`` is strictly monotone, where G is the update. So the cycle is the
            only one of its period, or of a period that divides it, with a state this close.

    Examples:
        >>> from grpo_lib import Recurrence
        >>> from grpo_lib.certified import cycle
        >>> print(cycle(Recurrence(beta=5.0), p_ref=0.2, near=-1.0))
        p in [0.280660032780 +/- 3.61e-13]; multiplier in [-0.0976243 +/- 4.27e-8]
    """

    log_odds: tuple[arb, ...]
    multiplier: arb
    radius: float

    @property
    def probability(self) -> tuple[arb, ...]:
        """Balls that contain the probabilities of success."""
        with ctx.workprec(BITS):
            return tuple(sigma(L) for L in self.log_odds)

    def is_finite(self) -> bool:
        """Whether the cycle is proved to exist and to be unique in the ball.

        Examples:
            >>> from grpo_lib import Recurrence
            >>> from grpo_lib.certified import cycle
            >>> print(cycle(Recurrence(beta=5.0), p_ref=0.2, near=-1.0, period=2).is_finite())
            False
        """
        return self.multiplier.is_finite() and all(L.is_finite() for L in self.log_odds)

    def __str__(self) -> str:
        """Return the states as probabilities, near 1 as their complement, and the multiplier."""
        states = (
            f"p in {sigma(L).str(12)}" if L < 20 else f"1 - p in {sigma(-L).str(6)}"
            for L in self.log_odds
        )
        return f"{', '.join(states)}; multiplier in {self.multiplier.str(6)}"


def number(value: float | str | Rational) -> arb:
    """Ball that contains the decimal, or the fraction, which ``value`` is written as.

    Raises:
        ValueError: the value is not a finite number.

    Examples:
        >>> from grpo_lib.certified import number
        >>> from fractions import Fraction
        >>> print((3 * number(0.1)).overlaps(number(0.3)), 3 * 0.1 == 0.3)
        True False
        >>> print((3 * number(Fraction(1, 3))).contains(number(1)))
        True
    """
    if isinstance(value, Rational):
        return arb(int(value.numerator)) / int(value.denominator)
    try:
        ball = arb(str(value))
    except ValueError:
        ball = arb.nan()
    require(ball.is_finite(), "value", value, "a finite number")
    return ball


def sigma(L: arb) -> arb:
    """Probability with log-odds L.

    Examples:
        >>> from grpo_lib.certified import number, sigma
        >>> print(sigma(number(0)).str(5))
        0.50000
    """
    return 1 / (1 + (-L).exp())


def logit(p: float | str | Rational | arb) -> arb:
    """Log-odds of a probability strictly between 0 and 1.

    Raises:
        ValueError: the probability is not a number, or 0 or 1.

    Examples:
        >>> from grpo_lib.certified import logit, number, sigma
        >>> print(sigma(logit(0.2)).contains(number(0.2)))
        True
    """
    p = p if isinstance(p, arb) else number(p)
    require(bool(p > 0 and p < 1), "p", p, "a probability strictly between 0 and 1")
    return (p / (1 - p)).log()


class Balls(State):
    """A state whose log-odds lie in a ball; see `grpo_lib.arithmetic.State`.

    Examples:
        >>> from grpo_lib.certified import Balls, number
        >>> print(Balls(number(0)).deviation.str(5))
        0.50000
    """

    def __init__(self, L: arb) -> None:
        """Take a ball of log-odds."""
        self.L = L

    @property
    def p(self) -> arb:
        """The probability of success."""
        return sigma(self.L)

    @property
    def q(self) -> arb:
        """The probability of failure, 1 - p."""
        return sigma(-self.L)

    @property
    def deviation(self) -> arb:
        """sqrt(p q); it falls with the size of L, so its ends are at those of the size."""
        low, high = (1 / (2 * (L / 2).cosh()) for L in (self.L.abs_upper(), self.L.abs_lower()))
        return low.union(high)

    @property
    def tanh(self) -> arb:
        """The difference p - q."""
        return (self.L / 2).tanh()

    def number(self, parameter: float | str | Rational) -> arb:
        """The decimal that the parameter is written as."""
        return number(parameter)

    def constant(self, value: int) -> arb:
        """The constant."""
        return arb(value)

    def elsewhere(self, *, L: arb) -> "Balls":
        """A state at other log-odds."""
        return Balls(L)

    def asinh(self, x: arb) -> arb:
        """The inverse hyperbolic sine."""
        return x.asinh()

    def sqrt(self, x: arb) -> arb:
        """The square root."""
        return x.sqrt()

    def hypot(self, x: arb, y: arb) -> arb:
        """The root of ``x^2 + y^2``; it grows with either size, so its ends are at theirs."""
        low = (x.abs_lower() ** 2 + y.abs_lower() ** 2).sqrt()
        return low.union((x.abs_upper() ** 2 + y.abs_upper() ** 2).sqrt())

    def up_to_1(self, x: arb) -> arb:
        """``x``."""
        return x

    def between(self, alpha: arb, other: arb) -> arb:
        """``alpha other + (1 - alpha) L``."""
        return alpha * other + (1 - alpha) * self.L

    def push(self, anchor: arb, by: arb) -> arb:
        """``anchor + by``."""
        return anchor + by

    def mixed(self, of_success: arb, of_failure: arb) -> "Balls":
        """The state of probability ``of_success p + of_failure q``, monotone in L."""
        low, high = (
            (
                (of_success * at.p + of_failure * at.q)
                / ((1 - of_success) * at.p + (1 - of_failure) * at.q)
            ).log()
            for at in (Balls(self.L.lower()), Balls(self.L.upper()))
        )
        return Balls(low.union(high))

    def least(self, x: arb, y: arb) -> arb:
        """The smaller of two."""
        return x.min(y)

    def greatest(self, x: arb, y: arb) -> arb:
        """The larger of two."""
        return x.max(y)

    def more_success(self, share: arb) -> arb:
        """Log-odds of ``p (1 + share)``; NaN for a ball in which that passes 1."""
        left = 1 - share * self.L.exp()
        return arb.pos_inf() if left <= 0 else self.L + (1 + share).log() - left.log()

    def less_failure(self, share: arb) -> arb:
        """Log-odds of ``1 - q (1 - share)``."""
        left = 1 - share
        return arb.pos_inf() if left == 0 else (self.L.exp() + share).log() - left.log()


def step(recurrence: Map, *, L: arb, L_ref: arb) -> arb:
    """`Recurrence.step` in balls: contains the step of every pair of points of L and L_ref.

    Raises:
        ValueError: a parameter of the recurrence is an array.

    Examples:
        >>> from grpo_lib import Recurrence
        >>> from grpo_lib.certified import number, step
        >>> print(step(Recurrence(beta=2.0), L=number(0), L_ref=number(-2)).str(8))
        [-1.0000200 +/- 6.02e-10]
    """
    check_map(recurrence).require_scalars()
    return recurrence.update(Balls(L), L_ref=L_ref)


def slope(recurrence: Map, *, L: arb) -> arb:
    """`Recurrence.slope` in balls: contains the slope at every point of L.

    Raises:
        ValueError: a parameter of the recurrence is an array.

    Examples:
        >>> from grpo_lib import Recurrence
        >>> from grpo_lib.certified import number, slope
        >>> print(slope(Recurrence(beta=2.0), L=number(1)).str(8))
        [0.26052778 +/- 3.81e-9]
    """
    check_map(recurrence).require_scalars()
    return recurrence.update_slope(Balls(L))


def cycle(
    recurrence: Map, *, p_ref: float | str | Rational, near: ArrayLike, period: int = 1
) -> Cycle:
    """Prove that a cycle exists near an approximate one, and enclose it.

    With ``F(L) = G^period(L) - L`` and a ball X around m, the interval Newton operator is
    ``N = m - F(m) / F'(X)``. If N lies inside X, then F has exactly one zero in X, and N contains
    it. The same operator around the midpoint of N, with N in the place of X, contains it too. The
    states must not meet, or else the period could be a divisor of the one asked for.

    Args:
        recurrence: the iteration, with scalar parameters.
        p_ref: probability of success of the reference, strictly between 0 and 1.
        near: log-odds close to a state of the cycle, which becomes the first one.
        period: number of states, at least 1.

    Returns:
        The cycle, not finite if none could be proved.

    Raises:
        ValueError: ``p_ref`` is not strictly between 0 and 1, ``near`` is not finite, ``period``
            is not a whole number of at least 1, or a parameter is an array.

    Examples:
        >>> from grpo_lib import Recurrence
        >>> from grpo_lib.certified import cycle
        >>> found = cycle(Recurrence(beta=5.0), p_ref=0.001, near=-6.0, period=2)
        >>> print(found.is_finite(), found.multiplier < 1)
        True True
        >>> print([p.str(6) for p in found.probability])
        ['[0.00233804 +/- 1.85e-9]', '[0.0587158 +/- 3.89e-8]']
    """
    period = whole("period", period, at_least=1)
    near = real_array("near", near)
    require(np.isfinite(near), "near", near, "finite")
    require(near.ndim == 0, "near", near, "a single number")
    with ctx.workprec(BITS):
        L_ref = logit(p_ref)

        def newton(m: arb, X: arb) -> arb:
            end = _orbit(recurrence, m, L_ref, period)[-1]
            slope_of_F = _multiplier(recurrence, _orbit(recurrence, X, L_ref, period)) - 1
            return m - (end - m) / slope_of_F

        m = arb(float(near))
        for _ in range(POLISHING):
            m = newton(m, m).mid()
        for radius in RADII:
            X = arb(m, radius)
            N = newton(m, X)
            if N.is_finite() and X.contains_interior(N):
                break
        else:
            return Cycle((arb.nan(),) * period, arb.nan(), 0.0)
        states = _orbit(recurrence, N.intersection(newton(N.mid(), N)), L_ref, period)
        multiplier = _multiplier(recurrence, states)
        if any(states[0].overlaps(other) for other in states[1:-1]):
            multiplier = arb.nan()  # the least period may be a divisor
        inside = radius - abs(states[0].mid() - m)  # of X, around the midpoint that is returned
        return Cycle(tuple(states[:-1]), multiplier, math.nextafter(float(inside.lower()), 0))


def lower_bound(function: Callable[[arb], arb], low: arb, high: arb, above: float = 0.0) -> arb:
    """Prove that a function exceeds a number on an interval.

    The interval is halved until the enclosure of the function on every piece lies above the number.

    Args:
        function: maps a ball to a ball that contains all its values there.
        low: left end of the interval.
        high: right end.
        above: the number to exceed.

    Returns:
        A number above ``above`` that the function does not fall below, as a ball; NaN if
        `PIECES` pieces were not enough.

    Examples:
        >>> from grpo_lib.certified import lower_bound, number
        >>> print(lower_bound(lambda x: x * x + 1, number(-1), number(1), above=0.9) > 0.9)
        True
    """
    smallest, pieces, tried = arb.pos_inf(), [(low, high)], 0
    while pieces:
        left, right = pieces.pop()
        tried += 1
        if tried > PIECES:
            return arb.nan()
        value = function(left.union(right))
        if value > above:
            smallest = smallest.min(value.lower())
        else:
            middle = ((left + right) / 2).mid()
            pieces += [(left, middle), (middle, right)]
    return smallest


def _orbit(recurrence: Map, L: arb, L_ref: arb, steps: int) -> list[arb]:
    """L and the states after 1 to ``steps`` updates."""
    states = [L]
    for _ in range(steps):
        states.append(step(recurrence, L=states[-1], L_ref=L_ref))
    return states


def _multiplier(recurrence: Map, states: list[arb]) -> arb:
    """Derivative of the last state by the first."""
    multiplier = arb(1)
    for L in states[:-1]:
        multiplier *= slope(recurrence, L=L)
    return multiplier
