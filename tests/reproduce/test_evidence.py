"""Evidence is taken from outputs as it is, and checked again."""

import math
from dataclasses import replace

import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from grpo_lib import ledger
from grpo_lib.ledger import MIME_TYPE, Evidence
from reproduce.evidence import collect
from reproduce.execute import Executed, Failed
from reproduce.register import Item
from tests.reproduce.conftest import MEASURED, REJECTED

THEOREM = Item("theorem-1", "Theorem 1", "Section 3", "$x$", (), notebook="first", verdict="holds")
TWICE = replace(THEOREM, second="again")
CERTIFIED = {
    "kind": "certified",
    "name": "margin",
    "value": "[0.25 +/- 1e-9]",
    "bound": 0.0,
    "cell": None,
}
OBSERVED = {
    "kind": "observed",
    "name": "share",
    "value": 0.68,
    "bound": [0.66, 0.7],
    "cell": None,
    "source": {"file": "data/runs.csv", "sha256": "0" * 64},
}
NAMED = {"name": "p", "bound": None, "cell": None}


def executed(*bundles: object, name: str = "first", **data: str) -> Executed:
    """A notebook with one cell per bundle, that declares these data files."""
    cells = [
        new_code_cell(f"cell_{i}", outputs=[new_output("display_data", {MIME_TYPE: bundle})])
        for i, bundle in enumerate(bundles)
    ]
    return Executed(name, new_notebook(cells=cells), 1.5, environment={}, data=data)


def bundle(*entries: dict, id: str = "theorem-1") -> dict:
    return {"claim": id, "evidence": list(entries)}


def read(*entries: dict) -> tuple[Evidence, ...]:
    return tuple(map(Evidence.from_json, entries))


def test_what_a_notebook_shows_is_what_is_collected():
    claim = ledger.claim("theorem-1")
    claim.measured("right formula", 1e-13, at_most=1e-12)
    claim.rejected("wrong formula", 0.5, at_least=1e-3)
    shown = claim._repr_mimebundle_()[MIME_TYPE]
    assert collect([executed(shown)], [THEOREM]) == (
        {("theorem-1", "first"): tuple(claim.evidence)},
        [],
    )


def test_an_enclosure_above_its_bound_is_collected():
    evidence, faults = collect([executed(bundle(CERTIFIED, REJECTED))], [THEOREM])
    assert (evidence["theorem-1", "first"], faults) == (read(CERTIFIED, REJECTED), [])


def test_the_last_output_of_a_claim_counts():
    evidence, faults = collect([executed(bundle(MEASURED), bundle(REJECTED, MEASURED))], [THEOREM])
    assert (evidence["theorem-1", "first"], faults) == (read(REJECTED, MEASURED), [])


def test_observed_data_that_the_notebook_declares_are_collected():
    result = executed(bundle(OBSERVED, REJECTED), **{"data/runs.csv": "0" * 64})
    evidence, faults = collect([result], [THEOREM])
    assert (evidence["theorem-1", "first"], faults) == (read(OBSERVED, REJECTED), [])


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({}, "data/runs.csv, which is not declared: list it in this notebook's metadata, as "),
        ({"runs.csv": "0" * 64}, "data/runs.csv, which is not declared"),
        ({"data/runs.csv": "1" * 64}, f"its SHA-256 is {'1' * 64}, the evidence has {'0' * 64}"),
    ],
)
def test_data_must_be_declared_and_the_same(data, message):
    result = executed(bundle(OBSERVED, REJECTED), **data)
    _, (fault, _) = collect([result], [THEOREM])
    assert fault.message.startswith("notebooks/first.ipynb, cell 1 of 1 (cell_0): evidence for ")
    assert message in fault.message


@pytest.mark.parametrize(
    ("shown", "message"),
    [
        (bundle(MEASURED | {"value": 2e-12}), "does not keep its bound: right formula"),
        (bundle(MEASURED | {"value": math.nan}), "does not keep its bound: right formula"),
        (bundle(REJECTED | {"value": 1e-9}), "does not keep its bound: wrong formula"),
        (bundle(REJECTED | {"value": math.inf}), "does not keep its bound: wrong formula"),
        (bundle(CERTIFIED | {"value": "[0.25 +/- 0.3]"}), "does not keep its bound: margin"),
        (bundle(MEASURED | {"kind": "believed"}), "'believed' is not one of"),
        (bundle(OBSERVED | {"value": 0.71}), "does not keep its bound: share"),
        (bundle(OBSERVED | {"bound": [0.7, 0.66]}), "does not keep its bound: share"),
        (bundle(OBSERVED | {"bound": [0.66]}), "[0.66] is too short"),
        (bundle(OBSERVED | {"source": {"file": "x"}}), "'sha256' is a required property"),
        (bundle({**MEASURED, "kind": "observed", "bound": [0, 1]}), "'source' is a required"),
        (bundle(MEASURED | {"source": OBSERVED["source"]}), "should not be valid under"),
        (bundle({"kind": "proved", **NAMED, "value": "x"}), "does not keep its bound: p"),
        (bundle(MEASURED | {"value": -1e-13}), "does not keep its bound: right formula"),
        (bundle(MEASURED | {"bound": None}), "None is not of type 'number'"),
        (bundle(MEASURED | {"kind": "proved"}), "1e-13 is not of type 'string'"),
        (bundle(MEASURED | {"name": ""}), "'' does not match"),
        (bundle({"kind": "proved"}), "'name' is a required property"),
        ("theorem-1", "'theorem-1' is not of type 'object'"),
    ],
)
def test_evidence_is_checked_again(shown, message):
    good = bundle(MEASURED, REJECTED)
    _, (fault,) = collect([executed(good, shown)], [THEOREM])
    assert fault.message.startswith("notebooks/first.ipynb, cell 2 of 2 (cell_1): ")
    assert message in fault.message


def messages(*results: Executed | Failed) -> list[str]:
    _, faults = collect(results, [TWICE])
    return [fault.message for fault in faults]


FIRST = executed(bundle(MEASURED, REJECTED))
AGAIN = executed(bundle(CERTIFIED, REJECTED), name="again")


@pytest.mark.parametrize(
    ("results", "message"),
    [
        ([FIRST, Failed("again", "again died")], "again died"),
        ([Failed("first", "first died"), AGAIN], "first died"),
        ([FIRST, executed(name="again")], "again.ipynb: shows no evidence for theorem-1"),
        ([executed(), AGAIN], "first.ipynb: shows no evidence for theorem-1"),
        (
            [FIRST, executed(bundle(CERTIFIED), name="again")],
            "again.ipynb: shows no negative control (rejected) for theorem-1",
        ),
    ],
)
def test_both_notebooks_must_show_a_claim_derived_twice(results, message):
    (said,) = messages(*results)
    assert message in said


def test_a_third_notebook_shows_nothing_for_a_claim_derived_twice():
    (said,) = messages(FIRST, AGAIN, executed(bundle(MEASURED, REJECTED), name="third"))
    assert said.endswith("to which claims.yml gives notebook first and notebook again")
