"""What rows of synaptic memory deliver to the neurons of their cores."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurohw.machine import check_room
from neurohw.mapping.follow import Arrivals, expand
from neurohw.mapping.image import ChipImage, Losses
from neurohw.mapping.rows import Memory, check_rows, read_rows
from neurohw.mapping.sound import damaged

Int32 = NDArray[np.int32]
Int64 = NDArray[np.int64]


def row_arrays(memory: Memory) -> dict[str, NDArray[Any]]:
    """The rows of an image, by name."""
    return {f"rows.{k}": v for k, v in memory.__dict__.items()}


def rows_of(image: ChipImage) -> Memory:
    """The rows of an image; FileError if they can't be read."""
    for key in Memory.__dataclass_fields__:
        if f"rows.{key}" not in image.arrays:
            raise damaged(f"it has no 'rows.{key}'")
    memory = Memory(**{k: image.arrays[f"rows.{k}"] for k in Memory.__dataclass_fields__})
    check_rows(memory, len(image.forms))
    return memory


def occupants(image: ChipImage) -> tuple[Int32, int]:
    """The vertex in every slot of every core, -1 if none, and the slots of a core."""
    cores = int(image.core.max(initial=-1)) + 1
    slots = int(image.slot.max(initial=-1)) + 1
    check_room("the places of an image", 4 * cores * slots)
    found = np.full(cores * slots, -1, np.int32)
    placed = np.flatnonzero(image.core >= 0)
    found[image.core[placed].astype(np.int64) * slots + image.slot[placed]] = placed
    return found, slots


def arrive(
    image: ChipImage, memory: Memory, source: Int32, row: Int64, late: Int32 | None, lost: Losses
) -> Arrivals:
    """The synapses of a ``row`` for each ``source``, int (pairs,); ``late``: delays of their axons."""
    spec = image.network.chip.cores.row if image.network.chip.cores else None
    assert spec is not None
    of_row, form, code, delay, slot = read_rows(spec, memory)
    begin = np.searchsorted(of_row, np.arange(memory.at.size), "left")
    end = np.searchsorted(of_row, np.arange(memory.at.size), "right")
    total = int((end[row] - begin[row]).sum())
    check_room("the image's synapses", 36 * total)
    sources, at = np.empty(total, np.int32), np.empty(total, np.int64)
    expand(source, row, begin, end, sources, at)
    if late is not None:
        delays = np.repeat(late, end[row] - begin[row])
    else:
        delays = delay[at]
    there, slots = occupants(image)
    place = slot[at].astype(np.int64)
    inside = place < slots
    core = memory.core[of_row[at]]
    target = np.full(total, -1, np.int32)
    target[inside] = there[core[inside].astype(np.int64) * slots + place[inside]]
    low = np.array([f.low for f in image.forms] or [0], np.int64)
    step = np.array([f.step for f in image.forms] or [1], np.int64)
    forms = form[at]
    weight = (low[forms] + step[forms] * code[at]).astype(np.int32)
    keep = target >= 0
    if keep.all():
        return Arrivals(sources, target, weight, delays, forms, lost)
    gone = Losses.of("no neuron in the slot", sources[~keep], core[~keep])
    return Arrivals(
        sources[keep], target[keep], weight[keep], delays[keep], forms[keep], lost.and_also(gone)
    )
