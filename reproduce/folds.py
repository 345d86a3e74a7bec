"""The two layers of a chapter: what one reads is open, what one checks is folded behind one line.

Folded are the sections that `CHECKS` names, each behind its heading, and elsewhere the code, behind
the number of its lines. What the code gives stays open. Every fold is a ``<details>``, which opens
without a script, too.
"""

from collections.abc import Iterable, Iterator, Sequence

from docutils import nodes
from sphinx.transforms.post_transforms import SphinxPostTransform

CHECKS = ("Outcome by outcome", "Numbers", "Checks", "What breaks", "Evidence")
"""Headings of the sections that are folded; a colon and more may follow."""

SWITCH = (
    '<button class="btn btn-sm show-all" type="button" aria-pressed="false">'
    "Show all code and checks</button>"
)


def is_check(heading: str) -> bool:
    """Whether the section of this heading is folded."""
    return heading.partition(":")[0] in CHECKS


class FoldChecks(SphinxPostTransform):
    """Fold the checks and the code of a chapter, and add the switch that opens them all."""

    # Before MyST-NB folds the inputs with a tag for it. As late as this, contents, search and links
    # know the page as if nothing was folded.
    default_priority = 198
    formats = ("html",)

    def run(self, **_: object) -> None:
        """Change a page that is a notebook, and no other."""
        cells = list(self.document.findall(_is_cell))
        if not cells:
            return
        checks = list(self.document.findall(_is_checking))
        for parent in {id(cell.parent): cell.parent for cell in cells}.values():
            children, parent.children = parent.children, []
            parent += _fold_code(children, within=_within(parent, checks))
        for section in checks:
            if not _within(section.parent, checks):
                title, *rest = section.children
                section.children = []
                section += [*_open("checks"), title, _raw("</summary>"), *rest, _raw("</details>")]
        for links in self.document.findall(_is_links):
            links += _raw(SWITCH)


def _is_cell(node: nodes.Node) -> bool:
    return isinstance(node, nodes.container) and node.get("nb_element") == "cell_code"


def _is_anchor(node: nodes.Node) -> bool:
    return isinstance(node, nodes.raw) and node.astext().startswith("<div id=")


def _is_links(node: nodes.Node) -> bool:
    return isinstance(node, nodes.container) and "chapter-links" in node["classes"]


def _is_checking(node: nodes.Node) -> bool:
    if not isinstance(node, nodes.section) or not isinstance(node[0], nodes.title):
        return False
    return is_check(node[0].astext())


def _within(node: nodes.Node | None, sections: Sequence[nodes.Node]) -> bool:
    """Whether a node is one of the sections, or lies in one."""
    return node is not None and (node in sections or _within(node.parent, sections))


def _fold_code(children: Iterable[nodes.Node], within: bool) -> Iterator[nodes.Node]:
    """Fold the code of a section's cells: of neighbours in one fold, if they give nothing between.

    Args:
        children: of the section.
        within: whether the section is folded itself. Then its code is open but for the cells that
            are tagged ``hide-input``.
    """
    run: list[nodes.Node] = []
    for child in children:
        if _is_anchor(child):  # it belongs to the cell that follows
            run.append(child)
        elif _is_cell(child) and (not within or child.get("hide_mode")):
            child.attributes.pop("hide_mode", None)
            output = child.children[1:]
            child.children = child.children[:1]
            run.append(child)
            if output:
                yield from _folded(run)
                yield nodes.container("", *output, classes=["cell"])
                run = []
        else:
            yield from _folded(run)
            yield child
            run = []
    yield from _folded(run)


def _folded(run: list[nodes.Node]) -> list[nodes.Node]:
    lines = sum(cell.astext().count("\n") + 1 for cell in filter(_is_cell, run))
    if not lines:
        return run
    count = f"{lines} lines" if lines > 1 else "1 line"
    return [*_open("code"), _raw(f"Code, {count}</summary>"), *run, _raw("</details>")]


def _open(kind: str) -> list[nodes.Node]:
    return [_raw(f'<details class="fold {kind}"><summary>')]


def _raw(html: str) -> nodes.raw:
    return nodes.raw("", html, format="html")
