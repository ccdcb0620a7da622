"""What the machine gives: cores, room for an array before it is made, arrays that begin at a cache line."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from neurohw.errors import CapacityError

SMALL = 1 << 26
"""Bytes that are not worth asking about."""
LINE = 64
"""Bytes of a cache line, and of the widest vectors."""


def cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def available() -> int | None:
    """Bytes of memory that can be had without swapping, None if the system does not say."""
    try:
        text = Path("/proc/meminfo").read_text(encoding="ascii")
    except OSError:
        return None
    for line in text.splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return None


def check_room(what: str, nbytes: int) -> None:
    """CapacityError if ``what`` would need more memory than there is."""
    if nbytes < SMALL:
        return
    free = available()
    if free is not None and nbytes > free:
        raise CapacityError(
            f"{what} would need {nbytes / 1e9:.1f} GB, {free / 1e9:.1f} GB of memory are free; use a "
            "smaller network, or fewer threads or trials at once"
        )


def line_zeros(size: int, dtype: DTypeLike) -> NDArray[Any]:
    """Zeros (size,) that begin at a cache line, so that no vector lies in two."""
    nbytes = size * np.dtype(dtype).itemsize
    room = np.zeros(nbytes + LINE, np.uint8)
    first = -room.ctypes.data % LINE
    return room[first : first + nbytes].view(dtype)
