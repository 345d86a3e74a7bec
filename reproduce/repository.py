"""Where the book's repository is, and which of its commits the book is built from."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import grpo_lib


@dataclass(frozen=True)
class Repository:
    """What is known of the repository.

    Attributes:
        url: its address, empty if it is not known.
        branch: the branch that readers are led to.
        commit: what is checked out, as 40 hexadecimal digits; None outside of a repository.
        clean: whether all files are as in that commit.
    """

    url: str
    branch: str
    commit: str | None
    clean: bool

    @property
    def on_github(self) -> bool:
        """Whether it is at GitHub itself, where Colab opens notebooks from."""
        return urlsplit(self.url).hostname == "github.com"

    @property
    def path(self) -> str:
        """Owner and name, such as ``owner/name``."""
        return urlsplit(self.url).path.strip("/").removesuffix(".git")

    @property
    def ref(self) -> str:
        """What has the files that the book is built from: the commit, or else the branch."""
        return self.commit if self.commit and self.clean else self.branch

    def raw(self, file: str) -> str:
        """Address of a file at GitHub, of its contents alone."""
        return f"https://raw.githubusercontent.com/{self.path}/{self.ref}/{file}"

    @property
    def built_from(self) -> str:
        """What the book is built from, in words."""
        if not self.commit:
            return f"version {grpo_lib.__version__}, outside of a repository"
        return f"commit {self.commit[:12]}" + ("" if self.clean else " with uncommitted changes")


def find_repository(root: Path) -> Repository:
    """Find out from Git, ``BOOK_REPOSITORY_URL`` and ``BOOK_REPOSITORY_BRANCH``.

    Args:
        root: the project's root; a repository that has the project in a folder is not its own.
    """
    url = os.environ.get("BOOK_REPOSITORY_URL", "").rstrip("/")
    branch = os.environ.get("BOOK_REPOSITORY_BRANCH") or "main"
    commit = _git(root, "rev-parse", "--verify", "HEAD") if (root / ".git").exists() else None
    status = _git(root, "status", "--porcelain") if commit else None
    return Repository(url, branch, commit, clean=status == "")


def _git(root: Path, *arguments: str) -> str | None:
    """What Git says; None if it is not installed or refuses."""
    # A hook of another repository that runs this names that one in variables.
    own = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        said = subprocess.run(
            ["git", *arguments], cwd=root, env=own, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return said.stdout.strip()
