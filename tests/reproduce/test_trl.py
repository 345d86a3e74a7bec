"""The settings that TRL leaves, read without running anything."""

import io
import os
import pickle
import shutil
import zipfile
from pathlib import Path

import pytest

from reproduce.project import ReproduceError
from reproduce.trl import FILE, cautions, read_settings, reuses

EXAMPLE = Path(__file__).parents[2] / "experiments/results/own-run"


def test_the_settings_of_the_examples() -> None:
    one, default = (read_settings(EXAMPLE / name) for name in ("one", "default"))
    for found in (one, default):
        assert (found["num_generations"], found["beta"]) == (8, 1.0)
        assert (found["scale_rewards"], found["use_bias_correction_kl"]) == ("group", True)
        assert found["eval_strategy"] == "no"
    assert (one["optim"], one["learning_rate"]) == ("sgd", 0.05)
    assert (default["optim"], default["learning_rate"]) == ("adamw_torch_fused", 1e-6)


def test_without_the_file_there_are_none(tmp_path: Path) -> None:
    assert read_settings(tmp_path) == {}


def test_the_last_checkpoint_counts(tmp_path: Path) -> None:
    for step, name in ((90, "one"), (1000, "default")):
        (tmp_path / f"checkpoint-{step}").mkdir()
        shutil.copy(EXAMPLE / name / FILE, tmp_path / f"checkpoint-{step}")
    assert read_settings(tmp_path)["learning_rate"] == 1e-6
    shutil.copy(EXAMPLE / "one" / FILE, tmp_path)
    assert read_settings(tmp_path)["learning_rate"] == 0.05


class Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, ("made",)


def store(path: Path, content: bytes) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("training_args/data.pkl", content)


def test_nothing_in_the_file_is_run(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    content = pickle.dumps(Evil())
    store(tmp_path / FILE, content)
    read_settings(tmp_path)
    assert not (tmp_path / "made").exists()
    pickle.load(io.BytesIO(content))  # which the usual means would have done
    assert (tmp_path / "made").exists()


@pytest.mark.parametrize("content", [b"", b"not a pickle", pickle.dumps(3)])
def test_a_damaged_file_is_named(tmp_path: Path, content: bytes) -> None:
    store(tmp_path / FILE, content)
    with pytest.raises(ReproduceError, match=r"training_args\.bin: not the settings of a run"):
        read_settings(tmp_path)
    (tmp_path / FILE).write_bytes(content)
    with pytest.raises(ReproduceError, match=r"training_args\.bin: not the settings of a run"):
        read_settings(tmp_path)


def test_steps_of_a_batch() -> None:
    assert reuses({}) == 1
    assert reuses(read_settings(EXAMPLE / "one")) == 1
    twice = {"num_iterations": 2, "steps_per_generation": 8, "gradient_accumulation_steps": 4}
    assert reuses(twice) == 4


def test_what_the_log_leaves_out_is_said() -> None:
    assert cautions({}) == cautions(read_settings(EXAMPLE / "one")) == []
    evaluated, sparse = cautions({"eval_strategy": "steps", "logging_steps": 10})
    assert "eval_strategy=steps" in evaluated and "logging_steps=10" in sparse
