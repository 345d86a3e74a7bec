"""The ledger: evidence that can fail, recorded where it is computed.

A notebook opens a claim by its id in ``claims.yml``, records evidence and shows the claim in a cell
of its own::

    claim = ledger.claim("theorem-2")
    claim.proved("closed form equals the policy-level value", difference)
    claim.measured("closed form against random policies", worst_error, at_most=1e-12)
    claim.observed("share solved at the end", p_50, low=0.66, high=0.70, file="data/runs.csv")
    claim.rejected("anchor left out", wrong_error, at_least=1e-3)
    claim

Every call checks its evidence and raises `EvidenceError` at once if it does not hold. Showing the
claim writes the table a reader sees and, beside it, the same entries as JSON under the MIME type
`MIME_TYPE`. The runner reads them from there.
"""

import hashlib
import html
import math
import os
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Self, cast

import numpy as np
from numpy.typing import ArrayLike

from .kinds import KINDS
from .validation import require

MIME_TYPE = "application/vnd.grpo-companion.evidence+json"

EXACT_TYPES = ("fmpz", "fmpq", "fmpz_poly", "fmpq_poly", "fmpz_mpoly", "fmpq_mpoly")
"""Exact numbers and polynomials of python-flint, by name, as the package does not require it."""

DIGITS = 12
"""Digits of a certified number that the evidence shows."""


class EvidenceError(AssertionError):
    """Evidence that does not support its claim.

    Examples:
        >>> import sympy as sp
        >>> from grpo_lib import ledger
        >>> ledger.claim("theorem-2").proved("one is two", sp.Eq(1, 2))
        Traceback (most recent call last):
            ...
        grpo_lib.ledger.EvidenceError: theorem-2: not proved: one is two: False is not 0 or true
    """


@dataclass(frozen=True)
class Source:
    """The file that an entry rests on.

    Attributes:
        file: path from the project's root, with slashes.
        sha256: SHA-256 of its content, in hexadecimal digits.

    Examples:
        >>> from grpo_lib.ledger import Source
        >>> print(Source("data/runs.csv", "9f86d081" * 8).file)
        data/runs.csv
    """

    file: str
    sha256: str


@dataclass(frozen=True)
class Evidence:
    """One entry of a claim.

    Attributes:
        kind: ``proved``, ``formal``, ``certified``, ``measured``, ``observed`` or ``rejected``: a
            name in the table `grpo_lib.kinds.KINDS`.
        name: what was checked, in the reader's words.
        value: the proved expression, the name of a ``formal`` theorem or the enclosing ball as
            text, or the measured or predicted number.
        bound: the largest value that a ``measured`` entry may have, the smallest that a
            ``rejected`` one must have, the number that a ``certified`` ball lies above, the two
            ends of the interval around an ``observed`` one, or the axioms that a ``formal`` one
            rests on; None for ``proved`` and for a ball that only has to be finite.
        cell: execution count of the notebook cell that recorded it; None outside a notebook.
        source: the data of an ``observed`` entry or the proof of a ``formal`` one; None for all
            others.

    Raises:
        ValueError: there is no such kind, or a source where the kind has none, or none where it
            must have one.

    Examples:
        >>> from grpo_lib.ledger import Evidence
        >>> print(Evidence("measured", "closed form against samples", 3e-14, bound=1e-12).finding)
        3e-14 ≤ 1e-12
    """

    kind: str
    name: str
    value: float | str
    bound: float | tuple[float, float] | tuple[str, ...] | None = None
    cell: int | None = None
    source: Source | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"kind must be one of {', '.join(KINDS)}, got {self.kind!r}")
        if (self.source is not None) != KINDS[self.kind].has_source:
            needed = "a file" if KINDS[self.kind].has_source else "None"
            raise ValueError(f"source must be {needed} if kind is {self.kind}, got {self.source!r}")

    @property
    def holds(self) -> bool:
        """Whether the value keeps the bound, as the table of kinds has it."""
        return KINDS[self.kind].keeps(self.value, self.bound)

    @property
    def finding(self) -> str:
        """The value together with the bound it meets, as text."""
        if self.bound is None:
            return str(self.value)
        return KINDS[self.kind].finding.format_map(vars(self))

    @property
    def share(self) -> float:
        """How much of the bound the value takes up, or the bound of the value of a control.

        Raises:
            ValueError: value and bound are not two numbers.
        """
        return float(KINDS[self.kind].share(self.value, cast(float, self.bound)))

    def as_json(self) -> dict[str, Any]:
        """The entry in the form that the schema of the ledger describes.

        Examples:
            >>> from grpo_lib.ledger import Evidence
            >>> Evidence("proved", "square of a sum", "0").as_json()
            {'kind': 'proved', 'name': 'square of a sum', 'value': '0', 'bound': None, 'cell': None}
        """
        entry = asdict(self)
        if isinstance(self.bound, tuple):
            entry["bound"] = list(self.bound)
        if self.source is None:
            del entry["source"]
        return entry

    @classmethod
    def from_json(cls, entry: Mapping[str, Any]) -> Self:
        """Read what `as_json` gave.

        Examples:
            >>> from grpo_lib.ledger import Evidence
            >>> entry = Evidence("measured", "closed form against samples", 3e-14, bound=1e-12)
            >>> print(Evidence.from_json(entry.as_json()) == entry)
            True
        """
        fields = dict(entry)
        if isinstance(fields["bound"], list):
            fields["bound"] = tuple(fields["bound"])
        if "source" in fields:
            fields["source"] = Source(**fields["source"])
        return cls(**fields)

    def _repr_html_(self) -> str:
        return f"<p>{self.kind}: {html.escape(self.name)} ({html.escape(self.finding)})</p>"


