"""Tiny projects to run the runner on."""

import contextlib
import copy
import io
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

import grpo_lib
from grpo_lib.ledger import MIME_TYPE
from reproduce.__main__ import main

KERNELSPEC = {"name": "python3", "display_name": "Python 3", "language": "python"}
GOOD_CELL = """
from grpo_lib import ledger
claim = ledger.claim("theorem-1")
claim.measured("right formula", 1e-13 * (seed + 1), at_most=1e-12)
claim.rejected("wrong formula", 0.5, at_least=1e-3)
claim
"""

MEASURED = {
    "kind": "measured",
    "name": "right formula",
    "value": 1e-13,
    "bound": 1e-12,
    "cell": None,
}
REJECTED = {"kind": "rejected", "name": "wrong formula", "value": 0.5, "bound": 0.001, "cell": None}
"""Evidence as a cell's output has it: an error below its bound, and its negative control."""


@dataclass
class Outcome:
    """What a run of the command line gave back."""

    status: int
    out: str
    err: str


class Tree:
    """A project with a book of one page, to which tests add notebooks and claims."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.claims: list[dict[str, Any]] = []
        (root / "notebooks").mkdir(parents=True)
        self.write("grpo_lib/__init__.py", "")
        for module in ("kinds", "ledger", "validation"):
            source = Path(grpo_lib.__file__).with_name(f"{module}.py").read_text()
            self.write(f"grpo_lib/{module}.py", source)
        self.write("requirements.lock", "numpy==2.0\n")
        self.write(
            "_config.yml", "title: Tiny\nauthor: nobody\nexecute: {execute_notebooks: 'off'}"
        )
        self.write("book/index.md", "# Tiny\n\n<!-- generated: counts -->\n")
        self.write("_toc.yml", "format: jb-book\nroot: book/index\n")
        self.claim("remark-1")

    def copy(self, root: Path) -> "Tree":
        shutil.copytree(self.root, root)
        other = copy.copy(self)
        other.root, other.claims = root, list(self.claims)
        return other

    def write(self, path: str, text: str) -> None:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text)

    def read(self, path: str) -> str:
        return (self.root / path).read_text()

    def claim(self, id: str, **fields: Any) -> None:
        entry = {
            "id": id,
            "label": id.title(),
            "place": "Section 1",
            "statement": "$x$",
            "uses": [],
        }
        if id.startswith("beyond-"):
            entry["number"] = f"II.{len(self.claims)}"
        if "notebook" in fields:
            entry["verdict"] = "holds"
        self.claims.append(entry | fields)
        self.write("claims.yml", json.dumps({"claims": self.claims}))

    def notebook(self, name: str, *cells: str, listed: bool = True) -> None:
        """Add a notebook: a heading, the parameters and these code cells."""
        parameters = new_code_cell("seed = 0\nscale = 1", metadata={"tags": ["parameters"]})
        code = [new_code_cell(cell) for cell in cells]
        notebook = new_notebook(cells=[new_markdown_cell(f"# {name}"), parameters, *code])
        notebook.metadata.kernelspec = KERNELSPEC
        nbformat.write(notebook, self.root / "notebooks" / f"{name}.ipynb")
        if listed:
            toc = self.read("_toc.yml")
            toc += "" if "chapters" in toc else "chapters:\n"
            self.write("_toc.yml", f"{toc}  - file: notebooks/{name}\n")

    @staticmethod
    def evidence(id: str, *entries: dict[str, Any]) -> str:
        """Code that shows these entries for a claim, without a slow import."""
        bundle = {MIME_TYPE: {"claim": id, "evidence": entries}}
        return f"from IPython.display import display\ndisplay({bundle!r}, raw=True)"

    def run(self, *arguments: str) -> Outcome:
        """Run the command line in this project."""
        out, err = io.StringIO(), io.StringIO()
        with (
            contextlib.chdir(self.root),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
        ):
            status = main(arguments)
        return Outcome(status, out.getvalue(), err.getvalue())

    def ledger(self) -> dict[str, Any]:
        return json.loads(self.read("_build/ledger.json"))

    def rows(self) -> dict[str, dict[str, Any]]:
        return {row["id"]: row for row in self.ledger()["claims"]}

    def html(self) -> dict[str, tuple[bytes, int]]:
        """Content and time of every file of the built book."""
        files = [path for path in (self.root / "_build/html").rglob("*") if path.is_file()]
        return {str(path): (path.read_bytes(), path.stat().st_mtime_ns) for path in files}


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """A project without notebooks."""
    return Tree(tmp_path / "project")


@pytest.fixture(scope="session")
def built_once(tmp_path_factory: pytest.TempPathFactory) -> Tree:
    tree = Tree(tmp_path_factory.mktemp("built") / "project")
    tree.claim("theorem-1", notebook="good", uses=["remark-1"])
    tree.notebook("good", GOOD_CELL)
    outcome = tree.run()
    assert outcome.status == 0, outcome.err
    return tree


@pytest.fixture
def built(built_once: Tree, tmp_path: Path) -> Tree:
    """A project of one good notebook, `good` for theorem-1, whose book is built."""
    return built_once.copy(tmp_path / "project")
