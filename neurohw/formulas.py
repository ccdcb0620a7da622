"""Formulas over float64: how a physical parameter becomes a code, and back.

The host's side of a profile, never part of a tick. Parsed with ``ast`` and a whitelist, evaluated
over arrays; ``decay(tau)`` and ``coupling(tau_syn, tau_mem)`` come from the network's integrator.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from neurohw.errors import EquationError

Values = Mapping[str, Any]
Functions = Mapping[str, Callable[..., Any]]

FUNCTIONS: dict[str, Callable[..., Any]] = {
    "exp": np.exp, "log": np.log, "log2": np.log2, "sqrt": np.sqrt, "round": np.rint,
    "floor": np.floor, "ceil": np.ceil, "abs": np.abs, "sign": np.sign,
    "min": np.minimum, "max": np.maximum,
}  # fmt: skip
STEPPING = ("decay", "time_constant", "coupling")
_PAIRS = ("min", "max", "coupling")
"""Functions of two arguments; all others take one."""

_BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: np.add, ast.Sub: np.subtract, ast.Mult: np.multiply,
    ast.Div: np.true_divide, ast.Pow: np.power,
}  # fmt: skip
_COMPARE: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Lt: np.less, ast.LtE: np.less_equal, ast.Gt: np.greater, ast.GtE: np.greater_equal,
    ast.Eq: np.equal, ast.NotEq: np.not_equal,
}  # fmt: skip


@dataclass(frozen=True)
class Formula:
    """A checked formula; ``names`` are the variables it reads."""

    text: str
    tree: ast.expr
    names: frozenset[str]

    def __call__(self, values: Values, functions: Functions = {}) -> Any:
        """Its value as float64 array (or number) for the arrays in ``values``."""
        with np.errstate(all="ignore"):
            return _evaluate(self.tree, values, functions)


def parse_formula(
    text: str | float, known: frozenset[str] | set[str], stepping: bool = True
) -> Formula:
    """Check ``text`` (or a plain number) against the whitelist and the ``known`` names.

    ``stepping``: whether the functions of the integrator may be called.
    """
    source = repr(text) if not isinstance(text, str) else text
    if len(source) > 2000:
        raise EquationError(f"the formula has {len(source)} characters; at most 2000", 1, 1)
    flat = source.lstrip()
    before = source[: len(source) - len(flat)]
    lines, indent = before.count("\n"), len(before) - before.rfind("\n") - 1
    try:
        names: dict[str, tuple[int, int]] = {}
        tree = _parsed(flat.rstrip())
        _check(tree, names, (*FUNCTIONS, *STEPPING) if stepping else tuple(FUNCTIONS))
        for name, place in names.items():
            if name not in known:
                listed = ", ".join(sorted(known))
                raise EquationError(
                    f"'{source}' reads '{name}'; a formula here may read: {listed}", *place
                )
    except EquationError as error:
        column = error.column + (indent if error.line == 1 else 0)
        raise EquationError(error.message, error.line + lines, column) from None
    return Formula(source, tree, frozenset(names))


def _parsed(text: str) -> ast.expr:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(text, mode="eval").body
    except SyntaxError as error:
        message = f"'{text}': {error.msg}"
        raise EquationError(message, error.lineno or 1, error.offset or 1) from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise EquationError(f"'{text}' can't be parsed ({error})", 1, 1) from None


def _check(
    node: ast.expr, names: dict[str, tuple[int, int]], functions: tuple[str, ...], depth: int = 0
) -> None:
    place = node.lineno, node.col_offset + 1
    if depth > 50:
        raise EquationError("the formula is nested over 50 deep", *place)
    if isinstance(node, ast.Constant) and isinstance(node.value, (int, float)):
        if isinstance(node.value, bool):
            raise EquationError(
                f"{node.value}: only numbers are in the language of formulas", *place
            )
        if not abs(node.value) < 2**1000:
            raise EquationError("the formula has a number that is too large for float64", *place)
        return
    if isinstance(node, ast.Name):
        names.setdefault(node.id, place)
        return
    parts: list[ast.expr]
    if isinstance(node, ast.BinOp) and type(node.op) in _BINARY:
        parts = [node.left, node.right]
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.UAdd, ast.Not)):
        parts = [node.operand]
    elif isinstance(node, ast.Compare) and all(type(op) in _COMPARE for op in node.ops):
        parts = [node.left, *node.comparators]
    elif isinstance(node, ast.BoolOp):
        parts = list(node.values)
    elif isinstance(node, ast.IfExp):
        parts = [node.test, node.body, node.orelse]
    elif isinstance(node, ast.Call):
        name = node.func.id if isinstance(node.func, ast.Name) else "?"
        if node.keywords or name not in functions:
            known = ", ".join(functions)
            raise EquationError(
                f"'{name}' is no function that this formula may call; there are: {known}", *place
            )
        takes = 2 if name in _PAIRS else 1
        if len(node.args) != takes:
            raise EquationError(
                f"{name} takes {takes} argument{'s' * (takes > 1)}, {len(node.args)} given", *place
            )
        parts = list(node.args)
    else:
        raise EquationError(f"{type(node).__name__} is not in the language of formulas", *place)
    for part in parts:
        _check(part, names, functions, depth + 1)


def _evaluate(node: ast.expr, values: Values, functions: Functions) -> Any:
    if isinstance(node, ast.Constant):
        return float(node.value)  # type: ignore[arg-type]
    if isinstance(node, ast.Name):
        return values[node.id]
    if isinstance(node, ast.BinOp):
        left, right = (_evaluate(n, values, functions) for n in (node.left, node.right))
        return _BINARY[type(node.op)](left, right)
    if isinstance(node, ast.UnaryOp):
        x = _evaluate(node.operand, values, functions)
        if isinstance(node.op, ast.Not):
            return np.logical_not(x)
        return np.negative(x) if isinstance(node.op, ast.USub) else x
    if isinstance(node, ast.Compare):
        sides = [_evaluate(n, values, functions) for n in (node.left, *node.comparators)]
        result = np.bool_(True)
        for k, op in enumerate(node.ops):
            result = np.logical_and(result, _COMPARE[type(op)](sides[k], sides[k + 1]))
        return result
    if isinstance(node, ast.BoolOp):
        join = np.logical_and if isinstance(node.op, ast.And) else np.logical_or
        parts = [_evaluate(n, values, functions) for n in node.values]
        whole = parts[0]
        for part in parts[1:]:
            whole = join(whole, part)
        return whole
    if isinstance(node, ast.IfExp):
        return np.where(
            _evaluate(node.test, values, functions),
            _evaluate(node.body, values, functions),
            _evaluate(node.orelse, values, functions),
        )
    assert isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    function = functions.get(node.func.id) or FUNCTIONS[node.func.id]
    return function(*(_evaluate(a, values, functions) for a in node.args))
