"""From text to a tree: Python's own parser, then a whitelist. Nothing is ever evaluated."""

from __future__ import annotations

import ast
import textwrap
import warnings
from collections.abc import Collection

from neurohw.equations.primitives import PRIMITIVES
from neurohw.equations.tree import (
    Assign,
    Binary,
    Call,
    Choose,
    Compare,
    Draw,
    Expression,
    Int,
    Logic,
    Lookup,
    Name,
    Unary,
)
from neurohw.errors import EquationError

LONGEST = 20_000
"""Characters that one text of equations may have."""

_BINARY: dict[type[ast.operator], str] = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.BitAnd: "&", ast.BitOr: "|",
    ast.BitXor: "^", ast.LShift: "<<", ast.RShift: ">>",
}  # fmt: skip
_COMPARE: dict[type[ast.cmpop], str] = {
    ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!=",
}  # fmt: skip
_INSTEAD = {
    ast.Div: "use shr0(x, n), x >> n or fdiv(a, b)",
    ast.FloorDiv: "use fdiv(a, b)",
    ast.Mod: "use & with a mask",
    ast.Pow: "use << for powers of two",
}


def parse(
    text: str, tables: Collection[str] = (), generators: Collection[str] = ()
) -> tuple[Assign, ...]:
    """The assignments in ``text``, or an EquationError that points at what is not in the language.

    ``tables`` are the names that ``table(name, index)`` may use, ``generators`` those of
    ``draw(name)``.
    """
    if len(text) > LONGEST:
        raise EquationError(f"the equations have {len(text)} characters; at most {LONGEST}", 1, 1)
    flat = textwrap.dedent(text)
    pairs = zip(text.split("\n"), flat.split("\n"), strict=True)
    indent = next((len(line) - len(short) for line, short in pairs if short.strip()), 0)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            module = ast.parse(flat)
    except SyntaxError as error:
        column = (error.offset or 1) + indent
        raise EquationError(f"{error.msg}", error.lineno or 1, column) from None
    except (RecursionError, MemoryError, ValueError) as error:
        raise EquationError(f"the equations can't be parsed ({error})", 1, 1) from None
    return _Reader(indent, frozenset(tables), frozenset(generators)).program(module)


