"""How far rounding can carry a computation: bounds that hold on every processor.

One addition, multiplication, division or square root of doubles is off by at most `UNIT`, relative
to its result, on every machine that follows IEEE 754. An elementary function such as the
exponential has no such guarantee. Libraries and processors differ in its last digits, and the
bounds here allow it `FUNCTION`.

A bound is a small multiple of these two times the condition of what is computed: the size of the
terms that cancel, the number of terms, or the growth of an orbit through its slopes.
"""

import numpy as np
from numpy.typing import ArrayLike

from .arithmetic import Doubles, infinities
from .maps import Map, check_map
from .validation import Array, broadcastable, distribution, real_array, require

UNIT = 2.0**-53
"""Relative error of one correctly rounded operation on doubles."""

FUNCTION = 10 * UNIT
"""Relative error allowed to an elementary function, five units in the last place of 2 UNIT each."""

STEP = 32 * UNIT
"""Error of one step, relative to the sum of the sizes of its terms; `step_bound` derives it."""


def step_bound(recurrence: Map, *, L: ArrayLike, L_ref: ArrayLike) -> Array:
    """Bound on the rounding error of one step, from states taken as exact.

    The step is the sum of ``alpha L_ref``, ``(1 - alpha) L`` and ``Omega(L) / beta``. Omega is off
    by its ``omega_error``, at most 22 `UNIT` for the normalisations of this package, and the
    division adds one. Each of the other terms takes two roundings. The two sums are each at most as
    large as the sizes of the three terms together. All in all the error is at most 25 `UNIT`, hence
    below `STEP`, times the sum of these sizes. For an Omega that is off by more than 28 `UNIT` the
    bound grows with it.

    Args:
        recurrence: the step.
        L: log-odds of the current policy, shape [...].
        L_ref: log-odds of the reference, shape [...].

    Returns:
        The bound in log-odds, shape [...]. It is 0 at an anchor of -inf or +inf, which the step
        returns unchanged.

    Raises:
        ValueError: NaN, or shapes that do not broadcast.

    Examples:
        >>> from grpo_lib import Recurrence
        >>> from grpo_lib.rounding import step_bound
        >>> print(f"{step_bound(Recurrence(beta=1.0), L=0.0, L_ref=-2.0):.1e}")
        1.4e-14
    """
    alpha, normalization, _ = check_map(recurrence).parts()
    L, L_ref = real_array("L", L), real_array("L_ref", L_ref)
    shape = recurrence.shape(L=L, L_ref=L_ref)
    anchor = _share(alpha, L_ref) + _share(1 - alpha, L)
    error = max(STEP, UNIT * (normalization.omega_error() + 4))
    bound = error * (anchor + _pull(recurrence, L))
    return np.where(np.isinf(anchor), 0.0, np.broadcast_to(bound, shape))


