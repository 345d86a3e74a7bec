"""The book, built from a clean state with every warning an error, read as a browser would."""

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from bs4 import BeautifulSoup

import grpo_lib
from reproduce.__main__ import main
from reproduce.project import read_yaml

ROOT = Path(__file__).parents[2]
HTML = ROOT / "_build" / "html"


@pytest.fixture(scope="module", autouse=True)
def site() -> None:
    """Run what ``make book`` runs; warnings of the build are errors there."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        assert main([]) == 0


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
                and target.suffix == ".html"
                and unquote(link.fragment) not in anchors(target)
            ):
                yield f"{element[attribute]}: no such anchor"


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


def test_every_public_name_is_in_the_api() -> None:
    shown = anchors(HTML / "book" / "api.html")
    names = {f"grpo_lib.{name}" for name in grpo_lib.__all__}
    names |= {f"grpo_lib.ledger.{name}" for name in ("claim", "Claim", "Evidence", "EvidenceError")}
    modules = {"grpo_lib.ledger", "grpo_lib.symbolic"}
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
        assert "Traceback" not in text, page


def test_scorecard_shows_every_claim() -> None:
    claims = read_yaml(ROOT / "claims.yml")["claims"]
    text = soup(HTML / "book" / "scorecard.html").find("article").get_text()
    assert [claim["label"] for claim in claims if claim["label"] not in text] == []


def test_ledger_is_published() -> None:
    ledger = json.loads((HTML / "ledger.json").read_text("utf-8"))
    registered = read_yaml(ROOT / "claims.yml")["claims"]
    assert [row["id"] for row in ledger["claims"]] == [claim["id"] for claim in registered]
    for row, claim in zip(ledger["claims"], registered, strict=True):
        assert row["status"] == ("passed" if "notebook" in claim else "open")
    assert (HTML / "ledger.schema.json").is_file()
