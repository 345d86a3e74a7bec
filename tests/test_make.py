"""What `make book` says when it cannot set up `.venv`, and where `make lab` starts its kernels."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from reproduce.alone import alone

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


def outside_make() -> dict[str, str]:
    """The environment without what a `make test` above these tests would tell a make below."""
    inherited = ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES")
    return {name: value for name, value in os.environ.items() if name not in inherited}


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with a book, as far as `make` has to see it."""
    (tmp_path / "reproduce").mkdir()
    for name in ("Makefile", "requirements.lock", "pyproject.toml", "reproduce/alone.py"):
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / "_build/html").mkdir(parents=True)
    (tmp_path / "_build/html/index.html").write_text("old")
    return tmp_path


def make(checkout: Path, *arguments: str) -> str:
    """Run a `make book` that fails; give back what it says on standard error."""
    run = subprocess.run(
        ["make", "book", *arguments],
        cwd=checkout,
        env=outside_make() | OFFLINE,
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


def test_a_link_is_not_emptied(checkout: Path, tmp_path: Path) -> None:
    precious = tmp_path / "elsewhere/precious"
    precious.parent.mkdir()
    precious.write_text("")
    (checkout / ".venv").symlink_to(precious.parent)
    assert make(checkout).startswith("error: .venv is a link, and what it leads to would be empt")
    assert precious.exists()


def test_a_second_make_waits_and_does_not_install_again(checkout: Path) -> None:
    """Of two that find nothing installed, the second finds all installed when its turn comes."""
    with alone(checkout / "_build"):
        second = subprocess.Popen(
            ["make", ".venv/package.stamp"],
            cwd=checkout,
            env=outside_make() | OFFLINE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert second.stdout is not None
        assert second.stdout.readline().startswith("Waiting for another run")
        assert not (checkout / ".venv").exists()
        (checkout / ".venv").mkdir()
        for stamp in ("lock.stamp", "package.stamp"):
            (checkout / ".venv" / stamp).write_text("")
    said, _ = second.communicate(timeout=30)
    assert (second.returncode, "Installing" in said) == (0, False)


def test_the_callers_python_variables_have_no_say(tmp_path: Path) -> None:
    run = re.search(r"^MODULE = \.venv/bin/python (.*) -m$", (ROOT / "Makefile").read_text(), re.M)
    assert run is not None
    (tmp_path / "sitecustomize.py").write_text("raise SystemExit('foreign')")
    hostile = {
        "PYTHONSAFEPATH": "1",
        "PYTHONPATH": str(tmp_path),
        "PYTHONWARNINGS": "error",
        "PYTHONOPTIMIZE": "2",
        "PYTHONUTF8": "0",
        "LC_ALL": "C",
    }
    said = subprocess.run(
        [sys.executable, *run[1].split(), "-m", "reproduce", "--help"],
        cwd=ROOT,
        env=os.environ | hostile,
        capture_output=True,
        text=True,
    )
    assert (said.returncode, said.stderr) == (0, "")


def test_a_clone_has_the_same_line_ends_everywhere(tmp_path: Path) -> None:
    def git(*arguments: str) -> None:
        named = ["-c", "user.name=x", "-c", "user.email=x"]
        subprocess.run(["git", *named, *arguments], cwd=tmp_path, check=True, capture_output=True)

    git("init", "original")
    for name in ("Makefile", ".gitattributes"):
        shutil.copy(ROOT / name, tmp_path / "original")
    git("-C", "original", "add", ".")
    git("-C", "original", "commit", "-m", "x")
    git("clone", "-c", "core.autocrlf=true", "original", "clone")
    assert (tmp_path / "clone/Makefile").read_bytes() == (ROOT / "Makefile").read_bytes()


STARTS = """
import sys
from jupyterlab.labapp import LabApp
server = LabApp.initialize_server(sys.argv[1:])
print("starts in", server.kernel_manager.cwd_for_path(""), "of", server.root_dir)
"""
"""Where a kernel starts for a notebook of the folder that the server shows."""


@pytest.mark.slow
def test_kernels_of_the_lab_start_where_the_recorded_data_lie(tmp_path: Path) -> None:
    recipe = re.search(r"jupyter lab (.*) \$\(ARGS\)", (ROOT / "Makefile").read_text("utf-8"))
    assert recipe
    alone = {"HOME": str(tmp_path), "JUPYTER_CONFIG_DIR": str(tmp_path)}
    options = [*recipe[1].split(), "--no-browser", "--port=0", "--allow-root"]
    run = subprocess.run(
        [sys.executable, "-c", STARTS, *options], cwd=ROOT, env=os.environ | alone,
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert f"starts in {ROOT} of {ROOT / 'notebooks'}" in run.stdout, run.stderr
