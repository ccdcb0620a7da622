"""A projection by rule: generated from its seed whenever asked for, stored only where it is small."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurohw.errors import NetworkError
from neurohw.network.projections import Block, Projection
from neurohw.network.rules import Distribution, FixedInDegree, FixedTotal, Rule
from neurohw.ordering import order_by

MOST_STORED = 50_000_000
"""Synapses up to which the columns of a rule are made and kept, at 24 bytes each."""
COLUMNS = ("pre", "post", "weight", "delay")


@dataclass(frozen=True, eq=False, kw_only=True)
class RuleProjection(Projection):
    """Synapses drawn by ``rule``, with weights and delays from the distributions ``weights`` and
    ``delays`` (seconds).

    Which they are follows from ``seed``, the two populations, their sizes and the name that the
    projection has in its network, and from nothing else. ``pre``, ``post``, ``weight`` and ``delay``
    are made when first read, sorted as :meth:`Projection.sparse` sorts; NetworkError above
    ``MOST_STORED`` synapses. ``n_source`` and ``n_target`` are 0 until a Network knows them.
    Make one with :meth:`Projection.by_rule`.
    """

    pre: NDArray[np.int32] = field(init=False, repr=False)
    post: NDArray[np.int32] = field(init=False, repr=False)
    weight: NDArray[np.float64] = field(init=False, repr=False)
    delay: NDArray[np.float64] = field(init=False, repr=False)
    rule: Rule
    weights: Distribution
    delays: Distribution
    seed: int = 0
    n_source: int = 0
    n_target: int = 0

    def __getattr__(self, name: str) -> Any:
        """The columns, which are no attributes until they are made."""
        if name not in COLUMNS:
            raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")
        columns = materialised(f"projection '{self.label}'", self.synapses, self.blocks())
        for which, column in zip(COLUMNS, columns, strict=True):
            object.__setattr__(self, which, column)
        return columns[COLUMNS.index(name)]

    @property
    def label(self) -> str:
        """The name, or what it will be."""
        return self.name or f"{self.source}->{self.target}"

    @property
    def key(self) -> int:
        """64 bits that the synapses are drawn from."""
        text = "\0".join((str(self.seed), self.source, self.target, self.label))
        return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "little")

    @property
    def synapses(self) -> int:
        """Number of synapses, exact."""
        if isinstance(self.rule, FixedTotal):
            return self.rule.synapses
        source, target = self._sizes()
        if isinstance(self.rule, FixedInDegree):
            return self.rule.k * target
        from neurohw.network.edges import count

        return count(self.rule, source, target, self.key, self.source == self.target)

    def shortest(self) -> float:
        """The least delay that a synapse can have, in seconds."""
        return float(self.delays.table().min())

    def sized(self, n_source: int, n_target: int) -> RuleProjection:
        """The same between populations of these sizes."""
        if (self.n_source, self.n_target) == (n_source, n_target):
            return self
        return replace(self, n_source=n_source, n_target=n_target)

    def span(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """Every neuron of both ends, whether it was drawn or not."""
        source, target = self._sizes()
        return (0, source - 1), (0, target - 1)

    def blocks(self, most: int = 1 << 18) -> Iterator[Block]:
        """All synapses in blocks of about ``most``: pre, post int32; weight, delay float64."""
        from neurohw.network.edges import blocks

        tables = self.weights.table(), self.delays.table()
        same = self.source == self.target
        return blocks(self.rule, *self._sizes(), self.key, *tables, most, same)

    def stored(self) -> Projection:
        """The same synapses as a list."""
        return Projection(
            self.source, self.target, self.pre, self.post, self.weight, self.delay, self.name
        )

    def _sizes(self) -> tuple[int, int]:
        if not self.n_source:
            raise NetworkError(
                f"projection '{self.label}' is by rule and has no sizes; put it into a Network first"
            )
        return self.n_source, self.n_target


def materialised(what: str, synapses: int, blocks: Iterator[Block]) -> list[NDArray[Any]]:
    """pre, post, weight and delay of all blocks, each (synapses,), sorted by source, then target;
    equal pairs stay in the order of the rule. NetworkError above MOST_STORED."""
    if synapses > MOST_STORED:
        raise NetworkError(
            f"{what} has {synapses:,} synapses by rule; {MOST_STORED:,} are the most that are stored: "
            "use its blocks, or a smaller network"
        )
    columns: list[NDArray[Any]] = [np.empty(synapses, np.int32) for _ in range(2)]
    at = 0
    for block in blocks:
        if len(columns) == 2:
            columns += [np.empty(synapses, column.dtype) for column in block[2:]]
        after = at + block[0].size
        for column, part in zip(columns, block, strict=True):
            column[at:after] = part
        at = after
    columns += [np.zeros(0)] * (4 - len(columns))
    order = order_by(columns[:2])
    for k in range(4):
        columns[k] = columns[k][order]
        columns[k].setflags(write=False)
    return columns
