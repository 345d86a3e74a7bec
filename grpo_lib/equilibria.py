"""All fixed points of the iteration, with a proof that none is missed."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit

from .arithmetic import Doubles, infinities
from .elementwise import until_done
from .maps import Map, check_map
from .normalization import Normalization
from .records import Record
from .validation import Array, Indices, Mask, real_array

ROUNDING = 2 * np.finfo(float).eps
"""Two units in the last place of 1: what rounding alone can do to a value near 1."""

LARGEST = np.finfo(float).max


@dataclass(frozen=True, eq=False)
class FixedPoints(Record):
    """Fixed points of a recurrence, for every prompt.

    Attributes:
        log_odds: ascending, padded with NaN, shape [..., 3]; +inf and -inf stand for a probability
            of success of 1 and 0.
        slope: derivative of the update p_{n-1} -> p_n at each of them, padded with NaN, shape
            [..., 3]. A fixed point attracts if its absolute value is below 1 and repels if it is
            above 1. At a finite fixed point this is also the derivative in log-odds.

    Examples:
        >>> from grpo_lib import Recurrence, fixed_points
        >>> from scipy.special import logit
        >>> found = fixed_points(Recurrence(beta=1.0), L_ref=logit(0.2))
        >>> print(found.count)
        3
        >>> print(found.probability.round(4))
        [0.6813 0.9347 1.    ]
        >>> print(abs(found.slope) < 1)  # which of them attract
        [ True False  True]
    """

    log_odds: Array
    slope: Array

    @property
    def count(self) -> np.ndarray:
        """Number of fixed points, shape [...]."""
        return np.sum(~np.isnan(self.log_odds), axis=-1)

    @property
    def probability(self) -> Array:
        """Probability of success at the fixed points, shape [..., 3]."""
        return expit(self.log_odds)


def fixed_points(recurrence: Map, *, L_ref: ArrayLike) -> FixedPoints:
    """Find every fixed point of ``L -> alpha L_ref + (1 - alpha) L + Omega(L) / beta``.

    Write ``b = alpha beta``. For ``alpha > 0`` and finite ``L_ref`` the finite fixed points are
    the zeros of ``F(L) = L_ref + Omega(L) / b - L``. They are found from what the normalisation
    declares:

    1. ``F' = Omega' / b - 1`` has at most two zeros, the turning points ``c_1 <= c_2`` at slope b.
       F falls up to c_1, rises to c_2, and falls after c_2. If F' has no zero, F falls everywhere.
    2. F is +inf at -inf, since Omega is positive and ``-L`` grows. If Omega is bounded, F is -inf
       at +inf. F is continuous and strictly monotone on each piece, so a piece has one zero if the
       signs at its ends differ and none if they agree. So there are one to three zeros, and the
       signs of F(c_1) and F(c_2) tell which pieces hold them. An Omega without upper bound outgrows
       L, and c_2 is +inf: F is +inf at +inf, too, and falls and rises once. So there are none or
       two zeros (one if F(c_1) = 0), and p = 1 is a further fixed point.
    3. Omega lies between its bounds, so every zero lies between ``L_ref`` plus these two over b.
       That bounds the outer pieces.

    For `MeanVariance`, with ``u = cosh(L/2)^2``, ``Omega'(L) = sinh(L/2) / (1 + 4 eps u)^(3/2)`` is
    odd, so on ``L <= 0`` F falls. On ``L > 0`` the logarithmic derivative of Omega' has the sign of
    ``1 + 12 eps - 8 eps u``, which is positive at u = 1 and falls in u. So Omega' rises from 0 up
    to ``u = (1 + 12 eps) / (8 eps)`` and falls to 0 from there on, which is why it takes a value at
    most twice; for eps = 0 it rises for ever. `MeanDeviation` has the same shape. With `MeanOnly`
    Omega is 1, and the only zero is ``L_ref + 1 / b``.

    Each zero is then found on its piece by Newton's method, safeguarded by bisection. A pair that
    is about to merge (``F(c_1)`` or ``F(c_2)`` within rounding of 0) is counted by the sign that
    double precision gives. Where Omega at a zero exceeds every double, the zero is put where that
    begins.

    The ends p = 0 and p = 1 count as follows. ``L_ref`` of -inf or +inf is absorbing for
    ``alpha > 0`` and the only fixed point. For ``alpha = 0`` exactly the two ends are fixed
    (Theorem 5). For ``alpha > 0`` and an Omega without upper bound p = 1 is fixed (erratum E3).
    For ``0 < alpha < 1`` and a bounded Omega the update also maps 0 to 0 and 1 to 1, with infinite
    slope: no orbit from inside (0, 1) ever approaches them, and they are left out. A fixed point
    whose log-odds exceed every double is returned as +inf.

    Args:
        recurrence: the iteration.
        L_ref: log-odds of the reference, shape [...].

    Returns:
        The fixed points, one to three for every prompt.

    Raises:
        ValueError: ``L_ref`` is NaN or does not broadcast with the recurrence's parameters.
        NotImplementedError: the map or its normalisation does not declare what this rests on.

    Examples:
        >>> from grpo_lib import MeanOnly, Recurrence, fixed_points
        >>> print(fixed_points(Recurrence(beta=[0.1, 5.0]), L_ref=0.0).count)
        [1 3]
        >>> print(fixed_points(Recurrence(beta=5.0), L_ref=0.0).log_odds.round(2))
        [ 0.41  7.17 63.25]
        >>> print(fixed_points(Recurrence(beta=5.0, normalization=MeanOnly()), L_ref=0.0).log_odds)
        [0.2 nan nan]
    """
    L_ref = real_array("L_ref", L_ref)
    shape = check_map(recurrence).shape(L_ref=L_ref)
    flat = recurrence.cells(shape, slice(None))
    L_ref = np.broadcast_to(L_ref, shape).reshape(-1)
    with infinities():
        normalization, b, mirror = flat.balance()
        b, mirror = np.broadcast_to(b, L_ref.shape), np.broadcast_to(mirror, L_ref.shape)
        log_odds = np.full((L_ref.size, 3), np.nan)
        log_odds[mirror, :2] = -np.inf, np.inf
        absorbed = ~mirror & np.isinf(L_ref)
        log_odds[absorbed, 0] = L_ref[absorbed]
        log_odds[~mirror & (b == 0) & ~absorbed, 0] = np.inf  # too small for a double
        inner = (b > 0) & np.isfinite(L_ref)
        log_odds[inner] = _zeros(L_ref[inner], b[inner], normalization.cells(b.shape, inner))
        log_odds = np.sort(log_odds, axis=-1)
        slope = _slopes(flat, log_odds.T).T
    return FixedPoints(log_odds.reshape(*shape, 3), slope.reshape(*shape, 3))


def _slopes(recurrence: Map, log_odds: Array) -> Array:
    """Derivative of p_{n-1} -> p_n at fixed points, NaN where there is none; shape [3, n]."""
    missing, at_end = np.isnan(log_odds), np.isinf(log_odds)
    L = np.where(missing, 0.0, log_odds)
    slope = recurrence.update_slope(Doubles(L))
    if at_end.any():
        slope = np.where(at_end, recurrence.end_slope(L=L), slope)
    return np.where(missing, np.nan, slope)


def _zeros(L_ref: Array, b: Array, normalization: Normalization) -> Array:
    """Zeros of F on its three monotone pieces, and +inf if it is one; shape [n, 3]."""
    lower, upper = normalization.bounds()
    unbounded = np.broadcast_to(np.isinf(upper), b.shape)

    def F(L: Array) -> Array:
        value = normalization.omega(Doubles(L)) / b - (L - L_ref)
        return np.where(np.isinf(L), np.where(unbounded, np.inf, -np.inf), value)

    c_1, c_2 = normalization.turning_points(b)
    F_1, F_2 = F(c_1), F(c_2)
    lowest, highest = (np.minimum(L_ref + bound / b, LARGEST) for bound in (lower, upper))
    # An Omega without upper bound outgrows every line, so F > 0 from some point on.
    far = np.where(unbounded, np.maximum(c_1, 1.0), c_2)
    while (short := unbounded & (F(far) <= 0)).any():
        far = np.where(short, 2 * far, far)

    holds_zero = np.stack([F_1 <= 0, (F_1 < 0) & (F_2 >= 0), (F_2 > 0) & ~unbounded])
    low = np.stack([lowest, c_1, np.clip(c_2, lowest, highest)])
    high = np.stack([np.minimum(c_1, highest), far, highest])
    ahead = 2 * np.log1p(normalization.omega(Doubles(L_ref)) / (2 * b))
    first = np.clip(L_ref + ahead, low[0], high[0])
    start = np.stack([first, low[1] / 2 + high[1] / 2, high[2]])

    piece, cell = np.nonzero(holds_zero)
    rising = np.where(piece == 1, -1.0, 1.0)
    zeros = np.full(holds_zero.shape, np.nan)
    zeros[piece, cell] = _newton(
        normalization.cells(b.shape, cell),
        start[piece, cell],
        low[piece, cell],
        high[piece, cell],
        rising,
        L_ref[cell],
        b[cell],
    )
    zeros[2, unbounded] = np.inf
    return np.where(zeros == LARGEST, np.inf, zeros).T


def _newton(
    normalization: Normalization,
    x: Array,
    low: Array,
    high: Array,
    rising: Array,
    L_ref: Array,
    b: Array,
) -> Array:
    """Zero of f(L) = log((L - L_ref) b / Omega(L)) between low and high, elementwise; shape [n].

    The function has the sign of -F but is nearly straight, also where Omega grows exponentially.
    ``rising`` is +1 where it rises through its zero and -1 where it falls. A Newton step is taken
    if it stays in the bracket and the last one at least halved f; otherwise the bracket is halved.
    Neither can go on for ever, so the loop ends.
    """
    zeros = np.empty_like(x)

    def advance(
        normalization: Normalization,
        cells: Indices,
        x: Array,
        low: Array,
        high: Array,
        previous: Array,
        *fixed: Array,
    ) -> tuple[Mask, list[Array]]:
        rising, L_ref, b = fixed
        at = Doubles(x)
        omega, gap = normalization.omega(at), x - L_ref
        value = np.log(gap * b / omega)
        if not np.isfinite(value).all():  # the quotient, or even the gap, is beyond the doubles
            log_gap = np.where(np.isinf(gap), np.log(x / 2 - L_ref / 2) + np.log(2), np.log(gap))
            value = log_gap + np.log(b) - np.log(omega)
        step = value / (1 / gap - normalization.omega_slope(at) / omega)
        newton = x - step
        size = np.abs(value)

        below = value * rising < 0
        low, high = np.where(below, x, low), np.where(below, high, x)
        inside = (newton >= low) & (newton <= high)
        # The error left by a step shrinks with its square: after 1e-8 only rounding is left.
        solved = (inside & (np.abs(step) <= 1e-8 * np.minimum(gap, 1))) | (size <= ROUNDING)
        middle = low / 2 + high / 2
        solved |= ~((low < middle) & (middle < high))  # nothing left to halve
        bisect = ~(solved | inside & (2 * size <= previous))
        x = np.where(bisect, middle, np.where(inside, newton, x))
        zeros[cells] = x
        return solved, [x, low, high, size, *fixed]

    state = [x, low, high, np.full_like(x, np.inf), rising, L_ref, b]
    until_done(advance, normalization, state)
    return zeros
