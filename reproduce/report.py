"""Write one page about a training run: ``make report RUN=folder``."""

import argparse
import html
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nbconvert import HTMLExporter
from tqdm import tqdm

from reproduce import findings, runs, trl, wording
from reproduce.alone import alone
from reproduce.command import reporting, run
from reproduce.execute import Failed, execute_template
from reproduce.options import at_least_0, level, whole
from reproduce.project import Project, ReproduceError, write_text

TEMPLATE = Path(__file__).with_suffix(".ipynb")
STYLE = Path(__file__).with_suffix(".css")

NO_TEXT = "No description has been provided for this image"
"""What nbconvert says of a figure."""

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Report: {title}</title>
<style>
{style}</style>
<main>
{body}
</main>
</html>
"""


@reporting
def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line in the project's root.

    Returns:
        The exit status: 0, or 1 with a message if there is no report.
    """
    options = _parser().parse_args(arguments)
    project = Project(Path.cwd(), Path.cwd() / "_build" / "report")
    folder = options.run.parent if options.run.name == "completions" else options.run
    found = trl.read_settings(folder) if options.library == "trl" and folder.is_dir() else {}
    setting = findings.setting(
        options.library,
        found,
        size=options.size,
        beta=options.beta,
        penalty=options.penalty,
        options=dict(options.set),
    )
    reused = not found or trl.reuses(found) > 1
    with tqdm(unit=" rows", unit_scale=True, leave=False, disable=None) as bar:
        counted = runs.read(
            options.run,
            setting.size,
            reward=options.reward,
            reused=reused,
            notes=trl.cautions(found),
            progress=bar.update,
        )
    with alone(project.build):
        counted.save(project.build / "run.npz")
        page = _page(project, options, setting, found)
    output = options.output or project.build / "report.html"
    write_text(output, page)
    print(wording.summary(findings.Findings(counted, setting, options.level)))
    print(f"Report: {output}")
    return 0


def _page(
    project: Project,
    options: argparse.Namespace,
    setting: findings.Setting,
    found: dict[str, Any],
) -> str:
    """Execute the template, and turn it into a page that needs no other file."""
    plain = {name: value for name, value in found.items() if name in wording.SHOWN}
    parameters = {
        "run": project.shown(project.build / "run.npz"),
        "title": options.run.resolve().name,
        "level": options.level,
        "found": plain,
        "setting": {**vars(setting), "options": dict(setting.options)},
    }
    result = execute_template(project, TEMPLATE, parameters)
    if isinstance(result, Failed):
        raise ReproduceError(result.error)
    exporter = HTMLExporter(template_name="basic", exclude_input=True, exclude_anchor_links=True)
    body, _ = exporter.from_notebook_node(result.notebook)
    for cell in result.notebook.cells:
        if "image" in cell.metadata:
            body = body.replace(NO_TEXT, html.escape(cell.metadata.image.alt), 1)
    title = html.escape(parameters["title"])
    return PAGE.format(title=title, style=STYLE.read_text("utf-8"), body=body)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="report",
        description="Read the log of a training run with rewards of 0 or 1, and write one page: "
        "success of each prompt, groups without a signal, and where exact updates lead.",
    )
    parser.add_argument(
        "run",
        type=Path,
        metavar="RUN",
        help="the folder that TRL wrote to, with log_completions=True; or a CSV file with the "
        "columns step, prompt and reward",
    )
    parser.add_argument(
        "--library",
        choices=sorted(findings.LIBRARIES),
        default="trl",
        help="the training library (default: %(default)s)",
    )
    own = "(default: what the run's own files say)"
    parser.add_argument("--size", type=whole(2), metavar="G", help=f"answers of a group {own}")
    parser.add_argument("--beta", type=at_least_0, metavar="B", help=f"weight of the penalty {own}")
    parser.add_argument(
        "--penalty",
        choices=("reverse", "forward"),
        help='the KL of the penalty; "forward" is the estimator k3 as a loss (default: what the '
        "run's own files say, or else reverse)",
    )
    parser.add_argument(
        "--set",
        type=_assignment,
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a setting of the library's function in grpo_lib.libraries, such as "
        "scale_rewards=none; may be given more than once",
    )
    parser.add_argument(
        "--reward", metavar="COLUMN", help="column of the rewards, if there are several"
    )
    parser.add_argument(
        "--level",
        type=level,
        default=0.99,
        metavar="P",
        help="level of each interval (default: %(default)g)",
    )
    parser.add_argument(
        "--output",
        type=Path,
        metavar="FILE",
        help="where the page goes (default: _build/report/report.html)",
    )
    return parser


def _assignment(text: str) -> tuple[str, str | bool]:
    name, sign, value = text.partition("=")
    if not (name and sign and value):
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form NAME=VALUE")
    return name, {"true": True, "false": False}.get(value.lower(), value)


if __name__ == "__main__":
    run(main)
