"""The clipped update against whole policies, outcome by outcome, and what stays as without clip."""

import pickle

import numpy as np
import pytest
import sympy as sp
from scipy.special import expit, logit

from grpo_lib import (
    Clip,
    MeanDeviation,
    MeanOnly,
    MeanVariance,
    Recurrence,
    cycles,
    fixed_points,
    geometric_mean,
    lyapunov_exponent,
    phase_boundaries,
    random_policies,
    random_rewards,
    regime,
    rounding,
    success_log_odds,
    train,
)
from grpo_lib.arithmetic import Doubles, infinities
from grpo_lib.certified import Balls, arb, number
from grpo_lib.certified import step as certified_step
from grpo_lib.symbolic import Expressions


def maximiser(old, anchor, reward, weights, beta, low, high):
    """Log-odds of the best policy, from the mass of every outcome at a given Lagrange multiplier.

    An outcome's slope is its weight up to its kink, 0 beyond, less the penalty's; all are equal.
    """
    w_plus, w_minus, beta, low, high = (
        np.broadcast_to(x, old.shape[:-1])[..., None] for x in (*weights, beta, low, high)
    )
    wins = reward == 1
    below, above = np.where(wins, w_plus, 0) / beta, np.where(wins, 0, -w_minus) / beta
    with infinities():
        kink = np.log(np.where(wins, 1 + high, 1 - low) * old)
        down, up = -w_minus / beta, w_plus / beta
        for _ in range(120):
            level = (down + up) / 2
            masses = np.exp(
                np.clip(kink, np.log(anchor) + above - level, np.log(anchor) + below - level)
            )
            much = masses.sum(axis=-1, keepdims=True) > 1
            down, up = np.where(much, level, down), np.where(much, up, level)
    return np.log((masses * reward).sum(-1)) - np.log((masses * (1 - reward)).sum(-1))


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
@pytest.mark.parametrize(
    "normalization", [MeanVariance(0.0), MeanVariance(), MeanOnly(), MeanDeviation(0.1)], ids=repr
)
def test_the_update_maximises_the_clipped_objective_over_all_policies(normalization, share):
    rng = np.random.default_rng(0)
    reward = random_rewards(rng, 1000, 5)
    L_ref, move = rng.uniform(-14, 9, 1000), rng.normal(0, 2, 1000) * rng.integers(0, 2, 1000)
    reference = random_policies(rng, L=L_ref, reward=reward)
    old = reference * np.exp(move[:, None] * reward)
    old /= old.sum(axis=-1, keepdims=True)
    beta, low, high = 10 ** rng.uniform([[-1.5], [-1.5], [-1.5]], [[1.5], [0], [0.5]], (3, 1000))
    L, L_ref = success_log_odds(old, reward), success_log_odds(reference, reward)
    anchor, weights = geometric_mean(reference, old, share), normalization.weights(L=L)
    expected = maximiser(old, anchor, reward, weights, beta, low, high)
    clipped = Recurrence(beta, normalization, share, clip=(low, high))
    found = clipped.step(L=L, L_ref=L_ref)
    # The multiplier is known to 2^-52 of w / beta, and shifts 1 - p when p is next to 1.
    size = (weights[0] + weights[1]) / beta + np.abs(L) + np.abs(L_ref) + 1
    assert np.all(np.abs(found - expected) <= 1e-12 * size * np.exp(np.maximum(0, found)))
    free = Recurrence(beta, normalization, share).step(L=L, L_ref=L_ref)
    assert 0.1 < np.mean(found < free - 1e-9) < 0.95


def test_one_number_stands_for_both_limits():
    both, two = Recurrence(0.5, clip=0.2), Recurrence(0.5, clip=(0.2, 0.2))
    assert both == two == Recurrence(0.5, clip=Clip(0.2, 0.2)) != Recurrence(0.5, clip=(0.2, 0.3))
    assert pickle.loads(pickle.dumps(both)) == both
    assert both.parameters() == {"beta": 0.5, "eps": 1e-5, "alpha": 1.0, "low": 0.2, "high": 0.2}
    assert Recurrence(0.5).clip is None and "clip" not in Recurrence(0.5).parameters()


def test_limits_broadcast_over_prompts():
    wide = Recurrence([1.0, 2.0], clip=(0.2, [[0.1], [0.3], [0.5]]))
    assert wide.shape() == (3, 2)
    L = np.linspace(-3, 2, 6).reshape(3, 2)
    whole = wide.iterate(L_ref=L, steps=4)
    for i, high in enumerate((0.1, 0.3, 0.5)):
        for j, beta in enumerate((1.0, 2.0)):
            single = Recurrence(beta, clip=(0.2, high)).iterate(L_ref=L[i, j], steps=4)
            assert whole[i, j] == single


