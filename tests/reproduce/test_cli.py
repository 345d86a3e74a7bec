"""The command line on healthy projects: reuse, parameters, --only, arguments."""

import codecs
import json
import re
from pathlib import Path

import jsonschema
import pytest

from reproduce import site
from reproduce.__main__ import main
from reproduce.execute import _read_stored
from reproduce.options import LEAST_SCALE
from reproduce.project import read_text
from reproduce.schema import SCHEMA


def test_a_run_passes_and_says_where_the_book_is(built_once):
    assert (built_once.root / "_build/html/index.html").exists()
    row = built_once.rows()["theorem-1"]
    assert (row["status"], row["verdict"], row["notebook"]) == ("passed", "holds", "good")
    assert [entry["kind"] for entry in row["evidence"]] == ["measured", "rejected"]
    assert "1 hold as printed, 1 open." in built_once.read("_build/html/book/index.html")


def test_what_no_notebook_shows_is_open(built_once):
    row = built_once.rows()["remark-1"]
    assert (row["status"], row["verdict"], row["evidence"]) == ("open", None, [])


def test_nothing_changed_nothing_is_executed_or_built(built):
    before = built.html()
    outcome = built.run()
    assert outcome.status == 0
    assert "reused  good" in outcome.out
    assert "Building the book" not in outcome.out
    # The run block of the ledger is new each time, so what goes with the book is written anew.
    ours = ("ledger.json", "ledger.schema.json", "badge.json")
    changed = {path for path, file in built.html().items() if file != before[path]}
    assert {path.rpartition("/")[2] for path in changed} == set(ours)


def test_the_published_ledger_is_that_of_the_run(built):
    built.run()
    assert built.read("_build/html/ledger.json") == built.read("_build/ledger.json")
    assert json.loads(built.read("_build/html/ledger.schema.json")) == SCHEMA


def test_a_stale_result_is_not_reused_after_a_formula_was_broken(built):
    """The edit of grpo_lib makes a claim false; reuse would hide that."""
    assert "reused  good" in built.run("--only", "good").out
    broken = built.read("grpo_lib/kinds.py").replace("0 <= value <= bound", "0 == value <= bound")
    built.write("grpo_lib/kinds.py", broken)
    outcome = built.run("--only", "good")
    assert outcome.status == 1
    assert "EvidenceError" in outcome.err


def test_an_edited_notebook_runs_again(built):
    source = built.read("notebooks/good.ipynb")
    built.write("notebooks/good.ipynb", source.replace("0.5, at_least", "0.6, at_least"))
    assert "passed  good" in built.run("--only", "good").out


def test_a_byte_order_mark_changes_nothing(built):
    for path in ("notebooks/good.ipynb", "claims.yml", "book/index.md"):
        file = built.root / path
        file.write_bytes(codecs.BOM_UTF8 + file.read_bytes())
    outcome = built.run("--only", "good")
    assert (outcome.status, outcome.err) == (0, "")
    assert "reused  good" in outcome.out
    assert read_text(built.root / "book/index.md").startswith("# Tiny")


@pytest.mark.parametrize("mark", [3, [], {"key": 1}, {"key": "k", "seconds": "s"}])
def test_an_odd_mark_in_an_executed_notebook_is_as_good_as_none(built, mark):
    executed = json.loads(built.read("_build/executed/good.ipynb"))
    executed["metadata"]["reproduce"] = mark
    built.write("_build/executed/good.ipynb", json.dumps(executed))
    assert _read_stored(built.root / "_build/executed/good.ipynb") is None


def test_fresh_runs_everything_again(built):
    assert "passed  good" in built.run("--only", "good", "--fresh").out


