"""How many answers to each prompt were right in a training run, and when."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from reproduce.logs import Counts, Log, label, open_log
from reproduce.project import ReproduceError

BLOCKS = 20
"""Equal stretches of steps that answers are counted in."""

MOST_PROMPTS = 250_000
"""Different prompts; with the size of a chunk it bounds the memory."""

MOST_RESUMES = 20
"""How often the steps of a log may go back, as they do when a run is resumed."""


@dataclass(frozen=True, eq=False)
class Run:
    """What the log of a run says, by prompt and stretch of steps.

    Attributes:
        labels: beginnings of the prompts, shape [prompts].
        edges: first step of each stretch and the step after the last, shape [BLOCKS + 1].
        trials: answers by prompt and stretch, shape [prompts, BLOCKS].
        successes: right ones among them, same shape.
        first: step that a prompt is first seen in, shape [prompts].
        last: step that it is last seen in, shape [prompts].
        first_trials: answers in its first step, shape [prompts].
        first_successes: right ones among them, shape [prompts].
        groups: whole groups in each stretch, and those without a success and without a failure
            among them, shape [3, BLOCKS].
        notes: what the reader left out or took for granted, as sentences.
    """

    labels: NDArray[np.str_]
    edges: Counts
    trials: Counts
    successes: Counts
    first: Counts
    last: Counts
    first_trials: Counts
    first_successes: Counts
    groups: Counts
    notes: NDArray[np.str_]

    def save(self, path: Path) -> None:
        """Write it to a file of NumPy's."""
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez(path, **{item.name: getattr(self, item.name) for item in fields(self)})

    @classmethod
    def load(cls, path: Path | str) -> "Run":
        """Read what `save` wrote."""
        with np.load(path) as stored:
            return cls(**stored)


def read(
    source: Path,
    size: int,
    *,
    reward: str | None = None,
    reused: bool = True,
    notes: Sequence[str] = (),
    progress: Callable[[int], object] = lambda rows: None,
) -> Run:
    """Read a log twice, in chunks: once for its steps, then for what they hold.

    Memory holds one chunk, and the counts of up to `MOST_PROMPTS` prompts. Where the steps go back
    the run was resumed: what was logged before at the steps from there on is left out, since the
    model that was resumed had not learned from it.

    Args:
        source: the folder that TRL writes to, or a CSV file with the columns ``step``, ``prompt``
            and ``reward``, in the order in which it was logged.
        size: G, answers of a group. Groups are taken from neighbouring rows of a step and a prompt.
        reward: column of the rewards, 0 or 1; may be left out if there is only one.
        reused: whether TRL may have logged a batch of completions more than once, as it does where
            several steps train on one. A file that repeats the one before is then left out.
        notes: sentences to keep with what the reader itself says.
        progress: is called with the number of rows after each chunk of both passes.

    Raises:
        ReproduceError: there is no log, it is empty or damaged, or a column is missing or holds
            what it must not; the message says where, and what is allowed.
    """
    log = open_log(source, reward, reused)
    kept = _kept_until(log, progress)
    counter = _Counter(size, kept.first, kept.last)
    part, newest = 0, None
    for steps, prompts, rewards in log.chunks(True):
        progress(len(steps))
        parts = part + np.cumsum(_goes_back(steps, newest))
        part, newest = int(parts[-1]), int(steps[-1])
        counter.add(steps, prompts, rewards, steps < kept.ends[parts], log)
    return counter.run(log, [*kept.notes, *notes])


@dataclass(frozen=True)
class _Kept:
    """Which steps count, of each part between two resumptions: those below its end."""

    first: int
    last: int
    ends: Counts
    notes: list[str]


def _kept_until(log: "Log", progress: Callable[[int], object]) -> _Kept:
    starts: list[int] = []
    first = newest = None
    for steps, _, _ in log.chunks(False):
        progress(len(steps))
        first = int(steps[0]) if first is None else first
        starts += [int(step) for step in steps[_goes_back(steps, newest)]]
        newest = int(steps[-1])
        if len(starts) > MOST_RESUMES:
            raise ReproduceError(
                f"{log.source}: the steps go back more than {MOST_RESUMES} times, the last time "
                f"to {starts[-1]}: sort the rows by step"
            )
    if first is None or newest is None:
        raise ReproduceError(f"{log.source}: no row: a report needs at least one answer")
    ends = np.full(len(starts) + 1, np.iinfo(np.int64).max)
    for part in range(len(starts)):
        ends[part] = min(starts[part:])
    notes = [
        f"The run was resumed at step {step}: what was logged before for this step and later ones "
        "is left out."
        for step in starts
    ]
    return _Kept(min(first, *starts, newest), newest, ends, notes)


def _goes_back(steps: Counts, before: int | None) -> NDArray[np.bool_]:
    """Where a step is below the one before it; ``before`` is the last one of the chunk before."""
    return np.diff(steps, prepend=steps[0] if before is None else before) < 0


