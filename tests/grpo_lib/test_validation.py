import inspect
from decimal import Decimal
from fractions import Fraction

import mpmath
import numpy as np
import pytest
import sympy as sp
from scipy.special import logit

import grpo_lib
from grpo_lib import (
    MeanDeviation,
    MeanOnly,
    MeanVariance,
    NoisyVerifier,
    Recurrence,
    advantage,
    certified,
    clipped_surrogate,
    contraction_threshold,
    contrastive_surrogate,
    cycles,
    fixed_points,
    geometric_mean,
    kl_divergence,
    lyapunov_exponent,
    optimal_policy,
    phase_boundaries,
    random_policies,
    regime,
    renyi_divergence,
    success_log_odds,
    success_probability,
    total_variation,
)
from grpo_lib.validation import LARGEST_COUNT, parameter, real_array, require, whole

NAN, INF = float("nan"), float("inf")
Q, R, A = [0.5, 0.5], [0, 1], [-1.0, 1.0]
ONE, MANY = Recurrence(1.0), Recurrence([1.0, 2.0, 3.0])
BETWEEN = Recurrence(1.0, alpha=0.5)
ZERO = certified.number(0)

# What is allowed, as the messages have it, and values that are not.
POSITIVE = "above 0", [0, -1.0, NAN, INF, -INF, "x", None, 1j]
NOT_NEGATIVE = "at least 0", [-1e-300, NAN, INF, "x", None]
SHARE = "at least 0 and at most 1", [-1e-300, 1 + 1e-15, NAN, INF, "x"]
NUMBER = "", [NAN, "x", None, 1j]
PROBABILITY = "a probability in [0, 1]", [-2e-9, 1 + 2e-9, NAN, INF, "x"]
POLICY = "", [0.5, [], [0.5, 0.4], [0.5, 0.6], [1.5, -0.5], [NAN, 1], [INF, 0], "x"]
REWARD = "0 or 1", [[0, 0.5], [0, 2], [-1, 1], [0, NAN], ["x", 1]]
STEPS = "a whole number of at least 0", [-1, 2.0, 1.5, NAN, True, "x", None]


NORMALIZATION = "a Normalization such as MeanVariance(...)", [None, 1e-5, MeanOnly]
RECURRENCE = "a Map such as Recurrence(...)", [None, 1.0, MeanOnly()]

