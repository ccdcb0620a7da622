"""The roof of the figure: how fast this machine adds weights to places that spikes choose."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

EVENTS = 1 << 20
"""Synaptic events of a pass: 4 MiB of them, and places enough to reach all of the largest sum."""
FOOTPRINTS = tuple(1 << k for k in range(13, 26))
"""Bytes of int16 sums, 8 KiB to 32 MiB."""
PASSES = 7


def measure_ceiling(
    progress: Callable[[int, int], None] | None = None, events: int = EVENTS
) -> list[tuple[int, float]]:
    """(footprint in bytes, events/s of one core) by a scatter-add of packed synapses, best of a few.

    Targets are random, weights 8 bits, both packed in a uint32 as a chip's emulator would store
    them; what a simulator does besides is not in it.
    """
    kernel = _kernel()
    rng = np.random.default_rng(0)
    found = []
    for k, footprint in enumerate(FOOTPRINTS):
        if progress is not None:
            progress(k, len(FOOTPRINTS))
        sums = np.zeros(footprint // 2, np.int16)
        packed = rng.integers(0, sums.size, events).astype(np.uint32) << 8
        packed |= rng.integers(0, 4, events).astype(np.uint32)
        kernel(packed, sums)
        best = min(_timed(kernel, packed, sums) for _ in range(PASSES))
        found.append((footprint, events / best))
    return found


def _timed(kernel: Callable[..., None], packed: Any, sums: Any) -> float:
    began = time.perf_counter()
    kernel(packed, sums)
    return time.perf_counter() - began


def _kernel() -> Callable[..., None]:
    import numba

    @numba.njit(nogil=True)
    def scatter(packed, sums):  # type: ignore[no-untyped-def]
        for entry in packed:
            sums[entry >> np.uint32(8)] += np.int16(entry & np.uint32(255))

    kernel: Callable[..., None] = scatter
    return kernel
