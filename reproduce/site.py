"""Stage the book's pages with the executed notebooks and build the site from them."""

import html
import json
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import nbformat
import yaml
from nbformat import NotebookNode
from papermill.exceptions import strip_color

from reproduce import (
    contents,
    downloads,
    figures,
    hermetic,
    in_page,
    mutants,
    rounding,
    scorecard,
    statements,
    sweep,
    system,
)
from reproduce.chapter import as_page
from reproduce.execute import Executed
from reproduce.ledger import Ledger, Row
from reproduce.markup import card_anchor, claim_address
from reproduce.project import (
    Project,
    ReproduceError,
    read_text,
    read_yaml,
    remove,
    write_text,
    written_files,
)
from reproduce.repository import Repository, find_repository
from reproduce.schema import SCHEMA, SCHEMA_NAME

MARKER = re.compile(r"^<!-- generated: (.*?) -->$", re.MULTILINE)

HOSTS = ("github", "gitlab", "bitbucket")
"""Where a repository must be for the theme to know its buttons."""

BADGE = "badge.json"


def publish(project: Project, results: Sequence[Executed], ledger: Ledger) -> None:
    """Stage the book, build it unless nothing has changed, and add ledger and badge.

    Args:
        project: the project, with its ledger written.
        results: the executed notebooks.
        ledger: what they show.

    Raises:
        ReproduceError: a page has an unknown marker, or the build gave a warning or an error. The
            book built before is still there.
    """
    _restore(project.html)
    coq = str(ledger.run.get("coq"))
    repository = find_repository(project.root)
    about = [coq, repr(repository), in_page.distribution()]
    sources = " ".join([project.fingerprint(_sources(project)), *about])
    built = _stamped(project) == _state(project, sources)
    if built:
        book = project.html
    else:
        stage(project, results, ledger, repository)
        print("Building the book ...")
        book = _build(project)
    write_text(book / project.ledger.name, project.ledger.read_text("utf-8"))
    write_text(book / SCHEMA_NAME, json.dumps(SCHEMA, indent=2, ensure_ascii=False) + "\n")
    write_text(book / BADGE, json.dumps(scorecard.badge(ledger)) + "\n")
    if not built:  # nothing is missing in the new book when it takes the place of the old one
        downloads.add_downloads(project, repository, results, book)
        remove(_stamp(project))
        _replace(project.html, book)
        write_text(_stamp(project), _state(project, sources))


def _stamp(project: Project) -> Path:
    return project.build / "html.stamp"


def _stamped(project: Project) -> str | None:
    """The state that the book was in when it was built; None if that is not known."""
    stamp = _stamp(project)
    return stamp.read_text("utf-8", "replace") if stamp.is_file() else None


def _state(project: Project, sources: str) -> str:
    """What the book is made from, and what became of it: what every run writes anew left out."""
    renewed = {project.html / name for name in (project.ledger.name, SCHEMA_NAME, BADGE)}
    files = [path for path in project.html.rglob("*") if path.is_file() and path not in renewed]
    return f"{sources} {project.fingerprint(files)}"


def _sources(project: Project) -> list[Path]:
    """Everything that the book is made from: pages, notebooks, what they gave, and the programs."""
    own = written_files(project.root / "reproduce")
    files = [project.config, project.toc, project.claims, *project.source_files()]
    files += downloads.wheel_files(project)
    return [
        *files,
        *written_files(project.book),
        *written_files(project.root / "formal"),
        *project.notebook_files(),
        *written_files(project.executed, "*.ipynb"),
        *(path for path in own if path.suffix == ".py"),
    ]


