"""The explorer page: controls in plain HTML, empty Bokeh figures, and the library that draws them.

What fills the figures runs in the reader's browser: ``book/_static/grpo.js`` holds the mathematics,
``words.js`` what is said of it, and ``explorer.js`` the page.
"""

import html
import json
import math
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from bokeh.embed import json_item
from bokeh.models import ColumnDataSource, CustomJS, FixedTicker, LinearColorMapper
from bokeh.plotting import figure
from bokeh.util.paths import bokehjs_path

BLUE, VERMILION, GREY = "#0072B2", "#D55E00", "#6b7280"  # the book's colours: Okabe and Ito
ENDINGS = ["#eaf3fb", "#d6e6f4", "#c6dbef", "#9ecae1", "#6baed6", "#4292c6", "#2171b5", "#08519c"]
OSCILLATING, UNDECIDED = "#E69F00", "#CC79A7"

CELLS = 48
"""Cells of the phase diagram's picture along each axis."""

EDGE = 14.0
"""Log-odds at the upper edge of the phase diagram: p_ref = 1 - 8e-7."""


@dataclass(frozen=True)
class Parameter:
    """A slider with a box that shows, and takes, the number itself.

    Attributes:
        name: name in the address of a setting and id of the box.
        label: what stands beside it, in HTML.
        low: smallest number of the slider.
        high: largest number of the slider.
        initial: number at the start.
        scale: ``linear``, ``log``, ``log-odds`` or, in powers of 2, ``whole``.
        step: step of the slider, on that scale.
        normalization: the only one that depends on it; empty if all do.
    """

    name: str
    label: str
    low: float
    high: float
    initial: float
    scale: str
    step: float
    normalization: str = ""

    @property
    def limits(self) -> tuple[float, float]:
        """What the box takes: a probability may be 0 or 1, which no slider in log-odds reaches."""
        return (0, 1) if self.scale == "log-odds" else (self.low, self.high)

    def position(self, value: float) -> float:
        """Place of a number on the slider."""
        if self.scale in ("log", "whole"):
            return math.log10(value) if self.scale == "log" else math.log2(value)
        return math.log(value / (1 - value)) if self.scale == "log-odds" else value


PARAMETERS = (
    Parameter("p_ref", "reference succeeds, <i>p</i><sub>ref</sub>", 1e-6, 1 - 1e-6, 0.2,
              "log-odds", 0.05),
    Parameter("beta", "weight of the KL penalty, <i>β</i>", 0.01, 100, 1, "log", 0.02),
    Parameter("eps", "smoothing of the root, <i>ε</i>", 1e-8, 1, 1e-5, "log", 0.05,
              "mean-variance"),
    Parameter("delta", "added to the deviation, <i>δ</i>", 1e-8, 1, 1e-4, "log", 0.05,
              "mean-deviation"),
    Parameter("alpha", "KL share of the reference, <i>α</i>", 0, 1, 1, "linear", 0.01),
    Parameter("p_0", "first policy succeeds, <i>p</i><sub>0</sub>", 1e-6, 1 - 1e-6, 0.2,
              "log-odds", 0.05),
)  # fmt: skip

CLIP = (
    Parameter("low", "a ratio may fall by, <i>low</i>", 0.001, 1, 0.2, "log", 0.05),
    Parameter("high", "a ratio may rise by, <i>high</i>", 0.001, 10, 0.28, "log", 0.05),
)
GROUP = (Parameter("size", "rollouts in a group, <i>G</i>", 2, 256, 8, "whole", 0.1),)
VERIFIER = (
    Parameter("true_positive", "it passes a success, <i>T</i>", 0, 1, 1, "linear", 0.01),
    Parameter("false_positive", "it passes a failure, <i>F</i>", 0, 1, 0, "linear", 0.01),
)
"""What training adds to the paper's updates, named as in ``grpo_lib``."""

