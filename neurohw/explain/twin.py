"""A network on a chip with each of the chip's limits to be switched on by itself.

With all of them on it is the chip, spike by spike and register by register; with none of them it is
the chip's equations in real numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurohw.emulate.definition import neuron_key, spiking_sources
from neurohw.equations.array_primitives import random_bits
from neurohw.equations.program import Program
from neurohw.explain.arithmetic import Evaluator, settled, stored
from neurohw.explain.feed import Arriving, Feed
from neurohw.explain.settings import Settings, on
from neurohw.explain.wanted import Synapses, coded_factor, wanted_codes, wanted_synapses
from neurohw.fixed import FixedPointNetwork, FixedPopulation
from neurohw.network.events import Spikes
from neurohw.network.inputs import Inputs
from neurohw.network.model import Network
from neurohw.recording import Recording, Trace

Array = NDArray[Any]
CELLS = 4_000_000
"""Numbers that the sums on their way may take, which says how many trials run side by side."""
Probes = Mapping[str, tuple[Sequence[str], Sequence[int]]]
"""by population: registers, neurons"""
Ends = dict[tuple[str, str], tuple[float, float]]
"""by (population, register or input): the least and the largest value before it was stored"""


@dataclass(frozen=True, eq=False)
class Twin:
    """``network`` as quantised to ``fixed`` on ``inputs`` for ``steps``; make it with :meth:`of`."""

    network: Network
    fixed: FixedPointNetwork
    inputs: Inputs
    steps: int
    seed: int
    synapses: Sequence[Synapses]

    @classmethod
    def of(
        cls, network: Network, fixed: FixedPointNetwork, inputs: Inputs, steps: int, seed: int = 0
    ) -> Twin:
        """InputError if the two networks do not belong together."""
        return cls(network, fixed, inputs, steps, seed, tuple(wanted_synapses(network, fixed)))

    def run(
        self, settings: Settings, record: Probes | None = None, ends: Ends | None = None
    ) -> Recording:
        """All trials with some limits. Traces are codes: int64 where all is whole, else float64.
        ``ends`` is filled with the extremes of what was stored."""
        most = max(
            (int(max(s.delay.max(initial=0), s.steps.max(initial=0))) for s in self.synapses),
            default=0,
        )
        cells = sum(p.n * len(p.neuron.ports) for p in self.fixed.populations.values())
        at_once = max(1, min(self.inputs.trials, CELLS // max(cells * (most + 3), 1)))
        parts = []
        for first in range(0, self.inputs.trials, at_once):
            last = min(first + at_once, self.inputs.trials)
            parts.append(_Run(self, settings, first, last, record or {}, ends).run())
        return _joined(self, parts, at_once)


def supported(fixed: FixedPointNetwork) -> str:
    """Why a chip can't be taken apart; '' if it can."""
    chip = fixed.chip
    if chip.machine is not None:
        return f"{chip.name} works event by event"
    for population in fixed.populations.values():
        programs = population.neuron.programs.values()
        if population.neuron.relay or population.alias is not None:
            return f"{population.name} passes spikes on within a tick"
        if any(p.drawn for p in programs):
            return f"{population.name} draws from a generator that neurons share"
    return ""


def sums_only(fixed: FixedPointNetwork) -> bool:
    """Whether the order of events within a tick is of no account, overflows included."""
    return fixed.chip.delivery.engine in ("summed", "ring buffer")


class _Part:
    """One population in one chunk of trials."""

    def __init__(self, run: _Run, population: FixedPopulation) -> None:
        twin, settings, n = run.twin, run.settings, population.n
        self.population, self.name, self.run = population, population.name, run
        self.shape = (run.trials, n)
        kind = np.int64 if settings.whole else np.float64
        wanted = wanted_codes(population, lambda k: on(settings.parameters, self.name, k))
        if settings.parameters is True:
            codes: Mapping[str, Array] = population.parameters
            state = population.start()
            self.factor = coded_factor(population)
        else:
            codes, self.factor = wanted.codes, wanted.factor
            state = self.start(codes, wanted.derived, wanted.initial)
        self.state = {k: np.array(np.broadcast_to(v, self.shape), kind) for k, v in state.items()}
        self.codes = {k: np.asarray(v, kind)[None, :] for k, v in codes.items()}
        self.shown: dict[str, Array] = {}
        place = neuron_key(list(twin.fixed.populations).index(self.name), 0)
        self.key = (place + np.arange(n, dtype=np.int64))[None, :]

    def start(
        self, codes: Mapping[str, Array], derived: bool, initial: Mapping[str, Array]
    ) -> dict[str, Array]:
        """Registers before the first tick, (n,), derived from codes that need not be whole."""
        population = self.population
        program = population.neuron.start
        if program is None or not derived:
            return {**population.start(), **initial}
        cell: dict[str, Any] = {**program.constants, **codes}
        cell.update(dict.fromkeys(population.neuron.tick.registers, np.zeros(population.n)))
        evaluator = Evaluator(cell, program.tables, None, False, lambda bits, site: 0)
        for assign in program.assigns:
            cell[assign.target] = evaluator.of(assign.value)
        return {k: np.asarray(cell[k]) for k in population.neuron.tick.registers} | dict(initial)

    def execute(self, program: Program, phase: str, given: Mapping[str, Array]) -> Array:
        """Run the equations of a phase on every neuron; the spikes (trials, n)."""
        run, name, formats = self.run, self.name, self.population.neuron.formats
        settings = run.settings
        cell: dict[str, Any] = {**program.constants, **self.codes, **self.state}
        for port, value in given.items():
            cell[port] = self.store(port, value) if port in formats else value
        for k, assign in enumerate(program.assigns):
            site = (name, f"{phase}{k}")
            how = settings.instead.get(site, ("", 0)) if on(settings.rounding, *site) else None
            sizing = on(settings.stores, name, assign.target)
            value = Evaluator(cell, program.tables, how, sizing, self.random).of(assign.value)
            cell[assign.target] = self.store(assign.target, value)
        for register in self.state:
            self.state[register] = cell[register]
        self.shown = cell
        return (
            np.asarray(np.broadcast_to(cell["spike"], self.shape))
            if "spike" in cell
            else np.zeros(self.shape)
        )

    def store(self, name: str, value: Any) -> Array:
        """What a register, wire or input holds of a value."""
        array, ends = settled(value, self.shape), self.run.ends
        if ends is not None:
            low, high = ends.get((self.name, name), (0.0, 0.0))
            ends[self.name, name] = (min(low, float(array.min())), max(high, float(array.max())))
        if not on(self.run.settings.stores, self.name, name):
            return array
        return settled(stored(array, self.population.neuron.formats[name]), self.shape)

    def random(self, bits: int, site: int) -> Array:
        """The chip's random numbers of this tick."""
        run = self.run
        trial = np.arange(run.first, run.last, dtype=np.int64)[:, None]
        return np.asarray(
            random_bits(bits, run.twin.seed, trial, np.int64(run.step), self.key, site)
        )


