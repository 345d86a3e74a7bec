"""Modules talk to one another by public names, and ask for facts instead of classes."""

import ast
import inspect
from collections.abc import Iterator
from pathlib import Path

import pytest

import grpo_lib

MODULES = sorted(Path(grpo_lib.__file__).parent.glob("*.py"))
CLASSES = {
    "ForwardRecurrence", "GroupNormalization", "MeanDeviation", "MeanOnly", "MeanVariance",
    "NoisyVerifier", "Recurrence", "Smoothed",
}  # fmt: skip


def foreign_secrets(tree: ast.AST) -> Iterator[str]:
    """Private attributes that neither the object itself nor the module defines."""
    defined = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr.startswith("_"):
            own = isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")
            above = isinstance(node.value, ast.Call) and ast.unparse(node.value) == "super()"
            if not (own or above or node.attr in defined or node.attr.startswith("__")):
                yield ast.unparse(node)
        if isinstance(node, ast.ImportFrom) and node.level:
            yield from (alias.name for alias in node.names if alias.name.startswith("_"))


def questions_of_class(tree: ast.AST) -> Iterator[str]:
    """Tests of which normalisation or map something is, by isinstance, issubclass or type."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            asks = node.func.id in ("isinstance", "issubclass") and len(node.args) == 2
            names = (
                {n.id for n in ast.walk(node.args[1]) if isinstance(n, ast.Name)} if asks else {}
            )
            if CLASSES & set(names):
                yield ast.unparse(node)
        if isinstance(node, ast.Compare) and ast.unparse(node.left).startswith("type("):
            names = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
            if CLASSES & names:
                yield ast.unparse(node)


ORDER = [
    "a", "b", "policy", "old_policy", "anchor", "reference", "reward", "advantage", "recurrence",
    "beta", "normalization", "alpha", "clip", "steps", "group",
]  # fmt: skip
"""The order in which a public function takes what it takes: policies, rewards, then parameters.

First those that must be given, then those that have a default.
"""


def out_of_order(owner: object) -> Iterator[str]:
    """Public functions and records of a module whose parameters are in another order."""
    for name in owner.__all__:
        value = getattr(owner, name)
        if inspect.isfunction(value) or inspect.isclass(value):
            parameters = inspect.signature(value).parameters.values()
            taken = [
                (p.default is not p.empty, ORDER.index(p.name))
                for p in parameters
                if p.name in ORDER
            ]
            if taken != sorted(taken):
                yield name


def test_parameters_come_in_one_order() -> None:
    class Module:
        __all__ = ("good", "bad", "optional")

        @staticmethod
        def good(policy, reward, normalization): ...
        @staticmethod
        def bad(reward, policy, normalization): ...
        @staticmethod
        def optional(clip, normalization=None, alpha=1): ...

    assert list(out_of_order(grpo_lib)) == []
    assert list(out_of_order(Module)) == ["bad"]


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.stem)
def test_a_module_keeps_to_public_names_and_facts(module: Path) -> None:
    tree = ast.parse(module.read_text("utf-8"))
    assert list(foreign_secrets(tree)) == []
    assert list(questions_of_class(tree)) == []


def test_what_is_looked_for_is_found() -> None:
    bad = ast.parse(
        "from .dynamics import _step\n"
        "L = recurrence._step(L)\n"
        "if isinstance(normalization, MeanOnly | MeanVariance): ...\n"
        "if type(recurrence) is Recurrence: ...\n"
        "self._step, super()._step, x.__dict__, isinstance(x, Normalization)\n"
    )
    assert sorted(foreign_secrets(bad)) == ["_step", "recurrence._step"]
    assert len(list(questions_of_class(bad))) == 2
