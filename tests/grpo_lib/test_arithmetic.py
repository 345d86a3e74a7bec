"""The three kinds of numbers compute the same."""

import numpy as np
import pytest
import sympy as sp

from grpo_lib.arithmetic import Doubles, State, infinities
from grpo_lib.certified import Balls, ctx, number
from grpo_lib.symbolic import Expressions

L = 1.25
P = 1 / (1 + np.exp(-L))
STATES = [Doubles(np.array(L)), Balls(number(L)), Expressions(1 / (1 + sp.exp(-sp.Rational(5, 4))))]
SPOKEN = {
    "L": L,
    "p": P,
    "q": 1 - P,
    "deviation": np.sqrt(P * (1 - P)),
    "tanh": 2 * P - 1,
}
DONE = {
    "number": (lambda at: at.number(0.25), 0.25),
    "constant": (lambda at: at.constant(3), 3.0),
    "elsewhere": (lambda at: at.elsewhere(L=at.number(-0.5)).tanh, np.tanh(-0.25)),
    "asinh": (lambda at: at.asinh(at.number(0.75)), np.log(2)),
    "sqrt": (lambda at: at.sqrt(at.number(0.25)), 0.5),
    "hypot": (lambda at: at.hypot(at.number(3.0), at.number(4.0)), 5.0),
    "up_to_1": (lambda at: at.up_to_1(at.number(0.75)), 0.75),
    "between": (lambda at: at.between(at.number(0.25), at.number(3.0)), 0.25 * 3 + 0.75 * L),
    "push": (lambda at: at.push(at.number(3.0), at.number(-0.5)), 2.5),
    "mixed": (lambda at: at.mixed(at.number(0.9), at.number(0.05)).p, 0.05 + 0.85 * P),
    "least": (lambda at: at.least(at.number(3.0), at.number(0.5)), 0.5),
    "greatest": (lambda at: at.greatest(at.number(3.0), at.number(0.5)), 3.0),
    "more_success": (
        lambda at: at.more_success(at.number(0.25)),
        np.log(1.25 * P / (1 - 1.25 * P)),
    ),
    "less_failure": (
        lambda at: at.less_failure(at.number(0.25)),
        np.log((1 - 0.75 * (1 - P)) / (0.75 * (1 - P))),
    ),
}


PAIRS = {"hypot", "between", "push", "mixed", "least", "greatest"}


def as_float(value):
    return float(value.mid()) if hasattr(value, "mid") else float(value)


@pytest.mark.parametrize("at", STATES, ids=lambda at: type(at).__name__)
def test_every_state_says_and_does_the_same(at):
    with ctx.workprec(100):
        for name, value in SPOKEN.items():
            assert as_float(getattr(at, name)) == pytest.approx(value, rel=1e-14, abs=0), name
        for name, (call, value) in DONE.items():
            assert as_float(call(at)) == pytest.approx(value, rel=1e-14, abs=0), name


def test_an_expression_has_the_log_odds_of_its_probability_unless_given():
    p, L = sp.symbols("p L")
    assert sp.log(p / (1 - p)) == Expressions(p).L
    assert Expressions(p, L).L == L


def test_the_list_is_complete():
    operations = {name for name in vars(State) if not name.startswith("_")}
    assert operations == set(DONE) and set(State.__annotations__) == set(SPOKEN)
    for operation in operations - {"elsewhere"}:
        with pytest.raises(NotImplementedError):
            getattr(State(), operation)(*[1.0] * (2 if operation in PAIRS else 1))
    with pytest.raises(NotImplementedError):
        State().elsewhere(L=1.0)


def test_a_root_of_squares_keeps_its_digits_where_they_underflow():
    x = np.array([3e-200, 3.0, 0.0, 3e200])
    y = np.array([4e-200, 4.0, 0.0, 0.0])
    with infinities():
        found = Doubles(x).hypot(x, y)
    assert found[:3] == pytest.approx([5e-200, 5.0, 0.0], rel=1e-15, abs=0)


@pytest.mark.parametrize("at", STATES, ids=lambda at: type(at).__name__)
@pytest.mark.parametrize(("T", "F"), [(0.9, 0.05), (0.25, 0.75), (1.0, 0.5), (0.5, 0.0)])
def test_a_mixed_state_is_a_state(at, T, F):
    mixed, q = at.mixed(at.number(T), at.number(F)), F + (T - F) * P
    expected = {"L": np.log(q / (1 - q)), "p": q, "q": 1 - q, "tanh": 2 * q - 1}
    expected["deviation"] = np.sqrt(q * (1 - q))
    for name, value in expected.items():
        assert as_float(getattr(mixed, name)) == pytest.approx(value, rel=1e-14, abs=1e-14), name


def test_a_mixed_state_keeps_its_digits_at_both_ends():
    with infinities():
        mixed = Doubles(np.array([-700.0, 700.0])).mixed(0.75, 0.0)
    assert mixed.p == pytest.approx([0.75 * np.exp(-700), 0.75], rel=1e-13, abs=0)
    with infinities():
        mixed = Doubles(np.array([-700.0, 700.0])).mixed(1.0, 0.25)
    assert mixed.q == pytest.approx([0.75, 0.75 * np.exp(-700)], rel=1e-13, abs=0)
    expected = np.sqrt(0.75 * np.exp(-700))
    assert mixed.deviation[1] == pytest.approx(expected, rel=1e-13, abs=0)


def test_a_mixed_ball_holds_what_all_of_its_states_become():
    with ctx.workprec(100):
        wide = Balls(number(-1).union(number(2)))
        for T, F in ((0.9, 0.05), (0.1, 0.75)):
            mixed = wide.mixed(number(T), number(F)).L
            ends = [Balls(number(x)).mixed(number(T), number(F)).L for x in (-1, 0.5, 2)]
            assert all(mixed.contains(end) for end in ends)
            assert float(mixed.rad()) <= abs(as_float(ends[0]) - as_float(ends[2])) * 0.501


def test_infinite_anchors_stay():
    at = Doubles(np.array([-np.inf, 0.0, np.inf]))
    with infinities():
        assert at.push(at.L, np.inf).tolist() == [-np.inf, np.inf, np.inf]
        assert at.push(at.L, -np.inf).tolist() == [-np.inf, -np.inf, np.inf]
        assert at.up_to_1(np.array([np.nan, 0.5, 1 + 2e-16])).tolist() == [1.0, 0.5, 1.0]
    assert at.between(1, np.array(2.0)) == 2.0 and at.between(0, np.array(2.0)) is at.L
