"""Whitening: subtract the mean, divide by a smoothed standard deviation."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit

from .arithmetic import Doubles, Number, State, infinities
from .normalization import Normalization
from .validation import Array, parameter


class Smoothed(Normalization):
    """One over a smoothed standard deviation: ``Omega = (s^k + c^k)^(-1/k)``, s^2 = p (1 - p).

    Omega depends on s alone, so it is even in L and its slope is odd. Write ``share`` for
    ``(s Omega)^k = s^k / (s^k + c^k)``, which is in [0, 1]. As ``d s / d L = -tanh(L / 2) s / 2``,

    - ``Omega' = tanh(L / 2) share Omega / 2``,
    - ``share' = -k tanh(L / 2) share (1 - share) / 2``, so within e it grows at most by
      ``exp(k e / 2)``,
    - ``Omega'' = Omega share (t^2 share + 1 - t^2 - k t^2 (1 - share)) / 4`` with
      ``t = tanh(L / 2)``. The bracket is at most 1, and for k up to 2 it is at least
      ``-2 (1 - share)``. So ``|Omega''|`` is at most ``Omega share / 2``, and at most
      ``Omega / 4``, since ``2 share (1 - share) <= 1/2``.

    At a smoothing of 0 Omega is ``2 cosh(L / 2)``, without upper bound.
    """

    power: ClassVar[int]

    @property
    def smoothing(self) -> ArrayLike:
        """The constant c, or a power of it that is 0 where c is."""
        raise NotImplementedError

    def weights(self, *, L: ArrayLike) -> tuple[Array, Array]:
        """See `Normalization.weights`."""
        w_plus, w_minus = super().weights(L=L)
        bare = np.equal(self.smoothing, 0)
        if np.any(bare):
            # There a product can be 0 times inf; its value is the limit.
            L = np.asarray(L, dtype=float)
            with infinities():
                w_plus = np.where(bare, np.exp(-L / 2), w_plus)
                w_minus = np.where(bare, np.exp(L / 2), w_minus)
        return w_plus, w_minus

    def omega_slope(self, at: State) -> Number:
        """The slope; see `Smoothed`."""
        omega = self.omega(at)
        return at.tanh / 2 * self._share(at, omega) * omega

    def bend(self, at: Doubles) -> Array:
        """Bound on the second derivative; see `Smoothed`."""
        omega = self.omega(at)
        return omega * np.minimum(0.25, self._share(at, omega) / 2)

    def falling_points(self, slope: Array) -> tuple[Array, Array]:
        """Omega' is odd: minus the turning points."""
        c_1, c_2 = self.turning_points(slope)
        return -c_2, -c_1

    def concave_gain(self) -> bool:
        """It is: with ``v = s^2`` the gain v Omega rises in v with a slope that falls.

        The slope is ``(s^k + 2 c^k) / 2 (s^k + c^k)^(-1 - 1/k)``. Its derivative by ``s^k`` has the
        sign of ``-(s^k + (k + 2) c^k)``. And v is concave in p.
        """
        return True

    def _share(self, at: State, omega: Number) -> Number:
        return at.up_to_1(at.deviation * omega) ** self.power


