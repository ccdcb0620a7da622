"""A chip's equations over arrays, in its own integers or without its roundings.

In integers (int64 arrays) the value of an expression is the language's: exact, whatever its size.
Without rounding (float64 arrays) a right shift is a division and a random number that only rounds is
left out: what the equations would compute if every register had infinitely many bits behind the
point. Bits that are picked out of a word stay bits in both.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

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
    children,
)
from neurohw.explain.settings import Manner
from neurohw.fixedpoint import Format

Array = NDArray[Any]
Number = Any
"""A Python integer, or an array (trials, n) of int64, float64 or, beyond 64 bits, Python integers."""
LARGE = 1 << 62
WIDEST = 1 << 60
"""What a register may reach if its format is ignored; far beyond anything that is meant."""
_SHIFTS = ("shr0", "shrf", "shrn", "shre")
_COMPARE: Mapping[str, Callable[[Number, Number], Number]] = {
    "<": np.less, "<=": np.less_equal, ">": np.greater, ">=": np.greater_equal,
    "==": np.equal, "!=": np.not_equal,
}  # fmt: skip
Random = Callable[[int, int], Number]
"""random number of n bits for call site k: random(n, k)"""


class Evaluator:
    """Expressions over the ``values`` of names.

    ``manner``: how right shifts round, and to how many bits behind the point; None: not at all.
    ``sizing``: whether ``wrap`` and ``sat`` change a value.
    """

    def __init__(
        self, values: Mapping[str, Number], tables: Mapping[str, tuple[int, ...]],
        manner: Manner | None, sizing: bool, random: Random,
    ) -> None:  # fmt: skip
        self.values, self.tables, self.random = values, tables, random
        self.manner, self.sizing = manner, sizing

    def of(self, node: Expression, shifted: bool = False) -> Number:
        """The value of ``node``; ``shifted`` inside the argument of a right shift."""
        if isinstance(node, Int):
            return node.value
        if isinstance(node, Name):
            return self.values[node.name]
        if isinstance(node, Unary):
            x = self.of(node.operand, shifted)
            return -x if node.op == "-" else ~whole(x) if node.op == "~" else _int(_true(x) == 0)
        if isinstance(node, Compare):
            return _int(_COMPARE[node.op](self.of(node.left), self.of(node.right)))
        if isinstance(node, Logic):
            a, b = _true(self.of(node.left)), _true(self.of(node.right))
            return _int(np.logical_and(a, b) if node.op == "and" else np.logical_or(a, b))
        if isinstance(node, Choose):
            test = _true(self.of(node.test))
            then, other = self.of(node.then, shifted), self.of(node.otherwise, shifted)
            return np.where(test, then, other)
        if isinstance(node, Lookup):
            table = np.array(self.tables[node.table], np.int64)
            return table[np.clip(whole(self.of(node.index)), 0, table.size - 1)]
        if isinstance(node, Binary):
            return self._binary(node, shifted)
        assert isinstance(node, Call)
        return self._call(node, shifted)

    def _binary(self, node: Binary, shifted: bool) -> Number:
        if node.op == ">>":
            return self._shift(node.left, self.of(node.right), "shrf")
        a, b = self.of(node.left, shifted), self.of(node.right, shifted)
        if node.op == "+":
            return a + b
        if node.op == "-":
            return a - b
        if node.op == "*":
            return times(a, b)
        if node.op == "<<":
            return up(a, b)
        x, y = whole(a), whole(b)
        return x & y if node.op == "&" else x | y if node.op == "|" else x ^ y

    def _call(self, node: Call, shifted: bool) -> Number:
        name = node.primitive
        if name in _SHIFTS:
            return self._shift(node.arguments[0], self.of(node.arguments[1]), name)
        if name == "random":
            bits = self.of(node.arguments[0])
            return 0 if shifted and self.manner is None else self.random(bits, node.site)
        first, *rest = (self.of(a, shifted) for a in node.arguments)
        if name == "mulhi":
            return self._down(times(first, rest[0]), rest[1], "shrf")
        if name == "fdiv":
            return (
                _floor(first / np.asarray(rest[0])) if _real(first, rest[0]) else first // rest[0]
            )
        if name in ("min", "max"):
            return (np.minimum if name == "min" else np.maximum)(first, rest[0])
        if name == "clamp":
            return np.minimum(np.maximum(first, rest[0]), rest[1])
        if name == "abs":
            return np.abs(first)
        if name == "sign":
            return _int(np.greater(first, 0)) - _int(np.less(first, 0))
        form = Format(int(rest[0]), True, "wrap" if name == "wrap" else "clamp")
        return stored(first, form) if self.sizing else first

    def _shift(self, value: Expression, amount: Number, name: str) -> Number:
        if self.manner is None and picks_bits(value):
            return down(whole(self.of(value)), whole(amount), name)
        return self._down(self.of(value, True), amount, name)

    def _down(self, x: Number, amount: Number, name: str) -> Number:
        if self.manner is None:
            return np.asarray(x, np.float64) / np.exp2(np.asarray(amount, np.float64))
        how, kept = self.manner
        if kept:
            return down(up(np.asarray(x, np.float64), kept), amount, how or name) / 2.0**kept
        return down(x, amount, how or name)


def picks_bits(node: Expression) -> bool:
    """Whether single bits of a word are picked out in this expression."""
    here = isinstance(node, Binary) and node.op in "&|^"
    here = here or (isinstance(node, Unary) and node.op == "~")
    return here or any(picks_bits(c) for c in children(node))


def rounds(node: Expression) -> bool:
    """Whether something in this expression is rounded."""
    if isinstance(node, Binary) and node.op == ">>":
        return not picks_bits(node.left) or any(rounds(c) for c in children(node))
    if isinstance(node, Call) and node.primitive in (*_SHIFTS, "mulhi"):
        return True
    return any(rounds(c) for c in children(node))


def plain(node: Expression) -> bool:
    """Whether the expression means something without rounding: no bits, tables and divisions."""
    if isinstance(node, (Lookup, Draw)) or picks_bits(node):
        return False
    if isinstance(node, Call) and node.primitive in ("fdiv", "wrap", "sat"):
        return False
    return all(plain(c) for c in children(node))


def times(a: Number, b: Number) -> Number:
    """The product, in Python integers where it could leave 64 bits."""
    if _real(a, b):
        return a * b
    if _size(a) * _size(b) < LARGE:
        return a * b
    return np.asarray(a).astype(object) * np.asarray(b).astype(object)


def up(x: Number, n: Number) -> Number:
    """x 2^n."""
    if _real(x, n):
        return np.asarray(x, np.float64) * np.exp2(np.asarray(n, np.float64))
    if isinstance(x, int) and isinstance(n, int):
        return x << n
    if _size(x) << max(int(np.max(n)), 0) < LARGE:
        return np.left_shift(x, n)
    return np.asarray(x).astype(object) << np.asarray(n).astype(object)


def down(x: Number, n: Number, name: str) -> Number:
    """x / 2^n rounded: ``shr0`` toward zero, ``shrf`` down, ``shrn`` to the nearest and halves up,
    ``shre`` halves to even."""
    if _real(x, n):
        y = np.asarray(x, np.float64) / np.exp2(np.asarray(n, np.float64))
        if name == "shr0":
            return np.trunc(y)
        return (
            np.floor(y + 0.5) if name == "shrn" else np.rint(y) if name == "shre" else np.floor(y)
        )
    if name == "shr0":
        return np.where(np.greater_equal(x, 0), x >> n, -(-x >> n))
    if name == "shrf":
        return x >> n
    half = up(1, n) >> 1
    nearest = (x + half) >> n
    if name == "shrn":
        return nearest
    tie = np.equal((x + half) & (up(1, n) - 1), 0) & np.greater(n, 0)
    return np.where(tie & (np.equal(nearest & 1, 1)), nearest - 1, nearest)


def stored(x: Number, form: Format) -> Number:
    """What a register of this format holds after x was assigned to it; the nearest it holds where
    the chip says nothing."""
    if form.overflow == "exact":
        return x
    if form.overflow == "wrap":
        if _real(x):
            return np.mod(x - form.low, 2.0**form.bits) + form.low
        return (x - form.low) % (1 << form.bits) + form.low
    if form.overflow == "fold":
        half = 1 << (form.bits - 1)
        y = np.where(np.greater(x, half), x - 2 * half, x)
        return np.where(np.less_equal(y, -half), y + 2 * half, y)
    return np.minimum(np.maximum(x, form.low), form.high)


def settled(x: Number, shape: tuple[int, int]) -> Array:
    """x as an array of its own for a register: float64 or int64."""
    y = np.asarray(x)
    if y.dtype == object:
        y = np.minimum(np.maximum(y, -WIDEST), WIDEST).astype(np.int64)
    elif y.dtype != np.float64:
        y = np.clip(y.astype(np.int64), -WIDEST, WIDEST)
    return np.broadcast_to(y, shape)


def whole(x: Number) -> Number:
    """x rounded down, as an integer."""
    return x if not _real(x) else np.floor(np.asarray(x)).astype(np.int64)


def _floor(x: Number) -> Number:
    return np.floor(np.nan_to_num(x))


def _real(*values: Number) -> bool:
    return any(np.asarray(v).dtype.kind == "f" for v in values)


def _size(x: Number) -> int:
    """The largest |x|, as a Python integer."""
    if isinstance(x, int):
        return abs(x)
    array = np.asarray(x)
    return max(abs(int(array.max(initial=0))), abs(int(array.min(initial=0))))


def _true(x: Number) -> Number:
    return np.not_equal(x, 0)


def _int(x: Number) -> Number:
    return np.asarray(x).astype(np.int64)
