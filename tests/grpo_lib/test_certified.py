import subprocess
import sys
from decimal import Decimal
from fractions import Fraction

import mpmath
import numpy as np
import pytest
import sympy as sp
from flint import arb, ctx
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.special import expit, logit

from grpo_lib import (
    MeanOnly,
    MeanVariance,
    Recurrence,
    certified,
    fixed_points,
    phase_boundaries,
    symbolic,
)
from grpo_lib.ledger import EvidenceError, claim
from tests.grpo_lib.reference import ALPHA, exact

LOG_ODDS = st.floats(-50, 50).map(lambda x: round(x, 9))  # the reference loses tiny ones
BETA = st.floats(-2, 2).map(lambda x: round(10.0**x, 6))
EPS = st.floats(-8, 0).map(lambda x: 10.0**x)
FORM = symbolic.log_odds_map(
    symbolic.L, symbolic.L_ref, symbolic.beta, symbolic.eps, symbolic.alpha
)


def contains(ball, value):
    """Whether the ball contains an mpmath number of which 80 digits are known."""
    with ctx.workprec(300):
        return ball.overlaps(arb(mpmath.nstr(value, 80)))


def test_a_number_is_the_decimal_it_is_written_as():
    with ctx.workprec(300):
        assert (10 * certified.number(0.1)).overlaps(arb(1))
        assert not (10 * arb(0.1)).overlaps(arb(1))
        assert certified.number("1e-50").overlaps(arb(10) ** -50)


@pytest.mark.parametrize("value", ["nan", float("inf"), "x", None])
def test_not_a_number(value):
    with pytest.raises(ValueError, match="value must be a finite number"):
        certified.number(value)


@pytest.mark.parametrize("p", [0, 1, -0.1, 1.1, "2"])
def test_logit_needs_an_inner_probability(p):
    with pytest.raises(ValueError, match="p must be a probability strictly between 0 and 1"):
        certified.logit(p)


@given(LOG_ODDS, LOG_ODDS, BETA, EPS, ALPHA)
def test_step_and_slope_contain_the_symbolic_values(L, L_ref, beta, eps, alpha):
    recurrence = Recurrence(beta, MeanVariance(eps), alpha)
    values = {
        symbol: repr(value)  # the decimals, not the doubles
        for symbol, value in zip(
            (symbolic.L, symbolic.L_ref, symbolic.beta, symbolic.eps, symbolic.alpha),
            (L, L_ref, beta, eps, alpha),
            strict=True,
        )
    }
    with ctx.workprec(200):
        point, reference = certified.number(L), certified.number(L_ref)
        step = certified.step(recurrence, L=point, L_ref=reference)
        slope = certified.slope(recurrence, L=point)
    assert contains(step, exact(FORM, values)[()])
    assert contains(slope, exact(FORM.diff(symbolic.L), values)[()])


@given(LOG_ODDS, st.floats(0, 3), st.floats(-1, 1), BETA, EPS)
def test_balls_contain_the_values_at_all_their_points(L, radius, share, beta, eps):
    recurrence = Recurrence(beta, MeanVariance(eps), 0.5)
    wide, point = arb(L, radius), arb(L + share * radius)
    assume(wide.contains(point))
    L_ref = arb(0)
    for function in (lambda x: certified.step(recurrence, L=x, L_ref=L_ref),
                     lambda x: certified.slope(recurrence, L=x)):  # fmt: skip
        assert function(wide).overlaps(function(point))


def test_mean_only():
    recurrence = Recurrence(4, MeanOnly(), 0.25)
    assert certified.slope(recurrence, L=arb(3)) == 0.75
    found = certified.cycle(recurrence, p_ref=0.5, near=0.9)
    assert found.log_odds[0].overlaps(arb(1)) and found.is_finite()


@given(st.floats(-12, -1e-9).map(lambda x: 10.0**x), BETA, EPS, st.sampled_from([0.3, 1.0]))
def test_every_fixed_point_is_certified(p_ref, beta, eps, alpha):
    recurrence = Recurrence(beta, MeanVariance(eps), alpha)
    found = fixed_points(recurrence, L_ref=logit(p_ref))
    assume(np.nanmin(np.abs(found.slope - 1)) > 1e-3)  # apart from pairs about to merge
    for L, slope in zip(found.log_odds, found.slope, strict=True):
        if np.isfinite(L):
            ball = certified.cycle(recurrence, p_ref=p_ref, near=L)
            assert ball.is_finite()
            assert abs(float(ball.log_odds[0].mid()) - L) <= 1e-9 * max(1, abs(L))
            assert abs(float(ball.multiplier.mid()) - slope) <= 1e-6 * max(1, abs(slope))


