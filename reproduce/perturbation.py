"""Elementary functions that err on purpose, as those of another processor or library would.

NumPy's and SciPy's functions, those of the math module and the power operator are followed by a
random shift of each double by some units in the last place. Sums, products and square roots stay:
IEEE 754 fixes them. `start` has to come before anything imports these functions by name; the runner
puts it into the first cell of a notebook.
"""

import ast
import builtins
import importlib.abc
import math
import random
import sys
from collections.abc import Callable
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import CodeType, ModuleType
from typing import Any

import numpy as np
import scipy.special

NUMPY = (
    "exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "logaddexp", "logaddexp2",
    "power", "float_power", "hypot", "cbrt", "sin", "cos", "tan", "arcsin", "arccos",
    "arctan", "arctan2", "sinh", "cosh", "tanh", "arcsinh", "arccosh", "arctanh",
)  # fmt: skip
SCIPY = (
    "expit", "logit", "log_expit", "log1p", "expm1", "exp2", "exp10", "xlogy", "xlog1py",
    "entr", "rel_entr", "kl_div", "cbrt", "erf", "erfc", "erfinv", "ndtr", "ndtri",
    "log_ndtr", "gammaln", "gammainc", "gammaincc", "betainc", "beta", "betaln", "binom",
)  # fmt: skip
MATH = (
    "exp", "expm1", "log", "log2", "log10", "log1p", "pow", "hypot", "sin", "cos", "tan",
    "asin", "acos", "atan", "atan2", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh", "erf",
    "erfc", "gamma", "lgamma",
)  # fmt: skip

RANGES = {
    "exp": (0, math.inf), "exp2": (0, math.inf), "expm1": (-1, math.inf), "cosh": (1, math.inf),
    "expit": (0, 1), "ndtr": (0, 1), "erf": (-1, 1), "tanh": (-1, 1), "sin": (-1, 1),
    "cos": (-1, 1),
}  # fmt: skip
"""Values that no implementation exceeds, since rounding is monotone."""

POWER = "__perturbed_power__"
"""Name under which code finds the function that stands for the power operator."""


class _Shift:
    """Moves doubles by up to `units` units in the last place."""

    units = 0

    def restart(self, seed: int, units: int) -> None:
        self.units = units
        self.arrays = np.random.default_rng(seed)
        self.scalars = random.Random(seed)

    def array(self, values: np.ndarray, where: Any) -> None:
        """Move an array in place, but for 0, inf and NaN, which are exact."""
        if not self.units or values.dtype != float:
            return
        moved = self.arrays.integers(-self.units, self.units + 1, values.shape)
        free = np.isfinite(values) & (values != 0) & where
        np.add(values, moved * np.spacing(np.abs(values)), out=values, where=free)

    def scalar(self, value: Any, within: tuple[float, float] = (-math.inf, math.inf)) -> Any:
        if not self.units or not isinstance(value, float) or not math.isfinite(value) or not value:
            return value
        moved = value + self.scalars.randint(-self.units, self.units) * math.ulp(value)
        return type(value)(min(max(moved, within[0]), within[1]))


_shift = _Shift()


class _Function:
    """A function of arrays whose results are moved; all else is as in the function itself."""

    def __init__(self, function: np.ufunc) -> None:
        self._function = function
        self._range = RANGES.get(function.__name__, (-math.inf, math.inf))

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        result = self._function(*arguments, **options)
        if isinstance(result, np.ndarray):
            where = options.get("where", True)
            _shift.array(result, where)
            if math.isfinite(self._range[0]):
                np.clip(result, *self._range, out=result, where=where)
            return result
        return _shift.scalar(result, self._range)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._function, name)


def _of_number(name: str) -> Callable[..., Any]:
    function, within = getattr(math, name), RANGES.get(name, (-math.inf, math.inf))
    return lambda *arguments: _shift.scalar(function(*arguments), within)


def _power(base: Any, exponent: Any) -> Any:
    """The power operator. Its exact cases stay: NumPy squares by multiplying, for instance."""
    result = base**exponent
    if isinstance(exponent, int | float) and exponent in (-1, 0, 0.5, 1, 2):
        return result
    if isinstance(result, np.ndarray):
        result = result.copy()
        _shift.array(result, np.not_equal(exponent, 0))
        return result
    exact = isinstance(result, float) and math.isfinite(result) and math.frexp(result)[0] == 0.5
    return result if exact else _shift.scalar(result)


class _Powers(ast.NodeTransformer):
    """Calls `_power` for the power operator."""

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        self.generic_visit(node)
        if not isinstance(node.op, ast.Pow):
            return node
        function = ast.Name(POWER, ast.Load())
        call = ast.Call(function, [node.left, node.right], [])
        return ast.fix_missing_locations(ast.copy_location(call, node))


def _compile(source: Any, filename: str, mode: str, *arguments: Any, **options: Any) -> CodeType:
    tree = source if isinstance(source, ast.AST) else ast.parse(source, filename, mode)
    return compile(_Powers().visit(tree), filename, mode, *arguments, **options)


class _Loader(SourceFileLoader):
    def get_code(self, fullname: str) -> CodeType:
        path = self.get_filename(fullname)
        return _compile(self.get_data(path), path, "exec", dont_inherit=True)


class _Finder(importlib.abc.MetaPathFinder):
    """Finds the modules of grpo_lib, to be compiled anew."""

    def find_spec(self, name: str, path: Any, target: ModuleType | None = None) -> Any:
        if name.partition(".")[0] != "grpo_lib":
            return None
        spec: ModuleSpec | None = PathFinder.find_spec(name, path)
        if spec and isinstance(spec.loader, SourceFileLoader):
            spec.loader = _Loader(spec.loader.name, spec.loader.path)
        return spec


def start(*, seed: int, units: int) -> None:
    """Let elementary functions err from now on.

    Args:
        seed: of the random shifts.
        units: the largest shift, in units in the last place; 0 for none.
    """
    _shift.restart(seed, units)
    if isinstance(np.exp, _Function):
        return  # called again, for another seed
    functions: dict[int, Any] = {}
    for module, names in ((np, NUMPY), (scipy.special, SCIPY)):
        functions |= {id(getattr(module, name)): _Function(getattr(module, name)) for name in names}
    functions |= {id(getattr(math, name)): _of_number(name) for name in MATH}
    for module in list(sys.modules.values()):  # some have taken a function from its module already
        if getattr(module, "__name__", "").partition(".")[0] in ("numpy", "scipy", "math"):
            for name, value in list(vars(module).items()):
                if id(value) in functions:
                    setattr(module, name, functions[id(value)])
    setattr(builtins, POWER, _power)
    sys.meta_path.insert(0, _Finder())
    import sympy  # noqa: F401  after the functions are changed, so that it takes them over

    vars(sys.modules["sympy.utilities.lambdify"])["compile"] = _compile
    if "IPython" in sys.modules and (shell := sys.modules["IPython"].get_ipython()):
        shell.ast_transformers.append(_Powers())
