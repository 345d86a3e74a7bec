"""Normalisation by the statistics of a finite group of rollouts, as training libraries do it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from scipy.special import comb

from .arithmetic import Doubles, Number, State, infinities
from .elementwise import bisect
from .normalization import Normalization
from .validation import Array, parameter, require, whole

Deviation = Literal["sample", "population", "leave-one-out", "none"]
"""Which standard deviation of a group its rewards are divided by."""

LARGEST_GROUP = 1024
"""Beyond it one over a binomial coefficient is no normal double; see `bernstein`."""


LARGEST_PRODUCT = 500
"""Beyond it products of two binomial coefficients exceed the doubles."""

ROUNDING = 8 * np.finfo(float).eps
"""What rounding alone can do to a difference of two sums, relative to their terms."""


@dataclass(frozen=True, eq=False)
class GroupNormalization(Normalization):
    """Rewards normalised within a group of G rollouts: the mean effect of one on-policy update.

    In a group of k successes a success has the advantage A_S(k), a failure A_F(k). Given that it is
    in the group, a success has k - 1 companions among the other G - 1 with a binomial chance. So
    its advantage has the mean ``mu_S = sum_k C(G-1, k-1) p^(k-1) q^(G-k) A_S(k)``, that of a
    failure is ``mu_F = sum_k C(G-1, k) p^k q^(G-1-k) A_F(k)``, and ``Omega = mu_S - mu_F``.

    Let s(k) be what a group of k successes is divided by: the root of its variance plus eps, plus
    delta. Where the mean is that of the whole group, its advantages add up to 0 and
    ``k A_S(k) = k (G - k) / (G s(k))``. As ``k (G - k) C(G, k) = G (G - 1) C(G-2, k-1)``,

    ``Omega = (1 - 1/G) sum_k C(G-2, k-1) p^(k-1) q^(G-1-k) / s(k)``, k = 1, ..., G - 1.

    A group of equals has no deviation, and its advantages are 0. With ``"leave-one-out"`` mean and
    deviation are those of the G - 1 others. If they are equals, the advantage is the reward less
    their mean. So Omega is the mean of ``1 / s(k)`` over the others, with 1 in place of it at
    ``k = 0`` and ``k = G - 1``.

    Omega is a Bernstein polynomial, a mean of its coefficients. Its slope by the log-odds is one,
    too, of a degree one higher. By Descartes' rule of signs, in p / q, such a polynomial crosses a
    value no more often than its coefficients do. If those of the slope fall, rise and fall, the
    slope exceeds a positive value on one interval. That they do is looked up for each group whose
    turning points are asked for, and so is the sign of the Schwarzian derivative. These facts are
    about the mean of the whole group. ``"leave-one-out"`` has an Omega with two summits and
    declares only slope, error and bend.

    Attributes:
        size: G, rollouts for each prompt, from 2 to 1024.
        deviation: divide by the root of the ``"sample"`` variance, over G - 1, or of the
            ``"population"`` variance, over G; by the sample deviation of the others, which also
            give the mean, for ``"leave-one-out"``; or by nothing, for ``"none"``. The mean of the
            others without a deviation is ``"none"`` times ``G / (G - 1)``.
        delta: added to the standard deviation, at least 0, a single number.
        eps: added to the variance, at least 0, a single number.

    Raises:
        ValueError: ``size`` is not a whole number from 2 to 1024, ``deviation`` is none of the
            four, or ``delta`` or ``eps`` is negative, infinite, NaN or an array.

    Examples:
        >>> from grpo_lib import GroupNormalization, Recurrence, fixed_points
        >>> eight = GroupNormalization(size=8)
        >>> print(eight.scale(L=[0.0, float("inf")]).round(3))  # not 2 to 316
        [1.735 2.474]
        >>> print(GroupNormalization(size=2, delta=0.0).scale(L=[0.0, 5.0]).round(3))
        [0.707 0.707]
        >>> recurrence = Recurrence(beta=1.0, normalization=eight)
        >>> print(fixed_points(recurrence, L_ref=-1.0).probability.round(4))
        [0.6968    nan    nan]
    """

    size: int
    deviation: Deviation = "sample"
    delta: float = 1e-4
    eps: float = 0.0

    def __post_init__(self) -> None:
        size = whole("size", self.size, at_least=2)
        require(size <= LARGEST_GROUP, "size", size, f"at most {LARGEST_GROUP}")
        object.__setattr__(self, "size", size)
        allowed = get_args(Deviation)
        require(self.deviation in allowed, "deviation", self.deviation, f"one of {allowed}")
        for name in ("delta", "eps"):
            object.__setattr__(self, name, parameter(name, getattr(self, name), at_least=0))
        super().__post_init__()
        self.require_scalars()

    def advantages(self) -> Array:
        """Advantages in a group of 0 to ``size`` successes.

        Returns:
            That of a success and that of a failure, shape [size + 1, 2]; NaN where the group has
            none.

        Examples:
            >>> from grpo_lib import GroupNormalization
            >>> print(GroupNormalization(size=3, delta=0.0).advantages().round(3))
            [[   nan  0.   ]
             [ 1.155 -0.577]
             [ 0.577 -1.155]
             [ 0.       nan]]
        """
        at, others = Doubles(np.zeros(())), self.size - 1
        table = np.full((self.size + 1, 2), np.nan)
        for k in range(self.size):
            table[k + 1, 0] = self._advantage(at, 1, k, others)
            table[k, 1] = self._advantage(at, 0, k, others)
        return table

    def omega(self, at: State) -> Number:
        """The difference of mean advantages; see `GroupNormalization`."""
        return bernstein(at, self._coefficients(at))

    def omega_slope(self, at: State) -> Number:
        """Its slope, ``n p q`` times the polynomial of the differences of n + 1 coefficients.

        The coefficients mirror each other, so that polynomial has the factor ``p - q``, which is
        ``tanh(L / 2)``. What is left has coefficients r that mirror each other, too, and up to the
        middle ``(n - 1 - i) r_i = i r_(i-1) - (n - 1) (c_(i+1) - c_i)``.
        """
        c = self._coefficients(at)
        n = len(c) - 1
        left: list[Number] = []
        for i in range(n // 2):
            before = i * left[-1] if left else 0
            left.append((before - (n - 1) * (c[i + 1] - c[i])) / (n - 1 - i))
        quotient = left + left[: (n - 1) // 2][::-1]
        return n * at.p * at.q * at.tanh * bernstein(at, quotient)

    def omega_error(self) -> float:
        """14 G - 7; a term of degree n < G passes through at most n rounds of `bernstein`.

        A round multiplies by p, off by 10, with 4 roundings, or by q, off by 10, with one. The
        coefficient is off by at most 6, and one product is left.
        """
        return 14.0 * self.size - 7

    def bend(self, at: Doubles) -> Array:
        """The largest coefficient of Omega'', in size, which is a bound everywhere."""
        return at.constant(1) * np.max(np.abs(_slope(_slope(self._doubles()))))

    def bounds(self) -> tuple[Array, Array]:
        """Omega at p = 1/2 and at p = 0 or 1: it is convex in p, as ``1 / s(k)`` is in k."""
        if self.deviation == "leave-one-out":
            return super().bounds()
        return self.scale(L=0.0), self.scale(L=np.inf)

    def steepest_slope(self) -> Array:
        """Omega' at the only state above 0 where Omega'' is 0."""
        if self.deviation == "leave-one-out":
            return super().steepest_slope()
        return self.omega_slope(Doubles(self._summit()))

    def turning_points(self, slope: Array) -> tuple[Array, Array]:
        """The two states, found by bisection, between 0 and where Omega' is largest, and beyond.

        Omega'' is at most ``bend``, so the first is at least ``slope / bend``. And Omega' is below
        ``n q`` times the largest difference of coefficients.
        """
        if self.deviation == "leave-one-out":
            return super().turning_points(slope)
        slope, c = slope + 0.0, self._doubles()  # -0 becomes 0
        summit = np.broadcast_to(self._summit(), slope.shape)
        with infinities():
            none, flat = slope >= self.steepest_slope(), slope == 0
            # Of 0 / 0, if Omega is constant, the other number is taken.
            left = np.fmin(slope / self.bend(Doubles(summit)), summit)
            steepest = (len(c) - 1) * np.max(np.abs(np.diff(c)), initial=0)
            right = np.fmax(np.log(steepest / slope), summit)
            c_1 = bisect(lambda L: self.omega_slope(Doubles(L)) >= slope, left, summit)
            c_2 = bisect(lambda L: self.omega_slope(Doubles(L)) <= slope, summit, right)
        return np.where(none, np.inf, np.where(flat, 0.0, c_1)), np.where(none, np.inf, c_2)

    def falling_points(self, slope: Array) -> tuple[Array, Array]:
        """Omega' is odd: minus the turning points."""
        if self.deviation == "leave-one-out":
            return super().falling_points(slope)
        c_1, c_2 = self.turning_points(slope)
        return -c_2, -c_1

    def concave_gain(self) -> bool:
        """It is the mean of ``v / s`` over the group's variance v, a concave function of k.

        In v it is concave as for `Smoothed`, and v is concave in k. A mean over a binomial k of a
        function that is concave in k is concave in p.
        """
        if self.deviation == "leave-one-out":
            return super().concave_gain()
        return True

    def negative_schwarzian(self) -> bool:
        """Show by coefficients that ``Omega' Omega''' - 1.5 Omega''^2`` is negative.

        Over a power of q it is a polynomial in p / q. That none of its coefficients is positive, up
        to their rounding, is looked up for each group. Beyond 500 rollouts they exceed the doubles.
        """
        if self.deviation == "leave-one-out" or self.size > LARGEST_PRODUCT:
            return super().negative_schwarzian()
        slope = _slope(self._doubles())
        bent = _slope(slope)
        first, second, third = (
            c * comb(len(c) - 1, np.arange(len(c))) for c in (slope, bent, _slope(bent))
        )
        gains, losses = np.convolve(first, third), 1.5 * np.convolve(second, second)
        sizes = np.convolve(np.abs(first), np.abs(third))
        sizes += 1.5 * np.convolve(np.abs(second), np.abs(second))
        if np.any(gains - losses > ROUNDING * sizes):
            return super().negative_schwarzian()
        return True

    def _advantage(self, at: State, reward: int, successes: int, others: int) -> Number:
        """Of a reward beside a number of successes among the others."""
        if self.deviation != "leave-one-out":
            successes, others = successes + reward, others + 1
        centred = at.number(reward * others - successes) / others
        return centred * self._one_over(at, successes, others)

    def _one_over(self, at: State, successes: int, among: int) -> Number:
        """What rewards are multiplied by; 1 where they are equals."""
        if self.deviation == "none" or successes in (0, among):
            return at.number(1)
        degrees = among - (self.deviation != "population")
        variance = at.number(successes * (among - successes)) / (among * degrees)
        return 1 / (at.sqrt(variance + at.number(self.eps)) + at.number(self.delta))

    def _coefficients(self, at: State) -> list[Number]:
        """Of Omega as a Bernstein polynomial; see `GroupNormalization`."""
        G = self.size
        if self.deviation == "leave-one-out":
            return [self._one_over(at, k, G - 1) for k in range(G)]
        return [at.number(G - 1) / G * self._one_over(at, k, G) for k in range(1, G)]

    def _doubles(self) -> Array:
        """The coefficients of Omega, shape [n + 1]."""
        return np.array(self._coefficients(Doubles(np.zeros(()))))

    def _summit(self) -> Array:
        """The state above 0 where Omega' is largest; 0 if Omega is constant.

        Raises:
            NotImplementedError: the coefficients of Omega' do not fall, rise and fall.
        """
        slope = _slope(self._doubles())
        if not slope.any():
            return np.zeros(())
        signs = np.sign(np.diff(slope[len(slope) // 2 :]))
        if np.any(np.diff(signs[signs != 0]) > 0):
            return super().turning_points(slope)[0]
        second = list(_slope(slope))
        high = np.ones(())
        while bernstein(Doubles(high), second) > 0:
            high = 2 * high
        return bisect(lambda L: bernstein(Doubles(L), second) <= 0, np.zeros(()), high)


def bernstein(at: State, coefficients: Sequence[Number]) -> Number:
    """The polynomial ``sum_j C(n, j) p^j q^(n-j) c_j``: the mean of c_j over n trials.

    Args:
        at: the state, in whose arithmetic the sum is taken.
        coefficients: c_0 to c_n, n up to 1023; none gives 0.

    Examples:
        >>> from grpo_lib.groups import bernstein
        >>> from grpo_lib.symbolic import Expressions, p
        >>> print(bernstein(Expressions(p), [0, 1, 2]).expand())  # successes in two trials
        2*p
    """
    p, q, n = at.p, at.q, len(coefficients) - 1
    value, power = at.constant(0), at.constant(1)
    for j in reversed(range(n + 1)):  # value is the sum from j on, over C(n, j) p^j
        value = coefficients[j] * power + value * p * (n - j) / (j + 1)
        power = power * q
    return value


def _slope(c: Array) -> Array:
    """Coefficients of the derivative by the log-odds: p q is a polynomial of degree 2."""
    m = np.arange(1, len(c))
    return np.concatenate([[0.0], m * (len(c) - m) / len(c) * np.diff(c), [0.0]])
