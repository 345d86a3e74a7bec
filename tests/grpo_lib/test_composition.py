"""What Part III adds fits together: any scale, with noise, clip, two penalties and renewals."""

from itertools import product

import numpy as np
import pytest
from scipy.special import expit, kl_div

from grpo_lib import (
    GroupNormalization,
    MeanDeviation,
    MeanOnly,
    MeanVariance,
    NoisyVerifier,
    Recurrence,
)
from grpo_lib.rounding import UNIT

SCALES = [
    MeanVariance(0.01),
    MeanDeviation(1e-4),
    MeanOnly(),
    GroupNormalization(8),
    GroupNormalization(6, "leave-one-out"),
]
SCALES += [NoisyVerifier(0.9, 0.05, scale) for scale in SCALES]
CLIPS = [None, 0.2, (0.2, 0.28)]
STATES = np.array([-6.0, -1.5, 0.0, 0.7, 4.0])
CASES = list(product(SCALES, CLIPS, [1.0, 0.4, 0.0], [0.05, 1.0, 20.0]))
OTHER = np.linspace(-25, 25, 20_001)


def bernoulli_kl(L, anchor):
    """KL of two coins given by log-odds."""
    p, q = expit(L), expit(-L)
    return kl_div(p, expit(anchor)) + kl_div(q, expit(-anchor))


def objective(recurrence, L, new, L_ref):
    """What an update maximises, of a new policy with the conditionals of the old one."""
    w_plus, w_minus = recurrence.normalization.weights(L=L)
    of_success, of_failure = expit(new) / expit(L), expit(-new) / expit(-L)
    if recurrence.clip is not None:
        of_success = np.minimum(of_success, 1 + recurrence.clip.high)
        of_failure = np.maximum(of_failure, 1 - recurrence.clip.low)
    gain = expit(L) * w_plus * of_success - expit(-L) * w_minus * of_failure
    alpha = recurrence.alpha
    held = alpha * bernoulli_kl(new, L_ref) + (1 - alpha) * bernoulli_kl(new, L)
    return gain - recurrence.beta * held


@pytest.mark.parametrize(("scale", "clip", "alpha", "beta"), CASES, ids=str)
def test_an_update_is_the_best_of_its_line(scale, clip, alpha, beta):
    recurrence, L_ref = Recurrence(beta, scale, alpha, clip), -1.0
    for L in STATES:
        best = objective(recurrence, L, recurrence.step(L=L, L_ref=L_ref), L_ref)
        found = objective(recurrence, L, OTHER, L_ref).max()
        # Fewer than 100 roundings of terms up to the weights and beta times the largest divergence.
        size = sum(scale.weights(L=L)) + beta * (1 + np.abs(OTHER).max())
        assert best >= found - 100 * UNIT * size


def test_another_update_is_not():
    clipped, L = Recurrence(0.05, GroupNormalization(8), clip=0.2), -1.5
    free = Recurrence(0.05, GroupNormalization(8)).step(L=L, L_ref=-1.0)
    best = objective(clipped, L, clipped.step(L=L, L_ref=-1.0), -1.0)
    assert objective(clipped, L, free, -1.0) < best - 0.01  # rounding is 1e-12


@pytest.mark.parametrize("scale", SCALES, ids=str)
def test_a_run_with_everything_is_made_of_its_stages(scale):
    recurrence = Recurrence(0.5, scale, alpha=0.6, clip=(0.2, 0.28))
    together = recurrence.trajectory(p_ref=0.03, steps=9, renew_every=3).log_odds
    first = recurrence.trajectory(p_ref=0.03, steps=3).log_odds
    assert np.array_equal(together[:4], first)
    L = L_ref = together[3]
    for n in range(3, 9):
        if n == 6:
            L_ref = together[6]
        L = recurrence.step(L=L, L_ref=L_ref)
        assert together[n + 1] == L
    assert np.all(np.diff(together[::3]) > 0)
