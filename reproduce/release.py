"""The book and what it rests on as one archive: ``python -m reproduce.release``.

The same content gives the same bytes: names are sorted, and every file has the same time. What is
in it is told for machines as an RO-Crate (https://w3id.org/ro/crate/1.1). Its metadata are one file
of JSON-LD that needs no library; `rocrate` would bring a web client and a template engine along,
and enters the time of the day.
"""

import hashlib
import json
import tomllib
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from reproduce import downloads, pdf
from reproduce.alone import alone
from reproduce.command import reporting, run
from reproduce.project import Project, ReproduceError, read_text, read_yaml, written_files
from reproduce.repository import Repository, find_repository

CRATE = "ro-crate-metadata.json"
SUMS = "SHA256SUMS"

LICENSES = "https://spdx.org/licenses"
TEXT_LICENSE = f"{LICENSES}/CC-BY-4.0"

TIME = (1980, 1, 1, 0, 0, 0)
"""Of every file: the first time that a ZIP archive can tell."""

KINDS = {
    ".cff": "application/yaml",
    ".css": "text/css",
    ".csv": "text/csv",
    ".html": "text/html",
    ".ipynb": "application/x-ipynb+json",
    ".js": "text/javascript",
    ".json": "application/json",
    ".md": "text/markdown",
    ".pdf": "application/pdf",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain",
    ".whl": "application/zip",
    ".woff": "font/woff",
    ".woff2": "font/woff2",
}
"""Media types by suffix; what Python knows of them differs from one system to the next."""

Record = dict[str, Any]


@reporting
def main() -> int:
    """Pack the book that was built last in the project's root.

    Returns:
        The exit status: 0, or 1 with a message if there is no book.
    """
    project = Project(Path.cwd())
    with alone(project.build):
        print(pack(project))
    return 0


