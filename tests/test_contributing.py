"""The recipes of CONTRIBUTING.md work: each is followed to the letter in a tiny project."""

import re
import shlex
import shutil
import textwrap
from pathlib import Path

import nbformat
import pytest
import yaml
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from reproduce.boxes import find_boxes
from reproduce.project import Project
from reproduce.register import load_register
from tests.notebooks.test_boxes import box_faults
from tests.notebooks.test_committed import faults
from tests.reproduce.conftest import KERNELSPEC, Outcome, Tree

ROOT = Path(__file__).parents[1]
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
BLOCK = re.compile(r"^( *)```(\w+)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)


def recipe(title: str) -> list[tuple[str, str]]:
    """Language and text of each block of code below a heading."""
    _, _, after = CONTRIBUTING.partition(f"\n### {title}\n")
    section = re.split(r"^##+ ", after, maxsplit=1, flags=re.MULTILINE)[0]
    return [(kind, textwrap.dedent(text)) for _, kind, text in BLOCK.findall(section)]


class Follower:
    """Does in a project what the blocks of a recipe show."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self.cells: list[nbformat.NotebookNode] = []
        self.outcome: Outcome | None = None

    def follow(self, title: str) -> Outcome:
        """Go through the blocks in their order; what the last one runs gives the outcome."""
        for kind, text in recipe(title):
            getattr(self, kind)(text)
        assert self.outcome, "a recipe ends with a run"
        return self.outcome

    def yaml(self, text: str) -> None:
        (entry,) = yaml.safe_load(text)
        if "id" in entry:
            self.tree.claim(**entry)
        else:
            self.tree.write("_toc.yml", f"{self.tree.read('_toc.yml')}chapters:\n  {text}")

    def md(self, text: str) -> None:
        self.cells.append(new_markdown_cell(text.strip()))

    def python(self, text: str) -> None:
        tags = {"tags": ["parameters"]} if text.startswith("seed = ") else {}
        self.cells.append(new_code_cell(text.strip(), metadata=tags))

    def console(self, text: str) -> None:
        _, make, target, arguments = shlex.split(text)
        assert (make, target) == ("make", "book")
        options = shlex.split(arguments.removeprefix("ARGS="))
        self.write(options[-1])
        self.outcome = self.tree.run(*options)

    def write(self, name: str) -> None:
        """Write the cells as a notebook; one that is there keeps its own before them."""
        path = self.tree.root / "notebooks" / f"{name}.ipynb"
        before = nbformat.read(path, as_version=4).cells if path.exists() else []
        notebook = new_notebook(cells=[*before, *self.cells], metadata={"kernelspec": KERNELSPEC})
        nbformat.write(notebook, path)


@pytest.fixture
def follower(tmp_path: Path) -> Follower:
    """Somebody with a project that has the whole library, and two items to build on."""
    tree = Tree(tmp_path / "project")
    shutil.copytree(ROOT / "grpo_lib", tree.root / "grpo_lib", dirs_exist_ok=True)
    for id in ("section-5", "theorem-5"):
        tree.claim(id)
    return Follower(tree)


@pytest.mark.slow
def test_a_chapter(follower: Follower) -> None:
    outcome = follower.follow("A chapter")
    assert outcome.status == 0, outcome.out + outcome.err
    assert re.search(r"II\.55.* ours ", outcome.out)
    notebook = nbformat.read(follower.tree.root / "notebooks/small-steps.ipynb", as_version=4)
    assert faults(notebook) == []
    (claim,) = [c for c in load_register(Project(follower.tree.root)) if c.number == "II.55"]
    assert list(box_faults(claim, {box.label: box for box in find_boxes(notebook)})) == []


@pytest.mark.slow
def test_an_erratum(follower: Follower) -> None:
    follower.tree.notebook("theorem-5", "x = 1")
    outcome = follower.follow("An erratum")
    assert outcome.status == 0, outcome.out + outcome.err
    assert re.search(r"E8 +holds corrected ", outcome.out)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        (
            "  ```yaml\n   - file: notebooks/small-steps\n   ```",
            "  (left out)",
            "not listed in _toc",
        ),
        ("at_least=0.1)", "at_least=1.1)", "is below 1.1"),
        ('ledger.claim("beyond-7-', 'ledger.claim("beyond-8-', "beyond-8-small-steps"),
    ],
)
def test_a_recipe_that_does_not_work_is_seen(
    follower: Follower, monkeypatch: pytest.MonkeyPatch, old: str, new: str, fault: str
) -> None:
    assert old in CONTRIBUTING
    monkeypatch.setitem(globals(), "CONTRIBUTING", CONTRIBUTING.replace(old, new))
    outcome = follower.follow("A chapter")
    assert outcome.status != 0
    assert fault in outcome.out + outcome.err
