"""The ledger as people read it."""

import pytest

from grpo_lib.ledger import Evidence, Source
from reproduce.ledger import Ledger, Row
from reproduce.register import Item
from reproduce.scorecard import as_text, badge, parts, rows


def row(id: str, *entries: Evidence, again: list[Evidence] | None = None, **fields: object) -> Row:
    """A row with this evidence of its own notebook, and of another one that derives it again."""
    of_row = {name: fields.pop(name) for name in ("status", "seconds", "box") if name in fields}
    item = Item(id, id.title(), "Section 1", "$x$", **fields)
    evidence = {item.notebook: entries} if entries else {}
    evidence |= {item.second: again} if again else {}
    return Row(item, **({"status": "open"} | of_row), evidence=evidence)


SHOWN = {"status": "passed", "verdict": "holds", "notebook": "first", "seconds": 2.34}
THEOREM = row(
    "theorem-1",
    Evidence("rejected", "wrong", 0.5, 0.1),
    Evidence("measured", "small and far below", 1e-20, 1e-10),
    Evidence("measured", "closest to its bound", 5e-13, 1e-12),
    Evidence("measured", "exact", 0.0, 0.0),
    Evidence("observed", "share", 0.69, (0.68, 0.7), source=Source("runs.csv", "0" * 64)),
    Evidence("proved", "identity", "0"),
    **SHOWN,
)
FIGURE = row("figure-1")
LEMMA = row("lemma-1", status="failed", notebook="first", verdict="holds", seconds=2.34)
ROWS = [
    THEOREM,
    FIGURE,
    LEMMA,
    row(
        "erratum-1",
        Evidence("measured", "right", 1e-13, 1e-12),
        Evidence("rejected", "a_b *c* <d>", 0.25, 0.01),
        nature="false",
        correction="$y$ holds.",
        **SHOWN | {"verdict": "false as stated"},
    ),
    row("erratum-2", nature="typo", correction="$z$."),
    row(
        "beyond-1-speed",
        Evidence("proved", "here", "0"),
        again=[Evidence("proved", "there", "0")],
        number="II.1",
        box=True,
        **SHOWN | {"verdict": "ours", "second": "again"},
    ),
    row("beyond-1-chaos", number="II.2"),
]
LEDGER = Ledger(ROWS, run={})


def test_rows():
    theorem, figure, lemma, *_, own, _ = rows(LEDGER)
    measured = "5e-13 ≤ 1e-12"
    assert theorem == [
        "Theorem-1",
        "holds",
        "1 proved, 3 measured, 1 observed, 1 rejected",
        measured,
        "2.3",
    ]
    assert figure == ["Figure-1", "open", "–", "–", "–"]
    assert lemma == ["Lemma-1", "failed", "–", "–", "2.3"]
    assert own[:3] == ["II.1 Beyond-1-Speed", "ours, derived twice", "2 proved"]


def test_the_table_for_the_terminal():
    assert as_text(Ledger(ROWS[:2], run={})).splitlines() == [
        "Claim      Verdict  Evidence                                      Worst error    Seconds",
        "Theorem-1  holds    1 proved, 3 measured, 1 observed, 1 rejected  5e-13 ≤ 1e-12  2.3",
        "Figure-1   open     –                                             –              –",
    ]


def test_the_scorecard_page():
    page = parts(LEDGER)["scorecard"]
    results, figures, errata, own = page.split("\n\n## ")
    assert results.startswith("## Results\n\n```{list-table}\n:header-rows: 1\n\n* - Claim\n")
    evidence = '<a href="../notebooks/first.html#evidence-theorem-1">1 proved, 3 measured'
    assert f"[Theorem-1](/notebooks/first.ipynb)\n  - holds\n  - {evidence}" in results
    assert "#evidence-lemma-1" not in results, "it failed and has no table"
    assert "Lemma-1" in results
    assert figures.startswith("Figures and tables\n")
    assert "Figure-1\n  - open\n  - –\n  - –\n  - –\n```" in figures
    assert errata.startswith("Errata\n")
    assert own.startswith("Beyond the paper\n")
    again = '<a href="../notebooks/again.html#evidence-beyond-1-speed">derived twice</a>'
    here = '<a href="../notebooks/first.html#evidence-beyond-1-speed">2 proved</a>'
    named = "{prf:ref}`II.1 Beyond-1-Speed <beyond-1-speed>`"
    assert f"{named}\n  - ours, {again}\n  - {here}" in own


