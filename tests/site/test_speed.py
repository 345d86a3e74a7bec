"""How long the book takes to build from notebooks that are executed already."""

import shutil
from pathlib import Path

import pytest

from tests.conftest import ROOT, run, slowness

LIMITS = {"cold": 60, "warm": 10}
"""Seconds of processor time."""


@pytest.fixture(scope="module")
def copy(site: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project with its book, apart from the one that other tests read."""
    copy = tmp_path_factory.mktemp("speed") / "project"
    return shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".*", "__pycache__"))


def test_the_site_is_built_in_time(copy: Path) -> None:
    (copy / "_build" / "html.stamp").unlink()
    slow = slowness()
    taken = {state: run("-m", "reproduce", root=copy).seconds for state in LIMITS}
    slow = max(slow, slowness())
    print(f"{taken} s on a machine {slow:.2f} times slower than the limits are meant for")
    assert {state: taken[state] < LIMITS[state] * slow for state in LIMITS} == {
        state: True for state in LIMITS
    }
    assert taken["warm"] < taken["cold"] / 2  # the second run has nothing to build
