"""What makes grpo_lib wrong in a kernel; the first cell of a notebook that `distortion` runs."""

import ast
import signal
from collections.abc import Callable
from typing import Any

import numpy as np

import grpo_lib
from grpo_lib import dynamics, ledger, symbolic, training


def _with(
    owner: Any, name: str, change: Callable[[Callable[..., Any]], Callable[..., Any]]
) -> None:
    setattr(owner, name, change(getattr(owner, name)))


def _times(factor: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    return lambda function: lambda *given, **named: factor * function(*given, **named)


def _scale() -> None:
    """Omega is 1 % too large, in every kind of number."""
    for name in ("GroupNormalization", "MeanDeviation", "MeanOnly", "MeanVariance"):
        owner = getattr(grpo_lib, name)
        _with(owner, "omega", lambda f: lambda self, at: f(self, at) * 1.01)


def _anchor() -> None:
    """The reference is shifted by 0.01 in log-odds, and beta is 1 % too large for policies."""
    _with(
        dynamics.Recurrence,
        "update",
        lambda f: lambda self, at, L_ref: f(self, at, L_ref=L_ref + 0.01),
    )
    for owner in (grpo_lib, training):
        _with(owner, "optimal_policy", lambda f: lambda anchor, A, beta: f(anchor, A, beta * 1.01))


def _policies() -> None:
    """What is computed from whole policies is 1 % too large, and the geometric mean is skewed."""
    for name in (
        "advantage", "clipped_surrogate", "contrastive_surrogate", "kl_divergence",
        "renyi_divergence", "success_log_odds", "total_variation",
    ):  # fmt: skip
        _with(grpo_lib, name, _times(1.01))
    _with(grpo_lib, "success_probability", _times(0.99))
    _with(training, "advantage", _times(1.01))
    for owner in (grpo_lib, training):
        _with(
            owner, "geometric_mean", lambda f: lambda a, b, alpha: f(a, b, 0.99 * np.asarray(alpha))
        )


def _solved() -> None:
    """Fixed points lie 0.01 too high, slopes are 1 % too steep, in doubles and in balls."""

    def shifted(function: Callable[..., Any]) -> Callable[..., Any]:
        def fixed_points(*given: Any, **named: Any) -> Any:
            found = function(*given, **named)
            return type(found)(found.log_odds + 0.01, 1.01 * found.slope)

        return fixed_points

    _with(grpo_lib, "fixed_points", shifted)
    _with(dynamics.Recurrence, "update_slope", _times(1.01))


def _formulas() -> None:
    """The symbolic Omega and divergences are 1 % too large."""
    for name in (
        "omega", "omega_plus", "omega_minus", "log_odds_map", "kl_divergence", "clipped",
    ):  # fmt: skip
        _with(symbolic, name, _times(symbolic.sp.Rational(101, 100)))


DISTORTIONS = {
    function.__name__: function for function in (_scale, _anchor, _policies, _solved, _formulas)
}


STATEMENT_LIMIT = 30
"""Seconds that a statement may take: SymPy can search long for a 0 that a wrong formula has not."""


def _limit(seconds: float) -> None:
    """Interrupt after this time and, as SymPy may pass over an error, every second from then on."""
    signal.setitimer(signal.ITIMER_REAL, seconds, 1)


class _Tolerant(ast.NodeTransformer):
    """Lets every statement of a cell fail, but for the name at its end that shows a claim."""

    def visit_Module(self, module: ast.Module) -> ast.Module:
        module.body = [
            statement
            if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Name)
            else self._tolerated(statement)
            for statement in module.body
        ]
        return ast.fix_missing_locations(module)

    def _tolerated(self, statement: ast.stmt) -> ast.stmt:
        (tolerated,) = ast.parse(
            f"try:\n _limit({STATEMENT_LIMIT})\n pass\nexcept Exception: pass\nfinally: _limit(0)"
        ).body
        tolerated.body[1] = statement
        return tolerated


def start(distortion: str | None) -> None:
    """Distort grpo_lib in a kernel, and record whatever its notebook finds, right or wrong."""

    def record(kind: str) -> Callable[..., ledger.Evidence]:
        def recorded(claim: ledger.Claim, name: str, value: Any, **_: Any) -> ledger.Evidence:
            total = repr(float(np.sum(np.asarray(value, dtype=float))))
            return claim._record(ledger.Evidence(kind, name, total))

        return recorded

    def interrupt(*_: Any) -> None:
        raise TimeoutError

    signal.signal(signal.SIGALRM, interrupt)
    for kind in ("measured", "rejected"):
        setattr(ledger.Claim, kind, record(kind))
    if distortion:
        DISTORTIONS[distortion]()
    get_ipython().ast_transformers.append(_Tolerant())  # noqa: F821  a notebook knows it
