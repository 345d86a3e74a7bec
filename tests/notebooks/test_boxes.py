"""The register and the boxes of the chapters say the same, in the same words."""

import dataclasses
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell, new_notebook

from reproduce.boxes import Box, box_of, find_boxes
from reproduce.project import Project
from reproduce.register import Item, load_register

ROOT = Path(__file__).parents[2]
MOST_WORDS = 90
NUMBERED = re.compile(r"(Theorem|Proposition|Lemma|Remark|Algorithm) \d+")
THEOREM = re.compile(r"(Theorem|Proposition|Lemma) \d+")
REFERENCE = re.compile(r"\{prf:ref\}`([^`<]*)<([^>]+)>`")
NUMBER = re.compile(r"\bIII?\.\d+")


def squeezed(text: str) -> str:
    """The text with all white space alike."""
    return " ".join(text.split())


def name(box: Box) -> str:
    """What a box is called: kind and number if it has a number of the paper, else its title."""
    number, _, title = box.title.partition("(")
    return f"{box.kind.title()} {number.strip()}" if number else title.removesuffix(")")


def box_faults(claim: Item, boxes: Mapping[str, Box]) -> Iterator[str]:
    """Where a claim and its box, among those of its chapter, differ."""
    box = boxes.get(claim.id)
    if box is None:
        if claim.is_own or NUMBERED.fullmatch(claim.label):
            yield f"{claim.id}: has no box in {claim.notebook}"
    elif claim.is_own:
        expected = box_of(claim)
        if box.title != expected.title:
            yield f"{claim.id}: the box is called {box.title}"
        if squeezed(box.text) != squeezed(expected.text):
            yield f"{claim.id}: the box says something else"
    else:
        if name(box) != claim.label:
            yield f"{claim.id}: the box is called {name(box)}, the register says {claim.label}"
        # What a box takes from another one of its chapter, such as an assumption, counts.
        taken = [boxes[id].text for _, id in REFERENCE.findall(box.text) if id in boxes]
        text = squeezed(" ".join([box.text, *taken]))
        for hypothesis in map(squeezed, claim.hypotheses):
            if hypothesis not in text and hypothesis[0].lower() + hypothesis[1:] not in text:
                yield f"{claim.id}: the box does not assume: {hypothesis}"
        if THEOREM.fullmatch(claim.label) and not claim.hypotheses:
            yield f"{claim.id}: the register does not list its hypotheses"


def faults(claims: Sequence[Item], texts: Mapping[str, NotebookNode]) -> list[str]:
    """Everything in which the register and the texts, notebooks and pages, do not agree."""
    found = []
    boxes = {name: list(find_boxes(text)) for name, text in texts.items()}
    labels = Counter(box.label for inside in boxes.values() for box in inside)
    found += [f"{label}: more than one box" for label, count in labels.items() if count > 1]
    ids = {claim.id for claim in claims}
    found += [
        f"{label}: no claim" for label in labels if label.startswith("beyond-") and label not in ids
    ]
    for claim in claims:
        if claim.notebook:
            found += box_faults(claim, {box.label: box for box in boxes[claim.notebook]})
        for text in (claim.statement, claim.correction):
            if len(text.split()) > MOST_WORDS:
                found.append(f"{claim.id}: {len(text.split())} words")
    numbers = [claim.number for claim in claims if claim.number]
    for part in ("II", "III"):
        inside = [number for number in numbers if number.startswith(f"{part}.")]
        if inside != [f"{part}.{k}" for k in range(1, len(inside) + 1)]:
            found.append("the numbers do not count up")
    number_of = {claim.id: claim.number for claim in claims}
    said = [text for claim in claims for text in (claim.statement, *claim.hypotheses)]
    for cell in (cell for text in texts.values() for cell in text.cells):
        said.append(cell.source)
        for words, target in REFERENCE.findall(cell.source):
            if target not in labels:
                found.append(f"{target}: a link without a box")
            if NUMBER.findall(words) != list(filter(None, [number_of.get(target)])):
                found.append(f"{target}: a link calls it {words.strip()}")
    unknown = {number for text in said for number in NUMBER.findall(text)} - set(numbers)
    found += [f"{number}: no result has this number" for number in sorted(unknown)]
    return found


