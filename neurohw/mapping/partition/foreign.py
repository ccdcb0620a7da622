"""METIS and mt-KaHyPar, where their Python packages are installed."""

from __future__ import annotations

from numpy.typing import ArrayLike

from neurohw.entry import load_backend
from neurohw.errors import BackendMissing, CapacityError, UnknownName
from neurohw.mapping.graph import Graph, Parts, checked
from neurohw.mapping.partition.capacity import limits_of, within
from neurohw.mapping.partition.hypergraph import Hypergraph
from neurohw.mapping.partition.repair import repaired
from neurohw.network.checks import whole


def installed(name: str) -> bool:
    """Whether the backend is there and its library can be imported."""
    try:
        return bool(load_backend(name).available())
    except (UnknownName, BackendMissing):
        return False


def metis(graph: Graph, k: int, *, capacity: ArrayLike, seed: int = 0) -> Parts:
    """Recursive bisection of METIS on the graph; BackendMissing without pymetis."""
    return _foreign("metis", graph, k, capacity, seed)


def mtkahypar(graph: Graph, k: int, *, capacity: ArrayLike, seed: int = 0) -> Parts:
    """mt-KaHyPar's deterministic preset on λ - 1; BackendMissing without mtkahypar."""
    return _foreign("mtkahypar", graph, k, capacity, seed)


def _foreign(name: str, graph: Graph, k: int, capacity: ArrayLike, seed: int) -> Parts:
    limits = limits_of(graph, k, capacity)
    seed = whole("seed", seed, 0)
    library = load_backend(name)
    parts = checked(graph, library.partition(graph, k, limits, seed), k)
    parts = repaired(Hypergraph.of(graph), parts, limits)
    if not within(graph.weights, parts, limits):
        raise CapacityError(
            f"the division that {name} found for {k} parts can't be repaired; use larger parts"
        )
    return parts
