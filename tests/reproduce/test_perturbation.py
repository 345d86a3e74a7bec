"""The functions that err on purpose: by how much, where not, and wherever a notebook calls them."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from reproduce.rounding import perturbed

ROOT = Path(__file__).parents[2]

MOVED = {
    "NumPy": "np.exp(1.0)",
    "NumPy arrays": "np.exp(np.ones(3))[1]",
    "NumPy, into an array": "np.exp(np.ones(3), out=np.empty(3))[2]",
    "SciPy": "scipy.special.expit(0.0)",
    "SciPy, on NumPy's": "scipy.special.softmax([0.0, 0.0])[0]",
    "the math module": "math.exp(1.0)",
    "a power in a notebook": "eval(compiled('3.7 ** 1.5'))",
    "SymPy's lambdify": "sp.lambdify(x, sp.exp(x))(1.0)",
    "a power in lambdify": "sp.lambdify(x, x**3)(1.1)",
    "grpo_lib": "Recurrence(1.0).trajectory(p_ref=0.2, steps=1).log_odds[1]",
}
"""A call of each kind whose result moves."""

EXACT = (
    "np.exp(-np.inf)", "math.log(1.0)", "np.square(1.1)", "np.sqrt(2.0)",
    "eval(compiled('np.array([1.1]) ** 2'))[0]", "eval(compiled('2.0**-53'))",
    "eval(compiled('np.array([1.1]) ** np.array([0])'))[0]",
)  # fmt: skip
"""Results that IEEE 754, or the function itself, leaves no choice about."""

BOUNDED = ("scipy.special.expit(np.inf)", "np.tanh(np.array([50.0]))[0]")

UNTOUCHED = "np.logaddexp.reduce([0.0, 0.0, 0.0])"

PREPARE = """
import math, sys
from reproduce import perturbation
perturbation.start(seed=0, units=0)
import numpy as np, scipy.special, sympy as sp
from grpo_lib import MeanVariance, Recurrence
x = sp.Symbol("x")
compiled = lambda text: perturbation._compile(text, "cell", "eval")
def show(call, seed, units):
    perturbation.start(seed=seed, units=units)
    print(call, seed, units, *[float(eval(call)).hex() for _ in range(20)], sep="|")
"""

Values = dict[tuple[str, int, int], list[float]]


@pytest.fixture(scope="module")
def values() -> Values:
    """Twenty values of each call, by call, seed and units, from a fresh interpreter."""
    cases = [(call, 1, 4) for call in (*MOVED.values(), *EXACT, *BOUNDED, UNTOUCHED)]
    cases += [("np.exp(1.0)", seed, units) for seed, units in ((1, 0), (1, 1), (2, 4), (1, 4))]
    code = PREPARE + "".join(f"show({call!r}, {seed}, {units})\n" for call, seed, units in cases)
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    found: Values = {}
    for line in run.stdout.splitlines():
        call, seed, units, *numbers = line.split("|")
        drawn = [float.fromhex(number) for number in numbers]
        assert found.setdefault((call, int(seed), int(units)), drawn) == drawn, "seeded"
    return found


@pytest.mark.parametrize("call", MOVED.values(), ids=MOVED)
def test_a_result_moves_by_a_few_units_in_the_last_place(values: Values, call: str) -> None:
    moved = values[call, 1, 4]
    assert len(set(moved)) > 3
    assert (max(moved) - min(moved)) / abs(moved[0]) < 200 * 2**-52


def test_the_size_of_the_shift_is_as_asked(values: Values) -> None:
    sizes = [len(set(values["np.exp(1.0)", 1, units])) for units in (0, 1, 4)]
    assert sizes[:2] == [1, 3] and 6 <= sizes[2] <= 9


@pytest.mark.parametrize("call", EXACT)
def test_an_exact_result_stays(values: Values, call: str) -> None:
    assert len(set(values[call, 1, 4])) == 1


@pytest.mark.parametrize("call", BOUNDED)
def test_a_function_keeps_its_range(values: Values, call: str) -> None:
    assert max(values[call, 1, 4]) == 1 and min(values[call, 1, 4]) < 1


def test_another_seed_moves_otherwise(values: Values) -> None:
    assert values["np.exp(1.0)", 1, 4] != values["np.exp(1.0)", 2, 4]


def test_the_methods_of_a_function_stay(values: Values) -> None:
    assert values[UNTOUCHED, 1, 4][0] == pytest.approx(np.log(3), rel=1e-12, abs=0)


def test_the_settings_of_one_kernel_do_not_add_up() -> None:
    starts = "\n".join(perturbed(seed, units=4).first for seed in range(4))
    code = f"{starts}\nimport numpy as np\nprint(np.ptp(np.exp(np.ones(10_000))))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert float(run.stdout) == 8 * np.spacing(np.e)
