"""Run every notebook for many seeds and table the worst errors: ``python -m reproduce.sweep``."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from reproduce.command import reporting, run
from reproduce.ledger import Ledger
from reproduce.options import add_execution_options, whole
from reproduce.project import Project
from reproduce.variations import Kernels, Setting, as_table, read_table, write_worst


def seeds(last: int) -> Kernels:
    """The seeds from 0 to the last one."""
    settings = [Setting(f"seed {seed}", parameters=f"seed = {seed}") for seed in range(last + 1)]
    return Kernels("sweep", tuple(settings))


@reporting
def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line in the project's root.

    Returns:
        The exit status: 0 if every notebook passed for every seed, 1 if not, 130 if interrupted.
    """
    options = _parser().parse_args(arguments)
    project = Project(Path.cwd())
    write_worst(
        project,
        [seeds(options.seeds)],
        table_path(project),
        jobs=options.jobs,
        timeout=options.timeout,
        scheduler=options.scheduler,
    )
    return 0


def table_path(project: Project) -> Path:
    """Where the table is kept, as part of the book's sources."""
    return project.book / "seeds.csv"


def parts(project: Project, ledger: Ledger) -> dict[str, str]:
    """Write the generated part of the page on seeds, by the name of its marker, in MyST."""
    path = table_path(project)
    return {"seeds": as_table(read_table(path), ledger)} if path.exists() else {}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="reproduce.sweep",
        description="Execute every notebook for its own seed 0 and for others, and write the worst "
        "errors and the thinnest rejections over all of them to book/seeds.csv. What is done "
        "already, and has not changed since, is not done again.",
    )
    parser.add_argument(
        "--seeds",
        type=whole(1),
        default=20,
        metavar="N",
        help="try the seeds 1 to N besides 0 (default: %(default)s)",
    )
    add_execution_options(parser, "each notebook, with one seed,")
    return parser


if __name__ == "__main__":
    run(main)
