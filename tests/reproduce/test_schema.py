"""The schema of the ledger says of the kinds of evidence what their table says."""

import jsonschema
import pytest

from grpo_lib.kinds import KINDS, Kind
from grpo_lib.ledger import Evidence, Source
from reproduce.ledger import Ledger, Row
from reproduce.register import Item
from reproduce.schema import ENTRY, SCHEMA, ledger_schema
from reproduce.scorecard import rows

REVIEWED = Kind(
    "reviewed",
    "someone has read a proof",
    value={"const": "checked"},
    bound={"type": "null"},
    finding="{value}",
    keeps=lambda value, bound: value == "checked",
    has_source=True,
)
PROOF = Source("proofs/fixed.txt", "0" * 64)


def is_entry(entry: dict, schema: dict) -> bool:
    validator = jsonschema.Draft202012Validator(ENTRY | {"$defs": schema["$defs"]})
    return validator.is_valid(entry)


def test_every_field_is_described():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    for definition in SCHEMA["$defs"].values():
        for name, field in definition["properties"].items():
            assert "description" in field, name


def test_every_kind_of_the_table_is_known_and_described():
    kind = SCHEMA["$defs"]["evidence"]["properties"]["kind"]
    assert kind["enum"] == list(KINDS)
    for row in KINDS.values():
        assert f"{row.name}: {row.meaning}." in kind["description"]


def test_an_unknown_kind_is_refused():
    entry = Evidence("proved", "n", "0").as_json()
    assert is_entry(entry, SCHEMA)
    assert not is_entry(entry | {"kind": "reviewed"}, SCHEMA)
    with pytest.raises(ValueError, match=r"^kind must be one of proved, .*, got 'reviewed'$"):
        Evidence("reviewed", "n", "checked", source=PROOF)


def test_a_new_kind_is_one_more_row(monkeypatch):
    monkeypatch.setitem(KINDS, "reviewed", REVIEWED)
    schema = ledger_schema()
    reviewed = Evidence("reviewed", "n", "checked", source=PROOF)
    assert is_entry(reviewed.as_json(), schema)
    assert not is_entry(reviewed.as_json() | {"value": "skimmed"}, schema)
    assert not is_entry(Evidence("proved", "n", "0").as_json() | {"kind": "reviewed"}, schema)
    assert (reviewed.holds, reviewed.finding) == (True, "checked")
    theorem = Item("theorem-1", "Theorem 1", "Section 3", "$x$", (), "first", verdict="holds")
    control = Evidence("rejected", "wrong", 0.5, 0.1)
    ledger = Ledger([Row(theorem, "passed", evidence={"first": (control, reviewed)})], run={})
    assert rows(ledger)[0][2] == "1 rejected, 1 reviewed"
