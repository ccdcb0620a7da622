"""The definition of a run: every neuron, every tick, in plain Python integers.

A tick of the summed engine: relays run first and pass on what they got; then the input of each
neuron is the sum of what arrives, stored into the input's format; the equations run; a neuron whose
``spike`` is not 0 sends an event through each of its synapses, which arrives ``latency + delay``
ticks later. The ordered engine is in ``ordered``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike

from neurohw.emulate.plan import OnOverflow, Plan, plan_run
from neurohw.emulate.streams import Stream
from neurohw.equations import Program
from neurohw.equations.interpret import execute
from neurohw.equations.kernel_primitives import random_bits
from neurohw.errors import InputError, RegisterOverflow
from neurohw.fixed import FixedPointNetwork, FixedPopulation, FixedProjection
from neurohw.mapping.image import ChipImage
from neurohw.network.events import Spikes
from neurohw.network.inputs import Inputs
from neurohw.recording import Recording, Trace
from neurohw.weights import delivered

Row = dict[str, list[int]]
Fired = list[tuple[int, int]]
"""neurons that spiked, ascending, each with its payload"""


def interpret(
    network: FixedPointNetwork | ChipImage,
    inputs: Inputs | None = None,
    *,
    steps: int | None = None,
    record: Mapping[str, Sequence[str]] | None = None,
    neurons: Mapping[str, ArrayLike] | None = None,
    stride: int = 1,
    seed: int = 0,
    on_overflow: OnOverflow = "count",
    injected: Mapping[str, ArrayLike | Mapping[str, ArrayLike]] | None = None,
    parameters: Mapping[str, Mapping[str, ArrayLike]] | None = None,
) -> Recording:
    """What ``emulate`` must give, computed slowly; same arguments, same Recording."""
    plan = plan_run(
        network, inputs, steps, record, neurons, stride, seed, on_overflow, injected, parameters
    )  # fmt: skip
    chip = plan.network.chip
    if chip.machine is not None:
        if plan.variants:
            raise InputError(f"{chip.name} takes no parameters by trial; run it once for each")
        from neurohw.emulate.stepped import run_stepped

        found = run_stepped(plan, interpreted=True)
    else:
        found = Interpretation(plan).run()
    return network.counted(found) if isinstance(network, ChipImage) else found


def overflow_message(
    plan: Plan, population: str, register: str, value: int, neuron: int, step: int, trial: int
) -> str:
    """The one line for a store that its register can't hold."""
    form = plan.network.populations[population].neuron.formats[register]
    return (
        f"{population}.{register} of neuron {neuron} got {value} at tick {step} of trial {trial}; "
        f"{form} holds {form.low}..{form.high}: give the register an overflow mode or more bits, or "
        "scale the network down"
    )


class Engine(Protocol):
    """How spikes reach neurons, in one trial."""

    def before(self, step: int, given: Mapping[str, Fired]) -> None:
        """What happens before the equations of a tick; ``given`` are the spikes of the inputs."""

    def arrived(self, population: FixedPopulation, step: int) -> Mapping[str, list[int]]:
        """The sum on each port of a population."""

    def after(self, step: int, fired: Mapping[str, Fired]) -> None:
        """What happens after the equations, with the spikes of all neurons."""

    def relayed(self, step: int, name: str, fired: Fired) -> None:
        """Deliver the spikes of a relay within its tick."""


