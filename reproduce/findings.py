"""What a run did to each prompt, next to where exact updates lead."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betaincinv, logit

from grpo_lib import Normalization, Recurrence, fixed_points, libraries
from reproduce.project import ReproduceError
from reproduce.runs import BLOCKS, Run

Array = NDArray[np.float64]

LIBRARIES: dict[str, Callable[..., Normalization]] = {
    name: function
    for name, function in inspect.getmembers(libraries, inspect.isfunction)
    if "size" in inspect.signature(function).parameters and not name.startswith("_")
}
"""The functions of `grpo_lib.libraries`, by name."""

QUARTER = BLOCKS // 4


@dataclass(frozen=True)
class Setting:
    """What the forecast is made for.

    Attributes:
        library: the training library, one of `LIBRARIES`.
        size: G, answers of a group.
        beta: weight of the penalty, 0 or more.
        penalty: ``"reverse"``, or ``"forward"`` for the estimator k3 as a loss.
        options: settings of the library's function but the size.
        obstacle: why no forecast can be made, as a sentence; empty if one can.
    """

    library: str
    size: int
    beta: float
    penalty: str
    options: Mapping[str, Any]
    obstacle: str = ""

    def normalization(self) -> Normalization:
        """As the library computes it.

        Raises:
            ValueError: a value is not one that the library's function takes.
        """
        return LIBRARIES[self.library](size=self.size, **self.options)


def setting(
    library: str,
    found: Mapping[str, Any],
    *,
    size: int | None = None,
    beta: float | None = None,
    penalty: str | None = None,
    options: Mapping[str, Any],
) -> Setting:
    """Make the setting of a forecast from options, or else from a run's own files.

    Args:
        library: the training library.
        found: settings of TRL, as `reproduce.trl.read_settings` gives them.
        size: G.
        beta: weight of the penalty.
        penalty: ``"reverse"`` or ``"forward"``.
        options: settings of the library's function in `grpo_lib.libraries`.

    Raises:
        ReproduceError: something is not known, or has a value that is not allowed; the message
            names the option.
    """
    size = found.get("num_generations") if size is None else size
    beta = found.get("beta") if beta is None else beta
    known = {"--size G": size, "--beta B": beta}
    if missing := [option for option, value in known.items() if value is None]:
        raise ReproduceError(
            f"the run's own files do not say the setting: give {' and '.join(missing)}"
        )
    assert size is not None and beta is not None
    corrected = found.get("use_bias_correction_kl", True)
    penalty = penalty or ("reverse" if corrected else "forward")
    parameters = inspect.signature(LIBRARIES[library]).parameters
    if unknown := sorted(set(options).difference(parameters)):
        allowed = [name for name in parameters if name != "size"]
        raise ReproduceError(
            f"--set {unknown[0]}: {library} has no such setting; it has {', '.join(allowed)}"
        )
    own = {name: found[name] for name in parameters if name in found} | dict(options)
    obstacle = next((text for holds, text in _obstacles(beta, found, own) if holds), "")
    if own.get("scale_rewards") == "batch":
        del own["scale_rewards"]
    made = Setting(library, size, beta, penalty, own, obstacle)
    try:
        rule = Recurrence(beta or 1.0, made.normalization())
        if not obstacle:
            fixed_points(rule, L_ref=0.0, penalty=penalty)
    except ValueError as error:
        raise ReproduceError(f"no forecast for this setting: {error}") from None
    except NotImplementedError:
        obstacle = "For this normalisation it is not proved that all fixed points are found."
        return Setting(library, size, beta, penalty, own, obstacle)
    return made


def _obstacles(
    beta: float, found: Mapping[str, Any], options: Mapping[str, Any]
) -> list[tuple[bool, str]]:
    return [
        (
            beta == 0,
            "At beta 0, the default of TRL, nothing ties a prompt to the reference. As with a "
            "penalty to the previous policy alone (mirror GRPO) no success rate between 0 and 1 is "
            "a fixed point: exact updates take every prompt that is ever solved to 1. How far a "
            "run gets is a matter of its length and its learning rate.",
        ),
        (
            bool(found.get("sync_ref_model")),
            "The reference was renewed during training (sync_ref_model), so its success rate is "
            "not that of the start.",
        ),
        (
            options.get("scale_rewards") == "batch",
            'With scale_rewards="batch" a prompt is divided by a deviation that depends on the '
            "other prompts of the batch. No forecast can be made for one prompt.",
        ),
        (
            found.get("multi_objective_aggregation", "sum_then_normalize") != "sum_then_normalize",
            "Rewards were normalised one by one before they were added (normalize_then_sum), which "
            "no normalisation here describes.",
        ),
        (
            bool(found.get("entropy_coef")) or bool(found.get("use_adaptive_entropy")),
            "The loss had a term for the entropy, which no forecast here has.",
        ),
    ]


def interval(successes: ArrayLike, trials: ArrayLike, level: float) -> tuple[Array, Array]:
    """Clopper and Pearson's interval of a success rate; 0 to 1 without a trial.

    Args:
        successes: how often, shape [...].
        trials: of how many, shape [...].
        level: chance that the interval holds the rate is at least this, in (0, 1).

    Returns:
        Its lower and upper ends, shape [...].
    """
    k, n = np.broadcast_arrays(np.asarray(successes, float), np.asarray(trials, float))
    tail = (1 - level) / 2
    low = np.where(k > 0, betaincinv(np.maximum(k, 1), n - k + 1, tail), 0.0)
    high = np.where(k < n, betaincinv(k + 1, np.maximum(n - k, 1), 1 - tail), 1.0)
    return low, high


class Verdict(StrEnum):
    """How a prompt's end compares with the forecast."""

    WITHIN = "as forecast"
    ABOVE = "above the forecast"
    BELOW = "below the forecast"
    MOVING = "still moving"
    NONE = "no forecast"
    APART = "not seen both early and late"
    ONCE = "seen in one step"


