"""What a kernel, and the builder of the site, start with: a script that `hermetic` runs.

It imports nothing of this package, because a kernel works with what the project's tree brings.
"""

import os
import shutil
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from typing import Any

PACKAGES = ("grpo-lib", "numpy", "scipy", "sympy", "python-flint", "papermill", "jupyter-book")
"""What the results and the book rest on."""


PRINTED_AT_MOST = 1_000_000
"""Characters that a notebook may print; the longest of the book prints a few thousand."""


def main(program: str, *arguments: str) -> None:
    """Run one of the two programs with these arguments of its own."""
    sys.argv[1:] = arguments
    {"kernel": run_kernel, "jupyter-book": build_book}[program]()


def follow_runner(*folders: str) -> None:
    """End when the runner ends, however it does, and with all that was started from here.

    The runner holds the other end of standard input and never writes to it: the end of that file
    is the runner's end.

    Args:
        folders: what the runner can no longer remove.
    """
    runner = os.dup(0)
    with open(os.devnull) as nothing:
        os.dup2(nothing.fileno(), 0)  # what a cell starts must not wait for input

    def wait() -> None:
        os.read(runner, 1)
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)
        os.killpg(0, signal.SIGKILL)

    threading.Thread(target=wait, daemon=True).start()


def run_kernel() -> None:
    """Run an IPython kernel that reads no configuration and no start-up files.

    It describes its environment in the part of the protocol that tells about the language. Its
    first arguments are the folder of its sockets, and the list of data files that the notebook may
    read, in JSON.
    """
    import json
    import logging

    from ipykernel.ipkernel import IPythonKernel
    from ipykernel.kernelapp import IPKernelApp

    class Kernel(IPythonKernel):
        language_info = IPythonKernel.language_info | {"environment": describe_environment()}

    class KernelApp(IPKernelApp):
        def init_io(self) -> None:
            super().init_io()
            sys.stdout.write = bounded(sys.stdout.write)  # type: ignore[method-assign]
            sys.stderr.write = bounded(sys.stderr.write)  # type: ignore[method-assign]

        def load_config_file(self, *_: object, **__: object) -> None:
            """Read none, be it of the system, of the environment or in the working directory."""

        def _run_startup_files(self) -> None:
            """Run none."""

    # Said once on a slow machine, by the first kernel that draws; it would stand in the book.
    logging.getLogger("matplotlib.font_manager").addFilter(
        lambda record: "font cache" not in record.getMessage()
    )
    follow_runner(sys.argv.pop(1))
    refuse_to_read_more_than(json.loads(sys.argv.pop(1)))
    KernelApp.launch_instance(kernel_class=Kernel)


def bounded(write: Callable[[str], object]) -> Callable[[str], object]:
    """Make a stream's ``write`` end the cell that prints more than a page can take."""
    left = PRINTED_AT_MOST

    def write_if_left(text: str) -> object:
        nonlocal left
        left -= len(text)
        if left < 0:
            raise RuntimeError(f"a notebook may print at most {PRINTED_AT_MOST:,} characters")
        return write(text)

    return write_if_left


def refuse_to_read_more_than(data: Sequence[str]) -> None:
    """Refuse to open a file of the project whose change would go unnoticed when results are reused.

    Args:
        data: the files that the notebook declares, from the project's root, which is the working
            directory. A folder stands for all that is in it.
    """
    root = os.path.join(os.getcwd(), "")
    known = {os.path.abspath(name) for name in ("requirements.lock", *data)}
    open_to_all = ("grpo_lib", "_build", *data)
    folders = (*(os.path.join(root + name, "") for name in open_to_all), sys.prefix)

    def refuse(event: str, arguments: tuple[Any, ...]) -> None:
        if event != "open" or not isinstance(arguments[0], str):
            return
        path, mode, flags = arguments
        path = os.path.abspath(path)
        own = path.startswith(root) and not path.startswith(folders) and path not in known
        writes = flags & os.O_WRONLY or set(mode or "") & set("wax")
        if own and not writes and os.path.isfile(path):
            raise RuntimeError(
                f"{path.removeprefix(root)} is read, but not declared: list it in this notebook's "
                'metadata, as {"reproduce": {"data": ["FILE", ...]}}'
            )

    sys.addaudithook(refuse)


def describe_environment() -> dict[str, Any]:
    """Describe this interpreter and what its numbers depend on, as ``ledger.schema.json`` says."""
    import platform
    from importlib.metadata import PackageNotFoundError, version

    import numpy as np

    versions = {}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:  # grpo_lib may be used from the tree without being installed
            continue
    built = np.show_config(mode="dicts")
    blas, simd = built["Build Dependencies"]["blas"], built["SIMD Extensions"]
    return {
        "python": platform.python_version(),
        "prefix": sys.prefix,
        "platform": f"{platform.system()} {platform.machine()}",
        "processor_features": [*simd.get("baseline", ()), *simd.get("found", ())],
        "blas": f"{blas['name']} {blas['version']}",
        "packages": versions,
    }


def build_book() -> None:
    """Run jupyter-book, whose console script need not be on the PATH."""
    from pathlib import Path

    follow_runner()
    # The book's extension is in this package, which is not installed.
    sys.path.append(str(Path(__file__).parents[1]))
    import reproduce  # noqa: F401, I001
    from jupyter_book.cli.main import main

    main()


if __name__ == "__main__":
    del sys.path[0]  # the folder of this script
    main(*sys.argv[1:])
