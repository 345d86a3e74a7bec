"""Notebooks under several settings: the worst case is reported and no failure is hidden."""

import contextlib
import io
from collections.abc import Callable

import pytest

from grpo_lib.ledger import Evidence, Source
from reproduce import rounding, sweep
from reproduce.ledger import Ledger, Row
from reproduce.project import Project, ReproduceError
from reproduce.register import Item
from reproduce.variations import Worst, as_csv, read_table, worst_cases

SEEDED = """
from grpo_lib import ledger
claim = ledger.claim("theorem-1")
claim.measured("error", [0.5, 0.9, 0.7][seed], at_most=1)
claim.measured("error with a bound of its own", [0.5, 0.9, 0.4][seed], at_most=[1, 2, 0.5][seed])
claim.measured("exact, <0>", 0, at_most=0)
claim.rejected("control", 2 - seed / 2, at_least=0.75)
claim
"""
FOUND = [
    Worst("theorem-1", "measured", "error", 1.0, 0.9, "seed 1"),
    Worst("theorem-1", "measured", "error with a bound of its own", 0.5, 0.4, "seed 2"),
    Worst("theorem-1", "measured", "exact, <0>", 0.0, 0.0, None),
    Worst("theorem-1", "rejected", "control", 0.75, 1.0, "seed 2"),
]
THEOREM = Item("theorem-1", "Theorem 1", "Section 1", "$x$", (), "seeded", verdict="holds")
LEDGER = Ledger([Row(THEOREM, "passed")], run={})

ROUNDED = """
import numpy as np
from grpo_lib import ledger
claim = ledger.claim("theorem-1")
error = np.abs(np.exp(np.log(np.linspace(2, 3, 1000))) / np.linspace(2, 3, 1000) - 1).max()
claim.measured("there and back", error, at_most={bound})
claim.rejected("control", 1, at_least=0.5)
claim
"""


def run(tree, main: Callable[..., int], *arguments: str) -> tuple[int, str]:
    err = io.StringIO()
    with (
        contextlib.chdir(tree.root),
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(err),
    ):
        return main(arguments), err.getvalue()


def test_worst_cases() -> None:
    proved = Evidence("proved", "p", "0")
    observed = Evidence("observed", "o", 0.5, (0.0, 1.0), source=Source("runs.csv", "0" * 64))
    found = {
        setting: {
            ("a", "b"): (
                Evidence("measured", "n", value, 1.0), Evidence("rejected", "n", value, 0.1),
                proved, observed,
            )
        }
        for setting, value in zip("xyz", [0.5, 0.25, 0.75], strict=True)
    }  # fmt: skip
    assert worst_cases(found) == [
        Worst("a", "measured", "n", 1.0, 0.75, "z"),
        Worst("a", "rejected", "n", 0.1, 0.25, "y"),
    ]


def test_the_worst_case_is_the_one_closest_to_its_own_bound() -> None:
    pairs = {"x": (0.5, 1.0), "y": (0.4, 0.5), "z": (0.0, 0.0)}
    found = {
        setting: {("a", "b"): (Evidence("measured", "n", *pair),)}
        for setting, pair in pairs.items()
    }
    assert worst_cases(found) == [Worst("a", "measured", "n", 0.5, 0.4, "y")]


def test_the_table_is_read_as_it_was_written(tmp_path) -> None:
    path = tmp_path / "seeds.csv"
    path.write_text(as_csv(FOUND), "utf-8")
    assert read_table(path) == FOUND


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\x00",
        b"claim,kind,name,bound,worst,seed\n",
        as_csv(FOUND).encode() + b"a,b\n",
        as_csv(FOUND).encode() + b"a,believed,n,1,1,\n",
        as_csv(FOUND).encode() + b"a,proved,n,1,1,\n",
    ],
)
def test_a_damaged_table_is_one_message(tmp_path, content: bytes) -> None:
    path = tmp_path / "seeds.csv"
    path.write_bytes(content)
    with pytest.raises(ReproduceError, match=r"seeds\.csv"):
        read_table(path)


@pytest.mark.slow
def test_a_sweep(tree) -> None:
    tree.claim("theorem-1", notebook="seeded")
    tree.notebook("seeded", SEEDED)
    assert run(tree, sweep.main, "--seeds", "2") == (0, "")
    project = Project(tree.root)
    assert read_table(project.book / "seeds.csv") == FOUND
    assert not project.executed.exists()  # what the book is made from is left alone
    table = sweep.parts(project, LEDGER)["seeds"]
    assert (
        "* - [Theorem 1](/notebooks/seeded.ipynb)\n  - measured: error\n  - 0.9 ≤ 1\n  - seed 1"
        in table
    )
    assert "exact" not in table  # the same for all seeds

    tree.notebook("seeded", SEEDED.replace("0.7]", "1.7]"), listed=False)
    status, err = run(tree, sweep.main, "--seeds", "2")
    assert status == 1
    assert "notebooks/seeded.ipynb, seed 2, cell 3 of 3" in err
    assert "The table was not written." in err
    assert read_table(project.book / "seeds.csv") == FOUND


@pytest.mark.slow
def test_a_name_that_depends_on_the_seed_is_a_fault(tree) -> None:
    tree.claim("theorem-1", notebook="seeded")
    tree.notebook("seeded", SEEDED.replace('"error"', 'f"error {seed}"'))
    status, err = run(tree, sweep.main, "--seeds", "1")
    assert status == 1
    assert "theorem-1: not every setting records 'error 0'" in err


@pytest.mark.slow
def test_a_bound_just_above_the_error_of_this_machine_is_caught(tree) -> None:
    """The error here is below 3e-16: half a unit each from the two functions and the division."""
    tree.claim("theorem-1", notebook="rounded")
    tree.notebook("rounded", ROUNDED.format(bound="4e-16"))
    assert tree.run("--only", "rounded").status == 0
    status, err = run(tree, rounding.main, "--seeds", "1")
    assert status == 1
    assert "notebooks/rounded.ipynb, 1 unit, seed 1, cell 3 of 3" in err
    assert "is not in [0, 4e-16]" in err
    project = Project(tree.root)
    assert rounding.parts(project, LEDGER) == {}

    # Two functions of up to 5 units in the last place, of numbers of size 1.1, and a division.
    tree.notebook("rounded", ROUNDED.format(bound="2**-53 * (10 * 1.1 + 10 + 1)"), listed=False)
    assert run(tree, rounding.main, "--seeds", "1", "--check") == (0, "")
    assert rounding.parts(project, LEDGER) == {}
    assert run(tree, rounding.main, "--seeds", "1") == (0, "")
    (row, control) = read_table(project.book / "rounding.csv")
    assert row.setting == "4 units, seed 1" and 0.2 < row.share <= 1
    assert control.setting is None
    assert "there and back" in rounding.parts(project, LEDGER)["rounding"]


def test_without_a_table_there_is_no_part(tree) -> None:
    assert sweep.parts(Project(tree.root), LEDGER) == {}


@pytest.mark.parametrize("main", [sweep.main, rounding.main])
@pytest.mark.parametrize("seeds", ["0", "-1", "x"])
def test_bad_option(tree, main, seeds, capsys) -> None:
    with pytest.raises(SystemExit):
        run(tree, main, "--seeds", seeds)
