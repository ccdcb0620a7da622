"""Partitioning: which vertices share a part, so that few spikes leave their part.

Every algorithm is ``(graph, k, *, capacity, seed) -> int32 parts (n,)``, keeps the capacity, and gives
the same parts for the same seed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol

from numpy.typing import ArrayLike

from neurohw.errors import CapacityError, UnknownName
from neurohw.mapping.graph import Graph, Parts, km1
from neurohw.mapping.partition.capacity import limits_of
from neurohw.mapping.partition.chunks import chunks
from neurohw.mapping.partition.foreign import installed, metis, mtkahypar
from neurohw.mapping.partition.multilevel import multilevel
from neurohw.mapping.partition.refine import refine
from neurohw.mapping.partition.scattered import scattered

__all__ = ["ALGORITHMS", "Algorithm", "Partitioning", "partition", "refine"]


class Algorithm(Protocol):
    """One way to divide a graph."""

    def __call__(self, graph: Graph, k: int, *, capacity: ArrayLike, seed: int = 0) -> Parts: ...


ALGORITHMS: Mapping[str, Algorithm] = MappingProxyType(
    {
        "chunks": chunks,
        "scattered": scattered,
        "multilevel": multilevel,
        "metis": metis,
        "mtkahypar": mtkahypar,
    }
)
MOST_EDGES: Mapping[str, int] = MappingProxyType({"metis": 4_000_000, "mtkahypar": 300_000})
"""Edges up to which ``auto`` waits for a library."""


@dataclass(frozen=True, eq=False)
class Partitioning:
    """``parts`` int32 (n,) in 0..k - 1, the ``method`` that found them, their km1 in spikes a step, and
    what ``tried`` methods came to."""

    parts: Parts
    k: int
    method: str
    km1: float
    tried: Mapping[str, float]


def partition(
    graph: Graph, k: int, *, method: str = "auto", capacity: ArrayLike, seed: int = 0
) -> Partitioning:
    """A division of the graph into ``k`` parts within ``capacity``, (columns,) or (k, columns).

    ``auto`` takes the least km1 of declared-order chunks, multilevel annealing and, where installed
    and the graph is small enough, METIS and mt-KaHyPar, both refined. Other methods are the names of
    ALGORITHMS, as they are. CapacityError if nothing fits, BackendMissing for a library that is not
    installed.
    """
    limits = limits_of(graph, k, capacity)
    if method != "auto":
        if method not in ALGORITHMS:
            raise UnknownName.of("partition method", method, ["auto", *ALGORITHMS])
        parts = ALGORITHMS[method](graph, k, capacity=limits, seed=seed)
        value = km1(graph, parts, k)
        return Partitioning(parts, k, method, value, MappingProxyType({method: value}))
    found = {name: ALGORITHMS[name](graph, k, capacity=limits, seed=seed) for name in OWN}
    for name, most in MOST_EDGES.items():
        if graph.edges <= most and installed(name):
            try:
                parts = ALGORITHMS[name](graph, k, capacity=limits, seed=seed)
            except CapacityError:
                continue  # chunks fit, so there is a result without it
            found[name] = refine(graph, parts, k, capacity=limits, seed=seed)
    tried = {name: km1(graph, parts, k) for name, parts in found.items()}
    best = min(tried, key=lambda name: tried[name])
    return Partitioning(found[best], k, best, tried[best], MappingProxyType(tried))


OWN = ("chunks", "multilevel")