ARGUMENTS = {
    "beta": [
        (lambda x: Recurrence(x), POSITIVE),
        (lambda x: optimal_policy(Q, A, x), POSITIVE),
    ],
    "eps": [(MeanVariance, NOT_NEGATIVE)],
    "delta": [(MeanDeviation, NOT_NEGATIVE)],
    "true_positive": [(lambda x: NoisyVerifier(x, 0.0), SHARE)],
    "false_positive": [(lambda x: NoisyVerifier(1.0, x), SHARE)],
    "alpha": [
        (lambda x: Recurrence(1.0, alpha=x), SHARE),
        (lambda x: contraction_threshold(MeanVariance(1.0), x), SHARE),
        (lambda x: geometric_mean(Q, Q, x), SHARE),
        (lambda x: renyi_divergence(Q, Q, x), SHARE),
    ],
    "clip": [
        (lambda x: clipped_surrogate(Q, Q, R, x), NOT_NEGATIVE),
        (lambda x: contrastive_surrogate(Q, Q, R, x), NOT_NEGATIVE),
    ],
    "normalization": [
        (lambda x: Recurrence(1.0, x), NORMALIZATION),
        (lambda x: NoisyVerifier(0.9, 0.1, x), NORMALIZATION),
        (lambda x: advantage(Q, R, x), NORMALIZATION),
        (lambda x: clipped_surrogate(Q, Q, R, 0.1, x), NORMALIZATION),
        (lambda x: contrastive_surrogate(Q, Q, R, 0.1, x), NORMALIZATION),
        (lambda x: contraction_threshold(x), NORMALIZATION),
    ],
    "recurrence": [
        (lambda x: fixed_points(x, L_ref=0.0), RECURRENCE),
        (lambda x: regime(x, L_ref=0.0), RECURRENCE),
        (lambda x: phase_boundaries(x), RECURRENCE),
        (lambda x: cycles(x, L_ref=0.0, period=2), RECURRENCE),
        (lambda x: lyapunov_exponent(x, L_ref=0.0, steps=1, transient=0), RECURRENCE),
        (lambda x: certified.step(x, L=ZERO, L_ref=ZERO), RECURRENCE),
        (lambda x: certified.slope(x, L=ZERO), RECURRENCE),
        (lambda x: certified.cycle(x, p_ref=0.5, near=0.0), RECURRENCE),
    ],
    "L": [
        (lambda x: MeanVariance().scale(L=x), NUMBER),
        (lambda x: MeanVariance().weights(L=x), NUMBER),
        (lambda x: MeanOnly().scale(L=x), NUMBER),
        (lambda x: MeanOnly().weights(L=x), NUMBER),
        (lambda x: ONE.step(L=x, L_ref=0.0), NUMBER),
        (lambda x: ONE.slope(L=x), NUMBER),
    ],
    "L_ref": [
        (lambda x: ONE.step(L=0.0, L_ref=x), NUMBER),
        (lambda x: ONE.iterate(L_ref=x, steps=1, L_0=0.0), NUMBER),
        (lambda x: fixed_points(ONE, L_ref=x), NUMBER),
    ],
    "L_0": [(lambda x: ONE.iterate(L_ref=0.0, steps=1, L_0=x), ("", [NAN, "x", 1j]))],
    "p_ref": [(lambda x: ONE.trajectory(p_ref=x, steps=1), PROBABILITY)],
    "p_0": [(lambda x: ONE.trajectory(p_ref=0.5, steps=1, p_0=x), PROBABILITY)],
    "steps": [
        (lambda x: ONE.trajectory(p_ref=0.5, steps=x), STEPS),
        (lambda x: ONE.iterate(L_ref=0.0, steps=x), STEPS),
    ],
    "policy": [
        (lambda x: success_probability(x, R), POLICY),
        (lambda x: success_log_odds(x, R), POLICY),
        (lambda x: advantage(x, R), POLICY),
        (lambda x: clipped_surrogate(x, Q, R, 0.1), POLICY),
        (lambda x: contrastive_surrogate(x, Q, R, 0.1), POLICY),
    ],
    "old_policy": [
        (lambda x: clipped_surrogate(Q, x, R, 0.1), POLICY),
        (lambda x: contrastive_surrogate(Q, x, R, 0.1), POLICY),
    ],
    "reward": [
        (lambda x: success_probability(Q, x), REWARD),
        (lambda x: success_log_odds(Q, x), REWARD),
        (lambda x: advantage(Q, x), REWARD),
        (lambda x: clipped_surrogate(Q, Q, x, 0.1), REWARD),
        (lambda x: contrastive_surrogate(Q, Q, x, 0.1), REWARD),
    ],
    "anchor": [(lambda x: optimal_policy(x, A, 1.0), POLICY)],
    "advantage": [
        (lambda x: optimal_policy(Q, x, 1.0), ("", [[NAN, 1.0], [INF, 1.0], [1.0, -INF], "x"])),
    ],
    "a": [
        (lambda x: kl_divergence(x, Q), POLICY),
        (lambda x: total_variation(x, Q), POLICY),
        (lambda x: renyi_divergence(x, Q, 0.5), POLICY),
        (lambda x: geometric_mean(x, Q, 0.5), POLICY),
    ],
    "b": [
        (lambda x: kl_divergence(Q, x), POLICY),
        (lambda x: total_variation(Q, x), POLICY),
        (lambda x: renyi_divergence(Q, x, 0.5), POLICY),
        (lambda x: geometric_mean(Q, x, 0.5), POLICY),
        (lambda x: geometric_mean([1, 0], x, 0.5), ("shares an outcome", [[0, 1]])),
    ],
}
CASES = [
    pytest.param(name, call, allowed, value, id=f"{name}={value}")
    for name, calls in ARGUMENTS.items()
    for call, (allowed, values) in calls
    for value in values
]


