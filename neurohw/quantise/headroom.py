"""How far registers can go in the worst case, found from the equations alone.

Ignoring what stores do on overflow, the interval of every register is iterated to a fixed point:
first by plain steps, extrapolated geometrically, until intervals are found that one more tick can't
leave. That interval is a proof; a register without one (an integrator without
leak) is unbounded.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from neurohw.equations.primitives import Interval
from neurohw.equations.program import Program
from neurohw.equations.ranges import Ranges
from neurohw.errors import EquationError

_HUGE = 10**40
_ROUNDS = 100


def worst_case(
    program: Program,
    codes: Mapping[str, NDArray[np.int64]],
    initial: Mapping[str, NDArray[np.int64]],
    arriving: Interval,
) -> dict[str, Interval | None]:
    """The interval that each register and wire needs, None where there is no bound.

    ``arriving`` is the interval of the input; ``initial`` are the registers before the first tick.
    """
    fixed: dict[str, Interval] = {k: (v, v) for k, v in program.constants.items()}
    fixed.update({k: _ends(v) for k, v in codes.items()})
    fixed.update(dict.fromkeys(program.inputs, arriving))
    start = {k: _ends(initial[k]) for k in program.registers}
    state = dict(start)
    for _ in range(_ROUNDS):
        history = [state]
        for _ in range(4):
            reached = _tick(program, fixed, history[-1])
            if reached is None:
                return dict.fromkeys(program.targets)
            history.append({k: _hull(history[-1][k], reached[k]) for k in start})
        state = dict(history[-1])
        moving = [k for k in start if state[k] != history[-2][k]]
        if not moving:
            return {**(_tick(program, fixed, state) or {}), **state}
        # One register at a time, in the order of the profile: one that follows another would be
        # thrown far beyond its end while that other one still moves.
        first = moving[0]
        state[first] = _hull(state[first], _extrapolate([h[first] for h in history]))
        if _size(state[first]) > _HUGE:
            break
    return _bounded_part(program, fixed, start)


def _size(x: Interval) -> int:
    return max(abs(x[0]), abs(x[1]))


def _bounded_part(
    program: Program, fixed: Mapping[str, Interval], start: dict[str, Interval]
) -> dict[str, Interval | None]:
    """Bounds of the registers that don't grow, when some do: those reached after many ticks."""
    state, before = dict(start), dict(start)
    for _ in range(500):
        before = state
        reached = _tick(program, fixed, state)
        if reached is None:
            return dict.fromkeys(program.targets)
        state = {k: _hull(state[k], reached[k]) for k in start}
    reached = _tick(program, fixed, state)
    steady = {k: state[k] == before[k] for k in start}
    found: dict[str, Interval | None] = {k: state[k] if steady[k] else None for k in start}
    for wire in program.wires:
        old = (_tick(program, fixed, before) or {}).get(wire)
        found[wire] = None if reached is None or reached[wire] != old else reached[wire]
    return found


def _tick(
    program: Program, fixed: Mapping[str, Interval], state: Mapping[str, Interval]
) -> dict[str, Interval] | None:
    """Intervals of everything assigned, after one tick without any overflow rule."""
    ranges = Ranges({**fixed, **state}, program.tables, limit=(-(10**60), 10**60))
    seen: dict[str, Interval] = {}
    try:
        for assign in program.assigns:
            value = ranges.of(assign.value)
            ranges.names[assign.target] = value
            wire = assign.target in program.wires
            seen[assign.target] = _hull(seen.get(assign.target, value), value) if wire else value
    except EquationError:
        return None
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
