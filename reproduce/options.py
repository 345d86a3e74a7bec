"""Command-line options: those that several commands share, and the values they take."""

import argparse
import math
import os
from collections.abc import Callable

LEAST_SCALE = 0.1
"""The smallest samples of the notebooks have 40 draws; with fewer than 4 some checks have none."""


def add_execution_options(parser: argparse.ArgumentParser, part: str) -> None:
    """Add the options of a command that executes notebooks: how many, where and how long.

    Args:
        parser: the command's parser.
        part: what the time-out is for, such as ``each notebook``.
    """
    parser.add_argument(
        "--jobs",
        type=whole(1),
        default=os.cpu_count() or 1,
        metavar="N",
        help="notebooks to run at a time (default: the number of cores, %(default)s)",
    )
    parser.add_argument(
        "--timeout",
        type=positive,
        default=300,
        metavar="SECONDS",
        help=f"time that {part} may take (default: %(default)g)",
    )
    parser.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help="run on the workers of the Dask cluster with this scheduler, such as "
        "tcp://10.0.0.1:8786 (default: on this machine)",
    )


def whole(least: int) -> Callable[[str], int]:
    """Make a parser of whole numbers of at least ``least``."""

    def parse(text: str) -> int:
        if not text.isdecimal() or int(text) < least:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least {least}")
        return int(text)

    return parse


def positive(text: str) -> float:
    """Parse a number above 0."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return int(value) if value.is_integer() else value


def at_least_0(text: str) -> float:
    """Parse a number of at least 0."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of at least 0")
    return value


def level(text: str) -> float:
    """Parse the level of an interval."""
    value = positive(text)
    if value >= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number between 0 and 1")
    return value


def scale(text: str) -> float:
    """Parse a factor for the number of random checks."""
    value = positive(text)
    if value < LEAST_SCALE:
        reason = f"is below {LEAST_SCALE}, where some checks would be left without a sample"
        raise argparse.ArgumentTypeError(f"{text!r} {reason}")
    return value
