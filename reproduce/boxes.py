"""The boxes of the chapters: theorems, propositions and the like, one for each result."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from nbformat import NotebookNode

from reproduce.register import Item

# From its opening to its closing fence; a proof has no label and is no box.
BOX = re.compile(
    r"^(?P<fence>:{3,})\{prf:(?P<kind>\w+)\}(?P<title>.*)\n"
    r":label: (?P<label>\S+)\n(?::.*\n)*(?P<text>(?s:.*?))^(?P=fence)$",
    re.MULTILINE,
)


@dataclass(frozen=True)
class Box:
    """One box.

    Attributes:
        kind: what it is, such as ``theorem``.
        title: number and name, as the page shows them behind the kind.
        label: target of links to the box; the id of its claim, if it has one.
        text: what stands inside, in MyST.
    """

    kind: str
    title: str
    label: str
    text: str

    @property
    def names(self) -> list[str]:
        """What one would look for: ``Theorem 5``, or ``III.14``, and the name in brackets."""
        number, _, name = self.title.removesuffix(")").partition("(")
        number = number.strip()
        full = f"{self.kind.capitalize()} {number}" if number.isdigit() else number
        return [one for one in (full, name) if one]


def find_boxes(notebook: NotebookNode) -> Iterator[Box]:
    """Find the boxes of a chapter, in their order."""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            for box in BOX.finditer(cell.source):
                yield Box(box["kind"], box["title"].strip(), box["label"], box["text"].strip())


def box_of(item: Item) -> Box:
    """Write the box of a result of our own: its hypotheses as a list, and what follows."""
    hypotheses = "\n".join(f"- {hypothesis}" for hypothesis in item.hypotheses)
    text = f"*Hypotheses.*\n\n{hypotheses}\n\n*Then:* {item.statement}"
    return Box("theorem", f"{item.number} ({item.label})", item.id, text)
