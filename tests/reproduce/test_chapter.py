"""A chapter's page: links from the evidence to the cells that recorded it; copies to run."""

import ast
import sys
from pathlib import Path

import nbformat
import pytest
from bs4 import BeautifulSoup
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from grpo_lib import ledger
from reproduce.chapter import COLAB_PACKAGES, MAGIC, as_page, for_colab

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))
ENTRY = 'claim.measured("a & b", 0, at_most=1)'


def shown(id: str, *names: str) -> nbformat.NotebookNode:
    claim = ledger.claim(id)
    for name in names:
        claim.measured(name, 0, at_most=1)
    data = claim._repr_mimebundle_()
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
                link = name.a and f'<div id="{name.a["href"][1:]}"></div>'
                found[name.text] = sources[link] if link else None
    return found


@pytest.mark.parametrize(
    ("source", "name"),
    [
        (ENTRY, "a & b"),
        (f"%matplotlib inline\n{ENTRY}", "a & b"),
        ('for n in (1, 2):\n    claim.measured(f"after {n} steps", 0, at_most=1)', "after 2 steps"),
        ('for name in ["x", "y"]:\n    claim.measured(name, 0, at_most=1)', "y"),
    ],
)
def test_an_entry_leads_to_the_cell_that_recorded_it(source, name):
    others = [new_code_cell('claim.proved("a & b", 0)'), new_code_cell(f"print({name!r})")]
    cells = [new_markdown_cell("# T"), *others, new_code_cell(source), shown("lemma-1", name)]
    assert links(as_page(new_notebook(cells=cells), "links")) == {name: source}


def test_an_entry_that_no_cell_spells_out_has_no_link():
    cells = [new_markdown_cell("# T"), new_code_cell(ENTRY), shown("lemma-1", "other")]
    assert links(as_page(new_notebook(cells=cells), "links")) == {"other": None}


def test_the_name_itself_goes_before_an_f_string_that_may_give_it():
    general = 'claim.measured(f"{n}", 0, at_most=1)'
    cells = [new_code_cell(general), new_code_cell(ENTRY), new_code_cell(general)]
    page = as_page(new_notebook(cells=[new_markdown_cell("# T"), *cells, shown("a", "a & b")]), "")
    assert links(page) == {"a & b": ENTRY}


def test_of_two_claims_with_one_name_each_leads_to_its_own_cell():
    sources = [
        f'{name} = ledger.claim("{id}")\n{name}.measured("same", 0, at_most=1)'
        for name, id in (("claim", "lemma-1"), ("erratum", "erratum-1"))
    ]
    for id, source in zip(("lemma-1", "erratum-1"), sources, strict=True):
        cells = [new_markdown_cell("# T"), *map(new_code_cell, sources), shown(id, "same")]
        assert links(as_page(new_notebook(cells=cells), "")) == {"same": source}


def test_the_last_table_of_a_claim_has_its_anchor():
    cells = [new_markdown_cell("# T"), shown("lemma-1", "a"), shown("lemma-1", "a", "b")]
    page = as_page(new_notebook(cells=cells), "")
    assert [
        'id="evidence-lemma-1"' in output.data["text/html"]
        for cell in page.cells
        for output in cell.get("outputs", [])
    ] == [False, True]


def test_the_copy_for_colab_installs_first_and_changes_nothing_else():
    committed = nbformat.read(NOTEBOOKS[0], as_version=4)
    first, *rest = for_colab(committed, "https://github.com/a/b", "dev").cells
    assert first.source == (
        '%pip install --quiet "grpo-lib @ git+https://github.com/a/b@dev" python-flint matplotlib'
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
