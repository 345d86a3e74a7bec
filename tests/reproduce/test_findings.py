"""Runs next to their forecasts."""

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.special import logit
from scipy.stats import binomtest

from grpo_lib import Recurrence, fixed_points, libraries
from reproduce.findings import LIBRARIES, Findings, Setting, Verdict, interval, setting
from reproduce.project import ReproduceError
from reproduce.runs import BLOCKS, Run, read
from reproduce.trl import read_settings
from tests.conftest import ROOT

EXAMPLE = Path(__file__).parents[2] / "experiments/results/own-run"
LEVEL = 0.99


def plain(**changed: Any) -> Setting:
    given = {"library": "trl", "size": 8, "beta": 1.0, "penalty": "reverse", "options": {}}
    return Setting(**given | changed)


def made(*prompts: tuple[float, float, float], answers: int = 8000) -> Run:
    """A run of prompts with these success rates at the start, then, and in the last quarter."""
    rates = np.array([[start] + [then] * 14 + [end] * 5 for start, then, end in prompts])
    trials = np.full(rates.shape, answers)
    successes = np.rint(rates * answers).astype(int)
    zeros = np.zeros(len(prompts), int)
    return Run(
        labels=np.array([str(i) for i in range(len(prompts))]),
        edges=np.arange(BLOCKS + 1),
        trials=trials,
        successes=successes,
        first=zeros,
        last=zeros + BLOCKS - 1,
        first_trials=trials[:, 0],
        first_successes=successes[:, 0],
        groups=np.zeros((3, BLOCKS), int),
        notes=np.array([], str),
    )


def test_a_report_is_made_for_the_libraries_that_were_compared() -> None:
    with (ROOT / "experiments/results/libraries.csv").open(encoding="utf-8", newline="") as file:
        assert set(LIBRARIES) == {row["library"] for row in csv.DictReader(file)}


