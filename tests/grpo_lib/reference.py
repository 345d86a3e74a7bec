"""Exact values of the symbolic forms, and the families of inputs that the tests share."""

import sys
from collections.abc import Callable, Mapping, Sequence
from functools import cache

import mpmath
import numpy as np
import sympy as sp
from hypothesis import strategies as st
from numpy.typing import ArrayLike

from grpo_lib.symbolic import L, p, sigma

LOG_ODDS = st.floats(-1e4, 1e4)
BETA = st.floats(-3, 3).map(lambda x: 10.0**x)
EPS = st.just(0.0) | st.floats(-12, 0).map(lambda x: 10.0**x)
ALPHA = st.sampled_from([0.0, 1.0]) | st.floats(0, 1)
CLIP = st.sampled_from([0.0, 1.0, 1.5]) | st.floats(0, 1)
REWARD = st.lists(st.integers(0, 1), min_size=2, max_size=4).filter(lambda r: 0 < sum(r) < len(r))


def policies(count: int, outcomes: int) -> st.SearchStrategy[np.ndarray]:
    """Policies with some unlikely outcomes, but none impossible; shape [count, outcomes]."""
    exponents = st.lists(st.floats(-30, 0), min_size=outcomes, max_size=outcomes)
    weights = st.lists(exponents, min_size=count, max_size=count).map(lambda x: 10.0 ** np.array(x))
    return weights.map(lambda x: x / x.sum(axis=-1, keepdims=True))


def masses(name: str, outcomes: int) -> list[sp.Symbol]:
    """Symbols for the masses of a policy."""
    return list(sp.symbols(f"{name}:{outcomes}", positive=True))


def exact_masses(policy: Sequence[float]) -> list[mpmath.mpf]:
    """The masses of a policy, made to sum to 1 to 100 digits."""
    with mpmath.workdps(100):
        exactly = [mpmath.mpf(float(mass)) for mass in policy]
        return [mass / mpmath.fsum(exactly) for mass in exactly]


@cache
def _lambdified(expression: sp.Expr, symbols: tuple[sp.Symbol, ...]) -> Callable:
    return sp.lambdify(symbols, expression, modules="mpmath")


def exact(expression: sp.Expr, values: Mapping[sp.Symbol, object], digits: int = 100) -> np.ndarray:
    """Evaluate a symbolic form, lambdified for mpmath, elementwise; an array of mpf."""
    function = _lambdified(sp.sympify(expression), tuple(values))
    columns = np.broadcast_arrays(*(np.asarray(value, object) for value in values.values()))
    result = np.empty(columns[0].shape, object)
    with mpmath.workdps(digits):
        for index in np.ndindex(result.shape):
            result[index] = mpmath.mpf(function(*(mpmath.mpf(c[index]) for c in columns)))
    return result


@cache
def in_log_odds(expression: sp.Expr) -> sp.Expr:
    """Write an expression in p as one in L, without the 1 - p in which digits cancel."""
    return sp.factor(expression.subs(p, sigma(L)), deep=True)


def worst(value: ArrayLike, reference: object, size: object = 0) -> float:
    """Largest error of an array, relative to the reference or to a size where that is larger.

    Beyond the largest double the right value is inf. NaN is an infinite error.
    """
    errors = [0.0]
    for x, y, s in np.broadcast(value, np.asarray(reference, object), np.asarray(size, object)):
        if np.isfinite(x):
            with mpmath.workdps(100):
                # Doubles below the smallest normal one have fewer digits.
                scale = max(abs(y), abs(s), sys.float_info.min / sys.float_info.epsilon)
                errors.append(float(abs(mpmath.mpf(float(x)) - y) / scale))
        else:
            beyond = abs(y) > sys.float_info.max * (1 - 1e-13)
            errors.append(0.0 if beyond and x == mpmath.sign(y) * np.inf else np.inf)
    return max(errors)