def stage(
    project: Project, results: Sequence[Executed], ledger: Ledger, repository: Repository
) -> None:
    """Lay out in ``_build/stage`` what the site is built from, in the layout of the repository."""
    # Bokeh takes a second to import. A book that is up to date does without.
    from reproduce import answers, explorer, live

    drawn = figures.collect(results)
    parts = scorecard.parts(ledger) | contents.parts(ledger, project.captions())
    parts |= sweep.parts(project, ledger)
    parts |= rounding.parts(project, ledger) | mutants.parts(project)
    parts |= statements.parts(project, ledger)
    parts |= figures.parts(drawn) | explorer.parts() | answers.parts()
    remove(project.stage)
    for path in written_files(project.book):
        page = project.stage / path.relative_to(project.root)
        page.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".md":
            name = path.relative_to(project.root).as_posix()
            page.write_text(fill(read_text(path), parts, name), "utf-8")
        else:
            shutil.copyfile(path, page)
    figures.write(drawn, project.stage / "book")
    explorer.add_library(project.stage / "book")
    proved = statements.blocks(project, ledger)
    for result in results:
        page = project.stage / "notebooks" / f"{result.name}.ipynb"
        run = downloads.offer(project, repository, result.name, list(result.data))
        run += in_page.offer(project, result)
        chapter = live.with_pictures(_page(result, ledger, proved, run), f"{result.name}.ipynb")
        write_text(page, nbformat.writes(chapter))
    shutil.copy(project.toc, project.stage)
    config = yaml.safe_dump(_config(project, repository), sort_keys=False, allow_unicode=True)
    write_text(project.stage / project.config.name, config)


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


def _page(result: Executed, ledger: Ledger, proved: Mapping[str, str], run: str) -> NotebookNode:
    """The page of a chapter: its notebook, with links and how to run it below the title.

    The formal statements of its items, by id, stand below the boxes.
    """
    own = contents.chapter_links(ledger, result.name).removesuffix("\n:::")
    captions = {row.item.id: _caption(row, result.name) for row in ledger.rows}
    shown = {
        row.item.id: proved[row.item.id]
        for row in ledger.rows
        if row.item.notebook == result.name and row.item.id in proved
    }
    head = f"{own}\n\n{run}\n:::"
    return as_page(result.notebook, head, captions, shown)


def _caption(row: Row, notebook: str) -> str:
    """Of a table of evidence, in HTML: with links to the claim and its row of the scorecard."""
    title = html.escape(row.item.title)
    if row.box and row.item.notebook == notebook:
        title = f'<a href="#{row.item.id}">{title}</a>'
    elif row.item.is_erratum or row.box:
        title = f'<a href="{claim_address(row)}">{title}</a>'
    card = f'<a href="../book/scorecard.html#{card_anchor(row.item.id)}">scorecard</a>'
    return f"Evidence for {title} ({card})"


def _config(project: Project, repository: Repository) -> dict[str, Any]:
    config = read_yaml(project.config)
    footer = f'<p class="built-from">Built from {repository.built_from}.</p>'
    config.setdefault("html", {})["extra_footer"] = footer
    url, branch = repository.url, repository.branch
    if url:
        if not any(host in url.lower() for host in HOSTS):
            raise ReproduceError(f"BOOK_REPOSITORY_URL must be on {', '.join(HOSTS)}, got {url}")
        buttons = ("use_repository_button", "use_edit_page_button", "use_issues_button")
        config.setdefault("repository", {}).update(url=url, branch=branch)
        config["html"].update(dict.fromkeys(buttons, True))
        config.setdefault("launch_buttons", {}).update(
            notebook_interface="jupyterlab", binderhub_url="https://mybinder.org"
        )
    return config


def _build(project: Project) -> Path:
    scratch = project.build / "scratch"
    remove(scratch)  # with old doctrees, -W would miss old warnings
    options = ["-W", "-n", "--keep-going", "--path-output", str(scratch)]
    # The root as working directory makes the API page document the grpo_lib of this tree.
    command = hermetic.command("jupyter-book", "build", str(project.stage), *options)
    status, output = hermetic.run(command, hermetic.environment(project.home), project.root)
    log = project.build / "site.log"
    output = strip_color(output)
    write_text(log, output)
    if status != 0 and system.is_full(output):
        raise ReproduceError(system.FULL_MESSAGE)
    if status != 0:
        told = [line for line in output.splitlines() if re.search(r"WARNING|ERROR|rror:", line)]
        raise ReproduceError("\n".join([f"the site was not built, see {log}", *told]))
    return scratch / "_build" / "html"


def _replace(old: Path, new: Path) -> None:
    aside = _aside(old)
    remove(aside)
    if old.exists():
        old.rename(aside)
    try:
        new.rename(old)
    except BaseException:
        _restore(old)
        raise
    remove(aside)


def _restore(book: Path) -> None:
    """Bring back a book that was moved aside for one that never came."""
    if _aside(book).exists() and not book.exists():
        _aside(book).rename(book)


def _aside(book: Path) -> Path:
    return book.with_name("html.old")
