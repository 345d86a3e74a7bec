"""How far rounding can carry a computation: bounds that hold on every processor.

A double that is the result of one addition, multiplication, division or square root is off by at
most `UNIT`, relative to itself, on every machine that follows IEEE 754. Elementary functions have
no such guarantee: libraries and processors differ in the last digits. Here an elementary function
may be off by `FUNCTION`, five units in the last place, one more than NumPy's tests allow.
"""

import numpy as np
from numpy.typing import ArrayLike

from .dynamics import Recurrence
from .validation import Array, real_array, require

UNIT = 2.0**-53
"""Relative error of one correctly rounded operation on doubles."""

FUNCTION = 10 * UNIT
"""Relative error of an elementary function: five units in the last place, each up to 2 UNIT."""

STEP = 32 * UNIT
"""Error of one computed step, relative to the sum of the sizes of its terms; see `step_bound`."""


def step_bound(recurrence: Recurrence, L: ArrayLike, L_ref: ArrayLike) -> Array:
    """Bound on the rounding error of one computed step, from a state taken as exact.

    The step adds ``alpha L_ref``, ``(1 - alpha) L`` and ``Omega(L) / beta``. The hyperbolic cosine
    in Omega is off by `FUNCTION`. Squaring, dividing, adding eps, the square root and the division
    by beta make that at most 24 `UNIT`. Each of the other two terms takes two roundings, and the
    sums take two more, relative to the sizes of all terms. Together this is below `STEP` times the
    sum of the sizes.

    Args:
        recurrence: the step that is computed.
        L: log-odds of the current policy, shape [...].
        L_ref: log-odds of the reference, shape [...].

    Returns:
        The bound in log-odds, shape [...]; 0 at an absorbing anchor, which is returned unchanged.

    Raises:
        ValueError: as in `Recurrence.step`.

    Examples:
        >>> from grpo_lib import Recurrence
        >>> from grpo_lib.rounding import step_bound
        >>> print(f"{step_bound(Recurrence(beta=1.0), L=0.0, L_ref=-2.0):.1e}")
        1.4e-14
    """
    recurrence.step(L=L, L_ref=L_ref)  # checks the arguments
    L, L_ref = real_array("L", L), real_array("L_ref", L_ref)
    own = np.where(np.equal(recurrence.alpha, 1), 0, 1 - np.asarray(recurrence.alpha))
    to_ref = np.asarray(recurrence.alpha)
    with np.errstate(invalid="ignore", over="ignore"):
        terms = np.where(own > 0, np.abs(own * L), 0) + np.where(to_ref > 0, np.abs(to_ref * L_ref), 0)
        sizes = terms + recurrence.normalization.scale(L) / recurrence.beta
    return np.where(np.isinf(terms), 0.0, STEP * sizes)
