import numpy as np
import pytest

from grpo_lib import (
    MeanOnly,
    MeanVariance,
    Recurrence,
    advantage,
    clipped_surrogate,
    contrastive_surrogate,
    fixed_points,
    geometric_mean,
    kl_divergence,
    optimal_policy,
    renyi_divergence,
    success_log_odds,
    success_probability,
    total_variation,
)
from grpo_lib.validation import SUM_TOLERANCE, require

NAN, INF = float("nan"), float("inf")
Q, R, A = [0.5, 0.5], [0, 1], [-1.0, 1.0]
ONE, MANY = Recurrence(1.0), Recurrence([1.0, 2.0, 3.0])
BETWEEN = Recurrence(1.0, alpha=0.5)

# What is allowed, as the messages have it, and values that are not.
POSITIVE = "above 0", [0, -1.0, NAN, INF, -INF, "x", None, 1j]
NOT_NEGATIVE = "at least 0", [-1e-300, NAN, INF, "x", None]
SHARE = "at least 0 and at most 1", [-1e-300, 1 + 1e-15, NAN, INF, "x"]
NUMBER = "", [NAN, "x", None, 1j]
PROBABILITY = "a probability in [0, 1]", [-1e-300, 1 + 1e-15, NAN, INF, "x"]
POLICY = "", [0.5, [], [0.5, 0.4], [0.5, 0.6], [1.5, -0.5], [NAN, 1], [INF, 0], "x"]
REWARD = "0 or 1", [[0, 0.5], [0, 2], [-1, 1], [0, NAN], ["x", 1]]
STEPS = "a whole number of at least 0", [-1, 2.0, 1.5, NAN, True, "x", None]

ARGUMENTS = {
    "beta": [
        (lambda x: Recurrence(x), POSITIVE),
        (lambda x: optimal_policy(Q, A, x), POSITIVE),
    ],
    "eps": [(MeanVariance, NOT_NEGATIVE)],
    "alpha": [
        (lambda x: Recurrence(1.0, alpha=x), SHARE),
        (lambda x: geometric_mean(Q, Q, x), SHARE),
        (lambda x: renyi_divergence(Q, Q, x), SHARE),
    ],
    "clip": [
        (lambda x: clipped_surrogate(Q, Q, R, x), NOT_NEGATIVE),
        (lambda x: contrastive_surrogate(Q, Q, R, x), NOT_NEGATIVE),
    ],
    "normalization": [
        (lambda x: Recurrence(1.0, x), ("MeanVariance", [None, 1e-5, MeanOnly])),
        (lambda x: advantage(R, Q, x), ("MeanVariance", [None, 1e-5, MeanOnly])),
        (lambda x: clipped_surrogate(Q, Q, R, 0.1, x), ("MeanVariance", [None, 1e-5])),
        (lambda x: contrastive_surrogate(Q, Q, R, 0.1, x), ("MeanVariance", [None, 1e-5])),
    ],
    "L": [
        (MeanVariance().scale, NUMBER),
        (MeanVariance().weights, NUMBER),
        (MeanOnly().scale, NUMBER),
        (MeanOnly().weights, NUMBER),
        (lambda x: ONE.step(x, 0.0), NUMBER),
        (ONE.slope, NUMBER),
    ],
    "L_ref": [
        (lambda x: ONE.step(0.0, x), NUMBER),
        (lambda x: ONE.iterate(x, 1, L_0=0.0), NUMBER),
        (lambda x: fixed_points(ONE, x), NUMBER),
    ],
    "L_0": [(lambda x: ONE.iterate(0.0, 1, L_0=x), ("", [NAN, "x", 1j]))],
    "p_ref": [(lambda x: ONE.trajectory(x, 1), PROBABILITY)],
    "p_0": [(lambda x: ONE.trajectory(0.5, 1, p_0=x), PROBABILITY)],
    "steps": [
        (lambda x: ONE.trajectory(0.5, x), STEPS),
        (lambda x: ONE.iterate(0.0, x), STEPS),
    ],
    "policy": [
        (lambda x: success_probability(x, R), POLICY),
        (lambda x: success_log_odds(x, R), POLICY),
        (lambda x: advantage(R, x), POLICY),
        (lambda x: clipped_surrogate(x, Q, R, 0.1), POLICY),
        (lambda x: contrastive_surrogate(x, Q, R, 0.1), POLICY),
    ],
    "old_policy": [
        (lambda x: clipped_surrogate(Q, x, R, 0.1), POLICY),
        (lambda x: contrastive_surrogate(Q, x, R, 0.1), POLICY),
    ],
    "reward": [
        (lambda x: success_probability(Q, x), REWARD),
        (lambda x: success_log_odds(Q, x), REWARD),
        (lambda x: advantage(x, Q), REWARD),
        (lambda x: clipped_surrogate(Q, Q, x, 0.1), REWARD),
        (lambda x: contrastive_surrogate(Q, Q, x, 0.1), REWARD),
    ],
    "anchor": [(lambda x: optimal_policy(x, A, 1.0), POLICY)],
    "advantage": [
        (lambda x: optimal_policy(Q, x, 1.0), ("", [[NAN, 1.0], [INF, 1.0], [1.0, -INF], "x"])),
    ],
    "a": [
        (lambda x: kl_divergence(x, Q), POLICY),
        (lambda x: total_variation(x, Q), POLICY),
        (lambda x: renyi_divergence(x, Q, 0.5), POLICY),
        (lambda x: geometric_mean(x, Q, 0.5), POLICY),
    ],
    "b": [
        (lambda x: kl_divergence(Q, x), POLICY),
        (lambda x: total_variation(Q, x), POLICY),
        (lambda x: renyi_divergence(Q, x, 0.5), POLICY),
        (lambda x: geometric_mean(Q, x, 0.5), POLICY),
        (lambda x: geometric_mean([1, 0], x, 0.5), ("shares an outcome", [[0, 1]])),
    ],
}
CASES = [
    pytest.param(name, call, allowed, value, id=f"{name}={value}")
    for name, calls in ARGUMENTS.items()
    for call, (allowed, values) in calls
    for value in values
]