@dataclass(frozen=True, eq=False)
class MeanVariance(Smoothed):
    """GRPO's whitening: subtract the mean, divide by sqrt(variance + eps); paper, Eq. (4).

    Attributes:
        eps: smoothing inside the square root, at least 0, shape [...]. It is not the clipping
            parameter. At 0 the scale is 2 cosh(L / 2), which exceeds every double from
            ``|L| = 1420`` on and is returned as inf there.

    Raises:
        ValueError: ``eps`` is negative, infinite or NaN.

    Examples:
        >>> from grpo_lib import MeanVariance
        >>> w_plus, w_minus = MeanVariance(eps=0.01).weights(L=0.0)  # p = 1/2
        >>> print(w_plus.round(4), w_minus.round(4))
        0.9806 0.9806
    """

    eps: ArrayLike = 1e-5

    def __post_init__(self) -> None:
        object.__setattr__(self, "eps", parameter("eps", self.eps, at_least=0))
        super().__post_init__()

    power: ClassVar[int] = 2

    @property
    def smoothing(self) -> ArrayLike:
        """The parameter ``eps``."""
        return self.eps

    def omega(self, at: State) -> Number:
        """Omega = 1 / sqrt(p (1 - p) + eps)."""
        return 1 / at.hypot(at.deviation, at.sqrt(at.number(self.eps)))

    def omega_error(self) -> float:
        """Cosh 10, division 1, as much for hypot as for a function, division 1."""
        return 22.0

    def bounds(self) -> tuple[Array, Array]:
        """Omega at p = 1/2 and at p = 0 or 1: it falls in p (1 - p)."""
        with infinities():
            root = np.sqrt(np.asarray(self.eps))
            return 1 / np.hypot(0.5, root), 1 / root

    def steepest_slope(self) -> Array:
        """1 / (3 sqrt(3 eps) (1 + 4 eps)), where cosh(L/2)^2 = (1 + 12 eps) / (8 eps)."""
        eps = np.asarray(self.eps)
        with infinities():
            return 1 / (3 * np.sqrt(3 * eps) * (1 + 4 * eps))

    def turning_points(self, slope: Array) -> tuple[Array, Array]:
        """c_1 <= c_2, where d Omega / d L is ``slope``, at least 0; +inf where there is none.

        With ``z = 1 + 4 eps cosh(L/2)^2`` the equation reads ``sinh(L/2) = slope z^(3/2)``.
        Squared, it is the cubic ``k z^3 - z + m = 0`` with ``k = 4 eps slope^2`` and
        ``m = 1 + 4 eps``. With ``z = 2 / sqrt(3 k) sin(phi)`` the cubic becomes
        ``sin(3 phi) = w = m sqrt(27 k) / 2``.
        """
        with infinities():
            eps = np.asarray(self.eps, dtype=float)
            m, root_k = 1 + 4 * eps, 2 * np.sqrt(eps) * slope
            w = m * np.sqrt(27) / 2 * root_k
            third = np.arcsin(w) / 3  # NaN where w > 1: no turning point
            z_1 = 2 / np.sqrt(3) / root_k * np.sin(third)
            # The limit, which is reached long before 1 / root_k exceeds the doubles.
            z_1 = np.where(root_k < 1e-300, m, z_1)
            c_1 = 2 * np.arcsinh(slope * z_1**1.5)
            # The second in logarithms, as z^(3/2) can exceed the doubles. It is +inf at slope 0.
            log_slope = np.log(slope)
            log_sin = np.log(np.sin(np.pi / 3 - third) / np.sqrt(3))
            log_z_2 = log_sin - np.log(eps) / 2 - log_slope
            log_sinh = log_slope + 1.5 * log_z_2
            c_2 = 2 * (log_sinh + np.log1p(np.sqrt(1 + np.exp(-2 * log_sinh))))
            c_2 = np.where(slope > 0, c_2, np.inf)
        return np.where(w < 1, c_1, np.inf), np.where(w < 1, c_2, np.inf)

    def negative_schwarzian(self) -> bool:
        """It is; the chapter on the phase diagram proves it."""
        return True

    def variance_smoothing(self) -> Array:
        """The parameter ``eps``."""
        return np.asarray(self.eps, dtype=float)