def orbit_bound(
    recurrence: Map,
    *,
    L: ArrayLike,
    L_ref: ArrayLike,
    step_error: ArrayLike | None = None,
) -> Array:
    """Bound on the distance between a computed orbit and the exact one, state by state.

    Let ``L_n`` be the computed states, ``e_n`` the distance of ``L_n`` from the exact state, and
    ``d_n`` the error of the computed step at ``L_n``. One exact step, G, leads from both states to
    states ``|G(L_n) - G(exact)| <= s_n e_n`` apart, where ``s_n`` is the largest slope in size
    within ``e_n`` of ``L_n``. Hence ``e_{n+1} <= s_n e_n + d_n``.

    For ``s_n``, a normalisation declares ``bend``, a bound on ``|Omega''|`` that grows at most by
    the factor ``exp(3 e_n / 2)`` within ``e_n``. So ``s_n <= |G'(L_n)| + e_n exp(3 e_n / 2) bend /
    beta``.

    The two log-odds an orbit starts from usually come from probabilities. So ``e_0`` is `STEP`
    times the larger of 1 and ``|L_0|``, and the reference's error, of the same form, enters every
    step with the weight alpha. The slope ``1 - alpha + Omega' / beta`` is off by rounding, too: two
    `UNIT` for its first term, and for the second, at most half of ``Omega / beta`` in size, three
    times the error of Omega and 48 `UNIT` for two functions and some operations.

    Two computations of one orbit whose steps err by no more than ``step_error`` differ by at most
    the sum of their bounds. In probability an error in log-odds is at most a quarter of its size.

    Args:
        recurrence: the map.
        L: the computed log-odds, shape [steps + 1, ...].
        L_ref: log-odds of the reference, shape [...].
        step_error: error of the step from each state, shape [steps, ...]; that of `step_bound` if
            left out. A computation with whole policies, say, errs by more.

    Returns:
        The bound in log-odds, shape [steps + 1, ...]. It is inf once the orbit has amplified
        rounding beyond all sizes, and 0 where the states are absorbing and exact.

    Raises:
        ValueError: NaN, no state, or shapes that do not broadcast.

    Examples:
        >>> from grpo_lib import Recurrence
        >>> from grpo_lib.rounding import orbit_bound
        >>> recurrence = Recurrence(beta=5.0)
        >>> path = recurrence.trajectory(p_ref=[0.2, 1e-4], steps=50).log_odds
        >>> bound = orbit_bound(recurrence, L=path, L_ref=path[0])
        >>> print([f"{state:.0e}" for state in bound[[1, 50]].ravel()])
        ['1e-14', '4e-13', '1e-14', '3e-13']
    """
    alpha, _, _ = check_map(recurrence).parts()
    L, L_ref = real_array("L", L), real_array("L_ref", L_ref)
    require(L.ndim >= 1 and len(L), "L", L, "at least one state along the first axis")
    if step_error is None:
        step_error = step_bound(recurrence, L=L[:-1], L_ref=L_ref)
    step_error = real_array("step_error", step_error)
    require(step_error >= 0, "step_error", step_error, "at least 0")
    slope = np.abs(recurrence.slope(L=L)) + _slope_error(recurrence, L)
    bend = _bend(recurrence, L)
    bound = np.empty((len(L), *np.broadcast_shapes(slope.shape[1:], L_ref.shape)))
    bound[0] = np.where(np.isinf(L[0]), 0.0, STEP * np.maximum(1, np.abs(L[0])))
    of_reference = STEP * np.maximum(_share(alpha, np.ones_like(L_ref)), _share(alpha, L_ref))
    with np.errstate(over="ignore", invalid="ignore"):
        for n, own in enumerate(np.broadcast_to(step_error, (len(L) - 1, *bound.shape[1:]))):
            steepest = slope[n] + bound[n] * np.exp(1.5 * bound[n]) * bend[n]
            grown = steepest * bound[n] + own + of_reference
            absorbed = np.isinf(_share(alpha, L_ref)) | (
                (alpha < 1) & np.isinf(L[n]) & (bound[n] == 0)
            )
            bound[n + 1] = np.where(absorbed, 0.0, np.where(np.isnan(grown), np.inf, grown))
    return bound


def fixed_point_bound(recurrence: Map, *, L: ArrayLike, L_ref: ArrayLike) -> Array:
    """Bound on the distance between a computed fixed point and the exact one.

    `fixed_points` stops where ``f = log((L - L_ref) alpha beta / Omega)`` is 0 up to rounding: the
    hyperbolic cosine, the root of the sum of squares and their products make 26 `UNIT`, the
    stopping rule 4, a last Newton step 1. The exact step then moves L by at most 31 `UNIT` times
    ``Omega / beta``, which `step_bound` covers, and the rounding of L itself adds ``UNIT |L|``.

    So the fixed point is near ``e = step_bound / |1 - G'(L)| + UNIT |L|``. Within ``2 e`` the slope
    changes by at most ``2 e exp(3 e) bend``, with the ``bend`` of `orbit_bound`. If that is at most
    half of ``|1 - G'(L)|``, then ``G(L) - L`` is monotone there, changes by more than its size at
    the computed point, and has its zero within ``2 e``. Otherwise the fixed point is about to merge
    with another, and rounding decides whether there is one: the bound is inf.

    Args:
        recurrence: the map.
        L: computed fixed points, shape [...].
        L_ref: log-odds of the reference, taken as exact, shape [...].

    Returns:
        The bound in log-odds, shape [...]; 0 at -inf and +inf, the ends.

    Raises:
        ValueError: NaN, or shapes that do not broadcast.

    Examples:
        >>> from grpo_lib import Recurrence, fixed_points
        >>> from grpo_lib.rounding import fixed_point_bound
        >>> recurrence = Recurrence(beta=1.0)
        >>> L = fixed_points(recurrence, L_ref=-2.0).log_odds[0]
        >>> print(f"{fixed_point_bound(recurrence, L=L, L_ref=-2.0):.1e}")
        2.8e-14
    """
    L, L_ref = real_array("L", L), real_array("L_ref", L_ref)
    own = step_bound(recurrence, L=L, L_ref=L_ref)
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        rise = np.abs(1 - recurrence.slope(L=L)) - _slope_error(recurrence, L)
        near = own / rise + UNIT * np.abs(L)
        alone = (rise > 0) & (4 * near * np.exp(3 * near) * _bend(recurrence, L) <= rise)
    return np.where(np.isinf(L), 0.0, np.where(alone, 2 * near, np.inf))


