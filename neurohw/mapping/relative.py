"""Crossbars of bits, and one packet for each neuron: core offsets dx and dy, an axon there, a delay.

The way of TrueNorth and RANC. An axon has one of a few types, a neuron a weight for each type: the
type's number times the neuron's unit. A source reaches a core by a group of axons, one of each type
that its weights need; the crossbar's bits are the digits of these. A neuron has one destination, so one
that drives several axons is there several times, on one core with the same inputs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurohw.chip.model import Chip
from neurohw.errors import CapacityError
from neurohw.machine import check_room
from neurohw.mapping.follow import Arrivals
from neurohw.mapping.image import ChipImage, Losses
from neurohw.mapping.mesh import Mesh
from neurohw.mapping.sound import column, damaged, offsets
from neurohw.mapping.synapses import Synapses

Int32 = NDArray[np.int32]
Int64 = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Groups:
    """Axon groups, sorted by core, source, delay and form, and their axons, sorted by group: int64
    (axons,) ``group`` and ``type`` of each. ``synapse`` and ``axon`` int64 (bits,): the crossbar's bits.
    ``kept``: synapses that have a weight; ``unit`` int64 (vertices,): what weights are multiples of."""

    core: Int32
    source: Int32
    delay: Int32
    form: Int32
    group: Int64
    type: Int64
    synapse: Int64
    axon: Int64
    kept: Int64
    unit: Int64


def measure(chip: Chip, s: Synapses, core: Int32, slot: Int32) -> Mapping[str, Int64]:
    """Neurons with their copies, and axons, of every core."""
    g = _groups(chip, s, core)
    cores = int(core.max(initial=-1)) + 1
    here = core >= 0
    return {
        "neurons": np.bincount(core[here], weights=_copies(s, g)[here], minlength=cores).astype(
            np.int64
        ),
        "input_axons": np.bincount(g.core[g.group], minlength=cores),
    }


def build(chip: Chip, s: Synapses, core: Int32, slot: Int32) -> Mapping[str, NDArray[Any]]:
    """``neuron``: vertex, destination and weights of every slot; ``axon``: type of each; ``crossbar``
    bits of each core, row by row; ``input``: the host's packets; ``zero``: synapses without weight."""
    cores = chip.cores
    assert cores is not None
    g, types = _groups(chip, s, core), np.array(cores.types, np.int64)
    count = int(core.max(initial=-1)) + 1
    source, to = g.source[g.group], g.core[g.group]
    axon_first = np.searchsorted(to, np.arange(count + 1)).astype(np.int64)
    # Slots: the copies of a neuron one after the other, one for each axon that it drives.
    copies = _copies(s, g)
    placed = np.flatnonzero(core >= 0)
    placed = placed[np.lexsort((slot[placed], core[placed]))]
    slot_at = np.zeros(s.vertices, np.int64)
    ends = np.cumsum(copies[placed])
    slot_at[placed] = ends - copies[placed]
    total = int(ends[-1]) if ends.size else 0
    slot_first = np.searchsorted(np.repeat(core[placed], copies[placed]), np.arange(count + 1))
    vertex = np.repeat(placed, copies[placed]).astype(np.int32)
    # Each axon's source sends it one packet: from a copy of its own, or from the host.
    number = np.arange(g.group.size) - axon_first[to]
    order = np.argsort(source, kind="stable")
    nth = np.empty(g.group.size, np.int64)
    nth[order] = np.arange(g.group.size) - np.searchsorted(source[order], source[order], "left")
    dx, dy = np.zeros(total, np.int16), np.zeros(total, np.int16)
    axon, late = np.full(total, -1, np.int32), np.zeros(total, np.int32)
    sends = core[source] >= 0
    at = slot_at[source[sends]] + nth[sends]
    mesh = Mesh(cores.width * s.chips, cores.height, cores.per_tile, cores.order)
    far = 1 << (cores.offset_bits - 1)
    (x0, y0), (x1, y1) = mesh.place(core[source[sends]]), mesh.place(to[sends])
    dx[at], dy[at] = x1 - x0, y1 - y0
    if at.size and max(int(np.abs(dx).max()), int(np.abs(dy).max())) >= far:
        raise CapacityError(
            f"{chip.name}: a spike would go further than {far - 1} cores; use fewer"
        )
    axon[at], late[at] = number[sends], g.delay[g.group[sends]]
    host = ~sends
    zero = np.setdiff1d(np.arange(s.source.size), g.kept)
    return {
        "neuron.first": slot_first.astype(np.int64), "neuron.vertex": vertex, "neuron.dx": dx,
        "neuron.dy": dy, "neuron.axon": axon, "neuron.delay": late,
        "neuron.weights": (g.unit[vertex][:, None] * types).astype(np.int32),
        "axon.first": axon_first, "axon.form": g.form[g.group], "axon.type": g.type.astype(np.int8),
        "crossbar": _crossbar(g, s, core, copies, slot_at, slot_first, axon_first),
        "input.vertex": source[host], "input.core": to[host], "input.axon": number[host].astype(np.int32),
        "input.delay": g.delay[g.group[host]], "zero.source": s.source[zero],
        "zero.target": s.target[zero], "zero.delay": s.delay[zero],
        "zero.form": s.form[s.projection[zero]] if zero.size else np.zeros(0, np.int32),
    }  # fmt: skip


