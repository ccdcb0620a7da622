"""The kernel that runs stack programs: one compilation serves every model.

An instruction is carried out for several lanes, trials or compartments, before the next is looked at. The
numbers of the instructions are those of ``program.CODES``.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit

LANES = 16
"""Trials that are stepped together."""


@njit(cache=True, nogil=True, error_model="numpy")  # type: ignore[untyped-decorator, unused-ignore]
def execute(
    code: Any, constants: Any, first: int, last: int, slots: Any, stack: Any, lo: int, hi: int
) -> None:
    """Run instructions ``first`` to ``last - 1`` in lanes ``lo`` to ``hi - 1``.

    ``slots`` (slots, lanes), ``stack`` (depth, lanes); what is left on the stack is in its first row.
    """
    top = -1
    for k in range(first, last):
        op, argument = code[k, 0], code[k, 1]
        if op < 2 or op in {19, 20}:
            top += 1
            if op == 0:
                for b in range(lo, hi):
                    stack[top, b] = constants[argument]
            elif op == 1:
                for b in range(lo, hi):
                    stack[top, b] = slots[argument, b]
            elif op == 19:
                for b in range(lo, hi):
                    stack[top, b] = np.random.normal()  # noqa: NPY002  what numba has
            else:
                for b in range(lo, hi):
                    stack[top, b] = np.random.random()  # noqa: NPY002
            continue
        if op == 2:
            for b in range(lo, hi):
                slots[argument, b] = stack[top, b]
            top -= 1
        elif op == 8:
            for b in range(lo, hi):
                stack[top, b] = -stack[top, b]
        elif op == 9:
            for b in range(lo, hi):
                stack[top, b] = math.exp(stack[top, b])
        elif op == 10:
            for b in range(lo, hi):
                stack[top, b] = np.log(stack[top, b])
        elif op == 11:
            for b in range(lo, hi):
                stack[top, b] = np.sqrt(stack[top, b])
        elif op == 12:
            for b in range(lo, hi):
                stack[top, b] = math.tanh(stack[top, b])
        elif op == 13:
            for b in range(lo, hi):
                stack[top, b] = math.cosh(stack[top, b])
        elif op == 14:
            for b in range(lo, hi):
                stack[top, b] = math.sin(stack[top, b])
        elif op == 15:
            for b in range(lo, hi):
                stack[top, b] = abs(stack[top, b])
        elif op == 16:
            for b in range(lo, hi):
                z = stack[top, b]
                stack[top, b] = math.expm1(z) / z if abs(z) > 1e-16 else 1.0
        elif op == 18:
            top -= 2
            for b in range(lo, hi):
                low, high = stack[top + 1, b], stack[top + 2, b]
                stack[top, b] = min(max(stack[top, b], low), high)
        elif op == 25:
            for b in range(lo, hi):
                z = stack[top, b]
                square = z * z
                stack[top, b] = (
                    square if argument == 2 else square * (z if argument == 3 else square)
                )
        elif op != 17:
            top -= 1
            if op == 3:
                for b in range(lo, hi):
                    stack[top, b] += stack[top + 1, b]
            elif op == 4:
                for b in range(lo, hi):
                    stack[top, b] -= stack[top + 1, b]
            elif op == 5:
                for b in range(lo, hi):
                    stack[top, b] *= stack[top + 1, b]
            elif op == 6:
                for b in range(lo, hi):
                    stack[top, b] /= stack[top + 1, b]
            elif op == 7:
                for b in range(lo, hi):
                    stack[top, b] = stack[top, b] ** stack[top + 1, b]
            else:
                for b in range(lo, hi):
                    x, y = stack[top, b], stack[top + 1, b]
                    if op > 22:
                        x, y = y, x
                    true = x < y if op in {21, 23} else x <= y
                    stack[top, b] = 1.0 if true else 0.0


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator, unused-ignore]
def march(
    code: Any, constants: Any, rhs: Any, drawn: Any, threshold: Any, reset: Any, events: Any,
    event_step: Any, event_trial: Any, event_kind: Any, drive: Any, x: Any, held: Any, n_slots: int,
    depth: int, dt: float, steps: int, euler: bool, frozen: int, seed: int, probes: Any, stride: int,
    out: Any, spike_trial: Any, spike_step: Any,
) -> int:  # fmt: skip
    """Step all trials of a model; returns the number of spikes, or -1 - trial where it diverged.

    ``drive`` float64 (trials or 1, steps or 1, 0 or 1); ``x`` (states, trials) is the state, changed in
    place; ``held`` marks the states that stand still after a spike for ``frozen`` steps. Events are
    sorted by step, then trial. ``out`` (trials, samples, probes). A step: the drive and the noise are
    set and held, states are advanced, the threshold is tested, events and then resets act. Trials that
    draw noise run one after another, each from a seed of its own. Of spikes that don't fit into
    ``spike_step`` only the number is kept.
    """
    n, trials = x.shape
    draws, resets, tests = drawn[1] > drawn[0], reset[1] > reset[0], threshold[1] > threshold[0]
    lanes = 1 if draws else min(LANES, trials)
    slots, stack = np.zeros((n_slots, lanes)), np.zeros((depth, lanes))
    total, base, spikes = np.zeros((n, lanes)), n_slots - n, 0
    still, above = np.zeros(lanes, np.int64), np.zeros(lanes, np.bool_)
    for low in range(0, trials, lanes):
        size = min(lanes, trials - low)
        if draws:
            np.random.seed(seed + low)  # noqa: NPY002
        for b in range(size):
            still[b], above[b] = 0, False
        event = 0
        for step in range(-1, steps):
            for i in range(n):
                for b in range(size):
                    slots[i, b] = x[i, low + b]
                    total[i, b] = 0.0
            if drive.shape[2]:
                for b in range(size):
                    row = min(low + b, drive.shape[0] - 1)
                    slots[n, b] = drive[row, min(max(step, 0), drive.shape[1] - 1), 0]
            if draws:
                execute(code, constants, drawn[0], drawn[1], slots, stack, 0, size)
            if step >= 0:
                for stage in range(1 if euler else 4):
                    execute(code, constants, rhs[0], rhs[1], slots, stack, 0, size)
                    weight = 1.0 if euler else 1.0 / 6.0 if stage in {0, 3} else 1.0 / 3.0
                    ahead = dt if stage == 2 else 0.5 * dt
                    for i in range(n):
                        for b in range(size):
                            rate = 0.0 if held[i] and still[b] > 0 else slots[base + i, b]
                            total[i, b] += weight * rate
                            slots[i, b] = x[i, low + b] + ahead * rate
                for i in range(n):
                    for b in range(size):
                        slots[i, b] = x[i, low + b] + dt * total[i, b]
                        if not math.isfinite(slots[i, b]):
                            return -1 - low - b
            sampled = step >= 0 and step % stride == 0 and probes.size > 0
            if tests:
                execute(code, constants, rhs[0], rhs[1], slots, stack, 0, size)
                execute(code, constants, threshold[0], threshold[1], slots, stack, 0, size)
            changed = not tests
            for b in range(size):
                now = tests and stack[0, b] > 0
                fires = step >= 0 and now and (still[b] == 0 if resets else not above[b])
                above[b] = now
                still[b] = frozen if fires and resets else max(still[b] - 1, 0)
                while event < event_step.size and event_step[event] == step and (
                    event_trial[event] < low + b + 1
                ):  # fmt: skip
                    if event_trial[event] == low + b:
                        kind = event_kind[event]
                        execute(
                            code,
                            constants,
                            events[kind, 0],
                            events[kind, 1],
                            slots,
                            stack,
                            b,
                            b + 1,
                        )
                        changed = True
                    event += 1
                if fires:
                    if resets:
                        execute(code, constants, reset[0], reset[1], slots, stack, b, b + 1)
                        changed = True
                    if spikes < spike_step.size:
                        spike_trial[spikes], spike_step[spikes] = low + b, step
                    spikes += 1
            while event < event_step.size and event_step[event] <= step:
                event += 1
            for i in range(n):
                for b in range(size):
                    x[i, low + b] = slots[i, b]
            if sampled:
                if changed:
                    execute(code, constants, rhs[0], rhs[1], slots, stack, 0, size)
                for b in range(size):
                    for k in range(probes.size):
                        out[low + b, step // stride, k] = slots[probes[k], b]
    return spikes
