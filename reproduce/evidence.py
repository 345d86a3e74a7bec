"""Collect the evidence that executed notebooks show, and check it again."""

from collections.abc import Mapping, Sequence
from typing import Any

import jsonschema

from grpo_lib.kinds import KINDS
from grpo_lib.ledger import MIME_TYPE, Evidence, Source
from reproduce.execute import Executed, Failed, Result, cell_place
from reproduce.project import Fault, ReproduceError
from reproduce.register import Item
from reproduce.schema import BUNDLE_SCHEMA

Collected = dict[tuple[str, str], tuple[Evidence, ...]]
"""Entries by the id of their item and the name of the notebook that shows them."""


def collect(results: Sequence[Result], items: Sequence[Item]) -> tuple[Collected, list[Fault]]:
    """Collect the evidence that executed notebooks show, and everything wrong with it.

    Returns:
        The evidence, and the faults: failed notebooks, evidence for an item that is unknown or
        belongs to another notebook or rests on data that the notebook does not declare, items
        without the evidence they need.
    """
    evidence: Collected = {}
    faults: list[Fault] = []
    for result in results:
        if isinstance(result, Failed):
            faults.append(Fault(result.name, result.error))
            continue
        shown, messages = _shown_evidence(result, {item.id: item for item in items})
        evidence |= shown
        messages += _missing_evidence(result.name, items, shown)
        faults += [Fault(result.name, message) for message in messages]
    return evidence, faults


def _shown_evidence(result: Executed, items: Mapping[str, Item]) -> tuple[Collected, list[str]]:
    shown: Collected = {}
    faults = []
    for index, cell in enumerate(result.notebook.cells):
        for output in cell.get("outputs", []):
            bundle = output.get("data", {}).get(MIME_TYPE)
            if bundle is None:
                continue
            try:
                id, entries = _read(bundle, result, items)
            except ReproduceError as problem:
                path = f"notebooks/{result.name}.ipynb"
                faults.append(f"{cell_place(path, result.notebook.cells, index)}: {problem}")
            else:
                shown[id, result.name] = entries
    return shown, faults


def _read(
    bundle: Any, result: Executed, items: Mapping[str, Item]
) -> tuple[str, tuple[Evidence, ...]]:
    """Read what a cell shows: the id of an item, and its entries.

    Raises:
        ReproduceError: it is no evidence for an item of this notebook.
    """
    error = next(jsonschema.Draft202012Validator(BUNDLE_SCHEMA).iter_errors(bundle), None)
    if error:
        raise ReproduceError(
            f"evidence in another form than ledger.schema.json describes: {error.message}"
        )
    id = bundle["claim"]
    if id not in items:
        raise ReproduceError(f"evidence for {id}, which is not in claims.yml")
    if result.name not in items[id].notebooks:
        owner = " and ".join(f"notebook {own}" for own in items[id].notebooks) or "no notebook"
        raise ReproduceError(f"evidence for {id}, to which claims.yml gives {owner}")
    entries = tuple(map(Evidence.from_json, bundle["evidence"]))
    for entry in entries:
        if not entry.holds:
            raise ReproduceError(f"evidence for {id} that does not keep its bound: {entry.name}")
        if entry.source:
            _check_source(entry.source, id, result.data)
    return id, entries


def _check_source(source: Source, id: str, data: Mapping[str, str]) -> None:
    """See that a notebook declares the file of an entry, and that it has not changed since.

    Args:
        source: the file, as the entry has it.
        id: what the entry is for.
        data: the files that the notebook declares, with their SHA-256.
    """
    if source.file not in data:
        raise ReproduceError(
            f"evidence for {id} from {source.file}, which is not declared: list it in this "
            'notebook\'s metadata, as {"reproduce": {"data": ["FILE", ...]}}'
        )
    if source.sha256 != data[source.file]:
        raise ReproduceError(
            f"evidence for {id} from {source.file}, which is another file in the project: its "
            f"SHA-256 is {data[source.file]}, the evidence has {source.sha256}"
        )


def _missing_evidence(name: str, items: Sequence[Item], shown: Collected) -> list[str]:
    faults = []
    controls = " or ".join(kind.name for kind in KINDS.values() if kind.is_control)
    for item in items:
        if name not in item.notebooks:
            continue
        are_controls = {KINDS[entry.kind].is_control for entry in shown.get((item.id, name), ())}
        if not are_controls:
            lack = "shows no evidence"
        elif True not in are_controls:
            lack = f"shows no negative control ({controls})"
        elif False not in are_controls:
            lack = "shows only negative controls, no positive evidence"
        else:
            continue
        faults.append(f"notebooks/{name}.ipynb: {lack} for {item.id}")
    return faults
