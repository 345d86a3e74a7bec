"""Every public name of grpo_lib has an example, and each example prints what it says."""

import doctest
import importlib
import inspect
import types
from collections.abc import Iterator

import pytest

import grpo_lib

DOCUMENTED = ("grpo_lib.symbolic", "grpo_lib.certified", "grpo_lib.ledger", "grpo_lib.kinds")
"""Modules that the reference shows whole; of the others it shows the names in ``__all__``."""


def callables(owner: types.ModuleType | type) -> Iterator[tuple[str, object]]:
    """Functions and classes that an owner itself defines, and the methods of these classes.

    A method that another class in the package already shows is not shown again.
    """
    shown = {name for base in getattr(owner, "__mro__", [])[1:] for name in vars(base)}
    home = owner.__name__ if inspect.ismodule(owner) else owner.__module__
    for name, value in vars(owner).items():
        ours = getattr(value, "__module__", None) == home and not name.startswith("_")
        value = getattr(value, "__func__", value)  # of a class method
        if ours and name not in shown and (inspect.isfunction(value) or inspect.isclass(value)):
            yield f"{owner.__name__}.{name}", value
            if inspect.isclass(value):
                yield from callables(value)


def public() -> dict[str, object]:
    """Everything that the reference shows, by name."""
    found: dict[str, object] = {}
    for name in grpo_lib.__all__:
        value = getattr(grpo_lib, name)
        if not inspect.ismodule(value):
            found[f"grpo_lib.{name}"] = value
            found |= dict(callables(value)) if inspect.isclass(value) else {}
    for module in DOCUMENTED:
        found |= dict(callables(importlib.import_module(module)))
    return found


def failures(value: object) -> int | None:
    """Number of examples in a docstring that fail; None if there are none to run."""
    test = doctest.DocTestParser().get_doctest(value.__doc__, {}, value.__name__, None, 0)
    if not test.examples:
        return None
    return doctest.DocTestRunner().run(test).failed


@pytest.mark.parametrize("name", PUBLIC := public())
def test_the_example_prints_what_it_says(name: str) -> None:
    assert failures(PUBLIC[name]) == 0


def test_nothing_public_is_forgotten() -> None:
    names = set(PUBLIC)
    assert {
        "grpo_lib.Recurrence",
        "Map.step",
        "Normalization.weights",
        "Claim.proved",
    } <= names
    assert {"grpo_lib.symbolic.omega", "grpo_lib.certified.cycle", "Cycle.is_finite"} <= names


def wrong() -> None:
    """Claim too much.

    >>> 1 + 1
    3
    """


def silent() -> None:
    """Show nothing."""


def test_wrong_and_missing_examples_are_seen() -> None:
    assert failures(wrong) == 1
    assert failures(silent) is None
