"""Everything that can go wrong with a notebook gives one clear message and spoils nothing else."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

import reproduce
from reproduce import site
from reproduce.execute import _Job, read_notebook
from reproduce.project import Project
from tests.reproduce.conftest import MEASURED, REJECTED


def kernels(process: psutil.Process) -> list[psutil.Process]:
    children = process.children(recursive=True)
    return [child for child in children if "kernel" in child.cmdline()]


@pytest.fixture(scope="module")
def broken(built_once, tmp_path_factory):
    """The good project with one notebook for each fault, after a run; and what the run said."""
    tree = built_once.copy(tmp_path_factory.mktemp("broken") / "project")
    book = tree.html()

    tree.claim("theorem-2", notebook="failing")
    tree.notebook("failing", "x = 1", "# divide\nx / 0", tree.evidence("theorem-2", MEASURED))
    tree.claim("theorem-3", notebook="dying")
    tree.notebook("dying", "import os\nos._exit(1)")
    tree.claim("theorem-7", notebook="killed")
    tree.notebook("killed", "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)")
    tree.claim("theorem-9", notebook="printing")
    tree.notebook("printing", "while True:\n    print('x' * 99_999)")
    tree.claim("theorem-10", notebook="greedy")
    tree.notebook(
        "greedy",
        "import resource\nresource.setrlimit(resource.RLIMIT_AS, (2**32, 2**32))",
        "x = bytearray(2**40)",
    )
    tree.claim("theorem-11", notebook="secretive")
    tree.write("data/secret.csv", "1")
    tree.notebook("secretive", "import pathlib\npathlib.Path('data/secret.csv').read_text()")
    tree.claim("theorem-8", notebook="displaying")
    tree.notebook("displaying", "class Shy:\n    def _repr_html_(self): 1 / 0\nShy()", "x = 1")
    tree.claim("theorem-4", notebook="leaving")
    tree.notebook(
        "leaving", tree.evidence("theorem-4", MEASURED, REJECTED), "import sys; sys.exit()"
    )
    tree.claim("theorem-5", notebook="corrupt")
    tree.notebook("corrupt")
    tree.write("notebooks/corrupt.ipynb", tree.read("notebooks/corrupt.ipynb")[:100])
    tree.claim("theorem-6", notebook="straying")
    tree.notebook(
        "straying",
        tree.evidence("theorem-6", MEASURED, REJECTED),
        tree.evidence("theorem-99", MEASURED),
        tree.evidence("theorem-1", MEASURED),
        tree.evidence("remark-1", MEASURED),
    )
    tree.claim("lemma-1", notebook="lacking")
    tree.claim("lemma-2", notebook="lacking")
    tree.claim("lemma-3", notebook="lacking")
    tree.notebook("lacking", tree.evidence("lemma-1", MEASURED), tree.evidence("lemma-2", REJECTED))
    tree.notebook("unplaced", "x = 1", listed=False)
    tree.write("_toc.yml", tree.read("_toc.yml") + "  - file: book/missing\n")
    outcome = tree.run()
    assert tree.html() == book, "the last good book is kept"
    return tree, outcome


@pytest.mark.parametrize(
    "message",
    [
        "notebooks/failing.ipynb, cell 4 of 5 (# divide): ZeroDivisionError: division by zero",
        "notebooks/dying.ipynb, cell 3 of 3 (import os): the kernel died, with the exit status 1",
        "notebooks/killed.ipynb, cell 3 of 3 (import os, signal): the kernel died, killed, most "
        "likely because memory ran out: do less at a time, such as with --jobs 1",
        "notebooks/printing.ipynb, cell 3 of 3 (while True:): RuntimeError: a notebook may print "
        "at most 1,000,000 characters",
        "notebooks/greedy.ipynb, cell 4 of 4 (x = bytearray(2**40)): MemoryError: memory ran out: "
        "do less at a time, such as with --jobs 1",
        "notebooks/secretive.ipynb, cell 3 of 3 (import pathlib): RuntimeError: data/secret.csv is "
        "read, but not declared: list it in this notebook's metadata, as "
        '{"reproduce": {"data": ["FILE", ...]}}',
        "notebooks/displaying.ipynb, cell 3 of 4 (class Shy:): ZeroDivisionError: division by zero",
        "notebooks/leaving.ipynb, cell 4 of 4 (import sys; sys.exit()): SystemExit: ",
        "notebooks/corrupt.ipynb: not a valid notebook: NotJSONError: "
        'Notebook does not appear to be JSON: \'{\\n "cells": [\\n  {\\n   "cell_type": "m...',
        "notebooks/straying.ipynb, cell 4 of 6 (from IPython.display import display): "
        "evidence for theorem-99, which is not in claims.yml",
        "notebooks/straying.ipynb, cell 5 of 6 (from IPython.display import display): "
        "evidence for theorem-1, to which claims.yml gives notebook good",
        "notebooks/straying.ipynb, cell 6 of 6 (from IPython.display import display): "
        "evidence for remark-1, to which claims.yml gives no notebook",
        "notebooks/lacking.ipynb: shows no negative control (rejected) for lemma-1",
        "notebooks/lacking.ipynb: shows only negative controls, no positive evidence for lemma-2",
        "notebooks/lacking.ipynb: shows no evidence for lemma-3",
        "notebooks/unplaced.ipynb: not listed in _toc.yml",
        "notebooks/unplaced.ipynb: no claim in claims.yml names it",
        "_toc.yml: lists book/missing, which does not exist",
    ],
)
def test_each_fault_has_one_message(broken, message):
    tree, outcome = broken
    assert outcome.err.splitlines().count(f"error: {message}") == 1
    assert message in tree.ledger()["run"]["faults"]


def test_there_are_no_other_messages(broken):
    _, outcome = broken
    *errors, last = outcome.err.splitlines()
    assert len(errors) == 18
    assert last == "The book was not rebuilt; one built before is kept as it is."
    assert outcome.status == 1


def test_the_other_notebooks_still_run(broken):
    tree, outcome = broken
    status = {id: row["status"] for id, row in tree.rows().items()}
    assert status.pop("theorem-1") == "passed"
    assert status.pop("remark-1") == "open"
    assert set(status.values()) == {"failed"}
    assert "passed  unplaced" in outcome.out


def test_failed_claims_keep_neither_verdict_nor_evidence(broken):
    tree, _ = broken
    for row in tree.rows().values():
        if row["status"] == "failed":
            assert (row["verdict"], row["evidence"]) == (None, [])


def test_a_failed_notebook_is_kept_with_its_traceback(broken):
    tree, _ = broken
    assert "ZeroDivisionError" in tree.read("_build/failed/failing.ipynb")
    assert not (tree.root / "_build/executed/failing.ipynb").exists()


def test_a_failure_is_tried_again(broken):
    tree, _ = broken
    assert "failed  failing" in tree.run("--only", "failing").out


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"cells": 1, "nbformat": 4}', "\xff"])
def test_other_corrupt_notebooks(built, text):
    (built.root / "notebooks/good.ipynb").write_text(text, "latin-1")
    outcome = built.run()
    assert outcome.status == 1
    assert outcome.err.startswith("error: notebooks/good.ipynb: not a valid notebook: ")


def declare(tree, name: str, metadata: object) -> None:
    """Write the metadata `reproduce` into a committed notebook."""
    notebook = json.loads(tree.read(f"notebooks/{name}.ipynb"))
    notebook["metadata"]["reproduce"] = metadata
    tree.write(f"notebooks/{name}.ipynb", json.dumps(notebook))


def test_a_notebook_runs_again_when_a_data_file_that_it_declares_has_changed(tree):
    tree.claim("theorem-1", notebook="reading")
    show = tree.evidence("theorem-1", MEASURED, REJECTED)
    tree.notebook("reading", f"value = open('data/runs.csv').read()\n{show}")
    declare(tree, "reading", {"data": ["book/../data/runs.csv"]})
    tree.write("data/runs.csv", "1")
    said = [tree.run("--only", "reading").out for _ in range(2)]
    tree.write("data/runs.csv", "2")
    said.append(tree.run("--only", "reading").out)
    assert [line.split()[0] for line in said] == ["passed", "reused", "passed"]


OBSERVING = """
from grpo_lib import ledger
claim = ledger.claim("theorem-1")
claim.observed("share", 0.68, low=0.66, high=0.70, file="data/runs.csv")
claim.rejected("mean only", 0.3, at_least=0.1)
claim
"""


def test_observed_data_must_be_declared_and_are_recorded_with_their_hash(tree, monkeypatch):
    monkeypatch.setattr(site, "publish", lambda *_: None)
    tree.claim("theorem-1", notebook="observing")
    tree.notebook("observing", OBSERVING)
    tree.write("data/runs.csv", "0.67,0.69")
    outcome = tree.run()
    assert outcome.status == 1
    assert "RuntimeError: data/runs.csv is read, but not declared: list it in" in outcome.err
    declare(tree, "observing", {"data": ["book/../data/runs.csv"]})
    sources = []
    for text in ("0.67,0.69", "0.67,0.68"):
        tree.write("data/runs.csv", text)
        outcome = tree.run()
        assert (outcome.status, outcome.err) == (0, "")
        assert "passed  observing" in outcome.out and "1 observed, 1 rejected" in outcome.out
        sources.append(tree.rows()["theorem-1"]["evidence"][0]["source"])
    assert sources == [
        {"file": "data/runs.csv", "sha256": hashlib.sha256(text).hexdigest()}
        for text in (b"0.67,0.69", b"0.67,0.68")
    ]


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({}, "data/runs.csv, which is not declared: list it in this notebook's metadata"),
        ({"source": {"file": "good.csv", "sha256": "0" * 64}}, "another file in the project"),
    ],
)
def test_evidence_from_other_data_than_those_declared_is_a_fault(built, entry, message):
    source = {"file": "data/runs.csv", "sha256": "0" * 64}
    observed = {**MEASURED, "kind": "observed", "value": 0.5, "bound": [0, 1], "source": source}
    built.claim("theorem-2", notebook="observing")
    built.notebook("observing", built.evidence("theorem-2", observed | entry, REJECTED))
    built.write("good.csv", "1")
    declare(built, "observing", {"data": ["good.csv"]})
    outcome = built.run("--only", "observing")
    first, *_ = outcome.err.splitlines()
    assert outcome.status == 1
    assert first.startswith("error: notebooks/observing.ipynb, cell 3 of 3 (from IPython.display ")
    assert message in first


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ({"data": ["lost.csv"]}, "reads lost.csv, which is no file of the project"),
        ({"data": ["notebooks"]}, "reads notebooks, which is no file of the project"),
        ({"data": ["/etc/passwd"]}, "reads /etc/passwd, which is no file of the project"),
        ({"data": "lost.csv"}, "'lost.csv' is not of type 'array'"),
        ({"dta": []}, "Additional properties are not allowed ('dta' was unexpected)"),
        (3, "3 is not of type 'object'"),
        (None, "None is not of type 'object'"),
    ],
)
def test_what_a_notebook_declares_is_checked(built, metadata, message):
    declare(built, "good", metadata)
    outcome = built.run("--only", "good")
    first, *_ = outcome.err.splitlines()
    assert outcome.status == 1
    assert first.startswith("error: notebooks/good.ipynb: ")
    assert first.endswith(f": {message}")


def test_a_notebook_that_takes_too_long_is_stopped_with_its_kernel(built, monkeypatch):
    starts = _Job._cell_starts

    def starts_late(job: _Job, cell, cell_index: int) -> None:
        """Let the time run out in the cell that sleeps, however long the kernel took to start."""
        starts(job, cell, cell_index)
        assert job.timeout == 250
        if "sleep" in cell.source:
            job.start -= 249.5

    monkeypatch.setattr(_Job, "_cell_starts", starts_late)
    built.claim("theorem-2", notebook="slow")
    built.notebook("slow", "import time\ntime.sleep(600)")
    outcome = built.run("--timeout", "250")
    assert outcome.status == 1
    assert (
        "error: notebooks/slow.ipynb, cell 3 of 3 (import time): "
        "time-out: the notebook was not done after 250 s\n"
    ) in outcome.err
    assert built.rows()["theorem-1"]["status"] == "passed"
    assert kernels(psutil.Process()) == []


@pytest.mark.parametrize("moment", ["kernel starts", "cell runs"])
def test_an_interrupted_run_leaves_no_kernel(built, moment):
    built.claim("theorem-2", notebook="slow")
    built.notebook("slow", "import time\nopen('cell_runs', 'w').close()\ntime.sleep(60)")
    run = subprocess.Popen(
        [sys.executable, "-m", "reproduce"],
        cwd=built.root,
        env=os.environ | {"PYTHONPATH": str(Path(reproduce.__file__).parents[1])},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    started = []
    while not started or (moment == "cell runs" and not (built.root / "cell_runs").exists()):
        assert run.poll() is None, run.communicate()
        time.sleep(0.05)
        started = kernels(psutil.Process(run.pid))
    run.send_signal(signal.SIGTERM)
    _, err = run.communicate(timeout=30)
    assert (run.returncode, err) == (130, "interrupted\n")
    assert len(started) == 1
    assert not started[0].is_running()


TOLD_IN_A_THREAD = """
import os, signal, sys, threading, time
from pathlib import Path
from reproduce import command, hermetic
from reproduce.__main__ import main

