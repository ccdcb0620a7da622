"""Repair: vertices leave parts that hold too much, those that lose least first."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from neurohw.mapping.graph import Parts
from neurohw.mapping.partition.capacity import Limits, used
from neurohw.mapping.partition.hypergraph import Hypergraph

Array = Any


def repaired(hyper: Hypergraph, parts: Parts, limits: Limits) -> Parts:
    """``parts`` with fewer vertices in parts above their limits; all are within them afterwards if
    every vertex weighs 1 and the parts together have room, most of the time otherwise."""
    load = used(hyper.weights, parts, limits.shape[0])
    over = np.asarray((load > limits).any(axis=1))
    if not over.any():
        return parts
    parts = parts.copy()
    nets = (hyper.ends, hyper.pins, hyper.places, hyper.nets, hyper.rates)
    leaving = np.flatnonzero(over[parts])
    held = _held(leaving, *nets, parts)
    order = leaving[np.argsort(held, kind="stable")]
    _evict(order, *nets, hyper.weights, limits, parts, load)
    return parts


@njit(cache=True, nogil=True)
def _held(
    vertices: Array,
    ends: Array,
    pins: Array,
    places: Array,
    nets: Array,
    rates: Array,
    parts: Array,
) -> Array:
    """The rates of the nets that each vertex shares with others of its part."""
    held = np.zeros(vertices.size, np.float64)
    for i in range(vertices.size):
        v = vertices[i]
        for j in range(places[v], places[v + 1]):
            e = nets[j]
            for m in range(ends[e], ends[e + 1]):
                if pins[m] != v and parts[pins[m]] == parts[v]:
                    held[i] += rates[e]
                    break
    return held


@njit(cache=True, nogil=True)
def _evict(
    order: Array, ends: Array, pins: Array, places: Array, nets: Array, rates: Array,
    weights: Array, limits: Array, parts: Array, load: Array,
) -> None:  # fmt: skip
    """Each vertex whose part is too full moves to the part with room that it shares most nets with."""
    k, columns = limits.shape
    shared = np.empty(k, np.float64)
    last = np.full(k, -1, np.int64)
    stamp = 0
    for v in order:
        a = parts[v]
        helps = False
        for c in range(columns):
            helps = helps or (load[a, c] > limits[a, c] and weights[v, c] > 0)
        if not helps:
            continue
        shared[:] = 0
        for j in range(places[v], places[v + 1]):
            e = nets[j]
            stamp += 1
            for m in range(ends[e], ends[e + 1]):
                b = parts[pins[m]]
                if last[b] != stamp:
                    last[b] = stamp
                    shared[b] += rates[e]
        best, most = -1, -1.0
        for b in range(k):
            fits = b != a
            for c in range(columns):
                fits = fits and load[b, c] + weights[v, c] <= limits[b, c]
            if fits and shared[b] > most:
                best, most = b, shared[b]
        if best >= 0:
            parts[v] = best
            for c in range(columns):
                load[a, c] -= weights[v, c]
                load[best, c] += weights[v, c]