def test_what_only_one_notebook_has_shown_is_not_derived_twice():
    own = row("beyond-1-speed", Evidence("proved", "here", "0"), **SHOWN | {"second": "again"})
    (cells,), counts = rows(Ledger([own], run={})), parts(Ledger([own], run={}))["counts"]
    assert cells[1] == "holds"
    assert "twice" not in counts


def test_the_errata_page():
    first, second = (f'<a href="../book/errata.html#erratum-{k}">Erratum-{k}</a>' for k in (1, 2))
    shown = parts(LEDGER)
    table, entries = shown["errata in short"], shown["errata"].split("\n\n(")
    assert table.splitlines()[4:] == [
        "* - No.", "  - Kind", "  - What is printed", "  - What holds",
        f"* - {first}", "  - false", "  - $x$", "  - $y$ holds.",
        f"* - {second}", "  - typo", "  - $x$", "  - $z$.", "```",
    ]  # fmt: skip
    assert entries[0].split("\n\n") == [
        "(erratum-1)=\n## Erratum-1: Section 1",
        "```{index} ! single: Erratum-1\n```",
        "**A false statement.** $x$",
        "**What holds.** $y$ holds.",
        "**Checked.** In [first](/notebooks/first.ipynb): false as stated "
        '(<a href="../notebooks/first.html#evidence-erratum-1">evidence</a>).',
        '<details class="more"><summary>Rejected there: 1</summary>',
        r"- a\_b \*c\* \<d\>: 0.25 ≥ 0.01",
        "</details>",
    ]
    assert entries[1].endswith("**What holds.** $z$.\n\n**Checked.** Not yet.")


def test_a_long_correction_is_cut_in_the_table_between_two_sentences():
    long = f"Take $a$. With {'b ' * 35}it holds. The rest, by E. Noether, is below."
    shown = parts(Ledger([row("erratum-1", nature="typo", correction=long)], {}))
    assert f"  - Take $a$. With {'b ' * 35}it holds. ...\n" in shown["errata in short"]
    assert f"**What holds.** {long}" in shown["errata"]


def test_a_verdict_leads_to_its_errata_and_they_to_the_list():
    mended = row("theorem-2", **SHOWN | {"verdict": "holds corrected"})
    typo = row("erratum-3", nature="typo", correction="$y$", uses=("theorem-1", "theorem-2"))
    page = parts(Ledger([THEOREM, mended, typo], run={}))["scorecard"]
    link = '<a href="../book/errata.html#erratum-3">Erratum-3</a>'
    anchor = '<span id="card-{}"></span>'
    assert f"{anchor.format('theorem-2')}[Theorem-2](/notebooks/first.ipynb)\n" in page
    assert f"  - holds corrected ({link})\n" in page
    assert "  - holds\n" in page
    assert f"* - {anchor.format('erratum-3')}{link}\n" in page


def test_the_closest_call_is_the_prediction_nearest_to_an_end_of_its_interval():
    source = Source("runs.csv", "0" * 64)
    seen = [("wide", 0.5, (0.3, 0.9)), ("close", 0.69, (0.6, 0.7)), ("one", 2.0, (2.0, 2.0))]
    entries = [Evidence("observed", *entry, source=source) for entry in seen]
    found = parts(Ledger([row("beyond-1-speed", *entries, number="II.1", **SHOWN)], run={}))
    call = found["closest call of beyond-1-speed"]
    assert call.startswith("3 predictions, ")
    assert "*close*: predicted 0.690, recorded 0.600 to 0.700." in call
    assert '<a href="../notebooks/first.html#evidence-beyond-1-speed">closest call</a>' in call


def test_the_counts():
    assert parts(LEDGER)["counts"].split("\n\n") == [
        "**3 results and figures:** 1 hold as printed, 1 open, 1 failed.",
        "**10 pieces of evidence:** 3 proved, 4 measured, 1 observed, 2 rejected. *Rejected* is a "
        "wrong variant that was tried on purpose and lost: no failure, but what shows that a check "
        "can fail.",
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
    ledger = Ledger([ROWS[k] for k in claims], run={})
    shown = {"schemaVersion": 1, "label": "GRPO paper, executed"}
    assert badge(ledger) == shown | {"message": message, "color": color}
