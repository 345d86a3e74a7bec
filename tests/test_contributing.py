"""The recipes of CONTRIBUTING.md work: each is followed to the letter in a tiny project."""

import contextlib
import io
import re
import shlex
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import nbformat
import pytest
import yaml
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from reproduce import coq, formal
from reproduce.boxes import find_boxes
from reproduce.project import Project
from reproduce.register import load_register
from tests.notebooks.test_boxes import box_faults
from tests.notebooks.test_committed import faults
from tests.reproduce.conftest import KERNELSPEC, Outcome, Tree

ROOT = Path(__file__).parents[1]
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
BLOCK = re.compile(r"^( *)```(\w+)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)


def section(title: str) -> str:
    """The text below a heading."""
    _, _, after = CONTRIBUTING.partition(f"\n### {title}\n")
    return re.split(r"^##+ ", after, maxsplit=1, flags=re.MULTILINE)[0]


def recipe(title: str) -> list[tuple[str, str]]:
    """Language and text of each block of code below a heading."""
    return [(kind, textwrap.dedent(text)) for _, kind, text in BLOCK.findall(section(title))]


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
    assert re.search(r"II\.57.* ours ", outcome.out)
    notebook = nbformat.read(follower.tree.root / "notebooks/small-steps.ipynb", as_version=4)
    assert faults(notebook) == []
    (claim,) = [c for c in load_register(Project(follower.tree.root)) if c.number == "II.57"]
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
        ('ledger.claim("beyond-8-', 'ledger.claim("beyond-9-', "beyond-9-small-steps"),
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


FILE = re.compile(r"[`*]([\w/-]+\.(?:py|md|ipynb))[`*]")
"""A file that there is, in code, or a new one, in italics."""


def named_files(title: str) -> list[tuple[str, str, str]]:
    """The blocks of a recipe, each behind the file that the text before it named last."""
    text = section(title)
    files = [FILE.findall(text[: block.start()])[-1] for block in BLOCK.finditer(text)]
    return [(file, *block) for file, block in zip(files, recipe(title), strict=True)]


class Author:
    """Does what a recipe for the library shows, in a copy of what the recipe touches."""

    def __init__(self, root: Path) -> None:
        self.root = root
        shutil.copytree(ROOT / "grpo_lib", root / "grpo_lib")
        for path in ("pyproject.toml", "tests/conftest.py"):
            self.copy(path)

    def copy(self, path: str) -> None:
        """Copy a file that is there and not yet copied."""
        if (ROOT / path).exists() and not (self.root / path).exists():
            (self.root / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / path, self.root / path)

    def follow(self, title: str) -> tuple[str, subprocess.CompletedProcess]:
        """Go through the blocks; the module that is new, and what the tests at the end say."""
        blocks = named_files(title)
        new = blocks[0][0]
        for file, kind, text in blocks[:-1]:
            self.copy(file)
            getattr(self, kind)(self.root / file, text)
        _, make, target, arguments = shlex.split(blocks[-1][2])
        assert (make, target) == ("make", "test")
        tests = shlex.split(arguments.removeprefix("ARGS="))
        return new, self.run("pytest", "--numprocesses", "0", "--doctest-modules", new, *tests)

    def run(self, *command: str) -> subprocess.CompletedProcess:
        command = (sys.executable, "-m", *command)
        return subprocess.run(command, cwd=self.root, capture_output=True, text=True, check=False)

    def rst(self, path: Path, text: str) -> None:
        """An entry of the first group of the API page."""
        insert(path, f"{text}\n", before=".. autoclass::")

    def python(self, path: Path, text: str) -> None:
        """A file that is new, an import, or an entry of the first list."""
        if not path.exists():
            path.write_text(text, "utf-8")
        elif text.startswith("from "):
            insert(path, text, before="from grpo_lib import")
        else:
            insert(path, f"    {text.strip()},\n", before="]\n")


def insert(path: Path, text: str, before: str) -> None:
    """Put a text in front of the first line that begins so."""
    earlier, found, later = path.read_text("utf-8").partition(f"\n{before}")
    assert found
    path.write_text(f"{earlier}\n{text}{before}{later}", "utf-8")


ADDED = {
    "A normalisation": ("tests/grpo_lib/test_conformance.py", "np.sqrt(27)", "np.sqrt(26)"),
    "A map": ("tests/grpo_lib/test_maps.py", "+ 1 - share", "+ 1"),
}
"""Recipes for the library, by what they add: the list, and a mistake in the class."""


@pytest.mark.slow
@pytest.mark.parametrize("title", ADDED)
def test_an_addition_to_the_library_touches_three_files(title: str, tmp_path: Path) -> None:
    author = Author(tmp_path)
    new, tests = author.follow(title)
    assert tests.returncode == 0, tests.stdout
    assert {file for file, *_ in named_files(title)} == {new, "book/api.md", ADDED[title][0]}
    for command in (("ruff", "check", new), ("ruff", "format", "--check", new)):
        outcome = author.run(*command)
        assert outcome.returncode == 0, outcome.stdout


@pytest.mark.slow
@pytest.mark.parametrize("title", ADDED)
def test_a_wrong_fact_of_an_addition_is_seen(
    title: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, right, wrong = ADDED[title]
    assert CONTRIBUTING.count(right) == 1
    monkeypatch.setitem(globals(), "CONTRIBUTING", CONTRIBUTING.replace(right, wrong))
    _, tests = Author(tmp_path).follow(title)
    assert tests.returncode == 1 and " failed" in tests.stdout


KIND = {
    "grpo_lib/kinds.py": '    Kind(\n        "rejected"',
    "grpo_lib/ledger.py": "    def rejected(",
}
"""Where the recipe for a kind of evidence adds something to the library."""


def add_kind(follower: Follower) -> subprocess.CompletedProcess:
    """Follow the recipe, and run a copy of the runner, which reads the table, too."""
    follower.tree.claim("theorem-1", notebook="theorem-1")
    follower.tree.notebook("theorem-1", "x = 1")
    *blocks, (_, _, command) = named_files("A kind of evidence")
    for file, kind, text in blocks:
        if file in KIND:
            text = f"{text}\n" if text.startswith("def ") else f"{text.rstrip()},\n"
            insert(follower.tree.root / file, textwrap.indent(text, "    "), before=KIND[file])
        elif file.endswith(".ipynb"):
            getattr(follower, kind)(text)
    _, make, target, arguments = shlex.split(command)
    assert (make, target) == ("make", "book")
    options = shlex.split(arguments.removeprefix("ARGS="))
    follower.write(options[-1])
    shutil.copytree(ROOT / "reproduce", follower.tree.root / "reproduce")
    return subprocess.run(
        [sys.executable, "-m", "reproduce", *options],
        cwd=follower.tree.root,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
def test_a_kind_of_evidence(follower: Follower) -> None:
    outcome = add_kind(follower)
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    assert "1 enumerated, 1 rejected" in outcome.stdout
    for path in KIND:
        check = [sys.executable, "-m", "ruff", "check", f"--config={ROOT / 'pyproject.toml'}", path]
        assert subprocess.run(check, cwd=follower.tree.root, check=False).returncode == 0


def add_proof(follower: Follower) -> Outcome:
    """Follow the recipe, next to the definitions, and run what `make formal` runs."""
    follower.tree.claim("beyond-8-small-steps", notebook="small-steps", verdict="ours")
    follower.tree.notebook("small-steps", "x = 1")
    (_, proof), (_, entry), (_, command) = recipe("A proof for Coq")
    assert command == "$ make formal\n"
    definitions = (ROOT / "formal/Definitions.v").read_text("utf-8")
    follower.tree.write("formal/Definitions.v", definitions)
    follower.tree.write("formal/small_steps.v", proof)
    follower.tree.write("formal/theorems.yml", entry)
    out, err = io.StringIO(), io.StringIO()
    with (
        contextlib.chdir(follower.tree.root),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        status = formal.main([])
    return Outcome(status, out.getvalue(), err.getvalue())


@pytest.mark.slow
@pytest.mark.skipif(not coq.is_installed(), reason="needs Coq with Coquelicot")
def test_a_proof_for_coq(follower: Follower) -> None:
    outcome = add_proof(follower)
    assert outcome.status == 0, outcome.err
    assert "3 theorems for 1 items" in outcome.out
    stated = follower.tree.read("formal/statements.json")
    assert "iterate (fun L : R => L + 1 / (INR n * beta)) n L_ref" in stated


@pytest.mark.slow
@pytest.mark.skipif(not coq.is_installed(), reason="needs Coq with Coquelicot")
def test_a_proof_of_something_false_is_seen(
    follower: Follower, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = CONTRIBUTING.replace("n L_ref = L_ref + 1 / beta.", "n L_ref = L_ref + 2 / beta.")
    assert wrong != CONTRIBUTING
    monkeypatch.setitem(globals(), "CONTRIBUTING", wrong)
    outcome = add_proof(follower)
    assert outcome.status == 1
    assert "formal/small_steps.v: Coq does not accept it" in outcome.err


@pytest.mark.slow
def test_a_case_that_does_not_agree_is_seen(
    follower: Follower, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = CONTRIBUTING.replace("found == share)", "found == 1 - share)")
    assert wrong != CONTRIBUTING
    monkeypatch.setitem(globals(), "CONTRIBUTING", wrong)
    outcome = add_kind(follower)
    assert outcome.returncode != 0
    assert "not enumerated: four equal outcomes" in outcome.stdout + outcome.stderr
