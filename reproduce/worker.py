"""What a worker of a Dask cluster does: it calls a function on a copy of the project.

`scheduler` sends `versions` and `call` to the workers as they are here. A worker has the packages
of the lock, but nothing of this one, which comes with each call.
"""

import contextlib
import io
import json
import os
import pickle
import signal
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from concurrent.futures import BrokenExecutor
from pathlib import Path
from typing import Any

ISOLATED = ("-E", "-s", "-X", "utf8")
"""Neither PYTHON* variables nor packages of the user's own have a say, as in a kernel."""

LIST_VERSIONS = """
import json, platform, re
from importlib.metadata import distributions

# Of packages that are there twice, the first is the one that is imported.
packages = {re.sub("[-_.]+", "-", p.name).lower(): p.version for p in [*distributions()][::-1]}
print(json.dumps({"Python": platform.python_version(), **packages}))
"""


def versions() -> dict[str, str]:
    """Versions of Python and of all packages, as a kernel of this interpreter finds them."""
    command = [sys.executable, *ISOLATED, "-c", LIST_VERSIONS]
    return json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)


def differences(found: Mapping[str, str], wanted: Mapping[str, str]) -> str:
    """Say which of the versions that are wanted are not there; empty if all are."""
    return ", ".join(
        f"{name} {found.get(name, 'missing')} instead of {version}"
        for name, version in wanted.items()
        if found.get(name) != version
    )


def call(task: bytes, archive: bytes, wanted: Mapping[str, str]) -> tuple[str, bytes, bytes]:
    """Call a function in a process of its own, in a folder of its own that holds the project.

    The process and all that it has started end with this call, with the worker, and when the task
    is cancelled.

    Args:
        task: the function and its arguments behind the first, which is the project; pickled.
        archive: the files of the project and of this package, in a ZIP archive.
        wanted: versions without which nothing is run.

    Returns:
        The address of the worker; what the function returned or raised, pickled; and an archive of
        the notebooks that it wrote into the folder for what is built.

    Raises:
        RuntimeError: the worker has other versions.
        BrokenExecutor: the process ended before the function returned.
        Reschedule: the call was ended; if anybody still waits for it, another worker takes it.
    """
    from distributed import Reschedule, get_worker

    worker = get_worker()
    key = worker.get_current_task()
    if differing := differences(versions(), wanted):
        raise RuntimeError(f"{worker.address} has {differing}")
    home = Path(worker.local_directory, "home")  # with caches, for all calls as on a single machine
    home.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(
        prefix="project-", dir=worker.local_directory, ignore_cleanup_errors=True
    ) as name:
        folder = Path(name)
        zipfile.ZipFile(io.BytesIO(archive)).extractall(folder)
        (folder / "_build").mkdir()
        (folder / "_build/home").symlink_to(home)
        (folder / "task").write_bytes(task)
        with (
            (folder / "log").open("wb") as log,
            subprocess.Popen(
                [sys.executable, *ISOLATED, "-m", "reproduce.worker"],
                cwd=folder,
                stdin=subprocess.PIPE,  # its end is the worker's end
                stdout=log,
                stderr=log,
                start_new_session=True,
            ) as process,
        ):
            try:
                while process.poll() is None:
                    if not _is_wanted(worker, key):
                        raise Reschedule
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        process.wait(0.2)
            finally:
                if process.returncode is None:
                    os.killpg(process.pid, signal.SIGKILL)
        if process.returncode:
            *_, said = ["", *(folder / "log").read_text("utf-8", "replace").splitlines()]
            raise BrokenExecutor(
                f"its process on {worker.address} ended with status {process.returncode}: {said}"
            )
        written = io.BytesIO()
        with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as files:
            for path in folder.glob("_build/*/*.ipynb"):
                files.write(path, path.relative_to(folder / "_build"))
        return worker.address, (folder / "value").read_bytes(), written.getvalue()


def _is_wanted(worker: Any, key: Any) -> bool:
    """Whether a task was not cancelled and its worker is not about to end.

    A worker waits for its threads and has no other way to tell them.
    """
    from distributed import Status

    task = worker.state.tasks.get(key)
    ends = worker.status in (Status.closing, Status.closed, Status.failed)
    return not ends and task is not None and task.state != "cancelled"


def main() -> None:
    """Call the function that `call` has put into the working directory, and leave its value."""
    from reproduce.child import follow_runner
    from reproduce.project import Project

    folder = Path.cwd()
    follow_runner(str(folder))
    function, arguments = pickle.loads(Path("task").read_bytes())
    try:
        value = function(Project(folder), *arguments)
    except Exception as error:
        value = error
    Path("value").write_bytes(pickle.dumps(value))


if __name__ == "__main__":
    main()
