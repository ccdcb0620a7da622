"""The figures of :mod:`neurohw.compare.spikes` for many pairs at once, float64 of shape (pairs,).

Same definitions, same results up to rounding. Identical trains are answered without computing.
Each function vectorises over pairs: sweeps over spikes go by rank, all pairs in step.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from neurohw.compare.pairs import Index, Pairs
from neurohw.compare.segments import Segments
from neurohw.compare.spikes import Times, positive, window_limit

BLOCK = 1 << 20
"""Table entries that one Victor-Purpura block may hold at once."""


def _spread(pairs: Pairs, same: float, figure: Callable[[Pairs], Times]) -> Times:
    result = np.full(pairs.count, same)
    if not pairs.identical.all():
        result[~pairs.identical] = figure(pairs.differing)
    return result


def coincidence(pairs: Pairs, window: float) -> Times:
    """Γ of each pair, see :func:`neurohw.compare.spikes.coincidence`; NaN where undefined."""
    window = positive("window", window, zero=True)
    return _spread(pairs, 1.0, lambda p: _coincidence(p, window))


def _coincidence(pairs: Pairs, window: float) -> Times:
    limit = window_limit(window, pairs.duration)
    i, j = pairs.a.start[:-1].copy(), pairs.b.start[:-1].copy()
    hits = np.zeros(pairs.count)
    active = np.flatnonzero((pairs.a.counts > 0) & (pairs.b.counts > 0))
    while active.size:
        gap = pairs.b.times[j[active]] - pairs.a.times[i[active]]
        hit = np.abs(gap) <= limit
        hits[active] += hit
        i[active] += hit | (gap > 0)
        j[active] += hit | (gap < 0)
        left = (i[active] < pairs.a.start[active + 1]) & (j[active] < pairs.b.start[active + 1])
        active = active[left]
    chance = 2 * window * pairs.b.counts / pairs.duration
    possible = np.where(chance < 1, 1 - chance, np.nan)
    mean_count = (pairs.a.counts + pairs.b.counts) / 2
    return np.asarray((hits - chance * pairs.a.counts) / mean_count / possible)


def van_rossum(pairs: Pairs, tau: float) -> Times:
    """Distance of each pair, see :func:`neurohw.compare.spikes.van_rossum`."""
    tau = positive("tau", tau)
    return _spread(pairs, 0.0, lambda p: _van_rossum(p, tau))


def _van_rossum(pairs: Pairs, tau: float) -> Times:
    events, surplus = pairs.net
    gap = np.full(events.times.size, np.inf)
    gap[:-1] = np.where(np.diff(events.owner) > 0, np.inf, np.diff(events.times))
    lost, kept = -np.expm1(-2 * gap / tau), np.exp(-gap / tau)
    order = np.argsort(-events.counts, kind="stable")
    start, counts = events.start[:-1][order], -events.counts[order]
    f, total = np.zeros(pairs.count), np.zeros(pairs.count)
    for rank in range(int(-counts[0])):
        m = int(np.searchsorted(counts, -rank))  # the pairs with more than ``rank`` events
        at = start[:m] + rank
        f[:m] += surplus[at]
        total[:m] += f[:m] * f[:m] * lost[at]
        f[:m] *= kept[at]
    result = np.empty(pairs.count)
    result[order] = np.sqrt(total)
    return result


def victor_purpura(pairs: Pairs, cost: float) -> Times:
    """Distance of each pair, see :func:`neurohw.compare.spikes.victor_purpura`."""
    cost = positive("cost", cost, zero=True, infinite=True)
    return _spread(pairs, 0.0, lambda p: _victor_purpura(p, cost))


def _victor_purpura(pairs: Pairs, cost: float) -> Times:
    # Spikes at the same time are best left where they are (moving costs obey the triangle
    # inequality), so only the others take part. None is moved by 2 / cost or more, where removing
    # and adding is as cheap: groups that far apart are solved by themselves.
    events, surplus = pairs.net
    apart = 2 / cost if cost > 0 else np.inf
    fresh = np.ones(events.times.size, dtype=np.bool_)
    fresh[1:] = (np.diff(events.times) >= apart) | (np.diff(events.owner) > 0)
    group = np.cumsum(fresh) - 1
    parts = [np.maximum(sign * surplus, 0) for sign in (1, -1)]
    n = np.stack([np.bincount(group, part).astype(np.int64) for part in parts])
    costs = _group_costs(events.times, parts, n, cost)
    return np.asarray(np.bincount(events.owner[fresh], costs, pairs.count))


def _group_costs(event_times: Times, parts: list[Index], n: Index, cost: float) -> Times:
    """Least edit cost of each group of events, whose spikes in a and b ``n`` (2, groups) counts."""
    result: Times = n.sum(axis=0).astype(np.float64)
    times = np.concatenate([np.repeat(event_times, part) for part in parts])
    first = np.cumsum(n.ravel()).reshape(n.shape) - n
    order = np.argsort(n, axis=0)  # the shorter train of each pair, then the longer
    n, first = np.take_along_axis(n, order, 0), np.take_along_axis(first, order, 0)
    # Groups of similar size (same powers of two) go together, which wastes little on padding.
    size = np.ceil(np.log2(np.maximum(n, 1)))
    for key in np.unique(size[:, n[0] > 0], axis=1).T:
        members = np.flatnonzero((size == key[:, None]).all(axis=0) & (n[0] > 0))
        members = members[np.argsort(-n[0, members], kind="stable")]
        step = max(1, BLOCK // (int(n[1, members].max()) + 1))
        for low in range(0, members.size, step):
            block = members[low : low + step]
            result[block] = _edit(times, first[:, block], n[:, block], cost)
    return result


def _edit(times: Times, first: Index, n: Index, cost: float) -> Times:
    """Least edit costs; ``first`` and ``n`` (2, groups) place the shorter and the longer train.

    The groups with the longest shorter train come first, so that those done are at the end.
    """
    short, long = (
        times[np.minimum(f[:, None] + np.arange(k.max()), times.size - 1)]
        for f, k in zip(first, n, strict=True)
    )
    column = np.arange(n[1].max() + 1.0)
    best = np.tile(column, (n.shape[1], 1))
    for i in range(short.shape[1]):
        m = int(np.searchsorted(-n[0], -i))  # the groups whose shorter train has spike i
        move = cost * np.abs(short[:m, i, None] - long[:m])
        new = best[:m] + 1
        np.minimum(new[:, 1:], best[:m, :-1] + move, out=new[:, 1:])
        best[:m] = np.minimum.accumulate(new - column, axis=1) + column
    return np.asarray(best[np.arange(n.shape[1]), n[1]])


def isi_distance(pairs: Pairs) -> Times:
    """Distance of each pair, see :func:`neurohw.compare.spikes.isi_distance`."""
    return _spread(pairs, 0.0, _isi_distance)


def _isi_distance(pairs: Pairs) -> Times:
    segments = Segments(pairs)
    x_a, x_b = (side.x[side.at] for side in segments.sides)
    return segments.mean(np.abs(x_a - x_b) / np.maximum(x_a, x_b))


def spike_distance(pairs: Pairs) -> Times:
    """Distance of each pair, see :func:`neurohw.compare.spikes.spike_distance`."""
    return _spread(pairs, 0.0, _spike_distance)


def _spike_distance(pairs: Pairs) -> Times:
    segments = Segments(pairs)
    ends = []
    for side, other in (segments.sides, segments.sides[::-1]):
        at_start, at_end = side.distances(other)
        k = side.at
        ends.append(
            sum(
                (at_start[k] * (side.after[k] - t) + at_end[k] * (t - side.before[k])) / side.x[k]
                for t in (segments.left, segments.right)
            )
        )
    x_a, x_b = (side.x[side.at] for side in segments.sides)
    return segments.mean((ends[0] * x_b + ends[1] * x_a) / (x_a + x_b) ** 2)
