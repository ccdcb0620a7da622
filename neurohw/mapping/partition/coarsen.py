"""Coarsening: vertices that share many nets become one.

Each vertex joins the cluster that shares most with it: Σ rate / (pins - 1) over the nets they share
(the heavy-edge rating of hypergraphs, Karypis et al. 1999, doi:10.1109/92.748202), divided by the
cluster's size so that clusters grow evenly.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from neurohw.mapping.partition.hypergraph import Hypergraph

Array = Any
SAMPLE = 32
"""Nets of a vertex, and pins of a net, that are looked at: enough for a rating, few for large nets."""
SHRINK = 3
"""Vertices of one level by those of the next, at most."""


def hierarchy(
    fine: Hypergraph, fewest: int, largest: NDArray[np.int64], seed: int
) -> list[tuple[Hypergraph, NDArray[np.int32]]]:
    """Coarser and coarser hypergraphs, each with the labels int32 (n of the finer one,) that made it.

    Until ``fewest`` vertices are left. ``largest`` int64 (columns,) is the most that a cluster weighs.
    Stops where merging vertices no longer makes pins fewer: in a random network there is nothing that
    belongs together.
    """
    levels: list[tuple[Hypergraph, NDArray[np.int32]]] = []
    while fine.n > fewest:
        goal = max(fewest, fine.n // SHRINK)
        label, clusters = _cluster(
            fine.ends, fine.pins, fine.places, fine.nets, fine.rates, fine.weights, largest, goal,
            seed * 8191 + len(levels) + 1,
        )  # fmt: skip
        if clusters > 0.95 * fine.n:
            break
        coarse = fine.merged(label, clusters)
        if coarse.pins.size > 0.9 * fine.pins.size:
            break
        levels.append((coarse, label))
        fine = coarse
    return levels


@njit(cache=True, nogil=True)
def _cluster(
    ends: Array, pins: Array, places: Array, nets: Array, rates: Array, weights: Array,
    largest: Array, goal: int, seed: int,
) -> tuple[Array, int]:  # fmt: skip
    """A label for each vertex, and how many labels there are."""
    n, columns = weights.shape
    state = seed % 2147483646 + 1
    label = np.arange(n).astype(np.int32)
    size = weights.copy()
    alone = np.ones(n, np.bool_)
    order = np.arange(n)
    for i in range(n - 1, 0, -1):
        state = state * 48271 % 2147483647
        j = state % (i + 1)
        order[i], order[j] = order[j], order[i]
    rating = np.zeros(n, np.float64)
    seen = np.empty(n, np.int32)
    left = n
    for v in order:
        if left <= goal:
            break
        if not alone[v]:
            continue
        found = 0
        degree = places[v + 1] - places[v]
        stride = max(1, degree // SAMPLE)
        state = state * 48271 % 2147483647
        for i in range(places[v] + state % stride, places[v + 1], stride):
            e = nets[i]
            gap = max(1, (ends[e + 1] - ends[e]) // SAMPLE)
            share = rates[e] / (ends[e + 1] - ends[e] - 1)
            state = state * 48271 % 2147483647
            for j in range(ends[e] + state % gap, ends[e + 1], gap):
                c = label[pins[j]]
                if rating[c] == 0:
                    seen[found] = c
                    found += 1
                rating[c] += share
        best, highest = -1, 0.0
        for i in range(found):
            c = seen[i]
            fits = c != v
            for k in range(columns):
                fits = fits and size[c, k] + size[v, k] <= largest[k]
            if fits:
                state = state * 48271 % 2147483647
                # The last factor breaks ties at random.
                worth = rating[c] / size[c, 0] * (1 + 1e-6 * (state / 2147483647))
                if worth > highest:
                    best, highest = c, worth
            rating[c] = 0
        if best >= 0:
            label[v] = best
            alone[v] = alone[best] = False
            for k in range(columns):
                size[best, k] += size[v, k]
            left -= 1
    name = np.full(n, -1, np.int32)
    clusters = 0
    for v in range(n):
        if name[label[v]] < 0:
            name[label[v]] = clusters
            clusters += 1
    for v in range(n):
        label[v] = name[label[v]]
    return label, clusters
