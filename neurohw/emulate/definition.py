"""The definition of a run: every neuron, every tick, in plain Python integers.

A tick of the summed engine: the input of each neuron is the sum of what arrives, stored into the
input's format; the equations run; a neuron whose ``spike`` is not 0 sends an event through each of
its synapses, which arrives ``latency + delay`` ticks later.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from neurohw.emulate.plan import OnOverflow, Plan, plan_run
from neurohw.equations.interpret import execute
from neurohw.equations.kernel_primitives import random_bits
from neurohw.errors import RegisterOverflow
from neurohw.fixed import FixedPointNetwork, FixedPopulation, FixedProjection
from neurohw.network.events import Spikes
from neurohw.network.inputs import Inputs
from neurohw.recording import Recording, Trace

Row = dict[str, list[int]]


def interpret(
    network: FixedPointNetwork,
    inputs: Inputs | None = None,
    *,
    steps: int | None = None,
    record: Mapping[str, Sequence[str]] | None = None,
    neurons: Mapping[str, ArrayLike] | None = None,
    stride: int = 1,
    seed: int = 0,
    on_overflow: OnOverflow = "count",
    injected: Mapping[str, ArrayLike] | None = None,
) -> Recording:
    """What ``emulate`` must give, computed slowly; same arguments, same Recording."""
    plan = plan_run(
        network, inputs, steps, record, neurons, stride, seed, on_overflow, injected
    )  # fmt: skip
    return Interpretation(plan).run()


def overflow_message(
    plan: Plan, population: str, register: str, value: int, neuron: int, step: int, trial: int
) -> str:
    """The one line for a store that its register can't hold."""
    tick = plan.network.populations[population].neuron.tick
    form = {**tick.inputs, **tick.targets}[register]
    return (
        f"{population}.{register} of neuron {neuron} got {value} at tick {step} of trial {trial}; "
        f"{form} holds {form.low}..{form.high}: give the register an overflow mode or more bits, or "
        "scale the network down"
    )