@dataclass(frozen=True, eq=False)
class Findings:
    """A run next to its forecast.

    The start of a prompt is the first step that it is seen in, its end the last quarter of the run.
    Each has an interval, and the forecast is what the interval of the start leads to: the lowest
    fixed point rises with the reference's success rate.

    Attributes:
        run: what was logged.
        setting: what the forecast is for.
        level: of each interval.
    """

    run: Run
    setting: Setting
    level: float

    @cached_property
    def start(self) -> tuple[Array, Array]:
        """Interval of each prompt's success rate in its first step."""
        return interval(self.run.first_successes, self.run.first_trials, self.level)

    @cached_property
    def end(self) -> tuple[Array, Array]:
        """Interval of each prompt's success rate in the last quarter."""
        return self._interval(slice(BLOCKS - QUARTER, BLOCKS))

    @cached_property
    def forecast(self) -> tuple[Array, Array]:
        """Where exact updates rest, for the ends of the interval of the start; NaN without one."""
        if self.setting.obstacle:
            nothing = np.full(len(self.run.labels), np.nan)
            return nothing, nothing
        low, high = self.start
        rule = Recurrence(self.setting.beta, self.setting.normalization())
        low, high = (
            fixed_points(rule, L_ref=logit(p), penalty=self.setting.penalty).probability[:, 0]
            for p in (low, high)
        )
        return low, high

    @cached_property
    def verdicts(self) -> NDArray[np.str_]:
        """A `Verdict` for each prompt, shape [prompts]."""
        run = self.run
        before = self._interval(slice(BLOCKS - 2 * QUARTER, BLOCKS - QUARTER))
        late = run.first >= run.edges[QUARTER]
        unseen = run.trials[:, BLOCKS - QUARTER :].sum(axis=1) == 0
        choices = [
            (run.first == run.last, Verdict.ONCE),
            (late | unseen, Verdict.APART),
            (_apart(before, self.end), Verdict.MOVING),
            (np.isnan(self.forecast[0]), Verdict.NONE),
            (self.end[1] < self.forecast[0], Verdict.BELOW),
            (self.end[0] > self.forecast[1], Verdict.ABOVE),
        ]
        conditions, verdicts = zip(*choices, strict=True)
        return np.select(conditions, verdicts, Verdict.WITHIN)

    def number(self, verdict: Verdict) -> int:
        """Number of prompts with a verdict."""
        return int((self.verdicts == verdict).sum())

    @property
    def compared(self) -> int:
        """Number of prompts whose end was compared with a forecast."""
        return sum(map(self.number, (Verdict.WITHIN, Verdict.ABOVE, Verdict.BELOW)))

    @property
    def departed(self) -> int:
        """Number of prompts that ended elsewhere."""
        return self.number(Verdict.ABOVE) + self.number(Verdict.BELOW)

    @property
    def by_chance(self) -> float:
        """What the number of departures is at most in the mean if every forecast holds.

        Two intervals that hold what they are made for overlap, and each fails to with a chance of
        ``1 - level`` at most.
        """
        return self.compared * 2 * (1 - self.level)

    def dead(self, kind: int) -> tuple[int, int]:
        """Groups without a success (1) or without a failure (2), and all groups."""
        return int(self.run.groups[kind].sum()), int(self.run.groups[0].sum())

    def _interval(self, blocks: slice) -> tuple[Array, Array]:
        successes, trials = self.run.successes[:, blocks], self.run.trials[:, blocks]
        return interval(successes.sum(axis=1), trials.sum(axis=1), self.level)


def _apart(one: tuple[Array, Array], other: tuple[Array, Array]) -> NDArray[np.bool_]:
    return (one[1] < other[0]) | (other[1] < one[0])
