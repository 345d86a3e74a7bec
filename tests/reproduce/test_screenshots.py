"""The figure of README.md; the pictures themselves are for looking at."""

import re
from pathlib import Path

import nbformat
import pytest

from reproduce.project import ReproduceError
from reproduce.screenshots import FIGURE, readme_figure

SVG = '<svg><dc:date>2025</dc:date><g id="figure_1"><g id="axes"/></g></svg>'


def notebook(folder: Path, name: str) -> Path:
    output = nbformat.v4.new_output("display_data", {"image/svg+xml": SVG})
    cell = nbformat.v4.new_code_cell(outputs=[output])
    cell.metadata["mystnb"] = {"figure": {"name": name}}
    path = folder / "theorem-2.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), path)
    return path


def test_the_figure_of_the_readme_is_white_and_has_no_date(tmp_path: Path) -> None:
    figure = readme_figure(notebook(tmp_path, FIGURE))
    assert re.fullmatch(r'<svg><rect [^>]*fill="white"/>\s*<g id="figure_1">.*</svg>', figure)


def test_a_missing_notebook_or_figure_is_named(tmp_path: Path) -> None:
    with pytest.raises(ReproduceError, match="make book"):
        readme_figure(tmp_path / "theorem-2.ipynb")
    with pytest.raises(ReproduceError, match=FIGURE):
        readme_figure(notebook(tmp_path, "another"))
