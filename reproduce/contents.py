"""Where each result stands: the map of the paper, the graph of what uses what, and its links."""

import html
import re
import textwrap
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain, pairwise
from typing import TYPE_CHECKING

import numpy as np

from reproduce.ledger import Ledger, Row
from reproduce.markup import (
    claim_address,
    claim_link,
    evidence_link,
    list_table,
    notebook_link,
)
from reproduce.register import Item

if TYPE_CHECKING:
    from igraph import Graph

PLACE = re.compile(r"Sections? \d|Appendix [A-Z]|Page \d+")

# Sizes of the graph in pixels.
WIDTH = 740
BOX_WIDTH, BOX_HEIGHT, GAP_X, GAP_Y = 118, 58, 14, 34  # room for four lines
BEND = 2  # from a line that passes by to its neighbour
BOX = np.array([BOX_WIDTH, BOX_HEIGHT])
LINE_HEIGHT, CHARACTERS = 13, 19
ABREAST = 5  # as many boxes as the width has room for

SHOWN = 4
"""Links of a list that are not folded."""


def parts(ledger: Ledger, captions: Mapping[str, str]) -> dict[str, str]:
    """Write the generated parts of the map of the paper, by the name of their marker, in MyST.

    Args:
        ledger: what is shown.
        captions: of the table of contents, by the notebooks below them.
    """
    by_part: dict[str, list[Row]] = {}
    for row in ledger.rows:
        if not row.item.is_erratum:
            by_part.setdefault(_book_part(row.item, captions), []).append(row)
    graphs = {f"graph of {part}": dependency_graph(rows) for part, rows in by_part.items()}
    return paper_map(ledger, captions) | graphs


def paper_map(ledger: Ledger, captions: Mapping[str, str]) -> dict[str, str]:
    """Tables of the ledger's claims by the part of paper or book they stand in, in MyST.

    Returns:
        One table for each section and appendix, and for each part past the paper, by the name of
        its marker, such as ``map of Appendix C``.
    """
    items = {row.item.id: row.item for row in ledger.rows}
    paper: dict[str, list[list[str]]] = {}
    book: dict[str, list[list[str]]] = {}
    for row in ledger.rows:
        fate = row.fate + (", [checked by Coq](/book/formal.md)" if row.formal else "")
        if row.item.is_own:
            part, place = _book_part(row.item, captions), row.item.place.partition(": ")[2]
            book.setdefault(part, []).append([claim_link(row), place, fate])
        else:
            part = _paper_part(row.item, items)
            paper.setdefault(part, []).append([claim_link(row), row.item.place, fate])
    return {
        f"map of {part}": list_table(["Item", name, "Verdict"], table, widths)
        for tables, name, widths in (
            (paper, "Place", (34, 46, 20)),
            (book, "Chapter", (50, 32, 18)),
        )
        for part, table in tables.items()
    }


def chapter_links(ledger: Ledger, notebook: str) -> str:
    """Links for the top of a chapter: what it shows and builds on, and what uses it; in MyST.

    What is derived twice has a link from either chapter to the other.
    """
    own = [row for row in ledger.rows if row.item.notebook == notebook]
    ids = {row.item.id for row in own}
    used = {id for row in own for id in row.item.uses} - ids
    others = [row for row in ledger.rows if row.item.id not in ids]
    lines = {
        "Shown here": [
            f"{claim_link(row) if row.box or row.item.is_erratum else row.item.title} "
            f"({evidence_link(row.fate, row, notebook)})"
            for row in own
        ],
        "Derived a second time": [
            notebook_link(row.item.title, row.item.second) for row in own if row.item.second
        ],
        "Derived again here": [
            claim_link(row) for row in ledger.rows if row.item.second == notebook
        ],
        "Builds on": [claim_link(row) for row in others if row.item.id in used],
        "Used by": [claim_link(row) for row in others if ids & set(row.item.uses)],
    }
    text = "\n\n".join(f"**{name}:** {_folded(links)}" for name, links in lines.items() if links)
    return f":::{{div}} chapter-links\n{text}\n:::"