@pytest.mark.parametrize(("name", "call", "allowed", "value"), CASES)
def test_bad_values(name, call, allowed, value):
    with pytest.raises(ValueError) as caught:
        call(value)
    message = str(caught.value)
    said, _, got = message.partition(", got ")
    assert said.startswith(f"{name} must be ")
    # What is no number at all is told so first.
    assert allowed in said or "not NaN" in said or "real numbers" in said
    assert np.size(value) == 0 or any(str(entry) in got for entry in np.ravel(value))


SHAPES = {
    "beta": [
        lambda: Recurrence([1, 2], alpha=[0, 0.5, 1]),
        lambda: optimal_policy([Q] * 2, A, [1, 2, 3]),
    ],
    "alpha": [
        lambda: Recurrence([1, 2], alpha=[0, 0.5, 1]),
        lambda: geometric_mean([Q] * 2, Q, [0, 0.5, 1]),
        lambda: renyi_divergence([Q] * 2, Q, [0, 0.5, 1]),
    ],
    "eps": [
        lambda: Recurrence([1, 2], MeanVariance([0, 0.5, 1])),
        lambda: MeanVariance([0, 1]).scale(L=[1, 2, 3]),
        lambda: MeanVariance([0, 1]).weights(L=[1, 2, 3]),
        lambda: advantage([Q] * 2, R, MeanVariance([0, 0.5, 1])),
        lambda: clipped_surrogate([Q] * 2, Q, R, 0.1, MeanVariance([0, 0.5, 1])),
    ],
    "clip": [
        lambda: clipped_surrogate([Q] * 2, Q, R, [0.1, 0.2, 0.3]),
        lambda: contrastive_surrogate([Q] * 2, Q, R, [0.1, 0.2, 0.3]),
    ],
    "L": [lambda: MANY.step(L=[1, 2], L_ref=0), lambda: MANY.slope(L=[1, 2])],
    "L_ref": [
        lambda: MANY.step(L=0, L_ref=[1, 2]),
        lambda: MANY.iterate(L_ref=[1, 2], steps=1),
        lambda: fixed_points(MANY, L_ref=[1, 2]),
    ],
    "L_0": [lambda: ONE.iterate(L_ref=[1, 2, 3], steps=1, L_0=[1, 2])],
    "p_ref": [lambda: MANY.trajectory(p_ref=[0.1, 0.2], steps=1)],
    "p_0": [lambda: ONE.trajectory(p_ref=[0.1, 0.2, 0.3], steps=1, p_0=[0.1, 0.2])],
    "policy": [
        lambda: success_probability([0.2, 0.3, 0.5], R),
        lambda: success_log_odds([Q] * 2, [R] * 3),
        lambda: advantage([0.2, 0.3, 0.5], R),
        lambda: clipped_surrogate([0.2, 0.3, 0.5], Q, R, 0.1),
        lambda: contrastive_surrogate([0.2, 0.3, 0.5], Q, R, 0.1),
    ],
    "old_policy": [
        lambda: clipped_surrogate(Q, [0.2, 0.3, 0.5], R, 0.1),
        lambda: contrastive_surrogate(Q, Q, [0, 1, 1], 0.1),
    ],
    "reward": [
        lambda: success_probability(Q, 1),
        lambda: clipped_surrogate(Q, Q, [0, 1, 1], 0.1),
        lambda: contrastive_surrogate([Q] * 2, Q, [R] * 3, 0.1),
    ],
    "anchor": [
        lambda: optimal_policy(Q, [1.0], 1.0),
        lambda: optimal_policy([Q] * 2, [A] * 3, 1.0),
    ],
    "a": [
        lambda: kl_divergence(Q, [1.0]),
        lambda: total_variation([Q] * 2, [Q] * 3),
        lambda: renyi_divergence(Q, [1.0], 0.5),
        lambda: geometric_mean(Q, [0.2, 0.3, 0.5], 0.5),
    ],
}


@pytest.mark.parametrize(
    ("name", "call"), [(name, call) for name, calls in SHAPES.items() for call in calls]
)
def test_shapes_that_do_not_fit(name, call):
    with pytest.raises(ValueError, match=r"must .*, got shapes? \(") as caught:
        call()
    assert name in str(caught.value).partition(" must ")[0].split(" and ")


