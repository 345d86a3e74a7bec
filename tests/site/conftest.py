"""The built book, served to a browser."""

import contextlib
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from reproduce.project import ReproduceError
from reproduce.screenshots import launch, serve
from tests.conftest import HTML, Usage

OpenTab = Callable[[], AbstractContextManager[tuple[Page, list[str]]]]


@pytest.fixture(scope="session", autouse=True)
def site(build: Usage) -> Path:
    """The book, built cold."""
    return HTML


@pytest.fixture(scope="session")
def address(site: Path) -> Iterator[str]:
    """Where the built book is served, such as http://127.0.0.1:49152."""
    with serve(site) as address:
        yield address


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """An installed Chromium; without one the tests are skipped, but never in CI."""
    with contextlib.ExitStack() as stack:
        try:
            browser = stack.enter_context(launch())
        except ReproduceError as error:
            if os.environ.get("CI"):
                raise
            pytest.skip(str(error))
        yield browser


@pytest.fixture(scope="session")
def open_tab(browser: Browser, address: str) -> OpenTab:
    """Open a fresh tab on the book, cut off from all else, with the list of faults it meets."""

    @contextlib.contextmanager
    def tab() -> Iterator[tuple[Page, list[str]]]:
        context = browser.new_context(base_url=address, viewport={"width": 1280, "height": 900})
        context.set_default_timeout(60_000)  # a busy machine is slow, not wrong
        faults: list[str] = []

        def outside(route) -> None:
            faults.append(f"request to {route.request.url}")
            route.abort()

        context.route(lambda url: not url.startswith((address, "data:", "blob:")), outside)
        page = context.new_page()
        page.on("console", lambda message: message.type == "error" and faults.append(message.text))
        page.on("pageerror", lambda error: faults.append(str(error)))
        yield page, faults
        context.close()

    return tab


@pytest.fixture
def page(open_tab: OpenTab) -> Iterator[Page]:
    """A tab that fails on any request to the outside and on any script error."""
    with open_tab() as (page, faults):
        yield page
    assert faults == []
