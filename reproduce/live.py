"""Live pictures in chapters: a line in a notebook becomes sliders and room for what they draw.

The line is ``<!-- live: KIND SETTING -->``, with one of `KINDS` and where its sliders start, in
JSON. What draws runs in the reader's browser, once the picture is opened: ``book/_static/live.js``.
"""

import html
import json
import re
from collections.abc import Mapping
from urllib.parse import urlencode

from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell

from reproduce.explorer import PARAMETERS, Parameter
from reproduce.project import ReproduceError

MARKER = re.compile(r"^<!-- live: (\w+) (\{.*\}) -->$", re.MULTILINE)

KINDS = {"cobweb": ("p_ref", "beta"), "phase": ("p_ref", "beta", "alpha")}
"""Pictures that ``live.js`` draws, and their sliders, which are those of the explorer."""

VIEWS = {
    "cobweb": (
        "The map from one log-odds to the next, with the diagonal and the run as a cobweb.",
        "Each step goes to the curve, then across to the diagonal. Filled dots attract, hollow "
        "ones repel.",
    ),
    "phase": (
        "Two borders, by the weight of the penalty and the reference's probability.",
        "Solid: two fixed points meet; between its branches there are three. Dashed: a fixed point "
        "begins to repel. The dot is your setting.",
    ),
    "run": (
        "The probability of success at each step of the run.",
        "The run. Dashed: the fixed points.",
    ),
}
"""What each view shows, for who does not see it and for who does."""

SCRIPTS = "".join(
    f'<script defer src="../_static/{name}.js"></script>' for name in ("grpo", "words", "live")
)


def with_pictures(page: NotebookNode, place: str) -> NotebookNode:
    """Put the pictures that a chapter asks for in place of the lines that ask for them.

    Args:
        page: the chapter; it is changed.
        place: its file, for messages.

    Raises:
        ReproduceError: a line asks for something else.
    """

    def picture(line: re.Match[str]) -> str:
        return _picture(line[1], line[2], place)

    asked = [cell for cell in page.cells if MARKER.search(cell.source)]
    for cell in asked:
        cell.source = MARKER.sub(picture, cell.source)
    if asked:
        page.cells.append(new_markdown_cell(_raw(SCRIPTS), id="live-scripts"))
    return page


def _picture(kind: str, text: str, place: str) -> str:
    if kind not in KINDS:
        known = ", ".join(KINDS)
        raise ReproduceError(f"{place}: no live picture is called {kind!r}; known are {known}")
    parameters = {one.name: one for one in PARAMETERS}
    start = {name: parameters[name].initial for name in KINDS[kind]}
    try:
        given = json.loads(text)
        wrong = [n for n, x in given.items() if not parameters[n].low <= x <= parameters[n].high]
    except (ValueError, KeyError, TypeError):
        wrong = [text]
    if wrong or not given.keys() <= start.keys():
        raise ReproduceError(f"{place}: the live picture {kind} cannot start at {text}")
    setting = start | given
    sliders = "".join(_slider(parameters[name], value) for name, value in setting.items())
    views = "".join(_view(name) for name in (kind, "run"))
    return _raw(
        f'<details class="live" data-picture="{kind}"><summary>Move it yourself</summary>'
        "<noscript><p>This picture is computed in your browser and needs JavaScript.</p></noscript>"
        f'<div class="live-controls">{sliders}</div><p class="live-verdict" role="status"></p>'
        f'<div class="live-views">{views}</div>{_link(setting)}</details>'
    )


def _slider(parameter: Parameter, value: float) -> str:
    low, high, place = map(parameter.position, (parameter.low, parameter.high, value))
    return (
        f'<label><span>{parameter.label} = <output></output></span><input type="range" '
        f'data-name="{parameter.name}" data-scale="{parameter.scale}" min="{low:.6g}" '
        f'max="{high:.6g}" step="any" value="{place:.17g}"></label>'
    )


def _view(name: str) -> str:
    text, caption = VIEWS[name]
    drawing = f'<svg viewBox="0 0 380 300" role="img" aria-label="{html.escape(text)}"></svg>'
    return f"<figure>{drawing}<figcaption>{caption}</figcaption></figure>"


def _link(setting: Mapping[str, float]) -> str:
    address = html.escape(f"../book/explorer.html#{urlencode(setting)}")
    return f'<p><a href="{address}">This setting in the explorer</a></p>'


def _raw(text: str) -> str:
    return f"```{{raw}} html\n{text}\n```"
