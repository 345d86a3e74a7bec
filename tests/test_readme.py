"""What README.md shows is what happens."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")


def test_the_example_gives_the_number_beside_it() -> None:
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    promised = float(re.search(r"# (\S+)\s*$", code)[1])
    *steps, last = ast.parse(code).body
    names: dict[str, object] = {}
    exec(compile(ast.Module(steps, []), "README.md", "exec"), names)
    value = eval(compile(ast.Expression(last.value), "README.md", "eval"), names)
    assert value == pytest.approx(promised, abs=5e-5)


def test_commands_and_files_exist() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    targets = re.findall(r"\$ make (\w+)", README)
    assert targets
    assert [target for target in targets if f"\n{target}:" not in makefile] == []
    links = [link for link in re.findall(r"\]\(([^)]+)\)", README) if "://" not in link]
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []
