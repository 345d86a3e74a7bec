"""The forms for issues are ones that GitHub takes, and the templates name what there is."""

from collections import Counter
from pathlib import Path

import pytest
import yaml

from tests.test_readme import missing

GITHUB = Path(__file__).parents[1] / ".github"
FORMS = sorted((GITHUB / "ISSUE_TEMPLATE").glob("*.yml"))
NEEDED = {
    "markdown": {"value"},
    "input": {"label"},
    "textarea": {"label"},
    "dropdown": {"label", "options"},
}
"""Types of elements that the forms use, and the attributes that GitHub asks of each."""


def form_faults(form: dict) -> list[str]:
    """What GitHub would refuse in a form for issues."""
    faults = [f"no {key}" for key in ("name", "description", "body") if not form.get(key)]
    elements = form.get("body") or []
    ids = Counter(element["id"] for element in elements if "id" in element)
    faults += [f"{id}: more than once" for id, count in ids.items() if count > 1]
    if all(element.get("type") == "markdown" for element in elements):
        faults.append("nothing to fill in")
    for element in elements:
        kind = element.get("type")
        name = element.get("id", kind)
        if kind not in NEEDED:
            faults.append(f"{name}: no such type")
            continue
        faults += [f"{name}: no {key}" for key in sorted(NEEDED[kind] - set(element["attributes"]))]
        options = element["attributes"].get("options", [])
        if not all(isinstance(option, str) for option in options):
            faults.append(f"{name}: an option that YAML does not read as text")
    return faults


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.stem)
def test_the_form_is_one(path: Path) -> None:
    assert form_faults(yaml.safe_load(path.read_text("utf-8"))) == []


def test_each_door_has_its_form() -> None:
    assert [path.stem for path in FORMS] == ["mathematics", "notebook", "training"]


def test_faults_of_a_form_are_seen() -> None:
    assert form_faults({}) == ["no name", "no description", "no body", "nothing to fill in"]
    body = [
        {"type": "input", "id": "a", "attributes": {}},
        {"type": "dropdown", "id": "a", "attributes": {"label": "b", "options": [False]}},
        {"type": "slider"},
    ]
    assert form_faults({"name": "n", "description": "d", "body": body}) == [
        "a: more than once",
        "a: no label",
        "a: an option that YAML does not read as text",
        "slider: no such type",
    ]


def test_the_template_of_a_pull_request_names_what_there_is() -> None:
    assert missing((GITHUB / "pull_request_template.md").read_text("utf-8")) == []
