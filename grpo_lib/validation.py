"""Checks of what callers pass in: one message each, naming argument, value and what is allowed."""

import math
import sys
from decimal import Decimal
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
Indices = NDArray[np.intp]

SUM_TOLERANCE = 1e-9
"""How far the probabilities of a policy may be from summing to 1.

A probability that is itself such a sum, or 1 less such a sum, may leave [0, 1] by as much.
"""

LARGEST_COUNT = 10**9
"""Updates and states beyond this number take hours and gigabytes: the number is a slip."""

SHOWN = 200
"""Characters of a value that a message shows at most."""


def require(condition: ArrayLike, name: str, value: Any, allowed: str) -> None:
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
    if isinstance(value, np.ndarray) and value.ndim:
        if value.shape == holds.shape:
            index = tuple(int(i) for i in np.argwhere(~holds)[0])
            shown = f"{value[index]} at index {index if len(index) > 1 else index[0]}"
        else:
            shown = np.array2string(value, threshold=8)
    else:
        shown = _text(value.item() if isinstance(value, np.ndarray | np.generic) else value)
    raise ValueError(f"{name} must be {allowed}, got {shown}")


def real_array(name: str, value: ArrayLike) -> Array:
    """Convert to an array of doubles.

    Exact numbers are rounded to the nearest double: integers of any size, fractions, decimals,
    SymPy's numbers and constant expressions, also as entries of an array.

    Raises:
        ValueError: the value is not real numbers, holds NaN or a masked entry, cannot be read by
            NumPy, or exceeds the doubles.
    """
    if _masked(value):
        raise ValueError(
            f"{name} must be real numbers without a masked entry (fill the gaps or leave them out: "
            f"x.filled(...), x.compressed()), got {_text(value)}"
        )
    try:
        array = np.asarray(value)
    except Exception as error:  # whatever the conversion of a foreign array raises
        raise ValueError(
            f"{name} must be real numbers that NumPy can read as an array (detach a tensor that "
            "needs a gradient and bring it to the CPU: x.detach().cpu()), "
            f"got {type(value).__name__}: {str(error)[:SHOWN]}"
        ) from error
    try:
        if array.dtype.kind == "O":
            array = np.array([_double(entry) for entry in array.flat]).reshape(array.shape)
        elif array.dtype.kind not in "biuf":
            raise TypeError
        array = array.astype(float, copy=False)
    except OverflowError:
        raise ValueError(
            f"{name} must be real numbers within the range of a double (about 5e-324 to 1.8e308 in "
            f"size), got {_text(value)}"
        ) from None
    except (TypeError, ValueError):
        raise ValueError(f"{name} must be real numbers, got {_text(value)}") from None
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


def kl_weight(value: ArrayLike) -> float | Array:
    """Check the weight ``beta`` of the KL penalty.

    Raises:
        ValueError: the value is not finite or not above 0.
    """
    array = real_array("beta", value)
    require(
        array != 0,
        "beta",
        array,
        "above 0: at 0 there is no penalty to iterate with, and an exact update takes every prompt "
        "with p_ref > 0 to p = 1 at once",
    )
    return parameter("beta", array, above=0)


def whole(name: str, value: int, *, at_least: int) -> int:
    """Check a number of things: a whole number up to `LARGEST_COUNT`.

    Raises:
        ValueError: the value is not an integer, or outside the range.
    """
    integer = isinstance(value, Integral) and not isinstance(value, bool)
    require(integer and value >= at_least, name, value, f"a whole number of at least {at_least}")
    require(value <= LARGEST_COUNT, name, value, f"a whole number of at most {LARGEST_COUNT:,}")
    return int(value)


def probability(name: str, value: ArrayLike) -> Array:
    """Check probabilities.

    A sum of probabilities can exceed 1 by rounding, and 1 less such a sum can fall below 0. What is
    outside [0, 1] by no more than `SUM_TOLERANCE` is therefore taken for the nearer end. It could
    mean nothing else, and beyond the ends log-odds are not defined.

    Raises:
        ValueError: an entry is outside [0, 1] by more.
    """
    array = real_array(name, value)
    near = (array >= -SUM_TOLERANCE) & (array <= 1 + SUM_TOLERANCE)
    require(near, name, array, "a probability in [0, 1]")
    return np.clip(array, 0, 1)


def distribution(name: str, value: ArrayLike) -> Array:
    """Check policies: probabilities over the outcomes on the last axis.

    Raises:
        ValueError: an entry is not a `probability`, there is no outcome, or a sum is not 1.
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


def _masked(value: Any) -> bool:
    """Whether a value, or anything in a list or tuple of values, has a masked entry."""
    if isinstance(value, list | tuple):
        return any(map(_masked, value))
    return isinstance(value, np.ma.MaskedArray) and np.ma.is_masked(value)


def _double(number: Any) -> float:
    """The nearest double of a number that NumPy has no type for.

    Raises:
        TypeError: it is not a real number.
        OverflowError: it is so large or so small that the double would be infinite or 0.
    """
    sympy = sys.modules.get("sympy")  # without it nothing is an expression of SymPy
    if not isinstance(number, Real | Decimal) and not (sympy and isinstance(number, sympy.Expr)):
        raise TypeError
    double = float(number)
    if bool(double) != bool(number) or (math.isinf(double) and number != double):
        raise OverflowError
    return double


def _text(value: Any) -> str:
    """A value as a message shows it."""
    try:
        text = repr(value)
    except Exception:  # Python does not print integers of more than 4300 digits
        text = f"a value of type {type(value).__name__} that cannot be printed"
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."
