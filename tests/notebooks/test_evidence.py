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
    "lemma-3": ["no success, or no failure, in common: wrong log-odds"],
    "theorem-4": ["p_ref = 0 and p_ref = 1 are absorbing"],
}
"""Entries with the same value on a grpo_lib that is wrong, in some notebooks: they are exact."""

RIGID = {
    "exact: in fractions, polynomials or balls, by SymPy or in fifty digits": [
        "experiment, rejected: 37.5 % as fixed point of a prompt at 21 %, mean only",
        "remark-2, rejected: beta = 60 settles every prompt: swing in log-odds",
        "erratum-4, rejected: p = 1 is fixed: 1 - h(1) at beta = 1, eps = 1, p_ref = 1/5",
        "erratum-4, rejected: a fixed point next to 1: 1 - h(1) at beta = 100, eps = 1e-5",
        "proposition-1, rejected: h' with the opposite sign, mean relative error",
        "proposition-1, rejected: h' without the factor 1/2, mean relative error",
        "takeaways, rejected: 'it always converges': last change of p_n",
        "theorem-7, rejected: a rate below the slope, 0.15 a step: distance over promise",
        "theorem-7, measured: cosine: radius of an interval over the one before",
        "theorem-8, rejected: without 1/beta, coin at beta = 2: loss of objective",
        "erratum-9, rejected: without 1/beta, coin at beta = 2: loss of objective",
        "erratum-9, rejected: printed version, coin at beta = 2: error of p*",
        "erratum-9, rejected: printed version, beta = 5: worse than the anchor by",
        "erratum-9, rejected: reading 'as printed': error in log-odds",
        "erratum-9, rejected: reading '1/beta inside A': error in log-odds",
        "erratum-9, rejected: reading 'beta as inverse price': error in log-odds",
        "erratum-13, measured: the values {0.0040971, 0.1745856}, to the digits given",
        "erratum-1, rejected: "
        "by hand, on policy: the conditional reading gives 3/2 for 0, absolute error",
        "erratum-2, rejected: x = 3/2, y = 2, clip = 1/5: printed 9/5 for 12/5, absolute error",
        "erratum-6, rejected: 'p_n converges': |p_n - p_{n-1}| in the limit",
        "erratum-6, rejected: 'to a fixed point': distance in the limit",
        "erratum-7, rejected: 0.0442 as a fixed point: the next update moves it by",
        "erratum-7, rejected: 0.0442 as p*: distance to the lowest fixed point",
        "erratum-7, rejected: p_ref = 0.001 as in the text: p_50 differs by",
        "table-1, measured: distance of the two certified fixed points",
        "beyond-4-cycles, rejected: S is negative for every alpha: S at alpha = 1/2, beta = 20",
        "beyond-4-crisis, rejected: the run from p_ref stays up to the crisis: ratio minus 1",
        "beyond-2-oscillation, rejected: "
        "only p_ref below 0.0099256 oscillate: the border lies higher by",
        "beyond-1-conditionals, rejected: again: a start with other conditionals, terms left",
        "beyond-1-conditionals, rejected: again: the bound without the mass s, terms left",
        "beyond-1-conditionals, rejected: again: moved conditionals fall short by",
        "beyond-1-recurrence, rejected: again: the two shares swapped, terms left",
        "beyond-1-gain, rejected: again: the weights in reverse, terms left",
        "beyond-1-recurrence, rejected: again: shares swapped, falls short by",
        "beyond-2-curves, rejected: again: 4 - 2 alpha in it, terms left",
        "beyond-2-curves, rejected: again: 1 for 2 before the root, boxes at odds",
        "beyond-2-curves, rejected: again: beta for d, boxes at odds",
        "beyond-2-smoothed, rejected: again: mu without 1 + 4 eps, terms left",
        "beyond-2-smoothed, rejected: again: r with 4 in place of 3, terms left",
        "beyond-2-smoothed, rejected: again: with 3/2 for -3/2 in it, positive coefficients",
        "beyond-2-smoothed, rejected: again: mu without 1 + 4 eps, boxes at odds",
        "beyond-3-threshold, rejected: again: u for u - 1, terms left",
        "beyond-3-threshold, rejected: again: without the factor 1 + 4 eps, terms left",
        "beyond-3-threshold, rejected: "
        "again: B_max without 1 + 4 eps at eps = 1, over the largest slope",
        "beyond-11-groups, rejected: Omega_G at p: relative error",
    ],
    "sums, products and square roots alone, which IEEE 754 fixes": [
        "takeaways, rejected: p' <= (1 + clip) p at beta = 0.001: excess",
        "takeaways, rejected: 'the objective stops at the boundary': tie at distance",
        "theorem-7, rejected: slope -1.2 attracts: final distance from a start 1e-9 away",
        "theorem-7, rejected: any start converges: distance from 1.1 after six steps",
        "theorem-7, rejected: slope -1/2 on one side is enough: distance from 1e-6",
        "section-2-1, measured: NumPy's whitening of all 2016 groups of up to 64, relative error",
        "section-2-1, rejected: division by G-1 in the variance, least relative error",
        "beyond-3-threshold, measured: contraction_threshold times alpha over B_max",
        "beyond-9-smoothing, rejected: eps = 1e-5 sets the limit at G = 16: factor too large",
        "beyond-10-closed, rejected: "
        "the forward penalty ends as close to 1: log-odds apart at beta = 0.1",
        "beyond-13-given, rejected: another formula: half widths from the data",
        "beyond-13-given, measured: OpenRLHF, G = 128: clipped to 10",
        "beyond-13-given, rejected: OpenRLHF, G = 128, not clipped: error",
        "beyond-13-others, rejected: 'they add up to 0 as in TRL and verl': more by",
        "beyond-13-others, rejected: 'one success of 16 gets what TRL gives': less by",
        "beyond-13-constant, rejected: 'it tends to 1/delta': too large by",
        "beyond-20-wrong, rejected: "
        "group: wrong answers keep their shares: total variation, in half widths",
        "beyond-20-wrong, rejected: "
        "none: wrong answers keep their shares: total variation, in half widths",
        "beyond-21-observed, rejected: the last states are dependent: least sine",
    ],
    "what a function may err by is rounded away: next to 0, 1/2 or 1, or in a large sum": [
        "erratum-10, rejected: reading 1: distance of the total mass from 1",
        "lemma-2, rejected: any alpha > 0: at alpha = 2 C >= 0 fails, penalties below 0 by",
        "erratum-15, rejected: alpha = 2: penalties below 0 by",
        "remark-2, rejected: the local rate from p_0 = 0.9999: distance to p*",
        "takeaways, rejected: noise in the reference: p_50, mirror",
        "takeaways, rejected: '0 and 1e-300 are alike': p_50, mirror",
        "takeaways, rejected: 'from any start': p_1 below the reference by",
        "theorem-2, rejected: iterating p in doubles: relative error of 1 - p at L = 37",
        "theorem-2, rejected: p_ref = 1e-300 treated as 0: error of p_1",
        "theorem-3, rejected: two-KL iterates above p_ref from any start: shortfall of p_1",
        "theorem-6, rejected: every fixed point attracts: distance to the lowest, p_ref = 1e-4",
        "theorem-6, rejected: |h'(p*)| < 1 without closeness: distance to the stable p*",
        "theorem-7, rejected: contraction without a continuous derivative: factor at 1.6e-7",
        "theorem-9, rejected: no common success, correction left out: error of p_n",
        "erratum-14, measured: sharp family: TV against the partial sums",
        "erratum-14, measured: the two chains: TV against the partial sums",
        "figure-5, measured: doubles against the balls, up to 50 updates",
        "figure-5, rejected: mean-only weights: largest distance from a printed number",
        "algorithm-1, measured: Omega_G in units of sqrt(G - 1)",
        "algorithm-1, measured: Omega_2 is the same for every p, relative",
        "algorithm-1, rejected: p_hat in the weights only: gap at p = 0.1",
        "erratum-17, rejected: 37.5 % as fixed point of a prompt at 21 %",
        "beyond-1-pass-at-k, rejected: 'from any start': p_1 below p_ref by",
        "beyond-2-reached, rejected: "
        "an attracting x_1 below the fold is reached: end of the run, above x_2 by",
        "beyond-2-reached, rejected: "
        "x_1 repels, so the run oscillates: end of the run, above x_2 by",
        "beyond-2-reached, rejected: the first update decides from every start: L_7 over x_2 by",
        "beyond-2-verdicts, rejected: "
        "'no fixed point below the upper fold' read as a state: short of the top by",
        "beyond-2-deformation, rejected: "
        "more smoothing, fewer flips at every beta: rise of the flip",
        "erratum-16, rejected: p = 1e-6, beta = 50: update at beta sigma, total variation",
        "beyond-6-tv-uniform, rejected: "
        "delta / (1 - kappa) with kappa of the log-odds: gap over it",
        "iterations, rejected: beta = 0 leaves one maximiser: L1 distance of two maximisers",
        "theorem-5, rejected: lower line with eps forgotten: violation",
        "erratum-8, rejected: 1 as the unique fixed point: distance to the other one",
        "beyond-11-mirror, rejected: J = -0.1 only slows it: distance from 1",
    ],
    "a unit in the last place of some result, the smallest error that is not 0": [
        "erratum-14, measured: sharp family: last gap against min(delta*, max(p*, 1 - p*))",
        "beyond-3-two-kl, measured: alpha = 1/8, all prompts: last step, if it turns round",
        "beyond-10-fixed-point, measured: mean and variance: bisection against the library",
        "beyond-10-fixed-point, measured: mean and deviation: bisection against the library",
        "beyond-10-fixed-point, measured: mean only: bisection against the library",
    ],
    "a number of problems or of updates, or a ratio of such": [
        "beyond-18-thrown, rejected: without noise: largest error of a share in half widths",
        "remark-1, rejected: the same with eps = 1e-5: share not drawn to p = 1",
        "remark-2, rejected: a common rate at beta = 5: updates at q = 1000 over q = 10",
        "figure-2, rejected: fixed points read off the plot: missed among 22",
        "theorem-6, rejected: stable implies reached, beta = 0.8: share that is not",
        "beyond-4-onset, rejected: "
        "whatever is past the flip oscillates: prompts that climb at beta = 1",
        "beyond-4-chaos, rejected: runs with all signs are common: share that has left",
        "beyond-1-other-start, rejected: "
        "'every iterate beats the reference', from this start: updates below",
        "beyond-2-cusp, rejected: one fixed point from beta = mu on, alpha forgotten: further ones",
        "beyond-2-jump, rejected: "
        "cosh(L_ref/2)/|L_ref| as a border at p_ref = 0.2: both sides end alike",
        "beyond-2-jump, rejected: "
        "cosh(L_ref/2)/|L_ref| as a border at p_ref = 0.95: both sides end alike",
        "beyond-2-oscillation, rejected: "
        "no run from about 0.01 ever oscillates: weights 1% below the crossing",
        "beyond-6-tv-fold, rejected: errors up to 0.02 with mean 0 are harmless: share at the top",
        "beyond-10-fixed-point, rejected: any gain will do: zeros of g with a hump",
        "beyond-10-flow, rejected: exact updates are monotone, too: turns in 60",
        "beyond-10-shared, rejected: "
        "one fixed point with the geometric mixture, alpha = 0.002: found",
        "beyond-5-bounds, rejected: 'at most beta T from one half': updates too many",
        "beyond-5-bounds, rejected: c = 1/2 for every target: updates too many",
        "beyond-9-shape, rejected: at most three with leave-one-out: solutions",
        "beyond-9-batch, rejected: at most three: solutions up to x = 40",
        "beyond-8-update, rejected: 'it stops at the first kink': share not optimal",
        "beyond-8-escape, rejected: the same without clip: share that passes",
        "beyond-21-observed, rejected: "
        "held-out prompts shuffled: orders for each one that fits as well",
    ],
}
"""Entries with one value whatever the seed and the rounding, by the reason why.

Which of them are rigid depends a little on the processor that made the tables.
"""


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
    """Entries with one value under all settings of all tables, but for counts of errors.

    Seeds leave alone what nothing random enters, and other roundings what no function enters. An
    error that is left may be a count, such as that of all violations. A negative control may not.
    """
    values: dict[tuple[str, str, str], set[float]] = {}
    for table in tables:
        for row in table:
            found = values.setdefault((row.claim, row.kind, row.name), set())
            found |= {row.worst} if row.setting is None else {row.worst, float("nan")}
    return [
        f"{claim}, {kind}: {name}"
        for (claim, kind, name), found in values.items()
        if len(found) == 1 and (kind == "rejected" or not next(iter(found)).is_integer())
    ]


