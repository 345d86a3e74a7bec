"""What ``pip install .`` installs: grpo_lib, and nothing else of this repository."""

import re
import shutil
import subprocess
import sys
from email.message import Message
from email.parser import BytesParser
from pathlib import Path
from zipfile import ZipFile

import pytest
import yaml

ROOT = Path(__file__).parents[1]
BUILD = "import sys; from setuptools import build_meta; print(build_meta.build_wheel(sys.argv[1]))"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built in a copy so that nothing is left in the repository."""
    copy = tmp_path_factory.mktemp("source")
    for name in ("pyproject.toml", "LICENSE", "README.md"):
        shutil.copy(ROOT / name, copy)
    for name in ("grpo_lib", "reproduce", "tests", "notebooks", "experiments"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    subprocess.run(
        [sys.executable, "-c", BUILD, str(copy)], cwd=copy, check=True, capture_output=True
    )
    (wheel,) = copy.glob("*.whl")
    return wheel


def test_it_holds_grpo_lib_alone(wheel: Path) -> None:
    files = {name for name in ZipFile(wheel).namelist() if ".dist-info/" not in name}
    suffixes = (".py", ".mplstyle", ".typed")
    ours = {path for path in (ROOT / "grpo_lib").rglob("*") if path.suffix in suffixes}
    assert files == {path.relative_to(ROOT).as_posix() for path in ours}
    assert "grpo_lib/py.typed" in files  # type checkers read the annotations because of it


@pytest.fixture(scope="module")
def metadata(wheel: Path) -> Message:
    archive = ZipFile(wheel)
    (name,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
    return BytesParser().parsebytes(archive.read(name))


def needs(metadata: Message, extra: str | None = None) -> set[str]:
    """Names of the packages that grpo_lib needs, or that an extra adds."""
    found = set()
    for line in metadata.get_all("Requires-Dist"):
        package, _, marker = line.partition("; ")
        if marker == (f'extra == "{extra}"' if extra else ""):
            found.add(re.match(r"[\w-]+", package)[0])
    return found


def test_it_needs_three_packages_alone(metadata: Message) -> None:
    assert needs(metadata) == {"numpy", "scipy", "sympy"}


def test_the_extras_add_ball_arithmetic_and_what_the_notebooks_import(metadata: Message) -> None:
    assert {"certified", "notebooks"} <= set(metadata.get_all("Provides-Extra"))
    assert needs(metadata, "certified") == {"python-flint"}
    assert needs(metadata, "notebooks") == {"grpo-lib", "mpmath", "matplotlib"}
    included = 'grpo-lib[certified]; extra == "notebooks"'
    assert included in metadata.get_all("Requires-Dist")


def test_it_says_what_it_is_and_whose(metadata: Message) -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    assert metadata["Author"] == ", ".join(author["name"] for author in citation["authors"])
    assert metadata["Version"] == citation["version"]
    assert metadata["License-Expression"] == citation["license"]
    assert metadata["Project-URL"] == f"Paper, {citation['preferred-citation']['url']}"
    assert "GRPO" in metadata["Keywords"].split(",")
    assert "Typing :: Typed" in metadata.get_all("Classifier")


def test_its_long_description_is_the_readme(metadata: Message) -> None:
    assert metadata["Description-Content-Type"] == "text/markdown"
    description = metadata.get_payload(decode=True).decode()
    assert description.strip() == (ROOT / "README.md").read_text("utf-8").strip()


def test_it_can_be_imported_from_anywhere(wheel: Path, tmp_path: Path) -> None:
    code = f"import sys; sys.path.insert(0, {str(wheel)!r}); import grpo_lib; print(grpo_lib)"
    run = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert str(wheel) in run.stdout
