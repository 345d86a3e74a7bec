"""The schema of the ledger, which says in what form everything is recorded."""

import json
from pathlib import Path

SCHEMA_PATH = Path(__file__).parent / "ledger.schema.json"
SCHEMA = json.loads(SCHEMA_PATH.read_text("utf-8"))

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
