"""A full disk, told apart from all other faults."""

import errno
import os

REPORTS = tuple(os.strerror(code) for code in (errno.ENOSPC, errno.EDQUOT))

MESSAGE = (
    "the disk is full, or your share of it: make room and run this again. "
    "The book built before is kept as it is."
)


def is_full(report: object) -> bool:
    """Say whether an error, or the log of another program, reports a full disk.

    The text is what counts: `shutil.copytree` and Sphinx pass on the words, but not the number.
    """
    return any(words in str(report) for words in REPORTS)