NORMALIZATIONS = {
    "mean-variance": "mean and variance",
    "mean-deviation": "mean and deviation (most libraries)",
    "mean-only": "mean only (Dr. GRPO)",
}
"""What the page calls them, by the name in the address of a setting."""

DEVIATIONS = {
    "sample": "sample: over G − 1",
    "population": "population: over G",
}
"""Deviations of a group that the page offers, by their name in the address of a setting."""

PENALTIES = {
    "reverse": "reverse KL, to the reference",
    "forward": "forward KL, from the reference (k3 as loss)",
}
"""Penalties of ``fixed_points``."""

FIGURE_5 = [
    {"beta": beta, "p_ref": p_ref, "p_0": 0.1}
    for beta in (0.01, 0.2, 0.4, 0.8, 1, 5)
    for p_ref in (1e-4, 0.2, 0.5, 0.8)
]
"""Panels of the paper's Figure 5, row by row. All of them start at p_0 = 0.1."""

CYCLES = {
    "Cycle of E6": {"beta": 5, "p_ref": 1e-3},
    "Cycle of E13": {"beta": 3, "p_ref": 1e-3, "alpha": 0.9},
}
"""The errata's cycles. They start at the reference."""

FIGURES = {
    "map": "The map from one log-odds to the next, with the diagonal and the run as a cobweb.",
    "run": "The probability of success at each step of the run.",
    "phase": "Where runs end, by the weight of the penalty and the reference's probability.",
}


def parts() -> dict[str, str]:
    """Write the generated part of the explorer's page, by the name of its marker, in MyST."""
    scripts = "".join(
        f'<script defer src="../_static/{name}.js"></script>'
        for name in ("bokeh.min", "grpo", "words", "explorer")
    )
    page = ['<div class="explorer">', _controls(), _views(), "</div>", _figures(), scripts]
    return {"explorer": "\n".join(["```{raw} html", *page, "```"])}


def add_library(book: Path) -> None:
    """Copy what draws figures, a part of BokehJS, into a book that has an explorer."""
    if (book / "explorer.md").exists():
        shutil.copy(bokehjs_path() / "js" / "bokeh.min.js", book / "_static")


def _controls() -> str:
    choices = "".join(
        _option(f"β = {panel['beta']}, p_ref = {panel['p_ref']:g}", panel) for panel in FIGURE_5
    )
    buttons = "".join(
        f'<button type="button" data-preset="{html.escape(json.dumps(preset))}">{name}</button>'
        for name, preset in CYCLES.items()
    )
    return f"""<form id="explorer" autocomplete="off">
<div class="explorer-bar">
<label>Figure 5, from <i>p</i><sub>0</sub> = 0.1 <select id="figure-5">
<option value="">choose a panel</option>{choices}</select></label>
{buttons}
<button type="reset">Reset</button>
<button type="button" id="copy-link">Copy link</button>
</div>
<div class="explorer-controls">
{_sliders(PARAMETERS)}
<div class="explorer-control explorer-switches">
<label for="normalization">rewards are normalised by</label>
{_select("normalization", NORMALIZATIONS)}
<label><input type="checkbox" id="from-reference" checked> start at the reference</label>
</div>
</div>
{_as_it_is_run()}
</form>"""


def _as_it_is_run() -> str:
    groups = _switch("groups", "normalise within groups of <i>G</i> rollouts")
    deviation = f"""<div class="explorer-control explorer-switches">
<label for="deviation">standard deviation of a group</label>
{_select("deviation", DEVIATIONS)}</div>"""
    penalty = f"""<div class="explorer-control explorer-switches">
<label for="penalty">KL penalty</label>
{_select("penalty", PENALTIES)}</div>"""
    clip = _switch("clip", "clip the likelihood ratio")
    sections = (
        ("clip", "Clip", clip + _sliders(CLIP)),
        ("groups", "Groups", groups + _sliders(GROUP) + deviation),
        ("penalty", "Penalty", penalty),
        ("verifier", "A verifier that errs", _sliders(VERIFIER)),
    )
    fields = "".join(
        f'<fieldset id="{name}-section"><legend>{title}</legend>{controls}'
        f'<p class="explorer-message" id="{name}-message"></p></fieldset>'
        for name, title, controls in sections
    )
    return f"""<details id="as-it-is-run" class="explorer-more">
<summary>As it is run: clip, groups, penalty, verifier</summary>
<div class="explorer-controls">{fields}</div>
</details>"""


