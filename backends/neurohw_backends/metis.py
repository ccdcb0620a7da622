"""METIS, by way of pymetis: recursive bisection of the undirected graph by cut edges.

An edge weighs the rates of its ends where they reach each other: a surrogate for the parts that spikes
travel to. G. Karypis and V. Kumar 1998, doi:10.1137/S1064827595287997.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from neurohw.errors import BackendMissing
from neurohw.mapping.graph import Graph

_FINE = 1000
"""The largest weight of an edge or vertex: METIS takes whole numbers, and sums them in 32 bits."""


def available() -> bool:
    """Whether pymetis can be imported."""
    try:
        import pymetis  # noqa: F401
    except ImportError:
        return False
    return True


def partition(graph: Graph, k: int, capacity: NDArray[np.int64], seed: int) -> NDArray[np.int32]:
    """int32 (n,): METIS's division of ``graph`` into ``k`` parts of ``capacity`` int64 (k, columns).

    METIS balances, it does not bound: parts may come out above the capacity. BackendMissing without
    pymetis.
    """
    try:
        import pymetis
    except ImportError:
        raise BackendMissing("METIS needs pymetis: pip install pymetis") from None
    offsets, targets, rates = _undirected(graph)
    if k == 1 or not targets.size:
        return (np.arange(graph.n, dtype=np.int64) * k // max(graph.n, 1)).astype(np.int32)
    shares = capacity[:, 0] / capacity[:, 0].sum()
    slack = float((capacity[:, 0].sum() - graph.n) / graph.n)
    _, parts = pymetis.part_graph(
        k,
        pymetis.CSRAdjacency(offsets, targets),
        vweights=None if graph.weights.shape[1] == 1 else _sizes(graph, capacity),
        eweights=None if (rates == rates[0]).all() else rates,
        tpwgts=None if (shares == shares[0]).all() else shares.tolist(),
        recursive=True,
        # Bisections multiply their imbalance; in thousandths.
        options=pymetis.Options(seed=seed, ufactor=max(1, int(1000 * slack / (2 * np.log2(k))))),
    )
    return np.asarray(parts, dtype=np.int32)


def _undirected(graph: Graph) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]]:
    """Rows of neighbours in either direction, without the vertex itself, and weights above 0."""
    pre = np.repeat(np.arange(graph.n, dtype=np.int64), np.diff(graph.offsets))
    post = graph.targets.astype(np.int64)
    other = pre != post
    ends = np.concatenate([pre[other], post[other]]), np.concatenate([post[other], pre[other]])
    rate = np.tile(graph.activity[pre[other]], 2)
    keys, inverse = np.unique(ends[0] * graph.n + ends[1], return_inverse=True)
    total = np.bincount(np.ravel(inverse), rate, keys.size)
    if not np.equal(total, np.rint(total)).all() or total.max(initial=0) > _FINE:
        total = total * (_FINE / max(total.max(initial=0), np.finfo(float).tiny))
    offsets = np.searchsorted(keys // max(graph.n, 1), np.arange(graph.n + 1))
    weights = np.maximum(np.rint(total), 1)
    return (
        offsets.astype(np.int32),
        (keys % max(graph.n, 1)).astype(np.int32),
        weights.astype(np.int32),
    )


def _sizes(graph: Graph, capacity: NDArray[np.int64]) -> NDArray[np.int64]:
    """The largest share of a part's resources that each vertex takes, as a whole number."""
    share = np.asarray((graph.weights / np.maximum(capacity.max(axis=0), 1)).max(axis=1))
    whole: NDArray[np.int64] = np.maximum(np.rint(share * (_FINE / share.max())), 1).astype(
        np.int64
    )
    return whole
