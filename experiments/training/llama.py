"""Where a small transformer comes to rest in TRL's trainer, with one prompt.

The network is a Llama of one layer with random weights, all of them trained. An answer is one of
thirty tokens, and one of them is right. The row of the last matrix that belongs to it is moved so
that its probability at the start is the one wanted. A replicate has a network of its own, which is
trained at two learning rates, one twice the other. A rate is over the squared length of the
gradient of the log-odds at the start, so that a network starts at the pace of a table of logits.
"""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from transformers import (
    AutoModelForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
)

from .trl_run import train

Array = NDArray[np.float64]
Setting = dict[str, Any]
"""One of `grid.llama`."""

ANSWERS, RIGHT, PROMPT = 30, 1, 0
"""The prompt is a token, too; it may also be an answer, and then it is wrong."""

STEPS, BLOCKS = 400, 10


def logits(model: LlamaForCausalLM) -> torch.Tensor:
    """Of the answers to the prompt."""
    return model(torch.tensor([[PROMPT]])).logits[0, 0]


def success(model: LlamaForCausalLM) -> Array:
    """Its probability, as an array of one number."""
    with torch.no_grad():
        return torch.softmax(logits(model).double(), dim=0)[RIGHT : RIGHT + 1].numpy()


def network(
    p_ref: float, seed: int, folder: Path
) -> tuple[LlamaForCausalLM, PreTrainedTokenizerFast]:
    """Save a network to a folder, from which TRL loads the reference, and load it.

    Args:
        p_ref: probability of the right answer.
        seed: of the other weights.
        folder: where to save it.

    Returns:
        The model and a tokenizer with the words ``a0``, ``a1``, ...
    """
    torch.manual_seed(seed)
    shape = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1}
    model = LlamaForCausalLM(LlamaConfig(vocab_size=ANSWERS, num_attention_heads=2, **shape))
    with torch.no_grad():
        state = model.model(torch.tensor([[PROMPT]])).last_hidden_state[0, 0]
        now = success(model).item()
        lack = np.log(p_ref / (1 - p_ref)) - np.log(now / (1 - now))
        model.lm_head.weight[RIGHT] += lack * state / (state @ state)
    model.save_pretrained(folder)
    words = WordLevel({f"a{i}": i for i in range(ANSWERS)}, unk_token="a0")
    last = f"a{ANSWERS - 1}"  # one token ends an answer, whichever it is
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer(words), pad_token=last, eos_token=last
    )
    return AutoModelForCausalLM.from_pretrained(folder), tokenizer


def slope(model: LlamaForCausalLM) -> float:
    """Squared length of the gradient of the log-odds of success, in all parameters."""
    scores = logits(model)
    others = torch.cat([scores[:RIGHT], scores[RIGHT + 1 :]])
    log_odds = scores[RIGHT] - others.logsumexp(dim=0)
    return sum(float(x.square().sum()) for x in torch.autograd.grad(log_odds, model.parameters()))


def run(setting: Setting, seed: int) -> list[Setting]:
    """Train at both rates, and give a row for each: its means over tenths of the run."""
    rows = []
    for slower in (1, 2):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            model, tokenizer = network(setting["p_ref"], seed, folder)
            watched = train(
                model,
                tokenizer,
                [f"a{PROMPT}"],
                right=[RIGHT],
                look=success,
                folder=folder,
                size=setting["size"],
                beta=setting["beta"],
                scale_rewards=setting["scale_rewards"],
                use_bias_correction_kl=setting["corrected"],
                learning_rate=setting["pace"] / slower / slope(model),
                max_steps=STEPS,
                seed=seed,
            )
        means = watched.seen[1:].reshape(BLOCKS, -1).mean(axis=1)
        rows.append(
            {name: value for name, value in setting.items() if name != "run"}
            | {"slower": slower, "replicate": setting["run"]}
            | {f"mean_{j}": mean for j, mean in enumerate(means)}
        )
    return rows
