"""Hodgkin-Huxley with every channel counted: an exact simulation of the Markov chains.

Between two steps of dt the potential is held; channels jump one at a time, after exponential waits.
D. T. Gillespie, J. Phys. Chem. 81, 2340 (1977).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numba import njit

from neurohw.biophysics.channels import (
    LANGEVIN,
    POTASSIUM,
    SODIUM,
    occupancy,
    potassium_occupancy,
    transitions_table,
)
from neurohw.biophysics.conductances import HODGKIN_HUXLEY
from neurohw.biophysics.phase import rest
from neurohw.biophysics.stimulus import Stimulus
from neurohw.errors import InputError
from neurohw.network.checks import whole
from neurohw.network.events import Spikes
from neurohw.recording import Recording, Trace

NAME = "hodgkin-huxley-channels"


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator, unused-ignore]
def _jump(
    table: Any, opens: Any, count: Any, numbers: Any, constants: Any, drive: Any, v: float,
    clamped: bool, dt: float, steps: int, seed: int, stride: int, out: Any, spikes: Any,
) -> int:  # fmt: skip
    """One trial; ``count`` int64 (13,) is changed in place. ``out`` (samples, 3): V, open Na, open K."""
    g_na, g_k, g_l, e_na, e_k, e_l, c_m, phi = constants
    np.random.seed(seed)  # noqa: NPY002  what numba has
    gate, rate = np.zeros(6), np.zeros(table.shape[0])
    found, above = 0, v > 0
    for step in range(steps):
        current = drive[min(step, drive.size - 1)]
        if clamped:
            v = current
        x = 1000.0 * v
        for k, (half, alpha) in enumerate(((-40.0, 1.0), (-55.0, 0.1))):
            y = -(x - half) / 10.0
            gate[4 * k] = 1000.0 * alpha / (math.expm1(y) / y if abs(y) > 1e-9 else 1.0)
        gate[1] = 4000.0 * math.exp(-(x + 65.0) / 18.0)
        gate[2] = 70.0 * math.exp(-(x + 65.0) / 20.0)
        gate[3] = 1000.0 / (math.exp(-(x + 35.0) / 10.0) + 1.0)
        gate[5] = 125.0 * math.exp(-(x + 65.0) / 80.0)
        left = dt
        while True:
            total = 0.0
            for k in range(table.shape[0]):
                rate[k] = phi * count[table[k, 0]] * table[k, 2] * gate[table[k, 3]]
                total += rate[k]
            left -= -math.log(1.0 - np.random.random()) / total  # noqa: NPY002
            if left <= 0:
                break
            pick, k = np.random.random() * total - rate[0], 0  # noqa: NPY002
            while pick >= 0 and k < table.shape[0] - 1:
                k += 1
                pick -= rate[k]
            count[table[k, 0]] -= 1
            count[table[k, 1]] += 1
        na, kk = count[opens[0]] / numbers[0], count[opens[1]] / numbers[1]
        if not clamped:
            # Exact for held channels: V relaxes exponentially to where the currents cancel.
            g = g_na * na + g_k * kk + g_l
            end = (g_na * na * e_na + g_k * kk * e_k + g_l * e_l + current) / g
            v = end + (v - end) * math.exp(-dt * g / c_m)
        if v > 0 and not above and not clamped:
            if found < spikes.size:
                spikes[found] = step
            found += 1
        above = v > 0
        if step % stride == 0:
            out[step // stride, 0], out[step // stride, 1], out[step // stride, 2] = v, na, kk
    return found


def simulate_channels(
    stimulus: Stimulus, n_na: int, n_k: int, *, seed: int = 0, stride: int = 1, clamped: bool = False,
    parameters: Mapping[str, float] = {},
) -> Recording:  # fmt: skip
    """``n_na`` sodium and ``n_k`` potassium channels on a current density in A/m², exactly.

    Traces 'v' (V), 'm3h1' and 'n4_' (open shares), named as those of the Langevin model. ``clamped``:
    the stimulus is the potential in V. ``parameters``: other values of the Hodgkin-Huxley model's. Trial
    k draws from ``seed + k``.
    """
    n_na, n_k = whole("n_na", n_na, 1, 10**8), whole("n_k", n_k, 1, 10**8)
    seed = whole("seed", seed, 0, 2**31)
    if stimulus.events:
        raise InputError(f"{NAME} takes no events")
    if stimulus.dt > LANGEVIN.coarsest * (1 + 1e-9):
        raise InputError(
            f"dt of {stimulus.dt * 1e3:g} ms is too coarse for {NAME}; take "
            f"{LANGEVIN.coarsest * 1e3:g} ms or less"
        )
    model = HODGKIN_HUXLEY.with_(**parameters)
    names = ("g_na", "g_k", "g_l", "e_na", "e_k", "e_l", "c_m", "phi")
    constants = tuple(model.value(k) for k in names)
    table, opens = transitions_table()
    v, m, h, n = rest(model)
    samples = -(-stimulus.steps // whole("stride", stride))
    out = np.empty((stimulus.trials, samples, 3))
    rows = []
    for trial in range(stimulus.trials):
        drive = stimulus.values[min(trial, len(stimulus.values) - 1)]
        if clamped:
            v, m, h, n = _clamped(float(drive[0]))
        rng = np.random.default_rng([seed, trial])
        na, k = occupancy(m, h), potassium_occupancy(n)
        count = np.concatenate([
            rng.multinomial(n_na, [na[s] for s in SODIUM]),
            rng.multinomial(n_k, [k[s] for s in POTASSIUM]),
        ]).astype(np.int64)  # fmt: skip
        spikes = np.empty(stimulus.steps, np.int64)
        found = _jump(
            table, opens, count, np.array([n_na, n_k], np.int64), constants, drive, float(v), clamped,
            float(stimulus.dt), stimulus.steps, seed + trial, stride, out[trial], spikes,
        )  # fmt: skip
        rows.append(np.stack([np.full(found, trial), spikes[:found], np.zeros(found, np.int64)]))
    one = np.zeros(1, np.int64)
    traces = {k: Trace(out[:, :, i : i + 1].copy(), one, stride)
              for i, k in enumerate(("v", "m3h1", "n4_"))}  # fmt: skip
    return Recording(
        dt=float(stimulus.dt), steps=stimulus.steps, trials=stimulus.trials, sizes={NAME: 1},
        spikes={NAME: Spikes.of(1, *np.concatenate(rows, axis=1))}, traces={NAME: traces},
        source="neurohw, every channel",
    )  # fmt: skip


def _clamped(v: float) -> tuple[float, float, float, float]:
    """The potential and the steady gates there."""
    from neurohw.biophysics.gating import steady_gates

    gates = steady_gates(HODGKIN_HUXLEY, np.array([v]))
    m, h, n = (float(gates[name][0][0]) for name in ("m", "h", "n"))
    return v, m, h, n
