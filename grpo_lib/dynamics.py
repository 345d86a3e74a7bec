"""The probability of success under exact GRPO updates, iterated in log-odds."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit, logit

from .normalization import MeanVariance, Normalization, check_normalization
from .records import Record
from .validation import (
    Array,
    broadcastable,
    kl_weight,
    parameter,
    probability,
    real_array,
    require,
    whole,
)

BLOCK = 16_384
"""Prompts iterated together, so that their working arrays stay in the processor's cache."""


@dataclass(frozen=True, eq=False)
class Trajectory(Record):
    """States of an iteration, the start included.

    Attributes:
        log_odds: log-odds of the probability of success, shape [steps + 1, ...].

    Examples:
        >>> from grpo_lib import Recurrence
        >>> path = Recurrence(beta=1.0).trajectory(p_ref=0.2, steps=3)
        >>> print(path.probability.round(4))
        [0.2    0.7528 0.7174 0.6973]
        >>> print(path.log_odds.round(4))
        [-1.3863  1.1136  0.9318  0.8347]
    """

    log_odds: Array

    @property
    def probability(self) -> Array:
        """Probability of success, shape [steps + 1, ...]."""
        return expit(self.log_odds)


@dataclass(frozen=True, eq=False)
class Recurrence(Record):
    """L_n = alpha L_ref + (1 - alpha) L_{n-1} + Omega(p_{n-1}) / beta.

    This is Theorem 2 for ``alpha = 1`` (KL to the reference), Theorem 4 for ``alpha = 0`` (mirror:
    KL to the previous policy) and Theorem 9 for values between (two KLs), where the Renyi
    correction of Theorem 9 is 0 because the iteration starts at the reference, or at another policy
    with the reference's conditionals on successes and on failures.

    An anchor ``alpha L_ref + (1 - alpha) L`` of -inf or +inf has no success, or no failure, to
    reweigh. It is absorbing: the step returns it unchanged.

    Attributes:
        beta: weight of the KL penalty, above 0, shape [...]. At 0, the default of some libraries,
            nothing holds a policy back: an exact update takes every prompt with ``p_ref > 0`` to
            ``p = 1`` at once.
        normalization: how rewards become advantages.
        alpha: share of the KL penalty that goes to the reference, in [0, 1], shape [...].

    Raises:
        ValueError: a parameter is out of its range or NaN, or they do not broadcast.

    Examples:
        >>> from grpo_lib import MeanOnly, Recurrence
        >>> reference = Recurrence(beta=1.0)
        >>> mirror = Recurrence(beta=1.0, alpha=0.0)
        >>> dr_grpo = Recurrence(beta=1.0, normalization=MeanOnly())
        >>> for recurrence in reference, mirror, dr_grpo:
        ...     print(recurrence.trajectory(p_ref=0.2, steps=4).probability.round(4))
        [0.2    0.7528 0.7174 0.6973 0.6879]
        [0.2    0.7528 0.9687 0.9999 1.    ]
        [0.2    0.4046 0.4046 0.4046 0.4046]
    """

    beta: float | Array
    normalization: Normalization = MeanVariance()
    alpha: float | Array = 1.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "beta", kl_weight(self.beta))
        object.__setattr__(self, "alpha", parameter("alpha", self.alpha, at_least=0, at_most=1))
        check_normalization(self.normalization)
        super().__post_init__()
        self._shape()

    def step(self, *, L: ArrayLike, L_ref: ArrayLike) -> Array:
        """One exact update.

        Args:
            L: log-odds of the current policy, shape [...].
            L_ref: log-odds of the reference, shape [...].

        Returns:
            Log-odds of the next policy, shape [...].

        Raises:
            ValueError: NaN, shapes that do not broadcast, or ``0 < alpha < 1`` with one of the two
                log-odds at -inf and the other at +inf: no policy is near both.

        Examples:
            >>> from grpo_lib import Recurrence
            >>> print(Recurrence(beta=[1.0, 4.0]).step(L=0.0, L_ref=-1.0).round(4))
            [ 1.  -0.5]
        """
        L, L_ref = real_array("L", L), real_array("L_ref", L_ref)
        self._check(L, L_ref, L=L, L_ref=L_ref)
        return self._step(L, L_ref)

    def slope(self, *, L: ArrayLike) -> Array:
        """Derivative of the step in log-odds, dL_n / dL_{n-1} = 1 - alpha + Omega'(L) / beta.

        At a fixed point it equals the derivative of p_{n-1} -> p_n, which Lemma 1 gives for
        ``alpha = 1``.

        Args:
            L: log-odds of the current policy, shape [...].

        Raises:
            ValueError: NaN, or a shape that does not broadcast with the parameters.

        Examples:
            >>> from grpo_lib import Recurrence
            >>> print(Recurrence(beta=1.0).slope(L=[-2.0, 0.0, 2.0]).round(4))
            [-1.175  0.     1.175]
        """
        L = real_array("L", L)
        self._shape(L=L)
        return self._slope(L)

    def trajectory(
        self, *, p_ref: ArrayLike, steps: int, p_0: ArrayLike | None = None
    ) -> Trajectory:
        """Iterate and keep every state.

        Args:
            p_ref: probability of success of the reference, shape [...].
            steps: number of updates, at least 0.
            p_0: probability of success of the first policy, shape [...]; the reference's if left
                out, as the paper assumes.

        Returns:
            The states 0 to ``steps``, shape [steps + 1, ...].

        Raises:
            ValueError: a probability is outside [0, 1] by more than rounding (1e-9), ``steps`` is
                not a whole number from 0 to 10^9, shapes do not broadcast, or the pair ``p_0``,
                ``p_ref`` is one that `step` refuses.

        Examples:
            >>> from grpo_lib import Recurrence
            >>> path = Recurrence(beta=5.0).trajectory(p_ref=[0.2, 0.5], steps=2, p_0=0.1)
            >>> print(path.probability.round(4))
            [[0.1    0.1   ]
             [0.3275 0.6607]
             [0.2769 0.6041]]
        """
        p_ref = probability("p_ref", p_ref)
        p_0 = p_ref if p_0 is None else probability("p_0", p_0)
        L, L_ref = logit(p_0), logit(p_ref)
        self._check(L, L_ref, p_0=p_0, p_ref=p_ref)
        steps = whole("steps", steps, at_least=0)
        states = np.empty((steps + 1, *self._shape(L=L, L_ref=L_ref)))
        states[0] = L
        for n in range(steps):
            states[n + 1] = self._step(states[n], L_ref)
        states.setflags(write=False)  # a trajectory copies what is not
        return Trajectory(states)

    def iterate(self, *, L_ref: ArrayLike, steps: int, L_0: ArrayLike | None = None) -> Array:
        """Iterate and keep the last state only.

        Args:
            L_ref: log-odds of the reference, shape [...].
            steps: number of updates, at least 0.
            L_0: log-odds of the first policy, shape [...]; the reference's if left out.

        Returns:
            Log-odds after ``steps`` updates, shape [...].

        Raises:
            ValueError: as in `trajectory`.

        Examples:
            >>> from grpo_lib import MeanOnly, Recurrence
            >>> mirror = Recurrence(beta=2.0, normalization=MeanOnly(), alpha=0.0)
            >>> print(mirror.iterate(L_ref=[-3.0, 0.0], steps=10))
            [2. 5.]
        """
        L_ref = real_array("L_ref", L_ref)
        L = L_ref if L_0 is None else real_array("L_0", L_0)
        self._check(L, L_ref, L_0=L, L_ref=L_ref)
        steps = whole("steps", steps, at_least=0)
        last = np.empty(self._shape(L=L, L_ref=L_ref))
        arrays = {name: value for name, value in self._parameters().items() if np.ndim(value)}
        # All steps of one block of prompts before the next block: the working arrays of a block
        # stay in the processor's cache, which is what makes this several times faster.
        blocks = np.nditer(
            [L, L_ref, *arrays.values(), last],
            flags=["external_loop", "buffered", "zerosize_ok"],
            op_flags=[["readonly"]] * (2 + len(arrays)) + [["writeonly"]],
            buffersize=BLOCK,
        )
        with blocks:
            for L_block, L_ref_block, *values, last_block in blocks:
                recurrence = self._with(**dict(zip(arrays, values, strict=True)))
                for _ in range(steps):
                    L_block = recurrence._step(L_block, L_ref_block)
                last_block[...] = L_block
        return last

    def _step(self, L: Array, L_ref: Array) -> Array:
        anchor = self._anchor(L, L_ref)
        with np.errstate(invalid="ignore", over="ignore"):
            stepped = anchor + self.normalization._scale(L) / self.beta
        # At eps = 0 the scale can be inf and an anchor of -inf gives NaN; fmax takes the anchor.
        return np.fmax(stepped, anchor)

    def _slope(self, L: Array) -> Array:
        with np.errstate(over="ignore"):
            return 1 - self.alpha + self.normalization._scale_slope(L) / self.beta

    def _extrema(self) -> tuple[Array, Array]:
        """Log-odds of the step's local minimum and local maximum; -inf where there is none."""
        minimum, maximum = self.normalization._turning_points((1 - self.alpha) * self.beta)
        return -minimum, -maximum  # Omega' is odd

    def _anchor(self, L: Array, L_ref: Array) -> Array:
        if np.ndim(self.alpha) == 0 and self.alpha in (0, 1):
            return L_ref if self.alpha == 1 else L
        with np.errstate(invalid="ignore"):
            between = self.alpha * L_ref + (1 - self.alpha) * L
        return np.where(self.alpha == 1, L_ref, np.where(self.alpha == 0, L, between))

    def _check(self, L: Array, L_ref: Array, /, **given: Array) -> None:
        """Check a pair of states; `given` is the same pair as the caller named and passed it."""
        self._shape(**given)
        name, name_ref = given
        require(
            ~np.isnan(self._anchor(L, L_ref)),
            name_ref,
            given[name_ref],
            f"compatible with {name}: at 0 < alpha < 1 no policy is near both one that always "
            "succeeds and one that never does",
        )

    def _shape(self, **arguments: Array) -> tuple[int, ...]:
        return broadcastable(**arguments, **self._parameters())

    def _parameters(self) -> dict[str, float | Array]:
        return {"beta": self.beta, "alpha": self.alpha, **vars(self.normalization)}

    def _require_scalars(self) -> None:
        for name, value in self._parameters().items():
            require(np.ndim(value) == 0, name, value, "a single number")

    def _with(self, **parameters: Array) -> "Recurrence":
        of_normalization = {
            name: parameters.pop(name) for name in vars(self.normalization) if name in parameters
        }
        return replace(
            self, normalization=replace(self.normalization, **of_normalization), **parameters
        )


def check_recurrence(value: Recurrence) -> Recurrence:
    """Check that an argument named ``recurrence`` is one.

    A subclass is not: what is known of fixed points and cycles is known of this step alone.

    Raises:
        ValueError: it is not.
    """
    require(
        type(value) is Recurrence,
        "recurrence",
        value,
        "Recurrence(...), not a subclass with a step of its own",
    )
    return value
