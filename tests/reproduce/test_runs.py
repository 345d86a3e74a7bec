"""Logs of training runs: what is counted, what is left out, and what is refused."""

import csv
import tracemalloc
from collections import Counter
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest

from reproduce import logs, runs
from reproduce.project import ReproduceError
from reproduce.runs import BLOCKS, Run, read

EXAMPLE = Path(__file__).parents[2] / "experiments/results/own-run"
Row = tuple[int, str, float | None]


def write_csv(path: Path, rows: list[Row]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("step", "prompt", "reward"), *rows])
    return path


def write_trl(folder: Path, step: int, rows: list[tuple[Any, float | None]], **more: Any) -> Path:
    """A file as TRL writes it for a step; rewards are those of a function called right."""
    prompts, rewards = zip(*rows, strict=True) if rows else ((), ())
    count = len(rows)
    columns = {
        "step": [step] * count,
        "prompt": list(prompts),
        "completion": ["x"] * count,
        "right": pa.array(rewards, pa.float64()),
        "advantage": [0.0] * count,
    }
    (folder / "completions").mkdir(parents=True, exist_ok=True)
    path = folder / "completions" / f"completions_{step:05d}.parquet"
    pa.parquet.write_table(pa.table(columns | more), path)
    return path


def rows_of(folder: Path) -> list[Row]:
    """All rows of a run of TRL, read at once."""
    files = sorted(folder.glob("completions/*.parquet"))
    tables = [pa.parquet.read_table(file).to_pylist() for file in files]
    return [(row["step"], row["prompt"], row["right_answer"]) for table in tables for row in table]


def same(one: Run, other: Run) -> bool:
    names = [item.name for item in fields(Run) if item.name != "notes"]
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in names)


def groups_in(rows: list[Row], size: int) -> list[int]:
    """Successes of each group of neighbouring rows, counted without the reader."""
    groups, members = [], list[float]()
    for before, row in zip([None, *rows], rows, strict=False):
        if before is None or before[:2] != row[:2]:
            members = []
        members.append(row[2] or 0)
        if len(members) == size:
            groups.append(int(sum(members)))
            members = []
    return groups


def test_the_example_is_counted_as_one_would_by_hand() -> None:
    run, rows = read(EXAMPLE / "eight", 8), rows_of(EXAMPLE / "eight")
    trials = Counter((prompt, step) for step, prompt, _ in rows)
    successes = Counter((prompt, step) for step, prompt, right in rows if right == 1)
    assert sorted(run.labels) == [str(i) for i in range(1, 9)]
    assert (run.edges[0], run.edges[-1]) == (1, 41)
    for i, prompt in enumerate(run.labels):
        for counted, by_hand in ((run.trials, trials), (run.successes, successes)):
            assert [
                sum(by_hand[prompt, step] for step in range(start, end))
                for start, end in zip(run.edges, run.edges[1:], strict=False)
            ] == list(counted[i])
        assert run.first_trials[i] == trials[prompt, 1]
        assert run.first_successes[i] == successes[prompt, 1]
    groups = groups_in(rows, 8)
    dead = [len(groups), groups.count(0), groups.count(8)]
    assert list(run.groups.sum(axis=1)) == dead


def test_a_csv_of_the_same_rows_gives_the_same(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "run.csv", rows_of(EXAMPLE / "eight"))
    assert same(read(path, 8), read(EXAMPLE / "eight", 8))


@pytest.mark.parametrize("chunk", [1, 7, 100])
def test_the_size_of_a_chunk_changes_nothing(monkeypatch, tmp_path: Path, chunk: int) -> None:
    whole = read(EXAMPLE / "eight", 8)
    monkeypatch.setattr(logs, "CHUNK_ROWS", 64 * chunk)
    assert same(read(EXAMPLE / "eight", 8), whole)
    rows = rows_of(EXAMPLE / "eight")[:4000]
    path = write_csv(tmp_path / "run.csv", rows)
    whole = read(path, 8)
    monkeypatch.setattr(logs, "CHUNK_BYTES", 64 * chunk)
    assert same(read(path, 8), whole)
    assert not same(read(write_csv(path, rows[:-1]), 8), whole)


