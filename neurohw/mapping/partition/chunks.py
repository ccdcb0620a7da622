"""Vertices in the order they were declared in: what most tools do, and hard to beat on a chain."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from neurohw.mapping.graph import Graph, Parts
from neurohw.mapping.partition.capacity import fill, limits_of


def chunks(graph: Graph, k: int, *, capacity: ArrayLike, seed: int = 0) -> Parts:
    """Vertex v in part v·k // n: even shares of consecutive vertices.

    Where a share breaks the capacity, shares in proportion to it, else first fit in order. ``seed`` is
    not used. CapacityError if no such division fits.
    """
    return fill(graph.weights, limits_of(graph, k, capacity), np.arange(graph.n))
