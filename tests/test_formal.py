"""The proofs of this project: what they cover, and that the book shows what Coq prints."""

import os
import shutil
from pathlib import Path

import pytest

from reproduce import coq, formal
from reproduce.project import Project
from reproduce.register import load_register

ROOT = Path(__file__).parents[1]
MAIN = {f"theorem-{number}" for number in (1, 2, 3, 4, 5, 8, 9, 10)}


@pytest.fixture(scope="module")
def proofs() -> list[formal.Proof]:
    return formal.load_proofs(Project(ROOT), load_register(Project(ROOT)))


def test_the_main_theorems_are_among_them(proofs: list[formal.Proof]) -> None:
    ids = {proof.id for proof in proofs}
    assert ids >= MAIN and len(ids) >= 25


def test_hypotheses_have_an_instance(proofs: list[formal.Proof]) -> None:
    stated = formal.recorded(Project(ROOT))
    bare = [
        proof.id
        for proof in proofs
        if not proof.instance and any(stated[name].startswith("forall") for name in proof.theorems)
    ]
    assert bare == []


def test_what_is_shown_is_listed(proofs: list[formal.Proof]) -> None:
    names = {name for proof in proofs for name in proof.roles}
    assert set(formal.recorded(Project(ROOT))) == names


@pytest.mark.slow
@pytest.mark.skipif(not coq.is_installed(), reason="needs Coq with Coquelicot and Interval")
def test_the_book_shows_what_coq_prints(proofs: list[formal.Proof], tmp_path: Path) -> None:
    built = ROOT / "_build" / "formal"
    if built.is_dir():  # what has been checked already, for the sake of time
        shutil.copytree(built, tmp_path / "formal")
    project = Project(ROOT, tmp_path)
    checked = formal.check(project, proofs, jobs=os.cpu_count() or 1)
    assert checked
    assert checked.statements == formal.recorded(project)
    found, faults = formal.evidence(project, proofs, checked, load_register(project))
    assert faults == []
    assert all(found[proof.id] for proof in proofs)
