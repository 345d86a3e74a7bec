"""The schema of the ledger, which says in what form everything is recorded.

What it says of the kinds of evidence comes from their table, `grpo_lib.kinds.KINDS`; the rest is in
``ledger.schema.json``.
"""

import json
from pathlib import Path
from typing import Any

from grpo_lib.kinds import KINDS, Kind

SCHEMA_NAME = "ledger.schema.json"


def _rule(kind: Kind) -> dict[str, Any]:
    """What the schema asks of an entry if it is of this kind."""
    form = {"value": kind.value, "bound": kind.bound}
    source = {"required": ["source"]} if kind.has_source else {"not": {"required": ["source"]}}
    return {
        "if": {"required": ["kind"], "properties": {"kind": {"const": kind.name}}},
        "then": {"properties": form, **source},
    }


def ledger_schema() -> dict[str, Any]:
    """Put the schema of the ledger together."""
    schema: dict[str, Any] = json.loads(Path(__file__).with_name(SCHEMA_NAME).read_text("utf-8"))
    meanings = " ".join(f"{kind.name}: {kind.meaning}." for kind in KINDS.values())
    controls = [kind.name for kind in KINDS.values() if kind.is_control]
    evidence = schema["$defs"]["evidence"]
    evidence["properties"] = {
        "kind": {"description": meanings, "enum": list(KINDS)},
        **evidence["properties"],
    }
    evidence["allOf"] = [_rule(kind) for kind in KINDS.values()]
    schema["$defs"]["control"] = {
        "properties": {"kind": {"description": "A negative control.", "enum": controls}}
    }
    return schema


SCHEMA = ledger_schema()

ENTRY = {"$ref": "#/$defs/evidence", "unevaluatedProperties": False}

# What a cell shows: one claim with its entries.
BUNDLE_SCHEMA = {
    "type": "object",
    "required": ["claim", "evidence"],
    "properties": {
        "claim": {"type": "string"},
        "evidence": {"type": "array", "items": ENTRY},
    },
    "$defs": SCHEMA["$defs"],
}

# What the runner notes in a notebook that it has executed: the state of its sources, the run time
# and the environment.
MARK_SCHEMA = {
    "type": "object",
    "required": ["key", "seconds", "environment"],
    "properties": {
        "key": {"type": "string"},
        "seconds": SCHEMA["$defs"]["claim"]["properties"]["seconds"] | {"type": "number"},
        "environment": {"$ref": "#/$defs/environment"},
    },
    "$defs": SCHEMA["$defs"],
}

# What a committed notebook may tell the runner: data files it reads, from the project's root.
DATA_SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "properties": {"data": {"type": "array", "items": {"type": "string"}}},
}