@pytest.mark.parametrize(
    ("clip", "message"),
    [
        (0.0, r"^low must be finite and above 0 and at most 1, got 0.0"),
        ((0.2, 0.0), r"^high must be finite and above 0, got 0.0"),
        (1.5, r"^low must be .*at most 1, got 1.5"),
        ((0.2, np.inf), r"^high must be finite"),
        ((0.2, 0.2, 0.2), r"^clip must be None, one number, or a tuple \(low, high\), got \(0.2"),
        (np.nan, r"^low must be a number, not NaN"),
        (([0.1, 0.2], [0.1, 0.2, 0.3]), "must broadcast over prompts"),
    ],
)
def test_bad_limits_are_refused(clip, message):
    with pytest.raises(ValueError, match=message):
        Recurrence(1.0, clip=clip)


def test_limits_must_broadcast_with_the_other_parameters():
    with pytest.raises(ValueError, match="must broadcast over prompts"):
        Recurrence([1.0, 2.0], clip=([0.1, 0.2, 0.3], 0.2))


@pytest.mark.parametrize("share", [0.25, 1.0])
@pytest.mark.parametrize("normalization", [MeanVariance(0.0), MeanVariance(), MeanOnly()], ids=repr)
def test_fixed_points_and_their_slopes_are_those_without_clip(normalization, share):
    L_ref = np.linspace(-12, 3, 200)
    beta = np.geomspace(0.3, 30, 200)
    with_clip = Recurrence(beta, normalization, share, clip=(0.2, 0.28))
    free = fixed_points(Recurrence(beta, normalization, share), L_ref=L_ref)
    found = fixed_points(with_clip, L_ref=L_ref)
    assert found.log_odds.tobytes() == free.log_odds.tobytes()
    inner = np.isfinite(found.log_odds)
    assert np.array_equal(found.slope[inner], free.slope[inner])
    # The slope of the update itself there, by a difference quotient.
    prompt, _ = np.nonzero(inner)
    x, h = found.log_odds[inner], 1e-6
    each = Recurrence(beta[prompt], normalization, share, clip=(0.2, 0.28))
    right, left = (each.step(L=x + side * h, L_ref=L_ref[prompt]) for side in (1, -1))
    quotient = (right - left) / (2 * h)
    assert quotient == pytest.approx(found.slope[inner], rel=1e-3, abs=1e-3)


@pytest.mark.parametrize(
    ("recurrence", "end", "slope"),
    [
        (Recurrence(1.0, MeanOnly(), 0.0, clip=(0.2, 0.5)), -np.inf, 1.5),
        (Recurrence(1.0, MeanOnly(), 0.0, clip=(0.2, 9.0)), -np.inf, np.exp(1)),
        (Recurrence(1.0, MeanOnly(), 0.0, clip=(0.2, 0.5)), np.inf, 0.8),
        (Recurrence(1.0, MeanOnly(), 0.0, clip=(0.9, 0.5)), np.inf, np.exp(-1)),
        (Recurrence(1.0, MeanVariance(0.0), 0.5, clip=(0.2, 0.5)), np.inf, 0.8),
        (Recurrence(1.0, MeanVariance(0.0), 0.0, clip=0.3), -np.inf, 1.3),
    ],
)
def test_slopes_at_the_ends(recurrence, end, slope):
    """In p, against one update from a state close to the end."""
    L = np.sign(end) * 60.0
    after = recurrence.step(L=L, L_ref=0.5)
    assert expit(-abs(after)) / expit(-abs(L)) == pytest.approx(slope, rel=1e-12, abs=0)
    found = fixed_points(recurrence, L_ref=0.5)
    assert found.slope[found.log_odds == end] == pytest.approx([slope], rel=1e-15, abs=0)


def test_absorbing_references_stay_absorbing():
    for share in (0.5, 1.0):
        clipped = Recurrence(1.0, MeanVariance([0.0, 1e-5]), share, clip=0.2)
        for end in (-np.inf, np.inf):
            assert np.all(clipped.step(L=0.0, L_ref=end) == end)
            found = fixed_points(clipped, L_ref=end)
            assert np.all(found.log_odds[..., 0] == end) and np.all(found.slope[..., 0] == 0)


@pytest.mark.parametrize("smoothing", [0.0, 1e-5])
def test_the_ends_of_the_line(smoothing):
    """The limits of the update: no success to clip at 0, no failure at 1, and no NaN far out."""
    clipped = Recurrence(2.0, MeanVariance(smoothing), clip=(0.2, 0.3))
    assert clipped.step(L=-np.inf, L_ref=-3.0) == -3.0
    top = clipped.step(L=np.inf, L_ref=-3.0)
    assert top == Recurrence(2.0, MeanVariance(smoothing)).step(L=np.inf, L_ref=-3.0)
    far = np.array([-2000.0, -1450.0, -800.0, -300.0, 300.0, 800.0, 1450.0, 2000.0])
    states = clipped.step(L=far, L_ref=-3.0)
    assert not np.isnan(states).any()
    mirror = Recurrence(1e-3, MeanVariance(smoothing), 0.0, clip=(0.2, 0.3))
    up = mirror.step(L=far, L_ref=-3.0) - far
    assert up[:4] == pytest.approx(np.log(1.3), rel=1e-12, abs=0)
    assert up[4:] == pytest.approx(-np.log(0.8), rel=1e-12, abs=0)


