"""What the pages show is what the run found."""

import json
import re
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

import grpo_lib
from reproduce.project import read_yaml
from tests.conftest import HTML, ROOT

TOUR = (
    "fig-one-prompt",
    "fig-weights",
    "fig-trajectories",
    "fig-amplification",
    "fig-trap",
    "fig-mirror",
    "fig-two-kl-cycle",
    "fig-phase-diagram",
    "fig-bifurcation",
    "fig-circle",
    "fig-group-scale",
    "fig-clip",
    "fig-estimators",
)
"""Figures of the landing page, in its order."""


def article(name: str) -> BeautifulSoup:
    text = (HTML / f"{name}.html").read_text("utf-8")
    return BeautifulSoup(text, "html.parser").find("article")


@pytest.fixture(scope="module")
def ledger() -> dict:
    return json.loads((HTML / "ledger.json").read_text("utf-8"))


def faulty_figures(page: BeautifulSoup, folder: Path) -> list[str]:
    """Names of the tour whose picture, words or origin on a page are not those of the chapter."""
    faults = []
    for name in TOUR:
        link = page.select_one(f'figure a[href$="#{name}"]')
        chapter = folder / link["href"].partition("#")[0]
        original = BeautifulSoup(chapter.read_text("utf-8"), "html.parser").find(id=name).img
        shown = link.find_parent("figure").img
        here, there = (folder / shown["src"], chapter.parent / original["src"])
        same = here.read_text("utf-8").strip() == there.read_text("utf-8").strip()
        if not same or shown["alt"] != original["alt"]:
            faults.append(name)
    return faults


def test_the_tour_shows_the_figures_of_the_chapters() -> None:
    page = article("book/index")
    assert len(page.select("div.cell_output figure")) == len(TOUR)
    assert faulty_figures(page, HTML / "book") == []


def test_a_figure_of_another_chapter_is_seen() -> None:
    page = article("book/index")
    first, second, *_ = page.select("figure img")
    first["src"] = second["src"]
    assert faulty_figures(page, HTML / "book") == [TOUR[0]]


def test_the_landing_page_counts_what_the_ledger_holds(ledger: dict) -> None:
    text = " ".join(article("book/index").get_text().split())
    errata = [claim for claim in ledger["claims"] if "nature" in claim]
    own = [claim for claim in ledger["claims"] if claim["verdict"] == "ours"]
    entries = sum(len(claim["evidence"]) for claim in ledger["claims"])
    assert f"{len(ledger['claims']) - len(errata) - len(own)} results and figures:" in text
    chapters = {claim["notebook"] for claim in own}
    shown = f"{len(own)} shown, in {len(chapters)} chapters"
    assert f"{len(own)} results of our own: {shown}" in text
    assert f"{len(errata)} errata:" in text
    assert f"{entries} pieces of evidence:" in text


def test_the_landing_page_leads_everywhere() -> None:
    links = {a["href"].partition("#")[0] for a in article("book/index").find_all("a", href=True)}
    pages = {"setting", "explorer", "how-to-reproduce", "scorecard", "errata", "quickstart", "map"}
    assert {f"{name}.html" for name in pages} - links == set()


def test_the_badge_is_that_of_the_ledger(ledger: dict) -> None:
    badge = json.loads((HTML / "badge.json").read_text("utf-8"))
    assert set(badge) == {"schemaVersion", "label", "message", "color"}
    assert badge["schemaVersion"] == 1
    passed = sum(claim["status"] == "passed" for claim in ledger["claims"])
    assert badge["message"].startswith(f"{passed} of {len(ledger['claims'])} ")


def test_every_example_of_the_reference_is_shown() -> None:
    entries = article("book/api").select("dl.py > dt.sig[id]")
    shown = {entry["id"]: ">>>" in entry.find_next_sibling("dd").get_text() for entry in entries}
    callables = [name for name in grpo_lib.__all__ if callable(getattr(grpo_lib, name))]
    assert [name for name in callables if not shown[f"grpo_lib.{name}"]] == []
    assert len(shown) > 2 * len(callables)


def test_the_glossary_explains_the_words_of_the_names() -> None:
    terms = {term["id"] for term in article("book/glossary").select("dt[id^=term-]")}
    assert len(terms) > 25
    for word in ("advantage", "clipping", "smoothing", "reference", "log-odds", "fixed-point"):
        assert f"term-{word}" in terms
    assert "term-no-such-word" not in terms


def test_every_work_in_the_bibliography_is_shown() -> None:
    keys = re.findall(r"^@\w+\{(\w+),", (ROOT / "book/references.bib").read_text("utf-8"), re.M)
    shown = article("book/references").select("div.citation[id]")
    assert len(keys) == len(shown) > 5


def test_the_citation_page_shows_both_entries() -> None:
    citation = read_yaml(ROOT / "CITATION.cff")
    shown = [block.get_text() for block in article("book/cite").select("div.highlight-bibtex")]
    assert len(shown) == 2
    assert citation["version"] in shown[1]