def test_what_is_saved_is_what_is_loaded(tmp_path: Path) -> None:
    run = read(EXAMPLE / "one", 8)
    run.save(tmp_path / "made" / "run.npz")
    again = Run.load(tmp_path / "made" / "run.npz")
    assert same(run, again)
    assert list(run.notes) == list(again.notes)


def test_steps_need_not_begin_at_zero(tmp_path: Path) -> None:
    early = [(step, "p", float(step % 3 == 0)) for step in range(200) for _ in range(4)]
    late = [(step + 10**12, prompt, right) for step, prompt, right in early]
    one = read(write_csv(tmp_path / "early.csv", early), 4)
    other = read(write_csv(tmp_path / "late.csv", late), 4)
    assert np.array_equal(one.trials, other.trials)
    assert np.array_equal(one.successes, other.successes)
    assert list(one.edges + 10**12) == list(other.edges)


def test_fewer_steps_than_stretches(tmp_path: Path) -> None:
    run = read(write_csv(tmp_path / "run.csv", [(5, "p", 1), (6, "p", 0), (7, "p", 1)]), 2)
    assert run.trials.sum() == 3
    for step, right in ((5, 1), (6, 0), (7, 1)):
        block = np.searchsorted(run.edges, step, side="right") - 1
        assert (run.trials[0, block], run.successes[0, block]) == (1, right)


def test_a_resumed_run_counts_what_was_written_last(tmp_path: Path) -> None:
    before = [(step, "p", 1) for step in range(0, 60)]
    after = [(step, "p", 0) for step in range(40, 100)]
    resumed = read(write_csv(tmp_path / "resumed.csv", before + after), 2)
    clean = read(write_csv(tmp_path / "clean.csv", before[:40] + after), 2)
    assert same(resumed, clean)
    assert resumed.successes.sum() == 40
    assert any("resumed at step 40" in note for note in resumed.notes)
    assert any("20 rows were logged before a resumption" in note for note in resumed.notes)
    assert not any("resum" in note for note in clean.notes)


def test_a_run_resumed_twice(monkeypatch, tmp_path: Path) -> None:
    """The second time from further back than the first; and a chunk ends where it goes back."""
    parts = [range(0, 60), range(40, 50), range(20, 100)]
    rows = [(step, "p", i % 2) for i, part in enumerate(parts) for step in part]
    clean = [(step, "p", 0) for step in range(100)]
    for chunk in (1_000_000, 32, 33, 35):
        monkeypatch.setattr(logs, "CHUNK_BYTES", chunk)
        resumed = read(write_csv(tmp_path / "run.csv", rows), 2)
        assert same(resumed, read(write_csv(tmp_path / "clean.csv", clean), 2))


def test_rows_in_no_order_of_steps_are_refused(tmp_path: Path) -> None:
    rows = [(step, prompt, 1) for prompt in map(str, range(30)) for step in range(5)]
    with pytest.raises(ReproduceError, match=r"steps go back more than 20 times.*sort the rows"):
        read(write_csv(tmp_path / "run.csv", rows), 2)


