"""Mutation run of `make mutants`: which small changes of grpo_lib do the tests let pass?

mutmut changes one place at a time (a sign, a comparison, an argument, a number) and runs the tests
of the mathematics that reach it. It works in a copy, `_build/mutants`, and goes on where an earlier
run stopped. What it found is counted in `book/mutants.csv`, and each survivor is printed, unless
`tests/mutants.yml` says why it changes no result. A module of which this copy has run nothing keeps
its row, if its code is what it was.
"""

import csv
import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import yaml

from reproduce.mutants import COLUMNS, changed, code_key, read_table, table_path
from reproduce.project import Project

ROOT = Path(__file__).parents[1]
COPY = ROOT / "_build" / "mutants"
EXPLAINED = ROOT / "tests" / "mutants.yml"

SURVIVED, NO_TEST = 0, 33  # mutmut's codes; None means not run, any other that a test failed
STRING = re.compile(r"""f?"[^"]*"|f?'[^']*'""")


@dataclass(frozen=True)
class Survivor:
    """A change that no test noticed.

    Attributes:
        name: mutmut's, for ``make mutants ARGS=name``.
        was: the line as it is.
        becomes: the line as it was changed.
    """

    name: str
    was: str
    becomes: str

    def is_wording(self) -> bool:
        """Whether only the text of a message was changed."""
        return self.was != self.becomes and STRING.sub("", self.was) == STRING.sub("", self.becomes)


def copy() -> None:
    """Bring the copy up to date; mutmut's own folder in it stays."""
    for part in ("grpo_lib", "tests/grpo_lib"):
        shutil.rmtree(COPY / part, ignore_errors=True)
        shutil.copytree(ROOT / part, COPY / part)
    for part in ("pyproject.toml", "tests/conftest.py"):
        shutil.copy2(ROOT / part, COPY / part)


def mutmut(*arguments: str) -> subprocess.CompletedProcess:
    """Run mutmut in the copy."""
    return subprocess.run(
        [sys.executable, "-X", "utf8", "-m", "mutmut", *arguments],
        cwd=COPY,
        env=os.environ | {"PYTHONPATH": str(COPY / "packages"), "COLUMNS": "1000"},
        text=True,
        stdout=subprocess.PIPE if arguments[0] == "show" else None,
    )


def survivor(name: str) -> Survivor:
    """The change that mutmut shows as a diff."""
    lines = mutmut("show", name).stdout.splitlines()
    removed, added = (
        " ".join(line[1:].strip() for line in lines if re.match(rf"{sign}(?!{sign})", line))
        for sign in (r"\-", r"\+")
    )
    return Survivor(name, removed, added)


def results() -> dict[str, dict[str, int | None]]:
    """Of every module, mutmut's code for every mutant."""
    return {
        path.name.partition(".")[0]: json.loads(path.read_text("utf-8"))["exit_code_by_key"]
        for path in sorted((COPY / "mutants" / "grpo_lib").glob("*.meta"))
    }


def kept(project: Project) -> dict[str, dict[str, str]]:
    """Rows of the table whose modules have not changed since."""
    path = table_path(project)
    rows = read_table(path) if path.exists() else []
    later = changed(project, rows)
    return {row["module"]: row for row in rows if row["module"] not in later}


def row(module: str, codes: dict[str, int | None]) -> dict[str, str | int]:
    """Count the mutants of a module, and print the survivors that nobody has explained."""
    alive = [survivor(name) for name, code in codes.items() if code in (SURVIVED, NO_TEST)]
    entries = yaml.safe_load(EXPLAINED.read_text("utf-8")).get(module) or []
    explained = {(entry["was"], entry["becomes"]) for entry in entries}
    wording = [one for one in alive if one.is_wording()]
    rest = [one for one in alive if not one.is_wording()]
    unexplained = [one for one in rest if (one.was, one.becomes) not in explained]
    for one in unexplained:
        print(f"{one.name}\n  - {one.was}\n  + {one.becomes}")
    not_run = sum(code is None for code in codes.values())
    return {
        "module": module,
        "code": code_key(ROOT / "grpo_lib" / f"{module}.py"),
        "mutants": len(codes),
        "killed": len(codes) - not_run - len(alive),
        "wording": len(wording),
        "equivalent": len(rest) - len(unexplained),
        "open": len(unexplained) + not_run,
    }


def main(names: list[str]) -> int:
    """Run, print what survives, and count it."""
    copy()
    mutmut("run", "--max-children", str(os.cpu_count()), *names)
    project = Project(ROOT)
    before = kept(project)
    rows = [
        before[module] if module in before and set(codes.values()) == {None} else row(module, codes)
        for module, codes in results().items()
        if codes
    ]
    with table_path(project).open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return int(any(int(counts["open"]) for counts in rows))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
