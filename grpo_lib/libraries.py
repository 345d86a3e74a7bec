"""The normalisations of training libraries, under the names of their settings.

Each function takes the settings of one library as it writes them and gives the normalisation that
the library computes for 0/1 rewards, at the version named. The chapter on libraries compares them
with what the libraries' own functions return. ``size`` is the number of rollouts of a prompt; each
docstring says how the library calls it. All of them keep the mean effect of every group, also of
groups of equals, whose advantages are 0.
"""

from typing import Literal, get_args

from .groups import GroupNormalization
from .mean_only import MeanOnly
from .normalization import Normalization
from .validation import require, whole

ScaleRewards = Literal["group", "none"]
Estimator = Literal["group_norm", "dr_grpo", "rloo"]
AdvantageNormalization = Literal["centered", "standard"]

LARGEST_UNCLIPPED = 101
"""Rollouts of a prompt, beyond which OpenRLHF clips the rarest: (G - 1) / sqrt(G) exceeds 10."""


def trl(size: int = 8, scale_rewards: ScaleRewards = "group") -> GroupNormalization:
    """As TRL 1.16.0 does it, lines 2760 to 2788 of ``trl/trainer/grpo_trainer.py``.

    Args:
        size: ``num_generations``.
        scale_rewards: ``"group"`` divides by the sample deviation plus 1e-4, ``"none"`` by nothing.
            ``"batch"`` divides by a deviation that depends on the other prompts of the batch and is
            no normalisation of one prompt.

    Raises:
        ValueError: ``size`` is not a whole number from 2 to 1024, or ``scale_rewards`` is not one
            of the two.

    Examples:
        >>> from grpo_lib import libraries
        >>> print(libraries.trl(size=16).advantages()[1].round(2))  # one success of 16
        [ 3.75 -0.25]
    """
    allowed = get_args(ScaleRewards)
    require(scale_rewards in allowed, "scale_rewards", scale_rewards, f"one of {allowed}")
    if scale_rewards == "none":
        return GroupNormalization(size, "none")
    return GroupNormalization(size, "sample", delta=1e-4)


def verl(size: int, norm_adv_by_std_in_grpo: bool = True) -> GroupNormalization:
    """As verl 0.9.1 does it, lines 267 to 357 of ``verl/trainer/ppo/core_algos.py``.

    Both ``adv_estimator=grpo`` and ``grpo_vectorized`` give this. With a single rollout verl leaves
    the reward as it is, without a baseline, which is no normalisation of a group.

    Args:
        size: ``actor_rollout_ref.rollout.n``; its default of 1 is none of a group.
        norm_adv_by_std_in_grpo: divide by the sample deviation plus 1e-6, or by nothing.

    Raises:
        ValueError: ``size`` is not a whole number from 2 to 1024.

    Examples:
        >>> from grpo_lib import libraries
        >>> print(libraries.verl(size=8).scale(L=0.0).round(4))
        1.7353
    """
    if not norm_adv_by_std_in_grpo:
        return GroupNormalization(size, "none")
    return GroupNormalization(size, "sample", delta=1e-6)


def openrlhf(size: int, estimator: Estimator = "group_norm") -> Normalization:
    """As OpenRLHF 0.11.2 does it, ``experience_maker.py``, lines 268 to 274.

    The file is in ``openrlhf/trainer/ppo_utils``.

    Advantages are clipped to ``--reward.clip_range``, from -10 to 10 unless said otherwise. In
    groups of more than 101 that cuts the advantage of the rarest success.

    Args:
        size: ``--rollout.n_samples_per_prompt``; its default of 1 is refused by the library, too.
        estimator: ``--algo.advantage.estimator``. ``"group_norm"`` divides by the sample deviation
            plus 1e-9 and ``"dr_grpo"`` by nothing. ``"rloo"`` subtracts the mean of the others
            instead; its mean effect is that of the exact mean, whatever the size.

    Raises:
        ValueError: ``size`` is not a whole number from 2 to 1024, or to 101 for ``"group_norm"``,
            or ``estimator`` is none of the three.

    Examples:
        >>> from grpo_lib import libraries
        >>> print(libraries.openrlhf(size=16, estimator="rloo").scale(L=[-5.0, 0.0]))
        [1. 1.]
    """
    allowed = get_args(Estimator)
    require(estimator in allowed, "estimator", estimator, f"one of {allowed}")
    if estimator == "rloo":
        return _mean_of_the_others(size)
    if estimator == "dr_grpo":
        return GroupNormalization(size, "none")
    unclipped = whole("size", size, at_least=2) <= LARGEST_UNCLIPPED
    require(unclipped, "size", size, f"at most {LARGEST_UNCLIPPED} for group_norm")
    return GroupNormalization(size, "sample", delta=1e-9)


def nemo_rl(
    size: int = 16, normalize_rewards: bool = True, use_leave_one_out_baseline: bool = True
) -> Normalization:
    """As NeMo-RL does it at commit 7ea279a, ``advantage_estimator.py`` in ``nemo_rl/algorithms``.

    That is its class ``GRPOAdvantageEstimator``, with ``calculate_baseline_and_std_per_prompt`` of
    ``utils.py`` beside it. Where the others are equals, the advantage is not divided.

    Args:
        size: ``grpo.num_generations_per_prompt``.
        normalize_rewards: divide by the sample deviation plus 1e-6.
        use_leave_one_out_baseline: take mean and deviation of the others only.

    Raises:
        ValueError: ``size`` is not a whole number from 2 to 1024.

    Examples:
        >>> from grpo_lib import libraries
        >>> print(libraries.nemo_rl().advantages()[[1, 2], 0].round(2))  # one, two successes of 16
        [1.   3.61]
    """
    if use_leave_one_out_baseline and not normalize_rewards:
        return _mean_of_the_others(size)
    if not normalize_rewards:
        return GroupNormalization(size, "none")
    deviation: Literal["leave-one-out", "sample"]
    deviation = "leave-one-out" if use_leave_one_out_baseline else "sample"
    return GroupNormalization(size, deviation, delta=1e-6)


def open_instruct(
    size: int = 4, advantage_normalization_type: AdvantageNormalization = "centered"
) -> GroupNormalization:
    """As open-instruct does it at commit e6c3044, ``open_instruct/data_loader.py``, 1472 to 1484.

    It drops groups of equals beforehand, unless ``filter_zero_std_samples`` is off. Their
    advantages are 0: without them a prompt appears less often, and its mean over the groups that
    are left is larger.

    Args:
        size: ``num_samples_per_prompt_rollout``.
        advantage_normalization_type: ``"standard"`` divides by the population deviation plus 1e-8,
            ``"centered"`` by nothing.

    Raises:
        ValueError: ``size`` is not a whole number from 2 to 1024, or the type is not one of the
            two.

    Examples:
        >>> from grpo_lib import libraries
        >>> print(libraries.open_instruct().scale(L=[-5.0, 0.0]))
        [0.75 0.75]
    """
    name, allowed = "advantage_normalization_type", get_args(AdvantageNormalization)
    require(
        advantage_normalization_type in allowed,
        name,
        advantage_normalization_type,
        f"one of {allowed}",
    )
    if advantage_normalization_type == "centered":
        return GroupNormalization(size, "none")
    return GroupNormalization(size, "population", delta=1e-8)


def _mean_of_the_others(size: int) -> Normalization:
    """A reward less the mean of the others: in the mean, less p, for every size."""
    whole("size", size, at_least=2)
    return MeanOnly()
