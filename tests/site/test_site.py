"""The book, built from a clean state with every warning an error, read as a browser would."""

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

import numpy as np
import pytest
from bs4 import BeautifulSoup

import grpo_lib
from reproduce.mutants import read_table as read_mutants
from reproduce.project import read_yaml
from reproduce.rounding import settings
from reproduce.screenshots import readme_figure
from reproduce.variations import COMPARED, Worst, read_table
from tests.conftest import HTML, ROOT

SEEDS = read_table(ROOT / "book" / "seeds.csv")
ROUNDING = read_table(ROOT / "book" / "rounding.csv")


NUMBERED = {
    "Theorem": range(1, 11), "Proposition": [1], "Lemma": [1, 2, 3], "Remark": [1, 2],
    "Assumption": [1], "Algorithm": [1],
}  # fmt: skip
"""The paper's numbered statements."""


def pages() -> list[Path]:
    """Pages of the book, without the indices that Sphinx adds."""
    return sorted(HTML.glob("book/*.html")) + sorted(HTML.glob("notebooks/*.html"))


@cache
def soup(page: Path) -> BeautifulSoup:
    return BeautifulSoup(page.read_text("utf-8"), "html.parser")


@cache
def anchors(page: Path) -> set[str]:
    return {element["id"] for element in soup(page).find_all(id=True)}


def broken_links(page: Path) -> Iterator[str]:
    """Links of a page to files or anchors of the site that do not exist."""
    for tag, attribute in (("a", "href"), ("img", "src"), ("link", "href"), ("script", "src")):
        for element in soup(page).find_all(tag, attrs={attribute: True}):
            link = urlsplit(element[attribute])
            if link.scheme or link.netloc:
                continue
            target = (page.parent / unquote(link.path)).resolve() if link.path else page
            if target.is_dir():
                target /= "index.html"
            if not target.is_file():
                yield f"{element[attribute]}: no such file"
            elif (
                link.fragment
                and not is_setting(target, link.fragment)
                and target.suffix == ".html"
                and unquote(link.fragment) not in anchors(target)
            ):
                yield f"{element[attribute]}: no such anchor"


def is_setting(target: Path, fragment: str) -> bool:
    """Whether the explorer would look for numbers in it, not for an anchor."""
    return target.name == "explorer.html" and "=" in fragment


def test_no_broken_link_or_anchor() -> None:
    broken = {str(page.relative_to(HTML)): list(broken_links(page)) for page in pages()}
    assert {page: links for page, links in broken.items() if links} == {}


