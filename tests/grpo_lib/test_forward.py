"""Exact updates and fixed points under a penalty on the forward KL, against brute force."""

from dataclasses import dataclass

import mpmath
import numpy as np
import pytest
import sympy as sp
from scipy.optimize import minimize
from scipy.special import expit, logit

from grpo_lib import (
    ForwardRecurrence,
    MeanDeviation,
    MeanOnly,
    MeanVariance,
    NoisyVerifier,
    Normalization,
    Recurrence,
    fixed_points,
    symbolic,
)
from grpo_lib.arithmetic import infinities
from grpo_lib.certified import number, step
from grpo_lib.rounding import UNIT

NORMALIZATIONS = [MeanVariance(0.0), MeanVariance(1e-5), MeanDeviation(1e-2), MeanOnly()]


def solve(beta, normalization, L_ref):
    found = fixed_points(Recurrence(beta, normalization), L_ref=L_ref, penalty="forward")
    assert np.isnan(found.log_odds[..., 1:]).all() and np.isnan(found.slope[..., 1:]).all()
    return found.log_odds[..., 0], found.slope[..., 0]


def in_digits(normalization, L):
    """Omega, to 60 digits."""
    s = mpmath.sech(L / 2) / 2
    (value,) = normalization.parameters().values() or [None]
    if value is None:
        return mpmath.mpf(1)
    c = mpmath.mpf(value)
    return 1 / mpmath.sqrt(s**2 + c) if normalization.power == 2 else 1 / (s + c)


@pytest.mark.parametrize("normalization", NORMALIZATIONS, ids=repr)
def test_the_update_is_the_best_policy(normalization):
    """Four outcomes, two of them successes, against a general optimiser."""
    rng = np.random.default_rng(0)
    for _ in range(20):
        reference = rng.dirichlet(np.ones(4))
        p, p_ref, beta = rng.uniform(0.05, 0.95), reference[:2].sum(), rng.uniform(0.3, 5)
        w_plus, w_minus = normalization.weights(L=logit(p))
        A = np.array([w_plus, w_plus, -w_minus, -w_minus])

        def loss(z, reference=reference, A=A, beta=beta):
            pi = np.exp(z - np.logaddexp.reduce(z))
            gradient = -pi * (A - pi @ A) + beta * (pi - reference)
            return -pi @ A - beta * reference @ np.log(pi), gradient

        best = minimize(loss, np.log(reference), jac=True, method="BFGS", options={"gtol": 1e-9}).x
        best = np.exp(best - np.logaddexp.reduce(best))
        L = ForwardRecurrence(beta, normalization).step(L=logit(p), L_ref=logit(p_ref))
        assert expit(L) == pytest.approx(best[:2].sum(), abs=1e-6)
        conditionals = best[:2] / best[:2].sum() - reference[:2] / p_ref
        assert conditionals == pytest.approx(np.zeros(2), abs=1e-6)


def test_the_update_in_balls_and_in_symbols():
    forward = ForwardRecurrence(2.0, MeanVariance(0.01))
    L = forward.step(L=0.5, L_ref=-3.0)
    assert abs(float(step(forward, L=number(0.5), L_ref=number(-3)).mid()) - L) < 1e-14
    symbols = ForwardRecurrence.unchecked(
        beta=symbolic.beta, normalization=MeanVariance.unchecked(eps=symbolic.eps)
    )
    at = symbolic.Expressions(symbolic.p)
    values = {symbolic.p: expit(0.5), symbolic.beta: 2, symbolic.eps: 0.01, symbolic.L_ref: -3}
    written = symbols.update(at, L_ref=symbolic.L_ref).subs(values)
    assert float(written) == pytest.approx(float(L), abs=1e-13)


def test_ends_absorb_and_far_references_are_refused():
    forward = ForwardRecurrence(1.0)
    path = forward.trajectory(p_ref=[0.0, 1.0, 1e-300], steps=3)
    assert path.probability[:, 0].tolist() == [0] * 4
    assert path.probability[:, 1].tolist() == [1] * 4
    assert np.isfinite(path.log_odds[:, 2]).all()
    ends = fixed_points(Recurrence(1.0), L_ref=[-np.inf, np.inf], penalty="forward")
    assert ends.slope[:, 0].tolist() == [0.0, 0.0]
    assert ends.log_odds[:, 0].tolist() == [-np.inf, np.inf]
    message = r"^L_ref must be infinite, or within 1400 of 0 in log-odds, got -2000.0$"
    with pytest.raises(ValueError, match=message):
        forward.step(L=0.0, L_ref=-2000.0)
    with pytest.raises(
        ValueError, match=r"^L_ref must be infinite, or from -1400 to 1400, got 1400.5"
    ):
        fixed_points(Recurrence(1.0), L_ref=1400.5, penalty="forward")
    assert np.isfinite(forward.step(L=0.0, L_ref=[-1400.0, 1400.0])).all()


