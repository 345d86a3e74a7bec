"""What the answers page says is computed, and leads to where it says."""

import csv
import html
import re
from collections.abc import Iterator
from urllib.parse import parse_qsl

import numpy as np
import pytest

from grpo_lib import Normalization, libraries
from reproduce import answers, explorer
from reproduce.project import read_yaml
from tests.conftest import ROOT
from tests.node import Call
from tests.test_book import failed_examples

PAGE = (ROOT / "book/answers.md").read_text("utf-8")
CLAIMS = {item["id"]: item for item in read_yaml(ROOT / "claims.yml")["claims"]}
RESULTS = ROOT / "experiments/results"


def table(name: str) -> list[dict[str, str]]:
    """Rows of a recorded result."""
    return list(csv.DictReader((RESULTS / name).read_text("utf-8").splitlines()))


SETTINGS = table("libraries-settings.csv")
PULLS = table("libraries-kl.csv")

SIZE = 8
ON_THE_PAGE: dict[str, Normalization] = {
    'TRL, scale_rewards="group"': libraries.trl(SIZE),
    'TRL, scale_rewards="none"': libraries.trl(SIZE, "none"),
    "verl, norm_adv_by_std_in_grpo=True, low_var_kl": libraries.verl(SIZE),
    "verl, norm_adv_by_std_in_grpo=False, low_var_kl": libraries.verl(SIZE, False),
    "OpenRLHF, group_norm, k1 in the reward": libraries.openrlhf(SIZE),
    "OpenRLHF, dr_grpo, k1 in the reward": libraries.openrlhf(SIZE, "dr_grpo"),
    "NeMo-RL, use_leave_one_out_baseline=False": libraries.nemo_rl(
        SIZE, use_leave_one_out_baseline=False
    ),
    "open-instruct, centered": libraries.open_instruct(SIZE),
    "open-instruct, standard": libraries.open_instruct(SIZE, "standard"),
}


def entries(page: str) -> Iterator[tuple[str, str]]:
    """Anchor and text of each answer."""
    first = page.partition("(names)=")[0]
    for part in re.split(r"^\((?=[\w-]+\)=\n)", first, flags=re.MULTILINE)[1:]:
        yield part.partition(")=\n")[0], part.partition("\n### ")[2]


def faults(text: str) -> list[str]:
    """What an answer lacks: one number, which its code prints, a box that exists, an explorer."""
    prose, _, code = text.partition("```pycon\n")
    numbers = re.findall(r"\*\*([^*]+)\*\*", prose)
    printed = [
        word
        for line in code.partition("```")[0].splitlines()
        if not line.startswith((">>> ", "... "))
        for word in line.split()
    ]
    found = [] if len(numbers) == 1 else [f"{len(numbers)} numbers"]
    units = [f"{number}%" if f"**{number}** %" in prose else number for number in numbers]
    found += [f"{unit} is not printed" for unit in units if unit not in printed]
    boxes = re.findall(r"Rests on \{prf:ref\}`(\S+) <([^>]+)>`", prose)
    if [(CLAIMS.get(label, {}).get("number"), label) for _, label in boxes] != boxes or not boxes:
        found.append(f"boxes {boxes}")
    links = re.findall(r'<a href="explorer\.html#([^"]+)"', prose)
    found += ["no explorer"] if len(links) != 1 else illegal(html.unescape(links[0]))
    return found


def illegal(setting: str) -> list[str]:
    """Parts of an address of the explorer that it would not take."""
    numbers = {
        one.name: one
        for one in (
            *explorer.PARAMETERS, *explorer.CLIP, *explorer.GROUP, *explorer.VERIFIER
        )
    }  # fmt: skip
    choices = {
        "normalization": explorer.NORMALIZATIONS,
        "deviation": explorer.DEVIATIONS,
        "penalty": explorer.PENALTIES,
    }
    found = []
    for name, value in parse_qsl(setting, strict_parsing=True):
        if name in choices:
            good = value in choices[name]
        else:
            low, high = numbers[name].limits if name in numbers else (np.inf, -np.inf)
            good = low <= float(value) <= high
        found += [] if good else [f"{name}={value}"]
    return found


ANSWERS = dict(entries(PAGE))


def test_the_page_prints_what_it_shows() -> None:
    assert failed_examples(PAGE) == 0


def test_a_page_that_lies_is_seen() -> None:
    assert failed_examples(PAGE.replace("\n0.27 60.9", "\n0.28 60.9")) == 1


def test_every_symptom_has_an_answer() -> None:
    assert len(ANSWERS) == 16


