"""How long the book takes to build from notebooks that are executed already."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.site.conftest import slowness

ROOT = Path(__file__).parents[2]
STAMP = ROOT / "_build" / "html.stamp"


def seconds() -> float:
    """How long one run of what ``make book`` runs takes."""
    before = time.monotonic()
    subprocess.run([sys.executable, "-m", "reproduce"], cwd=ROOT, check=True, env=os.environ)
    return time.monotonic() - before


@pytest.mark.parametrize(("state", "limit"), [("cold", 60), ("warm", 10)])
def test_the_site_is_built_in_time(state: str, limit: float) -> None:
    if state == "cold":
        STAMP.unlink(missing_ok=True)
    slow = slowness()
    taken = seconds()
    slow = max(slow, slowness())
    print(
        f"{state}: {taken:.1f} s on a machine {slow:.2f} times slower than the limit is meant for"
    )
    assert taken < limit * slow