class Interpretation:
    """One run. ``arriving[tick][population][neuron]`` are the sums still on their way."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        net = plan.network
        self.outgoing = {p.name: _by_source(p, net.sizes[p.source]) for p in net.projections}
        self.events: dict[str, list[tuple[int, int, int]]] = {
            name: [] for name in spiking_sources(net)
        }
        self.overflows: dict[str, dict[str, int]] = {n: defaultdict(int) for n in net.populations}
        self.carried = dict.fromkeys((p.name for p in net.projections), 0)
        self.samples: dict[str, dict[str, list[list[list[int]]]]] = {
            name: {r: [] for r in registers} for name, registers in plan.probes.items()
        }
        for name, spikes in plan.spikes.items():
            self.events[name] = list(
                zip(*(c.tolist() for c in (spikes.trial, spikes.step, spikes.neuron)), strict=True)
            )

    def run(self) -> Recording:
        plan, net = self.plan, self.plan.network
        for trial in range(plan.trials):
            self.one_trial(trial)
        traces = {
            name: {
                register: Trace(
                    np.array(self.samples[name][register], np.int64).reshape(
                        plan.trials, -1, indices.size
                    ), indices, plan.stride,
                ) for register, indices in registers.items()
            } for name, registers in plan.probes.items()
        }  # fmt: skip
        return Recording(
            dt=net.dt, steps=plan.steps, trials=plan.trials, sizes=net.sizes,
            spikes={
                name: Spikes.of(net.sizes[name], *np.array(events, np.int32).reshape(-1, 3).T)
                for name, events in self.events.items()
            },
            traces=traces, overflows={k: dict(v) for k, v in self.overflows.items() if v},
            synaptic_events=self.carried, source=f"{net.chip.name}, integer interpreter",
        )  # fmt: skip

    def one_trial(self, trial: int) -> None:
        plan, net = self.plan, self.plan.network
        state: dict[str, Row] = {
            name: {k: v.tolist() for k, v in p.start().items()}
            for name, p in net.populations.items()
        }
        parameters = {
            name: {k: v.tolist() for k, v in p.parameters.items()}
            for name, p in net.populations.items()
        }
        arriving: dict[int, dict[str, list[int]]] = {}
        given: dict[str, dict[int, list[int]]] = {name: defaultdict(list) for name in plan.spikes}
        for name, spikes in plan.spikes.items():
            mine = spikes.in_trial(trial)
            for step, channel in zip(mine.step.tolist(), mine.neuron.tolist(), strict=True):
                given[name][step].append(channel)
        for rows in (rows for kept in self.samples.values() for rows in kept.values()):
            rows.append([])
        for step in range(plan.steps):
            sums = arriving.pop(step, {})
            fired: dict[str, list[int]] = {name: given[name][step] for name in given}
            for index, (name, population) in enumerate(net.populations.items()):
                arrived = sums.get(name, [0] * population.n)
                if name in plan.injected:
                    extra = plan.injected[name][trial, step].tolist()
                    arrived = [a + b for a, b in zip(arrived, extra, strict=True)]
                fired[name] = self.tick(
                    index, population, state[name], parameters[name], arrived, trial, step
                )
                self.events[name] += [(trial, step, j) for j in fired[name]]
            for projection in net.projections:
                self.deliver(projection, fired.get(projection.source, []), step, arriving)
            if step % plan.stride == 0:
                for name, registers in plan.probes.items():
                    for register, indices in registers.items():
                        row = state[name][register]
                        self.samples[name][register][-1].append([row[j] for j in indices.tolist()])

    def tick(
        self, index: int, population: FixedPopulation, state: Row, parameters: Row,
        arrived: list[int], trial: int, step: int,
    ) -> list[int]:  # fmt: skip
        """Run the equations of every neuron; the indices of those that spiked."""
        plan, name, neuron = self.plan, population.name, population.neuron
        port = neuron.tick.inputs[neuron.port]
        counts, fired = self.overflows[name], []
        for j in range(population.n):

            def overflow(k: int, register: str, value: int, j: int = j) -> None:
                counts[register] += 1
                form = {**neuron.tick.inputs, **neuron.tick.targets}[register]
                if form.overflow == "error" or plan.on_overflow == "raise":
                    raise RegisterOverflow(
                        overflow_message(plan, name, register, value, j, step, trial)
                    )

            if not port.holds(arrived[j]):
                overflow(-1, neuron.port, arrived[j])
            cell = {
                neuron.port: port.store(arrived[j]),
                **{k: row[j] for k, row in state.items()},
                **{k: row[j] for k, row in parameters.items()},
            }
            execute(neuron.tick, cell, self.random(index, j, trial, step), overflow)
            for register, row in state.items():
                row[j] = cell[register]
            if cell.get("spike", 0):
                fired.append(j)
        return fired

    def random(self, index: int, neuron: int, trial: int, step: int) -> Callable[[int, int], int]:
        """Random numbers of one neuron at one tick, by call site."""
        place = neuron_key(index, neuron)
        return lambda bits, site: random_bits(bits, self.plan.seed, trial, step, place, site)

    def deliver(
        self, projection: FixedProjection, fired: list[int], step: int,
        arriving: dict[int, dict[str, list[int]]],
    ) -> None:  # fmt: skip
        """Send every spike through its synapses."""
        chip, n = self.plan.network.chip, self.plan.network.sizes[projection.target]
        sums: dict[int, list[int]] = {}
        for j in fired:
            for post, mantissa, delay in self.outgoing[projection.name][j]:
                row = sums.setdefault(delay, [0] * n)
                row[post] += (
                    mantissa
                    if chip.weight.right_shift == "sum"
                    else shift(mantissa, projection.exponent)
                )
                self.carried[projection.name] += 1
        for delay, row in sums.items():
            if chip.weight.right_shift == "sum":
                row = [shift(x, projection.exponent) for x in row]
            slot = arriving.setdefault(step + chip.delivery.latency + delay, {})
            before = slot.get(projection.target, [0] * n)
            slot[projection.target] = [a + b for a, b in zip(before, row, strict=True)]


def spiking_sources(network: FixedPointNetwork) -> list[str]:
    """Populations whose spikes a Recording holds: spiking inputs, then all neurons."""
    return [n for n, spiking in network.spiking_inputs.items() if spiking] + list(
        network.populations
    )


def neuron_key(population: int, neuron: int) -> int:
    """The number by which random draws know a neuron: its population's place and its own."""
    return population * 1_000_003 + neuron


def shift(mantissa: int, exponent: int) -> int:
    """mantissa * 2^exponent, rounded down."""
    return mantissa << exponent if exponent >= 0 else mantissa >> -exponent


def _by_source(p: FixedProjection, n: int) -> list[list[tuple[int, int, int]]]:
    rows: list[list[tuple[int, int, int]]] = [[] for _ in range(n)]
    columns: Iterator[tuple[int, ...]] = zip(
        *(c.tolist() for c in (p.pre, p.post, p.weight, p.delay)), strict=True
    )
    for pre, post, weight, delay in columns:
        rows[pre].append((post, weight, delay))
    return rows
