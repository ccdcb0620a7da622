"""Equations as text: one per line, in Brian 2's syntax, parsed with ``ast`` and a whitelist.

``dx/dt = EXPR : UNIT`` is a state variable, ``y = EXPR : UNIT`` a name for an expression, and
``(constant over dt)`` behind the unit says that it is drawn once a step, as noise is. ``(unless
refractory)`` holds a state variable after a spike. An indented line continues the one before.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from neurohw.biophysics.units import SI
from neurohw.errors import NetworkError

FUNCTIONS: Final = {
    "exp": 1, "log": 1, "sqrt": 1, "tanh": 1, "cosh": 1, "sin": 1, "abs": 1, "exprel": 1, "int": 1,
    "clip": 3, "randn": 0, "rand": 0,
}  # fmt: skip
"""Functions of the language and how many arguments each takes."""
COMPARISONS: Final = (ast.Lt, ast.LtE, ast.Gt, ast.GtE)
ARITHMETIC: Final = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.Pow)
LONGEST: Final = 20_000

_LINE = re.compile(
    r"(?:d(?P<state>\w+)/dt|(?P<name>\w+)) *= *(?P<what>[^:]+) *: *(?P<unit>[^()]+?) *"
    r"(?:\((?P<flag>unless refractory|constant over dt)\))?"
)
_SET = re.compile(r"(?P<name>\w+) *(?P<plus>\+?)= *(?P<what>.+)")


@dataclass(frozen=True)
class Equation:
    """One line: ``kind`` is 'state', 'name' or 'drawn' (once a step)."""

    kind: str
    name: str
    text: str
    tree: ast.expr
    unit: str
    held: bool = False


def parse_equations(text: str, what: str) -> tuple[Equation, ...]:
    """The equations of a model; NetworkError, which names ``what``, for anything else."""
    if len(text) > LONGEST:
        raise NetworkError(f"{what}: equations of {len(text)} characters; at most {LONGEST}")
    found: dict[str, Equation] = {}
    for line in re.sub(r"\n[ \t]+", " ", text.strip()).splitlines():
        match = _LINE.fullmatch(line.strip())
        if match is None:
            raise NetworkError(
                f"{what}: '{line.strip()}' is no equation; write dx/dt = EXPR : UNIT or y = EXPR : UNIT"
            )
        state, flag = match["state"], match["flag"] or ""
        name = state or match["name"]
        kind = "state" if state else "drawn" if flag == "constant over dt" else "name"
        if name in found:
            raise NetworkError(f"{what}: '{name}' is defined twice; give each name one equation")
        tree = parse_expression(match["what"].strip(), what)
        held = flag == "unless refractory"
        found[name] = Equation(kind, name, match["what"].strip(), tree, match["unit"], held)
    return tuple(found.values())


def parse_statements(text: str, what: str) -> tuple[tuple[str, ast.expr], ...]:
    """Assignments ``x = EXPR`` and ``x += EXPR``, one a line, as (name, new value)."""
    made = []
    for line in text.strip().splitlines():
        match = _SET.fullmatch(line.strip())
        if match is None:
            raise NetworkError(
                f"{what}: '{line.strip()}' is no statement; write x = EXPR or x += EXPR"
            )
        value = f"{match['name']} + ({match['what']})" if match["plus"] else match["what"]
        made.append((match["name"], parse_expression(value, what)))
    return tuple(made)


def parse_expression(text: str, what: str) -> ast.expr:
    """``text`` as a tree of the language; NetworkError for what is not in it."""
    try:
        tree = ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise NetworkError(f"{what}: '{text}' can't be parsed ({error})") from None
    _check(tree, text, what)
    return tree


def _check(node: ast.expr, text: str, what: str, depth: int = 0) -> None:
    """NetworkError unless the tree has only what a program can hold."""
    parts: list[ast.expr] = []
    ok = depth < 60
    if isinstance(node, ast.Constant):
        ok = ok and type(node.value) in {int, float} and abs(node.value) < 1e300  # type: ignore[arg-type]
    elif isinstance(node, ast.BinOp):
        ok, parts = ok and isinstance(node.op, ARITHMETIC), [node.left, node.right]
    elif isinstance(node, ast.UnaryOp):
        ok, parts = ok and isinstance(node.op, (ast.USub, ast.UAdd)), [node.operand]
    elif isinstance(node, ast.Compare):
        ok = ok and len(node.ops) == 1 and isinstance(node.ops[0], COMPARISONS)
        parts = [node.left, *node.comparators]
    elif isinstance(node, ast.Call):
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        ok = ok and FUNCTIONS.get(name) == len(node.args) and not node.keywords
        parts = node.args
    else:
        ok = ok and isinstance(node, ast.Name)
    if not ok:
        raise NetworkError(
            f"{what}: '{text}' is not in the language of equations; there are + - * / **, < <= > >=, "
            f"{', '.join(FUNCTIONS)}"
        )
    for part in parts:
        _check(part, text, what, depth + 1)


def names_in(tree: ast.expr) -> set[str]:
    """Variables and parameters that an expression reads, without units and functions."""
    called = {id(n.func) for n in ast.walk(tree) if isinstance(n, ast.Call)}
    found = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and id(n) not in called}
    return found - set(SI)


def in_order(equations: Mapping[str, Equation], what: str) -> list[Equation]:
    """Those that are no state, each after the ones that it reads; NetworkError for a circle."""
    done: dict[str, Equation] = {}
    waiting = {k: e for k, e in equations.items() if e.kind != "state"}
    while waiting:
        ready = [e for e in waiting.values() if not names_in(e.tree) & set(waiting)]
        if not ready:
            raise NetworkError(f"{what}: {', '.join(waiting)} are defined in a circle; break it")
        for equation in ready:
            done[equation.name] = waiting.pop(equation.name)
    return list(done.values())
