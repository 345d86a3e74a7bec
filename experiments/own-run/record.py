"""Record three small runs of TRL's `GRPOTrainer` as the trainer itself logs them.

``python record.py RESULTS`` trains a Llama of one layer with random weights on prompts whose
answers are one token long, three times from the same weights:

- ``one``: a single prompt, with gradient descent.
- ``eight``: eight prompts that share the network, with gradient descent.
- ``default``: the single prompt, with the optimizer and the learning rate that TRL takes unless it
  is told otherwise.

To the folders of these names below ``RESULTS/own-run`` it writes what TRL leaves: the completions
of every step, and its settings. ``own-run.json`` has the command, the versions and the hash of
every file.
"""

import contextlib
import hashlib
import json
import os
import platform
import shutil
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

os.environ["HF_HUB_OFFLINE"] = "1"  # before the packages that read it: nothing is fetched

import torch
import transformers
from datasets import Dataset, disable_progress_bars
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
from trl import GRPOConfig, GRPOTrainer

SEED = 0
WORDS, DIVISOR = 32, 8
"""Words, of which prompt and answer are one each; an answer in eight is right."""

SIZE, GROUPS = 8, 128
"""Answers of a group; groups of a step."""

DESCENT = {"optim": "sgd", "lr_scheduler_type": "constant", "max_grad_norm": 0.0}
RUNS: dict[str, tuple[int, dict[str, Any]]] = {
    "one": (1, DESCENT | {"learning_rate": 0.05}),
    "eight": (8, DESCENT | {"learning_rate": 0.3}),
    "default": (1, {}),
}
"""Number of prompts, and settings of their own. The loss is a mean over the step, in which eight
prompts have fewer groups each, so that they need a larger learning rate."""

SETTINGS: dict[str, Any] = {
    "beta": 1.0,
    "num_generations": SIZE,
    "per_device_train_batch_size": SIZE * GROUPS,
    "max_completion_length": 1,
    "max_steps": 40,
    "activation_checkpointing": False,
    "log_completions": True,
    "logging_steps": 1,
    "num_completions_to_print": 0,
    "seed": SEED,
    "use_cpu": True,
    "bf16": False,
    "report_to": "none",
    "save_strategy": "no",
    "disable_tqdm": True,
}


def right_answer(prompts: list[str], completions: list[str], **_: Any) -> list[float]:
    """1 if the numbers of prompt and answer add up to a multiple of eight, else 0."""
    return [
        float(completion.isdecimal() and (int(prompt) + int(completion)) % DIVISOR == 0)
        for prompt, completion in zip(prompts, completions, strict=True)
    ]


def start(folder: str) -> PreTrainedTokenizerFast:
    """Write the model that both runs start from to a folder, from which TRL takes the reference."""
    torch.manual_seed(SEED)
    names = ["<pad>", "<eos>", *(str(i) for i in range(WORDS))]
    words = Tokenizer(models.WordLevel({name: i for i, name in enumerate(names)}, "<pad>"))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=words, pad_token="<pad>", eos_token="<eos>", padding_side="left"
    )
    config = LlamaConfig(
        vocab_size=len(names),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=1,
        num_attention_heads=4,
        max_position_embeddings=8,
        initializer_range=0.12,
        tie_word_embeddings=False,
        pad_token_id=0,
        eos_token_id=1,
        bos_token_id=None,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    return tokenizer


def train(prompts: list[str], own: dict[str, Any], tokenizer: PreTrainedTokenizerFast) -> None:
    """Train on some prompts, from the folder ``start`` and into the folder ``run``."""
    trainer = GRPOTrainer(
        model=LlamaForCausalLM.from_pretrained("start"),
        reward_funcs=right_answer,
        args=GRPOConfig(output_dir="run", **SETTINGS, **own),
        train_dataset=Dataset.from_dict({"prompt": prompts * (GROUPS // len(prompts))}),
        processing_class=tokenizer,
    )
    trainer.remove_callback(transformers.PrinterCallback)
    trainer.train()
    trainer.save_model()


def main(results: Path) -> None:
    """Train, and keep what TRL logged."""
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    disable_progress_bars()
    torch.set_num_threads(1)
    begun, folder = time.perf_counter(), results / "own-run"
    shutil.rmtree(folder, ignore_errors=True)
    with tempfile.TemporaryDirectory() as scratch, contextlib.chdir(scratch):
        tokenizer = start("start")  # the settings that TRL stores name no folder of this machine
        for name, (prompts, own) in RUNS.items():
            train([str(i) for i in range(1, prompts + 1)], own, tokenizer)
            shutil.copytree("run/completions", folder / name / "completions")
            shutil.copy("run/training_args.bin", folder / name)
            shutil.rmtree("run")
    packages = ("torch", "trl", "transformers", "datasets", "tokenizers", "pandas", "pyarrow")
    manifest = {
        "command": "python experiments/own-run/record.py experiments/results",
        "script": {"record.py": hash_of(Path(__file__))},
        "seed": SEED,
        "python": platform.python_version(),
        "packages": {name: version(name) for name in packages},
        "processor": platform.machine(),
        "seconds": round(time.perf_counter() - begun, 1),
        "results": {
            path.relative_to(results).as_posix(): hash_of(path)
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        },
    }
    (results / "own-run.json").write_text(json.dumps(manifest, indent=2) + "\n", "utf-8")


def hash_of(path: Path) -> str:
    """SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
