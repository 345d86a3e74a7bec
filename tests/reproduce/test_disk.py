"""A full disk gives one message and leaves the last good book, wherever it strikes."""

import errno
import os
import shutil
from pathlib import Path

import pytest

from reproduce import disk, hermetic, site

FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_disk_is_told_from_other_faults():
    assert disk.is_full(FULL)
    assert disk.is_full(shutil.Error([("a", "b", str(FULL))]))
    assert not disk.is_full(PermissionError(errno.EACCES, os.strerror(errno.EACCES)))


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
    def copytree(*_):
        raise shutil.Error([("a", "b", str(FULL))])

    monkeypatch.setattr(shutil, "copytree", copytree)
    check_message_and_book(built)


def test_a_site_that_does_not_fit(built, monkeypatch):
    monkeypatch.setattr(hermetic, "run", lambda *_: (1, f"OSError: {FULL}"))
    check_message_and_book(built)


def check_message_and_book(built) -> None:
    built.write("book/index.md", "# Tiny, edited\n")
    before = built.html()
    outcome = built.run("--fresh")
    assert (outcome.status, outcome.err) == (1, f"error: {disk.MESSAGE}\n")
    assert built.html() == before


def test_other_errors_of_the_system_are_not_taken_for_a_full_disk(built, monkeypatch):
    def stage(*_):
        raise PermissionError("not yours")

    monkeypatch.setattr(site, "stage", stage)
    built.write("book/index.md", "# Tiny, edited\n")
    with pytest.raises(PermissionError):
        built.run()


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
