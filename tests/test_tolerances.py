"""`pytest.approx` allows an absolute error of 1e-12 unless it is told not to.

A bound on rounding is smaller than that, so a comparison of two of them could never fail.
"""

import ast
from pathlib import Path

import pytest

TESTS = Path(__file__).parent


def hidden_tolerances(source: str) -> list[int]:
    """Lines of the calls of approx that do not say which absolute error they allow."""
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    return [
        call.lineno
        for call in calls
        if ast.unparse(call.func).endswith("approx")
        and not any(keyword.arg == "abs" for keyword in call.keywords)
    ]


@pytest.mark.parametrize(
    "path", sorted(TESTS.rglob("*.py")), ids=lambda path: path.relative_to(TESTS).as_posix()
)
def test_every_comparison_says_its_absolute_tolerance(path: Path) -> None:
    assert hidden_tolerances(path.read_text("utf-8")) == []


def test_a_hidden_tolerance_is_found() -> None:
    assert hidden_tolerances("assert x == pytest.approx(1e-16, rel=1e-9)") == [1]
    assert hidden_tolerances("assert x == pytest.approx(1e-16, rel=1e-9, abs=0)") == []
