"""mt-KaHyPar: the connectivity metric of the hypergraph, in its deterministic preset.

The other presets give another division on each run. L. Gottesbüren et al. 2024,
doi:10.1145/3626527.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurohw.errors import BackendMissing
from neurohw.mapping.graph import Graph

_FINE = 10_000
"""The largest weight of a net: weights are whole numbers."""


def available() -> bool:
    """Whether mtkahypar can be imported."""
    try:
        import mtkahypar  # noqa: F401
    except ImportError:
        return False
    return True


@cache
def _library() -> tuple[Any, Any]:
    try:
        import mtkahypar
    except ImportError:
        raise BackendMissing("mt-KaHyPar needs mtkahypar: pip install mtkahypar") from None
    # One thread, and one start in a process: a second one is an error there.
    return mtkahypar, mtkahypar.initialize(1, False)


def partition(graph: Graph, k: int, capacity: NDArray[np.int64], seed: int) -> NDArray[np.int32]:
    """int32 (n,): mt-KaHyPar's division of ``graph`` into ``k`` parts of ``capacity`` int64 (k, columns).

    It knows of neurons only, so other resources may come out above the capacity. BackendMissing
    without mtkahypar.
    """
    library, start = _library()
    nets, rates = _nets(graph)
    if k == 1 or not nets:
        return (np.arange(graph.n, dtype=np.int64) * k // max(graph.n, 1)).astype(np.int32)
    library.set_seed(seed)
    context = start.context_from_preset(library.PresetType.DETERMINISTIC)
    context.logging = False
    even = -(-graph.n // k)
    context.set_partitioning_parameters(
        k, max(0.0, float(capacity[:, 0].min()) / even - 1), library.Objective.KM1
    )
    if (capacity[:, 0] != capacity[0, 0]).any():
        context.set_individual_target_block_weights(np.minimum(capacity[:, 0], graph.n).tolist())
    hyper = start.create_hypergraph(
        context, graph.n, len(nets), nets, [1] * graph.n, rates.tolist()
    )
    return np.asarray(hyper.partition(context).get_partition(), dtype=np.int32)


def _nets(graph: Graph) -> tuple[list[list[int]], NDArray[np.int64]]:
    """Each vertex with its targets, where these are others and it is not silent, and whole weights."""
    nets, rates = [], []
    for v in range(graph.n):
        pins = graph.targets[graph.offsets[v] : graph.offsets[v + 1]]
        net = np.union1d(pins, [v])
        if net.size > 1 and graph.activity[v] > 0:
            nets.append(net.tolist())
            rates.append(graph.activity[v])
    weights = np.array(rates)
    if not np.equal(weights, np.rint(weights)).all() or weights.max(initial=0) > _FINE:
        weights = weights * (_FINE / weights.max())
    return nets, np.maximum(np.rint(weights), 1).astype(np.int64)
