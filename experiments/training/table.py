"""A language model that is a table of logits, one row for each prompt.

A prompt is one token and so is an answer. The rows share no parameter: under plain gradient descent
each prompt is trained as if it were alone, so many prompts in one run are independent replicates.
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit
from torch import nn
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    GenerationMixin,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)
from transformers.modeling_outputs import BaseModelOutput, CausalLMOutput

Array = NDArray[np.float64]


class TableConfig(PreTrainedConfig):  # type: ignore[misc]
    """How many rows and columns a table has.

    The tokens are the answers, one for padding, and the prompts, in this order.
    """

    model_type = "table-of-logits"
    auto_map = {}  # noqa: RUF012, TRL asks for it; with a type it would be a field

    def __init__(self, prompts: int = 1, answers: int = 2, **others: Any) -> None:
        """Shape of the table."""
        self.prompts, self.answers = prompts, answers
        self.vocab_size = self.hidden_size = answers
        self.num_hidden_layers = 1
        super().__init__(**others)


class Rows(PreTrainedModel):  # type: ignore[misc]
    """What TRL takes for the layers below the head: the row of the token at each position.

    Logits are the parameters times the root of the row's pace, so that a row learns at ``pace``
    times the learning rate.
    """

    config_class = TableConfig

    def __init__(self, config: TableConfig) -> None:
        """Zeros, at a pace of 1."""
        super().__init__(config)
        self.weight = nn.Parameter(torch.zeros(config.prompts, config.answers))
        self.register_buffer("pace", torch.ones(config.prompts))
        self.post_init()

    def _init_weights(self, module: nn.Module) -> None:
        """Nothing: what is loaded is complete."""

    def logits(self) -> torch.Tensor:
        """The whole table, shape [prompts, answers]."""
        return self.weight * self.pace.sqrt()[:, None]

    def forward(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor | None = None, **_: Any
    ) -> BaseModelOutput:
        """Of tokens that are no prompts, the first row, which nobody looks at."""
        row = (input_ids - self.config.answers - 1).clamp(min=0)
        return BaseModelOutput(last_hidden_state=self.logits()[row])


class Head(nn.Module):
    """The identity, in the form in which TRL reads the head of a model."""

    def __init__(self, size: int) -> None:
        """No parameter: a buffer is not trained."""
        super().__init__()
        self.register_buffer("weight", torch.eye(size))
        self.bias = None

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        """What comes in."""
        return hidden


class Table(PreTrainedModel, GenerationMixin):  # type: ignore[misc]
    """The model: rows and head."""

    config_class = TableConfig
    base_model_prefix = "rows"

    def __init__(self, config: TableConfig) -> None:
        """A table of zeros."""
        super().__init__(config)
        self.rows, self.head = Rows(config), Head(config.answers)
        self.post_init()

    def _init_weights(self, module: nn.Module) -> None:
        """Nothing: what is loaded is complete."""

    def get_output_embeddings(self) -> nn.Module:
        """The head."""
        return self.head

    def forward(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor | None = None, **_: Any
    ) -> CausalLMOutput:
        """Logits at each position."""
        return CausalLMOutput(logits=self.head(self.rows(input_ids).last_hidden_state))

    def prepare_inputs_for_generation(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor | None = None, **_: Any
    ) -> dict[str, torch.Tensor]:
        """Tokens are all that is needed."""
        return {"input_ids": input_ids}


AutoConfig.register(TableConfig.model_type, TableConfig)
AutoModelForCausalLM.register(TableConfig, Table)


def table(reference: Array, pace: Array, folder: Path) -> tuple[Table, PreTrainedTokenizerFast]:
    """Save a table to a folder, from which TRL loads the reference, and load it.

    Args:
        reference: policies to start from, shape [prompts, answers].
        pace: learning rate of each prompt, in units of the run's, shape [prompts].
        folder: where to save it.

    Returns:
        The model and a tokenizer with the words ``p0``, ``p1``, ... for prompts.
    """
    prompts, answers = reference.shape
    made = Table(TableConfig(prompts, answers))
    with torch.no_grad():
        made.rows.pace.copy_(torch.tensor(pace))
        made.rows.weight.copy_(torch.tensor(np.log(reference) / np.sqrt(pace)[:, None]))
    made.save_pretrained(folder)
    words = [*(f"a{i}" for i in range(answers)), "<pad>", *(f"p{i}" for i in range(prompts))]
    vocabulary = Tokenizer(WordLevel({word: i for i, word in enumerate(words)}, unk_token="<pad>"))
    vocabulary.pre_tokenizer = WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=vocabulary, pad_token="<pad>", eos_token="<pad>"
    )
    return AutoModelForCausalLM.from_pretrained(folder), tokenizer


def policies(model: Table) -> Array:
    """The policies of all prompts, shape [prompts, answers], from the logits in doubles."""
    return torch.softmax(model.rows.logits().detach().double(), dim=1).numpy()
