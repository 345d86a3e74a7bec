"""The probability of success under exact GRPO updates, as a map in log-odds."""

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import ArrayLike

from .arithmetic import Doubles, Number, State, infinities
from .clipping import Clip, check_clip
from .maps import Map
from .normalization import Normalization, check_normalization
from .smoothed import MeanVariance
from .validation import Array, Mask, kl_weight, parameter, require


@dataclass(frozen=True, eq=False)
class Recurrence(Map):
    """L_n = alpha L_ref + (1 - alpha) L_{n-1} + Omega(p_{n-1}) / beta.

    This is Theorem 2 for ``alpha = 1`` (KL to the reference), Theorem 4 for ``alpha = 0`` (mirror:
    KL to the previous policy) and Theorem 9 for values between (two KLs), where the Renyi
    correction of Theorem 9 is 0 because the iteration starts at the reference, or at another policy
    with the reference's conditionals on successes and on failures.

    An anchor ``alpha L_ref + (1 - alpha) L`` of -inf or +inf has no success, or no failure, to
    reweigh. It is absorbing: the step returns it unchanged.

    With ``clip`` an update maximises the clipped surrogate of section 2.2 less the same KL penalty.
    It is that of the formula as long as it leads below both limits of `Clip`, hence whenever it
    lowers p. Fixed points inside (0, 1) and their slopes are those without it. What rests on
    `parts`, on `update_slope` or on `slope_points` raises, such as `train`, `cycles` and `regime`.

    Attributes:
        beta: weight of the KL penalty, above 0, shape [...]. At 0, the default of some libraries,
            nothing holds a policy back: an exact update takes every prompt with ``p_ref > 0`` to
            ``p = 1`` at once.
        normalization: how rewards become advantages.
        alpha: share of the KL penalty that goes to the reference, in [0, 1], shape [...].
        clip: clipping parameter, above 0 and at most 1, shape [...]; a tuple ``(low, high)`` or a
            `Clip` for two of them; None for no clipping. It is not the smoothing eps.

    Raises:
        ValueError: a parameter is out of its range or NaN, or they do not broadcast.

    Examples:
        >>> from grpo_lib import MeanOnly, Recurrence
        >>> reference = Recurrence(beta=1.0)
        >>> mirror = Recurrence(beta=1.0, alpha=0.0)
        >>> dr_grpo = Recurrence(beta=1.0, normalization=MeanOnly())
        >>> for recurrence in reference, mirror, dr_grpo:
        ...     print(recurrence.trajectory(p_ref=0.2, steps=4).probability.round(4))
        [0.2    0.7528 0.7174 0.6973 0.6879]
        [0.2    0.7528 0.9687 0.9999 1.    ]
        [0.2    0.4046 0.4046 0.4046 0.4046]
        >>> clipped = Recurrence(beta=1.0, clip=(0.2, 0.28))
        >>> print(clipped.trajectory(p_ref=0.2, steps=4).probability.round(4))
        [0.2    0.2919 0.3736 0.4782 0.5826]
    """

    beta: ArrayLike
    normalization: Normalization = MeanVariance()
    alpha: ArrayLike = 1.0
    clip: Clip | ArrayLike | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "beta", kl_weight(self.beta))
        object.__setattr__(self, "alpha", parameter("alpha", self.alpha, at_least=0, at_most=1))
        check_normalization(self.normalization)
        object.__setattr__(self, "clip", check_clip(self.clip))
        super().__post_init__()
        self.shape()

    def update(self, at: State, *, L_ref: Number) -> Number:
        """The step, ``alpha L_ref + (1 - alpha) L + Omega / beta``."""
        anchor = at.between(at.number(self.alpha), L_ref)
        pull = self.normalization.omega(at) / at.number(self.beta)
        clip = check_clip(self.clip)
        return clip.limited(at, anchor=anchor, pull=pull) if clip else at.push(anchor, pull)

    def update_slope(self, at: State) -> Number:
        """Its derivative, ``1 - alpha + Omega' / beta``; not declared with a clip."""
        self._refuse_clip("update_slope")
        omega_slope = self.normalization.omega_slope(at)
        return 1 - at.number(self.alpha) + omega_slope / at.number(self.beta)

    def slope_at_rest(self, at: State) -> Number:
        """The slope without clip: both limits are above a fixed point inside (0, 1)."""
        given = {field.name: getattr(self, field.name) for field in fields(self)}
        return self.unchecked(**given | {"clip": None}).update_slope(at)

    def balance(self) -> tuple[Normalization, Array, Mask]:
        """The weight b is ``alpha beta``; the ends are fixed instead for ``alpha = 0``."""
        alpha, beta = self._weights()
        return self.normalization, alpha * beta, alpha == 0

    def parts(self) -> tuple[Array, Normalization, Array]:
        """Alpha, the normalisation and beta; not declared with a clip."""
        self._refuse_clip("parts")
        alpha, beta = self._weights()
        return alpha, self.normalization, beta

    def end_slope(self, *, L: Array) -> Array:
        """Of the mirror update exp(-+Omega / beta), otherwise 0.

        The mirror update multiplies p near 0, and 1 - p near 1, by exp(+-Omega / beta). At
        alpha > 0 an end is fixed because nothing that enters the update there depends on L. With a
        clip p near 0 at most grows by 1 + high and 1 - p near 1 at most shrinks by 1 - low. That
        limit also holds where p = 1 is fixed because Omega has no upper bound.
        """
        omega = self.normalization.omega(Doubles(L))
        slope = np.where(self.alpha == 0, np.exp(-np.sign(L) * omega / self.beta), 0.0)
        clip = check_clip(self.clip)
        if clip is None:
            return slope
        reached = (L > 0) & (np.equal(self.alpha, 0) | np.isinf(omega))
        slope = np.minimum(slope, 1 + np.asarray(clip.high))
        return np.where(reached, np.maximum(slope, 1 - np.asarray(clip.low)), slope)

    def slope_points(self, slope: int) -> tuple[Array, Array]:
        """Where Omega' is ``(slope - 1 + alpha) beta``."""
        alpha, _, beta = self.parts()
        with infinities():
            omega_slope = (slope - 1 + alpha) * beta
            if slope > 0:
                return self.normalization.turning_points(omega_slope)
            return self.normalization.falling_points(-omega_slope)

    def _weights(self) -> tuple[Array, Array]:
        alpha, beta = (np.asarray(x, dtype=float) for x in (self.alpha, self.beta))
        return alpha, beta

    def _refuse_clip(self, name: str) -> None:
        if self.clip is not None:
            raise NotImplementedError(
                f"Recurrence does not declare {name} with a clip; see Map.{name}"
            )

    def check_states(self, given: dict[str, Array], *, L: Array, L_ref: Array) -> None:
        """Check a state and a reference; see `Map.check_states`."""
        super().check_states(given, L=L, L_ref=L_ref)
        name, name_ref = given
        with infinities():
            anchor = Doubles(L).between(self.alpha, L_ref)
        require(
            ~np.isnan(anchor),
            name_ref,
            given[name_ref],
            f"compatible with {name}: at 0 < alpha < 1 no policy is near both one that always "
            "succeeds and one that never does",
        )
