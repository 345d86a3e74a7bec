"""What every normalisation declares, against its expression; a new one adds a line to the list."""

from dataclasses import dataclass

import mpmath
import numpy as np
import pytest
import sympy as sp

from grpo_lib import (
    GroupNormalization,
    MeanDeviation,
    MeanOnly,
    MeanVariance,
    NoisyVerifier,
    Normalization,
)
from grpo_lib.arithmetic import Doubles, infinities
from grpo_lib.certified import Balls, arb, ctx, number
from grpo_lib.rounding import UNIT
from grpo_lib.symbolic import Expressions

SYMBOL = sp.Symbol("c", positive=True)
SMOOTHINGS = [0.0, 1e-9, 1e-4, 0.1, 1.0, 30.0]

# A class with a symbol for its parameter, and numbers for it.
NORMALIZATIONS = [
    (MeanVariance.unchecked(eps=SYMBOL), [0.0, 1e-9, 1e-5, 0.01, 1.0, 30.0]),
    (MeanDeviation.unchecked(delta=SYMBOL), SMOOTHINGS),
    (MeanOnly(), [None]),
    (GroupNormalization.unchecked(size=2, deviation="sample", delta=SYMBOL, eps=0), [0.1]),
    (GroupNormalization.unchecked(size=3, deviation="population", delta=SYMBOL, eps=0), [0.1]),
    (
        GroupNormalization.unchecked(size=4, deviation="population", delta=0, eps=SYMBOL),
        [0.0, 0.125],
    ),
    (GroupNormalization.unchecked(size=5, deviation="none", delta=0, eps=SYMBOL), [0.1]),
    (GroupNormalization.unchecked(size=6, deviation="sample", delta=SYMBOL, eps=0), [0.0, 0.25]),
    (GroupNormalization.unchecked(size=6, deviation="leave-one-out", delta=SYMBOL, eps=0), [1e-6]),
]


def with_number(symbolic, value):
    """The class with a number for the symbol."""
    parameters = symbolic.parameters().items()
    return type(symbolic)(**{name: value if x is SYMBOL else x for name, x in parameters})


NOISY = [
    NoisyVerifier(*noise, MeanVariance(eps))
    for noise in [(0.99, 0.01), (0.9, 0.05), (1.0, 0.3), (0.7, 0.0), (0.6, 0.4), (0.999, 0.45)]
    for eps in (1e-5, 0.1)
] + [NoisyVerifier(0.9, 0.05, MeanVariance(0.0)), NoisyVerifier(1.0, 0.0, MeanVariance(1e-5))]
CASES = [with_number(symbolic, value) for symbolic, values in NORMALIZATIONS for value in values]
CASES += NOISY
L = np.concatenate([np.linspace(-60, 60, 6001), [-700.0, -1e-9, 1e-9, 700.0]])
X = sp.Symbol("x", positive=True)  # exp(L / 2): d / d L is x / 2 times d / d x


def expression(normalization):
    """Omega as a function of x, in which a constant is seen to be one."""
    return sp.cancel(normalization.omega(Expressions(X**2 / (1 + X**2))))


def derivative(function):
    return X / 2 * sp.diff(function, X)


def exact(function, normalization, at):
    """The values of a function of x, to 60 digits."""
    named = symbols(normalization).parameters().items()
    values = [normalization.parameters()[name] for name, x in named if x is SYMBOL]
    with mpmath.workdps(60):
        numbers = [(SYMBOL, sp.Rational(value)) for value in values]
        evaluate = sp.lambdify(X, function.subs(numbers), "mpmath")
        return [evaluate(mpmath.exp(mpmath.mpf(float(x)) / 2)) for x in at]


def symbols(normalization):
    if isinstance(normalization, NoisyVerifier):
        return noisy(*(sp.Rational(value) for value in normalization.parameters().values()))
    return next(
        symbolic
        for symbolic, _ in NORMALIZATIONS
        if isinstance(normalization, type(symbolic))
        and all(
            x is SYMBOL or x == normalization.parameters()[name]
            for name, x in symbolic.parameters().items()
        )
    )


def noisy(T, F, eps):
    """A noisy verifier with expressions for its parameters."""
    inner = MeanVariance.unchecked(eps=eps)
    return NoisyVerifier.unchecked(true_positive=T, false_positive=F, normalization=inner)


def slopes(normalization, at):
    with infinities():
        return normalization.omega_slope(Doubles(np.asarray(at, dtype=float)))


def rounding(normalization):
    """Relative error of a slope: Omega to the third power, two functions and six operations."""
    return (3 * normalization.omega_error() + 26) * UNIT


def omega_is_as_exact_as_declared(normalization):
    at = np.random.default_rng(0).uniform(-60, 60, 100)
    values = exact(expression(symbols(normalization)), normalization, at)
    found = normalization.scale(L=at)
    bound = normalization.omega_error() * UNIT
    return all(abs(f / v - 1) <= bound for f, v in zip(map(mpmath.mpf, found), values, strict=True))


