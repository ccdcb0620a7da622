"""Pairs of trains cut at every spike, for distances that are integrals of a piecewise profile."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from neurohw.compare.pairs import Index, Mask, Pairs, Trains
from neurohw.compare.spikes import Times


@dataclass(frozen=True, eq=False)
class Side:
    """One train of every pair as interspike intervals, one more than spikes.

    Interval e + p ends at spike e and interval e + p + 1 begins there, p the pair. ``before`` and
    ``after`` are the spikes around each interval, auxiliary ones at the edges. ``at`` gives the
    interval of each segment and ``passed`` the spikes up to each spike of the other train.
    """

    trains: Trains
    before: Times
    after: Times
    at: Index
    passed: Index
    duration: float

    @cached_property
    def x(self) -> Times:
        """Length of each interval."""
        return self.after - self.before

    @cached_property
    def first(self) -> Index:
        """The interval before the first spike of each train."""
        return self.trains.start[:-1] + np.arange(self.trains.counts.size)

    @cached_property
    def last(self) -> Index:
        """The interval after the last spike of each train."""
        return self.trains.start[1:] + np.arange(self.trains.counts.size)

    def distances(self, other: Side) -> tuple[Times, Times]:
        """From the spikes around each interval to the nearest spike of the other train."""
        t, owner = self.trains.times, self.trains.owner
        # Spikes of the other train around each of ours; intervals know what is there at the edges.
        between = other.passed + owner
        gap = np.minimum(np.abs(t - other.before[between]), np.abs(other.after[between] - t))
        at_start, at_end = np.empty(self.x.size), np.empty(self.x.size)
        spike = np.arange(t.size) + owner
        at_start[spike + 1] = at_end[spike] = gap
        at_start[self.first] = gap[self.trains.start[:-1]]
        at_end[self.last] = gap[self.trains.start[1:] - 1]
        # pyspike takes the end of the trial for the spike that follows a single spike at 0.
        alone = (self.trains.counts == 1) & (t[self.trains.start[:-1]] == 0)
        to_end = np.minimum(
            self.duration - other.before[other.last], other.after[other.last] - self.duration
        )
        at_end[self.last[alone]] = to_end[alone]
        return at_start, at_end


def _side(trains: Trains, passed: Index, at: Index, duration: float) -> Side:
    t, start = trains.times, trains.start
    spike = np.arange(t.size) + trains.owner
    before, after = np.empty((2, t.size + trains.counts.size))
    after[spike], before[spike + 1] = t, t
    pair = np.arange(trains.counts.size)
    many = trains.counts > 1
    low, high = start[:-1][many], start[1:][many] - 1
    first, last = start[:-1] + pair, start[1:] + pair
    before[first], after[last] = 0.0, duration
    before[first[many]] = np.minimum(0.0, 2 * t[low] - t[low + 1])
    after[last[many]] = np.maximum(duration, 2 * t[high] - t[high - 1])
    return Side(trains, before, after, at, passed, duration)


class Segments:
    """The stretches between neighbouring spikes of either train, as pyspike cuts them.

    ``left`` and ``right`` are their ends and ``pair`` their pair; stretches without length, which
    lie between simultaneous spikes and at the edges, are left out.
    """

    def __init__(self, pairs: Pairs) -> None:
        filled = pairs.filled
        self.count, self.duration = pairs.count, pairs.duration
        pair, time, of_a = filled.merged
        edge = np.arange(self.count)
        starts = filled.a.start + filled.b.start
        # Each spike opens a stretch, and so does the start of the trial.
        own = np.arange(time.size) + pair + 1
        opening = starts[:-1] + edge
        left = np.empty(time.size + self.count)
        left[own], left[opening] = time, 0.0
        owner = np.repeat(edge, np.diff(starts) + 1)
        right = np.append(left[1:], self.duration)
        right[starts[1:] + edge] = self.duration
        keep = right > left
        self.left, self.right, self.pair = left[keep], right[keep], owner[keep]

        def side(trains: Trains, mine: Mask) -> Side:
            passed = np.cumsum(mine, dtype=np.int64)
            at = np.empty(left.size, np.int64)
            at[own], at[opening] = passed, trains.start[:-1]
            return _side(trains, passed[~mine], (at + owner)[keep], self.duration)

        self.sides = (side(filled.a, of_a), side(filled.b, ~of_a))

    def mean(self, profile: Times) -> Times:
        """The mean over time, (pairs,), of a profile given by its mean in each segment."""
        area = np.bincount(self.pair, profile * (self.right - self.left), self.count)
        return np.asarray(area / self.duration)
