"""What a run of an event-driven chip leaves behind: every operation, in order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Column = NDArray[np.int64]
PUSHED, DROPPED, OPEN = 0, 1, 2
"""What became of a spike: it went into the queue, found it full, or is not fed back."""


@dataclass(frozen=True, eq=False)
class OperationLog:
    """Columns by operation, int64 (K,): its ``type``, ``argument``, ``event`` (index of the last
    word accepted) and ``cycles``.

    ``registers``: by population and register the value after each operation (K, n), of what was
    recorded. ``spikes``: operation, neuron, and what became of it. ``output``: operation and address
    on the bus. ``changes``: operation, row, neuron and new code of each synapse that changed.
    """

    type: Column
    argument: Column
    event: Column
    cycles: Column
    registers: Mapping[str, Mapping[str, NDArray[np.signedinteger]]]
    spikes: tuple[Column, Column, Column]
    output: tuple[Column, Column]
    changes: tuple[Column, Column, Column, Column]
    overflows: Mapping[str, Mapping[str, int]]

    @property
    def operations(self) -> int:
        """Number of operations."""
        return int(self.type.size)
