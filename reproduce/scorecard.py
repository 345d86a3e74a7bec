"""The ledger as people read it: the scorecard, the errata and the counts."""

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any, cast

from grpo_lib.kinds import KINDS
from grpo_lib.ledger import Evidence
from reproduce.ledger import Ledger, Row
from reproduce.markup import (
    card_anchor,
    claim_link,
    evidence_link,
    index_entries,
    list_table,
    notebook_link,
    plain,
)

HEAD = ["Claim", "Verdict", "Evidence", "Worst error", "Seconds"]
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
SENTENCE = re.compile(r"(?<=\.) (?=[A-Z])")
BRIEF = 40
"""Words of a correction in the table of the errata, whole sentences, and one at least."""


def rows(ledger: Ledger) -> list[list[str]]:
    """Turn the ledger into the rows of the scorecard.

    Returns:
        For each claim its title; its verdict, or ``open`` or ``failed``, and whether it was derived
        twice; the number of entries of each kind; the measured error closest to its bound; the run
        time of its notebook.
    """
    return [
        [
            row.item.title,
            row.fate + (f", {TWICE}" if row.is_derived_twice else ""),
            ", ".join(_evidence(row)) or "–",
            _worst_error(row.entries),
            "–" if row.seconds is None else f"{row.seconds:.1f}",
        ]
        for row in ledger.rows
    ]


def as_text(ledger: Ledger) -> str:
    """Write the scorecard as a table for the terminal."""
    table = [HEAD, *rows(ledger)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in table
    )


def parts(ledger: Ledger) -> dict[str, str]:
    """Write the generated parts of the book's pages, by the name of their marker, in MyST."""
    return {
        "scorecard": _scorecard(ledger),
        "errata in short": _errata_in_short(ledger),
        "errata": _errata(ledger),
        "counts": _counts(ledger),
        "corrections": _corrections(ledger),
        "additions": _additions(ledger),
        **_closest_calls(ledger),
    }


def badge(ledger: Ledger) -> dict[str, Any]:
    """Say how many items are checked, in the form that shields.io takes from an endpoint."""
    status = Counter(row.status for row in ledger.rows)
    color = "red" if status["failed"] else "yellow" if status["open"] else "brightgreen"
    message = f"{status['passed']} of {status.total()} items checked"
    return {"schemaVersion": 1, "label": "GRPO paper, executed", "message": message, "color": color}


def _scorecard(ledger: Ledger) -> str:
    tables: dict[str, list[list[str]]] = {}
    for row, (_, _, kinds, *rest) in zip(ledger.rows, rows(ledger), strict=True):
        group = GROUPS.get(row.item.id.split("-")[0], "Results")
        title = f'<span id="{card_anchor(row.item.id)}"></span>{claim_link(row)}'
        evidence = evidence_link(kinds, row, row.item.notebook)
        fate = _linked_fate(row, corrections(ledger, row))
        tables.setdefault(group, []).append([title, fate, evidence, *rest])
    return "\n\n".join(
        f"## {group}\n\n{list_table(HEAD, table)}" for group, table in tables.items()
    )


def corrections(ledger: Ledger, row: Row) -> list[Row]:
    """The errata of a claim that does not hold as printed."""
    if row.item.is_erratum or row.verdict in (None, "holds", "ours"):
        return []
    return [
        other for other in ledger.rows if other.item.is_erratum and row.item.id in other.item.uses
    ]


def _errata_in_short(ledger: Ledger) -> str:
    table = [
        [claim_link(row), row.item.nature, row.item.statement, _brief(row.item.correction)]
        for row in ledger.rows
        if row.item.is_erratum
    ]
    return list_table(["No.", "Kind", "What is printed", "What holds"], table, (9, 9, 37, 45))


def _errata(ledger: Ledger) -> str:
    return "\n\n".join(
        f"({row.item.id})=\n## {row.item.label}: {row.item.place}\n\n"
        f"{index_entries(row.item.label)}\n\n"
        f"**{NATURES[row.item.nature]}** {row.item.statement}\n\n"
        f"**What holds.** {row.item.correction}\n\n"
        f"**Checked.** {_check(row)}"
        for row in ledger.rows
        if row.item.is_erratum
    )


