"""Running the generated kernel: fill the arrays, call it trial by trial, read what it left."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurohw.chip.model import Neuron
from neurohw.emulate.definition import neuron_key, overflow_message, spiking_sources
from neurohw.emulate.generate import (
    FAIL_KEY,
    FAIL_NEURON,
    FAIL_SITE,
    FAIL_VALUE,
    kernel_source,
    loop_arguments,
    parameters_of,
    registers_of,
    sites,
)
from neurohw.emulate.layout import Bank, Layout, build_layout
from neurohw.emulate.plan import OnOverflow, Plan, plan_run
from neurohw.emulate.store import load_kernel
from neurohw.errors import RegisterOverflow
from neurohw.fixed import FixedPointNetwork
from neurohw.network.events import Spikes
from neurohw.network.inputs import Inputs
from neurohw.recording import Recording, Trace

EVENTS = 1 << 18
"""Spikes that the buffer holds, at least those of one tick, before the kernel hands them over."""


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
    injected: Mapping[str, ArrayLike] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Recording:
    """Run the network as the chip would, bit for bit.

    Parameters
    ----------
    inputs: spikes and currents; each trial starts from the initial state.
    steps: ticks of each trial; by default as many as the inputs have.
    record: registers to record, by population, of all neurons or those in ``neurons``, after every
        ``stride``-th tick (the first included).
    seed: 0 .. 2^32 - 1, for chips that draw random numbers; a draw depends on seed, trial, tick,
        neuron and place in the equations only.
    on_overflow: ``count`` what the chip's overflow modes change, or ``raise`` at the first.
    injected: integers (trials, steps, n) added to a population's input at each tick, by population.
    progress: called with (ticks done, ticks in all).

    Returns a Recording whose traces are int64 register codes; ``network.physical`` translates them.
    Raises RegisterOverflow for a store that its register can't hold and whose format says nothing.
    """
    plan = plan_run(
        network, inputs, steps, record, neurons, stride, seed, on_overflow, injected
    )  # fmt: skip
    return Engine(plan).run(progress)


class Engine:
    """The arrays of one run and the kernel that works on them."""

    def __init__(self, plan: Plan) -> None:
        self.plan, net = plan, plan.network
        self.layout = build_layout(net)
        self.neurons: list[Neuron] = [
            net.populations[bank.names[0]].neuron for bank in self.layout.banks
        ]
        module = load_kernel(kernel_source(self.neurons, plan.on_overflow == "raise"))
        self.kernel: Callable[..., tuple[int, int, bool]] = module.run
        self.arrays: dict[str, Any] = {}
        self._shared(self.layout)
        for bank, neuron in zip(self.layout.banks, self.neurons, strict=True):
            self._bank(bank, neuron)
        self.initial = {
            bank.neuron: {
                r: np.concatenate([net.populations[n].start()[r] for n in bank.names])
                for r in registers_of(neuron)
            } for bank, neuron in zip(self.layout.banks, self.neurons, strict=True)
        }  # fmt: skip
        self.order = loop_arguments(self.neurons)

    def _shared(self, layout: Layout) -> None:
        plan, a = self.plan, self.arrays
        extra = max((int(np.abs(v).max(initial=0)) for v in plan.injected.values()), default=0)
        dtype = np.int32 if layout.bound + extra < 2**31 else np.int64
        a["_sums"] = np.zeros((layout.slots, max(layout.neurons, 1)), dtype)
        a["_mask"] = layout.slots - 1
        a["_seed"], a["_stride"] = plan.seed, plan.stride
        for name, s in (("_", layout.direct), ("_staged_", layout.staged)):
            a[f"{name}start"], a[f"{name}target"], a[f"{name}weight"] = s.start, s.target, s.weight
            a["_delay" if name == "_" else "_staged_group"] = s.delay
        stage = layout.stage
        a["_stage"] = np.zeros(int(stage.size.sum()), np.int64)
        for key in ("offset", "size", "base", "delay", "shift"):
            a[f"_stage_{key}"] = getattr(stage, key)
        a["_stage_used"] = np.zeros(stage.size.size, np.bool_)
        sources = layout.neurons + sum(plan.network.inputs.values())
        a["_fired"] = np.zeros(max(sources, 1), np.int64)
        a["_event_step"] = np.zeros(max(EVENTS, sources), np.int64)
        a["_event_source"] = np.zeros(max(EVENTS, sources), np.int64)
        a["_failure"] = np.zeros(4, np.int64)
        columns = [
            layout.first[name] + np.arange(values.shape[2])
            for name, values in plan.injected.items()
        ]
        a["_injected_at"] = np.concatenate(columns) if columns else np.zeros(0, np.int64)

    def _bank(self, bank: Bank, neuron: Neuron) -> None:
        net, a, p = self.plan.network, self.arrays, f"_n_{bank.neuron}"
        members = [net.populations[name] for name in bank.names]
        a[f"{p}_base"], a[f"{p}_low"], a[f"{p}_high"] = bank.base, bank.low, bank.high
        a[f"{p}_key"] = np.array([neuron_key(int(k), 0) for k in bank.order], np.int64)
        a[f"{p}_quiet"] = np.zeros(len(members), np.bool_)
        a[f"{p}_overflows"] = np.zeros((len(members), len(sites(neuron))), np.int64)
        for key in parameters_of(neuron):
            storage = neuron.tick.parameters[key].storage
            a[f"_all_{bank.neuron}_{key}"] = np.concatenate(
                [m.parameters[key] for m in members]
            ).astype(storage)
        samples = -(-self.plan.steps // self.plan.stride)
        for key in registers_of(neuron):
            a[f"_all_{bank.neuron}_{key}"] = np.zeros(bank.size, neuron.tick.registers[key].storage)
            places = [
                int(low) + self.plan.probes[name][key]
                for name, low in zip(bank.names, bank.low, strict=True)
                if key in self.plan.probes.get(name, {})
            ]
            probe = np.concatenate(places) if places else np.zeros(0, np.int64)
            a[f"_probe_{bank.neuron}_{key}"] = probe
            a[f"_trace_{bank.neuron}_{key}"] = np.zeros(
                (samples if probe.size else 1, probe.size), np.int64
            )

    def run(self, progress: Callable[[int, int], None] | None = None) -> Recording:
        plan, net = self.plan, self.plan.network
        events: list[tuple[int, NDArray[np.int64], NDArray[np.int64]]] = []
        traces: dict[str, dict[str, list[NDArray[np.int64]]]] = {}
        for trial in range(plan.trials):
            self._reset(trial)
            for step, source in self._one_trial(trial, progress):
                events.append((trial, step, source))
            for bank, neuron in zip(self.layout.banks, self.neurons, strict=True):
                self._keep_traces(bank, neuron, traces)
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

    def _reset(self, trial: int) -> None:
        plan, a = self.plan, self.arrays
        a["_sums"][:] = 0
        a["_stage"][:] = 0
        a["_stage_used"][:] = False
        for bank, neuron in zip(self.layout.banks, self.neurons, strict=True):
            for key in registers_of(neuron):
                a[f"_all_{bank.neuron}_{key}"][:] = self.initial[bank.neuron][key]
            a[f"_n_{bank.neuron}_quiet"][:] = False
        steps, sources = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
        for name, spikes in plan.spikes.items():
            mine = spikes.in_trial(trial)
            steps.append(mine.step.astype(np.int64))
            sources.append(self.layout.first[name] + mine.neuron.astype(np.int64))
        when, what = np.concatenate(steps), np.concatenate(sources)
        order = np.argsort(when, kind="stable")
        a["_given"] = what[order]
        a["_given_start"] = np.searchsorted(when[order], np.arange(plan.steps + 1))
        injected = [values[trial] for values in plan.injected.values()]
        a["_injected"] = (
            np.concatenate(injected, axis=1) if injected else np.zeros((1, 0), np.int64)
        )
        a["_trial"] = trial

    def _one_trial(
        self, trial: int, progress: Callable[[int, int], None] | None
    ) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        plan, a = self.plan, self.arrays
        done, found = 0, []
        chunk = plan.steps if progress is None else max(1, min(plan.steps, 2000))
        while done < plan.steps:
            a["_from"], a["_to"] = done, min(plan.steps, done + chunk)
            done, events, failed = self.kernel(*(a[name] for name in self.order))
            if failed:
                self._fail(trial, done)
            if events:
                found.append((a["_event_step"][:events].copy(), a["_event_source"][:events].copy()))
            if progress is not None:
                progress(trial * plan.steps + done, plan.trials * plan.steps)
        return found

    def _fail(self, trial: int, step: int) -> None:
        failure = self.arrays["_failure"]
        names = list(self.plan.network.populations)
        name = names[int(failure[FAIL_KEY]) // neuron_key(1, 0)]
        register = sites(self.plan.network.populations[name].neuron)[int(failure[FAIL_SITE])]
        raise RegisterOverflow(
            overflow_message(
                self.plan,
                name,
                register,
                int(failure[FAIL_VALUE]),
                int(failure[FAIL_NEURON]),
                step,
                trial,
            )
        )

    def _keep_traces(
        self, bank: Bank, neuron: Neuron, traces: dict[str, dict[str, list[NDArray[np.int64]]]]
    ) -> None:
        for register in registers_of(neuron):
            whole, at = self.arrays[f"_trace_{bank.neuron}_{register}"], 0
            for name in bank.names:
                indices = self.plan.probes.get(name, {}).get(register)
                if indices is not None:
                    part = whole[:, at : at + indices.size].copy()
                    traces.setdefault(name, {}).setdefault(register, []).append(part)
                    at += indices.size

    def _spikes(
        self, events: list[tuple[int, NDArray[np.int64], NDArray[np.int64]]]
    ) -> dict[str, Spikes]:
        empty = np.zeros(0, np.int64)
        trial = np.concatenate([empty, *(np.full(s.size, t, np.int64) for t, s, _ in events)])
        step = np.concatenate([empty, *(s for _, s, _ in events)])
        source = np.concatenate([empty, *(s for _, _, s in events)])
        found = {}
        for name in spiking_sources(self.plan.network):
            n = self.plan.network.sizes[name]
            low = self.layout.first[name]
            mine = (source >= low) & (source < low + n)
            found[name] = Spikes.of(n, trial[mine], step[mine], source[mine] - low)
        return {**found, **self.plan.spikes}

    def _overflows(self) -> dict[str, dict[str, int]]:
        found: dict[str, dict[str, int]] = {}
        for bank, neuron in zip(self.layout.banks, self.neurons, strict=True):
            for k, name in enumerate(bank.names):
                counts = self.arrays[f"_n_{bank.neuron}_overflows"][k]
                for site, count in zip(sites(neuron), counts.tolist(), strict=True):
                    if count:
                        mine = found.setdefault(name, {})
                        mine[site] = mine.get(site, 0) + count
        return found

    def _carried(
        self, events: list[tuple[int, NDArray[np.int64], NDArray[np.int64]]]
    ) -> dict[str, int]:
        sources = np.concatenate([np.zeros(0, np.int64), *(s for _, _, s in events)])
        carried = {}
        for p in self.plan.network.projections:
            n = self.plan.network.sizes[p.source]
            fan_out = np.bincount(p.pre, minlength=n)
            local = sources - self.layout.first[p.source]
            carried[p.name] = int(fan_out[local[(local >= 0) & (local < n)]].sum())
        return carried