class Claim:
    """A claim of the register and the evidence recorded for it so far.

    Recording an entry of the same kind and name again replaces it, so a cell may be run twice.

    Attributes:
        id: the claim's id in ``claims.yml``.
        evidence: the entries, in the order in which they were first recorded.

    Examples:
        >>> from grpo_lib.ledger import Claim
        >>> claim = Claim("theorem-2")
        >>> entry = claim.measured("closed form against samples", 3e-14, at_most=1e-12)
        >>> print(claim)
        claim theorem-2
        measured   closed form against samples: 3e-14 ≤ 1e-12
    """

    def __init__(self, id: str) -> None:
        """Open a claim without evidence; `claim` is the usual way to call this."""
        if not (isinstance(id, str) and id):
            raise ValueError(f"id must be a non-empty string, got {id!r}")
        self.id = id
        self._entries: dict[tuple[str, str], Evidence] = {}

    @property
    def evidence(self) -> list[Evidence]:
        """The entries, in the order in which they were first recorded."""
        return list(self._entries.values())

    def proved(self, name: str, expression: Any) -> Evidence:
        """Record a proof carried out by computer algebra.

        Args:
            name: what was proved.
            expression: a SymPy expression that is exactly 0, a matrix of exact zeros, or the SymPy
                truth value ``true``; or an exact 0 of python-flint, a number or a polynomial. It is
                not simplified here. A Python bool is refused: it does not show where it comes from.

        Raises:
            EvidenceError: the expression is neither 0 nor true.
            ValueError: the expression is neither a SymPy object nor exact.

        Examples:
            >>> import sympy as sp
            >>> from grpo_lib import ledger
            >>> x = sp.Symbol("x")
            >>> difference = sp.expand((x + 1) ** 2) - (x**2 + 2 * x + 1)
            >>> print(ledger.claim("theorem-2").proved("the square of a sum", difference).finding)
            0
        """
        if type(expression).__name__ in EXACT_TYPES:
            if expression != 0:
                raise EvidenceError(f"{self.id}: not proved: {name}: {expression} is not 0")
            return self._record(Evidence("proved", name, "0"))
        import sympy as sp  # slow to import, and needed here alone

        if not isinstance(expression, sp.Basic | sp.MatrixBase):
            raise ValueError(
                "expression must be a SymPy object that is exactly 0 or true, or an exact number "
                f"or polynomial of python-flint that is 0, got {expression!r}"
            )
        entries = list(expression) if isinstance(expression, sp.MatrixBase) else [expression]
        # By identity: there is one exact 0 and one true. A Float of 0 can be equal to it.
        if not entries or not all(entry is sp.S.Zero or entry is sp.true for entry in entries):
            raise EvidenceError(f"{self.id}: not proved: {name}: {expression} is not 0 or true")
        return self._record(Evidence("proved", name, "true" if entries[0] is sp.true else "0"))

    def certified(self, name: str, ball: Any, *, above: float | None = None) -> Evidence:
        """Record an enclosure found by interval arithmetic.

        Args:
            name: what the enclosure certifies.
            ball: a python-flint ball (``arb``) or a cycle from `grpo_lib.certified`. A routine that
                cannot certify returns one that is not finite, and that fails here.
            above: a number that the whole ball must lie above, for inequalities.

        Raises:
            EvidenceError: the ball is not finite, or does not lie above the number.
            ValueError: the object is not a ball.

        Examples:
            >>> from flint import arb
            >>> from grpo_lib import ledger
            >>> entry = ledger.claim("theorem-2").certified("pi is above 3", arb.pi(), above=3)
            >>> print(entry.kind, entry.bound)
            certified 3
        """
        if not callable(getattr(ball, "is_finite", None)):
            raise ValueError(f"ball must be a python-flint ball (arb), got {ball!r}")
        if not (ball.is_finite() and (above is None or ball > above)):
            relation = "" if above is None else f" > {above:g}"
            raise EvidenceError(f"{self.id}: not certified: {name}: {ball}{relation}")
        # Whatever the precision it was computed with, a ball is shown with a dozen digits.
        text = ball.str(DIGITS) if hasattr(ball, "str") else str(ball)
        return self._record(Evidence("certified", name, text, above))

    def measured(self, name: str, value: ArrayLike, *, at_most: ArrayLike) -> Evidence:
        """Record the worst error of a numerical comparison.

        Args:
            name: what was compared.
            value: the errors found, shape [...].
            at_most: the largest error that supports the claim, one for all or one for each, shape
                [...]. Recorded is the error that comes closest to its bound.

        Raises:
            EvidenceError: an error exceeds its bound, is negative, NaN or infinite; or there is no
                error to record.
            ValueError: a bound is not finite and at least 0, or the shapes do not broadcast.

        Examples:
            >>> from grpo_lib import ledger
            >>> claim = ledger.claim("theorem-2")
            >>> print(claim.measured("two errors", [3e-15, 4e-15], at_most=[1e-13, 1e-14]).finding)
            4e-15 ≤ 1e-14
            >>> claim.measured("too far", 0.5, at_most=1e-9)
            Traceback (most recent call last):
                ...
            grpo_lib.ledger.EvidenceError: theorem-2: measured: too far: 0.5 is not in [0, 1e-09]
        """
        bounds = np.asarray(at_most, dtype=float)
        allowed = np.isfinite(bounds) & (bounds >= 0)
        require(allowed, "at_most", bounds if bounds.ndim else at_most, "finite and at least 0")
        values = np.asarray(value, dtype=float)
        try:
            values, bounds = np.broadcast_arrays(values, bounds)
        except ValueError:
            raise ValueError(
                f"at_most must be one bound or broadcast with the errors of shape {values.shape}, "
                f"got shape {bounds.shape}"
            ) from None
        if not values.size:
            raise EvidenceError(f"{self.id}: measured: {name}: nothing was compared")
        share = KINDS["measured"].share(values, bounds)
        worst = np.unravel_index(np.argmax(share), share.shape)
        entry = Evidence("measured", name, float(values[worst]), float(bounds[worst]))
        if not entry.holds:
            raise EvidenceError(
                f"{self.id}: measured: {name}: {entry.value} is not in [0, {entry.bound}]"
            )
        return self._record(entry)

    def observed(
        self, name: str, prediction: float, *, low: float, high: float, file: str
    ) -> Evidence:
        """Record that a prediction agrees with the recorded data of a real run.

        The runner refuses the entry unless the notebook declares the file in its metadata, and
        unless the file is still the one whose hash was taken here.

        Args:
            name: what was predicted.
            prediction: the predicted number.
            low: lower end of the interval that the data leave, such as from replicates.
            high: its upper end; both ends belong to it.
            file: the data, as a path from the project's root, the working directory of a notebook.

        Raises:
            EvidenceError: the prediction lies outside of the interval, or is NaN.
            ValueError: the ends are not finite and in order, or the file is not a file below the
                working directory.

        Examples:
            >>> from pathlib import Path
            >>> from grpo_lib import ledger
            >>> with open("runs.csv", "w") as data:
            ...     written = data.write("0.67,0.69,0.68")
            >>> claim = ledger.claim("theorem-2")
            >>> entry = claim.observed("p_50", 0.6813, low=0.66, high=0.70, file="runs.csv")
            >>> print(entry.finding)
            0.681 ∈ [0.66, 0.7], runs.csv
            >>> claim.observed("p_9", 0.4, low=0.66, high=0.70, file="runs.csv")
            Traceback (most recent call last):
                ...
            grpo_lib.ledger.EvidenceError: theorem-2: not observed: p_9: 0.4 is not in [0.66, 0.7]
            >>> Path("runs.csv").unlink()
        """
        if not -math.inf < low <= high < math.inf:
            raise ValueError(f"low and high must be finite and in order, got {low!r} and {high!r}")
        bound = (float(low), float(high))
        entry = Evidence("observed", name, float(prediction), bound, source=_source(file))
        if not entry.holds:
            raise EvidenceError(
                f"{self.id}: not observed: {name}: {prediction} is not in [{low}, {high}]"
            )
        return self._record(entry)

    def rejected(self, name: str, value: float, *, at_least: float) -> Evidence:
        """Record a negative control: a wrong variant, and the size of the error that exposes it.

        Args:
            name: the wrong variant.
            value: the error of the wrong variant.
            at_least: the smallest error that counts as a rejection.

        Raises:
            EvidenceError: the value stays below the bound, or is NaN or infinite.
            ValueError: the bound is not a finite number above 0.

        Examples:
            >>> from grpo_lib import ledger
            >>> entry = ledger.claim("theorem-2").rejected("beta left out", 0.4, at_least=1e-3)
            >>> print(entry.finding)
            0.4 ≥ 0.001
        """
        entry = Evidence("rejected", name, float(value), _at_least(at_least))
        if not entry.holds:
            raise EvidenceError(f"{self.id}: not rejected: {name}: {value} is below {at_least}")
        return self._record(entry)

    def _record(self, entry: Evidence) -> Evidence:
        if not (isinstance(entry.name, str) and entry.name.strip()):
            raise ValueError(f"name must say what was checked, got {entry.name!r}")
        entry = replace(entry, cell=_running_cell())
        self._entries[entry.kind, entry.name] = entry
        return entry

    def __repr__(self) -> str:
        """Return the evidence as a plain-text table."""
        lines = [f"{e.kind:<9}  {e.name}: {e.finding}" for e in self.evidence]
        return "\n".join([f"claim {self.id}", *(lines or ["no evidence recorded"])])

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        rows = "".join(
            f"<tr><td>{e.kind}</td><td>{html.escape(e.name)}</td>"
            f"<td>{html.escape(e.finding)}</td></tr>"
            for e in self.evidence
        )
        return {
            "text/plain": repr(self),
            "text/html": (
                f'<table class="evidence"><caption>Evidence for {html.escape(self.id)}</caption>'
                "<thead><tr><th>kind</th><th>what was checked</th><th>finding</th></tr></thead>"
                f"<tbody>{rows}</tbody></table>"
            ),
            MIME_TYPE: {"claim": self.id, "evidence": [e.as_json() for e in self.evidence]},
        }


