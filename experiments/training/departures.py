"""Where TRL's trainer leaves the theory: large learning rates, small groups, other optimisers.

A prompt has one right and one wrong answer, so that the difference of its two logits is all that
there is to know of it. Recorded is that difference, the log-odds, and how many answers of the last
group were right, after every step or after every so many.

A setting has a variant, G, beta and how many steps lie between two looks. The prompts of a run are
independent, each with a reference, a learning rate and a replicate.
"""

import tempfile
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

REPLICATES, LOOKS = 8, 80
"""Of each reference and rate; how often a run is looked at."""

REFERENCES = {
    "turning": (0.3,),
    "thrown": (0.1,),
    "adam": (0.03, 0.1, 0.3),
    "sign": (0.03, 0.1, 0.3),
}
RATES = {
    "turning": (0.4, 0.8, 1.1, 1.2, 1.4, 1.6, 1.8, 2.0),
    "thrown": (2.0, 4.0, 6.0, 8.0, 12.0),
    "adam": (0.05, 0.1),
    "sign": (0.05, 0.1),
}
COPIES = {"thrown": 6}
"""Of each variant; prompts that make a replicate, one unless it is said here."""

OPTIMISERS: dict[str, dict[str, Any]] = {
    "adam": {"optim": "adamw_torch"},
    "sign": {"optim": "adamw_torch", "adam_beta1": 0.0, "adam_beta2": 0.0, "adam_epsilon": 1e-15},
}
"""Gradient descent unless it is said here. Adam without memory steps by the gradient's sign."""


def run(setting: dict[str, Any], seed: int) -> list[dict[str, Any]]:
    """Train, and give a row for each prompt."""
    import torch

    from .table import table
    from .trl_run import train

    variant, stride = setting["variant"], setting["stride"]
    normal = variant in OPTIMISERS
    copies = range(COPIES.get(variant, 1))
    prompts = list(product(REFERENCES[variant], RATES[variant], range(REPLICATES), copies))
    p_ref, rate = (np.array(x) for x in list(zip(*prompts, strict=True))[:2])
    reference, columns = np.stack([p_ref, 1 - p_ref], axis=1), len(prompts)
    pace = rate**2 if normal else rate  # Adam's step of a parameter has a size of its own
    start = logit(p_ref) + (rate if normal else 0)

    def log_odds(model: Any) -> NDArray[np.float64]:
        logits = model.rows.logits().detach().double().numpy()
        return logits[:, 0] - logits[:, 1]

    with tempfile.TemporaryDirectory() as name:
        model, tokenizer = table(reference, pace, Path(name))
        with torch.no_grad():  # TRL has its reference from the folder
            begun = np.log(np.stack([expit(start), expit(-start)], axis=1))
            model.rows.weight.copy_(torch.tensor(begun / np.sqrt(pace)[:, None]))
        seen, counts = train(
            model,
            tokenizer,
            [f"p{i}" for i in range(columns)],
            right=[0],
            look=log_odds,
            folder=Path(name),
            size=setting["size"],
            beta=setting["beta"],
            learning_rate=1.0 if normal else columns,
            max_steps=LOOKS * stride,
            seed=seed,
            **OPTIMISERS.get(variant, {}),
        )
    looked, drawn = seen[::stride], counts[stride - 1 :: stride, :, 0]
    return [
        setting
        | {"p_ref": of, "rate": at, "replicate": replicate, "copy": copy}
        | {f"L_{n}": float(looked[n, i]) for n in range(LOOKS + 1)}
        | {f"k_{n}": int(drawn[n - 1, i]) for n in range(1, LOOKS + 1)}
        for i, (of, at, replicate, copy) in enumerate(prompts)
    ]
