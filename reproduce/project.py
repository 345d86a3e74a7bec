"""The project on disk: where things lie, and what its table of contents lists."""

import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml


class ReproduceError(Exception):
    """A fault that its message alone explains; shown to people without a traceback."""


@dataclass(frozen=True)
class Fault:
    """Something wrong with one notebook or one entry of the table of contents.

    Attributes:
        notebook: name of the notebook; its claims fail.
        message: what is wrong and where.
    """

    notebook: str
    message: str


class Project:
    """Where the parts of the project lie."""

    def __init__(self, root: Path, build: Path | None = None) -> None:
        """Take the folder that holds ``claims.yml`` as the project.

        Args:
            root: that folder.
            build: where everything generated goes, ``_build`` in the root if left out.

        Raises:
            ReproduceError: a part that every run needs is not there.
        """
        self.root = root
        self.claims = root / "claims.yml"
        self.toc = root / "_toc.yml"
        self.config = root / "_config.yml"
        self.lock = root / "requirements.lock"
        self.package = root / "grpo_lib"
        self.notebooks = root / "notebooks"
        self.book = root / "book"
        self.build = build or root / "_build"
        self.home = root / "_build" / "home"
        self.executed = self.build / "executed"
        self.failed = self.build / "failed"
        self.stage = self.build / "stage"
        self.html = self.build / "html"
        self.ledger = self.build / "ledger.json"
        files = (self.claims, self.toc, self.config, self.lock)
        missing = [f"file {path.name}" for path in files if not path.is_file()]
        folders = (self.package, self.notebooks, self.book)
        missing += [f"folder {path.name}" for path in folders if not path.is_dir()]
        if missing:
            raise ReproduceError(f"{root} is not the project's root: no {', '.join(missing)} there")

    def notebook_files(self) -> list[Path]:
        """All notebooks."""
        return [path for path in written_files(self.notebooks, "*") if path.suffix == ".ipynb"]

    def notebook_names(self) -> list[str]:
        """Names of all notebooks, without suffix."""
        return [path.stem for path in self.notebook_files()]

    def toc_files(self) -> set[str]:
        """Files that the table of contents lists, relative to the root and without suffix."""
        return {
            file.removesuffix(".md").removesuffix(".ipynb")
            for file in _toc_entries(read_yaml(self.toc))
        }

    def captions(self) -> dict[str, str]:
        """Captions of the table of contents, by the names of the pages below them."""
        parts = read_yaml(self.toc).get("parts", ())
        return {
            Path(file).stem: part.get("caption", "")
            for part in parts
            for file in _toc_entries(part)
        }

    def shown(self, path: Path) -> str:
        """Write a path for others to read: from the root, or else from ``~``, if it lies there."""
        home = os.path.expanduser("~")
        for folder, prefix in ((self.root, ""), (Path(home), "~/")):
            if folder.is_absolute() and path.is_relative_to(folder):
                return prefix + path.relative_to(folder).as_posix()
        return path.as_posix()

    def source_files(self) -> list[Path]:
        """Files that a notebook's results depend on besides itself: grpo_lib and the lock."""
        return [self.lock, *written_files(self.package)]

    def hashes(self, files: Iterable[Path]) -> dict[str, str]:
        """SHA-256 of the contents of files below the root, by their paths from there."""
        return {
            path.relative_to(self.root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in files
        }

    def fingerprint(self, files: Iterable[Path]) -> str:
        """Hash of the names and contents of files below the root."""
        contents = json.dumps(self.hashes(files), sort_keys=True)
        return hashlib.sha256(contents.encode()).hexdigest()


def written_files(folder: Path, pattern: str = "**/*") -> list[Path]:
    """Files of a folder that somebody wrote, in order.

    Left out is what programs leave beside them: hidden files and folders, such as an editor's lock
    and swap files or what macOS adds; back-ups; caches; links that lead nowhere.

    Args:
        folder: the folder.
        pattern: which of its files.
    """
    return sorted(
        path
        for path in folder.glob(pattern)
        if path.is_file() and not any(map(_LEFT.fullmatch, path.relative_to(folder).parts))
    )


_LEFT = re.compile(r"\..*|#.*#|.*~|.*\.(bak|orig|rej|swp|tmp|pyc)|__pycache__")


def read_text(path: Path) -> str:
    """Read a text file that somebody wrote.

    Raises:
        ReproduceError: it is not in UTF-8.
    """
    try:
        return path.read_text("utf-8-sig")  # some editors write a byte order mark
    except UnicodeDecodeError as error:
        raise ReproduceError(f"{path}: not a text in UTF-8: {error}: save it as UTF-8") from None


def read_yaml(path: Path) -> Any:
    """Read a YAML file.

    Raises:
        ReproduceError: it is not valid YAML.
    """
    try:
        return yaml.safe_load(read_text(path))
    except yaml.YAMLError as error:
        raise ReproduceError(f"{path.name} is not valid YAML: {error}") from None


def write_text(path: Path, text: str) -> None:
    """Write a file so that nobody ever sees it half written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(path.name + ".draft")
    draft.write_text(text, "utf-8")
    draft.replace(path)


def remove(path: Path) -> None:
    """Remove a file, or a folder with all that is in it; a link is removed, not what it leads to.

    It need not exist.
    """
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _toc_entries(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        yield from (node[key] for key in ("root", "file") if key in node)
        node = list(node.values())
    if isinstance(node, list):
        for child in node:
            yield from _toc_entries(child)
