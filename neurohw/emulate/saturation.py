"""Sums whose overflow is tested by signs, as circuits do, are saturating sums.

    s = a + b                                  # wraps
    y = high if a >= 0 and b >= 0 and s < 0 else low if a < 0 and b < 0 and s >= 0 else s

If a and b are in low .. high, their sum wraps at most once. Of unlike signs it stays inside, and s is the
sum. Both at least 0: it is above high exactly if s is below 0. Both below 0: it is below low exactly
if s is not. So y is the sum held to low .. high, which takes two comparisons, not six.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from neurohw.emulate.folded import Step, overflows
from neurohw.equations import Program
from neurohw.equations.primitives import Interval
from neurohw.equations.ranges import Ranges
from neurohw.equations.tree import (
    Binary,
    Choose,
    Compare,
    Expression,
    Int,
    Logic,
    Name,
    names_in,
    show,
)
from neurohw.fixedpoint import Format


def saturating(
    program: Program, steps: Sequence[Step], known: Mapping[str, Interval]
) -> dict[int, int]:
    """For each assignment that saturates a sum this way, the assignment of the sum. ``known``: ranges of
    names, where they are smaller than the formats say."""
    sums: dict[str, tuple[int, Step]] = {}
    found: dict[int, int] = {}
    ranges = Ranges(dict(known), program.tables, program.generators)
    for at, step in enumerate(steps):
        node, form = step.assign.value, program.targets[step.assign.target]
        if isinstance(node, Choose) and isinstance(node.otherwise, Choose):
            rest = node.otherwise.otherwise
            if isinstance(rest, Name) and rest.name in sums:
                before, sum_ = sums[rest.name]
                between = {s.assign.target for s in steps[before + 1 : at]}
                if not between & names_in(sum_.assign.value) and _tested(
                    node, node.otherwise, sum_.assign.value, rest, program.targets[rest.name]
                ):
                    found[step.k] = sum_.k
        sums = {k: v for k, v in sums.items() if k != step.assign.target}
        if (
            isinstance(node, Binary) and node.op == "+" and form.overflow == "wrap" and form.signed
            and form.bits <= 30 and overflows(program, step)
        ):  # fmt: skip
            ends = [ranges.of(side) for side in (node.left, node.right)]
            if all(form.low <= low and high <= form.high for low, high in ends):
                sums[step.assign.target] = at, step
        ranges.names[step.assign.target] = step.stored
    return found


def _tested(
    first: Choose, second: Choose, sum_: Expression, name: Name, form: Format
) -> bool:  # fmt: skip
    """Whether these choices are the two tests of a sum that is stored as ``name``."""
    assert isinstance(sum_, Binary)
    sides = [show(sum_.left), show(sum_.right)]
    above = {*((side, ">=") for side in sides), (name.name, "<")}
    below = {*((side, "<") for side in sides), (name.name, ">=")}
    return (
        isinstance(first.then, Int) and first.then.value == form.high
        and isinstance(second.then, Int) and second.then.value == form.low
        and name.name not in names_in(sum_)
        and _signs(first.test) == above and _signs(second.test) == below
    )  # fmt: skip


def _signs(node: Expression) -> set[tuple[str, str]] | None:
    """What is compared with 0 and how, if a test is nothing but comparisons joined by ``and``."""
    if isinstance(node, Logic) and node.op == "and":
        left, right = _signs(node.left), _signs(node.right)
        return None if left is None or right is None else left | right
    if isinstance(node, Compare) and isinstance(node.right, Int) and node.right.value == 0:
        return {(show(node.left), node.op)}
    return None
