"""Settings for all tests, the order they run in, and the book that many of them read."""

import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest
from hypothesis import settings

ROOT = Path(__file__).parents[1]
HTML = ROOT / "_build" / "html"

SLOW = {"build", "built", "built_once", "broken"}
"""Fixtures that run notebooks and build a site. What uses one is marked slow."""

# Derandomized: the same examples in every run, so a failure means that the code has changed.
settings.register_profile("reproducible", derandomize=True, deadline=None, database=None)
settings.load_profile("reproducible")


@pytest.hookimpl(tryfirst=True)  # before the marks are looked at
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is slow, and put it first, so that no worker is left with it at the end.

    The very first test builds the book. The others that read it come last, those in a browser
    first of them: meanwhile the other workers are busy with the rest.
    """
    for item in items:
        if not SLOW.isdisjoint(item.fixturenames):
            item.add_marker("slow")
    readers = [item for item in items if "build" in item.fixturenames]
    rest = [item for item in items if "build" not in item.fixturenames]
    rest.sort(key=lambda item: item.get_closest_marker("slow") is None)
    readers.sort(key=lambda item: "open_tab" not in item.fixturenames)
    items[:] = readers[-1:] + rest + readers[:-1]


@dataclass(frozen=True)
class Usage:
    """What a command took, with all that it started.

    Attributes:
        status: its exit status.
        seconds: processor time, in seconds of the machine that limits are meant for.
        memory: the most that one process had, in bytes.
    """

    status: int
    seconds: float
    memory: int


def run(*arguments: str, root: Path = ROOT) -> Usage:
    """Run Python with these arguments in a checkout of the project.

    The same work takes more processor time on a slower machine, and on a busy one too: two threads
    may share one core. So a yardstick is timed again and again meanwhile.
    """
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(_run, *arguments, root=root)
        yardsticks = []
        while not (yardsticks and future.done()):
            yardsticks.append(_run("-c", YARDSTICK, root=ROOT).seconds)
            wait([future], timeout=10)
    slowness = max(1.0, fmean(yardsticks) / YARDSTICK_SECONDS)
    return replace(future.result(), seconds=future.result().seconds / slowness)


YARDSTICK = "import sympy, scipy.optimize, matplotlib.pyplot"
YARDSTICK_SECONDS = 1.2
"""What it takes on the machine that limits of time are meant for; a faster one counts as equal.

That is a server with two cores when nothing else runs on its host; there the book takes 166 s of
processor time, 140 times as much. On other days such servers took up to twice as long for both.
"""


def _run(*arguments: str, root: Path) -> Usage:
    process = subprocess.Popen([sys.executable, *arguments], cwd=root)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)  # or Popen would wait for it again
    unit = 1 if sys.platform == "darwin" else 1024
    return Usage(process.returncode, used.ru_utime + used.ru_stime, used.ru_maxrss * unit)


@pytest.fixture(scope="session")
def build(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Usage:
    """Run what ``make book`` runs, cold, once for all workers; its warnings are errors there."""
    from filelock import FileLock  # `make versions` tests grpo_lib without it

    shared = tmp_path_factory.getbasetemp()
    if worker_id != "master":  # each worker has a folder of its own in there
        shared = shared.parent
    record = shared / "build.pickle"
    with FileLock(shared / "build.lock"):
        if not record.exists():
            record.write_bytes(pickle.dumps(run("-m", "reproduce", "--fresh")))
    usage = pickle.loads(record.read_bytes())
    assert usage.status == 0
    return usage


@pytest.fixture(scope="session")
def call() -> Callable[..., Any]:
    """Call a JavaScript function of one argument; without Node skipped, but never in CI."""
    from tests import node  # `make versions` tests grpo_lib without Playwright, too

    if not node.NODE.exists() and not os.environ.get("CI"):
        pytest.skip(f"no Node found: Playwright has none at {node.NODE}")
    return node.call
