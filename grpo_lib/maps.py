"""Maps of the log-odds from one update to the next, and their iteration."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit, logit

from .arithmetic import Doubles, Number, State, infinities
from .facts import Declaring, fact
from .normalization import Normalization
from .records import Record
from .validation import Array, Mask, probability, real_array, require, whole

BLOCK = 32_768
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


class Map(Declaring):
    """One update of the log-odds of success, for every prompt.

    A class of one's own is a frozen dataclass with ``eq=False``. Its fields are its parameters,
    numbers or arrays of shape [...], and a `Normalization` if it has one. It writes `update`, which
    is enough for `step`, `trajectory` and `iterate`, and declares what it knows of the facts.

    Examples:
        >>> from dataclasses import dataclass
        >>> from grpo_lib import Map
        >>> @dataclass(frozen=True, eq=False)
        ... class Halfway(Map):
        ...     gain: float
        ...     def update(self, at, *, L_ref):
        ...         return at.push(at.between(0.5, L_ref), self.gain * at.q)
        >>> print(Halfway(gain=2.0).trajectory(p_ref=0.2, steps=3).probability.round(4))
        [0.2    0.5532 0.5762 0.5764]
    """

    expression: ClassVar[str] = "update"

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
        self.check_states({"L": L, "L_ref": L_ref}, L=L, L_ref=L_ref)
        with infinities():
            return self.update(Doubles(L), L_ref=L_ref)

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
        self.shape(L=L)
        with infinities():
            return self.update_slope(Doubles(L))

    def trajectory(
        self,
        *,
        p_ref: ArrayLike,
        steps: int,
        p_0: ArrayLike | None = None,
        renew_every: int | None = None,
    ) -> Trajectory:
        """Iterate and keep every state.

        Args:
            p_ref: probability of success of the reference, shape [...].
            steps: number of updates, at least 0.
            p_0: probability of success of the first policy, shape [...]; the reference's if left
                out, as the paper assumes.
            renew_every: number m of updates, at least 1, after which the current policy becomes the
                reference: after update m, 2 m, and so on. The reference stays if left out.

        Returns:
            The states 0 to ``steps``, shape [steps + 1, ...].

        Raises:
            ValueError: a probability is outside [0, 1] by more than rounding (1e-9), ``steps`` is
                not a whole number from 0 to 10^9 or ``renew_every`` none from 1 on, shapes do not
                broadcast, or the pair ``p_0``, ``p_ref`` is one that `step` refuses.

        Examples:
            >>> from grpo_lib import Recurrence
            >>> path = Recurrence(beta=5.0).trajectory(p_ref=[0.2, 0.5], steps=2, p_0=0.1)
            >>> print(path.probability.round(4))
            [[0.1    0.1   ]
             [0.3275 0.6607]
             [0.2769 0.6041]]
            >>> path = Recurrence(beta=5.0).trajectory(p_ref=0.2, steps=6, renew_every=3)
            >>> print(path.probability.round(4))
            [0.2    0.2919 0.2796 0.2808 0.3786 0.3709 0.3713]
        """
        p_ref = probability("p_ref", p_ref)
        p_0 = p_ref if p_0 is None else probability("p_0", p_0)
        L, L_ref = logit(p_0), logit(p_ref)
        self.check_states({"p_0": p_0, "p_ref": p_ref}, L=L, L_ref=L_ref)
        steps = whole("steps", steps, at_least=0)
        renewed = renewals(steps, renew_every)
        states = np.empty((steps + 1, *self.shape(L=L, L_ref=L_ref)))
        states[0] = L
        with infinities():
            for n in range(steps):
                if n in renewed:
                    L_ref = states[n]
                states[n + 1] = self.update(Doubles(states[n]), L_ref=L_ref)
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
        self.check_states({"L_0": L, "L_ref": L_ref}, L=L, L_ref=L_ref)
        steps = whole("steps", steps, at_least=0)
        shape = self.shape(L=L, L_ref=L_ref)
        flat = self.cells(shape, slice(None))
        L, L_ref = (np.broadcast_to(x, shape).reshape(-1) for x in (L, L_ref))
        last = np.empty(L.size)
        # All steps of one block of prompts before the next block: the working arrays of a block
        # stay in the processor's cache, which is what makes this several times faster.
        for start in range(0, L.size, BLOCK):
            block = slice(start, start + BLOCK)
            cells, state = flat.cells(L.shape, block), L[block]
            with infinities():
                for _ in range(steps):
                    state = cells.update(Doubles(state), L_ref=L_ref[block])
            last[block] = state
        return last.reshape(shape)

    def update(self, at: State, *, L_ref: Number) -> Number:
        """The expression: the next log-odds, in the state's arithmetic. Unchecked; `step` checks.

        Args:
            at: the current state.
            L_ref: log-odds of the reference.

        Examples:
            >>> from grpo_lib import MeanOnly, Recurrence
            >>> from grpo_lib.symbolic import Expressions, L_ref, alpha, beta, p
            >>> symbolic = Recurrence.unchecked(beta=beta, normalization=MeanOnly(), alpha=alpha)
            >>> print(symbolic.update(Expressions(p), L_ref=L_ref))
            L_ref*alpha + (1 - alpha)*log(p/(1 - p)) + 1/beta
        """
        raise NotImplementedError(f"{type(self).__name__} must write update")

    @fact
    def update_slope(self, at: State) -> Number:
        """The derivative of `update` by the log-odds, in the state's arithmetic.

        Examples:
            >>> from grpo_lib import MeanOnly, Recurrence
            >>> from grpo_lib.certified import Balls, number
            >>> print(Recurrence(1.0, MeanOnly(), alpha=0.25).update_slope(Balls(number(0))))
            0.750000000000000
        """

    def slope_at_rest(self, at: State) -> Number:
        """The slope at a finite fixed point, where it does not depend on the reference.

        That of `update_slope`, unless a map knows its slope at fixed points alone.

        Examples:
            >>> from grpo_lib import MeanOnly, Recurrence
            >>> from grpo_lib.certified import Balls, number
            >>> clipped = Recurrence(1.0, MeanOnly(), alpha=0.25, clip=0.2)
            >>> print(clipped.slope_at_rest(Balls(number(0))))
            0.750000000000000
        """
        return self.update_slope(at)

    @fact
    def balance(self) -> tuple[Normalization, Array, Mask]:
        """Omega and b of ``L = L_ref + Omega(L) / b``, which holds at finite fixed points.

        The third is whether the two ends are the fixed points instead, as with mirror.

        Examples:
            >>> from grpo_lib import Recurrence
            >>> print(*Recurrence(beta=[1.0, 3.0], alpha=[0.5, 0.0]).balance())
            MeanVariance(eps=1e-05) [0.5 0. ] [False  True]
        """

    @fact
    def parts(self) -> tuple[Array, Normalization, Array]:
        """Alpha, Omega and beta of ``alpha L_ref + (1 - alpha) L + Omega / beta``, the update.

        Examples:
            >>> from grpo_lib import Recurrence
            >>> print(*Recurrence(beta=2.0).parts())
            1.0 MeanVariance(eps=1e-05) 2.0
        """

    @fact
    def end_slope(self, *, L: Array) -> Array:
        """Derivative of p_{n-1} -> p_n where L, -inf or +inf, is a fixed point.

        Examples:
            >>> import numpy as np
            >>> from grpo_lib import MeanOnly, Recurrence
            >>> mirror = Recurrence(beta=1.0, normalization=MeanOnly(), alpha=0.0)
            >>> print(mirror.end_slope(L=np.array([-np.inf, np.inf])).round(4))  # e and 1 / e
            [2.7183 0.3679]
        """

    @fact
    def slope_points(self, slope: int) -> tuple[Array, Array]:
        """States, ascending, where the update has slope 1 (+inf: none), 0 or -1 (-inf: none).

        Examples:
            >>> from grpo_lib import Recurrence
            >>> print([float(L.round(4)) for L in Recurrence(beta=1.0).slope_points(1)])
            [1.7629, 16.5667]
        """

    def check_states(self, given: dict[str, Array], *, L: Array, L_ref: Array) -> None:
        """Check a state and a reference.

        Args:
            given: the two, in this order, as the caller named and passed them.
            L: log-odds of the state.
            L_ref: log-odds of the reference.

        Raises:
            ValueError: they do not broadcast, or no update leads from one such state.

        Examples:
            >>> import numpy as np
            >>> from grpo_lib import Recurrence
            >>> states = {"L": np.array(0.0), "L_ref": np.array(-np.inf)}
            >>> Recurrence(beta=1.0).check_states(states, **states)  # passes in silence
        """
        self.shape(**given)


def renewals(steps: int, renew_every: int | None) -> range:
    """The states that become the reference on the way: m, 2 m, ..., of those an update follows.

    Args:
        steps: number of updates, at least 0.
        renew_every: number m of updates with one reference, at least 1; none is renewed if None.

    Raises:
        ValueError: ``renew_every`` is not a whole number of at least 1.

    Examples:
        >>> from grpo_lib.maps import renewals
        >>> print(list(renewals(10, renew_every=4)))
        [4, 8]
    """
    if renew_every is None:
        return range(0)
    every = whole("renew_every", renew_every, at_least=1)
    return range(every, steps, every)


def check_map(value: Map) -> Map:
    """Check that an argument named ``recurrence`` is a map.

    Raises:
        ValueError: it is not.
    """
    require(isinstance(value, Map), "recurrence", value, "a Map such as Recurrence(...)")
    return value