def _brief(correction: str) -> str:
    first, *more = SENTENCE.split(correction)
    shown = [first]
    while more and len(" ".join([*shown, more[0]]).split()) <= BRIEF:
        shown.append(more.pop(0))
    return " ".join([*shown, "..."] if more else shown)


def _check(row: Row) -> str:
    if row.status != "passed":
        return "Not yet."
    rejected = [entry for entry in row.entries if KINDS[entry.kind].is_control]
    notebook = next(iter(row.evidence))
    return "\n".join(
        [
            f"In {notebook_link(notebook, notebook)}: {row.verdict} "
            f"({evidence_link('evidence', row, notebook)}).",
            "",
            f'<details class="more"><summary>Rejected there: {len(rejected)}</summary>',
            "",
            *(f"- {plain(entry.name)}: {entry.finding}" for entry in rejected),
            "",
            "</details>",
        ]
    )


def _counts(ledger: Ledger) -> str:
    items = [row for row in ledger.rows if not (row.item.is_erratum or row.item.is_own)]
    fates = Counter(row.fate for row in items)
    counts = ", ".join(f"{fates[fate]} {text}" for fate, text in FATES.items() if fates[fate])
    entries = sum(len(row.entries) for row in ledger.rows)
    lines = [
        f"**{fates.total()} results and figures:** {counts}.",
        f"**{entries} pieces of evidence:** {_kinds(ledger.rows)}. "
        "*Rejected* is a wrong variant that was tried on purpose and lost: no failure, but what "
        "shows that a check can fail.",
    ]
    if twice := sum(row.is_derived_twice for row in ledger.rows):
        lines.append(f"**Derived twice, by means that share nothing:** {twice} results.")
    return "\n\n".join(lines)


def _corrections(ledger: Ledger) -> str:
    errata = [row for row in ledger.rows if row.item.is_erratum]
    natures = Counter(row.item.nature for row in errata)
    counts = ", ".join(f"{natures[nature]} {nature}" for nature in NATURES if natures[nature])
    checked = sum(row.status == "passed" for row in errata)
    return f"**{len(errata)} errata:** {counts}; {checked} checked."


def _additions(ledger: Ledger) -> str:
    own = [row for row in ledger.rows if row.item.is_own]
    shown = [row for row in own if row.status == "passed"]
    chapters = len({row.item.notebook for row in shown})
    counts = f"{len(shown)} shown, in {chapters} chapters"
    return f"**{len(own)} results of our own:** {counts}."


def _closest_calls(ledger: Ledger) -> dict[str, str]:
    """For each claim with predictions of recorded runs: how many, and which is closest to fail."""
    parts = {}
    for row in ledger.rows:
        if seen := [entry for entry in row.entries if entry.kind == "observed"]:
            closest = max(seen, key=_off_centre)
            low, high = cast(tuple[float, float], closest.bound)
            call = evidence_link("closest call", row, row.item.notebook)
            parts[f"closest call of {row.item.id}"] = (
                f"{len(seen)} predictions, each within what the recorded runs allow. The {call}, "
                f"*{plain(closest.name)}*: predicted {closest.value:.3f}, recorded {low:.3f} to "
                f"{high:.3f}."
            )
    return parts


def _off_centre(entry: Evidence) -> float:
    """How far the value is from the middle of its interval, 1 at the ends; 0 if they are one."""
    low, high = cast(tuple[float, float], entry.bound)
    return abs(2 * cast(float, entry.value) - low - high) / ((high - low) or 1.0)


def _linked_fate(row: Row, errata: Sequence[Row]) -> str:
    because = f" ({', '.join(map(claim_link, errata))})" if errata else ""
    twice = f", {evidence_link(TWICE, row, row.item.second)}" if row.is_derived_twice else ""
    return row.fate + because + twice


def _kinds(rows: Sequence[Row]) -> str:
    numbers = Counter(entry.kind for row in rows for entry in row.entries)
    return ", ".join(f"{numbers[kind]} {kind}" for kind in KINDS if numbers[kind])


def _evidence(row: Row) -> list[str]:
    unchecked = ["formal not checked in this run"] if row.is_formal_unchecked else []
    return [*filter(None, [_kinds([row])]), *unchecked]


def _worst_error(entries: Sequence[Evidence]) -> str:
    errors = [entry for entry in entries if KINDS[entry.kind].whole == "bound"]
    worst = max(errors, key=lambda entry: entry.share, default=None)
    return worst.finding if worst else "–"