class _Run:
    """Trials ``first`` to ``last`` - 1, side by side."""

    def __init__(
        self, twin: Twin, settings: Settings, first: int, last: int, record: Probes,
        ends: Ends | None,
    ) -> None:  # fmt: skip
        self.twin, self.settings, self.first, self.last = twin, settings, first, last
        self.trials, self.step, self.ends = last - first, 0, ends
        self.parts = {k: _Part(self, p) for k, p in twin.fixed.populations.items()}
        factors = {k: p.factor for k, p in self.parts.items()}
        self.feed = Feed(twin, settings, factors, first, last)
        self.arriving = Arriving(self.feed, self.trials)
        self.events: dict[str, list[tuple[Array, Array, Array, Array]]] = {
            k: [] for k in self.parts
        }
        self.record = record
        kind = np.int64 if settings.whole else np.float64
        self.traces = {
            (name, r): np.zeros((self.trials, twin.steps, len(neurons)), kind)
            for name, (registers, neurons) in record.items() for r in registers
        }  # fmt: skip

    def run(
        self,
    ) -> tuple[dict[str, list[tuple[Array, Array, Array, Array]]], dict[tuple[str, str], Array]]:
        latency = self.twin.fixed.chip.delivery.latency
        with np.errstate(all="ignore"):
            for step in range(self.twin.steps):
                self.step = step
                self.arriving.inputs(step)
                for part in self.parts.values():
                    neuron = part.population.neuron
                    given = self.arriving.take(part.name, step)
                    aliased = {neuron.aliased: np.zeros(part.shape)} if neuron.aliased else {}
                    event = neuron.phases.get("event")
                    if event is not None and latency:
                        part.execute(event, "event", {**given, **_count(event)})
                    spike = part.execute(
                        neuron.tick, "tick", aliased if event else {**given, **aliased}
                    )
                    self.fire(part, spike, step)
                    if event is not None and not latency:
                        part.execute(event, "event", {**given, **_count(event)})
                self.sample(step)
        return self.events, self.traces

    def fire(self, part: _Part, spike: Array, step: int) -> None:
        trial, neuron = np.nonzero(spike)
        if not trial.size:
            return
        value = spike[trial, neuron].astype(np.int64)
        if self.twin.fixed.chip.delivery.payload.bits == 1:
            value = np.ones_like(value)
        self.events[part.name].append((trial, np.full(trial.size, step), neuron, value))
        self.arriving.send(part.name, trial, neuron, value, step)

    def sample(self, step: int) -> None:
        for (name, register), values in self.traces.items():
            part, neurons = self.parts[name], list(self.record[name][1])
            shown = part.shown.get(register, part.state.get(register))
            if shown is not None:
                values[:, step] = np.broadcast_to(shown, part.shape)[:, neurons]


def _count(event: Program) -> dict[str, Any]:
    return {"count": 1} if "count" in event.inputs else {}


def _joined(twin: Twin, parts: Sequence[Any], at_once: int) -> Recording:
    """The recording of all chunks of trials."""
    fixed, spikes = twin.fixed, {}
    for name in spiking_sources(fixed):
        if name in fixed.inputs:
            given = twin.inputs.spikes.get(name, Spikes.none(fixed.inputs[name]))
            keep = given.step < twin.steps
            value = None if given.value is None else given.value[keep]
            spikes[name] = Spikes.of(
                given.n, given.trial[keep], given.step[keep], given.neuron[keep], value
            )
            continue
        columns = [
            (trial + k * at_once, *rest)
            for k, (events, _) in enumerate(parts) for trial, *rest in events[name]
        ]  # fmt: skip
        if columns:
            spikes[name] = Spikes.of(
                fixed.populations[name].n, *(np.concatenate(c) for c in zip(*columns, strict=True))
            )
        else:
            spikes[name] = Spikes.none(fixed.populations[name].n)
    traces: dict[str, dict[str, Trace]] = {}
    for name, register in parts[0][1]:
        values = np.concatenate([p[1][name, register] for p in parts])
        traces.setdefault(name, {})[register] = Trace(values, np.arange(values.shape[2]), 1)
    return Recording(
        fixed.dt, twin.steps, twin.inputs.trials, fixed.sizes, spikes, traces,
        source=f"{fixed.chip.name}, taken apart",
    )  # fmt: skip
