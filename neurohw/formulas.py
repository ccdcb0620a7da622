"""Formulas over float64: how a physical parameter becomes a code, and back.

The host's side of a profile, never part of a tick. Parsed with ``ast`` and a whitelist, evaluated
over arrays; ``decay(tau)`` and ``coupling(tau_syn, tau_mem)`` come from the network's integrator.
"""

from __future__ import annotations

import ast
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


def parse_formula(text: str | float, known: frozenset[str] | set[str]) -> Formula:
    """Check ``text`` (or a plain number) against the whitelist and the ``known`` names."""
    source = repr(text) if not isinstance(text, str) else text
    if len(source) > 2000:
        raise EquationError(f"the formula has {len(source)} characters; at most 2000", 1, 1)
    try:
        tree = ast.parse(source.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        column = getattr(error, "offset", None) or 1
        raise EquationError(f"'{source}': {getattr(error, 'msg', error)}", 1, column) from None
    names: set[str] = set()
    _check(tree, names)
    missing = sorted(names - known)
    if missing:
        listed = ", ".join(sorted(known))
        raise EquationError(
            f"'{source}' reads '{missing[0]}'; a formula here may read: {listed}", 1, 1
        )
    return Formula(source, tree, frozenset(names))


def _check(node: ast.expr, names: set[str], depth: int = 0) -> None:
    column = node.col_offset + 1
    if depth > 50:
        raise EquationError("the formula is nested over 50 deep", 1, column)
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        return
    if isinstance(node, ast.Name):
        names.add(node.id)
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
        if node.keywords or (name not in FUNCTIONS and name not in STEPPING):
            known = ", ".join((*FUNCTIONS, *STEPPING))
            raise EquationError(
                f"'{name}' is no function of formulas; there are: {known}", 1, column
            )
        parts = list(node.args)
    else:
        raise EquationError(f"{type(node).__name__} is not in the language of formulas", 1, column)
    for part in parts:
        _check(part, names, depth + 1)


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
