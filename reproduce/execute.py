"""Run notebooks in parallel, one fresh kernel each, and reuse those that nothing has changed."""

import asyncio
import contextlib
import hashlib
import json
import logging
import os
import platform
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    Executor,
    Future,
    ThreadPoolExecutor,
    wait,
)
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import jsonschema
import nbformat
import papermill
from jupyter_core.utils import ensure_event_loop
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from papermill.exceptions import PapermillExecutionError
from tqdm import tqdm

from reproduce import hermetic, system
from reproduce.project import Project, ReproduceError, write_text
from reproduce.schema import DATA_SCHEMA, MARK_SCHEMA

# What papermill logs about a failure is in the error of a `Failed`, in one message.
logging.getLogger("papermill").setLevel(logging.CRITICAL)


@dataclass(frozen=True)
class Executed:
    """A notebook that was executed to its end.

    Attributes:
        name: file name without suffix.
        notebook: the executed notebook.
        seconds: run time of the run that executed it, start of the kernel included.
        environment: what it was executed in, as ``ledger.schema.json`` describes it.
        data: SHA-256 of the data files that it declares, by their paths from the root.
        reused: whether the run was an earlier one, on the same sources.
    """

    name: str
    notebook: NotebookNode
    seconds: float
    environment: dict[str, Any]
    data: Mapping[str, str] = field(default_factory=dict)
    reused: bool = False


@dataclass(frozen=True)
class Failed:
    """A notebook that was not.

    Attributes:
        name: file name without suffix.
        error: what went wrong, with file and cell.
        seconds: run time until then.
    """

    name: str
    error: str
    seconds: float = 0.0


Result = Executed | Failed
"""What became of one notebook."""

TEMPLATE_SECONDS = 300.0
"""What a notebook that is no chapter may take; it draws what has been computed."""


def execute(
    project: Project,
    names: Sequence[str],
    *,
    parameters: dict[str, float],
    jobs: int,
    timeout: float,
    fresh: bool,
    environment: Mapping[str, str] | None = None,
    scheduler: str | None = None,
) -> list[Result]:
    """Execute notebooks, the longest first, and print a line as each is done.

    Executed notebooks are kept in ``_build/executed``, failed ones in ``_build/failed``.

    Args:
        project: the project they belong to.
        names: file names without suffix.
        parameters: values to set after the notebooks' own parameters.
        jobs: how many run at a time.
        timeout: seconds that one notebook may take.
        fresh: whether to execute again what has not changed.
        environment: variables to set for the kernels, which see none of the caller's.
        scheduler: address of the scheduler of a Dask cluster that executes them; in threads of this
            process if left out.

    Returns:
        One result per name, in the same order.
    """
    rests_on: list[object] = [
        project.fingerprint(project.source_files()),
        platform.python_version(),
        dict(environment or {}),
    ]
    results: dict[str, Result] = {}
    waiting: list[_Job] = []
    for name in names:
        try:
            source = read_notebook(project.notebooks / f"{name}.ipynb")
            data = project.hashes(_declared_data(project, name, source))
        except ReproduceError as error:
            results[name] = Failed(name, str(error))
            continue
        key = _content_key(source, parameters, [*rests_on, data])
        stored = _read_stored(project.executed / f"{name}.ipynb")
        if stored and stored[0] == key and not fresh:
            results[name] = replace(stored[1], data=data)
        else:
            code_cells = sum(cell.cell_type == "code" for cell in source.cells)
            expected = stored[1].seconds if stored else code_cells
            (project.failed / f"{name}.ipynb").unlink(missing_ok=True)
            waiting.append(_Job(name, source, data, key, expected, timeout))

    with (
        tqdm(total=len(names), unit="notebook", leave=False, disable=None) as bar,
        _executor(project, jobs, scheduler, waiting) as pool,
    ):
        for result in results.values():
            _report(bar, result)
        try:
            futures = {
                pool.submit(job.run, project, parameters, environment): job
                for job in sorted(waiting, key=lambda job: job.expected, reverse=True)
            }
            while futures:
                done, _ = wait(futures, timeout=hermetic.SIGNAL_DELAY, return_when=FIRST_COMPLETED)
                for future in done:
                    result = _result(futures.pop(future), future)
                    results[result.name] = result
                    _report(bar, result)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for job in waiting:
                job.stop()  # its thread sees the kernel die and ends by itself
            raise
    return [results[name] for name in names]


def _executor(
    project: Project, jobs: int, scheduler: str | None, waiting: Sequence["_Job"]
) -> Executor:
    if not scheduler:
        return ThreadPoolExecutor(jobs)
    from reproduce.scheduler import Cluster  # what it imports takes time, and need not be installed

    return Cluster(scheduler, jobs, project, {file for job in waiting for file in job.data})


