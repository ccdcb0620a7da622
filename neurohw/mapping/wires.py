"""An image as its hardware is busy: what is on which core, and which synapses a spike of it touches."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neurohw.mapping.image import ChipImage
from neurohw.mapping.traffic import Connections

Int32 = NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Wires:
    """Units of work: ``vertex`` int32 (units,) that each is of, the ``core`` that it is on (-1: the
    host), and what its spike touches. A unit is a vertex, or one of its copies."""

    vertex: Int32
    core: Int32
    connections: Connections


def wires(image: ChipImage) -> Wires:
    """The units of an image."""
    if "neuron.vertex" in image.arrays:
        return _copies(image)
    net = image.delivered
    first = dict(zip(net.sizes, np.cumsum([0, *net.sizes.values()])[:-1].tolist(), strict=True))
    n = image.core.size
    vertex = np.arange(n, dtype=np.int32)
    if (
        net.chip.machine is not None and net.neurons
    ):  # an event sweeps over all addresses of its row
        offsets = np.arange(n + 1, dtype=np.int64)
        targets = np.full(n, sum(net.inputs.values()), np.int32)
        swept = np.full(n, net.chip.machine.neurons, np.int64)
        return Wires(vertex, image.core, Connections(offsets, targets, swept))
    pre = [p.pre.astype(np.int64) + first[p.source] for p in net.projections]
    post = [p.post.astype(np.int64) + first[p.target] for p in net.projections]
    none = [np.zeros(0, np.int64)]
    found = Connections.of(n, np.concatenate(pre + none), np.concatenate(post + none))
    return Wires(vertex, image.core, found)


def _copies(image: ChipImage) -> Wires:
    """A unit for every slot, and for every packet that the host sends; targets are all copies."""
    from neurohw.mapping.relative import packets, reached

    a = image.arrays
    sizes = np.diff(a["neuron.first"])
    core = np.repeat(np.arange(sizes.size), sizes).astype(np.int32)
    host = np.full(a["input.vertex"].size, -1, np.int32)
    p = packets(image)
    which, slot = reached(image, p.to[p.known], p.axon[p.known])
    vertex = np.concatenate([a["neuron.vertex"], a["input.vertex"]])
    found = Connections.of(vertex.size, p.unit[p.known][which], slot)
    return Wires(vertex, np.concatenate([core, host]), found)