@pytest.mark.parametrize(
    ("recurrence", "states"),
    [(Recurrence(5), (0.0023380, 0.0587158)), (Recurrence(3, alpha=0.9), (0.0040971, 0.1745856))],
)
def test_two_cycles(recurrence, states):
    found = certified.cycle(recurrence, p_ref=1e-3, near=logit(states[0]), period=2)
    assert found.is_finite() and found.radius > 0
    assert abs(found.multiplier) < 1
    for ball, state in zip(found.probability, states, strict=True):
        assert abs(ball - state) < 5e-8
        assert ball.rad() < 1e-60
    with ctx.workprec(256):
        L, other = found.log_odds
        assert certified.step(recurrence, L=L, L_ref=certified.logit(1e-3)).overlaps(other)
        assert certified.step(recurrence, L=other, L_ref=certified.logit(1e-3)).overlaps(L)


def is_monotone(recurrence, middle, radius):
    """Whether the slope is proved to differ from 1 as far as the radius from the middle."""
    with ctx.workprec(256):
        return not (certified.slope(recurrence, L=arb(middle, radius)) - 1).contains(0)


def test_the_radius_of_a_pair_about_to_merge_keeps_away_from_where_it_merges():
    recurrence = Recurrence(1.0)
    p_ref = float(expit(phase_boundaries(Recurrence(1.0)).fold[1] - 3.5e-6))
    lower, upper = fixed_points(recurrence, L_ref=logit(p_ref)).log_odds[:2]
    assert upper - lower < 0.01
    for near in (lower, upper):
        found = certified.cycle(recurrence, p_ref=p_ref, near=near)
        middle = found.log_odds[0].mid()
        assert 0 < found.radius < (upper - lower) / 2
        assert is_monotone(recurrence, middle, found.radius)
        assert not is_monotone(recurrence, middle, 2 * found.radius)


def test_an_enclosure_from_an_unpolished_start_holds_too(monkeypatch):
    """The first ball lies around the start, here 0.06 from the fixed point, the second does not."""
    exact = certified.cycle(Recurrence(5.0), p_ref=0.2, near=-1.0)
    monkeypatch.setattr(certified, "POLISHING", 0)
    found = certified.cycle(Recurrence(5.0), p_ref=0.2, near=-1.0)
    assert found.log_odds[0].contains(exact.log_odds[0])
    assert found.multiplier.contains(exact.multiplier)
    assert found.log_odds[0].rad() < 1e-5  # two Newton steps; one leaves more than 1e-3
    off = abs(found.log_odds[0].mid() + 1)
    assert off > 0.05
    assert found.radius <= 0.5 - off  # 0.5 is the largest ball that is tried
    assert found.radius == pytest.approx(float(0.5 - off), rel=1e-15, abs=0)


def test_a_start_too_far_from_a_cycle_proves_nothing(monkeypatch):
    """Every ball gives a finite enclosure here, and none of them lies inside its ball."""
    monkeypatch.setattr(certified, "POLISHING", 0)
    found = certified.cycle(Recurrence(5.0), p_ref=0.2, near=-10.0)
    assert not found.is_finite() and found.radius == 0


def test_a_fixed_point_is_no_cycle_of_period_2():
    (L, _, _) = fixed_points(Recurrence(5), L_ref=logit(1e-3)).log_odds
    assert certified.cycle(Recurrence(5), p_ref=1e-3, near=L).is_finite()
    assert not certified.cycle(Recurrence(5), p_ref=1e-3, near=L, period=2).is_finite()


def test_nothing_is_certified_where_nothing_is():
    mirror = Recurrence(1, alpha=0)  # no fixed point inside (0, 1): Theorem 5
    found = certified.cycle(mirror, p_ref=0.5, near=0.7)
    assert not found.is_finite()
    assert found.radius == 0
    with pytest.raises(EvidenceError):
        claim("theorem-5").certified("a fixed point", found)