def _result(job: "_Job", future: Future[Result]) -> Result:
    try:
        return future.result()
    except BrokenExecutor as error:  # what ran it died, and not the kernel alone
        return Failed(job.name, f"{job.path}: {error}")


def execute_template(project: Project, path: Path, parameters: dict[str, Any]) -> Result:
    """Execute a notebook that is no chapter, in a kernel as those of the chapters.

    Of the project it reads `grpo_lib`, its own folder and what is in ``_build``.

    Args:
        project: whose ``build`` takes the executed notebook.
        path: of the notebook, in a folder of the root.
        parameters: values to set after the notebook's own.
    """
    folder = path.parent.name
    job = _Job(path.stem, read_notebook(path), {folder: ""}, "", 0.0, TEMPLATE_SECONDS, folder)
    return job.run(project, parameters, None)


def read_notebook(path: Path) -> NotebookNode:
    """Read a notebook in the current format.

    Raises:
        ReproduceError: the file is not a valid notebook.
    """
    try:
        notebook = nbformat.v4.upgrade(nbformat.reads(path.read_text("utf-8-sig"), as_version=4))
        nbformat.validate(notebook)
    except Exception as error:  # nbformat raises another class for nearly every kind of damage
        reason = (str(error).splitlines() or [""])[0][:200]
        place, kind = f"{path.parent.name}/{path.name}", type(error).__name__
        raise ReproduceError(f"{place}: not a valid notebook: {kind}: {reason}") from None
    return notebook


def _declared_data(project: Project, name: str, notebook: NotebookNode) -> list[Path]:
    """The data files that a notebook says it reads, in its metadata: ``reproduce``, ``data``.

    Raises:
        ReproduceError: one is not there, or the metadata have another form.
    """
    place, metadata = f"notebooks/{name}.ipynb", notebook.metadata.get("reproduce", {})
    try:
        jsonschema.validate(metadata, DATA_SCHEMA)
    except jsonschema.ValidationError as error:
        raise ReproduceError(
            f'{place}: its metadata "reproduce" may only list the data files that it reads, '
            f'as {{"data": ["FILE", ...]}}: {error.message}'
        ) from None
    for file in metadata.get("data", ()):
        path = (project.root / file).resolve()
        if not (path.is_file() and path.is_relative_to(project.root.resolve())):
            raise ReproduceError(f"{place}: reads {file}, which is no file of the project")
    return [project.root / os.path.normpath(file) for file in metadata.get("data", ())]


def cell_place(path: str, cells: Sequence[NotebookNode], index: int) -> str:
    """Say where a cell stands in the notebook as committed: file, number and first line."""
    own = [not _NOT_COMMITTED.intersection(cell.metadata.get("tags", ())) for cell in cells]
    number = sum(own[: index + 1])
    first_line = (cells[index].source.strip().splitlines() or [""])[0]
    return f"{path}, cell {number} of {sum(own)} ({first_line})"


# Of cells that papermill adds: the parameters of this run, and the signs that point to an error.
_NOT_COMMITTED = {"injected-parameters", "papermill-error-cell-tag"}


def _first_error(cells: Sequence[NotebookNode]) -> tuple[int, NotebookNode] | None:
    """The first output that is an error, after the index of its cell."""
    for index, cell in enumerate(cells):
        for output in cell.get("outputs", ()):
            if output.output_type == "error":
                return index, output
    return None


