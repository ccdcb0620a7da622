"""What a table has to do: the keys in use at a chip, and where each goes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from neurohw.mapping.multicast.defaults import default_routed
from neurohw.mapping.multicast.grid import Grid
from neurohw.mapping.multicast.table import Table

Int = NDArray[np.int64]
Cubes = tuple[NDArray[np.uint32], NDArray[np.uint32]]
"""Keys and masks (n,): sets of keys."""
PIECES = 8
"""How many times as many elements as sets of keys are looked at before one gives up."""


@dataclass(frozen=True, eq=False)
class Elements:
    """Disjoint sets of keys in use, each with one route: ``keys, masks`` int64 (n,).

    ``route`` int64 (n,) numbers the routes ``words`` uint64; keys that no entry matches and that
    have to stay so have numbers of their own beyond. ``free`` bool (n,): the default route does
    what the table does, so an entry is not needed. Elements are sorted by route.
    """

    keys: Int
    masks: Int
    route: Int
    free: NDArray[np.bool_]
    arrivals: NDArray[np.uint64]
    words: NDArray[np.uint64]

    def joined(self) -> Elements:
        """The same in fewer sets: two aligned blocks side by side that have the same route are one."""
        keys, masks, alive = self.keys, self.masks.copy(), np.ones(self.keys.size, dtype=np.bool_)
        arrivals = self.arrivals.copy()
        for bit in range(32):
            block = np.flatnonzero(alive & (masks == (1 << 32) - (1 << bit)))
            block = block[np.argsort(keys[block], kind="stable")]
            a, b = block[:-1], block[1:]
            join = (keys[a] ^ keys[b] == 1 << bit) & (self.route[a] == self.route[b])
            join &= self.free[a] == self.free[b]
            a, b = a[join], b[join]
            masks[a] ^= 1 << bit
            arrivals[a] |= arrivals[b]
            alive[b] = False
        return Elements(keys[alive], masks[alive], self.route[alive], self.free[alive],
                        arrivals[alive], self.words)  # fmt: skip

    def hold(self, table: Table) -> bool:
        """Whether ``table`` treats every key of every element alike."""
        element, _, _, entry, whole = _resolve(
            self.keys, self.masks, table.keys.astype(np.int64), table.masks.astype(np.int64),
            64 * self.keys.size + 64,
        )  # fmt: skip
        missed = entry < 0
        if not whole or not self.free[element[missed]].all():
            return False
        number = np.minimum(self.route[element[~missed]], self.words.size)
        wanted = np.append(self.words, np.uint64(1 << 63))[number]  # a word that no route can be
        return bool(np.array_equal(wanted, table.routes[entry[~missed]]))


def elements_of(grid: Grid, table: Table, used: Cubes | None = None) -> Elements | None:
    """The elements of ``table`` for the keys ``used``, by default those that any entry matches;
    None if entries overlap so much that they fall into too many pieces."""
    keys, masks = table.keys.astype(np.int64), table.masks.astype(np.int64)
    given = (table.keys, table.masks) if used is None else used
    element, key, mask, entry, whole = _resolve(
        given[0].astype(np.int64),
        given[1].astype(np.int64),
        keys,
        masks,
        PIECES * given[0].size + 64,
    )
    if not whole:
        return None
    if used is None:  # the part of an entry that an earlier one matches is that one's
        own = element == entry
        key, mask, entry = key[own], mask[own], entry[own]
    missed = entry < 0
    words, route = np.unique(table.routes[entry], return_inverse=True)
    route = route.astype(np.int64)
    route[missed] = words.size + np.arange(int(missed.sum()))
    free = default_routed(grid, table)[entry] | missed
    arrivals = np.where(missed, np.uint64(0), table.arrivals[entry])
    order = np.argsort(route, kind="stable")
    return Elements(key[order], mask[order], route[order], free[order], arrivals[order], words)


@njit(cache=True, nogil=True)
def _resolve(given_keys: Any, given_masks: Any, keys: Any, masks: Any, most: Any) -> Any:
    """Split sets of keys until each is matched by one entry first, or by none (-1): the number of
    the set, key, mask and entry of every part, and whether ``most`` parts were enough."""
    out = np.empty((4, most), np.int64)
    size = np.int64(0)
    stack = np.empty((3, 64), np.int64)  # a key has 32 bits to split at
    for i in range(given_keys.size):
        stack[0, 0], stack[1, 0], stack[2, 0] = given_keys[i], given_masks[i], 0
        depth = 1
        while depth:
            depth -= 1
            k, m, e = stack[0, depth], stack[1, depth], stack[2, depth]
            while e < keys.size and (k ^ keys[e]) & m & masks[e] != 0:
                e += 1
            split = masks[e] & ~m if e < keys.size else np.int64(0)
            if split:  # halve it at a bit on which the entry decides
                bit = split & -split
                for half in (k, k | bit):
                    stack[0, depth], stack[1, depth], stack[2, depth] = half, m | bit, e
                    depth += 1
                continue
            if size == most:
                return out[0, :size], out[1, :size], out[2, :size], out[3, :size], False
            out[0, size], out[1, size], out[2, size] = i, k, m
            out[3, size] = e if e < keys.size else -1
            size += 1
    return out[0, :size], out[1, :size], out[2, :size], out[3, :size], True
