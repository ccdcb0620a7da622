"""A network run by an engine, and by a kernel that was written by hand for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurohw.bench.measure import cpu

Int = NDArray[np.int64]
Run = Callable[[], tuple[float, Int]]


@dataclass(frozen=True)
class Contest:
    """One network, run by us and by hand. A run gives CPU seconds and what it fired, as numbers
    that are equal where the spikes are; called again, both go on or both start again.
    ``count`` says how many synaptic events those spikes were."""

    chip: str
    engine: str
    ours: Run
    limit: Run
    count: Callable[[Int], int]


@cache
def compiled(kernel: Callable[..., Any]) -> Callable[..., Any]:
    """The kernel as numba compiles it."""
    import numba

    made: Callable[..., Any] = numba.njit(nogil=True)(kernel)
    return made


def timed(function: Callable[[], Any]) -> tuple[float, Any]:
    """CPU seconds of a call, and its result."""
    began = cpu()
    result = function()
    return cpu() - began, result
