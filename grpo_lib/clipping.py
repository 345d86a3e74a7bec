"""Clipping of the likelihood ratio: an exact update that stops to gain beyond a limit."""

from dataclasses import dataclass
from typing import ClassVar

from numpy.typing import ArrayLike

from .arithmetic import Number, State
from .facts import Declaring
from .validation import parameter, require


@dataclass(frozen=True, eq=False)
class Clip(Declaring):
    """Limits of the ratio of the new policy to the previous one, ``[1 - low, 1 + high]``.

    A success stops to gain where its ratio exceeds ``1 + high``, a failure where its ratio falls
    below ``1 - low`` (paper, section 2.2). On policies with the conditionals of the previous one
    that is where the probability of success exceeds ``p (1 + high)`` and ``p + low (1 - p)``.

    Attributes:
        low: how far the ratio may fall, above 0 and at most 1, shape [...].
        high: how far it may rise, above 0, shape [...].

    Raises:
        ValueError: a limit is out of its range or NaN, or they do not broadcast.

    Examples:
        >>> from grpo_lib import Clip, Recurrence
        >>> dapo = Recurrence(beta=0.04, clip=Clip(low=0.2, high=0.28))
        >>> print(dapo.trajectory(p_ref=0.01, steps=3).probability.round(4))
        [0.01   0.1107 0.2885 0.4308]
    """

    low: ArrayLike
    high: ArrayLike
    expression: ClassVar[str] = "limited"

    def __post_init__(self) -> None:
        object.__setattr__(self, "low", parameter("low", self.low, above=0, at_most=1))
        object.__setattr__(self, "high", parameter("high", self.high, above=0))
        super().__post_init__()
        self.shape()

    def limited(self, at: State, *, anchor: Number, pull: Number) -> Number:
        """The next log-odds, in the state's arithmetic.

        In units of beta the objective rises in p with slope ``(1 - p) pull`` up to the limit of the
        successes and with ``p pull`` up to that of the failures. The KL penalty takes
        ``L - anchor`` off. So the slope falls in L, and the maximum is the largest L at which it is
        not negative: the largest of four, one for each set of gains that are still to be had.

        Args:
            at: the current state.
            anchor: log-odds of the anchor of the KL penalty.
            pull: ``Omega / beta`` at the current state.

        Examples:
            >>> from grpo_lib import Clip
            >>> from grpo_lib.certified import Balls, number
            >>> half = Balls(number(0))
            >>> for pull in 1, 9:  # without a limit, and at that of the failures
            ...     state = Clip(0.5, 0.5).limited(half, anchor=number(0), pull=number(pull))
            ...     print(state.str(6))
            1.00000
            [1.09861 +/- 2.29e-6]
        """
        success = at.more_success(at.number(self.high))
        failure = at.less_failure(at.number(self.low))
        limited = at.least(at.push(anchor, pull), at.least(success, failure))
        for weight, limit in ((at.q, success), (at.p, failure)):
            limited = at.greatest(limited, at.least(at.push(anchor, weight * pull), limit))
        return at.greatest(limited, anchor)


def check_clip(value: "Clip | ArrayLike | None") -> Clip | None:
    """Check an argument named ``clip``, and read one number as both limits.

    Raises:
        ValueError: it is a tuple, but not of two, or a limit is out of its range.

    Examples:
        >>> from grpo_lib.clipping import check_clip
        >>> print(check_clip(0.2), check_clip((0.2, 0.28)), check_clip(None))
        Clip(low=0.2, high=0.2) Clip(low=0.2, high=0.28) None
    """
    if value is None or isinstance(value, Clip):
        return value
    limits = value if isinstance(value, tuple) else (value, value)
    require(len(limits) == 2, "clip", value, "None, one number, or a tuple (low, high)")
    return Clip(*limits)