def _groups(chip: Chip, s: Synapses, core: Int32) -> Groups:
    assert chip.cores is not None
    exponent = np.array([f.exponent for f in s.forms] or [0], np.int64)
    forms = s.form[s.projection] if s.projection.size else np.zeros(0, np.int32)
    kept = np.flatnonzero(s.weight)
    least = np.full(s.vertices, 64, np.int64)
    np.minimum.at(least, s.target, exponent[forms])
    least[least == 64] = 0
    value = s.weight[kept].astype(np.int64) << (exponent[forms[kept]] - least[s.target[kept]])
    key = np.stack([core[s.target[kept]], s.source[kept], s.delay[kept], forms[kept]])
    found, group = np.unique(key, axis=1, return_inverse=True)
    group = group.reshape(-1)
    again, counts = np.unique(
        group * s.vertices + s.target[kept].astype(np.int64), return_counts=True
    )
    if (counts > 1).any():
        g, t = divmod(int(again[np.argmax(counts > 1)]), s.vertices)
        raise CapacityError(
            f"{s.label(t)} has several synapses from {s.label(int(found[1, g]))} with one delay; a "
            f"crossing of {chip.name} holds one: merge them"
        )
    types = np.array(chip.cores.types, np.int64)
    synapse, number, kind = _digits_of_all(chip.name, value, types)
    # An axon for every type and set that a weight of its group needs: not one more.
    sets = int(number.max(initial=0)) + 1
    axons, axon = np.unique(
        (group[synapse] * sets + number) * types.size + kind, return_inverse=True
    )
    to, source, delay, form = (found[k].astype(np.int32) for k in range(4))
    return Groups(
        to, source, delay, form, axons // types.size // sets, axons % types.size, synapse,
        axon.reshape(-1), kept, np.int64(1) << least,
    )  # fmt: skip


def _copies(s: Synapses, g: Groups) -> Int64:
    """How often each neuron must be there: once for each axon that it drives, at least once."""
    return np.maximum(np.bincount(g.source[g.group], minlength=s.vertices), 1).astype(np.int64)


def _digits_of_all(name: str, value: Int64, types: Int64) -> tuple[Int64, Int64, Int64]:
    """The bits of all weights: which weight, in which set of types, and which type. A weight beyond what
    one set adds up to takes several."""
    top, bottom = int(types[types > 0].sum()), int(types[types < 0].sum())
    if ((value > 0).any() and not top) or ((value < 0).any() and not bottom):
        raise CapacityError(f"{name}: its axon types {types.tolist()} make no weight of that sign")
    rest, found, number = value.copy(), [np.zeros((3, 0), np.int64)], 0
    while rest.any():
        here = np.flatnonzero(rest)
        part = np.clip(rest[here], bottom, top)
        rest[here] -= part
        which, kind = np.nonzero(digits(part, types))
        found.append(np.stack([here[which], np.full(which.size, number), kind]))
        number += 1
    bits = np.concatenate(found, axis=1)
    return bits[0], bits[1], bits[2]


def digits(value: Int64, types: Int64) -> NDArray[np.bool_]:
    """Which types add up to each value, (values, types): greedy from the largest, which is exact for
    powers of two with one negative type that is the largest."""
    found = np.zeros((value.size, types.size), np.bool_)
    rest = value.copy()
    for k in np.argsort(types):
        t = int(types[k])
        take = rest < 0 if t < 0 else np.zeros(value.size, bool)
        found[:, k] = take
        rest = rest - np.where(take, t, 0)
    for k in np.argsort(-types):
        t = int(types[k])
        if t > 0:
            take = rest >= t
            found[:, k] = take
            rest = rest - np.where(take, t, 0)
    if rest.any():
        bad = int(value[np.flatnonzero(rest)[0]])
        raise CapacityError(
            f"weight {bad} is no sum of the axon types {types.tolist()}; change types"
        )
    return found


