"""Evidence is taken from outputs as it is, checked again, and written down in one form."""

import copy
import math
from dataclasses import replace
from datetime import UTC, datetime

import jsonschema
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from grpo_lib import ledger as notebook_side
from reproduce.execute import Result
from reproduce.ledger import SCHEMA, build_ledger, collect, describe_run
from reproduce.register import Claim

THEOREM = Claim("theorem-1", "Theorem 1", "Section 3", "$x$", (), notebook="first", verdict="holds")
TWICE = replace(THEOREM, second="again")
REMARK = Claim("remark-1", "Remark 1", "Section 3", "$x$")
ERRATUM = Claim("erratum-1", "E1", "Section 3", "$x$", nature="typo", correction="$y$")
MEASURED = {
    "kind": "measured",
    "name": "right formula",
    "value": 1e-13,
    "bound": 1e-12,
    "cell": None,
}
REJECTED = {"kind": "rejected", "name": "wrong formula", "value": 0.5, "bound": 0.001, "cell": None}
SHOWN_MEASURED, SHOWN_REJECTED = MEASURED | {"notebook": "first"}, REJECTED | {"notebook": "first"}
CERTIFIED = {
    "kind": "certified",
    "name": "margin",
    "value": "[0.25 +/- 1e-9]",
    "bound": 0.0,
    "cell": None,
}
ENVIRONMENT = {
    "python": "3.11.1",
    "prefix": ".venv",
    "platform": "Linux x86_64",
    "processor_features": ["X86_V2"],
    "blas": "scipy-openblas 0.3",
    "packages": {"numpy": "2.0.0"},
}
ELSEWHERE = ENVIRONMENT | {"processor_features": ["NEON"]}
RUN = describe_run(
    datetime.now(UTC),
    2,
    {},
    [
        Result("first", environment=ENVIRONMENT),
        Result("second", reused=True, environment=ELSEWHERE),
        Result("third", reused=True, environment=copy.deepcopy(ENVIRONMENT)),
        Result("fourth", error="the kernel died"),
    ],
)


def executed(*bundles: object, name: str = "first", seconds: float = 1.5) -> Result:
    """A notebook with one cell per bundle."""
    cells = [
        new_code_cell(
            f"cell_{i}", outputs=[new_output("display_data", {notebook_side.MIME_TYPE: bundle})]
        )
        for i, bundle in enumerate(bundles)
    ]
    return Result(name, seconds, notebook=new_notebook(cells=cells))


def bundle(*entries: dict, id: str = "theorem-1") -> dict:
    return {"claim": id, "evidence": list(entries)}


def test_what_a_notebook_shows_is_what_is_collected():
    claim = notebook_side.claim("theorem-1")
    claim.measured("right formula", 1e-13, at_most=1e-12)
    claim.rejected("wrong formula", 0.5, at_least=1e-3)
    shown = claim._repr_mimebundle_()[notebook_side.MIME_TYPE]
    assert collect([executed(shown)], [THEOREM]) == (
        {("theorem-1", "first"): [MEASURED, REJECTED]},
        [],
    )


def test_an_enclosure_above_its_bound_is_collected():
    evidence, faults = collect([executed(bundle(CERTIFIED, REJECTED))], [THEOREM])
    assert (evidence["theorem-1", "first"], faults) == ([CERTIFIED, REJECTED], [])


def test_the_last_output_of_a_claim_counts():
    evidence, faults = collect([executed(bundle(MEASURED), bundle(REJECTED, MEASURED))], [THEOREM])
    assert (evidence["theorem-1", "first"], faults) == ([REJECTED, MEASURED], [])


