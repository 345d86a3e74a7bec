"""The example runs are those that the script recorded."""

import hashlib
import json
from pathlib import Path

EXPERIMENTS = Path(__file__).parents[2] / "experiments"
RESULTS = EXPERIMENTS / "results"
MANIFEST = json.loads((RESULTS / "own-run.json").read_text("utf-8"))


def hash_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_manifest_names_the_files_as_they_are() -> None:
    files = [path for path in (RESULTS / "own-run").rglob("*") if path.is_file()]
    found = {path.relative_to(RESULTS).as_posix(): hash_of(path) for path in files}
    assert found == MANIFEST["results"]
    assert MANIFEST["script"] == {"record.py": hash_of(EXPERIMENTS / "own-run/record.py")}


def test_requirements_are_what_recorded() -> None:
    lines = (EXPERIMENTS / "own-run/requirements.txt").read_text("utf-8").splitlines()
    pins = dict(line.split("==") for line in lines if not line.startswith("#"))
    recorded = {name: text.partition("+")[0] for name, text in MANIFEST["packages"].items()}
    assert pins == recorded


def test_no_folder_of_a_machine_is_in_the_settings() -> None:
    for path in (RESULTS / "own-run").glob("*/training_args.bin"):
        content = path.read_bytes()
        assert b"output_dir" in content
        assert b"/tmp" not in content and b"/home" not in content and b"/root" not in content
