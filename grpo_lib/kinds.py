"""The kinds of evidence, in one table.

The recorder, the schema of the ledger, the runner, the scorecard and the tables of other seeds and
processors all read here what a kind is. A new kind is one more row, and a method of
`grpo_lib.ledger.Claim` that records it.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

NUMBER = {"type": "number"}
TEXT = {"type": "string"}
INTERVAL = {"type": "array", "items": NUMBER, "minItems": 2, "maxItems": 2}


@dataclass(frozen=True)
class Kind:
    """A kind of evidence.

    Attributes:
        name: the word for it in entries, on pages and in files.
        meaning: what an entry says, for the schema of the ledger.
        value: form of the value, as a JSON schema.
        bound: form of the bound, as a JSON schema.
        finding: the value beside the bound, as a format of an entry's fields.
        keeps: whether a value keeps a bound.
        whole: of a value and a bound that are two numbers, the one that the other may take up,
            ``value`` or ``bound``. The tables of other seeds and processors show such kinds.
        is_control: whether it is a negative control: a wrong variant that loses.
        has_source: whether an entry names a file that it rests on, and the file's hash.

    Examples:
        >>> from grpo_lib.kinds import KINDS
        >>> measured = KINDS["measured"]
        >>> print(measured.keeps(0.5, 1.0), measured.keeps(float("nan"), 1.0))
        True False
    """

    name: str
    meaning: str
    value: Mapping[str, Any]
    bound: Mapping[str, Any]
    finding: str
    keeps: Callable[[Any, Any], bool]
    whole: Literal["value", "bound"] | None = None
    is_control: bool = False
    has_source: bool = False

    def share(self, value: ArrayLike, bound: ArrayLike) -> NDArray[np.float64]:
        """How much of the whole is taken up: at most 1 if the bound is kept.

        What is no size, NaN included, is too much. A bound of 0 is kept by 0 alone.

        Args:
            value: values of entries, shape [...].
            bound: their bounds, shape [...].

        Raises:
            ValueError: value and bound are not two numbers.

        Examples:
            >>> from grpo_lib.kinds import KINDS
            >>> print(KINDS["measured"].share([0.0, 0.25, 0.5], [0.0, 1.0, 1.0]))
            [0.   0.25 0.5 ]
            >>> print(KINDS["rejected"].share(0.5, 0.25))
            0.5
        """
        if self.whole is None:
            raise ValueError(f"kind must have two numbers to compare, got {self.name!r}")
        part, whole = (value, bound) if self.whole == "bound" else (bound, value)
        with np.errstate(divide="ignore", invalid="ignore"):
            share = np.where(np.greater(part, 0), np.divide(part, whole), np.inf)
        return np.where(np.equal(part, 0), 0, share)


def _is_proof(value: str, bound: None) -> bool:
    return value in ("0", "true")


def _lies_above(value: str, bound: float | None) -> bool:
    if bound is None:
        return True
    from flint import arb  # a ball comes from python-flint, without which there is none to read

    try:
        return bool(arb(value) > bound)
    except ValueError:  # no ball
        return False


# NaN keeps no bound, and no infinite value is evidence.
def _is_at_most(value: float, bound: float) -> bool:
    return 0 <= value <= bound < math.inf


def _is_at_least(value: float, bound: float) -> bool:
    return 0 < bound <= value < math.inf


def _lies_in(value: float, bound: tuple[float, float]) -> bool:
    low, high = bound
    return -math.inf < low <= value <= high < math.inf


AXIOMS = frozenset(
    {
        "ClassicalDedekindReals.sig_forall_dec",
        "ClassicalDedekindReals.sig_not_dec",
        "Classical_Prop.classic",
        "FunctionalExtensionality.functional_extensionality_dep",
    }
)
"""Axioms that a proof for Coq may rest on, those under its real numbers and that each statement is
true or false. What is assumed without a proof would be one more name.

:meta hide-value:
"""


def _rests_on_axioms(value: str, bound: tuple[str, ...]) -> bool:
    return value.isidentifier() and AXIOMS.issuperset(bound)


_TABLE = (
    Kind(
        "proved",
        "a SymPy expression is exactly 0 or true, or a python-flint polynomial or number is "
        "exactly 0",
        value=TEXT,
        bound={"type": "null"},
        finding="{value}",
        keeps=_is_proof,
    ),
    Kind(
        "formal",
        "the kernel of Coq accepts the proof of a theorem, named by its value; its bound lists the "
        "axioms that the proof rests on, and they are those of the real numbers",
        value=TEXT,
        bound={"type": "array", "items": TEXT},
        finding="{value}, {source.file}",
        keeps=_rests_on_axioms,
        has_source=True,
    ),
    Kind(
        "certified",
        "interval arithmetic found a finite enclosure, above its bound if there is one",
        value=TEXT,
        bound={"type": ["number", "null"]},
        finding="{value} > {bound:g}",
        keeps=_lies_above,
    ),
    Kind(
        "measured",
        "an error is at most its bound",
        value=NUMBER,
        bound=NUMBER,
        finding="{value:.3g} ≤ {bound:.3g}",
        keeps=_is_at_most,
        whole="bound",
    ),
    Kind(
        "observed",
        "a prediction lies in the interval, its bound, that the data of a real run leave",
        value=NUMBER,
        bound=INTERVAL,
        finding="{value:.3g} ∈ [{bound[0]:.3g}, {bound[1]:.3g}], {source.file}",
        keeps=_lies_in,
        has_source=True,
    ),
    Kind(
        "rejected",
        "a wrong variant errs by at least its bound",
        value=NUMBER,
        bound=NUMBER,
        finding="{value:.3g} ≥ {bound:.3g}",
        keeps=_is_at_least,
        whole="value",
        is_control=True,
    ),
)

# By name, in the order in which they are counted.
KINDS = {kind.name: kind for kind in _TABLE}
