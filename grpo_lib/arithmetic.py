"""The arithmetic that a scale Omega and an update are written in, once for every kind of number.

A normalisation writes ``omega(at)``, a map ``update(at, L_ref)``. Here ``at`` is a state: the
log-odds, the probability and the operations that differ between arrays of doubles (`Doubles`),
balls (`grpo_lib.certified.Balls`) and SymPy (`grpo_lib.symbolic.Expressions`). Sums, products and
powers are Python's.
"""

from functools import cached_property
from typing import Any

import numpy as np
from scipy.special import expit, log_expit

from .validation import Array

Number = Any
"""An array of doubles, a ball or a SymPy expression."""

SQUARES_UNDERFLOW = 1e-140
"""Below this a sum of squares has lost digits; its root is then found another way."""


class State:
    """A state of the iteration in one kind of number.

    Attributes:
        L: log-odds of the probability of success.
        p: the probability of success.
        q: the probability of failure, 1 - p.
        deviation: sqrt(p q) = 1 / (2 cosh(L / 2)), the standard deviation of the reward.
        tanh: tanh(L / 2) = p - q.

    Examples:
        >>> from grpo_lib import MeanDeviation
        >>> from grpo_lib.arithmetic import Doubles
        >>> from grpo_lib.certified import Balls, number
        >>> from grpo_lib.symbolic import Expressions, p
        >>> half = MeanDeviation(delta=0.5)
        >>> print(half.omega(Doubles(0.0)))
        1.0
        >>> print(half.omega(Balls(number(0))))
        1.00000000000000
        >>> print(half.omega(Expressions(p)))
        1/(sqrt(p*(1 - p)) + 0.5)
    """

    L: Number
    p: Number
    q: Number
    deviation: Number
    tanh: Number

    def number(self, parameter: Any) -> Number:
        """A parameter as a number of this kind."""
        raise NotImplementedError

    def constant(self, value: int) -> Number:
        """A constant as a function of the state: of its kind and shape."""
        raise NotImplementedError

    def elsewhere(self, *, L: Number) -> "State":
        """A state of the same kind at other log-odds."""
        raise NotImplementedError

    def asinh(self, x: Number) -> Number:
        """The inverse hyperbolic sine."""
        raise NotImplementedError

    def sqrt(self, x: Number) -> Number:
        """The square root."""
        raise NotImplementedError

    def hypot(self, x: Number, y: Number) -> Number:
        """The root of ``x^2 + y^2``."""
        raise NotImplementedError

    def up_to_1(self, x: Number) -> Number:
        """``x``, which does not exceed 1; where it is 0 times infinity its limit is 1."""
        raise NotImplementedError

    def between(self, alpha: Number, other: Number) -> Number:
        """``alpha other + (1 - alpha) L``; the other at alpha = 1 and L at alpha = 0."""
        raise NotImplementedError

    def push(self, anchor: Number, by: Number) -> Number:
        """``anchor + by``; an infinite anchor stays where it is."""
        raise NotImplementedError

    def mixed(self, of_success: Number, of_failure: Number) -> "State":
        """The state of probability ``of_success p + of_failure q``, both ends to full accuracy."""
        raise NotImplementedError

    def least(self, x: Number, y: Number) -> Number:
        """The smaller of two."""
        raise NotImplementedError

    def greatest(self, x: Number, y: Number) -> Number:
        """The larger of two."""
        raise NotImplementedError

    def more_success(self, share: Number) -> Number:
        """Log-odds of ``p (1 + share)``, for a share above 0; infinite where that exceeds 1."""
        raise NotImplementedError

    def less_failure(self, share: Number) -> Number:
        """Log-odds of ``1 - q (1 - share)``, for a share from 0 to 1."""
        raise NotImplementedError


