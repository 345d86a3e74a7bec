"""Exact updates under a penalty on the forward KL, the one that the estimator k3 has as a loss."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from .arithmetic import Number, State
from .maps import Map
from .normalization import Normalization, check_normalization
from .smoothed import MeanVariance
from .validation import Array, kl_weight, require

FARTHEST = 1400.0
"""Log-odds of a reference beyond which hyperbolic functions exceed the doubles."""


@dataclass(frozen=True, eq=False)
class ForwardRecurrence(Map):
    """L_n = L_ref / 2 + asinh(cosh(L_ref / 2) Omega(p_{n-1}) / beta + sinh(L_ref / 2)).

    The policy with the largest mean advantage less ``beta KL(pi_ref || pi)`` has the masses
    ``beta pi_ref / (lambda - A)``, where lambda makes their sum 1. With one advantage for all
    successes and one for all failures, its conditionals are the reference's, and its probability of
    success p solves ``(p - p_ref) / (p (1 - p)) = Omega(p_{n-1}) / beta``. In log-odds that is the
    closed form above. See the chapter on estimators of the KL.

    The slope of the step depends on the reference, which `Map.slope` is not told; it is not
    declared. At fixed points `fixed_points` gives it, with ``penalty="forward"``.

    Attributes:
        beta: weight of the KL penalty, above 0, shape [...].
        normalization: how rewards become advantages.

    Raises:
        ValueError: a parameter is out of its range or NaN, or they do not broadcast.

    Examples:
        >>> from grpo_lib import ForwardRecurrence, MeanOnly, MeanVariance
        >>> for normalization in MeanOnly(), MeanVariance():
        ...     forward = ForwardRecurrence(beta=1.0, normalization=normalization)
        ...     print(forward.trajectory(p_ref=0.2, steps=4).probability.round(4))
        [0.2    0.4472 0.4472 0.4472 0.4472]
        [0.2    0.7123 0.6804 0.6724 0.6706]
    """

    beta: ArrayLike
    normalization: Normalization = MeanVariance()

    def __post_init__(self) -> None:
        object.__setattr__(self, "beta", kl_weight(self.beta))
        check_normalization(self.normalization)
        super().__post_init__()
        self.shape()

    def update(self, at: State, *, L_ref: Number) -> Number:
        """The step, written as a distance from the reference."""
        reference = at.elsewhere(L=L_ref)
        pull = self.normalization.omega(at) / at.number(self.beta)
        middle = at.asinh((pull + reference.tanh) / (2 * reference.deviation))
        return at.push(L_ref, middle - L_ref / 2)

    def check_states(self, given: dict[str, Array], *, L: Array, L_ref: Array) -> None:
        """Check a state and a reference; see `Map.check_states`."""
        super().check_states(given, L=L, L_ref=L_ref)
        *_, name_ref = given
        require(
            np.isinf(L_ref) | (np.abs(L_ref) <= FARTHEST),
            name_ref,
            given[name_ref],
            f"infinite, or within {FARTHEST:g} of 0 in log-odds",
        )
