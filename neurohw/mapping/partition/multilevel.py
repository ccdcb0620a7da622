"""Multilevel annealing: a division of a coarse hypergraph, refined while it is made finer again.

On the coarsest level annealing starts so hot that where it started is forgotten; every finer level is
warm enough to move what the coarser one could not. Below, ``f`` is the number of vertices that one
of the level stands for: its degree grows with f, and so do the changes of cost that T has to allow.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from neurohw.mapping.graph import Graph, Parts, km1
from neurohw.mapping.partition.anneal import TABLE, annealed
from neurohw.mapping.partition.capacity import Limits, limits_of, pack, used, within
from neurohw.mapping.partition.chunks import chunks
from neurohw.mapping.partition.coarsen import hierarchy
from neurohw.mapping.partition.hypergraph import Hypergraph
from neurohw.mapping.partition.refine import COLD, WARM, refined
from neurohw.mapping.partition.repair import repaired
from neurohw.network.checks import whole

EFFORT = 4e8
"""Pins that a descent and ascent looks at, about: some seconds."""
CACHED = 1 << 24
"""Entries of a table of pins by net and part that still fit the caches, about."""
HOT = 10.0
"""Times f, in mean rates of a net: the first temperature on the coarsest level."""
FEWEST = 10
"""Vertices a part, on the coarsest level."""
SHARE = 0.3
"""Of a part's capacity that a coarse vertex may take."""
NEAR = 1.05
"""Declared-order chunks up to so many times as costly are refined too; refinement saves about that."""


def multilevel(graph: Graph, k: int, *, capacity: ArrayLike, seed: int = 0) -> Parts:
    """int32 (n,): a division by multilevel annealing, or refined declared-order chunks if better.

    Never above declared-order chunks in km1. CapacityError where those don't fit.
    """
    limits = limits_of(graph, k, capacity)
    whole("seed", seed, 0)
    start = chunks(graph, k, capacity=limits)
    hyper = Hypergraph.of(graph)
    tried = [start]
    found = cycle(hyper, limits, seed)
    if found is not None:
        tried.append(found)
    if found is None or km1(graph, start, k) < NEAR * km1(graph, found, k):
        tried.append(refined(graph, hyper, start, limits, seed))
    return min(tried, key=lambda parts: km1(graph, parts, k))


def cycle(hyper: Hypergraph, limits: Limits, seed: int) -> Parts | None:
    """One descent and ascent; None if no division within the limits was found."""
    k = limits.shape[0]
    if hyper.rates.size * k > TABLE and k > 3:
        return _in_groups(hyper, limits, seed)
    largest = np.maximum((limits.mean(axis=0) * SHARE).astype(np.int64), 1)
    levels = [(hyper, np.zeros(0, np.int32)), *hierarchy(hyper, FEWEST * k, largest, seed)]
    scale = [hyper.n / max(level.n, 1) for level, _ in levels]
    cost = sum(level.pins.size * f**0.5 for (level, _), f in zip(levels, scale, strict=True))
    # A table beyond the caches takes several times as long to look up.
    cost *= 1 + hyper.rates.size * k / CACHED
    most = min(1000, max(16, EFFORT / max(cost, 1)))
    # Large, yet nothing in it belongs together: fewer and fuller parts are all there is to gain.
    formless = len(levels) == 1 and hyper.n > FEWEST * k
    coarsest = levels[-1][0]
    parts = _packed(coarsest, limits, seed, spread=not formless)
    hot = WARM if formless else HOT * scale[-1]
    for i in range(len(levels) - 1, -1, -1):
        (level, label), f = levels[i], scale[i]
        parts = repaired(level, parts, limits)
        allowed = np.maximum(limits, used(level.weights, parts, k))
        sweeps = int(most * f**0.5)
        parts = annealed(level, parts, allowed, hot, COLD * f**0.5, sweeps, seed + i)
        if i:
            parts = parts[label]
            hot = WARM * scale[i - 1] ** 0.5
    parts = repaired(hyper, parts, limits)
    return parts if within(hyper.weights, parts, limits) else None


def _packed(hyper: Hypergraph, limits: Limits, seed: int, spread: bool) -> Parts:
    """Vertices in random order, largest first; what fits nowhere goes where it overfills least."""
    size = (hyper.weights / np.maximum(limits.max(axis=0), 1)).max(axis=1)
    order = np.lexsort((np.random.default_rng(seed).random(hyper.n), -size))
    parts: Parts = pack(hyper.weights, limits, order, spread)
    outside = np.flatnonzero(parts < 0)
    if outside.size:
        load = used(hyper.weights, np.maximum(parts, 0), limits.shape[0])
        load[0] -= hyper.weights[outside].sum(axis=0)
        for v in outside:
            fullness = (load + hyper.weights[v]) / np.maximum(limits, 1)
            parts[v] = fullness.max(axis=1).argmin()
            load[parts[v]] += hyper.weights[v]
    return parts


def _in_groups(hyper: Hypergraph, limits: Limits, seed: int) -> Parts | None:
    """First into groups of parts, then each group into its parts: λ - 1 of both adds up."""
    k = limits.shape[0]
    groups = np.array_split(np.arange(k), max(2, min(int(k**0.5), TABLE // hyper.rates.size)))
    room = np.stack([limits[g].sum(axis=0, dtype=np.float64) for g in groups])
    # Half of the slack is left for the parts of each group.
    need = room * (hyper.weights.sum(axis=0) / np.maximum(room.sum(axis=0), 1))
    middle = np.minimum(np.ceil((room + need) / 2), np.minimum(room, 2.0**53)).astype(np.int64)
    coarse = cycle(hyper, middle, seed)
    if coarse is None:
        return None
    parts = np.zeros(hyper.n, np.int32)
    for i, group in enumerate(groups):
        inside = np.flatnonzero(coarse == i)
        local = cycle(hyper.restricted(inside), limits[group], seed + i)
        if local is None:
            return None
        parts[inside] = group[0] + local
    return parts