def tell() -> None:
    while not Path("it_runs").exists():
        time.sleep(0.05)
    time.sleep(1)  # by then the main thread waits
    signal.pthread_kill(threading.get_ident(), signal.SIGTERM)

@command.reporting
def site() -> int:
    long = "open('it_runs', 'w').close(); import time; time.sleep(60)"
    return hermetic.run([sys.executable, "-c", long], os.environ, Path.cwd())[0]

threading.Thread(target=tell, daemon=True).start()
command.run({"notebooks": main, "site": site}[sys.argv.pop()])
"""


@pytest.mark.parametrize("work", ["notebooks", "site"])
def test_a_signal_that_reaches_another_thread_ends_the_run(built, work):
    """Python handles it in the main thread, which it does not wake up."""
    built.claim("theorem-2", notebook="slow")
    built.notebook("slow", "import time\nopen('it_runs', 'w').close()\ntime.sleep(60)")
    run = subprocess.run(
        [sys.executable, "-c", TOLD_IN_A_THREAD, work],
        cwd=built.root,
        env=os.environ | {"PYTHONPATH": str(Path(reproduce.__file__).parents[1])},
        capture_output=True,
        text=True,
        timeout=50,
    )
    assert (run.returncode, run.stderr) == (130, "interrupted\n")


def test_a_job_stopped_before_its_kernel_starts_runs_no_cell(built):
    source = read_notebook(built.root / "notebooks/good.ipynb")
    job = _Job("good", source, data={}, key="", expected=1.0, timeout=60)
    job.stop()
    result = job.run(Project(built.root), {}, None)
    assert result.error == "notebooks/good.ipynb, before the first cell: InterruptedError: "
    assert kernels(psutil.Process()) == []
