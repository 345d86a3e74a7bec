"""The table of what the tests notice of small changes in grpo_lib; `make mutants` counts it."""

import ast
import csv
import hashlib
import io
from collections.abc import Iterable
from pathlib import Path

from reproduce.markup import list_table
from reproduce.project import Project, ReproduceError, read_text

COUNTS = ("mutants", "killed", "wording", "equivalent", "open")
COLUMNS = ("module", "code", *COUNTS)

HEAD = ("Module", "Mutants", "Noticed", "Wording", "Equivalent", "Open")


def table_path(project: Project) -> Path:
    """Where the table is kept, as part of the book's sources."""
    return project.book / "mutants.csv"


def code_key(path: Path) -> str:
    """Key of a module's code: comments, docstrings and layout do not count."""
    tree = ast.parse(read_text(path))
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            node.value.value = ""
    return hashlib.sha256(ast.unparse(tree).encode()).hexdigest()[:16]


def read_table(path: Path) -> list[dict[str, str]]:
    """Read the rows of the table.

    Raises:
        ReproduceError: the file is something else.
    """
    reader = csv.DictReader(io.StringIO(read_text(path)))
    rows = list(reader)
    numbers = [row[column] or "" for row in rows for column in COUNTS if column in row]
    if reader.fieldnames != list(COLUMNS) or not all(map(str.isdecimal, numbers)):
        raise ReproduceError(
            f"book/{path.name} is not a table with the columns {', '.join(COLUMNS)}: "
            "make it anew with make mutants"
        )
    return rows


def changed(project: Project, rows: Iterable[dict[str, str]]) -> list[str]:
    """Modules that are not what they were when their mutants were counted."""
    keys = {path.stem: code_key(path) for path in project.package.glob("*.py")}
    return [row["module"] for row in rows if keys.get(row["module"]) != row["code"]]


def parts(project: Project) -> dict[str, str]:
    """Write the table as a generated part of a page, by the name of its marker, in MyST."""
    path = table_path(project)
    if not path.exists():
        return {}
    rows = read_table(path)
    total = [str(sum(int(row[column]) for row in rows)) for column in COUNTS]
    lines = [[f"`{row['module']}`", *(row[column] for column in COUNTS)] for row in rows]
    text = list_table(HEAD, [*lines, ["All", *total]])
    if later := changed(project, rows):
        text += f"\n\nThe code of {', '.join(later)} has changed since."
    return {"mutants": text}
