"""Whether two records of a study agree, as samples of the same numbers."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from scipy.special import expit
from scipy.stats import ttest_ind

Row = Mapping[str, Any]
Samples = dict[tuple[str, ...], list[float]]

LEVEL = 1e-3
"""Chance that two records of the same are said to differ, whatever the number of comparisons."""


def one_prompt(rows: Iterable[Row]) -> Samples:
    """Mean success over the second half of the run, of the replicates of each setting."""
    found: dict[tuple[str, ...], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        names = ("size", "beta", "scale_rewards", "corrected", "num_iterations", "p_ref")
        key = (*(str(row[name]) for name in names), f"{float(row['share']):.3f}")
        second_half = [float(row[f"mean_{j}"]) for j in range(5, 10)]
        found[key][str(row["replicate"])] += second_half
    return {key: [float(np.mean(x)) for x in own.values()] for key, own in found.items()}


def llama(rows: Iterable[Row]) -> Samples:
    """Mean success over the second half of the run, of the replicates of each setting."""
    found: Samples = defaultdict(list)
    for row in rows:
        names = ("size", "beta", "scale_rewards", "corrected", "p_ref", "slower")
        second_half = [float(row[f"mean_{j}"]) for j in range(5, 10)]
        found[tuple(str(row[name]) for name in names)].append(float(np.mean(second_half)))
    return found


def iterates(rows: Iterable[Row]) -> Samples:
    """Success after each batch, of the replicates of each variant; the start is no sample."""
    found: Samples = defaultdict(list)
    for row in rows:
        if int(row["batch"]):
            p = float(row["policy_0"]) + float(row["policy_1"])
            found[row["variant"], str(row["batch"])].append(p)
    return found


def gradient(rows: Iterable[Row]) -> Samples:
    """Success after one step, mean over the starts, of the replicates of each setting."""
    found: dict[tuple[str, ...], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        if int(row["step"]):
            p = float(row["policy_0"]) + float(row["policy_1"])
            found[str(row["scale_rewards"]), str(row["corrected"])][str(row["replicate"])].append(p)
    return {key: [float(np.mean(x)) for x in own.values()] for key, own in found.items()}


def departures(rows: Iterable[Row]) -> Samples:
    """Mean success over the second half of the run; prompts that are thrown scatter too much."""
    found: Samples = defaultdict(list)
    for row in rows:
        if row["variant"] != "thrown":
            last = max(int(name[2:]) for name in row if name.startswith("L_"))
            second_half = [float(row[f"L_{n}"]) for n in range(last // 2 + 1, last + 1)]
            found[row["variant"], str(row["p_ref"]), str(row["rate"])].append(
                float(np.mean(expit(second_half)))
            )
    return found


def speed(rows: Iterable[Row]) -> Samples:
    """Success halfway and at the end, of the replicates of each setting and start."""
    found: Samples = defaultdict(list)
    for row in rows:
        key = str(row["scale_rewards"]), str(row["inner"]), str(row["start"])
        for mark in ("6", "12"):
            found[*key, mark].append(float(row[f"p_{mark}"]))
    return found


def addition(rows: Iterable[Row]) -> Samples:
    """What the mean success gained, of the replicates, for the sums trained on and held out."""
    found: dict[tuple[str, ...], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        key = str(row["scale_rewards"]), str(row["trained"])
        gained = float(row["p_3"]) - float(row["p_0"])
        found[key][str(row["replicate"])].append(gained)
    return {key: [float(np.mean(x)) for x in own.values()] for key, own in found.items()}


def differing(first: Samples, second: Samples) -> list[tuple[str, ...]]:
    """What differs, by Welch's test, among the settings that are in both.

    Raises:
        ValueError: no setting is in both.
    """
    both = first.keys() & second.keys()
    if not both:
        raise ValueError("first and second must have a setting in common")
    return sorted(
        key
        for key in both
        if ttest_ind(first[key], second[key], equal_var=False).pvalue < LEVEL / len(both)
    )