def test_text():
    assert str(certified.cycle(Recurrence(1), p_ref=0.2, near=0.76)) == (
        "p in [0.681283437786 +/- 2.67e-13]; multiplier in [0.389011 +/- 1.24e-8]"
    )
    assert "1 - p in [1.8" in str(certified.cycle(Recurrence(1), p_ref=0.2, near=314.8))
    for L, begins in [(19.9, "p in"), (20, "1 - p in"), (20.5, "1 - p in")]:
        cycle = certified.Cycle((certified.number(L),), certified.number(0), 1.0)
        assert str(cycle).startswith(begins)


@pytest.mark.parametrize("near", [-2.0, -0.5, 0.3, 1.0, 4.0])
def test_newton_steps_that_lead_nowhere_certify_nothing(near):
    without = Recurrence(0.1, MeanVariance(0))
    assert fixed_points(without, L_ref=0.0).log_odds[0] == np.inf
    assert not certified.cycle(without, p_ref=0.5, near=near).is_finite()


def test_log_odds_of_a_ball_keep_its_precision():
    with ctx.workprec(certified.BITS):
        assert certified.logit(arb(1) / 3).rad() < 1e-70


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"p_ref": 0}, "p must be a probability strictly between 0 and 1, got 0"),
        ({"near": np.inf}, "near must be finite, got inf"),
        ({"near": np.nan}, "near must be a number, not NaN"),
        ({"near": [0.0, 1.0]}, r"near must be a single number, got \[0\. 1\.\]"),
        ({"p_ref": "x"}, "value must be a finite number, got 'x'"),
        ({"period": 0}, "period must be a whole number of at least 1, got 0"),
        ({"period": 1.5}, "period must be a whole number"),
        ({"recurrence": Recurrence(np.ones(2))}, r"beta must be a single number, got \[1\. 1\.\]"),
        ({"recurrence": Recurrence(1, MeanVariance(np.ones(2)))}, "eps must be a single number"),
    ],
)
def test_bad_input(change, message):
    with pytest.raises(ValueError, match=message):
        certified.cycle(**{"recurrence": Recurrence(1), "p_ref": 0.5, "near": 0.0} | change)


@pytest.mark.parametrize("p_ref", [Fraction(1, 5), sp.Rational(1, 5), Decimal("0.2"), "0.2"])
def test_exact_numbers_mean_themselves(p_ref):
    found = certified.cycle(Recurrence(1), p_ref=p_ref, near=0.76)
    assert str(found) == str(certified.cycle(Recurrence(1), p_ref=0.2, near=0.76))


def test_a_fraction_is_not_the_double_next_to_it():
    with ctx.workprec(certified.BITS):
        assert (3 * certified.number(Fraction(1, 3))).contains(arb(1))
        assert not (3 * certified.number(1 / 3)).contains(arb(1))
    assert certified.number(10**5000).contains(arb(10) ** 5000)


def test_lower_bound():
    def parabola(x):
        return (x - 1) ** 2

    bound = certified.lower_bound(parabola, arb(-3), arb(0.5))
    assert 0 < bound < 0.25
    closer = certified.lower_bound(parabola, arb(-3), arb(0.5), above=0.249)
    assert 0.249 < closer <= 0.25
    assert not certified.lower_bound(parabola, arb(-3), arb(2)).is_finite()
    assert not certified.lower_bound(parabola, arb(-3), arb(0.5), above=0.2501).is_finite()


def test_lower_bound_tries_as_many_pieces_as_are_allowed(monkeypatch):
    monkeypatch.setattr(certified, "PIECES", 1)
    assert certified.lower_bound(lambda x: x, arb(0), arb(1), above=-1).is_finite()
    assert not certified.lower_bound(lambda x: x, arb(-1), arb(1), above=-1).is_finite()
    # What touches the number does not exceed it.
    assert not certified.lower_bound(lambda x: arb(1), arb(0), arb(1), above=1).is_finite()


def test_without_python_flint():
    code = (
        "import sys; sys.modules['flint'] = None\n"
        "import grpo_lib\n"
        "try: from grpo_lib import certified\n"
        "except ImportError as error: print(error)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "grpo_lib.certified needs python-flint: pip install python-flint\n"
