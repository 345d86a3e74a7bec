"""A kernel and the site's builder see none of the caller's settings, and end with the runner."""

import json
import os
import signal
import subprocess
import sys
import sysconfig
import tempfile
import time
import venv
from pathlib import Path

import psutil
import pytest

from reproduce import hermetic
from reproduce.execute import Executed, execute
from reproduce.project import Project, ReproduceError
from reproduce.site import _build

ROOT = Path(__file__).parents[2]
OBSERVE = """
import builtins, json, locale, logging, os, sys
import matplotlib
seen = {
    "executable": sys.executable,
    "asserts": __debug__,
    "hash seed": os.environ.get("PYTHONHASHSEED"),
    "warnings": sys.warnoptions,
    "sitecustomize": hasattr(builtins, "from_sitecustomize"),
    "start-up files": sorted(name for name in globals() if name.startswith("from_")),
    "backend": os.environ["MPLBACKEND"].partition(":")[0],
    "line width": matplotlib.rcParams["lines.linewidth"],
    "encoding": locale.getpreferredencoding(False),
    "foreign variables": [name for name in os.environ if name.startswith("FOREIGN")],
    "cache": matplotlib.get_cachedir(),
}
print(json.dumps(seen))
"""
CONFIG = (
    "c.InteractiveShell.ast_node_interactivity = 'all'\nc.InteractiveShellApp.exec_lines = [{}]"
)


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def printed(notebook, cell: int = -1) -> str:
    return "".join(output.get("text", "") for output in notebook.cells[cell].outputs)


def run(tree, name: str, **environment: str):
    """Execute one notebook in a project."""
    (result,) = execute(
        Project(tree.root),
        [name],
        parameters={},
        jobs=1,
        timeout=60,
        fresh=False,
        environment=environment,
    )
    assert isinstance(result, Executed), result
    return result


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """What a caller can set, all at once: the variables, and an interpreter with settings."""
    folder = tmp_path_factory.mktemp("hostile")
    foreign = write(folder / "python", "#!/bin/sh\nexit 1\n")
    foreign.chmod(0o755)
    kernel = {"argv": [str(foreign)], "display_name": "Python 3", "language": "python"}
    write(folder / "jupyter/kernels/python3/kernel.json", json.dumps(kernel))
    write(folder / "path/sitecustomize.py", "import builtins\nbuiltins.from_sitecustomize = 1")
    profile = folder / "ipython/profile_default"
    write(profile / "startup/first.py", "from_profile = 1")
    write(profile / "ipython_kernel_config.py", CONFIG.format("'from_profile_config = 1'"))
    venv.create(folder / "venv", symlinks=True)
    own = sysconfig.get_path("purelib", vars={"base": str(folder / "venv")})
    write(Path(own, "packages.pth"), sysconfig.get_path("purelib"))
    system = folder / "venv/etc/ipython"
    write(system / "startup/first.py", "from_system = 1")
    write(system / "ipython_config.py", CONFIG.format("'from_system_config = 1'"))
    variables = {
        "HOME": "/nowhere",
        "JUPYTER_PATH": folder / "jupyter",
        "JUPYTER_DEFAULT_PROVISIONER_NAME": "foreign",
        "IPYTHONDIR": folder / "ipython",
        "MPLBACKEND": "agg",
        "MATPLOTLIBRC": write(folder / "matplotlibrc", "lines.linewidth: 9"),
        "PYTHONPATH": folder / "path",
        "PYTHONOPTIMIZE": "1",
        "PYTHONHASHSEED": "7",
        "PYTHONWARNINGS": "error",
        "PYTHONSTARTUP": write(folder / "startup.py", "from_python_startup = 1"),
        "PYTHONUTF8": "0",
        "LC_ALL": "C",
        "FOREIGN": "1",
    }
    return folder / "venv/bin/python", {name: str(value) for name, value in variables.items()}


@pytest.fixture(scope="module")
def observed(built_once, hostile, tmp_path_factory):
    """What a notebook sees when it is run by that caller, and its result."""
    tree = built_once.copy(tmp_path_factory.mktemp("observed") / "project")
    write(tree.root / "ipython_kernel_config.py", CONFIG.format("'from_folder = 1'"))
    tree.notebook("observing", OBSERVE, "import grpo_lib\ngrpo_lib.__file__", "1\n2")
    python, variables = hostile
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "executable", str(python))
        for name, value in variables.items():
            patch.setenv(name, value)
        result = run(tree, "observing")
    return tree, result, json.loads(printed(result.notebook, 2))


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("asserts", True),
        ("hash seed", "0"),
        ("warnings", []),
        ("sitecustomize", False),
        ("start-up files", []),
        ("backend", "module"),
        ("line width", 1.5),
        ("encoding", "utf-8"),
        ("foreign variables", []),
    ],
)
def test_a_kernel_does_not_see_the_setting_of_the_caller(observed, setting, expected):
    _, _, seen = observed
    assert seen[setting] == expected


