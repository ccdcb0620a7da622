"""From a fixed-point network to the arrays that kernels walk.

Populations of the same chip neuron stand side by side in one bank. Neurons are numbered through all
banks, inputs come after them. ``layouts`` says where the summed engine keeps synapses and sums.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neurohw.chip.model import Neuron
from neurohw.emulate.definition import sum_shifted
from neurohw.emulate.ordered import source_index
from neurohw.fixed import FixedPointNetwork, FixedProjection
from neurohw.weights import delivered

Int = NDArray[np.int64]


@dataclass(frozen=True)
class Bank:
    """Populations of one chip neuron: ``low`` is the place of each in the bank's arrays."""

    neuron: Neuron
    base: int
    size: int
    low: Mapping[str, int]


@dataclass(frozen=True)
class Layout:
    """Where populations are. ``order`` is the order in which they run in a tick: relays first."""

    banks: tuple[Bank, ...]
    order: tuple[str, ...]
    relays: int
    first: Mapping[str, int]
    neurons: int

    def bank(self, name: str) -> int:
        """The number of the bank that holds a population."""
        return next(k for k, b in enumerate(self.banks) if name in b.low)


def place(network: FixedPointNetwork) -> Layout:
    """Give every population its place."""
    banks, first, total = [], {}, 0
    names = list(network.populations)
    # In one order whatever the network's, so that equal sets of neurons share one kernel.
    for kind in sorted({p.neuron.name for p in network.populations.values()}):
        low, size = {}, 0
        for name in (n for n in names if network.populations[n].neuron.name == kind):
            low[name], first[name] = size, total + size
            size += network.populations[name].n
        neuron = network.populations[next(iter(low))].neuron
        banks.append(Bank(neuron, total, size, low))
        total += size
    relays = [n for n in names if network.populations[n].neuron.relay]
    others = [n for n in names if not network.populations[n].neuron.relay]
    sources = total
    for name, n in network.inputs.items():
        first[name] = sources
        sources += n
    return Layout(tuple(banks), (*relays, *others), len(relays), first, total)


def _effective(network: FixedPointNetwork, p: FixedProjection) -> Int:
    exponent = 0 if sum_shifted(network, p) else p.exponent
    return delivered(network.chip, p.weight, exponent, p.bits, network.mixed(p))


@dataclass(frozen=True)
class Listed:
    """Synapses of the ordered engine by source: bank, place, population and port of each target."""

    start: Int
    bank: Int
    place: Int
    population: Int
    port: Int
    weight: Int


def listed_synapses(network: FixedPointNetwork, layout: Layout) -> Listed:
    """Synapses in the order in which their source delivers them: by projection, then target."""
    sources = layout.neurons + sum(network.inputs.values())
    columns: list[list[Int]] = [[] for _ in range(7)]
    for k, p in enumerate(network.projections):
        bank = layout.bank(p.target)
        post = p.post.astype(np.int64)
        neuron = layout.banks[bank].neuron
        values = (
            layout.first[p.source] + p.pre.astype(np.int64), np.full_like(post, k),
            np.full_like(post, bank), layout.banks[bank].low[p.target] + post,
            np.full_like(post, layout.order.index(p.target)),
            np.full_like(post, neuron.ports.index(network.port(p))), _effective(network, p),
        )  # fmt: skip
        for column, value in zip(columns, values, strict=True):
            column.append(value)
    empty = np.zeros(0, np.int64)
    source, number, bank_, place_, population, port, weight = (
        np.concatenate([empty, *c]) for c in columns
    )
    order = np.lexsort((place_, number, source))
    start = np.zeros(sources + 1, np.int64)
    np.cumsum(np.bincount(source, minlength=sources), out=start[1:])
    return Listed(start, *(c[order] for c in (bank_, place_, population, port, weight)))


@dataclass(frozen=True)
class Dense:
    """Weights of the ordered engine by index, for each population that gets events and each port.

    ``lanes`` (2, longest): the source at each index, of inputs and of neurons, -1 for none. A port
    reads one lane; ``known`` says which of its sources project there, from ``size`` rows on.
    """

    population: Int
    bank: Int
    lane: Int
    size: Int
    first: Int
    offset: Int
    weight: Int
    known: NDArray[np.bool_]
    lanes: Int


def dense_synapses(network: FixedPointNetwork, layout: Layout) -> Dense:
    """One matrix for each population and port; CapacityError if inputs and neurons share a port."""
    index = source_index(network)
    longest = max((index[s] + network.sizes[s] for s in index), default=0)
    lanes = np.full((2, longest), -1, np.int64)
    for name, at in index.items():
        ids = layout.first[name] + np.arange(network.sizes[name])
        lanes[int(name in network.populations), at : at + ids.size] = ids
    groups, ports = [], max((len(b.neuron.ports) for b in layout.banks), default=1)
    matrices, masks, used = [np.zeros(0, np.int64)], [np.zeros(0, np.bool_)], 0
    for name in network.populations:
        incoming = [p for p in network.projections if p.target == name]
        if not incoming:
            continue
        bank, n = layout.bank(name), network.sizes[name]
        row = np.zeros((4, ports), np.int64)
        for k, port in enumerate(layout.banks[bank].neuron.ports):
            mine = [p for p in incoming if network.port(p) == port]
            if not mine:
                continue
            matrix, mask = np.zeros((longest, n), np.int64), np.zeros(longest, np.bool_)
            for p in mine:
                at = index[p.source]
                np.add.at(matrix, (at + p.pre, p.post), _effective(network, p))
                mask[at : at + network.sizes[p.source]] = True
            lane = int(mine[0].source in network.populations)
            row[:, k] = lane, longest, sum(m.size for m in masks), used
            matrices.append(matrix.ravel())
            masks.append(mask)
            used += matrix.size
        groups.append((layout.order.index(name), bank, row))
    matrices.append(np.zeros(max(network.sizes.values(), default=0), np.int64))
    table = np.array([g[2] for g in groups], np.int64).reshape(len(groups), 4, ports)
    lane_, size, first, offset = (np.ascontiguousarray(table[:, k]) for k in range(4))
    return Dense(
        np.array([g[0] for g in groups], np.int64), np.array([g[1] for g in groups], np.int64),
        lane_, size, first, offset, np.concatenate(matrices), np.concatenate(masks), lanes,
    )  # fmt: skip
