"""The paper's formulas as SymPy expressions, and the symbols the notebooks write them in.

Policies are sequences of expressions, one per outcome; rewards are sequences of 0 and 1.
"""

from collections.abc import Sequence

import sympy as sp

from .arithmetic import State
from .dynamics import Recurrence
from .smoothed import MeanVariance

p = sp.Symbol("p", positive=True)
"""Probability of success of the current policy."""
p_ref = sp.Symbol("p_ref", positive=True)
"""Probability of success of the reference."""
L = sp.Symbol("L", real=True)
"""Log-odds of p."""
L_ref = sp.Symbol("L_ref", real=True)
"""Log-odds of p_ref."""
beta = sp.Symbol("beta", positive=True)
"""Weight of the KL penalty."""
eps = sp.Symbol("varepsilon", positive=True)
"""Smoothing inside the square root."""
clip = sp.Symbol("epsilon", positive=True)
"""Clipping parameter."""
alpha = sp.Symbol("alpha", nonnegative=True)
"""Share of the KL penalty that goes to the reference."""

Policy = Sequence[sp.Expr]


class Expressions(State):
    """A state as SymPy expressions; see `grpo_lib.arithmetic.State`.

    Examples:
        >>> from grpo_lib import MeanDeviation
        >>> from grpo_lib.symbolic import Expressions, eps, p
        >>> print(MeanDeviation.unchecked(delta=eps).omega(Expressions(p)))
        1/(sqrt(p)*sqrt(1 - p) + varepsilon)
    """

    def __init__(self, p: sp.Expr, L: sp.Expr | None = None) -> None:
        """Take a probability of success, and its log-odds if they have a shorter form."""
        self.p = p
        self.L = logit(p) if L is None else L

    @property
    def q(self) -> sp.Expr:
        """1 - p."""
        return 1 - self.p

    @property
    def deviation(self) -> sp.Expr:
        """sqrt(p (1 - p))."""
        return sp.sqrt(self.p * (1 - self.p))

    @property
    def tanh(self) -> sp.Expr:
        """The difference p - q."""
        return 2 * self.p - 1

    def number(self, parameter: sp.Expr | float) -> sp.Expr:
        """The parameter as an expression."""
        return sp.sympify(parameter)

    def constant(self, value: int) -> sp.Expr:
        """The constant."""
        return sp.Integer(value)

    def elsewhere(self, *, L: sp.Expr) -> "Expressions":
        """A state at other log-odds."""
        return Expressions(sigma(L), L)

    def asinh(self, x: sp.Expr) -> sp.Expr:
        """The inverse hyperbolic sine."""
        return sp.asinh(x)

    def sqrt(self, x: sp.Expr) -> sp.Expr:
        """The square root."""
        return sp.sqrt(x)

    def hypot(self, x: sp.Expr, y: sp.Expr) -> sp.Expr:
        """The root of ``x^2 + y^2``."""
        return sp.sqrt(x**2 + y**2)

    def up_to_1(self, x: sp.Expr) -> sp.Expr:
        """``x``."""
        return x

    def between(self, alpha: sp.Expr, other: sp.Expr) -> sp.Expr:
        """``alpha other + (1 - alpha) L``."""
        return alpha * other + (1 - alpha) * self.L

    def push(self, anchor: sp.Expr, by: sp.Expr) -> sp.Expr:
        """``anchor + by``."""
        return anchor + by

    def mixed(self, of_success: sp.Expr, of_failure: sp.Expr) -> "Expressions":
        """The state of probability ``of_success p + of_failure (1 - p)``."""
        return Expressions(of_success * self.p + of_failure * (1 - self.p))

    def least(self, x: sp.Expr, y: sp.Expr) -> sp.Expr:
        """The smaller of two."""
        return sp.Min(x, y)

    def greatest(self, x: sp.Expr, y: sp.Expr) -> sp.Expr:
        """The larger of two."""
        return sp.Max(x, y)

    def more_success(self, share: sp.Expr) -> sp.Expr:
        """Log-odds of ``p (1 + share)``."""
        raised = self.p * (1 + share)
        return sp.Piecewise((logit(raised), raised < 1), (sp.oo, True))

    def less_failure(self, share: sp.Expr) -> sp.Expr:
        """Log-odds of ``1 - q (1 - share)``."""
        return sp.log(self.p + share * self.q) - sp.log(self.q) - sp.log(1 - share)