# Calls with so many prompts each, all with the policy q; the last argument is a parameter.
PROMPTS = {
    "advantage": lambda q, policy, reward, eps: advantage(
        [q] * policy, [R[: len(q)]] * reward, MeanVariance([0.1] * eps)
    ),
    "optimal_policy": lambda q, anchor, advantage, beta: optimal_policy(
        [q] * anchor, [A[: len(q)]] * advantage, [1.0] * beta
    ),
    "geometric_mean": lambda q, a, b, alpha: geometric_mean([q] * a, [q] * b, [0.5] * alpha),
    "renyi_divergence": lambda q, a, b, alpha: renyi_divergence([q] * a, [q] * b, [0.5] * alpha),
    "clipped_surrogate": lambda q, policy, old_policy, reward, clip: clipped_surrogate(
        [q] * policy, [q] * old_policy, [R[: len(q)]] * reward, [0.1] * clip
    ),
}


@pytest.mark.parametrize("call", PROMPTS.values(), ids=PROMPTS)
def test_each_array_fits_the_parameter(call):
    _, *arrays, parameter = inspect.signature(call).parameters
    for array in arrays:
        prompts = dict.fromkeys(arrays, 1) | {array: 2, parameter: 3}
        with pytest.raises(ValueError, match="must broadcast over prompts, got shapes") as caught:
            call(Q, **prompts)
        named = set(str(caught.value).partition(" must ")[0].split(" and "))
        assert named >= {*arrays, parameter}


def test_parameters_fit_each_other():
    with pytest.raises(ValueError, match=r"^alpha and eps must broadcast over prompts"):
        contraction_threshold(MeanVariance([0.5] * 2), [0.5] * 3)


@pytest.mark.parametrize("call", PROMPTS.values(), ids=PROMPTS)
def test_one_outcome_is_enough(call):
    _, *arguments = inspect.signature(call).parameters
    assert np.isfinite(call([1.0], **dict.fromkeys(arguments, 1))).all()


def test_anchors_that_exclude_each_other():
    with pytest.raises(ValueError, match=r"^L_ref must be compatible with L: .*, got inf$"):
        BETWEEN.step(L=-INF, L_ref=INF)
    with pytest.raises(ValueError, match=r"^(L_0|L_ref) must be .*, got -?inf$"):
        BETWEEN.iterate(L_ref=INF, steps=1, L_0=-INF)
    with pytest.raises(ValueError, match=r"^(p_0|p_ref) must be .*, got (0|1)\.0$"):
        BETWEEN.trajectory(p_ref=1.0, steps=1, p_0=0.0)


def test_a_policy_has_an_outcome():
    with pytest.raises(ValueError, match=r"policy must be a distribution over at least one .*\[\]"):
        success_probability(np.empty(0), np.empty(0))


@pytest.mark.parametrize(
    ("outcomes", "shown"), [(8, "[1. 1. 1. 1. 1. 1. 1. 1.]"), (9, "[1. 1. 1. ... 1. 1. 1.]")]
)
def test_a_long_array_is_cut(outcomes, shown):
    with pytest.raises(ValueError, match=r"^reward must be ") as caught:
        random_policies(np.random.default_rng(0), L=0.0, reward=np.ones(outcomes))
    assert str(caught.value).endswith(f", got {shown}")


@pytest.mark.parametrize(("length", "cut"), [(200, False), (201, True)])
def test_a_long_value_is_cut(length, cut):
    text = "x" * (length - 2)  # and two quotation marks
    with pytest.raises(ValueError, match="got 'x") as caught:
        real_array("L", text)
    shown = str(caught.value).partition("got ")[2]
    assert (shown == repr(text)) != cut
    assert len(shown) == 200 + 3 * cut


