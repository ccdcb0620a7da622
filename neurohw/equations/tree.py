"""What equations are made of once parsed: assignments of expressions over integers.

Every node knows its place in the text, so that an error found later can still point at it.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Node:
    """A sub-expression; ``line`` and ``column`` count from 1."""

    line: int
    column: int


@dataclass(frozen=True)
class Int(Node):
    value: int


@dataclass(frozen=True)
class Name(Node):
    name: str


@dataclass(frozen=True)
class Unary(Node):
    op: str  # '-', '~' or 'not'
    operand: Expression


@dataclass(frozen=True)
class Binary(Node):
    op: str  # '+', '-', '*', '&', '|', '^', '<<' or '>>'
    left: Expression
    right: Expression


@dataclass(frozen=True)
class Compare(Node):
    op: str  # '<', '<=', '>', '>=', '==' or '!='
    left: Expression
    right: Expression


@dataclass(frozen=True)
class Logic(Node):
    op: str  # 'and' or 'or'
    left: Expression
    right: Expression


@dataclass(frozen=True)
class Choose(Node):
    """``then if test else otherwise``"""

    test: Expression
    then: Expression
    otherwise: Expression


@dataclass(frozen=True)
class Call(Node):
    """A primitive; ``site`` numbers the calls of ``random`` within a program."""

    primitive: str
    arguments: tuple[Expression, ...]
    site: int = 0


@dataclass(frozen=True)
class Lookup(Node):
    """``table(name, index)``"""

    table: str
    index: Expression


@dataclass(frozen=True)
class Draw(Node):
    """``draw(generator, when)``: the generator's next number if ``when`` is not 0, else 0.

    Always the whole right side of an assignment, so that the order of draws is that of the text.
    """

    generator: str
    when: Expression | None = None


Expression = Int | Name | Unary | Binary | Compare | Logic | Choose | Call | Lookup | Draw


@dataclass(frozen=True)
class Assign:
    """``target = value``, in the order of the text; a later one sees what an earlier one stored."""

    target: str
    value: Expression
    line: int
    column: int


def children(node: Expression) -> tuple[Expression, ...]:
    """The direct sub-expressions, left to right."""
    if isinstance(node, Unary):
        return (node.operand,)
    if isinstance(node, (Binary, Compare, Logic)):
        return (node.left, node.right)
    if isinstance(node, Choose):
        return (node.test, node.then, node.otherwise)
    if isinstance(node, Call):
        return node.arguments
    if isinstance(node, Lookup):
        return (node.index,)
    if isinstance(node, Draw) and node.when is not None:
        return (node.when,)
    return ()


def names_in(node: Expression) -> set[str]:
    """The names that an expression reads."""
    mine = {node.name} if isinstance(node, Name) else set()
    return mine.union(*(names_in(c) for c in children(node)))


def kinds_in(node: Expression) -> set[str]:
    """The primitives in an expression, and `draw`."""
    mine = {node.primitive} if isinstance(node, Call) else set()
    mine |= {"draw"} if isinstance(node, Draw) else set()
    return mine.union(*(kinds_in(c) for c in children(node)))


def show(node: Expression) -> str:
    """The expression as text, for messages."""
    if isinstance(node, Int):
        return str(node.value)
    if isinstance(node, Name):
        return node.name
    if isinstance(node, Unary):
        return f"{node.op}{' ' if node.op == 'not' else ''}{_nested(node.operand)}"
    if isinstance(node, (Binary, Compare, Logic)):
        return f"{_nested(node.left)} {node.op} {_nested(node.right)}"
    if isinstance(node, Choose):
        return f"{_nested(node.then)} if {_nested(node.test)} else {_nested(node.otherwise)}"
    if isinstance(node, Lookup):
        return f"table({node.table}, {show(node.index)})"
    if isinstance(node, Draw):
        return f"draw({node.generator}{'' if node.when is None else f', {show(node.when)}'})"
    return f"{node.primitive}({', '.join(show(a) for a in node.arguments)})"


def _nested(node: Expression) -> str:
    text = show(node)
    return text if isinstance(node, (Int, Name, Call, Lookup)) else f"({text})"