def sigma(L: sp.Expr) -> sp.Expr:
    """Probability with log-odds L.

    Examples:
        >>> from grpo_lib.symbolic import L, sigma
        >>> print(sigma(L))
        1/(1 + exp(-L))
    """
    return 1 / (1 + sp.exp(-L))


def logit(p: sp.Expr) -> sp.Expr:
    """Log-odds of the probability p.

    Examples:
        >>> from grpo_lib.symbolic import logit, p
        >>> print(logit(p))
        log(p/(1 - p))
    """
    return sp.log(p / (1 - p))


def omega(p: sp.Expr, eps: sp.Expr) -> sp.Expr:
    """Scale Omega of mean and variance normalisation; Eq. (4). Mean-only has Omega = 1.

    Examples:
        >>> import sympy as sp
        >>> from grpo_lib.symbolic import eps, omega, p
        >>> print(omega(p, eps).subs({p: sp.Rational(1, 2), eps: 0}))
        2
    """
    return MeanVariance.unchecked(eps=eps).omega(Expressions(p))


def omega_plus(p: sp.Expr, eps: sp.Expr) -> sp.Expr:
    """Weight w_plus of a success; Eq. (4).

    Examples:
        >>> import sympy as sp
        >>> from grpo_lib.symbolic import eps, omega_plus, p
        >>> print(omega_plus(p, eps).subs({p: sp.Rational(1, 5), eps: 0}))
        2
    """
    return (1 - p) * omega(p, eps)


def omega_minus(p: sp.Expr, eps: sp.Expr) -> sp.Expr:
    """Weight w_minus of a failure; Eq. (4).

    Examples:
        >>> import sympy as sp
        >>> from grpo_lib.symbolic import eps, omega_minus, p
        >>> print(omega_minus(p, eps).subs({p: sp.Rational(4, 5), eps: 0}))
        2
    """
    return p * omega(p, eps)


def success_map(p: sp.Expr, p_ref: sp.Expr, beta: sp.Expr, eps: sp.Expr) -> sp.Expr:
    """The map h of Theorem 2: next probability of success with the KL penalty to the reference.

    Examples:
        >>> from grpo_lib.symbolic import beta, eps, p, p_ref, success_map
        >>> h = success_map(p, p_ref, beta, eps)
        >>> print(h.subs({p: 0.2, p_ref: 0.2, beta: 1, eps: 0}).round(4))
        0.7528
    """
    return 1 / (1 + (1 - p_ref) / p_ref * sp.exp(-omega(p, eps) / beta))


def log_odds_map(
    L: sp.Expr, L_ref: sp.Expr, beta: sp.Expr, eps: sp.Expr, alpha: sp.Expr = sp.S.One
) -> sp.Expr:
    """One update in log-odds, without Renyi correction; Theorems 2, 4 and 9.

    Examples:
        >>> from grpo_lib.symbolic import L, L_ref, beta, log_odds_map
        >>> print(log_odds_map(0, L_ref, beta, 0))
        L_ref + 2/beta
    """
    normalization = MeanVariance.unchecked(eps=eps)
    recurrence = Recurrence.unchecked(beta=beta, normalization=normalization, alpha=alpha)
    return recurrence.update(Expressions(sigma(L), L), L_ref=L_ref)


def clipped(ratio: sp.Expr, advantage: sp.Expr, clip: sp.Expr) -> sp.Expr:
    """PPO's clipped term f_clip(ratio, advantage); section 2.2.

    Examples:
        >>> import sympy as sp
        >>> from grpo_lib.symbolic import clipped
        >>> clip = sp.Rational(1, 5)
        >>> print(clipped(sp.S(2), 1, clip), clipped(sp.S(2), -1, clip), clipped(sp.S(0), -1, clip))
        6/5 -2 -4/5
    """
    clamped = sp.Min(sp.Max(ratio, 1 - clip), 1 + clip)
    return sp.Min(ratio * advantage, clamped * advantage)


