"""A Sphinx extension: chapters have two layers, and the site is light and quick to build."""

import gc
import multiprocessing
import os
import re
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx_proof.nodes import unenumerable_node

from reproduce.folds import FoldChecks

IMAGE = re.compile(r'<img (?P<rest>[^>]*src="[^"]*_images/(?P<name>[^"/]+\.svg)"[^>]*)>')
SIZE = re.compile(r'<svg [^>]*?\bwidth="([\d.]+)pt" height="([\d.]+)pt"')


def setup(app: Sphinx) -> dict[str, Any]:
    """Fold the checks, size figures, build on all cores with less garbage collected and loaded."""
    app.add_post_transform(FoldChecks)
    # A page is a tree of many small objects that live until it is written. To look them through
    # for garbage as often as Python does by default takes a tenth of the time.
    gc.set_threshold(200_000, 50, 100)
    app.connect("doctree-read", _lead_searches_to_the_whole)
    app.connect("env-check-consistency", _write_in_parallel)
    app.connect("html-page-context", _reserve_room)
    app.connect("html-page-context", _open_a_part, priority=900)  # behind the theme
    app.connect("build-finished", _drop_icon_script)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _lead_searches_to_the_whole(app: Sphinx, doctree: nodes.document) -> None:
    # An entry of the index leads to an empty spot in front of a box or below a heading, and a
    # search would show nothing of the text. It shows the box, or the section.
    for index in doctree.findall(addnodes.index):
        behind = index.next_node(
            lambda node: not isinstance(node, addnodes.index | nodes.target),
            descend=False, siblings=True,
        )  # fmt: skip
        home = behind if isinstance(behind, unenumerable_node) else index.parent
        if home["ids"]:
            index["entries"] = [
                (kind, name, home["ids"][0] if spot.startswith("index-") else spot, *rest)
                for kind, name, spot, *rest in index["entries"]
            ]


def _reserve_room(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    # With its size in the page, a figure moves nothing when it comes. Docutils would write the size
    # as a style, which keeps a figure from shrinking with the window.
    sources = {name: uri for uri, name in app.builder.images.items()}

    def sized(image: re.Match[str]) -> str:
        drawing = Path(app.srcdir, sources[image["name"]]).read_text("utf-8")
        if not (size := SIZE.search(drawing)):
            return image[0]
        width, height = (round(float(length) * 4 / 3) for length in size.groups())  # pt to px
        return f'<img width="{width}" height="{height}" {image["rest"]}>'

    if "body" in context:
        context["body"] = IMAGE.sub(sized, context["body"])


def _open_a_part(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    # The theme folds the parts in the side bar but that of the page; without one, open the first.
    generate = context["generate_toctree_html"]

    def opened(**options: Any) -> Any:
        bar = generate(**options)
        if bar.details and not bar.select_one("details[open]"):
            bar.details["open"] = "open"
        return bar

    context["generate_toctree_html"] = opened


def _write_in_parallel(app: Sphinx, _: object) -> None:
    # Not from the start: some extensions do not allow to read in parallel, and say so in a warning.
    # Sphinx needs processes that are forked, and one of them only hands out the work.
    if multiprocessing.get_start_method() == "fork":
        app.parallel = 1 + (os.cpu_count() or 1)


def _drop_icon_script(app: Sphinx, error: Exception | None) -> None:
    # The theme's style sheet draws every icon from a web font. Its script would draw them all again
    # and takes two fifths of what a page loads. No option of the theme leaves it out.
    script = Path(app.outdir, "_static", "scripts", "fontawesome.js")
    if error is None and script.exists():
        script.write_text("/* The icons come from the web font. */\n", "utf-8")
