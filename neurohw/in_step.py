"""Networks meant with spikes that pass through all layers in one step, given a latency.

Training frameworks update layer after layer within a step; chips, and everything here, let a spike act
one step later. A network without feedback from later to earlier layers computes the same spikes
either way, layer d of it d steps later, if its biases begin d steps later too. Biases that do are an
input of the network: a current of 1, or a spike in every step, from the step before on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from neurohw.errors import NetworkError
from neurohw.network.events import Spikes
from neurohw.network.inputs import Inputs
from neurohw.network.model import Network
from neurohw.network.populations import CurrentInput, Population, SpikeInput
from neurohw.network.projections import Projection
from neurohw.recording import Recording, Trace

if TYPE_CHECKING:
    from neurohw.chip.model import Chip

_START = "bias"


@dataclass(frozen=True, eq=False)
class Delayed:
    """``network`` with a latency of one step, and how many steps late each population is in it.

    ``start`` is the input that biases come from, '' if there are none to delay; its channel k begins
    at step ``begins[k]``.
    """

    network: Network
    lag: Mapping[str, int]
    start: str = ""
    begins: tuple[int, ...] = ()

    @property
    def longest(self) -> int:
        """The lag of the last population."""
        return max(self.lag.values())

    def inputs(self, inputs: Inputs, steps: int | None = None) -> Inputs:
        """The inputs of the original, long enough for the last population's ``steps`` (default: theirs)."""
        if not self.longest:
            return inputs
        length = max(inputs.steps, steps or 0) + self.longest
        silence = (inputs.trials, length - inputs.steps)
        currents = {
            name: np.concatenate([value, np.zeros((*silence, value.shape[2]))], axis=1)
            for name, value in inputs.currents.items()
        }
        spikes = dict(inputs.spikes)
        if self.start:
            on = np.arange(length)[:, None] >= np.array(self.begins)
            every = np.broadcast_to(on, (inputs.trials, *on.shape))
            if self.network.populations[self.start].spiking:
                spikes[self.start] = Spikes.from_dense(every)
            else:
                currents[self.start] = every.astype(np.float64)
        return Inputs(length, inputs.trials, spikes, currents, inputs.labels)

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
        kept. Counters stay those of the longer run.
        """
        if not self.longest and recording.steps == steps and stride == 1:
            return recording
        sizes = {k: n for k, n in recording.sizes.items() if not self.start or k != self.start}
        spikes, traces = {}, {}
        for name, s in recording.spikes.items():
            if name in sizes:
                # An input that the chip added, for a bias of neurons that nothing is ahead of, is not late.
                late = Delayed(self.network, {name: self.lag.get(name, 0) * substeps})
                spikes[name] = late.aligned(name, s, steps)
        for name, variables in recording.traces.items():
            first = self.lag[name] * substeps
            traces[name] = {
                key: Trace(t.values[:, first : first + steps : stride], t.neurons, stride)
                for key, t in variables.items()
            }
        return replace(recording, steps=steps, sizes=sizes, spikes=spikes, traces=traces)


def for_chip(network: Network, chip: Chip) -> Delayed:
    """The network as ``chip`` can run it: with a latency, and biases as the chip takes them.

    A network whose spikes take a step already is left as it is. Raises as :func:`delayed` does.
    """
    if network.semantics.latency:
        return Delayed(network, dict.fromkeys(network.populations, 0))
    return delayed(network, spikes=not takes_currents(chip))


def takes_currents(chip: Chip) -> bool:
    """Whether a bias may come as a current that the host computes.

    Not where neurons are reached by spikes only or through axons, nor where they need their bias as
    spikes; nor in a ring buffer, which saturates: codes are chosen by weights, the bias must be one.
    """
    neurons = chip.neurons.values()
    by_spikes = any(r.bias_spikes for n in neurons for r in n.from_physical.values())
    axons = any(n.relay for n in neurons)
    return chip.delivery.engine == "summed" and not (by_spikes or axons)


def delayed(network: Network, spikes: bool = False) -> Delayed:
    """The network that spikes with one step of latency as ``network`` does with none.

    Populations are updated in their order: a projection to a later one acts within the step, plus
    its delay; one to the same or an earlier population acts one step later. Biases behind the first
    step come as currents, or as ``spikes`` whose weight is the bias; both are the same to a neuron.
    NetworkError for feedback that would have to arrive before it was sent, and for membranes that move
    without input before theirs begins (``v_leak`` other than ``v_reset``).
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
    biased = [name for name in order if lag[name] and _bias(network.populations[name]).any()]
    begins = tuple(sorted({lag[name] - 1 for name in biased}))
    start = _START if biased else ""
    while start in populations:
        start += "_"
    if start:
        source = SpikeInput(len(begins)) if spikes else CurrentInput(len(begins))
        populations = {start: source, **populations}
    for name in order:
        population = network.populations[name]
        if lag[name]:
            _check_rest(name, population)
        if name in biased:
            bias = _bias(population)
            post = np.flatnonzero(bias)
            channel = np.full_like(post, begins.index(lag[name] - 1))
            populations[name] = replace(population, bias=0.0)  # type: ignore[call-arg]
            projections.append(Projection.sparse(start, name, channel, post, bias[post]))
    made = network.with_(
        populations=populations, projections=tuple(projections),
        semantics=network.semantics.with_(latency=1),
    )  # fmt: skip
    return Delayed(made, {**lag, **({start: 0} if start else {})}, start, begins)


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