def claim(id: str) -> Claim:
    """Open the claim with this id.

    The id is compared with ``claims.yml`` by the runner, which refuses evidence for a claim the
    register does not know.

    Args:
        id: the claim's id, such as ``"theorem-2"``.

    Raises:
        ValueError: the id is not a non-empty string.

    Examples:
        >>> from grpo_lib import ledger
        >>> print(ledger.claim("theorem-2"))
        claim theorem-2
        no evidence recorded
    """
    return Claim(id)


def _at_least(bound: float) -> float:
    if not (math.isfinite(bound) and bound > 0):
        raise ValueError(f"at_least must be a finite number above 0, got {bound!r}")
    return float(bound)


def _source(file: str) -> Source:
    """The file with this path from the working directory, below which it must lie."""
    path = Path(os.path.normpath(file))
    if path.is_absolute() or ".." in path.parts or not path.is_file():
        raise ValueError(f"file must be a file below the working directory, got {file!r}")
    return Source(path.as_posix(), hashlib.sha256(path.read_bytes()).hexdigest())


def _running_cell() -> int | None:
    ipython = sys.modules.get("IPython")  # imported already if this is a notebook
    shell = ipython and ipython.get_ipython()
    # In holds the inputs up to this one; execution_count is one ahead in some versions of IPython.
    return len(shell.user_ns["In"]) - 1 if shell else None
