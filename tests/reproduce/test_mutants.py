"""The table of mutants: its totals, when it is out of date, and when it is none."""

from pathlib import Path

import pytest

from reproduce.mutants import code_key, parts, table_path
from reproduce.project import Project, ReproduceError
from tests.reproduce.conftest import Tree

CODE = 'NAME = "double"\n\n\ndef double(x):\n    """Twice x."""\n    return 2 * x\n'
CHANGES = {
    "a docstring": (CODE.replace("Twice x", "Two times x"), True),
    "a comment": (CODE.replace("2 * x", "2 * x  # twice"), True),
    "layout": (CODE.replace("2 * x", "(2 * x)"), True),
    "a number": (CODE.replace("2 * x", "3 * x"), False),
    "a text": (CODE.replace('"double"', '"triple"'), False),
}


@pytest.mark.parametrize(("changed", "same"), CHANGES.values(), ids=CHANGES)
def test_the_key_is_that_of_the_code(tmp_path: Path, changed: str, same: bool) -> None:
    path = tmp_path / "module.py"
    path.write_text(CODE, "utf-8")
    key = code_key(path)
    path.write_text(changed, "utf-8")
    assert (code_key(path) == key) == same


def test_the_table_has_totals_and_says_what_has_changed(tree: Tree) -> None:
    project = Project(tree.root)
    assert parts(project) == {}
    key = code_key(tree.root / "grpo_lib" / "ledger.py")
    tree.write(
        "book/mutants.csv",
        "module,code,mutants,killed,wording,equivalent,open\n"
        f"ledger,{key},12,9,2,1,0\nvalidation,other,30,28,0,1,1\ngone,one,1,1,0,0,0\n",
    )
    text = parts(project)["mutants"]
    assert text.count("* - ") == 5
    assert "* - All\n  - 43\n  - 38\n  - 2\n  - 2\n  - 1\n" in text
    assert text.endswith("The code of validation, gone has changed since.")


@pytest.mark.parametrize(
    "text",
    ["", "module,mutants\nledger,1\n", "module,code,mutants,killed,wording,equivalent,open\na,b\n"],
)
def test_another_table_is_refused(tree: Tree, text: str) -> None:
    tree.write("book/mutants.csv", text)
    with pytest.raises(ReproduceError, match="make it anew with make mutants"):
        parts(Project(tree.root))
    assert table_path(Project(tree.root)).read_text() == text