def update_bound(*anchors: ArrayLike, pull: ArrayLike, L: ArrayLike = 0.0) -> Array:
    """Bound on the error of the logarithms of the masses after one update of a whole policy.

    The update is ``anchor exp(A / beta) / Z``. Its anchor may be the geometric mean of two
    policies. Let ``size`` be the largest logarithm, in size, of their masses.

    A logarithm is off by `FUNCTION` times its size, the sums and products that lead to an exponent
    by at most 8 `UNIT`, and the exponential by `FUNCTION`. Dividing by the sum of the masses at
    most doubles this and adds as many roundings as there are outcomes. The geometric mean and the
    update itself both do so: 56 size + 42 + 2 outcomes.

    The exponents of a success and of a failure are ``pull = Omega(L) / beta`` apart. The log-odds
    L, read off a policy, are off by 11 (abs(L) + 2) + 2 outcomes, and Omega changes at most half
    as fast as they do. Two functions, and the operations around them, are 30. With the doubling
    that makes 12 abs(L) + 2 outcomes + 82 per unit of pull. All numbers are in `UNIT`, and the
    bound rounds them up.

    Log-odds of success read off the new policy are off by at most twice the bound, since the
    divisor drops out and reading costs less than an update. Total variation is off by at most
    half.

    Args:
        *anchors: the policy or the policies that anchor the update, each of shape
            [..., outcomes]. Outcomes without mass stay without and are exact.
        pull: ``Omega / beta``, shape [...].
        L: log-odds of the policy that Omega is taken at, shape [...]; 0 if Omega is constant.
            At -inf and +inf they are exact.

    Returns:
        The bound on the error of a logarithm, that is the relative error of a mass, shape [...].

    Raises:
        ValueError: no anchor, masses that are none, a negative pull, or shapes that do not
            broadcast.

    Examples:
        >>> from grpo_lib.rounding import update_bound
        >>> print(f"{update_bound([0.1, 0.9], pull=2.0, L=-2.2):.1e}")
        5.5e-14
    """
    require(bool(anchors), "anchors", anchors, "at least one policy")
    masses = [distribution("anchors", anchor) for anchor in anchors]
    pull, L = real_array("pull", pull), real_array("L", L)
    require(pull >= 0, "pull", pull, "at least 0")
    outcomes, L = masses[0].shape[-1], np.where(np.isinf(L), 0.0, np.abs(L))
    broadcastable(pull=pull, L=L, **{f"anchor {i}": mass[..., 0] for i, mass in enumerate(masses)})
    sizes = [np.max(-np.log(np.where(mass > 0, mass, 1)), axis=-1) for mass in masses]
    size = np.maximum.reduce(np.broadcast_arrays(*sizes))
    return UNIT * (64 * (1 + size) + 4 * outcomes * (1 + pull) + 16 * (6 + L) * pull)


def _pull(recurrence: Map, L: Array) -> Array:
    """``Omega / beta`` at L; inf where it exceeds the doubles."""
    _, normalization, beta = recurrence.parts()
    with infinities():
        return normalization.omega(Doubles(L)) / beta


def _bend(recurrence: Map, L: Array) -> Array:
    """Bound on ``|G''|`` at L; within a distance e it grows at most by ``exp(3 e / 2)``."""
    _, normalization, beta = recurrence.parts()
    with infinities():
        return normalization.bend(Doubles(L)) / beta


def _slope_error(recurrence: Map, L: Array) -> Array:
    """Bound on the rounding error of the slope at L; see `orbit_bound`."""
    _, normalization, _ = recurrence.parts()
    units = 1.5 * normalization.omega_error() + 24
    return 2 * UNIT + units * UNIT * _pull(recurrence, L)


def _share(weight: Array, L: Array) -> Array:
    """Size of ``weight L``, with 0 times infinity taken as 0."""
    with np.errstate(invalid="ignore"):
        return np.where(np.equal(weight, 0), 0.0, np.abs(weight * L))
