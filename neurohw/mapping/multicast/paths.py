"""Shortest ways over a grid: how many steps along each link, for every displacement."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from neurohw.errors import InputError
from neurohw.mapping.multicast.grid import Grid

Int = NDArray[np.int64]


@lru_cache(maxsize=8)
def shortest(grid: Grid) -> tuple[Int, NDArray[np.int32]]:
    """``hops`` int64 (d,) and ``steps`` int32 (d, links): a shortest way for each displacement.

    The index of displacement (dx, dy) is ``dx % width + width * (dy % height)`` on a torus,
    ``dx + width - 1 + (2 width - 1) * (dy + height - 1)`` on a grid with edges. Breadth first, links
    in their order, so of equally short ways always the same one. A way uses only links that go
    nearer, hence its steps may be taken in any order without leaving the grid.
    """
    width, height = (
        (grid.width, grid.height) if grid.wraps else (2 * grid.width - 1, 2 * grid.height - 1)
    )
    origin = 0 if grid.wraps else grid.width - 1 + width * (grid.height - 1)
    hops = np.full(width * height, -1, dtype=np.int64)
    steps = np.zeros((width * height, grid.links), dtype=np.int32)
    hops[origin] = 0
    wave = np.array([origin], dtype=np.int64)
    far = 0
    while wave.size:
        far, fresh = far + 1, []
        for link, (vx, vy) in enumerate(grid.vectors):
            y, x = np.divmod(wave, width)
            x, y = x + vx, y + vy
            if grid.wraps:
                x, y, ok = x % width, y % height, np.ones(wave.size, dtype=bool)
            else:
                ok = (x >= 0) & (x < width) & (y >= 0) & (y < height)
            there = (x + width * y)[ok]
            new, at = np.unique(there, return_index=True)
            at = at[hops[new] < 0]
            new = there[at]
            steps[new] = steps[wave[ok][at]]
            steps[new, link] += 1
            hops[new] = far
            fresh.append(new)
        wave = np.concatenate(fresh)
    if (hops < 0).any():
        raise InputError(f"links {grid.vectors} don't reach every chip; add links")
    hops.setflags(write=False)
    steps.setflags(write=False)
    return hops, steps
