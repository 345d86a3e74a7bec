"""All fixed points of the iteration, with a proof that none is missed."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit

from .arithmetic import Doubles, infinities
from .elementwise import until_done
from .forward import FARTHEST
from .maps import Map, check_map
from .normalization import Normalization
from .records import Record
from .validation import Array, Indices, Mask, real_array, require

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


def fixed_points(recurrence: Map, *, L_ref: ArrayLike, penalty: str = "reverse") -> FixedPoints:
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

    With ``penalty="forward"`` the penalty is beta times the *forward* KL, ``KL(pi_ref || pi)``, as
    with the estimator k3 as a loss. Fixed points are then the zeros in ``(p_ref, 1)`` of
    ``g(p) = p - p_ref - p (1 - p) Omega / beta``. If the gain ``p (1 - p) Omega`` is concave and 0
    at both ends, g is convex, negative at p_ref and positive at 1. So there is exactly one. In
    log-odds it solves ``2 sinh((L - L_ref) / 2) cosh(L / 2) / cosh(L_ref / 2) = Omega / beta``. The
    slope is that of the exact update, `ForwardRecurrence`: the rate ``Omega' / Omega`` over that of
    the left-hand side, ``p + 1 / (exp(L - L_ref) - 1)``. The log-odds are as exact as beta is: a
    relative change of beta moves them by itself over the difference of the two rates. Log-odds
    beyond 1400 are returned as +inf.
    If a share ``1 - alpha`` of the penalty goes to the previous policy, the fixed point is that of
    ``alpha beta``.

    Args:
        recurrence: the iteration.
        L_ref: log-odds of the reference, shape [...]; with the forward penalty infinite or between
            -1400 and 1400.
        penalty: ``"reverse"`` or ``"forward"``.

    Returns:
        The fixed points, one to three for every prompt; one with the forward penalty.

    Raises:
        ValueError: ``L_ref`` is NaN or does not broadcast with the recurrence's parameters, the
            penalty is neither, or it is forward and alpha not 1, L_ref too large in size or the
            normalisation's gain not concave.
        NotImplementedError: the map or its normalisation does not declare what this rests on.

    Examples:
        >>> from grpo_lib import MeanOnly, Recurrence, fixed_points
        >>> print(fixed_points(Recurrence(beta=[0.1, 5.0]), L_ref=0.0).count)
        [1 3]
        >>> print(fixed_points(Recurrence(beta=5.0), L_ref=0.0).log_odds.round(2))
        [ 0.41  7.17 63.25]
        >>> print(fixed_points(Recurrence(beta=5.0, normalization=MeanOnly()), L_ref=0.0).log_odds)
        [0.2 nan nan]
        >>> print(fixed_points(Recurrence(beta=1.0), L_ref=-3.5).probability.round(3))
        [0.239 0.982 1.   ]
        >>> forward = fixed_points(Recurrence(beta=1.0), L_ref=-3.5, penalty="forward")
        >>> print(forward.probability.round(3))
        [0.528   nan   nan]
    """
    L_ref = real_array("L_ref", L_ref)
    shape = check_map(recurrence).shape(L_ref=L_ref)
    require(penalty in ("reverse", "forward"), "penalty", penalty, '"reverse" or "forward"')
    if penalty == "forward":
        return _forward(recurrence, L_ref, shape)
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
        slope[absorbed, 0] = 0.0  # the anchor, and the next state, are the same from everywhere
    return FixedPoints(log_odds.reshape(*shape, 3), slope.reshape(*shape, 3))


