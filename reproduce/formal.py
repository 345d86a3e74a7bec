"""Proofs for Coq: ``make formal``, and the same as a part of ``make book``.

``formal/theorems.yml`` says which theorems stand for which item of the register. What they state,
as Coq prints it, is kept in ``formal/statements.json``: the book shows it without Coq, too.
"""

import argparse
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema

from grpo_lib.ledger import Evidence, Source
from reproduce import coq
from reproduce.alone import alone
from reproduce.command import reporting, run
from reproduce.options import whole
from reproduce.project import Fault, Project, ReproduceError, read_text, read_yaml, write_text
from reproduce.register import Item, load_register

NAME = {"type": "string", "pattern": r"^\w+$"}
SCHEMA = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["id", "theorems", "control", "says"],
        "additionalProperties": False,
        "properties": {
            "id": {"type": "string"},
            "theorems": {"type": "array", "items": NAME, "minItems": 1},
            "instance": NAME,
            "control": NAME,
            "says": {"type": "string"},
        },
    },
}


@dataclass(frozen=True)
class Proof:
    """What is proved of one item; the head of ``formal/theorems.yml`` explains the fields."""

    id: str
    theorems: tuple[str, ...]
    control: str
    says: str
    instance: str = ""

    @property
    def roles(self) -> dict[str, str]:
        """What each of its theorems is there for, by name."""
        roles = dict.fromkeys(self.theorems, "stated and proved")
        if self.instance:
            roles[self.instance] = "something satisfies the hypotheses"
        return roles | {self.control: "a variant is refuted"}


def folder(project: Project) -> Path:
    """Where the proofs lie."""
    return project.root / "formal"


def file_of(chapter: str) -> str:
    """The file of a chapter's proofs, without suffix: Coq allows no hyphen in a name."""
    return chapter.replace("-", "_")


def load_proofs(project: Project, items: Sequence[Item]) -> list[Proof]:
    """Read ``formal/theorems.yml`` and check that it fits the register and the proofs.

    Returns:
        What is proved, in the order of the register; nothing if there is no such file.

    Raises:
        ReproduceError: it does not fit; the message lists everything that is wrong.
    """
    path = folder(project) / "theorems.yml"
    if not path.exists():
        return []
    document = read_yaml(path)
    validator = jsonschema.Draft202012Validator(SCHEMA)
    problems = [error.message for error in validator.iter_errors(document)]
    if not problems:
        proofs = [_proof(entry) for entry in document]
        problems = list(_misfits(proofs, items, coq.Sources(project).places))
    if problems:
        raise ReproduceError("\n".join(f"formal/theorems.yml: {problem}" for problem in problems))
    order = {item.id: place for place, item in enumerate(items)}
    return sorted(proofs, key=lambda proof: order[proof.id])


def _proof(entry: dict[str, Any]) -> Proof:
    return Proof(**entry | {"theorems": tuple(entry["theorems"])})


def _misfits(
    proofs: Sequence[Proof], items: Sequence[Item], places: Mapping[str, str]
) -> Iterator[str]:
    ids = [proof.id for proof in proofs]
    for repeated in sorted({id for id in ids if ids.count(id) > 1}):
        yield f"{repeated}: the id is given more than once"
    chapters = {item.id: item.notebook or "" for item in items}
    for proof in proofs:
        if proof.id not in chapters:
            yield f"{proof.id}: not in claims.yml"
            continue
        for name in sorted(set(proof.roles) - set(places)):
            yield f"{proof.id}: no file in formal/ states {name}"
        own = file_of(chapters[proof.id])
        for name in proof.theorems:
            if places.get(name, own) != own:
                yield f"{proof.id}: {name} must be stated in formal/{own}.v, its chapter's file"