def test_the_step_never_falls_below_the_reference():
    rng = np.random.default_rng(1)
    L, L_ref = rng.uniform(-40, 40, (2, 10_000))
    moved = ForwardRecurrence(10.0 ** rng.uniform(-6, 20, L.size)).step(L=L, L_ref=L_ref)
    assert np.all(moved >= L_ref)


def random_cells(seed, size):
    rng = np.random.default_rng(seed)
    L_ref = rng.uniform(-60, 60, size)
    L_ref[::2] = rng.normal(0, 3, L_ref[::2].size)
    return 10.0 ** rng.uniform(-8, 8, size), L_ref


@pytest.mark.parametrize("normalization", NORMALIZATIONS, ids=repr)
def test_fixed_points_are_zeros_and_slopes_those_of_the_update(normalization):
    """Off by rounding: sinh, three cosh, Omega and a logarithm make less than 100 units."""
    beta, L_ref = random_cells(0, 200)
    log_odds, slope = solve(beta, normalization, L_ref)
    assert np.all(log_odds >= L_ref)
    with mpmath.workdps(60):
        for b, reference, found, found_slope in zip(beta, L_ref, log_odds, slope, strict=True):
            b, reference, L = (mpmath.mpf(float(x)) for x in (b, reference, found))

            def log_gap(L, reference=reference):
                d = L - reference
                return mpmath.log(
                    2 * mpmath.sinh(d / 2) * mpmath.cosh(L / 2) / mpmath.cosh(reference / 2)
                )

            def f(L, b=b, log_gap=log_gap):
                return log_gap(L) + mpmath.log(b) - mpmath.log(in_digits(normalization, L))

            if reference == L:  # no double is nearer: the zero is above by less than a spacing
                assert f(reference + mpmath.mpf(float(np.spacing(abs(float(L)))))) > 0
                continue
            rate = mpmath.diff(f, L)
            assert abs(f(L)) <= 100 * UNIT * (1 + rate * abs(L))
            omega = mpmath.diff(lambda L: mpmath.log(in_digits(normalization, L)), L)
            expected = omega / mpmath.diff(log_gap, L)
            near = 1e3 * UNIT * max(1, abs(L)) / (L - reference)  # of a difference that cancels
            assert abs(found_slope - expected) <= near + 1e-12 * abs(expected)


def test_closed_forms():
    """Mean only: a quadratic. Without smoothing: L_ref + 2 asinh(cosh(L_ref / 2) / beta)."""
    beta, L_ref = random_cells(1, 5000)
    log_odds, _ = solve(beta, MeanVariance(0.0), L_ref)
    expected = L_ref + 2 * np.arcsinh(np.cosh(L_ref / 2) / beta)
    assert log_odds == pytest.approx(expected, rel=1e-13, abs=1e-13)
    near = np.abs(L_ref) < 5
    beta, L_ref = beta[near], L_ref[near]
    p = expit(solve(beta, MeanOnly(), L_ref)[0])
    p_ref = expit(L_ref)
    root = np.hypot(1 - beta, 2 * np.sqrt(beta * p_ref))
    small = 2 * beta * p_ref / (beta - 1 + root)
    assert p == pytest.approx(np.where(beta > 1, small, (1 - beta + root) / 2), rel=1e-12, abs=0)


def test_extremes():
    """Where hyperbolic functions or quotients exceed the doubles."""
    tiny = [1e-300, 1e-300, 1.0, 1e300]
    L_ref = [0.0, -1400.0, logit(1e-300), 0.0]
    log_odds, slope = solve(tiny, MeanVariance(0.0), L_ref)
    largest = 2 * 300 * np.log(10)
    expected = [largest + 2 * np.log(2), largest, 0.0, 2e-300]
    assert log_odds == pytest.approx(expected, rel=1e-13, abs=1e-305)
    assert slope[:3] == pytest.approx([0.5, 0.5, 0.0], abs=1e-12)
    with infinities():
        assert solve(1e-300, MeanVariance(0.0), 1399.0)[0] == np.inf
    rare, _ = solve([1e-2, 1e-3], MeanVariance(0.0), logit(1e-12))
    failure = expit(-rare)  # beta^2 (1 - p_ref)^2 - beta^4 (1 - p_ref)^3 (1 + p_ref) + ...
    assert failure == pytest.approx([1e-4 - 1e-8, 1e-6 - 1e-12], rel=1e-7, abs=0)


