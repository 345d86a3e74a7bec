"""Where the values that a notebook records as evidence come from."""

import ast
from collections.abc import Iterator

COMPUTED, REWRITTEN = "computed", "rewritten"
"""Where a value can come from besides what was typed: a computation, or SymPy's rules."""

ELEMENTARY = {
    "abs", "acosh", "all", "any", "arange", "arb", "arccosh", "arcsinh", "arctanh", "array",
    "arrays", "asarray", "asinh", "bool", "copy", "cosh", "dict", "divide", "enumerate", "exp",
    "expand_dims", "expit", "expm1", "eye", "float", "float64", "format", "full", "full_like",
    "int", "items", "keys", "len", "list", "log", "log10", "log1p", "log2", "logaddexp",
    "logit", "max", "maximum", "mean", "median", "min", "minimum", "moveaxis", "negative",
    "number", "ones", "ones_like", "prod", "ptp", "range", "ravel", "reshape", "reversed",
    "round", "set", "sign", "sinh", "sorted", "sqrt", "square", "stack", "str", "sum",
    "swapaxes", "tanh", "transpose", "tuple", "values", "where", "zeros", "zeros_like", "zip",
    "Add", "And", "Derivative", "Eq", "Float", "Function", "Ge", "Gt", "IndexedBase", "Integer",
    "Le", "Lt", "Matrix", "Max", "Min", "Mul", "Or", "Pow", "Rational", "S", "Sum", "Symbol",
    "symbols", "sympify", "Tuple",
}  # fmt: skip
"""Functions and methods that add nothing to what they are given: arithmetic, shapes, symbols."""

REWRITING = {
    "applyfunc", "cancel", "coeff", "collect", "doit", "evalf", "expand", "expand_log",
    "expand_power_base", "expand_power_exp", "factor", "factor_terms", "fraction", "logcombine",
    "N", "powsimp", "radsimp", "rewrite", "simplify", "subs", "together", "xreplace",
}  # fmt: skip
"""What SymPy does to an expression without leaving it."""


class Provenance(ast.NodeVisitor):
    """Follows through a notebook's code what each value was made from, in the order of the cells.

    Attributes:
        found: one sentence per entry that could not have come out otherwise.
    """

    def __init__(self) -> None:
        self.found: list[str] = []
        self._of_name: dict[str, set[str]] = {}
        self._functions: dict[str, ast.FunctionDef] = {}
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
            case ast.ListComp() | ast.SetComp() | ast.GeneratorExp() | ast.DictComp():
                for loop in node.generators:
                    self._bind(loop.target, self.of(loop.iter))
        return set().union(*map(self.of, ast.iter_child_nodes(node)))

    def _of_call(self, call: ast.Call) -> set[str]:
        given = set().union(*map(self.of, [*call.args, *(word.value for word in call.keywords)]))
        match call.func:
            case ast.Name(id=name) if name in self._within:
                return given | {COMPUTED}
            case ast.Name(id=name) if name in self._functions:
                known = len(self.found)
                origins = self._of_function(call, given)
                del self.found[known:]  # judged where it is called for its entries
                return origins
            case ast.Name(id=name):
                pass
            case ast.Attribute(value=owner, attr=name):
                given |= self.of(owner)
            case other:
                return given | self.of(other)
        if name in ELEMENTARY:
            return given
        return given | {REWRITTEN if name in REWRITING else COMPUTED}

    def _of_function(self, call: ast.Call, given: set[str]) -> set[str]:
        """Where the result of a function of the notebook comes from, for these arguments."""
        function, outside = self._functions[call.func.id], dict(self._of_name)
        names = [part.arg for part in [*function.args.args, *function.args.kwonlyargs]]
        starred = any(isinstance(part, ast.Starred) for part in call.args)
        self._of_name |= {name: given if starred else set() for name in names}
        if not starred:
            self._of_name |= dict(zip(names, map(self.of, call.args), strict=False))
        self._of_name |= {word.arg: self.of(word.value) for word in call.keywords if word.arg}
        self._within.append(function.name)
        for statement in function.body:
            self.visit(statement)
        returns = [part.value for part in ast.walk(function) if isinstance(part, ast.Return)]
        origins = set().union(*map(self.of, returns))
        self._within.pop()
        self._of_name = outside
        return origins

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
            case ((ast.Tuple(elts=parts) | ast.List(elts=parts)), _):
                for part in parts:
                    self._bind(part, origins)
            case ast.Starred(value=inner), _:
                self._bind(inner, origins)
            case ast.Subscript(), _:
                name = _root(target)
                self._of_name[name] = self._of_name.get(name, set()) | origins

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self._functions[node.name] = node

    def visit_Assign(self, node: ast.Assign) -> None:
        self._entries(node.value)
        origins = self.of(node.value)
        for target in node.targets:
            self._bind(target, origins, node.value)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        self._bind(node.target, self.of(node.value) | self.of(_loaded(node.target)))

    def visit_Expr(self, node: ast.Expr) -> None:
        self._entries(node.value)
        match node.value:
            case ast.Call(func=ast.Name(id=name)) if name in self._functions:
                self._of_function(node.value, set())
            case ast.Call(func=ast.Attribute(value=owner, attr="append" | "extend" | "update")):
                added = set().union(*map(self.of, node.value.args))
                name = _root(owner)
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


def _root(node: ast.AST) -> str:
    """The name of the object that a subscript or an attribute belongs to."""
    while isinstance(node, ast.Subscript | ast.Attribute | ast.Call):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else ""


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


def typed(code: str) -> list[str]:
    """Entries of evidence that a computation had no part in."""
    provenance = Provenance()
    for statement in ast.parse(code).body:
        provenance.visit(statement)
    return provenance.found
