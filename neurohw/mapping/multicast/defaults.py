"""Entries that the default route makes unnecessary."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from neurohw.mapping.multicast.grid import Grid
from neurohw.mapping.multicast.table import Table, Tables


def default_routed(grid: Grid, table: Table) -> NDArray[np.bool_]:
    """Which entries do what the default route does, bool (n,).

    Their packets arrive by one link only and leave by one link only, straight on, to no core. An
    entry with that link *and* local cores is none of them, nor one that the chip's own cores use.
    """
    served = np.zeros(len(table), dtype=np.bool_)
    for arrival, onward in enumerate(grid.opposites.tolist()):
        served |= (table.arrivals == 1 << arrival) & (table.routes == 1 << onward)
    return served


def without_defaults(tables: Tables) -> Tables:
    """The tables without the entries that the default route serves.

    One whose keys a later entry matches too has to stay, or that one would catch its packets.
    """
    entries = tables.entries
    keep = np.ones(len(entries), dtype=np.bool_)
    _drop(tables.start, entries.keys, entries.masks, default_routed(tables.grid, entries), keep)
    start = np.concatenate([[0], np.cumsum(keep)])[tables.start].astype(np.int64)
    return Tables.packed(tables.grid, start, entries.take(keep))


@njit(cache=True, nogil=True)
def _drop(start: Any, keys: Any, masks: Any, served: Any, keep: Any) -> Any:
    for c in range(start.size - 1):
        for e in range(start[c + 1] - 1, start[c] - 1, -1):
            keep[e] = not served[e]
            if keep[e]:
                continue
            for f in range(e + 1, start[c + 1]):
                if keep[f] and (keys[e] ^ keys[f]) & masks[e] & masks[f] == 0:
                    keep[e] = True
                    break