def _folded(links: Sequence[str]) -> str:
    """A list with all but its first links folded, if it saves more than one."""
    first, rest = links[:SHOWN], links[SHOWN:]
    if len(rest) < 2:
        return ", ".join(links)
    opening = f'<details class="more"><summary>and {len(rest)} more</summary>'
    return f"{', '.join(first)}\n\n{opening}\n\n{', '.join(rest)}\n\n</details>"


def dependency_graph(rows: Sequence[Row]) -> str:
    """Draw which of the claims uses which of the others, as an SVG in raw HTML.

    Every box is a link to where its claim is stated, with a thick frame if Coq has checked a proof
    of it. Arrows run downwards, from what is used to
    what uses it; where a path of arrows leads there, no direct one is drawn.
    """
    index = {row.item.id: number for number, row in enumerate(rows)}
    edges = _direct(len(rows), [(index[id], number) for id, number in _uses(rows, index)])
    points, routes = _place(len(rows), edges)
    points += BOX / 2 - points.min(axis=0)
    width, height = np.ceil(points.max(axis=0) + BOX / 2).astype(int)
    paths = [
        _path(points[[source, *route, target]])
        for (source, target), route in zip(edges, routes, strict=True)
    ]
    boxes = [_box(row, *point) for row, point in zip(rows, points, strict=False)]
    return "\n".join(
        [
            "```{raw} html",
            '<div class="dependency-graph">',
            f'<svg viewBox="-2 -2 {width + 4} {height + 4}" width="{width}" role="group" '
            'aria-label="Which result uses which">',
            '<defs><marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" '
            'markerHeight="7" orient="auto"><path d="M0 0L8 4L0 8z"/></marker></defs>',
            *paths,
            *boxes,
            "</svg>",
            "</div>",
            "```",
        ]
    )


def _uses(rows: Iterable[Row], known: dict[str, int]) -> list[tuple[str, int]]:
    return [(id, known[row.item.id]) for row in rows for id in row.item.uses if id in known]


