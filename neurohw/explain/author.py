"""The model as its author's framework steps it: float64, under any of the choices of ``Semantics``.

What the float reference can't say: reset by subtraction or one step late, a threshold that is met
when it is reached, spikes that pass through all layers within a step. Populations are updated in
their order; with latency 0 a projection to a later one acts within the step. Under the reference's
own choices this steps as the reference does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurohw.errors import InputError
from neurohw.network.events import Spikes
from neurohw.network.inputs import Inputs
from neurohw.network.model import Network
from neurohw.network.populations import Population
from neurohw.network.semantics import Semantics
from neurohw.quantise.stepping import stepping
from neurohw.recording import Recording, Trace

Floats = NDArray[np.float64]
KINDS = ("LIF", "CubaLIF", "LI", "CubaLI", "IF", "ALIF")


def lags(network: Network, semantics: Semantics) -> dict[str, int]:
    """How many steps earlier each population is than with one step of latency in each layer."""
    order = {name: k for k, name in enumerate(network.populations)}
    found = dict.fromkeys(order, 0)
    if semantics.latency:
        return found
    for name, place in order.items():
        ahead = [
            found[p.source] + 1 for p in network.projections
            if p.target == name and order[p.source] < place
        ]  # fmt: skip
        found[name] = max(ahead, default=0)
    return found


def step_as(
    network: Network, inputs: Inputs, steps: int, semantics: Semantics, membranes: Mapping[str, Any]
) -> Recording:
    """The network stepped as ``semantics`` say, with ``v`` of the populations in ``membranes``.

    Every population's spikes and membranes are as late as with one step of latency in each layer, so
    that they can be compared. InputError for a kind of neuron that has no such choices.
    """
    network = network.with_(integrator=semantics.integrator)
    layers = {
        name: _Layer(name, p, network, semantics, inputs.trials)
        for name, p in network.populations.items() if name not in network.inputs
    }  # fmt: skip
    lanes = _lanes(network, semantics)
    longest = max((lag for found in lanes.values() for _, lag, _ in found), default=0)
    slots = longest + 1
    rows = {k: np.zeros((slots, inputs.trials, p.n)) for k, p in network.populations.items()}
    given: dict[str, NDArray[Any]] = {
        k: s.dense(inputs.trials, inputs.steps) for k, s in inputs.spikes.items()
    }
    given.update(inputs.currents)
    events: dict[str, list[tuple[NDArray[Any], ...]]] = {k: [] for k in layers}
    traces = {k: np.zeros((inputs.trials, steps, network.populations[k].n)) for k in membranes}
    for step in range(steps):
        for name in network.populations:
            sent: NDArray[Any] | None = None
            if name in layers:
                arrived = rows[name][step % slots].copy()
                rows[name][step % slots] = 0
                sent = layers[name].tick(arrived)
                trial, neuron = np.nonzero(sent)
                events[name].append((trial, np.full(trial.size, step), neuron))
                if name in traces:
                    traces[name][:, step] = layers[name].v
            elif step < inputs.steps and name in given:
                sent = given[name][:, step]
            if sent is not None and np.any(sent):
                for target, lag, matrix in lanes.get(name, ()):
                    rows[target][(step + lag) % slots] += np.asarray(sent, np.float64) @ matrix
    return _recording(network, inputs, steps, lags(network, semantics), events, traces)


def _lanes(network: Network, semantics: Semantics) -> dict[str, list[tuple[str, int, Any]]]:
    """By source: target, steps until it acts, weights (n_source, n_target)."""
    from scipy import sparse

    order = {name: k for k, name in enumerate(network.populations)}
    found: dict[str, list[tuple[str, int, Any]]] = {}
    for p in network.projections:
        forward = not semantics.latency and order[p.source] < order[p.target]
        steps = np.rint(p.delay / network.dt).astype(np.int64) + (not forward)
        shape = (network.populations[p.source].n, network.populations[p.target].n)
        for lag in np.unique(steps):
            mine = steps == lag
            matrix = sparse.csr_array((p.weight[mine], (p.pre[mine], p.post[mine])), shape=shape)
            found.setdefault(p.source, []).append((p.target, int(lag), matrix))
    return found


class _Layer:
    """One population; ``v`` and what else it has, (trials, n)."""

    def __init__(
        self, name: str, population: Population, network: Network, semantics: Semantics, trials: int
    ) -> None:
        if population.kind not in KINDS:
            raise InputError(
                f"population '{name}' is a {population.kind}, which has no choice of reset or threshold "
                f"test; semantics are for {', '.join(KINDS)}: leave them out"
            )
        self.kind, self.semantics, self.spiking = population.kind, semantics, population.spiking
        p = self.p = dict(population.parameters())
        functions = stepping(network)
        shape = (trials, population.n)
        self.v = np.array(np.broadcast_to(p.get("v_reset", p.get("v_leak", np.zeros(1))), shape))
        self.fired = np.zeros(shape, bool)
        self.wait = np.zeros(shape, np.int64)
        self.hold = np.rint(p.get("t_ref", np.zeros(population.n)) / network.dt).astype(np.int64)
        self.i, self.a = np.zeros(shape), np.zeros(shape)
        if "tau_syn" in p:
            self.kept, self.keep = (
                functions["decay"](p["tau_syn"]),
                functions["decay"](p["tau_mem"]),
            )
            self.into = functions["coupling"](p["tau_syn"], p["tau_mem"])
            self.jump = p["w_in"] * network.dt / p["tau_syn"]
            self.i[:] = -p["w_in"] * p["bias"] * self.kept
        elif self.kind == "IF":
            self.gain = p["r"] * network.dt
        else:
            self.keep = functions["decay"](p["tau"])
        if self.kind == "ALIF":
            self.calm = functions["decay"](p["tau_adapt"])

    def moved(self, arrived: Floats) -> Floats:
        """The membrane after one step with this input."""
        p = self.p
        if self.kind == "IF":
            return self.v + self.gain * (arrived + p["bias"])
        if "tau_syn" not in p:
            end = p["v_leak"] + p["r"] * (arrived + p["bias"])
            return np.asarray(end + (self.v - end) * self.keep)
        self.i += arrived * self.jump
        end = p["v_leak"] + p["r"] * p["w_in"] * p["bias"]
        v = end + (self.v - end) * self.keep + p["r"] * self.into * self.i
        self.i *= self.kept
        return np.asarray(v)

    def tick(self, arrived: Floats) -> NDArray[np.bool_]:
        """One step; who spikes."""
        v, p, s = self.moved(arrived), self.p, self.semantics
        if not self.spiking:
            self.v = v
            return self.fired
        late = s.reset_time == "next"
        if late:
            v = self.reset(v, self.fired)
        awake = self.wait == 0
        self.v = np.where(awake, v, self.v)
        self.wait = np.maximum(self.wait - 1, 0)
        if self.kind == "ALIF":
            self.a *= self.calm
        level = p["v_threshold"] + self.a
        self.fired = (self.v > level if s.comparison == ">" else self.v >= level) & awake
        self.wait = np.where(self.fired, self.hold, self.wait)
        if self.kind == "ALIF":
            self.a += np.where(self.fired, p["adaptation"], 0.0)
        if not late:
            self.v = self.reset(self.v, self.fired)
        return self.fired

    def reset(self, v: Floats, who: NDArray[np.bool_]) -> Floats:
        """The membranes of those who spiked, reset."""
        down = v - (self.p["v_threshold"] - self.p["v_reset"])
        return np.where(who, down if self.semantics.reset == "subtract" else self.p["v_reset"], v)


def _recording(
    network: Network, inputs: Inputs, steps: int, late: Mapping[str, int],
    events: Mapping[str, list[tuple[NDArray[Any], ...]]], traces: Mapping[str, Floats],
) -> Recording:  # fmt: skip
    spikes = {}
    for name, population in network.populations.items():
        if name in events:
            trial, step, neuron = (np.concatenate(c) for c in zip(*events[name], strict=True))
            on = step + late[name] < steps
            spikes[name] = Spikes.of(population.n, trial[on], step[on] + late[name], neuron[on])
        elif population.spiking:
            s = inputs.spikes.get(name, Spikes.none(population.n))
            on = s.step < steps
            value = None if s.value is None else s.value[on]
            spikes[name] = Spikes.of(s.n, s.trial[on], s.step[on], s.neuron[on], value)
    shown = {}
    for name, values in traces.items():
        rest = np.repeat(values[:, :1], late[name], axis=1)
        shifted = np.concatenate([rest, values], axis=1)[:, :steps]
        shown[name] = {"v": Trace(shifted, np.arange(values.shape[2]), 1)}
    sizes = {k: p.n for k, p in network.populations.items()}
    return Recording(
        network.dt, steps, inputs.trials, sizes, spikes, shown, source="the author's stepping"
    )
