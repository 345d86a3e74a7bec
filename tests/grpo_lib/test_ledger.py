import hashlib
import json
import sys
from types import SimpleNamespace

import pytest
import sympy as sp
from flint import arb, ctx, fmpq, fmpq_poly

from grpo_lib.kinds import KINDS
from grpo_lib.ledger import MIME_TYPE, Claim, Evidence, EvidenceError, Source, claim

x = sp.Symbol("x")
t = fmpq_poly([0, 1])
INF, NAN = float("inf"), float("nan")


class Ball:
    """What the ledger asks of an interval from python-flint."""

    def __init__(self, finite, text="[0.25 +/- 1e-9]"):
        self.finite, self.text = finite, text

    def is_finite(self):
        return self.finite

    def __str__(self):
        return self.text

    def __gt__(self, number):
        return number < 0.25


@pytest.fixture
def theorem():
    return claim("theorem-2")


RUNS = Source("data/runs.csv", hashlib.sha256(b"0.67,0.69").hexdigest())


@pytest.fixture
def data(tmp_path, monkeypatch):
    """A project with recorded data, as working directory; and what is beside it."""
    (tmp_path / "project/data").mkdir(parents=True)
    (tmp_path / "project/data/runs.csv").write_bytes(b"0.67,0.69")
    (tmp_path / "beside.csv").write_bytes(b"0.67,0.69")
    monkeypatch.chdir(tmp_path / "project")


@pytest.mark.parametrize(
    ("expression", "value"),
    [(sp.S.Zero, "0"), (x - x, "0"), (sp.true, "true"), (sp.Eq(x, x), "true"),
     (sp.zeros(2), "0"), (sp.ImmutableMatrix([[0, 0]]), "0"),
     (fmpq(1, 3) - fmpq(1, 3), "0"), ((t + 1) ** 2 - t**2 - 2 * t - 1, "0")],
)  # fmt: skip
def test_proved(theorem, expression, value):
    assert theorem.proved("n", expression) == Evidence("proved", "n", value, None)


@pytest.mark.parametrize(
    "expression",
    [x, sp.S.One, sp.Float(0), sp.Float("1e-30"), sp.sin(x) ** 2 + sp.cos(x) ** 2 - 1, sp.false,
     sp.Eq(x, 1), sp.nan, sp.Matrix([0, x]), sp.Matrix([0.0]), sp.Matrix([]),
     fmpq(1, 3), t - 1],
)  # fmt: skip
def test_not_proved(theorem, expression):
    with pytest.raises(EvidenceError, match=r"^theorem-2: not proved: the name: "):
        theorem.proved("the name", expression)
    assert theorem.evidence == []


def test_a_float_that_equals_0_proves_nothing(theorem, monkeypatch):
    zero = sp.Float(0)
    # As in SymPy 1.13.0, where the two are equal.
    monkeypatch.setattr(type(sp.S.Zero), "__eq__", lambda self, other: True, raising=False)
    assert zero in (sp.S.Zero,)
    with pytest.raises(EvidenceError):
        theorem.proved("n", zero)


def test_the_cell_that_records_an_entry_is_noted(theorem, monkeypatch):
    shell = SimpleNamespace(user_ns={"In": ["", "a cell", "the one that runs"]})
    for found, cell in [(shell, 2), (None, None)]:
        ipython = SimpleNamespace(get_ipython=lambda found=found: found)
        monkeypatch.setitem(sys.modules, "IPython", ipython)
        assert theorem.rejected("n", 1.0, at_least=0.5).cell == cell


def test_certified(theorem):
    assert theorem.certified("n", Ball(True)) == Evidence("certified", "n", "[0.25 +/- 1e-9]")
    with pytest.raises(EvidenceError, match=r"^theorem-2: not certified: other: \[0.25"):
        theorem.certified("other", Ball(False))
    assert len(theorem.evidence) == 1


def test_a_certified_number_is_short_whatever_its_precision(theorem):
    with ctx.workprec(256):
        entry = theorem.certified("n", arb.pi())
    assert entry.value == "[3.14159265359 +/- 2.07e-13]"


def test_certified_above(theorem):
    entry = theorem.certified("n", Ball(True), above=0.2)
    assert entry == Evidence("certified", "n", "[0.25 +/- 1e-9]", 0.2)
    assert entry.finding == "[0.25 +/- 1e-9] > 0.2"
    with pytest.raises(EvidenceError, match=r"not certified: n: \[0.25 .* > 0.25"):
        theorem.certified("n", Ball(True), above=0.25)
    with pytest.raises(EvidenceError):
        theorem.certified("n", Ball(False), above=0)


