"""Figures of the executed notebooks, for other pages of the book to show.

A page shows one by the line ``<!-- generated: figure NAME -->``. NAME is what the cell that draws
the figure calls it in its metadata, under ``mystnb``; its alternative text comes from there, too.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from nbformat import NotebookNode

from reproduce.execute import Executed
from reproduce.project import write_text

FOLDER = "_figures"
"""Where the figures lie, beside the pages that show them."""


@dataclass(frozen=True)
class Figure:
    """A figure that a cell of a notebook drew.

    Attributes:
        name: the cell's name for it, and its anchor in the chapter.
        chapter: title of the notebook.
        alt: what it shows, for those who do not see it.
        caption: what the chapter says below it, in MyST.
        svg: the drawing.
    """

    name: str
    chapter: str
    alt: str
    caption: str
    svg: str


def collect(results: Iterable[Executed]) -> list[Figure]:
    """Find the named figures of executed notebooks."""
    found = []
    for result in results:
        for cell in result.notebook.cells:
            about = cell.metadata.get("mystnb", {})
            name, svg = about.get("figure", {}).get("name"), _svg(cell)
            if name and svg:
                alt = about.get("image", {}).get("alt", "")
                caption = about["figure"].get("caption", "")
                found.append(Figure(name, _title(result.notebook), alt, caption, svg))
    return found


def parts(figures: Iterable[Figure]) -> dict[str, str]:
    """Write the figures as parts of the book's pages, by the name of their marker, in MyST."""
    return {f"figure {figure.name}": _shown(figure) for figure in figures}


def write(figures: Iterable[Figure], pages: Path) -> None:
    """Write the drawings where `parts` looks for them.

    Args:
        figures: the figures.
        pages: folder of the pages that show them.
    """
    for figure in figures:
        write_text(pages / FOLDER / f"{figure.name}.svg", figure.svg)


def _shown(figure: Figure) -> str:
    # The class of a notebook's outputs, so that the style sheet treats both alike. In HTML, because
    # a directive would write its underscore as a hyphen.
    return "\n".join(
        [
            '<div class="cell_output">',
            "",
            f":::{{figure}} {FOLDER}/{figure.name}.svg",
            f":alt: {json.dumps(figure.alt, ensure_ascii=False)}",
            ":loading: lazy",
            "",
            f"{figure.caption} Drawn in the chapter [{figure.chapter}](#{figure.name}).".lstrip(),
            ":::",
            "",
            "</div>",
        ]
    )


def _svg(cell: NotebookNode) -> str | None:
    drawings = (output.get("data", {}).get("image/svg+xml") for output in cell.get("outputs", []))
    return next(filter(None, drawings), None)


def _title(notebook: NotebookNode) -> str:
    return notebook.cells[0].source.partition("\n")[0].removeprefix("# ")
