"""A wrong formula in grpo_lib must turn a notebook red."""

import re
import shutil
from pathlib import Path

import pytest

from reproduce.execute import execute
from reproduce.project import Project

ROOT = Path(__file__).parents[2]

MUTATIONS = {
    "the sign of the advantage in the exponent": (
        "policies.py", "np.log(anchor) + gain", "np.log(anchor) - gain", "theorem-1",
    ),
    "beta dropped from the exponent": (
        "policies.py", "0.0) / beta[..., None]", "0.0)", "theorem-1",
    ),
    "the sign of Omega in the recurrence": (
        "dynamics.py", "anchor + self.normalization", "anchor - self.normalization", "theorem-2",
    ),
    "beta dropped from the recurrence": (
        "dynamics.py", "self.normalization._scale(L) / self.beta", "self.normalization._scale(L)",
        "theorem-2",
    ),
    "eps dropped from Omega": (
        "normalization.py", "np.square(cosh) + self.eps", "np.square(cosh) + 0 * self.eps",
        "theorem-2",
    ),
    "the sign of a failure's weight": (
        "surrogates.py", "pull - push", "pull + push", "contrastive-loss",
    ),
    "the clip range of failures": (
        "surrogates.py", "np.maximum(policy, old_policy * (1 - clip))",
        "np.maximum(policy, old_policy * (1 + clip))",
        "contrastive-loss",
    ),
    "the place of the folds": (
        "normalization.py", "np.arcsinh(slope * z_1**1.5)", "np.arcsinh(slope * z_1)",
        "phase-diagram",
    ),
    "the order of the escape and the trap": (
        "phases.py", "runs = x_2 < L", "runs = x_1 < L", "phase-diagram",
    ),
    "the largest slope of Omega": (
        "phases.py", "(3 * np.sqrt(3 * np.asarray(eps))", "(2 * np.sqrt(3 * np.asarray(eps))",
        "contraction",
    ),
    "the slope in ball arithmetic": (
        "certified.py", "_scale(recurrence, L) ** 3 / (2 * beta)",
        "_scale(recurrence, L) ** 3 / beta", "chaos",
    ),
}  # fmt: skip


def run(root: Path, notebook: str) -> str | None:
    """Execute one notebook in the project at root and return its error."""
    (result,) = execute(
        Project(root), [notebook], parameters={"scale": 0.2}, jobs=1, timeout=300, fresh=True
    )
    return result.error


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for name in ("claims.yml", "_toc.yml", "_config.yml", "requirements.lock"):
        shutil.copy(ROOT / name, tmp_path)
    for name in ("grpo_lib", "notebooks"):
        shutil.copytree(ROOT / name, tmp_path / name)
    return tmp_path


@pytest.mark.parametrize(("file", "right", "wrong", "notebook"), MUTATIONS.values(), ids=MUTATIONS)
def test_wrong_formula(copy: Path, file: str, right: str, wrong: str, notebook: str) -> None:
    source = (copy / "grpo_lib" / file).read_text("utf-8")
    assert source.count(right) == 1, f"{file} no longer has {right!r} once"
    (copy / "grpo_lib" / file).write_text(source.replace(right, wrong), "utf-8")
    error = run(copy, notebook)
    # Evidence that does not hold, or a state that the formula turned into NaN: not a broken import.
    assert error is not None and re.search(r"EvidenceError|AssertionError|ValueError", error), error


@pytest.mark.parametrize("notebook", sorted({mutation[-1] for mutation in MUTATIONS.values()}))
def test_right_formula(copy: Path, notebook: str) -> None:
    assert run(copy, notebook) is None