def _crossbar(
    g: Groups, s: Synapses, core: Int32, copies: Int64, slot_at: Int64, slot_first: Int64,
    axon_first: Int64,
) -> NDArray[np.uint8]:  # fmt: skip
    """The bits of every axon's row, for every copy of a target, packed."""
    rows = np.diff(axon_first) * np.diff(slot_first)
    base = np.concatenate([[0], np.cumsum(rows)])
    check_room("the image's crossbars", int(base[-1]))
    bits = np.zeros(int(base[-1]), np.bool_)
    target = s.target[g.kept][g.synapse]
    home, many = core[target], copies[target]
    row = g.axon - axon_first[home]
    start = base[home] + row * np.diff(slot_first)[home] + slot_at[target] - slot_first[home]
    inside = np.arange(int(many.sum())) - np.repeat(np.cumsum(many) - many, many)
    bits[np.repeat(start, many) + inside] = True
    return np.packbits(bits, bitorder="little")


@dataclass(frozen=True, eq=False)
class Packets:
    """A packet for every unit that sends one, slots first and then the host's: ``unit``, the core ``to``
    (-1 beyond the mesh), its ``axon`` there and ``delay``; and whether there is such an axon, ``known``."""

    unit: Int64
    to: Int64
    axon: Int64
    delay: Int32
    known: NDArray[np.bool_]


