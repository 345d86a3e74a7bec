"""Pictures of the built book, and the figure of README.md: ``python -m reproduce.screenshots``."""

import contextlib
import functools
import http.server
import os
import re
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

from nbformat import NotebookNode
from playwright.sync_api import Browser, Page, sync_playwright

from reproduce.command import reporting, run
from reproduce.execute import read_notebook
from reproduce.project import Project, ReproduceError, write_text

PAGES = ("book/index", "notebooks/theorem-2", "book/explorer", "book/scorecard")

MODES = {
    "desktop-light": ("light", 1280, 900),
    "desktop-dark": ("dark", 1280, 900),
    "phone": ("light", 390, 844),
}
"""Theme, width and height of the window."""

FIGURE = "fig-trajectories"
"""Name of the figure of Theorem 2 that README.md shows."""


@reporting
def main() -> int:
    """Write the pictures of the book that was built last in the project's root.

    Returns:
        The exit status: 0, or 1 with a message if there is no book or no browser.
    """
    project = Project(Path.cwd())
    figure = readme_figure(project.executed / "theorem-2.ipynb")
    write_text(project.book / "_static" / "readme.svg", figure)
    with serve(project.html) as address, launch() as browser:
        for picture in _take(browser, address, project):
            print(picture)
    return 0


def readme_figure(path: Path) -> str:
    """Take the figure of README.md from the executed notebook.

    It gets a white ground, because where a README is shown the theme is not ours, and loses its
    date, so that it changes only when the curves do.

    Args:
        path: the executed notebook of Theorem 2.

    Raises:
        ReproduceError: the notebook was not executed, or has no such figure.
    """
    if not path.exists():
        raise ReproduceError(f"there is no {path} yet: run 'make book' first")
    for cell in read_notebook(path).cells:
        if cell.metadata.get("mystnb", {}).get("figure", {}).get("name") == FIGURE:
            return _on_white(_svg(cell))
    raise ReproduceError(f"{path} has no figure named {FIGURE}")


def _svg(cell: NotebookNode) -> str:
    return next(
        o.data["image/svg+xml"] for o in cell.outputs if "image/svg+xml" in o.get("data", {})
    )


def _on_white(svg: str) -> str:
    svg = re.sub(r"\s*<dc:date>.*?</dc:date>", "", svg)
    ground = '<rect width="100%" height="100%" fill="white"/>\n <g id="figure_1">'
    return svg.replace('<g id="figure_1">', ground, 1)


@contextlib.contextmanager
def serve(folder: Path) -> Iterator[str]:
    """Serve a folder on this machine, and give the address, such as http://127.0.0.1:49152."""
    handler = functools.partial(_Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Keep the requests out of the terminal."""


@contextlib.contextmanager
def launch() -> Iterator[Browser]:
    """Start an installed Chromium.

    Raises:
        ReproduceError: there is none.
    """
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        raise ReproduceError("no Chromium found: install one, such as apt-get install chromium")
    options = ["--disable-gpu", "--disable-background-networking"]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        options.append("--no-sandbox")  # which Chromium does not have for root
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=options)
        yield browser
        browser.close()


def load(page: Page, path: str) -> None:
    """Load a page of the book, and wait for its formulas, fonts and pictures."""
    page.goto(path)
    page.evaluate(
        """Promise.all([...document.images].map((image) => {
            image.loading = "eager";
            return image.decode();
        }))"""
    )
    page.evaluate("window.MathJax?.startup?.promise.then(() => null)")
    page.evaluate("document.fonts.ready.then(() => null)")


def _take(browser: Browser, address: str, project: Project) -> Iterator[Path]:
    for mode, (theme, width, height) in MODES.items():
        page = browser.new_page(base_url=address, viewport={"width": width, "height": height})
        page.add_init_script(f"for (const key of ['mode', 'theme']) localStorage[key] = '{theme}'")
        for name in PAGES:
            if (project.html / f"{name}.html").exists():
                load(page, f"/{name}.html")
                path = project.build / "screenshots" / f"{Path(name).name}-{mode}.png"
                page.screenshot(path=path, full_page=True)
                yield path
        page.close()


if __name__ == "__main__":
    run(main)
