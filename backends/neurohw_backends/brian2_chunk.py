"""Some trials of a network, side by side in one Brian 2 simulation.

Trial t of neuron k of a population of n is neuron ``t * n + k`` of its NeuronGroup.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurohw.network import Inputs, Network, Projection
from neurohw.network.events import Spikes
from neurohw_backends.brian2_models import VARIABLES, Model, model

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Plan:
    """What to run: ``steps`` of ``dt`` in ``substeps`` each, and what to record of it."""

    network: Network
    steps: int
    substeps: int
    method: str
    record: Mapping[str, tuple[str, ...]]
    neurons: Mapping[str, NDArray[np.int64]]
    stride: int
    tick: Callable[[], None] | None = None

    @property
    def step(self) -> float:
        """Seconds of one simulated step."""
        return self.network.dt / self.substeps

    @property
    def fine(self) -> int:
        """Simulated steps."""
        return self.steps * self.substeps


@dataclass
class Result:
    """Spikes as event columns (trial, step, neuron) and traces (trials, samples, neurons)."""

    spikes: dict[str, tuple[NDArray[Any], ...]] = field(default_factory=dict)
    traces: dict[str, dict[str, Floats]] = field(default_factory=dict)


class Chunk:
    """Builds the simulation of trials ``first`` to ``first + trials - 1`` and runs it."""

    def __init__(self, b2: Any, plan: Plan, inputs: Inputs, first: int, trials: int) -> None:
        self.b2, self.plan, self.inputs, self.first, self.trials = b2, plan, inputs, first, trials
        self.clock = b2.Clock(plan.step * b2.second)
        self.models: dict[str, Model] = {}
        self.groups: dict[str, Any] = {}
        self.objects: list[Any] = []
        self.hosted: dict[str, list[_Hosted]] = {}
        for name, population in plan.network.populations.items():
            if name not in plan.network.inputs:
                self.models[name] = model(
                    population, plan.method, plan.step, plan.network.dt, plan.network.semantics
                )
                self.groups[name] = self.neurons(name, self.models[name])
        for name in plan.network.inputs:
            self.feed(name)
        self.monitors = {}
        for name in self.models:
            if plan.network.populations[name].spiking:
                self.monitors[name] = b2.SpikeMonitor(self.groups[name])
        for projection in plan.network.projections:
            if projection.synapses and projection.source in self.groups:
                self.connect(projection)
        self.objects += [*self.groups.values(), *self.monitors.values()]

    def neurons(self, name: str, what: Model) -> Any:
        b2, n = self.b2, self.plan.network.populations[name].n
        options = {} if what.refractory is None else {"refractory": what.refractory}
        group = b2.NeuronGroup(
            n * self.trials, what.equations, threshold=what.threshold, reset=what.reset,
            method=what.method, clock=self.clock, namespace={}, **options,
        )  # fmt: skip
        for key, value in what.values.items():
            group.variables[key].set_value(np.tile(value, self.trials))
        if what.target == "I" and self.plan.substeps == 1:
            # The sum of this step's spikes acts in the next state update and is gone after it.
            self.objects.append(group.run_regularly("I = 0", when="after_groups"))
        return group

    def feed(self, name: str) -> None:
        """An input: a generator of its spikes, or weights applied here for what is not a spike.

        Spikes that count several times can't come from Brian's generator, but are a current that
        lasts one step, which is what a spike is.
        """
        n, last = self.plan.network.populations[name].n, min(self.plan.steps, self.inputs.steps)
        if name in self.inputs.currents:
            values = self.inputs.currents[name][self.first : self.first + self.trials, :last]
        elif name in self.inputs.spikes:
            s = cut(self.inputs.spikes[name], self.first, self.trials, last)
            events = np.stack([s.trial, s.step, s.neuron])
            if s.value is None and not (events[:, 1:] == events[:, :-1]).all(axis=0).any():
                if s.count:
                    emitted = (s.step + 1) * self.plan.substeps - 1
                    self.groups[name] = self.b2.SpikeGeneratorGroup(
                        n * self.trials, s.trial.astype(np.int64) * n + s.neuron,
                        emitted * self.plan.step * self.b2.second, clock=self.clock,
                    )  # fmt: skip
                return
            values = s.dense(self.trials, last).astype(np.float64)
        else:
            return
        for p in self.plan.network.projections:
            if p.source == name:
                lag = np.rint(p.delay / self.plan.step).astype(np.int64)
                for d in np.unique(lag):
                    on = lag == d
                    part = _Hosted(values, p.pre[on], p.post[on], p.weight[on], int(d))
                    self.hosted.setdefault(p.target, []).append(part)

    def connect(self, p: Projection) -> None:
        b2, plan, target = self.b2, self.plan, self.models[p.target]
        n_pre, n_post = (plan.network.populations[k].n for k in (p.source, p.target))
        trial = np.repeat(np.arange(self.trials, dtype=np.int64), p.synapses)
        lag = np.rint(p.delay / plan.step)
        lags = {"up": lag}
        code = {"up": f"{target.target}_post += w"}
        if target.target == "I" and plan.substeps > 1:
            lags["down"], code["down"] = lag + plan.substeps, "I_post -= w"
        one = bool((lag == lag[0]).all())
        same = {"delay": {k: v[0] * plan.step * b2.second for k, v in lags.items()}} if one else {}
        synapses = b2.Synapses(
            self.groups[p.source], self.groups[p.target], "w : 1 (constant)", on_pre=code,
            clock=self.clock, namespace={}, **same,
        )  # fmt: skip
        synapses.connect(
            i=trial * n_pre + np.tile(p.pre, self.trials),
            j=trial * n_post + np.tile(p.post, self.trials),
        )
        weight = p.weight * target.gain[p.post]
        synapses.variables["w"].set_value(np.tile(weight, self.trials))
        if not one:
            for key, value in lags.items():
                pathway = getattr(synapses, key)
                pathway.variables["delay"].set_value(np.tile(value * plan.step, self.trials))
        self.objects.append(synapses)

    def run(self) -> Result:
        """Run all steps."""
        plan, result = self.plan, Result()
        counter = [0]
        samples = -(-plan.fine // plan.stride)
        for name, variables in plan.record.items():
            result.traces[name] = {
                v: np.empty((self.trials, samples, plan.neurons[name].size)) for v in variables
            }
        views = {
            (name, v): self.view(name, "i_syn" if v == "i" else v)
            for name, variables in plan.record.items() for v in variables
        }  # fmt: skip

        def sample(at_start: bool) -> None:
            if counter[0] % plan.stride:
                return
            for (name, v), view in views.items():
                if (v == "i") == at_start:
                    values = result.traces[name][v]
                    values[:, counter[0] // plan.stride] = view[:, plan.neurons[name]]

        def start() -> None:
            for target, parts in self.hosted.items():
                self.drive(target, parts, counter[0])
            sample(True)

        def end() -> None:
            sample(False)
            counter[0] += 1
            if plan.tick:
                plan.tick()

        operations = [
            self.b2.NetworkOperation(start, clock=self.clock, when="start"),
            self.b2.NetworkOperation(end, clock=self.clock, when="end"),
        ]
        network = self.b2.Network(*self.objects, *operations)
        network.schedule = ["start", "groups", "thresholds", "synapses", "resets", "end"]
        network.run(plan.fine * plan.step * self.b2.second, namespace={})
        assert counter[0] == plan.fine
        for name, monitor in self.monitors.items():
            index = np.asarray(monitor.i[:], np.int64)
            n = plan.network.populations[name].n
            step = np.rint(np.asarray(monitor.t_[:]) / plan.step)
            result.spikes[name] = (index // n + self.first, step, index % n)
        return result

    def view(self, name: str, variable: str) -> Floats:
        """A variable of a group as an array (trials, n) that stays up to date."""
        values = np.asarray(self.groups[name].variables[variable].get_value(), np.float64)
        return values.reshape(self.trials, -1)

    def drive(self, name: str, parts: list[_Hosted], now: int) -> None:
        """Apply what arrives at ``name`` before step ``now``: jumps, or a current for one dt."""
        what = self.models[name]
        arrived = [part for part in parts if part.arrive(now, self.plan.substeps)]
        if what.target == "i_syn":
            for part in arrived:
                self.view(name, "i_syn")[:] += part.sums(self.trials, what.gain.size) * what.gain
        elif arrived:
            total = np.tile(what.values["drive"], (self.trials, 1))
            for part in parts:
                total += part.sums(self.trials, what.gain.size)
            self.view(name, "drive")[:] = total


@dataclass
class _Hosted:
    """Synapses of one delay from an input whose values are not spikes."""

    values: Floats
    pre: NDArray[np.int32]
    post: NDArray[np.int32]
    weight: Floats
    lag: int
    current: int = -1

    def arrive(self, now: int, substeps: int) -> bool:
        """Whether the values of a step begin, or those of the last step end, at step ``now``."""
        step, rest = divmod(now - self.lag, substeps)
        if rest or not 1 <= step <= self.values.shape[1] + 1:
            return False
        self.current = step - 1
        return True

    def sums(self, trials: int, n: int) -> Floats:
        """Weighted values that act now, (trials, n)."""
        total: Floats = np.zeros((n, trials))
        if 0 <= self.current < self.values.shape[1]:
            parts = self.values[:, self.current, self.pre] * self.weight
            np.add.at(total, self.post, parts.T)
        return np.ascontiguousarray(total.T)


def cut(spikes: Spikes, first: int, trials: int, steps: int) -> Spikes:
    """The events of some trials, renumbered from 0, before step ``steps``."""
    keep = (spikes.trial >= first) & (spikes.trial < first + trials) & (spikes.step < steps)
    value = None if spikes.value is None else spikes.value[keep]
    return Spikes.of(
        spikes.n, spikes.trial[keep] - first, spikes.step[keep], spikes.neuron[keep], value
    )


def recordable(network: Network, name: str) -> tuple[str, ...]:
    """Variables of a population that can be recorded; inputs have none."""
    return VARIABLES.get(network.populations[name].kind, ())