def test_seed_and_scale_reach_the_notebook_and_the_ledger(built, monkeypatch):
    monkeypatch.setattr(site, "publish", lambda *_: None)
    assert built.run("--seed", "3", "--scale", "2").status == 0
    run = built.ledger()["run"]
    assert (run["seed"], run["scale"]) == (3, 2)
    assert built.rows()["theorem-1"]["evidence"][0]["value"] == 1e-13 * 4
    injected = json.loads(built.read("_build/executed/good.ipynb"))["cells"][2]
    assert "".join(injected["source"]) == "# Parameters\nseed = 3\nscale = 2\n"


def test_without_parameters_no_cell_is_injected(built_once):
    executed = json.loads(built_once.read("_build/executed/good.ipynb"))
    nodes = [executed, *executed["cells"]]
    assert "injected-parameters" not in json.dumps(executed)
    assert all("papermill" not in node["metadata"] for node in nodes)


def test_only_leaves_the_ledger_and_the_book_alone(built):
    built.claim("theorem-2", notebook="other")
    built.notebook("other", "1 / 0")
    before = built.html(), built.read("_build/ledger.json")
    outcome = built.run("--only", "good")
    assert outcome.status == 0
    assert "Theorem-1" in outcome.out
    assert "Theorem-2" not in outcome.out
    assert (built.html(), built.read("_build/ledger.json")) == before


def test_a_claim_derived_twice_is_shown_for_each_of_its_notebooks_alone(built):
    built.claims.pop()
    built.claim("theorem-1", notebook="good", second="again")
    entries = [
        {"kind": kind, "name": "n", "value": 1.0, "bound": 1.0, "cell": None}
        for kind in ("measured", "rejected")
    ]
    built.notebook("again", built.evidence("theorem-1", *entries))
    for name in ("good", "again"):
        outcome = built.run("--only", name)
        assert outcome.status == 0, outcome.err
        assert "Theorem-1  holds  " in outcome.out, "not twice, as the other did not run"


def test_two_runs_give_the_same_ledger(built, monkeypatch):
    monkeypatch.setattr(site, "publish", lambda *_: None)

    def ledger() -> str:
        built.run("--fresh")
        text = built.read("_build/ledger.json")
        assert text.endswith("}\n")
        jsonschema.validate(json.loads(text), SCHEMA)
        text = re.sub(r'"seconds": [0-9.]+', "", text)
        return text[: text.index('"run": {')]

    assert ledger() == ledger()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--jobs", "0"], "'0' is not a whole number of at least 1"),
        (["--seed", "-1"], "'-1' is not a whole number of at least 0"),
        (["--seed", "1.5"], "'1.5' is not a whole number of at least 0"),
        (["--scale", "0"], "'0' is not a number above 0"),
        (["--scale", "0.09"], "'0.09' is below 0.1, where some checks would be left without"),
        (["--timeout", "nan"], "'nan' is not a number above 0"),
        (["--timeout", "soon"], "'soon' is not a number above 0"),
        (["--fast"], "unrecognized arguments: --fast"),
    ],
)
def test_bad_arguments(capsys, arguments, message):
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    assert message in capsys.readouterr().err


def test_the_least_scale_leaves_every_check_its_samples():
    """The smallest sample of a notebook must not shrink below 4, which special cases take up."""
    sample = re.compile(r"(max\(\d+, )?int\(([\d_]+) \* scale\)")
    sizes = {
        (path.name, match[0]): int(match[2].replace("_", ""))
        for path in sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))
        for match in sample.finditer(path.read_text("utf-8"))
        if not match[1]  # a size that has its own least value
    }
    assert len(sizes) > 50
    assert {place for place, size in sizes.items() if int(size * LEAST_SCALE) < 4} == set()


def test_only_an_unknown_notebook(built):
    outcome = built.run("--only", "theorem-9")
    assert outcome.status == 1
    assert outcome.err == "error: --only: no notebook named theorem-9; there are good\n"


def test_outside_of_a_project(built):
    (built.root / "claims.yml").unlink()
    outcome = built.run()
    assert outcome.status == 1
    assert "is not the project's root: no file claims.yml there" in outcome.err
