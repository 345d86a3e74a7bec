"""What `make book` says when it cannot set up `.venv`."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# Nothing listens on port 9 of this machine.
OFFLINE = {
    "PIP_INDEX_URL": "http://127.0.0.1:9/simple",
    "PIP_RETRIES": "0",
    "PIP_CONFIG_FILE": os.devnull,
    "UV_DEFAULT_INDEX": "http://127.0.0.1:9/simple",
    "UV_HTTP_RETRIES": "0",
    "UV_NO_CACHE": "1",
}


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with a book, as far as `make` has to see it."""
    for name in ("Makefile", "requirements.lock", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "_build/html").mkdir(parents=True)
    (tmp_path / "_build/html/index.html").write_text("old")
    return tmp_path


def make(checkout: Path, *arguments: str) -> str:
    """Run a `make book` that fails; give back what it says on standard error."""
    run = subprocess.run(
        ["make", "book", *arguments],
        cwd=checkout,
        env=os.environ | OFFLINE,
        capture_output=True,
        text=True,
    )
    assert run.returncode != 0
    assert (checkout / "_build/html/index.html").read_text() == "old"
    assert not (checkout / ".venv/lock.stamp").exists()
    return run.stderr


def test_without_the_network(checkout: Path) -> None:
    said = make(checkout)
    assert said.count("error: not everything in requirements.lock could be installed") == 1
    assert len(said.splitlines()) < 8


def test_with_an_old_python(checkout: Path) -> None:
    old = checkout / "python"
    old.write_text(
        '#!/bin/sh\nexec python3 -c "import sys; sys.version_info = (3, 9, 1)\n$2" "$@"\n'
    )
    old.chmod(0o755)
    assert "Python 3.11 or newer is needed, not 3.9: try make" in make(checkout, f"PYTHON={old}")