@pytest.mark.parametrize(
    ("shown", "message"),
    [
        (bundle(MEASURED | {"value": 2e-12}), "does not keep its bound: right formula"),
        (bundle(MEASURED | {"value": math.nan}), "does not keep its bound: right formula"),
        (bundle(REJECTED | {"value": 1e-9}), "does not keep its bound: wrong formula"),
        (bundle(REJECTED | {"value": math.inf}), "does not keep its bound: wrong formula"),
        (bundle(CERTIFIED | {"value": "[0.25 +/- 0.3]"}), "does not keep its bound: margin"),
        (bundle(MEASURED | {"kind": "believed"}), "'believed' is not one of"),
        (bundle(MEASURED | {"bound": None}), "None is not of type 'number'"),
        (bundle(MEASURED | {"kind": "proved"}), "1e-13 is not of type 'string'"),
        (bundle(MEASURED | {"name": ""}), "'' does not match"),
        (bundle({"kind": "proved"}), "'name' is a required property"),
        ("theorem-1", "'theorem-1' is not of type 'object'"),
    ],
)
def test_evidence_is_checked_again(shown, message):
    good = bundle(MEASURED, REJECTED)
    evidence, faults = collect([executed(good, shown)], [THEOREM])
    assert len(faults) == 1
    assert faults[0].message.startswith("notebooks/first.ipynb, cell 2 of 2 (cell_1): ")
    assert message in faults[0].message
    rows = build_ledger([THEOREM], [executed()], evidence, faults, RUN)["claims"]
    assert rows[0]["status"] == "failed"


@pytest.fixture
def good_ledger():
    evidence = {("theorem-1", "first"): [MEASURED, REJECTED]}
    return build_ledger([THEOREM, REMARK, ERRATUM], [executed()], evidence, [], RUN)


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


def rows_of(claim: Claim, *results: Result) -> tuple[dict, list[str]]:
    """The ledger's row of a claim after these results, and what was wrong."""
    evidence, faults = collect(results, [claim])
    (row,) = build_ledger([claim], results, evidence, faults, RUN)["claims"]
    return row, [fault.message for fault in faults]


FIRST = executed(bundle(MEASURED, REJECTED))
AGAIN = executed(bundle(CERTIFIED, REJECTED), name="again", seconds=7.0)


def test_a_claim_derived_twice_has_the_evidence_of_both_notebooks_its_own_first():
    row, faults = rows_of(TWICE, AGAIN, FIRST)
    assert (row["status"], row["notebook"], row["second"], faults) == (
        "passed", "first", "again", [],
    )  # fmt: skip
    assert row["seconds"] == 1.5, "of its own notebook"
    assert row["evidence"] == [
        MEASURED | {"notebook": "first"},
        REJECTED | {"notebook": "first"},
        CERTIFIED | {"notebook": "again"},
        REJECTED | {"notebook": "again"},
    ]


@pytest.mark.parametrize(
    ("results", "message"),
    [
        ([FIRST, Result("again", error="again died")], "again died"),
        ([Result("first", error="first died"), AGAIN], "first died"),
        ([FIRST, executed(name="again")], "again.ipynb: shows no evidence for theorem-1"),
        ([executed(), AGAIN], "first.ipynb: shows no evidence for theorem-1"),
        (
            [FIRST, executed(bundle(CERTIFIED), name="again")],
            "again.ipynb: shows no negative control (rejected) for theorem-1",
        ),
    ],
)
def test_both_notebooks_must_show_a_claim_derived_twice(results, message):
    row, faults = rows_of(TWICE, *results)
    assert (row["status"], row["verdict"], row["evidence"]) == ("failed", None, [])
    assert len(faults) == 1
    assert message in faults[0]


def test_a_third_notebook_shows_nothing_for_a_claim_derived_twice():
    _, faults = rows_of(TWICE, FIRST, AGAIN, executed(bundle(MEASURED, REJECTED), name="third"))
    (fault,) = faults
    assert fault.endswith("to which claims.yml gives notebook first and notebook again")


def test_a_row_says_whether_its_chapter_has_a_box():
    own = Claim(
        "beyond-1", "Speed", "Part II", "$x$", (), "first", verdict="ours",
        number="II.1", hypotheses=("$a$", "$b$"),
    )  # fmt: skip
    result = executed()
    result.notebook.cells.append(
        new_markdown_cell("::::{prf:theorem} II.1 (Speed)\n:label: beyond-1\n\n$x$\n::::")
    )
    evidence = {(id, "first"): [MEASURED, REJECTED] for id in ("theorem-1", "beyond-1")}
    theorem, row = build_ledger([THEOREM, own], [result], evidence, [], RUN)["claims"]
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
        (0, {"evidence": [SHOWN_MEASURED, REJECTED]}),  # by which notebook?
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


def test_every_field_of_the_schema_is_described():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    for definition in SCHEMA["$defs"].values():
        for name, field in definition["properties"].items():
            assert "description" in field, name
