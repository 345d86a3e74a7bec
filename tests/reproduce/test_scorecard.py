"""The ledger as people read it."""

import pytest

from reproduce.scorecard import as_text, badge, parts, rows


def claim(id: str, **fields: object) -> dict:
    fixed = {"id": id, "label": id.title(), "place": "Section 1", "statement": "$x$", "uses": []}
    return fixed | {
        "hypotheses": [],
        "box": False,
        "verdict": None,
        "status": "open",
        "notebook": None,
        "second": None,
        "seconds": None,
        "evidence": [],
        **fields,
    }


def entry(
    kind: str, name: str, value: float | str, bound: float | None = None, notebook: str = "first"
) -> dict:
    return {
        "kind": kind,
        "name": name,
        "value": value,
        "bound": bound,
        "cell": None,
        "notebook": notebook,
    }


SHOWN = {"status": "passed", "verdict": "holds", "notebook": "first", "seconds": 2.34}
LEDGER = {
    "claims": [
        claim(
            "theorem-1",
            **SHOWN,
            evidence=[
                entry("rejected", "wrong", 0.5, 0.1),
                entry("measured", "small and far below", 1e-20, 1e-10),
                entry("measured", "closest to its bound", 5e-13, 1e-12),
                entry("measured", "exact", 0.0, 0.0),
                entry("proved", "identity", "0"),
            ],
        ),
        claim("figure-1"),
        claim("lemma-1", status="failed", notebook="first", seconds=2.34),
        claim(
            "erratum-1",
            **SHOWN | {"verdict": "false as stated"},
            nature="false",
            correction="$y$ holds.",
            evidence=[
                entry("measured", "right", 1e-13, 1e-12),
                entry("rejected", "a_b *c* <d>", 0.25, 0.01),
            ],
        ),
        claim("erratum-2", nature="typo", correction="$z$."),
        claim(
            "beyond-1-speed",
            **SHOWN | {"verdict": "ours", "second": "again"},
            number="II.1",
            box=True,
            evidence=[entry("proved", "here", "0"), entry("proved", "there", "0", None, "again")],
        ),
        claim("beyond-1-chaos"),
    ],
    "run": {},
}


def test_rows():
    theorem, figure, lemma, *_, own, _ = rows(LEDGER)
    measured = "5e-13 ≤ 1e-12"
    assert theorem == ["Theorem-1", "holds", "1 proved, 3 measured, 1 rejected", measured, "2.3"]
    assert figure == ["Figure-1", "open", "–", "–", "–"]
    assert lemma == ["Lemma-1", "failed", "–", "–", "2.3"]
    assert own[:3] == ["II.1 Beyond-1-Speed", "ours, derived twice", "2 proved"]


def test_the_table_for_the_terminal():
    assert as_text({"claims": LEDGER["claims"][:2]}).splitlines() == [
        "Claim      Verdict  Evidence                          Worst error    Seconds",
        "Theorem-1  holds    1 proved, 3 measured, 1 rejected  5e-13 ≤ 1e-12  2.3",
        "Figure-1   open     –                                 –              –",
    ]


def test_the_scorecard_page():
    page = parts(LEDGER)["scorecard"]
    results, figures, errata, own = page.split("\n\n## ")
    assert results.startswith("## Results\n\n```{list-table}\n:header-rows: 1\n\n* - Claim\n")
    evidence = '<a href="../notebooks/first.html#evidence-theorem-1">1 proved, 3 measured'
    assert f"* - [Theorem-1](/notebooks/first.ipynb)\n  - holds\n  - {evidence}" in results
    assert "#evidence-lemma-1" not in results, "it failed and has no table"
    assert "Lemma-1" in results
    assert figures.startswith("Figures and tables\n")
    assert "* - Figure-1\n  - open\n  - –\n  - –\n  - –\n```" in figures
    assert errata.startswith("Errata\n")
    assert own.startswith("Beyond the paper\n")
    again = '<a href="../notebooks/again.html#evidence-beyond-1-speed">derived twice</a>'
    here = '<a href="../notebooks/first.html#evidence-beyond-1-speed">2 proved</a>'
    named = "{prf:ref}`II.1 Beyond-1-Speed <beyond-1-speed>`"
    assert f"* - {named}\n  - ours, {again}\n  - {here}" in own


def test_what_only_one_notebook_has_shown_is_not_derived_twice():
    evidence = [entry("proved", "here", "0")]
    own = claim("beyond-1-speed", **SHOWN | {"second": "again"}, evidence=evidence)
    (row,), counts = rows({"claims": [own]}), parts({"claims": [own]})["counts"]
    assert row[1] == "holds"
    assert "twice" not in counts


def test_the_errata_page():
    assert parts(LEDGER)["errata"].split("\n\n") == [
        "## Erratum-1: Section 1",
        "**A false statement.** $x$",
        "**What holds.** $y$ holds.",
        "**Checked.** In [first](/notebooks/first.ipynb): false as stated "
        '(<a href="../notebooks/first.html#evidence-erratum-1">evidence</a>). '
        r"Rejected there: a\_b \*c\* \<d\> (0.25 ≥ 0.01).",
        "## Erratum-2: Section 1",
        "**A typo.** $x$",
        "**What holds.** $z$.",
        "**Checked.** Not yet.",
    ]


def test_the_counts():
    assert parts(LEDGER)["counts"].split("\n\n") == [
        "**3 results and figures:** 1 hold as printed, 1 open, 1 failed.",
        "**9 pieces of evidence:** 3 proved, 4 measured, 2 rejected.",
        "**Derived twice, by means that share nothing:** 1 results.",
    ]
    assert parts(LEDGER)["corrections"] == "**2 errata:** 1 typo, 1 false; 1 checked."
    own = "**2 results of our own:** 1 shown, in 1 chapters."
    assert parts(LEDGER)["additions"] == own


@pytest.mark.parametrize(
    ("claims", "message", "color"),
    [
        ([0], "1 of 1 items checked", "brightgreen"),
        ([0, 1], "1 of 2 items checked", "yellow"),
        ([0, 1, 2], "1 of 3 items checked", "red"),
    ],
)
def test_the_badge(claims, message, color):
    ledger = {"claims": [LEDGER["claims"][k] for k in claims]}
    shown = {"schemaVersion": 1, "label": "GRPO paper, executed"}
    assert badge(ledger) == shown | {"message": message, "color": color}
