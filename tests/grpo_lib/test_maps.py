"""A map of one's own goes through everything that iterates."""

from dataclasses import dataclass

import numpy as np
import pytest

from grpo_lib import Map, Recurrence, lyapunov_exponent
from grpo_lib.maps import BLOCK


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
