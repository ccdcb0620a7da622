"""The graph as a hypergraph: one net for each vertex, which holds it and its targets.

The parts that a net touches, less one, are the parts that the vertex's spikes travel to. Nets of one
pin cost nothing wherever it is and are left out, as are nets of silent vertices.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from neurohw.mapping.graph import Graph, transposed

Array = Any


@dataclass(frozen=True, eq=False)
class Hypergraph:
    """Pins by net and nets by vertex.

    ``ends`` int64 (nets + 1,) and ``pins`` int32: the vertices of each net; ``places`` int64 (n + 1,)
    and ``nets`` int32: the nets of each vertex, ascending; ``rates`` float64 (nets,) > 0;
    ``weights`` int64 (n, columns).
    """

    ends: NDArray[np.int64]
    pins: NDArray[np.int32]
    places: NDArray[np.int64]
    nets: NDArray[np.int32]
    rates: NDArray[np.float64]
    weights: NDArray[np.int64]

    @property
    def n(self) -> int:
        """Number of vertices."""
        return len(self.weights)

    @classmethod
    def _of(
        cls,
        ends: NDArray[np.int64],
        pins: NDArray[np.int32],
        rates: NDArray[np.float64],
        weights: NDArray[np.int64],
    ) -> Hypergraph:
        return cls(ends, pins, *transposed(ends, pins, weights.shape[0]), rates, weights)

    @classmethod
    def of(cls, graph: Graph) -> Hypergraph:
        """The nets of a graph's vertices that have more than one pin and a rate above 0."""
        parts = _nets(graph.offsets, graph.targets, graph.activity)
        return cls._of(*parts, graph.weights)

    def merged(self, label: NDArray[np.int32], clusters: int) -> Hypergraph:
        """Vertices of one label, in 0..clusters - 1, become one; equal nets become one of their sum."""
        weights = np.zeros((clusters, self.weights.shape[1]), np.int64)
        np.add.at(weights, label, self.weights)
        nets = _merge(self.ends, self.pins, self.rates, label, clusters)
        return Hypergraph._of(*nets, weights)

    def restricted(self, inside: NDArray[np.int64]) -> Hypergraph:
        """Only the vertices ``inside``, ascending, numbered in that order, and nets of two of them."""
        nets = _restrict(self.places, self.nets, self.rates, inside)
        return Hypergraph._of(*nets, self.weights[inside])


@njit(cache=True, nogil=True)
def _nets(offsets: Array, targets: Array, activity: Array) -> tuple[Array, Array, Array]:
    n = offsets.size - 1
    ends = np.zeros(n + 1, np.int64)
    pins = np.empty(targets.size + n, np.int32)
    rates = np.empty(n, np.float64)
    kept, at = 0, 0
    for v in range(n):
        start, own = at, False
        for j in range(offsets[v], offsets[v + 1]):
            own |= targets[j] == v
            pins[at] = targets[j]
            at += 1
        if not own:
            pins[at] = v
            at += 1
        if at - start < 2 or activity[v] <= 0:
            at = start
            continue
        rates[kept] = activity[v]
        kept += 1
        ends[kept] = at
    return ends[: kept + 1].copy(), pins[:at].copy(), rates[:kept].copy()


@njit(cache=True, nogil=True)
def _merge(
    ends: Array, pins: Array, rates: Array, label: Array, clusters: int
) -> tuple[Array, Array, Array]:
    """Nets of labels; those with the same set of labels, found by a sum of keys, are added up."""
    nets = ends.size - 1
    key = np.empty(clusters, np.int64)
    state = 1
    for c in range(clusters):
        state = state * 48271 % 2147483647
        key[c] = state
    size = 2
    while size < 2 * nets:
        size *= 2
    table = np.full(size, -1, np.int64)
    sums = np.empty(nets, np.int64)
    out_ends = np.zeros(nets + 1, np.int64)
    out_pins = np.empty(pins.size, np.int32)
    out_rates = np.empty(nets, np.float64)
    last = np.full(clusters, -1, np.int64)
    kept, at = 0, 0
    for e in range(nets):
        start, total = at, 0
        for j in range(ends[e], ends[e + 1]):
            c = label[pins[j]]
            if last[c] != e:
                last[c] = e
                total += key[c]
                out_pins[at] = c
                at += 1
        if at - start < 2:
            at = start
            continue
        slot = total & (size - 1)
        twin = -1
        while table[slot] >= 0 and twin < 0:
            f = table[slot]
            if sums[f] == total and out_ends[f + 1] - out_ends[f] == at - start:
                twin = f
                for j in range(out_ends[f], out_ends[f + 1]):
                    if last[out_pins[j]] != e:
                        twin = -1
                        break
            slot = (slot + 1) & (size - 1)
        if twin >= 0:
            out_rates[twin] += rates[e]
            at = start
        else:
            table[slot] = kept
            sums[kept] = total
            out_rates[kept] = rates[e]
            kept += 1
            out_ends[kept] = at
    return out_ends[: kept + 1].copy(), out_pins[:at].copy(), out_rates[:kept].copy()


@njit(cache=True, nogil=True)
def _restrict(
    places: Array, nets: Array, rates: Array, inside: Array
) -> tuple[Array, Array, Array]:
    """Only the nets' pins at ``inside``; costs their pins, not the whole hypergraph's."""
    count = np.zeros(rates.size, np.int64)
    for v in inside:
        for j in range(places[v], places[v + 1]):
            count[nets[j]] += 1
    name = np.full(rates.size, -1, np.int64)
    kept = 0
    for e in range(rates.size):
        if count[e] > 1:
            name[e] = kept
            kept += 1
    ends = np.zeros(kept + 1, np.int64)
    out_rates = np.empty(kept, np.float64)
    for e in range(rates.size):
        if name[e] >= 0:
            ends[name[e] + 1] = ends[name[e]] + count[e]
            out_rates[name[e]] = rates[e]
    pins = np.empty(ends[kept], np.int32)
    place = ends[:kept].copy()
    for i in range(inside.size):
        for j in range(places[inside[i]], places[inside[i] + 1]):
            e = name[nets[j]]
            if e >= 0:
                pins[place[e]] = i
                place[e] += 1
    return ends, pins, out_rates
