"""From a proven program to source text: the body of a kernel, or a function over numpy arrays.

The text is meant to be read: one statement per assignment, the names of the profile, checks only
where the analysis could not prove that nothing overflows.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from neurohw.equations.program import Program
from neurohw.equations.ranges import WIDE_SHIFTS
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
)
from neurohw.errors import EquationError
from neurohw.fixedpoint import Format

_RENAMED = {"min": "min_", "max": "max_", "abs": "abs_"}


@cache
def prelude(module: str, decorator: str = "") -> str:
    """The functions that a module defines as source text, each behind ``decorator``. The module is not
    imported: what it imports may take long."""
    spec = find_spec(module)
    assert spec is not None and spec.origin is not None
    text = Path(spec.origin).read_text(encoding="utf-8")
    functions = re.findall(r"^def .*?(?=^[^\s)]|\Z)", text, re.MULTILINE | re.DOTALL)
    return "\n\n".join(f"{decorator}{function.rstrip()}\n" for function in functions)


def tables(programs: Iterable[Program]) -> str:
    """The look-up tables that the programs read, as module constants."""
    found = {name: values for p in programs for name, values in p.tables.items()}
    return "\n".join(
        f"_table_{name} = np.array({list(values)}, dtype=np.int64)"
        for name, values in found.items()
    )


class Emitter:
    """Expressions as Python source. ``arrays``: over numpy arrays instead of single integers;
    ``draw``: the arguments of ``random_bits`` between the number of bits and the site; ``take``:
    the text that draws from a generator."""

    def __init__(
        self, program: Program, arrays: bool, draw: str = "",
        take: Callable[[str], str] | None = None,
    ) -> None:  # fmt: skip
        self.program, self.arrays, self.draw, self.take = program, arrays, draw, take

    def value(self, node: Expression) -> str:
        """Text of the integer value."""
        if isinstance(node, (Compare, Logic)) or (isinstance(node, Unary) and node.op == "not"):
            test = self.test(node)
            return f"truth({test})" if self.arrays else f"(1 if {test} else 0)"
        if isinstance(node, Int):
            return str(node.value) if node.value >= 0 else f"({node.value})"
        if isinstance(node, Name):
            return self.name(node.name)
        if isinstance(node, Unary):
            return f"({node.op}{self.value(node.operand)})"
        if isinstance(node, Choose):
            then, other = self.value(node.then), self.value(node.otherwise)
            if self.arrays:
                return f"np.where({self.test(node.test)}, {then}, {other})"
            return f"({then} if {self.test(node.test)} else {other})"
        if isinstance(node, Draw):
            if self.take is None:
                raise EquationError(
                    f"draw({node.generator}) has no place here: the generator's state is the chip's",
                    node.line, node.column,
                )  # fmt: skip
            taken = self.take(node.generator)
            return taken if node.when is None else f"({taken} if {self.test(node.when)} else 0)"
        if isinstance(node, Lookup):
            return f"_table_{node.table}[{self.value(node.index)}]"
        if isinstance(node, Binary):
            return self._wide(node, ">>", node.left, node.right) or (
                f"({self.value(node.left)} {node.op} {self.value(node.right)})"
            )
        return self._call(node)

    def test(self, node: Expression) -> str:
        """Text that is true where the value is not 0."""
        if isinstance(node, Compare):
            return f"({self.value(node.left)} {node.op} {self.value(node.right)})"
        if isinstance(node, Logic):
            op = {"and": "&", "or": "|"}[node.op] if self.arrays else node.op
            return f"({self.test(node.left)} {op} {self.test(node.right)})"
        if isinstance(node, Unary) and node.op == "not":
            return f"np.logical_not({self.test(node.operand)})" if self.arrays else (
                f"(not {self.test(node.operand)})"
            )  # fmt: skip
        return f"({self.value(node)} != 0)"

    def name(self, name: str) -> str:
        if name in self.program.constants:
            value = self.program.constants[name]
            return str(value) if value >= 0 else f"({value})"
        return name

    def _call(self, node: Call) -> str:
        if node.primitive in WIDE_SHIFTS:
            wide = self._wide(node, node.primitive, *node.arguments)
            if wide:
                return wide
        arguments = [self.value(a) for a in node.arguments]
        if node.primitive == "random":
            return f"random_bits({arguments[0]}, {self.draw}, {node.site})"
        if node.primitive == "mulhi" and (k := self._split(node)):
            return f"wide_shrf({', '.join(arguments)}, {k})"
        name = _RENAMED.get(node.primitive, node.primitive)
        return f"{name}({', '.join(arguments)})"

    def _split(self, node: Binary | Call) -> int:
        return self.program.wide.get((node.line, node.column), 0)

    def _wide(self, node: Binary | Call, name: str, value: Expression, amount: Expression) -> str:
        k = self._split(node)
        if not k or name not in WIDE_SHIFTS or not (isinstance(value, Binary) and value.op == "*"):
            return ""
        if isinstance(node, Binary) and node.op != ">>":
            return ""
        function = "wide_shr0" if name == "shr0" else "wide_shrf"
        a, b = self.value(value.left), self.value(value.right)
        return f"{function}({a}, {b}, {self.value(amount)}, {k})"


def stored(target: Format, text: str) -> str:
    """Text of what a format with an overflow mode keeps of the value ``text``."""
    if target.overflow == "fold":
        return f"fold({text}, {target.bits})"
    if target.overflow == "wrap":
        return f"{'wrap' if target.signed else 'uwrap'}({text}, {target.bits})"
    return f"clamp({text}, {target.low}, {target.high})"
