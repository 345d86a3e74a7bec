"""The files that install, run, publish and cite the project agree with each other."""

import ast
import json
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

import grpo_lib

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
CORE = [Requirement(line) for line in PROJECT["dependencies"]]
GROUPS = {
    group: [Requirement(line) for line in lines]
    for group, lines in PROJECT["optional-dependencies"].items()
}


def needs_of(group: str) -> list[Requirement]:
    """What a group of optional dependencies lists, with that of the groups it includes."""
    own = [need for need in GROUPS[group] if need.name != PROJECT["name"]]
    included = {extra for need in GROUPS[group] if need not in own for extra in need.extras}
    return own + [need for extra in sorted(included) for need in needs_of(extra)]


EXTRAS = [need for group in GROUPS for need in needs_of(group)]
PROVIDERS = packages_distributions()
OWN = {"grpo_lib", "reproduce", "experiments", "tests"}
LOCK = (ROOT / "requirements.lock").read_text()
MAKEFILE = (ROOT / "Makefile").read_text()
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))


def lock_faults(lock: str) -> list[str]:
    """What is wrong with a lock, as lines: entries not exact, and declared packages not met."""
    faults: list[str] = []
    locked: dict[str, list[str]] = {}
    for line in re.sub(r" \\\n\s*", " ", lock).splitlines():
        if not line or line.lstrip().startswith("#"):
            continue
        text, *hashes = line.split(" --hash=")
        entry = Requirement(text)
        pin = re.fullmatch(r"==([^*,]+)", str(entry.specifier))
        if not pin:
            faults.append(f"{entry.name} is not pinned")
        if not hashes or not all(re.fullmatch(r"sha256:[0-9a-f]{64}", item) for item in hashes):
            faults.append(f"{entry.name} has no hash")
        locked.setdefault(canonicalize_name(entry.name), []).extend(pin.groups() if pin else [])
    for need in CORE + EXTRAS:
        versions = locked.get(canonicalize_name(need.name))
        if versions is None:
            faults.append(f"{need.name} is not locked")
        faults += [f"{need} excludes {v}" for v in versions or [] if v not in need.specifier]
    return faults


def test_lock_is_exact_and_meets_pyproject():
    assert lock_faults(LOCK) == []


@pytest.mark.parametrize(
    ("pattern", "replacement", "fault"),
    [
        (r"^sympy==", "sympy>=", "sympy is not pinned"),
        (r"^sympy==\S+", "sympy==1.*", "sympy is not pinned"),
        (r"^(tqdm==\S+)( \\\n +--hash=\S+)+", r"\1", "tqdm has no hash"),
        (r"^papermill==", "paper-mill==", "papermill is not locked"),
        (r"^ipykernel==\S+", "ipykernel==7.0", "ipykernel<7,>=6.29 excludes 7.0"),
    ],
)
def test_a_doctored_lock_is_refused(pattern, replacement, fault):
    doctored, count = re.subn(pattern, replacement, LOCK, count=1, flags=re.MULTILINE)
    assert count == 1
    assert lock_faults(doctored) == [fault]


def environment_faults(environment: dict) -> list[str]:
    """What a conda environment has that pyproject.toml and requirements.lock do not allow."""
    from_conda = [item for item in environment["dependencies"] if isinstance(item, str)]
    from_pip = [item["pip"] for item in environment["dependencies"] if isinstance(item, dict)]
    faults = []
    for item in from_conda:
        name, _, version = item.partition("=")
        if name == "python" and version not in SpecifierSet(PROJECT["requires-python"]):
            faults.append(f"{item} is not {PROJECT['requires-python']}")
        if name not in {"python", "pip"}:
            faults.append(f"{item} is not from the lock")
    if from_pip != [["--require-hashes", "-r requirements.lock"]]:
        faults.append("pip does not install the lock alone")
    return faults


def test_conda_environment_is_the_lock():
    assert environment_faults(yaml.safe_load((ROOT / "environment.yml").read_text())) == []


