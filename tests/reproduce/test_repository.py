"""What is known of the repository is true, and whatever Git does not know is not made up."""

import subprocess
from pathlib import Path

import pytest

import grpo_lib
from reproduce.repository import Repository, find_repository

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def git(root: Path, *arguments: str) -> str:
    named = ["-c", "user.name=x", "-c", "user.email=x"]
    command = ["git", *named, *arguments]
    return subprocess.run(
        command, cwd=root, check=True, capture_output=True, text=True
    ).stdout.strip()


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with one commit."""
    for name in ("BOOK_REPOSITORY_URL", "BOOK_REPOSITORY_BRANCH"):
        monkeypatch.delenv(name, raising=False)
    git(tmp_path, "init", "project")
    root = tmp_path / "project"
    (root / "page.md").write_text("old")
    git(root, "add", ".")
    git(root, "commit", "-m", "x")
    return root


def test_a_clean_checkout_is_its_commit(root: Path) -> None:
    commit = git(root, "rev-parse", "HEAD")
    assert find_repository(root) == Repository("", "main", commit, clean=True)
    assert find_repository(root).built_from == f"commit {commit[:12]}"
    assert find_repository(root).ref == commit


@pytest.mark.parametrize("name", ["page.md", "new.md"])
def test_whatever_is_not_committed_is_said(root: Path, name: str) -> None:
    (root / name).write_text("new")
    found = find_repository(root)
    assert not found.clean
    assert (
        found.built_from == f"commit {git(root, 'rev-parse', 'HEAD')[:12]} with uncommitted changes"
    )
    assert found.ref == "main", "nobody could fetch these files"


def test_ignored_files_do_not_count(root: Path) -> None:
    (root / ".gitignore").write_text("_build\n")
    git(root, "add", ".")
    git(root, "commit", "-m", "y")
    (root / "_build").write_text("made")
    assert find_repository(root).clean


def test_outside_of_a_repository_there_is_a_version(root: Path) -> None:
    inside = root / "unpacked"
    inside.mkdir()
    found = find_repository(inside)
    assert (found.commit, found.clean, found.ref) == (None, False, "main")
    assert found.built_from == f"version {grpo_lib.__version__}, outside of a repository"


def test_without_git_or_a_commit_there_is_a_version(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git(tmp_path, "init", "empty")
    assert find_repository(tmp_path / "empty").commit is None
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_repository(root).commit is None


def test_the_variables_of_a_hook_of_another_repository_have_no_say(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = find_repository(root)
    git(tmp_path, "init", "other")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "other/.git"))
    assert find_repository(root) == expected


def test_the_address_comes_from_the_environment(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BOOK_REPOSITORY_URL", "https://github.com/a/b.git/")
    monkeypatch.setenv("BOOK_REPOSITORY_BRANCH", "dev")
    found = find_repository(root)
    assert (found.url, found.branch, found.path) == ("https://github.com/a/b.git", "dev", "a/b")
    assert found.on_github
    assert found.raw("x/y.csv") == f"https://raw.githubusercontent.com/a/b/{found.commit}/x/y.csv"
    assert not Repository("https://gitlab.com/a/github.com", "main", COMMIT, True).on_github
