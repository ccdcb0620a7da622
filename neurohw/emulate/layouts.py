"""The layout of a network's synapses, chosen from its sizes.

======== =============================================================== ==========================
layout   what is stored                                                  when
======== =============================================================== ==========================
dense    a row of weights for each source                                one delay, 25 % connected
flat     rows of weight, delay and target in one word, added to a ring   short segments
slots    targets and weights by source and run of delays, a run at a     long segments
         time; no weights where each source has one
deferred the same by source and delay, added when they arrive: one row   where the ring leaves L2
         of sums, no ring
======== =============================================================== ==========================

A segment is the synapses of one source and of a run of delays: as many as keep their sums in a
first-level cache. A run that begins at the end of the ring goes on behind it, in rows that are added to
those at the ring's beginning before they are read. Targets are columns of a block of at most 65,536, so
16 bits hold them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neurohw.emulate.definition import sum_shifted
from neurohw.emulate.dense_rows import DenseRows, dense_rows
from neurohw.emulate.layout import place
from neurohw.emulate.places import Codes, Places, Plot, Reach, codes_of, delay_ends, share_out
from neurohw.emulate.sparse_rows import BLOCK, SparseBuilder, SparseRows, aligned
from neurohw.emulate.stage import Stage, lay_out_stage
from neurohw.emulate.summed import Sparse
from neurohw.emulate.ticks import PORTS
from neurohw.fixed import FixedPointNetwork, FixedProjection
from neurohw.fixedpoint import storage_of
from neurohw.machine import check_room

Int = NDArray[np.int64]

DENSE, LISTED = 0.25, 10_000_000
"""Density from which rows are dense: they are faster from a tenth on, but 4 bytes a synapse here. Synapses
up to which those of a rule are listed for it."""


@dataclass(frozen=True)
class Forced:
    """For tests: a layout whatever the sizes are; ``block`` columns; ``dense`` or not;
    ``words``: targets and weights together where they fit; ``span``: delays of a segment."""

    sparse: Sparse = "flat"
    dense: bool = False
    block: int = BLOCK
    words: bool = False
    span: int | None = None


FORCED: Forced | None = None


@dataclass(frozen=True, eq=False)
class Layout:
    """Everything that is shared between runs of a network: ``units`` (populations, PORTS) the factor
    that all sums of a port have in common, ``reach`` the ends of each port's sums in
    that unit, ``slots`` ticks that a ring holds, ``stride`` the elements between them."""

    places: Places
    sparse: SparseRows
    dense: tuple[DenseRows, ...]
    dense_dtype: str
    row: str
    slots: int
    stride: int
    units: Int
    reach: Mapping[tuple[str, str], tuple[int, int]]
    first: Mapping[str, int]
    sources: int
    fan_out: Mapping[str, Int]
    stage: Stage

    @property
    def nbytes(self) -> int:
        """Bytes of synapses and their index."""
        s = self.sparse
        arrays = [s.start, s.packed, s.target, s.weight, s.sign, *(d.matrix for d in self.dense)]
        return sum(a.nbytes for a in arrays) + self.stage.nbytes


def lay_out(
    network: FixedPointNetwork, parts: int, payloads: Mapping[str, int],
    injected: Mapping[tuple[str, str], tuple[int, int]], relays: bool,
) -> Layout:  # fmt: skip
    """Choose and build. ``payloads``: the largest of each source; ``injected``: what else is added to
    a port, least and most. CapacityError if memory would not hold it."""
    places = share_out(network, parts)
    first, sources = _sources(network)
    stage, staged = lay_out_stage(network, places, first, payloads)
    todo = [p for p in network.projections if p.synapses and not sum_shifted(network, p)]
    codes = {p.name: codes_of(network, p) for p in todo}
    units = _units(network, todo, codes, {*injected, *staged})
    index = {name: k for k, name in enumerate(network.populations)}

    def unit(p: FixedProjection) -> int:
        neuron = network.populations[p.target].neuron
        return int(units[index[p.target], neuron.ports.index(network.port(p))])

    by_name = {p.name: unit(p) for p in todo}
    plot = Plot(
        network, places, first, sources, codes, by_name, payloads, Reach(network, places)
    )  # fmt: skip
    thick = {p.name for p in todo if _is_dense(network, p)}
    dense, dense_dtype = dense_rows(plot, [p for p in todo if p.name in thick])
    slots = _slots(network)
    thin = [p for p in todo if p.name not in thick]
    sparse = SparseBuilder(plot, thin, BLOCK if FORCED is None else FORCED.block)
    forced = (FORCED.sparse, FORCED.words, FORCED.span) if FORCED else (None, None, None)
    kind = sparse.choose(slots, relays, *forced)
    sparse.count(kind)
    ends = plot.reach.ends(injected, staged, units)
    row = _row_dtype(list(ends.values()))
    widest = max(int(places.columns.max(initial=1)), 1)
    stride = 1 << (widest - 1).bit_length() if kind == "flat" else aligned(widest)
    if kind == "deferred" and not dense_dtype and not staged:
        slots = 1
    rows = slots + sparse.span - 1
    check_room("the ring of sums", parts * rows * stride * np.dtype(row).itemsize)
    return Layout(
        places, sparse.fill(kind, stride, slots), dense, dense_dtype, row, slots, stride, units, ends,
        first, sources, {**sparse.fan_out, **stage.fan_out, **_fan_out(network, thick)}, stage,
    )  # fmt: skip


def _slots(network: FixedPointNetwork) -> int:
    """Ticks that a ring holds, a power of two. What neurons send may land in the slot that was just
    read and cleared; what inputs and relays send comes before."""
    assert network.input_latency is not None
    latency, need = network.chip.delivery.latency, 1
    for p in network.projections:
        if p.synapses:
            longest = delay_ends(p)[1]
            if p.source in network.inputs:
                need = max(need, longest + network.input_latency + 1)
            elif network.populations[p.source].neuron.relay:
                need = max(need, longest + 1)
            else:
                need = max(need, longest + latency)
    return 1 << (need - 1).bit_length()


def _units(
    network: FixedPointNetwork, projections: Sequence[FixedProjection], codes: Mapping[str, Codes],
    exact: Collection[tuple[str, str]],
) -> Int:  # fmt: skip
    """The greatest common divisor of everything that arrives on a port; 1 for ``exact`` ones. Sums in
    this unit are smaller, and need fewer bits."""
    units = np.ones((len(network.populations), PORTS), np.int64)
    for k, (name, population) in enumerate(network.populations.items()):
        for q, port in enumerate(population.neuron.ports):
            mine = [
                codes[p.name].table for p in projections
                if p.target == name and network.port(p) == port
            ]  # fmt: skip
            common = int(np.gcd.reduce(np.concatenate(mine))) if mine else 0
            if common and (name, port) not in exact:
                units[k, q] = common if common < 2**31 else 1
    return units


def _sources(network: FixedPointNetwork) -> tuple[dict[str, int], int]:
    """Numbers of sources: neurons bank by bank (neurons of a kind side by side), then inputs."""
    layout = place(network)
    return dict(layout.first), layout.neurons + sum(network.inputs.values())


def _is_dense(network: FixedPointNetwork, p: FixedProjection) -> bool:
    if hasattr(p, "rule") and p.synapses > LISTED:
        return False
    low, high = delay_ends(p)
    if low != high:
        return False
    if FORCED is not None:
        return FORCED.dense
    sources, targets = network.sizes[p.source], network.sizes[p.target]
    return targets >= 16 and p.synapses >= DENSE * sources * targets


def _row_dtype(ends: Sequence[tuple[int, int]]) -> str:
    low = min((e[0] for e in ends), default=0)
    high = max((e[1] for e in ends), default=0)
    return storage_of(low, high)


def _fan_out(network: FixedPointNetwork, thick: set[str]) -> dict[str, Int]:
    """Synapses of each source neuron, for projections that are laid out as dense rows."""
    return {
        p.name: np.bincount(p.pre, minlength=network.sizes[p.source])
        for p in network.projections if p.name in thick
    }  # fmt: skip
