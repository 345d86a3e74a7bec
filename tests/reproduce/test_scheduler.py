"""A Dask cluster gives the results of this machine, whatever becomes of its workers."""

import contextlib
import json
import os
import platform
import re
import signal
import subprocess
import sys
import sysconfig
import time
import venv
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import distributed
import numpy as np
import psutil
import pytest
from scipy.special import expit

import reproduce
from grpo_lib import Recurrence, Regime, regime
from reproduce import rounding, scheduler, sweep
from reproduce.project import Project, ReproduceError, remove
from reproduce.scheduler import Cluster

PATIENCE = 180
"""Seconds after which a process hangs, on a machine that is busy with other tests."""

ENTRIES = (
    {"kind": "measured", "name": "error", "value": 0.5, "bound": 1.0, "cell": None},
    {"kind": "rejected", "name": "control", "value": 0.5, "bound": 0.1, "cell": None},
)
MEASURING = """
import numpy as np
from grpo_lib import ledger
claim = ledger.claim("theorem-1")
error = np.abs(np.exp(np.log(np.linspace(2, 3, 1000))) / np.linspace(2, 3, 1000) - 1).max()
claim.measured("there and back", error, at_most=1e-14)
claim.rejected("control", 2 - seed / 2, at_least=0.75)
claim
"""


class Dask:
    """A scheduler and workers on this machine, as processes that share no folder with a test."""

    def __init__(self, folder: Path, **variables: str) -> None:
        self.folder = folder
        self.processes: list[subprocess.Popen] = []
        self.start("scheduler", "--port", "0", "--scheduler-file", "scheduler.json", **variables)
        file = folder / "scheduler.json"
        wait_for(file.exists)
        self.address = json.loads(file.read_text())["address"]
        self.client = distributed.Client(self.address, set_as_default=False)

    def start(self, *arguments: str, python: str = sys.executable, **variables: str) -> None:
        command = [python, "-m", "dask", *arguments, "--host", "127.0.0.1", "--no-dashboard"]
        with (self.folder / "log").open("a") as log:
            process = subprocess.Popen(
                command, cwd=self.folder, env=os.environ | variables, stdout=log, stderr=log
            )
        self.processes.append(process)

    def add_worker(self, python: str = sys.executable) -> str:
        """Start a worker for one notebook at a time, wait until it is there, say its address."""
        before = self.workers()
        self.start(
            *("worker", self.address, "--nthreads", "1", "--no-nanny", "--local-directory", "."),
            python=python,
        )
        wait_for(lambda: self.workers() != before)
        (address,) = self.workers() - before
        return address

    def workers(self) -> set[str]:
        return set(self.client.scheduler_info(n_workers=-1)["workers"])

    def close(self) -> None:
        self.client.close()
        for process in self.processes[::-1]:
            process.kill()
            process.wait()


def wait_for(condition: Callable[[], bool]) -> None:
    limit = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < limit
        time.sleep(0.05)


@pytest.fixture(scope="module")
def dask(tmp_path_factory) -> Iterator[Dask]:
    """A cluster of two workers that no test harms."""
    with contextlib.closing(Dask(tmp_path_factory.mktemp("dask"))) as cluster:
        cluster.add_worker()
        cluster.add_worker()
        yield cluster


@pytest.fixture
def start_dask(tmp_path) -> Iterator[Callable[..., Dask]]:
    """Starts a cluster without workers, for one test."""
    folder = tmp_path / "dask"
    folder.mkdir()
    with contextlib.ExitStack() as stack:
        yield lambda **variables: stack.enter_context(contextlib.closing(Dask(folder, **variables)))


@pytest.fixture(scope="module")
def other_python(tmp_path_factory) -> str:
    """The interpreter of an environment that differs in the version of NumPy, or says so."""
    folder = tmp_path_factory.mktemp("other")
    venv.create(folder, symlinks=True)
    own = Path(sysconfig.get_path("purelib", vars={"base": str(folder)}))
    (own / "packages.pth").write_text(sysconfig.get_path("purelib"))
    (own / "numpy-1.0.dist-info").mkdir()
    metadata = "Metadata-Version: 2.1\nName: numpy\nVersion: 1.0\n"
    (own / "numpy-1.0.dist-info/METADATA").write_text(metadata)
    return str(folder / "bin/python")


