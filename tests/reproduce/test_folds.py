"""What a chapter folds, and that each chapter suits the rule."""

import re
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from bs4 import BeautifulSoup
from docutils import nodes
from docutils.core import publish_from_doctree
from docutils.utils import new_document

from reproduce.folds import CHECKS, FoldChecks, is_check

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
MEANING = "What it means for training"

# Headings, and what should not be below one that is folded.
PART = re.compile(
    r"^(?P<level>#+) (?P<heading>.*)$|^:{3,}\{prf:(?!proof)(?P<box>\w+)\}"
    r"|(?P<figure>plt\.show\(\))",
    re.MULTILINE,
)


def parts(notebook: nbformat.NotebookNode) -> Iterator[tuple[str, str, bool]]:
    """Headings, boxes and figures in their order: kind, text, and whether it is in a fold."""
    fold = 0  # level of the heading that is folded
    for cell in notebook.cells:
        for part in PART.finditer(cell.source):
            if part["heading"] and cell.cell_type == "markdown":
                level = len(part["level"])
                if fold and level <= fold:
                    fold = 0
                if not fold and is_check(part["heading"]):
                    fold = level
                yield "heading", part["heading"], bool(fold)
            elif part["box"] and cell.cell_type == "markdown":
                yield "box", part["box"], bool(fold)
            elif part["figure"] and cell.cell_type == "code":
                yield "figure", "", bool(fold)


def faults(notebook: nbformat.NotebookNode) -> list[str]:
    found = list(parts(notebook))
    headings = [text for kind, text, _ in found if kind == "heading"]
    wrong = []
    if "Evidence" not in headings:
        wrong.append("has no evidence to fold")
    if any(kind == "box" and folded for kind, _, folded in found):
        wrong.append("folds a statement")
    if all(folded for kind, _, folded in found if kind == "figure"):
        wrong.append("has no picture, or folds every one")
    if MEANING in headings:
        before = headings[: headings.index(MEANING)]
        if any(is_check(text) or text.startswith("Derivation") for text in before):
            wrong.append("derives or checks before it says what it means for training")
    return wrong


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_chapter_suits_the_rule(path: Path) -> None:
    assert faults(nbformat.read(path, as_version=4)) == []


def test_each_fault_is_found() -> None:
    cells = [
        nbformat.v4.new_markdown_cell("# Title\n\n## Derivation\n\n### Numbers: random\n\n#### A"),
        nbformat.v4.new_markdown_cell("::::{prf:theorem} 1\n::::"),
        nbformat.v4.new_code_cell("plt.show()"),
        nbformat.v4.new_markdown_cell(f"## {MEANING}\n\n### Numbers in prose"),
    ]
    assert len(faults(nbformat.v4.new_notebook(cells=cells))) == 4


def test_every_kind_of_check_is_a_heading_of_some_chapter() -> None:
    notebooks = [nbformat.read(path, as_version=4) for path in NOTEBOOKS]
    headings = {text for notebook in notebooks for kind, text, _ in parts(notebook)}
    assert [kind for kind in CHECKS if kind not in headings] == []


def code(source: str, output: str = "", **attributes: str) -> nodes.container:
    """A cell as MyST-NB writes it."""
    cell = nodes.container("", nb_element="cell_code", classes=["cell"], **attributes)
    cell += nodes.container("", nodes.literal_block(source, source), classes=["cell_input"])
    if output:
        cell += nodes.container("", nodes.paragraph(output, output), classes=["cell_output"])
    return cell


def section(heading: str, *content: nodes.Node) -> nodes.section:
    return nodes.section("", nodes.title(heading, heading), *content, ids=[nodes.make_id(heading)])


def page(*content: nodes.Node) -> BeautifulSoup:
    document = new_document("chapter")
    links = nodes.container("", nodes.paragraph("", "links"), classes=["chapter-links"])
    document += section("Title", links, *content)
    FoldChecks(document).run()
    html = publish_from_doctree(document, writer_name="html5", settings_overrides={})
    return BeautifulSoup(html, "html.parser").main


def summaries(fold: BeautifulSoup) -> list[str]:
    return [summary.get_text(strip=True) for summary in fold.select("summary")]


def test_code_is_folded_and_what_it_gives_is_not() -> None:
    shown = page(code("a = 1\nb = 2", "two"), nodes.paragraph("", "text"), code("c = 3"))
    assert summaries(shown) == ["Code, 2 lines", "Code, 1 line"]
    first, second = shown.select("details.code")
    assert first.pre.text == "a = 1\nb = 2" and second.pre.text == "c = 3"
    for fold in (first, second):
        fold.decompose()
    assert shown.get_text().split()[-2:] == ["two", "text"]


def test_neighbours_share_a_fold_until_one_gives_something() -> None:
    anchor = nodes.raw("", '<div id="cell-2"></div>', format="html")
    shown = page(code("a"), anchor, code("b", "out"), code("c"))
    assert summaries(shown) == ["Code, 2 lines", "Code, 1 line"]
    assert shown.details.find(id="cell-2")


def test_a_fold_that_ends_before_the_code_ends_before_it() -> None:
    start, end = (nodes.raw("", tag, format="html") for tag in ("<details>", "</details>"))
    shown = page(start, nodes.paragraph("", "inside"), end, code("a", "out"))
    first, second = shown.find_all("details", recursive=True)
    assert "inside" in first.text and not first.select("pre")
    assert second.pre.text == "a" and not second.find_parent("details")


def test_an_anchor_without_code_stays() -> None:
    shown = page(code("a"), nodes.paragraph("", "text"), nodes.raw("", "<i></i>", format="html"))
    assert shown.find("i") and not shown.find("i").find_parent("details")


def test_a_section_of_checks_is_folded_behind_its_heading_with_its_code_open() -> None:
    numbers = section(
        "Numbers: all", section("What breaks", code("a", "out"), code("b", hide_mode="input"))
    )
    shown = page(section("Derivation", code("c"), numbers), section("Numbers of things"))
    assert summaries(shown) == ["Code, 1 line", "Numbers: all", "Code, 1 line"]
    checks = shown.find(id="numbers-all").details
    assert checks.summary.h4 and checks.find(id="what-breaks").h5  # the levels are kept
    assert [pre.text for pre in checks.select(":scope details pre")] == ["b"]
    assert [pre.text for pre in checks.select("pre")] == ["a", "b"]


def test_a_page_without_cells_stays_as_it_is() -> None:
    shown = page(section("Numbers", nodes.paragraph("", "text")))
    assert not shown.select("details, button")
    assert page(code("a")).select("div.chapter-links > button[aria-pressed=false]")
