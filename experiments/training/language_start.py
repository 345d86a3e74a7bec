"""The first update of a small language model, many times, and what the prompts share.

For each pair of a prompt and a trained one, the product of the gradients of their log-odds is
computed. Then TRL's trainer makes one update from the start, with fresh samples each time, at two
learning rates. The samples of a replicate are the same at both.
"""

import tempfile
from pathlib import Path
from typing import Any

from .language_model import HELD_OUT, SIZE, TRAINED

Setting = dict[str, Any]
"""One of `grid.language_start`."""

REPLICATES, GROUPS, RATES = 8, 8, (2e-5, 1e-5)
"""Updates at each rate; groups of a prompt in an update; learning rates of a prompt."""


def run(setting: Setting, seed: int) -> list[Setting]:
    """Update, and give a row for each prompt and replicate.

    ``apart`` is the sine of the angle between what the output embedding reads at a prompt and the
    span of what it reads at the other trained prompts. ``shared_i`` is the product of the gradient
    with that of the i-th trained prompt.
    """
    from .one_token import Answers, load, save, shipped
    from .one_token_run import train

    prompts = TRAINED | HELD_OUT
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        save(shipped(), folder)
        model, tokenizer = load(folder)
        answers = Answers(model, tokenizer, prompts)
        shared, apart = answers.kernel(model, len(TRAINED)), answers.apart(model, len(TRAINED))
        for replicate in range(REPLICATES):
            gains = []
            for rate in RATES:
                model, _ = load(folder)
                seen, _ = train(
                    model,
                    tokenizer,
                    TRAINED,
                    look=answers.look,
                    folder=folder,
                    size=SIZE,
                    groups=GROUPS,
                    beta=setting["beta"],
                    scale_rewards=setting["scale_rewards"],
                    learning_rate=rate * len(TRAINED),
                    max_steps=1,
                    seed=(seed + replicate) % 2**32,
                )
                gains.append(seen[1, 0] - seen[0, 0])
            rows += [
                setting
                | {"prompt": prompt, "replicate": replicate, "log_odds": float(seen[0, 0, i])}
                | {f"gain_{k}": float(gain[i]) for k, gain in enumerate(gains)}
                | {"apart": float(apart[i])}
                | {f"shared_{j}": float(shared[i, j]) for j in range(len(TRAINED))}
                for i, prompt in enumerate(prompts)
            ]
    return rows
