"""A chapter's page: links from the evidence to the cells that recorded it; copies to run."""

import ast
import re
import sys
from pathlib import Path

import nbformat
import pytest
from bs4 import BeautifulSoup
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from grpo_lib import ledger
from reproduce.chapter import COLAB_PACKAGES, as_page, for_colab

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
MAGIC = re.compile(r"^[%!].*", re.MULTILINE)  # for IPython, not Python


CAPTIONS = {"lemma-1": "For <a>Lemma 1</a>", "beyond-1": "For II.1 of a &amp; b"}


def shown(id: str, *names: str, cell: int | None = None) -> nbformat.NotebookNode:
    """A cell that shows a claim with entries of these names, recorded in a cell of this count."""
    claim = ledger.claim(id)
    for name in names:
        claim.measured(name, 0, at_most=1)
    data = claim._repr_mimebundle_()
    for entry in data[ledger.MIME_TYPE]["evidence"]:
        entry["cell"] = cell
    return new_code_cell(id, outputs=[new_output("display_data", data=data)])


def links(page: nbformat.NotebookNode) -> dict[str, str | None]:
    """What each name in the tables leads to: the source of the cell behind the anchor."""
    sources = {cell.source: page.cells[i + 1].source for i, cell in enumerate(page.cells[:-1])}
    found: dict[str, str | None] = {}
    for cell in page.cells:
        for output in cell.get("outputs", []):
            for name in BeautifulSoup(output.data["text/html"], "html.parser").select(
                "td:nth-of-type(2)"
            ):
                start = name.a and f'<div id="{name.a["href"][1:]}" class="recorded">'
                found[name.text] = next(
                    (then for text, then in sources.items() if start and text.startswith(start)),
                    None,
                )
    return found


@pytest.mark.parametrize(("cell", "source"), [(3, "second"), (None, None), (7, None)])
def test_an_entry_leads_to_the_cell_that_recorded_it(cell, source):
    cells = [
        new_markdown_cell("# T"),
        new_code_cell("first", execution_count=2),
        new_code_cell("second", execution_count=3),
        shown("lemma-1", "a & b", cell=cell),
    ]
    page = as_page(new_notebook(cells=cells), "links", CAPTIONS)
    assert links(page) == {"a & b": source}
    back = [cell for cell in page.cells if '<a href="#evidence-lemma-1">' in cell.source]
    assert len(back) == (source is not None)


def test_the_cell_is_the_one_that_runs_and_not_the_one_that_defines_a_helper():
    cells = [
        new_code_cell("from grpo_lib import ledger\nclaim = ledger.claim('lemma-1')"),
        new_code_cell("def check(name):\n    claim.measured(name, 0, at_most=1)"),
        new_code_cell("check('x')"),
        new_code_cell("claim"),
    ]
    notebook = new_notebook(cells=cells)
    NotebookClient(notebook, timeout=60, kernel_name="python3").execute(cwd=ROOT)
    data = notebook.cells[-1].outputs[0].data
    assert [entry["cell"] for entry in data[ledger.MIME_TYPE]["evidence"]] == [3]


def test_the_last_table_of_a_claim_has_its_anchor():
    cells = [new_markdown_cell("# T"), shown("lemma-1", "a"), shown("lemma-1", "a", "b")]
    page = as_page(new_notebook(cells=cells), "", CAPTIONS)
    assert [
        'id="evidence-lemma-1"' in output.data["text/html"]
        for cell in page.cells
        for output in cell.get("outputs", [])
    ] == [False, True]


def test_a_table_has_the_caption_of_its_claim():
    cells = [new_markdown_cell("# T"), shown("lemma-1", "a"), shown("beyond-1", "a")]
    page = as_page(new_notebook(cells=cells), "", CAPTIONS)
    captions = [
        BeautifulSoup(output.data["text/html"], "html.parser").caption.text
        for cell in page.cells
        for output in cell.get("outputs", [])
    ]
    assert captions == ["For Lemma 1", "For II.1 of a & b"]


def test_each_box_is_in_the_index_under_its_names():
    box = ":::{prf:%s}%s\n:label: here\n:nonumber:\n\n$x$\n:::"
    entry = "```{index} ! single: %s\n```\n\n"
    for kind, title, names in (
        ("theorem", " 5 (Mirror, sharp)", ["Theorem 5", "Mirror, sharp"]),
        ("theorem", " II.1 (Speed)", ["II.1", "Speed"]),
        ("assumption", " 1", ["Assumption 1"]),
        ("proposition", " (Takeaways)", ["Takeaways"]),
    ):
        text = f"Before.\n\n{box % (kind, title)}\n\nBehind."
        cells = [new_markdown_cell("# Title"), new_markdown_cell(text)]
        page = as_page(new_notebook(cells=cells), "", {})
        wanted = text.replace(":::{", "".join(entry % name for name in names) + ":::{", 1)
        assert page.cells[-1].source == wanted


def test_the_copy_for_colab_installs_first_and_changes_nothing_else():
    committed = nbformat.read(NOTEBOOKS[0], as_version=4)
    data = {"data/x.csv": "https://example.org/x.csv"}
    first, *rest = for_colab(committed, "https://github.com/a/b", "dev", data).cells
    assert first.source == (
        '%pip install --quiet "grpo-lib @ git+https://github.com/a/b@dev" python-flint matplotlib\n'
        "!curl --fail --silent --show-error --create-dirs --output data/x.csv"
        " https://example.org/x.csv"
    )
    assert rest == committed.cells


def test_colab_gets_all_that_the_notebooks_import():
    nodes = [
        node
        for path in NOTEBOOKS
        for cell in nbformat.read(path, as_version=4).cells
        if cell.cell_type == "code"
        for node in ast.walk(ast.parse(MAGIC.sub("", cell.source)))
    ]
    modules = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    modules |= {node.module for node in nodes if isinstance(node, ast.ImportFrom)}
    outside = {module.partition(".")[0] for module in modules} - sys.stdlib_module_names
    # mpmath comes with SymPy, and IPython is what runs a notebook.
    given = {"grpo_lib", "numpy", "scipy", "sympy", "mpmath", "IPython", *COLAB_PACKAGES}
    assert {"flint", "numpy"} < outside
    assert {name.replace("flint", "python-flint") for name in outside} <= given
