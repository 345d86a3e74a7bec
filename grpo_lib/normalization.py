"""Reward normalisations: how much an advantage weighs, as a function of the log-odds.

The advantage of a 0/1 reward is ``+w_plus`` on every success and ``-w_minus`` on every failure.
``w_plus + w_minus`` is the scale Omega (paper, section 2 for mean and variance, section 5 for the
mean alone). Log-odds of -inf and +inf stand for a probability of success of exactly 0 and 1.
"""

from dataclasses import dataclass
from typing import get_args

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit

from .records import Record
from .validation import Array, broadcastable, parameter, real_array, require


@dataclass(frozen=True, eq=False)
class MeanVariance(Record):
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

    eps: float | Array = 1e-5

    def __post_init__(self) -> None:
        object.__setattr__(self, "eps", parameter("eps", self.eps, at_least=0))
        super().__post_init__()

    def scale(self, *, L: ArrayLike) -> Array:
        """Omega_eps(p) = 1 / sqrt(p (1 - p) + eps).

        Args:
            L: log-odds of the probability of success p, shape [...].

        Raises:
            ValueError: ``L`` is NaN, or does not broadcast with ``eps``.

        Examples:
            >>> from grpo_lib import MeanVariance
            >>> print(MeanVariance(eps=1e-4).scale(L=[0.0, float("inf")]).round(2))
            [  2. 100.]
        """
        L = real_array("L", L)
        broadcastable(L=L, eps=self.eps)
        return self._scale(L)

    def weights(self, *, L: ArrayLike) -> tuple[Array, Array]:
        """(w_plus, w_minus) = ((1 - p) Omega, p Omega); paper, Eq. (4).

        Args:
            L: log-odds of the probability of success p, shape [...].

        Returns:
            The weight of a success and the weight of a failure, shape [...] each.

        Raises:
            ValueError: ``L`` is NaN, or does not broadcast with ``eps``.

        Examples:
            >>> from grpo_lib import MeanVariance
            >>> from scipy.special import logit
            >>> w_plus, w_minus = MeanVariance().weights(L=logit([0.1, 0.5, 0.9]))
            >>> print(w_plus.round(3), w_minus.round(3))
            [3.    1.    0.333] [0.333 1.    3.   ]
        """
        omega = self.scale(L=L)
        L = np.asarray(L, dtype=float)
        with np.errstate(invalid="ignore", over="ignore"):
            w_plus, w_minus = expit(-L) * omega, expit(L) * omega
            if np.any(np.equal(self.eps, 0)):
                # At eps = 0 a product above can be 0 times inf; its value is the limit.
                w_plus = np.where(np.equal(self.eps, 0), np.exp(-L / 2), w_plus)
                w_minus = np.where(np.equal(self.eps, 0), np.exp(L / 2), w_minus)
        return w_plus, w_minus

    def _scale_slope(self, L: Array) -> Array:
        """Slope d Omega / d L = p (1 - p) (2 p - 1) / (2 (p (1 - p) + eps)^(3/2))."""
        with np.errstate(over="ignore", invalid="ignore"):
            omega = self._scale(L)
            unsmoothed_share = (omega / (2 * np.cosh(L / 2))) ** 2  # p (1 - p) / (p (1 - p) + eps)
            if np.any(np.equal(self.eps, 0)):
                unsmoothed_share = np.where(np.equal(self.eps, 0), 1.0, unsmoothed_share)
            return np.tanh(L / 2) / 2 * unsmoothed_share * omega

    def _turning_points(self, slope: Array) -> tuple[Array, Array]:
        """c_1 <= c_2, where d Omega / d L is ``slope``, at least 0; +inf where there is none.

        With ``z = 1 + 4 eps cosh(L/2)^2`` the equation reads ``sinh(L/2) = slope z^(3/2)``.
        Squared, it is the cubic ``k z^3 - z + m = 0`` with ``k = 4 eps slope^2`` and
        ``m = 1 + 4 eps``. With ``z = 2 / sqrt(3 k) sin(phi)`` the cubic becomes
        ``sin(3 phi) = w = m sqrt(27 k) / 2``.
        """
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            m, root_k = 1 + 4 * self.eps, 2 * np.sqrt(self.eps) * slope
            w = m * np.sqrt(27) / 2 * root_k
            third = np.arcsin(w) / 3  # NaN where w > 1: no turning point
            z_1 = 2 / np.sqrt(3) / root_k * np.sin(third)
            # The limit, which is reached long before 1 / root_k exceeds the doubles.
            z_1 = np.where(root_k < 1e-300, m, z_1)
            c_1 = 2 * np.arcsinh(slope * z_1**1.5)
            # The second in logarithms, as z^(3/2) can exceed the doubles. It is +inf at slope 0.
            log_slope = np.log(slope)
            log_sin = np.log(np.sin(np.pi / 3 - third) / np.sqrt(3))
            log_z_2 = log_sin - np.log(self.eps) / 2 - log_slope
            log_sinh = log_slope + 1.5 * log_z_2
            c_2 = 2 * (log_sinh + np.log1p(np.sqrt(1 + np.exp(-2 * log_sinh))))
            c_2 = np.where(slope > 0, c_2, np.inf)
        return np.where(w < 1, c_1, np.inf), np.where(w < 1, c_2, np.inf)

    def _scale(self, L: Array) -> Array:
        # p (1 - p) = 1 / (4 cosh(L/2)^2). The square overflows from |L| = 710 on: there p (1 - p)
        # is nothing next to eps, unless eps is tiny.
        tiny = np.less(self.eps, 1e-290)
        with np.errstate(over="ignore", divide="ignore"):
            cosh = np.cosh(L / 2)
            omega = 1 / np.sqrt(0.25 / np.square(cosh) + self.eps)
            if tiny.any():
                omega = np.where(tiny, 1 / np.hypot(0.5 / cosh, np.sqrt(self.eps)), omega)
        return omega


