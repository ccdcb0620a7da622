"""Who owns which neurons and columns of sums, what weight codes deliver, and how far sums can reach."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neurohw.emulate.definition import sum_shifted
from neurohw.errors import CapacityError
from neurohw.fixed import FixedPointNetwork, FixedProjection
from neurohw.weights import delivered

Int = NDArray[np.int64]


@dataclass(frozen=True)
class Places:
    """Who owns what: ``shares`` (parts + 1,) ends of each population's parts; ``column`` the first
    column of each population and port in each part; ``columns`` of each part."""

    parts: int
    shares: Mapping[str, Int]
    column: tuple[Mapping[tuple[str, str], int], ...]
    columns: Int

    def by_neuron(self, name: str, port: str) -> tuple[Int, Int]:
        """Part and column of every neuron of a population."""
        ends = self.shares[name]
        part = np.repeat(np.arange(self.parts), np.diff(ends))
        first = np.array([c[name, port] for c in self.column], np.int64) - ends[:-1]
        return part, np.arange(part.size) + first[part]


def share_out(network: FixedPointNetwork, parts: int) -> Places:
    """Each part gets a run of every population, in whole cache lines."""
    shares, column, columns = {}, [dict[tuple[str, str], int]() for _ in range(parts)], []
    for name, p in network.populations.items():
        ends = -(-np.arange(parts + 1) * p.n // parts // 64) * 64
        shares[name] = np.minimum(np.maximum(ends, 0), p.n)
        shares[name][-1] = p.n
    for k in range(parts):
        at = 0
        for name, p in network.populations.items():
            for port in p.neuron.ports:
                column[k][name, port] = at
                at += int(shares[name][k + 1] - shares[name][k])
        columns.append(at)
    return Places(parts, shares, tuple(column), np.array(columns, np.int64))


MANY = 1 << 20
"""Synapses from which a pass over them is worth compiling."""


@dataclass(frozen=True, eq=False)
class Codes:
    """The weight codes ``least`` and up of a projection and what each delivers; ``weight`` replaces
    the codes where there are too many different ones for a table."""

    least: int
    table: Int
    weight: NDArray[np.int32] | None = None


def codes_of(network: FixedPointNetwork, p: FixedProjection) -> Codes:
    """What each weight code of a projection delivers."""
    exponent = 0 if sum_shifted(network, p) else p.exponent
    mixed = network.mixed(p)
    values = p.weight_table
    least, most = (int(values.min()), int(values.max())) if values.size else (0, 0)
    if most - least < 1 << 20:
        used = np.zeros(most - least + 1, np.bool_)
        if values.size < MANY:
            used[values - least] = True
        else:
            from neurohw.emulate.sorting import mark_codes

            mark_codes(np.ascontiguousarray(values), least, used)
        table = np.zeros(used.size, np.int64)
        codes = np.flatnonzero(used) + least
        table[codes - least] = delivered(network.chip, codes, exponent, p.bits, mixed)
        return Codes(least, table)
    unique, which = np.unique(values, return_inverse=True)
    table = delivered(network.chip, unique, exponent, p.bits, mixed)
    return Codes(0, table, np.ravel(which).astype(np.int32))


class Reach:
    """How far the sum of each column can go if everything arrives at once."""

    def __init__(self, network: FixedPointNetwork, places: Places) -> None:
        self.network, self.places = network, places
        self.base = np.concatenate([[0], np.cumsum(places.columns)])
        self.sums = np.zeros((int(self.base[-1]), 2), np.int64)

    def whole(self, name: str, port: str) -> Int:
        """Column of every neuron, all parts one after the other."""
        part, column = self.places.by_neuron(name, port)
        return np.ascontiguousarray(self.base[part] + column)

    def ends(
        self, injected: Mapping[tuple[str, str], tuple[int, int]],
        staged: Mapping[tuple[str, str], int], units: Int,
    ) -> dict[tuple[str, str], tuple[int, int]]:  # fmt: skip
        found = {}
        for k, (name, p) in enumerate(self.network.populations.items()):
            for q, port in enumerate(p.neuron.ports):
                mine = self.sums[self.whole(name, port)]
                low, high = int(mine[:, 0].min(initial=0)), int(mine[:, 1].max(initial=0))
                more = injected.get((name, port), (0, 0))
                shifted = staged.get((name, port), 0)
                low, high = low + min(more[0], 0) - shifted, high + max(more[1], 0) + shifted
                bound = max(-low, high) * int(units[k, q])
                if bound >= 2**62:
                    raise CapacityError(
                        f"the sum of all inputs of a neuron of '{name}' can reach {bound}, beyond 64 bits; "
                        "make weights smaller"
                    )
                found[name, port] = (low, high)
        return found


@dataclass(frozen=True, eq=False)
class Plot:
    """What every layout is made from: the network, who owns what, the first number of each source and
    how many sources there are, weight codes and common divisors by projection, the largest
    payload of each source, and the sums' reach, which layouts add to."""

    network: FixedPointNetwork
    places: Places
    first: Mapping[str, int]
    sources: int
    codes: Mapping[str, Codes]
    unit: Mapping[str, int]
    payloads: Mapping[str, int]
    reach: Reach

    def table(self, p: FixedProjection) -> Int:
        """What each weight code of a projection adds, in the unit of its target's sums."""
        return np.asarray(self.codes[p.name].table // self.unit[p.name], np.int64)


def delay_ends(p: FixedProjection) -> tuple[int, int]:
    return int(p.delay_table.min()), int(p.delay_table.max())
