"""The ledger has a row for each item of the register, and is written down in one form."""

import copy
from dataclasses import replace
from datetime import UTC, datetime

import jsonschema
import pytest
from nbformat.v4 import new_markdown_cell, new_notebook

from grpo_lib.ledger import Evidence, Source
from reproduce.execute import Executed, Failed
from reproduce.ledger import as_json, build_ledger, describe_run
from reproduce.project import Fault
from reproduce.register import Item
from reproduce.schema import SCHEMA

THEOREM = Item("theorem-1", "Theorem 1", "Section 3", "$x$", (), notebook="first", verdict="holds")
TWICE = replace(THEOREM, second="again")
REMARK = Item("remark-1", "Remark 1", "Section 3", "$x$")
ERRATUM = Item("erratum-1", "E1", "Section 3", "$x$", nature="typo", correction="$y$")
MEASURED = Evidence("measured", "right formula", 1e-13, 1e-12)
REJECTED = Evidence("rejected", "wrong formula", 0.5, 0.001)
CERTIFIED = Evidence("certified", "margin", "[0.25 +/- 1e-9]", 0.0)
OBSERVED = Evidence(
    "observed", "share", 0.68, (0.66, 0.7), source=Source("data/runs.csv", "0" * 64)
)
SHOWN_MEASURED = MEASURED.as_json() | {"notebook": "first"}
SHOWN_REJECTED = REJECTED.as_json() | {"notebook": "first"}
SHOWN_OBSERVED = OBSERVED.as_json() | {"notebook": "first"}
ENVIRONMENT = {
    "python": "3.11.1",
    "prefix": ".venv",
    "platform": "Linux x86_64",
    "processor_features": ["X86_V2"],
    "blas": "scipy-openblas 0.3",
    "packages": {"numpy": "2.0.0"},
}
ELSEWHERE = ENVIRONMENT | {"processor_features": ["NEON"]}


def executed(
    name: str = "first", seconds: float = 1.5, environment: dict | None = None, text: str = ""
) -> Executed:
    notebook = new_notebook(cells=[new_markdown_cell(text)])
    return Executed(name, notebook, seconds, environment or ENVIRONMENT)


RUN = describe_run(
    datetime.now(UTC),
    2,
    {},
    [
        executed("first"),
        executed("second", environment=ELSEWHERE),
        executed("third", environment=copy.deepcopy(ENVIRONMENT)),
        Failed("fourth", "the kernel died"),
    ],
)


@pytest.fixture
def good_ledger():
    evidence = {("theorem-1", "first"): (MEASURED, REJECTED)}
    ledger = build_ledger([THEOREM, REMARK, ERRATUM], [executed()], evidence, [], RUN)
    return as_json(ledger)


def test_rows_are_in_the_order_of_the_register(good_ledger):
    rows = good_ledger["claims"]
    assert [row["id"] for row in rows] == ["theorem-1", "remark-1", "erratum-1"]
    assert rows[0]["seconds"] == 1.5
    assert rows[2] == {
        "id": "erratum-1",
        "label": "E1",
        "place": "Section 3",
        "hypotheses": [],
        "statement": "$x$",
        "nature": "typo",
        "correction": "$y$",
        "box": False,
        "uses": [],
        "verdict": None,
        "status": "open",
        "notebook": None,
        "second": None,
        "seconds": None,
        "evidence": [],
    }


BOTH = {("theorem-1", "first"): (MEASURED, REJECTED), ("theorem-1", "again"): (CERTIFIED, REJECTED)}


def test_a_claim_derived_twice_has_the_evidence_of_both_notebooks_its_own_first():
    results = [executed("again", seconds=7.0), executed()]
    (row,) = build_ledger([TWICE], results, BOTH, [], RUN).rows
    assert (row.status, row.fate, row.is_derived_twice) == ("passed", "holds", True)
    assert row.seconds == 1.5, "of its own notebook"
    assert row.entries == [MEASURED, REJECTED, CERTIFIED, REJECTED]
    assert list(row.evidence) == ["first", "again"]


