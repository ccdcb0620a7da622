"""Sums of one projection and delay that are shifted right before they arrive.

Only where a chip shifts the *sum* of a projection do its synapses go through a stage, where the sum
is formed first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neurohw.emulate.definition import sum_shifted
from neurohw.emulate.layout import Layout
from neurohw.errors import CapacityError
from neurohw.fixed import FixedPointNetwork
from neurohw.weights import delivered

Int = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Stage:
    """Synapses by source into staged sums, and for each projection and delay where its sums are.

    ``bits``: the width to which a sum wraps first, negative if unsigned, 0 where the input does not
    wrap.
    """

    start: Int
    target: NDArray[np.int32]
    group: NDArray[np.int32]
    weight: Int
    table: Int  # (groups, 6): offset, size, base, delay, shift, bits

    @property
    def used(self) -> bool:
        """Whether any projection is shifted."""
        return bool(self.table.shape[0] > 0)

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """By the names that kernels know."""
        found: dict[str, NDArray[np.generic]] = {
            "_staged_start": self.start, "_staged_target": self.target, "_staged_group": self.group,
            "_staged_weight": self.weight, "_stage": np.zeros(int(self.table[:, 1].sum()), np.int64),
            "_stage_used": np.zeros(self.table.shape[0], np.int64),
        }  # fmt: skip
        for k, key in enumerate(("offset", "size", "base", "delay", "shift", "bits")):
            found[f"_stage_{key}"] = np.ascontiguousarray(self.table[:, k])
        return found


def lay_out_stage(
    network: FixedPointNetwork, banks: Layout, payloads: Mapping[str, int]
) -> tuple[Stage, dict[tuple[str, str], int]]:
    """The stage of a network, and how far shifted sums reach on each port."""
    sources = banks.neurons + sum(network.inputs.values())
    columns, at = dict[tuple[str, str], int](), 0
    for name, population in network.populations.items():
        for port in population.neuron.ports:
            columns[name, port] = at
            at += population.n
    rows: list[tuple[int, ...]] = []
    empty = np.empty(0, np.int64)
    pre, target, group, weight = [empty], [empty], [empty], [empty]
    reach: dict[tuple[str, str], int] = {}
    offset = 0
    for p in (p for p in network.projections if sum_shifted(network, p)):
        n, port = network.sizes[p.target], network.port(p)
        effective = delivered(network.chip, p.weight, 0, p.bits, network.mixed(p))
        size = np.bincount(p.post, np.abs(effective).astype(np.float64), minlength=n)
        most = int(size.max(initial=0)) * payloads[p.source] + 1
        if most >= 2**62:
            raise CapacityError(
                f"the sum of projection '{p.name}' can reach {most}, beyond 64 bits"
            )
        reach[p.target, port] = reach.get((p.target, port), 0) + (most >> -p.exponent) + 1
        delays, which = np.unique(p.delay, return_inverse=True)
        pre.append(banks.first[p.source] + p.pre.astype(np.int64))
        target.append(offset + np.ravel(which).astype(np.int64) * n + p.post)
        group.append(len(rows) + np.ravel(which).astype(np.int64))
        weight.append(effective)
        form = network.populations[p.target].neuron.inputs[port]
        bits = (form.bits if form.signed else -form.bits) if form.overflow == "wrap" else 0
        for delay in delays:
            rows.append((offset, n, columns[p.target, port], int(delay), -p.exponent, bits))
            offset += n
    source, post, groups, values = (np.concatenate(c) for c in (pre, target, group, weight))
    order = np.lexsort((post, groups, source))
    start = np.zeros(sources + 1, np.int64)
    np.cumsum(np.bincount(source, minlength=sources), out=start[1:])
    stage = Stage(
        start, post[order].astype(np.int32), groups[order].astype(np.int32),
        np.ascontiguousarray(values[order], np.int64), np.array(rows, np.int64).reshape(-1, 6),
    )  # fmt: skip
    return stage, reach
