"""Pages show figures of the executed notebooks, and only those that a cell has drawn."""

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from reproduce import figures
from reproduce.execute import Executed
from reproduce.site import fill

ABOUT = {"figure": {"name": "fig-a", "caption": "C"}, "image": {"alt": 'Left: "one".'}}


def result(*cells) -> Executed:
    notebook = new_notebook(cells=[new_markdown_cell("# Title\n\n"), *cells])
    return Executed("first", notebook, seconds=1.0, environment={})


def drawing(about: dict, **data: str):
    outputs = [new_output("stream", text="."), new_output("display_data", data=data)]
    return new_code_cell("plot()", metadata={"mystnb": about}, outputs=outputs)


def test_a_named_drawing_is_found():
    drawn = figures.collect([result(drawing(ABOUT, **{"image/svg+xml": "<svg/>"}))])
    assert drawn == [figures.Figure("fig-a", "Title", 'Left: "one".', "C", "<svg/>")]


@pytest.mark.parametrize(
    "cell",
    [
        new_code_cell("1"),
        drawing({}, **{"image/svg+xml": "<svg/>"}),
        drawing(ABOUT, **{"text/plain": "<Figure>"}),
    ],
    ids=["no output", "no name", "no drawing"],
)
def test_nothing_else_is(cell):
    assert figures.collect([result(cell)]) == []


def test_a_page_shows_it_with_its_words_and_its_origin(tmp_path):
    drawn = [figures.Figure("fig-a", "Title", 'Left: "one".', "C", "<svg/>")]
    figures.write(drawn, tmp_path)
    page = fill("<!-- generated: figure fig-a -->", figures.parts(drawn), "book/a.md")
    assert ":::{figure} _figures/fig-a.svg\n" in page
    assert ':alt: "Left: \\"one\\"."\n' in page
    assert "\n\nC Drawn in the chapter [Title](#fig-a).\n" in page
    assert (tmp_path / "_figures/fig-a.svg").read_text() == "<svg/>"
