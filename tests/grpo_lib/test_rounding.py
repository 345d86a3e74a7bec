"""The bounds on rounding hold against 60 digits, and are not far above what rounding does."""

from dataclasses import dataclass

import numpy as np
import pytest
from mpmath import mp
from scipy.special import expit

from grpo_lib import (
    MeanOnly,
    MeanVariance,
    Recurrence,
    advantage,
    fixed_points,
    geometric_mean,
    optimal_policy,
    phase_boundaries,
    random_policies,
    random_rewards,
    success_log_odds,
)
from grpo_lib.rounding import (
    STEP,
    UNIT,
    fixed_point_bound,
    orbit_bound,
    step_bound,
    update_bound,
)

rng = np.random.default_rng(0)
COUNT = 60
L_REF = rng.uniform(-25, 10, COUNT)
BETA = 10 ** rng.uniform(-1, 2, COUNT)
EPS = 10 ** rng.uniform(-12, 0, COUNT)
ALPHA = rng.choice([1.0, 0.0, 0.3, 0.9], COUNT)
RANDOM = Recurrence(BETA, MeanVariance(EPS), ALPHA)


def exact_orbit(i: int, steps: int) -> list:
    """The orbit of one random problem, in 60 digits."""
    beta, eps, alpha = mp.mpf(BETA[i]), mp.mpf(EPS[i]), mp.mpf(ALPHA[i])
    L = L_ref = mp.mpf(L_REF[i])
    states = [L]
    for _ in range(steps):
        Omega = 1 / mp.sqrt(1 / (4 * mp.cosh(L / 2) ** 2) + eps)
        L = alpha * L_ref + (1 - alpha) * L + Omega / beta
        states.append(L)
    return states


