"""What the system refuses gives one message with path and cure, and leaves the last good book."""

import errno
import os
import shutil
from pathlib import Path

import pytest

from reproduce import hermetic, site, system
from reproduce.project import remove

FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_disk_is_told_from_other_faults():
    assert system.is_full(FULL)
    assert system.is_full(f"OSError: {FULL}")
    assert not system.is_full(PermissionError(errno.EACCES, os.strerror(errno.EACCES)))


@pytest.mark.parametrize(
    "written",
    [
        "executed/good.ipynb.draft",
        "ledger.json.draft",
        "stage/book/index.md",
        "stage/notebooks/good.ipynb.draft",
        "site.log.draft",
        "scratch/_build/html/ledger.json.draft",
    ],
)
def test_whatever_does_not_fit_the_book_is_kept(built, monkeypatch, written):
    write = Path.write_text

    def limited(path: Path, *arguments, **options):
        if str(path).endswith(f"_build/{written}"):
            raise FULL
        return write(path, *arguments, **options)

    monkeypatch.setattr(Path, "write_text", limited)
    check_message_and_book(built)


def test_a_copy_that_does_not_fit(built, monkeypatch):
    def copyfile(*_):
        raise FULL

    built.write("book/_static/style.css", "p {}\n")
    monkeypatch.setattr(shutil, "copyfile", copyfile)
    check_message_and_book(built)


def test_a_site_that_does_not_fit(built, monkeypatch):
    monkeypatch.setattr(hermetic, "run", lambda *_: (1, f"OSError: {FULL}"))
    check_message_and_book(built)


def check_message_and_book(built) -> None:
    built.write("book/index.md", "# Tiny, edited\n")
    before = built.html()
    outcome = built.run("--fresh")
    assert (outcome.status, outcome.err) == (1, f"error: {system.FULL_MESSAGE}\n")
    assert built.html() == before


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (
            PermissionError(errno.EACCES, "Permission denied", "/checkout/_build"),
            f"/checkout/_build: Permission denied: {system.NO_ACCESS}",
        ),
        (
            OSError(errno.EROFS, "Read-only file system", "draft", None, "/checkout/_build/x"),
            f"/checkout/_build/x: Read-only file system: {system.NO_ACCESS}",
        ),
        (
            OSError(errno.EMFILE, "Too many open files", "x"),
            f"x: Too many open files: {system.TOO_MUCH_AT_ONCE}",
        ),
        (
            BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable"),
            f"Resource temporarily unavailable: {system.TOO_MUCH_AT_ONCE}",
        ),
        (OSError(errno.EIO, "Input/output error", b"x"), "x: Input/output error"),
        (OSError("odd"), "odd"),
    ],
)
def test_a_refusal_names_the_path_and_the_cure(error, message):
    assert system.message(error) == message


def test_a_refusal_in_the_middle_of_a_run_is_one_message(built, monkeypatch):
    def stage(*_):
        raise PermissionError(errno.EACCES, "Permission denied", "/checkout/_build/stage")

    monkeypatch.setattr(site, "stage", stage)
    built.write("book/index.md", "# Tiny, edited\n")
    outcome = built.run()
    assert outcome.status == 1
    assert outcome.err == (
        f"error: /checkout/_build/stage: Permission denied: {system.NO_ACCESS}\n"
    )


@pytest.mark.parametrize("path", ["_build", "_build/home", "_build/executed", "_build/failed"])
def test_a_file_in_the_place_of_a_folder(built, path):
    remove(built.root / path)
    built.write(path, "")
    outcome = built.run("--only", "good", "--fresh")
    assert outcome.status == 1
    assert outcome.err.startswith(f"error: {built.root / path}: ")
    assert outcome.err.endswith(f": {system.FILE_IN_THE_WAY}\n")


@pytest.mark.parametrize("path", ["_build/lock", "_build/ledger.json"])
def test_a_folder_in_the_place_of_a_file(built, path):
    remove(built.root / path)
    (built.root / path).mkdir()
    outcome = built.run()
    cure = "a file belongs here: move the folder away"
    assert outcome.status == 1
    assert outcome.err == f"error: {built.root / path}: Is a directory: {cure}\n"


@pytest.mark.parametrize("name", ["claims.yml", "notebooks", "book", "requirements.lock"])
def test_a_source_that_is_a_file_instead_of_a_folder_or_the_reverse(built, name):
    was_folder = (built.root / name).is_dir()
    remove(built.root / name)
    if was_folder:
        built.write(name, "")
    else:
        (built.root / name).mkdir()
    outcome = built.run()
    kind = "folder" if was_folder else "file"
    assert outcome.err == f"error: {built.root} is not the project's root: no {kind} {name} there\n"


def test_a_text_that_is_not_in_utf_8_is_named(built):
    (built.root / "book/other.md").write_bytes(b"# Caf\xe9\n")
    outcome = built.run()
    assert outcome.status == 1
    assert outcome.err.startswith(f"error: {built.root}/book/other.md: not a text in UTF-8: ")


def test_the_old_book_comes_back_if_the_new_one_cannot_take_its_place(tmp_path):
    old = tmp_path / "html"
    old.mkdir()
    (old / "index.html").write_text("old")
    with pytest.raises(FileNotFoundError):
        site._replace(old, tmp_path / "missing")
    assert (old / "index.html").read_text() == "old"


def test_a_book_left_aside_by_a_killed_run_comes_back(built):
    before = built.html()
    (built.root / "_build/html").rename(built.root / "_build/html.old")
    built.write("book/index.md", "# Tiny\n\n[nowhere](nowhere.md)\n")
    assert built.run().status == 1
    assert built.html() == before
