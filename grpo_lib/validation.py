"""Checks of what callers pass in: one message each, naming argument, value and what is allowed."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

SUM_TOLERANCE = 1e-9
"""How far the probabilities of a policy may be from summing to 1."""


def require(condition: ArrayLike, name: str, value: ArrayLike, allowed: str) -> None:
    """Raise the one kind of error this package raises for bad input.

    Args:
        condition: what must hold, elementwise or as a whole.
        name: the argument's name.
        value: the argument's value; of an array the first offending entry is shown.
        allowed: what is allowed, in words that follow "must be".

    Raises:
        ValueError: the condition fails anywhere.
    """
    holds = np.asarray(condition)
    if holds.all():
        return
    values = np.asarray(value)
    if values.ndim and values.shape == holds.shape:
        index = tuple(int(i) for i in np.argwhere(~holds)[0])
        shown = f"{values[index]} at index {index if len(index) > 1 else index[0]}"
    else:
        shown = np.array2string(values, threshold=8) if values.ndim else repr(values.item())
    raise ValueError(f"{name} must be {allowed}, got {shown}")


def real_array(name: str, value: ArrayLike) -> Array:
    """Convert to an array of doubles.

    Raises:
        ValueError: the value is not real numbers, or holds NaN.
    """
    try:
        array = np.asarray(value)
        if array.dtype.kind not in "biuf":
            raise TypeError
        array = array.astype(float, copy=False)
    except (TypeError, ValueError):
        raise ValueError(f"{name} must be real numbers, got {value!r}") from None
    require(~np.isnan(array), name, array, "a number, not NaN")
    return array


def parameter(
    name: str,
    value: ArrayLike,
    *,
    above: float | None = None,
    at_least: float | None = None,
    at_most: float | None = None,
) -> float | Array:
    """Check a finite parameter against its range; scalars come back as float.

    Raises:
        ValueError: the value is not finite or outside the range.
    """
    array = real_array(name, value)
    holds, limits = np.isfinite(array), []
    if above is not None:
        holds, limits = holds & (array > above), [f"above {above:g}"]
    if at_least is not None:
        holds, limits = holds & (array >= at_least), [f"at least {at_least:g}"]
    if at_most is not None:
        holds, limits = holds & (array <= at_most), [*limits, f"at most {at_most:g}"]
    require(holds, name, array, " and ".join(["finite", *limits]))
    return array if array.ndim else float(array)


def whole(name: str, value: int, *, at_least: int) -> int:
    """Check a whole number.

    Raises:
        ValueError: the value is not an integer of at least this size.
    """
    integer = isinstance(value, int | np.integer) and not isinstance(value, bool)
    require(integer and value >= at_least, name, value, f"a whole number of at least {at_least}")
    return int(value)


def probability(name: str, value: ArrayLike) -> Array:
    """Check probabilities of success.

    Raises:
        ValueError: an entry is outside [0, 1].
    """
    array = real_array(name, value)
    require((array >= 0) & (array <= 1), name, array, "a probability in [0, 1]")
    return array


def distribution(name: str, value: ArrayLike) -> Array:
    """Check policies: probabilities over the outcomes on the last axis.

    Raises:
        ValueError: an entry is outside [0, 1], there is no outcome, or a sum is not 1.
    """
    array = probability(name, value)
    require(
        array.ndim >= 1 and array.shape[-1] >= 1,
        name,
        array,
        "a distribution over at least one outcome",
    )
    total = array.sum(axis=-1)
    whole = np.abs(total - 1) <= SUM_TOLERANCE
    if not whole.all():  # the message is costly to make
        raise ValueError(
            f"{name} must be probabilities that sum to 1 over the last axis "
            f"(they sum to {total[~whole][0]}), got {array[~whole][0]}"
        )
    return array


def binary(name: str, value: ArrayLike) -> Array:
    """Check verifiable rewards.

    Raises:
        ValueError: an entry is neither 0 nor 1.
    """
    array = real_array(name, value)
    require((array == 0) | (array == 1), name, array, "0 or 1")
    return array


def same_outcomes(**arrays: Array) -> None:
    """Check that arrays share their outcomes (last axis) and broadcast over the other axes.

    Raises:
        ValueError: they do not.
    """
    shapes = {name: array.shape for name, array in arrays.items()}
    outcomes = {shape[-1:] for shape in shapes.values()}
    try:
        np.broadcast_shapes(*shapes.values())
        fits = len(outcomes) == 1
    except ValueError:
        fits = False
    if not fits:
        raise ValueError(
            f"{' and '.join(shapes)} must have the same outcomes on the last axis and broadcast "
            f"over the others, got shapes {', '.join(map(str, shapes.values()))}"
        )


def broadcastable(**values: ArrayLike) -> tuple[int, ...]:
    """Check that arguments broadcast over prompts, and return their common shape.

    Raises:
        ValueError: they do not.
    """
    shapes = {name: np.shape(value) for name, value in values.items()}
    try:
        return np.broadcast_shapes(*shapes.values())
    except ValueError:
        raise ValueError(
            f"{' and '.join(shapes)} must broadcast over prompts, "
            f"got shapes {', '.join(map(str, shapes.values()))}"
        ) from None
