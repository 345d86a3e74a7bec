"""The settings of each study. More of them can be added, and only they are run then."""

from math import inf
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
    {"size": 16},
    {"size": 64},
    {"beta": 3.0},
    {"beta": 0.3, "corrected": False},
    {"num_iterations": 4},
    *({"scale_rewards": "batch", "run": run} for run in range(8)),
    {"beta": 0.5},
    {"beta": 3.0, "corrected": False},
)

NETWORK = PROMPT | {"size": 64, "p_ref": 0.0286, "pace": 0.6}
"""``pace`` is the learning rate of the faster half, for log-odds at the start."""

NETWORKS = (
    {},
    {"corrected": False},
    {"scale_rewards": "none", "pace": 1.0},
    {"size": 8, "beta": 3.0, "pace": 1.0},
    {"p_ref": 0.003},
    {"p_ref": 0.003, "corrected": False},
)

BATCH = {
    "beta": 1.0,
    "size": 256,
    "p_ref": 0.18,
    "p_0": 0.18,
    "renew": 0.0,
    "clip": inf,
    "inner": 60,
}
MIRROR = {"beta": 4.0, "p_ref": 0.1, "p_0": 0.1, "renew": 1.0}

BATCHES = {
    "reference": {},
    "mirror": MIRROR,
    "following": MIRROR | {"renew": 0.5},
    "clipped reference": {"p_ref": 0.3, "p_0": 0.3, "clip": 0.2, "inner": 120},
    "clipped mirror": MIRROR | {"clip": 0.2, "inner": 120},
    "swinging": {"size": 512, "p_ref": 0.003, "p_0": 0.05, "inner": 400},
}

DEPARTURES = {
    "turning": {"beta": 3.0, "size": 64, "stride": 1},
    "thrown": {"beta": 1.0, "size": 8, "stride": 1},
    "adam": {"beta": 1.0, "size": 8, "stride": 5},
    "sign": {"beta": 1.0, "size": 8, "stride": 5},
}

GRADIENTS = (
    {},
    {"corrected": False},
    {"scale_rewards": "none"},
    {"scale_rewards": "batch"},
)

STEPS = {"size": 64, "beta": 0.0, "rate": 0.1, "batches": 60, "inner": 1}
MANY = {"size": 64, "beta": 16.0, "rate": 3 / 16, "batches": 24, "inner": 20}

SPEEDS = (
    STEPS | {"scale_rewards": "group"},
    STEPS | {"scale_rewards": "none", "rate": 0.25},
    MANY | {"scale_rewards": "group"},
    MANY | {"scale_rewards": "none", "beta": 6.0, "rate": 0.5},
)

SUMS = {"size": 8, "beta": 1.0, "rate": 3e-4}
"""The rate is AdamW's at the start, from where it falls linearly to 0."""

LANGUAGE = (
    {"beta": 1.0, "scale_rewards": "group"},
    {"beta": 1.0, "scale_rewards": "none"},
    {"beta": 0.0, "scale_rewards": "group"},
)
"""A weight of 0 comes to rest only at certainty."""


def one_prompt(quick: bool) -> Settings:
    """Variations of one setting; if quick, the setting itself with both forms of the KL term."""
    return [PROMPT | changed for changed in (PROMPTS[:2] if quick else PROMPTS)]


def llama(quick: bool) -> Settings:
    """Networks of one layer, each with one prompt; if quick, those of the first setting."""
    chosen = NETWORKS[:1] if quick else NETWORKS
    return [NETWORK | changed | {"run": run} for changed in chosen for run in range(8)]


def iterates(quick: bool) -> Settings:
    """Variants of training on one batch at a time; if quick, the first."""
    named = [{"variant": name} | BATCH | changed for name, changed in BATCHES.items()]
    return named[:1] if quick else named


def departures(quick: bool) -> Settings:
    """Runs that leave the theory of small steps; if quick, those with Adam."""
    named = [{"variant": name} | own for name, own in DEPARTURES.items()]
    return [s for s in named if s["variant"] == "adam"] if quick else named


def gradient(quick: bool) -> Settings:
    """Options of TRL's loss, all of them also if quick."""
    base = {"size": 8, "beta": 0.5, "scale_rewards": "group", "corrected": True}
    return [base | changed for changed in GRADIENTS]


def speed(quick: bool) -> Settings:
    """One gradient step on a batch and many, with both normalisations; if quick, the first."""
    return list(SPEEDS[:1] if quick else SPEEDS)


def addition(quick: bool) -> Settings:
    """Runs of one setting, each with a network of its own; if quick, the first two."""
    return [SUMS | {"run": run} for run in range(2 if quick else 8)]


def language_model(quick: bool) -> Settings:
    """Runs of a small language model; none of them is quick.

    Three shorter runs with the number 0 came first. What they suggested is looked for in these.
    """
    runs = [] if quick else range(1, 9)
    return [{"run": run} | setting for run in runs for setting in LANGUAGE]


def language_start(quick: bool) -> Settings:
    """First updates of this model; they are not quick either."""
    return [] if quick else [dict(LANGUAGE[0])]
