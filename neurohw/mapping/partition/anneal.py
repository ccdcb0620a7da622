"""Simulated annealing of a division on the connectivity metric itself (Johnson et al. 1989,
doi:10.1287/opre.37.6.865, for graphs).

A proposal takes a vertex v, one of its nets, one of that net's pins u, and moves v to u's part, so that
only parts that a net of v touches are proposed. If that part is full, v changes places with u or, as
often, with any vertex of the part, since those that share a net may belong together. A change that
adds d to the cost is accepted with probability min(1, exp(-d / T)), T falling geometrically.

All that is kept is the number of pins of each net in each part: a proposal costs two look-ups for each
of v's nets, an accepted one two additions.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from neurohw.mapping.graph import Parts
from neurohw.mapping.partition.capacity import Limits, used
from neurohw.mapping.partition.hypergraph import Hypergraph

Array = Any
TABLE = 1 << 26
"""Entries, of 4 bytes, that a table of pins by net and part may have."""


def annealed(
    hyper: Hypergraph,
    parts: Parts,
    limits: Limits,
    hot: float,
    cold: float,
    sweeps: int,
    seed: int,
) -> Parts:
    """``parts`` after ``sweeps`` proposals a vertex while T falls from ``hot`` to ``cold`` mean rates.

    A few sweeps at T = 0 follow. No part gets above its limits, or farther above them.
    """
    k = limits.shape[0]
    parts = parts.copy()
    if not hyper.rates.size:
        return parts
    # numpy asks for large pages, which numba doesn't: the table is read at random.
    table = np.zeros((hyper.rates.size, k), np.int32)
    _count(hyper.ends, hyper.pins, parts, table)
    load = used(hyper.weights, parts, k)
    sizes = np.diff(hyper.ends)
    # Room for every vertex of a part, unless parts are so roomy that they are never full.
    width = int(max(np.minimum(limits[:, 0], hyper.n).max(), np.bincount(parts).max()))
    members = np.zeros((k, width if k * width <= 4 * hyper.n + 1024 else 0), np.int32)
    unit = float((hyper.rates * sizes).sum() / sizes.sum())
    for first, last, n in ((hot, cold, sweeps), (0.0, 0.0, min(sweeps, 4))):
        _anneal(
            hyper.ends, hyper.pins, hyper.places, hyper.nets, hyper.rates, hyper.weights, limits,
            parts, table, load, members, first * unit, last * unit, n, seed,
        )  # fmt: skip
    return parts


@njit(cache=True, nogil=True)
def _count(ends: Array, pins: Array, parts: Array, table: Array) -> None:
    """Add the pins of each net in each part to ``table`` (nets, k)."""
    for e in range(ends.size - 1):
        for j in range(ends[e], ends[e + 1]):
            table[e, parts[pins[j]]] += 1


@njit(cache=True, nogil=True)
def _gain(first: int, last: int, nets: Array, rates: Array, table: Array, a: int, b: int) -> float:
    """What a move from part a to b saves: nets that leave a, less nets that come new to b."""
    gain = 0.0
    for j in range(first, last):
        e = nets[j]
        if table[e, a] == 1:
            gain += rates[e]
        if table[e, b] == 0:
            gain -= rates[e]
    return gain


@njit(cache=True, nogil=True)
def _shift(first: int, last: int, nets: Array, table: Array, a: int, b: int) -> None:
    for j in range(first, last):
        e = nets[j]
        table[e, a] -= 1
        table[e, b] += 1


@njit(cache=True, nogil=True)
def _anneal(
    ends: Array, pins: Array, places: Array, nets: Array, rates: Array, weights: Array,
    limits: Array, parts: Array, table: Array, load: Array, members: Array, hot: float, cold: float,
    sweeps: int, seed: int,
) -> None:  # fmt: skip
    n, columns = weights.shape
    listed = members.shape[1] > 0
    size = np.zeros(limits.shape[0], np.int64)
    at = np.zeros(n, np.int32)  # members[parts[v], at[v]] is v
    if listed:
        for v in range(n):
            at[v] = size[parts[v]]
            members[parts[v], at[v]] = v
            size[parts[v]] += 1
    # Lehmer's generator modulo 2**31 - 1: no product leaves int64.
    state = seed % 2147483646 + 1
    for sweep in range(sweeps):
        heat = 0.0
        if hot > 0:
            heat = hot * (cold / hot) ** (sweep / max(1, sweeps - 1))
        for _ in range(n):
            state = state * 48271 % 2147483647
            v = state % n
            first, last = places[v], places[v + 1]
            if first == last:
                continue
            state = state * 48271 % 2147483647
            e = nets[first + state % (last - first)]
            state = state * 48271 % 2147483647
            u = pins[ends[e] + state % (ends[e + 1] - ends[e])]
            a, b = parts[v], parts[u]
            if a == b:
                continue
            room = swap = True
            for c in range(columns):
                room = room and load[b, c] + weights[v, c] <= limits[b, c]
            if listed and not room and state & 1024:
                state = state * 48271 % 2147483647
                u = members[b, state % size[b]]
            for c in range(columns):
                more = weights[v, c] - weights[u, c]
                swap = swap and load[b, c] + more <= max(limits[b, c], load[b, c])
                swap = swap and load[a, c] - more <= max(limits[a, c], load[a, c])
            if not room and not swap:
                continue
            gain = _gain(first, last, nets, rates, table, a, b)
            if not room:
                # The second gain depends on the first move, which is taken back if need be.
                _shift(first, last, nets, table, a, b)
                gain += _gain(places[u], places[u + 1], nets, rates, table, b, a)
            accept = gain >= 0
            if not accept and heat > 0:
                state = state * 48271 % 2147483647
                accept = gain >= heat * np.log(state / 2147483647)
            if not accept:
                if not room:
                    _shift(first, last, nets, table, b, a)
                continue
            parts[v] = b
            for c in range(columns):
                load[a, c] -= weights[v, c]
                load[b, c] += weights[v, c]
            if listed and room:
                size[a] -= 1
                other = members[a, size[a]]
                members[a, at[v]] = other
                at[other] = at[v]
                members[b, size[b]] = v
                at[v] = size[b]
                size[b] += 1
            elif listed:
                members[a, at[v]] = u
                members[b, at[u]] = v
                at[u], at[v] = at[v], at[u]
            if room:
                _shift(first, last, nets, table, a, b)
            else:
                _shift(places[u], places[u + 1], nets, table, b, a)
                parts[u] = a
                for c in range(columns):
                    load[a, c] += weights[u, c]
                    load[b, c] -= weights[u, c]
