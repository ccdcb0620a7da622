"""Multicast trees: the nearest target first, from the nearest chip that the tree has.

A tree grows from the source. Of the targets that it doesn't reach, the one nearest to any of its
chips is next (H. Takahashi, A. Matsuyama, Math. Japonica 24 (1980) 573-577: at most twice the
shortest tree), joined by a way of straight runs, the longest first, as in neighbour exploring
routing (J. Navaridas et al., Parallel Computing 45 (2015) 49-66): where a way goes straight on, the
default route may serve. No chip of such a way is in the tree already, as it would be nearer to the
target; so each chip is entered once and there is no loop.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from neurohw.mapping.multicast.grid import Chip, Grid
from neurohw.mapping.multicast.paths import shortest

Int = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Trees:
    """Trees of n nets: nodes ``start[i]:start[i + 1]`` are those of net i, its source first.

    ``chip`` int64, the node's chip; ``link``, by which the packet left the chip before, -1 at a
    source; ``parent``, the node before, -1 at a source; all (nodes,) but ``start`` (n + 1,).
    """

    start: Int
    chip: Int
    link: Int
    parent: Int

    @property
    def traversals(self) -> int:
        """Links of all trees."""
        return int(self.chip.size - (self.start.size - 1))


def route(grid: Grid, source: Chip, targets: Iterable[Chip]) -> Trees:
    """The tree of one net from chip ``source`` to chips ``targets``."""
    chips = np.unique(grid.indices(list(targets)))
    start = np.array([0, chips.size], dtype=np.int64)
    return route_all(grid, np.array([grid.index(source)], dtype=np.int64), start, chips)


def route_all(grid: Grid, sources: Int, start: Int, chips: Int) -> Trees:
    """The trees of n nets: ``sources`` (n,) chip indices, net i's targets
    ``chips[start[i]:start[i + 1]]``, in which a chip may stand more than once in a row."""
    hops, steps = shortest(grid)
    return Trees(
        *_grow_all(sources, start, chips, hops, steps, grid.neighbours, grid.width, grid.height,
                   grid.wraps)
    )  # fmt: skip


@njit(cache=True, nogil=True)
def _displacement(a: Any, b: Any, width: Any, height: Any, wraps: Any) -> Any:
    dx, dy = b % width - a % width, b // width - a // width
    if wraps:
        return dx % width + width * (dy % height)
    return dx + width - 1 + (2 * width - 1) * (dy + height - 1)


@njit(cache=True, nogil=True)
def _grow_all(
    sources: Any,
    start: Any,
    chips: Any,
    hops: Any,
    steps: Any,
    neighbours: Any,
    width: Any,
    height: Any,
    wraps: Any,
) -> Any:
    n, links = sources.size, neighbours.shape[1]
    first = np.zeros(n + 1, np.int64)
    room = 4 * chips.size + 2 * n + neighbours.shape[0]
    chip, link, parent = (
        np.empty(room, np.int64),
        np.empty(room, np.int64),
        np.empty(room, np.int64),
    )
    most = np.int64(1)
    for i in range(n):
        most = max(most, start[i + 1] - start[i])
    todo, near, via = np.empty(most, np.int64), np.empty(most, np.int64), np.empty(most, np.int64)
    left = np.empty(links, np.int64)
    size = np.int64(0)
    for i in range(n):
        if size + neighbours.shape[0] > room:  # a tree has at most one node for each chip
            room = 2 * room
            chip = np.concatenate((chip, np.empty(room - chip.size, np.int64)))
            link = np.concatenate((link, np.empty(room - link.size, np.int64)))
            parent = np.concatenate((parent, np.empty(room - parent.size, np.int64)))
        root = size
        chip[size], link[size], parent[size] = sources[i], -1, -1
        size += 1
        count = np.int64(0)
        for t in range(start[i], start[i + 1]):
            if chips[t] != sources[i] and (t == start[i] or chips[t] != chips[t - 1]):
                todo[count], via[count] = chips[t], root
                near[count] = hops[_displacement(sources[i], chips[t], width, height, wraps)]
                count += 1
        while count:
            best: Any = np.int64(0)
            for t in range(1, count):
                if near[t] < near[best]:
                    best = t
            fresh, at, end = size, via[best], todo[best]
            way = _displacement(chip[at], end, width, height, wraps)
            for k in range(links):
                left[k] = steps[way, k]
            for _ in range(near[best]):
                run: Any = np.int64(-1)
                if at >= fresh and left[link[at]] > 0:
                    run = link[at]  # straight on
                else:
                    for k in range(links):
                        if left[k] > 0 and (run < 0 or left[k] > left[run]):
                            run = k
                left[run] -= 1
                chip[size], link[size], parent[size] = neighbours[chip[at], run], run, at
                at = size
                size += 1
            kept = np.int64(0)
            for t in range(count):
                if t == best:
                    continue
                todo[kept], near[kept], via[kept] = todo[t], near[t], via[t]
                for node in range(fresh, size):
                    far = hops[_displacement(chip[node], todo[kept], width, height, wraps)]
                    if far < near[kept]:
                        near[kept], via[kept] = far, node
                if near[kept]:
                    kept += 1
            count = kept
        first[i + 1] = size
    return first, chip[:size].copy(), link[:size].copy(), parent[:size].copy()
