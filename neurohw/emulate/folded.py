"""Equations with everything worked out that a network leaves no choice in.

Parameters that are alike everywhere and registers that nothing moves are numbers; a choice whose test
is decided is the arm it takes, and what then serves nothing is left out. What remains stores the
same values, and counts the same overflows, as all of it would.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from neurohw.chip.model import Neuron
from neurohw.equations import Program
from neurohw.equations.primitives import Interval
from neurohw.equations.program import stored
from neurohw.equations.ranges import Ranges
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
    kinds_in,
    names_in,
)

if TYPE_CHECKING:
    from neurohw.fixed import FixedPopulation


@dataclass(frozen=True)
class Step:
    """Assignment ``k`` of a program as it is left, the interval of its right side, and of what it stores."""

    k: int
    assign: Assign
    interval: Interval
    stored: Interval


def folded(program: Program, known: Mapping[str, int], kept: Collection[str]) -> list[Step]:
    """The assignments that remain if ``known`` names have these values throughout.

    ``kept``: wires whose last value is wanted. An assignment that may overflow, or moves a generator
    on, always remains.
    """
    ranges = ranges_of(program, known)
    steps = []
    for k, assign in enumerate(program.assigns):
        node = _fold(assign.value, ranges)
        interval = ranges.of(node)
        left = stored(program.targets[assign.target], interval)
        ranges.names[assign.target] = left
        if assign.target not in known:
            steps.append(Step(k, replace(assign, value=node), interval, left))
    live = {*program.registers, "spike", "syn", *kept}
    found = []
    for step in reversed(steps):
        target, node = step.assign.target, step.assign.value
        idle = target not in live or (isinstance(node, Name) and node.name == target)
        if overflows(program, step) or "draw" in kinds_in(node) or not idle:
            live = (live - {target}) | names_in(node)
            found.append(step)
    return found[::-1]


def overflows(program: Program, step: Step) -> bool:
    """Whether a store may change or refuse its value."""
    form = program.targets[step.assign.target]
    low, high = step.interval
    return form.overflow != "exact" and not (form.holds(low) and form.holds(high))


def starts(members: Sequence[FixedPopulation]) -> dict[str, Interval]:
    """The ranges of registers before the first tick."""
    found: dict[str, Interval] = {}
    for member in members:
        for register, values in member.start().items():
            low, high = found.get(register, (int(values.min()), int(values.max())))
            found[register] = min(low, int(values.min())), max(high, int(values.max()))
    return found


def still(
    neuron: Neuron, known: Mapping[str, int], starts: Mapping[str, Interval]
) -> dict[str, int]:
    """Registers that hold one number in all neurons for ever: they start with it (``starts``: ranges
    at the start), and no assignment of any phase can store another while all of them hold theirs."""
    found = {r: low for r, (low, high) in starts.items() if low == high}
    while True:
        moved = set()
        for program in neuron.programs.values():
            ranges = ranges_of(program, {**known, **found})
            for assign in program.assigns:
                interval = stored(program.targets[assign.target], ranges.of(assign.value))
                ranges.names[assign.target] = interval
                if assign.target in found and interval != (found[assign.target],) * 2:
                    moved.add(assign.target)
        if not moved:
            return found
        found = {r: value for r, value in found.items() if r not in moved}


def ranges_of(program: Program, known: Mapping[str, int]) -> Ranges:
    """The ranges of all names before the first assignment."""
    found: dict[str, Interval] = {k: (v, v) for k, v in program.constants.items()}
    for declared in (program.registers, program.parameters, program.inputs):
        found.update({k: f.reads for k, f in declared.items()})
    found.update({k: (v, v) for k, v in known.items()})
    return Ranges(found, program.tables, program.generators)


def _fold(node: Expression, ranges: Ranges) -> Expression:
    if isinstance(node, Draw):
        never = node.when is not None and ranges.of(node.when) == (0, 0)
        return Int(node.line, node.column, 0) if never else node
    low, high = ranges.of(node)
    if low == high:
        return Int(node.line, node.column, low)
    if isinstance(node, Choose):
        test = ranges.of(node.test)
        if test == (0, 0):
            return _fold(node.otherwise, ranges)
        if test[0] > 0 or test[1] < 0:
            return _fold(node.then, ranges)
        return replace(
            node, test=_fold(node.test, ranges), then=_fold(node.then, ranges),
            otherwise=_fold(node.otherwise, ranges),
        )  # fmt: skip
    if isinstance(node, Unary):
        return replace(node, operand=_fold(node.operand, ranges))
    if isinstance(node, Binary) and node.op in "+-|^" and ranges.of(node.right) == (0, 0):
        return _fold(node.left, ranges)
    if isinstance(node, (Binary, Compare, Logic)):
        return replace(node, left=_fold(node.left, ranges), right=_fold(node.right, ranges))
    if isinstance(node, Call):
        return replace(node, arguments=tuple(_fold(a, ranges) for a in node.arguments))
    if isinstance(node, Lookup):
        return replace(node, index=_fold(node.index, ranges))
    return node
