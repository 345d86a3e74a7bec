"""One at a time in a checkout: ``python alone.py COMMAND ...`` waits for the others, then runs it.

It has to work before anything is installed, and without this package.
"""

import contextlib
import fcntl
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO


@contextlib.contextmanager
def alone(build: Path) -> Iterator[IO[str]]:
    """Hold a folder for this process; wait, and say so, while another one holds it.

    The system lets go of it when the process ends, however it ends.

    Args:
        build: the folder; it is made if it does not exist.

    Yields:
        The open file that stands for holding it.
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
        yield lock


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # interrupted, it just ends
    with alone(Path("_build")) as lock:
        os.set_inheritable(lock.fileno(), True)  # the command takes over what is held
        os.execvp(sys.argv[1], sys.argv[1:])
