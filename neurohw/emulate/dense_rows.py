"""Rows of weights, one for every target, for projections that are nearly full and have one delay."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neurohw.emulate.places import Plot, delay_ends
from neurohw.fixed import FixedProjection
from neurohw.machine import check_room

Int = NDArray[np.int64]
Any_ = NDArray[np.generic]


@dataclass(frozen=True, eq=False)
class DenseRows:
    """Matrices of one part, flat, and int64 rows (low, high, width, offset, column, delay) of them."""

    matrix: Any_
    table: Int


def dense_rows(
    plot: Plot, projections: Sequence[FixedProjection]
) -> tuple[tuple[DenseRows, ...], str]:
    """Matrices of every part, and their dtype, '' if there are none."""
    network, places, first, reach = plot.network, plot.places, plot.first, plot.reach
    parts: list[list[tuple[Int, tuple[int, ...]]]] = [[] for _ in range(places.parts)]
    least = most = 0
    for p in projections:
        n, m = network.sizes[p.source], network.sizes[p.target]
        check_room(f"the matrix of projection '{p.name}'", 8 * n * m)
        c, port = plot.codes[p.name], network.port(p)
        matrix = np.zeros((n, m), np.int64)
        weight = p.weight if c.weight is None else c.weight
        np.add.at(matrix, (p.pre, p.post), plot.table(p)[weight - c.least])
        whole = reach.whole(p.target, port)
        payload = plot.payloads[p.source]
        if payload != 1:
            size = np.abs(matrix).sum(axis=0) * payload
            np.subtract.at(reach.sums[:, 0], whole, size)
            np.add.at(reach.sums[:, 1], whole, size)
        else:
            np.add.at(reach.sums[:, 0], whole, np.minimum(matrix, 0).sum(axis=0))
            np.add.at(reach.sums[:, 1], whole, np.maximum(matrix, 0).sum(axis=0))
        least, most = min(least, int(matrix.min())), max(most, int(matrix.max()))
        ends = places.shares[p.target]
        for k in range(places.parts):
            mine = np.ascontiguousarray(matrix[:, ends[k] : ends[k + 1]])
            if mine.shape[1]:
                at = (first[p.source], first[p.source] + n, mine.shape[1], 0,
                      places.column[k][p.target, port], delay_ends(p)[0])  # fmt: skip
                parts[k].append((mine.ravel(), at))
    if not projections:
        return (), ""
    dtype = next(
        d for d in ("int8", "int16", "int32", "int64")
        if np.iinfo(d).min <= least and most <= np.iinfo(d).max
    )  # fmt: skip
    made = []
    for groups in parts:
        offsets = np.cumsum([0, *(g[0].size for g in groups)])
        rows = [(*g[1][:3], int(o), *g[1][4:]) for g, o in zip(groups, offsets, strict=False)]
        flat = [g[0].astype(dtype) for g in groups]
        made.append(DenseRows(
            np.concatenate([np.zeros(0, dtype), *flat]), np.array(rows, np.int64).ravel()
        ))  # fmt: skip
    return tuple(made), dtype