@pytest.mark.parametrize(("name", "call", "allowed", "value"), CASES)
def test_bad_values(name, call, allowed, value):
    with pytest.raises(ValueError) as caught:
        call(value)
    message = str(caught.value)
    said, _, got = message.partition(", got ")
    assert said.startswith(f"{name} must be ")
    # What is no number at all is told so first.
    assert allowed in said or "not NaN" in said or "real numbers" in said
    assert np.size(value) == 0 or any(str(entry) in got for entry in np.ravel(value))


SHAPES = {
    "beta": [
        lambda: Recurrence([1, 2], alpha=[0, 0.5, 1]),
        lambda: optimal_policy([Q] * 2, A, [1, 2, 3]),
    ],
    "alpha": [
        lambda: Recurrence([1, 2], alpha=[0, 0.5, 1]),
        lambda: geometric_mean([Q] * 2, Q, [0, 0.5, 1]),
        lambda: renyi_divergence([Q] * 2, Q, [0, 0.5, 1]),
    ],
    "eps": [
        lambda: Recurrence([1, 2], MeanVariance([0, 0.5, 1])),
        lambda: MeanVariance([0, 1]).scale([1, 2, 3]),
        lambda: MeanVariance([0, 1]).weights([1, 2, 3]),
        lambda: advantage(R, [Q] * 2, MeanVariance([0, 0.5, 1])),
        lambda: clipped_surrogate([Q] * 2, Q, R, 0.1, MeanVariance([0, 0.5, 1])),
    ],
    "clip": [
        lambda: clipped_surrogate([Q] * 2, Q, R, [0.1, 0.2, 0.3]),
        lambda: contrastive_surrogate([Q] * 2, Q, R, [0.1, 0.2, 0.3]),
    ],
    "L": [lambda: MANY.step([1, 2], 0), lambda: MANY.slope([1, 2])],
    "L_ref": [
        lambda: MANY.step(0, [1, 2]),
        lambda: MANY.iterate([1, 2], 1),
        lambda: fixed_points(MANY, [1, 2]),
    ],
    "L_0": [lambda: ONE.iterate([1, 2, 3], 1, L_0=[1, 2])],
    "p_ref": [lambda: MANY.trajectory([0.1, 0.2], 1)],
    "p_0": [lambda: ONE.trajectory([0.1, 0.2, 0.3], 1, p_0=[0.1, 0.2])],
    "policy": [
        lambda: success_probability([0.2, 0.3, 0.5], R),
        lambda: success_log_odds([Q] * 2, [R] * 3),
        lambda: advantage(R, [0.2, 0.3, 0.5]),
        lambda: clipped_surrogate([0.2, 0.3, 0.5], Q, R, 0.1),
        lambda: contrastive_surrogate([0.2, 0.3, 0.5], Q, R, 0.1),
    ],
    "reward": [
        lambda: success_probability(Q, 1),
        lambda: clipped_surrogate(Q, Q, [0, 1, 1], 0.1),
        lambda: contrastive_surrogate([Q] * 2, Q, [R] * 3, 0.1),
    ],
    "anchor": [
        lambda: optimal_policy(Q, [1.0], 1.0),
        lambda: optimal_policy([Q] * 2, [A] * 3, 1.0),
    ],
    "a": [
        lambda: kl_divergence(Q, [1.0]),
        lambda: total_variation([Q] * 2, [Q] * 3),
        lambda: renyi_divergence(Q, [1.0], 0.5),
        lambda: geometric_mean(Q, [0.2, 0.3, 0.5], 0.5),
    ],
}


