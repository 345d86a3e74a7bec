"""Speed report of `make bench`: ratios of times measured in the same run."""

import json
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable
from itertools import product
from pathlib import Path

import numpy as np
from scipy.optimize import brentq
from scipy.special import logit

from grpo_lib import MeanVariance, Recurrence, fixed_points
from grpo_lib.maps import BLOCK

ROOT = Path(__file__).parents[1]
P_REF = [0.001, 0.003, 0.01, 0.03, 0.1, 0.25, 0.5, 0.75, 0.9, 0.97, 0.99, 0.997, 0.999]
BETA = [0.1, 0.3, 1, 3, 5, 10, 30]
EPS = [1e-5, 1e-3, 0.01, 0.1, 1]
SCAN = np.linspace(0, 1, 4099)[1:-1]
PROMPTS, STEPS = 10**6, 100


def seconds(function: Callable[[], object], repeats: int) -> float:
    """Shortest of several times, in seconds of the processor: others may be at work, too."""
    times = []
    for _ in range(repeats):
        start = time.process_time()
        function()
        times.append(time.process_time() - start)
    return min(times)


def scan(p_ref: float, beta: float, eps: float) -> list[float]:
    """Fixed points of one cell: 4097 points in p, then brentq for every change of sign."""

    def gap(p):
        return 1 / (1 + (1 - p_ref) / p_ref * np.exp(-1 / np.sqrt(p * (1 - p) + eps) / beta)) - p

    above = gap(SCAN) > 0
    return [brentq(gap, SCAN[i], SCAN[i + 1]) for i in np.flatnonzero(above[1:] != above[:-1])]


def bench_fixed_points() -> None:
    cells = list(product(P_REF, BETA, EPS))
    p_ref, beta, eps = np.array(cells).T
    recurrence, L_ref = Recurrence(beta, MeanVariance(eps)), logit(p_ref)
    found = fixed_points(recurrence, L_ref=L_ref)
    cell, place = np.nonzero(np.isfinite(found.log_odds))
    L, p = found.log_odds[cell, place], found.probability[cell, place]
    step = Recurrence(beta[cell], MeanVariance(eps[cell])).step(L=L, L_ref=L_ref[cell])
    residual = np.max(np.abs(step - L) / np.maximum(1, np.abs(L)))
    scanned = [np.array(scan(*parameters)) for parameters in cells]
    missed = [
        1 - success
        for i, success in zip(cell, p, strict=True)
        if not np.any(np.abs(scanned[i] - success) < 1e-9)
    ]
    fast = seconds(lambda: fixed_points(recurrence, L_ref=L_ref), 20)
    slow = seconds(lambda: [scan(*parameters) for parameters in cells], 2)
    print(f"fixed_points on {len(cells)} cells, {1e3 * fast:.2f} ms")
    print(f"  {slow / fast:.0f} times faster than a scan and brentq cell by cell (aim: 20 or more)")
    print(f"  {np.sum(found.count == 0)} cells unresolved (aim: 0)")
    print(f"  relative residual in log-odds {residual:.1e} (aim: 1e-12 or less)")
    print(f"  the scan misses {len(missed)} of {len(p)} fixed points: ", end="")
    print(f"those with 1 - p of {max(missed):.1e} or less")


def bench_iterate() -> None:
    """Time `iterate` against the nine passes over the data that its formula needs.

    These are a cosh, a root, a square, three divisions, two sums and a product with 1/2, by hand:
    in place, and block by block. How they compare with an exponential is the processor's affair, so
    that is told without an aim. `iterate` reads the data three times more, to see that nothing has
    underflowed and nothing is NaN. Such a pass costs no more than a sum, so the twelve take at
    most 12/9 of the nine. What is left up to 1.5 is for Python's own time.
    """
    L_ref = np.random.default_rng(0).normal(-3, 1, PROMPTS)
    recurrence, out = Recurrence(0.3), np.empty(PROMPTS)

    def passes():
        for start in range(0, PROMPTS, BLOCK):
            reference, x = L_ref[start : start + BLOCK], out[start : start + BLOCK]
            x[:] = reference
            for _ in range(STEPS):
                np.multiply(x, 0.5, out=x)
                np.cosh(x, out=x)
                np.divide(0.5, x, out=x)
                np.square(x, out=x)
                np.add(x, 1e-5, out=x)
                np.sqrt(x, out=x)
                np.divide(1, x, out=x)
                np.divide(x, 0.3, out=x)
                np.add(x, reference, out=x)

    def exponentials():
        for _ in range(STEPS):
            np.exp(L_ref, out=out)

    def plain():
        L = L_ref
        for _ in range(STEPS):
            p = 1 / (1 + np.exp(-L))
            L = L_ref + 1 / np.sqrt(p * (1 - p) + 1e-5) / 0.3

    tracemalloc.start()
    recurrence.iterate(L_ref=L_ref, steps=2)
    peak = tracemalloc.get_traced_memory()[1] + L_ref.nbytes
    tracemalloc.stop()
    last = recurrence.iterate(L_ref=L_ref, steps=STEPS)
    passes()
    error = np.max(np.abs(out / last - 1))
    iterate, by_hand, unit, naive = (
        seconds(f, 3)
        for f in (
            lambda: recurrence.iterate(L_ref=L_ref, steps=STEPS),
            passes,
            exponentials,
            plain,
        )
    )
    print(f"iterate, {STEPS} steps for {PROMPTS} prompts, {iterate:.2f} s")
    print(f"  {iterate / by_hand:.2f} times the passes that its formula needs (aim: 1.5 or less)")
    print(f"  {iterate / unit:.1f} times as many np.exp in place; ", end="")
    print(f"the passes: {by_hand / unit:.1f}, a plain NumPy expression: {naive / unit:.1f}")
    print(f"  relative difference to the passes {error:.1e}")
    print(f"  peak memory {peak / L_ref.nbytes:.1f} arrays, its input included (aim: 6 or less)")


def bench_reproduce() -> None:
    command = [sys.executable, "-m", "reproduce"]
    times = []
    for options in ["--fresh"], []:
        start = time.perf_counter()
        run = subprocess.run(command + options, cwd=ROOT, capture_output=True, text=True)
        times.append(time.perf_counter() - start)
        if run.returncode:
            print(f"reproduce: not measured, as it fails:\n{run.stderr.strip()}")
            return
        if options:
            ledger = json.loads((ROOT / "_build/ledger.json").read_text("utf-8"))
    notebooks = {row["notebook"]: row["seconds"] for row in ledger["claims"] if row["notebook"]}
    wall, jobs = ledger["run"]["wall_seconds"], ledger["run"]["jobs"]
    ideal = sum(notebooks.values()) / jobs
    print(f"reproduce, {len(notebooks)} notebooks, {jobs} at a time")
    print(f"  cold: notebooks done in {wall:.1f} s, {wall / ideal:.2f} times ", end="")
    print(f"(sum of their times / jobs) (aim: 1.3 or less); with the book {times[0]:.1f} s")
    print(f"  warm, nothing changed: {times[1]:.1f} s (aim: under 10 s)")


if __name__ == "__main__":
    bench_fixed_points()
    bench_iterate()
    bench_reproduce()