@pytest.mark.parametrize("value", [0, 1e-13, 1e-12])
def test_measured(theorem, value):
    assert theorem.measured("n", value, at_most=1e-12) == Evidence("measured", "n", value, 1e-12)


@pytest.mark.parametrize("value", [1.1e-12, INF, NAN, -1e-13, -1, sp.nan])
def test_not_measured(theorem, value):
    with pytest.raises(EvidenceError, match=f"^theorem-2: measured: the name: {float(value)} "):
        theorem.measured("the name", value, at_most=1e-12)
    assert theorem.evidence == []


@pytest.mark.parametrize(
    ("values", "bounds", "worst"),
    [
        ([1e-13, 3e-13], 1e-12, (3e-13, 1e-12)),
        ([1e-13, 3e-13], [1e-13, 1e-12], (1e-13, 1e-13)),
        ([0.0, 1e-20], [0.0, 1e-12], (1e-20, 1e-12)),
        ([[0.0], [0.5]], [1.0, 2.0], (0.5, 1.0)),
        ([0, 0], [0, 0], (0.0, 0.0)),
        ([sp.Float("1e-13"), 0], sp.Float("1e-12"), (1e-13, 1e-12)),
    ],
)
def test_of_many_errors_the_one_closest_to_its_bound_is_recorded(theorem, values, bounds, worst):
    assert theorem.measured("n", values, at_most=bounds) == Evidence("measured", "n", *worst)


@pytest.mark.parametrize(
    ("values", "bounds", "said"),
    [
        ([1e-13, 3e-13], [1e-12, 2e-13], r"3e-13 is not in \[0, 2e-13\]"),
        ([0, 1e-300], [1, 0], r"1e-300 is not in \[0, 0.0\]"),
        ([0.5, NAN], [1, 1], r"nan is not in \[0, 1.0\]"),
        ([0.5, -1e-9], 1, r"-1e-09 is not in \[0, 1.0\]"),
        ([], 1, "nothing was compared"),
    ],
)
def test_one_error_too_large_among_many_is_enough(theorem, values, bounds, said):
    with pytest.raises(EvidenceError, match=f"^theorem-2: measured: n: {said}$"):
        theorem.measured("n", values, at_most=bounds)
    assert theorem.evidence == []


@pytest.mark.parametrize("value", [0.66, 0.68, 0.7])
@pytest.mark.parametrize("file", ["data/runs.csv", "./data/../data/runs.csv"])
def test_observed(theorem, data, value, file):
    entry = theorem.observed("n", value, low=0.66, high=0.7, file=file)
    assert entry == Evidence("observed", "n", value, (0.66, 0.7), source=RUNS)


def test_an_interval_may_be_a_point(theorem, data):
    assert theorem.observed("n", 0.7, low=0.7, high=0.7, file="data/runs.csv").bound == (0.7, 0.7)


@pytest.mark.parametrize("value", [0.659, 0.701, -0.68, INF, NAN])
def test_not_observed(theorem, data, value):
    said = rf"^theorem-2: not observed: the name: {value} is not in \[0.66, 0.7\]$"
    with pytest.raises(EvidenceError, match=said):
        theorem.observed("the name", value, low=0.66, high=0.7, file="data/runs.csv")
    assert theorem.evidence == []


@pytest.mark.parametrize("file", ["data/lost.csv", "data", "../beside.csv", "", "/dev/null"])
def test_data_must_be_a_file_of_the_project(theorem, data, file):
    said = f"^file must be a file below the working directory, got '{file}'$"
    with pytest.raises(ValueError, match=said):
        theorem.observed("n", 0.68, low=0.66, high=0.7, file=file)
    assert theorem.evidence == []


@pytest.mark.parametrize("value", [1e-3, 0.5])
def test_rejected(theorem, value):
    assert theorem.rejected("n", value, at_least=1e-3) == Evidence("rejected", "n", value, 1e-3)