def check(
    project: Project, proofs: Sequence[Proof], *, jobs: int, each: bool = False
) -> coq.Checked | None:
    """Let Coq check the proofs; the parameters are those of `coq.check`.

    Returns:
        What Coq said, or None if it is not installed or nothing is to be proved.

    Raises:
        ReproduceError: Coq does not accept a file; the message says which and why.
    """
    if not (proofs and coq.is_installed()):
        return None
    names = dict.fromkeys(name for proof in proofs for name in proof.roles)
    return coq.check(project, list(names), jobs=jobs, each=each)


def recorded(project: Project) -> dict[str, str]:
    """What theorems state, by their names, as the book shows it.

    Raises:
        ReproduceError: that is not recorded.
    """
    path = folder(project) / "statements.json"
    try:
        statements: dict[str, str] = json.loads(read_text(path))
    except (OSError, ValueError) as error:
        raise ReproduceError(f"formal/{path.name}: {error}: make formal writes it") from None
    return statements


def evidence(
    project: Project,
    proofs: Sequence[Proof],
    checked: coq.Checked | None,
    items: Sequence[Item],
) -> tuple[dict[str, tuple[Evidence, ...]], list[Fault]]:
    """Turn what Coq said into evidence.

    Returns:
        For each item with a proof, by id, its entries, none if Coq was not asked. And what is
        wrong: theorems that rest on more than the axioms of the reals, and such as are not recorded
        as Coq prints them.
    """
    if checked is None:
        return {proof.id: () for proof in proofs}, []
    places, shown = coq.Sources(project).places, recorded(project)
    hashes = project.hashes(folder(project).glob("*.v"))
    chapters = {item.id: item.notebook or "" for item in items}
    entries: dict[str, tuple[Evidence, ...]] = {}
    faults = []
    for proof in proofs:
        found = []
        for name, role in proof.roles.items():
            file, axioms = f"formal/{places[name]}.v", checked.axioms[name]
            source = Source(file, hashes[file])
            entry = Evidence("formal", f"{name}: {role}", name, axioms, source=source)
            found.append(entry)
            if not entry.holds:
                told = f"{file}: {name} may rest on more than it should: {', '.join(axioms)}"
                faults.append(Fault(chapters[proof.id], told))
            if shown.get(name) != checked.statements[name]:
                told = f"{file}: formal/statements.json has not what Coq prints of {name}"
                faults.append(Fault(chapters[proof.id], f"{told}: make formal writes it"))
        entries[proof.id] = tuple(found)
    return entries, faults


@reporting
def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line in the project's root.

    Returns:
        The exit status: 0 if Coq accepts every proof and they rest on what they may, 1 if not, 130
        if interrupted.
    """
    options = _parser().parse_args(arguments)
    project = Project(Path.cwd())
    with alone(project.build):
        items = load_register(project)
        proofs = load_proofs(project, items)
        checked = check(project, proofs, jobs=options.jobs, each=True)
        if checked is None:
            raise ReproduceError(
                "no coqc found, or no proofs: install Coq 8.16 with Coquelicot and Interval"
            )
        text = json.dumps(checked.statements, indent=1, ensure_ascii=False, sort_keys=True)
        write_text(folder(project) / "statements.json", text + "\n")
        _, faults = evidence(project, proofs, checked, items)
    for name, seconds in checked.seconds.items():
        print(f"{seconds:6.2f} s  {name}: {', '.join(checked.axioms[name]) or 'no axiom'}")
    print(f"Coq {checked.version}: {len(checked.seconds)} theorems for {len(proofs)} items.")
    if faults:
        raise ReproduceError("\n".join(fault.message for fault in faults))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="reproduce.formal",
        description="Let Coq check the proofs in formal/, print how long each took and what it "
        "rests on, and write down in formal/statements.json what it states.",
    )
    parser.add_argument(
        "--jobs",
        type=whole(1),
        default=os.cpu_count() or 1,
        metavar="N",
        help="files to check at a time (default: the number of cores, %(default)s)",
    )
    return parser


if __name__ == "__main__":
    run(main)