def test_without_a_lower_limit_failures_are_never_clipped():
    clipped = Recurrence(1e-3, MeanOnly(), clip=(1.0, 0.5))
    assert clipped.step(L=-1.0, L_ref=-1.0) == pytest.approx(
        -1 + expit(-1) / 1e-3, rel=1e-12, abs=0
    )


def test_what_rests_on_the_unclipped_formula_says_so():
    clipped, L_ref = Recurrence(5.0, clip=0.2), logit(1e-3)
    for call in (
        lambda: clipped.slope(L=0.0),
        lambda: clipped.parts(),
        lambda: phase_boundaries(clipped),
        lambda: regime(clipped, L_ref=L_ref),
        lambda: cycles(clipped, L_ref=L_ref, period=2),
        lambda: lyapunov_exponent(clipped, L_ref=L_ref, steps=3, transient=0),
        lambda: rounding.step_bound(clipped, L=0.0, L_ref=L_ref),
        lambda: train([0.5, 0.5], [1, 0], clipped, 1),
    ):
        with pytest.raises(NotImplementedError, match="with a clip; see Map"):
            call()


def test_a_map_of_ones_own_rests_with_its_own_slope():
    class Steeper(Recurrence):
        def update_slope(self, at):
            return 2 * super().update_slope(at)

    once = fixed_points(Recurrence(1.0), L_ref=-3.0).slope
    for clip in (None, 0.2):
        twice = fixed_points(Steeper(1.0, clip=clip), L_ref=-3.0).slope
        assert twice == pytest.approx(2 * once, rel=1e-15, abs=0, nan_ok=True)


CASES = [(beta, share, clip) for beta in (0.05, 0.5, 5.0) for share in (0.0, 0.5, 1.0)
         for clip in (0.2, (0.1, 0.6), (0.9, 0.05))]  # fmt: skip


@pytest.mark.parametrize(("beta", "share", "clip"), CASES)
def test_balls_and_expressions_agree_with_doubles(beta, share, clip):
    clipped = Recurrence(beta, MeanVariance(0.25), share, clip=clip)
    for L in (-4.0, -0.5, 0.25, 3.0):
        expected = clipped.step(L=L, L_ref=-1.0)
        ball = certified_step(clipped, L=number(L), L_ref=number(-1.0))
        assert float(ball.mid()) == pytest.approx(expected, rel=1e-13, abs=1e-13)
        state = Expressions(1 / (1 + sp.exp(-sp.Rational(L))), sp.Rational(L))
        symbolic = clipped.update(state, L_ref=sp.Integer(-1))
        assert float(symbolic) == pytest.approx(expected, rel=1e-13, abs=1e-13)


def test_a_ball_in_which_a_limit_passes_1_proves_nothing():
    assert not Balls(arb(0, 5)).more_success(arb(0.5)).is_finite()
    assert Balls(arb(1)).more_success(arb(0.5)) == arb.pos_inf()
    with infinities():
        assert Doubles(np.array(1.0)).more_success(0.5) == np.inf


def test_a_limit_of_exactly_1_has_infinite_log_odds():
    half, one = sp.Rational(1, 2), sp.Integer(1)
    assert Balls(arb(0)).more_success(arb(1)) == arb.pos_inf()
    assert Balls(arb(0)).less_failure(arb(1)) == arb.pos_inf()
    assert Expressions(half).more_success(one) == sp.oo
    with infinities():
        assert Doubles(np.array(0.0)).more_success(1.0) == np.inf
        assert Doubles(np.array(0.0)).less_failure(1.0) == np.inf


def test_a_clip_does_not_slow_what_the_reference_holds_at_an_end():
    """Where the reference always succeeds, so does the next policy, from every state."""
    clipped = Recurrence(1.0, MeanVariance(), alpha=0.5, clip=0.2)
    assert clipped.step(L=[-3.0, 30.0, np.inf], L_ref=np.inf).tolist() == [np.inf] * 3
    certain = fixed_points(clipped, L_ref=np.inf)
    assert (certain.log_odds[0], certain.slope[0]) == (np.inf, 0)
    assert clipped.end_slope(L=np.array([-np.inf, np.inf])).tolist() == [0, 0]


def test_what_a_clip_leaves_undeclared_is_named():
    clipped = Recurrence(1.0, clip=0.2)
    with pytest.raises(NotImplementedError, match="does not declare parts with a clip"):
        clipped.parts()
    with pytest.raises(NotImplementedError, match="does not declare update_slope with a clip"):
        clipped.update_slope(Doubles(np.array(0.0)))