def _switch(name: str, text: str) -> str:
    return f"""<div class="explorer-control explorer-switches">
<label><input type="checkbox" id="{name}"> {text}</label></div>"""


def _select(name: str, options: dict[str, str]) -> str:
    choices = "".join(f'<option value="{key}">{text}</option>' for key, text in options.items())
    return f'<select id="{name}">{choices}</select>'


def _option(text: str, preset: dict[str, float]) -> str:
    return f'<option value="{html.escape(json.dumps(preset))}">{text}</option>'


def _sliders(parameters: Iterable[Parameter]) -> str:
    return "".join(map(_slider, parameters))


def _slider(parameter: Parameter) -> str:
    low, high, initial = map(parameter.position, (parameter.low, parameter.high, parameter.initial))
    least, most = parameter.limits
    bounds = f'min="{least!r}" max="{most!r}" aria-describedby="{parameter.name}-message"'
    only = parameter.normalization
    shown_for = f' data-normalization="{only}"' if only else ""
    return f"""<div class="explorer-control"{shown_for}>
<label for="{parameter.name}">{parameter.label}</label>
<input type="number" id="{parameter.name}" {bounds} step="any" value="{parameter.initial!r}">
<input type="range" aria-labelledby="{parameter.name}-name" data-for="{parameter.name}"
data-scale="{parameter.scale}" min="{low:.6g}" max="{high:.6g}" step="{parameter.step}"
value="{initial:.6g}"><span hidden id="{parameter.name}-name">{parameter.label}: slider</span>
<p class="explorer-message" id="{parameter.name}-message" aria-live="polite"></p>
</div>
"""


def _views() -> str:
    limits = f"linear-gradient(90deg,{','.join(ENDINGS)})"
    captions = {
        "map": "The map. Each step goes to the curve, then across to the diagonal. Filled dots "
        "attract, hollow ones repel.",
        "run": "The run: <i>p<sub>n</sub></i> against <i>n</i>. Dashed: the fixed points.",
        "phase": f'<span data-ending="proved">Where every run ends: {_ink(limits)} its limit, '
        f"from 0 to 1; {_ink(OSCILLATING)} it oscillates; {_ink(UNDECIDED)} undecided.</span>"
        f'<span data-ending="computed" hidden>After 2000 steps: {_ink(limits)} where a run rests, '
        f"or is on its way, from 0 to 1; {_ink(OSCILLATING)} it moves up and down.</span> The "
        "cross is your setting: tap to move it.",
    }
    views = "".join(
        f'<figure class="explorer-view"><div id="explorer-{name}" class="explorer-plot" role="img" '
        f'aria-label="{text}" aria-describedby="verdict"></div>'
        f"<figcaption>{captions[name]}</figcaption></figure>"
        for name, text in FIGURES.items()
    )
    return f"""<noscript><p>This page computes in your browser and needs JavaScript.</p></noscript>
<p id="verdict" class="explorer-verdict" role="status"></p>
<p id="detail" class="explorer-detail"></p>
<div class="explorer-views">{views}
<div class="explorer-view">
<table class="explorer-points"><caption>Fixed points</caption><thead>
<tr><th scope="col">probability</th><th scope="col">slope</th><th scope="col">nearby runs</th></tr>
</thead><tbody id="points"></tbody></table>
</div></div>"""


def _ink(background: str) -> str:
    return f'<span class="explorer-ink" style="background:{background}"></span>'


