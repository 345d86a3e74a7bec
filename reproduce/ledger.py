"""The ledger: what became of every item of the register in one run."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

import jsonschema

from grpo_lib.ledger import Evidence
from reproduce.boxes import find_boxes
from reproduce.evidence import Collected
from reproduce.execute import Executed, Result
from reproduce.project import Fault, Project, write_text
from reproduce.register import Item
from reproduce.schema import SCHEMA


@dataclass(frozen=True)
class Row:
    """What became of one item.

    Attributes:
        item: the item.
        status: ``passed`` if its notebooks ran without a fault and recorded evidence, ``failed`` if
            not, ``open`` if no notebook shows it yet.
        box: whether its chapter has a box for it.
        seconds: run time of its own notebook; None if there is none or it was not run.
        evidence: entries by the notebook that recorded them, its own first; empty unless it passed.
        formal: entries of its proofs for Coq; empty if Coq was not asked in this run, or unless it
            passed; None if there are none.
    """

    item: Item
    status: Literal["passed", "failed", "open"]
    box: bool = False
    seconds: float | None = None
    evidence: Mapping[str, Sequence[Evidence]] = field(default_factory=dict)
    formal: Sequence[Evidence] | None = None

    @property
    def verdict(self) -> str | None:
        """What the evidence shows; None unless it passed."""
        return self.item.verdict if self.status == "passed" else None

    @property
    def fate(self) -> str:
        """The verdict, or else the status."""
        return self.verdict or self.status

    @property
    def entries(self) -> list[Evidence]:
        """The evidence of all its notebooks, and of its proofs for Coq."""
        recorded = [entry for entries in self.evidence.values() for entry in entries]
        return [*recorded, *(self.formal or ())]

    @property
    def is_formal_unchecked(self) -> bool:
        """Whether it has a proof for Coq that was not checked in this run."""
        return self.status == "passed" and self.formal is not None and not self.formal

    @property
    def is_derived_twice(self) -> bool:
        """Whether two notebooks have shown it."""
        return len(self.evidence) == 2


@dataclass(frozen=True)
class Ledger:
    """The record of a run.

    Attributes:
        rows: one for each item, in the order of the register.
        run: the run, as ``ledger.schema.json`` describes it.
    """

    rows: Sequence[Row]
    run: Mapping[str, Any]


def build_ledger(
    items: Sequence[Item],
    results: Sequence[Result],
    evidence: Collected,
    faults: Sequence[Fault],
    run: Mapping[str, Any],
    formal: Mapping[str, Sequence[Evidence]] | None = None,
) -> Ledger:
    """Put together the ledger.

    Args:
        items: those of the rows, in this order.
        results: what became of each notebook.
        evidence: what `collect` returns.
        faults: what went wrong; all items of a notebook with a fault fail.
        run: what `describe_run` returns.
        formal: entries of proofs for Coq by the id of their item, none if Coq was not asked.
    """
    proofs = formal or {}
    seconds: dict[str | None, float] = {result.name: result.seconds for result in results}
    boxes: dict[str | None, set[str]] = {
        result.name: {box.label for box in find_boxes(result.notebook)}
        for result in results
        if isinstance(result, Executed)
    }
    faulty = {fault.notebook for fault in faults}
    rows = []
    for item in items:
        passed = bool(item.notebooks) and faulty.isdisjoint(item.notebooks)
        shown = {
            name: evidence[item.id, name]
            for name in item.notebooks
            if passed and (item.id, name) in evidence
        }
        rows.append(
            Row(
                item,
                status="passed" if passed else "failed" if item.notebook else "open",
                box=item.id in boxes.get(item.notebook, ()),
                seconds=seconds.get(item.notebook),
                evidence=shown,
                formal=(proofs[item.id] if passed else ()) if item.id in proofs else None,
            )
        )
    return Ledger(rows, {**run, "faults": [fault.message for fault in faults]})


def as_json(ledger: Ledger) -> dict[str, Any]:
    """Write down the ledger in the form that ``ledger.schema.json`` describes.

    Raises:
        jsonschema.ValidationError: it does not fit the schema.
    """
    document = {"claims": [_claim(row) for row in ledger.rows], "run": dict(ledger.run)}
    jsonschema.validate(document, SCHEMA, jsonschema.Draft202012Validator)
    return document


def write_ledger(project: Project, ledger: Ledger) -> None:
    """Write the ledger to ``_build/ledger.json``."""
    text = json.dumps(as_json(ledger), indent=2, ensure_ascii=False, allow_nan=False)
    write_text(project.ledger, text + "\n")


def describe_run(
    started: datetime,
    jobs: int,
    parameters: Mapping[str, float],
    results: Iterable[Result],
    coq: str | None = None,
) -> dict[str, Any]:
    """Describe the run that began at `started` and has just executed, or reused, these results.

    `coq` is the version of Coq that has checked the proofs, None if none has.
    """
    executed = [result for result in results if isinstance(result, Executed)]
    environments: list[dict[str, Any]] = []
    for result in executed:
        if result.environment not in environments:
            environments.append(result.environment)
    return {
        "started": started.isoformat(timespec="seconds"),
        "wall_seconds": round((datetime.now(UTC) - started).total_seconds(), 2),
        "jobs": jobs,
        "seed": parameters.get("seed"),
        "scale": parameters.get("scale"),
        "coq": coq,
        "environments": [
            environment | {"notebooks": [r.name for r in executed if r.environment == environment]}
            for environment in environments
        ],
    }


def _claim(row: Row) -> dict[str, Any]:
    item = row.item
    number = {"number": item.number} if item.number else {}
    erratum = {"nature": item.nature, "correction": item.correction} if item.is_erratum else {}
    return {
        "id": item.id,
        **number,
        "label": item.label,
        "place": item.place,
        "hypotheses": list(item.hypotheses),
        "statement": item.statement,
        **erratum,
        "box": row.box,
        "uses": list(item.uses),
        "verdict": row.verdict,
        "status": row.status,
        "notebook": item.notebook,
        "second": item.second,
        "seconds": row.seconds,
        "evidence": [
            entry.as_json() | {"notebook": name}
            for name, entries in row.evidence.items()
            for entry in entries
        ]
        + [entry.as_json() | {"notebook": None} for entry in row.formal or ()],
    }
