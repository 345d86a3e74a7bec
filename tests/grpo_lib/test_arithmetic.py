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
    "sqrt": (lambda at: at.sqrt(at.number(0.25)), 0.5),
    "hypot": (lambda at: at.hypot(at.number(3.0), at.number(4.0)), 5.0),
    "up_to_1": (lambda at: at.up_to_1(at.number(0.75)), 0.75),
    "between": (lambda at: at.between(at.number(0.25), at.number(3.0)), 0.25 * 3 + 0.75 * L),
    "push": (lambda at: at.push(at.number(3.0), at.number(0.5)), 3.5),
}


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
    for operation in operations:
        with pytest.raises(NotImplementedError):
            getattr(State(), operation)(
                *[1.0] * (2 if operation in ("hypot", "between", "push") else 1)
            )


def test_a_root_of_squares_keeps_its_digits_where_they_underflow():
    x = np.array([3e-200, 3.0, 0.0, 3e200])
    y = np.array([4e-200, 4.0, 0.0, 0.0])
    with infinities():
        found = Doubles(x).hypot(x, y)
    assert found[:3] == pytest.approx([5e-200, 5.0, 0.0], rel=1e-15, abs=0)


def test_infinite_anchors_stay():
    at = Doubles(np.array([-np.inf, 0.0, np.inf]))
    with infinities():
        assert at.push(at.L, np.inf).tolist() == [-np.inf, np.inf, np.inf]
        assert at.up_to_1(np.array([np.nan, 0.5, 1 + 2e-16])).tolist() == [1.0, 0.5, 1.0]
    assert at.between(1, np.array(2.0)) == 2.0 and at.between(0, np.array(2.0)) is at.L
