"""Run every notebook under several settings, and table where it came closest to its bounds."""

import copy
import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import nbformat
from nbformat import NotebookNode

from grpo_lib.kinds import KINDS
from grpo_lib.ledger import Evidence
from reproduce.alone import alone
from reproduce.evidence import Collected, collect
from reproduce.execute import Executed, Failed, Result, execute, read_notebook
from reproduce.ledger import Ledger
from reproduce.markup import claim_link, list_table, plain
from reproduce.project import Project, ReproduceError, read_text, write_text
from reproduce.register import load_register

FIELDS = ("claim", "kind", "name", "bound", "worst", "setting")

COMPARED = tuple(kind.name for kind in KINDS.values() if kind.whole)
"""The kinds whose values and bounds are numbers: those that have a worst case."""


@dataclass(frozen=True)
class Setting:
    """One way to run all notebooks.

    Attributes:
        name: as the table shows it.
        first: code to run before the notebook's first cell.
        parameters: code to run after its parameters cell.
    """

    name: str
    first: str = ""
    parameters: str = ""


@dataclass(frozen=True)
class Kernels:
    """Settings that share a kernel, so that imports and derivations are paid for once.

    Attributes:
        name: of the folder below ``_build`` where the executed notebooks are kept.
        settings: at least one.
        environment: variables of the kernels.
    """

    name: str
    settings: tuple[Setting, ...]
    environment: Mapping[str, str] | None = None


@dataclass(frozen=True)
class Worst:
    """An entry of a claim at the setting where it came closest to its bound.

    Attributes:
        claim: id of the claim.
        kind: one of `COMPARED`.
        name: what was checked.
        bound: the bound that was kept there.
        worst: the error measured there, or the margin of a rejection.
        setting: the setting of the worst value; None if the value is the same for all settings.
    """

    claim: str
    kind: str
    name: str
    bound: float
    worst: float
    setting: str | None

    def __post_init__(self) -> None:
        if self.kind not in COMPARED:
            raise ValueError(f"kind must be one of {', '.join(COMPARED)}, got {self.kind!r}")

    @property
    def share(self) -> float:
        """How much of its bound an error takes up, or a bound of a rejected error; at most 1."""
        return float(KINDS[self.kind].share(self.worst, self.bound))


def write_worst(
    project: Project,
    kernels: Sequence[Kernels],
    path: Path | None,
    *,
    jobs: int,
    timeout: float,
    scheduler: str | None = None,
) -> None:
    """Run every notebook under all settings and write the table of worst cases.

    Args:
        project: the project.
        kernels: the settings.
        path: of the table; None to only see whether all bounds are kept.
        jobs: how many notebooks run at a time.
        timeout: seconds that a notebook may take under one setting.
        scheduler: as for `execute`.

    Raises:
        ReproduceError: a notebook fails under a setting, or not every setting records the same
            entries. The table is not written.
    """
    items = load_register(project)
    names = project.notebook_names()
    with alone(project.build):
        results = [
            (group, result)
            for group in kernels
            for result in run(
                project, group, names, jobs=jobs, timeout=timeout, scheduler=scheduler
            )
        ]
    found: dict[str, Collected] = {}
    faults: list[str] = []
    for group, result in results:
        if isinstance(result, Failed):
            faults.append(_with_setting(result.error, group.settings))
            continue
        for setting, part in zip(group.settings, _parts(result, group), strict=True):
            evidence, wrong = collect([part], items)
            found.setdefault(setting.name, {}).update(evidence)
            faults += [f"{setting.name}: {fault.message}" for fault in wrong]
    if faults := faults or list(_names_that_vary(found)):
        raise ReproduceError("\n".join([*faults, "The table was not written."]))
    if path:
        write_text(path, as_csv(worst_cases(found)))
        print(f"Table: {path}")


def run(
    project: Project,
    group: Kernels,
    names: Sequence[str],
    *,
    jobs: int,
    timeout: float,
    scheduler: str | None = None,
) -> list[Result]:
    """Execute notebooks under some settings, one after the other in one kernel each.

    Args:
        project: the project; its own executed notebooks are left alone.
        group: the settings.
        names: of the notebooks.
        jobs: how many run at a time.
        timeout: seconds that a notebook may take under one setting.
        scheduler: as for `execute`.

    Returns:
        One result per name, of the notebook repeated for all settings.
    """
    varied = Project(project.root, project.build / group.name)
    varied.notebooks = varied.build / "notebooks"
    for name in names:
        repeated = repeat(read_notebook(project.notebooks / f"{name}.ipynb"), group.settings)
        write_text(varied.notebooks / f"{name}.ipynb", nbformat.writes(repeated))
    return execute(
        varied,
        names,
        parameters={},
        jobs=jobs,
        timeout=timeout * len(group.settings),
        fresh=False,
        environment=group.environment,
        scheduler=scheduler,
    )


