"""What the pages of the book say about the code and the citation is so."""

import doctest
import inspect
import re
import tomllib
from pathlib import Path

import numpy as np
import pytest
import sympy as sp
import yaml

import grpo_lib
from grpo_lib import symbolic
from reproduce.findings import Findings, setting
from reproduce.runs import read
from reproduce.trl import read_settings
from reproduce.wording import as_table, most_telling

ROOT = Path(__file__).parents[1]
QUICKSTART = (ROOT / "book/quickstart.md").read_text("utf-8")
SETTING = (ROOT / "book/setting.md").read_text("utf-8")
CITE = (ROOT / "book/cite.md").read_text("utf-8")
CITATION = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]

VALUES = {"p": 0.3, "p_ref": 0.1, "beta": 2.0, "eps": 0.01, "L": np.log(3 / 7), "L_ref": -np.log(9)}
"""One state and its parameters, under the names of the code; L is that of p, L_ref of p_ref."""


def failed_examples(page: str) -> int:
    """Number of the examples of a page that print something else than it says, run in order."""
    blocks = re.findall(r"^```pycon\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    assert blocks
    test = doctest.DocTestParser().get_doctest("\n".join(blocks), {}, "page", None, 0)
    return doctest.DocTestRunner().run(test).failed


def test_the_quickstart_prints_what_it_shows() -> None:
    assert failed_examples(QUICKSTART) == 0


def test_a_quickstart_that_lies_is_seen() -> None:
    assert QUICKSTART.count("[0.242 0.982 1.   ]") == 1
    assert failed_examples(QUICKSTART.replace("[0.242 0.982", "[0.242 0.983")) == 1


def test_the_quickstart_takes_five_lines() -> None:
    first = re.search(r"```pycon\n(.*?)```", QUICKSTART, re.DOTALL)[1]
    assert first.count(">>> ") == 5


def notation() -> list[list[str]]:
    """Rows of the table of names: meaning, paper, name in SymPy, name in the numeric code."""
    table = SETTING.partition("\n|---|---|---|---|\n")[2].partition("\n\n")[0]
    return [[cell.strip() for cell in row.strip("|").split(" | ")] for row in table.splitlines()]


def names_in(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def parameters(module: object, names: list[str]) -> set[str]:
    """Names of the parameters of a module's functions, classes and their public methods."""
    found: set[str] = set()
    for name in names:
        value = getattr(module, name)
        methods = (
            [m for key, m in vars(value).items() if key[0] != "_"] if inspect.isclass(value) else []
        )
        for function in filter(callable, [value, *methods]):
            found |= set(inspect.signature(function).parameters)
    return found


SYMBOLIC = {name for name in vars(symbolic) if isinstance(getattr(symbolic, name), sp.Symbol)}
SYMBOLIC |= parameters(
    symbolic, [name for name, _ in inspect.getmembers(symbolic, inspect.isfunction)]
)
NUMERIC = parameters(
    grpo_lib, [name for name in grpo_lib.__all__ if callable(getattr(grpo_lib, name))]
)


def unknown_names(symbolic_cell: str, numeric_cell: str) -> list[str]:
    """Names of a row that are neither symbols or parameters nor calls with the right arguments."""
    wrong = []
    for cell, known, home in (
        (symbolic_cell, SYMBOLIC, vars(symbolic)),
        (numeric_cell, NUMERIC | set(grpo_lib.__all__), vars(grpo_lib)),
    ):
        for name in names_in(cell):
            try:
                good = name in known if name.isidentifier() else _value(name, home) is not None
            except (NameError, TypeError, AttributeError):
                good = False
            wrong += [] if good else [name]
    return wrong


def _value(call: str, home: dict[str, object]) -> float:
    return float(eval(call, {**home, **VALUES}))


@pytest.mark.parametrize("row", notation(), ids=lambda row: row[0])
def test_the_table_of_names_is_that_of_the_code(row: list[str]) -> None:
    _, _, symbolic_cell, numeric_cell = row
    assert names_in(symbolic_cell) or names_in(numeric_cell)
    assert unknown_names(symbolic_cell, numeric_cell) == []
    calls = [name for cell in row[2:] for name in names_in(cell) if not name.isidentifier()]
    if len(calls) == 2:
        left, right = _value(calls[0], vars(symbolic)), _value(calls[1], vars(grpo_lib))
        assert left == pytest.approx(right, rel=1e-12, abs=0)


def test_wrong_names_are_seen() -> None:
    assert unknown_names("`epsilon`", "`epsilon`") == ["epsilon", "epsilon"]
    assert unknown_names("`omega(p)`", "`MeanVariance(eps).omega(L)`") == [
        "omega(p)",
        "MeanVariance(eps).omega(L)",
    ]


def bibtex(page: str) -> list[dict[str, str]]:
    """Entries of a page's BibTeX blocks, the braces of their values removed."""
    return [
        {
            name: re.sub(r"[{}]", "", value)
            for name, value in re.findall(r"^  (\w+) += \{(.*)\},$", entry, re.MULTILINE)
        }
        for entry in re.findall(r"```bibtex\n(.*?)```", page, re.DOTALL)
    ]


def citation_faults(entries: list[dict[str, str]]) -> list[str]:
    """Where the BibTeX for the paper and for the companion differs from CITATION.cff."""
    preferred = CITATION["preferred-citation"]
    (author,) = preferred["authors"]
    wanted = [
        {
            "author": f"{author['family-names']}, {author['given-names']}",
            "title": preferred["title"],
            "year": str(preferred["year"]),
            "eprint": preferred["url"].rpartition("/")[2],
        },
        {
            "author": CITATION["authors"][0]["name"],
            "title": CITATION["title"],
            "version": CITATION["version"],
        },
    ]
    pairs = zip(entries, wanted, strict=False)
    return [key for entry, want in pairs for key in want if entry.get(key) != want[key]]


def test_every_bibtex_entry_agrees_with_the_citation_file() -> None:
    paper, companion = bibtex(CITE)
    assert citation_faults([paper, companion]) == []
    assert bibtex((ROOT / "README.md").read_text("utf-8")) == [paper]


def test_a_doctored_entry_is_seen() -> None:
    doctored = CITE.replace("2503.06639", "2503.06638").replace(VERSION, "9.9")
    assert citation_faults(bibtex(doctored)) == ["eprint", "version"]


def test_no_paper_is_listed_twice() -> None:
    text = (ROOT / "book/references.bib").read_text("utf-8")
    for field in ("eprint", "doi", "title"):
        values = re.findall(rf"^\s*{field}\s*=\s*\{{(.*)\}},?$", text, re.MULTILINE)
        assert len(values) > 1 and len(set(values)) == len(values), field


def test_the_changelog_begins_with_this_version() -> None:
    changelog = (ROOT / "book/changelog.md").read_text("utf-8")
    assert re.search(r"^## (\S+?),? ", changelog, re.MULTILINE)[1] == VERSION


OWN_RUN = (ROOT / "book/your-own-run.md").read_text("utf-8")


def tables(page: str) -> dict[str, dict[str, list[str]]]:
    """The rows below each command of the page about one's own run, by run and prompt."""
    found: dict[str, dict[str, list[str]]] = {}
    for name, table in re.findall(r"own-run/(\w+)\n```\n\n((?:\|.*\n)+)", page):
        rows = [[cell.strip() for cell in row.strip("|").split("|")] for row in table.splitlines()]
        found[name] = {prompt: row for prompt, *row in rows[2:]}
    return found


def report_faults(page: str) -> list[str]:
    """Prompts of the recorded runs for which the report says something else than the page."""
    faults, shown = [], tables(page)
    for name in ("one", "eight", "default"):
        folder = ROOT / "experiments/results/own-run" / name
        made = setting("trl", read_settings(folder), options={})
        findings = Findings(read(folder, made.size), made, 0.99)
        table = as_table(findings, most_telling(findings)).replace("`", "")
        report = tables(f"own-run/{name}\n```\n\n{table}\n")[name]
        if report.keys() != shown[name].keys():
            faults.append(name)
        for prompt, row in report.items():
            for said, cell in zip(shown[name].get(prompt, []), row, strict=False):
                numbers = [re.findall(r"\d\.\d+", text) for text in (cell, said)]
                words = [re.sub(r"\d\.\d+", "", text) for text in (cell, said)]
                pairs = zip(*numbers, strict=False)
                # The last digit in print may be rounded otherwise.
                far = any(abs(float(one) - float(other)) > 1.001e-3 for one, other in pairs)
                if far or words[0] != words[1]:
                    faults.append(f"{name}, prompt {prompt}: {cell}")
    return faults


def test_the_page_about_ones_own_run_shows_what_the_report_says() -> None:
    assert report_faults(OWN_RUN) == []


def test_a_page_about_another_run_is_seen() -> None:
    assert "0.318 to 0.342" in OWN_RUN
    assert report_faults(OWN_RUN.replace("0.318 to 0.342", "0.328 to 0.342"))
    assert report_faults(OWN_RUN.replace("below the forecast |", "as forecast |"))
    assert report_faults(OWN_RUN.replace("| 7 | 5,120", "| 9 | 5,120"))
