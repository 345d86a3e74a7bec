"""The page about a run, as the command writes it."""

import re
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

from reproduce.report import main

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "experiments/results/own-run"


@pytest.fixture(autouse=True)
def in_the_project(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> BeautifulSoup:
    path = tmp_path_factory.mktemp("report") / "page.html"
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        assert main([str(EXAMPLE / "eight"), "--output", str(path)]) == 0
    return BeautifulSoup(path.read_text("utf-8"), "html.parser")


@pytest.mark.slow
def test_the_page_needs_no_other_file(page: BeautifulSoup) -> None:
    assert page.find_all(["script", "link", "iframe"]) == []
    links = [tag["href"] for tag in page.find_all(href=True)]
    links += [tag["src"].split(",")[0] for tag in page.find_all(src=True)]
    assert {link for link in links if not link.startswith("#")} == {"data:image/svg+xml;base64"}
    assert "http" not in page.get_text() and "url(" not in page.style.get_text()


@pytest.mark.slow
def test_the_page_shows_what_it_should(page: BeautifulSoup) -> None:
    assert page.title.get_text() == "Report: eight"
    heads = [head.get_text() for head in page.find_all(["h1", "h2"])]
    assert heads == [
        *("Report of a training run", "eight", "Prompt by prompt", "Over the run"),
        "Where a run leaves the theory",
    ]
    assert len(page.select("table tbody tr")) == 8
    images = page.find_all("img")
    assert [len(image["alt"]) > 60 for image in images] == [True, True]
    assert not page.select(".input, pre")
    text = " ".join(page.get_text().split())
    assert "Exact updates, not a forecast of gradient training" in text
    assert "The learning rate was 0.3." in text and "The optimizer was sgd." in text


@pytest.mark.slow
def test_the_command_prints_the_summary(capsys, tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    assert main([str(EXAMPLE / "default"), "--output", str(path)]) == 0
    said = capsys.readouterr().out
    assert "trl, β = 1, G = 8, reverse KL, scale_rewards = group" in said
    assert "Compared with the forecast: 1 prompt; ended elsewhere: 1." in said
    assert said.endswith(f"Report: {path}\n")
    text = path.read_text("utf-8")
    assert re.search(r"<td>below the forecast</td>", text)


@pytest.mark.slow
def test_without_a_penalty_there_is_a_page_and_no_forecast(capsys, tmp_path: Path) -> None:
    path = tmp_path / "run.csv"
    rows = [f"{step},<b>|`$x$`,{step % 2}\n" for step in range(40) for _ in range(4)]
    path.write_text("step,prompt,reward\n" + "".join(rows))
    output = tmp_path / "made" / "page.html"
    given = [str(path), "--size", "4", "--beta", "0", "--output", str(output)]
    assert main(given) == 0
    assert "No forecast. At beta 0" in capsys.readouterr().out
    text = output.read_text("utf-8")
    assert "no forecast" in text
    assert "<b>" not in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["nowhere"],
            "error: the run's own files do not say the setting: give --size G and --beta",
        ),
        (["nowhere", "--size", "8", "--beta", "1"], "error: nowhere: no such file or folder\n"),
        (["book", "--size", "8", "--beta", "1"], "error: book: no completions_*.parquet there"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(capsys, arguments: list[str], message: str) -> None:
    assert main(arguments) == 1
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "the following arguments are required: RUN"),
        (["x", "--beta", "-1"], "'-1' is not a number of at least 0"),
        (["x", "--size", "1"], "'1' is not a whole number of at least 2"),
        (["x", "--level", "1"], "'1' is not a number between 0 and 1"),
        (["x", "--set", "scale_rewards"], "'scale_rewards' is not of the form NAME=VALUE"),
        (["x", "--library", "other"], "invalid choice: 'other'"),
    ],
)
def test_bad_arguments(capsys, arguments: list[str], message: str) -> None:
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    assert message in capsys.readouterr().err