def errors(steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Errors of the orbits that the library computes, and their bounds."""
    path = np.stack([RANDOM.iterate(L_ref=L_REF, steps=n) for n in range(steps + 1)])
    bound = orbit_bound(RANDOM, L=path, L_ref=L_REF)
    with mp.workdps(60):
        exact = [exact_orbit(i, steps) for i in range(COUNT)]
        error = [
            [abs(mp.mpf(path[n, i]) - exact[i][n]) for i in range(COUNT)] for n in range(steps + 1)
        ]
    return np.array(error, dtype=float), bound


def test_orbits_stay_within_their_bound() -> None:
    error, bound = errors(steps=40)
    finite = np.isfinite(bound)
    assert np.mean(finite) > 0.8
    assert np.all(error[finite] <= bound[finite])


def test_the_bound_is_not_far_above_the_errors() -> None:
    """A bound a million times too large would let wrong formulas pass."""
    error, bound = errors(steps=40)
    useful = np.isfinite(bound[1:]) & (error[1:] > 0)
    assert np.median(bound[1:][useful] / error[1:][useful]) < 3000


def test_one_step_stays_within_its_bound_and_a_wrong_one_does_not() -> None:
    stepped = RANDOM.step(L=L_REF, L_ref=L_REF)
    bound = step_bound(RANDOM, L=L_REF, L_ref=L_REF)
    with mp.workdps(60):
        exact = [exact_orbit(i, 1)[1] for i in range(COUNT)]
        error = np.array([abs(mp.mpf(s) - e) for s, e in zip(stepped, exact, strict=True)], float)
    assert np.all(error <= bound)
    wrong = Recurrence(BETA * (1 + 1e-12), MeanVariance(EPS), ALPHA).step(L=L_REF, L_ref=L_REF)
    assert np.mean(np.abs(wrong - stepped) > bound) > 0.5


def test_one_reference_for_many_penalties() -> None:
    recurrence = Recurrence(beta=[1.0, 5.0])
    path = recurrence.trajectory(p_ref=0.2, steps=3).log_odds
    bound = orbit_bound(recurrence, L=path, L_ref=path[0, 0])
    assert np.array_equal(bound, orbit_bound(recurrence, L=path, L_ref=path[0]))


def test_slopes_carry_the_bound() -> None:
    """A first error is multiplied by the product of the slopes along the orbit."""
    recurrence = Recurrence(beta=1.0, normalization=MeanVariance(1e-12))
    path = recurrence.trajectory(p_ref=0.007, steps=12).log_odds
    bound = orbit_bound(recurrence, L=path, L_ref=path[0], step_error=0.0)
    product = np.prod(np.abs(recurrence.slope(L=path[:-1])))
    assert bound[-1] >= product * bound[0]
    quiet = Recurrence(beta=100.0)
    path = quiet.trajectory(p_ref=0.3, steps=12).log_odds
    assert orbit_bound(quiet, L=path, L_ref=path[0])[-1] < 5 * STEP


def test_a_flat_scale_does_not_bend_however_large_it_is() -> None:
    recurrence = Recurrence(1e-3, MeanVariance(1e-12))
    top = fixed_points(recurrence, L_ref=1.0).log_odds[0]
    assert top > 1e8
    assert fixed_point_bound(recurrence, L=top, L_ref=1.0) < 4 * STEP * top
    path = recurrence.trajectory(p_ref=0.7, steps=50).log_odds
    assert orbit_bound(recurrence, L=path, L_ref=path[0])[-1] < 4 * STEP * top


def test_a_rough_scale_widens_the_bound_of_a_step() -> None:
    @dataclass(frozen=True, eq=False)
    class Rough(MeanVariance):
        def omega_error(self) -> float:
            return 60.0

    fine, rough = (
        step_bound(Recurrence(1.0, kind(0.01)), L=0.5, L_ref=-1.0) for kind in (MeanVariance, Rough)
    )
    assert rough / fine == pytest.approx((60 + 4) / 32, rel=1e-15, abs=0)


def test_an_orbit_that_forgets_its_digits_has_no_bound() -> None:
    recurrence = Recurrence(beta=5.0)
    path = recurrence.trajectory(p_ref=1e-4, p_0=0.1, steps=400).log_odds
    assert orbit_bound(recurrence, L=path, L_ref=np.log(1e-4 / (1 - 1e-4)))[-1] > 1


SLOPE = 3 / 2 * 22 + 48 / 2
"""Error of the slope of Omega, in `UNIT` times Omega, which itself is off by 22."""


def derived_bound(i: int, path: np.ndarray, step_error: float) -> list[float]:
    """The bound on one random orbit, written out from the docstring of `orbit_bound`."""
    beta, eps, alpha, L_ref = BETA[i], EPS[i], ALPHA[i], L_REF[i]
    bound = [STEP * max(1, abs(path[0]))]
    for L in path[:-1]:
        e, p = bound[-1], expit(L)
        pull = 1 / np.sqrt(p * expit(-L) + eps) / beta
        share = p * expit(-L) / (p * expit(-L) + eps)
        slope = abs(1 - alpha + pull * np.tanh(L / 2) / 2 * share) + UNIT * (2 + SLOPE * pull)
        bend = pull * min(1 / 4, share / 2)
        of_reference = STEP * alpha * max(1, abs(L_ref))
        bound.append((slope + e * np.exp(3 * e / 2) * bend) * e + step_error + of_reference)
    return bound


@pytest.mark.parametrize("step_error", [0.0, 0.01])
def test_the_bound_of_an_orbit_is_what_its_derivation_says(step_error: float) -> None:
    """Large errors bring out how the slope changes, and small ones the smallest terms."""
    path = np.stack([RANDOM.iterate(L_ref=L_REF, steps=n) for n in range(4)])
    found = orbit_bound(RANDOM, L=path, L_ref=L_REF, step_error=step_error)
    for i in range(COUNT):
        assert found[:, i] == pytest.approx(
            derived_bound(i, path[:, i], step_error), rel=1e-9, abs=0
        )


def test_the_bound_of_a_step_counts_its_three_terms() -> None:
    variance = expit(L_REF / 2) * expit(-L_REF / 2)
    sizes = ALPHA * np.abs(L_REF) + (1 - ALPHA) * np.abs(L_REF / 2)
    sizes += 1 / np.sqrt(variance + EPS) / BETA
    found = step_bound(RANDOM, L=L_REF / 2, L_ref=L_REF)
    np.testing.assert_allclose(found, STEP * sizes, rtol=1e-12)


def test_bounds_at_infinite_states() -> None:
    steep = Recurrence(1.0, MeanVariance(0))
    bound = orbit_bound(steep, L=[0.5, np.inf], L_ref=0.0)
    assert bound[0] == STEP and bound[1] > STEP
    # With the reference alone as anchor, the state after an infinite one is rounded like any other.
    assert orbit_bound(Recurrence(1.0), L=[np.inf, 316.0], L_ref=0.0)[1] > STEP
    # Nothing is known of what follows a state of which nothing is known, however flat the map.
    flat = orbit_bound(Recurrence(1.0), L=[0.0, 1e5, 316.0], L_ref=0.0, step_error=[np.inf, 0.0])
    assert flat[1] == flat[2] == np.inf
    assert np.isfinite(orbit_bound(steep, L=[1000.0], L_ref=0.0))
    # Omega is a double at this state, and Omega / beta is none.
    beyond = Recurrence(0.01, MeanVariance(0))
    assert orbit_bound(beyond, L=[1418.0, np.inf], L_ref=0.0)[1] == np.inf
    assert step_bound(beyond, L=1418.0, L_ref=0.0) == np.inf


def test_one_state_for_many_references() -> None:
    bound = orbit_bound(Recurrence(1.0), L=[0.0, 1.0], L_ref=[0.0, -3.0, -9.0])
    assert bound.shape == (2, 3)
    assert bound[1, 0] < bound[1, 1] < bound[1, 2]


def test_absorbing_states_are_exact_and_states_beyond_the_doubles_are_not() -> None:
    for alpha in (0.0, 0.5, 1.0):
        recurrence = Recurrence(0.3, MeanVariance(0), alpha)
        path = recurrence.trajectory(p_ref=[0.0, 1.0, 1e-300], steps=4).log_odds
        bound = orbit_bound(recurrence, L=path, L_ref=path[0])
        assert np.all(bound[:, :2] == 0)
        assert bound[-1, 2] == np.inf
    assert step_bound(Recurrence(1.0), L=0.0, L_ref=-np.inf) == 0


def test_a_constant_scale_adds_one_error_a_step() -> None:
    mirror = Recurrence(1.0, MeanOnly(), alpha=0.0)
    path = mirror.trajectory(p_ref=0.5, steps=10).log_odds
    bound = orbit_bound(mirror, L=path, L_ref=path[0])
    assert STEP < bound[-1] < STEP * 100
    assert np.finfo(float).eps / 2 == UNIT


def test_fixed_points_stay_within_their_bound_and_wrong_ones_do_not() -> None:
    inner = np.nonzero(ALPHA > 0)[0]
    problems = Recurrence(BETA[inner], MeanVariance(EPS[inner]), ALPHA[inner])
    found = fixed_points(problems, L_ref=L_REF[inner]).log_odds[:, 0]
    bound = fixed_point_bound(problems, L=found, L_ref=L_REF[inner])
    assert np.all(np.isfinite(bound))
    error = []
    with mp.workdps(60):
        for i, L in zip(inner, found, strict=True):
            b, eps, L_ref = mp.mpf(ALPHA[i]) * mp.mpf(BETA[i]), mp.mpf(EPS[i]), mp.mpf(L_REF[i])
            exact = mp.findroot(
                lambda x, b=b, eps=eps, L_ref=L_ref: (
                    L_ref + 1 / mp.sqrt(1 / (4 * mp.cosh(x / 2) ** 2) + eps) / b - x
                ),
                mp.mpf(L),
            )
            error.append(float(abs(mp.mpf(L) - exact)))
    assert np.all(error <= bound)
    assert np.median(bound / np.fmax(error, UNIT)) < 3000
    other = Recurrence(BETA[inner] * (1 + 1e-11), MeanVariance(EPS[inner]), ALPHA[inner])
    moved = np.abs(fixed_points(other, L_ref=L_REF[inner]).log_odds[:, 0] - found)
    assert np.mean(moved > bound) > 0.5


def test_fixed_points_about_to_merge_have_no_bound_and_the_ends_are_exact() -> None:
    recurrence = Recurrence(1.0)
    L_ref = phase_boundaries(Recurrence(1.0)).fold[1] - 1e-14
    merging = fixed_points(recurrence, L_ref=L_ref).log_odds[0]
    assert fixed_point_bound(recurrence, L=merging, L_ref=L_ref) == np.inf
    assert np.all(fixed_point_bound(recurrence, L=[-np.inf, np.inf], L_ref=0.0) == 0)


def test_the_bound_of_a_fixed_point_is_what_its_derivation_says() -> None:
    """Twice the error of a step, over how fast G(L) - L changes, as long as that is settled.

    Near the fold it hardly changes. Near the upper one, with next to no smoothing, Omega is large
    and so is rounding.
    """
    for eps, beyond, which in [
        (1e-5, -np.geomspace(1e-14, 1e-2, 4000), 0),
        (1e-20, np.geomspace(1e-6, 1e3, 3000), 2),
    ]:
        recurrence = Recurrence(0.5, MeanVariance(eps))
        L_ref = (
            phase_boundaries(Recurrence(0.5, MeanVariance(eps))).fold[0 if which else 1] + beyond
        )
        L = fixed_points(recurrence, L_ref=L_ref).log_odds[:, which]
        L, L_ref = L[~np.isnan(L)], L_ref[~np.isnan(L)]
        Omega = recurrence.normalization.scale(L=L)
        rise = np.abs(1 - recurrence.slope(L=L)) - UNIT * (2 + SLOPE * Omega / 0.5)
        near = step_bound(recurrence, L=L, L_ref=L_ref) / rise + UNIT * np.abs(L)
        variance = expit(L) * expit(-L)
        bend = Omega / 0.5 * np.minimum(1 / 4, variance * Omega**2 / 2)
        settled = (rise > 0) & (4 * near * np.exp(3 * near) * bend <= rise)
        assert settled.any() and not settled.all()
        expected = np.where(settled, 2 * near, np.inf)
        bound = fixed_point_bound(recurrence, L=L, L_ref=L_ref)
        np.testing.assert_allclose(bound, expected, rtol=1e-12)


def test_a_slope_that_rounding_makes_1_has_no_bound() -> None:
    steady = Recurrence(1.0, MeanOnly(), alpha=26 * UNIT)  # 1 - G' is just its own rounding
    assert fixed_point_bound(steady, L=0.5, L_ref=0.0) == np.inf
    assert fixed_point_bound(Recurrence(1e-200, MeanOnly()), L=1e200, L_ref=0.0) == np.inf


def exact_update(reference, old, reward, i: int) -> list:
    """Masses of one update of whole policies, in 60 digits."""
    a, q = ([mp.mpf(mass) for mass in policy[i]] for policy in (reference, old))
    S = sum(mass for mass, r in zip(q, reward[i], strict=True) if r)
    F = sum(mass for mass, r in zip(q, reward[i], strict=True) if not r)
    pull = 1 / mp.sqrt(S * F / (S + F) ** 2 + mp.mpf(EPS[i])) / mp.mpf(BETA[i])
    alpha = mp.mpf(ALPHA[i])
    masses = [
        x**alpha * y ** (1 - alpha) * mp.exp(pull * r)
        for x, y, r in zip(a, q, reward[i].tolist(), strict=True)
    ]
    return [mass / sum(masses) for mass in masses]


def test_an_update_of_whole_policies_stays_within_its_bound_and_a_wrong_one_does_not() -> None:
    """Unrelated policies on few and on many outcomes, anchored at one or at both."""
    for outcomes in (2, 5, 50):
        reward = random_rewards(rng, COUNT, outcomes)
        reference, old = (random_policies(rng, L=L, reward=reward) for L in (L_REF, L_REF[::-1]))
        L_old = success_log_odds(old, reward)
        pull = RANDOM.normalization.scale(L=L_old) / BETA
        anchor = geometric_mean(reference, old, ALPHA)
        A = advantage(old, reward, RANDOM.normalization)
        bound = update_bound(reference, old, pull=pull, L=L_old)
        with mp.workdps(60):
            exact = [exact_update(reference, old, reward, i) for i in range(COUNT)]
            log_exact = np.array([[mp.log(mass) for mass in policy] for policy in exact], float)
        held = log_exact > -600

        def error(beta, A=A, anchor=anchor, log_exact=log_exact, held=held):
            found = np.log(optimal_policy(anchor, A, beta), where=held, out=log_exact.copy())
            return np.max(np.abs(found - log_exact), axis=-1)

        assert np.all(error(BETA) <= bound)
        assert np.median(error(BETA) / bound) > 1e-3
        assert np.mean(error(BETA * (1 + 1e-9)) > bound) > 0.5


def test_the_bound_of_an_update_grows_with_all_that_it_depends_on() -> None:
    small = update_bound([0.5, 0.5], pull=1.0)
    assert small < update_bound([1e-9, 1 - 1e-9], pull=1.0)
    assert small < update_bound([0.5, 0.5], pull=2.0)
    assert small < update_bound([0.5, 0.5], pull=1.0, L=-5.0)
    assert small < update_bound([0.5, 0.3, 0.2], pull=1.0)
    assert small < update_bound([0.5, 0.5], [0.1, 0.9], pull=1.0)
    assert small == update_bound([0.5, 0.5], pull=1.0, L=-np.inf)
    assert update_bound([1.0, 0.0], pull=0.0) == UNIT * 72
    both = update_bound([[0.25, 0.75, 0], [0.5, 0.5, 0]], [0.5, 0.4, 0.1], pull=2.0, L=-5.0)
    size = np.log([10, 10])
    assert both == pytest.approx(
        UNIT * (64 * (1 + size) + 4 * 3 * 3 + 16 * 11 * 2), rel=1e-14, abs=0
    )
    alone = update_bound([[0.25, 0.75], [0.5, 0.5]], pull=2.0)
    size = np.log([4, 2])
    assert alone == pytest.approx(
        UNIT * (64 * (1 + size) + 4 * 2 * 3 + 16 * 6 * 2), rel=1e-14, abs=0
    )
    assert update_bound([1.0], pull=0.0) == UNIT * 68


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda r: orbit_bound(r, L=0.0, L_ref=0.0), "L must be at least one state"),
        (lambda r: orbit_bound(r, L=[], L_ref=0.0), r"L must be at least one state.*got \[\]"),
        (lambda r: orbit_bound(r, L=[0.0], L_ref=np.nan), "L_ref must be a number, not NaN"),
        (lambda r: step_bound(r, L=np.nan, L_ref=0.0), "L must be a number, not NaN"),
        (lambda r: step_bound(r, L=0.0, L_ref=np.nan), "L_ref must be a number, not NaN"),
        (
            lambda r: orbit_bound(r, L=[0.0, 1.0], L_ref=0.0, step_error=np.nan),
            "step_error must be a number, not NaN",
        ),
        (lambda r: orbit_bound(r, L=[np.nan], L_ref=0.0), "L must be a number, not NaN"),
        (
            lambda r: orbit_bound(r, L=[0.0, 1.0], L_ref=[0.0, 1.0, 2.0], step_error=-1),
            r"step_error must be at least 0, got -1\.0",
        ),
        (lambda r: step_bound(r, L=[0.0, 1.0], L_ref=[0.0, 1.0, 2.0]), "must broadcast"),
        (
            lambda r: step_bound(Recurrence([1.0, 2.0, 3.0]), L=[0.0, 1.0], L_ref=0.0),
            "L and L_ref and beta and eps and alpha must broadcast over prompts",
        ),
        (
            lambda r: step_bound(Recurrence(1.0, alpha=[0.1, 0.2, 0.3]), L=0.0, L_ref=[0.0, 1.0]),
            "L and L_ref and beta and eps and alpha must broadcast over prompts",
        ),
        (lambda r: fixed_point_bound(r, L=np.nan, L_ref=0.0), "L must be a number, not NaN"),
        (lambda r: fixed_point_bound(r, L=0.0, L_ref=np.nan), "L_ref must be a number, not NaN"),
        (lambda r: update_bound(pull=1.0), r"anchors must be at least one policy, got \(\)"),
        (lambda r: update_bound([0.5, 0.5], pull=np.nan), "pull must be a number, not NaN"),
        (lambda r: update_bound([0.5, 0.5], pull=1, L=np.nan), "L must be a number, not NaN"),
        (
            lambda r: update_bound([[0.5, 0.5]] * 2, pull=1.0, L=[1.0, 2.0, 3.0]),
            "pull and L and anchor 0 must broadcast over prompts",
        ),
        (lambda r: update_bound([0.5, 0.6], pull=1.0), "anchors must be probabilities"),
        (lambda r: update_bound([0.5, 0.5], pull=-1.0), r"pull must be at least 0, got -1\.0"),
        (lambda r: update_bound([[0.5, 0.5]] * 2, pull=[1.0, 2.0, 3.0]), "must broadcast"),
    ],
)
def test_bad_input(call, message) -> None:
    with pytest.raises(ValueError, match=message):
        call(Recurrence(1.0))
