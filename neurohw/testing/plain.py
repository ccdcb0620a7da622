"""A program as one Python function over unlimited integers: the interpreter, many times faster.

The function is made from the tree and the primitives' definitions alone, shares nothing with the
kernels, and does what ``neurohw.equations.interpret.execute`` does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from neurohw.emulate.store import load_kernel
from neurohw.equations import Program
from neurohw.equations.primitives import PRIMITIVES
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
from neurohw.fixedpoint import Format


@dataclass
class Outcome:
    """What executions left: for each the values in order of ``names`` (None if a store failed);
    ``overflows``: execution and site of each store that changed its value; ``failures``: by
    execution the site and the value that a format without an overflow mode can't hold."""

    rows: list[tuple[int, ...] | None] = field(default_factory=list)
    overflows: list[tuple[int, int]] = field(default_factory=list)
    failures: dict[int, tuple[int, int]] = field(default_factory=dict)


@dataclass(frozen=True)
class Plain:
    """``run(rows, random, take, outcome)``: rows hold a number for ``random`` and the values of
    ``given``; the outcome's rows hold those of ``names``."""

    given: tuple[str, ...]
    names: tuple[str, ...]
    text: str
    run: Callable[
        [Iterable[Sequence[int]], Callable[[int, int, int], int], Callable[[str], int], Outcome],
        None,
    ]


def plain(
    program: Program, inputs: Mapping[str, tuple[Format, int]] | None = None, first: int = 0
) -> Plain:
    """The function of a program.

    inputs: what is stored before the first assignment, with its format and its site.
    first: the site of the first assignment.
    """
    given = (*program.registers, *program.parameters, *program.inputs)
    written = dict.fromkeys([*program.registers, *(a.target for a in program.assigns)])
    names = tuple(written | dict.fromkeys(program.inputs))
    known: dict[str, Any] = {f"_{k}": p.define for k, p in PRIMITIVES.items()}
    known |= {f"_table_{k}": values for k, values in program.tables.items()}
    lines: list[str] = []

    def store(target: str, form: Format, site: int) -> None:
        if form.overflow == "exact":
            return
        lines.append(f"if not {form.low} <= {target} <= {form.high}:")
        lines.append(f"    _out.overflows.append((_n, {site}))")
        if form.overflow == "error":
            lines.append(f"    _out.failures[_n] = ({site}, {target})")
            lines.append("    _out.rows.append(None)")
            lines.append("    continue")
        else:
            known[f"_store_{site}"] = form.store
            lines.append(f"    {target} = _store_{site}({target})")

    for name, (form, site) in (inputs or {}).items():
        store(name, form, site)
    for k, assign in enumerate(program.assigns):
        lines.append(f"{assign.target} = {_text(assign.value, program)}")
        store(assign.target, program.targets[assign.target], first + k)
    lines.append(f"_out.rows.append(({' '.join(f'{n},' for n in names)}))")
    known["_enumerate"] = enumerate
    text = "\n".join(
        [
            f"def make({', '.join(known)}):",
            "    def run(_rows, _random, _take, _out):",
            f"        for _n, ({' '.join(f'{n},' for n in ('_number', *given))}) in _enumerate(_rows):",
            *(f"            {line}" for line in lines),
            "    return run",
        ]
    )
    # Loaded as kernels are; what differs between programs of one text comes in as arguments.
    return Plain(given, names, text, load_kernel(text + "\n").make(**known))


def _text(node: Expression, program: Program) -> str:
    """The exact value of an expression as Python text."""
    if isinstance(node, Int):
        return f"({node.value})"
    if isinstance(node, Name):
        constant = program.constants.get(node.name)
        return node.name if constant is None else f"({constant})"
    if isinstance(node, Draw):
        taken = f"_take('{node.generator}')"
        if node.when is None:
            return taken
        return f"({taken} if {_text(node.when, program)} else 0)"
    if isinstance(node, Lookup):
        return f"_table_{node.table}[{_text(node.index, program)}]"
    if isinstance(node, Unary):
        x = _text(node.operand, program)
        return f"(({x} == 0) * 1)" if node.op == "not" else f"({node.op}{x})"
    if isinstance(node, Binary):
        return f"({_text(node.left, program)} {node.op} {_text(node.right, program)})"
    if isinstance(node, Compare):
        return f"(({_text(node.left, program)} {node.op} {_text(node.right, program)}) * 1)"
    if isinstance(node, Logic):
        a, b = _text(node.left, program), _text(node.right, program)
        return f"((({a}) != 0 {node.op} ({b}) != 0) * 1)"
    if isinstance(node, Choose):
        test, then, other = (_text(n, program) for n in (node.test, node.then, node.otherwise))
        return f"({then} if {test} else {other})"
    return _call(node, program)


def _call(node: Call, program: Program) -> str:
    arguments = ", ".join(_text(a, program) for a in node.arguments)
    if node.primitive == "random":
        return f"_random(_number, {arguments}, {node.site})"
    return f"_{node.primitive}({arguments})"
