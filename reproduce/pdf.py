"""The whole book as one PDF: ``python -m reproduce.pdf``.

Chromium prints each page by itself, and pypdf joins the prints. Each print begins at the number
that the one before left off at, and knows where its own anchors lie, so that a link to another page
of the book can be led to its place in the PDF.
"""

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast
from urllib.parse import unquote, urlsplit

from playwright.sync_api import Page
from pypdf import PdfReader, PdfWriter
from pypdf.generic import (
    ArrayObject,
    DictionaryObject,
    Fit,
    FloatObject,
    NameObject,
    NullObject,
    TextStringObject,
)

from reproduce.alone import alone
from reproduce.command import reporting, run
from reproduce.project import Project, ReproduceError, read_yaml
from reproduce.screenshots import launch, load, serve

NAME = "grpo-companion.pdf"

PATIENCE = 300_000
"""Milliseconds that a page may take to load; a busy machine is slow, not wrong."""

# What Chromium's print knows of an anchor is where the links of the same page lead to. So each
# anchor gets one, which is not shown. A formula in a heading is told by what screen readers get.
PREPARE = """([style, before]) => {
    const article = document.querySelector("article") ?? document.body;
    const heading = article.querySelector("h1");
    const text = (heading) => {
        const copy = heading.cloneNode(true);
        copy.querySelectorAll("a.headerlink").forEach((link) => link.remove());
        for (const math of copy.querySelectorAll("mjx-container"))
            math.replaceWith(math.querySelector("mjx-assistive-mml")?.textContent ?? "");
        return copy.textContent.replace(/\\s+/g, " ").trim();
    };
    const headings = [...article.querySelectorAll("h1, h2")].map((heading) => ({
        text: text(heading),
        top: heading.tagName === "H1",
        anchor: heading.closest("[id]")?.id ?? "",
    }));
    const links = document.createElement("div");
    links.style.display = "none";
    for (const { id } of article.querySelectorAll("[id]:not(mjx-container *, svg *)")) {
        const link = document.createElement("a");
        link.href = "#" + encodeURIComponent(id);
        links.append(link);
    }
    article.append(links);
    const told = document.querySelector(".built-from")?.textContent.trim();
    const foot = [headings[0]?.text, told].filter(Boolean).join(" \\u00b7 ");
    const sheet = document.createElement("style");
    sheet.textContent = style
        .replace("FOOT", () => JSON.stringify(foot).replaceAll("<", "\\\\3c "))
        .replace("BEFORE", before);
    document.head.append(sheet);
    return { headings, told };
}"""

STYLE = """
@page {
    size: A4;
    margin: 16mm 16mm 20mm;
    @bottom-left { content: FOOT; font: 8pt sans-serif; color: #555; width: 85%; text-align: left }
    @bottom-right { content: counter(page); font: 8pt sans-serif; color: #555 }
}
html { counter-reset: page BEFORE }
"""
"""FOOT is the title of the chapter and what it is built from, BEFORE the pages before it."""


@dataclass(frozen=True)
class Heading:
    """A heading of the first or second level.

    Attributes:
        text: as it reads.
        top: whether it is the title of its page.
        anchor: of its section.
    """

    text: str
    top: bool
    anchor: str


@dataclass(frozen=True)
class Spot:
    """A place in the whole PDF.

    Attributes:
        page: its number, from 0.
        top: height in points above the lower edge, None for the top of the page.
    """

    page: int
    top: float | None = None

    def fit(self) -> Fit:
        """What a viewer shows of the page."""
        return Fit.xyz(top=self.top)


Spots = dict[tuple[str, str], Spot]
"""Where an anchor of a page of the site lies; with the anchor "" the page itself."""


@reporting
def main() -> int:
    """Print the book that was built last in the project's root.

    Returns:
        The exit status: 0, or 1 with a message if there is no book or no browser.
    """
    project = Project(Path.cwd())
    with alone(project.build):
        print(print_book(project))
    return 0


def print_book(project: Project) -> Path:
    """Write the built book as one PDF.

    Args:
        project: the project, with its book built.

    Returns:
        The path of the PDF.

    Raises:
        ReproduceError: there is no book, or no Chromium.
    """
    parts = list(_parts(read_yaml(project.toc)))
    for path in (path for _, paths in parts for path in paths):
        if not (project.html / path).is_file():
            raise ReproduceError(f"there is no {project.html / path}: run 'make book' first")
    title = read_yaml(project.config)["title"]
    with serve(project.html) as address, launch() as browser:
        book = _Book(address, home=parts[0][1][0])
        for caption, paths in parts:
            print(f"Printing {caption or title} ...")
            book.begin(caption)
            for path in paths:
                # A tab of its own: what one that stays has loaded is not given back.
                with browser.new_page(base_url=address) as page:
                    page.set_default_timeout(PATIENCE)
                    book.add(page, path)
        pdf = book.finish(title, _authors(project))
    target = project.build / NAME
    draft = target.with_suffix(".draft")
    draft.write_bytes(pdf)
    draft.replace(target)
    return target


