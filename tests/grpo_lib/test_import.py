"""`import grpo_lib` is quick, and what it leaves for later is there when it is asked for."""

import importlib.metadata
import pickle
import subprocess
import sys

import pytest

import grpo_lib
from grpo_lib import Recurrence, fixed_points, symbolic

FOR_LATER = {"flint", "mpmath", "scipy.optimize", "sympy"}


def python(code: str) -> str:
    """What a fresh interpreter prints."""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return run.stdout


def loaded(code: str) -> set[str]:
    """Which of the modules for later a piece of code loads."""
    return set(python(f"{code}\nimport sys\nprint(*sys.modules)").split()) & FOR_LATER


NUMBERS = """
from fractions import Fraction
from grpo_lib import Recurrence, fixed_points, regime
recurrence = Recurrence(Fraction(1, 3))
recurrence.trajectory(p_ref=[Fraction(1, 5), 0.2], steps=3)
fixed_points(recurrence, L_ref=-1.0)
regime(recurrence, L_ref=-1.0)
try:
    Recurrence(object())
except ValueError:
    pass
"""


def test_numbers_need_no_computer_algebra() -> None:
    assert loaded("import grpo_lib") == set()
    assert loaded(NUMBERS) == set()


def test_what_is_loaded_is_seen() -> None:
    assert loaded("import grpo_lib; grpo_lib.symbolic") >= {"mpmath", "sympy"}
    cycles = "from grpo_lib import Recurrence, cycles; cycles(Recurrence(1.0), L_ref=-7, period=2)"
    assert loaded(cycles) == {"scipy.optimize"}


def addition(module: str, repeats: int = 1) -> float:
    """Processor time of an import over that of NumPy and SciPy's functions; the least of several.

    Both are measured in the same process, so the machine's speed drops out.
    """
    code = f"""
from time import process_time
start = process_time()
import numpy, scipy.special
needed = process_time()
import {module}
print((process_time() - needed) / (needed - start))
"""
    return min(float(python(code)) for _ in range(repeats))


# With SymPy and scipy.optimize the import took 2.4 times as long as what every number here needs
# (0.60 s on top of 0.42 s). Half of that, 1.2, leaves a fifth. Either of the two alone adds more.
FIFTH = 0.2


def test_the_import_takes_less_than_half_of_what_it_took_with_everything() -> None:
    assert addition("grpo_lib", repeats=5) < FIFTH


@pytest.mark.parametrize("module", ["sympy", "scipy.optimize"])
def test_what_is_left_for_later_would_take_longer(module: str) -> None:
    assert addition(module) > FIFTH


def test_every_public_name_is_listed_and_found() -> None:
    assert set(grpo_lib.__all__) <= set(dir(grpo_lib))
    names = python(
        "import grpo_lib\n"
        "listed = set(dir(grpo_lib))\n"  # before anything was looked up
        "for name in grpo_lib.__all__:\n"
        "    assert name in listed and getattr(grpo_lib, name) is not None, name\n"
        "from grpo_lib import *\n"
        "print(*[name for name in grpo_lib.__all__ if name in globals()])"
    )
    assert names.split() == grpo_lib.__all__


@pytest.mark.parametrize("name", grpo_lib.LAZY)
def test_a_module_for_later_is_the_module(name: str) -> None:
    code = f"import sys, grpo_lib\nprint(grpo_lib.{name} is sys.modules['grpo_lib.{name}'])"
    assert python(f"{code}\nfrom grpo_lib import {name} as same\nprint(same.__name__)").split() == [
        "True",
        f"grpo_lib.{name}",
    ]


def test_modules_for_later_and_the_version_are_looked_up() -> None:
    for name in grpo_lib.LAZY:
        assert grpo_lib.__getattr__(name).__name__ == f"grpo_lib.{name}"
    assert grpo_lib.__getattr__("__version__") == importlib.metadata.version("grpo-lib")


def test_what_is_pickled_here_is_read_elsewhere() -> None:
    recurrence = Recurrence([1.0, 5.0])
    found = fixed_points(recurrence, L_ref=-1.0)
    text = pickle.dumps((recurrence, found, symbolic.omega))
    code = f"import pickle; a, b, c = pickle.loads({text}); print(a, b.log_odds.tolist(), c(0, 1))"
    assert python(code) == f"{recurrence} {found.log_odds.tolist()} 1\n"


def test_a_name_that_nobody_has_is_refused() -> None:
    with pytest.raises(AttributeError, match="module 'grpo_lib' has no attribute 'tea'"):
        grpo_lib.tea  # noqa: B018
    with pytest.raises(ImportError, match="cannot import name 'tea'"):
        from grpo_lib import tea  # noqa: F401