class _Job:
    """One notebook to execute: follows which cell is running and how much time is left."""

    def __init__(
        self,
        name: str,
        source: NotebookNode,
        data: Mapping[str, str],
        key: str,
        expected: float,
        timeout: float,
        folder: str = "notebooks",
    ) -> None:
        self.name = name
        self.path = f"{folder}/{name}.ipynb"
        self.source = source
        self.data = data
        self.key = key
        self.expected = expected  # seconds of the run before, or else the number of code cells
        self.timeout = timeout
        self.place = f"{self.path}, before the first cell"
        self.running: NotebookNode | None = None
        self.kernel: hermetic.KernelManager | None = None
        self.stopped = False

    def run(
        self, project: Project, parameters: Mapping[str, Any], extra: Mapping[str, str] | None
    ) -> Result:
        variables = hermetic.environment(project.home, extra)
        failed = project.failed / f"{self.name}.ipynb"
        self.start = time.perf_counter()
        try:
            executed = self._execute(project.root, parameters, variables)
        except (CellExecutionError, PapermillExecutionError) as error:
            # Cells go on after a value that cannot be displayed; this one may lie behind.
            cells = self.running.cells if self.running else []
            if found := _first_error(cells):
                self.place = cell_place(self.path, cells, found[0])
            reason = f"{error.ename}: {(error.evalue.splitlines() or [''])[0]}"
            if error.ename == "MemoryError":
                reason = f"{reason.rstrip(' :')}: {system.OUT_OF_MEMORY}"
        except CellTimeoutError:
            reason = f"time-out: the notebook was not done after {self.timeout:g} s"
        except DeadKernelError:
            assert self.kernel  # it was there to die
            reason = f"the kernel died, {self.kernel.how_it_ended()}"
        except Exception as error:  # a kernel that does not start can fail in many ways
            if system.is_full(error):
                raise
            reason = f"{type(error).__name__}: {error}"
        else:
            seconds = round(time.perf_counter() - self.start, 2)
            environment = executed.metadata.language_info.pop("environment")
            environment["prefix"] = project.shown(Path(environment["prefix"]))
            executed.metadata.reproduce = {
                "key": self.key,
                "seconds": seconds,
                "environment": environment,
            }
            _write(project.executed / failed.name, executed)
            return Executed(self.name, executed, seconds, environment, self.data)
        if self.running:
            _write(failed, self.running)
        seconds = round(time.perf_counter() - self.start, 2)
        return Failed(self.name, f"{self.place}: {reason}", seconds)

    def stop(self) -> None:
        """Kill the kernel; `run`, in its own thread, sees that and returns."""
        self.stopped = True
        if self.kernel:
            self.kernel.kill()

    def close(self) -> None:
        """Leave nothing behind of the kernel, of what it started, and of its files."""
        if self.kernel:
            self.kernel.close()

    def _execute(
        self, root: Path, parameters: Mapping[str, Any], variables: Mapping[str, str]
    ) -> NotebookNode:
        job = self

        class Kernel(hermetic.KernelManager):  # papermill takes a class
            def __init__(self, **options: Any) -> None:
                super().__init__(variables, list(job.data), **options)
                job.kernel = self

        # The event loop that nbclient works in; when it is closed, no task of a failed run is left.
        with contextlib.closing(self), asyncio.Runner(loop_factory=ensure_event_loop) as runner:
            runner.get_loop()
            executed = papermill.execute_notebook(
                self.source,
                None,
                parameters,
                kernel_name="python3",
                language="python",
                progress_bar=False,
                # The rest goes to nbclient. The root as working directory makes the kernel import
                # the grpo_lib of this tree, whatever is installed.
                kernel_manager_class=Kernel,
                resources={"metadata": {"path": str(root)}},
                on_notebook_start=self._notebook_starts,
                on_cell_execute=self._cell_starts,
                timeout_func=self._seconds_left,
                iopub_timeout=int(self.timeout) + 1,
                record_timing=False,
                shutdown_kernel="immediate",
            )
        if found := _first_error(executed.cells):  # papermill takes sys.exit(0) for success
            raise CellExecutionError("", found[1].ename, found[1].evalue)
        return executed

    def _notebook_starts(self, notebook: NotebookNode) -> None:
        self.running = notebook

    def _cell_starts(self, cell: NotebookNode, cell_index: int) -> None:
        if self.stopped:
            raise InterruptedError
        assert self.running  # a notebook starts before its cells
        self.place = cell_place(self.path, self.running.cells, cell_index)

    def _seconds_left(self, cell: NotebookNode) -> float:
        # Nothing or less would mean no limit to nbclient.
        return max(self.timeout - (time.perf_counter() - self.start), 1e-3)


def _write(path: Path, notebook: NotebookNode) -> None:
    for node in (notebook, *notebook.cells):
        node.metadata.pop("papermill", None)  # paths and times
    write_text(path, nbformat.writes(notebook))


def _read_stored(path: Path) -> tuple[str, Executed] | None:
    """Read what an earlier run left, behind the content key that it had; None if there is none."""
    try:
        notebook = read_notebook(path)
        mark = notebook.metadata.get("reproduce")
        jsonschema.validate(mark, MARK_SCHEMA)
    except (ReproduceError, jsonschema.ValidationError):
        return None
    environment = json.loads(json.dumps(mark.environment))
    return mark.key, Executed(path.stem, notebook, mark.seconds, environment, reused=True)


def _content_key(
    notebook: NotebookNode, parameters: dict[str, float], rests_on: Sequence[object]
) -> str:
    cells = [(cell.cell_type, cell.source, cell.metadata) for cell in notebook.cells]
    content = json.dumps([cells, parameters, rests_on], sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()


def _report(bar: tqdm, result: Result) -> None:
    status = "failed" if isinstance(result, Failed) else "reused" if result.reused else "passed"
    bar.write(f"{status}  {result.name}  {result.seconds:.1f} s")
    bar.update()
