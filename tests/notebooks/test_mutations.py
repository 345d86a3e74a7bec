"""A wrong formula in grpo_lib must turn a notebook red."""

import json
import re
import shutil
from pathlib import Path

import pytest

from reproduce.execute import Failed, execute
from reproduce.project import Project
from tests.conftest import HTML, ROOT, Usage

pytestmark = pytest.mark.slow

MUTATIONS = {
    "the sign of the advantage in the exponent": (
        "policies.py", "np.log(anchor) + gain", "np.log(anchor) - gain", "theorem-1",
    ),
    "beta dropped from the exponent": (
        "policies.py", "0.0) / beta[..., None]", "0.0)", "theorem-1",
    ),
    "the sign of Omega in the recurrence": (
        "arithmetic.py", "pushed = anchor + by", "pushed = anchor - by", "theorem-2",
    ),
    "beta dropped from the recurrence": (
        "dynamics.py", "self.normalization.omega(at) / at.number(self.beta)",
        "self.normalization.omega(at)", "theorem-2",
    ),
    "eps dropped from Omega": (
        "smoothed.py", "at.sqrt(at.number(self.eps))", "0 * at.sqrt(at.number(self.eps))",
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
        "smoothed.py", "np.arcsinh(slope * z_1**1.5)", "np.arcsinh(slope * z_1)",
        "phase-diagram",
    ),
    "the order of the escape and the trap": (
        "phases.py", "runs = x_2 < L", "runs = x_1 < L", "phase-diagram",
    ),
    "the largest slope of Omega": (
        "smoothed.py", "(3 * np.sqrt(3 * eps)", "(2 * np.sqrt(3 * eps)", "contraction",
    ),
    "what a group divides by": (
        "groups.py", 'among - (self.deviation != "population")', "among - 1", "groups",
    ),
    "the importance weight of a drawn answer": (
        "training.py", "share / policy * A", "share * A", "sampled-groups",
    ),
    "the difference of the rates under noise": (
        "noise.py", "return J * self.normalization.omega(observed)",
        "return self.normalization.omega(observed)", "noise",
    ),
    "false positives left out of the mean reward": (
        "noise.py", "return at.mixed(T, F), T - F", "return at.mixed(T, 0 * F), T - F", "together",
    ),
    "the slope in ball arithmetic": (
        "certified.py", "(self.L / 2).tanh()", "self.L.tanh()", "chaos",
    ),
    "the weights of the two limits": (
        "clipping.py", "((at.q, success), (at.p, failure))", "((at.p, success), (at.q, failure))",
        "clip",
    ),
    "the constant that verl adds to the deviation": (
        "libraries.py", '"sample", delta=1e-6)\n\n\ndef openrlhf',
        '"sample", delta=1e-7)\n\n\ndef openrlhf', "libraries",
    ),
    "the share of a group that its mean takes": (
        "groups.py", "at.number(G - 1) / G * self._one_over(at, k, G)", "self._one_over(at, k, G)",
        "one-prompt",
    ),
    "the constant that TRL adds to the deviation": (
        "libraries.py", '"sample", delta=1e-4)', '"sample", delta=1e-5)', "iterates",
    ),
    "the successes beside a failure": (
        "groups.py", "table[k, 1] = self._advantage(at, 0, k, others)",
        "table[k, 1] = self._advantage(at, 0, max(k - 1, 0), others)", "departures",
    ),
    "TRL's advantages without the deviation": (
        "libraries.py", 'scale_rewards == "none":\n        return GroupNormalization(size, "none")',
        'scale_rewards == "none":\n        return GroupNormalization(size, "leave-one-out")',
        "training-speed",
    ),
    "the option that divides by nothing": (
        "libraries.py", 'if scale_rewards == "none":', 'if scale_rewards != "none":', "addition",
    ),
    "the degrees of freedom of a group": (
        "groups.py", "/ (among * degrees)", "/ (among * among)", "language-model",
    ),
    "a reference renewed an update late": (
        "maps.py", "range(every, steps, every)", "range(every + 1, steps, every)",
        "renewed-references",
    ),
    "the sign of the reference in the forward update": (
        "forward.py", "pull + reference.tanh", "pull - reference.tanh", "estimators",
    ),
    "the reference in the forward penalty's gap": (
        "equilibria.py", "np.cosh(L / 2) / np.cosh(L_ref / 2)", "np.cosh(L / 2)", "estimators",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("file", "right", "wrong", "notebook"), MUTATIONS.values(), ids=MUTATIONS)
def test_wrong_formula(tmp_path: Path, file: str, right: str, wrong: str, notebook: str) -> None:
    """As the book runs a notebook, until the first evidence that does not hold."""
    for name in ("claims.yml", "_toc.yml", "_config.yml", "requirements.lock"):
        shutil.copy(ROOT / name, tmp_path)
    for name in ("grpo_lib", "notebooks", "book", "experiments"):
        shutil.copytree(ROOT / name, tmp_path / name)
    source = (tmp_path / "grpo_lib" / file).read_text("utf-8")
    assert source.count(right) == 1, f"{file} no longer has {right!r} once"
    (tmp_path / "grpo_lib" / file).write_text(source.replace(right, wrong), "utf-8")
    project = Project(tmp_path)
    (result,) = execute(project, [notebook], parameters={}, jobs=1, timeout=300, fresh=True)
    # Evidence that does not hold, or a state that the formula turned into NaN: not a broken import.
    expected = r"EvidenceError|AssertionError|ValueError"
    assert isinstance(result, Failed) and re.search(expected, result.error), result


@pytest.mark.parametrize("notebook", sorted({mutation[-1] for mutation in MUTATIONS.values()}))
def test_right_formula(build: Usage, notebook: str) -> None:
    """The book was just built from the same notebook, with the same parameters."""
    ledger = json.loads((HTML / "ledger.json").read_text("utf-8"))
    assert (ledger["run"]["seed"], ledger["run"]["scale"]) == (None, None)
    status = [claim["status"] for claim in ledger["claims"] if claim["notebook"] == notebook]
    assert set(status) == {"passed"}