def declare(tree, name: str, *files: str) -> None:
    notebook = json.loads(tree.read(f"notebooks/{name}.ipynb"))
    notebook["metadata"]["reproduce"] = {"data": files}
    tree.write(f"notebooks/{name}.ipynb", json.dumps(notebook))


def comparable(text: str) -> str:
    """Without times, and without what papermill draws as the id of the cell that it adds."""
    return re.sub(r'"(seconds|id)": [^,\n]+', "", text)


@pytest.mark.slow
def test_the_results_are_those_of_this_machine(tree, dask, tmp_path):
    tree.claim("theorem-1", notebook="measuring")
    tree.notebook("measuring", MEASURING)
    tree.claim("theorem-2", notebook="reading")
    show = tree.evidence("theorem-2", *ENTRIES)
    tree.notebook("reading", f"print(open('data/runs.csv').read())\n{show}")
    tree.write("data/runs.csv", "0.68")
    declare(tree, "reading", "data/runs.csv")
    tree.claim("theorem-3", notebook="failing")
    tree.notebook("failing", "x = 1", "x / 0")
    other = tree.copy(tmp_path / "other")

    here = tree.run("--seed", "1")
    there = other.run("--seed", "1", "--scheduler", dask.address)
    assert there.status == here.status == 1
    assert there.err == here.err
    assert "notebooks/failing.ipynb, cell 4 of 4 (x / 0): ZeroDivisionError" in there.err
    assert other.rows().keys() == tree.rows().keys()
    for path in ("executed/measuring", "executed/reading", "failed/failing"):
        mine, its = (comparable(t.read(f"_build/{path}.ipynb")) for t in (tree, other))
        assert mine == its

    other.notebook("failing", "x = 1", listed=False)
    said = other.run("--seed", "1", "--scheduler", dask.address).out
    assert "reused  measuring" in said and "reused  reading" in said and "passed  failing" in said
    assert not (other.root / "_build/failed/failing.ipynb").exists()
    assert "reused  measuring" in other.run("--seed", "1").out


@pytest.mark.slow
@pytest.mark.parametrize("module", [sweep, rounding])
def test_tables_are_those_of_this_machine(tree, dask, monkeypatch, module):
    tree.claim("theorem-1", notebook="measuring")
    tree.notebook("measuring", MEASURING)
    monkeypatch.chdir(tree.root)
    path = module.table_path(Project(tree.root))
    tables = []
    for place in ([], ["--scheduler", dask.address]):
        remove(tree.root / "_build")
        assert module.main(["--seeds", "1", *place]) == 0
        tables.append(path.read_bytes())
    assert tables[0] == tables[1]


@pytest.mark.slow
def test_a_worker_gets_what_it_needs_and_leaves_nothing(tree, dask):
    tree.notebook("looking", "import os, grpo_lib\nprint(os.getcwd(), grpo_lib.__file__)")
    assert "passed  looking" in tree.run("--only", "looking", "--scheduler", dask.address).out
    cells = json.loads(tree.read("_build/executed/looking.ipynb"))["cells"]
    folder, package = "".join(cells[-1]["outputs"][0]["text"]).split()
    assert Path(folder).is_relative_to(dask.folder)
    assert Path(package).is_relative_to(folder)
    assert not Path(folder).exists()


WAITS_ONCE = """
import os, time
from pathlib import Path
begun = Path({begun!r})
again = begun.exists()
begun.with_suffix(".draft").write_text(str(os.getpid()))
begun.with_suffix(".draft").rename(begun)
if not again:
    time.sleep(600)
"""


def worker_of(kernel: psutil.Process) -> psutil.Process:
    """The worker that a kernel belongs to; between them is the process of the call."""
    return kernel.parents()[1]