@pytest.mark.parametrize("level", [0.5, 0.95, 0.999999])
def test_the_interval_is_clopper_and_pearsons(level: float) -> None:
    for n in (1, 2, 7, 100, 10**6):
        for k in sorted({0, 1, n // 3, n - 1, n}):
            want = binomtest(k, n).proportion_ci(level, "exact")
            found = interval(k, n, level)
            assert np.allclose(found, [want.low, want.high], rtol=1e-6, atol=1e-12)


def test_without_a_trial_nothing_is_known() -> None:
    low, high = interval([0, 0], [0, 1], 0.9)
    assert (low[0], high[0]) == (0, 1)
    assert high[1] < 1


@pytest.mark.parametrize("penalty", ["reverse", "forward"])
@pytest.mark.parametrize("name", ["trl", "verl", "openrlhf", "open_instruct"])
@pytest.mark.parametrize("beta", [0.02, 0.3, 1.0, 30.0])
def test_the_forecast_rises_with_the_start(name: str, penalty: str, beta: float) -> None:
    """So its ends are what the ends of the start's interval lead to, and hold what lies between."""
    rule = Recurrence(beta, LIBRARIES[name](size=8))
    starts = logit(np.concatenate([[0, 1e-12], np.linspace(1e-3, 1 - 1e-3, 400), [1]]))
    ends = fixed_points(rule, L_ref=starts, penalty=penalty).log_odds[:, 0]
    assert np.all(ends[1:] >= ends[:-1])
    assert ends[-2] > ends[1]


def test_each_verdict_has_its_case() -> None:
    rest = float(fixed_points(Recurrence(1.0, libraries.trl(8)), L_ref=logit(0.1)).probability[0])
    run = made(
        (0.1, rest, rest),
        (0.1, 0.1, 0.1),
        (0.1, 0.9, 0.9),
        (0.1, 0.2, 0.3),
        (0.1, rest, rest),
        (0.1, rest, rest),
        (0.1, rest, rest),
    )
    run.first[4] = 5
    run.last[5] = 0
    run.trials[6, -5:] = run.successes[6, -5:] = 0
    verdicts = [
        *(Verdict.WITHIN, Verdict.BELOW, Verdict.ABOVE, Verdict.MOVING),
        *(Verdict.APART, Verdict.ONCE, Verdict.APART),
    ]
    findings = Findings(run, plain(), LEVEL)
    assert list(findings.verdicts) == verdicts
    assert (findings.compared, findings.departed) == (3, 2)
    assert findings.by_chance == pytest.approx(3 * 0.02, abs=1e-12)
    low, high = findings.forecast
    assert np.all((low < rest) & (rest < high))
    without = Findings(run, plain(obstacle="No."), LEVEL)
    assert list(without.verdicts)[:4] == [*[Verdict.NONE] * 3, Verdict.MOVING]
    assert without.compared == 0


def test_the_wrong_estimator_or_none_of_a_group_is_told_apart() -> None:
    """The forecast depends on all that the setting says."""
    rest = fixed_points(Recurrence(1.0, libraries.trl(8)), L_ref=logit(0.1)).probability[0]
    run = made((0.1, float(rest), float(rest)))
    changes: list[dict[str, Any]] = [
        {},
        {"penalty": "forward"},
        {"options": {"scale_rewards": "none"}},
        {"beta": 2.0},
        {"size": 64},
    ]
    found = [Findings(run, plain(**changed), LEVEL).verdicts[0] for changed in changes]
    assert found[0] == Verdict.WITHIN
    assert Verdict.WITHIN not in found[1:]


def test_few_departures_by_chance() -> None:
    """Runs at rest where the forecast says; the bound on the mean holds, and is not idle."""
    rng = np.random.default_rng(0)
    rule = Recurrence(1.0, libraries.trl(8))
    starts = rng.uniform(0.02, 0.6, 3000)
    rests = fixed_points(rule, L_ref=logit(starts)).probability[:, 0]
    run = made(*[(0.5, 0.5, 0.5)] * len(starts), answers=100)
    rates = np.column_stack([starts, *[rests] * (BLOCKS - 1)])
    run.successes[:] = rng.binomial(100, rates)
    run.first_successes[:] = run.successes[:, 0]
    findings = Findings(run, plain(), 0.8)
    assert findings.compared > 2000
    assert findings.departed <= findings.by_chance
    run.successes[:, -BLOCKS // 2 :] = rng.binomial(
        100, starts[:, None], (len(starts), BLOCKS // 2)
    )
    assert Findings(run, plain(), 0.8).departed > findings.by_chance


def test_the_examples() -> None:
    """One prompt ends as forecast; with TRL's own learning rate it has hardly moved."""
    for name, verdict in (("one", Verdict.WITHIN), ("default", Verdict.BELOW)):
        made = setting("trl", read_settings(EXAMPLE / name), options={})
        assert list(Findings(read(EXAMPLE / name, 8), made, LEVEL).verdicts) == [verdict]


def test_settings_come_from_options_or_else_from_the_run() -> None:
    found = {"num_generations": 4, "beta": 0.5, "scale_rewards": "none"}
    assert setting("trl", found, options={}) == Setting(
        "trl", 4, 0.5, "reverse", {"scale_rewards": "none"}
    )
    changed = setting(
        "trl", found, size=16, beta=2.0, penalty="forward", options={"scale_rewards": "group"}
    )
    assert changed == Setting("trl", 16, 2.0, "forward", {"scale_rewards": "group"})
    forward = found | {"use_bias_correction_kl": False}
    assert setting("trl", forward, options={}).penalty == "forward"


@pytest.mark.parametrize(
    ("library", "found", "given", "message"),
    [
        ("trl", {}, {}, "give --size G and --beta B"),
        ("trl", {"beta": 1.0}, {}, "give --size G$"),
        ("verl", {}, {"size": 8}, "give --beta B$"),
        (
            "trl",
            {},
            {"size": 8, "beta": 1, "options": {"scale": 1}},
            "--set scale: trl has no such",
        ),
        ("trl", {}, {"size": 8, "beta": 1, "options": {"scale_rewards": "all"}}, "scale_rewards"),
        ("trl", {}, {"size": 2000, "beta": 1}, "size must be at most 1024"),
    ],
)
def test_what_is_missing_or_wrong_is_named(
    library: str, found: dict[str, Any], given: dict[str, Any], message: str
) -> None:
    with pytest.raises(ReproduceError, match=message):
        setting(library, found, **{"options": {}} | given)


@pytest.mark.parametrize(
    ("found", "words"),
    [
        ({"beta": 0.0}, "no success rate between 0 and 1 is a fixed point"),
        ({"sync_ref_model": True}, "reference was renewed"),
        ({"scale_rewards": "batch"}, "other prompts of the batch"),
        ({"multi_objective_aggregation": "normalize_then_sum"}, "before they were added"),
        ({"entropy_coef": 0.01}, "entropy"),
    ],
)
def test_where_there_is_no_forecast_it_is_said_why(found: dict[str, Any], words: str) -> None:
    usual = {"num_generations": 8, "beta": 1.0, "scale_rewards": "group", "sync_ref_model": False}
    assert setting("trl", usual, options={}).obstacle == ""
    without = setting("trl", usual | found, options={})
    assert words in without.obstacle
    assert np.isnan(Findings(made((0.1, 0.1, 0.1)), without, LEVEL).forecast).all()


def test_a_normalisation_without_a_proof_has_no_forecast() -> None:
    without = setting("nemo_rl", {}, size=8, beta=1.0, options={})
    assert "not proved" in without.obstacle
    other = setting("nemo_rl", {}, size=8, beta=1.0, options={"use_leave_one_out_baseline": False})
    assert other.obstacle == ""
