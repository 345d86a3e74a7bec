"""A small language model under TRL's `GRPOTrainer`: prompts that share all their parameters.

The model is SmolLM2-135M-Instruct. A prompt has four tokens and an answer one, so that the
probability of success and the KL divergence to the reference are sums over the vocabulary, and
exact. All parameters are trained. The embeddings of what is read and of what is written are one
matrix as shipped; here they start as two equal ones, so that each can be trained for itself.
"""

import tempfile
from pathlib import Path
from typing import Any

Setting = dict[str, Any]
"""One of `grid.language_model`."""

TRAINED = {
    "1+1=": "2",
    "1+3=": "4",
    "3+2=": "5",
    "4+4=": "8",
    "one, two,": " three",
    "A, B,": " C",
    "Monday, Tuesday,": " Wednesday",
    "Berlin is in": " Germany",
}
HELD_OUT = {
    "2+1=": "3",
    "2+2=": "4",
    "2+3=": "5",
    "5+3=": "8",
    "two, four,": " six",
    "X, Y,": " Z",
    "January, February,": " March",
    "Tokyo is in": " Japan",
}
"""Prompts, and of each the one answer that counts as right."""

SIZE, STEPS, RATE = 8, 100, 6e-5
"""G; updates of a run; the learning rate of a prompt, of which TRL's loss has the mean."""


def run(setting: Setting, seed: int) -> list[Setting]:
    """Train, and give a row for each prompt before the first update and after each."""
    from .one_token import Answers, load, save, shipped
    from .one_token_run import train

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        save(shipped(), folder)
        model, tokenizer = load(folder)
        answers = Answers(model, tokenizer, TRAINED | HELD_OUT)
        seen, right = train(
            model,
            tokenizer,
            TRAINED,
            look=answers.look,
            folder=folder,
            size=SIZE,
            beta=setting["beta"],
            scale_rewards=setting["scale_rewards"],
            learning_rate=RATE * len(TRAINED),
            max_steps=STEPS,
            seed=seed,
        )
    return [
        {"beta": setting["beta"], "scale_rewards": setting["scale_rewards"]}
        | {"replicate": setting["run"], "step": n, "prompt": prompt}
        | {"log_odds": float(seen[n, 0, i]), "kl": float(seen[n, 1, i])}
        | {"right": int(right[n - 1, i]) if n and i < len(TRAINED) else ""}
        for n in range(STEPS + 1)
        for i, prompt in enumerate(TRAINED | HELD_OUT)
    ]
