"""What README.md and CONTRIBUTING.md show is what happens."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
MAKEFILE = (ROOT / "Makefile").read_text("utf-8")


def test_the_example_gives_the_number_beside_it() -> None:
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    promised = float(re.search(r"# (\S+)\s*$", code)[1])
    *steps, last = ast.parse(code).body
    names: dict[str, object] = {}
    exec(compile(ast.Module(steps, []), "README.md", "exec"), names)
    value = eval(compile(ast.Expression(last.value), "README.md", "eval"), names)
    assert value == pytest.approx(promised, abs=5e-5)


def missing(page: str) -> list[str]:
    """Targets of `make`, links, and files and folders in code that a page names but nobody has."""
    targets = re.findall(r"(?:\$ |`)make (\w+)", page)
    names = re.findall(r"`([\w./-]+/[\w./-]+|[\w-]+\.(?:md|toml|lock|py))`", page)
    links = [link for link in re.findall(r"\]\(([^)]+)\)", page) if "://" not in link]
    generated = [name for name in names if name.startswith("_build/")]
    return [target for target in targets if f"\n{target}:" not in MAKEFILE] + [
        name for name in [*names, *links] if not (ROOT / name).exists() and name not in generated
    ]


@pytest.mark.parametrize("page", [README, CONTRIBUTING], ids=["README", "CONTRIBUTING"])
def test_commands_and_files_exist(page: str) -> None:
    assert missing(page) == []


def test_missing_commands_and_files_are_seen() -> None:
    page = "```console\n$ make tea\n```\n`make coffee`, `tests/tea`, `tea.md`, [tea](book/tea.md)"
    assert missing(page) == ["tea", "coffee", "tests/tea", "tea.md", "book/tea.md"]


def test_the_everyday_loop_leaves_out_what_is_slow() -> None:
    assert '-m "not slow" ' in MAKEFILE.partition("\ncheck:")[2].partition("\n\n")[0]


def test_ci_runs_the_test_command_of_the_readme() -> None:
    last = (ROOT / ".ci/run").read_text("utf-8").splitlines()[-1]
    assert f"$ {last}\n" in README and last == "make test"
