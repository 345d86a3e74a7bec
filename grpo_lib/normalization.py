"""Reward normalisations: how much an advantage weighs, as a function of the log-odds.

The advantage of a 0/1 reward is ``+w_plus`` on every success and ``-w_minus`` on every failure.
``w_plus + w_minus`` is the scale Omega (paper, section 2 for mean and variance, section 5 for the
mean alone). Log-odds of -inf and +inf stand for a probability of success of exactly 0 and 1.

A normalisation is open: a class of one's own writes ``omega`` once, for every kind of number, and
declares the facts that were proved for it. What rests on a fact that is not declared raises.
"""

from typing import ClassVar

from numpy.typing import ArrayLike

from .arithmetic import Doubles, Number, State, infinities
from .facts import Declaring, fact
from .validation import Array, real_array, require


class Normalization(Declaring):
    """How rewards become advantages, given by the scale Omega as a function of the state.

    A class of one's own is a frozen dataclass with ``eq=False``. Its fields are its parameters,
    numbers or arrays of shape [...]. It writes `omega`, which is enough for `scale`, `weights`,
    `Recurrence.step` and what iterates, and declares what it knows of the facts.

    Examples:
        >>> from dataclasses import dataclass
        >>> from grpo_lib import Normalization, Recurrence, fixed_points
        >>> @dataclass(frozen=True, eq=False)
        ... class HalfVariance(Normalization):
        ...     def omega(self, at):
        ...         return 2 / (1 + 2 * at.deviation)
        >>> halfway = Recurrence(beta=1.0, normalization=HalfVariance())
        >>> print(halfway.trajectory(p_ref=0.2, steps=3).probability.round(4))
        [0.2    0.4316 0.4057 0.4068]
        >>> fixed_points(halfway, L_ref=0.0)
        Traceback (most recent call last):
            ...
        NotImplementedError: HalfVariance does not declare bounds; see Normalization.bounds
    """

    expression: ClassVar[str] = "omega"

    def scale(self, *, L: ArrayLike) -> Array:
        """Omega, elementwise.

        Args:
            L: log-odds of the probability of success p, shape [...].

        Raises:
            ValueError: ``L`` is NaN, or does not broadcast with the parameters.

        Examples:
            >>> from grpo_lib import MeanDeviation, MeanOnly, MeanVariance
            >>> print(MeanVariance(eps=1e-4).scale(L=[0.0, float("inf")]).round(2))
            [  2. 100.]
            >>> print(MeanOnly().scale(L=[-7.0, 0.0]))
            [1. 1.]
        """
        L = self._states(L)
        with infinities():
            return self.omega(Doubles(L))

    def weights(self, *, L: ArrayLike) -> tuple[Array, Array]:
        """(w_plus, w_minus) = ((1 - p) Omega, p Omega); paper, Eq. (4).

        Args:
            L: log-odds of the probability of success p, shape [...].

        Returns:
            The weight of a success and the weight of a failure, shape [...] each.

        Raises:
            ValueError: ``L`` is NaN, or does not broadcast with the parameters.

        Examples:
            >>> from grpo_lib import MeanOnly, MeanVariance
            >>> from scipy.special import logit
            >>> w_plus, w_minus = MeanVariance().weights(L=logit([0.1, 0.5, 0.9]))
            >>> print(w_plus.round(3), w_minus.round(3))
            [3.    1.    0.333] [0.333 1.    3.   ]
            >>> print(*MeanOnly().weights(L=0.0))
            0.5 0.5
        """
        at = Doubles(self._states(L))
        with infinities():
            omega = self.omega(at)
            return at.q * omega, at.p * omega

    def omega(self, at: State) -> Number:
        """The expression: Omega at a state, in its arithmetic. Unchecked; `scale` checks.

        Args:
            at: the state.

        Examples:
            >>> from grpo_lib import MeanVariance
            >>> from grpo_lib.symbolic import Expressions, eps, p
            >>> print(MeanVariance.unchecked(eps=eps).omega(Expressions(p)))
            1/sqrt(p*(1 - p) + varepsilon)
        """
        raise NotImplementedError(f"{type(self).__name__} must write omega")

    @fact
    def omega_slope(self, at: State) -> Number:
        """The slope Omega' = d Omega / d L at a state, in its arithmetic.

        Examples:
            >>> from grpo_lib import MeanVariance
            >>> from grpo_lib.certified import Balls, number
            >>> print(MeanVariance(eps=0.01).omega_slope(Balls(number(1))).str(8))
            [0.48372537 +/- 3.84e-9]
        """

    @fact
    def omega_error(self) -> float:
        """Relative rounding error of `omega` on doubles, in units of 2^-53.

        Examples:
            >>> from grpo_lib import MeanOnly
            >>> print(MeanOnly().omega_error())
            0.0
        """

    @fact
    def bend(self, at: Doubles) -> Array:
        """Bound on ``|Omega''|``, in log-odds; within e it grows at most by ``exp(3 e / 2)``.

        Examples:
            >>> from grpo_lib import MeanVariance
            >>> from grpo_lib.arithmetic import Doubles
            >>> print(MeanVariance(eps=0.0).bend(Doubles(0.0)))  # Omega'' = Omega / 4 = 1/2
            0.5
        """

    @fact
    def bounds(self) -> tuple[Array, Array]:
        """Largest lower and smallest upper bound of Omega; inf where it has no upper bound.

        Examples:
            >>> from grpo_lib import MeanVariance
            >>> print(*MeanVariance(eps=[0.0, 0.75]).bounds())
            [2. 1.] [       inf 1.15470054]
        """

    @fact
    def steepest_slope(self) -> Array:
        """Smallest upper bound of ``|Omega'|``.

        Examples:
            >>> from grpo_lib import MeanVariance
            >>> print(MeanVariance(eps=[0.0, 0.01]).steepest_slope().round(4))
            [   inf 1.8505]
        """

    @fact
    def turning_points(self, slope: Array) -> tuple[Array, Array]:
        """States ``c_1 <= c_2`` where Omega' is ``slope``, at least 0; +inf if there is none.

        To declare it takes a proof that Omega' is above ``slope`` exactly between the two, and that
        an Omega without upper bound outgrows every line.

        Examples:
            >>> from grpo_lib import MeanVariance
            >>> print([float(c.round(4)) for c in MeanVariance(eps=0.01).turning_points(1.0)])
            [1.9557, 5.8122]
        """

    @fact
    def falling_points(self, slope: Array) -> tuple[Array, Array]:
        """States ``-d_2 <= -d_1`` where Omega' is ``-slope``; -inf if there is none.

        To declare it takes a proof that Omega' is below ``-slope`` exactly between the two, and
        that both lie below every turning point.

        Examples:
            >>> from grpo_lib import MeanVariance
            >>> print([float(c.round(4)) for c in MeanVariance(eps=0.01).falling_points(1.0)])
            [-5.8122, -1.9557]
        """

    @fact
    def negative_schwarzian(self) -> bool:
        """Whether the Schwarzian derivative of Omega is negative where Omega falls.

        Examples:
            >>> from grpo_lib import MeanVariance
            >>> print(MeanVariance().negative_schwarzian())
            True
        """

    @fact
    def variance_smoothing(self) -> Array:
        """The number eps for which Omega is ``1 / sqrt(p (1 - p) + eps)``, if there is one.

        Examples:
            >>> from grpo_lib import MeanVariance
            >>> print(MeanVariance(eps=0.01).variance_smoothing())
            0.01
        """

    @fact
    def concave_gain(self) -> bool:
        """Whether the gain ``p (1 - p) Omega`` is concave in p and 0 at p = 0 and 1.

        The gain is the slope in log-odds of the expected advantage. If it is concave, a penalty on
        the forward KL has one fixed point; see `fixed_points`.

        Examples:
            >>> from grpo_lib import MeanVariance
            >>> print(MeanVariance().concave_gain())
            True
        """

    def _states(self, L: ArrayLike) -> Array:
        L = real_array("L", L)
        self.shape(L=L)
        return L


def check_normalization(value: Normalization) -> Normalization:
    """Check that an argument named ``normalization`` is one.

    Raises:
        ValueError: it is not.
    """
    require(
        isinstance(value, Normalization),
        "normalization",
        value,
        "a Normalization such as MeanVariance(...), MeanDeviation(...) or MeanOnly()",
    )
    return value
