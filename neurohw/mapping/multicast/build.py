"""From trees to tables: one entry at every chip that a net's packets come to."""

from __future__ import annotations

import numpy as np

from neurohw.mapping.multicast.nets import Nets
from neurohw.mapping.multicast.route import Trees, route_all
from neurohw.mapping.multicast.table import Table, Tables


def build(nets: Nets) -> Tables:
    """The raw tables of all nets: each is routed, and every chip of its tree gets an entry.

    Entries stand in the order of their nets and have disjoint keys. Which of them the default route
    would serve follows from their ``arrivals``: see ``default_routed``.
    """
    trees = route_all(nets.grid, nets.sources, nets.start, nets.chips)
    return tables_of(nets, trees)


def tables_of(nets: Nets, trees: Trees) -> Tables:
    """The entries of given trees."""
    grid = nets.grid
    net = np.repeat(np.arange(len(nets), dtype=np.int64), np.diff(trees.start))
    routes = np.zeros(trees.chip.size, dtype=np.int64)
    child = np.flatnonzero(trees.parent >= 0)
    np.bitwise_or.at(routes, trees.parent[child], np.int64(1) << trees.link[child])
    # A target's node: found by (net, chip), which is a node's own.
    place = net * grid.chips + trees.chip
    order = np.argsort(place, kind="stable")
    target = np.repeat(np.arange(len(nets), dtype=np.int64), np.diff(nets.start)) * grid.chips
    node = order[np.searchsorted(place[order], target + nets.chips)]
    np.bitwise_or.at(routes, node, np.int64(1) << (grid.links + nets.cores))
    arrivals = np.full(trees.chip.size, 1 << grid.links, dtype=np.int64)
    arrivals[child] = np.int64(1) << grid.opposites[trees.link[child]]
    by_chip = np.argsort(trees.chip, kind="stable")
    start = np.zeros(grid.chips + 1, dtype=np.int64)
    np.cumsum(np.bincount(trees.chip, minlength=grid.chips), out=start[1:])
    n = net[by_chip]
    entries = Table.of(nets.keys[n], nets.masks[n], routes[by_chip], arrivals[by_chip])
    return Tables.packed(grid, start, entries)
