"""Run every notebook as other processors round, and table the worst errors.

``python -m reproduce.rounding`` stands in for the machines that are not at hand. In some runs each
elementary function errs at random by some units in the last place. In one more, NumPy, the linear
algebra and the C library use the plainest instructions they have, and SymPy computes with Python's
own integers.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

# Not public, but without another way to ask: which instructions NumPy chooses among.
from numpy._core._multiarray_umath import __cpu_dispatch__, __cpu_features__

from reproduce.command import reporting, run
from reproduce.ledger import Ledger
from reproduce.options import add_execution_options, whole
from reproduce.project import Project
from reproduce.variations import Kernels, Setting, as_table, read_table, write_worst

UNITS = (1, 4)
"""Largest errors of an elementary function, in units in the last place."""

PLAIN_INSTRUCTIONS = {
    "NPY_DISABLE_CPU_FEATURES": " ".join(f for f in __cpu_dispatch__ if __cpu_features__[f]),
    "OPENBLAS_CORETYPE": "Nehalem",  # of 2008; a processor of another kind ignores it
    "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX2,-FMA,-FMA4,-AVX512F",
    "SYMPY_GROUND_TYPES": "python",
}


def perturbed(seed: int, units: int) -> Setting:
    """Let elementary functions err by up to `units` units in the last place."""
    # The program itself, not an import of it: a kernel sees nothing of this package, and what it
    # runs is part of the key under which its results are kept.
    program = Path(__file__).with_name("perturbation.py").read_text("utf-8")
    code = (
        "import types\n"
        "if 'perturbation' not in globals():  # settings share a kernel\n"
        "    perturbation = types.ModuleType('perturbation')\n"
        f"    exec({program!r}, vars(perturbation))\n"
        f"perturbation.start(seed={seed}, units={units})"
    )
    plural = "unit" if units == 1 else "units"
    return Setting(f"{units} {plural}, seed {seed}", first=code)


def settings(seeds: int) -> list[Kernels]:
    """All settings, with this many seeds for each size of error."""
    shifted = [perturbed(seed, units) for units in UNITS for seed in range(1, seeds + 1)]
    plain = Setting("plain instructions")
    return [
        Kernels("rounding/perturbed", tuple(shifted)),
        Kernels("rounding/plain", (plain,), PLAIN_INSTRUCTIONS),
    ]


@reporting
def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line in the project's root.

    Returns:
        The exit status: 0 if every notebook passed under every setting, 1 if not, and 130 if
        interrupted.
    """
    options = _parser().parse_args(arguments)
    project = Project(Path.cwd())
    write_worst(
        project,
        settings(options.seeds),
        None if options.check else table_path(project),
        jobs=options.jobs,
        timeout=options.timeout,
        scheduler=options.scheduler,
    )
    return 0


def table_path(project: Project) -> Path:
    """Where the table is kept, as part of the book's sources."""
    return project.book / "rounding.csv"


def parts(project: Project, ledger: Ledger) -> dict[str, str]:
    """Write the generated part of the page on rounding, by the name of its marker, in MyST."""
    path = table_path(project)
    return {"rounding": as_table(read_table(path), ledger)} if path.exists() else {}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="reproduce.rounding",
        description="Execute every notebook as other processors would round, and write the errors "
        "that came closest to their bounds to book/rounding.csv. What is done already, and has "
        "not changed since, is not done again.",
    )
    parser.add_argument(
        "--seeds",
        type=whole(1),
        default=3,
        metavar="N",
        help="try the seeds 1 to N for errors of up to 1 and up to 4 units (default: %(default)s)",
    )
    parser.add_argument(
        "--check", action="store_true", help="leave the table as it is and only check the bounds"
    )
    add_execution_options(parser, "each notebook, under one setting,")
    return parser


if __name__ == "__main__":
    run(main)
