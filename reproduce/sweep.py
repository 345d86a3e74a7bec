"""Run every notebook for many seeds and table the worst errors: ``python -m reproduce.sweep``."""

import argparse
import copy
import csv
import io
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from grpo_lib.ledger import Evidence
from reproduce.alone import alone
from reproduce.command import reporting, run
from reproduce.execute import Result, execute, read_notebook
from reproduce.ledger import collect
from reproduce.markup import chapter_link, list_table, plain
from reproduce.options import add_execution_options, whole
from reproduce.project import Project, write_text
from reproduce.register import load_register

FIELDS = ("claim", "kind", "name", "bound", "worst", "seed")


@dataclass(frozen=True)
class Worst:
    """An entry of a claim at the seed where it came closest to its bound.

    Attributes:
        claim: id of the claim.
        kind: ``measured`` or ``rejected``.
        name: what was checked.
        bound: the bound that was kept.
        worst: the largest error measured, or the smallest margin of a rejection.
        seed: the seed of the worst value; None if the value is the same for all seeds.
    """

    claim: str
    kind: str
    name: str
    bound: float
    worst: float
    seed: int | None


@reporting
def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line in the project's root.

    Returns:
        The exit status: 0 if every notebook passed for every seed, 1 if not, 130 if interrupted.
    """
    options = _parser().parse_args(arguments)
    project = Project(Path.cwd())
    seeds = range(options.seeds + 1)
    claims = load_register(project)
    with alone(project.build):
        results = _run(project, seeds, options)
    found, faults = {}, [_with_seed(result.error, seeds) for result in results if result.error]
    for seed in seeds:
        of_seed = [_of_seed(result, seed, seeds) for result in results if result.notebook]
        found[seed], wrong = collect(of_seed, claims)
        faults += [f"seed {seed}: {fault.message}" for fault in wrong]
    faults = faults or list(_names_that_vary(found))
    if faults:
        print("\n".join(f"error: {fault}" for fault in faults), file=sys.stderr)
        print("The table was not written.", file=sys.stderr)
        return 1
    path = table_path(project)
    write_text(path, as_csv(worst_cases(found)))
    print(f"Table: {path}")
    return 0


def _run(project: Project, seeds: range, options: argparse.Namespace) -> list[Result]:
    """Execute every notebook with all seeds, one after the other, in one kernel.

    Most of the time goes into imports and derivations, which SymPy remembers from seed to seed.
    """
    swept = Project(project.root, project.build / "sweep")
    swept.notebooks = swept.build / "notebooks"
    names = project.notebook_names()
    for name in names:
        repeated = repeat(read_notebook(project.notebooks / f"{name}.ipynb"), seeds)
        write_text(swept.notebooks / f"{name}.ipynb", nbformat.writes(repeated))
    return execute(
        swept,
        names,
        parameters={},
        jobs=options.jobs,
        timeout=options.timeout * len(seeds),
        fresh=False,
    )


def repeat(notebook: NotebookNode, seeds: Iterable[int]) -> NotebookNode:
    """Put a notebook together with itself, once for each seed, set after its own parameters."""
    repeated = copy.deepcopy(notebook)
    repeated.cells = []
    for seed in seeds:
        for cell in copy.deepcopy(notebook.cells):
            cell["id"] = f"{cell['id'][:50]}-{seed}"
            tags = cell.metadata.pop("tags", [])
            repeated.cells.append(cell)
            if "parameters" in tags:
                # Under this tag a cell does not count when cells are numbered in messages.
                injected = {"tags": ["injected-parameters"]}
                set_seed = nbformat.v4.new_code_cell(f"seed = {seed}", metadata=injected)
                set_seed["id"] = f"seed-{seed}"
                repeated.cells.append(set_seed)
    return repeated


def _of_seed(result: Result, seed: int, seeds: range) -> Result:
    """The part of a repeated notebook that ran with one seed."""
    part = copy.copy(result.notebook)
    length = len(part.cells) // len(seeds)
    part.cells = part.cells[seed * length : (seed + 1) * length]
    return replace(result, notebook=part)


def _with_seed(error: str, seeds: range) -> str:
    """Name the seed and the cell of the notebook itself instead of the repeated one's cell."""

    def place(match: re.Match[str]) -> str:
        number, cells = int(match[1]) - 1, int(match[2]) // len(seeds)
        return f"seed {number // cells}, cell {number % cells + 1} of {cells}"

    return re.sub(r"cell (\d+) of (\d+)", place, error, count=1)


