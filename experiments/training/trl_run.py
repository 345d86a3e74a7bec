"""One run of TRL's `GRPOTrainer` on answers of one token, watched step by step."""

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

os.environ["HF_HUB_OFFLINE"] = "1"  # before the packages that read it: nothing is fetched

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
        counts: how often each answer was drawn, shape [batches, prompts, answers].
    """

    seen: Array
    counts: NDArray[np.int64]


class _Watcher(TrainerCallback):  # type: ignore[misc]
    """Keeps what a function says of the model."""

    def __init__(self, look: Callable[[Any], Array]) -> None:
        self.look, self.seen = look, list[Array]()

    def on_train_begin(self, *_: Any, model: PreTrainedModel, **__: Any) -> None:
        self.seen.append(self.look(model))

    def on_step_end(self, *_: Any, model: PreTrainedModel, **__: Any) -> None:
        self.seen.append(self.look(model))


class _Verifier:
    """Rewards right answers with 1 and counts all answers."""

    __name__ = "verifier"  # under which TRL logs it

    def __init__(self, prompts: list[str], answers: int, right: Iterable[int]) -> None:
        self.place = {prompt: i * answers for i, prompt in enumerate(prompts)}
        self.shape = len(prompts), answers
        self.right = np.isin(np.arange(answers), list(right)).astype(float)
        self.counts = list[NDArray[np.int64]]()

    def __call__(
        self, prompts: list[str], completion_ids: list[list[int]], **_: Any
    ) -> list[float]:
        drawn = np.array([tokens[0] for tokens in completion_ids])
        cells = drawn + [self.place[prompt] for prompt in prompts]
        counted = np.bincount(cells, minlength=self.shape[0] * self.shape[1])
        self.counts.append(counted.reshape(self.shape))
        return self.right[drawn].tolist()


def train(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerFast,
    prompts: list[str],
    right: Iterable[int],
    look: Callable[[Any], Array],
    folder: Path,
    *,
    size: int,
    **settings: Any,
) -> Run:
    """Train all prompts in every step, one group of each, and look at the model after each step.

    What is not a setting of the caller's is as a clean comparison needs it: gradient descent
    without momentum, decay, schedule or a limit on the gradient's norm. The loss is a mean over the
    batch, so that the learning rate of a prompt is ``learning_rate`` over the number of prompts.

    Args:
        model: was loaded from a folder; from there TRL takes the reference. Its vocabulary is the
            answers.
        tokenizer: of the prompts.
        prompts: one token each.
        right: tokens of the answers that are rewarded with 1.
        look: what is kept of the model.
        folder: for what TRL writes.
        size: G, completions of a prompt.
        settings: of `GRPOConfig`.
    """
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    disable_progress_bars()
    torch.set_num_threads(1)
    verifier, watcher = _Verifier(prompts, model.config.vocab_size, right), _Watcher(look)

    defaults = {
        "per_device_train_batch_size": len(prompts) * size,
        "num_generations": size,
        "max_completion_length": 1,
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
        train_dataset=Dataset.from_dict({"prompt": prompts}),
        processing_class=tokenizer,
        callbacks=[watcher],
    )
    trainer.remove_callback(transformers.PrinterCallback)
    trainer.train()
    return Run(np.array(watcher.seen), np.array(verifier.counts))
