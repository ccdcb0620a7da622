"""The definition: what a program does to one neuron, in plain Python integers.

Slow and obvious. Kernels, exports and images are right exactly when they equal this.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableMapping

from neurohw.equations.primitives import PRIMITIVES
from neurohw.equations.program import Program
from neurohw.equations.tree import (
    Binary,
    Call,
    Choose,
    Compare,
    Expression,
    Int,
    Logic,
    Lookup,
    Name,
    Unary,
)
from neurohw.equations.tree import (
    Draw as Drawn,
)

BINARY: dict[str, Callable[[int, int], int]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "&": lambda a, b: a & b,
    "|": lambda a, b: a | b,
    "^": lambda a, b: a ^ b,
    "<<": lambda a, b: a << b,
    ">>": lambda a, b: a >> b,
}
COMPARE: dict[str, Callable[[int, int], bool]] = {
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
}
Draw = Callable[[int, int], int]
"""random number of n bits for call site k: draw(n, k)"""


Take = Callable[[str], int]
"""the next number of a generator of the chip: take(name)"""


def no_random(bits: int, site: int) -> int:
    """For programs that draw no random numbers."""
    raise AssertionError("this program draws no random numbers")


def no_generator(name: str) -> int:
    """For programs that draw from no generator."""
    raise AssertionError("this program draws from no generator")


def evaluate(
    node: Expression,
    values: Mapping[str, int],
    tables: Mapping[str, tuple[int, ...]],
    draw: Draw = no_random,
) -> int:
    """The exact integer value of an expression; comparisons and logic give 0 or 1."""
    if isinstance(node, Int):
        return node.value
    if isinstance(node, Name):
        return values[node.name]
    if isinstance(node, Unary):
        x = evaluate(node.operand, values, tables, draw)
        return -x if node.op == "-" else ~x if node.op == "~" else int(x == 0)
    if isinstance(node, (Binary, Compare, Logic)):
        a = evaluate(node.left, values, tables, draw)
        b = evaluate(node.right, values, tables, draw)
        if isinstance(node, Binary):
            return BINARY[node.op](a, b)
        if isinstance(node, Compare):
            return int(COMPARE[node.op](a, b))
        return int(a != 0 and b != 0) if node.op == "and" else int(a != 0 or b != 0)
    if isinstance(node, Choose):
        test = evaluate(node.test, values, tables, draw)
        then = evaluate(node.then, values, tables, draw)
        other = evaluate(node.otherwise, values, tables, draw)
        return then if test else other
    if isinstance(node, Lookup):
        return tables[node.table][evaluate(node.index, values, tables, draw)]
    if isinstance(node, Drawn):
        raise TypeError("a draw is no part of an expression")
    arguments = [evaluate(a, values, tables, draw) for a in node.arguments]
    if isinstance(node, Call) and node.primitive == "random":
        return draw(arguments[0], node.site)
    return PRIMITIVES[node.primitive].define(*arguments)


def execute(
    program: Program,
    values: MutableMapping[str, int],
    draw: Draw = no_random,
    on_overflow: Callable[[int, str, int], None] | None = None,
    take: Take = no_generator,
) -> None:
    """Run the assignments in order on ``values``, which holds registers, parameters and inputs.

    ``on_overflow(k, target, value)`` is called when the store of assignment k changed the value,
    and before OverflowError is raised where the format has no overflow mode.
    """
    values.update(program.constants)
    targets = program.targets
    for k, assign in enumerate(program.assigns):
        source = assign.value
        if isinstance(source, Drawn):
            wanted = source.when is None or evaluate(source.when, values, program.tables, draw)
            value = take(source.generator) if wanted else 0
        else:
            value = evaluate(source, values, program.tables, draw)
        store = targets[assign.target]
        if on_overflow is not None and store.overflow != "exact" and not store.holds(value):
            on_overflow(k, assign.target, value)
        values[assign.target] = store.store(value)