def _parts(toc: Mapping[str, Any]) -> Iterator[tuple[str | None, list[str]]]:
    """The parts of a table of contents: caption and pages of each, as paths in the site."""
    yield None, [f"{toc['root']}.html"]
    for part in toc.get("parts") or [toc]:
        yield part.get("caption"), [f"{entry['file']}.html" for entry in part.get("chapters", [])]


def _authors(project: Project) -> str:
    citation = project.root / "CITATION.cff"
    if not citation.is_file():
        return str(read_yaml(project.config)["author"])
    return ", ".join(author["name"] for author in read_yaml(citation)["authors"])


class _Book:
    """The PDF, as it grows page by page of the site."""

    def __init__(self, address: str, home: str) -> None:
        """Begin with no page.

        Args:
            address: where the site is served.
            home: the page that the site's address leads to.
        """
        self.address = address
        self.home = home
        self.writer = PdfWriter()
        self.spots: Spots = {}
        self.sources: list[str] = []  # of each page of the PDF, the page of the site
        self.told: str | None = None
        self.caption: str | None = None
        self.part: Any = None  # the entry of the outline for the caption, once it has a page

    def begin(self, caption: str | None) -> None:
        """Begin a part, at the next page; without a caption its pages stand by themselves."""
        self.caption, self.part = caption, None

    def add(self, page: Page, path: str) -> None:
        """Print a page of the site."""
        start = len(self.writer.pages)
        load(page, f"/{path}")
        found = page.evaluate(PREPARE, [STYLE, str(start)])
        headings = [Heading(**heading) for heading in found["headings"]]
        self.told = found["told"] or self.told
        reader = PdfReader(io.BytesIO(page.pdf(prefer_css_page_size=True, print_background=True)))
        self.spots[path, ""] = Spot(start)
        for name, place in reader.named_destinations.items():
            number = reader.get_destination_page_number(place)
            if number is not None:
                spot = Spot(start + number, float(place.top) if place.top else None)
                self.spots[path, unquote(name.removeprefix("/"))] = spot
        for printed in reader.pages:
            self.writer.add_page(printed)
            self.sources.append(path)
        self._outline(path, headings)

    def _outline(self, path: str, headings: list[Heading]) -> None:
        start = self.spots[path, ""]
        if self.caption and self.part is None:
            self.part = self._entry(self.caption, start)
        own = None
        for heading in headings:
            spot = start if heading.top else self.spots.get((path, heading.anchor), start)
            parent = self.part if heading.top else own
            item = self._entry(heading.text, spot, parent)
            own = item if heading.top else own

    def _entry(self, title: str, spot: Spot, parent: Any = None) -> Any:
        return self.writer.add_outline_item(
            title=title, page_number=spot.page, parent=parent, fit=spot.fit(), is_open=False
        )

    def finish(self, title: str, authors: str) -> bytes:
        """Lead all links to where they belong, and give the bytes of the PDF."""
        for page, path in zip(self.writer.pages, self.sources, strict=True):
            links = [link.get_object() for link in page.get("/Annots", [])]
            kept = [link for link in links if self._lead(link, path)]
            page[NameObject("/Annots")] = ArrayObject(kept)
        about = {"/Title": title, "/Author": authors, "/Subject": self.told or ""}
        self.writer.metadata = {}
        self.writer.add_metadata(about)
        self.writer.page_mode = "/UseOutlines"
        self.writer.root_object[NameObject("/Lang")] = TextStringObject("en")
        self.writer.compress_identical_objects()
        written = io.BytesIO()
        self.writer.write(written)
        return written.getvalue()

    def _lead(self, link: DictionaryObject, path: str) -> bool:
        """Lead a link of a page to its place in the PDF; False if that is nowhere."""
        if "/Dest" in link:
            anchor = unquote(str(link["/Dest"]).removeprefix("/"))
        else:
            action = cast(DictionaryObject, link["/A"])
            url = str(action.get("/URI", ""))
            if not url.startswith(self.address):
                return True
            parts = urlsplit(url)
            path = unquote(parts.path).removeprefix("/")
            path = self.home if path in ("", "index.html") else path
            anchor = unquote(parts.fragment)
        spot = self.spots.get((path, anchor)) or self.spots.get((path, ""))
        if spot is None:
            return False
        link.pop("/A", None)
        top = NullObject() if spot.top is None else FloatObject(spot.top)
        reference = self.writer.pages[spot.page].indirect_reference
        link[NameObject("/Dest")] = ArrayObject(
            [reference or NullObject(), NameObject("/XYZ"), NullObject(), top, NullObject()]
        )
        return True


if __name__ == "__main__":
    run(main)
