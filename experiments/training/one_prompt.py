"""Where a prompt comes to rest in TRL's trainer: a grid of settings.

A run trains many copies of a few prompts at once, with a table of logits, so that each copy is an
independent replicate. Every prompt is trained at two learning rates, one twice the other. What is
recorded is the exact probability of success, averaged over tenths of the run.

Only ``scale_rewards="batch"`` ties the prompts of a run together. There a replicate is a run.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import expit, logit
from scipy.stats import binom

from grpo_lib import MeanOnly, Recurrence, fixed_points, libraries

Array = NDArray[np.float64]
Setting = dict[str, Any]
"""One of `grid.one_prompt`."""

REFERENCES = (0.003, 0.01, 0.03, 0.1, 0.3, 0.6, 0.9)
IN_A_BATCH = (0.03, 0.1, 0.3)
REPLICATES, COPIES = 8, 2
"""Independent replicates of a setting; copies of a reference in a run that ties them together."""

STEPS, BLOCKS = 200, 10
FULL_STEP, LARGEST_SPREAD, LARGEST_RATE = 0.2, 0.25, 1.0
"""Of the faster half: share of the distance to rest that an update makes; the deviation of the
log-odds at rest that the learning rate may cause; the rate. One group moves the log-odds by at most
about half of the rate. With much larger rates a lucky group ends the run: it throws a prompt so far
up that failures, which would bring it back, are no longer drawn."""

SETTLED = 0.05
"""How near the noiseless run must be to rest in log-odds when half of the steps are done. It goes
on approaching: what is left in the mean over the second half is smaller by about
``share * STEPS / 2``."""


RIGHT = np.array([True, True, False, False])


def reference(p_ref: float) -> Array:
    """A policy on two right and two wrong answers."""
    return np.array([0.6 * p_ref, 0.4 * p_ref, 0.55 * (1 - p_ref), 0.45 * (1 - p_ref)])


def deviation_of_batch(size: int, beta: float) -> float:
    """The deviation of rewards in a large batch, with its prompts at rest under that deviation."""

    def gap(deviation: float) -> float:
        pull = (1 - 1 / size) / (beta * deviation)
        p = np.mean(expit(logit(np.array(IN_A_BATCH)) + pull))
        return float(np.sqrt(p * (1 - p)) - deviation)

    return float(brentq(gap, 0.2, 0.51))


def theory(setting: Setting, p_ref: float) -> tuple[float, Callable[[float], float], Array]:
    """Log-odds at rest, the scale Omega as a function of log-odds, and the table of advantages.

    Dividing by the deviation of a large batch is dividing by one number.
    """
    size, beta = setting["size"], setting["beta"]
    penalty = "reverse" if setting["corrected"] else "forward"
    if setting["scale_rewards"] == "batch":
        shrink = (1 - 1 / size) / deviation_of_batch(size, beta)
        rule = Recurrence(beta / shrink, MeanOnly())
        advantages = libraries.trl(size, "none").advantages() * shrink / (1 - 1 / size)
        scale = lambda L: shrink  # noqa: E731
    else:
        normalization = libraries.trl(size, setting["scale_rewards"])
        rule, advantages = Recurrence(beta, normalization), normalization.advantages()
        scale = lambda L: float(normalization.scale(L=L))  # noqa: E731
    found = fixed_points(rule, L_ref=logit(p_ref), penalty=penalty).log_odds
    return float(np.nanmin(found)), scale, np.nan_to_num(advantages)


def pace(setting: Setting, p_ref: float) -> tuple[float, float] | None:
    """The larger of the two learning rates, and the share of the way to rest that an update makes.

    Near rest the log-odds return at ``rate * slope``, and the noise of groups spreads them by the
    root of ``rate * variance / (2 slope)``. None if at half the rate a noiseless run would not be
    near rest when half of the steps are done.
    """
    beta, start = setting["beta"], reference(p_ref)
    x, scale, advantages = theory(setting, p_ref)
    mobility = float(np.sum((start / np.where(RIGHT, p_ref, 1 - p_ref)) ** 2))

    def drift(L: float) -> float:
        p = expit(L)
        away = p * (1 - p) * (L - logit(p_ref)) if setting["corrected"] else p - p_ref
        return float(mobility * (p * (1 - p) * scale(L) - beta * away))

    def pull(ratio: Array) -> Array:
        """Of the KL term on answers, by their ratio to the reference."""
        return np.log(ratio) if setting["corrected"] else 1 - 1 / ratio

    slope = (drift(x - 1e-4) - drift(x + 1e-4)) / 2e-4
    p, share = expit(x), np.arange(setting["size"] + 1) / setting["size"]
    gain = advantages - beta * pull(np.array([p / p_ref, (1 - p) / (1 - p_ref)]))
    kick = mobility * (share * (1 - p) * gain[:, 0] - (1 - share) * p * gain[:, 1])
    chance = binom.pmf(np.arange(setting["size"] + 1), setting["size"], p)
    variance = chance @ kick**2 - (chance @ kick) ** 2
    rate = min(LARGEST_RATE, FULL_STEP / slope, 2 * slope * LARGEST_SPREAD**2 / variance)

    logits, L = np.log(start), float(logit(p_ref))
    for _ in range(STEPS // 2):
        policy = np.exp(logits - np.logaddexp.reduce(logits))
        L = float(logit(policy[RIGHT].sum()))
        if not np.isfinite(L):
            return None
        value = RIGHT * scale(L) - beta * pull(policy / start)
        logits = logits + rate / 2 * policy * (value - policy @ value)
    return (rate, rate * slope) if abs(L - x) < SETTLED else None


def prompts(setting: Setting) -> list[tuple[float, float, float, int]]:
    """Reference, learning rate, share of the way per update and replicate of each prompt."""
    tied = "run" in setting
    return [
        (p_ref, found[0] / slower, found[1] / slower, replicate)
        for p_ref in (IN_A_BATCH if tied else REFERENCES)
        if (found := pace(setting, p_ref))
        for slower in (1, 2)
        for replicate in ([setting["run"]] * COPIES if tied else range(REPLICATES))
    ]


def run(setting: Setting, seed: int) -> list[Setting]:
    """Train, and give a row for each prompt: its settings and its means over tenths of the run."""
    from .table import policies, table
    from .trl_run import train

    trained = prompts(setting)
    p_ref, rate, share, replicate = zip(*trained, strict=True)
    mu = setting["num_iterations"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model, tokenizer = table(np.array([reference(p) for p in p_ref]), np.array(rate), folder)
        watched = train(
            model,
            tokenizer,
            [f"p{i}" for i in range(len(trained))],
            right=np.flatnonzero(RIGHT).tolist(),
            look=lambda model: policies(model)[:, RIGHT].sum(axis=1),
            folder=folder,
            size=setting["size"],
            beta=setting["beta"],
            scale_rewards=setting["scale_rewards"],
            use_bias_correction_kl=setting["corrected"],
            num_iterations=mu,
            learning_rate=len(trained) / mu,
            max_steps=STEPS * mu,
            seed=seed,
        )
    means = watched.seen[1:].reshape(BLOCKS, -1, len(trained)).mean(axis=1)
    chosen = {name: value for name, value in setting.items() if name != "run"}
    return [
        chosen
        | {"p_ref": p_ref[i], "rate": rate[i], "share": share[i], "replicate": replicate[i]}
        | {f"mean_{j}": means[j, i] for j in range(BLOCKS)}
        for i in range(len(trained))
    ]
