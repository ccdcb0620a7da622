"""Vertices at random: the baseline that knows nothing of the network."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from neurohw.mapping.graph import Graph, Parts
from neurohw.mapping.partition.capacity import fill, limits_of


def scattered(graph: Graph, k: int, *, capacity: ArrayLike, seed: int = 0) -> Parts:
    """Even shares of a random order; CapacityError if they, and first fit in that order, fail."""
    order = np.random.default_rng(seed).permutation(graph.n)
    return fill(graph.weights, limits_of(graph, k, capacity), order)
