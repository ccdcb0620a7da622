"""A program: equations with every name declared and every range proven."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field

from neurohw.equations.parse import parse
from neurohw.equations.primitives import Interval
from neurohw.equations.ranges import Ranges
from neurohw.equations.tree import Assign, Call, Draw, Expression, Name, children
from neurohw.errors import EquationError
from neurohw.fixedpoint import Format


@dataclass(frozen=True)
class Program:
    """Assignments that are proven to be exact in 64 bits.

    ``targets`` are the formats of what may be assigned: registers, which keep their value from one
    execution to the next, and wires, which don't. ``ranges[k]`` is the interval of the value that
    assignment k stores, before the store; ``wide`` says how kernels split products over 64 bits.
    """

    assigns: tuple[Assign, ...]
    registers: Mapping[str, Format]
    wires: Mapping[str, Format]
    parameters: Mapping[str, Format]
    inputs: Mapping[str, Format]
    constants: Mapping[str, int]
    tables: Mapping[str, tuple[int, ...]]
    generators: Mapping[str, int] = field(default_factory=dict)
    ranges: tuple[Interval, ...] = ()
    wide: Mapping[tuple[int, int], int] = field(default_factory=dict)

    @property
    def targets(self) -> dict[str, Format]:
        """Everything that may be assigned, with its format."""
        return {**self.registers, **self.wires}

    @property
    def randoms(self) -> int:
        """How many random numbers one execution draws."""
        return sum(_randoms(a.value) for a in self.assigns)

    @property
    def drawn(self) -> tuple[str, ...]:
        """The generators it draws from, in the order of the first draw."""
        found = [a.value.generator for a in self.assigns if isinstance(a.value, Draw)]
        return tuple(dict.fromkeys(found))

    def may_overflow(self, k: int) -> bool:
        """Whether the store of assignment k can change or refuse its value."""
        store = self.targets[self.assigns[k].target]
        low, high = self.ranges[k]
        return not (store.holds(low) and store.holds(high))


def compile_program(
    text: str,
    *,
    registers: Mapping[str, Format],
    wires: Mapping[str, Format] | None = None,
    parameters: Mapping[str, Format] | None = None,
    inputs: Mapping[str, Format] | None = None,
    constants: Mapping[str, int] | None = None,
    tables: Mapping[str, tuple[int, ...]] | None = None,
    generators: Mapping[str, int] | None = None,
) -> Program:
    """Parse ``text``, check that every name is declared and written before it is read, prove ranges.

    ``generators``: bits of a draw from each. Raises EquationError with the line and column in ``text``.
    """
    program = Program(
        parse(text, tables or {}, generators or {}), dict(registers), dict(wires or {}),
        dict(parameters or {}), dict(inputs or {}), dict(constants or {}), dict(tables or {}),
        dict(generators or {}),
    )  # fmt: skip
    _check_names(program)
    ranges, wide = prove(program)
    return Program(**{**program.__dict__, "ranges": ranges, "wide": wide})


def prove(
    program: Program, narrowed: Mapping[str, Interval] | None = None
) -> tuple[tuple[Interval, ...], dict[tuple[int, int], int]]:
    """The interval of every assigned value, and the wide products.

    ``narrowed`` replaces the declared ranges of registers, parameters or inputs by known ones.
    """
    names: dict[str, Interval] = {k: (v, v) for k, v in program.constants.items()}
    for declared in (program.registers, program.parameters, program.inputs):
        names.update({k: f.reads for k, f in declared.items()})
    names.update(narrowed or {})
    ranges = Ranges(names, program.tables, program.generators)
    found = []
    for assign in program.assigns:
        interval = ranges.of(assign.value)
        store = program.targets[assign.target]
        if store.overflow == "fold" and not (
            store.reads[0] <= interval[0] and interval[1] <= store.reads[1]
        ):
            raise EquationError(
                f"'{assign.target}' is {store}; what it folds can reach {interval[0]}..{interval[1]}, "
                f"more than its container of {store.reads[0]}..{store.reads[1]}: wrap it first",
                assign.line, assign.column,
            )  # fmt: skip
        found.append(interval)
        ranges.names[assign.target] = stored(store, interval)
    return tuple(found), ranges.wide


def stored(store: Format, interval: Interval) -> Interval:
    """The interval of a register after a value of ``interval`` was stored into it."""
    low, high = interval
    if store.overflow == "exact" or (store.holds(low) and store.holds(high)):
        return interval
    if store.overflow == "fold":
        turn = 2 * store.high  # one turn, and only from outside
        low, high = min(store.low, low + turn), max(store.high, high - turn)
        return (low, high) if store.reads[0] <= low and high <= store.reads[1] else store.reads
    if store.overflow == "wrap":
        return store.reads
    low, high = max(low, store.low), min(high, store.high)
    return (low, high) if low <= high else store.reads


def _check_names(program: Program) -> None:
    known = {*program.registers, *program.parameters, *program.inputs, *program.constants}
    assigned: set[str] = set()

    def read(node: Expression) -> None:
        if isinstance(node, Name) and node.name not in known | assigned:
            if node.name in program.wires:
                raise EquationError(
                    f"wire '{node.name}' is read before it is assigned", node.line, node.column
                )
            near = difflib.get_close_matches(node.name, known | assigned, n=1)
            hint = f"; did you mean '{near[0]}'?" if near else ""
            raise EquationError(
                f"'{node.name}' is not declared{hint or '; declare it as register, wire, '}"
                f"{'' if hint else 'parameter, input or constant'}",
                node.line, node.column,
            )  # fmt: skip
        for child in children(node):
            read(child)

    for assign in program.assigns:
        read(assign.value)
        if assign.target not in program.targets:
            fixed = {*program.parameters, *program.inputs, *program.constants}
            why = (
                "can't be assigned: it is no register" if assign.target in fixed
                else "is not declared; declare it under 'registers' or 'wires'"
            )  # fmt: skip
            raise EquationError(f"'{assign.target}' {why}", assign.line, assign.column)
        assigned.add(assign.target)


def _randoms(node: Expression) -> int:
    here = isinstance(node, Call) and node.primitive == "random"
    return here + sum(_randoms(c) for c in children(node))
