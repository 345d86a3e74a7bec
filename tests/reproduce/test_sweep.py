"""The sweep over seeds reports the worst case and hides no failure."""

import contextlib
import io

import pytest

from reproduce import sweep
from reproduce.project import Project
from reproduce.sweep import Worst, as_csv, parts, read_table, worst_cases

SEEDED = """
from grpo_lib import ledger
claim = ledger.claim("theorem-1")
claim.measured("error", [0.5, 0.9, 0.7][seed], at_most=1)
claim.measured("exact, <0>", 0, at_most=0)
claim.rejected("control", 2 - seed / 2, at_least=0.75)
claim
"""
FOUND = [
    Worst("theorem-1", "measured", "error", 1.0, 0.9, 1),
    Worst("theorem-1", "measured", "exact, <0>", 0.0, 0.0, None),
    Worst("theorem-1", "rejected", "control", 0.75, 1.0, 2),
]


def entry(kind: str, value: float, bound: float, name: str = "n") -> dict:
    return {"kind": kind, "name": name, "value": value, "bound": bound, "cell": None}


def run(tree, *arguments: str) -> tuple[int, str]:
    err = io.StringIO()
    with (
        contextlib.chdir(tree.root),
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(err),
    ):
        return sweep.main(arguments), err.getvalue()


def test_worst_cases():
    proved = {"kind": "proved", "name": "p", "value": "0", "bound": None, "cell": None}
    found = {
        seed: {"a": [entry("measured", value, 1.0), entry("rejected", value, 0.1), proved]}
        for seed, value in enumerate([0.5, 0.25, 0.75])
    }
    assert worst_cases(found) == [
        Worst("a", "measured", "n", 1.0, 0.75, 2),
        Worst("a", "rejected", "n", 0.1, 0.25, 1),
    ]


def test_the_table_is_read_as_it_was_written(tmp_path):
    path = tmp_path / "seeds.csv"
    path.write_text(as_csv(FOUND), "utf-8")
    assert read_table(path) == FOUND


def test_a_sweep(tree):
    tree.claim("theorem-1", notebook="seeded")
    tree.notebook("seeded", SEEDED)
    assert run(tree, "--seeds", "2") == (0, "")
    project = Project(tree.root)
    assert read_table(project.book / "seeds.csv") == FOUND
    assert not project.executed.exists()  # what the book is made from is left alone
    ledger = {"claims": [{"id": "theorem-1", "label": "Theorem 1", "notebook": "seeded"}]}
    table = parts(project, ledger)["seeds"]
    assert (
        "* - [Theorem 1](/notebooks/seeded.ipynb)\n  - measured: error\n  - 0.9 ≤ 1\n  - 1" in table
    )
    assert "exact" not in table  # the same for all seeds

    tree.notebook("seeded", SEEDED.replace("0.7]", "1.7]"), listed=False)
    status, err = run(tree, "--seeds", "2")
    assert status == 1
    assert "error: notebooks/seeded.ipynb, seed 2, cell 3 of 3" in err
    assert "The table was not written." in err
    assert read_table(project.book / "seeds.csv") == FOUND


def test_a_name_that_depends_on_the_seed_is_a_fault(tree):
    tree.claim("theorem-1", notebook="seeded")
    tree.notebook("seeded", SEEDED.replace('"error"', 'f"error {seed}"'))
    status, err = run(tree, "--seeds", "1")
    assert status == 1
    assert "error: theorem-1: not every seed records 'error 0'" in err


def test_without_a_table_there_is_no_part(tree):
    assert parts(Project(tree.root), {"claims": []}) == {}


@pytest.mark.parametrize("seeds", ["0", "-1", "x"])
def test_bad_option(tree, seeds, capsys):
    with pytest.raises(SystemExit):
        run(tree, "--seeds", seeds)