def test_the_register_and_the_boxes_agree() -> None:
    texts = {
        path.stem: nbformat.read(path, as_version=4)
        for path in sorted((ROOT / "notebooks").glob("*.ipynb"))
    }
    for path in sorted((ROOT / "book").glob("*.md")):
        texts[path.name] = new_notebook(cells=[new_markdown_cell(path.read_text("utf-8"))])
    assert faults(load_register(Project(ROOT)), texts) == []


OWN = Item(
    id="beyond-1",
    label="Speed",
    place="Part II",
    statement="It is $v$.",
    number="II.1",
    hypotheses=("$a > 0$", "As long as $b > 0$"),
    notebook="one",
    verdict="ours",
)
PAPER = Item(
    id="lemma-1",
    label="Lemma 1",
    place="C",
    statement="$x$",
    hypotheses=("$c > 0$", "Let $d > 0$"),
    notebook="one",
    verdict="holds",
)
TEXT = """::::{prf:theorem} II.1 (Speed)
:label: beyond-1
:nonumber:

*Hypotheses.*

- $a > 0$
- As long as
  $b > 0$

*Then:* It is $v$.
::::

:::{prf:lemma} 1 (Slope)
:label: lemma-1

If $c > 0$, under {prf:ref}`its assumption <assumption-1>`, $x$.
:::

:::{prf:assumption} 1
:label: assumption-1

For once, let $d > 0$.
:::

See {prf:ref}`II.1 <beyond-1>` and {prf:ref}`its slope <lemma-1>`.
"""


def said(text: str) -> dict[str, NotebookNode]:
    return {"one": new_notebook(cells=[new_markdown_cell(text)])}


def test_what_agrees_has_no_fault() -> None:
    assert faults([PAPER, OWN], said(TEXT)) == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text.replace("(Speed)", "(Velocity)"), "beyond-1: the box is called II.1 (V"),
        (lambda text: text.replace("II.1 (", "II.2 ("), "beyond-1: the box is called II.2 ("),
        (lambda text: text.replace("- $a > 0$\n", ""), "beyond-1: the box says something else"),
        (lambda text: text.replace("$a > 0$", "$a \\ge 0$"), "beyond-1: the box says something"),
        (lambda text: text.replace("is $v$", "was $v$"), "beyond-1: the box says something else"),
        (lambda text: text.replace(":label: beyond-1", ":label: beyond-2"), "beyond-2: no claim"),
        (lambda text: text.replace(":label: lemma-1", ":label: slope"), "lemma-1: has no box in"),
        (lambda text: text.replace("lemma} 1", "lemma} 2"), "lemma-1: the box is called Lemma 2"),
        (lambda text: text.replace("$c >", "$c <"), "lemma-1: the box does not assume: $c > 0$"),
        (lambda text: text.replace("$d >", "$d <"), "lemma-1: the box does not assume: Let $d"),
        (lambda text: text + text, "beyond-1: more than one box"),
        (lambda text: text.replace("<lemma-1>", "<lemma-9>"), "lemma-9: a link without a box"),
        (lambda text: text.replace("`its", "`II.1"), "lemma-1: a link calls it II.1"),
        (lambda text: text.replace("`II.1", "`its speed"), "beyond-1: a link calls it its speed"),
        (lambda text: text + "As in II.7.", "II.7: no result has this number"),
    ],
)
def test_each_fault_of_a_text_is_found(change: Callable[[str], str], message: str) -> None:
    assert any(fault.startswith(message) for fault in faults([PAPER, OWN], said(change(TEXT))))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"number": "II.2"}, "the numbers do not count up"),
        ({"label": "Velocity"}, "beyond-1: the box is called II.1 (Speed)"),
        ({"hypotheses": ("$a > 0$",)}, "beyond-1: the box says something else"),
        ({"statement": "word " * 91}, "beyond-1: 91 words"),
    ],
)
def test_each_fault_of_the_register_is_found(change: dict[str, object], message: str) -> None:
    claims = [PAPER, dataclasses.replace(OWN, **change)]
    assert any(fault.startswith(message) for fault in faults(claims, said(TEXT)))


def test_the_hypotheses_of_a_theorem_of_the_paper_are_listed() -> None:
    bare = dataclasses.replace(PAPER, hypotheses=())
    assert faults([bare, OWN], said(TEXT)) == ["lemma-1: the register does not list its hypotheses"]
