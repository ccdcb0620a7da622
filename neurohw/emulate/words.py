"""Running an event-driven chip on the words that a host sends."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurohw.chip.model import Neuron
from neurohw.emulate.called import Called
from neurohw.emulate.folded import starts, still
from neurohw.emulate.generate import (
    FAIL_NEURON,
    FAIL_POPULATION,
    FAIL_SITE,
    FAIL_VALUE,
    Kind,
    Setting,
    switches,
)
from neurohw.emulate.log import OperationLog
from neurohw.emulate.queued import Queued, word_overflow
from neurohw.emulate.sweeps import (
    CHANGES,
    DONE,
    EVENT,
    NEXT,
    OUTPUTS,
    SPIKES,
    machine_arguments,
    machine_source,
)
from neurohw.errors import CapacityError, InputError, RegisterOverflow
from neurohw.fixed import FixedPointNetwork, FixedPopulation
from neurohw.network.checks import integers
from neurohw.weights import delivered

Column = NDArray[np.int64]
CHUNK = 256
"""Operations whose registers the kernel records before it hands them over."""


def emulate_words(
    network: FixedPointNetwork, words: ArrayLike, *, saturate: bool = False, record: bool = True,
    limit: int = 1 << 40, interpreted: bool = False,
) -> OperationLog:  # fmt: skip
    """Send ``words`` to a chip that has a queue and log every operation.

    saturate: the host always has the next word waiting; else it waits until the chip is idle.
    record: every register after every operation.
    limit: operations after which a chip that excites itself is stopped.
    interpreted: by the integer interpreter, which defines what the kernel must do.
    """
    machine = network.chip.machine
    if machine is None:
        raise InputError(f"{network.chip.name} has no queue; use emulate(network, inputs)")
    sent = np.atleast_1d(integers("words", words, machine.word.low, machine.word.high))
    runner = Interpreted(network, record) if interpreted else Kernel(network, record)
    runner.send(sent, saturate, limit)
    return runner.log()


def synapse_memory(network: FixedPointNetwork) -> Column:
    """Stored codes (rows, neurons): as given, or from the projections.

    Neurons have the first addresses, in the order of populations; inputs come behind them.
    """
    machine = network.chip.machine
    assert machine is not None
    shape = (machine.neurons, machine.neurons)
    if network.synapse_memory is not None:
        low, high = machine.synapse.low, machine.synapse.high
        memory = integers("synapse_memory", network.synapse_memory, low, high)
        if memory.shape != shape:
            raise InputError(f"synapse_memory has shape {memory.shape}; give codes of {shape}")
        return memory.copy()
    rows = addresses(network)
    sums = np.zeros(shape, np.int64)
    for p in network.projections:
        np.add.at(sums, (rows[p.source] + p.pre, rows[p.target] + p.post), p.weight)
    low = min(m.low for m in network.chip.weight.modes)
    high = max(m.high for m in network.chip.weight.modes)
    if sums.min() < low or sums.max() > high:
        worst = int(sums.max()) if sums.max() > high else int(sums.min())
        raise CapacityError(
            f"several synapses between two neurons come to {worst}; {network.chip.name} holds one "
            f"there, {low}..{high}: make them one"
        )
    return delivered(network.chip, sums)


def addresses(network: FixedPointNetwork) -> dict[str, int]:
    """The first address of every population; inputs behind neurons."""
    found, at = {}, 0
    for name, n in (*((k, p.n) for k, p in network.populations.items()), *network.inputs.items()):
        found[name] = at
        at += n
    return found


def restless(network: FixedPointNetwork, limit: int) -> InputError:
    """The error of a chip whose neurons excite each other without end."""
    return InputError(
        f"{network.chip.name} is not at rest after {limit:,} operations: its neurons excite each other "
        "without end; weaken the recurrent weights"
    )


class Interpreted:
    """The integer interpreter, fed as the kernel is."""

    def __init__(self, network: FixedPointNetwork, record: bool, strict: bool = False) -> None:
        self.network = network
        self.chip = Queued(network, synapse_memory(network).tolist(), strict)
        self.samples: dict[str, dict[str, list[list[int]]]] = {
            name: {r: [] for r in rows} for name, rows in self.chip.state.items()
        }
        self.record = record
        if record:
            self.chip.after = self._sample

    def _sample(self) -> None:
        for name, rows in self.chip.state.items():
            for register, row in rows.items():
                self.samples[name][register].append(list(row))

    def send(self, words: Column, saturate: bool, limit: int) -> None:
        """Send words and work until the chip is at rest, or ``limit`` operations have run."""
        chip = self.chip
        self.seen = len(chip.spikes)
        end = len(chip.operations) + limit
        if chip.run(words.tolist(), saturate, end) < words.size or chip.queue:
            raise restless(self.network, limit)

    def fired(self) -> Column:
        """The neurons that spiked since the last words were sent."""
        return np.array([neuron for _, neuron, _ in self.chip.spikes[self.seen :]], np.int64)

    def state(self, population: str, register: str) -> Column:
        """A register of a population now."""
        return np.array(self.chip.state[population][register], np.int64)

    def log(self) -> OperationLog:
        """Everything so far."""
        chip = self.chip
        sizes = {name: p.n for name, p in self.network.populations.items()}
        registers = {
            name: {r: np.array(v, np.int64).reshape(-1, sizes[name]) for r, v in rows.items()}
            for name, rows in self.samples.items()
        }
        kind, argument, event, cycles = _columns(chip.operations, 4)
        a, b, c = _columns(chip.spikes, 3)
        d, e = _columns(chip.output, 2)
        f, g, h, i = _columns(chip.changes, 4)
        return OperationLog(
            kind, argument, event, cycles, registers if self.record else {}, (a, b, c), (d, e),
            (f, g, h, i), {k: dict(v) for k, v in chip.overflows.items() if v},
        )  # fmt: skip


def _columns(rows: Any, width: int) -> tuple[Column, ...]:
    return tuple(np.ascontiguousarray(c) for c in np.array(rows, np.int64).reshape(-1, width).T)


def _kind(neuron: Neuron, members: list[FixedPopulation]) -> Kind:
    known = switches(neuron, members)
    return Kind(neuron, known=known, still=still(neuron, known, starts(members)))


def _small(rows: Column, first: int) -> NDArray[np.signedinteger]:
    """A copy with ``first`` added to its first column, in 32 bits where they hold it: asking for memory is
    most of what copying costs."""
    most = 2**31 - 1 - first
    fits = not rows.size or (-most <= int(rows.min()) and int(rows.max()) <= most)
    kept: NDArray[np.signedinteger] = rows.astype(np.int32) if fits else rows.copy()
    np.add(kept[:, 0], first, out=kept[:, 0])
    return kept


class Kernel:
    """The arrays of a run and the kernel that works on them, for one chip after another word."""

    def __init__(self, network: FixedPointNetwork, record: bool, strict: bool = False) -> None:
        chip, self.network, self.record = network.chip, network, record
        assert chip.machine is not None
        machine = chip.machine
        names = sorted({p.neuron.name for p in network.populations.values()})
        members = {
            k: [p for p in network.populations.values() if p.neuron.name == k] for k in names
        }
        self.kinds = [_kind(chip.neurons[k], members[k]) for k in names]
        self.setting = Setting(chip.delivery, chip.generators, strict)
        self.kernel = Called(machine_source(self.kinds, machine, self.setting), "run")
        self.order = machine_arguments(self.kinds, machine, self.setting)
        self.populations = list(network.populations.values())
        self.names = names
        self.restart()

    def restart(self) -> None:
        """As before the first word, with nothing logged."""
        self.operations = 0
        self.found: dict[str, list[NDArray[np.signedinteger]]] = {
            k: [] for k in ("_operations", "_spikes", "_outputs", "_changes")
        }
        self.samples: dict[str, list[NDArray[np.signedinteger]]] = {}
        self._fill(self.names)

    def _fill(self, names: list[str]) -> None:
        net, machine = self.network, self.network.chip.machine
        assert machine is not None
        a: dict[str, Any] = {}
        self.arrays = a
        spare = machine.neurons**2
        owner, place, self.low = [], [], {}
        for k, name in enumerate(names):
            at = 0
            members = [p for p in self.populations if p.neuron.name == name]
            for p in members:
                self.low[p.name] = at
                at += p.n
            neuron, starts = self.kinds[k].neuron, [p.start() for p in members]
            for r, form in neuron.tick.registers.items():
                values = np.concatenate([s[r] for s in starts]).astype(form.storage)
                a[f"_all_{name}_{r}"] = values
                a[f"_log_{name}_{r}"] = np.zeros((CHUNK if self.record else 1, at), form.storage)
                self.samples[f"{name}_{r}"] = []
            for key, form in neuron.tick.parameters.items():
                a[f"_all_{name}_{key}"] = np.concatenate(
                    [p.parameters[key] for p in members]
                ).astype(form.storage)
        for number, p in enumerate(self.populations):
            owner.append(np.full(p.n, number))
            place.append(self.low[p.name] + np.arange(p.n))
        a["_owner"] = np.concatenate(owner).astype(np.int64)
        a["_place"] = np.concatenate(place).astype(np.int64)
        a["_low"] = np.array([names.index(p.neuron.name) for p in self.populations], np.int64)
        a["_status"], a["_queue"] = np.zeros(9, np.int64), np.zeros(machine.queue, np.int64)
        a["_status"][EVENT] = -1
        memory = synapse_memory(net).ravel().astype(machine.synapse.storage)
        a["_synapses"], a["_codes"] = memory, np.zeros(machine.neurons, memory.dtype)
        a["_flag"] = np.zeros(-(-machine.neurons // 64) * 64, np.uint8)
        a["_spare"] = spare
        most = max(len(k.sites) for k in self.kinds)
        a["_overflows"] = np.zeros((len(self.populations), most), np.int64)
        a["_failure"], a["_record"] = np.zeros(4, np.int64), self.record
        a["_operations"] = np.zeros((CHUNK if self.record else 4096, 4), np.int64)
        for key, width in (("_spikes", 3), ("_outputs", 2), ("_changes", 4)):
            a[key] = np.zeros((2 * spare + 2, width), np.int64)
        a.update(net.configuration)

    def send(self, words: Column, saturate: bool, limit: int) -> None:
        """Send words and work until the chip is at rest; InputError at ``limit`` operations."""
        a = self.arrays
        a["_words"], a["_saturate"] = words, saturate
        a["_status"][NEXT] = 0
        self.seen = len(self.found["_spikes"])
        end = self.operations + limit
        while True:
            a["_limit"] = end - self.operations
            result = self.kernel(*(a[name] for name in self.order))
            self._collect()
            if result == 0:
                return
            if result == 2:
                self._fail()
            if result == 3:
                raise restless(self.network, limit)

    def fired(self) -> Column:
        """The neurons that spiked since the last words were sent."""
        parts = self.found["_spikes"][self.seen :]
        return np.concatenate([np.zeros(0, np.int64), *(rows[:, 1] for rows in parts)])

    def state(self, population: str, register: str) -> Column:
        """A register of a population now."""
        p = self.network.populations[population]
        low = self.low[population]
        values = self.arrays[f"_all_{p.neuron.name}_{register}"]
        return np.asarray(values[low : low + p.n], np.int64)

    def _collect(self) -> None:
        a, status = self.arrays, self.arrays["_status"]
        counts = zip(self.found, (DONE, SPIKES, OUTPUTS, CHANGES), strict=True)
        for key, place in counts:
            first = 0 if key == "_operations" else self.operations
            self.found[key].append(_small(a[key][: status[place]], first))
        if self.record:
            for name, chunks in self.samples.items():
                chunks.append(a[f"_log_{name}"][: status[DONE]].copy())
        self.operations += int(status[DONE])
        status[[DONE, SPIKES, OUTPUTS, CHANGES]] = 0

    def _fail(self) -> None:
        failure = self.arrays["_failure"]
        population = self.populations[int(failure[FAIL_POPULATION])]
        site = Kind(population.neuron).sites[int(failure[FAIL_SITE])]
        raise RegisterOverflow(
            word_overflow(
                population,
                site,
                int(failure[FAIL_VALUE]),
                int(failure[FAIL_NEURON]),
                self.operations,
            )
        )

    def log(self) -> OperationLog:
        """Everything so far."""
        columns = {k: np.concatenate(v).astype(np.int64).T for k, v in self.found.items()}
        parts = {k: tuple(np.ascontiguousarray(c) for c in v) for k, v in columns.items()}
        registers: dict[str, dict[str, NDArray[np.signedinteger]]] = {}
        for p in self.populations if self.record else ():
            low = self.low[p.name]
            registers[p.name] = {
                r: np.concatenate(
                    [s[:, low : low + p.n] for s in self.samples[f"{p.neuron.name}_{r}"]]
                )
                for r in p.neuron.tick.registers
            }
        kind, argument, event, cycles = parts["_operations"]
        a, b, c = parts["_spikes"]
        d, e = parts["_outputs"]
        f, g, h, k = parts["_changes"]
        return OperationLog(
            kind,
            argument,
            event,
            cycles,
            registers,
            (a, b, c),
            (d, e),
            (f, g, h, k),
            self.overflows(),
        )

    def overflows(self) -> dict[str, dict[str, int]]:
        """How often a store changed a value, by population and register."""
        found: dict[str, dict[str, int]] = {}
        for k, p in enumerate(self.populations):
            counts = self.arrays["_overflows"][k].tolist()
            for site, count in zip(Kind(p.neuron).sites, counts, strict=False):
                if count:
                    mine = found.setdefault(p.name, {})
                    mine[site] = mine.get(site, 0) + count
        return found
