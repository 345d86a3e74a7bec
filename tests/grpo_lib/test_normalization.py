import numpy as np
import pytest
from hypothesis import given

from grpo_lib import MeanDeviation, MeanOnly, MeanVariance, symbolic
from grpo_lib.symbolic import L, eps, p
from tests.grpo_lib.reference import EPS, LOG_ODDS, exact, in_log_odds, worst

OMEGA = in_log_odds(symbolic.omega(p, eps))
W_PLUS, W_MINUS = (in_log_odds(w(p, eps)) for w in (symbolic.omega_plus, symbolic.omega_minus))
P, NOT_P = in_log_odds(p), in_log_odds(1 - p)


def scale_error(at, smoothing):
    return worst(MeanVariance(smoothing).scale(L=at), exact(OMEGA, {L: at, eps: smoothing}))


@pytest.mark.parametrize("at", [-1000, 0, 1000])
@pytest.mark.parametrize("smoothing", [0, 1e-5])
def test_reference_is_the_symbolic_form(at, smoothing):
    direct = exact(symbolic.omega(symbolic.sigma(L), eps), {L: at, eps: smoothing}, digits=600)
    assert abs(exact(OMEGA, {L: at, eps: smoothing}) / direct - 1) < 1e-90


@given(LOG_ODDS, EPS)
def test_mean_variance_equals_symbolic(at, smoothing):
    values = {L: at, eps: smoothing}
    w_plus, w_minus = MeanVariance(smoothing).weights(L=at)
    assert scale_error(at, smoothing) <= 2e-15
    assert worst(w_plus, exact(W_PLUS, values)) <= 2e-15
    assert worst(w_minus, exact(W_MINUS, values)) <= 2e-15


@given(LOG_ODDS)
def test_mean_only_equals_symbolic(at):
    w_plus, w_minus = MeanOnly().weights(L=at)
    assert worst(w_plus, exact(NOT_P, {L: at})) <= 2e-15
    assert worst(w_minus, exact(P, {L: at})) <= 2e-15
    assert MeanOnly().scale(L=at) == 1


@pytest.mark.parametrize("smoothing", [5e-324, 1e-310, 1e-300, 1e-200])
def test_tiniest_smoothing_adds_to_the_variance(smoothing):
    at = np.array([0.0, 300.0, 690.0, 700.0, 712.0, 720.0, 1e4])
    # Below the smallest normal double p (1 - p) + eps has few digits; one of them must be right.
    assert scale_error(at, smoothing) <= (1e-14 if smoothing >= 1e-300 else 0.5)


@given(LOG_ODDS, EPS)
def test_weights_sum_to_the_scale_and_mirror_each_other(at, smoothing):
    for normalization in MeanVariance(smoothing), MeanOnly():
        w_plus, w_minus = normalization.weights(L=at)
        assert w_plus + w_minus == pytest.approx(normalization.scale(L=at), rel=1e-15, abs=0)
        assert normalization.weights(L=-at) == (w_minus, w_plus)


@pytest.mark.parametrize("normalization", [MeanVariance, MeanDeviation])
def test_turning_points_come_and_go_together(normalization):
    """Also at the slope, to the last digit, at which the two are one."""
    constant = np.geomspace(1e-6, 1, 200)[:, np.newaxis]
    scale = normalization(constant)
    around = scale.steepest_slope() * (1 + np.arange(-8, 9) * 2.0**-52)
    c_1, c_2 = scale.turning_points(around)
    assert np.array_equal(np.isinf(c_1), np.isinf(c_2))
    assert np.isinf(c_1).any() and np.isfinite(c_1).any()


@pytest.mark.parametrize("end", [-np.inf, -1e300, 1e300, np.inf])
def test_ends(end):
    likely = int(end > 0)  # 0: failure is certain, 1: success is
    assert MeanVariance(0.25).scale(L=end) == 2
    assert MeanVariance(0.25).weights(L=end)[likely] == 2
    assert MeanVariance(0.25).weights(L=end)[1 - likely] == 0
    assert MeanVariance(0).scale(L=end) == np.inf
    assert MeanVariance(0).weights(L=end)[likely] == np.inf
    assert MeanVariance(0).weights(L=end)[1 - likely] == 0
    assert MeanOnly().weights(L=end)[likely] == 1


def test_broadcasts_over_prompts():
    smoothing, at = np.array([[0.0], [1e-12], [1.0]]), np.array([-1e4, -3.0, 0.0, 800.0])
    whole = MeanVariance(smoothing)
    assert scale_error(at, smoothing) <= 2e-15
    for i, j in np.ndindex(3, 4):
        one = MeanVariance(smoothing[i, 0])
        assert whole.scale(L=at)[i, j] == one.scale(L=at[j])
        assert [w[i, j] for w in whole.weights(L=at)] == list(one.weights(L=at[j]))


@pytest.mark.parametrize(
    "mutant",
    [
        lambda self, at: 1 / at.deviation,  # eps dropped
        lambda self, at: 1 / (at.deviation + self.eps),  # eps outside the root
        lambda self, at: 1 / (at.deviation**2 + self.eps),  # root dropped
        lambda self, at: -1 / np.sqrt(at.deviation**2 + self.eps),
        lambda self, at: 1 / np.sqrt(1 / (2 * np.cosh(at.L)) ** 2 + self.eps),
    ],
)
def test_a_wrong_scale_is_caught(monkeypatch, mutant):
    at = np.array([-3.0, 0.5, 6.0])
    assert scale_error(at, 0.01) <= 2e-15
    monkeypatch.setattr(MeanVariance, "omega", mutant)
    assert scale_error(at, 0.01) > 0.01