def test_a_doctored_environment_is_refused():
    doctored = {"dependencies": ["python=3.10", "numpy", {"pip": ["-r requirements.lock", "rich"]}]}
    assert environment_faults(doctored) == [
        "python=3.10 is not >=3.11",
        "numpy is not from the lock",
        "pip does not install the lock alone",
    ]


def foreign_imports(source: str) -> set[str]:
    """Top-level modules outside the standard library that a piece of source imports."""
    modules: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            modules.add(node.module)
    return {module.partition(".")[0] for module in modules} - sys.stdlib_module_names


def cells(path: Path) -> str:
    """The code of a notebook, without the lines that are IPython's own."""
    code = [c["source"] for c in json.loads(path.read_text())["cells"] if c["cell_type"] == "code"]
    lines = [line for source in code for line in [*source, "\n"]]
    return "".join("pass\n" if line.startswith("%") else line for line in lines)


def undeclared(folder: str, declared: list[Requirement]) -> set[str]:
    """Modules imported under a folder that no declared package provides."""
    sources = [path.read_text() for path in (ROOT / folder).rglob("*.py")]
    sources += [cells(path) for path in (ROOT / folder).rglob("*.ipynb")]
    assert sources
    modules = set().union(*map(foreign_imports, sources)) - OWN
    names = {canonicalize_name(need.name) for need in declared}
    return {m for m in modules if names.isdisjoint(map(canonicalize_name, PROVIDERS.get(m, [])))}


def test_core_is_three_packages_and_grpo_lib_needs_no_more():
    assert {need.name for need in CORE} == {"numpy", "scipy", "sympy"}
    assert undeclared("grpo_lib", CORE) == {"flint"}
    sources = {path.name: path.read_text() for path in ROOT.glob("grpo_lib/*.py")}
    importers = [name for name, source in sources.items() if "flint" in foreign_imports(source)]
    # Nothing imports the first by itself, and the second has use for it when there is a ball.
    assert sorted(importers) == ["certified.py", "kinds.py"]


@pytest.mark.parametrize("folder", ["reproduce", "tests"])
def test_every_import_is_declared(folder):
    assert undeclared(folder, CORE + EXTRAS) == set()


def test_the_tests_of_the_mathematics_need_nothing_of_the_book():
    assert undeclared("tests/grpo_lib", CORE + needs_of("mathematics")) == set()
    assert {"jupyter-book", "playwright"}.isdisjoint(need.name for need in needs_of("mathematics"))
    # Without the groups that it includes, python-flint, mpmath and Matplotlib would be missing.
    assert undeclared("tests/grpo_lib", CORE + GROUPS["mathematics"]) == {
        "flint",
        "matplotlib",
        "mpmath",
    }


def test_the_tests_of_the_mathematics_start_without_the_plugins_of_the_others():
    """As `make versions` runs them."""
    command = [sys.executable, "-m", "pytest", "-p", "no:xdist", "--collect-only", "-q"]
    where = "tests/grpo_lib/test_facts.py"
    found = subprocess.run([*command, where], cwd=ROOT, capture_output=True, text=True)
    assert found.returncode == 0, found.stdout + found.stderr


def test_ball_arithmetic_is_an_extra_of_its_own():
    assert undeclared("grpo_lib", CORE + needs_of("certified")) == set()
    assert {need.name for need in GROUPS["certified"]} == {"python-flint"}


def test_the_notebooks_import_what_their_group_lists_and_what_any_kernel_has():
    assert undeclared("notebooks", CORE + needs_of("notebooks")) == {"IPython"}
    assert undeclared("notebooks", CORE) == {"IPython", "flint", "matplotlib", "mpmath"}


def test_undeclared_imports_are_seen():
    source = "import os, numpy.linalg\nfrom . import near\ndef f():\n    from yaml import load"
    assert foreign_imports(source) == {"numpy", "yaml"}
    assert "yaml" in undeclared("tests", CORE)


