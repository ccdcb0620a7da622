"""Routing tables: key, mask, route, and by which links the packets of an entry come."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurohw.errors import CapacityError, InputError
from neurohw.mapping.multicast.grid import Chip, Grid

Words = NDArray[np.uint32]
Routes = NDArray[np.uint64]


@dataclass(frozen=True, eq=False)
class Table:
    """The table of one chip, first match wins: an entry matches where ``key & mask == keys``.

    ``keys, masks`` uint32 (n,); ``routes`` uint64 (n,), see :class:`Grid`; ``arrivals`` uint64 (n,)
    says by which links packets of the entry arrive, 0 if that is not known.
    """

    keys: Words
    masks: Words
    routes: Routes
    arrivals: Routes

    @classmethod
    def of(
        cls, keys: ArrayLike, masks: ArrayLike, routes: ArrayLike, arrivals: ArrayLike | None = None
    ) -> Table:
        """A table from anything array-like; :class:`InputError` for lengths, and for keys outside
        their masks, which nothing could match."""
        k = _words("keys", keys, 1 << 32).astype(np.uint32)
        m = _words("masks", masks, 1 << 32).astype(np.uint32)
        r = _words("routes", routes, 1 << 63)
        a = np.zeros_like(r) if arrivals is None else _words("arrivals", arrivals, 1 << 63)
        if not k.size == m.size == r.size == a.size:
            raise InputError(
                f"table of {k.size} keys, {m.size} masks, {r.size} routes, {a.size} arrivals: "
                "give one of each for every entry"
            )
        outside = (k & ~m) != 0
        if outside.any():
            e = int(np.argmax(outside))
            raise InputError(
                f"entry {e}: key {k[e]:#010x} has bits outside mask {m[e]:#010x}; it would never match"
            )
        for column in (k, m, r, a):
            column.setflags(write=False)
        return cls(k, m, r, a)

    def __len__(self) -> int:
        return int(self.keys.size)

    def take(self, which: NDArray[np.generic]) -> Table:
        """Some of the entries, by index or Boolean."""
        return Table.of(
            self.keys[which], self.masks[which], self.routes[which], self.arrivals[which]
        )


def _words(what: str, values: ArrayLike, limit: int) -> NDArray[np.uint64]:
    given = np.asarray(values)
    if given.ndim != 1:
        raise InputError(f"{what} of shape {given.shape}: give one dimension")
    if given.size:
        if given.dtype.kind not in "iu":
            raise InputError(f"{what} are {given.dtype}: give whole numbers")
        low, high = int(given.min()), int(given.max())
        if low < 0 or high >= limit:
            raise InputError(f"{what} from {low} to {high}: words are 0 to {limit - 1}")
    return np.array(given, dtype=np.uint64)


@dataclass(frozen=True, eq=False)
class Tables(Mapping[Chip, Table]):
    """The tables of all chips: ``tables[x, y]`` is one of them, empty where there are no entries.

    Iterates over the chips that have entries, by index. ``start`` int64 (chips + 1,): the entries of
    chip c are ``start[c]:start[c + 1]`` of ``entries``.
    """

    grid: Grid
    start: NDArray[np.int64]
    entries: Table = field(repr=False)

    @classmethod
    def of(cls, grid: Grid, tables: Mapping[Chip, Table]) -> Tables:
        """From one table for each chip; chips that are left out have empty ones."""
        by_chip = {grid.index(chip): table for chip, table in tables.items()}
        order = sorted(by_chip)
        sizes = np.zeros(grid.chips + 1, dtype=np.int64)
        for c in order:
            sizes[c + 1] = len(by_chip[c])
        columns = [
            np.concatenate([np.zeros(0, dtype), *(getattr(by_chip[c], name) for c in order)])
            for name, dtype in (
                ("keys", np.uint32), ("masks", np.uint32), ("routes", np.uint64), ("arrivals", np.uint64),
            )
        ]  # fmt: skip
        return cls.packed(grid, np.cumsum(sizes), Table.of(*columns))

    @classmethod
    def packed(cls, grid: Grid, start: NDArray[np.int64], entries: Table) -> Tables:
        """From entries that stand in order of their chips."""
        past = int(entries.routes.max(initial=0)) >> (grid.links + grid.cores)
        if past or int(entries.arrivals.max(initial=0)) >> (grid.links + 1):
            raise InputError(
                f"a route or arrival has bits beyond {grid.links} links and {grid.cores} cores; "
                "give the grid as many as the tables use"
            )
        start.setflags(write=False)
        return cls(grid, start, entries)

    def __getitem__(self, chip: Chip) -> Table:
        c = self.grid.index(chip)
        return self.entries.take(np.arange(self.start[c], self.start[c + 1]))

    def __contains__(self, chip: object) -> bool:
        x, y = chip if isinstance(chip, tuple) and len(chip) == 2 else (-1, -1)
        if not (0 <= x < self.grid.width and 0 <= y < self.grid.height):
            return False
        return bool(self.sizes[x + self.grid.width * y])

    def __iter__(self) -> Iterator[Chip]:
        return (self.grid.chip(int(c)) for c in np.flatnonzero(self.sizes))

    def __len__(self) -> int:
        return int(np.count_nonzero(self.sizes))

    @cached_property
    def sizes(self) -> NDArray[np.int64]:
        """Entries of every chip, int64 (chips,)."""
        return np.diff(self.start)

    @property
    def total(self) -> int:
        """Entries of all chips."""
        return int(self.start[-1])

    def check(self) -> None:
        """:class:`CapacityError` if a table is longer than the grid's limit."""
        if self.total and self.sizes.max() > self.grid.entries:
            c = int(np.argmax(self.sizes))
            raise CapacityError(
                f"chip {self.grid.chip(c)}: {self.sizes[c]} routing entries, its table holds "
                f"{self.grid.entries}; minimise the tables, place connected slices nearer to one "
                "another, or give slices with the same targets neighbouring keys"
            )
