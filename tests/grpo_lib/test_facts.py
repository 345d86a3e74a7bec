"""A fact that nobody declared is not made up."""

from dataclasses import dataclass

import numpy as np
import pytest

from grpo_lib import (
    Map,
    MeanVariance,
    Normalization,
    Recurrence,
    certified,
    contraction_threshold,
    cycles,
    fixed_points,
    lyapunov_exponent,
    phase_boundaries,
    regime,
)
from grpo_lib.facts import Declaring, fact
from grpo_lib.rounding import fixed_point_bound, orbit_bound, step_bound
from grpo_lib.symbolic import Expressions, eps, p


def foreign():
    """Classes of one's own, made anew: what happens when a class is made is tested, too."""

    @dataclass(frozen=True, eq=False)
    class Bare(Normalization):
        """An expression, and not one fact."""

        constant: float = 0.5

        def omega(self, at):
            return 1 / (at.deviation + self.constant) ** 2

    @dataclass(frozen=True, eq=False)
    class Twice(MeanVariance):
        """An expression of its own, below a class whose facts are about another one."""

        def omega(self, at):
            return 2 * super().omega(at)

    @dataclass(frozen=True, eq=False)
    class Above(Recurrence):
        """An update of its own."""

        def update(self, at, *, L_ref):
            return super().update(at, L_ref=L_ref) + 1

    @dataclass(frozen=True, eq=False)
    class Documented(MeanVariance):
        """Neither: only a name."""

    return Bare, Twice, Above, Documented


Bare, Twice, Above, Documented = foreign()
FOREIGN = {
    "Bare": lambda: Recurrence(1.0, foreign()[0]()),
    "Twice": lambda: Recurrence(1.0, foreign()[1]()),
    "Above": lambda: foreign()[2](1.0),
}


RESTS_ON_FACTS = {
    "fixed_points": lambda r: fixed_points(r, L_ref=0.0),
    "regime": lambda r: regime(r, L_ref=0.0),
    "phase_boundaries": phase_boundaries,
    "cycles": lambda r: cycles(r, L_ref=0.0, period=2),
    "lyapunov_exponent": lambda r: lyapunov_exponent(r, L_ref=0.0, steps=1, transient=0),
    "slope": lambda r: r.slope(L=0.0),
    "certified.slope": lambda r: certified.slope(r, L=certified.number(0)),
    "certified.cycle": lambda r: certified.cycle(r, p_ref=0.2, near=0.0),
    "step_bound": lambda r: step_bound(r, L=0.0, L_ref=0.0),
    "orbit_bound": lambda r: orbit_bound(r, L=[0.0, 1.0], L_ref=0.0),
    "fixed_point_bound": lambda r: fixed_point_bound(r, L=0.0, L_ref=0.0),
}
RESTS_ON_THE_EXPRESSION = {
    "step": lambda r: r.step(L=0.0, L_ref=0.0),
    "iterate": lambda r: r.iterate(L_ref=0.0, steps=2),
    "trajectory": lambda r: r.trajectory(p_ref=0.2, steps=2).log_odds,
    "certified.step": lambda r: [
        float(certified.step(r, L=certified.number(0), L_ref=certified.number(0)).mid())
    ],
}


@pytest.mark.parametrize("call", RESTS_ON_FACTS.values(), ids=RESTS_ON_FACTS)
@pytest.mark.parametrize("make", FOREIGN.values(), ids=FOREIGN)
def test_without_the_facts_there_is_no_answer(make, call):
    with pytest.raises(NotImplementedError, match=r"^(Bare|Twice|Above) does not declare \w+; see"):
        call(make())
    call(Recurrence(1.0, MeanVariance()))
    call(Recurrence(1.0, foreign()[3]()))


@pytest.mark.parametrize("call", RESTS_ON_THE_EXPRESSION.values(), ids=RESTS_ON_THE_EXPRESSION)
@pytest.mark.parametrize("make", FOREIGN.values(), ids=FOREIGN)
def test_what_rests_on_the_expression_alone_needs_no_fact(make, call):
    assert np.isfinite(call(make())).all()
    assert not np.allclose(call(make()), call(Recurrence(1.0)))