@dataclass(frozen=True)
class MeanOnly:
    """Dr. GRPO's normalisation: subtract the mean, divide by nothing; paper, section 5.

    Examples:
        >>> from grpo_lib import MeanOnly
        >>> print(*MeanOnly().weights(L=0.0))
        0.5 0.5
    """

    def scale(self, *, L: ArrayLike) -> Array:
        """Omega = 1.

        Args:
            L: log-odds, shape [...].

        Raises:
            ValueError: ``L`` is NaN.

        Examples:
            >>> from grpo_lib import MeanOnly
            >>> print(MeanOnly().scale(L=[-7.0, 0.0]))
            [1. 1.]
        """
        return self._scale(real_array("L", L))

    def weights(self, *, L: ArrayLike) -> tuple[Array, Array]:
        """(w_plus, w_minus) = (1 - p, p).

        Args:
            L: log-odds of the probability of success p, shape [...].

        Returns:
            The weight of a success and the weight of a failure, shape [...] each.

        Raises:
            ValueError: ``L`` is NaN.

        Examples:
            >>> from grpo_lib import MeanOnly
            >>> from scipy.special import logit
            >>> w_plus, w_minus = MeanOnly().weights(L=logit([0.1, 0.5, 0.9]))
            >>> print(w_plus.round(3), w_minus.round(3))
            [0.9 0.5 0.1] [0.1 0.5 0.9]
        """
        L = real_array("L", L)
        return expit(-L), expit(L)

    def _scale_slope(self, L: Array) -> Array:
        return np.zeros_like(L)

    def _turning_points(self, slope: Array) -> tuple[Array, Array]:
        nowhere = np.full_like(slope, np.inf)
        return nowhere, nowhere

    def _scale(self, L: Array) -> Array:
        return np.ones_like(L)


Normalization = MeanVariance | MeanOnly


def check_normalization(value: Normalization) -> Normalization:
    """Check that an argument named ``normalization`` is one.

    A subclass is not: fixed points, regimes and certificates rest on the scale of these two.

    Raises:
        ValueError: it is not.
    """
    require(
        type(value) in get_args(Normalization),
        "normalization",
        value,
        "MeanVariance(...) or MeanOnly(), not a subclass with a scale of its own",
    )
    return value
