"""Proofs for Coq: what the list of theorems must fit, and what Coq's answers lead to."""

import json
from dataclasses import replace

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from reproduce import coq, formal, statements
from reproduce.chapter import as_page
from reproduce.coq import Checked, Sources, _axioms, _statement
from reproduce.formal import Proof, evidence, load_proofs
from reproduce.ledger import Ledger, Row
from reproduce.project import Project, ReproduceError
from reproduce.register import Item
from reproduce.scorecard import rows
from tests.reproduce.conftest import GOOD_CELL, Tree

THEOREM = Item("theorem-1", "Theorem 1", "Section 3", "$x$", (), "the-first", verdict="holds")
PROOF = Proof("theorem-1", ("theorem_1",), "theorem_1_control", "Word for word.", "an_instance")
DEFINITIONS = """From Coq Require Import Reals.
Open Scope R_scope.

Definition double (x : R) : R :=
  2 * x.
"""
CHAPTER = """From Coq Require Import Reals Lra.
From Formal Require Import Definitions.
Open Scope R_scope.

(** σ: an item *)
Theorem theorem_1 : forall x, 0 < x -> x < double x.
Proof.
  intros x H. unfold double. lra.
Qed.

Theorem an_instance : exists x, 0 < x.
Proof. exists 1. lra. Qed.

Theorem theorem_1_control : exists x, ~ x < double x.
Proof. exists 0. unfold double. lra. Qed.
"""
ENTRY = {
    "id": "theorem-1",
    "theorems": ["theorem_1"],
    "instance": "an_instance",
    "control": "theorem_1_control",
    "says": "Word for word.",
}
STATED = {
    "theorem_1": "forall x : R, 0 < x -> x < double x",
    "an_instance": "exists x : R, 0 < x",
    "theorem_1_control": "exists x : R, ~ x < double x",
}
CHECKED = Checked(
    "8.16.1",
    dict.fromkeys(STATED, 0.1),
    dict.fromkeys(STATED, ("Classical_Prop.classic",)),
    STATED,
)

needs_coq = pytest.mark.skipif(not coq.is_installed(), reason="needs Coq with Coquelicot")


@pytest.fixture
def proved(tree: Tree) -> Tree:
    """A project with one chapter and its proofs."""
    tree.claim("theorem-1", notebook="the-first")
    tree.notebook("the-first", GOOD_CELL)
    tree.write("formal/Definitions.v", DEFINITIONS)
    tree.write("formal/the_first.v", CHAPTER)
    tree.write("formal/theorems.yml", json.dumps([ENTRY]))
    tree.write("formal/statements.json", json.dumps(STATED))
    return tree


def test_the_list_is_read(proved: Tree) -> None:
    assert load_proofs(Project(proved.root), [THEOREM]) == [PROOF]
    assert list(PROOF.roles) == ["theorem_1", "an_instance", "theorem_1_control"]


def test_a_project_needs_no_proofs(tree: Tree) -> None:
    assert load_proofs(Project(tree.root), [THEOREM]) == []
    assert formal.check(Project(tree.root), [], jobs=1) is None


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ([ENTRY, ENTRY], "theorem-1: the id is given more than once"),
        ([ENTRY | {"id": "theorem-7"}], "theorem-7: not in claims.yml"),
        ([ENTRY | {"control": "gone"}], "theorem-1: no file in formal/ states gone"),
        ([ENTRY | {"theorems": ["elsewhere"]}], "must be stated in formal/the_first.v"),
        ([{**ENTRY, "sentence": "x"}], "'sentence' was unexpected"),
        ([ENTRY | {"control": "a b"}], "'a b' does not match"),
        ([{key: ENTRY[key] for key in ENTRY if key != "control"}], "'control' is a required"),
    ],
)
def test_a_list_that_does_not_fit_is_refused(proved: Tree, entries: list, message: str) -> None:
    other = "Lemma elsewhere : True.\nProof. easy. Qed.\n"
    proved.write("formal/other.v", other)
    proved.write("formal/theorems.yml", json.dumps(entries))
    with pytest.raises(ReproduceError, match=message):
        load_proofs(Project(proved.root), [THEOREM])


def test_theorems_are_found_with_their_proofs(proved: Tree) -> None:
    sources = Sources(Project(proved.root))
    assert set(sources.places) == set(STATED)
    assert sources.needs == {"Definitions": set(), "the_first": {"Definitions"}}
    start, end = sources.span("theorem_1")
    text = CHAPTER.encode()[start:end].decode()
    assert text.startswith("Theorem theorem_1 :") and text.endswith("lra.\nQed.")


def test_what_coq_prints_is_read() -> None:
    assert _axioms("Closed under the global context\n") == ()
    listed = "Axioms:\nb.second : forall P,\n  P\na.first\n  : nat\n"
    assert _axioms(listed) == ("a.first", "b.second")
    assert _axioms("f is assumed to be guarded.\n") == ("f",)
    assert _statement("name\n     : forall x,\n         x\n") == "forall x,\n  x"


