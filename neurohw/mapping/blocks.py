"""The rows that cores need for what reaches them: one for each source (and axon delay) and core."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from neurohw.chip.cores import RowFormat
from neurohw.errors import CapacityError
from neurohw.mapping.rows import Memory, row_lengths, write_rows
from neurohw.mapping.synapses import Synapses

Int64 = NDArray[np.int64]
Int32 = NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Rows:
    """Memory and whose each row is: ``source`` int32 (rows,), ``delay`` of its axon; sorted by core, then
    source, then delay."""

    memory: Memory
    source: Int32
    delay: Int32


def pack(s: Synapses, spec: RowFormat, core_of: Int32, slot_of: Int32) -> Rows:
    """The rows of all cores, int32 (vertices,) ``core_of`` and ``slot_of``."""
    order, row, source, delay, core = arranged(s, core_of, slot_of, bool(spec.typed))
    memory = write_rows(spec, s.forms, core, row, *columns(s, order), slot_of[s.target[order]])
    return Rows(memory, source, delay)


def columns(s: Synapses, order: Int64) -> tuple[Int32, Int64, Int32]:
    """Form, code and stored delay of synapses in an order."""
    forms = s.form[s.projection[order]] if s.projection.size else s.projection
    low = np.array([f.low for f in s.forms] or [0], np.int64)
    step = np.array([f.step for f in s.forms] or [1], np.int64)
    code = (s.weight[order] - low[forms]) // step[forms]
    return forms, code, np.zeros(order.size, np.int32) if s.delays_of_axons else s.delay[order]


def arranged(
    s: Synapses, core_of: Int32, slot_of: Int32, mixed: bool, rank: Int32 | None = None
) -> tuple[Int64, Int64, Int32, Int32, Int32]:
    """The synapses in the order of cores, rows, forms and slots; the row of each; and the source, axon
    delay and core of each row.

    ``mixed``: forms are not kept apart. Sources are in the order of ``rank`` int32 (vertices,), a
    permutation, or of their own numbers.
    """
    sizes = [
        int(core_of.max(initial=0)) + 1, s.vertices,
        int(s.delay.max(initial=0)) + 1 if s.delays_of_axons else 1,
        1 if mixed else len(s.forms), int(slot_of.max(initial=0)) + 1,
    ]  # fmt: skip
    bits = [max(n - 1, 1).bit_length() for n in sizes]
    if sum(bits) > 63:
        raise CapacityError(
            f"{sizes[1]:,} neurons on {sizes[0]:,} cores are more than one mapping can number; split "
            "the network"
        )
    ranks = np.arange(s.vertices, dtype=np.int32) if rank is None else rank
    key = np.empty(s.source.size, np.int64)
    _keys(
        ranks, s.source, s.target, s.delay, s.projection, s.form, core_of, slot_of,
        np.array(bits, np.int64), s.delays_of_axons, not mixed, key,
    )  # fmt: skip
    order = np.argsort(key, kind="stable")
    key = key[order] >> (bits[3] + bits[4])
    begins = np.ones(key.size, bool)
    begins[1:] = key[1:] != key[:-1]
    row = np.cumsum(begins) - 1
    key = key[begins]
    place = (key >> bits[2]) & ((1 << bits[1]) - 1)
    source = place if rank is None else np.argsort(rank, kind="stable")[place]
    late = key & ((1 << bits[2]) - 1)
    core = key >> (bits[1] + bits[2])
    return order, row, source.astype(np.int32), late.astype(np.int32), core.astype(np.int32)


def measured(s: Synapses, spec: RowFormat, core_of: Int32, slot_of: Int32) -> dict[str, Int64]:
    """Input axons, output axons, synapse bits and formats of every core, without writing a row."""
    cores = int(core_of.max(initial=-1)) + 1
    order, row, source, _, core = arranged(s, core_of, slot_of, bool(spec.typed))
    forms = s.form[s.projection[order]] if s.projection.size else s.projection
    length, formats = row_lengths(spec, s.forms, core, row, forms, slot_of[s.target[order]])
    home = core_of[source]
    return {
        "input_axons": np.bincount(core, minlength=cores),
        "output_axons": np.bincount(home[home >= 0], minlength=cores),
        "synapse_bits": np.bincount(core, weights=length, minlength=cores).astype(np.int64),
        "synapse_formats": np.bincount(formats, minlength=cores),
    }


@njit(cache=True, nogil=True)
def _keys(rank, source, target, delay, projection, form, core_of, slot_of, bits, late, formed, key):  # type: ignore[no-untyped-def] # pragma: no cover
    for k in range(source.size):
        t = target[k]
        x = (np.int64(core_of[t]) << bits[1]) | rank[source[k]]
        x = (x << bits[2]) | (delay[k] if late else 0)
        x = (x << bits[3]) | (form[projection[k]] if formed else 0)
        key[k] = (x << bits[4]) | slot_of[t]
