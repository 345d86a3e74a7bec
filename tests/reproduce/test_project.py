"""What the project on disk consists of, and what results depend on."""

from pathlib import Path

import pytest

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


@pytest.mark.parametrize("path", ["grpo_lib/__pycache__/x.pyc", "book/index.md", "claims.yml"])
def test_other_files_do_not(tree, fingerprint, path):
    before = fingerprint()
    tree.write(path, "changed")
    assert fingerprint() == before
