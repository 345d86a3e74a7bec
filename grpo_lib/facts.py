"""Facts that a class declares about its expression.

What is computed of a normalisation or of a map rests on facts: how large the scale gets, where its
slope takes a value. A class declares those that were proved for it. A fact that it does not declare
raises when it is asked for, and a class that writes an expression of its own inherits no fact that
was declared about another one.
"""

from collections.abc import Callable
from dataclasses import fields
from functools import wraps
from typing import Any, ClassVar, Self, TypeVar

import numpy as np

from .records import Record
from .validation import broadcastable, require

Method = TypeVar("Method", bound=Callable[..., Any])


def fact(method: Method) -> Method:
    """Make a method of a base class a fact: it raises until a class declares it."""

    @wraps(method)
    def undeclared(self: Any, *arguments: Any, **named: Any) -> Any:
        raise NotImplementedError(
            f"{type(self).__name__} does not declare {method.__name__}; see {method.__qualname__}"
        )

    undeclared.is_fact = True  # type: ignore[attr-defined]
    return undeclared  # type: ignore[return-value]


class Declaring(Record):
    """Base of classes that write one expression and declare facts about it.

    Their fields are parameters, which broadcast over prompts, or are of this kind themselves.

    Attributes:
        expression: name of the method that is the expression.
    """

    expression: ClassVar[str]

    def parameters(self) -> dict[str, Any]:
        """The parameters by their names, those of the fields of this kind included.

        Examples:
            >>> from grpo_lib import Recurrence
            >>> print(Recurrence(beta=2.0).parameters())
            {'beta': 2.0, 'eps': 1e-05, 'alpha': 1.0}
        """
        found: dict[str, Any] = {}
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, Declaring):
                found |= value.parameters()
            elif value is not None:  # None is a parameter that is left out
                found[field.name] = value
        return found

    def shape(self, **arguments: Any) -> tuple[int, ...]:
        """The common shape of the parameters and of some arguments.

        Raises:
            ValueError: they do not broadcast.

        Examples:
            >>> from grpo_lib import Recurrence
            >>> print(Recurrence(beta=[1.0, 2.0]).shape(L_ref=[[0.0], [1.0], [2.0]]))
            (3, 2)
        """
        return broadcastable(**arguments, **self.parameters())

    def require_scalars(self) -> None:
        """Check that the parameters are single numbers.

        Raises:
            ValueError: one is an array.

        Examples:
            >>> from grpo_lib import Recurrence
            >>> Recurrence(beta=[1.0, 2.0]).require_scalars()
            Traceback (most recent call last):
                ...
            ValueError: beta must be a single number, got [1. 2.]
        """
        for name, value in self.parameters().items():
            require(np.ndim(value) == 0, name, value, "a single number")

    def cells(self, shape: tuple[int, ...], index: Any) -> Self:
        """The same for some of the prompts, with parameters of shape [n], unchecked.

        Args:
            shape: shape of all prompts, to which the parameters broadcast.
            index: which of them, as an index of the flattened prompts.

        Examples:
            >>> from grpo_lib import Recurrence
            >>> print(Recurrence(beta=[1.0, 2.0]).cells((3, 2), slice(0, 3)).beta)
            [1. 2. 1.]
        """
        chosen = vars(self).copy()
        for name, value in chosen.items():
            if isinstance(value, Declaring):
                chosen[name] = value.cells(shape, index)
            elif np.ndim(value):
                whole = value if value.shape == shape else np.broadcast_to(value, shape)
                chosen[name] = whole.reshape(-1)[index]
        return self.unchecked(**chosen)

    @classmethod
    def unchecked(cls, **parameters: Any) -> Self:
        """Make one without checks and copies: of slices, or of symbols.

        Examples:
            >>> from grpo_lib import MeanVariance
            >>> from grpo_lib.symbolic import eps
            >>> print(MeanVariance.unchecked(eps=eps))
            MeanVariance(eps=varepsilon)
        """
        made = object.__new__(cls)
        for name, value in parameters.items():
            object.__setattr__(made, name, value)
        return made

    def __init_subclass__(cls) -> None:
        """Take back the facts about an expression that this class replaces."""
        super().__init_subclass__()
        written = [base for base in cls.__mro__ if cls.expression in vars(base)]
        # The last is the base class that names the facts.
        if len(written) > 2 and written[0] is cls:
            for name, undeclared in _facts(written[-1]).items():
                if name not in vars(cls):
                    setattr(cls, name, undeclared)


def _facts(base: type) -> dict[str, Any]:
    """The facts that a base class names."""
    return {n: value for n, value in vars(base).items() if getattr(value, "is_fact", False)}
