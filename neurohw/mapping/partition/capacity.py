"""What parts may hold: checking a capacity, filling parts in a given order, saying what does not fit."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from neurohw.errors import CapacityError, InputError
from neurohw.mapping.graph import Graph, Parts
from neurohw.network.checks import MOST, integers, whole

Array = Any
Limits = NDArray[np.int64]


def limits_of(graph: Graph, k: int, capacity: ArrayLike) -> Limits:
    """int64 (k, columns) from ``capacity`` (columns,), the same for every part, or (k, columns).

    CapacityError where the parts together hold less than the graph, or no part holds some vertex.
    """
    whole("parts of a graph", k, 1, MOST)
    columns = graph.weights.shape[1]
    given = np.minimum(integers("capacity", capacity, 0, 2**63 - 1), 2**53)
    try:
        limits = np.array(np.broadcast_to(given, (k, columns)))
    except ValueError:
        limits = np.zeros(0, np.int64)
    if limits.shape != (k, columns) or given.ndim == 0:
        raise InputError(
            f"capacity has shape {given.shape}; give ({columns},) or ({k}, {columns}): one number for "
            "each column of weights"
        )
    for c in range(columns):
        need, room = int(graph.weights[:, c].sum()), sum(map(int, limits[:, c]))
        if need > room:
            raise CapacityError(
                f"the graph takes {need:,} of resource {c}, {k} parts hold {room:,}: {need - room:,} too "
                "much; use more parts or larger ones"
            )
        most = int(graph.weights[:, c].max(initial=0))
        if most > limits[:, c].max():
            v = int(graph.weights[:, c].argmax())
            raise CapacityError(
                f"vertex {v} takes {most:,} of resource {c}, the largest part holds "
                f"{limits[:, c].max():,}: split the vertex or use larger parts"
            )
    return np.ascontiguousarray(limits)


def used(weights: NDArray[np.int64], parts: Parts, k: int) -> Limits:
    """int64 (k, columns): what the vertices of each part take."""
    total = np.zeros((k, weights.shape[1]), np.int64)
    np.add.at(total, parts, weights)
    return total


def within(weights: NDArray[np.int64], parts: Parts, limits: Limits) -> bool:
    """Whether no part holds more than it may."""
    return bool((used(weights, parts, limits.shape[0]) <= limits).all())


def fill(weights: NDArray[np.int64], limits: Limits, order: NDArray[np.int64]) -> Parts:
    """Parts filled with vertices in ``order``: even shares if they fit, shares in proportion to room,
    else each vertex into the first part with room, largest vertices first as a last resort.

    CapacityError where none of these finds a division; with one column there always is one.
    """
    n, k = order.size, limits.shape[0]
    parts = np.zeros(n, np.int32)
    even = np.arange(n, dtype=np.int64) * k // max(n, 1)
    ends = np.cumsum(np.minimum(limits[:, 0], n))
    share = np.searchsorted(ends * (n / max(int(ends[-1]), 1)), np.arange(n) + 0.5)
    for places in (even, np.minimum(share, k - 1)):
        parts[order] = places
        if within(weights, parts, limits):
            return parts
    size = (weights / np.maximum(limits.max(axis=0), 1)).max(axis=1)
    for sequence in (order, order[np.argsort(-size[order], kind="stable")]):
        packed: Parts = pack(weights, limits, sequence, False)
        if (packed >= 0).all():
            return packed
    left = int((packed < 0).sum())
    raise CapacityError(
        f"{left:,} of {n:,} vertices found no part of {k} with room for them; use more or larger parts"
    )


@njit(cache=True, nogil=True)
def pack(weights: Array, limits: Array, order: Array, spread: bool) -> Array:
    """Vertices in ``order`` into the first part with room or, with ``spread``, the least full one.

    int32 (n,), -1 for those that found none.
    """
    k, columns = limits.shape
    parts = np.full(order.size, -1, np.int32)
    load = np.zeros((k, columns), np.int64)
    first = 0
    for v in order:
        while not spread and first < k - 1 and load[first, 0] >= limits[first, 0]:
            first += 1  # every vertex takes at least 1 of column 0
        best, least = -1, np.inf
        for b in range(first, k):
            fullest = 0.0
            for c in range(columns):
                if limits[b, c] > 0:
                    fullest = max(fullest, (load[b, c] + weights[v, c]) / limits[b, c])
                elif weights[v, c] > 0:
                    fullest = 2.0
            if fullest <= 1.0 and fullest < least:
                best, least = b, fullest
                if not spread:
                    break
        if best >= 0:
            parts[v] = best
            for c in range(columns):
                load[best, c] += weights[v, c]
    return parts