def success_probability(policy: Policy, reward: Sequence[int]) -> sp.Expr:
    """Mass of the outcomes with reward 1.

    Examples:
        >>> import sympy as sp
        >>> from grpo_lib.symbolic import success_probability
        >>> print(success_probability(sp.symbols("a b c"), [1, 0, 1]))
        a + c
    """
    return sp.Add(*(mass * r for mass, r in zip(policy, reward, strict=True)))


def advantage(policy: Policy, reward: Sequence[int], omega: sp.Expr) -> list[sp.Expr]:
    """Centred reward times the scale Omega, per outcome.

    Examples:
        >>> import sympy as sp
        >>> from grpo_lib.symbolic import advantage
        >>> print(advantage([sp.Rational(1, 4), sp.Rational(3, 4)], [1, 0], sp.Symbol("Omega")))
        [3*Omega/4, -Omega/4]
    """
    success = success_probability(policy, reward)
    return [(r - success) * omega for r in reward]


def optimal_policy(anchor: Policy, advantage: Policy, beta: sp.Expr) -> list[sp.Expr]:
    """Anchor times exp(A / beta), normalised; Theorems 1 and 8.

    Examples:
        >>> import sympy as sp
        >>> from grpo_lib.symbolic import beta, optimal_policy
        >>> print(optimal_policy([sp.Rational(1, 2)] * 2, [beta * sp.log(3), 0], beta))
        [3/4, 1/4]
    """
    weights = [q * sp.exp(A / beta) for q, A in zip(anchor, advantage, strict=True)]
    return [weight / sp.Add(*weights) for weight in weights]


def geometric_mean(a: Policy, b: Policy, alpha: sp.Expr) -> list[sp.Expr]:
    """Normalised a^alpha b^(1 - alpha); Lemma 2.

    Examples:
        >>> import sympy as sp
        >>> from grpo_lib.symbolic import geometric_mean
        >>> a, b = [sp.Rational(4, 5), sp.Rational(1, 5)], [sp.Rational(1, 5), sp.Rational(4, 5)]
        >>> print([sp.nsimplify(mass) for mass in geometric_mean(a, b, sp.Rational(1, 2))])
        [1/2, 1/2]
    """
    weights = [x**alpha * y ** (1 - alpha) for x, y in zip(a, b, strict=True)]
    return [weight / sp.Add(*weights) for weight in weights]


def kl_divergence(a: Policy, b: Policy) -> sp.Expr:
    """KL(a || b) in nats.

    Examples:
        >>> import sympy as sp
        >>> from grpo_lib.symbolic import kl_divergence
        >>> print(kl_divergence([1], [sp.Rational(1, 2)]))
        log(2)
    """
    return sp.Add(*(x * sp.log(x / y) for x, y in zip(a, b, strict=True)))


def total_variation(a: Policy, b: Policy) -> sp.Expr:
    """Half the L1 distance.

    Examples:
        >>> import sympy as sp
        >>> from grpo_lib.symbolic import total_variation
        >>> print(total_variation([sp.S(1), sp.S(0)], [sp.Rational(1, 4), sp.Rational(3, 4)]))
        3/4
    """
    return sp.Add(*(sp.Abs(x - y) for x, y in zip(a, b, strict=True))) / 2


def renyi_divergence(a: Policy, b: Policy, alpha: sp.Expr) -> sp.Expr:
    """D_alpha(a || b) in nats, for alpha other than 1; Lemma 3.

    Examples:
        >>> import sympy as sp
        >>> from grpo_lib.symbolic import renyi_divergence
        >>> half, quarter = sp.Rational(1, 2), sp.Rational(1, 4)
        >>> print(renyi_divergence([1, 0], [quarter, 1 - quarter], half))
        2*log(2)
    """
    shared = sp.Add(*(x**alpha * y ** (1 - alpha) for x, y in zip(a, b, strict=True)))
    return sp.log(shared) / (alpha - 1)