def test_makefile_asks_for_the_python_of_pyproject():
    needed = PROJECT["requires-python"].removeprefix(">=")
    assert f"version_info < ({needed.replace('.', ', ')})" in MAKEFILE
    assert f"--python-version {needed} " in MAKEFILE


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_workflow_uses_official_actions_and_known_commands(path):
    jobs = yaml.safe_load(path.read_text())["jobs"].values()
    steps = [step for job in jobs for step in job["steps"]]
    for step in steps:
        assert re.fullmatch(r"actions/[a-z-]+@v\d+", step.get("uses", "actions/checkout@v6"))
        for target in re.findall(r"make (\w+)", step.get("run", "")):
            assert f"\n{target}:" in MAKEFILE


NEEDED = {("Linux", "x64"), ("Linux", "arm64"), ("macOS", "arm64")}
MACHINES = {
    "ubuntu-latest": ("Linux", "x64"),
    "ubuntu-24.04-arm": ("Linux", "arm64"),
    "macos-latest": ("macOS", "arm64"),
}
PYTHONS = {"3.11", "3.12", "3.13", "3.14"}


def covered(workflow: dict, command: str) -> set[tuple[str, str]]:
    """Machines and Pythons of the jobs that run a command."""
    return {
        (machine, python)
        for job in workflow["jobs"].values()
        if any(command in step.get("run", "") for step in job["steps"])
        if job["runs-on"] == "${{ matrix.machine }}"
        for machine in job["strategy"]["matrix"]["machine"]
        for python in job["strategy"]["matrix"]["python"]
    }


def workflow_faults(workflow: dict) -> list[str]:
    """What the workflow of a pull request does not try."""
    mathematics, everything = covered(workflow, "make versions"), covered(workflow, ".ci/run")
    faults = [
        f"make versions: {system} {processor} with Python {python}"
        for machine, (system, processor) in MACHINES.items()
        for python in sorted(PYTHONS)
        if (machine, python) not in mathematics
    ]
    tried = {MACHINES[machine] for machine, _ in everything}
    return faults + [f".ci/run: {s} {p}" for s, p in sorted(NEEDED - tried) if s == "Linux"]


def test_a_pull_request_is_tried_on_every_machine_with_every_python():
    assert set(MACHINES.values()) == NEEDED
    assert workflow_faults(yaml.safe_load((ROOT / ".github/workflows/test.yml").read_text())) == []


def test_a_doctored_workflow_is_refused():
    text = (ROOT / ".github/workflows/test.yml").read_text()
    for old, new, fault in (
        (", macos-latest]", "]", "make versions: macOS arm64 with Python 3.11"),
        ('"3.13", "3.14"]', '"3.13"]', "make versions: Linux x64 with Python 3.14"),
        (".ci/run", "make lint", ".ci/run: Linux arm64"),
    ):
        assert old in text
        assert fault in workflow_faults(yaml.safe_load(text.replace(old, new)))


def test_make_versions_asks_for_the_lowest_and_the_newest():
    recipe = MAKEFILE.partition("\nversions:")[2].partition("\n\n")[0]
    assert "for versions in lowest-direct highest;" in recipe
    assert "--extra mathematics " in recipe and "pytest" in recipe and "tests/grpo_lib" in recipe
    assert "--editable ." in recipe, "the version of grpo_lib is looked up where it is installed"


def test_the_classifiers_name_the_systems_and_pythons_that_are_tried():
    named = [line.split(" :: ") for line in PROJECT["classifiers"]]
    assert {line[-1] for line in named if line[0] == "Operating System"} == {
        {"Linux": "Linux", "macOS": "MacOS"}[system] for system, _ in NEEDED
    }
    assert {line[-1] for line in named if line[:2] == ["Programming Language", "Python"]} == {
        "3",
        *PYTHONS,
    }


def test_citation_names_the_paper_and_this_version():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    paper = citation["preferred-citation"]
    assert paper["url"] == "https://arxiv.org/abs/2503.06639"
    assert [author["family-names"] for author in paper["authors"]] == ["Mroueh"]
    assert paper["title"].endswith("GRPO's Effective Loss, Dynamics, and Success Amplification")
    assert citation["version"] == PROJECT["version"]


def test_the_package_says_which_version_it_is():
    assert grpo_lib.__version__ == PROJECT["version"]
