"""Run notebooks on a grpo_lib that is wrong: ``python -m tests.notebooks.distortion NAME ...``.

Prints the measured and rejected entries whose values are the same whatever is wrong. Either such
an entry rests on other code than grpo_lib's, or on an exact number, or it is no evidence. All
notebooks are run if none is named. That takes about six times as long as running them once.
"""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from grpo_lib.ledger import MIME_TYPE
from reproduce.execute import Failed
from reproduce.project import Project
from reproduce.variations import Kernels, Setting, run
from tests.notebooks.wrong import DISTORTIONS

ROOT = Path(__file__).parents[2]

Entry = tuple[str, str, str]
"""Claim, kind and name."""


def _setting(distortion: str | None) -> Kernels:
    # As text: a kernel may read no file of the project that its results are not known to rest on.
    code = (ROOT / "tests" / "notebooks" / "wrong.py").read_text("utf-8")
    name = (distortion or "undistorted").strip("_")
    return Kernels(f"distorted/{name}", (Setting(name, first=f"{code}\n\nstart({distortion!r})"),))


def _values(cells: Sequence[Any]) -> Iterator[tuple[Entry, str]]:
    for cell in cells:
        for output in cell.get("outputs", ()):
            shown = output.get("data", {}).get(MIME_TYPE)
            for entry in shown["evidence"] if shown else ():
                if entry["kind"] in ("measured", "rejected"):
                    yield (shown["claim"], entry["kind"], entry["name"]), entry["value"]


def unmoved(project: Project, notebook: str, timeout: float = 600) -> list[Entry]:
    """Entries of a notebook that no distortion changes.

    Args:
        project: the project.
        notebook: name of the notebook.
        timeout: seconds that each run may take.

    Raises:
        RuntimeError: the notebook does not come to its end, which it must even if it is all wrong.
    """
    found = []
    for distortion in (None, *DISTORTIONS):
        (result,) = run(project, _setting(distortion), [notebook], jobs=1, timeout=timeout)
        if isinstance(result, Failed):
            raise RuntimeError(f"{distortion}: {result.error}")
        found.append(dict(_values(result.notebook.cells)))
    right, *wrong = found
    return [entry for entry, value in right.items() if all(w.get(entry) == value for w in wrong)]


def main() -> None:
    parser = argparse.ArgumentParser(prog="tests.notebooks.distortion")
    parser.add_argument("names", nargs="*", metavar="NAME", help="default: all notebooks")
    project = Project(ROOT)
    for notebook in parser.parse_args().names or project.notebook_names():
        for claim, kind, name in unmoved(project, notebook):
            print(f"{notebook}: {claim}, {kind}: {name}")


if __name__ == "__main__":
    main()
