"""Two chapters whose functions err by more than any library's; `make rounding` runs all of them."""

from dataclasses import replace
from pathlib import Path

import pytest

from reproduce.execute import Executed
from reproduce.project import Project
from reproduce.rounding import perturbed, settings
from reproduce.variations import Kernels, run

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.slow
SEED = 99  # none of those of the table


@pytest.mark.parametrize("notebook", ["theorem-2", "theorem-4"])
def test_bounds_leave_room_for_other_processors(notebook: str, tmp_path: Path) -> None:
    shifted = Kernels("perturbed", (perturbed(SEED, units=1), perturbed(SEED, units=4)))
    (result,) = run(Project(ROOT, tmp_path), shifted, [notebook], jobs=1, timeout=300)
    assert isinstance(result, Executed), result


def test_bounds_leave_room_for_plain_instructions(tmp_path: Path) -> None:
    *_, plain = settings(seeds=1)
    (result,) = run(Project(ROOT, tmp_path), plain, ["theorem-2"], jobs=1, timeout=300)
    assert isinstance(result, Executed), result


def test_the_plain_run_is_another_arithmetic(tmp_path: Path) -> None:
    """The variables do reach NumPy and SymPy."""
    *_, plain = settings(seeds=1)
    probe = """
import numpy as np
from sympy.external.gmpy import GROUND_TYPES
found = np.show_config(mode="dicts")["SIMD Extensions"].get("found", [])
assert GROUND_TYPES == "python" and not found, (GROUND_TYPES, found)
"""
    probing = replace(plain, settings=(replace(plain.settings[0], first=probe),))
    (result,) = run(Project(ROOT, tmp_path), probing, ["theorem-4"], jobs=1, timeout=300)
    assert isinstance(result, Executed), result
