"""Synapses by source and run of delays, built in two passes over the edges of all projections."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from neurohw.emulate.places import Plot, delay_ends
from neurohw.emulate.summed import Sparse
from neurohw.errors import CapacityError
from neurohw.fixed import FixedProjection
from neurohw.machine import check_room

Int = NDArray[np.int64]
Any_ = NDArray[np.generic]
Codes32 = NDArray[np.int32]

SEGMENT, CACHE, BLOCK = 24, 1 << 20, 1 << 16
"""Synapses from which a segment is long; bytes of a ring that stay in a second-level cache; columns
of a block."""
SMALL, LONGER = 1 << 17, 40
"""Bytes of a ring that is so near that only longer segments are faster."""
NEAR = 20_480
"""Columns, of 16 bits mostly, that stay in a first-level cache."""
PADDED = 24
"""Synapses from which rows are worth padding."""
BEHIND = 8
"""Elements behind the last synapse, which loops read and add nothing for."""


@dataclass(frozen=True, eq=False)
class SparseRows:
    """The sparse synapses of all parts: see ``deliver`` for the arrays. ``start`` of part k begins at
    ``k * rows``. A row has ``runs`` segments, each of ``span`` delays, from the ``nearest`` on."""

    kind: Sparse
    start: Any_ = field(default_factory=lambda: np.zeros(1, np.int64))
    packed: Any_ = field(default_factory=lambda: np.zeros(0, np.int32))
    target: Any_ = field(default_factory=lambda: np.zeros(0, np.uint16))
    weight: Any_ = field(default_factory=lambda: np.zeros(0, np.int8))
    sign: Int = field(default_factory=lambda: np.zeros(0, np.int64))
    rows: int = 0
    bits: int = 0
    padded: bool = False
    words: bool = False
    runs: int = 1
    span: int = 1
    nearest: int = 0
    blocks: int = 1
    block: int = BLOCK

    @cached_property
    def mean(self) -> int:
        """Synapses of a row, of a segment if there are some, that has any."""
        sizes = np.diff(self.start.astype(np.int64))
        return int(sizes.sum() // max(np.count_nonzero(sizes), 1))


class SparseBuilder:
    """Counts, then fills."""

    def __init__(self, plot: Plot, projections: Sequence[FixedProjection], block: int) -> None:
        self.plot, self.projections, self.limit = plot, projections, block
        network, self.sources = plot.network, plot.sources
        ends = [delay_ends(p) for p in projections] or [(0, 0)]
        self.nearest = min(e[0] for e in ends)
        self.delays = max(e[1] for e in ends) - self.nearest + 1
        self.synapses = sum(p.synapses for p in projections)
        self.blocks, self.block, self.words, self.span = 1, BLOCK, 0, 1
        self.fan_out = {p.name: np.zeros(network.sizes[p.source], np.int64) for p in projections}

    def choose(
        self, slots: int, relays: bool, forced: Sparse | None, words: bool | None, span: int | None
    ) -> Sparse:
        """The layout for these sizes, for a ring of ``slots`` ticks."""
        if not self.projections:
            return "none"
        places, sizes = self.plot.places, self.plot.network.sizes
        widest = int(places.columns.max())
        ring = 2 * slots * widest
        kind: Sparse = forced or ("slots" if ring <= CACHE else "deferred")
        if kind == "deferred" and relays:
            kind = "slots"  # a relay's spikes arrive within the tick
        if kind == "deferred":
            span = 1  # delays arrive one by one
        span = min(span or max(NEAR // aligned(widest), 1), self.delays)
        runs = -(-self.delays // span)
        span = -(-self.delays // runs)
        width = (span - 1) * aligned(widest) + widest
        bits = 0 if words is False else self._word(width, bool(words))
        blocks = 1 if bits else -(-widest // self.limit)
        spiking = sum(sizes[s] for s in {p.source for p in self.projections})
        segment = self.synapses / max(spiking * runs * blocks * places.parts, 1)
        near = kind == "slots" and 2 * self.delays * widest <= SMALL
        long = LONGER if near else SEGMENT
        if forced is None and segment < long:
            kind = "flat"
        if kind != "flat":
            each = -(-widest // blocks)
            self.blocks, self.block, self.words, self.span = blocks, aligned(each), bits, span
        return kind

    def count(self, kind: Sparse) -> None:
        """The first pass: sizes of segments, ends of weights and sums."""
        rows = self.plot.places.parts * self.blocks * self.sources
        self.rows = self.blocks * self.sources
        dtype = np.uint32 if self.synapses + 8 * rows < 2**32 - 1 else np.int64
        segments = rows * self.delays if kind != "none" else 0
        check_room("the index of synapses", segments * np.dtype(dtype).itemsize)
        self.start = np.zeros(segments + 2, dtype)
        self.low, self.high = (
            np.full(rows if segments else 0, e, np.int64) for e in (1 << 62, -(1 << 62))
        )
        if kind == "none":
            return
        from neurohw.emulate.sorting import count_edges

        plot = self.plot
        for p, columns, edges in self._edges():
            whole = plot.reach.whole(p.target, plot.network.port(p))
            count_edges(
                *edges, plot.first[p.source], *columns, whole, plot.table(p),
                plot.codes[p.name].least, plot.payloads[p.source], self.nearest, self.delays,
                self.sources, self.start, self.low, self.high, plot.reach.sums.reshape(-1),
                self.fan_out[p.name],
            )  # fmt: skip
        np.cumsum(self.start, out=self.start)

    def fill(self, kind: Sparse, stride: int, slots: int) -> SparseRows:
        """The second pass: everything in its place."""
        if kind == "none":
            return SparseRows("none")
        if kind == "flat":
            return self._packed(stride, slots)
        return self._segments(kind, (np.arange(self.delays) % self.span) * stride)

    def _edges(self) -> Iterator[tuple[FixedProjection, tuple[Codes32, Codes32], tuple[Any_, ...]]]:
        """Blocks of edges of every projection, with the columns and blocks of its targets."""
        for p in self.projections:
            part, column = self.plot.places.by_neuron(p.target, self.plot.network.port(p))
            block = column // self.block
            if self.blocks == 1:
                block = np.zeros_like(block)
            columns = (
                (column - block * self.block).astype(np.int32),
                (part * self.blocks + block).astype(np.int32),
            )
            replaced, at = self.plot.codes[p.name].weight, 0
            for pre, post, weight, delay in p.blocks():
                if replaced is not None:
                    weight = replaced[at : at + pre.size]
                    at += pre.size
                yield p, columns, (pre, post, weight, delay)

    def _packed(self, stride: int, slots: int) -> SparseRows:
        from neurohw.emulate.sorting import fill_packed

        bits = (slots * stride - 1).bit_length()
        low, high = int(self.low.min(initial=0)), int(self.high.max(initial=0))
        weight = 1 + max(low if low >= 0 else -low - 1, high, 0).bit_length()
        if bits + weight > 63:
            raise CapacityError(
                f"a synapse needs {bits + weight} bits; use smaller weights or delays"
            )
        dtype = np.int32 if bits + weight <= 32 else np.int64
        rows, padded = self._padded()
        check_room("synapses", int(rows[-1]) * np.dtype(dtype).itemsize)
        packed = np.zeros(int(rows[-1]) + BEHIND, dtype)
        for p, columns, edges in self._edges():
            fill_packed(
                *edges, self.plot.first[p.source], *columns, self.plot.table(p),
                self.plot.codes[p.name].least, self.nearest, self.delays, self.sources, self.start,
                packed, bits, self._ring(stride),
            )  # fmt: skip
        return SparseRows(
            "flat", start=rows, packed=packed, rows=self.rows, bits=bits, padded=padded
        )

    def _ring(self, stride: int) -> Int:
        """Where the sums of each delay are in a ring."""
        return (self.nearest + np.arange(self.delays)) * stride

    def _padded(self) -> tuple[Int, bool]:
        """Where rows begin. Long ones are padded to eights: a loop then has no rest, and mispredicts
        once a row."""
        begin = self.start[1:-1].astype(np.int64).reshape(-1, self.delays)
        ends = np.append(begin[:, 0], self.synapses)
        size = np.diff(ends)
        padded = bool(self.synapses >= PADDED * max(int(np.count_nonzero(size)), 1))
        rows = np.zeros(size.size + 1, np.int64)
        np.cumsum(-(-size // 8) * 8 if padded else size, out=rows[1:])
        if padded:
            self.start[1:-1] = (begin - begin[:, :1] + rows[:-1, None]).ravel()
        return rows, padded

    def _segments(self, kind: Sparse, later: Int) -> SparseRows:
        from neurohw.emulate.sorting import fill_segments

        if self.words:
            return self._as_words(kind, later)
        weight, sign = self._weights()
        target = _room(self.synapses, np.uint16)
        for p, columns, edges in self._edges():
            fill_segments(
                *edges, self.plot.first[p.source], *columns, self.plot.table(p),
                self.plot.codes[p.name].least, self.nearest, self.delays, self.sources, self.start,
                target, weight, sign, later,
            )  # fmt: skip
        return SparseRows(kind, target=target, weight=weight, sign=sign, **self._index())

    def _index(self) -> dict[str, Any]:
        """Where segments begin, and what they are; those of a run's delays stand together."""
        start = self.start[:-1]
        if self.span > 1:
            first = start[:-1].reshape(-1, self.delays)[:, :: self.span]
            start = np.append(first.ravel(), start[-1])
        return {
            "start": start, "rows": self.rows, "runs": -(-self.delays // self.span), "span": self.span,
            "nearest": self.nearest, "blocks": self.blocks, "block": self.block,
        }  # fmt: skip

    def _as_words(self, kind: Sparse, later: Int) -> SparseRows:
        from neurohw.emulate.sorting import fill_packed

        check_room("synapses", self.synapses * 4)
        packed = _room(self.synapses, np.int32)
        for p, columns, edges in self._edges():
            fill_packed(
                *edges, self.plot.first[p.source], *columns, self.plot.table(p),
                self.plot.codes[p.name].least, self.nearest, self.delays, self.sources, self.start,
                packed, self.words, later,
            )  # fmt: skip
        return SparseRows(kind, packed=packed, bits=self.words, words=True, **self._index())

    def _word(self, widest: int, wanted: bool) -> int:
        """Bits of a target, if one word of 32 bits for target and weight is best: where 16 bits do not
        reach all columns, or weights need more than 8. A segment then lies in fewer cache lines."""
        tables = [(int(t.min()), int(t.max())) for t in map(self.plot.table, self.projections)]
        low, high = min(t[0] for t in tables), max(t[1] for t in tables)
        bits = max(widest - 1, 1).bit_length()
        if bits + 1 + max(-low - 1 if low < 0 else low, high, 0).bit_length() > 32:
            return 0
        short = all((a >= 0 or b <= 0) and a > -256 and b < 256 for a, b in tables)
        short = short or (low >= -128 and high < 128)
        if self._one_weight():
            short = True
        return 0 if widest <= self.limit and short and not wanted else bits

    def _one_weight(self) -> bool:
        """Whether every source has one weight, which then is stored once."""
        values: dict[str, set[int]] = {}
        for p in self.projections:
            table = self.plot.table(p)
            mine = values.setdefault(p.source, set())
            mine.update(int(v) for v in table[:2])
            if table.size > 1:
                return False
        return all(len(v) == 1 for v in values.values())

    def _weights(self) -> tuple[Any_, Int]:
        """Room for weights, as narrow as can be; signs of rows, or the one weight that each has."""
        used = self.low <= self.high
        low, high = self.low[used], self.high[used]
        nothing = np.zeros(0, np.int64)
        check_room("synapses", self.synapses * 3)
        if (low == high).all():
            return np.zeros(0, np.int8), np.where(used, self.low, 0)
        least, most = int(low.min()), int(high.max())
        for dtype in (np.int8, np.uint8, np.int16, np.uint16, np.int32):
            info = np.iinfo(dtype)
            if info.min <= least and most <= info.max:
                return _room(self.synapses, dtype), nothing
            size = np.maximum(np.abs(low), np.abs(high))
            if ((low >= 0) | (high <= 0)).all() and size.max() <= info.max:
                return _room(self.synapses, dtype), np.where(used & (self.low < 0), -1, 1)
        return _room(self.synapses, np.int64), nothing


def aligned(columns: int) -> int:
    """So many columns, to whole cache lines."""
    return -(-columns // 64) * 64


def _room(size: int, dtype: DTypeLike) -> Any_:
    room = np.empty(size + BEHIND, dtype)
    room[size:] = 0
    return room
