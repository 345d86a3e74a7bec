"""A map of one's own goes through everything that iterates; a new one adds a line to the list."""

from dataclasses import dataclass

import numpy as np
import pytest

from grpo_lib import Map, MeanDeviation, MeanOnly, Recurrence, lyapunov_exponent
from grpo_lib.certified import Balls, arb, ctx, number
from grpo_lib.maps import BLOCK

# One or more of every class, with single numbers for parameters.
MAPS = [
    Recurrence(2.0),
    Recurrence(2.0, MeanDeviation(0.01), alpha=0.5),
    Recurrence(0.5, MeanOnly(), alpha=0.0),
]


@dataclass(frozen=True, eq=False)
class Tent(Map):
    """The tent map, whose orbits are known, around the reference: slopes +-height."""

    height: float | np.ndarray

    def update(self, at, *, L_ref):
        return L_ref + self.height * (1 - abs(at.L - L_ref))

    def update_slope(self, at):
        return -self.height * np.sign(at.L)


def by_hand(height, L, L_ref, steps):
    for _ in range(steps):
        L = L_ref + height * (1 - abs(L - L_ref))
    return L


def test_steps_trajectories_and_iterations_agree():
    height, L_ref = np.array([0.5, 1.5]), np.array([[0.0], [1.0], [-2.0]])
    tent, L_0 = Tent(height), np.array([0.25, 0.75])
    expected = by_hand(height, L_0, L_ref, 5)
    assert tent.iterate(L_ref=L_ref, steps=5, L_0=L_0) == pytest.approx(expected, rel=1e-14, abs=0)
    assert tent.step(L=L_0, L_ref=L_ref).tolist() == by_hand(height, L_0, L_ref, 1).tolist()


def test_at_rest_a_map_has_the_slope_that_it_has_anywhere():
    assert float(Tent(1.5).slope_at_rest(Balls(number(-0.5)))) == 1.5


def test_blocks_do_not_show():
    rng = np.random.default_rng(0)
    L_ref, height = rng.normal(size=2 * BLOCK + 7), rng.uniform(0, 2, size=2 * BLOCK + 7)
    whole = Tent(height).iterate(L_ref=L_ref, steps=3, L_0=0.25)
    for i in (0, BLOCK - 1, BLOCK, 2 * BLOCK + 6):
        assert whole[i] == Tent(height[i]).iterate(L_ref=L_ref[i], steps=3, L_0=0.25)


def test_the_exponent_of_a_map_with_constant_slope_is_its_logarithm():
    """At height 1.5 every slope is 1.5 in size, so neighbours part by log 1.5 at each update."""
    found = lyapunov_exponent(Tent(1.5), L_ref=0.0, steps=50, transient=3, L_0=0.1234)
    assert found == pytest.approx(np.log(1.5), rel=1e-14, abs=0)


def test_bad_input_is_named_as_for_the_recurrence():
    for update in Tent([1.0, 2.0]), Recurrence([1.0, 2.0]):
        with pytest.raises(ValueError, match="must broadcast over prompts"):
            update.step(L=[1.0, 2.0, 3.0], L_ref=0.0)
        with pytest.raises(ValueError, match=r"^steps must be a whole number"):
            update.iterate(L_ref=0.0, steps=-1)
        with pytest.raises(ValueError, match=r"^p_ref must be a probability"):
            update.trajectory(p_ref=2.0, steps=1)


def the_slope_is_the_derivative(update):
    """Against a difference quotient in 256 bits, which is off by its step squared."""
    with ctx.workprec(256):
        h, L_ref = arb("1e-20"), number(-1.5)
        for L in np.random.default_rng(0).uniform(-20, 20, 30):
            right, left = (
                update.update(Balls(number(float(L)) + side * h), L_ref=L_ref) for side in (1, -1)
            )
            gap = (right - left) / (2 * h) - update.update_slope(Balls(number(float(L))))
            if not abs(gap) < 1e-30:
                return False
    return True


@pytest.mark.parametrize("update", MAPS, ids=repr)
def test_what_a_map_declares_and_what_iterates_it_agree(update):
    assert the_slope_is_the_derivative(update)
    p_ref = np.array([0.01, 0.2, 0.7])
    path = update.trajectory(p_ref=p_ref, steps=20).log_odds
    assert path[1:].tolist() == update.step(L=path[:-1], L_ref=path[0]).tolist()
    assert path[-1].tolist() == update.iterate(L_ref=path[0], steps=20).tolist()
    expected = np.log(np.abs(update.slope(L=path[5:-1]))).mean(axis=0)
    found = lyapunov_exponent(update, L_ref=path[0], steps=15, transient=5)
    assert found == pytest.approx(expected, rel=1e-14, abs=1e-14)


def test_a_wrong_slope_is_seen():
    class Steeper(Recurrence):
        def update_slope(self, at):
            return 1.01 * super().update_slope(at)

    assert not the_slope_is_the_derivative(Steeper(2.0))
