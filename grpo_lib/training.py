"""Runs of whole policies over finitely many outcomes: exact updates, or updates from groups."""

import numpy as np
from numpy.typing import ArrayLike

from .arithmetic import infinities
from .maps import Map, check_map, renewals
from .normalization import Normalization
from .policies import advantage, geometric_mean, optimal_policy
from .validation import Array, binary, distribution, require, same_outcomes, whole

LARGEST = np.finfo(float).max


def train(
    reference: ArrayLike,
    reward: ArrayLike,
    recurrence: Map,
    steps: int,
    group: int | None = None,
    rng: np.random.Generator | None = None,
    *,
    start: ArrayLike | None = None,
    renew_every: int | None = None,
) -> Array:
    """Policies under updates that are solved exactly; Theorems 1, 4 and 9, and Algorithm 1.

    Each update maximises the expected gain less ``beta`` times the KL divergence to the anchor, the
    geometric mean of the reference and the current policy (`geometric_mean`, Lemma 2). Exact
    updates gain the `advantage` under the current policy. Their log-odds of success follow the
    recurrence, as long as the first policy has the reference's conditionals on successes and on
    failures, and they keep these conditionals.

    With groups, each update draws G outcomes ``o_i`` for every prompt from the current policy
    ``pi_old``, and a reward is normalised by the group's own share of successes. If outcome o came
    n(o) times, the sampled objective ``(1/G) sum_i pi(o_i) / pi_old(o_i) A_i`` is the expectation
    under pi of the gain ``n(o) A(o) / (G pi_old(o))``, so its maximiser with the penalty is
    ``anchor exp(n A / (G pi_old beta)) / Z`` (Theorem 8). In a group of equals every reward is the
    mean: nothing is gained, also in the limit ``eps = 0``, and the next policy is the anchor.

    Outcomes without mass stay without. A mass below the smallest double, about 5e-324, is 0.

    Args:
        reference: the reference policy, shape [..., outcomes].
        reward: 0 or 1 for every outcome, shape [..., outcomes].
        recurrence: beta, normalisation and alpha of the updates, shape [...] each.
        steps: number of updates, at least 0.
        group: outcomes drawn for every prompt and update, at least 1; exact updates if left out.
        rng: source of randomness of the groups.
        start: the first policy, shape [..., outcomes]; the reference if left out.
        renew_every: number m of updates, at least 1, after which the current policy becomes the
            reference: after update m, 2 m, and so on. The reference stays if left out.

    Returns:
        The policies after 0 to ``steps`` updates, shape [steps + 1, ..., outcomes].

    Raises:
        ValueError: a policy is not a distribution, a reward is not 0 or 1, ``steps``, ``group`` or
            ``renew_every`` is not such a number, only one of ``group`` and ``rng`` is given, shapes
            do not fit, or ``0 < alpha < 1`` and ``start`` shares no outcome with the reference.

    Examples:
        >>> import numpy as np
        >>> from grpo_lib import Recurrence, success_probability, train
        >>> reference, reward = [0.05, 0.15, 0.3, 0.5], [1, 1, 0, 0]
        >>> policies = train(reference, reward, Recurrence(beta=1.0), steps=3)
        >>> print(policies[-1].round(4))
        [0.1743 0.523  0.1135 0.1892]
        >>> print(success_probability(policies, reward).round(4))
        [0.2    0.7528 0.7174 0.6973]
        >>> rng = np.random.default_rng(0)
        >>> policies = train(reference, reward, Recurrence(beta=1.0), steps=3, group=64, rng=rng)
        >>> print(success_probability(policies, reward).round(4))
        [0.2    0.7553 0.7367 0.7232]
    """
    reference, reward = distribution("reference", reference), binary("reward", reward)
    given = {"reference": reference, "reward": reward}
    if start is not None:
        given["start"] = distribution("start", start)
    same_outcomes(**given)
    alpha, normalization, beta = check_map(recurrence).parts()
    prompts = recurrence.shape(**{name: x[..., 0] for name, x in given.items()})
    first = given.get("start", reference)
    require(
        np.any((reference > 0) & (first > 0), axis=-1) | np.isin(alpha, (0, 1)),
        "start",
        first,
        "a policy that shares an outcome with the reference when 0 < alpha < 1",
    )
    steps = whole("steps", steps, at_least=0)
    if group is None:
        require(rng is None, "rng", rng, "left out where no group is drawn")
    else:
        group = whole("group", group, at_least=1)
        require(isinstance(rng, np.random.Generator), "rng", rng, "a generator that draws groups")

    renewed = renewals(steps, renew_every)
    policies = np.empty((steps + 1, *prompts, reference.shape[-1]))
    policies[0] = first
    for n, policy in enumerate(policies[:-1]):
        if n in renewed:
            reference = policy
        if group is None or rng is None:  # neither is given, or both are
            gain = advantage(policy, reward, normalization)
        else:
            gain = _gain_of_groups(reward, policy, normalization, group, rng)
        # At eps = 0 the advantage of an outcome that a policy never takes is infinite.
        gain = np.clip(gain, -LARGEST, LARGEST)
        anchor = geometric_mean(reference, policy, alpha)
        policies[n + 1] = optimal_policy(anchor, gain, beta)
    return policies


def _gain_of_groups(
    reward: Array,
    policy: Array,
    normalization: Normalization,
    group: int,
    rng: np.random.Generator,
) -> Array:
    """n(o) A(o) / (G pi_old(o)) of one drawn group for every prompt, shape [..., outcomes]."""
    share = rng.multinomial(group, policy / policy.sum(axis=-1, keepdims=True)) / group
    A = advantage(share, reward, normalization)
    # Rounding can draw the last outcome though it has no mass, with a chance of about 1e-16.
    drawn = (share > 0) & (policy > 0)
    with infinities():
        return np.where(drawn, share / policy * A, 0.0)
