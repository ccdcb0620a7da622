"""Better covers by trial: other orders of splitting, other beginnings of growth, the best is kept."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from neurohw.mapping.multicast.cover import FEWEST, ORDER, RATIO, cover
from neurohw.mapping.multicast.elements import Elements

Int = NDArray[np.int64]

CHANGES = 6
"""Routes that a trial treats differently, at most."""


def best_cover(elements: Elements, budget: int) -> Int:
    """``keys, masks, route`` int64 (3, entries) of the shortest cover found.

    First each way to choose splits, with default-routed elements left out where that is possible
    and with entries of their own. Then random changes to the shortest: kept unless they make it
    longer, until ``budget`` comparisons are spent or every route has one entry.
    The random numbers are always the same.
    """
    e, routes = elements, elements.words.size
    unknown = e.route >= routes
    plain, steps = np.zeros(routes, dtype=np.int64), 0
    best: Int | None = None
    split, free = plain, e.free
    bound = np.unique(e.route[~e.free]).size
    for optional in (e.free, unknown):
        count = np.bincount(e.route[~optional], minlength=routes)[:routes].astype(np.float64)
        for choice in (ORDER, RATIO, FEWEST):
            if best is not None and (best.shape[1] == bound or steps > budget):
                break
            found, at, cost = cover(e.keys, e.masks, e.route, optional, choice, count, plain)
            steps += cost
            if best is None or found.shape[1] < best.shape[1]:
                best, split, free = found, at, optional
    assert best is not None
    needed = np.bincount(e.route[~free], minlength=routes)[:routes]
    several = np.flatnonzero(needed > 1)
    order, first = np.empty(routes), plain
    order[np.lexsort((needed, split, split < 0))] = np.linspace(0, 1, routes)
    rng = np.random.default_rng(0)
    shortest = np.iinfo(np.int64).max
    while several.size and best.shape[1] > bound and steps < budget:
        new_order, new_first = order.copy(), first.copy()
        for r in rng.choice(several, rng.integers(1, CHANGES + 1)):
            if rng.random() < 0.5:
                new_order[r] = rng.random()
            else:
                new_first[r] = rng.integers(needed[r])
        found, _, cost = cover(e.keys, e.masks, e.route, free, ORDER, new_order, new_first)
        steps += cost
        if found.shape[1] <= shortest:
            order, first, shortest = new_order, new_first, found.shape[1]
            best = found if shortest < best.shape[1] else best
    return best
