"""Sums of one projection and delay that are shifted right before they arrive.

Where a chip shifts the *sum* of a projection, the spikes of one tick first add up in a scratch row,
for each delay, and what arrives is that sum, shifted. Each projection has rows of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from neurohw.emulate.definition import sum_shifted
from neurohw.emulate.places import Places, codes_of, delay_ends
from neurohw.errors import CapacityError
from neurohw.fixed import FixedPointNetwork, FixedProjection
from neurohw.machine import check_room

Int = NDArray[np.int64]
Any_ = NDArray[np.generic]

BLOCK = 1 << 16
FIELDS = ("low", "high", "offset", "delays", "nearest", "base", "width", "shift", "bits")
"""Of each group: its sources, its first segment, its delays, its first column and how many, by how much
the sum is shifted, and the bits to which it wraps first: negative if unsigned, 0 for not at all."""


@dataclass(frozen=True, eq=False)
class Stage:
    """``groups``: for each part rows of FIELDS, one for each projection and block of targets."""

    start: Int = field(default_factory=lambda: np.zeros(1, np.int64))
    target: NDArray[np.uint16] = field(default_factory=lambda: np.zeros(0, np.uint16))
    weight: Any_ = field(default_factory=lambda: np.zeros(0, np.int16))
    scratch: str = "int32"
    width: int = 1
    groups: tuple[Int, ...] = ()
    fan_out: Mapping[str, Int] = field(default_factory=dict)

    @property
    def used(self) -> bool:
        """Whether any projection is shifted."""
        return bool(self.target.size)

    @property
    def nbytes(self) -> int:
        """Bytes of synapses and their index."""
        return self.start.nbytes + self.target.nbytes + self.weight.nbytes


def lay_out_stage(
    network: FixedPointNetwork,
    places: Places,
    first: Mapping[str, int],
    payloads: Mapping[str, int],
) -> tuple[Stage, dict[tuple[str, str], int]]:
    """The stage of a network, and how far shifted sums reach on each port."""
    todo = [p for p in network.projections if p.synapses and sum_shifted(network, p)]
    if not todo:
        return Stage(), {}
    made = [_Shifted(network, places, p, payloads[p.source]) for p in todo]
    reach: dict[tuple[str, str], int] = {}
    for m in made:
        key = (m.p.target, network.port(m.p))
        reach[key] = reach.get(key, 0) + m.delays * ((m.most >> -m.p.exponent) + 1)
    weight = next(
        d for d in ("int8", "int16", "int32", "int64")
        if all(np.iinfo(d).min <= m.least and m.largest <= np.iinfo(d).max for m in made)
    )  # fmt: skip
    synapses = sum(m.p.synapses for m in made)
    check_room("synapses", synapses * (2 + np.dtype(weight).itemsize))
    target, stored = np.empty(synapses, np.uint16), np.empty(synapses, weight)
    starts: list[Int] = []
    groups: list[list[tuple[int, ...]]] = [[] for _ in range(places.parts)]
    at = segments = 0
    for m in made:
        m.fill(target[at : at + m.p.synapses], stored[at : at + m.p.synapses])
        m.groups(groups, segments, first)
        starts.append(m.start[:-1] + at)
        at, segments = at + m.p.synapses, segments + m.start.size - 1
    stage = Stage(
        np.concatenate(starts), target, stored, "int32" if max(m.most for m in made) < 2**31 else "int64",
        max(m.width for m in made),
        tuple(np.array(g, np.int64).reshape(-1, len(FIELDS)).ravel() for g in groups),
        {m.p.name: m.fan_out for m in made},
    )  # fmt: skip
    return stage, reach


class _Shifted:
    """One projection: counted when made, filled later."""

    def __init__(
        self, network: FixedPointNetwork, places: Places, p: FixedProjection, payload: int
    ) -> None:
        self.network, self.places, self.p = network, places, p
        n, port = network.sizes[p.source], network.port(p)
        self.codes, (self.nearest, farthest) = codes_of(network, p), delay_ends(p)
        self.delays = farthest - self.nearest + 1
        part, column = places.by_neuron(p.target, port)
        low = np.array([c[p.target, port] for c in places.column], np.int64)
        self.width = max(int(np.diff(places.shares[p.target]).max()), 1)
        self.blocks = -(-self.width // BLOCK)
        local = column - low[part]
        self.columns = (
            (local % BLOCK).astype(np.int32),
            (part * self.blocks + local // BLOCK).astype(np.int32),
        )
        rows = places.parts * self.blocks * n
        check_room("the index of synapses", 8 * rows * self.delays)
        self.start = np.zeros(rows * self.delays + 2, np.int64)
        ends = np.zeros(rows, np.int64), np.zeros(rows, np.int64)
        reach, self.fan_out = np.zeros((part.size, 2), np.int64), np.zeros(n, np.int64)
        from neurohw.emulate.sorting import count_edges

        for edges in self._edges():
            count_edges(
                *edges, 0, *self.columns, np.arange(part.size), self.codes.table, self.codes.least, payload,
                self.nearest, self.delays, n, self.start, *ends, reach.reshape(-1), self.fan_out,
            )  # fmt: skip
        np.cumsum(self.start, out=self.start)
        self.least, self.largest = int(ends[0].min(initial=0)), int(ends[1].max(initial=0))
        self.most = max(int(-reach.min(initial=0)), int(reach.max(initial=0)))
        if self.most >= 2**62:
            raise CapacityError(
                f"the sum of projection '{p.name}' can reach {self.most}, beyond 64 bits; "
                "make weights smaller"
            )

    def _edges(self) -> Iterator[tuple[NDArray[np.int32], ...]]:
        at = 0
        for pre, post, weight, delay in self.p.blocks():
            if self.codes.weight is not None:
                weight = self.codes.weight[at : at + pre.size]
                at += pre.size
            yield pre, post, weight, delay

    def fill(self, target: NDArray[np.uint16], weight: Any_) -> None:
        """Put targets and weights into their segments."""
        from neurohw.emulate.sorting import fill_segments

        for edges in self._edges():
            fill_segments(
                *edges, 0, *self.columns, self.codes.table, self.codes.least, self.nearest, self.delays,
                self.network.sizes[self.p.source], self.start, target, weight, np.zeros(0, np.int64),
                np.zeros(self.delays, np.int64),
            )  # fmt: skip

    def groups(
        self, groups: list[list[tuple[int, ...]]], segments: int, first: Mapping[str, int]
    ) -> None:
        """Add this projection's groups to those of every part; its segments begin at ``segments``."""
        p, n = self.p, self.network.sizes[self.p.source]
        port = self.network.port(p)
        form = self.network.populations[p.target].neuron.inputs[port]
        wraps = form.overflow == "wrap" and not (form.holds(-self.most) and form.holds(self.most))
        bits = (form.bits if form.signed else -form.bits) if wraps else 0
        for k in range(self.places.parts):
            own = int(np.diff(self.places.shares[p.target][k : k + 2])[0])
            for b in range(self.blocks):
                width = min(own - b * BLOCK, BLOCK)
                if width > 0:
                    groups[k].append((
                        first[p.source], first[p.source] + n,
                        segments + (k * self.blocks + b) * n * self.delays, self.delays, self.nearest,
                        self.places.column[k][p.target, port] + b * BLOCK, width, -p.exponent, bits,
                    ))  # fmt: skip