@pytest.mark.parametrize("value", [0.9e-3, 0, -1, INF, NAN])
def test_not_rejected(theorem, value):
    with pytest.raises(EvidenceError, match=f"^theorem-2: not rejected: the name: {value} "):
        theorem.rejected("the name", value, at_least=1e-3)
    assert theorem.evidence == []


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda c: c.proved("n", True), "expression must be a SymPy object .*, got True"),
        (lambda c: c.proved("n", 0), "expression must be a SymPy object .*, got 0"),
        (lambda c: c.proved("n", arb(0)), "expression must be a SymPy object .*, got 0"),
        (lambda c: c.certified("n", 0.5), "ball must be a python-flint ball .*, got 0.5"),
        (lambda c: c.certified("n", sp.S.One), "ball must be a python-flint ball .*, got 1"),
        (lambda c: c.measured("n", 0, at_most=-1), "at_most must be .* at least 0, got -1"),
        (lambda c: c.measured("n", 0, at_most=INF), "at_most must be .* at least 0, got inf"),
        (lambda c: c.measured("n", 0, at_most=NAN), "at_most must be .* at least 0, got nan"),
        (lambda c: c.measured("n", 0, at_most=[1, NAN]), "at_most must be .*, got nan at index 1"),
        (
            lambda c: c.measured("n", [0, 0], at_most=[1, 1, 1]),
            r"at_most must .* errors of shape \(2,\), got shape \(3,\)",
        ),
        (lambda c: c.rejected("n", 1, at_least=0), "at_least must be .* above 0, got 0"),
        (lambda c: c.rejected("n", 1, at_least=INF), "at_least must be .* above 0, got inf"),
        (lambda c: c.rejected("n", 1, at_least=NAN), "at_least must be .* above 0, got nan"),
        (
            lambda c: c.observed("n", 1, low=2, high=1, file="data"),
            "low and high must be finite and in order, got 2 and 1",
        ),
        (lambda c: c.observed("n", 1, low=0, high=INF, file="data"), "low and .* got 0 and inf"),
        (lambda c: c.observed("n", 1, low=-INF, high=1, file="data"), "low and .* got -inf and 1"),
        (lambda c: c.observed("n", 1, low=NAN, high=1, file="data"), "low and .* got nan and 1"),
        (lambda c: Evidence("believed", "n", 1.0), "kind must be one of proved, .* 'believed'"),
        (lambda c: Evidence("observed", "n", 1.0), "source must be a file .* observed, got None"),
        (lambda c: Evidence("proved", "n", "0", source=RUNS), "source must be None .*"),
        (lambda c: c.proved(" ", sp.S.Zero), "name must say what was checked, got ' '"),
        (lambda c: c.measured(None, 0, at_most=1), "name must say what was checked, got None"),
        (lambda c: claim(""), "id must be a non-empty string, got ''"),
        (lambda c: claim(2), "id must be a non-empty string, got 2"),
    ],
)
def test_bad_calls(theorem, call, message):
    with pytest.raises(ValueError, match=f"^{message}$"):
        call(theorem)
    assert theorem.evidence == []


def test_a_bound_must_be_given(theorem):
    with pytest.raises(TypeError):
        theorem.measured("n", 0)
    with pytest.raises(TypeError):
        theorem.rejected("n", 1)


KEPT = {
    "proved": [("0", None), ("true", None)],
    "formal": [("theorem_3", ()), ("theorem_3", ("Classical_Prop.classic",))],
    "certified": [("[0.25 +/- 1e-9]", None), ("p in [0.25 +/- 1e-9]", None), ("[1 +/- 0.5]", 0.4)],
    "measured": [(0.0, 0.0), (0.5, 0.5), (0.0, 1.0)],
    "observed": [(0.5, (0.5, 0.5)), (-1.0, (-2.0, 0.0))],
    "rejected": [(0.5, 0.5), (1.0, 0.5)],
}
BROKEN = {
    "proved": [("x", None), ("false", None)],
    "formal": [
        ("theorem_3", ("Classical_Prop.classic", "theorem_2")),
        ("theorem_3", ("FloatAxioms.add_spec",)),
        *(("", ()), ("theorem 3", ())),
    ],
    "certified": [
        ("[1 +/- 0.5]", 0.5),
        ("no ball", 0.5),
        ("0.5", 0.5),
        ("nan", 0.0),
        ("[+/- inf]", 0.0),
    ],
    "measured": [(0.6, 0.5), (NAN, 0.5), (-0.1, 0.5), (0.5, INF), (0.5, NAN)],
    "observed": [
        *((0.4, (0.5, 0.6)), (0.7, (0.5, 0.6)), (NAN, (0.5, 0.6))),
        *((0.5, (0.0, INF)), (0.5, (-INF, 1.0))),
    ],
    "rejected": [(0.4, 0.5), (INF, 0.5), (NAN, 0.5), (0.5, 0.0), (0.5, NAN)],
}


def of_kind(kind, value, bound):
    return Evidence(kind, "n", value, bound, source=RUNS if KINDS[kind].has_source else None)


@pytest.mark.parametrize("kind", KINDS)
def test_an_entry_says_whether_it_keeps_its_bound(kind):
    assert [pair for pair in KEPT[kind] if not of_kind(kind, *pair).holds] == []
    assert [pair for pair in BROKEN[kind] if of_kind(kind, *pair).holds] == []