def the_slope_is_the_derivative(normalization):
    at = np.random.default_rng(1).uniform(-30, 30, 60)
    values = exact(derivative(expression(symbols(normalization))), normalization, at)
    off = rounding(normalization)
    return all(
        abs(mpmath.mpf(found) - value) <= off * abs(value)
        for found, value in zip(slopes(normalization, at), values, strict=True)
    )


def balls_hold_omega_and_the_derivative(normalization):
    at = np.random.default_rng(2).uniform(-30, 30, 60)
    function = expression(symbols(normalization))
    for written, expressed in (
        (normalization.omega, function),
        (normalization.omega_slope, derivative(function)),
    ):
        for x, value in zip(at, exact(expressed, normalization, at), strict=True):
            with ctx.workprec(256), mpmath.workdps(60):
                # A double parameter means the decimal it is written as, within 1e-16 of it.
                if abs(written(Balls(number(float(x)))) - arb(str(value))) > 1e-14 * abs(value):
                    return False
    return True


def bounds_hold_and_are_reached(normalization):
    low, high = normalization.bounds()
    omega = normalization.scale(L=L)
    left, right = -60.0, 60.0  # of the lowest state, next to which Omega is flat
    for _ in range(80):
        middle = (left + right) / 2
        left, right = (middle, right) if slopes(normalization, middle) < 0 else (left, middle)
    first, least, last = normalization.scale(L=[-np.inf, right, np.inf])
    off = normalization.omega_error() * UNIT
    inside = (omega >= low * (1 - off)) & (omega <= high * (1 + off))
    reached = [max(first, last), least]
    return inside.all() and np.isclose(reached, [high, low], rtol=2 * off, atol=0).all()


def the_steepest_slope_is_the_largest(normalization):
    steepest, off = normalization.steepest_slope(), rounding(normalization)
    slope = slopes(normalization, L)
    return np.all(np.abs(slope) <= steepest * (1 + off)) and (
        not np.isfinite(steepest) or np.abs(slope).max() >= steepest * (1 - 1e-2)
    )


def turning_points_have_the_slope_and_are_all(normalization):
    steepest = normalization.steepest_slope()
    sizes = np.array([1e-12, 1e-3, 0.5, 0.99]) * (steepest if np.isfinite(steepest) else 100.0)
    for size in sizes[sizes > 0]:
        for sign, (first, second) in (
            (1, normalization.turning_points(size)),
            (-1, normalization.falling_points(size)),
        ):
            if (first < second) != np.any(sign * slopes(normalization, L) > size):
                return False
            for point in (first, second):
                if np.isinf(point):
                    continue
                off = abs(slopes(normalization, point) - sign * size)
                # In log-odds a slope changes by at most twice itself per unit, or by the bend.
                allowed = size * (rounding(normalization) + 8 * UNIT * abs(point))
                if normalization in NOISY:  # log-odds of q are off by as much, and their logarithm
                    with infinities():
                        bend = normalization.bend(Doubles(point))
                    allowed += UNIT * (27 + 18 * abs(point)) * bend
                if off > allowed:
                    return False
            between = (first < L) & (second > L)
            beside = (np.abs(L - first) > 1e-6) & (np.abs(L - second) > 1e-6)
            if np.any(((sign * slopes(normalization, L) > size) != between)[beside]):
                return False
    none = normalization.turning_points(np.asarray(1.01 * steepest))
    return np.isposinf(none).all() or not np.isfinite(steepest)


def bend_bounds_the_second_derivative(normalization):
    at = np.random.default_rng(2).uniform(-30, 30, 60)
    second = derivative(derivative(expression(symbols(normalization))))
    values = np.array([float(abs(v)) for v in exact(second, normalization, at)])
    with infinities():
        bend = normalization.bend(Doubles(at))
        for e in (1e-3, 0.1, 1.0):
            if np.any(normalization.bend(Doubles(at + e)) > bend * np.exp(1.5 * e) * (1 + 1e-12)):
                return False
    return np.all(values <= bend * (1 + 1e-12))


def the_schwarzian_is_negative_where_omega_falls(normalization):
    at = np.random.default_rng(3).uniform(-30, -1e-3, 60)
    function = expression(symbols(normalization))
    first = derivative(function)
    second = derivative(first)
    third = derivative(second)
    if first == 0:
        return normalization.negative_schwarzian()
    rows = zip(*(exact(f, normalization, at) for f in (first, second, third)), strict=True)
    signs = [c / a - mpmath.mpf(3) / 2 * (b / a) ** 2 < 0 for a, b, c in rows if a < 0]
    return normalization.negative_schwarzian() and bool(signs) and all(signs)


def the_gain_is_concave_or_not_as_declared(normalization):
    at = [0.01, *np.random.default_rng(4).uniform(-30, 30, 60)]
    gain = expression(symbols(normalization)) * X**2 / (1 + X**2) ** 2
    by_p = [gain]
    for _ in range(2):
        by_p.append(derivative(by_p[-1]) * (1 + X**2) ** 2 / X**2)  # d L / d p = 1 / (p q)
    ends = exact(gain, normalization, [-100.0, 100.0])
    is_concave = all(value <= 0 for value in exact(by_p[2], normalization, at))
    vanishes = all(0 <= value < 1e-20 for value in ends)
    return normalization.concave_gain() == (is_concave and vanishes)


