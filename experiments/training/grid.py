"""The settings of each study. More of them can be added, and only they are run then."""

from typing import Any

Settings = list[dict[str, Any]]

PROMPT = {
    "size": 8,
    "beta": 1.0,
    "scale_rewards": "group",
    "corrected": True,
    "num_iterations": 1,
}
"""G, beta and three options of TRL, of which ``corrected`` is its ``use_bias_correction_kl``."""

PROMPTS = (
    {},
    {"corrected": False},
    {"size": 2},
    {"size": 4},
    {"scale_rewards": "none"},
)

BATCH = {"beta": 1.0, "size": 256, "p_ref": 0.18, "p_0": 0.18, "renew": 0.0}

BATCHES = {
    "reference": {},
    "mirror": {"beta": 4.0, "p_ref": 0.1, "p_0": 0.1, "renew": 1.0},
}


def one_prompt(quick: bool) -> Settings:
    """Variations of one setting; if quick, the setting itself with both forms of the KL term."""
    return [PROMPT | changed for changed in (PROMPTS[:2] if quick else PROMPTS)]


def iterates(quick: bool) -> Settings:
    """Variants of training on one batch at a time; if quick, the first."""
    named = [{"variant": name} | BATCH | changed for name, changed in BATCHES.items()]
    return named[:1] if quick else named
