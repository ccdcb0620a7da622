"""Networks meant with spikes that pass through all layers in one step, given a latency.

Training frameworks update layer after layer within a step; chips, and everything here, let a spike act
one step later. A network without feedback from later to earlier layers computes the same spikes
either way, layer d of it d steps later, if its biases begin d steps later too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from neurohw.errors import NetworkError
from neurohw.network.events import Spikes
from neurohw.network.inputs import Inputs
from neurohw.network.model import Network
from neurohw.network.populations import CurrentInput, Population
from neurohw.network.projections import Projection
from neurohw.recording import Recording, Trace

_START = "bias"


@dataclass(frozen=True, eq=False)
class Delayed:
    """``network`` with a latency of one step, and how many steps late each population is in it."""

    network: Network
    lag: Mapping[str, int]
    start: str

    @property
    def longest(self) -> int:
        """The lag of the last population."""
        return max(self.lag.values())

    def inputs(self, inputs: Inputs) -> Inputs:
        """The inputs of the original, long enough for the last population."""
        steps = inputs.steps + self.longest
        currents = {
            name: np.concatenate(
                [value, np.zeros((inputs.trials, self.longest, value.shape[2]))], axis=1
            )
            for name, value in inputs.currents.items()
        }
        if self.start:
            currents[self.start] = np.ones((inputs.trials, steps, 1))
        return Inputs(steps, inputs.trials, inputs.spikes, currents, inputs.labels)

    def aligned(self, name: str, spikes: Spikes, steps: int) -> Spikes:
        """Spikes of a population as in the original, of ``steps`` steps."""
        step = spikes.step - self.lag[name]
        on = (step >= 0) & (step < steps)
        value = None if spikes.value is None else spikes.value[on]
        return Spikes.of(spikes.n, spikes.trial[on], step[on], spikes.neuron[on], value)

    def recording(
        self, recording: Recording, steps: int, substeps: int = 1, stride: int = 1
    ) -> Recording:
        """A run of ``network``, every step sampled, as if of the original for ``steps`` steps.

        ``substeps``: steps of the recording for each of the network. Every ``stride``-th sample is
        kept. Counters are of the longer run and are left out.
        """
        sizes = {k: n for k, n in recording.sizes.items() if not self.start or k != self.start}
        spikes, traces = {}, {}
        for name, s in recording.spikes.items():
            if name in sizes:
                late = Delayed(self.network, {name: self.lag[name] * substeps}, "")
                spikes[name] = late.aligned(name, s, steps)
        for name, variables in recording.traces.items():
            first = self.lag[name] * substeps
            traces[name] = {
                key: Trace(t.values[:, first : first + steps : stride], t.neurons, stride)
                for key, t in variables.items()
            }
        return Recording(
            recording.dt, steps, recording.trials, sizes, spikes, traces, source=recording.source
        )


def delayed(network: Network) -> Delayed:
    """The network that spikes with one step of latency as ``network`` does with none.

    Populations are updated in their order: a projection to a later one acts within the step, plus
    its delay; one to the same or an earlier population acts one step later. NetworkError for
    feedback that would have to arrive before it was sent, and for membranes that move without input
    before theirs begins (``v_leak`` other than ``v_reset``).
    """
    order = {name: k for k, name in enumerate(network.populations)}
    lag = dict.fromkeys(order, 0)
    incoming: dict[str, list[Projection]] = {name: [] for name in order}
    for p in network.projections:
        incoming[p.target].append(p)
    for name, place in order.items():
        ahead = [lag[p.source] + 1 for p in incoming[name] if order[p.source] < place]
        lag[name] = max(ahead, default=0)
    populations: dict[str, Population] = dict(network.populations)
    projections = [_moved(p, network.dt, order, lag) for p in network.projections]
    start = _START
    while start in populations:
        start += "_"
    biased = [name for name in order if lag[name] and _bias(network.populations[name]).any()]
    if biased:
        populations = {start: CurrentInput(1), **populations}
    for name in order:
        population = network.populations[name]
        if lag[name]:
            _check_rest(name, population)
        if name in biased:
            bias, post = _bias(population), np.arange(population.n)
            populations[name] = replace(population, bias=0.0)  # type: ignore[call-arg]
            late = (lag[name] - 1) * network.dt
            projections.append(
                Projection.sparse(start, name, np.zeros_like(post), post, bias, late)
            )
    made = network.with_(
        populations=populations, projections=tuple(projections),
        semantics=network.semantics.with_(latency=1),
    )  # fmt: skip
    return Delayed(made, {**lag, **({start: 0} if biased else {})}, start if biased else "")


def _moved(
    p: Projection, dt: float, order: Mapping[str, int], lag: Mapping[str, int]
) -> Projection:
    forward = order[p.source] < order[p.target]
    extra = lag[p.target] - lag[p.source] - forward
    if extra == 0:
        return p
    steps = np.rint(p.delay / dt) + extra
    if steps.size and steps.min() < 0:
        raise NetworkError(
            f"projection '{p.name}' goes back from '{p.source}' to '{p.target}' in one step; with one "
            f"step of latency in each layer it takes {-extra + 1}: give it a delay of {-extra} steps "
            f"({-extra * dt:g} s) or more"
        )
    return replace(p, delay=steps * dt)


def _bias(population: Population) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.asarray(getattr(population, "bias", np.zeros(population.n)), np.float64)


def _check_rest(name: str, population: Population) -> None:
    leak, reset = (getattr(population, k, None) for k in ("v_leak", "v_reset"))
    if leak is not None and reset is not None and (leak != reset).any():
        k = int(np.flatnonzero(leak != reset)[0])
        raise NetworkError(
            f"population '{name}': v_leak[{k}] is {leak[k]:g}, v_reset[{k}] {reset[k]:g}; its membrane "
            "would move before its input begins: make both equal, or give the network a latency of 1"
        )
