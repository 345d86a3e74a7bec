"""A verifier that errs: it passes some failures, and fails some successes."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from .arithmetic import Doubles, Number, State, infinities
from .elementwise import bisect
from .normalization import Normalization, check_normalization
from .smoothed import MeanVariance
from .validation import Array, Mask, parameter, require

FAR = 2000.0
"""Log-odds beyond which no slope is a double."""


@dataclass(frozen=True, eq=False)
class NoisyVerifier(Normalization):
    """Rewards from a verifier that errs, normalised by their own mean and deviation.

    The reward is 1 with probability ``true_positive`` on a success and ``false_positive`` on a
    failure, drawn anew for every answer. Write ``J = true_positive - false_positive``. The mean
    reward is ``q = false_positive + J p``, and the advantage expected of a success exceeds that of
    a failure by ``J Omega(q)``, where Omega is the scale of the normalisation. An exact update with
    expected advantages is the recurrence with this scale.

    For J below 0 the scale is negative and training drives the success rate down. Steps,
    trajectories and slopes work for every J. What is known of fixed points and of their regimes
    assumes ``J > 0``, a normalisation ``1 / sqrt(variance + eps)``, and that Omega is bounded, by
    ``eps > 0`` or by errors of both kinds. Then the slope of Omega has one peak below the state
    where ``q = 1/2`` and one above it, as without noise; the chapter on noise proves it.

    With ``eps = 0`` and a reward that never varies the scale is NaN, and a step does not move.

    With a clip, `Recurrence` clips the expected advantage. A trainer clips that of each observed
    reward, which is another update with the same fixed points.

    Groups that `train` draws are normalised by this expected advantage; it draws no errors of the
    verifier.

    Attributes:
        true_positive: probability that a success gets reward 1, in [0, 1], shape [...].
        false_positive: probability that a failure gets reward 1, in [0, 1], shape [...].
        normalization: how the observed rewards become advantages.

    Raises:
        ValueError: a probability is outside [0, 1] or NaN, ``normalization`` is none, or the
            parameters do not broadcast.

    Examples:
        >>> from grpo_lib import NoisyVerifier, Recurrence, contraction_threshold, fixed_points
        >>> from scipy.special import logit
        >>> noisy = Recurrence(beta=1.0, normalization=NoisyVerifier(0.9, 0.05))
        >>> print(fixed_points(noisy, L_ref=logit(0.3)).probability.round(3))
        [0.721   nan   nan]
        >>> print(contraction_threshold(NoisyVerifier([1.0, 0.99], [0.0, 0.01])).round(2))
        [60.86  1.82]
    """

    true_positive: ArrayLike
    false_positive: ArrayLike
    normalization: Normalization = MeanVariance()

    def __post_init__(self) -> None:
        for name in ("true_positive", "false_positive"):
            share = parameter(name, getattr(self, name), at_least=0, at_most=1)
            object.__setattr__(self, name, share)
        check_normalization(self.normalization)
        super().__post_init__()
        self.shape()

    def omega(self, at: State) -> Number:
        """The scale, J times that of the normalisation at q."""
        observed, J = self._observed(at)
        return J * self.normalization.omega(observed)

    def omega_slope(self, at: State) -> Number:
        """Its slope: the log-odds of q change ``J p (1 - p) / (q (1 - q))`` as fast as L.

        That share is at most 1 in size, and 1 in the limit where both variances are 0.
        """
        observed, J = self._observed(at)
        share = at.up_to_1(J * (at.deviation / observed.deviation) ** 2)
        return J * share * self.normalization.omega_slope(observed)

    def omega_error(self) -> float:
        """29 more than without noise.

        q and 1 - q err by 13, their root by 15 in place of 11, J and its product by 2. In the
        slope the cube of Omega takes 12 for the root, tanh 18, the share 56, J and the products 5:
        three times 29 covers the 91.
        """
        self._known()
        return self.normalization.omega_error() + 29

    def bend(self, at: Doubles) -> Array:
        """``5/4 Omega``, and Omega grows within e at most by ``exp(e / 2)``.

        With ``x = 2 q - 1``, ``m = 1 + 4 eps``, ``w = m - x^2`` and ``v = dx/dL``, which is at most
        ``(1 - x^2) / 2 <= w / 2``, Omega is ``2 J / sqrt(w)``. So ``Omega' = Omega x v / w``, at
        most half of Omega, and ``Omega'' / Omega = (m + 2 x^2) (v / w)^2 - x tanh(L / 2) v / w``.
        The first term is at most ``(m + 2) / (4 m^2) <= 3/4`` in size, the second at most 1/2.
        """
        self._known()
        return 1.25 * self.omega(at)

    def bounds(self) -> tuple[Array, Array]:
        """Omega where q is closest to 1/2, and at the end where q is farthest from it."""
        T, F, eps = self._known()

        def scale(q: Array) -> Array:
            return (T - F) / np.hypot(np.sqrt(q * (1 - q)), np.sqrt(eps))

        return scale(np.clip(0.5, F, T)), np.maximum(scale(F), scale(T))

    def steepest_slope(self) -> Array:
        """The larger of the two peaks."""
        T, F, eps = self._known()
        with infinities():
            sides = [_Rise(*side, eps) for side in ((T, F), (1 - F, 1 - T))]
            return np.exp(np.maximum(*(side.log_slope(side.peak) for side in sides)))

    def turning_points(self, slope: Array) -> tuple[Array, Array]:
        """c_1 <= c_2, one on each side of the upper peak; +inf where the slope is above it."""
        return _Rise(*self._known()).points(slope)

    def falling_points(self, slope: Array) -> tuple[Array, Array]:
        """Turning points of the verifier that swaps success and failure, with the sign changed."""
        T, F, eps = self._known()
        c_1, c_2 = _Rise(1 - F, 1 - T, eps).points(slope)
        return -c_2, -c_1

    def negative_schwarzian(self) -> bool:
        """It is, and not only where Omega falls; the chapter on noise proves it."""
        self._known()
        return True

    def concave_gain(self) -> bool:
        """It is; the chapter on several changes at once proves it.

        With ``v = p (1 - p)`` the observed variance plus eps is ``V = J^2 v + l``. The line l is
        not negative at either end. In ``p / (1 - p)`` the second derivative of ``v / sqrt(V)``,
        times ``V^(5/2)``, is a polynomial without a positive coefficient.
        """
        self._known()
        return True

    def _observed(self, at: State) -> tuple[State, Number]:
        """The state of the mean reward q, and J."""
        T, F = at.number(self.true_positive), at.number(self.false_positive)
        return at.mixed(T, F), T - F

    def _known(self) -> tuple[Array, Array, Array]:
        """True positives, false positives and eps, if they are such that the facts are proved."""
        T, F, eps = np.broadcast_arrays(
            self.true_positive, self.false_positive, self.normalization.variance_smoothing()
        )
        require(T > F, "true_positive", T, "above false_positive for what rests on this fact")
        errs = (F > 0) & (T < 1)
        require((eps > 0) | errs, "eps", eps, "above 0 if errors are of one kind, for this fact")
        return T, F, eps


class _Rise:
    """The states with ``q > 1/2``, where Omega rises: its slope has one peak there."""

    def __init__(self, T: Array, F: Array, eps: Array) -> None:
        """Find where the side begins, and the peak; both inf if there is no such state."""
        self.T, self.F, self.eps = T, F, eps
        with infinities():
            self.start = np.log(np.maximum(1 - 2 * F, 0) / np.maximum(2 * T - 1, 0))
            low = np.clip(self.start, -FAR, FAR)
            peak = bisect(lambda L: ~self._steepens(L), low, np.full_like(low, FAR))
        self.peak = np.where(self.start == np.inf, np.inf, peak)

    def points(self, slope: Array) -> tuple[Array, Array]:
        """Where Omega' is ``slope``, before and after the peak; inf if it is steeper than that."""
        slope, start, peak = np.broadcast_arrays(slope, self.start, self.peak)
        with infinities():
            sought = np.log(slope)
            low = np.clip(start, -FAR, FAR)
            c_1 = bisect(lambda L: ~(self.log_slope(L) < sought), low, peak)
            c_2 = bisect(lambda L: ~(self.log_slope(L) > sought), peak, np.full_like(peak, FAR))
            none = ~(self.log_slope(peak) > sought)
        c_1, c_2 = np.where(slope == 0, start, c_1), np.where(slope == 0, np.inf, c_2)
        return np.where(none, np.inf, c_1), np.where(none, np.inf, c_2)

    def log_slope(self, L: Array) -> Array:
        """Logarithm of ``Omega' = J^2 (2 q - 1) p (1 - p) / (2 (q (1 - q) + eps)^(3/2))``."""
        observed = Doubles(L).mixed(self.T, self.F)
        log_variance = -np.abs(L) - 2 * np.log1p(np.exp(-np.abs(L)))  # of the true reward
        log_top = 2 * np.log(self.T - self.F) + np.log(observed.tanh / 2) + log_variance
        found = log_top - 1.5 * np.log(observed.p * observed.q + self.eps)
        return np.where(np.isinf(L), -np.inf, found)

    def _steepens(self, L: Array) -> Mask:
        """Whether the logarithmic derivative of Omega' is positive."""
        at = Doubles(L)
        observed = at.mixed(self.T, self.F)
        share = at.up_to_1((self.T - self.F) * (at.deviation / observed.deviation) ** 2)
        x, variance = observed.tanh, observed.p * observed.q
        return share * (2 * variance / x + 1.5 * x * variance / (variance + self.eps)) > at.tanh