def _check(image: ChipImage) -> None:
    """FileError unless slots, axons and bits are there, and each neuron where the image places it."""
    a, cores = image.arrays, image.network.chip.cores
    vertices, forms = image.core.size, len(image.forms)
    assert cores is not None
    vertex = column(a, "neuron.vertex", np.int32, None, 0, vertices - 1)
    first = offsets(a, "neuron.first", vertex.size)
    home = np.repeat(np.arange(first.size - 1), np.diff(first))
    begins = np.concatenate([vertex[:1], vertex[1:][np.diff(vertex) != 0]])
    placed = np.flatnonzero(image.core >= 0)
    if (image.core[vertex] != home).any() or not np.array_equal(np.sort(begins), placed):
        raise damaged("its neurons are not where it places them")
    far = 1 << (cores.offset_bits - 1)
    for name in ("dx", "dy"):
        column(a, f"neuron.{name}", np.int16, vertex.size, -far, far - 1)
    column(a, "neuron.axon", np.int32, vertex.size, -1)
    column(a, "neuron.delay", np.int32, vertex.size)
    weights = a.get("neuron.weights", vertex)
    if weights.dtype != np.int32 or weights.shape != (vertex.size, len(cores.types)):
        raise damaged(f"'neuron.weights' is {weights.dtype} of shape {weights.shape}")
    kind = column(a, "axon.type", np.int8, None, 0, len(cores.types) - 1)
    column(a, "axon.form", np.int32, kind.size, 0, forms - 1)
    axons = offsets(a, "axon.first", kind.size, first.size - 1)
    bits = int((np.diff(axons) * np.diff(first)).sum())
    packed = column(a, "crossbar", np.uint8, (bits + 7) // 8)
    if bits % 8 and packed[-1] >> (bits % 8):
        raise damaged("'crossbar' has bits behind its end")
    size = column(a, "input.vertex", np.int32, None, 0, vertices - 1).size
    for name in ("core", "axon"):
        column(a, f"input.{name}", np.int32, size, -(1 << 31))
    column(a, "input.delay", np.int32, size)
    size = column(a, "zero.source", np.int32, None, 0, vertices - 1).size
    column(a, "zero.target", np.int32, size, 0, vertices - 1)
    column(a, "zero.delay", np.int32, size)
    column(a, "zero.form", np.int32, size, 0, forms - 1)


def packets(image: ChipImage) -> Packets:
    """Every packet of the image, led by its offsets alone."""
    a, cores = image.arrays, image.network.chip.cores
    assert cores is not None
    _check(image)
    axon_first, slot_first = a["axon.first"], a["neuron.first"]
    count, slots = axon_first.size - 1, a["neuron.vertex"].size
    width = cores.width * image.network.chips
    mesh = Mesh(width, cores.height, cores.per_tile, cores.order)
    sends = np.flatnonzero(a["neuron.axon"] >= 0)
    home = np.searchsorted(slot_first, sends, "right") - 1
    x, y = mesh.place(home)
    x, y = x + a["neuron.dx"][sends], y + a["neuron.dy"][sends]
    there = (x >= 0) & (x < mesh.width) & (y >= 0) & (y < mesh.height)
    tile = y * mesh.width + x if cores.order == "x" else x * mesh.height + y
    to = np.where(there, tile * cores.per_tile + home % cores.per_tile, -1)
    unit = np.concatenate([sends, np.arange(a["input.vertex"].size) + slots])
    to = np.concatenate([to, a["input.core"]])
    axon = np.concatenate([a["neuron.axon"][sends], a["input.axon"]]).astype(np.int64)
    delay = np.concatenate([a["neuron.delay"][sends], a["input.delay"]])
    known = (to >= 0) & (to < count)
    known[known] = (axon[known] >= 0) & (axon[known] < np.diff(axon_first)[to[known]])
    return Packets(unit, to, axon, delay, known)


def reached(image: ChipImage, to: Int64, axon: Int64) -> tuple[Int64, Int64]:
    """For every bit of these axons' rows: which of them, and the slot."""
    a = image.arrays
    axon_first, slot_first = a["axon.first"], a["neuron.first"]
    wide = np.diff(slot_first)
    base = np.concatenate([[0], np.cumsum(np.diff(axon_first) * wide)])
    bits = np.unpackbits(a["crossbar"], count=int(base[-1]), bitorder="little")
    start, size = base[to] + axon * wide[to], wide[to]
    at = np.repeat(start - (np.cumsum(size) - size), size) + np.arange(int(size.sum()))
    on = np.flatnonzero(bits[at])
    which = np.repeat(np.arange(to.size), size)[on]
    return which, slot_first[to[which]] + (at[on] - start[which])


def _same_copies(
    arrays: Mapping[str, NDArray[Any]], packet: Int64, slot: Int64, original: NDArray[np.bool_]
) -> None:
    """FileError unless every copy of a neuron has its weights and hears its packets."""
    group = np.cumsum(original) - 1
    if (arrays["neuron.weights"] != arrays["neuron.weights"][original][group]).any():
        raise damaged("copies of a neuron have different weights")
    # Sorted by packet and slot: equal columns make runs of just as many copies as there are.
    size = np.bincount(group)
    key = packet * size.size + group[slot]
    _, runs = np.unique(key, return_counts=True)
    if (runs != size[np.unique(key) % size.size]).any():
        raise damaged("copies of a neuron have different inputs")


def follow(image: ChipImage) -> Arrivals:
    """Every packet to its axon, and the neurons that the axon's row has bits for."""
    a, p = image.arrays, packets(image)
    sender = np.concatenate([a["neuron.vertex"], a["input.vertex"]])[p.unit]
    lost = Losses.of(
        "no such core or axon", sender[~p.known], p.to[~p.known].astype(np.int32)
    )  # fmt: skip
    source, delay = sender[p.known], p.delay[p.known]
    to, axon = p.to[p.known], p.axon[p.known]
    packet, slot = reached(image, to, axon)
    # Copies of a neuron have equal columns: the first says it all.
    vertex = a["neuron.vertex"]
    original = np.ones(vertex.size, bool)
    original[1:] = vertex[1:] != vertex[:-1]
    _same_copies(a, packet, slot, original)
    kept = original[slot]
    packet, slot = packet[kept], slot[kept]
    number = a["axon.first"][to[packet]] + axon[packet]
    weight = a["neuron.weights"][slot, a["axon.type"][number]].astype(np.int64)
    key = np.stack([source[packet], vertex[slot], delay[packet], a["axon.form"][number]])
    found, inverse = np.unique(key.astype(np.int64), axis=1, return_inverse=True)
    total = np.zeros(found.shape[1], np.int64)
    np.add.at(total, inverse.reshape(-1), weight)
    exponent = np.array([f.exponent for f in image.forms] or [0], np.int64)
    mantissa = total >> exponent[found[3]]
    zeros = [a[f"zero.{k}"] for k in ("source", "target", "delay", "form")]
    merged = [np.concatenate([found[k].astype(np.int32), zeros[k]]) for k in range(4)]
    weights = np.concatenate([mantissa.astype(np.int32), np.zeros(zeros[0].size, np.int32)])
    return Arrivals(merged[0], merged[1], weights, merged[2], merged[3], lost)
