"""An event-driven chip driven in time steps, as its profile says a host does it.

In each step the host sends the spikes of the inputs, in order of address, then the words that end a
step; the chip works until it is at rest. A spike belongs to the step in which it happened.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from neurohw.emulate.plan import Plan
from neurohw.emulate.words import Interpreted, Kernel, addresses
from neurohw.equations.interpret import execute
from neurohw.errors import InputError
from neurohw.network.events import Spikes
from neurohw.recording import Recording, Trace

LIMIT = 1_000_000
"""Operations in one step after which neurons that excite each other are stopped."""


def run_stepped(
    plan: Plan, *, interpreted: bool = False, progress: Callable[[int, int], None] | None = None
) -> Recording:
    """The Recording of a plan on a chip with a queue."""
    net, machine = plan.network, plan.network.chip.machine
    assert machine is not None
    places = addresses(net)
    if plan.injected:
        raise InputError(f"{net.chip.name} takes spikes only; it has no input for currents")
    words = []
    for address in range(sum(net.sizes.values())):
        cell = {**net.configuration, "address": address}
        execute(machine.step_spike.program, cell)
        words.append(cell["value"])
    ends = np.array(machine.step_end, np.int64)
    events: dict[str, list[NDArray[np.int64]]] = {name: [] for name in net.populations}
    samples: dict[tuple[str, str], list[NDArray[np.int64]]] = {}
    overflows: dict[str, dict[str, int]] = {}
    carried = dict.fromkeys((p.name for p in net.projections), 0)
    strict = plan.on_overflow == "raise"
    kernel = None if interpreted else Kernel(net, False, strict)
    for trial in range(plan.trials):
        if kernel is not None and trial > 0:
            kernel.restart()
        runner = kernel or Interpreted(net, False, strict)
        given = _by_step(plan, places, trial)
        for step in range(plan.steps):
            sent = np.array([words[a] for a in given.get(step, [])], np.int64)
            runner.send(np.concatenate([sent, ends]), False, LIMIT)
            fired = runner.fired()
            for name, population in net.populations.items():
                local = fired - places[name]
                mine = np.unique(local[(local >= 0) & (local < population.n)], return_counts=True)
                rows = np.full(mine[0].size, trial), np.full(mine[0].size, step), *mine
                events[name].append(np.stack(rows))
            if step % plan.stride == 0:
                for name, registers in plan.probes.items():
                    for register, indices in registers.items():
                        value = runner.state(name, register)[indices]
                        samples.setdefault((name, register), []).append(value)
            if progress is not None:
                progress(trial * plan.steps + step + 1, plan.trials * plan.steps)
        for name, counts in runner.log().overflows.items():
            mine_ = overflows.setdefault(name, {})
            for register, count in counts.items():
                mine_[register] = mine_.get(register, 0) + count
    spikes = {}
    for name, population in net.populations.items():
        trial_, step_, neuron, value = np.concatenate(
            [np.zeros((4, 0), np.int64), *events[name]], axis=1
        )
        spikes[name] = Spikes.of(population.n, trial_, step_, neuron, value)
    everything = {**plan.spikes, **spikes}
    for p in net.projections:
        fan_out = np.bincount(p.pre, minlength=net.sizes[p.source])
        s = everything[p.source]
        times = np.ones(s.count, np.int64) if s.value is None else s.value
        carried[p.name] = int((fan_out[s.neuron] * times).sum())
    traces = {
        name: {
            register: Trace(
                np.array(samples[name, register], np.int64).reshape(plan.trials, -1, indices.size),
                indices, plan.stride,
            ) for register, indices in registers.items()
        } for name, registers in plan.probes.items()
    }  # fmt: skip
    how = "integer interpreter" if interpreted else "generated kernel"
    return Recording(
        dt=net.dt, steps=plan.steps, trials=plan.trials, sizes=net.sizes, spikes=everything,
        traces=traces, overflows=overflows, synaptic_events=carried,
        source=f"{net.chip.name}, {how}",
    )  # fmt: skip


def _by_step(plan: Plan, places: dict[str, int], trial: int) -> dict[int, list[int]]:
    """Addresses of the input spikes of each step, ascending."""
    found: dict[int, list[int]] = {}
    for name, spikes in plan.spikes.items():
        mine = spikes.in_trial(trial)
        for step, channel in zip(mine.step.tolist(), mine.neuron.tolist(), strict=True):
            found.setdefault(step, []).append(places[name] + channel)
    return {step: sorted(addresses_) for step, addresses_ in found.items()}
