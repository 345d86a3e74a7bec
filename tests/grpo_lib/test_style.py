"""The colours of the figures can be told apart by people who are colour blind."""

from itertools import combinations

import matplotlib.style
import numpy as np
import pytest
from matplotlib.colors import to_rgb

# Machado, Oliveira and Fernandes (2009), severity 1: what is seen, in linear RGB.
SIGHTS = {
    "normal": np.eye(3),
    "protan": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deutan": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
}


def lab(color: str, sight: str) -> np.ndarray:
    """CIE L*a*b* coordinates [3] of a colour as it is seen."""
    rgb = np.array(to_rgb(color))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    to_xyz = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    xyz = to_xyz @ np.clip(SIGHTS[sight] @ linear, 0, 1) / [0.9505, 1, 1.089]
    x, y, z = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def nearest(colors: list[str], sight: str) -> float:
    """Smallest distance between two colours; about 2 is just visible side by side."""
    return min(
        float(np.linalg.norm(lab(a, sight) - lab(b, sight))) for a, b in combinations(colors, 2)
    )


@pytest.mark.parametrize("sight", SIGHTS)
def test_the_colours_of_the_figures_are_far_apart(sight: str) -> None:
    with matplotlib.style.context("grpo_lib.book"):
        colors = matplotlib.rcParams["axes.prop_cycle"].by_key()["color"]
    assert nearest(colors, sight) > 10


def test_red_and_green_are_told_apart_by_normal_sight_alone() -> None:
    colors = ["#a06000", "#4c8a00"]
    assert nearest(colors, "normal") > 40
    assert nearest(colors, "deutan") < 10
