"""The ledger as people read it: the scorecard, the errata and the counts."""

from collections import Counter
from typing import Any

from grpo_lib.ledger import Evidence
from reproduce.markup import (
    claim_link,
    evidence_link,
    list_table,
    notebook_link,
    plain,
    title,
)
from reproduce.register import is_own

HEAD = ["Claim", "Verdict", "Evidence", "Worst error", "Seconds"]
KINDS = ("proved", "certified", "measured", "rejected")
GROUPS = {
    "figure": "Figures and tables",
    "table": "Figures and tables",
    "erratum": "Errata",
    "beyond": "Beyond the paper",
}
FATES = {
    "holds": "hold as printed",
    "holds corrected": "hold corrected",
    "false as stated": "false as stated",
    "open": "open",
    "failed": "failed",
}
TWICE = "derived twice"
NATURES = {"typo": "A typo.", "loose": "A loose statement.", "false": "A false statement."}


def rows(ledger: dict[str, Any]) -> list[list[str]]:
    """Turn the ledger into the rows of the scorecard.

    Returns:
        For each claim its title; its verdict, or ``open`` or ``failed``, and whether it was derived
        twice; the number of entries of each kind; the measured error closest to its bound; the run
        time of its notebook.
    """
    return [
        [
            title(claim),
            _fate(claim) + (f", {TWICE}" if _is_derived_twice(claim) else ""),
            _kinds([claim]) or "–",
            _worst_error(claim["evidence"]),
            "–" if claim["seconds"] is None else f"{claim['seconds']:.1f}",
        ]
        for claim in ledger["claims"]
    ]


def as_text(ledger: dict[str, Any]) -> str:
    """Write the scorecard as a table for the terminal."""
    table = [HEAD, *rows(ledger)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in table
    )


def parts(ledger: dict[str, Any]) -> dict[str, str]:
    """Write the generated parts of the book's pages, by the name of their marker, in MyST."""
    return {
        "scorecard": _scorecard(ledger),
        "errata": _errata(ledger),
        "counts": _counts(ledger),
        "corrections": _corrections(ledger),
        "additions": _additions(ledger),
    }


def badge(ledger: dict[str, Any]) -> dict[str, Any]:
    """Say how many items are checked, in the form that shields.io takes from an endpoint."""
    status = Counter(claim["status"] for claim in ledger["claims"])
    color = "red" if status["failed"] else "yellow" if status["open"] else "brightgreen"
    message = f"{status['passed']} of {status.total()} items checked"
    return {"schemaVersion": 1, "label": "GRPO paper, executed", "message": message, "color": color}


def _scorecard(ledger: dict[str, Any]) -> str:
    tables: dict[str, list[list[str]]] = {}
    for claim, row in zip(ledger["claims"], rows(ledger), strict=True):
        group = GROUPS.get(claim["id"].split("-")[0], "Results")
        tables.setdefault(group, []).append(
            [claim_link(claim), _linked_fate(claim), evidence_link(row[2], claim), *row[3:]]
        )
    return "\n\n".join(
        f"## {group}\n\n{list_table(HEAD, table)}" for group, table in tables.items()
    )


def _errata(ledger: dict[str, Any]) -> str:
    return "\n\n".join(
        f"## {claim['label']}: {claim['place']}\n\n"
        f"**{NATURES[claim['nature']]}** {claim['statement']}\n\n"
        f"**What holds.** {claim['correction']}\n\n"
        f"**Checked.** {_check(claim)}"
        for claim in ledger["claims"]
        if "nature" in claim
    )


def _check(claim: dict[str, Any]) -> str:
    if claim["status"] != "passed":
        return "Not yet."
    rejected = "; ".join(
        f"{plain(entry['name'])} ({_recorded(entry).finding})"
        for entry in claim["evidence"]
        if entry["kind"] == "rejected"
    )
    notebook = claim["notebook"]
    return (
        f"In {notebook_link(notebook, notebook)}: {claim['verdict']} "
        f"({evidence_link('evidence', claim)}). Rejected there: {rejected}."
    )


def _counts(ledger: dict[str, Any]) -> str:
    claims = ledger["claims"]
    items = [claim for claim in claims if "nature" not in claim and not is_own(claim["id"])]
    fates = Counter(_fate(claim) for claim in items)
    counts = ", ".join(f"{fates[fate]} {text}" for fate, text in FATES.items() if fates[fate])
    entries = sum(len(claim["evidence"]) for claim in claims)
    lines = [
        f"**{fates.total()} results and figures:** {counts}.",
        f"**{entries} pieces of evidence:** {_kinds(claims)}.",
    ]
    if twice := sum(map(_is_derived_twice, claims)):
        lines.append(f"**Derived twice, by means that share nothing:** {twice} results.")
    return "\n\n".join(lines)


def _corrections(ledger: dict[str, Any]) -> str:
    errata = [claim for claim in ledger["claims"] if "nature" in claim]
    natures = Counter(claim["nature"] for claim in errata)
    counts = ", ".join(f"{natures[nature]} {nature}" for nature in NATURES if natures[nature])
    checked = sum(claim["status"] == "passed" for claim in errata)
    return f"**{len(errata)} errata:** {counts}; {checked} checked."


def _additions(ledger: dict[str, Any]) -> str:
    own = [claim for claim in ledger["claims"] if is_own(claim["id"])]
    shown = [claim for claim in own if claim["status"] == "passed"]
    chapters = len({claim["notebook"] for claim in shown})
    counts = f"{len(shown)} shown, in {chapters} chapters"
    return f"**{len(own)} results of our own:** {counts}."


def _fate(claim: dict[str, Any]) -> str:
    return claim["verdict"] or claim["status"]


def _is_derived_twice(claim: dict[str, Any]) -> bool:
    return len({entry["notebook"] for entry in claim["evidence"]}) == 2


def _linked_fate(claim: dict[str, Any]) -> str:
    twice = f", {evidence_link(TWICE, claim, 'second')}" if _is_derived_twice(claim) else ""
    return _fate(claim) + twice


def _recorded(entry: dict[str, Any]) -> Evidence:
    """An entry of the ledger as its notebook recorded it."""
    return Evidence(**{name: value for name, value in entry.items() if name != "notebook"})


def _kinds(claims: list[dict[str, Any]]) -> str:
    numbers = Counter(entry["kind"] for claim in claims for entry in claim["evidence"])
    return ", ".join(f"{numbers[kind]} {kind}" for kind in KINDS if numbers[kind])


def _worst_error(evidence: list[dict[str, Any]]) -> str:
    measured = [_recorded(entry) for entry in evidence if entry["kind"] == "measured"]
    # A bound of 0 is kept only by a value of 0.
    worst = max(measured, key=lambda e: e.value / e.bound if e.bound else 0.0, default=None)
    return worst.finding if worst else "–"
