"""What ``pip install .`` installs: grpo_lib, and nothing else of this repository."""

import shutil
import subprocess
import sys
from email.parser import Parser
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parents[1]
BUILD = "import sys; from setuptools import build_meta; print(build_meta.build_wheel(sys.argv[1]))"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built in a copy so that nothing is left in the repository."""
    copy = tmp_path_factory.mktemp("source")
    for name in ("pyproject.toml", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    for name in ("grpo_lib", "reproduce", "tests", "notebooks"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    subprocess.run(
        [sys.executable, "-c", BUILD, str(copy)], cwd=copy, check=True, capture_output=True
    )
    (wheel,) = copy.glob("*.whl")
    return wheel


def test_it_holds_grpo_lib_alone(wheel: Path) -> None:
    files = {name for name in ZipFile(wheel).namelist() if ".dist-info/" not in name}
    ours = {path for path in (ROOT / "grpo_lib").rglob("*") if path.suffix in (".py", ".mplstyle")}
    assert files == {path.relative_to(ROOT).as_posix() for path in ours}


def test_it_needs_three_packages_alone(wheel: Path) -> None:
    archive = ZipFile(wheel)
    (name,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
    needs = Parser().parsestr(archive.read(name).decode()).get_all("Requires-Dist")
    core = {need.partition(">")[0] for need in needs if "extra ==" not in need}
    assert core == {"numpy", "scipy", "sympy"}
    assert len(needs) > len(core)  # the extras are declared, and are extras


def test_it_can_be_imported_from_anywhere(wheel: Path, tmp_path: Path) -> None:
    code = f"import sys; sys.path.insert(0, {str(wheel)!r}); import grpo_lib; print(grpo_lib)"
    run = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert str(wheel) in run.stdout