@dataclass
class _Counter:
    """Adds up the chunks of a log."""

    size: int
    first_step: int
    last_step: int
    ids: dict[bytes, int] = field(default_factory=dict)
    labels: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.counts = np.zeros((2, 0, BLOCKS), np.int64)  # trials, successes
        self.by_prompt = np.zeros((4, 0), np.int64)  # first and last step, first trials, successes
        self.groups = np.zeros((3, BLOCKS), np.int64)
        self.open = np.zeros((3, 0), np.int64)  # step, prompt and reward of a group to be filled
        self.ungrouped = self.unscored = self.replaced = 0

    def add(
        self,
        steps: Counts,
        prompts: pa.Array,
        rewards: NDArray[np.float64],
        kept: NDArray[np.bool_],
        log: Log,
    ) -> None:
        """Count a chunk."""
        scored = ~np.isnan(rewards)
        odd = scored & (rewards != 0) & (rewards != 1)
        if odd.any():
            at = int(np.argmax(odd))
            raise ReproduceError(
                f"{log.source}: the reward {log.reward} is {rewards[at]:g} at step {steps[at]} "
                f"(prompt {label(prompts[at].as_py())!r}): it must be 0 for a failure or 1 for a "
                "success; make it so beforehand, or name another column with --reward"
            )
        self.replaced += int((~kept).sum())
        self.unscored += int((kept & ~scored).sum())
        used = kept & scored
        encoded = prompts.dictionary_encode()
        known = self._numbers(encoded.dictionary.to_pylist(), log)
        ids = known[encoded.indices.to_numpy(zero_copy_only=False)][used]
        steps, right = steps[used], rewards[used].astype(np.int64)
        span = self.last_step + 1 - self.first_step
        block = (steps - self.first_step) * BLOCKS // span
        for table, rows in zip(self.counts, (right >= 0, right == 1), strict=True):
            np.add.at(table, (ids[rows], block[rows]), 1)
        first, last, trials, successes = self.by_prompt
        np.minimum.at(first, ids, steps)
        np.maximum.at(last, ids, steps)
        fresh = steps == first[ids]
        np.add.at(trials, ids[fresh], 1)
        np.add.at(successes, ids[fresh], right[fresh])
        self._group(np.concatenate([self.open, np.array([steps, ids, right])], axis=1))

    def _numbers(self, texts: list[str | None], log: Log) -> Counts:
        """Number each prompt; a new one gets the next number."""
        numbers = np.empty(len(texts), np.int64)
        for i, text in enumerate(texts):
            key = hashlib.blake2b((text or "").encode(), digest_size=16).digest()
            numbers[i] = self.ids.setdefault(key, len(self.ids))
            if numbers[i] == len(self.labels):
                self.labels.append(label(text))
        if len(self.ids) > MOST_PROMPTS:
            raise ReproduceError(
                f"{log.source}: more than {MOST_PROMPTS:,} different prompts: a report needs "
                "prompts that come again; is prompt the column of the prompts?"
            )
        more = len(self.ids) - self.by_prompt.shape[1]
        if more > 0:
            more = max(more, self.by_prompt.shape[1] // 2)  # seldom, in larger and larger steps
            self.counts = np.pad(self.counts, ((0, 0), (0, more), (0, 0)))
            self.by_prompt = np.pad(self.by_prompt, ((0, 0), (0, more)))
            self.by_prompt[0, -more:] = np.iinfo(np.int64).max
        return numbers

    def _group(self, rows: Counts) -> None:
        """Count the groups of G neighbouring rows with one step and prompt; keep the last rest."""
        steps, _, right = rows
        if not len(steps):
            return
        begins = np.flatnonzero(np.any(np.diff(rows[:2], prepend=-1) != 0, axis=0))
        lengths = np.diff(begins, append=len(steps))
        whole, rest = lengths // self.size, lengths % self.size
        starts = np.repeat(begins, whole) + self.size * _counting(whole)
        solved = right[starts[:, None] + np.arange(self.size)].sum(axis=1)
        block = (steps[starts] - self.first_step) * BLOCKS // (self.last_step + 1 - self.first_step)
        for table, dead in zip(
            self.groups, (solved >= 0, solved == 0, solved == self.size), strict=True
        ):
            np.add.at(table, block[dead], 1)
        self.ungrouped += int(rest[:-1].sum())
        self.open = rows[:, len(steps) - rest[-1] :]

    def run(self, log: Log, notes: list[str]) -> Run:
        """What was counted."""
        notes = [*log.notes, *notes]
        count = len(self.labels)
        trials, successes = self.counts[:, :count]
        first, last, first_trials, first_successes = self.by_prompt[:, :count]
        ungrouped = self.ungrouped + self.open.shape[1]
        for number, what in (
            (self.replaced, "rows were logged before a resumption and are left out"),
            (self.unscored, "rows have no reward and are left out"),
            (ungrouped, f"rows are not in a whole group of {self.size} neighbouring rows"),
        ):
            notes += [f"{number:,} {what}."] * bool(number)
        if not trials.any():
            raise ReproduceError(
                f"{log.source}: no row with a reward: a report needs at least one answer"
            )
        blocks = np.arange(BLOCKS + 1)
        span = self.last_step + 1 - self.first_step
        return Run(
            np.array(self.labels),
            self.first_step - (-blocks * span // BLOCKS),
            trials,
            successes,
            first,
            last,
            first_trials,
            first_successes,
            self.groups,
            np.array(notes, dtype=str),
        )


def _counting(lengths: Counts) -> Counts:
    """0, 1, ... up to each length, one behind the other."""
    ends = np.cumsum(lengths)
    return np.arange(ends[-1]) - np.repeat(ends - lengths, lengths)
