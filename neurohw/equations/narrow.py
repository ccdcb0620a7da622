"""Source text of a program for vector units: 32 bits wherever the ranges prove it.

A node whose value fits into 32 bits is computed modulo 2^32 and is exact, as sums, differences and
products of exact operands are; only shifts, comparisons and choices need their operands to fit too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from neurohw.equations.emit import Emitter
from neurohw.equations.emit import stored as stored_wide
from neurohw.equations.primitives import Interval
from neurohw.equations.program import Program, stored
from neurohw.equations.ranges import Ranges
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
from neurohw.fixedpoint import Format

INT32 = (-(2**31), 2**31 - 1)
_NARROW = {"shr0": "_shr0", "min": "_min", "max": "_max", "abs": "_abs", "sign": "_sign", "clamp": "_clamp",
           "wrap": "_wrap", "uwrap": "_uwrap"}  # fmt: skip
_MARGIN = (-(2**30), 2**30 - 1)
"""What the arguments of 32-bit primitives may be, so that nothing inside them overflows."""


def within(interval: Interval, bounds: Interval = INT32) -> bool:
    """Whether every value of the interval is inside the bounds."""
    return bounds[0] <= interval[0] and interval[1] <= bounds[1]


def is_narrow(form: Format) -> bool:
    """Whether a variable of this format is kept in 32 bits."""
    return within(form.reads)


class NarrowEmitter(Emitter):
    """Statements of a program, assignment by assignment: call :meth:`right` for each in order, then
    :meth:`assigned`. ``narrowed``: known ranges of inputs, smaller than their formats."""

    def __init__(
        self, program: Program, draw: str, take: Callable[[str], str],
        narrowed: Mapping[str, Interval], look: Callable[[str, str], str],
    ) -> None:  # fmt: skip
        super().__init__(program, arrays=False, draw=draw, take=take)
        names: dict[str, Interval] = {k: (v, v) for k, v in program.constants.items()}
        self.wide_names: set[str] = set()
        for declared in (program.registers, program.parameters, program.inputs):
            names.update({k: f.reads for k, f in declared.items()})
        names.update(narrowed)
        for name, interval in names.items():
            if not within(interval):
                self.wide_names.add(name)
        self.wide_names |= {k for k, f in program.targets.items() if not is_narrow(f)}
        self.ranges = Ranges(names, program.tables, program.generators)
        self.look = look

    def right(self, node: Expression) -> tuple[str, Interval]:
        """Text and interval of the right side of an assignment."""
        interval = self.ranges.of(node)
        return self.value(node), interval

    def assigned(self, target: str, interval: Interval) -> None:
        """Take note that a value of this interval was stored."""
        self.ranges.names[target] = stored(self.program.targets[target], interval)

    def fits(self, node: Expression) -> bool:
        return within(self.ranges.of(node))

    def _split(self, node: Binary | Call) -> int:
        return self.ranges.wide.get((node.line, node.column), 0)

    def _as(self, node: Expression, text: str) -> str:
        return f"_i32({text})" if self.fits(node) else f"_i64({text})"

    def value(self, node: Expression) -> str:
        if isinstance(node, (Compare, Logic)) or (isinstance(node, Unary) and node.op == "not"):
            return f"select({self.test(node)}, _c1, _c0)"
        if isinstance(node, Int):
            return literal(node.value)
        if isinstance(node, Name):
            if node.name in self.program.constants:
                return literal(self.program.constants[node.name])
            wide = node.name in self.wide_names
            return f"_i32({node.name})" if wide and self.fits(node) else node.name
        if isinstance(node, Unary):
            return self._as(node, f"{node.op}{self.value(node.operand)}")
        if isinstance(node, Choose):
            then, other = self._as_whole(node, node.then), self._as_whole(node, node.otherwise)
            return f"select({self.test(node.test)}, {then}, {other})"
        if isinstance(node, Binary):
            return self._binary(node)
        if isinstance(node, Call):
            return self._narrow_call(node)
        if isinstance(node, Lookup):
            return self._as(node, self.look(node.table, self.value(node.index)))
        return self._as(node, super().value(node))

    def test(self, node: Expression) -> str:
        if isinstance(node, Logic):
            op = {"and": "&", "or": "|"}[node.op]
            return f"({self.test(node.left)} {op} {self.test(node.right)})"
        if isinstance(node, Unary) and node.op == "not":
            return f"({self.test(node.operand)} == False)"
        if isinstance(node, Compare):
            return super().test(node)
        return f"({self.value(node)} != {'_c0' if self.fits(node) else '0'})"

    def _as_whole(self, whole: Expression, arm: Expression) -> str:
        text = self.value(arm)
        return text if self.fits(whole) or not self.fits(arm) else f"_i64({text})"

    def _binary(self, node: Binary) -> str:
        if node.op == ">>":
            return self._shift(node, "shrf", node.left, node.right)
        left, right = self.value(node.left), self.value(node.right)
        if node.op == "<<":
            amount = self.ranges.of(node.right)
            if self.fits(node) and self.fits(node.left) and amount[1] < 32:
                return f"shl32({left}, {right})"
        return self._as(node, f"_i64({left}) {node.op} {right}" if node.op == "<<" else
                        f"{left} {node.op} {right}")  # fmt: skip

    def _shift(self, node: Binary | Call, name: str, value: Expression, amount: Expression) -> str:
        """A shift to the right, of a product in two halves where only the result is small."""
        n, result = self.ranges.of(amount), self.ranges.of(node)
        if isinstance(value, Binary) and value.op == "*" and within(result):
            halves = self._halves(value, n, name)
            if halves:
                return f"_product_{name}({halves}, {self.value(amount)})"
            wide = self._wide(node, name if isinstance(node, Call) else ">>", value, amount)
            if wide:
                return f"_i32({wide})"
        elif wide := self._wide(node, name if isinstance(node, Call) else ">>", value, amount):
            return self._as(node, wide)
        text = self.value(value)
        if name == "shrf":
            if self.fits(value) and n[1] < 32:
                return f"shr32({text}, {self.value(amount)})"
            return self._as(node, f"shrf(_i64({text}), {self.value(amount)})")
        if within(self.ranges.of(value), _MARGIN) and n[1] < 30:
            return f"_shr0({text}, {self.value(amount)})"
        return self._as(node, f"shr0(_i64({text}), {self.value(amount)})")

    def _halves(self, product: Binary, n: Interval, name: str) -> str:
        """Both factors, the one to be split first, if 32 bits hold the halves but not the product."""
        if within(self.ranges.of(product)) or n[0] != n[1] or not 0 < n[0] < 30:
            return ""
        for a, b in ((product.left, product.right), (product.right, product.left)):
            x, y = self.ranges.of(a), self.ranges.of(b)
            if not (within(x) and within(y)) or (name == "shr0" and y[0] < 0):
                continue
            size, high = max(abs(y[0]), abs(y[1])), max(abs(x[0] >> n[0]), abs(x[1] >> n[0]))
            if ((1 << n[0]) - 1) * (size + 1) < 2**31 and (high + 1) * size < 2**31:
                return f"{self.value(a)}, {self.value(b)}"
        return ""

    def _narrow_call(self, node: Call) -> str:
        if node.primitive in ("shr0", "shrf"):
            return self._shift(node, node.primitive, *node.arguments)
        intervals = [self.ranges.of(a) for a in node.arguments]
        narrow = _NARROW.get(node.primitive)
        if node.primitive in ("wrap", "uwrap") and intervals[1][1] > 30:
            narrow = None
        if narrow and self.fits(node) and all(within(i, _MARGIN) for i in intervals):
            return f"{narrow}({', '.join(self.value(a) for a in node.arguments)})"
        # In 64 bits: every argument is widened, so that one compiled function serves.
        arguments = [f"_i64({self.value(a)})" for a in node.arguments]
        if node.primitive == "random":
            return f"_i32(random_bits({arguments[0]}, {self.draw}, {node.site}))"
        if node.primitive == "mulhi" and (k := self._split(node)):
            return self._as(node, f"wide_shrf({', '.join(arguments)}, {k})")
        name = {"min": "min_", "max": "max_", "abs": "abs_"}.get(node.primitive, node.primitive)
        return self._as(node, f"{name}({', '.join(arguments)})")

    def kept(self, form: Format, text: str, interval: Interval) -> str:
        """Text of what a format with an overflow mode keeps of a value in ``interval``."""
        if not is_narrow(form):
            return stored_wide(form, f"_i64({text})")
        if form.overflow == "wrap" and form.signed and form.bits == 32:
            return f"_i32({text})"
        if within(interval, _MARGIN) and form.bits <= 30:
            if form.overflow == "fold":
                return f"_fold({text}, _c{form.bits})"
            if form.overflow == "wrap":
                return f"{'_wrap' if form.signed else '_uwrap'}({text}, _c{form.bits})"
            return f"_clamp({text}, {literal(form.low)}, {literal(form.high)})"
        return f"_i32({stored_wide(form, f'_i64({text})')})"


def literal(value: int) -> str:
    """A constant, in 32 bits if it fits: then by a name that :func:`constants` gives it."""
    if not within((value, value)):
        return f"({value})"
    return f"_c{value}" if value >= 0 else f"_m{-value}"


def constants(text: str) -> str:
    """Statements that define the constants a text names: numba infers less for a name than a call."""
    found = sorted(set(re.findall(r"\b_[cm]\d+\b", text)), key=lambda n: (n[1], int(n[2:])))
    return "\n".join(f"{n} = np.int32({'-' if n[1] == 'm' else ''}{n[2:]})" for n in found)
