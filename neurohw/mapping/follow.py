"""From tables and memories to synapses: each source's spike is followed once, to where it ends."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numba import njit
from numpy.typing import NDArray

from neurohw.errors import FileError
from neurohw.fixed import FixedPointNetwork
from neurohw.mapping.image import ChipImage, Losses, projection
from neurohw.mapping.neuron_words import read_neurons
from neurohw.mapping.sound import column

Int32 = NDArray[np.int32]
Int64 = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Arrivals:
    """What spikes reach: synapses of ``form`` int32 (n,) from vertex ``source`` to vertex ``target``,
    with ``weight`` and ``delay``; and what was lost on the way."""

    source: Int32
    target: Int32
    weight: Int32
    delay: Int32
    form: Int32
    losses: Losses


def follow(image: ChipImage) -> tuple[FixedPointNetwork, Losses]:
    """The network whose projections are what spikes meet, and the losses."""
    from neurohw.mapping.schemes import scheme

    net = image.network
    assert net.chip.cores is not None
    found = scheme(net.chip.cores).follow(image)
    names = list(net.sizes)
    first = np.cumsum([0, *net.sizes.values()], dtype=np.int64)
    population = np.repeat(np.arange(len(names)), np.diff(first)).astype(np.int32)
    which = np.full((len(names), len(names), max(len(image.forms), 1)), -1, np.int32)
    for k, end in enumerate(image.ends):
        which[names.index(end.source), names.index(end.target), end.form] = k
    chosen = which[population[found.source], population[found.target], found.form]
    if chosen.size and chosen.min() < 0:
        k = int(np.argmin(chosen))
        raise FileError(
            f"the image leads from '{names[population[found.source[k]]]}' to "
            f"'{names[population[found.target[k]]]}', between which it names no projection; map again"
        )
    wide = int(first[-1])
    key = (chosen.astype(np.int64) * wide + found.source) * wide + found.target
    order = np.argsort(key, kind="stable")
    ends = np.searchsorted(chosen[order], np.arange(len(image.ends) + 1))
    projections = []
    for k, end in enumerate(image.ends):
        here = order[ends[k] : ends[k + 1]]
        columns = (
            found.source[here] - np.int32(first[names.index(end.source)]),
            found.target[here] - np.int32(first[names.index(end.target)]),
            found.weight[here], found.delay[here],
        )  # fmt: skip
        projections.append(projection(image, end, columns))
    populations = net.populations
    if net.chip.cores.neuron_words is not None:
        words = net.chip.cores.neuron_words
        populations = read_neurons(net, words, column(image.arrays, "neuron.bytes", np.uint8))
    made = replace(net, populations=populations, projections=tuple(projections))
    return made, found.losses


@njit(cache=True, nogil=True)
def expand(source, row, begin, end, into_source, into_at):  # type: ignore[no-untyped-def] # pragma: no cover
    """Every entry ``begin[row]`` to ``end[row]`` - 1 of each pair of a source and a row."""
    n = 0
    for k in range(source.size):
        for at in range(begin[row[k]], end[row[k]]):
            into_source[n] = source[k]
            into_at[n] = at
            n += 1
