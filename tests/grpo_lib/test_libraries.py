"""The normalisations of libraries, against their formulas written down again."""

from collections.abc import Callable

import numpy as np
import pytest

from grpo_lib import Normalization, libraries
from grpo_lib.rounding import UNIT

SIZES = [2, 3, 4, 8, 16, 101]
WHOLE = {
    "trl": (libraries.trl, {"scale_rewards": "group"}, 1, 1e-4),
    "verl": (libraries.verl, {}, 1, 1e-6),
    "openrlhf": (libraries.openrlhf, {}, 1, 1e-9),
    "nemo_rl": (libraries.nemo_rl, {"use_leave_one_out_baseline": False}, 1, 1e-6),
    "open_instruct": (
        libraries.open_instruct, {"advantage_normalization_type": "standard"}, 0, 1e-8,
    ),
}  # fmt: skip
CENTRED = {
    "trl": (libraries.trl, {"scale_rewards": "none"}),
    "verl": (libraries.verl, {"norm_adv_by_std_in_grpo": False}),
    "openrlhf": (libraries.openrlhf, {"estimator": "dr_grpo"}),
    "nemo_rl": (
        libraries.nemo_rl, {"use_leave_one_out_baseline": False, "normalize_rewards": False},
    ),
    "open_instruct": (libraries.open_instruct, {}),
}  # fmt: skip
OTHERS = {
    "openrlhf": (libraries.openrlhf, {"estimator": "rloo"}),
    "nemo_rl": (libraries.nemo_rl, {"normalize_rewards": False}),
}


def groups(size: int) -> list[np.ndarray]:
    return [(np.arange(size) < k).astype(float) for k in range(size + 1)]


def bound(size: int) -> float:
    """A centred reward loses ``size`` units, a deviation as many; see the chapter."""
    return 8 * size * UNIT


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("library", "settings", "ddof", "constant"), WHOLE.values(), ids=WHOLE)
def test_division_by_the_deviation_of_the_group(
    library: Callable[..., Normalization], settings: dict, ddof: int, constant: float, size: int
) -> None:
    table = library(size, **settings).advantages()
    for k, group in enumerate(groups(size)):
        expected = (group - group.mean()) / (group.std(ddof=ddof) + constant)
        found = np.where(group == 1, *table[k])
        assert found == pytest.approx(expected, rel=bound(size), abs=0 if 0 < k < size else 1e-12)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("library", "settings"), CENTRED.values(), ids=CENTRED)
def test_the_mean_of_the_group_alone(
    library: Callable[..., Normalization], settings: dict, size: int
) -> None:
    table = library(size, **settings).advantages()
    for k, group in enumerate(groups(size)):
        found = np.where(group == 1, *table[k])
        assert found == pytest.approx(group - group.mean(), rel=bound(size), abs=0)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("library", "settings"), OTHERS.values(), ids=OTHERS)
def test_the_mean_of_the_others_alone(
    library: Callable[..., Normalization], settings: dict, size: int
) -> None:
    """In the mean a success gets q, a failure -p, and the two differ by 1."""
    w_plus, w_minus = library(size, **settings).weights(L=np.log([1 / 3, 3]))
    assert w_plus == pytest.approx([0.75, 0.25], abs=1e-15)
    assert w_minus == pytest.approx([0.25, 0.75], abs=1e-15)


def test_nemo_rl_leaves_a_lonely_success_as_it_is() -> None:
    table = libraries.nemo_rl().advantages()
    others = np.r_[np.ones(1), np.zeros(14)]
    assert table[1, 0] == 1
    assert table[2, 0] == pytest.approx((1 - 1 / 15) / (others.std(ddof=1) + 1e-6), abs=1e-12)
    assert table[1, 1] == pytest.approx((0 - 1 / 15) / (others.std(ddof=1) + 1e-6), abs=1e-12)


def test_defaults_are_those_of_the_libraries() -> None:
    assert len(libraries.trl().advantages()) == 8 + 1
    assert len(libraries.nemo_rl().advantages()) == 16 + 1
    assert len(libraries.open_instruct().advantages()) == 4 + 1
    assert libraries.open_instruct().advantages()[1, 0] == 0.75
    assert libraries.trl().advantages()[1, 0] > 2.4
    assert libraries.nemo_rl().advantages()[2, 0] > 3.6


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: libraries.trl(scale_rewards="batch"), "scale_rewards must be one of .*'batch'"),
        (lambda: libraries.openrlhf(8, "gae"), "estimator must be one of .*, got 'gae'"),
        (lambda: libraries.openrlhf(102), "size must be at most 101 for group_norm, got 102"),
        (lambda: libraries.openrlhf(1), "size must be a whole number of at least 2, got 1"),
        (lambda: libraries.openrlhf(1, "rloo"), "size must be a whole number of at least 2, got 1"),
        (lambda: libraries.verl(1), "size must be a whole number of at least 2, got 1"),
        (
            lambda: libraries.nemo_rl(1, normalize_rewards=False),
            "size must be a whole number of at least 2, got 1",
        ),
        (
            lambda: libraries.open_instruct(4, "mean"),
            "advantage_normalization_type must be one of .*, got 'mean'",
        ),
    ],
)
def test_what_is_refused(call: Callable[[], Normalization], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


def test_the_largest_group_that_openrlhf_does_not_clip() -> None:
    largest = [(size - 1) / np.sqrt(size) for size in (101, 102)]
    assert largest[0] < 10 < largest[1]
    assert libraries.openrlhf(101).advantages()[1, 0] == pytest.approx(largest[0], abs=1e-6)
