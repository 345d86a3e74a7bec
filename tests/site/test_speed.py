"""How long the book takes, in processor seconds, whatever the machine and its load."""

import json
import shutil
from pathlib import Path

import pytest

from tests.conftest import ROOT, Usage, run


def test_the_book_is_made_in_two_and_a_half_minutes_on_two_cores(build: Usage) -> None:
    """From nothing, and no process needs 1 GB."""
    assert build.seconds <= 2 * 150
    assert build.memory < 1e9


@pytest.fixture
def copy(build: Usage, tmp_path: Path) -> Path:
    """The project with its book, apart from the one that other tests read."""
    ignore = shutil.ignore_patterns(".*", "__pycache__")
    return shutil.copytree(ROOT, tmp_path / "project", ignore=ignore)


def test_the_longest_notebook_takes_20_seconds_at_most(copy: Path) -> None:
    claims = json.loads((copy / "_build" / "ledger.json").read_text("utf-8"))["claims"]
    longest = max(claims, key=lambda claim: claim["seconds"] or 0)["notebook"]
    usage = run("-m", "reproduce", "--fresh", "--only", longest, root=copy)
    assert usage.status == 0
    assert usage.seconds <= 20


def test_the_site_is_built_in_a_second_and_a_half_a_page_and_then_not_again(copy: Path) -> None:
    (copy / "_build" / "html.stamp").unlink()
    cold, warm = (run("-m", "reproduce", root=copy) for _ in range(2))
    assert (cold.status, warm.status) == (0, 0)
    pages = len(list((copy / "_build" / "html").glob("*/*.html")))
    assert cold.seconds <= 1.5 * pages
    assert warm.seconds <= min(10, cold.seconds / 2)
