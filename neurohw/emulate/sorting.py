"""From synapses in any order to rows by source and delay: count, then fill, each in one pass.

An edge is a source neuron ``pre``, a target ``post``, a weight code and a delay. Its row is its
target's block, then its source; its segment is its row, then its delay.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from neurohw.emulate.called import Compiled


def _count_edges(
    pre: Any, post: Any, weight: Any, delay: Any, first: int, column: Any, block: Any,
    whole: Any, table: Any, least: int, payload: int, nearest: int, delays: int, sources: int,
    start: Any, low: Any, high: Any, reach: Any, fan_out: Any,
) -> int:  # fmt: skip
    """Count the edges of each segment into ``start[segment + 2]`` and of each source, the ends of
    weights by row, and by target column (``whole``) how far its sum can go down and up, side by
    side."""
    # Edges of a row mostly follow each other: what is known of it stays in registers meanwhile.
    source, row, down, up, since = 0, -1, 0, 0, 0
    for k in range(np.uint64(pre.size)):
        j = np.uint64(post[k])
        mine = np.int64(block[j]) * sources + first + pre[k]
        value = table[np.uint64(weight[k] - least)]
        if mine != row:
            if row >= 0:
                fan_out[source] += k - since
                low[row], high[row] = min(low[row], down), max(high[row], up)
            source, row, down, up, since = int(pre[k]), int(mine), value, value, k
        down, up = min(down, value), max(up, value)
        start[np.uint64(row * delays + delay[k] - nearest + 2)] += 1
        if payload == 1:
            reach[np.uint64(2 * whole[j] + (value >= 0))] += value
        else:
            reach[2 * whole[j]] -= abs(value * payload)
            reach[2 * whole[j] + 1] += abs(value * payload)
    if row >= 0:
        fan_out[source] += pre.size - since
        low[row], high[row] = min(low[row], down), max(high[row], up)
    return 0


def _fill_packed(
    pre: Any, post: Any, weight: Any, delay: Any, first: int, column: Any, block: Any,
    table: Any, least: int, nearest: int, delays: int, sources: int, start: Any, packed: Any,
    bits: int, later: Any,
) -> int:  # fmt: skip
    """Put the edges into their rows as (weight << bits | later[delay] + column), ``later`` from the
    nearest delay on."""
    for k in range(np.uint64(pre.size)):
        j = np.uint64(post[k])
        row = np.int64(block[j]) * sources + first + pre[k]
        d = np.uint64(delay[k] - nearest)
        segment = np.uint64(row * delays + 1) + d
        at = np.uint64(start[segment])
        start[segment] += 1
        packed[at] = (table[np.uint64(weight[k] - least)] << bits) | (later[d] + column[j])
    return 0


def _fill_segments(
    pre: Any, post: Any, weight: Any, delay: Any, first: int, column: Any, block: Any,
    table: Any, least: int, nearest: int, delays: int, sources: int, start: Any, target: Any,
    stored: Any, sign: Any, later: Any,
) -> int:  # fmt: skip
    """Put the edges into their segments, targets (``later`` as above) and weights (times the row's
    sign) apart."""
    for k in range(np.uint64(pre.size)):
        j = np.uint64(post[k])
        row = np.int64(block[j]) * sources + first + pre[k]
        d = np.uint64(delay[k] - nearest)
        segment = np.uint64(row * delays + 1) + d
        at = np.uint64(start[segment])
        start[segment] += 1
        target[at] = later[d] + column[j]
        if stored.size > 0:
            value = table[np.uint64(weight[k] - least)]
            stored[at] = -value if sign.size > 0 and sign[row] < 0 else value
    return 0


def _mark_codes(codes: Any, least: int, used: Any) -> int:
    """Set ``used`` for each code that is there, from ``least`` on."""
    for k in range(codes.size):
        used[codes[k] - least] = True
    return 0


def _pick_events(
    sources: Any, marks: Any, kind: int, kinds: int, place: Any, first: int, low: int, step: Any,
    neuron: Any, sent: Any,
) -> int:  # fmt: skip
    """Put the sources of a kind, less ``low``, and their ticks, from ``first`` on, one after the other,
    or at each tick from its ``place`` on; how many of each there are is added to ``sent``. ``marks``:
    where those of each kind end at each tick, from 0 on."""
    n = np.uint64(0)
    for tick in range((marks.size - 1) // kinds):
        at = tick * kinds + kind
        if place.size > 0:
            n = np.uint64(place[tick])
        for k in range(np.uint64(marks[at]), np.uint64(marks[at + 1])):
            j = sources[k] - low
            step[n] = first + tick
            neuron[n] = j
            sent[np.uint64(j)] += 1
            n += np.uint64(1)
    return 0


count_edges, fill_packed, fill_segments, mark_codes, pick_events = (
    Compiled(f) for f in (_count_edges, _fill_packed, _fill_segments, _mark_codes, _pick_events)
)
