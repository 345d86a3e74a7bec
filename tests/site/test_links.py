"""Claim, box, evidence, cell, scorecard and erratum lead to one another."""

import json
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from bs4 import Tag

from tests.conftest import HTML
from tests.site.test_site import soup


@pytest.fixture(scope="module")
def claims() -> list[dict]:
    return json.loads((HTML / "ledger.json").read_text("utf-8"))["claims"]


@cache
def places(name: str) -> dict[str, Tag]:
    """The elements of a page by their ids."""
    return {tag["id"]: tag for tag in soup(HTML / f"{name}.html").find_all(id=True)}


def targets(part: Tag, folder: str = "book") -> set[str]:
    """Where the links of a part of a page lead, from the root of the site."""
    found = set()
    for link in part.find_all("a", href=True):
        path, anchor = urlsplit(link["href"]).path, urlsplit(link["href"]).fragment
        whole = (HTML / folder / path).resolve().relative_to(HTML).as_posix() if path else ""
        found.add(f"{whole}#{anchor}")
    return found


def test_a_row_of_the_scorecard_leads_to_the_evidence_and_its_table_back(
    claims: list[dict],
) -> None:
    for claim in claims:
        row = places("book/scorecard")[f"card-{claim['id']}"].find_parent("tr")
        anchor = f"notebooks/{claim['notebook']}.html#evidence-{claim['id']}"
        assert anchor in targets(row), claim["id"]
        table = places(f"notebooks/{claim['notebook']}")[f"evidence-{claim['id']}"]
        back = targets(table.caption, "notebooks")
        assert f"book/scorecard.html#card-{claim['id']}" in back
        if claim["box"]:
            assert f"#{claim['id']}" in back


def test_an_entry_leads_to_its_cell_and_the_cell_back(claims: list[dict]) -> None:
    chapters = {claim["notebook"] for claim in claims}
    cells = 0
    for name in chapters:
        chapter = places(f"notebooks/{name}")
        for table in (tag for id, tag in chapter.items() if id.startswith("evidence-")):
            for link in table.select("td a[href^='#cell-']"):
                (back,) = targets(chapter[link["href"][1:]])
                assert chapter[back[1:]].name == "table"
                cells += 1
    assert cells > 1000


def test_a_corrected_verdict_leads_to_its_errata_and_an_erratum_to_what_shows_it(
    claims: list[dict],
) -> None:
    corrected = 0
    for claim in claims:
        if not claim["id"].startswith("erratum-"):
            continue
        section = places("book/errata")[claim["id"]].find_parent("section")
        assert f"notebooks/{claim['notebook']}.html#evidence-{claim['id']}" in targets(section)
        for user in claims:
            if user["id"] in claim["uses"] and user["verdict"] == "holds corrected":
                row = places("book/scorecard")[f"card-{user['id']}"].find_parent("tr")
                assert f"book/errata.html#{claim['id']}" in targets(row), user["id"]
                corrected += 1
    assert corrected > 5


def test_the_errata_are_in_a_table_on_top_and_what_was_rejected_is_folded(
    claims: list[dict],
) -> None:
    article = soup(HTML / "book" / "errata.html").find("article")
    table = article.find("table")
    assert article.find(["table", "h2"]) is table
    rows = [row for row in table.find_all("tr") if row.td]
    own = [claim for claim in claims if claim["id"].startswith("erratum-")]
    assert [row.td.get_text(strip=True) for row in rows] == [claim["label"] for claim in own]
    assert [row.find_all("td")[1].get_text(strip=True) for row in rows] == [
        claim["nature"] for claim in own
    ]
    folded = {item.get_text() for item in article.select("details.more li")}
    rejected = [e for claim in own for e in claim["evidence"] if e["kind"] == "rejected"]
    assert len(article.select("details.more:not([open])")) == len(own)
    assert len(folded) == len({(e["name"], e["value"]) for e in rejected})


def test_no_list_above_a_chapter_has_more_than_five_links_open() -> None:
    longest = 0
    for path in sorted(Path(HTML, "notebooks").glob("*.html")):
        for part in soup(path).select("div.chapter-links > p"):
            name = part.get_text().partition(":")[0]
            if name in ("Used by", "Builds on", "Derived again here"):
                assert len(part.find_all("a")) <= 5, (path.name, name)
        longest = max(
            longest, *(len(d.find_all("a")) for d in soup(path).select("details.more")), 0
        )
    assert longest > 5
