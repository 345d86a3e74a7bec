from dataclasses import dataclass

import numpy as np
import pytest

from grpo_lib.elementwise import bisect, until_done
from grpo_lib.facts import Declaring


@dataclass(frozen=True, eq=False)
class Rate(Declaring):
    expression = "rate"
    factor: np.ndarray


def halvings(most=None):
    """How often each number is halved until it is below 1, and how many elements each call saw."""
    start, taken, seen = np.array([0.5, 5.0, 100.0]), np.full(3, -1), []

    def advance(problem, cells, value, count):
        seen.append(cells.tolist())
        assert problem.factor.tolist() == [[2.0, 2.5, 3.0][i] for i in cells]
        done = value < 1
        taken[cells[done]] = count[done]
        return done, [value / 2, count + 1]

    until_done(advance, Rate(np.array([2.0, 2.5, 3.0])), [start, np.zeros(3, int)], most=most)
    return taken.tolist(), seen


def test_each_element_is_advanced_until_it_is_done_and_no_longer():
    taken, seen = halvings()
    assert taken == [0, 3, 7]
    assert seen == [[0, 1, 2]] + [[1, 2]] * 3 + [[2]] * 4


def test_the_rest_is_given_up():
    assert halvings(most=4)[0] == [0, 3, -1]
    assert halvings(most=0)[0] == [-1, -1, -1]


def test_nothing_to_do_is_done():
    until_done(lambda *_: pytest.fail("called"), Rate(np.empty(0)), [np.empty(0)])


def test_bisect_finds_where_a_condition_begins_to_the_last_bit():
    low, high = np.array([-3.0, 0.0, 1.0, 2.0]), np.array([5.0, 1.0, 1.0, np.inf])
    border = np.array([0.1, 0.1, 7.0, 1e300])
    found = bisect(lambda x: x >= border, low, high)
    assert found.tolist() == [0.1, 0.1, 1.0, np.inf]
