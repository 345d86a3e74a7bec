"""Pieces of MyST Markdown that the generated parts of the book are made of."""

import re
from collections.abc import Iterable, Sequence
from typing import Any


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


def title(claim: dict[str, Any]) -> str:
    """Name a claim: its label, behind its number if it has one."""
    return " ".join(filter(None, (claim.get("number"), claim["label"])))


def claim_link(claim: dict[str, Any]) -> str:
    """Link from a claim's title to its box, or to its notebook; plain text if the claim is open."""
    if claim["box"]:
        # A title that holds the id would be replaced by the kind of the box: sphinx-proof 0.4.
        return f"{{prf:ref}}`{title(claim)} <{claim['id']}>`"
    return notebook_link(title(claim), claim["notebook"])


def claim_address(claim: dict[str, Any]) -> str:
    """Address of a claim's box, or of its chapter, from a page of the book."""
    return f"../notebooks/{claim['notebook']}.html" + (f"#{claim['id']}" if claim["box"] else "")


def notebook_link(text: str, notebook: str | None) -> str:
    """Link a text to a notebook, given without suffix; plain text without one."""
    return f"[{text}](/notebooks/{notebook}.ipynb)" if notebook else text


def plain(text: str) -> str:
    """Escape what Markdown would take for markup."""
    return re.sub(r"([\\`*_{}\[\]<>$|#~^])", r"\\\1", text)


def evidence_anchor(claim: str) -> str:
    """Name of the place where a chapter shows the evidence for a claim, given by its id."""
    return f"evidence-{claim}"


def evidence_link(text: str, claim: dict[str, Any], which: str = "notebook") -> str:
    """Link a text to the table of a claim's evidence; plain text if there is none.

    Args:
        text: of the link.
        claim: a row of the ledger.
        which: the field that names the notebook, ``notebook`` or ``second``.
    """
    if not claim["evidence"]:
        return text
    # Raw HTML: the anchor stands in a cell's output, where MyST does not look for it.
    target = f"../notebooks/{claim[which]}.html#{evidence_anchor(claim['id'])}"
    return f'<a href="{target}">{text}</a>'
