"""Where each result stands among the others."""

import numpy as np
import pytest
from bs4 import BeautifulSoup

from grpo_lib.ledger import Evidence
from reproduce.contents import WIDTH, chapter_links, dependency_graph, parts
from reproduce.ledger import Ledger, Row
from reproduce.project import Project
from reproduce.register import Item, load_register
from tests.conftest import ROOT


def row(
    id: str, place: str, uses: tuple[str, ...], notebook: str | None, box: bool = False, **fields
) -> Row:
    verdict = "holds" if notebook else None
    item = Item(id, id.title(), place, "$x$", uses, notebook, verdict=verdict, **fields)
    return Row(item, "passed" if notebook else "open", box)


TYPO, LOOSE = ({"nature": nature, "correction": "$y$"} for nature in ("typo", "loose"))
TYPO_LINK, LOOSE_LINK = (
    f'<a href="../book/errata.html#erratum-{k}">Erratum-{k}</a>' for k in (1, 2)
)
LEMMA = "a-rather-long-name-for-a-lemma"
ROWS = [
    row("theorem-1", "Section 3, page 5", (), "first"),
    row("figure-1", "Section 3", ("theorem-1",), "first"),
    row(LEMMA, "Appendix C.2", ("theorem-1",), "second"),
    row("table-1", "Page 13", ("figure-1", LEMMA), None),
    row("erratum-1", "Sections 3 and 4", ("theorem-1",), "second", **TYPO),
    row("erratum-2", "The table & its text", ("table-1",), None, **LOOSE),
    row("beyond-1", "Part II: A chapter", ("theorem-1",), "third", box=True, number="II.1"),
    row("beyond-2", "Part II: A chapter", ("beyond-1",), "third", second="fourth", number="II.2"),
]
LEDGER = Ledger(ROWS, run={})
CAPTIONS = {"third": "Part II: the whole picture", "first": "Start here"}


def test_the_map_holds_every_claim_once_where_the_paper_has_it():
    tables = {
        name: table for name, table in parts(LEDGER, CAPTIONS).items() if name.startswith("map")
    }
    assert list(tables) == [
        "map of Section 3", "map of Appendix C", "map of Page 13", "map of Part II",
    ]  # fmt: skip
    assert tables["map of Section 3"].splitlines()[4:] == [
        "* - Item", "  - Place", "  - Verdict",
        "* - [Theorem-1](/notebooks/first.ipynb)", "  - Section 3, page 5", "  - holds",
        "* - [Figure-1](/notebooks/first.ipynb)", "  - Section 3", "  - holds",
        f"* - {TYPO_LINK}", "  - Sections 3 and 4", "  - holds", "```",
    ]  # fmt: skip
    assert tables["map of Page 13"].splitlines()[7:] == [
        "* - Table-1", "  - Page 13", "  - open",
        f"* - {LOOSE_LINK}", "  - The table & its text", "  - open", "```",
    ]  # fmt: skip


def test_links_of_a_chapter():
    assert chapter_links(LEDGER, "first").splitlines() == [
        ":::{div} chapter-links",
        "**Shown here:** Theorem-1 (holds), Figure-1 (holds)",
        "",
        "**Used by:** [A-Rather-Long-Name-For-A-Lemma](/notebooks/second.ipynb), Table-1, "
        f"{TYPO_LINK}, {{prf:ref}}`II.1 Beyond-1 <beyond-1>`",
        ":::",
    ]
    second = chapter_links(LEDGER, "second")
    assert "**Builds on:** [Theorem-1](/notebooks/first.ipynb)\n" in second
    assert "**Used by:** Table-1\n" in second
    own = "**Shown here:** {prf:ref}`II.1 Beyond-1 <beyond-1>` (holds), II.2 Beyond-2 (holds)\n"
    assert own in chapter_links(LEDGER, "third")


def test_a_verdict_leads_to_the_evidence_and_a_long_list_is_folded():
    proof = Evidence("proved", "identity", "0")
    shown = Row(ROWS[0].item, "passed", evidence={"first": [proof]})
    assert (
        "**Shown here:** Theorem-1 "
        '(<a href="../notebooks/first.html#evidence-theorem-1">holds</a>)\n'
    ) in chapter_links(Ledger([shown], run={}), "first")

    def listed(users: int) -> str:
        used = [row(f"lemma-{k}", "Section 4", ("theorem-1",), None) for k in range(users)]
        return chapter_links(Ledger([ROWS[0], *used], run={}), "first")

    assert "**Used by:** Lemma-0, Lemma-1, Lemma-2, Lemma-3, Lemma-4\n:::" in listed(5)
    assert (
        "**Used by:** Lemma-0, Lemma-1, Lemma-2, Lemma-3\n\n"
        '<details class="more"><summary>and 2 more</summary>\n\nLemma-4, Lemma-5\n\n</details>'
    ) in listed(6)


def test_a_chapter_and_the_one_that_derives_it_again_lead_to_one_another():
    third, fourth = (chapter_links(LEDGER, name) for name in ("third", "fourth"))
    assert "**Derived a second time:** [II.2 Beyond-2](/notebooks/fourth.ipynb)\n" in third
    assert fourth.splitlines() == [
        ":::{div} chapter-links",
        "**Derived again here:** [II.2 Beyond-2](/notebooks/third.ipynb)",
        ":::",
    ]
    assert "Derived" not in chapter_links(LEDGER, "first")


@pytest.fixture
def graph() -> BeautifulSoup:
    return BeautifulSoup(parts(LEDGER, CAPTIONS)["graph of Part I"], "html.parser")


