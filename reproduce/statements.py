"""What the book shows of the proofs for Coq: the statements in the chapters, and a page on them."""

import re
from collections.abc import Mapping

from reproduce.coq import Sources
from reproduce.formal import Proof, file_of, load_proofs, recorded
from reproduce.ledger import Ledger
from reproduce.markup import claim_link, list_table
from reproduce.project import Project
from reproduce.register import Item

DEFINED = re.compile(r"^(?:Definition|Fixpoint) .*?\.$", re.MULTILINE | re.DOTALL)


def blocks(project: Project, ledger: Ledger) -> dict[str, str]:
    """The folded statements that chapters show, in MyST, by the ids of their items."""
    items = {row.item.id: row.item for row in ledger.rows}
    proofs = load_proofs(project, list(items.values()))
    shown = recorded(project) if proofs else {}
    return {proof.id: _block(proof, items[proof.id], shown, ledger) for proof in proofs}


def parts(project: Project, ledger: Ledger) -> dict[str, str]:
    """Write the generated parts of the page on proofs, by the name of their marker, in MyST."""
    rows = {row.item.id: row for row in ledger.rows}
    proofs = load_proofs(project, [row.item for row in ledger.rows])
    if not proofs:
        return {}
    texts = Sources(project).texts
    own = {
        file: "\n\n".join(DEFINED.findall(text))
        for file, text in texts.items()
        if file != "Definitions"
    }
    by_chapter = [f"(* {file}.v *)\n\n{found}" for file, found in own.items() if found]
    table = [
        [claim_link(rows[proof.id]), ", ".join(f"`{name}`" for name in proof.theorems), proof.says]
        for proof in proofs
    ]
    head = ["Item", "Theorem", "How it corresponds"]
    return {
        "proofs": f"**{len(proofs)} items** have a proof for Coq. {_status(ledger)}\n\n"
        + list_table(head, table, widths=(24, 26, 50)),
        "definitions": _code(texts["Definitions"].strip()),
        "definitions of chapters": _code("\n\n".join(by_chapter)),
    }


def _block(proof: Proof, item: Item, shown: Mapping[str, str], ledger: Ledger) -> str:
    def stated(*names: str) -> str:
        return _code("\n\n".join(f"Theorem {name} :\n{_indented(shown[name])}." for name in names))

    instance = (
        ["Something satisfies the hypotheses:", stated(proof.instance)] if proof.instance else []
    )
    return "\n\n".join(
        [
            f'<details class="fold formal"><summary>{item.title} as Coq has it</summary>',
            proof.says,
            stated(*proof.theorems),
            *instance,
            "A variant is refuted:",
            stated(proof.control),
            f"The proofs are in `formal/{file_of(item.notebook or '')}.v`. {_status(ledger)} "
            "[How to read this](/book/formal.md).",
            "</details>",
        ]
    )


def _status(ledger: Ledger) -> str:
    version = ledger.run.get("coq")
    return f"Coq {version} accepted it in this run." if version else "Not checked in this run."


def _code(text: str) -> str:
    return f"```coq\n{text}\n```"


def _indented(statement: str) -> str:
    return "\n".join(f"  {line}" for line in statement.splitlines())
