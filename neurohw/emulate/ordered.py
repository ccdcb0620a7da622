"""The definition of the ordered engine: events one by one, registers stored after each.

Spikes that are due deliver before the equations of a tick (latency 1) or after them (latency 0).
By ``source``: inputs first, then neurons, ascending; ``event`` runs for each of a source's
synapses, its port holds the weight, the others 0, ``count`` the payload. By ``index``: all sources
of index 0 together, then of index 1, and so on (inputs are numbered through, and so are neurons);
``event`` runs for every neuron of a population that any of them projects to, each port holds the
weight of its own source, 0 if that is silent.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import TYPE_CHECKING

from neurohw.errors import CapacityError
from neurohw.fixed import FixedPointNetwork, FixedPopulation, FixedProjection

if TYPE_CHECKING:
    from neurohw.emulate.definition import Fired, Interpretation


def source_index(network: FixedPointNetwork) -> dict[str, int]:
    """The index of the first neuron of each population that projects: among inputs, or neurons."""
    for name, population in network.populations.items():
        for port in population.neuron.ports:
            sources = {
                p.source
                for p in network.projections
                if p.target == name and network.port(p) == port
            }
            if sources & set(network.inputs) and sources & set(network.populations):
                raise CapacityError(
                    f"population '{name}': input '{port}' has sources {', '.join(sorted(sources))}; "
                    f"{network.chip.name} takes inputs or neurons at one input, not both"
                )
    found: dict[str, int] = {}
    for names in (network.inputs, network.populations):
        at = 0
        for name in names:
            if any(p.source == name for p in network.projections):
                found[name] = at
                at += network.sizes[name]
    return found


class Ordered:
    """``due[tick]`` are the spikes that deliver at that tick: source, neuron, payload."""

    def __init__(self, run: Interpretation) -> None:
        self.run, self.net = run, run.plan.network
        self.latency = self.net.chip.delivery.latency
        self.due: dict[int, list[tuple[str, int, int]]] = defaultdict(list)
        self.places = {name: k for k, name in enumerate(self.net.sizes)}
        by_index = self.net.chip.delivery.order == "index"
        self.index = source_index(self.net) if by_index else {}

    def before(self, step: int, given: Mapping[str, Fired]) -> None:
        assert self.net.input_latency is not None
        for name, fired in given.items():
            self.due[step + self.net.input_latency] += [(name, j, value) for j, value in fired]
        if self.latency:
            self.deliver(step)

    def arrived(self, population: FixedPopulation, step: int) -> Mapping[str, list[int]]:
        return {}

    def relayed(self, step: int, name: str, fired: Fired) -> None:
        raise AssertionError("the ordered engine has no relays")

    def after(self, step: int, fired: Mapping[str, Fired]) -> None:
        for name, mine in fired.items():
            self.due[step + self.latency] += [(name, j, value) for j, value in mine]
        if not self.latency:
            self.deliver(step)

    def deliver(self, step: int) -> None:
        due = sorted(self.due.pop(step, []), key=lambda e: (self.places[e[0]], e[1]))
        if self.net.chip.delivery.order == "source":
            for source, j, payload in due:
                self.by_source(source, j, payload)
        else:
            self.by_index({(source, j): payload for source, j, payload in due})

    def by_source(self, source: str, j: int, payload: int) -> None:
        for p in self.net.projections:
            if p.source != source:
                continue
            population = self.net.populations[p.target]
            for post, weight, _ in self.run.synapses[p.name][j]:
                self.event(population, post, {self.net.port(p): weight}, payload)
                self.run.carried[p.name] += 1

    def by_index(self, spikes: Mapping[tuple[str, int], int]) -> None:
        sources: dict[int, dict[str, int]] = defaultdict(dict)
        for source, j in spikes:
            if source in self.index:
                sources[self.index[source] + j][source] = j
        for _, together in sorted(sources.items()):
            for population in self.net.populations.values():
                active = [
                    (p, together[p.source]) for p in self.net.projections
                    if p.target == population.name and p.source in together
                ]  # fmt: skip
                if active:
                    self.all_neurons(population, active)

    def all_neurons(
        self, population: FixedPopulation, active: list[tuple[FixedProjection, int]]
    ) -> None:
        weights: dict[str, list[int]] = defaultdict(lambda: [0] * population.n)
        for p, j in active:
            for post, weight, _ in self.run.synapses[p.name][j]:
                weights[self.net.port(p)][post] += weight
                self.run.carried[p.name] += 1
        for j in range(population.n):
            self.event(population, j, {port: row[j] for port, row in weights.items()}, 1)

    def event(
        self, population: FixedPopulation, j: int, weights: Mapping[str, int], payload: int
    ) -> None:
        neuron = population.neuron
        inputs = {**dict.fromkeys(neuron.ports, 0), **weights}
        if "count" in neuron.inputs:
            inputs["count"] = payload
        self.run.execute(population, neuron.phases["event"], j, inputs)