class Interpretation:
    """One run."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        net = plan.network
        self.synapses = {p.name: by_source(net, p) for p in net.projections}
        self.events: dict[str, list[tuple[int, int, int, int]]] = {
            name: [] for name in spiking_sources(net)
        }
        self.overflows: dict[str, dict[str, int]] = {n: defaultdict(int) for n in net.populations}
        self.carried = dict.fromkeys((p.name for p in net.projections), 0)
        self.samples: dict[str, dict[str, list[list[list[int]]]]] = {
            name: {r: [] for r in registers} for name, registers in plan.probes.items()
        }
        self.index = {name: k for k, name in enumerate(net.populations)}
        self.trial = self.step = 0
        self.state: dict[str, Row] = {}
        self.shown: dict[str, Row] = {}
        self.parameters: dict[str, Row] = {}
        self.streams: dict[str, list[Stream]] = {}
        for name, spikes in plan.spikes.items():
            values = np.ones(spikes.count, np.int64) if spikes.value is None else spikes.value
            columns = (spikes.trial, spikes.step, spikes.neuron, values)
            self.events[name] = list(zip(*(c.tolist() for c in columns), strict=True))

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
                name: Spikes.of(net.sizes[name], *np.array(events, np.int64).reshape(-1, 4).T)
                for name, events in self.events.items()
            },
            traces=traces, overflows={k: dict(v) for k, v in self.overflows.items() if v},
            synaptic_events=self.carried, source=f"{net.chip.name}, integer interpreter",
        )  # fmt: skip

    def one_trial(self, trial: int) -> None:
        plan, net = self.plan, self.plan.network
        self.trial = trial
        populations = {name: plan.population(name, trial) for name in net.populations}
        self.state = {
            name: {k: v.tolist() for k, v in p.start().items()} for name, p in populations.items()
        }
        self.shown = {
            name: {k: [0] * p.n for k in plan.probes.get(name, {}) if k not in self.state[name]}
            for name, p in net.populations.items()
        }
        self.parameters = {
            name: {k: v.tolist() for k, v in p.parameters.items()}
            for name, p in populations.items()
        }
        self.streams = {
            name: [Stream(g, seed) for seed in net.seeds[name]]
            for name, g in net.chip.generators.items()
        }
        given: dict[str, dict[int, Fired]] = {name: defaultdict(list) for name in plan.spikes}
        for name, events in ((name, self.events[name]) for name in plan.spikes):
            for when, step, channel, value in events:
                if when == trial:
                    given[name][step].append((channel, value))
        for rows in (rows for kept in self.samples.values() for rows in kept.values()):
            rows.append([])
        engine = self.engine()
        relays = [p for p in net.populations.values() if p.neuron.relay]
        others = [p for p in net.populations.values() if not p.neuron.relay]
        for step in range(plan.steps):
            self.step = step
            engine.before(step, {name: given[name][step] for name in given})
            fired: dict[str, Fired] = {}
            for population in (*relays, *others):
                mine = self.tick(population, engine.arrived(population, step))
                if population.neuron.relay:
                    engine.relayed(step, population.name, mine)
                else:
                    fired[population.name] = mine
                self.events[population.name] += [(trial, step, j, value) for j, value in mine]
            engine.after(step, fired)
            if step % plan.stride == 0:
                self.sample()

    def engine(self) -> Engine:
        """The engine of the chip, ready for a trial."""
        if self.plan.network.chip.delivery.engine == "ordered":
            from neurohw.emulate.ordered import Ordered

            return Ordered(self)
        return Summed(self)

    def sample(self) -> None:
        """Record what is to be recorded."""
        for name, registers in self.plan.probes.items():
            rows = {**self.state[name], **self.shown[name]}
            for register, indices in registers.items():
                row = rows[register]
                self.samples[name][register][-1].append([row[j] for j in indices.tolist()])

    def tick(self, population: FixedPopulation, arrived: Mapping[str, list[int]]) -> Fired:
        """Run the tick equations of every neuron; who spiked, with which payload."""
        neuron, alias = population.neuron, population.alias
        form = neuron.tick.inputs[neuron.aliased] if neuron.aliased else None
        counts = [0] * population.n
        for j in range(population.n):
            inputs = {port: row[j] for port, row in arrived.items()}
            if form is not None:
                inputs[neuron.aliased] = counts[j]
            counts[j] = self.execute(population, neuron.tick, j, inputs)
            if form is not None and alias is not None and (target := int(alias[j])) >= 0:
                counts[target] = form.store(counts[target] + counts[j])
        binary = self.plan.network.chip.delivery.payload.bits == 1
        return [(j, 1 if binary else value) for j, value in enumerate(counts) if value]

    def execute(
        self, population: FixedPopulation, program: Program, j: int, inputs: Mapping[str, int]
    ) -> int:
        """Run one program on neuron j; its spike, 0 if none."""
        plan, name = self.plan, population.name
        formats, counts = population.neuron.formats, self.overflows[population.name]

        def overflow(k: int, register: str, value: int) -> None:
            counts[register] += 1
            if formats[register].overflow == "error" or plan.on_overflow == "raise":
                raise RegisterOverflow(
                    overflow_message(plan, name, register, value, j, self.step, self.trial)
                )

        state = self.state[name]
        cell = {k: row[j] for k, row in (*state.items(), *self.parameters[name].items())}
        for port, value in inputs.items():
            if not formats[port].holds(value):
                overflow(-1, port, value)
            cell[port] = formats[port].store(value)
        execute(program, cell, self.random(population, j), overflow, self.take(j))
        for register, row in state.items():
            row[j] = cell[register]
        for wire, row in self.shown[name].items():
            row[j] = cell.get(wire, row[j])
        return cell.get("spike", 0)

    def random(self, population: FixedPopulation, neuron: int) -> Callable[[int, int], int]:
        """Random numbers of one neuron at one tick, by call site."""
        place = neuron_key(self.index[population.name], neuron)
        return lambda bits, site: random_bits(
            bits, self.plan.seed, self.trial, self.step, place, site
        )

    def take(self, neuron: int) -> Callable[[str], int]:
        """The next number of a generator, for this neuron."""
        return lambda name: self.streams[name][neuron % len(self.streams[name])].draw()


class Summed:
    """``arriving[tick][population][port][neuron]`` are the sums still on their way."""

    def __init__(self, run: Interpretation) -> None:
        self.run, self.plan, self.net = run, run.plan, run.plan.network
        self.arriving: dict[int, dict[tuple[str, str], list[int]]] = defaultdict(dict)

    def before(self, step: int, given: Mapping[str, Fired]) -> None:
        assert self.net.input_latency is not None
        for name, fired in given.items():
            self.send(name, fired, step + self.net.input_latency)
        for name, ports in self.plan.injected.items():
            for port, values in ports.items():
                self.add(step, name, port, values[self.run.trial, step].tolist())

    def arrived(self, population: FixedPopulation, step: int) -> Mapping[str, list[int]]:
        rows = self.arriving[step]
        return {
            port: rows.get((population.name, port), [0] * population.n)
            for port in population.neuron.ports
        }

    def relayed(self, step: int, name: str, fired: Fired) -> None:
        self.send(name, fired, step)

    def after(self, step: int, fired: Mapping[str, Fired]) -> None:
        self.arriving.pop(step, None)
        for name, mine in fired.items():
            self.send(name, mine, step + self.net.chip.delivery.latency)

    def add(self, tick: int, name: str, port: str, row: Sequence[int]) -> None:
        before = self.arriving[tick].get((name, port), [0] * len(row))
        self.arriving[tick][name, port] = [a + b for a, b in zip(before, row, strict=True)]

    def send(self, source: str, fired: Fired, tick: int) -> None:
        """Send every spike through its synapses, to arrive at ``tick`` plus their delay."""
        for p in self.net.projections:
            if p.source != source:
                continue
            n, sums = self.net.sizes[p.target], dict[int, list[int]]()
            for j, payload in fired:
                for post, weight, delay in self.run.synapses[p.name][j]:
                    sums.setdefault(delay, [0] * n)[post] += weight * payload
                    self.run.carried[p.name] += 1
            for delay, row in sums.items():
                if sum_shifted(self.net, p):
                    # An input that wraps has no room for more than it holds before the shift either.
                    form = self.net.populations[p.target].neuron.inputs[self.net.port(p)]
                    wraps = form.overflow == "wrap"
                    row = [(form.store(x) if wraps else x) >> -p.exponent for x in row]
                self.add(tick + delay, p.target, self.net.port(p), row)


def spiking_sources(network: FixedPointNetwork) -> list[str]:
    """Populations whose spikes a Recording holds: spiking inputs, then all neurons."""
    return [n for n, spiking in network.spiking_inputs.items() if spiking] + list(
        network.populations
    )


def neuron_key(population: int, neuron: int) -> int:
    """The number by which random draws know a neuron: its population's place and its own."""
    return population * 1_000_003 + neuron


def sum_shifted(network: FixedPointNetwork, p: FixedProjection) -> bool:
    """Whether the sum of a projection is shifted right, not each synapse."""
    return p.exponent < 0 and network.chip.weight.right_shift == "sum"


def by_source(net: FixedPointNetwork, p: FixedProjection) -> list[list[tuple[int, int, int]]]:
    """For each source neuron its synapses: target, what one delivers, delay."""
    exponent = 0 if sum_shifted(net, p) else p.exponent
    effective = delivered(net.chip, p.weight, exponent, p.bits, net.mixed(p))
    rows: list[list[tuple[int, int, int]]] = [[] for _ in range(net.sizes[p.source])]
    columns: Iterator[tuple[int, ...]] = zip(
        *(c.tolist() for c in (p.pre, p.post, effective, p.delay)), strict=True
    )
    for pre, post, weight, delay in columns:
        rows[pre].append((post, weight, delay))
    return rows