def pack(project: Project) -> Path:
    """Write the archive of the built book.

    Args:
        project: the project, with its book built; a PDF of it is packed if it is newer.

    Returns:
        The path of the archive.

    Raises:
        ReproduceError: there is no book.
    """
    if not (project.html / "index.html").is_file() or not project.ledger.is_file():
        raise ReproduceError(f"there is no book in {project.html}: run 'make book' first")
    about = _about(project)
    files = contents(project)
    files["codemeta.json"] = _json(codemeta(about))
    day = json.loads(read_text(project.ledger))["run"]["started"][:10]
    repository = find_repository(project.root)
    files[CRATE] = _json(crate(about, files, day, repository))
    sums = [f"{_sha256(data)}  {name}\n" for name, data in sorted(files.items())]
    files[SUMS] = "".join(sums).encode()
    stem = f"grpo-companion-{about['version']}"
    target = project.build / f"{stem}.zip"
    draft = target.with_suffix(".draft")
    with zipfile.ZipFile(draft, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, data in sorted(files.items()):
            member = zipfile.ZipInfo(f"{stem}/{name}", TIME)
            member.compress_type = zipfile.ZIP_DEFLATED
            member.create_system = 3  # the rights below are those of Unix, wherever this runs
            member.external_attr = 0o100644 << 16
            archive.writestr(member, data)
    draft.replace(target)
    return target


def contents(project: Project) -> dict[str, bytes]:
    """What is packed, by its path in the archive."""
    book = written_files(project.html)
    files = {f"book/{path.relative_to(project.html).as_posix()}": path for path in book}
    executed = written_files(project.executed, "*.ipynb")
    files |= {f"executed/{path.name}": path for path in executed}
    files |= {path.name: path for path in (project.ledger, project.lock)}
    files |= {name: project.root / name for name in ("CITATION.cff", "LICENSE")}
    wheel = str(downloads.wheel_name(project))
    files[wheel] = project.html / wheel
    printed = project.build / pdf.NAME
    stamp = project.html / "index.html"
    if printed.is_file() and printed.stat().st_mtime >= stamp.stat().st_mtime:
        files[printed.name] = printed
    return {name: path.read_bytes() for name, path in files.items()}


def _about(project: Project) -> Record:
    """What pyproject.toml and CITATION.cff say, under the names of schema.org."""
    package = tomllib.loads(read_text(project.root / "pyproject.toml"))["project"]
    citation = read_yaml(project.root / "CITATION.cff")
    paper = citation["preferred-citation"]
    people = [
        {
            "@type": "Person",
            "familyName": author["family-names"],
            "givenName": author["given-names"],
        }
        for author in paper["authors"]
    ]
    return {
        "name": citation["title"],
        "version": citation["version"],
        "description": package["description"],
        "keywords": package["keywords"],
        "license": f"{LICENSES}/{citation['license']}",
        "authors": [author["name"] for author in citation["authors"]],
        "requires": package["dependencies"],
        "python": package["requires-python"],
        "paper": {
            "@type": "ScholarlyArticle",
            "@id": paper["url"],
            "name": paper["title"],
            "url": paper["url"],
            "datePublished": str(paper["year"]),
            "author": people,
        },
    }


def codemeta(about: Record) -> Record:
    """The description of the software, as https://codemeta.github.io reads it."""
    return {
        "@context": "https://w3id.org/codemeta/3.0",
        "@type": "SoftwareSourceCode",
        **{name: about[name] for name in ("name", "version", "description", "keywords", "license")},
        "author": [{"@type": "Organization", "name": name} for name in about["authors"]],
        "programmingLanguage": "Python",
        "runtimePlatform": f"Python {about['python']}",
        "softwareRequirements": about["requires"],
        "referencePublication": about["paper"],
    }


def crate(about: Record, files: Mapping[str, bytes], day: str, repository: Repository) -> Record:
    """The RO-Crate of the archive: itself, each of its files, and what they are about.

    Args:
        about: what is known of the project.
        files: their contents by path, without the crate and the sums.
        day: when the notebooks were run, such as 2026-01-31.
        repository: where the project comes from.
    """
    names = sorted([*files, SUMS])
    authors = [
        {"@id": f"#author-{number}", "@type": "Organization", "name": name}
        for number, name in enumerate(about["authors"], 1)
    ]
    root = {
        "@id": "./",
        "@type": "Dataset",
        "name": about["name"],
        "version": about["version"],
        "description": f"The book, the executed notebooks that it was made from, the ledger of "
        f"their evidence, and the package. Built from {repository.built_from}.",
        "datePublished": day,
        "keywords": about["keywords"],
        "license": {"@id": TEXT_LICENSE},
        "author": [{"@id": author["@id"]} for author in authors],
        "isBasedOn": {"@id": about["paper"]["@id"]},
        "hasPart": [{"@id": name} for name in names],
    }
    writers = [
        {"@id": f"#writer-{number}"} | person
        for number, person in enumerate(about["paper"]["author"], 1)
    ]
    paper = about["paper"] | {"author": [{"@id": person["@id"]} for person in writers]}
    descriptor = {
        "@id": CRATE,
        "@type": "CreativeWork",
        "conformsTo": {"@id": "https://w3id.org/ro/crate/1.1"},
        "about": {"@id": "./"},
    }
    licenses = [
        {"@id": url, "@type": "CreativeWork", "name": url.rpartition("/")[2]}
        for url in (TEXT_LICENSE, about["license"])
    ]
    parts = [_part(name, files.get(name), about["license"]) for name in names]
    graph = [descriptor, root, *authors, paper, *writers, *licenses, *parts]
    return {"@context": "https://w3id.org/ro/crate/1.1/context", "@graph": graph}


def _part(name: str, data: bytes | None, code_license: str) -> Record:
    """What is told of one file; of the sums, which come last, neither size nor sum is known yet."""
    part: Record = {"@id": name, "@type": "File", "name": Path(name).name}
    if kind := KINDS.get(Path(name).suffix):
        part["encodingFormat"] = kind
    if data is not None:
        part |= {"contentSize": str(len(data)), "sha256": _sha256(data)}
    if name.endswith(".whl"):
        part["license"] = {"@id": code_license}
    return part


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _json(record: Record) -> bytes:
    return (json.dumps(record, indent=2, ensure_ascii=False) + "\n").encode()


if __name__ == "__main__":
    run(main)
