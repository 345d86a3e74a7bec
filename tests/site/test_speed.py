"""How long the book takes to build from notebooks that are executed already."""

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from tests.site.conftest import slowness

ROOT = Path(__file__).parents[2]
STAMP = ROOT / "_build" / "html.stamp"


def seconds() -> float:
    """Processor time of one run of what ``make book`` runs, its builder of the site included.

    Nearly all of it is spent on one core, one step after the other, so this is what a reader waits
    on a machine with nothing else to do; and other work on the machine does not change it.
    """
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-m", "reproduce"], cwd=ROOT, check=True, env=os.environ)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


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
