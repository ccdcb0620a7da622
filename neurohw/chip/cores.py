"""The cores of a chip: how they are joined, how spikes find them, how they store synapses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Routing = Literal["local", "axons", "multicast", "relative"]
Memory = Literal["rows", "crossbar", "types"]


@dataclass(frozen=True)
class RowFormat:
    """Synaptic rows: what a core reads when a spike comes.

    A row is groups of up to ``group`` synapses, each behind ``header`` bits; a synapse is a weight,
    a delay of ``delay`` bits (as many as a format needs if None) and the ``index`` of its neuron, in
    a multiple of ``pad`` bits. ``dense`` groups leave the index out where neurons are consecutive.
    ``typed``: every synapse names its format, in so many bits; else (0) the header does. A row takes a
    multiple of ``word`` bits, and of a block's rows each as much as the longest if ``strided``.
    """

    word: int
    header: int
    group: int
    index: int
    delay: int | None
    pad: int = 1
    dense: bool = False
    typed: int = 0
    strided: bool = False


@dataclass(frozen=True)
class NeuronWords:
    """A word of ``bits`` for each neuron: the lowest bit and the width of every parameter and register,
    by kind of neuron, and values that are ``fixed`` (bit, width, value)."""

    bits: int
    fields: Mapping[str, Mapping[str, tuple[int, int]]]
    fixed: Mapping[str, tuple[tuple[int, int, int], ...]]


@dataclass(frozen=True)
class Cores:
    """``routing``: ``local`` (one core), ``axons`` (a list of destination cores for each neuron),
    ``multicast`` (keys, masks and routes in routers), ``relative`` (one offset for each neuron).

    ``memory``: ``rows``, a ``crossbar`` of weights, or one of bits, where the source's axon has one
    of several ``types`` and the neuron a weight for each. The mesh has ``width`` by ``height`` tiles of
    ``per_tile`` cores, numbered along ``order``; ``wraps``: a torus; ``diagonal``: six links.
    ``shared``: parameters that a core has once, ``sets``: parameters of which it holds so many
    different combinations. ``one_kind``: its neurons run one program. ``signed_rows``: a crossbar's row
    has one sign, its words a mapping bit above the size. ``offset_bits``: of dx and dy, with their sign.
    """

    routing: Routing
    memory: Memory
    width: int
    height: int
    per_tile: int
    order: Literal["x", "y"]
    wraps: bool
    diagonal: bool
    source: str
    status: str
    row: RowFormat | None = None
    word: int = 0
    types: tuple[int, ...] = ()
    shared: frozenset[str] = frozenset()
    sets: Mapping[str, tuple[tuple[str, ...], int]] = field(default_factory=dict)
    one_kind: bool = False
    signed_rows: bool = False
    neuron_words: NeuronWords | None = None
    offset_bits: int = 0

    @property
    def tiles(self) -> int:
        """Tiles of a chip."""
        return self.width * self.height

    @property
    def count(self) -> int:
        """Cores of a chip."""
        return self.tiles * self.per_tile
