"""The recorded numbers are those of the script, and where it can run, it gives them again."""

import csv
import hashlib
import json
import subprocess
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXPERIMENTS = ROOT / "experiments"
MANIFEST = json.loads((EXPERIMENTS / "results/libraries.json").read_text("utf-8"))
PLACE = ROOT / "_build/libraries"
"""Where README.md of the experiment puts an environment of its own and the sources."""


def hash_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def rows(path: Path) -> list[list[str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


@pytest.mark.parametrize(
    ("folder", "part"), [("libraries", "script"), ("results", "results")], ids=["script", "results"]
)
def test_the_manifest_names_the_files_as_they_are(folder: str, part: str) -> None:
    files = MANIFEST[part]
    assert files == {name: hash_of(EXPERIMENTS / folder / name) for name in files}


def test_each_row_has_a_version_of_the_manifest() -> None:
    for name in MANIFEST["results"]:
        head, *body = rows(EXPERIMENTS / "results" / name)
        assert head[:2] == ["library", "version"]
        assert {tuple(row[:2]) for row in body} == set(MANIFEST["libraries"].items())


def test_every_group_is_there() -> None:
    _, *body = rows(EXPERIMENTS / "results/libraries.csv")
    counts: dict[tuple[str, ...], list[int]] = {}
    for *run, size, k, success, failure in body:
        counts.setdefault((*run, size), []).append(int(k))
        assert (success == "", failure == "") == (k == "0", k == size)
    assert all(found == list(range(int(run[-1]) + 1)) for run, found in counts.items())
    groups = Counter(run[0] for run in counts)  # settings, kinds of numbers, sizes
    assert groups == {
        "trl": 2 * 2 * 4,
        "verl": (2 + 1) * 2 * 5,  # one of the two functions computes in float32 alone
        "openrlhf": 3 * 2 * 5,
        "nemo_rl": 4 * 2 * 5,
        "open_instruct": 2 * 5,  # in float64 alone
    }


def test_requirements_are_what_recorded() -> None:
    lines = (EXPERIMENTS / "libraries/requirements.txt").read_text("utf-8").splitlines()
    pins = dict(line.split("==") for line in lines if not line.startswith("#"))
    assert pins == {"numpy": MANIFEST["numpy"], "torch": MANIFEST["torch"].partition("+")[0]}


@pytest.mark.skipif(
    not (PLACE / "bin/python").exists(),
    reason="experiments/libraries/README.md was not followed: torch and the sources are not there",
)
def test_recording_again_gives_the_same(tmp_path: Path) -> None:
    """Numbers in doubles to their last digits, those in single precision to its own."""
    script = EXPERIMENTS / "libraries/record.py"
    command = [PLACE / "bin/python", script, PLACE / "sources", tmp_path]
    subprocess.run(command, check=True, timeout=600)
    again = json.loads((tmp_path / "libraries.json").read_text("utf-8"))
    assert again["sources"] == MANIFEST["sources"]
    for name in MANIFEST["results"]:
        before, after = rows(EXPERIMENTS / "results" / name), rows(tmp_path / name)
        assert len(before) == len(after)
        for old, new in zip(before[1:], after[1:], strict=True):
            words = [i for i, text in enumerate(old) if not is_number(text)]
            assert [old[i] for i in words] == [new[i] for i in words]
            for i in set(range(len(old))).difference(words):
                assert float(new[i]) == pytest.approx(float(old[i]), rel=1e-4, abs=0)


def is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