def test_a_rigid_value_is_found() -> None:
    def row(kind: str, name: str, worst: float, setting: str | None = None) -> Worst:
        return Worst("claim", kind, name, 0.1, worst, setting)

    same = [
        row("rejected", "typed", 2.0),
        row("measured", "typed", 0.1),
        row("measured", "all", 0.0),
    ]
    seeds = [*same, row("rejected", "drawn", 0.3, "seed 1"), row("rejected", "rounded", 0.7)]
    other = [
        *same,
        row("rejected", "drawn", 0.3),
        row("rejected", "rounded", 0.8, "1 unit, seed 1"),
    ]
    assert rigid([seeds, other]) == ["claim, rejected: typed", "claim, measured: typed"]


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


PLANTED = """
from grpo_lib import Recurrence, ledger
claim = ledger.claim("theorem-4")
claim.rejected("typed", 1 - 0.2, at_least=0.5)
claim.rejected("computed", Recurrence(1.0).step(L=0.0, L_ref=0.0), at_least=0.5)
assert False, "what is wrong with grpo_lib does not end the run"
claim
"""


@pytest.mark.slow
def test_typed_evidence_does_not_move(tmp_path: Path) -> None:
    project = Project(ROOT, tmp_path)
    project.notebooks = tmp_path / "notebooks"
    project.notebooks.mkdir()
    planted = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(PLANTED)])
    nbformat.write(planted, project.notebooks / "planted.ipynb")
    assert unmoved(project, "planted") == [("theorem-4", "rejected", "typed")]
