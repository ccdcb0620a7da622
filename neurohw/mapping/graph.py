"""Who reaches whom, and what a division of the neurons into parts costs in spikes between parts.

A spike of v travels once to every part that holds a target of v, however many targets are there.
So a neuron and its targets form a hyperedge, and the spikes that leave their part in a step are the
connectivity metric λ - 1 of hypergraph partitioning, each hyperedge weighted with its neuron's rate.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from neurohw.errors import NetworkError
from neurohw.network.checks import MOST, integers, numbers, whole

Array = Any
Parts = NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Graph:
    """The distinct targets of every vertex, as rows.

    Row v is ``targets[offsets[v] : offsets[v + 1]]``, sorted and without repeats. ``offsets`` int64
    (n + 1,), ``targets`` int32 (edges,), ``activity`` float64 (n,) spikes a step of each vertex, 1
    where unknown, ``weights`` int64 (n, columns) what each vertex takes of a part's capacity: column 0
    is 1, a neuron; others, such as synapse bits, are the caller's.
    """

    offsets: NDArray[np.int64]
    targets: NDArray[np.int32]
    activity: NDArray[np.float64]
    weights: NDArray[np.int64]

    @property
    def n(self) -> int:
        """Number of vertices."""
        return self.offsets.size - 1

    @property
    def edges(self) -> int:
        """Number of distinct pairs of source and target."""
        return self.targets.size

    @classmethod
    def of(
        cls,
        n: int,
        pre: ArrayLike,
        post: ArrayLike,
        activity: ArrayLike | None = None,
        weights: ArrayLike | None = None,
    ) -> Graph:
        """From edges ``pre[i] -> post[i]`` in any order, repeats allowed, integers in 0..n - 1.

        Two counting sorts: time and memory are linear in the edges. NetworkError for indices outside,
        unequal lengths, a negative or infinite activity, and weights whose column 0 is not 1.
        """
        n = whole("vertices of a graph", n, 0)
        ends = [_indices(f"graph: {name}", e, n) for name, e in (("pre", pre), ("post", post))]
        if ends[0].size != ends[1].size:
            raise NetworkError(
                f"graph: pre has {ends[0].size} entries, post {ends[1].size}; give one of each per edge"
            )
        if n == 0 and ends[0].size:
            raise NetworkError(f"graph: {ends[0].size} edges between no vertices; give n")
        # numpy asks for large pages, which numba doesn't: rows are filled at random places.
        targets = np.empty(ends[0].size, np.int32)
        offsets = _rows(n, ends[0], ends[1], np.empty_like(targets), targets)
        targets = targets if targets.size == offsets[n] else targets[: offsets[n]].copy()
        return cls(offsets, targets, _activity(n, activity), _weights(n, weights))

    def reversed(self) -> Graph:
        """The graph with every edge turned round: rows of in-neighbours."""
        offsets, targets = transposed(self.offsets, self.targets, self.n)
        return Graph(offsets, targets, self.activity, self.weights)


def _indices(what: str, given: ArrayLike, n: int) -> NDArray[np.int32]:
    array = given if isinstance(given, np.ndarray) else integers(what, given, 0, MOST, NetworkError)
    # Millions of good indices are looked at once and never become int64.
    if array.dtype.kind not in "iu" or (array.size and not 0 <= array.min() <= array.max() < n):
        array = integers(what, given, 0, max(n - 1, 0), NetworkError)
    return np.ascontiguousarray(array.ravel(), dtype=np.int32)


def _activity(n: int, given: ArrayLike | None) -> NDArray[np.float64]:
    if given is None:
        return np.ones(n)
    activity = numbers("graph: activity", given, NetworkError)
    if activity.shape != (n,):
        raise NetworkError(f"graph: activity has shape {activity.shape} for {n} vertices")
    bad = np.flatnonzero(~(np.isfinite(activity) & (activity >= 0)))
    if bad.size:
        raise NetworkError(
            f"graph: activity[{bad[0]}] is {activity[bad[0]]}; give finite spikes a step, 0 or more"
        )
    return activity


def _weights(n: int, given: ArrayLike | None) -> NDArray[np.int64]:
    if given is None:
        return np.ones((n, 1), np.int64)
    weights = integers("graph: weights", given, 0, 2**53, NetworkError)
    if weights.ndim != 2 or weights.shape[0] != n or weights.shape[1] < 1:
        raise NetworkError(f"graph: weights have shape {weights.shape}; give ({n}, columns)")
    if (weights[:, 0] != 1).any():
        raise NetworkError("graph: column 0 of weights counts neurons; it must be 1 everywhere")
    total = weights.sum(axis=0, dtype=np.float64)
    if (total > 2**53).any():
        raise NetworkError(f"graph: weights sum to {total.max():g}, above 2**53; use a larger unit")
    return np.ascontiguousarray(weights)


@njit(cache=True, nogil=True)
def _rows(n: int, pre: Array, post: Array, sources: Array, targets: Array) -> Array:
    """Offsets of rows in ``targets``, which it fills, sorted and distinct; ``sources`` is for its own use.

    Sorts by target first, then, stably, by source.
    """
    into = np.zeros(n + 1, np.int64)
    offsets = np.zeros(n + 1, np.int64)
    for i in range(pre.size):
        into[post[i] + 1] += 1
        offsets[pre[i] + 1] += 1
    for v in range(n):
        into[v + 1] += into[v]
        offsets[v + 1] += offsets[v]
    place = into[:n].copy()
    for i in range(pre.size):
        sources[place[post[i]]] = pre[i]
        place[post[i]] += 1
    place[:] = offsets[:n]
    for v in range(n):
        for j in range(into[v], into[v + 1]):
            u = sources[j]
            if place[u] == offsets[u] or targets[place[u] - 1] != v:
                targets[place[u]] = v
                place[u] += 1
    kept = 0
    for v in range(n):
        first = offsets[v]
        offsets[v] = kept
        for j in range(first, place[v]):
            targets[kept] = targets[j]
            kept += 1
    offsets[n] = kept
    return offsets


@njit(cache=True, nogil=True)
def transposed(offsets: Array, targets: Array, n: int) -> tuple[Array, Array]:
    """Rows of sources, for each of ``n`` targets, in ascending order."""
    into = np.zeros(n + 1, np.int64)
    for j in range(targets.size):
        into[targets[j] + 1] += 1
    for v in range(n):
        into[v + 1] += into[v]
    place = into[:n].copy()
    sources = np.empty(targets.size, np.int32)
    for v in range(offsets.size - 1):
        for j in range(offsets[v], offsets[v + 1]):
            u = targets[j]
            sources[place[u]] = v
            place[u] += 1
    return into, sources


def km1(graph: Graph, parts: ArrayLike, k: int) -> float:
    """Σ_v activity[v] · (parts among v and its targets - 1): spikes that leave their part, a step.

    ``parts`` int (n,) in 0..k - 1. With unit activity a whole number: pairs of a source and a part
    other than its own that it reaches.
    """
    remote, _, _ = _reach(graph.offsets, graph.targets, checked(graph, parts, k), k)
    return float((graph.activity * remote).sum())


def in_axons(graph: Graph, parts: ArrayLike, k: int) -> NDArray[np.int64]:
    """int64 (k,): distinct sources, in the part or outside it, that reach each part."""
    into: NDArray[np.int64] = _reach(graph.offsets, graph.targets, checked(graph, parts, k), k)[1]
    return into


def out_axons(graph: Graph, parts: ArrayLike, k: int) -> NDArray[np.int64]:
    """int64 (k,): for each part, parts reached, its own included, summed over its vertices."""
    out: NDArray[np.int64] = _reach(graph.offsets, graph.targets, checked(graph, parts, k), k)[2]
    return out


def loads(graph: Graph, parts: ArrayLike, k: int) -> NDArray[np.int64]:
    """int64 (k, columns): the sum of the weights of each part's vertices."""
    total = np.zeros((k, graph.weights.shape[1]), np.int64)
    np.add.at(total, checked(graph, parts, k), graph.weights)
    return total


def checked(graph: Graph, parts: ArrayLike, k: int) -> Parts:
    """``parts`` as int32 (n,); NetworkError unless each is in 0..k - 1."""
    whole("parts of a graph", k, 1, MOST)
    array = integers("parts", parts, 0, k - 1, NetworkError)
    if array.shape != (graph.n,):
        raise NetworkError(
            f"parts have shape {array.shape} for {graph.n} vertices; give one of each"
        )
    return np.ascontiguousarray(array, dtype=np.int32)


@njit(cache=True, nogil=True)
def _reach(offsets: Array, targets: Array, parts: Array, k: int) -> tuple[Array, Array, Array]:
    """Parts other than its own that each vertex reaches; sources into, and axons out of, each part."""
    n = offsets.size - 1
    remote = np.zeros(n, np.int64)
    into = np.zeros(k, np.int64)
    out = np.zeros(k, np.int64)
    last = np.full(k, -1, np.int64)
    for v in range(n):
        own = parts[v]
        for j in range(offsets[v], offsets[v + 1]):
            b = parts[targets[j]]
            if last[b] != v:
                last[b] = v
                into[b] += 1
                out[own] += 1
                if b != own:
                    remote[v] += 1
    return remote, into, out
