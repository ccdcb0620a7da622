"""A projection by rule in a chip's integers: the tables are quantised, the synapses still drawn."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurohw.fixed import FixedProjection
from neurohw.network.projections import Block
from neurohw.network.random_projection import COLUMNS, materialised
from neurohw.network.rules import Rule

Int32 = NDArray[np.int32]


@dataclass(frozen=True, eq=False, kw_only=True)
class FixedRuleProjection(FixedProjection):
    """Synapses drawn by ``rule`` from ``key``, their codes from ``weights`` and ``delays``.

    The tables are int32 (entries,) of equally likely codes: mantissas and ticks. ``pre``, ``post``,
    ``weight`` and ``delay`` are made when first read, sorted by source, then target; NetworkError
    above 50 million synapses. :meth:`blocks` needs no such memory. ``same``: both ends are one
    population, for rules without self-connections.
    """

    pre: Int32 = field(init=False, repr=False)
    post: Int32 = field(init=False, repr=False)
    weight: Int32 = field(init=False, repr=False)
    delay: Int32 = field(init=False, repr=False)
    rule: Rule
    key: int
    n_source: int
    n_target: int
    weights: Int32
    delays: Int32

    def __getattr__(self, name: str) -> Any:
        """The columns, which are no attributes until they are made."""
        if name not in COLUMNS:
            raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")
        columns = materialised(f"projection '{self.name}'", self.synapses, self.blocks())
        for which, column in zip(COLUMNS, columns, strict=True):
            object.__setattr__(self, which, column.astype(np.int32, copy=False))
        return object.__getattribute__(self, name)

    @property
    def same(self) -> bool:
        """Whether both ends are one population."""
        return self.source == self.target

    @property
    def synapses(self) -> int:
        """Number of synapses, exact."""
        from neurohw.network.edges import count

        return count(self.rule, self.n_source, self.n_target, self.key, self.same)

    @property
    def weight_table(self) -> Int32:
        """The mantissas that synapses can have, int32 (entries,)."""
        return self.weights

    @property
    def delay_table(self) -> Int32:
        """The delays that synapses can have, int32 (entries,) ticks."""
        return self.delays

    def span(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """Every neuron of both ends, whether it was drawn or not."""
        return (0, self.n_source - 1), (0, self.n_target - 1)

    def blocks(self, most: int = 1 << 18) -> Iterator[Block]:
        """All synapses in blocks of about ``most``, int32 pre, post, weight, delay; the order is the
        rule's: by target for FixedInDegree, else by source."""
        from neurohw.network.edges import blocks

        sizes = self.n_source, self.n_target
        return blocks(self.rule, *sizes, self.key, self.weights, self.delays, most, self.same)
