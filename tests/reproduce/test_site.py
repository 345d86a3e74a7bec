"""The book is staged and built from what was checked, and a bad build changes nothing."""

import json
import re
from pathlib import Path

import pytest
import yaml

from reproduce import site
from reproduce.evidence import collect
from reproduce.execute import Executed, read_notebook
from reproduce.ledger import build_ledger
from reproduce.project import Project, ReproduceError, remove, write_text
from reproduce.register import load_register
from reproduce.repository import Repository, find_repository

PARTS = {"counts": "3 of 4", "errata": "none"}


def staged(tree) -> Project:
    project = Project(tree.root)
    results = [Executed("good", read_notebook(project.executed / "good.ipynb"), 1.0, {})]
    items = load_register(project)
    evidence, faults = collect(results, items)
    ledger = build_ledger(items, results, evidence, faults, run={})
    site.stage(project, results, ledger, find_repository(project.root))
    return project


def test_markers_are_filled():
    text = "# A\n\n<!-- generated: counts -->\n\ntext `<!-- generated: errata -->` text\n"
    filled = "# A\n\n3 of 4\n\ntext `<!-- generated: errata -->` text\n"
    assert site.fill(text, PARTS, "book/a.md") == filled


def test_an_unknown_marker_is_refused(built):
    built.write("book/index.md", "# Tiny\n\n<!-- generated: weather -->\n")
    with pytest.raises(ReproduceError, match=r"^book/index\.md: nothing generates 'weather'"):
        staged(built)


def test_the_stage_has_the_layout_of_the_repository(built):
    built.write("book/_static/style.css", "p {}\n")
    built.write("_build/stage/book/old.md", "left from an earlier run")
    stage = staged(built).stage
    files = {p.relative_to(stage).as_posix() for p in stage.rglob("*") if p.is_file()}
    assert files == {
        "_config.yml",
        "_toc.yml",
        "book/index.md",
        "book/_static/style.css",
        "notebooks/good.ipynb",
    }


def test_staged_notebooks_are_the_executed_ones_without_the_runners_marks(built):
    staged(built)
    notebook = json.loads(built.read("_build/stage/notebooks/good.ipynb"))
    assert "reproduce" not in notebook["metadata"]
    (output,) = notebook["cells"][-1]["outputs"]
    assert set(output["data"]) == {"text/html", "text/plain"}


def test_each_chapter_says_where_it_stands(built):
    staged(built)
    first, second, *_ = json.loads(built.read("_build/stage/notebooks/good.ipynb"))["cells"]
    assert "".join(first["source"]) == "# good"
    verdict = '<a href="../notebooks/good.html#evidence-theorem-1">holds</a>'
    assert f"**Shown here:** Theorem-1 ({verdict})" in "".join(second["source"])
    assert "**Builds on:** Remark-1" in "".join(second["source"])


def test_without_a_repository_there_are_no_buttons(built, monkeypatch):
    monkeypatch.delenv("BOOK_REPOSITORY_URL", raising=False)
    config = yaml.safe_load((staged(built).stage / "_config.yml").read_text())
    footer = config["html"].pop("extra_footer")
    assert "outside of a repository" in footer
    assert config == yaml.safe_load(built.read("_config.yml")) | {"html": {}}


@pytest.mark.parametrize(("branch", "expected"), [(None, "main"), ("dev", "dev")])
def test_with_a_repository_there_are_buttons(built, monkeypatch, branch, expected):
    monkeypatch.setenv("BOOK_REPOSITORY_URL", "https://github.com/a/b")
    monkeypatch.delenv("BOOK_REPOSITORY_BRANCH", raising=False)
    if branch:
        monkeypatch.setenv("BOOK_REPOSITORY_BRANCH", branch)
    config = yaml.safe_load((staged(built).stage / "_config.yml").read_text())
    assert config["repository"] == {"url": "https://github.com/a/b", "branch": expected}
    assert all(
        config["html"][f"use_{name}_button"] for name in ("repository", "edit_page", "issues")
    )
    assert config["launch_buttons"]["binderhub_url"]


def test_a_repository_the_theme_does_not_know_is_refused(built, monkeypatch):
    monkeypatch.setenv("BOOK_REPOSITORY_URL", "https://example.org/a/b")
    with pytest.raises(ReproduceError, match=r"^BOOK_REPOSITORY_URL must be on github, .*example"):
        staged(built)


