"""The explained mutants are mutants of the code as it is."""

import pytest
import yaml

from tests.mutants import EXPLAINED, ROOT

ENTRIES = [
    (module, entry)
    for module, entries in yaml.safe_load(EXPLAINED.read_text("utf-8")).items()
    for entry in entries
]


def squeezed(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize(("module", "entry"), ENTRIES, ids=[module for module, _ in ENTRIES])
def test_what_is_explained_is_a_change_of_a_line_that_is_there(module: str, entry: dict) -> None:
    code = squeezed((ROOT / "grpo_lib" / f"{module}.py").read_text("utf-8"))
    assert squeezed(entry["was"]) in code
    assert squeezed(entry["becomes"]) not in code
    assert entry["why"].endswith(".")


def test_no_change_is_explained_twice() -> None:
    changes = [(module, entry["was"], entry["becomes"]) for module, entry in ENTRIES]
    assert len(set(changes)) == len(changes)
