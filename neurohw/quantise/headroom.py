"""How far registers can go in the worst case, found from the equations alone.

Ignoring what stores do on overflow, the interval of every register is iterated to a fixed point:
first by plain steps, extrapolated geometrically, until intervals are found that one more tick can't
leave. That interval is a proof; a register without one (an integrator without
leak) is unbounded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neurohw.equations.primitives import Interval
from neurohw.equations.program import Program
from neurohw.equations.ranges import Ranges
from neurohw.errors import EquationError

_HUGE = 10**40
_ROUNDS = 100


@dataclass(frozen=True)
class Phase:
    """Equations that run in every tick, and the intervals of what they are given from outside."""

    program: Program
    given: Mapping[str, Interval]


def worst_case(
    phases: Sequence[Phase],
    codes: Mapping[str, NDArray[np.int64]],
    initial: Mapping[str, NDArray[np.int64]],
) -> dict[str, Interval | None]:
    """The interval that each register and wire needs, None where there is no bound.

    ``phases`` run one after the other in each tick; ``initial`` are the registers before the first.
    """
    fixed = {k: _ends(v) for k, v in codes.items()}
    start = {k: _ends(initial[k]) for k in phases[0].program.registers}
    state = dict(start)
    for _ in range(_ROUNDS):
        history = [state]
        for _ in range(4):
            reached = _tick(phases, fixed, history[-1])
            if reached is None:
                return {k: None for phase in phases for k in phase.program.targets}
            history.append({k: _hull(history[-1][k], reached[k]) for k in start})
        state = dict(history[-1])
        moving = [k for k in start if state[k] != history[-2][k]]
        if not moving:
            return {**(_tick(phases, fixed, state) or {}), **state}
        # One register at a time, in the order of the profile: one that follows another would be
        # thrown far beyond its end while that other one still moves.
        first = moving[0]
        state[first] = _hull(state[first], _extrapolate([h[first] for h in history]))
        if _size(state[first]) > _HUGE:
            break
    return _bounded_part(phases, fixed, start)


def _size(x: Interval) -> int:
    return max(abs(x[0]), abs(x[1]))


def _bounded_part(
    phases: Sequence[Phase], fixed: Mapping[str, Interval], start: dict[str, Interval]
) -> dict[str, Interval | None]:
    """Bounds of the registers that don't grow, when some do: those reached after many ticks."""
    state, before = dict(start), dict(start)
    for _ in range(500):
        before = state
        reached = _tick(phases, fixed, state)
        if reached is None:
            return {k: None for phase in phases for k in phase.program.targets}
        state = {k: _hull(state[k], reached[k]) for k in start}
    reached = _tick(phases, fixed, state)
    steady = {k: state[k] == before[k] for k in start}
    found: dict[str, Interval | None] = {k: state[k] if steady[k] else None for k in start}
    for wire in phases[0].program.wires:
        old = (_tick(phases, fixed, before) or {}).get(wire)
        found[wire] = None if reached is None or reached.get(wire) != old else reached.get(wire)
    return found


def _tick(
    phases: Sequence[Phase], fixed: Mapping[str, Interval], state: Mapping[str, Interval]
) -> dict[str, Interval] | None:
    """Intervals of everything assigned, after one tick without any overflow rule."""
    seen: dict[str, Interval] = {}
    now = dict(state)
    for phase in phases:
        program = phase.program
        constants = {k: (v, v) for k, v in program.constants.items()}
        ranges = Ranges(
            {**constants, **fixed, **phase.given, **now}, program.tables, program.generators,
            limit=(-(10**60), 10**60),
        )  # fmt: skip
        try:
            for assign in program.assigns:
                value = ranges.of(assign.value)
                ranges.names[assign.target] = value
                wire = assign.target in program.wires
                seen[assign.target] = (
                    _hull(seen.get(assign.target, value), value) if wire else value
                )
        except EquationError:
            return None
        now = {k: ranges.names[k] for k in state}
    return {**{k: state[k] for k in state}, **seen}


def _extrapolate(history: list[Interval]) -> Interval:
    """Where the two ends of an interval are going."""
    return _limit([h[0] for h in history]), _limit([h[1] for h in history])


def _limit(values: list[int]) -> int:
    """Where a geometric approach ends, and a little beyond."""
    last, step, before = values[-1], values[-1] - values[-2], values[-2] - values[-3]
    if step == 0:
        return last
    ratio = min(step / before, 0.9999999) if before and step / before > 0 else 0.5
    rest = step * ratio / (1 - ratio)
    spare = abs(last + rest) * 0.002 + 4
    return int(last + rest + (spare if step > 0 else -spare))


def _ends(values: NDArray[np.int64]) -> Interval:
    return int(values.min()), int(values.max())


def _hull(a: Interval, b: Interval) -> Interval:
    return min(a[0], b[0]), max(a[1], b[1])
