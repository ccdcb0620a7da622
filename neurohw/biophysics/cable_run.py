"""Runs cables by the kernel here, and measures how fast a spike travels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from neurohw.biophysics.cable import Cable
from neurohw.biophysics.phase import rest
from neurohw.biophysics.program import compile_model
from neurohw.biophysics.run import diverged
from neurohw.biophysics.stimulus import Stimulus
from neurohw.errors import InputError, UnknownName
from neurohw.network.checks import whole
from neurohw.network.events import Spikes
from neurohw.recording import Recording, Trace

Floats = NDArray[np.float64]
SAMPLES = 200_000_000
SPIKE_AT = -0.020
"""Volt: a spike of a compartment is an upward crossing of this."""


def check_cable(
    cable: Cable, stimulus: Stimulus, record: Sequence[str] | None, stride: int
) -> tuple[str, ...]:
    """What to record; InputError or UnknownName for what can't be."""
    chosen = tuple(dict.fromkeys(("v",) if record is None else record))
    for name in chosen:
        if name not in cable.membrane.states:
            raise UnknownName.of(f"state variable of {cable.name}", name, cable.membrane.states)
    if stimulus.events:
        raise InputError(f"{cable.name} takes a current, no events")
    if stimulus.dt > cable.coarsest * (1 + 1e-9):
        raise InputError(
            f"dt of {stimulus.dt * 1e3:g} ms is too coarse for {cable.name}; take "
            f"{cable.coarsest * 1e3:g} ms or less ({cable.step * 1e3:g} ms is safe)"
        )
    count = -(-stimulus.steps // whole("stride", stride))
    if count * cable.n * stimulus.trials * max(len(chosen), 1) > SAMPLES:
        raise InputError(f"over {SAMPLES} samples to record; raise stride or record fewer")
    return chosen


def simulate_cable(
    cable: Cable, stimulus: Stimulus, *, record: Sequence[str] | None = None, stride: int = 1
) -> Recording:
    """A cable on a current in A into its compartment ``at``; neurons of the Recording are compartments.

    The scheme is Brian 2's, see ``cable_machine``: first order in dt. A spike is an upward crossing of
    :data:`SPIKE_AT`. ``record``: state variables of the membrane, default v.
    """
    from neurohw.biophysics.cable_machine import march_cable

    chosen = check_cable(cable, stimulus, record, stride)
    membrane = cable.membrane
    varying = sorted(k for k in cable.own if k != "c_m")
    program = compile_model(membrane, stimulus.dt, varying)
    own = np.array([cable.values(k) for k in varying]).reshape(len(varying), cable.n)
    probes = np.array([membrane.states.index(k) for k in chosen], np.int64)
    samples = -(-stimulus.steps // stride)
    out = np.empty((stimulus.trials, samples, cable.n, probes.size))
    room = 64 * cable.n + 1000
    events: list[NDArray[np.int64]] = []
    for trial in range(stimulus.trials):
        while True:
            spike_step, spike_at = np.empty(room, np.int64), np.empty(room, np.int64)
            found = march_cable(
                program.code, program.constants, program.parts["gates"], program.parts["Im"], own,
                program.slots.get(varying[0], 0) if varying else 0, program.slots["Im"],
                np.tile(rest(membrane)[:, None], cable.n), cable.values("c_m"), cable.area,
                cable.coupling(), cable.at, stimulus.values[min(trial, len(stimulus.values) - 1)],
                len(program.slots), program.depth, float(stimulus.dt), stimulus.steps, SPIKE_AT,
                probes, stride, out[trial], spike_step, spike_at,
            )  # fmt: skip
            if found < 0:
                raise diverged(membrane, stimulus.dt, trial)
            if found <= room:
                break
            room = found
        events.append(np.stack([np.full(found, trial), spike_step[:found], spike_at[:found]]))
    everywhere = np.arange(cable.n, dtype=np.int64)
    return Recording(
        dt=float(stimulus.dt), steps=stimulus.steps, trials=stimulus.trials,
        sizes={cable.name: cable.n},
        spikes={cable.name: Spikes.of(cable.n, *np.concatenate(events, axis=1))},
        traces={cable.name: {
            name: Trace(out[:, :, :, k].copy(), everywhere, stride) for k, name in enumerate(chosen)
        }},
        source="neurohw, exponential and backward Euler",
    )  # fmt: skip


def arrivals(cable: Cable, recording: Recording, trial: int = 0) -> Floats:
    """When the first spike passes each compartment, in s, (n,); NaN where none does."""
    when = np.full(cable.n, np.nan)
    spikes = recording.spikes[cable.name].in_trial(trial)
    for step, k in zip(spikes.step[::-1], spikes.neuron[::-1]):
        when[k] = (step + 1) * recording.dt
    return when


def velocity(
    cable: Cable, recording: Recording, between: tuple[float, float] = (0.3, 0.7), trial: int = 0
) -> float:
    """Conduction velocity in m/s, fitted between two shares of the length; NaN if no spike gets there.

    The membrane's nodes only, where a cable has some: those with the highest sodium conductance.
    """
    when = arrivals(cable, recording, trial)
    share = cable.x / cable.length.sum()
    inside = (share >= between[0]) & (share <= between[1])
    if "g_na" in cable.own:
        inside &= cable.own["g_na"] == cable.own["g_na"].max()
    if inside.sum() < 2:
        raise InputError(f"fewer than 2 compartments of {cable.name} are between {between}")
    if not np.isfinite(when[inside]).all():
        return float("nan")
    return float(1 / np.polyfit(cable.x[inside], when[inside], 1)[0])
