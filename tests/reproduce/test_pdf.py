"""A tiny site as one PDF: links, outline, numbers, and nothing of the server that it came from."""

import contextlib
import os
from pathlib import Path

import pytest
from pypdf import PdfReader

from reproduce import screenshots
from reproduce.pdf import NAME, main, print_book
from reproduce.project import Project, ReproduceError

PAGE = """<!doctype html><html lang="en"><head><title>{title}</title></head><body><article>
<section id="{id}"><h1>{title}<a class="headerlink" href="#{id}">#</a></h1>
<section id="part"><h2>Part of {title}</h2>{text}</section></section></article>
<footer><p class="built-from">Built from commit 0123456789ab.</p></footer></body></html>"""

NEXT_PAGE = '<p style="break-before: page">{}</p>'

PAGES = {
    "book/index": ("Start", NEXT_PAGE.format("Second page.")),
    "book/links": (
        "Links",
        '<a href="more.html#deep">deep</a> <a href="#part">here</a> '
        '<a href="../index.html">home</a> <a href="https://example.org/x">outside</a> '
        '<a href="../ledger.json">file</a> '
        '<a href="more.html#nowhere">lost</a>',
    ),
    "book/more": ("More", NEXT_PAGE.format('<i>Far</i> <b id="deep">Deep.</b>')),
}

TOC = """format: jb-book
root: book/index
parts:
  - caption: "Part I: all"
    chapters:
      - file: book/links
      - file: book/more
"""


@pytest.fixture
def project(tree) -> Project:
    """A project with a built site of three pages, two of them in a part."""
    tree.write("_toc.yml", TOC)
    tree.write("CITATION.cff", "authors: [{name: The authors}]\n")
    for path, (title, text) in PAGES.items():
        html = PAGE.format(title=title, text=text, id=title.lower())
        tree.write(f"_build/html/{path}.html", html)
    return Project(tree.root)


@pytest.fixture
def pdf(project: Project) -> PdfReader:
    """The site as a PDF; skipped without a Chromium, but never in CI."""
    try:
        return PdfReader(print_book(project))
    except ReproduceError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))


def outline(pdf: PdfReader, entries: list, depth: int = 0) -> list[tuple[int, str, int]]:
    """Depth, title and page, from 1, of each entry."""
    found = []
    for entry in entries:
        if isinstance(entry, list):
            found += outline(pdf, entry, depth + 1)
        else:
            number = pdf.get_destination_page_number(entry)
            found.append((depth, entry.title, number + 1))
    return found


def test_a_site_becomes_one_document(pdf: PdfReader) -> None:
    assert outline(pdf, pdf.outline) == [
        (0, "Start", 1),
        (1, "Part of Start", 1),
        (0, "Part I: all", 3),
        (1, "Links", 3),
        (2, "Part of Links", 3),
        (1, "More", 4),
        (2, "Part of More", 4),
    ]
    told = "Built from commit 0123456789ab."
    about = pdf.metadata
    assert (about.title, about.author, about.subject) == ("Tiny", "The authors", told)
    texts = [page.extract_text() for page in pdf.pages]
    titles = ["Start", "Start", "Links", "More", "More"]
    for number, (title, text) in enumerate(zip(titles, texts, strict=True), 1):
        assert text.startswith(f"{number}{title} · {told}\n")

    links = [link.get_object() for link in pdf.pages[2]["/Annots"]]
    inside = [link["/Dest"] for link in links if "/Dest" in link]
    # The last one's anchor is not there, so it leads to the page that should have it.
    shown = [pdf.get_page_number(place[0].get_object()) + 1 for place in inside]
    assert [number for number in shown if number != 3] == [5, 1, 4]
    assert inside[0][3] > 0, "not the page alone, but the height on it"
    assert [link["/A"]["/URI"] for link in links if "/A" in link] == ["https://example.org/x"]
    everything = [link for page in pdf.pages for link in page.get("/Annots", [])]
    assert not any("127.0.0.1" in str(link.get_object()) for link in everything)


def test_the_same_site_gives_the_same_text_and_links(project: Project, pdf: PdfReader) -> None:
    again = PdfReader(print_book(project))
    assert [page.extract_text() for page in again.pages] == [p.extract_text() for p in pdf.pages]
    assert outline(again, again.outline) == outline(pdf, pdf.outline)


def test_without_a_book_nothing_is_printed(tree, capsys: pytest.CaptureFixture[str]) -> None:
    with contextlib.chdir(tree.root):
        assert main() == 1
    assert "run 'make book' first" in capsys.readouterr().err
    assert not (tree.root / "_build" / NAME).exists()


def test_without_a_chromium_it_says_what_to_install(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(screenshots.shutil, "which", lambda _: None)
    with contextlib.chdir(project.root):
        assert main() == 1
    assert capsys.readouterr().err.startswith("error: no Chromium found: install one")
    assert not Path(project.build, NAME).exists()