def start_run(tree, *arguments: str) -> subprocess.Popen:
    package = str(Path(reproduce.__file__).parents[1])
    return subprocess.Popen(
        [sys.executable, "-m", "reproduce", *arguments],
        cwd=tree.root,
        env=os.environ | {"PYTHONPATH": package},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.slow
@pytest.mark.parametrize("order", [signal.SIGKILL, signal.SIGTERM])
def test_the_work_of_a_worker_that_ends_is_done_again(tree, start_dask, tmp_path, order):
    dask = start_dask()
    workers = {dask.add_worker(), dask.add_worker()}
    begun = tmp_path / "begun"
    tree.notebook("waiting", WAITS_ONCE.format(begun=str(begun)))
    tree.notebook("other", "x = 1")
    run = start_run(tree, "--scheduler", dask.address, "--only", "waiting", "other")
    wait_for(lambda: begun.exists() or run.poll() is not None)
    kernel = psutil.Process(int(begun.read_text()))
    worker_of(kernel).send_signal(order)
    out, err = run.communicate(timeout=PATIENCE)
    assert "passed  waiting" in out and "passed  other" in out
    assert "no claim in claims.yml names it" in err
    wait_for(lambda: not kernel.is_running())
    assert int(begun.read_text()) != kernel.pid
    wait_for(lambda: len(workers - dask.workers()) == 1)


KILLS_ITS_WORKER = """
import psutil, time
psutil.Process().parents()[1].kill()
time.sleep(600)
"""


@pytest.mark.slow
def test_what_workers_die_of_is_given_up_and_the_others_still_run(tree, start_dask):
    dask = start_dask(DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES="1")
    dead = {dask.add_worker(), dask.add_worker()}
    tree.claim("theorem-1", notebook="deadly")
    tree.notebook("deadly", KILLS_ITS_WORKER)
    tree.claim("theorem-2", notebook="orphaned")
    tree.notebook("orphaned", "import os, signal\nos.kill(os.getppid(), signal.SIGKILL)")
    tree.claim("theorem-3", notebook="good")
    tree.notebook("good", tree.evidence("theorem-3", *ENTRIES))
    run = start_run(tree, "--scheduler", dask.address, "--jobs", "1")
    wait_for(lambda: dead.isdisjoint(dask.workers()))
    alive = dask.add_worker()
    _, err = run.communicate(timeout=PATIENCE)
    _, deadly, orphaned = sorted(err.splitlines())  # notebooks are done in no certain order
    assert deadly.startswith(
        "error: notebooks/deadly.ipynb: given up; workers that died of it: 2, the last one at tcp:"
    )
    assert orphaned in {
        f"error: notebooks/orphaned.ipynb: its process on {worker} ended with status -9: "
        for worker in {*dead, alive}
    }
    assert run.returncode == 1
    assert tree.rows()["theorem-3"]["status"] == "passed"


@pytest.mark.slow
@pytest.mark.parametrize("order", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_the_end_of_a_run_ends_its_kernels_and_no_worker(tree, dask, tmp_path, order):
    begun = tmp_path / "begun"
    tree.notebook("waiting", WAITS_ONCE.format(begun=str(begun)))
    tree.notebook("queued", "x = 1")
    run = start_run(tree, "--scheduler", dask.address, "--jobs", "3")
    wait_for(lambda: begun.exists() or run.poll() is not None)
    kernel = psutil.Process(int(begun.read_text()))
    worker, folder = worker_of(kernel), kernel.cwd()
    run.send_signal(order)
    _, err = run.communicate(timeout=PATIENCE)
    if order != signal.SIGKILL:
        assert (run.returncode, err) == (130, "interrupted\n")
    wait_for(lambda: not kernel.is_running())
    wait_for(lambda: not Path(folder).exists())
    assert worker.is_running()
    assert len(dask.workers()) == 2
    again = tree.run("--scheduler", dask.address, "--only", "queued", "--fresh")
    assert "passed  queued" in again.out


@pytest.mark.slow
def test_a_worker_with_other_versions_is_refused_and_named(tree, start_dask, other_python):
    dask = start_dask()
    dask.add_worker()
    other = dask.add_worker(other_python)
    tree.notebook("good", "x = 1")
    outcome = tree.run("--scheduler", dask.address, "--only", "good")
    assert outcome.status == 1
    assert outcome.err == (
        f"error: --scheduler {dask.address}: a worker with other versions is refused, because its "
        f"results could differ: {other} has numpy 1.0 instead of {np.__version__}\n"
    )
    assert not (tree.root / "_build/executed").exists()


@pytest.mark.slow
def test_a_worker_with_other_versions_is_refused_when_it_comes_later(
    tree, start_dask, other_python
):
    dask, project = start_dask(), Project(tree.root)
    dask.add_worker()
    with Cluster(dask.address, 1, project, []) as cluster:
        (copied, *_) = cluster.submit(Project.source_files, project).result()
        assert copied.name == "requirements.lock" and copied != project.lock
        other = dask.add_worker(other_python)
        dask.processes[1].kill()
        wait_for(lambda: dask.workers() == {other})
        with pytest.raises(ReproduceError, match=f"refused.*: {other} has numpy 1.0 instead of "):
            cluster.submit(Project.source_files, project).result()


@pytest.mark.slow
def test_another_python_is_refused_before_anything_is_sent(tree, dask, monkeypatch):
    detached = scheduler._detached_worker()
    older = detached.versions() | {"Python": "3.0.0"}
    monkeypatch.setattr(detached, "versions", lambda: older)
    monkeypatch.setattr(scheduler, "_detached_worker", lambda: detached)
    with pytest.raises(ReproduceError) as refused:
        Cluster(dask.address, 1, Project(tree.root), [])
    ours = f"has Python {platform.python_version()} instead of 3.0.0"
    assert str(refused.value).count(ours) == 2


@pytest.mark.slow
def test_what_the_system_of_a_worker_refuses_is_named_with_the_worker(tree, dask):
    tree.notebook("rude", "open('_build/executed', 'w').close()")
    outcome = tree.run("--scheduler", dask.address, "--only", "rude")
    assert outcome.status == 1
    assert re.match(r"error: tcp://\S+: \S+/_build/executed: File exists: a folder", outcome.err)


@pytest.mark.slow
def test_a_scheduler_that_is_lost_is_named(tree, start_dask, tmp_path):
    dask = start_dask()
    dask.add_worker()
    begun = tmp_path / "begun"
    tree.notebook("waiting", WAITS_ONCE.format(begun=str(begun)))
    run = start_run(tree, "--scheduler", dask.address)
    wait_for(lambda: begun.exists() or run.poll() is not None)
    kernel = psutil.Process(int(begun.read_text()))
    dask.processes[0].kill()
    _, err = run.communicate(timeout=PATIENCE)
    assert run.returncode == 1
    assert err.startswith(f"error: --scheduler {dask.address}: the connection was lost")
    wait_for(lambda: not kernel.is_running())


@pytest.mark.slow
def test_a_cluster_without_workers_is_one_message(tree, start_dask):
    dask = start_dask()
    tree.notebook("good", "x = 1")
    outcome = tree.run("--scheduler", dask.address, "--only", "good")
    assert outcome.err == (
        f"error: --scheduler {dask.address}: no worker there: start some with "
        f"dask worker {dask.address}\n"
    )


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:9", "nonsense://", "127.0.0.1:port"])
def test_where_no_scheduler_answers_is_one_message(tree, monkeypatch, address):
    monkeypatch.setattr(scheduler, "CONNECTION_LIMIT", 0.5)
    tree.notebook("good", "x = 1")
    outcome = tree.run("--scheduler", address, "--only", "good")
    assert outcome.err.startswith(f"error: --scheduler {address}: no scheduler answers: ")
    assert outcome.err.count("\n") == 1


def test_without_the_extra_there_is_one_message(tree, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    tree.notebook("good", "x = 1")
    outcome = tree.run("--scheduler", "tcp://127.0.0.1:9", "--only", "good")
    assert outcome.status == 1
    assert outcome.err == (
        'error: --scheduler needs the extra "distributed": pip install ".[distributed]"\n'
    )


PAGE = Path(reproduce.__file__).parents[1] / "book/how-to-reproduce.md"


@pytest.mark.parametrize("place", ["here", pytest.param("cluster", marks=pytest.mark.slow)])
def test_the_recipe_for_many_prompts_gives_what_they_give_at_once(place, request):
    (recipe,) = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    size = "prompts, chunk = 10**9, 10**5"
    assert size in recipe
    names: dict[str, Any] = {}
    with contextlib.ExitStack() as stack:
        if place == "cluster":
            address = request.getfixturevalue("dask").address
            stack.enter_context(distributed.Client(address))
        exec(recipe.replace(size, "prompts, chunk = 10**4, 10**3"), names)
        L_ref = names["L_ref"].compute()
        codes, rate = names["codes"].compute(), names["rate"].compute()
    assert names["L_ref"].numblocks == (10,)
    assert np.array_equal(codes, regime(Recurrence(beta=1.0), L_ref=L_ref))
    assert np.array_equal(rate, expit(Recurrence(beta=1.0).iterate(L_ref=L_ref, steps=50)))
    assert np.array_equal(names["counts"], np.bincount(codes, minlength=len(Regime)))
    # Two sums of 10^4 numbers of at most 1, each off by at most 2^-53 of it at each addition.
    assert names["mean"] == pytest.approx(rate.mean(), rel=0, abs=2 * 1e4 * 2**-53)
