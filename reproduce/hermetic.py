"""Processes that see the project's own interpreter and none of the caller's settings."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from jupyter_client.provisioning.local_provisioner import LocalProvisioner

from reproduce import system

PASSED_ON = (
    "PATH",
    *("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "DYLD_FALLBACK_LIBRARY_PATH", "NIX_LD_LIBRARY_PATH"),
    *("TMPDIR", "TEMP", "TMP"),
)
"""What a process cannot do without: where programs, libraries and temporary files are."""

SETTINGS = {
    "LC_ALL": "C.UTF-8",
    "TZ": "UTC",
    "PYTHONUTF8": "1",
    "PYTHONHASHSEED": "0",
    "PYTHONNOUSERSITE": "1",
    # The kernels share the cores among themselves, so none of them may start threads of its own.
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "VECLIB_MAXIMUM_THREADS": "1",
    "PYDEVD_DISABLE_FILE_VALIDATION": "1",  # keeps the debugger's start-up warning off the terminal
}

# Where programs look for settings and keep caches, as folders of a home of our own.
FOLDERS = {
    "HOME": ".",
    "IPYTHONDIR": "ipython",
    "JUPYTER_CONFIG_DIR": "jupyter",
    "JUPYTER_DATA_DIR": "jupyter",
    "JUPYTER_RUNTIME_DIR": "jupyter",
    "MPLCONFIGDIR": "matplotlib",
    "XDG_CACHE_HOME": "cache",
    "XDG_CONFIG_HOME": "config",
}

SIGNAL_DELAY = 0.2
"""Seconds after which a wait of the main thread looks whether a signal has come.

Python handles signals in the main thread, and one that reaches another thread does not wake it up.
"""

SOCKET_PATH_LIMIT = 104
"""Longest path of a Unix socket, in bytes, its terminating zero included; Linux allows 108."""


def environment(home: Path, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Environment variables for a process that must not depend on who starts it.

    Args:
        home: folder that takes the place of the user's; it is made, and kept from run to run.
        extra: variables to set on top.
    """
    folders = {name: home / folder for name, folder in FOLDERS.items()}
    for folder in folders.values():
        folder.mkdir(parents=True, exist_ok=True)
    passed_on = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    own = {name: str(folder) for name, folder in folders.items()}
    return passed_on | SETTINGS | own | dict(extra or {})


def command(program: str, *arguments: str) -> list[str]:
    """The command of a program of `child`, in this interpreter."""
    return [sys.executable, str(Path(__file__).with_name("child.py")), program, *arguments]


def run(command: Sequence[str], environment: Mapping[str, str], folder: Path) -> tuple[int, str]:
    """Run a command of `child` in a folder; nothing it starts outlives this call, or the runner.

    Returns:
        The exit status, and what it wrote on standard output and standard error.
    """
    with (
        subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
        ) as process,
        ThreadPoolExecutor(1) as pool,
    ):
        try:
            assert process.stdout  # a pipe
            output = pool.submit(process.stdout.read)
            while not output.done():
                wait([output], timeout=SIGNAL_DELAY)
            return process.wait(), output.result()
        finally:
            kill_group(process)


def kill_group(process: subprocess.Popen[Any]) -> None:
    """Kill a process that leads a group, and all of its group, if any are left."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


class KernelManager(AsyncKernelManager):
    """Starts kernels of this interpreter, whatever kernels are installed.

    They are spoken to through files, so a machine without a network will do, and no other program
    can take a port in between.
    """

    def __init__(self, environment: Mapping[str, str], data: Sequence[str], **options: Any) -> None:
        """Prepare for a kernel.

        Args:
            environment: its environment variables.
            data: files of the project that it may read besides the package, from the root.
            options: those of an `AsyncKernelManager`.
        """
        self.environment = environment
        self.data = list(data)
        self.process: subprocess.Popen[bytes] | None = None
        self._sockets = tempfile.TemporaryDirectory(prefix="kernel-", dir=_socket_parent())
        connection = f"{self._sockets.name}/k.json"
        super().__init__(transport="ipc", connection_file=connection, **options)

    @property
    def kernel_spec(self) -> KernelSpec:
        """How a kernel is started."""
        return KernelSpec(
            argv=command(
                *("kernel", self._sockets.name, json.dumps(self.data)),
                *("-f", "{connection_file}"),
            ),
            display_name="Python 3",
            language="python",
            metadata={"kernel_provisioner": {"provisioner_name": "local-provisioner"}},
        )

    # Its types make the one of the base class synchronous.
    async def start_kernel(self, **options: Any) -> None:  # type: ignore[override]
        """Start a kernel that `child` ends with this process."""
        await super().start_kernel(env=dict(self.environment), stdin=subprocess.PIPE, **options)
        assert isinstance(self.provisioner, LocalProvisioner)  # as its specification says
        self.process = self.provisioner.process

    def how_it_ended(self) -> str:
        """Say how a kernel that died by itself ended, and what to do if that can be told."""
        assert self.process  # it was there to die
        status = self.process.wait()
        if status == -signal.SIGKILL:
            return f"killed, most likely because {system.OUT_OF_MEMORY}"
        if status < 0:
            return f"by the signal {-status}, {signal.strsignal(-status)}"
        return f"with the exit status {status}"

    def kill(self) -> None:
        """Kill the kernel and all that it has started."""
        if self.process:
            kill_group(self.process)

    def close(self) -> None:
        """Leave neither a process nor a file behind."""
        if self.process:
            self.kill()
            self.process.wait()
            assert self.process.stdin  # a pipe
            self.process.stdin.close()
        self._sockets.cleanup()


def _socket_parent() -> str:
    folder = tempfile.gettempdir()
    name = f"{folder}/kernel-12345678/k-ipc-5"
    return folder if len(os.fsencode(name)) < SOCKET_PATH_LIMIT else "/tmp"