def test_a_batch_that_is_logged_again_counts_once(tmp_path: Path) -> None:
    batches = [[("p", 1.0), ("p", 0.0)], [("p", 1.0), ("p", 1.0)]]
    for step in range(1, 7):
        write_trl(tmp_path, step, batches[(step - 1) // 3])
    once = read(tmp_path, 2)
    assert (once.trials.sum(), once.successes.sum()) == (4, 3)
    assert any("4 of 6 files repeat" in note for note in once.notes)
    every = read(tmp_path, 2, reused=False)
    assert (every.trials.sum(), every.successes.sum()) == (12, 9)


def test_a_missing_reward_and_a_group_cut_short_are_said(tmp_path: Path) -> None:
    rows = [("p", 1.0), ("p", None), ("p", 0.0), ("q", 1.0), ("q", 1.0), ("q", 1.0)]
    write_trl(tmp_path, 1, rows)
    run = read(tmp_path, 2)
    assert (run.trials.sum(), run.successes.sum()) == (5, 4)
    assert list(run.groups.sum(axis=1)) == [2, 0, 1]
    assert "1 rows have no reward and are left out." in run.notes
    assert "1 rows are not in a whole group of 2 neighbouring rows." in run.notes


def test_conversations_are_prompts(tmp_path: Path) -> None:
    for step in (1, 2):
        talks = [[{"role": "user", "content": text}] for text in ("a", "b")]
        write_trl(tmp_path, step, [(talk, 1.0) for talk in talks for _ in range(2)])
    run = read(tmp_path, 2, reused=False)
    assert list(run.labels) == ["user: a", "user: b"]
    assert list(run.trials.sum(axis=1)) == [4, 4]


def test_prompts_that_begin_alike_are_two(tmp_path: Path) -> None:
    long = "word " * 100
    rows = [(1, long + "a", 1), (1, long + "b", 0)]
    run = read(write_csv(tmp_path / "run.csv", rows), 2)
    assert len(run.labels) == 2
    assert {len(label) for label in run.labels} == {logs.LABEL}


def test_a_column_of_several_is_asked_for_and_said(tmp_path: Path) -> None:
    write_trl(tmp_path, 1, [("p", 1.0), ("p", 0.0)], form=[1.0, 1.0], note=["a", "b"])
    with pytest.raises(ReproduceError, match="2 columns may be the reward: right, form; name one"):
        read(tmp_path, 2)
    run = read(tmp_path, 2, reward="form")
    assert run.successes.sum() == 2
    assert run.notes[0] == "The reward is the column form. Others are left out: right."
    with pytest.raises(ReproduceError, match="no column shape, which --reward names; there are"):
        read(tmp_path, 2, reward="shape")
    with pytest.raises(ReproduceError, match="note must hold rewards of 0 or 1, not string"):
        read(tmp_path, 2, reward="note")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no column prompt and no column step; there are none"),
        ("step,text,reward\n1,p,1\n", "no column prompt; there are step, text, reward"),
        ("step,prompt,score\n1,p,1\n", "no columns may be the reward; name one with --reward"),
        ("step,prompt,reward\n", "no row"),
        ("step,prompt,reward\n1,p,0.5\n", "reward is 0.5 at step 1 .prompt 'p'.: it must be 0"),
        ("step,prompt,reward\n1,p,-1\n", "reward is -1 at step 1"),
        ("step,prompt,reward\n1,p,inf\n", "reward is inf at step 1"),
        ("step,prompt,reward\n1,p,yes\n", "invalid value 'yes': step must be a whole number"),
        ("step,prompt,reward\n1.5,p,1\n", "invalid value '1.5': step must be a whole number"),
        ("step,prompt,reward\n,p,1\n", "step must hold a whole number in every row"),
        ("step,prompt,reward\n1,p\n", "Expected 3 columns, got 2"),
        ("step,prompt,reward\n1,p,\n", "no row with a reward"),
        ("step,prompt,reward\n1,\xff,1\n", "not a CSV file in UTF-8"),
        ("step,prompt,reward\n" + "1,p,1\n" * 2000 + "1,\xff,1\n", "invalid UTF8 data"),
    ],
)
def test_a_csv_that_is_none(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "run.csv"
    path.write_text(text, "latin-1")
    with pytest.raises(ReproduceError, match=message) as error:
        read(path, 2)
    assert str(error.value).startswith(f"{path}: ")
    assert "\n" not in str(error.value)


def test_a_folder_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(ReproduceError, match="no such file or folder"):
        read(tmp_path / "nowhere", 2)
    with pytest.raises(ReproduceError, match="TRL writes them with log_completions=True"):
        read(tmp_path, 2)
    path = write_trl(tmp_path, 1, [])
    with pytest.raises(ReproduceError, match="no row"):
        read(tmp_path, 2)
    path.write_bytes(b"PAR1 and nothing else")
    with pytest.raises(ReproduceError, match="not a Parquet file"):
        read(tmp_path, 2)
    write_trl(tmp_path, 1, [("p", 1.0)])
    pa.parquet.write_table(pa.table({"step": [2]}), path.with_name("completions_00002.parquet"))
    with pytest.raises(ReproduceError, match=r"00002\.parquet: no column prompt and no column rig"):
        read(tmp_path, 2)


def test_files_are_read_by_the_number_of_their_step(tmp_path: Path) -> None:
    """From step 100000 on the names are longer and sort otherwise."""
    for step in (99_998, 100_002):
        write_trl(tmp_path, step, [("p", 1.0), ("p", 0.0)])
    run = read(tmp_path, 2, reused=False)
    assert not any("resumed" in note for note in run.notes)
    assert (run.edges[0], run.edges[-1]) == (99_998, 100_003)


def test_too_many_prompts(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setattr(runs, "MOST_PROMPTS", 100)
    rows = [(step, f"p{step}", 1) for step in range(101)]
    with pytest.raises(ReproduceError, match="more than 100 different prompts"):
        read(write_csv(tmp_path / "run.csv", rows), 2)
    assert len(read(write_csv(tmp_path / "run.csv", rows[:-1]), 2).labels) == 100


AHEAD = 32
"""Blocks that Arrow reads ahead of a CSV file: `kDefaultBackgroundMaxQ` in its source."""

IN_USE = 5 * 6
"""Besides these, five blocks at most are being read, parsed, converted, handed over and used. A
row of 21 bytes is there as text, as a parsed copy with 4 bytes more for each of 3 cells, and in
arrays of 8, 12 and 8 bytes, whose builders may hold twice that: 21 + 33 + 56 bytes, less than six
times its own.
"""


def test_the_memory_is_that_of_some_chunks(monkeypatch, tmp_path: Path) -> None:
    """Arrow's own memory and that of Python and NumPy, for a file of 500 chunks.

    A row of this file has 20 bytes at least, so a chunk has a twentieth of its bytes in rows. Of
    these at most 64 arrays of 8 bytes exist at a time: 26 chunks. The counts of one prompt are
    nothing beside them, and what Python needs whatever the file is measured with a file of one row.
    """
    chunk = 16_384
    monkeypatch.setattr(logs, "CHUNK_BYTES", chunk)
    row = f"{'1':>9},{'p':>8},1\n"
    path = tmp_path / "run.csv"

    def peak(rows: int) -> int:
        path.write_text("step,prompt,reward\n" + row * rows)
        tracemalloc.start()
        try:
            read(path, 8)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    least, rows = peak(1), 500 * chunk // len(row)
    pool = pa.system_memory_pool()
    before = pa.default_memory_pool()
    pa.set_memory_pool(pool)
    try:
        most = peak(rows)
        assert path.stat().st_size > 499 * chunk
        assert most < least + 26 * chunk
        used = pool.max_memory()
        assert used < (AHEAD + IN_USE) * chunk
        pa.csv.read_csv(path)  # all at once
        assert pool.max_memory() > (AHEAD + IN_USE) * chunk
    finally:
        pa.set_memory_pool(before)


def test_progress_goes_through_the_file_twice(tmp_path: Path) -> None:
    seen: list[int] = []
    path = write_csv(tmp_path / "run.csv", [(1, "p", 1)] * 50)
    assert read(path, 2, progress=seen.append).trials[0].sum() == 50
    assert sum(seen) == 100
    assert len(read(path, 2).trials[0]) == BLOCKS
