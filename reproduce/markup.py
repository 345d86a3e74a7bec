"""Pieces of MyST Markdown that the generated parts of the book are made of."""

import re
from collections.abc import Iterable, Sequence

from reproduce.ledger import Row


def list_table(
    head: Sequence[str], rows: Iterable[Sequence[str]], widths: Sequence[int] | None = None
) -> str:
    """Write a table with a header row; cells are MyST and stay as they are.

    Args:
        head: names of the columns.
        rows: the cells of each row.
        widths: relative widths of the columns; the browser chooses if left out.
    """
    options = [":header-rows: 1"]
    if widths:
        options.append(f":widths: {' '.join(map(str, widths))}")
    lines = ["* - " + "\n  - ".join(row) for row in (head, *rows)]
    return "\n".join(["```{list-table}", *options, "", *lines, "```"])


def index_entries(*names: str) -> str:
    """Enter names in the index, and so in the search, for the box or heading they stand next to."""
    # One each: a directive would split a name with a comma.
    return "\n\n".join(f"```{{index}} ! single: {name}\n```" for name in names)


def claim_link(row: Row) -> str:
    """Link a claim's title to where it is stated; plain text if the claim is open.

    An erratum is stated on its page, any other claim in its box, or else its notebook.
    """
    if row.item.is_erratum:
        return f'<a href="{claim_address(row)}">{row.item.title}</a>'
    if row.box:
        # A title that holds the id would be replaced by the kind of the box: sphinx-proof 0.4.
        return f"{{prf:ref}}`{row.item.title} <{row.item.id}>`"
    return notebook_link(row.item.title, row.item.notebook)


def claim_address(row: Row) -> str:
    """Address of where a claim is stated, from a page of the book."""
    if row.item.is_erratum:
        return f"../book/errata.html#{row.item.id}"
    return f"../notebooks/{row.item.notebook}.html" + (f"#{row.item.id}" if row.box else "")


def notebook_link(text: str, notebook: str | None) -> str:
    """Link a text to a notebook, given without suffix; plain text without one."""
    return f"[{text}](/notebooks/{notebook}.ipynb)" if notebook else text


def plain(text: str) -> str:
    """Escape what Markdown would take for markup."""
    return re.sub(r"([\\`*_{}\[\]<>$|#~^])", r"\\\1", text)


def evidence_anchor(claim: str) -> str:
    """Name of the place where a chapter shows the evidence for a claim, given by its id."""
    return f"evidence-{claim}"


def card_anchor(claim: str) -> str:
    """Name of a claim's row of the scorecard, given by its id."""
    return f"card-{claim}"


def evidence_link(text: str, row: Row, notebook: str | None) -> str:
    """Link a text to a notebook's table of evidence for a claim; plain text if there is none."""
    if notebook not in row.evidence:
        return text
    # Raw HTML: the anchor stands in a cell's output, where MyST does not look for it.
    target = f"../notebooks/{notebook}.html#{evidence_anchor(row.item.id)}"
    return f'<a href="{target}">{text}</a>'
