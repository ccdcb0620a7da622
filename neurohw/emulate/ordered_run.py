"""Running the kernel of the ordered engine: fill the arrays, call it trial by trial, read it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurohw.emulate.definition import neuron_key, overflow_message, spiking_sources
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
from neurohw.emulate.store import load_kernel
from neurohw.emulate.streams import lane_states
from neurohw.errors import RegisterOverflow
from neurohw.network.events import Spikes
from neurohw.recording import Recording, Trace

EVENTS = 1 << 18
"""Spikes that the buffer holds, at least those of one tick, before the kernel hands them over."""
Events = list[tuple[int, NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]]
"""trial, steps, source numbers, payloads"""


class OrderedEngine:
    """The arrays of one run and the kernel that works on them."""

    def __init__(self, plan: Plan) -> None:
        self.plan, self.net = plan, plan.network
        self.layout = place(self.net)
        chip = self.net.chip
        self.setting = Setting(chip.delivery, chip.generators, plan.on_overflow == "raise")
        by_source = chip.delivery.order == "source"
        lay_out = listed_synapses if by_source else dense_synapses
        self.synapses: Listed | Dense = lay_out(self.net, self.layout)
        self.kinds = [
            Kind(bank.neuron, self._kept(tuple(bank.low)), self._known(bank), self._inside(bank))
            for bank in self.layout.banks
        ]
        module = load_kernel(kernel_source(self.kinds, self.setting))
        self.kernel: Callable[..., tuple[int, int, bool]] = module.run
        self.order = loop_arguments(self.kinds, self.setting)
        self.arrays: dict[str, Any] = {}
        self._shared()
        self._ordered()
        for k in range(len(self.kinds)):
            self._bank(k)

    def _kept(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """Wires and inputs that are recorded of any of these populations."""
        found = {r for n in names for r in self.plan.probes.get(n, {})}
        neuron = self.net.populations[names[0]].neuron
        return tuple(sorted(found - set(neuron.tick.registers)))

    def _known(self, bank: Bank) -> dict[str, int]:
        varied = {key for name in bank.low for key in self.plan.variants.get(name, {})}
        return switches(bank.neuron, [self.net.populations[n] for n in bank.low], varied)

    def _inside(self, bank: Bank) -> frozenset[str]:
        """Ports that hold every weight."""
        weight = self.synapses.weight
        low, high = int(weight.min(initial=0)), int(weight.max(initial=0))
        forms = {port: bank.neuron.inputs[port] for port in bank.neuron.ports}
        return frozenset(k for k, form in forms.items() if form.low <= low and high <= form.high)

    def _shared(self) -> None:
        plan, net, layout, a = self.plan, self.net, self.layout, self.arrays
        a["_seed"], a["_stride"], a["_failure"] = plan.seed, plan.stride, np.zeros(4, np.int64)
        a["_fired"] = np.zeros(max(layout.neurons, 1), np.int64)
        a["_value"] = np.zeros(max(layout.neurons, 1), np.int64)
        for key in ("_event_step", "_event_source", "_event_value"):
            a[key] = np.zeros(max(EVENTS, layout.neurons), np.int64)
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
            return
        a["_flag"] = np.zeros(max(sources, 1), np.bool_)
        a["_group_population"], a["_group_bank"] = d.population, d.bank
        a["_group_lane"], a["_group_size"], a["_group_first"] = d.lane, d.size, d.first
        # Rows of weights are most of what a kernel reads.
        fits = np.array_equal(d.weight, d.weight.astype(np.int16))
        a["_weight"] = d.weight.astype(np.int16) if fits else d.weight
        a["_group_offset"], a["_known"], a["_lanes"] = d.offset, d.known, d.lanes

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
        return Recording(
            dt=net.dt, steps=plan.steps, trials=plan.trials, sizes=net.sizes,
            spikes=self._spikes(events),
            traces={
                name: {
                    r: Trace(np.stack(traces[name][r]), indices, plan.stride)
                    for r, indices in registers.items()
                } for name, registers in plan.probes.items()
            },
            overflows=self._overflows(), synaptic_events=self._carried(events),
            source=f"{net.chip.name}, generated kernel",
        )  # fmt: skip

    def _reset(self, trial: int, starts: Mapping[str, Mapping[str, NDArray[np.int64]]]) -> None:
        plan, net, a = self.plan, self.net, self.arrays
        a["_waiting"][:] = 0
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
    ) -> list[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]]:
        plan, a = self.plan, self.arrays
        done, found = 0, []
        chunk = plan.steps if progress is None else max(1, min(plan.steps, 2000))
        while done < plan.steps:
            a["_from"], a["_to"] = done, min(plan.steps, done + chunk)
            done, events, failed = self.kernel(*(a[name] for name in self.order))
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
        empty = np.zeros(0, np.int64)
        trial = np.concatenate([empty, *(np.full(e[1].size, e[0], np.int64) for e in events)])
        step, source, value = (np.concatenate([empty, *(e[k] for e in events)]) for k in (1, 2, 3))
        found = {}
        for name in spiking_sources(self.net):
            n, low = self.net.sizes[name], self.layout.first[name]
            mine = (source >= low) & (source < low + n)
            found[name] = Spikes.of(n, trial[mine], step[mine], source[mine] - low, value[mine])
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

    def _carried(self, events: Events) -> dict[str, int]:
        """Synaptic operations: fan-out times spikes, of those that delivered before the run ended
        (the ordered engine), or were sent (the others)."""
        net = self.net
        last = self.plan.steps - net.chip.delivery.latency
        sent = {n: np.zeros(net.sizes[n], np.int64) for n in net.sizes}
        for name in net.populations:
            n, low = net.sizes[name], self.layout.first[name]
            for _, step, source, _ in events:
                local = source[step < last] - low
                sent[name] += np.bincount(local[(local >= 0) & (local < n)], minlength=n)
        assert net.input_latency is not None
        for name, spikes in self.plan.spikes.items():
            kept = spikes.step < self.plan.steps - net.input_latency
            sent[name] += np.bincount(spikes.neuron[kept], minlength=spikes.n)
        return {
            p.name: int((np.bincount(p.pre, minlength=net.sizes[p.source]) * sent[p.source]).sum())
            for p in net.projections
        }
