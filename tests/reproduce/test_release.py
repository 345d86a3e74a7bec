"""The release archive: whole, with the right sums, and the same bytes each time."""

import contextlib
import hashlib
import json
import os
import shutil
from pathlib import Path
from zipfile import ZipFile

import pytest

from reproduce import downloads, pdf
from reproduce.project import Project
from reproduce.release import CRATE, SUMS, main, pack

ROOT = Path(__file__).parents[2]


@pytest.fixture
def project(tree) -> Project:
    """A tiny project with a book, as far as the archive has to see it."""
    for name in ("pyproject.toml", "README.md", "LICENSE", "CITATION.cff"):
        shutil.copy(ROOT / name, tree.root)
    tree.write("_build/ledger.json", '{"run": {"started": "2026-01-31T12:00:00+00:00"}}')
    tree.write("_build/executed/good.ipynb", "{}")
    for page in ("index.html", "book/index.html", "ledger.json"):
        tree.write(f"_build/html/{page}", page)
    project = Project(tree.root)
    (project.html / str(downloads.wheel_name(project))).write_bytes(b"wheel")
    return project


def unpacked(archive: Path) -> dict[str, bytes]:
    """Files by name, without the folder that all are in."""
    with ZipFile(archive) as packed:
        (folder,) = {name.partition("/")[0] for name in packed.namelist()}
        assert folder == archive.stem
        return {name.partition("/")[2]: packed.read(name) for name in packed.namelist()}


def sums_hold(files: dict[str, bytes]) -> bool:
    """Whether the sums are those of all files but the list itself."""
    lines = [line.split("  ") for line in files[SUMS].decode().splitlines()]
    digests = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    return {name: digest for digest, name in lines} == {
        name: digest for name, digest in digests.items() if name != SUMS
    }


def crate_faults(files: dict[str, bytes]) -> list[str]:
    """What the crate says that is not so, and what it leaves out."""
    graph = json.loads(files[CRATE])["@graph"]
    entities = {entity["@id"]: entity for entity in graph}
    faults = [] if len(entities) == len(graph) else ["an id twice"]
    named = {part["@id"] for part in entities["./"]["hasPart"]}
    described = {id for id, entity in entities.items() if entity["@type"] == "File"}
    expected = files.keys() - {CRATE}
    faults += [f"{name} is not in hasPart" for name in sorted(expected ^ named)]
    faults += [f"{name} is not described" for name in sorted(expected ^ described)]
    for name in sorted(described & expected - {SUMS}):
        data = files[name]
        told = entities[name]["sha256"], entities[name]["contentSize"]
        if told != (hashlib.sha256(data).hexdigest(), str(len(data))):
            faults.append(f"{name} is another")
    text = json.dumps(graph)
    faults += [f"{id} leads nowhere" for id in references(graph) if id not in entities]
    return faults + (["a path of this machine"] if str(ROOT) in text else [])


def references(node: object) -> list[str]:
    """The ids that a graph refers to; that of a specification is not one of its own."""
    if isinstance(node, list):
        return [id for child in node for id in references(child)]
    if not isinstance(node, dict):
        return []
    if node.keys() == {"@id"}:
        return [] if "w3id.org" in node["@id"] else [node["@id"]]
    return [id for child in node.values() for id in references(child)]


def test_everything_is_packed_with_its_sum_and_described(project: Project) -> None:
    files = unpacked(pack(project))
    assert set(files) == {
        "book/index.html",
        "book/book/index.html",
        "book/ledger.json",
        f"book/{downloads.wheel_name(project)}",
        str(downloads.wheel_name(project)),
        "executed/good.ipynb",
        "ledger.json",
        "requirements.lock",
        "CITATION.cff",
        "LICENSE",
        "codemeta.json",
        CRATE,
        SUMS,
    }
    assert sums_hold(files)
    assert crate_faults(files) == []


def test_a_doctored_archive_is_seen(project: Project) -> None:
    files = unpacked(pack(project))
    assert not sums_hold(files | {"LICENSE": b"another"})
    assert not sums_hold(files | {"more": b""})
    assert crate_faults(files | {"LICENSE": b"another"}) == ["LICENSE is another"]
    assert crate_faults(files | {"more": b""}) == [
        "more is not in hasPart",
        "more is not described",
    ]
    doctored = files[CRATE].replace(b'"@id": "#author-1",', b'"@id": "#author-9",', 1)
    assert crate_faults(files | {CRATE: doctored}) == ["#author-1 leads nowhere"]


def test_the_crate_is_what_the_specification_asks_for(project: Project) -> None:
    """RO-Crate 1.1: the descriptor, and what the root must have."""
    graph = json.loads(unpacked(pack(project))[CRATE])["@graph"]
    descriptor, root, *_ = graph
    assert descriptor == {
        "@id": "ro-crate-metadata.json",
        "@type": "CreativeWork",
        "conformsTo": {"@id": "https://w3id.org/ro/crate/1.1"},
        "about": {"@id": "./"},
    }
    assert (root["@id"], root["@type"]) == ("./", "Dataset")
    assert {"name", "description", "datePublished", "license"} <= root.keys()
    assert root["datePublished"] == "2026-01-31"
    assert "outside of a repository" in root["description"]


def test_the_description_of_the_software_is_that_of_the_project(project: Project) -> None:
    told = json.loads(unpacked(pack(project))["codemeta.json"])
    assert (told["@context"], told["@type"]) == (
        "https://w3id.org/codemeta/3.0",
        "SoftwareSourceCode",
    )
    assert told["referencePublication"]["url"] == "https://arxiv.org/abs/2503.06639"
    assert told["license"].endswith("/MIT")
    assert any(need.startswith("sympy") for need in told["softwareRequirements"])


def test_the_same_content_gives_the_same_bytes(project: Project) -> None:
    first = pack(project).read_bytes()
    for path in project.build.rglob("*"):
        os.utime(path, (2e9, 2e9))
    assert pack(project).read_bytes() == first
    (project.html / "index.html").write_text("edited")
    assert pack(project).read_bytes() != first


def test_a_pdf_is_packed_unless_the_book_is_newer(project: Project) -> None:
    printed = project.build / pdf.NAME
    printed.write_bytes(b"%PDF")
    book = (project.html / "index.html").stat().st_mtime
    for age, packed in ((10, True), (-10, False)):
        os.utime(printed, (book + age, book + age))
        files = unpacked(pack(project))
        assert (pdf.NAME in files) == packed
        assert sums_hold(files) and crate_faults(files) == []


def test_without_a_book_nothing_is_packed(tree, capsys: pytest.CaptureFixture[str]) -> None:
    with contextlib.chdir(tree.root):
        assert main() == 1
    assert "run 'make book' first" in capsys.readouterr().err
