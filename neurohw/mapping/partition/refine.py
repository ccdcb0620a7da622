"""Refinement of a given division: annealing from a low temperature."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from neurohw.errors import CapacityError
from neurohw.mapping.graph import Graph, Parts, checked, km1
from neurohw.mapping.partition.anneal import TABLE, annealed
from neurohw.mapping.partition.capacity import Limits, limits_of, within
from neurohw.mapping.partition.hypergraph import Hypergraph
from neurohw.mapping.partition.repair import repaired
from neurohw.network.checks import MOST, whole

EFFORT = 1e8
"""Pins that a refinement looks at, about: a second."""
WARM, COLD = 2.0, 0.2
"""Temperatures in mean rates of a net. At 2 a good division survives, at 0.2 little changes."""


def refine(
    graph: Graph,
    parts: ArrayLike,
    k: int,
    *,
    capacity: ArrayLike,
    seed: int = 0,
    rounds: int | None = None,
) -> Parts:
    """A division whose :func:`~neurohw.mapping.graph.km1` is not above that of ``parts``.

    ``parts`` int (n,) in 0..k - 1, ``capacity`` (columns,) or (k, columns). ``rounds``: proposals a
    vertex; by default up to 400, fewer on large graphs. Parts above the capacity are emptied first,
    which may cost more; CapacityError where that fails.
    """
    limits = limits_of(graph, k, capacity)
    given = checked(graph, parts, k)
    whole("seed", seed, 0)
    if rounds is not None:
        whole("rounds", rounds, 0, MOST)
    return refined(graph, Hypergraph.of(graph), given, limits, seed, rounds)


def refined(
    graph: Graph,
    hyper: Hypergraph,
    given: Parts,
    limits: Limits,
    seed: int,
    rounds: int | None = None,
) -> Parts:
    """As :func:`refine`, from checked values and the graph's hypergraph."""
    k = limits.shape[0]
    given = repaired(hyper, given, limits)
    if not within(graph.weights, given, limits):
        raise CapacityError(
            f"a division into {k} parts is above their capacity and can't be repaired; use larger parts"
        )
    pins = max(hyper.pins.size, 1)
    sweeps = int(min(400, max(8, EFFORT / pins))) if rounds is None else rounds
    if not sweeps:
        return given
    best = _by_windows(hyper, given, limits, seed, sweeps)
    return best if km1(graph, best, k) <= km1(graph, given, k) else given


def _by_windows(hyper: Hypergraph, parts: Parts, limits: Limits, seed: int, sweeps: int) -> Parts:
    """Annealed among so many parts at a time as the table of pins by net and part has room for."""
    k = limits.shape[0]
    width = max(2, TABLE // max(hyper.rates.size, 1))
    if width >= k:
        return annealed(hyper, parts, limits, WARM, COLD, sweeps, seed)
    parts = parts.copy()
    for first in range(0, k, width):
        end = min(first + width, k)
        inside = np.flatnonzero((parts >= first) & (parts < end))
        local = annealed(
            hyper.restricted(inside), parts[inside] - np.int32(first), limits[first:end], WARM, COLD,
            sweeps, seed,
        )  # fmt: skip
        parts[inside] = local + np.int32(first)
    return parts
