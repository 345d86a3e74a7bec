"""Many gradient steps on one batch: does TRL's trainer follow the exact iterates?

After each batch the policy is recorded, and how often each answer was drawn in it. A batch is one
group of each prompt, and the prompts of a run are independent replicates.

A setting has G and beta, the reference, the start, how much of the policy is mixed into the
reference after each batch (``ref_model_mixup_alpha``), the limit of the clip (``epsilon``), and the
number of gradient steps on a batch.
"""

import tempfile
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

REPLICATES, BATCHES = 8, 6
"""Prompts of a run, and batches."""

RATE = 3.0
"""Learning rate times beta. Near its maximum the objective of a batch bends by at most about
beta / 2, so that gradient descent is stable below 4. At the edge of a clip it has a kink, where
steps of one size never settle. There the rate falls along a cosine, anew with each batch."""


def policy(p: float) -> NDArray[np.float64]:
    """Two right and two wrong answers, with conditionals that are the same for every p."""
    return np.array([0.6 * p, 0.4 * p, 0.55 * (1 - p), 0.45 * (1 - p)])


def run(setting: dict[str, Any], seed: int) -> list[dict[str, Any]]:
    """Train, and give a row for each prompt and batch, with the start as batch 0."""
    import torch

    from .table import policies, table
    from .trl_run import train

    inner = setting["inner"]
    renewing = {
        "sync_ref_model": True,
        "ref_model_sync_steps": inner,
        "ref_model_mixup_alpha": setting["renew"],
    }
    settling = {
        "lr_scheduler_type": "cosine_with_restarts",
        "lr_scheduler_kwargs": {"num_cycles": BATCHES},
    }
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        reference = np.tile(policy(setting["p_ref"]), (REPLICATES, 1))
        model, tokenizer = table(reference, np.ones(REPLICATES), folder)
        with torch.no_grad():  # TRL has its reference from the folder
            start = np.tile(policy(setting["p_0"]), (REPLICATES, 1))
            model.rows.weight.copy_(torch.tensor(np.log(start)))
        seen, counts = train(
            model,
            tokenizer,
            [f"p{i}" for i in range(REPLICATES)],
            right=[0, 1],
            look=policies,
            folder=folder,
            size=setting["size"],
            beta=setting["beta"],
            epsilon=setting["clip"],
            num_iterations=inner,
            learning_rate=REPLICATES * RATE / setting["beta"],
            max_steps=BATCHES * inner,
            seed=seed,
            **(renewing if setting["renew"] else {}),
            **(settling if isfinite(setting["clip"]) else {}),
        )
    drawn = np.concatenate([np.zeros_like(counts[:1]), counts])
    return [
        setting
        | {"replicate": i, "batch": n}
        | {f"drawn_{j}": int(drawn[n, i, j]) for j in range(4)}
        | {f"policy_{j}": float(seen[n * inner, i, j]) for j in range(4)}
        for i in range(REPLICATES)
        for n in range(BATCHES + 1)
    ]
