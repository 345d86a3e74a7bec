"""The register ``claims.yml``: what the paper says, and which notebook shows it."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

import jsonschema

from reproduce.project import Fault, Project, ReproduceError, read_yaml

SCHEMA = json.loads((Path(__file__).parent / "register.schema.json").read_text("utf-8"))


@dataclass(frozen=True)
class Item:
    """One entry of the register; ``register.schema.json`` explains the fields.

    A text that the register leaves out is empty.
    """

    id: str
    label: str
    place: str
    statement: str
    uses: tuple[str, ...] = ()
    notebook: str | None = None
    second: str | None = None
    verdict: str | None = None
    nature: str = ""
    correction: str = ""
    number: str = ""
    hypotheses: tuple[str, ...] = ()

    @property
    def notebooks(self) -> tuple[str, ...]:
        """The notebooks that must all show the claim: its own, and that which derives it again."""
        return tuple(name for name in (self.notebook, self.second) if name)

    @property
    def title(self) -> str:
        """What it is called: its label, behind its number if it has one."""
        return f"{self.number} {self.label}".lstrip()

    @property
    def part(self) -> str:
        """Of the book: Part I is the paper, and what goes past it has the part in its number."""
        return f"Part {self.number.partition('.')[0] or 'I'}"

    @property
    def is_own(self) -> bool:
        """Whether it is a result of the book, not an item of the paper."""
        return self.id.startswith("beyond-")

    @property
    def is_erratum(self) -> bool:
        """Whether it is an erratum of the paper."""
        return self.id.startswith("erratum-")


def load_register(project: Project) -> list[Item]:
    """Read the register and check that it is consistent.

    Raises:
        ReproduceError: it is not; the message lists everything that is wrong.
    """
    document = read_yaml(project.claims)
    problems = [
        f"{_entry(document, error.absolute_path)}: {error.message}"
        for error in jsonschema.Draft202012Validator(SCHEMA).iter_errors(document)
    ]
    if not problems:
        items = [_item(entry) for entry in document["claims"]]
        problems = list(_inconsistencies(items, set(project.notebook_names())))
    if problems:
        raise ReproduceError("\n".join(f"claims.yml: {problem}" for problem in problems))
    return items


def placement_faults(project: Project, items: Sequence[Item]) -> list[Fault]:
    """Notebooks and pages that the register, the table of contents and the disk do not share."""
    listed = project.toc_files()
    claimed = {name for item in items for name in item.notebooks}
    faults = []
    for name in project.notebook_names():
        if f"notebooks/{name}" not in listed:
            faults.append(Fault(name, f"notebooks/{name}.ipynb: not listed in _toc.yml"))
        if name not in claimed:
            faults.append(Fault(name, f"notebooks/{name}.ipynb: no claim in claims.yml names it"))
    for file in sorted(listed):
        if not any((project.root / f"{file}{suffix}").exists() for suffix in (".md", ".ipynb")):
            faults.append(Fault(Path(file).name, f"_toc.yml: lists {file}, which does not exist"))
    return faults


def _item(entry: dict[str, Any]) -> Item:
    fields: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in entry.items()
    }
    return Item(**fields)


def _entry(document: Any, path: Sequence[Any]) -> str:
    if len(path) < 2:
        return "the file as a whole"
    entry = document["claims"][path[1]]
    name = entry.get("id") if isinstance(entry, dict) else None
    field = "".join(f", {key}" for key in list(path)[2:3])
    return f"{name or f'entry {path[1] + 1}'}{field}"


def _inconsistencies(items: Sequence[Item], notebooks: set[str]) -> Iterator[str]:
    ids = [item.id for item in items]
    for repeated in sorted({id for id in ids if ids.count(id) > 1}):
        yield f"{repeated}: the id is given more than once"
    numbers = [item.number for item in items if item.number]
    for repeated in sorted({number for number in numbers if numbers.count(number) > 1}):
        yield f"{repeated}: the number is given more than once"
    for item in items:
        for unknown in sorted(set(item.uses) - set(ids)):
            yield f"{item.id}: uses {unknown}, which is not in the register"
        for missing in sorted(set(item.notebooks) - notebooks):
            yield f"{item.id}: notebooks/{missing}.ipynb does not exist"
        if item.second and item.second == item.notebook:
            yield f"{item.id}: a second derivation needs a notebook of its own"
        if (item.nature or item.correction) and not item.is_erratum:
            yield f"{item.id}: nature and correction are for errata only"
        if bool(item.number) != item.is_own:
            yield f"{item.id}: numbers are for ids that begin with beyond-, and each has one"
        if item.verdict and (item.verdict == "ours") != item.is_own:
            yield f"{item.id}: the verdict 'ours' is for ids that begin with beyond-"
    try:
        TopologicalSorter({item.id: item.uses for item in items}).prepare()
    except CycleError as error:
        yield f"the claims use each other in a circle: {' -> '.join(reversed(error.args[1]))}"
