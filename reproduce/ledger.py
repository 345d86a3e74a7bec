"""Collect the evidence from executed notebooks and write it down as the ledger."""

import json
import math
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import jsonschema
from flint import arb

from grpo_lib.ledger import MIME_TYPE
from reproduce.boxes import find_boxes
from reproduce.execute import Result, cell_place
from reproduce.project import Fault, Project, write_text
from reproduce.register import Claim
from reproduce.schema import BUNDLE_SCHEMA, SCHEMA

Collected = dict[tuple[str, str], list[dict[str, Any]]]
"""Entries by the id of their claim and the name of the notebook that shows them."""


def collect(results: Sequence[Result], claims: Sequence[Claim]) -> tuple[Collected, list[Fault]]:
    """Collect the evidence that executed notebooks show, and everything wrong with it.

    Returns:
        The evidence, and the faults: failed notebooks, evidence for a claim that is unknown or
        belongs to another notebook, claims without the evidence they need.
    """
    evidence: Collected = {}
    faults: list[Fault] = []
    for result in results:
        if result.notebook is None:
            faults.append(Fault(result.name, result.error))
            continue
        shown, messages = _shown_evidence(result, {claim.id: claim for claim in claims})
        evidence |= shown
        messages += _missing_evidence(result.name, claims, shown)
        faults += [Fault(result.name, message) for message in messages]
    return evidence, faults


def build_ledger(
    claims: Sequence[Claim],
    results: Sequence[Result],
    evidence: Collected,
    faults: Sequence[Fault],
    run: dict[str, Any],
) -> dict[str, Any]:
    """Put together the ledger, which `ledger.schema.json` describes.

    Args:
        claims: the rows, in this order.
        results: what became of each notebook.
        evidence: what `collect` returns.
        faults: what went wrong; all claims of a notebook with a fault fail.
        run: what `describe_run` returns.

    Raises:
        jsonschema.ValidationError: the ledger does not fit the schema.
    """
    seconds = {result.name: result.seconds for result in results}
    boxes = {
        result.name: {box.label for box in find_boxes(result.notebook)}
        for result in results
        if result.notebook
    }
    faulty = {fault.notebook for fault in faults}
    rows = []
    for claim in claims:
        passed = bool(claim.notebooks) and faulty.isdisjoint(claim.notebooks)
        number = {"number": claim.number} if claim.number else {}
        erratum = {"nature": claim.nature, "correction": claim.correction} if claim.nature else {}
        rows.append(
            {
                "id": claim.id,
                **number,
                "label": claim.label,
                "place": claim.place,
                "hypotheses": list(claim.hypotheses),
                "statement": claim.statement,
                **erratum,
                "box": claim.id in boxes.get(claim.notebook, ()),
                "uses": list(claim.uses),
                "verdict": claim.verdict if passed else None,
                "status": "passed" if passed else "failed" if claim.notebook else "open",
                "notebook": claim.notebook,
                "second": claim.second,
                "seconds": seconds.get(claim.notebook),
                "evidence": _entries(claim, evidence) if passed else [],
            }
        )
    ledger = {"claims": rows, "run": run | {"faults": [fault.message for fault in faults]}}
    jsonschema.validate(ledger, SCHEMA, jsonschema.Draft202012Validator)
    return ledger


def write_ledger(project: Project, ledger: dict[str, Any]) -> None:
    """Write the ledger to ``_build/ledger.json``."""
    text = json.dumps(ledger, indent=2, ensure_ascii=False, allow_nan=False)
    write_text(project.ledger, text + "\n")


def describe_run(
    started: datetime, jobs: int, parameters: dict[str, float], results: Sequence[Result]
) -> dict[str, Any]:
    """Describe the run that began at `started` and has just executed, or reused, these results."""
    environments: list[dict[str, Any]] = []
    for result in results:
        if result.environment and result.environment not in environments:
            environments.append(result.environment)
    return {
        "started": started.isoformat(timespec="seconds"),
        "wall_seconds": round((datetime.now(UTC) - started).total_seconds(), 2),
        "jobs": jobs,
        "seed": parameters.get("seed"),
        "scale": parameters.get("scale"),
        "environments": [
            environment | {"notebooks": [r.name for r in results if r.environment == environment]}
            for environment in environments
        ],
    }


def _shown_evidence(result: Result, claims: dict[str, Claim]) -> tuple[Collected, list[str]]:
    shown: Collected = {}
    faults = []
    for index, cell in enumerate(result.notebook.cells):
        for output in cell.get("outputs", []):
            bundle = output.get("data", {}).get(MIME_TYPE)
            if bundle is None:
                continue
            if problem := _problem(bundle, result.name, claims):
                place = cell_place(result.name, result.notebook.cells, index)
                faults.append(f"{place}: {problem}")
            else:
                shown[bundle["claim"], result.name] = bundle["evidence"]
    return shown, faults


def _problem(bundle: Any, name: str, claims: dict[str, Claim]) -> str | None:
    error = next(jsonschema.Draft202012Validator(BUNDLE_SCHEMA).iter_errors(bundle), None)
    if error:
        return f"evidence in another form than ledger.schema.json describes: {error.message}"
    id = bundle["claim"]
    if id not in claims:
        return f"evidence for {id}, which is not in claims.yml"
    if name not in claims[id].notebooks:
        owner = " and ".join(f"notebook {own}" for own in claims[id].notebooks) or "no notebook"
        return f"evidence for {id}, to which claims.yml gives {owner}"
    for entry in bundle["evidence"]:
        if not _keeps_bound(entry):
            return f"evidence for {id} that does not keep its bound: {entry['name']}"
    return None


def _entries(claim: Claim, evidence: Collected) -> list[dict[str, Any]]:
    """The evidence for a claim, of those of its notebooks that were run."""
    return [
        entry | {"notebook": name}
        for name in claim.notebooks
        for entry in evidence.get((claim.id, name), [])
    ]


def _keeps_bound(entry: dict[str, Any]) -> bool:
    value, bound = entry["value"], entry["bound"]
    if bound is None:
        return True
    if entry["kind"] == "certified":
        return bool(arb(value) > bound)
    kept = value <= bound if entry["kind"] == "measured" else value >= bound
    return kept and math.isfinite(value)


def _missing_evidence(name: str, claims: Sequence[Claim], shown: Collected) -> list[str]:
    faults = []
    for claim in claims:
        if name not in claim.notebooks:
            continue
        kinds = {entry["kind"] for entry in shown.get((claim.id, name), [])}
        if not kinds:
            lack = "shows no evidence"
        elif "rejected" not in kinds:
            lack = "shows no negative control (rejected)"
        elif kinds == {"rejected"}:
            lack = "shows only negative controls, no positive evidence"
        else:
            continue
        faults.append(f"notebooks/{name}.ipynb: {lack} for {claim.id}")
    return faults
