"""Stage the book's pages with the executed notebooks and build the site from them."""

import copy
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nbformat
import yaml
from nbformat import NotebookNode
from papermill.exceptions import strip_color

from grpo_lib.ledger import MIME_TYPE
from reproduce import contents, scorecard, sweep
from reproduce.execute import Result
from reproduce.ledger import SCHEMA_PATH
from reproduce.project import Project, ReproduceError, read_yaml, write_text

MARKER = re.compile(r"^<!-- generated: (.*?) -->$", re.MULTILINE)

# The console script of jupyter-book need not be on the PATH, and it has no `python -m` form.
JUPYTER_BOOK = (sys.executable, "-c", "from jupyter_book.cli.main import main; main()")

HOSTS = ("github", "gitlab", "bitbucket")
"""Where a repository must be for the theme to know its buttons."""


def publish(project: Project, results: Sequence[Result], ledger: dict[str, Any]) -> None:
    """Stage the book, build it unless nothing has changed, and add the ledger to it.

    Args:
        project: the project, with its ledger written.
        results: the executed notebooks.
        ledger: what they show.

    Raises:
        ReproduceError: a page has an unknown marker, or the build gave a warning or an error. The
            book built before is still there.
    """
    stage(project, results, ledger)
    stamp = project.build / "html.stamp"
    staged = [path for path in project.stage.rglob("*") if path.is_file()]
    fingerprint = project.fingerprint([*staged, *project.source_files()])
    built = project.html.exists() and stamp.exists() and stamp.read_text("utf-8") == fingerprint
    if not built:
        print("Building the book ...")
        book = _build(project)
        stamp.unlink(missing_ok=True)
        _replace(project.html, book)
        write_text(stamp, fingerprint)
    for path in (project.ledger, SCHEMA_PATH):
        write_text(project.html / path.name, path.read_text("utf-8"))


def stage(project: Project, results: Sequence[Result], ledger: dict[str, Any]) -> None:
    """Lay out in ``_build/stage`` what the site is built from, in the layout of the repository."""
    parts = generated_parts(project, ledger)
    shutil.rmtree(project.stage, ignore_errors=True)
    shutil.copytree(project.book, project.stage / "book")
    for page in project.stage.glob("book/**/*.md"):
        text = page.read_text("utf-8")
        name = page.relative_to(project.stage).as_posix()
        page.write_text(fill(text, parts, name), "utf-8")
    for result in results:
        page = project.stage / "notebooks" / f"{result.name}.ipynb"
        write_text(page, nbformat.writes(_as_page(result, ledger)))
    shutil.copy(project.toc, project.stage)
    config = yaml.safe_dump(_config(project), sort_keys=False, allow_unicode=True)
    write_text(project.stage / project.config.name, config)


def generated_parts(project: Project, ledger: dict[str, Any]) -> dict[str, str]:
    """Write the generated parts of the book's pages, by the name of their marker, in MyST."""
    return scorecard.parts(ledger) | contents.parts(ledger) | sweep.parts(project, ledger)


def fill(text: str, parts: dict[str, str], page: str) -> str:
    """Replace the lines ``<!-- generated: NAME -->`` of a page by the parts of these names.

    Raises:
        ReproduceError: there is no part of this name.
    """

    def part(marker: re.Match[str]) -> str:
        if marker[1] not in parts:
            known = ", ".join(sorted(parts))
            raise ReproduceError(f"{page}: nothing generates {marker[1]!r}; known are {known}")
        return parts[marker[1]]

    return MARKER.sub(part, text)


def _as_page(result: Result, ledger: dict[str, Any]) -> NotebookNode:
    page = copy.deepcopy(result.notebook)
    del page.metadata["reproduce"]
    links = nbformat.v4.new_markdown_cell(
        contents.chapter_links(ledger, result.name), id="chapter-links"
    )
    page.cells.insert(1, links)  # below the title
    for cell in page.cells:
        for output in cell.get("outputs", []):
            output.get("data", {}).pop(MIME_TYPE, None)  # the page shows the table made from it
    return page


def _config(project: Project) -> dict[str, Any]:
    config = read_yaml(project.config)
    if url := os.environ.get("BOOK_REPOSITORY_URL"):
        if not any(host in url.lower() for host in HOSTS):
            raise ReproduceError(f"BOOK_REPOSITORY_URL must be on {', '.join(HOSTS)}, got {url}")
        branch = os.environ.get("BOOK_REPOSITORY_BRANCH") or "main"
        buttons = ("use_repository_button", "use_edit_page_button", "use_issues_button")
        config.setdefault("repository", {}).update(url=url, branch=branch)
        config.setdefault("html", {}).update(dict.fromkeys(buttons, True))
        config.setdefault("launch_buttons", {}).update(
            notebook_interface="jupyterlab", binderhub_url="https://mybinder.org"
        )
    return config


def _build(project: Project) -> Path:
    scratch = project.build / "scratch"
    shutil.rmtree(scratch, ignore_errors=True)  # with old doctrees, -W would miss old warnings
    options = ["-W", "-n", "--keep-going", "--path-output", str(scratch)]
    # The root as working directory makes the API page document the grpo_lib of this tree.
    build = subprocess.run(
        [*JUPYTER_BOOK, "build", str(project.stage), *options],
        cwd=project.root,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    log = project.build / "site.log"
    output = strip_color(build.stdout)
    write_text(log, output)
    if build.returncode != 0:
        told = [line for line in output.splitlines() if re.search(r"WARNING|ERROR|rror:", line)]
        raise ReproduceError("\n".join([f"the site was not built, see {log}", *told]))
    return scratch / "_build" / "html"


def _replace(old: Path, new: Path) -> None:
    aside = old.with_name("html.old")
    shutil.rmtree(aside, ignore_errors=True)
    if old.exists():
        old.rename(aside)
    new.rename(old)
    shutil.rmtree(aside, ignore_errors=True)