class Doubles(State):
    """A state of doubles, elementwise; see `State`.

    Where a hyperbolic cosine or an exponential exceeds the doubles, what is computed from it is
    meant to be infinite or 0: call under `infinities`.

    Examples:
        >>> from grpo_lib.arithmetic import Doubles
        >>> import numpy as np
        >>> print(Doubles(np.array([-2.0, 0.0])).deviation.round(3))
        [0.324 0.5  ]
    """

    def __init__(self, L: Array) -> None:
        """Take log-odds, shape [...]."""
        self.L = L

    @cached_property
    def p(self) -> Array:
        """The probability of success."""
        return expit(self.L)

    @cached_property
    def q(self) -> Array:
        """The probability of failure, 1 - p."""
        return expit(-self.L)

    @cached_property
    def deviation(self) -> Array:
        """sqrt(p q)."""
        return 0.5 / np.cosh(self.L / 2)

    @cached_property
    def tanh(self) -> Array:
        """The difference p - q."""
        return np.tanh(self.L / 2)

    def number(self, parameter: Any) -> Any:
        """The parameter, which is a double or an array of doubles."""
        return parameter

    def constant(self, value: int) -> Array:
        """An array of that value."""
        return np.full_like(self.L, value)

    def elsewhere(self, *, L: Array) -> "Doubles":
        """A state at other log-odds."""
        return Doubles(L)

    def asinh(self, x: Array) -> Array:
        """The inverse hyperbolic sine."""
        return np.arcsinh(x)

    def sqrt(self, x: Array) -> Array:
        """The square root."""
        return np.sqrt(x)

    def hypot(self, x: Array, y: Array) -> Array:
        """The root of ``x^2 + y^2``, also where the squares are no doubles any more."""
        root = np.sqrt(x * x + y * y)  # four times as fast as hypot
        if root.min(initial=1) < SQUARES_UNDERFLOW:
            root = np.where(root < SQUARES_UNDERFLOW, np.hypot(x, y), root)
        return root

    def up_to_1(self, x: Array) -> Array:
        """``x`` up to 1, and 1 where it is NaN."""
        return np.fmin(x, 1)

    def between(self, alpha: Any, other: Array) -> Array:
        """``alpha other + (1 - alpha) L``."""
        if np.ndim(alpha) == 0 and alpha in (0, 1):
            return other if alpha == 1 else self.L
        mean = alpha * other + (1 - alpha) * self.L
        return np.where(alpha == 1, other, np.where(alpha == 0, self.L, mean))

    def push(self, anchor: Array, by: Array) -> Array:
        """``anchor + by``; the anchor where -inf and inf are added."""
        pushed = anchor + by
        held = np.isnan(pushed)
        return np.where(held, anchor, pushed) if held.any() else pushed

    def mixed(self, of_success: Any, of_failure: Any) -> "Doubles":
        """The state of probability ``of_success p + of_failure q``."""
        p = of_success * self.p + of_failure * self.q
        q = (1 - of_success) * self.p + (1 - of_failure) * self.q
        at = Doubles(np.log(p / q))
        at.p, at.q, at.deviation = p, q, np.sqrt(p) * np.sqrt(q)
        return at

    def least(self, x: Array, y: Array) -> Array:
        """The smaller of two."""
        return np.minimum(x, y)

    def greatest(self, x: Array, y: Array) -> Array:
        """The larger of two."""
        return np.maximum(x, y)

    def more_success(self, share: Any) -> Array:
        """Log-odds of ``p (1 + share)``."""
        left = np.maximum(self.q - share * self.p, 0)
        return log_expit(self.L) + np.log1p(share) - np.log(left)

    def less_failure(self, share: Any) -> Array:
        """Log-odds of ``1 - q (1 - share)``."""
        return np.log(self.p + share * self.q) - log_expit(-self.L) - np.log1p(-share)


def infinities() -> np.errstate:
    """Context in which a result beyond the doubles is infinite, or NaN, without a warning."""
    return np.errstate(divide="ignore", over="ignore", invalid="ignore")