def test_the_first_bad_entry_is_shown_with_its_place():
    with pytest.raises(ValueError, match=r"^beta .*, got -2\.0 at index 1$"):
        Recurrence([1, -2, -3])
    with pytest.raises(ValueError, match=r"^p_ref .*, got 1\.5 at index \(1, 0\)$"):
        ONE.trajectory(p_ref=[[0.1, 0.2], [1.5, 0.3]], steps=1)
    with pytest.raises(ValueError, match=r"^policy .*they sum to 0\.9\), got \[0\.5 0\.4\]$"):
        success_probability([0.5, 0.4], R)


def test_an_advantage_may_be_infinite_where_the_anchor_has_no_mass():
    assert optimal_policy([1, 0], [0, INF], 1.0).tolist() == [1, 0]


# One unit of rounding, what sums of some thousand terms are off by, and what is allowed at most.
ROUNDINGS = [2.0**-52, 1e-13, 1e-9]


@pytest.mark.parametrize("excess", ROUNDINGS)
def test_a_probability_beyond_an_end_by_rounding_is_the_end(excess):
    for end, beyond in ((0.0, -excess), (1.0, 1 + excess)):
        path = ONE.trajectory(p_ref=[0.3, end], steps=5, p_0=[end, 0.3])
        assert ONE.trajectory(p_ref=[0.3, beyond], steps=5, p_0=[beyond, 0.3]) == path


def test_probabilities_inside_keep_every_bit():
    inside = np.array([0.0, 5e-324, 1e-300, 2.0**-53, 0.5, 1 - 2.0**-53, 1.0])
    assert ONE.trajectory(p_ref=inside, steps=0).log_odds[0].tobytes() == logit(inside).tobytes()


@pytest.mark.parametrize("excess", ROUNDINGS)
def test_a_policy_may_exceed_1_by_rounding(excess):
    for policy in ([1 + excess, 0], [1, -excess]):
        assert success_probability(policy, [1, 0]) == 1
        assert success_log_odds(policy, [1, 0]) == INF
        assert kl_divergence(policy, Q) == pytest.approx(np.log(2), abs=4e-9)


def test_what_comes_out_as_a_probability_goes_in_as_one():
    policy = [0.2, 0.4, 0.3, 0.1]
    assert np.sum(policy) > 1  # by one unit of rounding
    p = success_probability(policy, np.ones(4))
    assert p == 1
    assert np.all(ONE.trajectory(p_ref=p, steps=2).probability == 1)


def test_sums_may_be_off_by_rounding_and_no_more():
    assert success_probability([0.5, 0.5 + 9e-10], R) == pytest.approx(0.5, rel=1e-6, abs=0)
    for off in (1.1e-9, -1.1e-9):
        with pytest.raises(ValueError, match="sum to 1"):
            success_probability([0.5, 0.5 + off], R)


@pytest.mark.parametrize("value", [True, 1, np.float32(1), np.int8(1), [1], (1.0,), np.ones(1)])
def test_every_kind_of_real_number_is_taken(value):
    assert np.all(Recurrence(value).step(L=value, L_ref=value) == 1 + MeanVariance().scale(L=1.0))


def test_a_scalar_parameter_is_a_plain_float():
    for value in (2, np.float64(2), np.array(2)):
        assert type(Recurrence(value).beta) is float
    assert Recurrence([2.0]).beta.shape == (1,)


def test_a_range_is_open_where_it_says_above():
    assert parameter("x", 5e-324, above=0) == 5e-324
    with pytest.raises(ValueError, match=r"^x must be finite and above 0, got 0\.0$"):
        parameter("x", 0.0, above=0)


def test_require_passes_in_silence_and_names_what_fails():
    require(True, "x", 1, "anything")
    require([], "x", [], "anything")
    with pytest.raises(ValueError, match=r"^x must be 2, got 1$"):
        require(False, "x", 1, "2")


class NeedsGradient:
    """Stands in for a tensor that needs a gradient: it refuses to become an array."""

    def __array__(self, dtype=None, copy=None):
        raise RuntimeError("Can't call numpy() on Tensor that requires grad.")


class OnDevice:
    """Stands in for a tensor in another device's memory."""

    def __array__(self, dtype=None, copy=None):
        raise TypeError("can't convert cuda:0 device type tensor to numpy.")


