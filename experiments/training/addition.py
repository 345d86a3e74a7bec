"""One network for many prompts: a small transformer learns to add, then TRL trains it.

The network is trained from scratch by cross-entropy on sums of two numbers below 100, until a batch
succeeds often enough. Then `GRPOTrainer` trains it on some of the sums, and others are held out. An
answer is three digits, so the chance of each answer is exact: a product of three conditional
probabilities of the network.

A run has its own network, sums and draws, and is one independent replicate. Its sums share the
network and are none. From one and the same network it trains twice: with the rewards of a group
divided by their deviation, and without.
"""

import os
import tempfile
from pathlib import Path
from typing import Any

os.environ["HF_HUB_OFFLINE"] = "1"  # before the packages that read it: nothing is fetched

import numpy as np
import torch
import transformers
from datasets import Dataset, disable_progress_bars
from numpy.typing import NDArray
from scipy.special import logit
from tokenizers import Regex, Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Split
from transformers import (
    AutoModelForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
    TrainerCallback,
)
from trl import GRPOConfig, GRPOTrainer

from grpo_lib import Recurrence, fixed_points, libraries

Array = NDArray[np.float64]
Row = dict[str, Any]

DIGITS, TOKENS = 3, "0123456789+=."
"""Digits of an answer, and the tokens, of which the last one pads and ends."""

TRAINED, HELD_OUT, SUMS = 96, 32, 16
"""Sums that GRPO trains on, sums that it never sees, and how many of the first a step has."""

STEPS, LOOKS = 120, 3
"""Steps of GRPO, and how often the network is looked at in them."""

BATCH, ENOUGH, AT_MOST = 256, 0.35, 1000
"""Pretraining: sums of a step, the mean success of a batch that ends it, and the most steps."""


def prompt(a: int, b: int) -> str:
    """Two digits each."""
    return f"{a:02d}+{b:02d}="


def tokens(texts: list[str]) -> torch.Tensor:
    """Texts of one length, shape [texts, length]."""
    return torch.tensor([[TOKENS.index(c) for c in text] for text in texts])


def pretrained(seed: int) -> LlamaForCausalLM:
    """A network that adds in part: cross-entropy on random sums until a batch succeeds enough.

    Raises:
        RuntimeError: no batch does.
    """
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(TOKENS),
            hidden_size=96,
            intermediate_size=256,
            num_hidden_layers=2,
            num_attention_heads=4,
            max_position_embeddings=16,
            bos_token_id=None,
            eos_token_id=len(TOKENS) - 1,
            pad_token_id=len(TOKENS) - 1,
        )
    )
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.0)
    for _ in range(AT_MOST):
        pairs = rng.integers(0, 100, (BATCH, 2)).tolist()
        texts = tokens([f"{prompt(a, b)}{a + b:03d}" for a, b in pairs])
        log_chances = torch.log_softmax(model(texts[:, :-1]).logits[:, -DIGITS:], dim=-1)
        of_right = log_chances.gather(2, texts[:, -DIGITS:, None])[..., 0]
        if of_right.sum(dim=1).exp().mean() > ENOUGH:
            return model
        optimizer.zero_grad()
        (-of_right.mean()).backward()
        optimizer.step()
    raise RuntimeError(f"no batch succeeded with {ENOUGH} within {AT_MOST} steps")


@torch.no_grad()
def policy(model: LlamaForCausalLM, asked: str) -> Array:
    """Chances of the answers 000 to 999, and of all else, shape [1001]."""
    texts = tokens([f"{asked}{i:02d}" for i in range(100)])
    first, second, third = torch.softmax(model(texts).logits[:, -DIGITS:].double(), -1).unbind(1)
    heads = first[0, :10, None] * second[::10, :10]
    mass = (heads.flatten()[:, None] * third[:, :10]).flatten().numpy()
    return np.append(mass, 1 - mass.sum())


def tokenizer() -> PreTrainedTokenizerFast:
    """A token for each character."""
    characters = Tokenizer(WordLevel({c: i for i, c in enumerate(TOKENS)}, unk_token=TOKENS[-1]))
    characters.pre_tokenizer = Split(Regex("."), "isolated")
    return PreTrainedTokenizerFast(
        tokenizer_object=characters, pad_token=TOKENS[-1], eos_token=TOKENS[-1]
    )


def verifier(prompts: list[str], completion_ids: list[list[int]], **_: Any) -> list[float]:
    """1 for the right answer, 0 for all else."""
    right = [f"{int(asked[:2]) + int(asked[3:5]):03d}" for asked in prompts]
    given = ["".join(TOKENS[i] for i in ids) for ids in completion_ids]
    return [float(a == b) for a, b in zip(right, given, strict=True)]


