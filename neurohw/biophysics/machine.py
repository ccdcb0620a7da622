"""The kernel that runs stack programs: one compilation serves every model.

The numbers of the instructions are those of ``program.CODES``.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator, unused-ignore]
def execute(code: Any, constants: Any, first: int, last: int, slots: Any, stack: Any) -> float:
    """Run instructions ``first`` to ``last - 1``; returns what is on the stack, or 0."""
    top = -1
    for k in range(first, last):
        op, argument = code[k, 0], code[k, 1]
        if op == 0:
            top += 1
            stack[top] = constants[argument]
        elif op == 1:
            top += 1
            stack[top] = slots[argument]
        elif op == 2:
            slots[argument] = stack[top]
            top -= 1
        elif op == 3:
            top -= 1
            stack[top] += stack[top + 1]
        elif op == 4:
            top -= 1
            stack[top] -= stack[top + 1]
        elif op == 5:
            top -= 1
            stack[top] *= stack[top + 1]
        elif op == 6:
            top -= 1
            y = stack[top + 1]
            stack[top] = stack[top] / y if y != 0 else np.nan
        elif op == 7:
            top -= 1
            y, x = stack[top + 1], stack[top]
            if y == 2.0:
                stack[top] = x * x
            elif y == 3.0:
                stack[top] = x * x * x
            elif y == 4.0:
                stack[top] = (x * x) * (x * x)
            else:
                stack[top] = x**y
        elif op == 8:
            stack[top] = -stack[top]
        elif op == 9:
            stack[top] = math.exp(min(stack[top], 700.0))
        elif op == 10:
            stack[top] = math.log(stack[top]) if stack[top] > 0 else np.nan
        elif op == 11:
            stack[top] = math.sqrt(stack[top]) if stack[top] >= 0 else np.nan
        elif op == 12:
            stack[top] = math.tanh(stack[top])
        elif op == 13:
            stack[top] = math.cosh(min(abs(stack[top]), 700.0))
        elif op == 14:
            stack[top] = math.sin(stack[top])
        elif op == 15:
            stack[top] = abs(stack[top])
        elif op == 16:
            x = stack[top]
            stack[top] = math.expm1(min(x, 700.0)) / x if abs(x) > 1e-16 else 1.0
        elif op == 18:
            top -= 2
            stack[top] = min(max(stack[top], stack[top + 1]), stack[top + 2])
        elif op == 19:
            top += 1
            stack[top] = np.random.normal()  # noqa: NPY002  what numba has
        elif op == 20:
            top += 1
            stack[top] = np.random.random()  # noqa: NPY002
        elif op > 20:
            top -= 1
            x, y = stack[top], stack[top + 1]
            true = x < y if op == 21 else x <= y if op == 22 else x > y if op == 23 else x >= y
            stack[top] = 1.0 if true else 0.0
    return stack[top] if top >= 0 else 0.0


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator, unused-ignore]
def march(
    code: Any, constants: Any, rhs: Any, drawn: Any, threshold: Any, reset: Any, events: Any,
    event_step: Any, event_trial: Any, event_kind: Any, drive: Any, x: Any, held: Any, n_slots: int,
    depth: int, dt: float, steps: int, euler: bool, frozen: int, seed: int, probes: Any, stride: int,
    out: Any, spike_trial: Any, spike_step: Any,
) -> int:  # fmt: skip
    """Step all trials of a model; returns the number of spikes, or -1 - trial where it diverged.

    ``drive`` float64 (trials or 1, steps or 1, 0 or 1); ``x`` (trials, states) is the state, changed in
    place; ``held`` marks the states that stand still after a spike for ``frozen`` steps. Events are
    sorted by trial, then step. ``out`` (trials, samples, probes). A step: the drive and the noise are
    set and held, states are advanced, the threshold is tested, events and then resets act.
    Of spikes that don't fit into ``spike_step`` only the number is kept.
    """
    trials, n = x.shape
    slots, stack = np.zeros(n_slots), np.zeros(depth)
    total, base = np.zeros(n), n_slots - n
    resets, tests = reset[1] > reset[0], threshold[1] > threshold[0]
    spikes, event = 0, 0
    np.random.seed(seed)  # noqa: NPY002
    for trial in range(trials):
        row = min(trial, drive.shape[0] - 1)
        y = x[trial]
        still, above = 0, False
        if tests:
            slots[:n] = y
            execute(code, constants, rhs[0], rhs[1], slots, stack)
            above = execute(code, constants, threshold[0], threshold[1], slots, stack) > 0
        while event < event_step.size and event_trial[event] < trial:
            event += 1
        for step in range(steps):
            slots[:n] = y
            if drive.shape[2]:
                slots[n] = drive[row, min(step, drive.shape[1] - 1), 0]
            if drawn[1] > drawn[0]:
                execute(code, constants, drawn[0], drawn[1], slots, stack)
            total[:] = 0.0
            for stage in range(1 if euler else 4):
                execute(code, constants, rhs[0], rhs[1], slots, stack)
                weight = 1.0 if euler else (2.0 if stage in (1, 2) else 1.0) / 6.0
                ahead = dt if stage == 2 else 0.5 * dt
                for i in range(n):
                    rate = 0.0 if still > 0 and held[i] else slots[base + i]
                    total[i] += weight * rate
                    slots[i] = y[i] + ahead * rate
            for i in range(n):
                y[i] += dt * total[i]
            for i in range(n):
                if not math.isfinite(y[i]):
                    return -1 - trial
            slots[:n] = y
            fires = False
            if tests:
                execute(code, constants, rhs[0], rhs[1], slots, stack)
                now = execute(code, constants, threshold[0], threshold[1], slots, stack) > 0
                fires = now and (still == 0 if resets else not above)
                above = now
            still = max(still - 1, 0)
            while (event < event_step.size and event_trial[event] == trial
                   and event_step[event] == step):  # fmt: skip
                part = events[event_kind[event]]
                execute(code, constants, part[0], part[1], slots, stack)
                event += 1
            if fires:
                if resets:
                    execute(code, constants, reset[0], reset[1], slots, stack)
                    still = frozen
                if spikes < spike_step.size:
                    spike_trial[spikes], spike_step[spikes] = trial, step
                spikes += 1
            y[:] = slots[:n]
            if step % stride == 0 and probes.size:
                execute(code, constants, rhs[0], rhs[1], slots, stack)
                for k in range(probes.size):
                    out[trial, step // stride, k] = slots[probes[k]]
    return spikes
