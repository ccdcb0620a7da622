"""Destination axons: each neuron lists cores and an axon there, whose entry is a synaptic row.

The way of Loihi. A chip with one core and no tables is the same with a list of one: its own number.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurohw.chip.model import Chip
from neurohw.mapping.blocks import measured, pack
from neurohw.mapping.delivered import arrive, row_arrays, rows_of
from neurohw.mapping.follow import Arrivals
from neurohw.mapping.image import ChipImage, Losses
from neurohw.mapping.sound import column, damaged, offsets
from neurohw.mapping.synapses import Synapses

Int32 = NDArray[np.int32]


def measure(chip: Chip, s: Synapses, core: Int32, slot: Int32) -> Mapping[str, NDArray[np.int64]]:
    """Axons, bits and formats of every core."""
    assert chip.cores is not None and chip.cores.row is not None
    return measured(s, chip.cores.row, core, slot)


def build(chip: Chip, s: Synapses, core: Int32, slot: Int32) -> Mapping[str, NDArray[Any]]:
    """``out``: core, axon (and delay) of each destination, from ``out.first[v]`` on for vertex v;
    ``in.first``: the row of each core's axon 0."""
    assert chip.cores is not None and chip.cores.row is not None
    rows = pack(s, chip.cores.row, core, slot)
    cores = int(core.max(initial=-1)) + 1
    first = np.searchsorted(rows.memory.core, np.arange(cores + 1))
    order = np.argsort(rows.source, kind="stable")
    counts = np.bincount(rows.source, minlength=s.vertices)
    target = rows.memory.core[order]
    found: dict[str, NDArray[Any]] = {
        "out.first": np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        "out.core": target, "out.axon": (order - first[target]).astype(np.int32),
        "in.first": first.astype(np.int64), **row_arrays(rows.memory),
    }  # fmt: skip
    if s.delays_of_axons:
        found["out.delay"] = rows.delay[order]
    return found


def follow(image: ChipImage) -> Arrivals:
    """Every destination of every vertex, its axon's row, and the synapses in that."""
    arrays, memory = image.arrays, rows_of(image)
    lowest = -(1 << 31)
    core = column(arrays, "out.core", np.int32, None, lowest)
    axon = column(arrays, "out.axon", np.int32, core.size, lowest)
    counts = np.diff(offsets(arrays, "out.first", core.size, image.core.size))
    first = offsets(arrays, "in.first", memory.at.size)
    if (memory.core != np.repeat(np.arange(first.size - 1), np.diff(first))).any():
        raise damaged("a core's axon leads to another core's row")
    source = np.repeat(np.arange(image.core.size, dtype=np.int32), counts)
    there = np.zeros(core.size, bool)
    known = (core >= 0) & (core < first.size - 1)
    there[known] = (axon[known] >= 0) & (axon[known] < np.diff(first)[core[known]])
    lost = Losses.of("no such axon", source[~there], core[~there])
    row = first[core[there]] + axon[there]
    late = None
    if "out.delay" in arrays:
        late = column(arrays, "out.delay", np.int32, core.size)[there]
    return arrive(image, memory, source[there], row, late, lost)
