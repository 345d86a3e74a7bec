"""Live pictures: what a chapter asks for, and what it gets."""

import re

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from reproduce.live import KINDS, with_pictures
from reproduce.project import ReproduceError


def test_a_chapter_that_asks_for_none_stays_as_it_is() -> None:
    page = new_notebook(cells=[new_markdown_cell("# A <!-- note -->"), new_code_cell("1")])
    sources = [cell.source for cell in page.cells]
    assert [cell.source for cell in with_pictures(page, "a.ipynb").cells] == sources


@pytest.mark.parametrize("kind", KINDS)
def test_a_line_becomes_sliders_that_start_where_it_says(kind: str) -> None:
    line = f'<!-- live: {kind} {{"beta": 10, "p_ref": 0.5}} -->'
    page = with_pictures(new_notebook(cells=[new_markdown_cell(f"Before\n\n{line}\n")]), "a.ipynb")
    picture, scripts = (cell.source for cell in page.cells)
    assert picture.startswith('Before\n\n```{raw} html\n<details class="live"')
    places = dict(re.findall(r'data-name="(\w+)".*? value="([^"]*)"', picture))
    assert tuple(places) == KINDS[kind]
    assert (float(places["beta"]), float(places["p_ref"])) == (1.0, 0.0)  # log10 and log-odds
    assert "explorer.html#p_ref=0.5&amp;beta=10" in picture
    names = re.findall(r"_static/(\w+)\.js", scripts)
    assert names == ["grpo", "words", "live"]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("spiral {}", "no live picture is called 'spiral'; known are cobweb, phase"),
        ('cobweb {"alpha": 0.5}', "cannot start at"),  # it has no such slider
        ('cobweb {"gamma": 1}', "cannot start at"),
        ('phase {"beta": 0}', "cannot start at"),
        ('phase {"beta": "much"}', "cannot start at"),
        ("phase {beta: 1}", "cannot start at"),
    ],
)
def test_what_cannot_be_drawn_is_refused(line: str, told: str) -> None:
    page = new_notebook(cells=[new_markdown_cell(f"<!-- live: {line} -->")])
    with pytest.raises(ReproduceError, match=re.escape(told)) as refused:
        with_pictures(page, "a.ipynb")
    assert str(refused.value).startswith("a.ipynb: ")
