"""What the commands of this package share: streams that cannot fail, and messages for faults."""

import contextlib
import functools
import io
import os
import signal
import sys
from collections.abc import Callable, Iterator
from typing import NoReturn, ParamSpec, TextIO

from reproduce import system
from reproduce.project import ReproduceError

P = ParamSpec("P")


def reporting(main: Callable[P, int]) -> Callable[P, int]:
    """Make a command's ``main`` turn whatever people can mend into a message and a status.

    Returns:
        The same function; its exit status is 1 after such a fault, and 130 if it was interrupted.
    """

    @functools.wraps(main)
    def reported(*arguments: P.args, **options: P.kwargs) -> int:
        try:
            return main(*arguments, **options)
        except ReproduceError as error:
            print(f"error: {error}", file=sys.stderr)
        except OSError as error:
            print(f"error: {system.message(error)}", file=sys.stderr)
        except MemoryError:
            print(f"error: {system.OUT_OF_MEMORY}", file=sys.stderr)
        except KeyboardInterrupt:
            print("interrupted", file=sys.stderr)
            return 130
        return 1

    return reported


def run(main: Callable[[], int]) -> NoReturn:
    """Run a command as this process, and end the process with its exit status."""
    _open_closed_streams()
    sys.stdout = Output(1, sys.stdout)
    sys.stderr = Output(2, sys.stderr)
    # A run that is told to end must end its kernels, too.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(main())


class Output(io.TextIOWrapper):
    """Standard output or standard error that never stops a run.

    What its encoding cannot express is written as an escape. What can no longer be written, because
    its reader has gone or the disk is full, is dropped.
    """

    def __init__(self, descriptor: int, replaced: TextIO | None) -> None:
        """Take the place of the stream with this descriptor; None if it was closed."""
        super().__init__(
            open(descriptor, "wb", closefd=False),  # noqa: SIM115
            encoding=replaced.encoding if replaced else "utf-8",
            errors="backslashreplace",
            line_buffering=True,  # keeps its lines before later errors in a log
        )

    def write(self, text: str) -> int:
        """Write a text, or drop it."""
        with self._dropping():
            super().write(text)
        return len(text)

    def flush(self) -> None:
        """Write what is left, or drop it."""
        with self._dropping():
            super().flush()

    @contextlib.contextmanager
    def _dropping(self) -> Iterator[None]:
        try:
            yield
        except OSError:
            with open(os.devnull, "wb") as nowhere:
                os.dup2(nowhere.fileno(), self.fileno())


def _open_closed_streams() -> None:
    """Let no file that is opened later take the place of a standard stream that was closed."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(descriptor, True)
    os.close(descriptor)
