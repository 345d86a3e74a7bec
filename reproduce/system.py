"""What the operating system refuses, as one message with the path and the cure."""

import errno
import os
from pathlib import Path

FULL = tuple(os.strerror(code) for code in (errno.ENOSPC, errno.EDQUOT))
FULL_MESSAGE = (
    "the disk is full, or your share of it: make room and run this again. "
    "The book built before is kept as it is."
)

NO_ACCESS = "give yourself the right to read and write here, or work in a copy of the checkout"
FILE_IN_THE_WAY = "a folder belongs here: move away what is in its place"
TOO_MUCH_AT_ONCE = "do less at a time, such as with --jobs 1"
OUT_OF_MEMORY = f"memory ran out: {TOO_MUCH_AT_ONCE}"
CURES: dict[int | None, str] = {
    errno.EACCES: NO_ACCESS,
    errno.EPERM: NO_ACCESS,
    errno.EROFS: NO_ACCESS,
    errno.EEXIST: FILE_IN_THE_WAY,
    errno.ENOTDIR: FILE_IN_THE_WAY,
    errno.EISDIR: "a file belongs here: move the folder away",
    errno.ENOTEMPTY: "something else writes here: let it end first",
    errno.ENOENT: "put it back, or let what removed it end first",
    errno.ENAMETOOLONG: "move the checkout to a folder with a shorter name",
    errno.EMFILE: TOO_MUCH_AT_ONCE,
    errno.ENFILE: TOO_MUCH_AT_ONCE,
    errno.EAGAIN: TOO_MUCH_AT_ONCE,
    errno.ENOMEM: TOO_MUCH_AT_ONCE,
}


def is_full(report: object) -> bool:
    """Say whether an error, or the log of another program, reports a full disk.

    The text is what counts: Sphinx passes on the words, but not the number.
    """
    return any(words in str(report) for words in FULL)


def message(error: OSError) -> str:
    """Say what was refused, where, and what to do about it."""
    if is_full(error):
        return FULL_MESSAGE
    # Of a file that is renamed, the new name is the place that did not take it.
    path = error.filename2 or error.filename
    parts = [str(_in_the_way(Path(os.fsdecode(path))))] if isinstance(path, str | bytes) else []
    parts.append(error.strerror or str(error))
    if cure := CURES.get(error.errno):
        parts.append(cure)
    return ": ".join(parts)


def _in_the_way(path: Path) -> Path:
    """The file on the way to a path, where a folder should be; the path itself if there is none."""
    return next((parent for parent in path.parents if parent.is_file()), path)
