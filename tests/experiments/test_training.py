"""The recorded runs are those of the scripts and settings, and where TRL is there, they repeat."""

import csv
import hashlib
import json
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from experiments import agreement
from experiments.__main__ import PACKAGES, STUDIES, WITH_MODEL, sources, text
from experiments.training import grid, language_model

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "experiments/results"
TABLES = {study: RESULTS / f"{study.replace('_', '-')}.csv" for study in STUDIES}
MANIFESTS = {
    study: json.loads(table.with_suffix(".json").read_text("utf-8"))
    for study, table in TABLES.items()
}
COMPARED = [study for study in STUDIES if study not in WITH_MODEL]
"""Those that have a quick form, which is compared with the record."""
PYTHON = ROOT / "_build/experiments/env/bin/python"
"""Where `make experiments` puts an environment of its own."""


def rows(study: str) -> list[dict[str, str]]:
    with TABLES[study].open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("study", STUDIES)
def test_the_manifest_names_the_files_as_they_are(study: str) -> None:
    manifest, table = MANIFESTS[study], TABLES[study]
    assert manifest["scripts"] == sources(study)
    assert manifest["results"] == {table.name: hashlib.sha256(table.read_bytes()).hexdigest()}


@pytest.mark.parametrize("study", STUDIES)
def test_every_setting_is_recorded_and_no_other(study: str) -> None:
    settings = getattr(grid, study)(False)
    names = [name for name in settings[0] if name != "run"]
    wanted = {tuple(text(setting[name]) for name in names) for setting in settings}
    assert {tuple(row[name] for name in names) for row in rows(study)} == wanted
    assert MANIFESTS[study]["tasks"] == len(settings)


@pytest.mark.parametrize("study", COMPARED)
def test_every_mean_has_eight_replicates(study: str) -> None:
    samples = getattr(agreement, study)(rows(study))
    assert {len(values) for values in samples.values()} == {8}


@pytest.mark.parametrize("study", STUDIES)
def test_versions_are_those_of_the_requirements(study: str) -> None:
    lock = (ROOT / "experiments/training/requirements.txt").read_text("utf-8")
    pins = set(re.findall(r"^([\w.-]+)==([^\s;]+)", lock, re.MULTILINE))
    for machine in MANIFESTS[study]["machines"]:
        assert {(name, machine[name].partition("+")[0]) for name in PACKAGES} <= pins


@pytest.mark.parametrize("study", WITH_MODEL)
def test_the_manifest_names_the_model_of_the_requirements(study: str) -> None:
    lock = (ROOT / "experiments/training/model.txt").read_text("utf-8")
    pins = dict(re.findall(r"^([\w.-]+)==(\S+)", lock, re.MULTILINE))
    named = MANIFESTS[study]["model"]
    assert {name: named[name] for name in pins} == pins
    (file,) = named.keys() - pins.keys()
    assert file.endswith(".gguf") and re.fullmatch("[0-9a-f]{64}", named[file])


@pytest.mark.parametrize("study", WITH_MODEL)
def test_every_prompt_of_the_model_is_recorded_as_often(study: str) -> None:
    prompts, place = language_model.TRAINED | language_model.HELD_OUT, ["step", "replicate"]
    seen = Counter(row["prompt"] for row in rows(study))
    assert seen.keys() == prompts.keys() and len(set(seen.values())) == 1
    keys = ["beta", "scale_rewards", "prompt", *place]
    assert len({tuple(row.get(key) for key in keys) for row in rows(study)}) == len(rows(study))


def test_both_studies_of_the_model_start_alike() -> None:
    """From one file, in separate processes: to the digits that are kept, but for one unit."""
    first = {row["prompt"]: float(row["log_odds"]) for row in rows("language_start")}
    begun = [row for row in rows("language_model") if row["step"] == "0"]
    assert {row["prompt"] for row in begun} == first.keys()
    for row in begun:
        assert float(row["log_odds"]) == pytest.approx(first[row["prompt"]], rel=1e-6, abs=0)
        assert float(row["kl"]) == 0.0


def test_studies_of_the_model_are_not_quick() -> None:
    command = [sys.executable, "-E", "-s", "-X", "utf8", "-m", "experiments", *WITH_MODEL]
    run = subprocess.run([*command, "--quick"], cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 2 and "--quick is not for language_model" in run.stderr


def shifted(samples: agreement.Samples, by: float) -> agreement.Samples:
    return {key: [value + by for value in values] for key, values in samples.items()}


@pytest.mark.parametrize("study", COMPARED)
def test_a_record_agrees_with_itself_and_not_with_another(study: str) -> None:
    samples = getattr(agreement, study)(rows(study))
    assert agreement.differing(samples, samples) == []
    assert len(agreement.differing(samples, shifted(samples, 1.0))) == len(samples)


def test_records_without_a_common_setting_are_refused() -> None:
    with pytest.raises(ValueError, match="in common"):
        agreement.differing({("a",): [0.0, 1.0]}, {("b",): [0.0, 1.0]})


@pytest.mark.slow
@pytest.mark.skipif(
    not PYTHON.exists(), reason="make experiments was not run: TRL is not installed"
)
@pytest.mark.parametrize("study", COMPARED)
def test_another_seed_agrees_with_the_record(study: str) -> None:
    """Within Welch's test at a joint level of 0.001, as `make experiments` says itself."""
    command = [PYTHON, "-E", "-s", "-X", "utf8", "-m", "experiments", study]
    run = subprocess.run(
        [*command, "--quick", "--seed", "1"], cwd=ROOT, timeout=1200, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
