"""How registers get into traces; the text of this function is copied into the generated file."""

from __future__ import annotations

from typing import Any

import numpy as np

from neurohw.native import view


def _sample(samples: Any, row: int) -> None:
    """Copy registers into traces. ``samples``: for each, the addresses of the register's array, of
    the indices, of their places and of the trace, the bytes of an element, how many there are, and the
    width of the trace."""
    for k in range(samples.size // 7):
        n, width = samples[7 * k + 5], samples[7 * k + 6]
        which = view(samples[7 * k + 1], n, np.int64)
        place = view(samples[7 * k + 2], n, np.int64)
        trace = view(samples[7 * k + 3], (row + 1) * width, np.int64)
        size, address = samples[7 * k + 4], samples[7 * k]
        for j in range(n):
            at = address + which[j] * size
            if size == 1:
                value = np.int64(view(at, 1, np.int8)[0])
            elif size == 2:
                value = np.int64(view(at, 1, np.int16)[0])
            elif size == 4:
                value = np.int64(view(at, 1, np.int32)[0])
            else:
                value = view(at, 1, np.int64)[0]
            trace[row * width + place[j]] = value
