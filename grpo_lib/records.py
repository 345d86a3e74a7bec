"""Frozen dataclasses that hold arrays: in memory of their own, compared and hashed by value."""

from dataclasses import Field, fields
from typing import Any, ClassVar

import numpy as np


class Record:
    """Base of the frozen dataclasses of this package, which set ``eq=False`` to inherit from it.

    Arrays are copied and locked, so that no later change of a caller's array can get past the
    checks. Two records are equal if they are of one type and hold the same numbers in the same
    shapes; NaN, which pads the shorter rows of a result, is the same as NaN.
    """

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, np.ndarray):
                object.__setattr__(self, field.name, _locked(value))

    def __eq__(self, other: object) -> bool:
        """Compare by value."""
        if type(self) is not type(other):
            return NotImplemented
        return self._key() == other._key()

    def __hash__(self) -> int:
        """Hash what `__eq__` compares."""
        return hash(self._key())

    def __reduce__(self) -> tuple[type, tuple[Any, ...]]:
        """Make copies and unpickled records anew: their arrays are locked, too."""
        return type(self), tuple(getattr(self, field.name) for field in fields(self))

    def _key(self) -> tuple[Any, ...]:
        return tuple(_by_value(getattr(self, field.name)) for field in fields(self))


def _locked(array: np.ndarray) -> np.ndarray:
    """The array itself if it is locked and its memory its own, else a locked copy."""
    if not array.flags.owndata or array.flags.writeable:
        array = np.array(array)
        array.setflags(write=False)
    return array


def _by_value(value: Any) -> Any:
    """What equal values have in common and different ones have not."""
    if not isinstance(value, float | np.ndarray):
        return value
    array = np.asarray(value)
    # Adding 0 turns -0 into 0, which compares equal to it but is another bit pattern.
    return array.shape, np.where(np.isnan(array), np.nan, array + 0.0).tobytes()
