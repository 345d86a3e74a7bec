"""TRL's own loss and gradient at given policies, one batch and two steps on it.

In the first step the policy is the one that was sampled. In the second it has moved, so that the
ratios are not 1 and some of them are clipped. Recorded are the value of `GRPOTrainer.compute_loss`
and its gradient by automatic differentiation, times the number of prompts, over which it is a mean.
"""

import tempfile
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

REFERENCE = np.array([0.1, 0.15, 0.35, 0.4])
STARTS = np.array([[0.05, 0.1, 0.5, 0.35], [0.2, 0.25, 0.15, 0.4], [0.55, 0.25, 0.15, 0.05]])
REPLICATES, RATE = 8, 2.0
"""Policies on two right and two wrong answers; prompts of each start; learning rate."""


def run(setting: dict[str, Any], seed: int) -> list[dict[str, Any]]:
    """Take two steps, and give a row for each prompt and step."""
    import torch

    from . import trl_run
    from .table import policies, table

    starts = np.repeat(STARTS, REPLICATES, axis=0)
    columns = len(starts)
    seen: list[tuple[float, Any, Any]] = []

    class Observed(trl_run.GRPOTrainer):  # type: ignore[misc]
        """Keeps the loss, the policies and the gradient."""

        def compute_loss(self, model: Any, *inputs: Any, **options: Any) -> torch.Tensor:
            loss = super().compute_loss(model, *inputs, **options)
            (gradient,) = torch.autograd.grad(loss, model.rows.weight, retain_graph=True)
            seen.append((float(loss), policies(model), gradient.numpy() * columns))
            return loss

    with (
        tempfile.TemporaryDirectory() as name,
        patch.object(trl_run, "GRPOTrainer", Observed),
    ):
        reference = np.tile(REFERENCE, (columns, 1))
        model, tokenizer = table(reference, np.ones(columns), Path(name))
        with torch.no_grad():  # TRL has its reference from the folder
            model.rows.weight.copy_(torch.tensor(np.log(starts)))
        _, counts = trl_run.train(
            model,
            tokenizer,
            [f"p{i}" for i in range(columns)],
            right=[0, 1],
            look=policies,
            folder=Path(name),
            size=setting["size"],
            beta=setting["beta"],
            scale_rewards=setting["scale_rewards"],
            use_bias_correction_kl=setting["corrected"],
            num_iterations=2,
            learning_rate=columns * RATE,
            max_steps=2,
            seed=seed,
        )
    return [
        setting
        | {"start": i // REPLICATES, "replicate": i % REPLICATES, "step": step, "loss": loss}
        | {f"drawn_{j}": int(counts[0, i, j]) for j in range(4)}
        | {f"policy_{j}": float(policy[i, j]) for j in range(4)}
        | {f"gradient_{j}": float(gradient[i, j]) for j in range(4)}
        for step, (loss, policy, gradient) in enumerate(seen)
        for i in range(columns)
    ]
