"""What a chapter says first: a picture, and what the result means for training.

The explorer's own code reads the links into it, without a browser.
"""

import html
import re
from pathlib import Path
from urllib.parse import parse_qsl

import nbformat
import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from reproduce import explorer
from reproduce.folds import is_check
from reproduce.project import read_yaml
from tests.node import SOURCE, call

ROOT = Path(__file__).parents[2]
MEANING = "What it means for training"
CONTENTS = read_yaml(ROOT / "_toc.yml")["parts"]
CHAPTERS = [
    Path(chapter["file"]).name
    for part in CONTENTS
    for chapter in part["chapters"]
    if part["caption"].startswith("Part") and chapter["file"].startswith("notebooks/")
]

PICTURE_LATER = {
    "one-prompt": "draws what the theory says, which is derived on the page, next to the runs",
    "iterates": "draws the recorded runs once they have been compared with the derived maximiser",
}
"""Chapters whose picture stands behind the derivation, and why."""

MEANING_ELSEWHERE = {
    "libraries": "is about the switches of libraries from its first line",
}
"""Chapters without a section of this name, and why."""

NO_LINK = {
    "lemma-2": "is about policies on three answers; the explorer knows a success rate alone",
    "lemma-3": "is about two policies that succeed in different ways; the explorer knows none",
    "libraries": "compares code, with no prompt and no weight",
    "one-prompt": "shows recorded runs of many prompts",
    "iterates": "shows recorded runs of batches",
    "training-speed": "shows recorded runs of small steps; the explorer takes exact updates",
    "addition": "shows recorded runs of a network that prompts share",
    "language-model": "shows recorded runs of a network that prompts share",
}
"""Chapters whose picture the explorer cannot show, and why."""

HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)
RECORDS = re.compile(r"\.(proved|certified|measured|rejected|observed)\(")
LINK = re.compile(r"explorer\.html#([^\"]*)\"")


def links(text: str) -> list[str]:
    """Settings that a text hands to the explorer, in the order of the page."""
    return [html.unescape(hash) for hash in LINK.findall(text)]


def opening(notebook: NotebookNode) -> tuple[list[NotebookNode], bool, bool]:
    """Cells up to the first derivation or check, and whether picture and meaning are among them.

    That is the first cell that records evidence, or whose heading says what it is.
    """
    cells, headings = [], []
    for cell in notebook.cells:
        if cell.cell_type == "code":
            if RECORDS.search(cell.source):
                break
        else:
            found = HEADING.findall(cell.source)
            starts = [text.startswith("Derivation") or is_check(text) for text in found]
            # A cell may say what the result means and then begin to derive it.
            headings += found[: starts.index(True)] if any(starts) else found
            if any(starts):
                cells.append(cell)
                break
        cells.append(cell)
    drawn = any(cell.cell_type == "code" and "plt.show()" in cell.source for cell in cells)
    return cells, drawn, MEANING in headings


def faults(name: str, notebook: NotebookNode) -> list[str]:
    cells, drawn, meant = opening(notebook)
    found = []
    if not drawn and name not in PICTURE_LATER:
        found.append("derives or checks before it shows a picture")
    if not meant and name not in MEANING_ELSEWHERE:
        found.append("derives or checks before it says what it means for training")
    prose = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    if not links(prose) and name not in NO_LINK:
        found.append("has no link to what the explorer shows of it")
    return found


@pytest.mark.parametrize("name", CHAPTERS)
def test_a_chapter_opens_for_its_readers(name: str) -> None:
    notebook = nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4)
    assert faults(name, notebook) == []


def test_no_exception_is_made_without_need() -> None:
    for name in {*PICTURE_LATER, *MEANING_ELSEWHERE, *NO_LINK}:
        notebook = nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4)
        cells, drawn, meant = opening(notebook)
        prose = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
        assert not (drawn and name in PICTURE_LATER), name
        assert not (meant and name in MEANING_ELSEWHERE), name
        assert not (links(prose) and name in NO_LINK), name


def test_each_fault_is_found() -> None:
    picture = new_code_cell("plt.show()")
    meaning = new_markdown_cell(f'## {MEANING}\n\n<a href="../book/explorer.html#beta=2">x</a>')
    derivation = new_markdown_cell("## Derivation")
    assert faults("new", new_notebook(cells=[picture, meaning, derivation])) == []
    assert len(faults("new", new_notebook(cells=[derivation, picture, meaning]))) == 3
    evidence = new_code_cell('claim.proved("x", 0)')
    assert len(faults("new", new_notebook(cells=[picture, evidence, meaning]))) == 2
    numbers = new_markdown_cell("### Numbers: all of them")
    assert len(faults("new", new_notebook(cells=[meaning, numbers, picture]))) == 1
    together = new_markdown_cell(f"{meaning.source}\n\n{derivation.source}")
    assert faults("new", new_notebook(cells=[picture, together])) == []