def test_a_fact_is_asked_for_by_name_and_nothing_else_is_taken_back():
    class Base(Declaring):
        expression = "formula"

        def formula(self): ...

        @fact
        def known(self): ...

        @fact
        def unknown(self): ...

        @fact
        def derived(self): ...

        def helper(self):
            return "kept"

    class Between(Base):
        """No formula, but a fact for those that write one."""

        def derived(self):
            return "between"

    class First(Between):
        def formula(self): ...

        def known(self):
            return "first"

        def helper(self):
            return "first"

    class Second(First):
        def formula(self): ...

        def unknown(self):
            return "second"

    assert First().known() == "first" and Second().unknown() == "second"
    assert First().derived() == "between"
    for one, name in ((First(), "unknown"), (Second(), "known"), (Second(), "derived")):
        with pytest.raises(NotImplementedError, match=rf"{name}; see .*Base\.{name}$"):
            getattr(one, name)()
    assert Between().helper() == "kept" and Second().helper() == "first"


def test_the_contraction_threshold_asks_too():
    with pytest.raises(NotImplementedError, match=r"^Twice does not declare steepest_slope"):
        contraction_threshold(Twice())


def test_one_expression_serves_every_number():
    double = Recurrence(1.0, Twice(0.25)).step(L=0.0, L_ref=0.0)
    ball = certified.step(
        Recurrence(1.0, Twice(0.25)), L=certified.number(0), L_ref=certified.number(0)
    )
    formula = Twice.unchecked(eps=eps).omega(Expressions(p)).subs({p: 0.5, eps: 0.25})
    assert double == pytest.approx(2 * 2**0.5, rel=1e-15, abs=0)
    assert float(ball.mid()) == pytest.approx(float(double), rel=1e-15, abs=0)
    assert float(formula) == pytest.approx(float(double), rel=1e-15, abs=0)


def test_a_class_may_declare_what_it_knows():
    @dataclass(frozen=True, eq=False)
    class Known(Twice):
        def steepest_slope(self):
            return 2 * MeanVariance(self.eps).steepest_slope()

    assert contraction_threshold(Known(0.01)) == 2 * contraction_threshold(MeanVariance(0.01))
    with pytest.raises(NotImplementedError, match=r"^Known does not declare bounds"):
        fixed_points(Recurrence(1.0, Known(0.01)), L_ref=0.0)


def test_a_class_without_an_expression_says_so():
    @dataclass(frozen=True, eq=False)
    class Empty(Normalization):
        pass

    @dataclass(frozen=True, eq=False)
    class Idle(Map):
        pass

    with pytest.raises(NotImplementedError, match=r"^Empty must write omega$"):
        Empty().scale(L=0.0)
    with pytest.raises(NotImplementedError, match=r"^Idle must write update$"):
        Idle().step(L=0.0, L_ref=0.0)


def test_cells_are_slices_of_what_broadcasts():
    beta, eps_at = np.array([[1.0], [2.0]]), np.array([0.1, 0.2, 0.3])
    whole = Recurrence(beta, MeanVariance(eps_at), 0.5)
    some = whole.cells((2, 3), [0, 4])
    assert some.beta.tolist() == [1.0, 2.0] and some.normalization.eps.tolist() == [0.1, 0.2]
    assert some.alpha == 0.5
    L = np.linspace(-3, 3, 6).reshape(2, 3)
    stepped = whole.step(L=L, L_ref=0.0)
    assert some.step(L=L.ravel()[[0, 4]], L_ref=0.0).tolist() == stepped.ravel()[[0, 4]].tolist()


def test_parameters_are_named_once():
    assert Recurrence(1.0, MeanVariance(0.1), 0.5).parameters() == {
        "beta": 1.0,
        "eps": 0.1,
        "alpha": 0.5,
    }
