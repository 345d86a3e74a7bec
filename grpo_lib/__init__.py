"""Exact GRPO on 0/1 rewards: policies, probability of success, and the evidence for claims.

Functions broadcast over prompts. The state of an iteration is the log-odds of the probability of
success; see `grpo_lib.symbolic` for the formulas in SymPy, `grpo_lib.certified` for ball
arithmetic, `grpo_lib.rounding` for bounds on rounding and `grpo_lib.ledger` for evidence.
"""

from importlib import import_module
from typing import Any

from . import libraries, rounding
from .clipping import Clip
from .divergences import kl_divergence, renyi_divergence, total_variation
from .dynamics import Recurrence
from .equilibria import FixedPoints, fixed_points
from .forward import ForwardRecurrence
from .groups import GroupNormalization
from .maps import Map, Trajectory
from .mean_only import MeanOnly
from .noise import NoisyVerifier
from .normalization import Normalization
from .oscillations import Cycles, cycles, lyapunov_exponent
from .phases import PhaseBoundaries, Regime, contraction_threshold, phase_boundaries, regime
from .policies import (
    advantage,
    geometric_mean,
    optimal_policy,
    success_log_odds,
    success_probability,
)
from .sampling import random_policies, random_rewards
from .smoothed import MeanDeviation, MeanVariance
from .surrogates import clipped_surrogate, contrastive_surrogate
from .training import train

LAZY = ("certified", "ledger", "symbolic")
"""Modules imported at first use: they need SymPy or python-flint, which no number here needs."""

__all__ = [
    "Clip",
    "Cycles",
    "FixedPoints",
    "ForwardRecurrence",
    "GroupNormalization",
    "Map",
    "MeanDeviation",
    "MeanOnly",
    "MeanVariance",
    "NoisyVerifier",
    "Normalization",
    "PhaseBoundaries",
    "Recurrence",
    "Regime",
    "Trajectory",
    "advantage",
    "clipped_surrogate",
    "contraction_threshold",
    "contrastive_surrogate",
    "cycles",
    "fixed_points",
    "geometric_mean",
    "kl_divergence",
    "ledger",
    "libraries",
    "lyapunov_exponent",
    "optimal_policy",
    "phase_boundaries",
    "random_policies",
    "random_rewards",
    "regime",
    "renyi_divergence",
    "rounding",
    "success_log_odds",
    "success_probability",
    "symbolic",
    "total_variation",
    "train",
]


def __getattr__(name: str) -> Any:
    """A module of `LAZY`, or the version of the installed package."""
    if name in LAZY:
        return import_module(f".{name}", __name__)
    if name == "__version__":
        from importlib.metadata import version  # slow to import

        return version("grpo-lib")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