def test_exceptions_are_chapters() -> None:
    assert {*PICTURE_LATER, *MEANING_ELSEWHERE, *NO_LINK} <= set(CHAPTERS)


OPEN_EXPLORER = """
(given) => given.hashes.map((hash) => {
  const nothing = new Proxy(() => {}, {
    get: (_, key) => {
      if (key === Symbol.iterator) return [][Symbol.iterator].bind([]);
      return key === Symbol.toPrimitive ? () => "" : nothing;
    },
    set: () => true,
    apply: () => nothing,
  });
  const boxes = given.parameters.map(({ normalization, ...box }) => ({
    ...box,
    setAttribute() {},
    addEventListener() {},
    closest: () => (normalization ? { dataset: { normalization } } : null),
  }));
  const sliders = boxes.map(({ id, scale }) => ({
    dataset: { for: id, scale },
    setAttribute() {},
    addEventListener() {},
  }));
  const lists = { "input[type=number]": boxes, "input[type=range]": sliders };
  const form = new Proxy({}, {
    get: (_, key) => (key === "querySelectorAll" ? (what) => lists[what] ?? [] : nothing),
  });
  const elements = Object.fromEntries(boxes.map((box) => [box.id, box]));
  elements.explorer = form;
  elements["explorer-figures"] = { textContent: "[0]" };
  const getElementById = (id) => elements[id] ?? nothing;
  const document = { getElementById, querySelectorAll: () => [], createElement: () => nothing };
  const never = { embed: { embed_item: () => new Promise(() => {}) } }; // nothing is drawn
  const names = ["document", "location", "Bokeh", "window"];
  const open = new Function(...names, `${given.source}; return explorer`);
  return open(document, { hash: `#${hash}` }, never, { addEventListener() {} }).address();
})
"""
"""Opens the explorer's page with each address, on a page that has its controls and nothing else."""


def unread(hashes: list[str]) -> list[str]:
    """Those of which the explorer leaves something out, or takes it for something else."""
    controls = (*explorer.PARAMETERS, *explorer.CLIP, *explorer.GROUP, *explorer.VERIFIER)
    parameters = [
        {
            "id": one.name,
            "min": one.limits[0],
            "max": one.limits[1],
            "value": one.initial,
            "scale": one.scale,
            "normalization": one.normalization,
        }
        for one in controls
    ]
    scripts = (ROOT / f"book/_static/{name}.js" for name in ("words", "explorer"))
    source = "\n".join(script.read_text("utf-8") for script in scripts)
    given = {"hashes": hashes, "parameters": parameters, "source": source}
    used = [dict(parse_qsl(address)) for address in call(OPEN_EXPLORER, given, SOURCE)]

    def same(name: str, value: str, found: dict[str, str]) -> bool:
        if name not in found:
            return False
        try:
            return float(value) == float(found[name])
        except ValueError:
            return value == found[name]

    return [
        hash
        for hash, found in zip(hashes, used, strict=True)
        if not all(same(*pair, found) for pair in parse_qsl(hash, strict_parsing=True))
    ]


def test_the_explorer_understands_every_link() -> None:
    pages = [*(ROOT / "notebooks").glob("*.ipynb"), *(ROOT / "book").glob("*.md")]
    hashes = set()
    for page in pages:
        text = page.read_text("utf-8")
        hashes |= set(links(text.replace('\\"', '"') if page.suffix == ".ipynb" else text))
    assert len(hashes) > len(CHAPTERS)
    assert unread(sorted(hashes)) == []


def test_a_link_that_is_not_understood_is_found() -> None:
    wrong = [
        "p_ref=2&beta=1",
        "p_ref=0.2&beta=1000",
        "p_ref=0.2&weight=1",
        "p_ref=0.2&normalization=variance",
        "p_ref=0.2&beta=1&penalty=forward&alpha=0.5",
        "p_ref=0.2&beta=1&low=0.2",
        "p_ref=0.2&beta=1&size=8&true_positive=0.9&false_positive=0.1",
        "p_ref=0.2&beta=1&normalization=mean-only&eps=abc",
    ]
    right = ["p_ref=0.2&beta=1", "p_ref=1e-3&beta=5&low=0.2&high=0.2", "p_ref=0.3&penalty=forward"]
    assert unread([*wrong, *right]) == wrong
