"""A chapter that runs in the page: with a stand-in for Pyodide, which says what it is asked for."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, writes
from playwright.sync_api import Browser, Page, expect

from reproduce import downloads, in_page
from reproduce.execute import Executed
from reproduce.project import Project
from reproduce.screenshots import serve
from tests.conftest import HTML, ROOT

STAND_IN = """
export async function loadPyodide({ indexURL, stdout }) {
  const asked = [`from ${new URL(indexURL).pathname}`];
  let tell;
  return {
    loadPackagesFromImports: async (code) => asked.push(code.replaceAll("\\n", ", ")),
    unpackArchive: (bytes, kind) => asked.push(`${kind} of ${bytes.byteLength}`),
    FS: {
      mkdirTree: (path) => asked.push(`folder ${path}`),
      writeFile: (path, bytes) => asked.push(`${path} of ${bytes.length}`),
    },
    registerJsModule: (name, members) => ({ tell } = members),
    runPython: () => {},
    globals: { get: () => (source) => {
      stdout(asked.splice(0).join("; "));
      if (source.includes("raise")) throw new Error("Traceback\\nValueError: wrong");
      if (source.includes("while")) for (;;);
      if (source.includes("draw")) tell("figure", "<svg xmlns='http://www.w3.org/2000/svg'/>");
      else tell("html", `<b>${source}</b>`);
    } },
  };
}
"""

CELLS = [
    new_code_cell("%config magic\none"),
    new_code_cell("import a.b as c\nfrom IPython.display import HTML\nfrom d import (\n    e,\n)"),
    new_code_cell("draw"),
    new_markdown_cell("## Change one thing\n\nText."),
    new_code_cell("mine = 1"),
    new_code_cell("claim"),
]


class Site:
    """A site of one page and one chapter, and the requests for the stand-in."""

    def __init__(self, folder: Path, address: str) -> None:
        self.folder, self.address = folder, address

    def chapter(self, *cells, data: tuple[str, ...] = ()) -> str:
        """Write a chapter and give its page's address."""
        notebook = new_notebook(cells=list(cells))
        chapter = Executed("chapter", notebook, 1.0, {}, dict.fromkeys(data, ""))
        page = in_page.offer(Project(ROOT), chapter)
        files = {"notebooks/chapter.ipynb": writes(notebook), **dict.fromkeys(data, "1,2\n")}
        for name, text in files.items():
            path = self.folder / downloads.SOURCES / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
        (self.folder / "notebooks").mkdir(exist_ok=True)
        (self.folder / "notebooks/chapter.html").write_text(
            f"<!doctype html><html lang=en><title>x</title>{page}", "utf-8"
        )
        return f"{self.address}/notebooks/chapter.html"


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    shutil.copytree(ROOT / "book/_static", tmp_path / "_static")
    (tmp_path / "python").mkdir()
    (tmp_path / "python/pyodide.mjs").write_text(STAND_IN, "utf-8")
    (tmp_path / str(downloads.wheel_name(Project(ROOT)))).write_bytes(b"wheel")
    with serve(tmp_path) as address:
        monkeypatch.setenv(in_page.VARIABLE, f"{address}/python")
        yield Site(tmp_path, address)


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context()
    yield context.new_page()
    context.close()


def start(page: Page, address: str) -> list[str]:
    """Open a chapter, click, and give what was asked of the server before the click."""
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.goto(address, wait_until="networkidle")
    before = list(requests)
    page.get_by_role("button", name="Run in this page").click()
    return before


def test_the_book_as_it_is_asks_for_nothing() -> None:
    pages = [path.read_text("utf-8") for path in HTML.glob("notebooks/*.html")]
    assert pages and not any("in-page.js" in text for text in pages)


def test_a_chapter_runs_after_the_click_and_not_before(site: Site, page: Page) -> None:
    address = site.chapter(*CELLS, data=("experiments/results/a.csv",))
    before = start(page, address)
    assert len(before) == 2 and before[1].endswith("in-page.js")
    expect(page.get_by_role("status")).to_have_text("Done.")
    asked, *_ = page.locator(".in-page-output pre").all_inner_texts()
    assert asked.split("; ") == [
        "from /python/",
        "import numpy, import scipy, import sympy, import a.b, import d",
        "wheel of 5",
        "folder experiments/results",
        "experiments/results/a.csv of 4",
    ]
    first, _, *rest = page.locator(".in-page-output b").all_inner_texts()
    assert [first, *rest] == ["one", "mine = 1", "claim"]
    assert page.locator(".in-page-output img").count() == 1


def test_one_thing_can_be_changed(site: Site, page: Page) -> None:
    start(page, site.chapter(*CELLS))
    box = page.get_by_label("Change one thing")
    expect(box).to_have_value("mine = 1")
    box.fill("mine = 2")
    box.press("Control+Enter")
    expect(page.locator(".in-page-output b")).to_have_text(["mine = 2"])
    box.fill("raise")
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.get_by_role("status")).to_have_text("ValueError: wrong")


def test_an_error_names_its_cell(site: Site, page: Page) -> None:
    start(page, site.chapter(new_code_cell("one"), new_code_cell("raise"), new_code_cell("two")))
    status = page.get_by_role("status")
    expect(status).to_have_text("Cell 2 of 3 failed: ValueError: wrong")
    assert page.locator(".in-page-output b").all_inner_texts() == ["one"]


def test_a_distribution_that_is_not_there_is_named(site: Site, page: Page) -> None:
    (site.folder / "python/pyodide.mjs").unlink()
    start(page, site.chapter(*CELLS))
    expect(page.get_by_role("status")).to_contain_text("/python/pyodide.mjs")


def test_what_never_ends_can_be_stopped(site: Site, page: Page) -> None:
    start(page, site.chapter(new_code_cell("while")))
    expect(page.get_by_role("status")).to_have_text("Running cell 1 of 1 …")
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_role("status")).to_have_text("Stopped.")
    expect(page.get_by_role("button", name="Run in this page")).to_be_enabled()


def test_only_what_a_browser_can_run_is_offered(monkeypatch: pytest.MonkeyPatch) -> None:
    def offered(source: str) -> str:
        notebook = new_notebook(cells=[new_code_cell(source)])
        return in_page.offer(Project(ROOT), Executed("chapter", notebook, 1.0, {}))

    monkeypatch.delenv(in_page.VARIABLE, raising=False)
    assert offered("import sympy") == ""
    monkeypatch.setenv(in_page.VARIABLE, "https://example.org/python/")
    text = offered("import sympy")
    assert "example.org" in text and json.dumps("https://example.org/python/")[1:-1] in text
    assert offered("from flint import arb") == offered("from grpo_lib import certified") == ""
