"""Where many packets go: ``deliver`` for tens of thousands of probes, with the traffic of links."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from neurohw.errors import InputError
from neurohw.mapping.multicast.nets import Nets
from neurohw.mapping.multicast.table import Tables

Int = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Deliveries:
    """What became of n packets.

    Copies ``start[i]:start[i + 1]`` of ``chips, cores`` (indices) are those that packet i left at
    cores, in order; ``links`` int64 (n,): traversals by its copies; ``dropped, looped`` bool (n,),
    as in ``Delivery``; ``traffic`` int64 (chips, links): traversals of every link, by all packets;
    ``arrivals`` uint64 (entries,): how packets came that matched each entry, none if it is 0;
    ``visitor, visited_chip`` int64 (visits,): every chip that every packet came to.
    """

    start: Int
    chips: Int
    cores: Int
    links: Int
    dropped: NDArray[np.bool_]
    looped: NDArray[np.bool_]
    traffic: Int
    arrivals: NDArray[np.uint64]
    visitor: Int
    visited_chip: Int

    def wrong(self, nets: Nets, net: Int) -> Int:
        """Indices of packets, packet i being of net ``net[i]``, that did not reach exactly the net's
        targets once each, or were dropped or looped on their way."""
        bad = _wrong(self.start, self.chips, self.cores, nets.start, nets.chips, nets.cores, net)
        return np.flatnonzero(bad | self.dropped | self.looped)


def deliver_all(
    tables: Tables, sources: ArrayLike, keys: ArrayLike, packets: ArrayLike | None = None
) -> Deliveries:
    """Send a packet with ``keys[i]`` from chip index ``sources[i]``, both (n,).

    ``packets`` (n,), 1 each by default: how many of them ``traffic`` counts.
    """
    grid = tables.grid
    source, key = np.asarray(sources, dtype=np.int64), np.asarray(keys, dtype=np.int64)
    weight = np.ones(key.size, np.int64) if packets is None else np.asarray(packets, np.int64)
    if not source.shape == key.shape == weight.shape or key.ndim != 1:
        raise InputError(
            f"{source.size} sources, {key.size} keys, {weight.size} packets: give one of each a probe"
        )
    if source.size and not 0 <= int(source.min()) <= int(source.max()) < grid.chips:
        raise InputError(f"a source chip's index is not 0 to {grid.chips - 1}; see Grid.index")
    e = tables.entries
    start, place, links, dropped, looped, traffic, arrivals, visits = _send(
        source, key, weight, tables.start, e.keys, e.masks, e.routes.view(np.int64),
        grid.neighbours, grid.opposites, grid.cores,
    )  # fmt: skip
    packet = np.repeat(np.arange(key.size), np.diff(start))
    place = place[np.lexsort((place, packet))]
    return Deliveries(
        start, place // grid.cores, place % grid.cores, links, dropped, looped, traffic,
        arrivals.view(np.uint64), visits // grid.chips, visits % grid.chips,
    )  # fmt: skip


def with_arrivals(tables: Tables, sources: ArrayLike, keys: ArrayLike) -> Tables:
    """``tables`` with ``arrivals`` as these packets show them, for tables that came without."""
    found = deliver_all(tables, sources, keys).arrivals
    e = tables.entries
    return Tables.packed(tables.grid, tables.start, type(e).of(e.keys, e.masks, e.routes, found))


@njit(cache=True, nogil=True)
def _send(
    source: Any,
    key: Any,
    weight: Any,
    table: Any,
    keys: Any,
    masks: Any,
    routes: Any,
    neighbours: Any,
    opposites: Any,
    cores: Any,
) -> Any:
    n, chips, links = source.size, neighbours.shape[0], neighbours.shape[1]
    start = np.zeros(n + 1, np.int64)
    place = np.empty(4 * n + 64, np.int64)
    traversals = np.zeros(n, np.int64)
    dropped, looped = np.zeros(n, np.bool_), np.zeros(n, np.bool_)
    traffic = np.zeros((chips, links), np.int64)
    arrivals = np.zeros(keys.size, np.int64)
    visits, seen = np.empty(4 * n + 64, np.int64), np.int64(0)
    most = chips * (links + 1)
    at, by = np.empty(most + links + 1, np.int64), np.empty(most + links + 1, np.int64)
    size, one = np.int64(0), np.int64(1)
    for i in range(n):
        head, tail = np.int64(0), np.int64(1)
        at[0], by[0] = source[i], -1
        while head < tail:
            c, arrival = at[head], by[head]
            head += 1
            if seen == visits.size:
                visits = np.concatenate((visits, np.empty(seen, np.int64)))
            visits[seen] = i * chips + c
            seen += 1
            route, hit = np.int64(0), False
            for e in range(table[c], table[c + 1]):
                if np.int64(keys[e]) == (key[i] & np.int64(masks[e])):
                    route, hit = routes[e], True
                    arrivals[e] |= one << (arrival if arrival >= 0 else links)
                    break
            if not hit and arrival >= 0:
                route = one << opposites[arrival]
            if route == 0:
                dropped[i] = True
            for link in range(links):
                if route >> link & 1:
                    traversals[i] += 1
                    traffic[c, link] += weight[i]
                    if neighbours[c, link] >= 0:
                        at[tail], by[tail] = neighbours[c, link], opposites[link]
                        tail += 1
                    else:
                        dropped[i] = True
            if traversals[i] > most:
                looped[i] = True
                break
            for p in range(cores):
                if route >> (links + p) & 1:
                    if size == place.size:
                        place = np.concatenate((place, np.empty(place.size, np.int64)))
                    place[size] = c * cores + p
                    size += 1
        start[i + 1] = size
    return (
        start, place[:size].copy(), traversals, dropped, looped, traffic, arrivals, visits[:seen].copy()
    )  # fmt: skip


@njit(cache=True, nogil=True)
def _wrong(
    start: Any, chips: Any, cores: Any, wanted: Any, target_chips: Any, target_cores: Any, net: Any
) -> Any:
    bad = np.zeros(net.size, np.bool_)
    for i in range(net.size):
        first, last = wanted[net[i]], wanted[net[i] + 1]
        if last - first != start[i + 1] - start[i]:
            bad[i] = True
            continue
        for k in range(last - first):
            here, there = start[i] + k, first + k
            if chips[here] != target_chips[there] or cores[here] != target_cores[there]:
                bad[i] = True
    return bad
