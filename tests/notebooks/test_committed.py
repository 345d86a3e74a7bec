"""The notebooks as committed."""

import ast
import re
from pathlib import Path

import nbformat
import pytest
import yaml

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
CLAIMS = yaml.safe_load((ROOT / "claims.yml").read_text("utf-8"))["claims"]
SECOND = sorted({claim["second"] for claim in CLAIMS if "second" in claim})


def broken_formulas(paragraph: str) -> list[str]:
    """Lines that begin inside of a formula, with a mark that ends its paragraph."""
    found, dollars = [], 0
    for line in re.sub(r"`[^`\n]*`|\\\$|\$\$", "", paragraph).splitlines():
        if dollars % 2 and re.match(r"\s*(>|[+*-]\s|[=-]+\s*$)", line):
            found.append(line)
        dollars += line.count("$")
    return found


def faults(notebook: nbformat.NotebookNode) -> list[str]:
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    parameters = [cell for cell in code if "parameters" in cell.metadata.get("tags", [])]
    found = []
    if any(cell.outputs or cell.execution_count for cell in code):
        found.append("holds outputs")
    if len(parameters) != 1 or "seed = 0\nscale = 1.0" not in parameters[0].source:
        found.append("has no parameters cell that sets seed = 0 and scale = 1.0")
    if any(len(cell.source.splitlines()) > 25 for cell in code):
        found.append("has a code cell of more than 25 lines")
    for cell in code:
        drawn = "plt.show()" in cell.source
        described = cell.metadata.get("mystnb", {})
        if drawn and not (
            described.get("image", {}).get("alt") and described.get("figure", {}).get("caption")
        ):
            found.append("has a figure without alt text or caption")
        if drawn and "hide-input" not in cell.metadata.get("tags", []):
            found.append("shows the code of a figure unfolded")
        if not drawn and re.search(r"plt\.(figure|subplots)\(", cell.source):
            found.append("begins a figure in one cell and shows it in another, where it is gone")
    prose = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    boxes = re.findall(r"^:+\{prf:(?!proof)\w+\}.*\n((?::.*\n)*)", prose, re.MULTILINE)
    if not all(":label:" in options and ":nonumber:" in options for options in boxes):
        found.append("has a box without a label, or one that would get a number of its own")
    if any(map(broken_formulas, prose.split("\n\n"))):
        found.append(
            "breaks a formula before what Markdown takes for the mark of a list or a quote"
        )
    if not notebook.cells[0].source.startswith("# "):
        found.append("does not begin with its title")
    return found


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_committed_notebook(path: Path) -> None:
    assert faults(nbformat.read(path, as_version=4)) == []


def test_each_fault_is_found() -> None:
    notebook = nbformat.v4.new_notebook(
        cells=[
            nbformat.v4.new_code_cell("plt.show()", execution_count=1),
            nbformat.v4.new_code_cell("pass\n" * 26),
            nbformat.v4.new_code_cell("figure, axes = plt.subplots()"),
            nbformat.v4.new_markdown_cell("As $a\n> 0$, also $`b`\n+ c > 0$."),
            nbformat.v4.new_markdown_cell("::::{prf:theorem} 1\n:nonumber:\n\ntext\n::::"),
        ]
    )
    assert len(faults(notebook)) == 9


def shared(name: str) -> set[str]:
    """What a notebook takes from the means of the other ones: SymPy, and grpo_lib's mathematics."""
    notebook = nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4)
    code = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    tree = ast.parse(re.sub(r"^%.*", "", "\n".join(code), flags=re.MULTILINE))
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    ours = {name for name in names if name.partition(".")[0] in ("sympy", "mpmath", "grpo_lib")}
    return ours - {"grpo_lib.ledger"}


@pytest.mark.parametrize("name", SECOND)
def test_a_second_derivation_shares_nothing_with_the_first(name: str) -> None:
    assert shared(name) == set()


def test_what_is_shared_is_seen() -> None:
    assert {"sympy", "grpo_lib.Recurrence", "grpo_lib.symbolic"} <= shared("theorem-2")
