"""What the project on disk consists of, and what results depend on."""

from pathlib import Path

import pytest

from reproduce import site
from reproduce.project import Project


def test_the_table_of_contents_is_read_at_every_depth(tree):
    tree.write(
        "_toc.yml",
        "root: book/index\n"
        "parts:\n"
        "  - caption: One\n"
        "    chapters:\n"
        "      - file: notebooks/a.ipynb\n"
        "        sections:\n"
        "          - file: book/deep.md\n"
        "      - url: https://arxiv.org/abs/2503.06639\n"
        "chapters:\n"
        "  - file: notebooks/b\n",
    )
    files = Project(tree.root).toc_files()
    assert files == {"book/index", "notebooks/a", "book/deep", "notebooks/b"}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/home/ada/checkout/.venv", ".venv"),
        ("/home/ada/conda/envs/companion", "~/conda/envs/companion"),
        ("/opt/python", "/opt/python"),
    ],
)
def test_a_published_path_does_not_name_its_user(tree, monkeypatch, path, expected):
    monkeypatch.setenv("HOME", "/home/ada")
    project = Project(tree.root)
    project.root = Path("/home/ada/checkout")
    assert project.shown(Path(path)) == expected


@pytest.fixture
def fingerprint(tree):
    project = Project(tree.root)
    return lambda: project.fingerprint(project.source_files())


@pytest.mark.parametrize(
    "path", ["grpo_lib/__init__.py", "grpo_lib/deep/new.mplstyle", "requirements.lock"]
)
def test_every_source_changes_the_fingerprint(tree, fingerprint, path):
    before = fingerprint()
    assert fingerprint() == before
    tree.write(path, "changed")
    assert fingerprint() != before


def test_a_renamed_source_changes_the_fingerprint(tree, fingerprint):
    before = fingerprint()
    (tree.root / "grpo_lib/ledger.py").rename(tree.root / "grpo_lib/book.py")
    assert fingerprint() != before


LEFT_BY_PROGRAMS = (
    *("._x.ipynb", ".#x.ipynb", "#x.ipynb#", "x.ipynb~", "x.ipynb.~1~", ".x.ipynb.swp", "4.swp"),
    *("x.ipynb.bak", "x.ipynb.orig", "x.ipynb.rej", "x.tmp", ".DS_Store"),
    *(".ipynb_checkpoints/x.ipynb", "__pycache__/x.pyc"),
)


@pytest.mark.parametrize("path", ["book/index.md", "claims.yml"])
def test_other_files_do_not(tree, fingerprint, path):
    before = fingerprint()
    tree.write(path, "changed")
    assert fingerprint() == before


def test_what_programs_leave_is_neither_a_notebook_nor_a_page_nor_a_source(built):
    project = Project(built.root)

    def seen() -> list:
        return [project.notebook_names(), project.source_files(), site._sources(project)]

    before = seen()
    for folder in ("notebooks", "grpo_lib", "book", "reproduce"):
        for name in LEFT_BY_PROGRAMS:
            built.write(f"{folder}/{name}", "left")
        (built.root / folder / "dangling.ipynb").symlink_to("nowhere")
    assert seen() == before
    built.write("book/.x.md.swp", "\0")
    (built.root / "book/.#index.md").symlink_to("user@host.1234")
    outcome = built.run()
    assert (outcome.status, outcome.err) == (0, "")
    assert "Building" not in outcome.out
