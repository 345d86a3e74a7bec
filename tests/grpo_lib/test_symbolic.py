import pytest
import sympy as sp

from grpo_lib import symbolic as sy
from grpo_lib.symbolic import L, L_ref, alpha, beta, clip, eps, p, p_ref

HALF = sp.Rational(1, 2)
A, B = sp.symbols("a:3", positive=True), sp.symbols("b:3", positive=True)
SUM_TO_1 = {A[2]: 1 - A[0] - A[1], B[2]: 1 - B[0] - B[1]}


def zero(expression):
    return sp.simplify(expression) == 0


def test_symbols_are_apart():
    assert len({p, p_ref, L, L_ref, beta, eps, clip, alpha}) == 8
    assert {str(eps), str(clip)} == {"varepsilon", "epsilon"}


def test_sigma_and_logit_undo_each_other():
    assert zero(sy.sigma(sy.logit(p)) - p)
    assert zero(sp.exp(sy.logit(sy.sigma(L))) - sp.exp(L))


def test_weights_add_up_to_omega():
    assert zero(sy.omega_plus(p, eps) + sy.omega_minus(p, eps) - sy.omega(p, eps))
    assert zero(sy.omega_plus(1 - p, eps) - sy.omega_minus(p, eps))


def test_whitening_gives_mean_0_and_variance_1_at_eps_0():
    mean = p * sy.omega_plus(p, 0) - (1 - p) * sy.omega_minus(p, 0)
    variance = p * sy.omega_plus(p, 0) ** 2 + (1 - p) * sy.omega_minus(p, 0) ** 2
    assert zero(mean)
    assert zero(variance - 1)


def test_theorem_2_is_the_map_in_log_odds():
    h = sy.success_map(sy.sigma(L), sy.sigma(L_ref), beta, eps)
    assert zero(h - sy.sigma(sy.log_odds_map(L, L_ref, beta, eps)))


def test_theorem_4_is_the_map_at_alpha_0():
    mirror = sy.log_odds_map(L, L_ref, beta, eps, sp.S.Zero)
    assert zero(mirror - L - sy.omega(sy.sigma(L), eps) / beta)


def test_the_map_is_written_in_the_log_odds_it_is_given():
    assert sp.expand(sp.diff(sy.log_odds_map(L, L_ref, beta, eps, alpha), alpha)) == L_ref - L


def test_proposition_1_derivative():
    h = sy.success_map(p, p_ref, beta, eps)
    stated = -h * (1 - h) * (1 - 2 * p) / (2 * beta * (p * (1 - p) + eps) ** sp.Rational(3, 2))
    assert zero(sp.diff(h, p) - stated)


def test_clipped_by_cases():
    """Section 2.2: a positive advantage is capped above the range, a negative one below it."""
    for advantage in -2, 2:
        for ratio in HALF, sp.Rational(9, 10), 1, sp.Rational(11, 10), 2:
            capped = min(ratio, 1 + HALF / 2) if advantage > 0 else max(ratio, 1 - HALF / 2)
            assert sy.clipped(ratio, advantage, HALF / 2) == capped * advantage


def test_theorem_1_from_policies():
    reward, policy = [1, 0, 0], [p_ref, (1 - p_ref) / 3, (1 - p_ref) * 2 / 3]
    gain = sy.advantage(policy, reward, sy.omega(p_ref, eps))
    assert zero(sum(q * a for q, a in zip(policy, gain, strict=True)))
    best = sy.optimal_policy(policy, gain, beta)
    assert zero(sum(best) - 1)
    success = sy.success_probability(best, reward)
    assert zero(success - sy.success_map(p_ref, p_ref, beta, eps))
    assert zero(best[2] / best[1] - 2)


def test_geometric_mean_between_its_ends():
    assert zero(sum(sy.geometric_mean(A, B, alpha)) - 1)
    for end, policy in (1, A), (0, B):
        mean = sy.geometric_mean(A, B, sp.Integer(end))
        assert all(zero((m - q).subs(SUM_TO_1)) for m, q in zip(mean, policy, strict=True))


def test_divergences():
    a, b = [HALF, HALF], [sp.Rational(1, 4), sp.Rational(3, 4)]
    assert sy.total_variation(a, b) == sp.Rational(1, 4)
    kl = sy.kl_divergence(a, b)
    assert zero(sp.exp(2 * kl) - sp.Rational(4, 3))
    assert zero(sp.limit(sy.renyi_divergence(a, b, alpha), alpha, 1) - kl)
    assert sy.kl_divergence(A, A) == sy.total_variation(A, A) == 0
    bhattacharyya = sum(sp.sqrt(x * y) for x, y in zip(a, b, strict=True))
    assert zero(sy.renyi_divergence(a, b, HALF) + 2 * sp.log(bhattacharyya))


@pytest.mark.parametrize(
    "call",
    [
        lambda: sy.success_probability(A, [0, 1]),
        lambda: sy.advantage(A, [0, 1], eps),
        lambda: sy.optimal_policy(A, A[:2], beta),
        lambda: sy.geometric_mean(A, B[:2], alpha),
        lambda: sy.kl_divergence(A, B[:2]),
        lambda: sy.total_variation(A, B[:2]),
        lambda: sy.renyi_divergence(A, B[:2], alpha),
    ],
)
def test_policies_of_different_length_are_refused(call):
    with pytest.raises(ValueError):
        call()
