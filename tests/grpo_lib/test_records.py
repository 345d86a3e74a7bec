"""Results and parameters that hold arrays: own memory, locked, compared and hashed by value."""

import copy
import inspect
import pickle
from dataclasses import fields, is_dataclass

import numpy as np
import pytest

import grpo_lib
from grpo_lib import (
    Clip,
    Cycles,
    FixedPoints,
    ForwardRecurrence,
    GroupNormalization,
    MeanDeviation,
    MeanOnly,
    MeanVariance,
    NoisyVerifier,
    PhaseBoundaries,
    Recurrence,
    Trajectory,
    cycles,
    fixed_points,
    phase_boundaries,
)
from grpo_lib.records import Record

RECORDS = {
    MeanVariance: lambda x: MeanVariance(x),
    MeanDeviation: lambda x: MeanDeviation(x),
    NoisyVerifier: lambda x: NoisyVerifier(x, x, MeanVariance(x)),
    Clip: lambda x: Clip(x, x),
    Recurrence: lambda x: Recurrence(x, MeanVariance(x), x, Clip(x, x)),
    ForwardRecurrence: lambda x: ForwardRecurrence(x, MeanVariance(x)),
    Trajectory: Trajectory,
    FixedPoints: lambda x: FixedPoints(x, x),
    PhaseBoundaries: lambda x: PhaseBoundaries(x, x),
    Cycles: lambda x: Cycles(x, x),
}


def arrays(record):
    """Every array that a record holds, also in a record inside it."""
    for field in fields(record):
        value = getattr(record, field.name)
        if isinstance(value, Record):
            yield from arrays(value)
        elif np.ndim(value):
            yield value


def test_every_public_dataclass_with_arrays_is_a_record():
    classes = [value for value in vars(grpo_lib).values() if inspect.isclass(value)]
    found = {c for c in classes if is_dataclass(c) and fields(c)}
    assert found == {*RECORDS, GroupNormalization}  # which takes single numbers only
    assert all(issubclass(c, Record) for c in RECORDS)


@pytest.mark.parametrize("make", RECORDS.values(), ids=[record.__name__ for record in RECORDS])
@pytest.mark.parametrize(
    "given",
    [
        lambda x: x,
        lambda x: x[::-1],
        lambda x: np.broadcast_to(x, (2, 2)),
        lambda x: x.astype(np.float32),
    ],
)
def test_the_memory_of_the_caller_is_left_alone(make, given):
    mine = np.array([0.25, 0.5])
    passed = given(mine)
    record = make(passed)
    for array in arrays(record):
        before = array.copy()
        assert not np.shares_memory(array, mine)
        mine[:] = -1.0
        assert np.array_equal(array, before)
        with pytest.raises(ValueError, match="read-only"):
            array[0] = -1.0
        mine[:] = [0.25, 0.5]
    assert mine.flags.writeable


@pytest.mark.parametrize("make", RECORDS.values(), ids=[record.__name__ for record in RECORDS])
def test_equality_and_hash_go_by_value(make):
    one, same, other = (make(np.array(x)) for x in ([0.25, 0.5], [0.25, 0.5], [0.25, 0.75]))
    assert one == same and hash(one) == hash(same)
    assert one != other and one != make(np.array([[0.25, 0.5]])) and one != make(np.array([0.25]))
    assert one != "something else" and len({one, same, other}) == 2


def test_the_type_counts():
    x = np.array([0.5])
    assert FixedPoints(x, x) != PhaseBoundaries(x, x) and MeanVariance() != MeanOnly()


def test_zeros_of_either_sign_are_one_number_and_so_are_nans():
    one, other = Trajectory(np.array([0.0, np.nan])), Trajectory(np.array([-0.0, -np.nan]))
    assert one.log_odds.tobytes() != other.log_odds.tobytes()
    assert one == other and hash(one) == hash(other)


def test_hashes_tell_records_apart():
    assert len({hash(MeanVariance(eps)) for eps in (0.1, 0.2, 0.3)}) == 3


def test_the_tiniest_difference_counts():
    assert MeanVariance(5e-324) != MeanVariance(0.0) and MeanVariance(1e-300) != MeanVariance(
        2e-300
    )


def test_scalars_are_compared_as_numbers():
    assert Recurrence(1) == Recurrence(np.float32(1)) != Recurrence(2)
    assert hash(Recurrence(1)) == hash(Recurrence(1.0))
    assert Recurrence(1.0) != Recurrence(1.0, MeanOnly()) != Recurrence(1.0, MeanOnly(), 0.5)


def test_results_are_locked_and_equal_when_computed_again():
    recurrence = Recurrence(5.0)
    for compute in (
        lambda: recurrence.trajectory(p_ref=[0.1, 0.2], steps=3),
        lambda: fixed_points(recurrence, L_ref=[-7.0, 0.0]),
        lambda: cycles(recurrence, L_ref=-6.9, period=2),
        lambda: phase_boundaries(Recurrence([1.0, 100.0])),
    ):
        result = compute()
        assert result == compute()
        assert not any(array.flags.writeable for array in arrays(result))


def test_a_locked_array_of_its_own_is_not_copied_again():
    path = Recurrence(1.0).trajectory(p_ref=0.2, steps=3)
    assert Trajectory(path.log_odds).log_odds is path.log_odds


@pytest.mark.parametrize(
    "again", [copy.copy, copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))]
)
def test_copies_are_locked_too(again):
    one = Recurrence(np.array([1.0, 2.0]), MeanVariance(np.array([0.1, 0.2])))
    other = again(one)
    assert other == one
    assert not any(array.flags.writeable for array in arrays(other))
