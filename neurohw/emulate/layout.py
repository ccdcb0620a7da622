"""From a fixed-point network to the arrays that kernels walk.

Populations of the same chip neuron stand side by side in one bank. Neurons are numbered through all
banks, inputs come after them; synapses form one list by source (CSR), whatever projection they came
from, each with its target, its delay in ticks and its weight with the exponent applied. Only where
a chip shifts the *sum* of a projection to the right do its synapses take another way, through a
stage where the sum is formed first.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neurohw.errors import CapacityError
from neurohw.fixed import FixedPointNetwork, FixedProjection

Int = NDArray[np.int64]


@dataclass(frozen=True)
class Bank:
    """Populations of one chip neuron: population k holds bank positions low[k] .. high[k]."""

    neuron: str
    base: int
    size: int
    names: tuple[str, ...]
    order: Int
    low: Int
    high: Int


@dataclass(frozen=True)
class Synapses:
    """CSR by source: ``start`` int64 (sources + 1,), then one entry per synapse."""

    start: Int
    target: NDArray[np.int32]
    delay: NDArray[np.int32]
    weight: NDArray[np.int32] | Int


@dataclass(frozen=True)
class Stage:
    """Sums of one projection and delay that are shifted right before they arrive."""

    offset: Int
    size: Int
    base: Int
    delay: Int
    shift: Int


@dataclass(frozen=True)
class Layout:
    """Everything about the network that does not change during a run."""

    banks: tuple[Bank, ...]
    neurons: int
    first: dict[str, int]
    slots: int
    bound: int
    direct: Synapses
    staged: Synapses
    stage: Stage


def build_layout(network: FixedPointNetwork) -> Layout:
    """Arrays for the kernels; CapacityError if a sum of inputs could leave 64 bits."""
    banks, first, total = [], {}, 0
    names = list(network.populations)
    # In one order whatever the network's, so that equal sets of neurons share one kernel.
    for neuron in sorted({p.neuron.name for p in network.populations.values()}):
        members = [n for n in names if network.populations[n].neuron.name == neuron]
        sizes = np.array([network.populations[n].n for n in members], np.int64)
        high = np.cumsum(sizes)
        for name, low in zip(members, high - sizes, strict=True):
            first[name] = total + int(low)
        order = np.array([names.index(n) for n in members], np.int64)
        banks.append(
            Bank(neuron, total, int(high[-1]), tuple(members), order, high - sizes, high)
        )  # fmt: skip
        total += int(high[-1])
    sources = total
    for name, n in network.inputs.items():
        first[name] = sources
        sources += n
    latency = network.chip.delivery.latency
    longest = max((int(p.delay.max()) for p in network.projections if p.synapses), default=0)
    slots = 1 << int(latency + longest).bit_length()
    summed = [p for p in network.projections if _staged(network, p)]
    plain = [p for p in network.projections if not _staged(network, p)]
    bound = _bound(network, total, first)
    if bound >= 2**62:
        raise CapacityError(f"the sum of all inputs of a neuron can reach {bound}, beyond 64 bits")
    direct = _csr(
        sources,
        [first[p.source] + p.pre.astype(np.int64) for p in plain],
        [first[p.target] + p.post.astype(np.int64) for p in plain],
        [p.delay.astype(np.int64) + latency for p in plain],
        [_effective(p) for p in plain],
    )
    staged, stage = _stages(network, summed, sources, first, latency)

    return Layout(tuple(banks), total, first, slots, bound, direct, staged, stage)


def _staged(network: FixedPointNetwork, p: FixedProjection) -> bool:
    return p.exponent < 0 and network.chip.weight.right_shift == "sum"


def _effective(p: FixedProjection) -> Int:
    weight = p.weight.astype(np.int64)
    return weight << p.exponent if p.exponent >= 0 else weight >> -p.exponent


def _bound(network: FixedPointNetwork, total: int, first: dict[str, int]) -> int:
    """Largest size that any sum can reach if every synapse delivered at once, and currents with it."""
    sums = np.zeros(total)
    for p in network.projections:
        size = np.abs(p.weight.astype(np.float64)) * 2.0 ** max(p.exponent, 0)
        n = network.sizes[p.target]
        low = first[p.target]
        sums[low : low + n] += np.bincount(p.post, size, minlength=n)
    return int(sums.max(initial=0.0)) + 1


def _csr(
    sources: int, pre: list[Int], target: list[Int], delay: list[Int], weight: list[Int]
) -> Synapses:
    empty = np.empty(0, np.int64)
    source, post, ticks, effective = (
        np.concatenate(columns) if columns else empty for columns in (pre, target, delay, weight)
    )
    order = np.lexsort((post, ticks, source))
    start = np.zeros(sources + 1, np.int64)
    np.cumsum(np.bincount(source, minlength=sources), out=start[1:])
    small = bool(np.abs(effective).max(initial=0) < 2**31)
    return Synapses(
        start, post[order].astype(np.int32), ticks[order].astype(np.int32),
        effective[order].astype(np.int32 if small else np.int64),
    )  # fmt: skip


def _stages(
    network: FixedPointNetwork,
    projections: list[FixedProjection],
    sources: int,
    first: dict[str, int],
    latency: int,
) -> tuple[Synapses, Stage]:
    """One stage per projection and delay; synapses point into it, their 'delay' is its number."""
    rows: list[tuple[int, int, int, int, int]] = []
    pre, target, group, weight = [], [], [], []
    offset = 0
    for p in projections:
        n = network.sizes[p.target]
        delays, which = np.unique(p.delay, return_inverse=True)
        pre.append(first[p.source] + p.pre.astype(np.int64))
        target.append(offset + which.astype(np.int64) * n + p.post)
        group.append(len(rows) + which.astype(np.int64))
        weight.append(p.weight.astype(np.int64))
        for delay in delays:
            rows.append((offset, n, first[p.target], int(delay) + latency, -p.exponent))
            offset += n
    table = np.array(rows, np.int64).reshape(-1, 5)
    stage = Stage(*(np.ascontiguousarray(column) for column in table.T))
    return _csr(sources, pre, target, group, weight), stage
