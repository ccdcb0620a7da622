"""Running the kernel of the ordered engine: fill the arrays, call it trial by trial, read it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurohw.emulate.called import Called
from neurohw.emulate.definition import neuron_key, overflow_message, spiking_sources
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
from neurohw.emulate.layout import (
    Bank,
    Dense,
    Listed,
    dense_synapses,
    listed_synapses,
    place,
)
from neurohw.emulate.loops import kernel_source, loop_arguments
from neurohw.emulate.plan import Plan
from neurohw.emulate.streams import lane_states
from neurohw.equations.primitives import Interval
from neurohw.errors import RegisterOverflow
from neurohw.network.events import Spikes, joined
from neurohw.recording import Recording, Trace

EVENTS = 1 << 18
"""Spikes that the buffer holds, at least those of one tick, before the kernel hands them over."""
Events = list[tuple[int, NDArray[np.int32], NDArray[np.int32], NDArray[np.int64]]]
"""trial, steps, source numbers, payloads"""


class OrderedEngine:
    """The arrays of one run and the kernel that works on them."""

    def __init__(self, plan: Plan) -> None:
        self.plan, self.net = plan, plan.network
        self.layout = place(self.net)
        chip = self.net.chip
        self.setting = Setting(chip.delivery, chip.generators, plan.on_overflow == "raise")
        self.graded = chip.delivery.payload.bits > 1
        by_source = chip.delivery.order == "source"
        lay_out = listed_synapses if by_source else dense_synapses
        self.synapses: Listed | Dense = lay_out(self.net, self.layout)
        self.kinds = [self._kind(bank) for bank in self.layout.banks]
        self.kernel = Called(kernel_source(self.kinds, self.setting), "run")
        self.order = loop_arguments(self.kinds, self.setting)
        self.arrays: dict[str, Any] = {}
        self.fan_out = {
            p.name: np.bincount(p.pre, minlength=self.net.sizes[p.source])
            for p in self.net.projections
        }
        self._shared()
        self._ordered()
        for k in range(len(self.kinds)):
            self._bank(k)

    def _kept(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """Wires and inputs that are recorded of any of these populations."""
        found = {r for n in names for r in self.plan.probes.get(n, {})}
        neuron = self.net.populations[names[0]].neuron
        return tuple(sorted(found - set(neuron.tick.registers)))

    def _kind(self, bank: Bank) -> Kind:
        known, quiet = self._known(bank), dict[str, int]()
        if not self.plan.variants:
            quiet = still(bank.neuron, known, starts([self.net.populations[n] for n in bank.low]))
        return Kind(
            bank.neuron,
            self._kept(tuple(bank.low)),
            known,
            self._inside(bank),
            self._weights(),
            quiet,
        )

    def _known(self, bank: Bank) -> dict[str, int]:
        varied = {key for name in bank.low for key in self.plan.variants.get(name, {})}
        return switches(bank.neuron, [self.net.populations[n] for n in bank.low], varied)

    def _inside(self, bank: Bank) -> frozenset[str]:
        """Ports that hold every weight."""
        weight = self.synapses.weight
        low, high = int(weight.min(initial=0)), int(weight.max(initial=0))
        forms = {port: bank.neuron.inputs[port] for port in bank.neuron.ports}
        return frozenset(k for k, form in forms.items() if form.low <= low and high <= form.high)

    def _weights(self) -> Interval:
        """What weights are, to the next powers of two: so that few networks need a kernel of their own."""
        weight = self.synapses.weight
        most = max(-int(weight.min(initial=0)) - 1, int(weight.max(initial=0)))
        return -(1 << most.bit_length()), (1 << most.bit_length()) - 1

    def _shared(self) -> None:
        plan, net, layout, a = self.plan, self.net, self.layout, self.arrays
        a["_seed"], a["_stride"], a["_failure"] = plan.seed, plan.stride, np.zeros(4, np.int64)
        a["_ended"] = np.zeros(2, np.int64)
        a["_fired"] = np.zeros(layout.neurons, np.int64)
        a["_value"] = np.zeros(layout.neurons, np.int64)
        for key in ("_event_step", "_event_source", "_event_value"):
            wide = key == "_event_value"
            size = max(EVENTS, layout.neurons) if not wide or self.graded else 1
            a[key] = np.zeros(size, np.int64 if wide else np.int32)
        a["_flag"] = np.zeros(-(-layout.neurons // 64) * 64, np.uint8)
        banks = [layout.bank(name) for name in layout.order]
        low = [layout.banks[b].low[n] for b, n in zip(banks, layout.order, strict=True)]
        names = list(net.populations)
        a["_population_bank"] = np.array(banks, np.int64)
        a["_population_low"] = np.array(low, np.int64)
        sizes = np.array([net.sizes[n] for n in layout.order], np.int64)
        a["_population_high"] = a["_population_low"] + sizes
        a["_population_key"] = np.array(
            [neuron_key(names.index(n), 0) for n in layout.order], np.int64
        )
        most = max((len(k.sites) for k in self.kinds), default=1)
        a["_overflows"] = np.zeros((len(names), most), np.int64)
        assert net.input_latency is not None
        a["_input_latency"] = net.input_latency

    def _ordered(self) -> None:
        net, layout, a = self.net, self.layout, self.arrays
        sources = layout.neurons + sum(net.inputs.values())
        a["_due"] = np.zeros(max(sources, 1), np.int64)
        a["_due_value"] = np.zeros(max(sources, 1), np.int64)
        a["_waiting"] = np.zeros(1, np.int64)
        d = self.synapses
        if isinstance(d, Listed):
            a["_start"], a["_bank"], a["_target"] = d.start, d.bank, d.place
            a["_owner"], a["_port"], a["_weight"] = d.population, d.port, d.weight
            a["_row_end"] = np.zeros(d.weight.size, np.int64)
            return
        longest = d.lanes.shape[1]
        half = -(-longest // 8) * 8
        place = np.full(max(sources, 1), -1, np.int64)
        for lane, ids in enumerate(d.lanes):
            there = np.flatnonzero(ids >= 0)
            place[ids[there]] = lane * half + there
        a["_place"], a["_active"] = place, np.zeros(2 * half, np.uint8)
        a["_words"], a["_indices"] = a["_active"].view(np.int64), np.zeros(half + 1, np.int64)
        a["_group_population"], a["_group_bank"], a["_group_lane"] = d.population, d.bank, d.lane
        a["_rows"] = self._rows(d)
        # Rows of weights are most of what a kernel reads.
        fits = np.array_equal(d.weight, d.weight.astype(np.int16))
        a["_weight"] = d.weight.astype(np.int16) if fits else d.weight

    def _rows(self, d: Dense) -> NDArray[np.int64]:
        """Where the weights of each group and port begin at each index, -1 where none are."""
        longest, sizes = d.lanes.shape[1], [self.net.sizes[n] for n in self.layout.order]
        rows = np.full((*d.lane.shape, longest), -1, np.int64)
        for g, q in np.argwhere(d.size > 0).tolist():
            known = d.known[d.first[g, q] : d.first[g, q] + longest]
            known = known & (d.lanes[d.lane[g, q]] >= 0)
            width = sizes[int(d.population[g])]
            rows[g, q, known] = d.offset[g, q] + np.flatnonzero(known) * width
        return rows

    def _bank(self, k: int) -> None:
        bank, kind, a, p = self.layout.banks[k], self.kinds[k], self.arrays, ""
        p = f"_n_{kind.name}"
        members = [self.net.populations[name] for name in bank.low]
        a[f"{p}_base"] = bank.base
        a[f"{p}_counts"] = np.zeros(bank.size if bank.neuron.aliased else 1, np.int64)
        aliases = [
            np.full(m.n, -1, np.int64) if m.alias is None
            else np.where(m.alias >= 0, m.alias + bank.low[m.name], -1) for m in members
        ]  # fmt: skip
        a[f"{p}_alias"] = np.concatenate(aliases)
        for key, form in bank.neuron.tick.parameters.items():
            a[f"_all_{kind.name}_{key}"] = np.concatenate(
                [m.parameters[key] for m in members]
            ).astype(form.storage)
        samples = -(-self.plan.steps // self.plan.stride)
        for key in kind.written:
            register = bank.neuron.tick.registers.get(key)
            storage = register.storage if register else "int64"
            a[f"_all_{kind.name}_{key}"] = np.zeros(bank.size, storage)
            places = [
                low + self.plan.probes[name][key] for name, low in bank.low.items()
                if key in self.plan.probes.get(name, {})
            ]  # fmt: skip
            probe = np.concatenate(places) if places else np.zeros(0, np.int64)
            a[f"_probe_{kind.name}_{key}"] = probe
            a[f"_trace_{kind.name}_{key}"] = np.zeros(
                (samples if probe.size else 1, probe.size), np.int64
            )

    def run(self, progress: Callable[[int, int], None] | None = None) -> Recording:
        plan, net = self.plan, self.net
        events: Events = []
        traces: dict[str, dict[str, list[NDArray[np.int64]]]] = {}
        starts: dict[str, dict[str, NDArray[np.int64]]] = {}
        for trial in range(plan.trials):
            if trial == 0 or plan.variants:
                starts = {name: plan.population(name, trial).start() for name in net.populations}
            self._reset(trial, starts)
            events += [(trial, *found) for found in self._one_trial(trial, progress)]
            self._keep_traces(traces)
        spikes = self._spikes(events)
        return Recording(
            dt=net.dt, steps=plan.steps, trials=plan.trials, sizes=net.sizes, spikes=spikes,
            traces={
                name: {
                    r: Trace(np.stack(traces[name][r]), indices, plan.stride)
                    for r, indices in registers.items()
                } for name, registers in plan.probes.items()
            },
            overflows=self._overflows(), synaptic_events=self._carried(spikes),
            source=f"{net.chip.name}, generated kernel",
        )  # fmt: skip

    def _reset(self, trial: int, starts: Mapping[str, Mapping[str, NDArray[np.int64]]]) -> None:
        plan, net, a = self.plan, self.net, self.arrays
        a["_waiting"][:] = 0
        if "_active" in a:
            a["_active"][:] = 0
        for name, seeds in net.seeds.items():
            a[f"_state_{name}"] = lane_states(net.chip.generators[name], seeds)
        for bank, kind in zip(self.layout.banks, self.kinds, strict=True):
            if plan.variants:
                for key in bank.neuron.tick.parameters:
                    a[f"_all_{kind.name}_{key}"][:] = np.concatenate(
                        [plan.codes(name, key, trial) for name in bank.low]
                    )
            for key in kind.written:
                values = a[f"_all_{kind.name}_{key}"]
                if key in bank.neuron.tick.registers:
                    values[:] = np.concatenate([starts[n][key] for n in bank.low])
                else:
                    values[:] = 0
        columns: list[list[NDArray[np.int64]]] = [[np.zeros(0, np.int64)] for _ in range(3)]
        for name, spikes in plan.spikes.items():
            mine = spikes.in_trial(trial)
            value = np.ones(mine.count, np.int64) if mine.value is None else mine.value
            given = (mine.step, self.layout.first[name] + mine.neuron.astype(np.int64), value)
            for column, part in zip(columns, given, strict=True):
                column.append(part.astype(np.int64))
        when, what, how = (np.concatenate(c) for c in columns)
        order = np.argsort(when, kind="stable")
        a["_given"], a["_given_value"] = what[order], how[order]
        a["_given_start"] = np.searchsorted(when[order], np.arange(plan.steps + 1))
        a["_trial"] = trial

    def _one_trial(
        self, trial: int, progress: Callable[[int, int], None] | None
    ) -> list[tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int64]]]:
        plan, a = self.plan, self.arrays
        done, found = 0, []
        chunk = plan.steps if progress is None else max(1, min(plan.steps, 2000))
        while done < plan.steps:
            a["_from"], a["_to"] = done, min(plan.steps, done + chunk)
            done = self.kernel(*(a[name] for name in self.order))
            events, failed = a["_ended"].tolist()
            if failed:
                self._fail(trial, done)
            if events:
                keys = ("_event_step", "_event_source", "_event_value")
                step, source, value = (a[key][:events].copy() for key in keys)
                found.append((step, source, value))
            if progress is not None:
                progress(trial * plan.steps + done, plan.trials * plan.steps)
        return found

    def _fail(self, trial: int, step: int) -> None:
        failure = self.arrays["_failure"]
        name = self.layout.order[int(failure[FAIL_POPULATION])]
        kind = self.kinds[self.layout.bank(name)]
        raise RegisterOverflow(
            overflow_message(
                self.plan, name, kind.sites[int(failure[FAIL_SITE])], int(failure[FAIL_VALUE]),
                int(failure[FAIL_NEURON]), step, trial,
            )
        )  # fmt: skip

    def _keep_traces(self, traces: dict[str, dict[str, list[NDArray[np.int64]]]]) -> None:
        for bank, kind in zip(self.layout.banks, self.kinds, strict=True):
            for register in kind.written:
                whole, at = self.arrays[f"_trace_{kind.name}_{register}"], 0
                for name in bank.low:
                    indices = self.plan.probes.get(name, {}).get(register)
                    if indices is not None:
                        part = whole[:, at : at + indices.size].copy()
                        traces.setdefault(name, {}).setdefault(register, []).append(part)
                        at += indices.size

    def _spikes(self, events: Events) -> dict[str, Spikes]:
        """Columns by population. The kernel lists the neurons of a population in order, ticks and trials
        come one after the other: so nothing is left to sort."""
        trial = joined([np.full(e[1].size, e[0], np.int32) for e in events])
        step = joined([e[1] for e in events])
        source = joined([e[2] for e in events])
        value = joined([e[3] for e in events], np.int64) if self.graded else None
        found = {}
        for name in spiking_sources(self.net):
            n, low = self.net.sizes[name], self.layout.first[name]
            if name in self.plan.spikes:
                continue
            if name in self.net.populations and n == self.layout.neurons:
                mine: slice | NDArray[np.intp] = slice(None)
            else:
                mine = np.flatnonzero((source >= low) & (source < low + n))
            found[name] = Spikes.in_order(
                n, trial[mine], step[mine], source[mine] - np.int32(low),
                None if value is None else value[mine],
            )  # fmt: skip
        return {**found, **self.plan.spikes}

    def _overflows(self) -> dict[str, dict[str, int]]:
        found: dict[str, dict[str, int]] = {}
        for k, name in enumerate(self.layout.order):
            kind = self.kinds[self.layout.bank(name)]
            for site, count in zip(kind.sites, self.arrays["_overflows"][k].tolist(), strict=False):
                if count:
                    mine = found.setdefault(name, {})
                    mine[site] = mine.get(site, 0) + count
        return found

    def _carried(self, spikes: Mapping[str, Spikes]) -> dict[str, int]:
        """Synaptic operations: fan-out times spikes, of those that delivered before the run ended."""
        net = self.net
        assert net.input_latency is not None
        sent = {}
        for name, n in net.sizes.items():
            own = name in net.populations
            last = self.plan.steps - (net.chip.delivery.latency if own else net.input_latency)
            mine = spikes.get(name)
            if mine is not None:
                every = own and last == self.plan.steps
                neuron = mine.neuron if every else mine.neuron[mine.step < last]
                sent[name] = np.bincount(neuron, minlength=n)
        return {
            p.name: int((self.fan_out[p.name] * sent[p.source]).sum()) if p.source in sent else 0
            for p in net.projections
        }