class Watcher(TrainerCallback):  # type: ignore[misc]
    """Keeps the policy of each prompt, at the start and after every few steps.

    Attributes:
        seen: one entry for each look, shape [prompts, 1001].
    """

    def __init__(self, prompts: list[str]) -> None:
        """Of these."""
        self.prompts, self.seen = prompts, list[Array]()

    def on_train_begin(self, *_: Any, model: LlamaForCausalLM, **__: Any) -> None:
        """Look."""
        self.seen.append(np.array([policy(model, asked) for asked in self.prompts]))

    def on_step_end(self, _: Any, state: Any, __: Any, model: LlamaForCausalLM, **___: Any) -> None:
        """Look, if it is time."""
        if state.global_step % (STEPS // LOOKS) == 0:
            self.on_train_begin(model=model)


def train(start: LlamaForCausalLM, prompts: list[str], folder: Path, **settings: Any) -> Array:
    """Train on the first prompts with TRL, whose reference is the start, and look at all of them.

    Args:
        start: is saved to the folder and not changed.
        prompts: the first TRAINED are trained on.
        folder: for the network, and for what TRL writes.
        settings: of `GRPOConfig`.

    Returns:
        The policies at each look, shape [LOOKS + 1, prompts, 1001].
    """
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    disable_progress_bars()
    start.save_pretrained(folder)
    watcher = Watcher(prompts)
    trainer = GRPOTrainer(
        model=AutoModelForCausalLM.from_pretrained(folder),
        reward_funcs=verifier,
        args=GRPOConfig(
            output_dir=str(folder),
            max_completion_length=DIGITS,
            max_steps=STEPS,
            gradient_checkpointing=False,
            use_cpu=True,
            bf16=False,
            report_to="none",
            save_strategy="no",
            logging_strategy="no",
            disable_tqdm=True,
            **settings,
        ),
        train_dataset=Dataset.from_dict({"prompt": prompts[:TRAINED]}),
        processing_class=tokenizer(),
        callbacks=[watcher],
    )
    trainer.remove_callback(transformers.PrinterCallback)
    trainer.train()
    return np.array(watcher.seen)


def digits(policy: Array, right: int) -> Array:
    """Chances of each digit of the right answer after the ones before it, shape [DIGITS]."""
    heads = [
        policy[:-1].reshape(10**n, -1).sum(axis=1)[right // 10 ** (DIGITS - n)]
        for n in range(1, DIGITS + 1)
    ]
    return np.array(heads) / [1.0, *heads[:-1]]


def total_variation(first: Array, second: Array) -> Array:
    """Over the last axis."""
    return np.abs(first - second).sum(axis=-1) / 2


def summary(seen: Array, right: int, rule: Recurrence) -> Row:
    """Of one prompt's policies, shape [LOOKS + 1, 1001]: chances, and how far they moved.

    ``q_1``, ``q_2``, ``q_3`` are the chances of the digits of the right answer at the start, and
    ``r_1``, ``r_2``, ``r_3`` those at the end. ``p_n`` is the chance of the right answer at look n,
    and ``tv_n`` the total variation between the policy then and the exact policy at rest.
    ``wrong_n`` is that between then and the start given that the answer is wrong.
    """
    p = seen[:, right]
    wrong = np.delete(seen, right, axis=1) / (1 - p[:, None])
    at_rest = float(np.nanmin(fixed_points(rule, L_ref=logit(p[0])).probability))
    exact = np.insert(wrong[0] * (1 - at_rest), right, at_rest)
    return {
        **{f"q_{n + 1}": float(q) for n, q in enumerate(digits(seen[0], right))},
        **{f"r_{n + 1}": float(q) for n, q in enumerate(digits(seen[-1], right))},
        **{f"p_{n}": float(p[n]) for n in range(LOOKS + 1)},
        **{f"tv_{n}": float(total_variation(seen[n], exact)) for n in range(LOOKS + 1)},
        **{f"wrong_{n}": float(total_variation(wrong[n], wrong[0])) for n in range(1, LOOKS + 1)},
    }


def run(setting: Row, seed: int) -> list[Row]:
    """Train with and without the deviation, and give a row for each prompt of each."""
    torch.set_num_threads(1)
    rng = np.random.default_rng(seed)
    pairs = [divmod(int(i), 100) for i in rng.permutation(10_000)[: TRAINED + HELD_OUT]]
    prompts = [prompt(a, b) for a, b in pairs]
    start = pretrained(seed)
    rows = []
    for scaled in ("group", "none"):
        with tempfile.TemporaryDirectory() as folder:
            seen = train(
                start,
                prompts,
                Path(folder),
                num_generations=setting["size"],
                per_device_train_batch_size=SUMS * setting["size"],
                beta=setting["beta"],
                learning_rate=setting["rate"],
                scale_rewards=scaled,
                seed=seed,
            )
        rule = Recurrence(setting["beta"], libraries.trl(setting["size"], scaled))
        for i, (a, b) in enumerate(pairs):
            named = {"replicate": setting["run"], "scale_rewards": scaled, "prompt": prompts[i]}
            found = summary(seen[:, i], a + b, rule)
            rows.append(setting | named | {"trained": i < TRAINED} | found)
    return [{name: row[name] for name in row if name != "run"} for row in rows]