def _figures() -> str:
    # "<" is the only character that could end a script element.
    items = json.dumps(_items()).replace("<", "\\u003c")
    return f'<script type="application/json" id="explorer-figures">{items}</script>'


@cache  # Bokeh numbers what it makes: made again, the page would differ
def _items() -> list[dict[str, object]]:
    return [
        json_item(make(), f"explorer-{name}")
        for name, make in (("map", _map), ("run", _run), ("phase", _phase))
    ]


def _map() -> figure:
    plot = _empty("success now", "success one step later")
    ends = [-40, 40]
    plot.line(ends, ends, color=GREY, line_dash="dashed")
    plot.line("x", "y", source=_source("cobweb"), color=VERMILION, line_width=1.2)
    plot.line("x", "y", source=_source("curve"), color=BLUE, line_width=2.5)
    plot.scatter(
        "x", "y", source=_source("points", "fill"), size=10, line_color="#111111", line_width=2,
        fill_color="fill",
    )  # fmt: skip
    return plot


def _run() -> figure:
    plot = _empty("step n", "success")
    plot.xaxis.ticker = FixedTicker(ticks=list(range(0, 51, 10)))
    plot.hspan(y="y", source=_source("levels", columns=["y"]), color=GREY, line_dash="dashed")
    states = _source("states")
    plot.line("x", "y", source=states, color=VERMILION, line_width=1.2)
    plot.scatter("x", "y", source=states, color=VERMILION, size=5)
    return plot


def _phase() -> figure:
    plot = _empty("weight β of the KL penalty", "success of the reference")
    plot.x_range.update(start=-2, end=2)
    plot.y_range.update(start=-EDGE, end=EDGE)
    plot.xaxis.ticker = FixedTicker(ticks=[-2, -1, 0, 1, 2])
    plot.xaxis.major_label_overrides = {-2: "0.01", -1: "0.1", 0: "1", 1: "10", 2: "100"}
    picture = ColumnDataSource({"image": [np.zeros((CELLS, CELLS))]}, name="picture")
    colours = LinearColorMapper(
        palette=ENDINGS, low=0, high=1, high_color=OSCILLATING, nan_color=UNDECIDED
    )
    plot.image("image", source=picture, x=-2, y=-EDGE, dw=4, dh=2 * EDGE, color_mapper=colours)
    plot.line("x", "y", source=_source("fold"), color="#111111", line_width=2)
    plot.line("x", "y", source=_source("flip"), color="#111111", line_width=2, line_dash=[6, 4])
    for width, colour in ((5, "white"), (2.5, VERMILION)):
        plot.scatter(
            "x", "y", source=_source(f"here {colour}"), marker="cross", size=22,
            line_color=colour, line_width=width,
        )  # fmt: skip
    plot.js_on_event("tap", CustomJS(code="window.explorer.choose(cb_obj.x, cb_obj.y)"))
    return plot


def _empty(x_label: str, y_label: str) -> figure:
    plot = figure(
        height=330,
        sizing_mode="stretch_width",
        tools="",
        toolbar_location=None,
        x_range=(0, 50),
        y_range=(-EDGE, EDGE),
        x_axis_label=x_label,
        y_axis_label=y_label,
        background_fill_color=None,
        border_fill_color=None,
        outline_line_color=None,
    )
    plot.grid.grid_line_color, plot.grid.grid_line_alpha = "#808080", 0.25
    plot.axis.axis_label_text_font_style = "normal"
    for part in ("axis_label_text_color", "major_label_text_color"):
        setattr(plot.axis, part, "#222222")
    plot.axis.minor_tick_line_color = None
    for axis in plot.axis:
        axis.ticker = FixedTicker(ticks=[])  # one for each: the page sets them
    return plot


def _source(name: str, *more: str, columns: Iterable[str] = ("x", "y")) -> ColumnDataSource:
    return ColumnDataSource({column: [] for column in (*columns, *more)}, name=name)
