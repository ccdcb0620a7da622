"""Delays in seconds to the chip's ticks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from neurohw.chip.model import Chip
from neurohw.errors import CapacityError
from neurohw.network.projections import Projection

OnLimit = Literal["error", "clip"]


@dataclass(frozen=True, eq=False)
class Delays:
    """int32 codes (synapses,), how many were moved by more than a millionth of a step and how far
    (s), and how many met the end of the format."""

    codes: NDArray[np.int32]
    moved: int
    worst: float
    clipped: int


def quantise_delays(p: Projection, chip: Chip, dt: float, on_limit: OnLimit) -> Delays:
    """The nearest code of every delay; CapacityError if the chip can't hold one (or one a source).

    A delay of 0 is the earliest arrival there is, one tick after the spike; the chip's code counts
    from its own latency. Events that follow the equations of a tick (latency 0) are there for the next.
    """
    with np.errstate(over="ignore"):
        exact = p.delay / dt + 1 - max(chip.delivery.latency, 1)
    whole = np.rint(exact)
    codes = np.clip(whole, chip.delay.low, chip.delay.high).astype(np.int32)
    clipped = int(np.sum(codes != whole))
    if clipped and on_limit == "error":
        k = int(np.flatnonzero(codes != whole)[0])
        raise CapacityError(
            f"projection '{p.name}': the delay of synapse {k} ({p.pre[k]} -> {p.post[k]}) is "
            f"{p.delay[k]:g} s, {whole[k]:.6g} ticks; {chip.name} holds {chip.delay.low}.."
            f"{chip.delay.high}: use a larger time step, or let it clip (on_limit='clip')"
        )
    if chip.delay.where == "axon" and p.synapses:
        first = np.full(int(p.pre.max()) + 1, -1, np.int32)
        first[p.pre[::-1]] = codes[::-1]
        other = np.flatnonzero(first[p.pre] != codes)
        if other.size:
            raise CapacityError(
                f"projection '{p.name}': source {p.pre[other[0]]} has several delays; {chip.name} "
                "holds one for each axon: use equal delays or split the source"
            )
    error = np.abs(codes - exact)
    moved = error > 1e-6
    return Delays(codes, int(moved.sum()), float(error.max(initial=0.0) * dt), clipped)
