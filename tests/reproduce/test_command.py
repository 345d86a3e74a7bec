"""A run goes on to its end and tells its result by its status, whatever becomes of its output."""

import fcntl
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from reproduce import __main__ as command_line
from reproduce import alone, screenshots, sweep, variations
from reproduce.command import reporting
from reproduce.project import ReproduceError

ROOT = Path(__file__).parents[2]
TALKING = """
import sys
from pathlib import Path
from reproduce.command import run

def main():
    for _ in range(5000):
        print("0.1 \\u2264 0.2, \\udcff")
        print("error: \\u2264", file=sys.stderr)
    Path("done").write_text("")
    return 3

run(main)
"""
ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


@pytest.mark.parametrize(
    ("variables", "streams"),
    [
        (ASCII, ""),
        ({"PYTHONIOENCODING": "ascii"}, ""),
        ({"PYTHONIOENCODING": "ascii:strict"}, "2>&1 | head -1"),
        ({}, "| head -1"),
        ({}, ">&-"),
        ({}, "2>&-"),
        ({}, "<&- >&- 2>&-"),
        ({}, ">/dev/full 2>&1"),
    ],
)
def test_a_run_goes_on_whatever_becomes_of_its_output(tmp_path, variables, streams):
    run = subprocess.run(
        ["bash", "-c", f'"$0" -c "$1" {streams}; exit ${{PIPESTATUS[0]}}', sys.executable, TALKING],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)} | variables,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 3
    assert (tmp_path / "done").exists()
    assert "Traceback" not in run.stdout + run.stderr
    if variables and not streams:
        assert run.stdout.startswith("0.1 \\u2264 0.2, \\udcff\n")


NOBODY = """
import pwd

def getpwuid(uid):
    raise KeyError(uid)

pwd.getpwuid = getpwuid
"""


def test_a_run_needs_neither_home_nor_network_nor_a_reader(built, tmp_path):
    """A user without a name or a home, no loopback, a narrow umask, an odd temporary folder."""
    odd = tmp_path / ("long" * 20)
    odd.mkdir()
    (tmp_path / "sitecustomize.py").write_text(NOBODY)
    isolated = ["unshare", "--net"]
    if subprocess.run([*isolated, "true"], capture_output=True).returncode:
        isolated = []  # only some may take the network away
    command = [*isolated, sys.executable, "-m", "reproduce", "--only", "good", "--fresh"]
    variables = ASCII | {"PYTHONPATH": f"{tmp_path}:{ROOT}", "TMPDIR": str(odd)}
    home = {"HOME", "IPYTHONDIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "MPLCONFIGDIR"}
    run = subprocess.run(
        ["bash", "-c", '"$@" | head -1; exit ${PIPESTATUS[0]}', "bash", *command],
        cwd=built.root,
        env={name: os.environ[name] for name in os.environ.keys() - home} | variables,
        umask=0o077,
        capture_output=True,
        text=True,
    )
    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout.startswith("passed  good")


@pytest.mark.parametrize(
    ("fault", "status", "said"),
    [
        (ReproduceError("no"), 1, "error: no\n"),
        (IsADirectoryError(21, "Is a directory", "x"), 1, "error: x: Is a directory: a file"),
        (KeyboardInterrupt(), 130, "interrupted\n"),
    ],
)
def test_a_fault_is_a_message_and_a_status(capsys, fault, status, said):
    @reporting
    def main() -> int:
        raise fault

    assert main() == status
    assert capsys.readouterr().err.startswith(said)


@pytest.mark.parametrize("module", [command_line, sweep, screenshots])
def test_every_command_reports_what_the_system_refuses(module, monkeypatch, capsys):
    def refused(*_):
        raise PermissionError(13, "Permission denied", "here")

    monkeypatch.setattr(module, "Project", refused)
    monkeypatch.setattr(sys, "argv", ["command"])
    assert module.main() == 1
    assert capsys.readouterr().err.startswith("error: here: Permission denied: ")


def test_a_second_run_says_that_it_waits_and_waits(tmp_path):
    script = [sys.executable, alone.__file__, "touch", "done"]
    with alone.alone(tmp_path / "_build"):
        second = subprocess.Popen(script, cwd=tmp_path, stdout=subprocess.PIPE, text=True)
        assert second.stdout.readline() == "Waiting for another run that works in _build ...\n"
        assert not (tmp_path / "done").exists()
    second.communicate(timeout=10)
    assert second.returncode == 0
    assert (tmp_path / "done").exists()


@pytest.mark.parametrize(
    ("module", "main"), [(command_line, command_line.main), (variations, sweep.main)]
)
def test_a_run_is_alone_in_its_checkout(tree, monkeypatch, module, main):
    def run(*_, **__) -> int:
        lock = tree.root / "_build/lock"
        with lock.open("a") as other, pytest.raises(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        raise ReproduceError("seen")

    monkeypatch.setattr(module, "_run" if module is command_line else "run", run)
    monkeypatch.chdir(tree.root)
    assert main([]) == 1


def test_a_killed_run_holds_nothing(tmp_path):
    script = [sys.executable, alone.__file__, "sleep", "60"]
    first = subprocess.Popen(script, cwd=tmp_path, start_new_session=True)
    while not (tmp_path / "_build/lock").exists():
        assert first.poll() is None
    os.killpg(first.pid, signal.SIGKILL)
    first.wait()
    with alone.alone(tmp_path / "_build"):
        pass
