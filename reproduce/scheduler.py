"""Run on the workers of a Dask cluster what otherwise runs in threads here."""

import io
import logging
import pickle
import platform
import re
import warnings
import zipfile
from collections.abc import Callable, Iterable
from concurrent.futures import BrokenExecutor, CancelledError, Future, ThreadPoolExecutor
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any

from reproduce import system
from reproduce.project import Project, ReproduceError, read_text, write_text, written_files

CONNECTION_LIMIT = 10
"""Seconds that a scheduler may take to answer."""

PACKAGE = Path(__file__).parent


class Cluster(ThreadPoolExecutor):
    """Calls functions of a project on the workers of a Dask cluster, on copies of the project.

    What a call needs goes to the worker and what it writes comes back, so that no file system has
    to be shared. The work of a worker that dies is done again by another one. The threads of this
    pool only wait.
    """

    def __init__(self, address: str, jobs: int, project: Project, data: Iterable[str]) -> None:
        """Connect to a scheduler.

        Args:
            address: of the scheduler, such as ``tcp://10.0.0.1:8786``.
            jobs: how many calls the cluster gets at a time.
            project: the project.
            data: files that the functions read besides the package, from the root.

        Raises:
            ReproduceError: no scheduler answers there, or it has no worker, or one of them has
                other versions; or what it takes to ask is not installed.
        """
        try:
            import distributed
        except ImportError:
            raise ReproduceError(
                '--scheduler needs the extra "distributed": pip install ".[distributed]"'
            ) from None
        super().__init__(jobs)
        self._address = address
        self._project = project
        self._archive = _archive(project, data)
        self._worker = _detached_worker()
        locked = set(re.findall(r"^([\w.-]+)==", read_text(project.lock), re.MULTILINE))
        self._wanted = {
            name: version
            for name, version in self._worker.versions().items()
            if name in {*locked, "Python"}
        }
        # What matters of this is raised.
        warnings.simplefilter("ignore", distributed.versions.VersionMismatchWarning)
        for name in ("distributed", "distributed.client", "distributed.core"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
        try:
            self._client = distributed.Client(
                address, timeout=CONNECTION_LIMIT, set_as_default=False
            )
        except (OSError, ValueError) as error:
            raise ReproduceError(f"--scheduler {address}: no scheduler answers: {error}") from None
        try:
            self._refuse_other_versions()
        except BaseException:
            self._client.close()
            raise

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Let a worker call a function of this package.

        Args:
            fn: the function.
            args: the project first, in whose place the function gets the copy on the worker.
            kwargs: none.

        Returns:
            What becomes of it: a `ReproduceError` if the worker has other versions, is full or
            cannot be reached, a `BrokenExecutor` if the work was given up since workers died.
        """
        return super().submit(self._call, pickle.dumps((fn, args[1:])))

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the connection, and with it what the workers still do."""
        if cancel_futures:
            self._client.close()
        super().shutdown(wait, cancel_futures=cancel_futures)
        if wait:
            self._client.close()

    def _call(self, task: bytes) -> Any:
        from distributed.scheduler import KilledWorker

        try:
            address, value, written = self._client.submit(
                self._worker.call, task, self._archive, self._wanted, pure=False
            ).result()
        except BrokenExecutor:
            raise
        except KilledWorker as error:
            raise BrokenExecutor(
                f"given up; workers that died of it: {error.allowed_failures + 1}, the last one at "
                f"{error.last_worker.address}, most likely because {system.OUT_OF_MEMORY}"
            ) from None
        except CancelledError as error:
            raise ReproduceError(
                f"--scheduler {self._address}: the connection was lost: {error}"
            ) from None
        except Exception as error:
            self._refuse_other_versions()
            message = f"--scheduler {self._address}: {type(error).__name__}: {error}"
            raise ReproduceError(message) from None
        with zipfile.ZipFile(io.BytesIO(written)) as files:
            for name in files.namelist():
                write_text(self._project.build / name, files.read(name).decode())
        result = pickle.loads(value)
        if isinstance(result, OSError):
            raise ReproduceError(f"{address}: {system.message(result)}")
        if isinstance(result, Exception):
            raise result
        return result

    def _refuse_other_versions(self) -> None:
        """See that the workers have what the results rest on.

        Raises:
            ReproduceError: one has not, or there is none.
        """
        # The functions that are sent can only be read by the same Python.
        found = {
            address: {"Python": version}
            for address, version in self._client.run(platform.python_version).items()
        }
        if not found:
            raise ReproduceError(
                f"--scheduler {self._address}: no worker there: start some with "
                f"dask worker {self._address}"
            )
        same = [address for address in found if found[address]["Python"] == self._wanted["Python"]]
        if same:
            found |= self._client.run(self._worker.versions, workers=same)
        faults = []
        for address, versions in found.items():
            wanted = self._wanted if address in same else {"Python": self._wanted["Python"]}
            if differing := self._worker.differences(versions, wanted):
                faults.append(f"{address} has {differing}")
        if faults:
            raise ReproduceError(
                f"--scheduler {self._address}: a worker with other versions is refused, because "
                f"its results could differ: {'; '.join(faults)}"
            )


def _detached_worker() -> ModuleType:
    """The module `worker` under a name that cannot be imported.

    Its functions are therefore sent as they are, and not as names that a worker would look up.
    """
    loader = SourceFileLoader("_worker", str(PACKAGE / "worker.py"))
    module = ModuleType(loader.name)
    loader.exec_module(module)
    return module


def _archive(project: Project, data: Iterable[str]) -> bytes:
    """A ZIP archive of what executing notebooks takes: of the project, and of this package."""
    own = [project.claims, project.toc, project.config, *project.source_files()]
    own += [project.root / name for name in data]
    files = {path.relative_to(project.root): path for path in own}
    files |= {path.relative_to(PACKAGE.parent): path for path in written_files(PACKAGE)}
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, strict_timestamps=False) as opened:
        for name, path in files.items():
            opened.write(path, name)
        for folder in ("notebooks", "book"):
            opened.mkdir(folder)
    return archive.getvalue()
