"""Loops for what has to be done to each element of an array until that element is done."""

from collections.abc import Callable
from itertools import count

import numpy as np

from .facts import Declaring
from .validation import Array, Mask


def until_done(
    advance: Callable[..., tuple[Mask, list[Array]]],
    problem: Declaring,
    state: list[Array],
    most: int | None = None,
) -> None:
    """Call ``advance`` again and again, and after each call only for what is not done.

    Args:
        advance: takes the problem of the elements, their places in the whole, and the arrays of
            their state, shape [n] each. It keeps what it has found, and returns which elements are
            done, and the new state.
        problem: a map or a normalisation with the parameters of the elements.
        state: arrays of the state of all elements, shape [n] each.
        most: number of calls after which the rest is given up; None for as many as it takes.
    """
    cells = np.arange(state[0].size)
    for _ in count() if most is None else range(most):
        if not cells.size:
            return
        done, state = advance(problem, cells, *state)
        if done.any():
            left = ~done
            problem = problem.cells(left.shape, left)
            cells, state = cells[left], [array[left] for array in state]


def bisect(beyond: Callable[[Array], Mask], low: Array, high: Array) -> Array:
    """Where a condition begins to hold between low and high, elementwise, to the last bit.

    Args:
        beyond: whether it holds, for states of shape [...].
        low: where it does not hold, shape [...].
        high: where it holds, shape [...]; what is returned if nothing lies between.
    """
    while True:
        middle = low / 2 + high / 2
        inside = (low < middle) & (middle < high)
        if not inside.any():
            return high
        holds = beyond(middle)
        low, high = np.where(inside & ~holds, middle, low), np.where(inside & holds, middle, high)