def test_the_paper_s_prompt_and_others():
    p = expit(solve([1, 0.04, 1, 10, 0.1], MeanVariance(), logit([0.03, 0.03, 0.2, 0.03, 0.21]))[0])
    assert p == pytest.approx([0.5291, 0.9985, 0.6701, 0.0523, 0.9938], abs=5e-5)


def test_what_is_not_derived_is_refused():
    with pytest.raises(ValueError, match=r"^penalty must be .reverse. or .forward., got"):
        fixed_points(Recurrence(1.0), L_ref=0.0, penalty="backward")
    with pytest.raises(ValueError, match=r'^alpha must be 1 with penalty="forward", got 0.5'):
        fixed_points(Recurrence(1.0, alpha=0.5), L_ref=0.0, penalty="forward")

    @dataclass(frozen=True, eq=False)
    class Steep(Normalization):
        def omega(self, at):
            return 1 / at.q

    @dataclass(frozen=True, eq=False)
    class Bent(Steep):
        def concave_gain(self):
            return False

    with pytest.raises(NotImplementedError, match=r"^Steep does not declare concave_gain"):
        fixed_points(Recurrence(1.0, Steep()), L_ref=0.0, penalty="forward")
    with pytest.raises(
        ValueError, match=r"^normalization must be one with a concave gain, got .*Bent"
    ):
        fixed_points(Recurrence(1.0, Bent()), L_ref=0.0, penalty="forward")
    with pytest.raises(NotImplementedError, match=r"^ForwardRecurrence does not declare"):
        fixed_points(ForwardRecurrence(1.0), L_ref=0.0)
    with pytest.raises(NotImplementedError, match=r"^ForwardRecurrence does not declare update_"):
        ForwardRecurrence(1.0).slope(L=0.0)


def test_shapes():
    found = fixed_points(
        Recurrence(np.array([[1.0], [2.0]])), L_ref=[-1.0, 0.0, 1.0], penalty="forward"
    )
    assert found.log_odds.shape == (2, 3, 3) and found.count.tolist() == [[1] * 3] * 2
    alone = fixed_points(Recurrence(2.0), L_ref=1.0, penalty="forward")
    assert found.log_odds[1, 2, 0] == alone.log_odds[0]


def test_the_gain_s_bend_is_proved_for_every_power():
    """With x = s^k and c^k written c, as the docstring of `Smoothed.concave_gain` has it."""
    x, c, k = sp.symbols("x c k", positive=True)
    gain = x ** (2 / k) * (x + c) ** (-1 / k)
    slope = sp.diff(gain, x) / sp.diff(x ** (2 / k), x)
    assert sp.simplify(slope / ((x + 2 * c) / 2 * (x + c) ** (-1 - 1 / k))) == 1
    fall = sp.diff((x + 2 * c) / 2 * (x + c) ** (-1 - 1 / k), x)
    assert sp.simplify(fall * (x + c) ** (2 + 1 / k) * 2 * k + x + (k + 2) * c) == 0


@pytest.mark.parametrize("beta", [0.05, 1.0, 20.0])
def test_noise_keeps_one_fixed_point(beta):
    noisy, L_ref = NoisyVerifier(0.9, 0.05, MeanVariance(1e-3)), np.linspace(-10, 5, 16)
    found = fixed_points(Recurrence(beta, noisy), L_ref=L_ref, penalty="forward")
    grid = L_ref + np.linspace(1e-3, 40, 4001)[:, None]
    up = ForwardRecurrence(beta, noisy).step(L=grid, L_ref=L_ref) > grid
    assert np.all(np.diff(up.astype(int), axis=0).sum(axis=0) == -1)
    assert np.all(np.sum(np.diff(up, axis=0), axis=0) == 1)  # up before it, down behind it
    assert found.count.tolist() == [1] * 16
    last = np.take_along_axis(grid, up.sum(axis=0)[None] - 1, axis=0)[0]
    assert np.all((last < found.log_odds[:, 0]) & (found.log_odds[:, 0] < last + 0.0101))


def test_noise_that_misleads_has_no_forward_fixed_point():
    misled = Recurrence(1.0, NoisyVerifier(0.1, 0.9))
    with pytest.raises(ValueError, match=r"^true_positive must be above false_positive"):
        fixed_points(misled, L_ref=0.0, penalty="forward")