def _names_that_vary(found: dict[int, dict[str, list[dict[str, Any]]]]) -> Iterator[str]:
    """Entries that some seeds have and others do not, such as names with a number drawn in them."""
    names = [
        {(claim, entry["name"]) for claim, entries in evidence.items() for entry in entries}
        for evidence in found.values()
    ]
    for claim, name in sorted(set.union(*names) - set.intersection(*names)):
        yield f"{claim}: not every seed records {name!r}"


def worst_cases(found: dict[int, dict[str, list[dict[str, Any]]]]) -> list[Worst]:
    """Reduce the evidence of all seeds to the worst value of each measured or rejected entry.

    Args:
        found: entries as in the ledger, by seed and claim.
    """
    values: dict[tuple[str, str, str, float], dict[int, float]] = {}
    for seed, evidence in found.items():
        for claim, entries in evidence.items():
            for entry in entries:
                if entry["kind"] in ("measured", "rejected"):
                    key = claim, entry["kind"], entry["name"], entry["bound"]
                    values.setdefault(key, {})[seed] = entry["value"]
    worst = []
    for (claim, kind, name, bound), by_seed in values.items():
        choose = max if kind == "measured" else min
        seed = choose(by_seed, key=by_seed.__getitem__)
        same = len(set(by_seed.values())) == 1
        worst.append(Worst(claim, kind, name, bound, by_seed[seed], None if same else seed))
    return worst


def table_path(project: Project) -> Path:
    """Where the table is kept, as part of the book's sources."""
    return project.book / "seeds.csv"


def as_csv(rows: Iterable[Worst]) -> str:
    """Write the worst cases as CSV with a header, numbers in full."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(FIELDS)
    writer.writerows([getattr(row, field) for field in FIELDS] for row in rows)
    return text.getvalue()


def read_table(path: Path) -> list[Worst]:
    """Read what `as_csv` wrote."""
    with path.open(encoding="utf-8", newline="") as file:
        return [
            Worst(
                **{field: row[field] for field in ("claim", "kind", "name")},
                bound=float(row["bound"]),
                worst=float(row["worst"]),
                seed=int(row["seed"]) if row["seed"] else None,
            )
            for row in csv.DictReader(file)
        ]


def parts(project: Project, ledger: dict[str, Any]) -> dict[str, str]:
    """Write the generated part of the page on seeds, by the name of its marker, in MyST."""
    path = table_path(project)
    if not path.exists():
        return {}
    claims = {claim["id"]: claim for claim in ledger["claims"]}
    head = ["Claim", "What was checked", "Worst value", "Seed"]
    rows = [
        [
            chapter_link(claims[row.claim]),
            f"{row.kind}: {plain(row.name)}",
            Evidence(row.kind, row.name, row.worst, row.bound).finding,
            str(row.seed),
        ]
        for row in read_table(path)
        if row.seed is not None and row.claim in claims
    ]
    return {"seeds": list_table(head, rows, widths=(15, 55, 22, 8))}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="reproduce.sweep",
        description="Execute every notebook for its own seed 0 and for others, and write the worst "
        "errors and the thinnest rejections over all of them to book/seeds.csv. What is done "
        "already, and has not changed since, is not done again.",
    )
    parser.add_argument(
        "--seeds",
        type=whole(1),
        default=20,
        metavar="N",
        help="try the seeds 1 to N besides 0 (default: %(default)s)",
    )
    add_execution_options(parser, "each notebook, with one seed,")
    return parser


if __name__ == "__main__":
    run(main)
