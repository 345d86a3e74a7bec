"""What readers take along: the notebooks, their data and the package, and how to run them."""

import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Sequence
from pathlib import Path

import nbformat

from reproduce import hermetic
from reproduce.chapter import for_colab
from reproduce.execute import Executed, read_notebook
from reproduce.project import Project, ReproduceError, write_text
from reproduce.repository import Repository

COLAB_BRANCH = "colab"
"""Branch and folder of the copies for Colab, which opens only what is in a repository on GitHub."""

SOURCES = "_sources"
"""Folder of the site with the committed notebooks and their data, laid out as in the repository."""

BUILD_WHEEL = "import sys; from setuptools import build_meta; build_meta.build_wheel(sys.argv[1])"

EPOCH = "315532800"
"""Time of the files in a wheel: 1980, the first that a ZIP archive can tell."""


def offer(project: Project, repository: Repository, name: str, data: Sequence[str]) -> str:
    """How to run a chapter without a checkout, in MyST.

    Args:
        project: the project.
        repository: what is known of its repository.
        name: of the notebook.
        data: the files that it reads, as paths from the root.
    """
    notebook = f"{name}.ipynb"
    links = {"the notebook": source_link(f"notebooks/{notebook}")}
    wheel = wheel_name(project)
    if repository.url:
        package = f"grpo-lib[notebooks] @ git+{repository.url}@{repository.ref}"
    else:  # the package is on no index
        links |= {"the package": f"../{wheel}"} if wheel else {}
        package = f"./{wheel}[notebooks]" if wheel else ""
    links |= {Path(file).name: source_link(file) for file in data}
    get = _listed([f'<a href="{link}" download>{text}</a>' for text, link in links.items()])
    text = f"**Run it yourself:** download {get}"
    if repository.on_github:
        text += f', or <a href="{_colab(repository, notebook)}">open it in Colab</a>'
    if data:
        folders = {f"`{Path(file).parent.as_posix()}`" for file in data}
        text += f". The recorded data belong into {_listed(sorted(folders))} beside the notebook"
    if not package:
        return f"{text}."
    install = f'$ python -m pip install jupyterlab "{package}"'
    return f"{text}. Then:\n\n```console\n{install}\n$ jupyter lab {notebook}\n```"


def source_link(file: str) -> str:
    """From a chapter's page to a file of the project that the site offers."""
    return f"../{SOURCES}/{file}"


def add_downloads(
    project: Project, repository: Repository, results: Sequence[Executed], book: Path
) -> None:
    """Put into a built book what its pages offer: notebooks, data, package, copies for Colab."""
    for result in results:
        committed = project.notebooks / f"{result.name}.ipynb"
        # In place of the page's source: the theme has a download button for that, too.
        for file in (f"notebooks/{committed.name}", *result.data):
            copy = book / SOURCES / file
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(project.root / file, copy)
        if repository.on_github:
            data = {file: repository.raw(file) for file in result.data}
            notebook = read_notebook(committed)
            colab = for_colab(notebook, repository.url, repository.ref, data)
            write_text(book / COLAB_BRANCH / committed.name, nbformat.writes(colab))
    if wheel_name(project):
        build_wheel(project, book)


def colab_ref(repository: Repository) -> str:
    """What has the copies for Colab: a tag for the commit, or else the branch with the newest."""
    pinned = repository.ref == repository.commit
    return f"{COLAB_BRANCH}-{repository.commit}" if pinned else COLAB_BRANCH


def wheel_name(project: Project) -> str | None:
    """Name of the package's wheel; None if the project has none."""
    description = project.root / "pyproject.toml"
    if not description.is_file():
        return None
    about = tomllib.loads(description.read_text("utf-8"))["project"]
    return f"{about['name'].replace('-', '_')}-{about['version']}-py3-none-any.whl"


def wheel_files(project: Project) -> list[Path]:
    """What the wheel is made from, besides the package."""
    names = ("pyproject.toml", "README.md", "LICENSE") if wheel_name(project) else ()
    return [project.root / name for name in names]


def build_wheel(project: Project, folder: Path) -> Path:
    """Build the package's wheel: the same files give the same bytes.

    Args:
        project: the project.
        folder: where the wheel goes.

    Raises:
        ReproduceError: it cannot be built.
    """
    environment = hermetic.environment(project.home, {"SOURCE_DATE_EPOCH": EPOCH})
    with tempfile.TemporaryDirectory() as copy:  # setuptools leaves files beside what it builds
        for path in wheel_files(project):
            shutil.copyfile(path, Path(copy, path.name))
        ours = shutil.ignore_patterns("__pycache__")
        shutil.copytree(project.package, Path(copy, project.package.name), ignore=ours)
        built = subprocess.run(
            [sys.executable, "-s", "-c", BUILD_WHEEL, str(folder.resolve())],
            cwd=copy, env=environment, capture_output=True, text=True,
        )  # fmt: skip
    if built.returncode != 0:
        raise ReproduceError(f"the wheel was not built: {built.stderr.strip()}")
    return folder / str(wheel_name(project))


def _listed(names: Sequence[str]) -> str:
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last


def _colab(repository: Repository, notebook: str) -> str:
    place = f"{repository.path}/blob/{colab_ref(repository)}/{notebook}"
    return f"https://colab.research.google.com/github/{place}"
