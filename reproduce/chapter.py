"""One chapter of the book: the executed notebook as a page, and copies of it to run."""

import copy
import html
import re
from collections.abc import Mapping

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell

from grpo_lib.ledger import MIME_TYPE, Evidence
from reproduce.boxes import BOX, Box, find_boxes
from reproduce.markup import evidence_anchor, index_entries

# What the notebooks import besides grpo_lib and what comes with it.
COLAB_PACKAGES = ("python-flint", "matplotlib")


def as_page(
    executed: NotebookNode,
    links: str,
    captions: Mapping[str, str],
    statements: Mapping[str, str] | None = None,
) -> NotebookNode:
    """Turn an executed notebook into a page: with links, and without the runner's marks.

    Every entry in a table of evidence becomes a link to the cell that recorded it, and the cell
    leads back. The table gets an anchor and a caption.

    Args:
        executed: the notebook; it stays as it is.
        links: MyST to stand below the title.
        captions: of the tables of evidence, in HTML, by the id of the claim.
        statements: MyST to stand below the box of a claim, by id, or below all the rest if there is
            no such box.
    """
    page = copy.deepcopy(executed)
    page.metadata.pop("reproduce", None)
    # IPython's own lexer colours our code alike and takes half as long again.
    page.metadata.setdefault("language_info", {})["pygments_lexer"] = "python"
    places = {
        cell.execution_count: index
        for index, cell in enumerate(page.cells)
        if cell.get("execution_count")
    }
    outputs = [output for cell in page.cells for output in cell.get("outputs", [])]
    bundles = [output.get("data", {}).pop(MIME_TYPE, None) for output in outputs]
    # A claim may be shown more than once; the ledger takes its last table.
    last = {bundle["claim"]: index for index, bundle in enumerate(bundles) if bundle}
    linked: dict[int, str] = {}
    for claim, index in last.items():
        table = outputs[index].data.get("text/html", "")
        table = table.replace("<table ", f'<table id="{evidence_anchor(claim)}" ', 1)
        plain = f"<caption>Evidence for {html.escape(claim)}</caption>"
        table = table.replace(plain, f"<caption>{captions[claim]}</caption>", 1)
        for entry in map(Evidence.from_json, bundles[index]["evidence"]):
            if (place := places.get(entry.cell)) is not None:
                linked.setdefault(place, claim)
                table = _link(table, entry, place)
        outputs[index].data["text/html"] = table
    for index in sorted(linked, reverse=True):  # from the end: the numbers before stay valid
        back = f'<a href="#{evidence_anchor(linked[index])}">to the table of evidence</a>'
        text = f'<div id="{_anchor(index)}" class="recorded">{back}</div>'
        anchor = new_markdown_cell(text, id=f"anchor-{index}")
        page.cells.insert(index, anchor)
    for cell in page.cells:
        if cell.cell_type == "markdown":
            cell.source = with_index_entries(cell.source)
    _add_statements(page, statements or {})
    page.cells.insert(1, new_markdown_cell(links, id="chapter-links"))  # below the title
    return page


def with_index_entries(text: str) -> str:
    """Enter the names of each box of a text in MyST in the index."""

    def entered(found: re.Match[str]) -> str:
        box = Box(found["kind"], found["title"].strip(), found["label"], found["text"])
        return f"{index_entries(*box.names)}\n\n{found[0]}" if box.names else found[0]

    return BOX.sub(entered, text)


def _add_statements(page: NotebookNode, statements: Mapping[str, str]) -> None:
    boxes = {
        box.label: index
        for index, cell in enumerate(page.cells)
        for box in find_boxes(NotebookNode(cells=[cell]))
    }
    below: dict[int, list[NotebookNode]] = {}
    for id, text in statements.items():
        place = boxes.get(id, len(page.cells) - 1)
        below.setdefault(place, []).append(new_markdown_cell(text, id=f"formal-{id}"))
    page.cells = [
        shown for index, cell in enumerate(page.cells) for shown in (cell, *below.get(index, ()))
    ]


def for_colab(committed: NotebookNode, url: str, ref: str, data: Mapping[str, str]) -> NotebookNode:
    """Copy a committed notebook, with a first cell that fetches what it imports and reads.

    The committed one cannot hold this cell: it does not know where its repository lies.

    Args:
        committed: the notebook.
        url: address of the repository.
        ref: the commit or branch to install from.
        data: addresses of the files that it reads, by their paths.
    """
    notebook = copy.deepcopy(committed)
    packages = " ".join([f'"grpo-lib @ git+{url}@{ref}"', *COLAB_PACKAGES])
    fetch = "!curl --fail --silent --show-error --create-dirs --output"
    lines = [f"%pip install --quiet {packages}", *(f"{fetch} {p} {u}" for p, u in data.items())]
    notebook.cells.insert(0, new_code_cell("\n".join(lines), id="install"))
    return nbformat.from_dict(notebook)


def _anchor(index: int) -> str:
    return f"cell-{index}"


def _link(table: str, entry: Evidence, place: int) -> str:
    name = html.escape(entry.name)
    row = f"<td>{entry.kind}</td><td>"
    return table.replace(
        f"{row}{name}</td>", f'{row}<a href="#{_anchor(place)}">{name}</a></td>', 1
    )