class _Reader:
    def __init__(self, indent: int, tables: frozenset[str], generators: frozenset[str]) -> None:
        self.indent, self.tables, self.generators = indent, tables, generators
        self.randoms, self.depth = 0, 0

    def at(self, node: ast.expr | ast.stmt) -> tuple[int, int]:
        return node.lineno, node.col_offset + 1 + self.indent

    def refuse(self, node: ast.expr | ast.stmt, why: str) -> EquationError:
        return EquationError(why, *self.at(node))

    def program(self, module: ast.Module) -> tuple[Assign, ...]:
        assigns = tuple(self.statement(s) for s in module.body)
        if not assigns:
            raise EquationError("there is no assignment; write 'register = expression'", 1, 1)
        return assigns

    def statement(self, node: ast.stmt) -> Assign:
        if isinstance(node, ast.Assign) and len(node.targets) == 1:
            target = node.targets[0]
            value = self.draw(node.value) or self.expression(node.value)
        elif isinstance(node, ast.AugAssign):
            target = node.target
            inner = ast.BinOp(left=ast.Name(id=""), op=node.op, right=node.value)
            ast.copy_location(inner, node)
            if not isinstance(target, ast.Name):
                raise self.refuse(node, "assign to one name: 'register = expression'")
            inner.left = ast.copy_location(ast.Name(id=target.id), node)
            value = self.expression(inner)
        else:
            raise self.refuse(
                node, "only assignments 'register = expression' are in the language; no loops, "
                "definitions or blocks"
            )  # fmt: skip
        if not isinstance(target, ast.Name):
            raise self.refuse(node, "assign to one name: 'register = expression'")
        return Assign(target.id, value, *self.at(target))

    def draw(self, node: ast.expr) -> Expression | None:
        """``draw(NAME)`` or ``draw(NAME, when)``, which stands alone."""
        if not (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id == "draw"
        ):
            return None
        given = node.args
        if node.keywords or len(given) not in (1, 2) or not isinstance(given[0], ast.Name):
            raise self.refuse(node, "write draw(GENERATOR) or draw(GENERATOR, when)")
        name = given[0].id
        if name not in self.generators:
            known = ", ".join(sorted(self.generators)) or "none"
            raise self.refuse(node, f"unknown generator '{name}'; [random] has: {known}")
        return Draw(*self.at(node), name, self.expression(given[1]) if given[1:] else None)

    def expression(self, node: ast.expr) -> Expression:
        self.depth += 1
        if self.depth > 100:
            raise self.refuse(node, "the expression is nested over 100 deep; use wires for parts")
        try:
            return self._expression(node)
        finally:
            self.depth -= 1

    def limit(self, node: ast.expr, parts: int) -> None:
        """Refuse a chain that would become too deep a tree."""
        if self.depth + parts > 100:
            raise self.refuse(node, f"a chain of {parts} tests is too long; use wires for parts")

    def _expression(self, node: ast.expr) -> Expression:
        at = self.at(node)
        if isinstance(node, ast.Constant):
            if type(node.value) is not int:
                raise self.refuse(node, f"{node.value!r}: only integers are in the language")
            if node.value > 2**63:
                bits = node.value.bit_length()
                raise self.refuse(node, f"the number has {bits} bits; there are 63 and a sign")
            return Int(*at, node.value)
        if isinstance(node, ast.Name):
            return Name(*at, node.id)
        if isinstance(node, ast.UnaryOp):
            return self.unary(node)
        if isinstance(node, ast.BinOp):
            op = _BINARY.get(type(node.op))
            if op is None:
                hint = _INSTEAD.get(type(node.op), "see hw_profiles/README.md for what is")
                raise self.refuse(node, f"{type(node.op).__name__} is not in the language; {hint}")
            return Binary(*at, op, self.expression(node.left), self.expression(node.right))
        if isinstance(node, ast.Compare):
            return self.comparison(node)
        if isinstance(node, ast.BoolOp):
            self.limit(node, len(node.values))
            name = "and" if isinstance(node.op, ast.And) else "or"
            parts = [self.expression(v) for v in node.values]
            result = parts[0]
            for part in parts[1:]:
                result = Logic(*at, name, result, part)
            return result
        if isinstance(node, ast.IfExp):
            return Choose(
                *at, self.expression(node.test), self.expression(node.body),
                self.expression(node.orelse),
            )  # fmt: skip
        if isinstance(node, ast.Call):
            return self.call(node)
        raise self.refuse(node, f"{type(node).__name__} is not in the language")

    def unary(self, node: ast.UnaryOp) -> Expression:
        at = self.at(node)
        operand = self.expression(node.operand)
        if isinstance(node.op, ast.UAdd):
            return operand
        if isinstance(node.op, ast.USub) and isinstance(operand, Int):
            return Int(*at, -operand.value)
        op = {ast.USub: "-", ast.Invert: "~", ast.Not: "not"}[type(node.op)]
        return Unary(*at, op, operand)

    def comparison(self, node: ast.Compare) -> Expression:
        at = self.at(node)
        self.limit(node, len(node.ops))
        sides = [self.expression(e) for e in (node.left, *node.comparators)]
        result: Expression | None = None
        for k, operator in enumerate(node.ops):
            op = _COMPARE.get(type(operator))
            if op is None:
                raise self.refuse(node, f"{type(operator).__name__} is not in the language")
            link: Expression = Compare(*at, op, sides[k], sides[k + 1])
            result = link if result is None else Logic(*at, "and", result, link)
        assert result is not None
        return result

    def call(self, node: ast.Call) -> Expression:
        at = self.at(node)
        if not isinstance(node.func, ast.Name) or node.keywords:
            raise self.refuse(node, "call a primitive by its name, with plain arguments")
        name = node.func.id
        if name == "draw":
            raise self.refuse(node, "draw stands alone: 'r = draw(GENERATOR)', then use r")
        if name == "table":
            if len(node.args) != 2 or not isinstance(node.args[0], ast.Name):
                raise self.refuse(node, "write table(name, index)")
            table = node.args[0].id
            if table not in self.tables:
                known = ", ".join(sorted(self.tables)) or "none"
                raise self.refuse(node, f"unknown table '{table}'; there are: {known}")
            return Lookup(*at, table, self.expression(node.args[1]))
        primitive = PRIMITIVES.get(name)
        if primitive is None:
            known = ", ".join(sorted(PRIMITIVES))
            raise self.refuse(node, f"unknown primitive '{name}'; there are: {known}, table")
        if len(node.args) != primitive.arity:
            raise self.refuse(
                node, f"{name} takes {primitive.arity} arguments, {len(node.args)} given"
            )
        site = 0
        if name == "random":
            site, self.randoms = self.randoms, self.randoms + 1
        return Call(*at, name, tuple(self.expression(a) for a in node.args), site)
