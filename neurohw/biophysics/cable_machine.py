"""The kernel that steps a cable: gates by exponential Euler, then the potential implicitly.

As Brian 2 does: gates advance in the old potential, then ``c (V' − V)/dt = I₀ − G V' + axial(V')`` is
solved for all compartments at once, a tridiagonal system (M. Hines, Int. J. Biomed. Comput. 15, 69 (1984)).
A gate's rate is linear in the gate, and the current linear in V: two evaluations give line and slope.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit

from neurohw.biophysics.machine import execute


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator, unused-ignore]
def march_cable(
    code: Any, constants: Any, gates: Any, current: Any, own: Any, first_own: int, im: int, x: Any,
    c_m: Any, area: Any, coupling: Any, at: int, drive: Any, n_slots: int, depth: int, dt: float,
    steps: int, threshold: float, probes: Any, stride: int, out: Any, spike_step: Any, spike_at: Any,
) -> int:  # fmt: skip
    """Step one trial; returns the number of spikes, or -1 where it diverged.

    ``x`` (states, compartments) with the potential first is changed in place; ``own`` (varying,
    compartments) fills the slots from ``first_own``; ``coupling`` (compartments - 1) in S, ``area`` in m²;
    ``drive`` (steps or 1) in A into compartment ``at``. ``out`` (samples, compartments, probes).
    """
    states, n = x.shape
    slots, stack = np.zeros((n_slots, n)), np.zeros((depth, n))
    for i in range(own.shape[0]):
        for k in range(n):
            slots[first_own + i, k] = own[i, k]
    base = n_slots - states
    rate, flow, slope = np.zeros((states, n)), np.zeros(n), np.zeros(n)
    diagonal, right, upper = np.zeros(n), np.zeros(n), np.zeros(n)
    above = x[0] > threshold
    spikes, nudge = 0, 1e-3
    for step in range(steps):
        for i in range(states):
            for k in range(n):
                slots[i, k] = x[i, k]
        for phase in range(4):  # gates, gates nudged, current, current at a nudged potential
            part = gates if phase < 2 else current
            execute(code, constants, part[0], part[1], slots, stack, 0, n)
            if phase == 0:
                for i in range(1, states):
                    for k in range(n):
                        rate[i, k] = slots[base + i, k]
                        slots[i, k] = x[i, k] + 0.5
            elif phase == 1:
                for i in range(1, states):
                    for k in range(n):
                        s = (slots[base + i, k] - rate[i, k]) / 0.5
                        gain = dt if s == 0.0 else math.expm1(s * dt) / s
                        x[i, k] += gain * rate[i, k]
                        slots[i, k] = x[i, k]
            elif phase == 2:
                for k in range(n):
                    flow[k] = slots[im, k]
                    slots[0, k] = x[0, k] + nudge
            else:
                for k in range(n):
                    slope[k] = (slots[im, k] - flow[k]) / nudge
        for k in range(n):
            v = x[0, k]
            diagonal[k] = (c_m[k] / dt - slope[k]) * area[k]
            right[k] = (c_m[k] / dt * v + flow[k] - slope[k] * v) * area[k]
        right[at] += drive[min(step, drive.size - 1)]
        for k in range(n - 1):
            diagonal[k] += coupling[k]
            diagonal[k + 1] += coupling[k]
        for k in range(n):
            if k > 0:
                diagonal[k] -= coupling[k - 1] * upper[k - 1]
                right[k] += coupling[k - 1] * right[k - 1]
            if k < n - 1:
                upper[k] = coupling[k] / diagonal[k]
            right[k] /= diagonal[k]
        for k in range(n - 2, -1, -1):
            right[k] += upper[k] * right[k + 1]
        for k in range(n):
            if not math.isfinite(right[k]):
                return -1
            x[0, k] = right[k]
            now = right[k] > threshold
            if now and not above[k]:
                if spikes < spike_step.size:
                    spike_step[spikes], spike_at[spikes] = step, k
                spikes += 1
            above[k] = now
        if step % stride == 0:
            for k in range(n):
                for i in range(probes.size):
                    out[step // stride, k, i] = x[probes[i], k]
    return spikes
