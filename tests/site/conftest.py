"""The book, built cold once, served to a browser."""

import contextlib
import functools
import http.server
import os
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from reproduce.__main__ import main

ROOT = Path(__file__).parents[2]
HTML = ROOT / "_build" / "html"

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)


@pytest.fixture(scope="session", autouse=True)
def site() -> Path:
    """Run what ``make book`` runs, cold; warnings of the build are errors there."""
    with contextlib.chdir(ROOT):
        assert main(["--fresh"]) == 0
    return HTML


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Keep the requests out of the test report."""


@pytest.fixture(scope="session")
def address(site: Path) -> Iterator[str]:
    """Where the built book is served, such as http://127.0.0.1:49152."""
    handler = functools.partial(_Quiet, directory=str(site))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """An installed Chromium; without one the tests are skipped, but never in CI."""
    if CHROMIUM is None:
        assert not os.environ.get("CI"), "CI needs a Chromium: apt-get install chromium"
        pytest.skip("no Chromium found; install one, for example with apt-get install chromium")
    with sync_playwright() as playwright:
        options = ["--disable-gpu", "--disable-background-networking"]
        if hasattr(os, "geteuid") and os.geteuid() == 0:
            options.append("--no-sandbox")  # which Chromium does not have for root
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=options)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    """A fresh tab on the book, cut off from everything else, that fails on any script error."""
    context = browser.new_context(base_url=address, viewport={"width": 1280, "height": 900})
    faults: list[str] = []

    def outside(route) -> None:
        faults.append(f"request to {route.request.url}")
        route.abort()

    context.route(lambda url: not url.startswith((address, "data:", "blob:")), outside)
    page = context.new_page()
    page.on("console", lambda message: message.type == "error" and faults.append(message.text))
    page.on("pageerror", lambda error: faults.append(str(error)))
    yield page
    context.close()
    assert faults == []
