"""Interval analysis: which values every sub-expression can take, proven before anything runs.

From the ranges that registers, parameters and inputs can hold follows the range of each
expression. With it the loader proves that 64-bit arithmetic is exact, refuses what is not, and
leaves overflow checks out of kernels where nothing can overflow.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from neurohw.equations.primitives import PRIMITIVES, Interval, product
from neurohw.equations.tree import (
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
    show,
)
from neurohw.errors import EquationError
from neurohw.fixedpoint import INT64

WIDE_SHIFTS = {"shr0": 0, "shrf": 0, ">>": 0}
"""Shifts whose argument may be a product beyond 64 bits: kernels then multiply in two halves."""


@dataclass
class Ranges:
    """The interval of every name; ``wide`` collects products that need more than 64 bits.

    ``wide`` maps the position (line, column) of a shift to the number of low bits of the second
    factor that are multiplied apart.
    """

    names: dict[str, Interval]
    tables: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    generators: Mapping[str, int] = field(default_factory=dict)
    wide: dict[tuple[int, int], int] = field(default_factory=dict)
    limit: Interval = INT64

    def of(self, node: Expression) -> Interval:
        """The interval of ``node``; EquationError if it may leave 64 bits or a domain."""
        low, high = self._of(node)
        if low < self.limit[0] or high > self.limit[1]:
            raise EquationError(
                f"'{show(node)}' can reach {low if low < self.limit[0] else high}, beyond 64 bits; "
                "narrow a format, or shift a product at once: shr0(a * b, n) or mulhi(a, b, n)",
                node.line, node.column,
            )  # fmt: skip
        return low, high

    def _of(self, node: Expression) -> Interval:
        if isinstance(node, Int):
            return node.value, node.value
        if isinstance(node, Name):
            return self.names[node.name]
        if isinstance(node, Draw):
            if node.when is not None:
                self.of(node.when)
            return 0, (1 << self.generators[node.generator]) - 1
        if isinstance(node, Unary):
            low, high = self.of(node.operand)
            if node.op == "-":
                return -high, -low
            if node.op == "~":
                return ~high, ~low
            return _truth((low, high), negate=True)
        if isinstance(node, Compare):
            return _compare(node.op, self.of(node.left), self.of(node.right))
        if isinstance(node, Logic):
            a, b = _truth(self.of(node.left)), _truth(self.of(node.right))
            pick = min if node.op == "and" else max
            return pick(a[0], b[0]), pick(a[1], b[1])
        if isinstance(node, Choose):
            test = _truth(self.of(node.test))
            then, other = self.of(node.then), self.of(node.otherwise)
            if test == (1, 1):
                return then
            if test == (0, 0):
                return other
            return min(then[0], other[0]), max(then[1], other[1])
        if isinstance(node, Lookup):
            return self._lookup(node)
        if isinstance(node, Binary):
            return self._binary(node)
        return self._call(node)

    def _binary(self, node: Binary) -> Interval:
        if node.op == ">>":
            return self._shift(node, node.left, node.right, "shrf")
        a, b = self.of(node.left), self.of(node.right)
        if node.op == "+":
            return a[0] + b[0], a[1] + b[1]
        if node.op == "-":
            return a[0] - b[1], a[1] - b[0]
        if node.op == "*":
            return product(a, b)
        if node.op == "<<":
            self._domain(node.right, b, (0, 62), "the shift")
            ends = [x << n for x in a for n in b]
            return min(ends), max(ends)
        return _bitwise(node.op, a, b)

    def _call(self, node: Call) -> Interval:
        primitive = PRIMITIVES[node.primitive]
        if node.primitive in WIDE_SHIFTS:
            return self._shift(node, node.arguments[0], node.arguments[1], node.primitive)
        intervals = [self.of(a) for a in node.arguments]
        for position in primitive.literal:
            if intervals[position][0] != intervals[position][1]:
                argument = node.arguments[position]
                raise EquationError(
                    f"argument {position + 1} of {node.primitive} is '{show(argument)}'; it must "
                    "be a constant",
                    argument.line, argument.column,
                )  # fmt: skip
        for position, interval in primitive.domain:
            argument = node.arguments[position]
            self._domain(argument, intervals[position], interval, f"'{show(argument)}'")
        if node.primitive == "clamp" and intervals[1][1] > intervals[2][0]:
            raise EquationError(
                f"in '{show(node)}' the lower bound can exceed the upper one",
                node.line,
                node.column,
            )
        if node.primitive == "mulhi":
            self._split(node, intervals[0], intervals[1], intervals[2][0])
        if node.primitive in ("shrn", "shre") and intervals[1][1] and self.limit == INT64:
            half = 1 << (intervals[1][1])
            if intervals[0][0] - half < INT64[0] or intervals[0][1] + half > INT64[1]:
                raise EquationError(
                    f"rounding '{show(node.arguments[0])}' can leave 64 bits; narrow a format",
                    node.line, node.column,
                )  # fmt: skip
        return primitive.bounds(*intervals)

    def _shift(
        self, node: Binary | Call, value: Expression, amount: Expression, name: str
    ) -> Interval:
        n = self.of(amount)
        self._domain(amount, n, (0, 62), f"the shift '{show(amount)}'")
        bounds = PRIMITIVES[name].bounds
        if isinstance(value, Binary) and value.op == "*":
            a, b = self.of(value.left), self.of(value.right)
            x = product(a, b)
            if x[0] < INT64[0] or x[1] > INT64[1]:
                self._split(node, a, b, n[0])
            return bounds(x, n)
        return bounds(self.of(value), n)

    def _split(self, node: Binary | Call, a: Interval, b: Interval, n: int) -> None:
        """Find k <= n so that a * (b >> k) and a * (b & (2^k - 1)) both fit into 63 bits."""
        if self.limit != INT64:
            return  # asked for ranges alone, nothing will be computed
        largest_a = max(abs(a[0]), abs(a[1]))
        largest_b = max(abs(b[0]), abs(b[1]))
        for k in range(n + 1):
            if largest_a * ((largest_b >> k) + 1) < 2**62 and largest_a << k < 2**62:
                self.wide[node.line, node.column] = k
                return
        raise EquationError(
            f"the product in '{show(node)}' needs {(largest_a * largest_b).bit_length()} bits, "
            "more than can be multiplied exactly; narrow a format",
            node.line, node.column,
        )  # fmt: skip

    def _lookup(self, node: Lookup) -> Interval:
        values = self.tables[node.table]
        self._domain(
            node.index, self.of(node.index), (0, len(values) - 1), f"the index of '{node.table}'"
        )
        return min(values), max(values)

    def _domain(self, node: Expression, has: Interval, need: Interval, what: str) -> None:
        if has[0] < need[0] or has[1] > need[1]:
            raise EquationError(
                f"{what} can be {has[0]}..{has[1]}; it must stay in {need[0]}..{need[1]}",
                node.line, node.column,
            )  # fmt: skip


def _truth(x: Interval, negate: bool = False) -> Interval:
    false, true = x == (0, 0), x[0] > 0 or x[1] < 0
    if negate:
        false, true = true, false
    return (1, 1) if true else (0, 0) if false else (0, 1)


def _compare(op: str, a: Interval, b: Interval) -> Interval:
    if op in (">", ">="):
        return _compare({">": "<", ">=": "<="}[op], b, a)
    if op == "<":
        return int(a[1] < b[0]), int(a[0] < b[1])
    if op == "<=":
        return int(a[1] <= b[0]), int(a[0] <= b[1])
    apart = a[1] < b[0] or b[1] < a[0]
    same = a[0] == a[1] == b[0] == b[1]
    equal = (0, 0) if apart else (1, 1) if same else (0, 1)
    return equal if op == "==" else (1 - equal[1], 1 - equal[0])


def _bitwise(op: str, a: Interval, b: Interval) -> Interval:
    if a[0] == a[1] and b[0] == b[1]:
        value = {"&": a[0] & b[0], "|": a[0] | b[0], "^": a[0] ^ b[0]}[op]
        return value, value
    if a[0] >= 0 and b[0] >= 0:
        if op == "&":
            return 0, min(a[1], b[1])
        return 0, (1 << max(a[1].bit_length(), b[1].bit_length())) - 1
    if op == "&" and (a[0] >= 0 or b[0] >= 0):
        return 0, a[1] if a[0] >= 0 else b[1]
    bits = max(abs(x).bit_length() for x in (*a, *b))
    return -(1 << bits), (1 << bits) - 1
