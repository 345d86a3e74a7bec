"""A button that runs a chapter in the reader's browser, if the publisher of the book turns it on.

``BOOK_PYODIDE_URL`` is the address of a Pyodide distribution, on a server of the publisher's or of
others. The site itself asks no other server for anything, so without this variable it has neither
the button nor its script, and with it nothing is loaded before a click.
"""

import html
import json
import os
import re
from urllib.parse import urlsplit

from reproduce import downloads
from reproduce.execute import Executed
from reproduce.project import Project, ReproduceError

VARIABLE = "BOOK_PYODIDE_URL"

NOT_THERE = re.compile(r"\b(flint|certified)\b")
"""What a chapter imports for ball arithmetic; Pyodide does not have it."""


def distribution() -> str:
    """The address of Pyodide with a slash at its end; empty if the option is off.

    Raises:
        ReproduceError: it is no address of a web server.
    """
    url = os.environ.get(VARIABLE, "").rstrip("/")
    if not url:
        return ""
    if not re.match(r"https?://[^/]", url):
        raise ReproduceError(f"{VARIABLE} must begin with https:// or http://, got {url}")
    return f"{url}/"


def offer(project: Project, chapter: Executed) -> str:
    """The button of a chapter, in MyST; empty if the option is off or a browser cannot run it."""
    pyodide, wheel = distribution(), downloads.wheel_name(project)
    code = "\n".join(cell.source for cell in chapter.notebook.cells if cell.cell_type == "code")
    if not pyodide or not wheel or NOT_THERE.search(code):
        return ""
    files = (f"notebooks/{chapter.name}.ipynb", *chapter.data)
    links = [downloads.source_link(file) for file in files]
    run = json.dumps({"pyodide": pyodide, "wheel": f"../{wheel}", "files": links})
    button = (
        f'<div class="in-page" data-run="{html.escape(run)}">'
        '<button type="button">Run in this page</button> '
        '<button type="button" hidden>Stop</button> '
        f"<span>loads Python from {urlsplit(pyodide).netloc}, some 45 MB the first time</span>"
        '<p role="status"></p><div class="in-page-output"></div>'
        '<form hidden><label>Change one thing<textarea rows="8" spellcheck="false"></textarea>'
        "</label><button>Run</button></form></div>"
        '<script defer src="../_static/in-page.js"></script>'
    )
    return f"\n\n{button}"
