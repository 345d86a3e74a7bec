"""What a chapter tells its readers to fetch and to run is there, and true in each case."""

import re
import shutil
from hashlib import sha256
from pathlib import Path
from zipfile import ZipFile

import pytest

from reproduce.downloads import add_downloads, build_wheel, colab_ref, offer, wheel_name
from reproduce.execute import Executed, read_notebook
from reproduce.project import Project
from reproduce.repository import Repository

ROOT = Path(__file__).parents[2]
COMMIT = "0123456789abcdef0123456789abcdef01234567"
NOWHERE = Repository("", "main", COMMIT, clean=True)
ON_GITHUB = Repository("https://github.com/a/b", "main", COMMIT, clean=True)
CHANGED = Repository("https://github.com/a/b", "main", COMMIT, clean=False)
ON_GITLAB = Repository("https://gitlab.com/a/b", "main", COMMIT, clean=True)
DATA = ["experiments/results/one-prompt.csv"]


@pytest.fixture
def project(tree) -> Project:
    """A tiny project with the package of this one, and a notebook with data."""
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tree.root)
    shutil.rmtree(tree.root / "grpo_lib")
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "grpo_lib", tree.root / "grpo_lib", ignore=ignored)
    tree.notebook("good", "1")
    tree.write(DATA[0], "p\n0.5\n")
    return Project(tree.root)


def commands(text: str) -> list[str]:
    return re.findall(r"^\$ (.*)$", text, re.MULTILINE)


def test_without_a_repository_the_site_has_the_package(project: Project) -> None:
    text = offer(project, NOWHERE, "good", [])
    install, run = commands(text)
    wheel = wheel_name(project)
    assert install == f'python -m pip install jupyterlab "./{wheel}[notebooks]"'
    assert run == "jupyter lab good.ipynb"
    assert f'href="../{wheel}"' in text and "colab" not in text and "git" not in text


def test_without_a_package_nothing_is_promised(project: Project) -> None:
    (project.root / "pyproject.toml").unlink()
    text = offer(project, NOWHERE, "good", [])
    assert "the notebook</a>." in text and commands(text) == []


@pytest.mark.parametrize(
    ("repository", "ref"), [(ON_GITHUB, COMMIT), (CHANGED, "main"), (ON_GITLAB, COMMIT)]
)
def test_with_a_repository_the_package_comes_from_its_commit(project, repository, ref) -> None:
    text = offer(project, repository, "good", [])
    package = f"grpo-lib[notebooks] @ git+{repository.url}@{ref}"
    assert commands(text)[0] == f'python -m pip install jupyterlab "{package}"'
    assert ".whl" not in text
    assert ("colab" in text) == (repository is not ON_GITLAB)


def test_colab_opens_the_copies_of_this_commit(project: Project) -> None:
    (link,) = re.findall(r'"(https://colab[^"]*)"', offer(project, ON_GITHUB, "good", []))
    assert link.endswith(f"/github/a/b/blob/colab-{COMMIT}/good.ipynb")
    assert colab_ref(CHANGED) == "colab"


def test_everything_that_a_page_offers_is_in_the_site(project: Project, tmp_path: Path) -> None:
    notebook = read_notebook(project.notebooks / "good.ipynb")
    result = Executed("good", notebook, 1.0, {}, dict.fromkeys(DATA, "hash"))
    add_downloads(project, NOWHERE, [result], tmp_path)
    text = offer(project, NOWHERE, "good", DATA)
    links = re.findall(r'href="\.\./([^"]*)"', text)
    assert len(links) == 3
    assert all((tmp_path / link).is_file() for link in links)
    assert "`experiments/results`" in text
    for copied in ("notebooks/good.ipynb", *DATA):
        committed = (project.root / copied).read_bytes()
        assert (tmp_path / "_sources" / copied).read_bytes() == committed
    assert not (tmp_path / "colab").exists()


def test_a_copy_for_colab_fetches_what_it_reads(project: Project, tmp_path: Path) -> None:
    notebook = read_notebook(project.notebooks / "good.ipynb")
    result = Executed("good", notebook, 1.0, {}, dict.fromkeys(DATA, "hash"))
    add_downloads(project, ON_GITHUB, [result], tmp_path)
    install, fetch = read_notebook(tmp_path / "colab/good.ipynb").cells[0].source.splitlines()
    assert f"git+https://github.com/a/b@{COMMIT}" in install
    url = f"https://raw.githubusercontent.com/a/b/{COMMIT}/{DATA[0]}"
    assert fetch.endswith(f" --create-dirs --output {DATA[0]} {url}")


def test_the_wheel_is_the_same_each_time(project: Project, tmp_path: Path) -> None:
    digests = set()
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (project.package / "__init__.py").touch()
        wheel = build_wheel(project, tmp_path / name)
        assert wheel.name == wheel_name(project)
        assert "grpo_lib/__init__.py" in ZipFile(wheel).namelist()
        digests.add(sha256(wheel.read_bytes()).hexdigest())
    assert len(digests) == 1
    (project.package / "__init__.py").write_text("x = 1\n")
    (tmp_path / "three").mkdir()
    other = build_wheel(project, tmp_path / "three")
    assert sha256(other.read_bytes()).hexdigest() not in digests
