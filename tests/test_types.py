"""The types that grpo_lib ships are those that its documentation uses."""

from pathlib import Path

import pytest
from mypy import api

ROOT = Path(__file__).parents[1]

pytestmark = pytest.mark.slow

RIGHT = """
from fractions import Fraction
import numpy as np
from grpo_lib import *

recurrence = Recurrence(beta=[1.0, 4.0], normalization=MeanVariance(eps=np.ones(2)), alpha=0.5)
path = recurrence.trajectory(p_ref=[0.1, 0.2], steps=3, p_0=0.5)
print(path.probability.round(4), recurrence.step(L=0.0, L_ref=[-1.0, 2.0]).shape)
print(fixed_points(recurrence, L_ref=0.0).count, regime(recurrence, L_ref=[0.0, 1.0]).shape)
print(contraction_threshold(MeanDeviation(delta=[1e-4, 1e-2]), alpha=0.5).min())
print(phase_boundaries(Recurrence(beta=2)).fold, cycles(Recurrence(1.0), L_ref=0, period=2))
print(advantage([0.5, 0.5], [1, 0], MeanOnly()).sum(), kl_divergence([1, 0], [0.5, 0.5]))
"""
WRONG = {
    "no beta": "Recurrence()",
    "a name for a normalisation": "Recurrence(1.0, 'mean')",
    "a float for steps": "Recurrence(1.0).trajectory(p_ref=0.1, steps=2.5)",
    "a state by position": "Recurrence(1.0).step(0.0, 0.0)",
    "a record as a number": "1 + fixed_points(Recurrence(1.0), L_ref=0.0)",
}


def complaints(folder: Path, code: str) -> str:
    (folder / "calls.py").write_text(code)
    options = [f"--config-file={ROOT / 'pyproject.toml'}", f"--cache-dir={ROOT / '.mypy_cache'}"]
    output, errors, _ = api.run([*options, str(folder / "calls.py")])
    assert errors == ""
    return output


def test_calls_as_in_the_documentation_are_accepted(tmp_path: Path) -> None:
    assert complaints(tmp_path, RIGHT).startswith("Success")


def test_wrong_calls_are_not(tmp_path: Path) -> None:
    found = complaints(tmp_path, "\n".join(["from grpo_lib import *", *WRONG.values()]))
    for line, name in enumerate(WRONG, start=2):
        assert f"calls.py:{line}: error:" in found, name
