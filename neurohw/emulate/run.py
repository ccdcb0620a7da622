"""Running the generated kernel: fill the arrays, call it trial by trial, read what it left."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurohw.emulate.definition import neuron_key, overflow_message, spiking_sources
from neurohw.emulate.generate import (
    FAIL_NEURON,
    FAIL_POPULATION,
    FAIL_SITE,
    FAIL_VALUE,
    Kind,
    Setting,
)
from neurohw.emulate.layout import (
    dense_synapses,
    listed_synapses,
    place,
    reach,
    summed_synapses,
)
from neurohw.emulate.loops import kernel_source, loop_arguments
from neurohw.emulate.plan import OnOverflow, Plan, plan_run
from neurohw.emulate.store import load_kernel
from neurohw.emulate.streams import lane_states
from neurohw.errors import RegisterOverflow
from neurohw.fixed import FixedPointNetwork
from neurohw.network.events import Spikes
from neurohw.network.inputs import Inputs
from neurohw.recording import Recording, Trace

EVENTS = 1 << 18
"""Spikes that the buffer holds, at least those of one tick, before the kernel hands them over."""
Events = list[tuple[int, NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]]
"""trial, steps, source numbers, payloads"""


def emulate(
    network: FixedPointNetwork,
    inputs: Inputs | None = None,
    *,
    steps: int | None = None,
    record: Mapping[str, Sequence[str]] | None = None,
    neurons: Mapping[str, ArrayLike] | None = None,
    stride: int = 1,
    seed: int = 0,
    on_overflow: OnOverflow = "count",
    injected: Mapping[str, ArrayLike | Mapping[str, ArrayLike]] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Recording:
    """Run the network as the chip would, bit for bit.

    Parameters
    ----------
    inputs: spikes and currents; each trial starts from the initial state.
    steps: ticks of each trial; by default as many as the inputs have.
    record: registers (or wires, or inputs) to record, by population, of all neurons or those in
        ``neurons``, after every ``stride``-th tick (the first included).
    seed: 0 .. 2^32 - 1, for chips that draw random numbers; a draw depends on seed, trial, tick,
        neuron and place in the equations only.
    on_overflow: ``count`` what the chip's overflow modes change, or ``raise`` at the first.
    injected: integers (trials, steps, n) added to a population's input at each tick, by population,
        or by population and input.
    progress: called with (ticks done, ticks in all).

    Returns a Recording whose traces are int64 register codes; ``network.physical`` translates them.
    Raises RegisterOverflow for a store that its register can't hold and whose format says nothing.
    """
    plan = plan_run(
        network, inputs, steps, record, neurons, stride, seed, on_overflow, injected
    )  # fmt: skip
    if network.chip.machine is not None:
        from neurohw.emulate.stepped import run_stepped

        return run_stepped(plan, progress=progress)
    return Engine(plan).run(progress)


class Engine:
    """The arrays of one run and the kernel that works on them."""

    def __init__(self, plan: Plan) -> None:
        self.plan, self.net = plan, plan.network
        self.layout = place(self.net)
        chip = self.net.chip
        self.setting = Setting(chip.delivery, chip.generators, plan.on_overflow == "raise")
        self.kinds = [Kind(bank.neuron, self._kept(tuple(bank.low))) for bank in self.layout.banks]
        module = load_kernel(kernel_source(self.kinds, self.setting))
        self.kernel: Callable[..., tuple[int, int, bool]] = module.run
        self.order = loop_arguments(self.kinds, self.setting)
        self.arrays: dict[str, Any] = {}
        self._shared()
        if chip.delivery.engine == "ordered":
            self._ordered()
        else:
            self._summed()
        for k in range(len(self.kinds)):
            self._bank(k)

    def _kept(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """Wires and inputs that are recorded of any of these populations."""
        found = {r for n in names for r in self.plan.probes.get(n, {})}
        neuron = self.net.populations[names[0]].neuron
        return tuple(sorted(found - set(neuron.tick.registers)))

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
        a["_quiet"] = np.zeros(len(names), np.bool_)
        a["_relays"] = layout.relays
        most = max((len(k.sites) for k in self.kinds), default=1)
        a["_overflows"] = np.zeros((len(names), most), np.int64)
        assert net.input_latency is not None
        a["_latency"], a["_input_latency"] = net.chip.delivery.latency, net.input_latency

    def _summed(self) -> None:
        plan, net, layout, a = self.plan, self.net, self.layout, self.arrays
        direct, staged, stage = summed_synapses(net, layout)
        for name, s in (("_", direct), ("_staged_", staged)):
            a[f"{name}start"], a[f"{name}target"], a[f"{name}weight"] = s.start, s.target, s.weight
            a["_delay" if name == "_" else "_staged_group"] = s.delay
        a["_stage"] = np.zeros(int(stage.size.sum()), np.int64)
        for key in ("offset", "size", "base", "delay", "shift", "bits"):
            a[f"_stage_{key}"] = getattr(stage, key)
        a["_stage_used"] = np.zeros(stage.size.size, np.bool_)
        longest = max((int(p.delay.max()) for p in net.projections if p.synapses), default=0)
        slots = 1 << (longest + max(a["_latency"], a["_input_latency"])).bit_length()
        extra = max(
            (int(np.abs(v).max(initial=0)) for by in plan.injected.values() for v in by.values()),
            default=0,
        )
        bound = reach(net, layout, self._payloads()) + extra
        dtype = np.int32 if bound < 2**31 else np.int64
        a["_sums"], a["_mask"] = np.zeros((slots, max(layout.columns, 1)), dtype), slots - 1
        columns = [
            layout.column(name, port) + np.arange(values.shape[2])
            for name, by in plan.injected.items() for port, values in by.items()
        ]  # fmt: skip
        a["_injected_at"] = np.concatenate(columns) if columns else np.zeros(0, np.int64)

    def _payloads(self) -> dict[str, int]:
        """The largest payload that each source can send."""
        net, form = self.net, self.net.chip.delivery.payload
        found = dict.fromkeys(net.sizes, 1)
        if net.chip.delivery.binary:
            return found
        for name, spikes in self.plan.spikes.items():
            found[name] = 1 if spikes.value is None else int(np.abs(spikes.value).max(initial=1))
        for name, p in net.populations.items():
            own = p.neuron.formats.get("spike")
            if own is not None and form.bits > 1:
                found[name] = max(1, own.high, -own.low)
        return found

    def _ordered(self) -> None:
        net, layout, a = self.net, self.layout, self.arrays
        sources = layout.neurons + sum(net.inputs.values())
        a["_sums"] = np.zeros((1, 1), np.int64)
        a["_due"] = np.zeros(max(sources, 1), np.int64)
        a["_due_value"] = np.zeros(max(sources, 1), np.int64)
        a["_waiting"] = np.zeros(1, np.int64)
        if net.chip.delivery.order == "source":
            s = listed_synapses(net, layout)
            a["_start"], a["_bank"], a["_target"], a["_owner"] = (
                s.start,
                s.bank,
                s.place,
                s.population,
            )
            a["_port"], a["_weight"] = s.port, s.weight
            return
        d = dense_synapses(net, layout)
        a["_flag"] = np.zeros(max(sources, 1), np.bool_)
        a["_group_population"], a["_group_bank"] = d.population, d.bank
        a["_group_lane"], a["_group_size"], a["_group_first"] = d.lane, d.size, d.first
        a["_group_offset"], a["_weight"], a["_known"], a["_lanes"] = (
            d.offset,
            d.weight,
            d.known,
            d.lanes,
        )

    def _bank(self, k: int) -> None:
        bank, kind, a, p = self.layout.banks[k], self.kinds[k], self.arrays, ""
        p = f"_n_{kind.name}"
        members = [self.net.populations[name] for name in bank.low]
        a[f"{p}_base"], a[f"{p}_columns"], a[f"{p}_size"] = bank.base, bank.columns, bank.size
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
        starts = {name: p.start() for name, p in net.populations.items()}
        for trial in range(plan.trials):
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
        for key in ("_sums", "_stage", "_stage_used", "_quiet", "_waiting"):
            if key in a:
                a[key][:] = 0
        for name, seeds in net.seeds.items():
            a[f"_state_{name}"] = lane_states(net.chip.generators[name], seeds)
        for bank, kind in zip(self.layout.banks, self.kinds, strict=True):
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
        injected = [v[trial] for by in plan.injected.values() for v in by.values()]
        a["_injected"] = (
            np.concatenate(injected, axis=1) if injected else np.zeros((1, 0), np.int64)
        )
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
        net, late = self.net, self.net.chip.delivery.engine == "ordered"
        last = self.plan.steps - (net.chip.delivery.latency if late else 0)
        sent = {n: np.zeros(net.sizes[n], np.int64) for n in net.sizes}
        for name in net.populations:
            n, low = net.sizes[name], self.layout.first[name]
            for _, step, source, _ in events:
                local = source[step < last] - low
                sent[name] += np.bincount(local[(local >= 0) & (local < n)], minlength=n)
        assert net.input_latency is not None
        for name, spikes in self.plan.spikes.items():
            kept = spikes.step < self.plan.steps - (net.input_latency if late else 0)
            sent[name] += np.bincount(spikes.neuron[kept], minlength=spikes.n)
        return {
            p.name: int((np.bincount(p.pre, minlength=net.sizes[p.source]) * sent[p.source]).sum())
            for p in net.projections
        }