def _forward(recurrence: Map, L_ref: Array, shape: tuple[int, ...]) -> FixedPoints:
    """The fixed point under a penalty on the forward KL; see `fixed_points`."""
    alpha, normalization, _ = recurrence.parts()
    require(alpha == 1, "alpha", alpha, '1 with penalty="forward"')
    concave = normalization.concave_gain()
    require(concave, "normalization", normalization, "one with a concave gain")
    within = np.isinf(L_ref) | (np.abs(L_ref) <= FARTHEST)
    require(within, "L_ref", L_ref, f"infinite, or from {-FARTHEST:g} to {FARTHEST:g}")
    flat = recurrence.cells(shape, slice(None))
    L_ref = np.broadcast_to(L_ref, shape).reshape(-1)
    log_odds, slope = np.full((2, L_ref.size, 3), np.nan)
    log_odds[:, 0], slope[:, 0] = L_ref, 0.0  # of an absorbing reference
    inner = np.isfinite(L_ref)
    _, normalization, beta = flat.cells(L_ref.shape, inner).parts()
    L_ref = L_ref[inner]
    beta = np.broadcast_to(beta, L_ref.shape)

    def below(L: Array) -> Mask:
        return FORWARD.log(L, L_ref) + np.log(beta) < np.log(normalization.omega(Doubles(L)))

    with infinities():
        ahead = np.ones_like(L_ref)
        while (short := (L_ref + ahead < FARTHEST) & below(L_ref + ahead)).any():
            ahead = np.where(short, 2 * ahead, ahead)
        high = np.minimum(L_ref + ahead, FARTHEST)
        pull = normalization.omega(Doubles(L_ref)) / beta
        start = np.clip(L_ref + 2 * np.arcsinh(pull / 2), L_ref, high)
        L = _newton(normalization, start, L_ref, high, np.ones_like(L_ref), L_ref, beta, FORWARD)
        log_odds[inner, 0] = np.where((high == FARTHEST) & below(high), np.inf, L)
        rate = normalization.omega_slope(Doubles(L)) / normalization.omega(Doubles(L))
        slope[inner, 0] = rate / FORWARD.rate(L, L_ref)
    return FixedPoints(log_odds.reshape(*shape, 3), slope.reshape(*shape, 3))


class Gap(NamedTuple):
    """What equals Omega / b at a fixed point: a function of L and L_ref that rises in L.

    Attributes:
        of: the function.
        log: its logarithm, also where it exceeds the doubles.
        rate: the derivative of its logarithm by L.
    """

    of: Callable[[Array, Array], Array]
    log: Callable[[Array, Array], Array]
    rate: Callable[[Array, Array], Array]


REVERSE = Gap(
    of=lambda L, L_ref: L - L_ref,
    log=lambda L, L_ref: np.log(L / 2 - L_ref / 2) + np.log(2),
    rate=lambda L, L_ref: 1 / (L - L_ref),
)
FORWARD = Gap(
    of=lambda L, L_ref: 2 * np.sinh((L - L_ref) / 2) * np.cosh(L / 2) / np.cosh(L_ref / 2),
    log=lambda L, L_ref: (
        (L - L_ref) / 2
        + np.log(-np.expm1(L_ref - L))
        + np.logaddexp(L / 2, -L / 2)
        - np.logaddexp(L_ref / 2, -L_ref / 2)
    ),
    rate=lambda L, L_ref: expit(L) + 1 / np.expm1(L - L_ref),
)


def _slopes(recurrence: Map, log_odds: Array) -> Array:
    """Derivative of p_{n-1} -> p_n at fixed points, NaN where there is none; shape [3, n]."""
    missing, at_end = np.isnan(log_odds), np.isinf(log_odds)
    L = np.where(missing, 0.0, log_odds)
    slope = recurrence.slope_at_rest(Doubles(L))
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
        REVERSE,
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
    equals: Gap,
) -> Array:
    """Zero of f(L) = log(gap b / Omega(L)) between low and high, elementwise; shape [n].

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
        omega, gap = normalization.omega(at), equals.of(x, L_ref)
        value = np.log(gap * b / omega)
        if not np.isfinite(value).all():  # the quotient, or even the gap, is beyond the doubles
            log_gap = np.where(np.isinf(gap), equals.log(x, L_ref), np.log(gap))
            value = log_gap + np.log(b) - np.log(omega)
        step = value / (equals.rate(x, L_ref) - normalization.omega_slope(at) / omega)
        newton = x - step
        size = np.abs(value)

        below = value * rising < 0
        low, high = np.where(below, x, low), np.where(below, high, x)
        inside = (newton >= low) & (newton <= high)
        # The error left by a step shrinks with its square: after 1e-8 only rounding is left.
        near = np.abs(step) <= 1e-8 * np.minimum(x - L_ref, 1)
        solved = (inside & near) | (size <= ROUNDING)
        middle = low / 2 + high / 2
        solved |= ~((low < middle) & (middle < high))  # nothing left to halve
        bisect = ~(solved | inside & (2 * size <= previous))
        x = np.where(bisect, middle, np.where(inside, newton, x))
        zeros[cells] = x
        return solved, [x, low, high, size, *fixed]

    state = [x, low, high, np.full_like(x, np.inf), rising, L_ref, b]
    until_done(advance, normalization, state)
    return zeros
