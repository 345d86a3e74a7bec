"""Evidence that could have come out otherwise."""

import ast
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))

COMPUTED, REWRITTEN = "computed", "rewritten"
"""Where a value can come from besides what was typed: a computation, or SymPy's rules."""

ELEMENTARY = set(
    "abs all any arange array asarray bool copy diff dict divide eye enumerate exp expand_dims "
    "expm1 expit "
    "float float64 full full_like int len list log log10 log1p log2 logaddexp logit max maximum "
    "mean median min minimum moveaxis negative ones ones_like prod ptp range ravel reshape "
    "reversed round set sign sorted sqrt square stack str sum swapaxes transpose tuple where "
    "zeros zeros_like zip cosh sinh tanh arcsinh arccosh arctanh acosh asinh items values keys "
    "Add And Derivative Eq Float Function Ge Gt IndexedBase Integer Le Lt Matrix Max Min Mul Or "
    "Pow Rational S Sum Symbol Tuple symbols sympify arb number arrays format".split()
)
"""Functions and methods that add nothing to what they are given: arithmetic, shapes, symbols."""

REWRITING = set(
    "applyfunc cancel coeff collect doit evalf expand expand_log expand_power_base "
    "expand_power_exp factor factor_terms fraction logcombine powsimp radsimp rewrite simplify "
    "subs together N xreplace".split()
)
"""What SymPy does to an expression without leaving it."""

BUILT_IN = vars(__builtins__) if not isinstance(__builtins__, dict) else __builtins__


