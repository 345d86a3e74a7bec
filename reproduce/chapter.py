"""One chapter of the book: the executed notebook as a page, and copies of it to run."""

import ast
import copy
import html
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell

from grpo_lib.ledger import MIME_TYPE
from reproduce.markup import evidence_anchor

# What the notebooks import besides grpo_lib and what comes with it.
COLAB_PACKAGES = ("python-flint", "matplotlib")

MAGIC = re.compile(r"^[%!].*", re.MULTILINE)  # for IPython, not Python
RECORDS = re.compile(r"\.(proved|certified|measured|rejected|claim)\(")


def as_page(executed: NotebookNode, links: str) -> NotebookNode:
    """Turn an executed notebook into a page: with links, and without the runner's marks.

    Every entry in a table of evidence becomes a link to the cell that recorded it, and the table
    gets an anchor.

    Args:
        executed: the notebook; it stays as it is.
        links: MyST to stand below the title.
    """
    page = copy.deepcopy(executed)
    page.metadata.pop("reproduce", None)
    places = _places(page.cells)
    outputs = [output for cell in page.cells for output in cell.get("outputs", [])]
    bundles = [output.get("data", {}).pop(MIME_TYPE, None) for output in outputs]
    # A claim may be shown more than once; the ledger takes its last table.
    last = {bundle["claim"]: index for index, bundle in enumerate(bundles) if bundle}
    linked: set[int] = set()
    for claim, index in last.items():
        table = outputs[index].data.get("text/html", "")
        table = table.replace("<table ", f'<table id="{evidence_anchor(claim)}" ', 1)
        for entry in bundles[index]["evidence"]:
            place = _recorded_in(places, claim, entry)
            if place is not None:
                linked.add(place)
                table = _link(table, entry, place)
        outputs[index].data["text/html"] = table
    for index in sorted(linked, reverse=True):  # from the end: the numbers before stay valid
        anchor = new_markdown_cell(f'<div id="{_anchor(index)}"></div>', id=f"anchor-{index}")
        page.cells.insert(index, anchor)
    page.cells.insert(1, new_markdown_cell(links, id="chapter-links"))  # below the title
    return page


def for_colab(committed: NotebookNode, url: str, branch: str) -> NotebookNode:
    """Copy a committed notebook, with a first cell that installs what it imports.

    The committed one cannot hold this cell: it does not know where its repository lies.

    Args:
        committed: the notebook.
        url: address of the repository.
        branch: the branch to install from.
    """
    notebook = copy.deepcopy(committed)
    packages = " ".join([f'"grpo-lib @ git+{url}@{branch}"', *COLAB_PACKAGES])
    notebook.cells.insert(0, new_code_cell(f"%pip install --quiet {packages}", id="install"))
    return nbformat.from_dict(notebook)


def _anchor(index: int) -> str:
    return f"cell-{index}"


def _link(table: str, entry: dict[str, Any], place: int) -> str:
    name = html.escape(entry["name"])
    row = f"<td>{entry['kind']}</td><td>"
    return table.replace(
        f"{row}{name}</td>", f'{row}<a href="#{_anchor(place)}">{name}</a></td>', 1
    )


def _recorded_in(places: list["_Place"], claim: str, entry: dict[str, Any]) -> int | None:
    """Number of the cell that records an entry: it calls this kind and spells this name."""
    found = [
        (claim in place.claims, sum(map(len, name)), -index)
        for index, place in enumerate(places)
        if entry["kind"] in place.kinds
        for name in place.names
        if _fits(name, entry["name"])
    ]
    # More of the name spelt out is a better match: an f-string may give many names.
    return -max(found)[2] if found else None


@dataclass(frozen=True)
class _Place:
    """What a cell may record.

    Attributes:
        kinds: kinds of evidence.
        claims: ids of the claims it records them for, as far as they can be read off.
        names: what the entries can be called: texts, cut where an f-string fills something in.
    """

    kinds: frozenset[str] = frozenset()
    claims: frozenset[str] = frozenset()
    names: tuple[tuple[str, ...], ...] = ()


def _places(cells: Iterable[NotebookNode]) -> list[_Place]:
    """Read off the source of each cell which evidence it may record."""
    claims: dict[str, str] = {}  # by the name of the variable
    places = []
    for cell in cells:
        read = cell.cell_type == "code" and RECORDS.search(cell.source)
        tree = ast.parse(MAGIC.sub("", cell.source) if read else "")
        nodes = list(ast.walk(tree))
        claims |= {
            node.targets[0].id: ast.literal_eval(node.value.args[0])
            for node in nodes
            if isinstance(node, ast.Assign) and ast.unparse(node.value).startswith("ledger.claim(")
        }
        calls = [node for node in nodes if isinstance(node, ast.Attribute)]
        owners = {node.value.id for node in calls if isinstance(node.value, ast.Name)}
        places.append(
            _Place(
                frozenset(node.attr for node in calls),
                frozenset(claims[owner] for owner in owners & claims.keys()),
                tuple(_texts(tree)),
            )
        )
    return places


def _texts(node: ast.AST) -> Iterator[tuple[str, ...]]:
    """Texts in a piece of code, cut where an f-string has something filled in."""
    if isinstance(node, ast.JoinedStr):
        parts = [part.value if isinstance(part, ast.Constant) else "\0" for part in node.values]
        yield tuple("".join(parts).split("\0"))
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield (node.value,)
    else:
        for child in ast.iter_child_nodes(node):
            yield from _texts(child)


def _fits(name: tuple[str, ...], text: str) -> bool:
    """Whether the text begins and ends as the name does, with its other parts in between."""
    if len(name) == 1 or not (text.startswith(name[0]) and text.endswith(name[-1])):
        return name == (text,)
    return bool(re.fullmatch(".*".join(map(re.escape, name)), text))