def test_a_build_with_a_warning_keeps_the_last_good_book(built):
    before = built.html()
    built.write("book/index.md", "# Tiny\n\n[nowhere](nowhere.md)\n")
    outcome = built.run()
    assert outcome.status == 1
    assert "error: the site was not built" in outcome.err
    assert "index.md:3: WARNING" in outcome.err
    assert built.html() == before


def test_a_changed_page_is_published_and_no_old_page_stays(built):
    built.write("book/new.md", "# Newer\n")
    built.write("_toc.yml", built.read("_toc.yml") + "  - file: book/new\n")
    built.write("_build/html/stray.html", "left from an earlier run")
    assert built.run().status == 0
    assert "Newer" in built.read("_build/html/book/new.html")
    assert not (built.root / "_build/html/stray.html").exists()


@pytest.fixture
def builder(monkeypatch):
    """In place of the builder, one that writes three pages; the list grows with every build."""
    builds = []

    def run(command, environment, folder: Path) -> tuple[int, str]:
        builds.append(command)
        html = folder / "_build/scratch/_build/html"
        for page in ("index.html", "notebooks/good.html", "_sources/notebooks/good.ipynb"):
            write_text(html / page, "made")
        return 0, ""

    monkeypatch.setattr(site.hermetic, "run", run)
    return builds


def test_whatever_a_built_book_loses_is_built_again(built, builder):
    def lose(page: Path) -> None:
        page.unlink()

    def empty(page: Path) -> None:
        page.write_text("")

    def edit(page: Path) -> None:
        page.write_text("edi ")

    def swap(page: Path) -> None:
        page.unlink()
        page.mkdir()

    page = built.root / "_build/html/notebooks/good.html"
    stamp = built.root / "_build/html.stamp"
    built.write("book/index.md", "# Tiny, edited\n")
    assert built.run().status == 0
    for harm, path in [
        *((harm, page) for harm in (lose, empty, edit, swap)),
        (lambda path: path.write_bytes(b"\xff\0"), stamp),
        (swap, stamp),
        (lambda path: (remove(path), path.write_text("")), built.root / "_build/html"),
        (lambda path: (remove(path), path.write_text("")), built.root / "_build/stage"),
    ]:
        before = len(builder)
        harm(path)
        remove(built.root / "_build/html.old")
        outcome = built.run()
        assert (outcome.status, outcome.err) == (0, "")
        assert len(builder) == before + (path.name != "stage"), path
        assert page.read_text() == "made"
    assert "Building" not in built.run().out


def test_what_is_downloaded_is_what_is_committed(built):
    committed = (built.root / "notebooks/good.ipynb").read_bytes()
    assert (built.root / "_build/html/_sources/notebooks/good.ipynb").read_bytes() == committed
    page = built.read("_build/html/notebooks/good.html")
    assert 'href="../_sources/notebooks/good.ipynb"' in page
    assert "colab" not in page
    assert not (built.root / "_build/html/colab").exists()


def test_an_edit_that_only_the_committed_file_shows_is_published(built):
    edited = built.read("notebooks/good.ipynb") + "\n"
    built.write("notebooks/good.ipynb", edited)
    assert "reused  good" in built.run().out
    assert built.read("_build/html/_sources/notebooks/good.ipynb") == edited


def test_each_page_says_what_it_was_built_from(built):
    for page in ("book/index", "notebooks/good"):
        (told,) = re.findall(
            r'<p class="built-from">(.*?)</p>', built.read(f"_build/html/{page}.html")
        )
        assert told == f"Built from {find_repository(built.root).built_from}."


def test_a_new_commit_is_named_and_runs_no_notebook(built, builder, monkeypatch):
    monkeypatch.setattr(site, "find_repository", lambda _: Repository("", "main", "a" * 40, True))
    assert "Building" in built.run().out
    assert "Building" not in built.run().out
    monkeypatch.setattr(site, "find_repository", lambda _: Repository("", "main", "b" * 40, True))
    again = built.run().out
    assert "Building" in again and "reused  good" in again
    assert f"commit {'b' * 12}." in built.read("_build/stage/_config.yml")


def test_an_address_of_pyodide_that_is_none_is_refused(built, monkeypatch):
    monkeypatch.setenv("BOOK_PYODIDE_URL", "cdn.example.org/pyodide")
    with pytest.raises(ReproduceError, match=r"^BOOK_PYODIDE_URL must begin with https://"):
        staged(built)
