"""One run of TRL's `GRPOTrainer` on answers of one token, each prompt with its own right answer."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
import transformers
from datasets import Dataset, disable_progress_bars
from numpy.typing import NDArray
from transformers import PreTrainedModel, PreTrainedTokenizerFast, TrainerCallback
from trl import GRPOConfig, GRPOTrainer

Array = NDArray[np.float64]


class Run(NamedTuple):
    """What was seen of a run.

    Attributes:
        seen: what a function said of the model, before the first step and after each.
        right: how many answers to a prompt were right, shape [batches, prompts].
    """

    seen: Array
    right: NDArray[np.int64]


class _Watcher(TrainerCallback):  # type: ignore[misc]
    """Keeps what a function says of the model."""

    def __init__(self, look: Callable[[Any], Array]) -> None:
        self.look, self.seen = look, list[Array]()

    def on_train_begin(self, *_: Any, model: PreTrainedModel, **__: Any) -> None:
        self.seen.append(self.look(model))

    def on_step_end(self, *_: Any, model: PreTrainedModel, **__: Any) -> None:
        self.seen.append(self.look(model))


class _Verifier:
    """Rewards the right answer to a prompt with 1 and counts how often it was given."""

    __name__ = "verifier"  # under which TRL logs it

    def __init__(self, tokens: Mapping[str, int]) -> None:
        self.tokens, self.right = tokens, list[list[int]]()

    def __call__(
        self, prompts: list[str], completion_ids: list[list[int]], **_: Any
    ) -> list[float]:
        wins = [
            own[0] == self.tokens[prompt]
            for prompt, own in zip(prompts, completion_ids, strict=True)
        ]
        won = [prompt for prompt, win in zip(prompts, wins, strict=True) if win]
        self.right.append([won.count(prompt) for prompt in self.tokens])
        return [float(win) for win in wins]


def train(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerFast,
    right: Mapping[str, str],
    look: Callable[[Any], Array],
    folder: Path,
    *,
    size: int,
    groups: int = 1,
    **settings: Any,
) -> Run:
    """Train all prompts in every step, and look at the model after each step.

    What is not a setting of the caller's is as in `trl_run.train`.

    Args:
        model: was loaded from a folder; from there TRL takes the reference.
        tokenizer: of prompts and answers.
        right: the answer, one token, to each prompt that is rewarded with 1.
        look: what is kept of the model.
        folder: for what TRL writes.
        size: G, completions of a prompt in a group.
        groups: of each prompt, in every step.
        settings: of `GRPOConfig`.
    """
    transformers.logging.set_verbosity_error()
    disable_progress_bars()
    torch.set_num_threads(1)
    tokens = {prompt: tokenizer(answer)["input_ids"][0] for prompt, answer in right.items()}
    verifier, watcher = _Verifier(tokens), _Watcher(look)

    defaults = {
        "per_device_train_batch_size": len(right) * groups * size,
        "num_generations": size,
        "max_completion_length": 1,
        "use_bias_correction_kl": True,
        "optim": "sgd",
        "weight_decay": 0.0,
        "max_grad_norm": 0.0,
        "lr_scheduler_type": "constant",
        "activation_checkpointing": False,
        "use_cpu": True,
        "bf16": False,
        "report_to": "none",
        "save_strategy": "no",
        "logging_strategy": "no",
        "disable_tqdm": True,
    }
    trainer = GRPOTrainer(
        model=model,
        reward_funcs=verifier,
        args=GRPOConfig(output_dir=str(folder), **defaults | settings),
        train_dataset=Dataset.from_dict({"prompt": list(right) * groups}),
        processing_class=tokenizer,
        callbacks=[watcher],
    )
    trainer.remove_callback(transformers.PrinterCallback)
    trainer.train()
    return Run(np.array(watcher.seen), np.array(verifier.right))
