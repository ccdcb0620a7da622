"""Tables in few entries that do the same, checked before they are given."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from neurohw.mapping.multicast.deliver_all import deliver_all
from neurohw.mapping.multicast.elements import Cubes, Elements, elements_of
from neurohw.mapping.multicast.grid import Chip, Grid
from neurohw.mapping.multicast.nets import Nets
from neurohw.mapping.multicast.search import best_cover
from neurohw.mapping.multicast.table import Table, Tables

EFFORT = 120_000
"""Comparisons for each element of a table that may be spent on making it smaller: some six seconds of
CPU time for 64 tables with 300 each."""


def minimise(grid: Grid, table: Table, used: Cubes | None = None, effort: int = EFFORT) -> Table:
    """A table that does with all keys in use what ``table`` does, in as few entries as are found.

    ``used``: keys and masks of the keys that come to the chip, also of those that no entry matches;
    by default all that ``table`` matches, so it must not have lost the default-routed ones. Other
    keys may match anything afterwards. Where ``table.arrivals`` is known, entries that the default
    route serves may be missing. Equal calls give equal tables. The table itself comes back where
    nothing smaller is found.
    """
    elements = elements_of(grid, table, used) if len(table) else None
    if elements is None:
        return table
    cover = best_cover(elements.joined(), effort * elements.keys.size)
    if cover.shape[1] >= len(table):
        return table
    smaller = _table(elements, cover)
    return smaller if elements.hold(smaller) else table


def minimise_all(
    tables: Tables, nets: Nets | None = None, effort: int = EFFORT, threads: int = 1
) -> Tables:
    """``minimise`` for every chip, ``threads`` at a time; their number changes nothing.

    With ``nets``, their keys are those in use, and ``tables`` may be any that deliver them, also
    without default-routed entries; a packet with the first and the last key of every net is sent
    through both tables, and if one fares differently, ``tables`` come back. Without, see
    ``minimise``. :class:`CapacityError` if a table is longer than the grid's limit even so.
    """
    grid = tables.grid
    used = None if nets is None else used_keys(tables, nets)

    def one(chip: Chip) -> Table:
        return minimise(
            grid, tables[chip], None if used is None else used.get(grid.index(chip)), effort
        )

    with ThreadPoolExecutor(max(1, threads)) as pool:
        smaller = Tables.of(grid, dict(zip(tables, pool.map(one, tables))))
    if nets is not None and not _alike(tables, smaller, nets):
        smaller = tables
    smaller.check()
    return smaller


def used_keys(tables: Tables, nets: Nets) -> dict[int, Cubes]:
    """For the index of every chip that a packet comes to: keys and masks of the nets that do, each
    the smallest aligned block that has a net's first and last key."""
    net, keys = nets.probes()
    sent = deliver_all(tables, nets.sources[net], keys)
    chip, visitor = np.divmod(
        np.unique(sent.visited_chip * len(nets) + net[sent.visitor]), max(len(nets), 1)
    )
    key, mask = _tight(nets)
    ends = np.searchsorted(chip, np.arange(tables.grid.chips + 1))
    return {
        int(c): (key[visitor[ends[c] : ends[c + 1]]], mask[visitor[ends[c] : ends[c + 1]]])
        for c in np.unique(chip)
    }


def _tight(nets: Nets) -> Cubes:
    bits = np.array([int(a - 1).bit_length() for a in nets.atoms], dtype=np.int64)
    mask = (1 << 32) - (np.int64(1) << bits)
    return nets.keys, mask.astype(np.uint32)


def _table(elements: Elements, cover: NDArray[np.int64]) -> Table:
    keys, masks, route = cover
    arrivals = np.zeros(keys.size, dtype=np.uint64)
    left = np.arange(elements.keys.size)
    for i in range(keys.size):
        inside = (elements.keys[left] ^ keys[i]) & masks[i] & elements.masks[left] == 0
        arrivals[i] = np.bitwise_or.reduce(elements.arrivals[left[inside]])
        left = left[~inside]
    return Table.of(keys, masks, elements.words[route], arrivals)


def _alike(one: Tables, other: Tables, nets: Nets) -> bool:
    net, keys = nets.probes()
    a, b = (deliver_all(t, nets.sources[net], keys) for t in (one, other))
    return all(
        np.array_equal(getattr(a, name), getattr(b, name))
        for name in ("start", "chips", "cores", "links", "dropped", "looped")
    )