FACTS = [
    omega_is_as_exact_as_declared,
    the_slope_is_the_derivative,
    balls_hold_omega_and_the_derivative,
    bounds_hold_and_are_reached,
    the_steepest_slope_is_the_largest,
    turning_points_have_the_slope_and_are_all,
    bend_bounds_the_second_derivative,
    the_schwarzian_is_negative_where_omega_falls,
    the_gain_is_concave_or_not_as_declared,
]


def undeclared(normalization):
    """The comparisons that rest on a fact which is not declared."""
    if getattr(normalization, "deviation", None) != "leave-one-out":
        return []
    return [
        bounds_hold_and_are_reached,
        the_steepest_slope_is_the_largest,
        turning_points_have_the_slope_and_are_all,
        the_schwarzian_is_negative_where_omega_falls,
        the_gain_is_concave_or_not_as_declared,
    ]


@pytest.mark.parametrize("fact", FACTS, ids=lambda fact: fact.__name__)
@pytest.mark.parametrize("normalization", CASES, ids=repr)
def test_what_is_declared_holds(normalization, fact):
    if fact in undeclared(normalization):
        with pytest.raises(NotImplementedError, match="does not declare"):
            fact(normalization)
    else:
        assert fact(normalization)


@pytest.mark.parametrize("symbolic", [s for s, _ in NORMALIZATIONS], ids=repr)
def test_the_slope_is_the_derivative(symbolic):
    P = sp.Symbol("P", positive=True)  # d / d L is P (1 - P) d / d P
    at = Expressions(P)
    gap = P * (1 - P) * sp.diff(symbolic.omega(at), P) - symbolic.omega_slope(at)
    assert sp.simplify(sp.expand(gap)) == 0


def test_declared_errors_are_those_of_their_derivation():
    """Ten units for a cosh and for hypot, as `grpo_lib.rounding.FUNCTION`, one for an operation."""
    assert MeanVariance().omega_error() == 10 + 1 + 10 + 1
    assert MeanDeviation().omega_error() == 10 + 1 + 1 + 1
    assert MeanOnly().omega_error() == 0
    assert GroupNormalization(8).omega_error() == 7 * (10 + 4) + 6 + 1


def test_a_constant_scale_has_no_slope_and_no_place_with_one():
    at = Doubles(np.array([-3.0, 0.0, 3.0]))
    assert MeanOnly().omega_slope(at).tolist() == MeanOnly().bend(at).tolist() == [0, 0, 0]
    assert MeanOnly().steepest_slope() == 0
    for slope in (np.array(0.0), np.array([0.0, 1.0])):
        assert np.isposinf(MeanOnly().turning_points(slope)).all()
        assert np.isneginf(MeanOnly().falling_points(slope)).all()
        assert MeanOnly().turning_points(slope)[0].shape == slope.shape


@pytest.mark.parametrize("normalization", [MeanVariance(0.01), MeanDeviation(0.01)], ids=repr)
def test_the_steepest_slope_itself_has_no_points_beside_it(normalization):
    steepest = np.asarray(normalization.steepest_slope())
    for factor, finite in ((1 - 1e-9, True), (1 + 1e-9, False)):
        points = normalization.turning_points(factor * steepest)
        assert np.isfinite(points).all() == finite
    assert np.isposinf(
        MeanDeviation(0.01).turning_points(MeanDeviation(0.01).steepest_slope())
    ).all()


def test_the_slope_under_noise_is_the_derivative():
    T, F, eps = sp.symbols("T F c", positive=True)
    at = Expressions(X**2 / (1 + X**2))
    slope, expected = noisy(T, F, eps).omega_slope(at), derivative(noisy(T, F, eps).omega(at))
    assert sp.simplify(slope / expected) == 1


@dataclass(frozen=True, eq=False)
class Wrong(MeanVariance):
    """Every declaration is off, Omega itself is right."""

    def omega_error(self):
        return 0.01

    def omega_slope(self, at):
        return 1.01 * super().omega_slope(at)

    def bounds(self):
        return tuple(1.01 * bound for bound in super().bounds())

    def steepest_slope(self):
        return 0.9 * super().steepest_slope()

    def turning_points(self, slope):
        return tuple(point + 0.01 for point in super().turning_points(slope))

    def bend(self, at):
        return 0.1 * super().bend(at)

    def negative_schwarzian(self):
        return False

    def concave_gain(self):
        return False


@pytest.mark.parametrize("fact", FACTS, ids=lambda fact: fact.__name__)
def test_a_wrong_declaration_is_seen(fact):
    assert not fact(Wrong(0.01))


def test_every_public_normalization_is_in_the_list():
    import grpo_lib

    public = [value for value in vars(grpo_lib).values() if isinstance(value, type)]
    classes = {c for c in public if issubclass(c, Normalization)} - {Normalization}
    assert classes <= {type(case) for case in CASES}