def test_the_graph_has_a_box_for_each_result_and_a_link_for_each_chapter(graph):
    assert len(graph.find_all("rect")) == 4
    assert [a["href"] for a in graph.find_all("a")] == [
        "../notebooks/first.html", "../notebooks/first.html", "../notebooks/second.html",
    ]  # fmt: skip
    assert [title.text for title in graph.find_all("title")][3] == "Page 13"
    assert len(graph.find_all("path", class_="edge")) == 4


def test_arrows_run_downwards_and_boxes_do_not_meet(graph):
    corners = [(float(rect["x"]), float(rect["y"])) for rect in graph.find_all("rect")]
    width, height = (float(graph.rect[side]) for side in ("width", "height"))
    theorem, figure, lemma, table = corners
    assert theorem[1] < figure[1] < table[1] and theorem[1] < lemma[1] < table[1]
    for i, (x, y) in enumerate(corners):
        assert all(abs(x - a) > width or abs(y - b) > height for a, b in corners[:i])
        assert min(x, y) >= 0 and x + width <= float(graph.svg["width"]) + 1


def test_what_coq_has_checked_is_marked_and_nothing_else():
    proof = Evidence("proved", "stands in for one of Coq", "0", None, None)
    checked = Row(ROWS[0].item, "passed", False, formal=[proof])
    unchecked = Row(ROWS[1].item, "passed", False, formal=[])  # Coq was not asked
    found = parts(Ledger([checked, unchecked, *ROWS[2:]], run={}), CAPTIONS)
    assert found["map of Section 3"].count("holds, [checked by Coq](/book/formal.md)") == 1
    graph = BeautifulSoup(found["graph of Part I"], "html.parser")
    framed = [rect.parent.find("text").text for rect in graph.find_all("rect", class_="formal")]
    assert framed == ["Theorem-1"]


def test_part_two_has_a_graph_of_its_own():
    graph = BeautifulSoup(parts(LEDGER, CAPTIONS)["graph of Part II"], "html.parser")
    assert [title.text for title in graph.find_all("title")] == ["Part II: A chapter"] * 2
    assert len(graph.find_all("path", class_="edge")) == 1
    places = [a["href"] for a in graph.find_all("a")]
    assert places == ["../notebooks/third.html#beyond-1", "../notebooks/third.html"]
    assert "graph of Part II" not in parts(Ledger(ROWS[:3], run={}), CAPTIONS)


def test_part_three_stands_apart_from_part_two():
    third = row("beyond-8", "Part III: A chapter", ("beyond-2",), "fifth", number="III.1")
    found = parts(Ledger([*ROWS, third], run={}), CAPTIONS)
    titles = {
        part: BeautifulSoup(found[f"graph of {part}"], "html.parser").find_all("title")
        for part in ("Part I", "Part II", "Part III")
    }
    assert [len(titles[part]) for part in titles] == [4, 2, 1]
    assert "III.1" in found["map of Part III"] and "III.1" not in found["map of Part II"]


def test_a_part_that_the_contents_split_is_split():
    third = row("beyond-8", "Part III: A chapter", (), "fifth", number="III.1")
    fourth = row("beyond-9", "Part III: A chapter", ("beyond-8",), "sixth", number="III.2")
    captions = {"fifth": "Part III: theory", "sixth": "Part III, continued: practice"}
    ledger = Ledger([*ROWS, third, fourth], run={})
    found = parts(ledger, captions)
    assert found["graph of Part III"].count("<rect") == 1
    assert found["graph of Part III, continued"].count("<rect") == 1
    assert "III.2" in found["map of Part III, continued"]
    assert "III.2" not in found["map of Part III"]
    assert "map of Part III, continued" not in parts(ledger, captions | {"sixth": "Checks: all"})


def assert_legible(rows: list[Row]) -> None:
    """Each box is apart from the others and below what it uses; the graph is not too wide."""
    ids = [row.item.id for row in rows]
    graph = BeautifulSoup(dependency_graph(rows), "html.parser")
    boxes = np.array([[float(rect["x"]), float(rect["y"])] for rect in graph.find_all("rect")])
    size = np.array([float(graph.rect[side]) for side in ("width", "height")])
    assert len(boxes) == len(rows)
    assert 11.5 * WIDTH / float(graph.svg["width"]) > 8, "labels of 8 pixels can be read"
    for i, box in enumerate(boxes):
        assert (np.abs(boxes[:i] - box) > size).any(axis=1).all()
        assert 0 <= box[0] <= float(graph.svg["width"]) + 1 - size[0]
        below = [boxes[ids.index(id), 1] for id in rows[i].item.uses if id in ids]
        assert all(y < box[1] for y in below)


RESULTS = [
    Row(item, "passed", True) for item in load_register(Project(ROOT)) if not item.is_erratum
]


@pytest.mark.parametrize("part", ["Part I", "Part II", "Part III"])
def test_each_result_of_the_book_has_a_box_below_what_it_uses(part):
    """Part III falls into pieces, which igraph places together by chance alone: many times over."""
    for _ in range(20):
        assert_legible([row for row in RESULTS if row.item.part == part])


@pytest.mark.parametrize("more", [20, 60])
def test_the_graph_of_a_part_that_grows_stays_legible(more):
    """Each of the new results uses up to three others, whichever they are."""
    rows = [row for row in RESULTS if row.item.part == "Part III"]
    rng = np.random.default_rng(0)
    for k in range(more):
        used = rng.choice([row.item.id for row in rows], size=rng.integers(4), replace=False)
        number = f"III.{len(rows) + 1}"
        rows.append(row(f"beyond-99-{k}", "Part III", tuple(used), "new", True, number=number))
    assert_legible(rows)


def test_the_graph_of_a_single_column():
    column = ROWS[:2]
    assert dependency_graph(column).count("<rect") == 2
    assert "nan" not in dependency_graph(column)
