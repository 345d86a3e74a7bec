"""The rows of a training run's log, in chunks."""

import csv
import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
from numpy.typing import NDArray

from reproduce.project import ReproduceError

Counts = NDArray[np.int64]

CHUNK_ROWS = 65_536
"""Rows of a Parquet file in memory at a time."""

CHUNK_BYTES = 1_048_576
"""Bytes of a CSV file in memory at a time, and the longest line that can be read."""

LABEL = 60
"""Characters that are kept of a prompt."""

OWN = ("step", "prompt", "completion", "advantage")
"""Columns of TRL that are no reward."""

Chunk = tuple[Counts, pa.Array, NDArray[np.float64]]
"""Steps, prompts and rewards of some rows; a reward that is missing is NaN."""


class Log:
    """A log as chunks of steps, prompts and rewards."""

    source: Path
    reward: str
    notes: list[str]

    def chunks(self, everything: bool) -> Iterator[Chunk]:
        """Go through the log; without prompts and rewards unless everything is asked for."""
        raise NotImplementedError

    def _choose(self, found: Sequence[str], rewards: Sequence[str], asked: str | None) -> str:
        """The column of the rewards."""
        missing = {"step", "prompt"}.difference(found)
        if missing:
            raise ReproduceError(
                f"{self.source}: no column {' and no column '.join(sorted(missing))}; "
                f"there are {', '.join(found) or 'none'}"
            )
        if asked is not None and asked not in found:
            raise ReproduceError(
                f"{self.source}: no column {asked}, which --reward names; there are "
                f"{', '.join(found)}"
            )
        if asked is None and len(rewards) != 1:
            raise ReproduceError(
                f"{self.source}: {len(rewards) or 'no'} columns may be the reward"
                f"{': ' * bool(rewards)}{', '.join(rewards)}; name one with --reward COLUMN"
            )
        chosen = asked or rewards[0]
        others = [name for name in rewards if name != chosen]
        self.notes.append(
            f"The reward is the column {chosen}."
            + f" Others are left out: {', '.join(others)}." * bool(others)
        )
        return chosen


class _CSV(Log):
    """A plain CSV file."""

    def __init__(self, source: Path, reward: str | None) -> None:
        self.source, self.notes = source, []
        try:
            with source.open(newline="", encoding="utf-8-sig") as file:
                found = next(csv.reader(file), [])
        except (UnicodeDecodeError, csv.Error) as error:
            raise ReproduceError(f"{source}: not a CSV file in UTF-8: {error}") from None
        rewards = [name for name in found if name == "reward"]
        self.reward = self._choose(found, rewards, reward)

    def chunks(self, everything: bool) -> Iterator[Chunk]:
        types = {"step": pa.int64()}
        types |= {"prompt": pa.string(), self.reward: pa.float64()} if everything else {}
        try:
            reader = pa.csv.open_csv(
                self.source,
                pa.csv.ReadOptions(block_size=CHUNK_BYTES, use_threads=False),
                pa.csv.ParseOptions(newlines_in_values=True),
                pa.csv.ConvertOptions(
                    column_types=types, include_columns=list(types), strings_can_be_null=False
                ),
            )
            for batch in reader:
                if batch.num_rows:
                    yield _columns(self.source, batch, self.reward if everything else None)
        except pa.ArrowInvalid as error:
            reason = str(error).splitlines()[0]
            raise ReproduceError(
                f"{self.source}: {reason}: step must be a whole number, and {self.reward} 0 or 1"
            ) from None