@pytest.mark.parametrize(
    ("kind", "value", "bound", "share"),
    [
        ("measured", 0.25, 0.5, 0.5),
        ("measured", 0.0, 0.0, 0.0),
        ("measured", 1e-300, 0.0, INF),
        ("measured", -1.0, 1.0, INF),
        ("measured", NAN, 1.0, INF),
        ("rejected", 0.5, 0.25, 0.5),
        ("rejected", 0.25, 0.5, 2.0),
    ],
)
def test_how_much_of_a_bound_is_taken_up(kind, value, bound, share):
    assert KINDS[kind].share(value, bound) == share


def test_a_kind_without_two_numbers_has_no_share():
    with pytest.raises(ValueError, match=r"^kind must have two numbers to compare, got 'observed'"):
        KINDS["observed"].share(0.5, (0, 1))


def test_recording_again_replaces_in_place(theorem):
    theorem.measured("first", 1e-13, at_most=1e-12)
    theorem.rejected("first", 2, at_least=1)
    theorem.measured("first", 1e-14, at_most=1e-12)
    assert theorem.evidence == [
        Evidence("measured", "first", 1e-14, 1e-12),
        Evidence("rejected", "first", 2, 1),
    ]


def test_a_failed_entry_leaves_the_earlier_one(theorem):
    theorem.measured("n", 1e-13, at_most=1e-12)
    with pytest.raises(EvidenceError):
        theorem.measured("n", 1, at_most=1e-12)
    assert [entry.value for entry in theorem.evidence] == [1e-13]


def test_claims_do_not_share_evidence(theorem):
    theorem.proved("n", sp.S.Zero)
    assert claim("theorem-2").evidence == []
    assert isinstance(theorem, Claim)


def test_mime_bundle(theorem):
    theorem.proved("a < b & c", sp.S.Zero)
    theorem.certified("enclosed", Ball(True))
    theorem.measured("close", sp.Float("1e-13"), at_most=1e-12)
    theorem.rejected("far", 2, at_least=1)
    bundle = theorem._repr_mimebundle_(include=None, exclude=None)
    assert set(bundle) == {"text/plain", "text/html", MIME_TYPE}
    assert json.loads(json.dumps(bundle[MIME_TYPE], allow_nan=False)) == {
        "claim": "theorem-2",
        "evidence": [
            {"kind": "proved", "name": "a < b & c", "value": "0", "bound": None, "cell": None},
            {
                "kind": "certified",
                "name": "enclosed",
                "value": "[0.25 +/- 1e-9]",
                "bound": None,
                "cell": None,
            },
            {"kind": "measured", "name": "close", "value": 1e-13, "bound": 1e-12, "cell": None},
            {"kind": "rejected", "name": "far", "value": 2.0, "bound": 1.0, "cell": None},
        ],
    }
    assert "<td>a &lt; b &amp; c</td>" in bundle["text/html"]
    assert "<td>1e-13 ≤ 1e-12</td>" in bundle["text/html"]
    assert "<td>2 ≥ 1</td>" in bundle["text/html"]
    assert bundle["text/plain"].splitlines() == [
        "claim theorem-2",
        "proved     a < b & c: 0",
        "certified  enclosed: [0.25 +/- 1e-9]",
        "measured   close: 1e-13 ≤ 1e-12",
        "rejected   far: 2 ≥ 1",
    ]


def test_observed_data_are_shown_with_their_file(theorem, data):
    theorem.observed("close", 0.68123, low=0.66, high=0.7, file="data/runs.csv")
    bundle = theorem._repr_mimebundle_()
    (entry,) = json.loads(json.dumps(bundle[MIME_TYPE]))["evidence"]
    assert entry == {
        "kind": "observed",
        "name": "close",
        "value": 0.68123,
        "bound": [0.66, 0.7],
        "cell": None,
        "source": {"file": "data/runs.csv", "sha256": RUNS.sha256},
    }
    assert [Evidence.from_json(entry)] == theorem.evidence
    finding = "0.681 ∈ [0.66, 0.7], data/runs.csv"
    assert f"<td>observed</td><td>close</td><td>{finding}</td>" in bundle["text/html"]
    assert bundle["text/plain"].splitlines()[1] == f"observed   close: {finding}"


def test_html_is_escaped_everywhere():
    claimed = claim("<i>")
    entry = claimed.certified("<b>", Ball(True, "<u>"))
    html = claimed._repr_mimebundle_()["text/html"] + entry._repr_html_()
    assert not any(tag in html for tag in ("<i>", "<b>", "<u>"))
    assert html.count("&lt;b&gt;") == 2


def test_a_claim_without_evidence_says_so(theorem):
    assert repr(theorem) == "claim theorem-2\nno evidence recorded"
    assert theorem._repr_mimebundle_()[MIME_TYPE] == {"claim": "theorem-2", "evidence": []}
