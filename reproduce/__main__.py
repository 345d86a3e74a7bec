"""Execute the notebooks, write the ledger, build the book."""

import argparse
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from reproduce import formal, scorecard, site
from reproduce.alone import alone
from reproduce.command import reporting, run
from reproduce.evidence import collect
from reproduce.execute import Executed, execute
from reproduce.ledger import build_ledger, describe_run, write_ledger
from reproduce.options import LEAST_SCALE, add_execution_options, scale, whole
from reproduce.project import Project, ReproduceError
from reproduce.register import load_register, placement_faults


@reporting
def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line in the project's root.

    Returns:
        The exit status: 0 if every claim with a notebook passed, 1 if not, 130 if interrupted.
    """
    options = _parser().parse_args(arguments)
    project = Project(Path.cwd())
    with alone(project.build):
        return _run(project, options)


def _run(project: Project, options: argparse.Namespace) -> int:
    started = datetime.now(UTC)
    items = load_register(project)
    names = project.notebook_names()
    if unknown := sorted(set(options.only or ()) - set(names)):
        known = ", ".join(names)
        raise ReproduceError(f"--only: no notebook named {', '.join(unknown)}; there are {known}")
    chosen = options.only or names
    parameters = {"seed": options.seed, "scale": options.scale}
    parameters = {name: value for name, value in parameters.items() if value is not None}

    # Before the notebooks: both use all cores. A look at some notebooks does without.
    proofs = formal.load_proofs(project, items)
    checked = None if options.only else formal.check(project, proofs, jobs=options.jobs)

    results = execute(
        project,
        [name for name in names if name in chosen],
        parameters=parameters,
        jobs=options.jobs,
        timeout=options.timeout,
        fresh=options.fresh,
        scheduler=options.scheduler,
    )
    evidence, faults = collect(results, items)
    faults += placement_faults(project, items)
    proved, unproved = formal.evidence(project, proofs, checked, items)
    faults += unproved
    if options.only:
        faults = [fault for fault in faults if fault.notebook in chosen]
        items = [item for item in items if not set(chosen).isdisjoint(item.notebooks)]
    coq = checked.version if checked else None
    description = describe_run(started, options.jobs, parameters, results, coq)
    ledger = build_ledger(items, results, evidence, faults, description, proved)

    print(f"\n{scorecard.as_text(ledger)}\n")
    if not options.only:
        write_ledger(project, ledger)
    if faults:
        for fault in faults:
            print(f"error: {fault.message}", file=sys.stderr)
        print("The book was not rebuilt; one built before is kept as it is.", file=sys.stderr)
        return 1
    if options.only:
        print("Only these were checked: the ledger and the book are kept as they are.")
        return 0
    executed = [result for result in results if isinstance(result, Executed)]  # all of them
    site.publish(project, executed, ledger)
    print(f"Ledger: {project.ledger}\nBook:   {project.html / 'index.html'}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="reproduce",
        description="Execute the notebooks that have changed, print the scorecard of the claims, "
        "write _build/ledger.json and build the book in _build/html.",
    )
    parser.add_argument(
        "--only",
        nargs="+",
        metavar="NAME",
        type=lambda text: Path(text).stem,
        help="check these notebooks only, and leave the ledger and the book as they are",
    )
    parser.add_argument(
        "--seed",
        type=whole(0),
        metavar="N",
        help="seed of all random checks (default: each notebook's own)",
    )
    parser.add_argument(
        "--scale",
        type=scale,
        metavar="X",
        help=f"multiply the number of random checks by this, {LEAST_SCALE} or more "
        "(default: each notebook's own)",
    )
    parser.add_argument("--fresh", action="store_true", help="execute unchanged notebooks, too")
    add_execution_options(parser, "each notebook")
    return parser


if __name__ == "__main__":
    run(main)