class _Completions(Log):
    """The folder that TRL writes to: one Parquet file for each logged step, in ``completions``.

    That is `GRPOTrainer.log` of TRL 1.16.0. A file holds the batch of completions that was
    generated last, with the columns of `OWN`, one for each reward function under its name, and what
    a reward function adds with ``log_extra``.
    """

    def __init__(self, source: Path, reward: str | None, reused: bool) -> None:
        self.source, self.notes, self.reused = source, [], reused
        if not source.is_dir():
            raise ReproduceError(f"{source}: no such file or folder")
        folder = source / "completions" if (source / "completions").is_dir() else source
        files = list(folder.glob("completions_*.parquet"))
        numbered = [path for path in files if path.stem.removeprefix("completions_").isdecimal()]
        self.files = sorted(numbered, key=lambda path: int(path.stem.removeprefix("completions_")))
        if not self.files:
            raise ReproduceError(
                f"{source}: no completions_*.parquet there nor in its folder completions: TRL "
                "writes them with log_completions=True; a CSV file is given by its own name"
            )
        with _opened(self.files[0]) as first:
            schema = first.schema_arrow
        number = [item.name for item in schema if _is_number(item.type) and item.name not in OWN]
        self.reward = self._choose(schema.names, number, reward)

    def chunks(self, everything: bool) -> Iterator[Chunk]:
        columns = ["step", "prompt", self.reward] if everything else ["step"]
        before, repeated = b"", 0
        for path in self.files:
            with _opened(path) as file:
                if lacking := sorted(set(columns).difference(file.schema_arrow.names)):
                    raise ReproduceError(f"{path}: no column {' and no column '.join(lacking)}")
                if self.reused:
                    digest = _digest(path, file)
                    if digest == before:
                        repeated += 1
                        continue
                    before = digest
                try:
                    for batch in file.iter_batches(CHUNK_ROWS, columns=columns, use_threads=False):
                        if batch.num_rows:
                            yield _columns(path, batch, self.reward if everything else None)
                except (pa.ArrowInvalid, OSError) as error:
                    raise ReproduceError(f"{path}: damaged: {str(error).splitlines()[0]}") from None
        if repeated and everything:
            self.notes.append(
                f"{repeated} of {len(self.files)} files repeat the batch of the file before and "
                "are left out: several steps trained on one batch."
            )


def _opened(path: Path) -> pyarrow.parquet.ParquetFile:
    try:
        return pa.parquet.ParquetFile(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise ReproduceError(f"{path}: not a Parquet file: {str(error).splitlines()[0]}") from None


def _digest(path: Path, file: pyarrow.parquet.ParquetFile) -> bytes:
    """Hash of all columns but the step, as they are stored."""
    digest = hashlib.sha256()
    with path.open("rb") as raw:
        for i in range(file.metadata.num_row_groups):
            group = file.metadata.row_group(i)
            for chunk in map(group.column, range(group.num_columns)):
                if chunk.path_in_schema != "step":
                    raw.seek(chunk.dictionary_page_offset or chunk.data_page_offset)
                    digest.update(raw.read(chunk.total_compressed_size))
    return digest.digest()


def _is_number(kind: pa.DataType) -> bool:
    return pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_boolean(kind)


def _columns(place: Path, batch: pa.RecordBatch, reward: str | None) -> Chunk:
    """Steps, prompts and rewards of a batch; a reward that is missing is NaN."""
    steps, prompts, rewards = batch["step"], pa.array([], pa.string()), pa.array([], pa.float64())
    if steps.null_count or not _is_number(steps.type):
        raise ReproduceError(f"{place}: the column step must hold a whole number in every row")
    if reward is not None:
        prompts, rewards = batch["prompt"], batch[reward]
        if not _is_number(rewards.type):
            raise ReproduceError(
                f"{place}: the column {reward} must hold rewards of 0 or 1, not {rewards.type}"
            )
        if pa.types.is_nested(prompts.type):  # conversations
            prompts = pa.array([_conversation(turns) for turns in prompts.to_pylist()], pa.string())
    numbers = rewards.cast(pa.float64()).to_numpy(zero_copy_only=False)
    return steps.cast(pa.int64()).to_numpy(zero_copy_only=False), prompts, numbers


def _conversation(turns: list[dict[str, object]] | None) -> str:
    return "\n".join(f"{turn.get('role')}: {turn.get('content')}" for turn in turns or ())


def open_log(source: Path, reward: str | None, reused: bool) -> Log:
    """The log of a run: a folder that TRL wrote to, or a CSV file; see `reproduce.runs.read`."""
    return _CSV(source, reward) if source.is_file() else _Completions(source, reward, reused)


def label(text: str | None) -> str:
    """The beginning of a prompt, on one line."""
    line = " ".join((text or "").split())
    return line if len(line) <= LABEL else f"{line[: LABEL - 1]}…"
