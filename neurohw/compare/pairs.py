"""Many pairs of spike trains in flat arrays, and the ways to look at them all at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurohw.compare.spikes import Times, positive
from neurohw.errors import InputError

Index = NDArray[np.int64]
Mask = NDArray[np.bool_]


def starts_of(counts: NDArray[np.int64]) -> Index:
    """Where each run begins if runs of these lengths follow each other; one more for the end."""
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(counts, dtype=np.int64)])


def ranges(first: Index, counts: Index) -> Index:
    """first[0], first[0] + 1, ... (counts[0] of them), then first[1], ... in one array."""
    starts = starts_of(counts)
    offset = np.repeat(first - starts[:-1], counts)
    return np.asarray(np.arange(starts[-1], dtype=np.int64) + offset)


@dataclass(frozen=True, eq=False)
class Trains:
    """Spike trains one after the other: train p is ``times[start[p]:start[p + 1]]``, in order.

    ``times`` float64 seconds (spikes,), ``start`` int64 (trains + 1,).
    """

    times: Times
    start: Index

    @classmethod
    def of(cls, trains: Sequence[ArrayLike]) -> Trains:
        """From one array of times each, in any order."""
        rows = [np.sort(np.asarray(train, dtype=np.float64)) for train in trains]
        counts = np.array([row.size for row in rows], dtype=np.int64)
        return cls(np.concatenate([np.empty(0), *rows]), starts_of(counts))

    @cached_property
    def counts(self) -> Index:
        """Spikes in each train."""
        return np.diff(self.start)

    @cached_property
    def owner(self) -> Index:
        """The train that each spike belongs to."""
        return np.repeat(np.arange(self.counts.size), self.counts)

    def select(self, keep: Mask) -> Trains:
        """Only the trains where ``keep`` holds."""
        return Trains(self.times[np.repeat(keep, self.counts)], starts_of(self.counts[keep]))

    def filled(self, duration: float) -> Trains:
        """Simultaneous spikes once, and spikes at 0 and at the end for an empty train."""
        keep = np.ones(self.times.size, dtype=np.bool_)
        keep[1:] = (np.diff(self.times) > 0) | (np.diff(self.owner) > 0)
        counts = np.bincount(self.owner[keep], minlength=self.counts.size).astype(np.int64)
        empty = counts == 0
        start = starts_of(np.where(empty, 2, counts))
        times = np.empty(start[-1])
        times[ranges(start[:-1][~empty], counts[~empty])] = self.times[keep]
        times[start[:-1][empty]] = 0.0
        times[start[:-1][empty] + 1] = duration
        return Trains(times, start)


@dataclass(frozen=True, eq=False)
class Pairs:
    """As many trains ``a`` (the reference) as ``b``, all within 0..duration seconds."""

    a: Trains
    b: Trains
    duration: float

    @classmethod
    def of(cls, a: Sequence[ArrayLike], b: Sequence[ArrayLike], duration: float) -> Pairs:
        """From two equally long lists of arrays of times; InputError if they don't fit."""
        if len(a) != len(b):
            raise InputError(f"{len(a)} trains a against {len(b)} trains b; give as many of both")
        pairs = cls(Trains.of(a), Trains.of(b), positive("duration", duration))
        for name, times in (("a", pairs.a.times), ("b", pairs.b.times)):
            bad = ~((times >= 0) & (times <= duration))
            if bad.any():
                raise InputError(f"trains {name}: {times[bad][0]} s is outside 0..{duration} s")
        return pairs

    @property
    def count(self) -> int:
        """How many pairs."""
        return int(self.a.counts.size)

    def select(self, keep: Mask) -> Pairs:
        """Only the pairs where ``keep`` holds."""
        return Pairs(self.a.select(keep), self.b.select(keep), self.duration)

    @cached_property
    def identical(self) -> Mask:
        """Where both trains are exactly the same, (pairs,)."""
        same: Mask = self.a.counts == self.b.counts
        a, b = self.a.select(same), self.b.select(same)
        wrong = np.bincount(a.owner[a.times != b.times], minlength=a.counts.size)
        result: Mask = same.copy()
        result[same] = wrong == 0
        return result

    @cached_property
    def differing(self) -> Pairs:
        """The pairs that are not identical."""
        return self.select(~self.identical)

    @cached_property
    def filled(self) -> Pairs:
        """Both trains filled, see :meth:`Trains.filled`."""
        return Pairs(self.a.filled(self.duration), self.b.filled(self.duration), self.duration)

    @cached_property
    def merged(self) -> tuple[Index, Times, Mask]:
        """All spikes by pair, then time: their pair, their time, and whether they are of ``a``.

        Spikes of a stay in order, so the running count of the last column is an index into
        ``a.times``.
        """
        pair = np.concatenate([self.a.owner, self.b.owner])
        time = np.concatenate([self.a.times, self.b.times])
        of_a = np.arange(time.size) < self.a.times.size
        order = np.lexsort((time, pair))
        return pair[order], time[order], of_a[order]

    @cached_property
    def net(self) -> tuple[Trains, Index]:
        """Times at which a and b have different numbers of spikes, and the number in a minus b."""
        pair, time, of_a = self.merged
        if not time.size:
            return self.a, np.empty(0, np.int64)
        new = np.ones(time.size, dtype=np.bool_)
        new[1:] = (np.diff(time) > 0) | (np.diff(pair) > 0)
        first = np.flatnonzero(new)
        surplus = np.add.reduceat(np.where(of_a, 1, -1), first).astype(np.int64)
        keep = surplus != 0
        counts = np.bincount(pair[first][keep], minlength=self.count)
        return Trains(time[first][keep], starts_of(counts.astype(np.int64))), surplus[keep]