class Provenance(ast.NodeVisitor):
    """Follows through a notebook's code what each value was made from, in the order of the cells.

    Attributes:
        found: one sentence per entry that could not have come out otherwise.
    """

    def __init__(self) -> None:
        self.found: list[str] = []
        self._of_name: dict[str, set[str]] = {}
        self._functions: dict[str, ast.FunctionDef] = {}
        self._modules: set[str] = set()
        self._within: list[str] = []  # functions being followed, so that none is entered twice

    def of(self, node: ast.AST | None) -> set[str]:
        """Where the value of an expression comes from; empty if all of it was typed."""
        match node:
            case None | ast.Constant():
                return set()
            case ast.Name(id=name):
                return set(self._of_name.get(name, set()))
            case ast.Attribute(value=ast.Name(id="symbolic" | "rounding")):
                return set()  # a symbol, or a constant
            case ast.Call():
                return self._of_call(node)
            case ast.Lambda():
                return self._of_body(node, node.args, [node.body])
            case ast.ListComp() | ast.SetComp() | ast.GeneratorExp() | ast.DictComp():
                for loop in node.generators:
                    self._bind(loop.target, self.of(loop.iter))
        return set().union(*map(self.of, ast.iter_child_nodes(node)))

    def _of_call(self, call: ast.Call) -> set[str]:
        arguments = [*call.args, *(keyword.value for keyword in call.keywords)]
        given = set().union(*map(self.of, arguments))
        match call.func:
            case ast.Name(id=name) if name in self._functions:
                if name in self._within:
                    return given | {COMPUTED}
                function = self._functions[name]
                self._within.append(name)
                inner = self._of_body(function, function.args, function.body)
                self._within.pop()
                return given | inner
            case ast.Name(id=name):
                pass
            case ast.Attribute(value=owner, attr=name):
                given |= self.of(owner)
            case other:
                return given | self.of(other)
        if name in ELEMENTARY:
            return given
        return given | {REWRITTEN if name in REWRITING else COMPUTED}

    def _of_body(
        self, node: ast.AST, arguments: ast.arguments, body: list[ast.AST]
    ) -> set[str]:
        """What a function adds to its arguments."""
        outside = dict(self._of_name)
        for argument in [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]:
            self._of_name[argument.arg] = set()
        if isinstance(node, ast.Lambda):
            inner = self.of(body[0])
        else:
            found, self.found = self.found, []
            for statement in body:
                self.visit(statement)
            self.found = found
            returns = (part for part in ast.walk(node) if isinstance(part, ast.Return))
            inner = set().union(*(self.of(part.value) for part in returns))
        self._of_name = outside
        return inner

    def _bind(self, target: ast.AST, origins: set[str], value: ast.AST | None = None) -> None:
        match target, value:
            case ast.Name(id=name), _:
                self._of_name[name] = origins
            case ast.Tuple(elts=parts) | ast.List(elts=parts), ast.Tuple(elts=values) if len(
                parts
            ) == len(values):
                each = [self.of(part) for part in values]
                for part, its, part_value in zip(parts, each, values, strict=True):
                    self._bind(part, its, part_value)
            case (ast.Tuple(elts=parts) | ast.List(elts=parts)), _:
                for part in parts:
                    self._bind(part, origins)
            case (ast.Starred(value=inner) | ast.Subscript(value=inner)), _:
                name = inner
                while isinstance(name, ast.Subscript | ast.Attribute):
                    name = name.value
                if isinstance(target, ast.Subscript):
                    origins = origins | self.of(name)
                self._bind(name, origins)

    def visit_Import(self, node: ast.Import) -> None:
        pass

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self._functions[node.name] = node

    def visit_Assign(self, node: ast.Assign) -> None:
        self._entries(node.value)
        origins = self.of(node.value)
        for target in node.targets:
            if isinstance(target, ast.Name) and isinstance(node.value, ast.Lambda):
                origins = self.of(node.value)
            self._bind(target, origins, node.value)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        self._bind(node.target, self.of(node.value) | self.of(_loaded(node.target)))

    def visit_Expr(self, node: ast.Expr) -> None:
        self._entries(node.value)
        match node.value:
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id=name), attr="append" | "extend" | "update")
            ):
                added = set().union(*map(self.of, node.value.args))
                self._of_name[name] = self._of_name.get(name, set()) | added

    def visit_For(self, node: ast.For) -> None:
        self._loop(node, self.of(node.iter))

    def visit_While(self, node: ast.While) -> None:
        self._loop(node, set())

    def _loop(self, node: ast.For | ast.While, origins: set[str]) -> None:
        # What a loop makes from its own last value is an orbit, and that is a computation.
        for part in ast.walk(node):
            for name in _carried(part):
                self._of_name.setdefault(name, set())
                self._of_name[name] = self._of_name[name] | {COMPUTED}
        if isinstance(node, ast.For):
            self._bind(node.target, origins, None)
        for statement in node.body:
            self.visit(statement)

    def _entries(self, node: ast.AST) -> None:
        """Judge an entry of evidence."""
        match node:
            case ast.Call(
                func=ast.Attribute(attr="measured" | "rejected" as kind),
                args=[name, value, *_],
            ):
                if COMPUTED not in self.of(value):
                    self.found.append(f"{kind} {ast.unparse(name)}: {ast.unparse(value)} is typed")
            case ast.Call(func=ast.Attribute(attr="proved"), args=[name, value, *_]):
                if not self.of(value) and not _compares(value):
                    self.found.append(f"proved {ast.unparse(name)}: nothing was done to prove it")


def _loaded(target: ast.AST) -> ast.AST:
    return ast.parse(ast.unparse(target), mode="eval").body


def _names(node: ast.AST) -> set[str]:
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}


def _carried(statement: ast.AST) -> Iterator[str]:
    """Names that a statement makes from their own value."""
    match statement:
        case ast.Assign(targets=[ast.Name(id=name)], value=value) if name in _names(value):
            yield name
        case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr="append"), args=[value]):
            if name in _names(value):
                yield name


def _compares(node: ast.AST) -> bool:
    """Whether SymPy had to decide signs, from what it knows of the symbols."""
    signs = {"Gt", "Ge", "Lt", "Le"}
    return any(
        isinstance(part, ast.Compare) or (isinstance(part, ast.Attribute) and part.attr in signs)
        for part in ast.walk(node)
    )


def code_of(notebook: nbformat.NotebookNode) -> str:
    """The code of all cells, without the notebook's own commands."""
    cells = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    lines = "\n".join(cells).splitlines()
    return "\n".join(line for line in lines if not line.startswith("%"))


def typed(code: str) -> list[str]:
    """Entries of evidence that a computation had no part in."""
    provenance = Provenance()
    for statement in ast.parse(code).body:
        provenance.visit(statement)
    return provenance.found


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_no_evidence_is_typed(path: Path) -> None:
    assert typed(code_of(nbformat.read(path, as_version=4))) == []