@pytest.mark.parametrize(
    ("name", "call"), [(name, call) for name, calls in SHAPES.items() for call in calls]
)
def test_shapes_that_do_not_fit(name, call):
    with pytest.raises(ValueError, match=r"must .*, got shapes? \(") as caught:
        call()
    assert name in str(caught.value).partition(" must ")[0].split(" and ")


def test_anchors_that_exclude_each_other():
    with pytest.raises(ValueError, match=r"^(L|L_ref) must be .*, got -?inf$"):
        BETWEEN.step(-INF, INF)
    with pytest.raises(ValueError, match=r"^(L_0|L_ref) must be .*, got -?inf$"):
        BETWEEN.iterate(INF, 1, L_0=-INF)
    with pytest.raises(ValueError, match=r"^(p_0|p_ref) must be .*, got (0|1)\.0$"):
        BETWEEN.trajectory(1.0, 1, p_0=0.0)


def test_the_first_bad_entry_is_shown_with_its_place():
    with pytest.raises(ValueError, match=r"^beta .*, got -2\.0 at index 1$"):
        Recurrence([1, -2, -3])
    with pytest.raises(ValueError, match=r"^p_ref .*, got 1\.5 at index \(1, 0\)$"):
        ONE.trajectory([[0.1, 0.2], [1.5, 0.3]], 1)
    with pytest.raises(ValueError, match=r"^policy .*they sum to 0\.9\), got \[0\.5 0\.4\]$"):
        success_probability([0.5, 0.4], R)


def test_an_advantage_may_be_infinite_where_the_anchor_has_no_mass():
    assert optimal_policy([1, 0], [0, INF], 1.0).tolist() == [1, 0]


def test_sums_may_be_off_by_rounding_and_no_more():
    assert success_probability([0.5, 0.5 + SUM_TOLERANCE / 2], R) == pytest.approx(0.5)
    with pytest.raises(ValueError, match="sum to 1"):
        success_probability([0.5, 0.5 + 2 * SUM_TOLERANCE], R)


@pytest.mark.parametrize("value", [True, 1, np.float32(1), np.int8(1), [1], (1.0,), np.ones(1)])
def test_every_kind_of_real_number_is_taken(value):
    assert np.all(Recurrence(value).step(value, value) == 1 + MeanVariance().scale(1.0))


def test_require_passes_in_silence_and_names_what_fails():
    require(True, "x", 1, "anything")
    require([], "x", [], "anything")
    with pytest.raises(ValueError, match=r"^x must be 2, got 1$"):
        require(False, "x", 1, "2")