def test_what_coq_accepts_is_evidence(proved: Tree) -> None:
    found, faults = evidence(Project(proved.root), [PROOF], CHECKED, [THEOREM])
    assert faults == []
    entries = found["theorem-1"]
    assert [entry.value for entry in entries] == list(PROOF.roles)
    assert all(entry.holds and entry.kind == "formal" for entry in entries)
    assert {entry.source.file for entry in entries if entry.source} == {"formal/the_first.v"}


@pytest.mark.parametrize(
    ("checked", "fault"),
    [
        (
            replace(CHECKED, axioms={**CHECKED.axioms, "theorem_1": ("Facts.admitted",)}),
            "theorem_1 may rest on more than it should: Facts.admitted",
        ),
        (
            replace(CHECKED, statements={**STATED, "theorem_1": "forall x : R, x < double x"}),
            "has not what Coq prints of theorem_1: make formal writes it",
        ),
    ],
)
def test_a_gap_is_a_fault(proved: Tree, checked: Checked, fault: str) -> None:
    _, (found,) = evidence(Project(proved.root), [PROOF], checked, [THEOREM])
    assert found.notebook == "the-first"
    assert found.message.startswith("formal/the_first.v: ") and found.message.endswith(fault)


def test_without_coq_nothing_is_claimed(proved: Tree) -> None:
    found, faults = evidence(Project(proved.root), [PROOF], None, [THEOREM])
    assert (found, faults) == ({"theorem-1": ()}, [])
    row = Row(THEOREM, "passed", formal=())
    assert rows(Ledger([row], {}))[0][2] == "formal not checked in this run"
    assert rows(Ledger([replace(row, formal=None)], {}))[0][2] == "–"


def test_statements_stand_below_their_boxes(proved: Tree) -> None:
    ledger = Ledger([Row(THEOREM, "passed")], {"coq": None})
    block = statements.blocks(Project(proved.root), ledger)["theorem-1"]
    for name, statement in STATED.items():
        assert f"Theorem {name} :\n  {statement}." in block
    assert "Word for word." in block and "Not checked in this run." in block
    box = "::::{prf:theorem}\n:label: theorem-1\n\n$x$\n::::"
    notebook = new_notebook(
        cells=[new_markdown_cell("# Title"), new_markdown_cell(box), new_code_cell("1")]
    )
    page = as_page(notebook, "links", {}, {"theorem-1": block, "erratum-1": "no box"})
    texts = [cell.source for cell in page.cells]
    assert texts == ["# Title", "links", box, block, "1", "no box"]


def test_where_there_are_no_hypotheses_there_is_no_instance(proved: Tree) -> None:
    entry = {key: ENTRY[key] for key in ENTRY if key != "instance"}
    proved.write("formal/theorems.yml", json.dumps([entry]))
    ledger = Ledger([Row(THEOREM, "passed")], {"coq": None})
    block = statements.blocks(Project(proved.root), ledger)["theorem-1"]
    assert "hypotheses" not in block and block.count("Theorem ") == 3  # the summary has one, too


def test_the_page_lists_what_is_proved(proved: Tree) -> None:
    ledger = Ledger([Row(THEOREM, "passed")], {"coq": "8.16.1"})
    parts = statements.parts(Project(proved.root), ledger)
    assert "**1 items**" in parts["proofs"] and "Coq 8.16.1 accepted it" in parts["proofs"]
    assert "Definition double (x : R) : R :=\n  2 * x." in parts["definitions"]


@needs_coq
@pytest.mark.slow
def test_coq_is_asked_once(proved: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    project = Project(proved.root)
    checked = formal.check(project, [PROOF], jobs=2)
    assert checked and checked.statements == STATED
    found, faults = evidence(project, [PROOF], checked, [THEOREM])
    assert faults == [] and len(found["theorem-1"]) == 3
    asked: list[tuple[str, ...]] = []
    run = coq._Coq._run

    def listed(self: coq._Coq, *arguments: str) -> str:
        asked.append(arguments)
        return run(self, *arguments)

    monkeypatch.setattr(coq._Coq, "_run", listed)
    assert formal.check(project, [PROOF], jobs=1) == checked
    assert asked == [("--print-version",)]
    each = formal.check(project, [PROOF], jobs=1, each=True)
    assert each and set(each.axioms["theorem_1"]) <= set(checked.axioms["theorem_1"])
    assert [arguments[-1] for arguments in asked[1:]] == ["--print-version", "questions.v"]


@needs_coq
@pytest.mark.slow
@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("x < double x.\nProof.\n  intros", "double x < x.\nProof.\n  intros", "not accept it"),
        ("  intros x H. unfold double. lra.\nQed.", "Admitted.", "more than it should: "),
        ("From Formal", "Axiom ok : False.\nFrom Formal", "more than it should"),
    ],
)
def test_a_proof_that_is_none_is_seen(proved: Tree, old: str, new: str, fault: str) -> None:
    assert old in CHAPTER
    text = CHAPTER.replace(old, new)
    if "Axiom" in new:
        text = text.replace("intros x H. unfold double. lra.", "intros x H. now destruct ok.")
    proved.write("formal/the_first.v", text)
    outcome = proved.run()
    assert outcome.status == 1
    assert fault in outcome.err