def repeat(notebook: NotebookNode, settings: Iterable[Setting]) -> NotebookNode:
    """Put a notebook together with itself, once for each setting."""
    repeated = copy.deepcopy(notebook)
    repeated.cells = []
    for number, setting in enumerate(settings):
        if setting.first:
            repeated.cells.append(_injected(setting.first, f"first-{number}"))
        for cell in copy.deepcopy(notebook.cells):
            cell["id"] = f"{cell['id'][:50]}-{number}"
            tags = cell.metadata.pop("tags", [])
            repeated.cells.append(cell)
            if "parameters" in tags and setting.parameters:
                repeated.cells.append(_injected(setting.parameters, f"parameters-{number}"))
    return repeated


def _injected(source: str, id: str) -> NotebookNode:
    # Under this tag a cell does not count when cells are numbered in messages.
    metadata = {"tags": ["injected-parameters"]}
    return nbformat.v4.new_code_cell(source, metadata=metadata, id=id)


def _parts(result: Executed, group: Kernels) -> Iterator[Executed]:
    """The parts of a repeated notebook that ran under each setting."""
    length = len(result.notebook.cells) // len(group.settings)
    for number in range(len(group.settings)):
        part = copy.copy(result.notebook)
        part.cells = part.cells[number * length : (number + 1) * length]
        yield replace(result, notebook=part)


def _with_setting(error: str, settings: Sequence[Setting]) -> str:
    """Name the setting and the cell of the notebook itself instead of the repeated one's cell."""

    def place(match: re.Match[str]) -> str:
        number, cells = int(match[1]) - 1, int(match[2]) // len(settings)
        return f"{settings[number // cells].name}, cell {number % cells + 1} of {cells}"

    return re.sub(r"cell (\d+) of (\d+)", place, error, count=1)


def _names_that_vary(found: dict[str, Collected]) -> Iterator[str]:
    """Entries that some settings have and others do not, such as names with a drawn number."""
    names = [
        {(claim, entry.name) for (claim, _), entries in evidence.items() for entry in entries}
        for evidence in found.values()
    ]
    everywhere = set.intersection(*names)
    for claim, name in sorted(set.union(*names) - everywhere):
        yield f"{claim}: not every setting records {name!r}"


def worst_cases(found: dict[str, Collected]) -> list[Worst]:
    """Reduce the evidence of all settings to the worst case of each entry of numbers.

    Args:
        found: the evidence by setting.
    """
    cases: dict[tuple[str, str, str], list[Worst]] = {}
    for setting, evidence in found.items():
        for (claim, _), entries in evidence.items():
            for entry in entries:
                if entry.kind in COMPARED:
                    key = claim, entry.kind, entry.name
                    case = Worst(*key, cast(float, entry.bound), float(entry.value), setting)
                    cases.setdefault(key, []).append(case)
    return [
        max(same, key=lambda case: case.share)
        if len({case.worst for case in same}) > 1
        else replace(same[0], setting=None)
        for same in cases.values()
    ]


def as_csv(rows: Iterable[Worst]) -> str:
    """Write the worst cases as CSV with a header, numbers in full."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(FIELDS)
    writer.writerows([getattr(row, field) for field in FIELDS] for row in rows)
    return text.getvalue()


def read_table(path: Path) -> list[Worst]:
    """Read what `as_csv` wrote.

    Raises:
        ReproduceError: the file is something else.
    """
    rows = csv.reader(io.StringIO(read_text(path)))
    try:
        if tuple(next(rows, ())) != FIELDS:
            raise ValueError
        return [
            Worst(claim, kind, name, float(bound), float(worst), setting or None)
            for claim, kind, name, bound, worst, setting in rows
        ]
    except ValueError:
        raise ReproduceError(
            f"book/{path.name} is not a table of worst cases with the columns "
            f"{', '.join(FIELDS)}: make it anew with make sweep or make rounding"
        ) from None


def as_table(cases: Iterable[Worst], ledger: Ledger) -> str:
    """Write the cases that depend on the setting as a table in MyST.

    Args:
        cases: the worst cases.
        ledger: the ledger, for the labels and chapters of the claims.
    """
    claims = {row.item.id: row for row in ledger.rows}
    head = ["Claim", "What was checked", "Worst value", "Setting"]
    cells = [
        [
            claim_link(claims[case.claim]),
            f"{case.kind}: {plain(case.name)}",
            Evidence(case.kind, case.name, case.worst, case.bound).finding,
            case.setting,
        ]
        for case in cases
        if case.setting is not None and case.claim in claims
    ]
    return list_table(head, cells, widths=(15, 52, 20, 13))
