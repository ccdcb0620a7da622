"""The machine that multicast packets travel: chips on a grid, links between them, words of routes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from neurohw.errors import InputError

HEXAGONAL = ((1, 0), (1, 1), (0, 1), (-1, 0), (-1, -1), (0, -1))
"""Links E, NE, N, W, SW, S of a triangular mesh, in the order of their bits."""
MOST_CHIPS = 1 << 20
WORD = 63
"""Bits of a route word: links first, then cores."""

Chip = tuple[int, int]


@dataclass(frozen=True)
class Grid:
    """``width`` x ``height`` chips at (x, y), 0 <= x < width, a torus if ``wraps``.

    Link l of chip (x, y) leads to (x, y) + ``vectors[l]``; every vector has its opposite. A chip has
    ``cores`` cores and a table of ``entries`` usable entries. A route word has bit l for link l and
    bit ``links + p`` for core p; ``arrivals`` words have bit l for packets that come in by link l and
    bit ``links`` for packets of the chip's own cores. Chip (x, y) has the index ``x + width * y``.
    """

    width: int
    height: int
    wraps: bool = True
    vectors: tuple[tuple[int, int], ...] = HEXAGONAL
    cores: int = 18
    entries: int = 1023

    def __post_init__(self) -> None:
        object.__setattr__(self, "vectors", tuple((int(x), int(y)) for x, y in self.vectors))
        if self.width < 1 or self.height < 1 or self.width * self.height > MOST_CHIPS:
            raise InputError(
                f"grid of {self.width} x {self.height} chips: 1 to {MOST_CHIPS} chips; change its sides"
            )
        lone = [v for v in self.vectors if (-v[0], -v[1]) not in self.vectors or v == (0, 0)]
        if lone or len(set(self.vectors)) < len(self.vectors):
            raise InputError(
                f"links {self.vectors}: each vector once, with its opposite, none (0, 0); add the missing"
            )
        if self.cores < 1 or self.links + self.cores > WORD:
            raise InputError(
                f"{self.links} links and {self.cores} cores: a route word has {WORD} bits; "
                f"give 1 to {WORD - self.links} cores"
            )
        if self.entries < 1:
            raise InputError(f"tables of {self.entries} entries: give at least 1")

    @property
    def links(self) -> int:
        """How many links a chip has."""
        return len(self.vectors)

    @property
    def chips(self) -> int:
        """How many chips there are."""
        return self.width * self.height

    def opposite(self, link: int) -> int:
        """The link that leads back."""
        x, y = self.vectors[link]
        return self.vectors.index((-x, -y))

    @cached_property
    def opposites(self) -> NDArray[np.int64]:
        """``opposite`` of every link, int64 (links,)."""
        return _fixed(np.array([self.opposite(k) for k in range(self.links)], dtype=np.int64))

    @cached_property
    def neighbours(self) -> NDArray[np.int64]:
        """The chip at the end of every link, int64 (chips, links); -1 over the edge."""
        y, x = np.divmod(np.arange(self.chips, dtype=np.int64)[:, None], self.width)
        vectors = np.array(self.vectors, dtype=np.int64).reshape(-1, 2)
        x, y = x + vectors[:, 0], y + vectors[:, 1]
        if self.wraps:
            return _fixed(x % self.width + self.width * (y % self.height))
        inside = (x >= 0) & (x < self.width) & (y >= 0) & (y < self.height)
        return _fixed(np.where(inside, x + self.width * y, -1))

    def index(self, chip: Chip) -> int:
        """The index of chip (x, y); :class:`InputError` if it isn't there."""
        return int(self.indices([chip])[0])

    def indices(self, chips: Iterable[Chip] | NDArray[np.integer]) -> NDArray[np.int64]:
        """Indices of chips (n, 2)."""
        given = np.asarray(chips if isinstance(chips, np.ndarray) else list(chips))
        xy = given.astype(np.int64).reshape(-1, 2)
        x, y = xy[:, 0], xy[:, 1]
        bad = (x < 0) | (x >= self.width) | (y < 0) | (y >= self.height)
        if bad.any():
            chip = tuple(xy[int(np.argmax(bad))].tolist())
            raise InputError(
                f"chip {chip} is not on the grid of {self.width} x {self.height}; place it elsewhere"
            )
        return np.asarray(x + self.width * y)

    def chip(self, index: int) -> Chip:
        """(x, y) of the chip with this index."""
        return int(index) % self.width, int(index) // self.width

    def core_bit(self, core: int) -> int:
        """The route word of one core."""
        if not 0 <= core < self.cores:
            raise InputError(
                f"core {core}: a chip has cores 0 to {self.cores - 1}; place it elsewhere"
            )
        return 1 << (self.links + core)


def _fixed(array: NDArray[np.int64]) -> NDArray[np.int64]:
    array.setflags(write=False)
    return array
