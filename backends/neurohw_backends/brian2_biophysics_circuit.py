"""Random networks of conductance-based integrate-and-fire cells in Brian 2."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from neurohw.biophysics.circuit import Circuit
from neurohw.biophysics.run import check_step
from neurohw.biophysics.stimulus import Stimulus
from neurohw.errors import InputError, UnknownName
from neurohw.network.checks import whole
from neurohw.recording import Recording, Trace
from neurohw_backends.brian2_biophysics import (
    SCHEDULE,
    equations,
    monitor,
    samples,
    set_parameters,
    spikes_of,
)
from neurohw_backends.brian2_library import library, settings


def run_circuit(
    circuit: Circuit, stimulus: Stimulus, record: Sequence[str] | None, stride: int, seed: int
) -> Recording:
    """The circuit for the stimulus' duration; spikes from outside are drawn from ``seed``.

    Traces are of the first cell and the last.
    """
    chosen = tuple(dict.fromkeys(circuit.cell.shows if record is None else record))
    for name in chosen:
        if name not in circuit.cell.recordable:
            raise UnknownName.of(f"variable of {circuit.name}", name, circuit.cell.recordable)
    if stimulus.trials != 1 or stimulus.events or stimulus.values.any():
        raise InputError(f"{circuit.name} runs once and by itself; give constant(0.0, ...)")
    check_step(circuit.cell, stimulus.dt)
    count = -(-stimulus.steps // whole("stride", stride))
    b2 = library()
    watched = np.array([0, circuit.n - 1])
    with settings(b2):
        state, spikes = _run(b2, circuit, stimulus, chosen, watched, stride, seed)
        traces = {
            name: Trace(samples(state, name, count).T[None].copy(), watched, stride)
            for name in chosen
        }
        found = spikes_of(spikes, stimulus.dt, circuit.n)
    return Recording(
        dt=float(stimulus.dt), steps=stimulus.steps, trials=1, sizes={circuit.name: circuit.n},
        spikes={circuit.name: found}, traces={circuit.name: traces}, source=f"brian2 {b2.__version__}",
    )  # fmt: skip


def _run(
    b2: Any, circuit: Circuit, stimulus: Stimulus, record: Sequence[str], watched: Any, stride: int,
    seed: int,
) -> tuple[Any, Any]:  # fmt: skip
    cell, dt = circuit.cell, stimulus.dt
    clock = b2.Clock(dt * b2.second)
    frozen = round(cell.value(cell.refractory) / dt)
    group = b2.NeuronGroup(
        circuit.n, equations(cell) + "\nfrozen : integer (constant)", threshold=cell.threshold,
        reset=cell.reset, refractory="(frozen + 1) * dt", method=cell.method, clock=clock, namespace={},
    )  # fmt: skip
    set_parameters(group, cell)
    group.variables["frozen"].set_value(frozen)
    rng = np.random.default_rng([circuit.seed, seed])
    low, high = cell.value("v_reset"), cell.value("v_threshold")
    group.variables["v"].set_value(rng.uniform(low, high, circuit.n))
    source, target = circuit.synapses()
    objects: list[Any] = [group]
    for kind, mine in (("exc", source < circuit.excitatory), ("inh", source >= circuit.excitatory)):
        if mine.any():
            synapses = b2.Synapses(
                group, group, on_pre=cell.events[kind], delay=circuit.delay * b2.second, clock=clock,
                namespace={},
            )  # fmt: skip
            synapses.connect(i=source[mine], j=target[mine])
            objects.append(synapses)
    arriving = group.variables["g_e"].get_value()
    mean, jump = circuit.external * dt, cell.value("g_exc")

    def outside() -> None:
        arriving[:] += jump * rng.poisson(mean, circuit.n)

    objects.append(b2.NetworkOperation(outside, clock=clock, when="synapses"))
    spikes = b2.SpikeMonitor(group)
    state = monitor(b2, group, record, dt * stride, watched)
    network = b2.Network(*[o for o in (*objects, spikes, state) if o is not None])
    network.schedule = list(SCHEDULE)
    network.run(stimulus.steps * dt * b2.second, namespace={})
    return state, spikes
