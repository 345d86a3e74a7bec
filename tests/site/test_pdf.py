"""The whole book as one PDF."""

import subprocess
import sys
from unicodedata import normalize

import pytest
from pypdf import PageObject, PdfReader
from pypdf.generic import DictionaryObject

from reproduce.pdf import NAME
from reproduce.project import Project, read_yaml
from tests.conftest import ROOT


def fonts(page: PageObject) -> set[str]:
    """Names of the fonts that a page uses; those of MathJax are drawn, and described apart."""
    used = [font.get_object() for font in page["/Resources"]["/Font"].values()]
    described = [font.get("/FontDescriptor", DictionaryObject()).get_object() for font in used]
    return {str(font.get("/FontName", "")) for font in described}


def content(page: PageObject, foot: str) -> str:
    """Text of a page without its foot, which comes first: a number, the chapter, the commit."""
    text = normalize("NFKC", " ".join(page.extract_text().split()))  # a font may have ligatures
    foot = normalize("NFKC", foot)
    assert text.startswith(foot)
    return text.removeprefix(foot).strip()


@pytest.mark.usefixtures("browser")  # skipped without one, but never in CI
def test_the_book_is_one_document() -> None:
    project = Project(ROOT)
    # A process of its own, as here Playwright runs already.
    subprocess.run([sys.executable, "-m", "reproduce.pdf"], cwd=ROOT, check=True, timeout=1800)
    pdf = PdfReader(project.build / NAME)
    toc = read_yaml(project.toc)
    home, *parts = [entry for entry in pdf.outline if not isinstance(entry, list)]
    assert [part.title for part in parts] == [part["caption"] for part in toc["parts"]]

    below = [entry for entry in pdf.outline if isinstance(entry, list)][-len(parts) :]
    chapters = [[entry for entry in part if not isinstance(entry, list)] for part in below]
    assert [len(part) for part in chapters] == [len(part["chapters"]) for part in toc["parts"]]
    listed = [home, *(chapter for part in chapters for chapter in part)]
    starts = [pdf.get_destination_page_number(chapter) for chapter in listed]
    assert starts[0] == 0 and starts == sorted(set(starts)), "each begins on a page of its own"

    for chapter, start, end in zip(listed, starts, [*starts[1:], len(pdf.pages)], strict=True):
        for number in range(start, end):
            foot = f"{number + 1}{chapter.title} · {pdf.metadata.subject}"
            assert content(pdf.pages[number], foot), f"page {number + 1} is blank"
    (theorem,) = [start for e, start in zip(listed, starts, strict=True) if "Theorem 2" in e.title]
    assert any("MathJax_" in font for font in fonts(pdf.pages[theorem])), "formulas are set"

    links = [link.get_object() for page in pdf.pages for link in page.get("/Annots", [])]
    assert not any("127.0.0.1" in str(link) for link in links)
    assert sum("/Dest" in link for link in links) > len(listed)