@pytest.mark.parametrize("anchor", sorted(ANSWERS.keys() - {"adam"}))
def test_an_answer_has_a_number_a_box_and_a_picture(anchor: str) -> None:
    assert faults(ANSWERS[anchor]) == []


def test_an_answer_without_them_is_seen() -> None:
    text = ANSWERS["stalls-below-1"]
    assert faults(text.replace("**19**", "**18**")) == ["18% is not printed"]
    assert faults(text.replace("**19**", "19")) == ["0 numbers"]
    assert faults(text.replace("III.42", "III.41")) == ["boxes [('III.41', 'beyond-13-ends')]"]
    assert faults(text.replace("size=8", "size=1")) == ["size=1"]
    assert faults(text.replace("deviation=sample", "deviation=simple")) == ["deviation=simple"]
    assert faults(text.replace("explorer.html", "map.html")) == ["no explorer"]


def test_what_is_not_known_has_no_number() -> None:
    assert "not known" in ANSWERS["adam"]
    assert "**" not in ANSWERS["adam"]


@pytest.mark.parametrize(
    ("library", "topic", "name", "default"),
    [
        ("trl", "KL weight", "beta", "0.0"),
        ("trl", "reference", "ref_model_mixup_alpha", "0.6"),
        ("trl", "reference kept", "sync_ref_model", "False"),
        ("trl", "clip low", "epsilon", "0.2"),
        ("trl", "deviation", "scale_rewards", '"group"'),
        ("verl", "KL", "use_kl_loss", "False"),
        ("open_instruct", "reference", "alpha", "0.6"),
    ],
)
def test_a_default_is_that_of_the_library(
    library: str, topic: str, name: str, default: str
) -> None:
    [row] = [row for row in SETTINGS if (row["library"], row["topic"]) == (library, topic)]
    assert re.match(rf"{name}\b.*=\s*{re.escape(default)}$", row["declaration"])
    assert f"`{name}`" in PAGE.partition("## Traps of names")[2]


def scales(call: Call, settings: list[answers.Setting], at: np.ndarray) -> np.ndarray:
    """Scales of the calculator's settings at log-odds, shape [settings, states]."""
    function = """({ settings, at }) => settings.map((setting) => {
        const { normalization } = grpo.recurrence({ alpha: 1, beta: 1, ...setting });
        return at.map((L) => normalization.scale(L));
    })"""
    return np.array(call(function, {"settings": settings, "at": at.tolist()}))


def test_the_calculator_scales_as_the_libraries_do(call: Call) -> None:
    at = np.array([-20.0, -3.0, 0.0, 1.0, 8.0])
    assert list(answers.LIBRARIES) == list(ON_THE_PAGE)
    settings: list[answers.Setting] = [
        {**setting, "size": SIZE} for setting in answers.LIBRARIES.values()
    ]
    wanted = np.array([one.scale(L=at) for one in ON_THE_PAGE.values()])
    # A sum of SIZE - 1 positive terms, each of a handful of factors.
    rounding = 16 * SIZE * np.finfo(float).eps
    np.testing.assert_allclose(scales(call, settings, at), wanted, rtol=rounding, atol=0)
    wrong = scales(call, [{**one, "size": SIZE + 1} for one in settings], at)
    assert (np.abs(wrong / wanted - 1) > rounding).all(axis=1).any()
    assert (np.abs(wrong / wanted - 1) > rounding).any(axis=1).all()


KL = {
    "TRL": ("trl", "use_bias_correction_kl=True"),
    "verl": ("verl", "kl_loss_type=low_var_kl"),
    "OpenRLHF": ("openrlhf", "in the reward algo.kl.estimator=k1"),
    "NeMo-RL": ("nemo_rl", "reference_policy_kl_type=k3"),
    "open-instruct": ("open_instruct", "kl_estimator=2"),
}
"""Library and setting in the recorded pulls, of what the calculator has."""

PULL = {"reverse": 1.0, "forward": 1 - np.exp(-1)}
"""What multiplies the gradient where the log-ratio is 1."""


@pytest.mark.parametrize("name", list(answers.LIBRARIES))
def test_the_calculator_penalises_as_the_libraries_do(name: str) -> None:
    given = (*KL[name.partition(",")[0]], "1.0")
    [pull] = [float(p["pull"]) for p in PULLS if (p["library"], p["setting"], p["x"]) == given]
    wanted = PULL[str(answers.LIBRARIES[name].get("penalty", "reverse"))]
    assert pull == pytest.approx(wanted, rel=1e-6, abs=0)  # recorded in single precision
