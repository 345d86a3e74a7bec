"""Settings of a run of TRL, from the file that the trainer leaves beside the model."""

import io
import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from reproduce.project import ReproduceError

FILE = "training_args.bin"


def read_settings(folder: Path) -> dict[str, Any]:
    """The settings of a run, by TRL's names: those that are numbers, texts, lists or None.

    The file is a pickle, which could run any program when it is loaded by the usual means. Here no
    class that it names is imported, and none of its calls is made: an inert object takes the place
    of each.

    Args:
        folder: that TRL wrote to. The file is there if the model was saved there, or in the
            folders of its checkpoints, of which the last one counts.

    Returns:
        The settings; none if the file is not there.

    Raises:
        ReproduceError: it is there, but cannot be read.
    """
    checkpoints = sorted(folder.glob("checkpoint-*"), key=_number)
    places = [place / FILE for place in (folder, *reversed(checkpoints))]
    path = next((place for place in places if place.is_file()), None)
    if path is None:
        return {}
    try:
        with zipfile.ZipFile(path) as archive:
            (name,) = (name for name in archive.namelist() if name.endswith("/data.pkl"))
            stored = _Reader(io.BytesIO(archive.read(name))).load().__dict__
    except Exception as error:  # a damaged pickle can fail in any way
        raise ReproduceError(
            f"{path}: not the settings of a run of TRL: {type(error).__name__}: {error}; "
            "move the file away and give them as options"
        ) from None
    return {name: _plain(value) for name, value in stored.items()}


def reuses(found: Mapping[str, Any]) -> float:
    """How many optimizer steps train on one batch of completions; 1 if the settings do not say."""
    steps = found.get("steps_per_generation") or found.get("gradient_accumulation_steps") or 1
    accumulated = found.get("gradient_accumulation_steps") or 1
    return float(found.get("num_iterations") or 1) * steps / accumulated


def cautions(found: Mapping[str, Any]) -> list[str]:
    """What the settings say about the log, as sentences."""
    evaluated, steps = found.get("eval_strategy", "no"), found.get("logging_steps", 1)
    said = [
        (
            evaluated != "no",
            f"Evaluations were made (eval_strategy={evaluated}). A file written at one may hold "
            "answers of the evaluation.",
        ),
        (
            steps != 1,
            f"Logged was every so many steps (logging_steps={steps}); the batches in between are "
            "not in the files.",
        ),
    ]
    return [text for holds, text in said if holds]


class _Inert:
    """Stands for an object of a class that is not imported."""

    def __init__(self, *arguments: Any) -> None:
        self.arguments = arguments


class _Reader(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> type[_Inert]:
        return type(name, (_Inert,), {})

    def persistent_load(self, identifier: Any) -> None:
        return None  # of tensors, which a setting is none of


def _plain(value: Any) -> Any:
    """The value of a choice, which is pickled as a class and its argument."""
    if isinstance(value, _Inert):
        return next(iter(getattr(value, "arguments", ())), None)
    return value


def _number(checkpoint: Path) -> int:
    digits = checkpoint.name.rpartition("-")[2]
    return int(digits) if digits.isdecimal() else -1
