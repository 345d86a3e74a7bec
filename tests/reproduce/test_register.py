"""The register is read strictly, and every mistake in it has its message."""

import pytest

from reproduce.project import Project, ReproduceError
from reproduce.register import load_register

ERRATUM = {"nature": "typo", "correction": "$y$"}


def test_a_good_register(tree):
    tree.notebook("first", "x = 1")
    tree.notebook("again", "x = 1")
    fields = {"notebook": "first", "second": "again", "verdict": "holds corrected"}
    tree.claim("theorem-1", uses=["remark-1"], **fields)
    tree.claim("erratum-1", **ERRATUM)
    tree.claim("beyond-1", number="II.1", hypotheses=["$a > 0$", "$b > 0$"])
    remark, theorem, erratum, own = load_register(Project(tree.root))
    assert (remark.id, remark.notebooks, remark.uses) == ("remark-1", (), ())
    assert theorem.notebooks == ("first", "again")
    assert (theorem.uses, theorem.verdict) == (("remark-1",), "holds corrected")
    assert (erratum.nature, erratum.correction) == ("typo", "$y$")
    assert (own.number, own.hypotheses) == ("II.1", ("$a > 0$", "$b > 0$"))


@pytest.mark.parametrize(
    ("claims", "message"),
    [
        ([("theorem-1", {"proof": "easy"})], "theorem-1: Additional properties are not allowed"),
        ([("theorem-1", {"verdict": "holds"})], "theorem-1: 'notebook' is a dependency"),
        ([("theorem-1", {"uses": "remark-1"})], "theorem-1, uses: 'remark-1' is not of type"),
        ([("theorem-1", {"statement": " "})], "theorem-1, statement: ' ' does not match"),
        ([("Theorem 1", {})], "Theorem 1, id: 'Theorem 1' does not match"),
        ([("theorem-1", ERRATUM)], "theorem-1: nature and correction are for errata only"),
        ([("erratum-1", {"nature": "typo"})], "erratum-1: 'correction' is a required property"),
        ([("erratum-1", {"nature": "grave", "correction": "x"})], "erratum-1, nature: 'grave'"),
        ([("theorem-1", {"hypotheses": []})], "theorem-1, hypotheses: [] should be non-empty"),
        ([("theorem-1", {"number": "2"})], "theorem-1, number: '2' does not match"),
        ([("theorem-1", {"number": "II.2"})], "theorem-1: numbers are for ids that begin with"),
        ([("beyond-1", {"number": None})], "beyond-1, number: None is not of type 'string'"),
        (
            [("beyond-1", {"number": "II.2"}), ("beyond-2", {})],
            "II.2: the number is given more than once",
        ),
        ([("theorem-1", {}), ("theorem-1", {})], "theorem-1: the id is given more than once"),
        (
            [("theorem-1", {"uses": ["lemma-7"]})],
            "theorem-1: uses lemma-7, which is not in the register",
        ),
        (
            [("theorem-1", {"notebook": "none"})],
            "theorem-1: notebooks/none.ipynb does not exist",
        ),
        (
            [("theorem-1", {"notebook": "first", "second": "none"})],
            "theorem-1: notebooks/none.ipynb does not exist",
        ),
        (
            [("theorem-1", {"notebook": "first", "second": "first"})],
            "theorem-1: a second derivation needs a notebook of its own",
        ),
        ([("theorem-1", {"second": "first"})], "theorem-1: 'notebook' is a dependency of 'second'"),
        (
            [("theorem-1", {"uses": ["lemma-1"]}), ("lemma-1", {"uses": ["theorem-1"]})],
            "the claims use each other in a circle: ",
        ),
    ],
)
def test_each_mistake_has_its_message(tree, claims, message):
    tree.notebook("first", "x = 1")
    for id, fields in claims:
        tree.claim(id, **fields)
    with pytest.raises(ReproduceError) as error:
        load_register(Project(tree.root))
    assert str(error.value).startswith(f"claims.yml: {message}")
    assert len(str(error.value).splitlines()) == 1


def test_all_mistakes_are_told_at_once(tree):
    tree.claim("theorem-1", notebook="none", uses=["lemma-1"])
    with pytest.raises(ReproduceError) as error:
        load_register(Project(tree.root))
    assert len(str(error.value).splitlines()) == 2


def test_a_notebook_needs_a_verdict(tree):
    tree.notebook("first", "x = 1")
    tree.claim("theorem-1", notebook="first")
    del tree.claims[-1]["verdict"]
    tree.claim("theorem-2")
    with pytest.raises(ReproduceError, match="theorem-1: 'verdict' is a dependency of 'notebook'"):
        load_register(Project(tree.root))


@pytest.mark.parametrize(("id", "verdict"), [("theorem-1", "ours"), ("beyond-1", "holds")])
def test_only_results_of_our_own_are_ours(tree, id, verdict):
    tree.notebook("first", "x = 1")
    tree.claim(id, notebook="first", verdict=verdict)
    with pytest.raises(ReproduceError, match=f"{id}: the verdict 'ours' is for ids that begin"):
        load_register(Project(tree.root))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("claims: [", "claims.yml is not valid YAML"),
        ("", "claims.yml: the file as a whole: None is not of type 'object'"),
        ("claims: []", "claims.yml: the file as a whole: "),
        ("claims: [theorem-1]", "claims.yml: entry 1: 'theorem-1' is not of type 'object'"),
        ("claims: [{label: x}]", "claims.yml: entry 1: 'id' is a required property"),
    ],
)
def test_a_file_that_is_no_register(tree, text, message):
    tree.write("claims.yml", text)
    with pytest.raises(ReproduceError) as error:
        load_register(Project(tree.root))
    assert str(error.value).startswith(message)


def test_a_broken_register_stops_the_run_before_it_starts(tree):
    tree.claim("theorem-1", notebook="none")
    outcome = tree.run()
    assert outcome.status == 1
    assert outcome.err == "error: claims.yml: theorem-1: notebooks/none.ipynb does not exist\n"
    assert outcome.out == ""
