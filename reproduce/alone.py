"""One at a time in a checkout: ``python alone.py COMMAND ...`` waits for the others, then runs it.

It has to work before anything is installed, and without this package.
"""

import contextlib
import fcntl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def alone(build: Path) -> Iterator[None]:
    """Hold a folder for this process; wait, and say so, while another one holds it.

    The system lets go of it when the process ends, however it ends.

    Args:
        build: the folder; it is made if it does not exist.
    """
    build.mkdir(parents=True, exist_ok=True)
    with (build / "lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"Waiting for another run that works in {build} ...", flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        except OSError:
            pass  # a file system without locks: better to run than not
        yield


if __name__ == "__main__":
    with alone(Path("_build")):
        sys.exit(subprocess.run(sys.argv[1:]).returncode)
