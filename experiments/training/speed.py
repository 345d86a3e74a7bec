"""How fast success grows in TRL's trainer, with one gradient step on each batch, or with many.

A prompt has one right and one wrong answer, each with a logit of its own, and many prompts in one
run are independent replicates. A setting has the option ``scale_rewards``, G, beta, the learning
rate of a prompt, how many batches there are, and how many gradient steps are made on each. With a
beta above 0 the reference is renewed after each batch, which is the mirror update.
"""

import tempfile
from math import inf
from pathlib import Path
from typing import Any

import numpy as np

STARTS, REPLICATES, MARKS = (0.1, 0.2, 0.3), 8, 12
"""Success at the start, replicates of each, and how often on the way success is recorded."""


def run(setting: dict[str, Any], seed: int) -> list[dict[str, Any]]:
    """Train, and give a row for each prompt, with its success at even distances in time."""
    from .table import policies, table
    from .trl_run import train

    inner, batches = setting["inner"], setting["batches"]
    start = np.repeat(STARTS, REPLICATES)
    renewing = {
        "sync_ref_model": True,
        "ref_model_sync_steps": inner,
        "ref_model_mixup_alpha": 1.0,
    }
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model, tokenizer = table(np.stack([start, 1 - start], 1), np.ones(len(start)), folder)
        watched = train(
            model,
            tokenizer,
            [f"p{i}" for i in range(len(start))],
            right=[0],
            look=lambda model: policies(model)[:, 0],
            folder=folder,
            size=setting["size"],
            beta=setting["beta"],
            scale_rewards=setting["scale_rewards"],
            epsilon=inf,  # no clip
            num_iterations=inner,
            learning_rate=len(start) * setting["rate"],
            max_steps=batches * inner,
            seed=seed,
            **(renewing if setting["beta"] else {}),
        )
    marks = watched.seen[:: batches * inner // MARKS]
    return [
        setting
        | {"start": start[i], "replicate": i % REPLICATES}
        | {f"p_{j}": marks[j, i] for j in range(MARKS + 1)}
        for i in range(len(start))
    ]