@pytest.mark.parametrize("tensor", [NeedsGradient(), OnDevice(), [NeedsGradient()]])
def test_an_array_that_refuses_is_told_how(tensor):
    with pytest.raises(
        ValueError, match=r"^beta must .*x\.detach\(\)\.cpu\(\)\), got .*: [Cc]an't"
    ):
        Recurrence(tensor)


def test_a_message_never_asks_a_foreign_object_for_an_array():
    for call in (
        lambda x: ONE.iterate(L_ref=0.0, steps=x),
        lambda x: Recurrence(1.0, x),
        lambda x: fixed_points(x, L_ref=0.0),
    ):
        with pytest.raises(ValueError, match=r"got <.*NeedsGradient"):
            call(NeedsGradient())


MASKED = np.ma.array([0.25, 0.5], mask=[False, True])


@pytest.mark.parametrize("value", [MASKED, [MASKED], ([0.1, 0.2], MASKED), np.ma.masked])
def test_a_masked_entry_is_refused_with_the_cure(value):
    with pytest.raises(ValueError, match=r"^p_ref must .* without a masked entry .*filled"):
        ONE.trajectory(p_ref=value, steps=1)


def test_a_masked_array_without_a_masked_entry_is_an_array():
    assert real_array("x", np.ma.array([0.25, 0.5])).tolist() == [0.25, 0.5]
    assert real_array("x", MASKED.filled(0.75)).tolist() == [0.25, 0.75]


THIRD = 1 / 3
EXACT = {
    Fraction(1, 3): THIRD,
    Decimal("0.1"): 0.1,
    Decimal("-0"): 0.0,
    Decimal("Infinity"): INF,
    sp.Rational(1, 3): THIRD,
    sp.Integer(0): 0.0,
    sp.Float(0): 0.0,
    sp.Float("0.1", 50): 0.1,
    sp.oo: INF,
    -sp.oo: -INF,
    sp.sqrt(2): np.sqrt(2),
    sp.log(3): np.log(3),
    mpmath.mpf("0.5"): 0.5,
    10**30: 1e30,
}


@pytest.mark.parametrize("number", EXACT, ids=repr)
def test_exact_numbers_are_the_nearest_double(number):
    expected = EXACT[number]
    assert real_array("x", number) == expected
    assert real_array("x", [[number, 1], [0.5, number]]).tolist() == [
        [expected, 1],
        [0.5, expected],
    ]


def test_exact_numbers_are_taken_everywhere():
    third = Fraction(1, 3)
    exact = Recurrence(third, MeanVariance(Decimal("0.01")), sp.Rational(1, 2))
    assert exact == Recurrence(THIRD, MeanVariance(0.01), 0.5)
    path = exact.trajectory(p_ref=[third, sp.Rational(1, 5)], steps=sp.Integer(2))
    assert path == exact.trajectory(p_ref=[THIRD, 0.2], steps=2)
    assert success_probability([third, 1 - third], R) == 2 / 3
    assert np.all(real_array("x", sp.Matrix([third, 1])) == [[THIRD], [1]])


@pytest.mark.parametrize("value", [sp.Symbol("x"), sp.I, sp.zoo, sp.true, np.datetime64(1, "D")])
def test_what_is_no_real_number_is_not_taken_for_one(value):
    with pytest.raises(ValueError, match=r"^beta must be real numbers, got"):
        Recurrence([1, value])


def test_a_number_in_words_is_none():
    for value in (np.array(["1.5", 2], dtype=object), [sp.Integer(1), "1.5"]):
        with pytest.raises(ValueError, match=r"^x must be real numbers, got"):
            real_array("x", value)


TOO_LARGE = [
    10**400,
    10**5000,
    -(10**5000),
    Fraction(10**400),
    Decimal("1e400"),
    sp.Integer(10**400),
]
TOO_SMALL = [Fraction(1, 10**400), Decimal("1e-400"), sp.Float("1e-400"), sp.exp(-1000)]