def test_the_kernel_is_the_interpreter_of_the_runner_whatever_kernels_are_installed(
    observed, hostile
):
    _, result, seen = observed
    python, _ = hostile
    assert seen["executable"] == str(python)
    assert result.environment["prefix"] == str(python.parents[1])
    assert result.environment["python"] == ".".join(map(str, sys.version_info[:3]))
    assert {"numpy", "scipy", "sympy", "python-flint"} <= set(result.environment["packages"])


def test_what_is_drawn_is_cached_in_the_project(observed):
    tree, _, seen = observed
    assert Path(seen["cache"]).is_relative_to(tree.root / "_build")


def test_the_kernel_imports_the_package_of_the_tree_and_shows_the_last_line_only(observed):
    tree, result, _ = observed
    *_, package, shown = result.notebook.cells
    assert str(tree.root) in package.outputs[0].data["text/plain"]
    assert [output.data["text/plain"] for output in shown.outputs] == ["2"]


def test_variables_for_one_run_reach_the_kernel_and_the_content_key(tree):
    tree.notebook("asking", "import os\nprint(os.environ.get('SYMPY_GROUND_TYPES'))")
    seen = [run(tree, "asking", **{"SYMPY_GROUND_TYPES": name}) for name in ("a", "a", "b")]
    assert [(result.reused, printed(result.notebook)) for result in seen] == [
        (False, "a\n"),
        (True, "a\n"),
        (False, "b\n"),
    ]
    assert seen[1].environment == seen[0].environment


def test_the_builder_of_the_site_does_not_see_the_settings_of_the_caller(
    tree, hostile, monkeypatch
):
    _, variables = hostile
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(hermetic, "command", lambda *_: ["sh", "-c", "env; exit 1"])
    with pytest.raises(ReproduceError, match="the site was not built"):
        _build(Project(tree.root))
    lines = tree.read("_build/site.log").splitlines()
    seen = dict(line.partition("=")[::2] for line in lines)
    allowed = {*hermetic.PASSED_ON, *hermetic.SETTINGS, *hermetic.FOLDERS}
    assert set(seen) - allowed <= {"PWD", "OLDPWD", "SHLVL", "_"}  # the shell's own
    assert {name for name in seen if seen[name] == variables.get(name)} == set()


def test_sockets_find_a_place_when_the_temporary_folder_has_a_long_name(
    tree, tmp_path, monkeypatch
):
    folder = tmp_path / ("long" * 20)
    folder.mkdir()
    monkeypatch.setattr(hermetic.tempfile, "tempdir", str(folder))
    tree.notebook("short", "1")
    run(tree, "short")


def wait_for(condition, seconds: float = 30) -> None:
    limit = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < limit
        time.sleep(0.05)


STARTS_ANOTHER = "import subprocess\nsubprocess.run(['sleep', '60'])"
EXECUTES = "from reproduce.__main__ import main\nmain([])"
BUILDS = """
import sys
from pathlib import Path
from reproduce import hermetic, site
from reproduce.project import Project

hermetic.command = lambda *_: [sys.executable, "-c", sys.argv[1]]
site._build(Project(Path.cwd()))
"""
BUILDER = f"""
import sys
sys.path.append({str(ROOT)!r})
from reproduce.child import follow_runner
follow_runner()
{STARTS_ANOTHER}
"""


@pytest.mark.parametrize("program", [EXECUTES, BUILDS], ids=["kernel", "builder"])
def test_nothing_outlives_a_killed_runner(tree, program):
    temporary = tempfile.mkdtemp(prefix="t")  # short enough for sockets
    tree.claim("theorem-1", notebook="parent")
    tree.notebook("parent", STARTS_ANOTHER)
    runner = subprocess.Popen(
        [sys.executable, "-c", program, BUILDER],
        cwd=tree.root,
        env=os.environ | {"PYTHONPATH": str(ROOT), "TMPDIR": temporary},
        stdout=subprocess.DEVNULL,
    )
    started: list[psutil.Process] = []

    def asleep() -> bool:
        assert runner.poll() is None
        started[:] = psutil.Process(runner.pid).children(recursive=True)
        return any(process.name() == "sleep" for process in started)

    wait_for(asleep, 120)
    runner.send_signal(signal.SIGKILL)
    runner.wait()
    wait_for(lambda: not any(process.is_running() for process in started))
    os.rmdir(temporary)  # only if nothing is left in it


def test_nothing_outlives_a_kernel(tree):
    tree.notebook(
        "leaving", "import subprocess\nprint(subprocess.Popen(['sleep', '60']).pid)", "x = 1"
    )
    pid = int(printed(run(tree, "leaving").notebook, 2))
    wait_for(lambda: not psutil.pid_exists(pid))