def _direct(count: int, edges: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Leave out each edge that a longer path stands for."""
    from igraph import Graph  # not needed for a book that is up to date, and slow to import

    graph = Graph(count, edges, directed=True)
    ahead = [set(graph.subcomponent(box, mode="out")) for box in range(count)]
    return [
        (source, target)
        for source, target in edges
        if not any(target in ahead[box] for box in graph.successors(source) if box != target)
    ]


def _place(count: int, edges: list[tuple[int, int]]) -> tuple[np.ndarray, list[range]]:
    """Find a place for every box, and bends for the edges that pass by other layers.

    Parts that nothing connects are placed one by one, side by side as long as there is room. (Given
    all of them at once, igraph 1.0 returns NaN or crashes.)

    Returns:
        The points, shape [count + bends, 2], boxes first; for every edge the numbers of its bends.
    """
    from igraph import Graph

    graph = Graph(count, edges, directed=True)
    graph.vs["number"], graph.es["number"] = range(count), range(len(edges))
    places = np.empty((count, 2))
    bends = [np.empty((0, 2))] * len(edges)
    left = top = bottom = 0.0
    for part in graph.connected_components(mode="weak").subgraphs():
        layout = part.layout_sugiyama(_layers(part), maxiter=1000)
        boxes = len(layout.coords)
        points = _spread(np.array([*layout.coords, *chain(*layout.edge_routing)]), boxes)
        width, height = np.ptp(points, axis=0) + BOX
        if left and left + width > WIDTH:
            left, top = 0.0, bottom
        points += np.array([left, top]) - points.min(axis=0)
        left, bottom = left + width + 2 * GAP_X, max(bottom, top + height + GAP_Y)
        places[part.vs["number"]] = points[:boxes]
        ends = boxes + np.cumsum([0, *map(len, layout.edge_routing)])
        for number, (first, last) in zip(part.es["number"], pairwise(ends), strict=True):
            bends[number] = points[first:last]
    ends = count + np.cumsum([0, *map(len, bends)])
    return np.concatenate([places, *bends]), [range(*pair) for pair in pairwise(ends)]


def _layers(graph: "Graph") -> list[int]:
    """Put each box below all that it uses, at the first layer with room for one more."""
    layers, held = [0] * graph.vcount(), Counter[int]()
    for box in graph.topological_sorting():
        used = graph.predecessors(box)
        layers[box] = 1 + max((layers[other] for other in used), default=-1)
        while held[layers[box]] == ABREAST:
            layers[box] += 1
        held[layers[box]] += 1
    return layers


def _spread(points: np.ndarray, boxes: int) -> np.ndarray:
    """Scale a layout of boxes, and of bends behind them, to pixels, and move neighbours apart."""
    from scipy.optimize import isotonic_regression  # slow to import, and needed here alone

    spread = max(np.ptp(points[:, 0]), 1)
    points = points * (min(BOX_WIDTH + GAP_X, (WIDTH - BOX_WIDTH) / spread), BOX_HEIGHT + GAP_Y)
    half = np.where(np.arange(len(points)) < boxes, (BOX_WIDTH + GAP_X) / 2, BEND)
    # At this scale neighbours overlap: in each layer, move them apart by as little as possible, and
    # not past the borders, if the layer has room between them.
    border = points[:, 0].min()
    for y in np.unique(points[:, 1]):
        layer = np.flatnonzero(points[:, 1] == y)
        layer = layer[np.argsort(points[layer, 0], kind="stable")]
        apart = np.cumsum([0, *(half[layer[1:]] + half[layer[:-1]])])
        room = WIDTH - BOX_WIDTH - apart[-1]
        low = border + min(room, 0) / 2
        moved = isotonic_regression(points[layer, 0] - apart).x
        points[layer, 0] = np.clip(moved, low, low + max(room, 0)) + apart
    return points


def _path(points: np.ndarray) -> str:
    """A curve from the foot of the first box to the head of the last, straight past each layer."""
    x, y = points[0] + (0, BOX_HEIGHT / 2)
    curve = f"M{x:.0f} {y:.0f}"
    for x_next, centre in points[1:]:
        top, bottom = centre - BOX_HEIGHT / 2, centre + BOX_HEIGHT / 2
        middle = (y + top) / 2
        curve += f"C{x:.0f} {middle:.0f} {x_next:.0f} {middle:.0f} {x_next:.0f} {top:.0f}"
        curve += f"V{bottom:.0f}"
        x, y = x_next, bottom
    curve = curve.rpartition("V")[0]  # the last one ends at the head of its box
    return f'<path class="edge" d="{curve}" marker-end="url(#arrow)"/>'


def _box(row: Row, x: float, y: float) -> str:
    lines = textwrap.wrap(row.item.title, CHARACTERS)
    first = y - (len(lines) - 1) * LINE_HEIGHT / 2 + 4
    text = "".join(
        f'<tspan x="{x:.0f}" y="{first + k * LINE_HEIGHT:.0f}">{html.escape(line)}</tspan>'
        for k, line in enumerate(lines)
    )
    kind = ' class="formal"' if row.formal else ""
    box = (
        f"<title>{html.escape(row.item.place)}</title>"
        f'<rect{kind} x="{x - BOX_WIDTH / 2:.0f}" y="{y - BOX_HEIGHT / 2:.0f}" width="{BOX_WIDTH}" '
        f'height="{BOX_HEIGHT}" rx="6"/><text>{text}</text>'
    )
    if row.item.notebook is None:
        return f"<g>{box}</g>"
    return f'<a href="{claim_address(row)}">{box}</a>'


def _paper_part(item: Item, items: Mapping[str, Item]) -> str:
    """The section or appendix an item stands in; for an erratum to another item, that of this."""
    if match := PLACE.search(item.place):
        return match[0].replace("Sections", "Section")
    return _paper_part(items[item.uses[0]], items)


def _book_part(item: Item, captions: Mapping[str, str]) -> str:
    """Part I is the paper; what goes past it is split as the contents are, by their captions."""
    caption = captions.get(item.notebook or "", "") if item.is_own else ""
    name = caption.partition(":")[0]
    return name if name.startswith(item.part) else item.part
