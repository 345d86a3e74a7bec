"""Evidence that could have come out otherwise."""

import ast
from pathlib import Path

import nbformat
import pytest

from reproduce.project import Project
from reproduce.variations import Worst, read_table
from tests.notebooks.distortion import unmoved
from tests.notebooks.provenance import typed

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))

ROUNDING = ROOT / "book" / "rounding.csv"

UNMOVED = {
    "theorem-4": ["p_ref = 0 and p_ref = 1 are absorbing"],
}
"""Entries with the same value on a grpo_lib that is wrong, in some notebooks: they are exact."""

RIGID: dict[str, list[str]] = {}
"""Entries with one value, which is no exact number, by the reason why."""


def code_of(notebook: nbformat.NotebookNode) -> str:
    """The code of all cells, without the notebook's own commands."""
    cells = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    lines = "\n".join(cells).splitlines()
    return "\n".join(line for line in lines if not line.startswith("%"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_no_evidence_is_typed(path: Path) -> None:
    assert typed(code_of(nbformat.read(path, as_version=4))) == []


TYPED = {
    "a literal": 'claim.rejected("x", 0.5, at_least=0.1)',
    "by way of a name": 'after = 0.375\nclaim.rejected("x", 1 - after, at_least=0.5)',
    "two vectors": 'a, b = np.eye(3)[:2]\nclaim.rejected("x", np.abs(a - b).sum(), at_least=1)',
    "a formula at a number": (
        "def odds(p):\n    return p / (1 - p)\n\n\n"
        'claim.measured("x", abs(odds(0.5) - 1), at_most=0)'
    ),
    "in a loop": 'for k in (1, 2):\n    claim.rejected(f"{k}", k**2, at_least=1)',
    "in a function": (
        "def rejected(name, error):\n    claim.rejected(name, error, at_least=1)\n\n\n"
        'rejected("x", 4.0)'
    ),
    "SymPy at a number": (
        'p = sp.Symbol("p")\nlost = float((1 - p**2).subs(p, 0.2))\n'
        'claim.rejected("x", lost, at_least=0.5)'
    ),
    "what SymPy evaluates": 's, m = sp.symbols("s m")\nclaim.proved("x", s * (m / s) - m)',
    "the logarithm of 1": 'a = sp.Symbol("a")\nclaim.proved("x", sp.log(1) / (a - 1))',
}

HONEST = {
    "the library": 'claim.measured("x", Recurrence(1.0).step(L=0, L_ref=0), at_most=9)',
    "a random number": 'x = np.random.default_rng(0).random()\nclaim.measured("x", x, at_most=1)',
    "an orbit": (
        "x = [0.1]\nfor _ in range(9):\n    x.append(x[-1] - x[-1] ** 3)\n"
        'claim.measured("x", x[-1], at_most=1)'
    ),
    "in a function": (
        "def rejected(name, error):\n    claim.rejected(name, error, at_least=1)\n\n\n"
        'rejected("x", total_variation(a, b))'
    ),
    "algebra": 'x = sp.Symbol("x")\nclaim.proved("x", sp.expand((x + 1) ** 2) - x**2 - 2 * x - 1)',
    "a sign": 'x = sp.Symbol("x", positive=True)\nclaim.proved("x", sp.Gt(x / (1 + x), 0))',
}


@pytest.mark.parametrize("code", TYPED.values(), ids=TYPED)
def test_what_is_typed_is_found(code: str) -> None:
    assert len(typed(code)) == 1


@pytest.mark.parametrize("code", HONEST.values(), ids=HONEST)
def test_what_is_computed_passes(code: str) -> None:
    assert typed(code) == []


def losing_nan(code: str) -> list[str]:
    """Calls of max and min that return their other argument where a value is NaN."""
    return [
        ast.unparse(call)
        for call in ast.walk(ast.parse(code))
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Name)
        and call.func.id in ("max", "min")
        and len(call.args) > 1
        and isinstance(call.args[0], ast.Constant)
        and call.args[0].value == 0
    ]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_no_error_is_lost_as_nan(path: Path) -> None:
    assert losing_nan(code_of(nbformat.read(path, as_version=4))) == []


def test_a_lost_nan_is_found() -> None:
    assert max(0, float("nan")) == 0
    assert losing_nan("worst = max(0, error)\nbest = np.maximum(0, error)\nlast = max(errors)") == [
        "max(0, error)"
    ]


def rigid(tables: list[list[Worst]]) -> list[str]:
    """Entries with one value under all settings of all tables, though it is not an exact number.

    Seeds leave alone what nothing random enters, and other roundings what no function enters. What
    is left is a count, or another number that a double holds in few bits, or it is typed.
    """
    values: dict[tuple[str, str, str], set[float]] = {}
    for table in tables:
        for row in table:
            found = values.setdefault((row.claim, row.kind, row.name), set())
            found |= {row.worst} if row.setting is None else {row.worst, float("nan")}
    return [
        f"{claim}, {kind}: {name}"
        for (claim, kind, name), found in values.items()
        if len(found) == 1 and not (next(iter(found)) * 2**20).is_integer()
    ]


def test_a_rigid_value_is_found() -> None:
    def row(name: str, worst: float, setting: str | None) -> Worst:
        return Worst("claim", "rejected", name, 0.1, worst, setting)

    typed_in, drawn, rounded = row("typed", 0.1, None), row("drawn", 0.3, "seed 1"), 0.7
    seeds = [typed_in, drawn, row("rounded", rounded, None), row("count", 3.0, None)]
    other = [
        typed_in,
        row("drawn", 0.3, None),
        row("rounded", 0.7000000000000001, "1 unit, seed 1"),
    ]
    assert rigid([seeds, other]) == ["claim, rejected: typed"]


@pytest.mark.skipif(not ROUNDING.exists(), reason="make rounding has not been run")
def test_rigid_values_have_a_reason() -> None:
    found = rigid([read_table(ROOT / "book" / "seeds.csv"), read_table(ROUNDING)])
    assert set(found) <= {entry for entries in RIGID.values() for entry in entries}


@pytest.mark.slow
@pytest.mark.parametrize("notebook", UNMOVED)
def test_evidence_moves_when_the_library_is_wrong(notebook: str, tmp_path: Path) -> None:
    """`python -m tests.notebooks.distortion` lists what does not move in the others."""
    found = unmoved(Project(ROOT, tmp_path), notebook)
    assert {name for _, _, name in found} == set(UNMOVED[notebook])


@pytest.mark.slow
def test_typed_evidence_does_not_move(tmp_path: Path) -> None:
    project = Project(ROOT, tmp_path)
    project.notebooks = tmp_path / "notebooks"
    project.notebooks.mkdir()
    planted = nbformat.read(ROOT / "notebooks" / "theorem-4.ipynb", as_version=4)
    shown = next(cell for cell in reversed(planted.cells) if cell.source.strip() == "claim")
    shown.source = 'claim.rejected("planted", 1 - 0.2, at_least=0.5)\nclaim'
    nbformat.write(planted, project.notebooks / "theorem-4.ipynb")
    assert "planted" in {name for _, _, name in unmoved(project, "theorem-4")}