def test_broken_links_are_found(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text('<a href="gone.html">1</a> <a href="#gone">2</a> <a href="#p">3</a><p id="p">')
    assert len(list(broken_links(page))) == 2


def test_every_page_of_the_toc_is_there() -> None:
    listed = re.findall(r"(?:file|root): (\S+)", (ROOT / "_toc.yml").read_text("utf-8"))
    assert len(listed) > 5
    assert [name for name in listed if not (HTML / f"{name}.html").is_file()] == []


def title(claim: dict) -> str:
    """What pages call a claim of the ledger or of the register."""
    return " ".join(filter(None, (claim.get("number"), claim["label"])))


def test_every_public_name_is_in_the_api() -> None:
    shown = anchors(HTML / "book" / "api.html")
    names = {f"grpo_lib.{name}" for name in grpo_lib.__all__}
    names |= {f"grpo_lib.ledger.{name}" for name in ("claim", "Claim", "Evidence", "EvidenceError")}
    modules = {f"grpo_lib.{name}" for name in ("ledger", "libraries", "rounding", "symbolic")}
    assert names - modules - shown == set()
    assert {f"module-{name}" for name in modules} - shown == set()
    assert "grpo_lib.no_such_name" not in shown


def test_every_figure_has_its_own_alt_text() -> None:
    figures = 0
    for page in pages():
        for image in soup(page).select("article img"):
            figures += 1
            assert len(image.get("alt", "")) > 20, f"{page.name}: {image}"
    assert figures >= 3


def stray_tex(page: Path) -> list[str]:
    """Text of a page that looks like TeX but that Markdown did not take for a formula."""
    article = BeautifulSoup(str(soup(page).find("article") or soup(page)), "html.parser")
    for element in article.select("pre, code, script, .math, .output, .cell_output"):
        element.decompose()
    return [text for text in article.stripped_strings if "$" in text or re.search(r"\\[a-z]", text)]


def test_every_formula_is_taken_for_one() -> None:
    stray = {page.name: stray_tex(page) for page in pages()}
    assert {name: texts for name, texts in stray.items() if texts} == {}


def test_stray_tex_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text(r"<p>$h(p) = a</p><ul><li>\sigma(b)$</li></ul><code>$ x</code>")
    assert len(stray_tex(page)) == 2


def test_pages_are_whole() -> None:
    for page in pages():
        text = page.read_text("utf-8")
        assert "generated:" not in text, page
        assert str(ROOT) not in text and "/home/" not in text and "/root/" not in text, page
        assert "Traceback" not in text or page.stem == "api", page  # examples of errors
        assert not re.search(r"\w*Warning: ", text), page


def test_scorecard_shows_every_claim() -> None:
    claims = read_yaml(ROOT / "claims.yml")["claims"]
    text = soup(HTML / "book" / "scorecard.html").find("article").get_text()
    assert [claim["label"] for claim in claims if claim["label"] not in text] == []


def boxes(page: Path) -> list[tuple[str, int]]:
    """Kind and number of the numbered boxes of a page."""
    titles = (title.get_text() for title in soup(page).select("div.proof > p.admonition-title"))
    found = (re.match(r"(\w+)\s+(\d+)\b", title) for title in titles)
    return [(match[1], int(match[2])) for match in found if match]


def test_each_numbered_item_of_the_paper_has_one_box() -> None:
    found = sorted(box for page in pages() for box in boxes(page))
    assert found == sorted((kind, n) for kind, numbers in NUMBERED.items() for n in numbers)


def test_boxes_are_found(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    numbered = '<div class="proof lemma"><p class="admonition-title">Lemma 2 (Name)</p></div>'
    page.write_text(numbered + numbered.replace("2", "").replace("Name", "Theorem 2, sharp"))
    assert boxes(page) == [("Lemma", 2)]


def test_the_map_shows_every_claim_once() -> None:
    article = soup(HTML / "book" / "map.html").find("article")
    first_cells = [row.td.get_text(strip=True) for row in article.find_all("tr") if row.td]
    titles = [title(claim) for claim in read_yaml(ROOT / "claims.yml")["claims"]]
    assert sorted(first_cells) == sorted(titles)


def test_the_map_links_each_boxed_claim_to_its_box() -> None:
    article = soup(HTML / "book" / "map.html").find("article")
    links = {link.get_text(strip=True): link["href"] for link in article.select("td a")}
    boxed = [c for c in json.loads((HTML / "ledger.json").read_text("utf-8"))["claims"] if c["box"]]
    assert len(boxed) > 50
    boxes = {
        title(claim): f"../notebooks/{claim['notebook']}.html#{claim['id']}" for claim in boxed
    }
    assert boxes.items() <= links.items()


def test_every_chapter_links_to_its_neighbours_and_the_graph_to_every_chapter() -> None:
    for page in sorted(HTML.glob("notebooks/*.html")):
        (links,) = soup(page).select("div.chapter-links")
        assert links.find_all("a"), page.name
    graph = soup(HTML / "book" / "map.html").select("div.dependency-graph a")
    chapters = {urlsplit(link["href"]).path.removeprefix("../") for link in graph}
    registered = read_yaml(ROOT / "claims.yml")["claims"]
    again = {f"notebooks/{claim['second']}.html" for claim in registered if "second" in claim}
    shown = {f"notebooks/{page.name}" for page in HTML.glob("notebooks/*.html")}
    assert chapters == shown - again


@pytest.mark.parametrize(
    ("table", "make"),
    [(SEEDS, "make sweep"), (ROUNDING, "make rounding")],
    ids=["seeds", "rounding"],
)
def test_a_table_of_worst_cases_is_that_of_these_notebooks(table: list[Worst], make: str) -> None:
    tabled = [(row.claim, row.kind, row.name) for row in table]
    ledger = json.loads((HTML / "ledger.json").read_text("utf-8"))
    shown = [
        (claim["id"], entry["kind"], entry["name"])
        for claim in ledger["claims"]
        for entry in claim["evidence"]
        if entry["kind"] in COMPARED
    ]
    assert sorted(tabled) == sorted(shown), f"{make} writes the table anew"
    assert [row for row in table if row.share > 1] == []


def test_each_seed_is_the_worst_for_some_entry() -> None:
    settings = {row.setting for row in SEEDS}
    assert len(settings) > 6
    assert settings == {None, *(f"seed {seed}" for seed in range(len(settings) - 1))}


def test_each_way_of_rounding_is_the_worst_for_some_entry() -> None:
    names = [setting.name for group in settings(seeds=3) for setting in group.settings]
    assert {row.setting for row in ROUNDING} == {None, *names}


def test_the_scorecard_counts_the_mutants_of_every_module() -> None:
    table = read_mutants(ROOT / "book" / "mutants.csv")
    modules = {path.stem for path in (ROOT / "grpo_lib").glob("*.py")}
    assert {row["module"] for row in table} == modules
    assert [row["module"] for row in table if row["open"] != "0"] == []
    (section,) = soup(HTML / "book" / "scorecard.html").select("section#what-the-tests-notice")
    *rows, total = section.select("tbody tr")
    assert len(rows) == len(table)
    assert total.select("td")[-1].text.strip() == "0"


def test_ledger_is_published() -> None:
    ledger = json.loads((HTML / "ledger.json").read_text("utf-8"))
    registered = read_yaml(ROOT / "claims.yml")["claims"]
    assert [row["id"] for row in ledger["claims"]] == [claim["id"] for claim in registered]
    for row, claim in zip(ledger["claims"], registered, strict=True):
        assert row["status"] == "passed"
        assert row["verdict"] == claim["verdict"]
    assert (HTML / "ledger.schema.json").is_file()


def test_the_figure_of_the_readme_is_that_of_the_book() -> None:
    number = re.compile(r"-?\d+\.\d+")  # the last digits depend on the processor
    kept = (ROOT / "book" / "_static" / "readme.svg").read_text("utf-8")
    drawn = readme_figure(ROOT / "_build" / "executed" / "theorem-2.ipynb")
    assert number.sub("", kept) == number.sub("", drawn), "make screenshots exports it anew"
    np.testing.assert_allclose(
        [float(x) for x in number.findall(kept)],
        [float(x) for x in number.findall(drawn)],
        atol=0.01,
    )
