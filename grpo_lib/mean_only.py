"""Subtract the mean and divide by nothing, as Dr. GRPO does."""

from dataclasses import dataclass

import numpy as np

from .arithmetic import Doubles, Number, State
from .normalization import Normalization
from .validation import Array


@dataclass(frozen=True, eq=False)
class MeanOnly(Normalization):
    """Dr. GRPO's normalisation: subtract the mean, divide by nothing; paper, section 5.

    Examples:
        >>> from grpo_lib import MeanOnly
        >>> print(*MeanOnly().weights(L=0.0))
        0.5 0.5
    """

    def omega(self, at: State) -> Number:
        """Omega = 1."""
        return at.constant(1)

    def omega_slope(self, at: State) -> Number:
        """0."""
        return at.constant(0)

    def omega_error(self) -> float:
        """It is exact."""
        return 0.0

    def bend(self, at: Doubles) -> Array:
        """0."""
        return at.constant(0)

    def bounds(self) -> tuple[Array, Array]:
        """1 and 1."""
        return np.ones(()), np.ones(())

    def steepest_slope(self) -> Array:
        """0."""
        return np.zeros(())

    def turning_points(self, slope: Array) -> tuple[Array, Array]:
        """None, not even at slope 0, which it has everywhere."""
        nowhere = np.full_like(slope, np.inf)
        return nowhere, nowhere

    def falling_points(self, slope: Array) -> tuple[Array, Array]:
        """None."""
        nowhere = np.full_like(slope, -np.inf)
        return nowhere, nowhere

    def negative_schwarzian(self) -> bool:
        """It falls nowhere."""
        return True

    def concave_gain(self) -> bool:
        """It is p (1 - p)."""
        return True