@dataclass(frozen=True, eq=False)
class MeanDeviation(Smoothed):
    """Whitening as libraries compute it: divide by the deviation plus a constant.

    Attributes:
        delta: the constant added to sqrt(p (1 - p)), at least 0, shape [...]. At 0 the scale is
            2 cosh(L / 2), as with `MeanVariance`.

    Raises:
        ValueError: ``delta`` is negative, infinite or NaN.

    Examples:
        >>> from grpo_lib import MeanDeviation
        >>> print(MeanDeviation(delta=0.5).scale(L=[0.0, float("inf")]))
        [1. 2.]
    """

    delta: ArrayLike = 1e-4
    power: ClassVar[int] = 1

    def __post_init__(self) -> None:
        object.__setattr__(self, "delta", parameter("delta", self.delta, at_least=0))
        super().__post_init__()

    @property
    def smoothing(self) -> ArrayLike:
        """The parameter ``delta``."""
        return self.delta

    def omega(self, at: State) -> Number:
        """Omega = 1 / (sqrt(p (1 - p)) + delta)."""
        return 1 / (at.deviation + at.number(self.delta))

    def omega_error(self) -> float:
        """Cosh 10, two divisions and a sum 3."""
        return 13.0

    def bounds(self) -> tuple[Array, Array]:
        """Omega at p = 1/2 and at p = 0 or 1: it falls in p (1 - p)."""
        delta = np.asarray(self.delta)
        with infinities():
            return 1 / (0.5 + delta), 1 / delta

    def steepest_slope(self) -> Array:
        """Omega' where it is largest, at cosh(L/2) = k / delta, k = (1 + sqrt(1 + 32 delta^2)) / 4.

        With ``c = cosh(L/2)`` Omega is ``2 c / (1 + 2 delta c)`` and Omega' is
        ``sinh(L/2) / (1 + 2 delta c)^2``. On L > 0 its logarithmic derivative has the sign of
        ``c + 4 delta - 2 delta c^2``, which is positive at c = 1 and has one zero beyond.
        """
        delta = np.asarray(self.delta)
        with infinities():
            k = self._peak()
            # Written so that no delta that is a double makes it infinite over infinite.
            return np.sqrt(1 - (delta / k) ** 2) / delta / (1 / np.sqrt(k) + 2 * np.sqrt(k)) ** 2

    def turning_points(self, slope: Array) -> tuple[Array, Array]:
        """c_1 <= c_2, where Omega' is ``slope``, at least 0; +inf where there is none.

        With u = L/2, ``f(u) = log sinh(u) - 2 log(1 + 2 delta cosh(u)) - log(slope)`` is concave,
        as each term is. So Newton's method runs straight to the lower zero from the left, and to
        the upper one from the right. A start on the left is ``asinh(slope (1 + 2 delta)^2)``, as
        cosh exceeds 1. One on the right is ``-log(2 delta^2 slope)``, as Omega' is below
        ``exp(-u) / (2 delta^2)``.
        """
        slope, delta = np.broadcast_arrays(slope, self.delta)
        with infinities():
            none = slope >= self.steepest_slope()
            summit = np.arccosh(self._peak() / delta)  # inf at delta = 0
            left = np.arcsinh(slope * (1 + 2 * delta) ** 2)
            right = -np.log(2 * delta) - np.log(delta) - np.log(slope)
            c_1 = 2 * _newton(slope, delta, np.minimum(left, summit), summit)
            c_2 = 2 * _newton(slope, delta, np.maximum(right, summit), summit)
        return np.where(none, np.inf, c_1), np.where(none, np.inf, c_2)

    def negative_schwarzian(self) -> bool:
        """It is that of cosh(L/2), a Moebius map of which is Omega: (1 - 1.5 coth(L/2)^2) / 4."""
        return True

    def _peak(self) -> Array:
        """Delta times the largest slope's cosh(L/2)."""
        return (1 + np.hypot(1, np.sqrt(32) * np.asarray(self.delta, dtype=float))) / 4


def _newton(slope: Array, delta: Array, u: Array, summit: Array) -> Array:
    """The zero of f in `MeanDeviation.turning_points` between u and the summit, from u."""
    from_left = u < summit
    while True:
        log_smoothed = np.log(delta) + u + np.log1p(np.exp(-2 * u))  # of 2 delta cosh(u)
        f = u + np.log(-np.expm1(-2 * u) / 2) - 2 * np.logaddexp(0, log_smoothed) - np.log(slope)
        step = -f / (1 / np.tanh(u) - 2 * np.tanh(u) * expit(log_smoothed))
        # Rounding alone would lead back, or past the summit; at u = 0 and inf the step is NaN.
        to = np.where(
            from_left,
            np.fmin(np.fmax(u + step, u), summit),
            np.fmax(np.fmin(u + step, u), summit),
        )
        if np.array_equal(to, u):
            return u
        u = to
