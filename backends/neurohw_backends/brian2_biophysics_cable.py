"""Cables in Brian 2: a SpatialNeuron for each trial."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from neurohw.biophysics.cable import Cable
from neurohw.biophysics.cable_run import SPIKE_AT, check_cable
from neurohw.biophysics.phase import rest
from neurohw.biophysics.run import diverged
from neurohw.biophysics.stimulus import Stimulus
from neurohw.errors import InputError
from neurohw.network.events import Spikes
from neurohw.recording import Recording, Trace
from neurohw_backends.brian2_biophysics import SCHEDULE, held_drive, monitor, samples
from neurohw_backends.brian2_library import library, settings


def run_cable(
    cable: Cable, stimulus: Stimulus, record: Sequence[str] | None, stride: int
) -> Recording:
    """The cable on a stimulus in A into its compartment ``at``; neurons are compartments.

    A spike of a compartment is an upward crossing of ``SPIKE_AT``.
    """
    chosen = check_cable(cable, stimulus, record, stride)
    count = -(-stimulus.steps // stride)
    b2 = library()
    traces: dict[str, list[Any]] = {name: [] for name in chosen}
    columns: list[Any] = []
    with settings(b2), np.errstate(all="ignore"):
        for trial in range(stimulus.trials):
            state, spikes, final = _one(b2, cable, stimulus, trial, chosen, stride)
            if not np.isfinite(final).all():
                raise diverged(cable.membrane, stimulus.dt, trial)
            for name in chosen:
                traces[name].append(samples(state, name, count).T)
            step = np.rint(np.asarray(spikes.t_[:]) / stimulus.dt).astype(np.int64)
            columns.append((np.full(step.size, trial), step, np.asarray(spikes.i[:], np.int64)))
    everywhere = np.arange(cable.n, dtype=np.int64)
    return Recording(
        dt=float(stimulus.dt), steps=stimulus.steps, trials=stimulus.trials,
        sizes={cable.name: cable.n},
        spikes={cable.name: Spikes.of(cable.n, *(np.concatenate(c) for c in zip(*columns)))},
        traces={cable.name: {k: Trace(np.stack(v), everywhere, stride) for k, v in traces.items()}},
        source=f"brian2 {b2.__version__} SpatialNeuron",
    )  # fmt: skip


def _one(
    b2: Any, cable: Cable, stimulus: Stimulus, trial: int, record: Sequence[str], stride: int
) -> tuple[Any, Any, Any]:
    membrane = cable.membrane
    clock = b2.Clock(stimulus.dt * b2.second)
    lines = []
    for e in membrane.lines.values():
        if e.name == "v":
            continue
        left = f"d{e.name}/dt" if e.kind == "state" else e.name
        lines.append(f"{left} = {e.text} : {e.unit}")
    lines += [f"{k} : {p.unit} (constant)" for k, p in membrane.parameters.items() if k != "c_m"]
    spike = f"v > {SPIKE_AT}*volt"
    neuron = b2.SpatialNeuron(
        morphology=b2.Section(
            n=cable.n, length=cable.length * b2.meter, diameter=_ends(cable) * b2.meter
        ),
        model="\n".join([*lines, "injected : amp (point current)"]),
        threshold=spike, refractory=spike, method="exponential_euler",
        Cm=1 * b2.farad / b2.meter**2, Ri=cable.axial.value * b2.ohm * b2.meter, clock=clock,
        namespace={},
    )  # fmt: skip
    neuron.variables["Cm"].set_value(cable.values("c_m"))
    for name in membrane.parameters:
        if name != "c_m":
            neuron.variables[name].set_value(cable.values(name))
    for name, value in zip(membrane.states, rest(membrane)):
        neuron.variables[name].set_value(value)
    one = Stimulus(
        stimulus.values[[min(trial, len(stimulus.values) - 1)]], stimulus.dt, stimulus.steps
    )
    target = neuron.variables["injected"].get_value()[cable.at : cable.at + 1]
    drive = held_drive(b2, one, target, clock)
    spikes = b2.SpikeMonitor(neuron)
    state = monitor(b2, neuron, record, stimulus.dt * stride)
    network = b2.Network(*[o for o in (neuron, drive, spikes, state) if o is not None])
    network.schedule = list(SCHEDULE)
    network.run(stimulus.steps * stimulus.dt * b2.second, namespace={})
    return state, spikes, neuron.variables["v"].get_value()


def _ends(cable: Cable) -> Any:
    """Diameters at the n + 1 ends of the compartments."""
    d = cable.diameter
    if (d == d[0]).all():
        return np.full(cable.n + 1, d[0])
    raise InputError(f"{cable.name}: diameters differ; Brian's sections here have one diameter")