@pytest.mark.parametrize("notebook", ["first", "again"])
def test_a_claim_fails_with_either_of_its_notebooks(notebook):
    fault = Fault(notebook, "it died")
    ledger = build_ledger([TWICE], [executed(), executed("again")], BOTH, [fault], RUN)
    (row,) = ledger.rows
    assert (row.status, row.fate, row.verdict, row.entries) == ("failed", "failed", None, [])
    assert ledger.run["faults"] == ["it died"]


def test_a_row_says_whether_its_chapter_has_a_box():
    own = Item(
        "beyond-1", "Speed", "Part II", "$x$", (), "first", verdict="ours",
        number="II.1", hypotheses=("$a$", "$b$"),
    )  # fmt: skip
    box = "::::{prf:theorem} II.1 (Speed)\n:label: beyond-1\n\n$x$\n::::"
    evidence = {(id, "first"): (MEASURED, REJECTED) for id in ("theorem-1", "beyond-1")}
    ledger = build_ledger([THEOREM, own], [executed(text=box)], evidence, [], RUN)
    theorem, row = as_json(ledger)["claims"]
    assert (theorem["box"], row["box"]) == (False, True)
    assert "number" not in theorem
    assert (row["number"], row["hypotheses"]) == ("II.1", ["$a$", "$b$"])


def test_the_run_block_names_what_really_executed_each_notebook(good_ledger):
    run = good_ledger["run"]
    assert set(run) == set(SCHEMA["$defs"]["run"]["required"])
    assert run["started"].endswith("+00:00")
    assert run["environments"] == [
        ENVIRONMENT | {"notebooks": ["first", "third"]},
        ELSEWHERE | {"notebooks": ["second"]},
    ]


@pytest.mark.parametrize(
    ("row", "change"),
    [
        (0, {"status": "open"}),  # open, but with a verdict and evidence
        (0, {"status": "failed"}),
        (0, {"verdict": None}),
        (0, {"evidence": []}),
        (0, {"evidence": [SHOWN_MEASURED]}),
        (0, {"evidence": [SHOWN_REJECTED]}),
        (0, {"evidence": [SHOWN_MEASURED, SHOWN_REJECTED | {"bound": "small"}]}),
        (0, {"evidence": [SHOWN_MEASURED, REJECTED.as_json()]}),  # by which notebook?
        (0, {"evidence": [SHOWN_REJECTED, SHOWN_OBSERVED | {"bound": 0.7}]}),
        (0, {"evidence": [SHOWN_REJECTED, SHOWN_OBSERVED | {"source": "data/runs.csv"}]}),
        (0, {"evidence": [SHOWN_REJECTED, SHOWN_MEASURED | {"source": SHOWN_OBSERVED["source"]}]}),
        (0, {"evidence": [SHOWN_REJECTED, SHOWN_MEASURED | {"kind": "believed"}]}),
        (0, {"evidence": [SHOWN_MEASURED, SHOWN_REJECTED | {"by": "me"}]}),
        (0, {"seconds": -1}),
        (0, {"colour": "green"}),
        (1, {"status": "passed"}),  # passed without evidence
        (1, {"verdict": "holds"}),
        (2, {"nature": "grave"}),
    ],
)
def test_the_schema_refuses_what_is_not_a_ledger(good_ledger, row, change):
    jsonschema.validate(good_ledger, SCHEMA)
    bad = copy.deepcopy(good_ledger)
    bad["claims"][row] |= change
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(bad, SCHEMA)


def test_the_schema_takes_observed_data_for_evidence(good_ledger):
    good_ledger["claims"][0]["evidence"] = [SHOWN_OBSERVED, SHOWN_REJECTED]
    jsonschema.validate(good_ledger, SCHEMA)
