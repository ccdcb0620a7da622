"""One core with a crossbar: a word for every pair of a source and a neuron.

Rows are the chip's own addresses, neurons first and inputs behind them; columns are neurons. Words
follow one another lowest bits first, as the chip is programmed. ``used`` and ``form`` are no memory of
the chip: they say which crossings a projection made, so that its events can be counted.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurohw.chip.model import Chip
from neurohw.errors import CapacityError
from neurohw.mapping.follow import Arrivals
from neurohw.mapping.image import ChipImage, Losses
from neurohw.mapping.sound import column, damaged
from neurohw.mapping.synapses import Synapses

Int32 = NDArray[np.int32]
Int64 = NDArray[np.int64]


def measure(chip: Chip, s: Synapses, core: Int32, slot: Int32) -> Mapping[str, Int64]:
    """Nothing that neurons and their fan-in would not say."""
    return {}


def build(chip: Chip, s: Synapses, core: Int32, slot: Int32) -> Mapping[str, NDArray[Any]]:
    """``crossbar.bytes`` uint8: the words of all rows, ``crossbar.sign`` of each row where the chip has
    one sign for a source; CapacityError where two synapses would share a crossing, or two signs a row."""
    neurons = s.vertices - s.inputs
    rows, columns = _shape(chip, s.vertices, neurons)
    row = _row(s.source, s.inputs, neurons)
    crossing = row.astype(np.int64) * columns + (s.target - s.inputs)
    again = np.flatnonzero(np.bincount(crossing, minlength=1) > 1)
    if again.size:
        k = int(np.flatnonzero(crossing == again[0])[0])
        raise CapacityError(
            f"{s.label(s.target[k])} has two synapses from {s.label(s.source[k])}; a crossing of "
            f"{chip.name} holds one: merge the projections"
        )
    assert chip.cores is not None
    codes, sign = s.weight.astype(np.int64), np.zeros(rows, np.bool_)
    if chip.cores.signed_rows:
        sign[row[codes < 0]] = True
        both = np.flatnonzero(sign[row] & (codes > 0))
        if both.size:
            raise CapacityError(
                f"{s.label(s.source[both[0]])} has weights of both signs; {chip.name} holds one sign for a "
                "source: split it in two, or use weights of one sign"
            )
        codes = np.abs(codes) | (1 << (chip.cores.word - 1))  # the mapping bit
    memory = np.zeros(rows * columns, np.int64)
    memory[crossing] = codes & ((1 << chip.cores.word) - 1)
    used, form = np.zeros(rows * columns, np.bool_), np.zeros(rows * columns, np.int16)
    used[crossing], form[crossing] = True, s.form[s.projection] if s.form.size else 0
    bits = (memory[:, None] >> np.arange(chip.cores.word)) & 1
    return {
        "crossbar.bytes": np.packbits(bits.astype(np.uint8).reshape(-1), bitorder="little"),
        "crossbar.sign": sign, "used": used, "form": form,
    }  # fmt: skip


def _shape(chip: Chip, vertices: int, neurons: int) -> tuple[int, int]:
    """Rows and columns: the chip's addresses where it has such, else what is there."""
    if chip.machine is not None:
        return chip.machine.neurons, chip.machine.neurons
    return vertices, neurons


def _row(vertex: Int32, inputs: int, neurons: int) -> Int32:
    """The row of each vertex: neurons first, then inputs."""
    return np.where(vertex >= inputs, vertex - inputs, vertex + neurons).astype(np.int32)


def follow(image: ChipImage) -> Arrivals:
    """Every crossing in use, with what its word says."""
    chip, inputs = image.network.chip, sum(image.network.inputs.values())
    assert chip.cores is not None
    neurons, word = image.core.size - inputs, chip.cores.word
    rows, columns = _shape(chip, image.core.size, neurons)
    arrays, crossings = image.arrays, rows * columns
    at = np.flatnonzero(column(arrays, "used", np.bool_, crossings))
    row, to = at // columns, at % columns
    memory = column(arrays, "crossbar.bytes", np.uint8, (crossings * word + 7) // 8)
    bits = np.unpackbits(memory, count=crossings * word, bitorder="little").reshape(-1, word)
    if bits[~arrays["used"]].any() or (row >= image.core.size).any() or (to >= neurons).any():
        raise damaged("its crossbar has a word where no synapse is")
    column(arrays, "form", np.int16, crossings, 0, max(len(image.forms) - 1, 0))
    column(arrays, "crossbar.sign", np.bool_, rows)
    codes = bits[at].astype(np.int64) @ (1 << np.arange(word))
    if chip.cores.signed_rows:
        if (codes >> (word - 1) == 0).any():
            raise damaged("its crossbar has a synapse that is not mapped")
        size = codes & ((1 << (word - 1)) - 1)
        weight = np.where(image.arrays["crossbar.sign"][row], -size, size)
    else:
        weight = codes - ((codes >> (word - 1)) << word)
    source = np.where(row < neurons, row + inputs, row - neurons).astype(np.int32)
    none = np.zeros(0, np.int32)
    return Arrivals(
        source, (to + inputs).astype(np.int32), weight.astype(np.int32), np.zeros_like(source),
        image.arrays["form"][at].astype(np.int32), Losses.of("", none, none),
    )  # fmt: skip