@pytest.mark.parametrize("value", [*TOO_LARGE, *TOO_SMALL], ids=range(10))
def test_numbers_beyond_the_doubles_give_one_short_message(value):
    for call in Recurrence, lambda x: ONE.iterate(L_ref=[0.0, x], steps=1):
        with pytest.raises(
            ValueError, match="must be real numbers within the range of a double"
        ) as e:
            call(value)
        assert len(str(e.value)) < 400


def test_the_largest_count_is_still_one():
    assert whole("steps", LARGEST_COUNT, at_least=0) == LARGEST_COUNT == 1_000_000_000
    with pytest.raises(
        ValueError,
        match=r"^steps must be a whole number of at most 1,000,000,000, got 1000000001$",
    ):
        whole("steps", LARGEST_COUNT + 1, at_least=0)


@pytest.mark.parametrize("steps", [LARGEST_COUNT + 1, 10**30, 10**5000], ids=["1", "2", "3"])
def test_too_many_steps_are_refused_at_once(steps):
    for call in (
        lambda: ONE.iterate(L_ref=0.0, steps=steps),
        lambda: ONE.trajectory(p_ref=0.5, steps=steps),
        lambda: lyapunov_exponent(ONE, L_ref=0.0, steps=steps, transient=0),
        lambda: lyapunov_exponent(ONE, L_ref=0.0, steps=1, transient=steps),
        lambda: cycles(ONE, L_ref=0.0, period=steps),
        lambda: certified.cycle(ONE, p_ref=0.5, near=0.0, period=steps),
    ):
        with pytest.raises(
            ValueError, match=r"must be a whole number of at most 1,000,000,000"
        ) as e:
            call()
        assert len(str(e.value)) < 400


@pytest.mark.parametrize("call", [Recurrence, lambda x: optimal_policy(Q, A, x)])
def test_a_beta_of_0_is_refused_with_what_it_would_mean(call):
    for zero in (0, 0.0, [1.0, 0.0], Fraction(0)):
        with pytest.raises(
            ValueError, match=r"^beta must be above 0.*no penalty.*p_ref > 0.*p = 1"
        ):
            call(zero)
    with pytest.raises(ValueError, match=r"^beta must be finite and above 0, got -1"):
        call(-1.0)


def test_without_a_penalty_every_prompt_that_can_be_solved_ends_at_1():
    # What the message says, as the limit of a vanishing penalty.
    path = Recurrence(1e-300).trajectory(p_ref=[0.0, 1e-300, 0.5], steps=1)
    assert path.probability[-1].tolist() == [0, 1, 1]


STATES = {"p", "p_ref", "p_0", "L", "L_ref", "L_0", "near"}
CONVERTERS = {"certified.sigma", "certified.logit"}  # their names say which of the two they take


def positional_states(owner, prefix=""):
    """Public functions and methods that take a state without its name."""
    for name, value in inspect.getmembers(owner):
        if (
            name.startswith("_")
            or str(getattr(value, "__module__", "")).partition(".")[0] != "grpo_lib"
        ):
            continue
        if inspect.isclass(value):
            yield from positional_states(value, f"{prefix}{name}.")
        elif inspect.isfunction(value) and f"{prefix}{name}" not in CONVERTERS:
            for parameter in inspect.signature(value).parameters.values():
                if parameter.name in STATES and parameter.kind is not parameter.KEYWORD_ONLY:
                    yield f"{prefix}{name}({parameter.name})"


def test_a_probability_and_log_odds_cannot_be_mixed_up_in_silence():
    assert list(positional_states(grpo_lib)) == []
    assert list(positional_states(certified, "certified.")) == []
    for call in (
        lambda: ONE.trajectory(0.2, 50),
        lambda: ONE.iterate(0.2, 50),
        lambda: ONE.iterate(p_ref=0.2, steps=50),
        lambda: fixed_points(ONE, 0.2),
    ):
        with pytest.raises(TypeError):
            call()


def test_a_state_without_its_name_is_seen():
    class Module:
        def bad(self, recurrence, L): ...
        def good(self, recurrence, *, L): ...

    Module.bad.__module__ = Module.good.__module__ = "grpo_lib.somewhere"
    assert list(positional_states(Module)) == ["bad(L)"]
