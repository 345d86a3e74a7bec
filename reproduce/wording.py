"""A page's sentences and tables about a run."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reproduce.findings import Array, Findings, Verdict, interval
from reproduce.trl import reuses

SHOWN = (
    *("learning_rate", "optim", "epsilon", "num_iterations"),
    *("steps_per_generation", "gradient_accumulation_steps"),
)
"""Settings of TRL that `causes` speaks of."""


def summary(findings: Findings) -> str:
    """What the run says in short, as Markdown."""
    run, setting = findings.run, findings.setting
    options = "".join(f", {name} = {value}" for name, value in setting.options.items())
    answers, right = int(run.trials.sum()), int(run.successes.sum())
    lines = [
        f"- {count(len(run.labels), 'prompt')}, {count(answers, 'answer')}, {right / answers:.1%} "
        f"of them right; steps {run.edges[0]} to {run.edges[-1] - 1}",
        f"- {setting.library}, β = {setting.beta:g}, G = {setting.size}, {setting.penalty} "
        f"KL{options}",
        *(f"- {_share(findings, kind)}" for kind in (1, 2)),
    ]
    if setting.obstacle:
        lines.append(f"- No forecast. {setting.obstacle}")
    elif findings.compared:
        lines.append(
            f"- Compared with the forecast: {count(findings.compared, 'prompt')}; ended elsewhere: "
            f"{findings.departed:,}. If every forecast held, that would be at most "
            f"{findings.by_chance:.2g} in the mean."
        )
    else:
        lines.append("- No prompt could be compared with its forecast.")
    lines += [f"- {note}" for note in run.notes]
    return "\n".join(lines)


def _share(findings: Findings, kind: int) -> str:
    dead, groups = findings.dead(kind)
    what = "success" if kind == 1 else "failure"
    if not groups:
        return f"No whole group of {findings.setting.size} was found, so none without a {what}"
    low, high = interval(dead, groups, findings.level)
    return (
        f"{dead:,} of {groups:,} groups without a {what}: {dead / groups:.1%} "
        f"({low:.1%} to {high:.1%})"
    )


def causes(findings: Findings, found: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Why a run leaves the theory as a rule, each with what this run's own files say of it.

    Args:
        findings: of the run.
        found: settings of TRL, as `reproduce.trl.read_settings` gives them; may be empty.

    Returns:
        A name, and sentences.
    """
    unknown = "The run's files do not say it."
    rate, optim = found.get("learning_rate"), found.get("optim")
    reuse, clip = reuses(found), found.get("epsilon")
    moving = findings.number(Verdict.MOVING)
    dead = sum(findings.dead(kind)[0] for kind in (1, 2))
    groups = findings.dead(0)[1]
    return [
        (
            "Too few or too small steps",
            "The end lies between start and forecast. "
            f"From the third quarter of the run to the last {count(moving, 'prompt')} moved. "
            + (f"The learning rate was {rate:g}." if rate is not None else unknown),
        ),
        (
            "Too large steps",
            "A step that overshoots leaves the path on which the conditional policies stay as they "
            "are; ends scatter on both sides of the forecast.",
        ),
        (
            "Adam",
            "It divides by the size of recent gradients, so near rest noise moves a policy as much "
            "as the pull does. " + (f"The optimizer was {optim}." if optim else unknown),
        ),
        (
            "Transfer between prompts",
            "The theory gives each prompt a policy of its own. Prompts in the log: "
            f"{len(findings.run.labels):,}. Train on one alone to see what the others do to it.",
        ),
        (
            "A verifier that errs",
            "What is counted is what the verifier passes. A wrong answer that always passes is "
            "learnt like a right one; an end above the forecast can be that. Read some answers.",
        ),
        (
            "Clip",
            "It moves no fixed point, and acts only if several steps train on one batch. "
            + (
                unknown if clip is None else f"The clip was {clip:g}; steps for a batch: {reuse:g}."
            ),
        ),
        (
            "Groups without a signal",
            "They are part of the forecast. Where nearly all are like this, there is hardly a "
            f"gradient, and a run stands still. Here it was {dead:,} of {groups:,}.",
        ),
    ]


def count(number: int, what: str) -> str:
    """A number of things, such as ``1 prompt`` or ``2 prompts``."""
    return f"{number:,} {what}{'s' * (number != 1)}"


ROWS = 30
"""Prompts that a page shows."""


def most_telling(findings: Findings) -> NDArray[np.intp]:
    """The prompts that a page shows, at most `ROWS`: departures first, then most answers first."""
    order = {verdict: i for i, verdict in enumerate(_TELLING)}
    rank = np.array([order[Verdict(verdict)] for verdict in findings.verdicts])
    return np.lexsort([-findings.run.trials.sum(axis=1), rank])[:ROWS]


_TELLING = (
    *(Verdict.BELOW, Verdict.ABOVE, Verdict.MOVING, Verdict.WITHIN),
    *(Verdict.NONE, Verdict.APART, Verdict.ONCE),
)


def as_table(findings: Findings, shown: NDArray[np.intp]) -> str:
    """Some prompts as a table in Markdown, and a line with the number of each verdict."""
    counts = [f"{verdict}: {findings.number(verdict):,}" for verdict in Verdict]
    lines = ["| prompt | answers | start | forecast | end | |", "|---|---:|---|---|---|---|"]
    for i in shown:
        cells = [
            "`" + str(findings.run.labels[i]).replace("`", "'").replace("|", "¦") + "`",
            f"{findings.run.trials[i].sum():,}",
            *(_span(*ends, i) for ends in (findings.start, findings.forecast, findings.end)),
            findings.verdicts[i],
        ]
        lines.append(f"| {' | '.join(cells)} |")
    left = len(findings.run.labels) - len(shown)
    more = f"\n\n{left:,} more prompts are not listed." if left else ""
    return "\n".join(lines) + f"{more}\n\nAll prompts: {'; '.join(counts)}."


def _span(low: Array, high: Array, i: int) -> str:
    return "–" if np.isnan(low[i]) else f"{low[i]:.3f} to {high[i]:.3f}"
