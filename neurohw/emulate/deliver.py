"""The loops that deliver spikes, one for each layout of synapses; see ``layouts`` for what they walk.

The text of these functions is copied into every generated kernel file. Indices are unsigned where
numba would otherwise test for negative ones; sums are integers, so any order of adding is the same.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from neurohw.emulate.rows import (
    _add_each,
    _add_same,
    _add_words,
    _ask,
    _ask_all,
    _ask_outer,
)
from neurohw.equations.kernel_primitives import uwrap, wrap
from neurohw.native import load, prefetch, store


def _flat(
    sums: Any, start: Any, packed: Any, spikes: Any, first: int, last: int, base: int, bits: int,
    mean: int,
) -> None:  # fmt: skip
    """Rows of (weight << bits | slot * stride + column), added into the whole ring.

    ``base``: the first element of the slot that a delay of 0 reaches; the ring's size is a power of 2.
    Rows are padded to eights with weights of 0. ``mean``: synapses of a row, here and below.
    """
    low, ring = (1 << bits) - 1, np.uint64(sums.size - 1)
    from_, lines = np.uint64(base), mean * packed.itemsize // 64 + 2
    for k in range(first, last):
        if k + 6 < last:
            prefetch(start, np.int64(spikes[k + 6]))
        if k + 2 < last:
            _ask(packed, np.int64(start[spikes[k + 2]]), lines)
        begin = np.int64(start[spikes[k]])
        for q in range((np.int64(start[spikes[k] + 1]) - begin) >> 3):
            s = begin + (q << 3)
            for i in range(8):
                synapse = load(packed, 2, s + i)
                sums[(np.uint64(synapse & low) + from_) & ring] += synapse >> bits


def _flat_short(
    sums: Any, start: Any, packed: Any, spikes: Any, first: int, last: int, base: int, bits: int,
) -> None:  # fmt: skip
    """The same for rows that are not padded, being short."""
    low, ring = (1 << bits) - 1, np.uint64(sums.size - 1)
    from_ = np.uint64(base)
    for k in range(first, last):
        row = spikes[k]
        if k + 4 < last:
            prefetch(packed, np.int64(start[spikes[k + 4]]))
        for s in range(np.uint64(start[row]), np.uint64(start[row + 1])):
            synapse = packed[s]
            sums[(np.uint64(synapse & low) + from_) & ring] += synapse >> bits


def _flat_graded(
    sums: Any, start: Any, packed: Any, spikes: Any, payload: Any, first: int, last: int,
    base: int, bits: int,
) -> None:  # fmt: skip
    """The same for spikes that carry a value."""
    low, ring = (1 << bits) - 1, np.uint64(sums.size - 1)
    from_ = np.uint64(base)
    for k in range(first, last):
        row, value = spikes[k], np.int64(payload[k])
        for s in range(np.uint64(start[row]), np.uint64(start[row + 1])):
            at = (np.uint64(packed[s] & low) + from_) & ring
            sums[at] += np.int64(packed[s] >> bits) * value


def _segment(
    sums: Any, start: Any, target: Any, weight: Any, sign: Any, spikes: Any, first: int,
    last: int, run: int, runs: int, row0: int, base: int, mean: int, ahead: int,
) -> None:  # fmt: skip
    """The synapses of one run of delays of all these spikes, added into sums that stay in the cache.

    ``start[row * runs + run]``; ``sign`` is empty, or -1 for rows whose weights are subtracted.
    Weights are empty where every synapse of a row has the weight that ``sign`` holds. ``mean``: of a
    segment.
    """
    acc = sums[base:]
    same, signed = weight.size == 0, sign.size > 0
    lines, weights = mean * target.itemsize // 64 + 2, mean * weight.itemsize // 64 + 2
    # Memory gives a row at a time faster than its segments, one at each run: ask for the one after
    # the next of the same row, where there is one, if all spikes' stay in the second-level cache.
    later = 2 * mean if run + 2 < runs and (last - first) * mean < 1 << 18 else 0
    for k in range(first, last):
        if k + 2 * ahead < last:
            prefetch(start, (row0 + np.int64(spikes[k + 2 * ahead])) * runs + run)
        if run == 0 and later != 0 and k + 2 < last:
            at = np.int64(start[(row0 + np.int64(spikes[k + 2])) * runs])
            _ask_outer(target, at, 2 * lines)
            if not same:
                _ask_outer(weight, at, 2 * weights)
        if k + ahead < last:
            at = np.int64(start[(row0 + np.int64(spikes[k + ahead])) * runs + run])
            _ask(target, at, lines)
            if not same:
                _ask(weight, at, weights)
        row = row0 + np.int64(spikes[k])
        low, high = np.int64(start[row * runs + run]), np.int64(start[row * runs + run + 1])
        if later != 0:
            _ask_outer(target, low + later, lines)
            if not same:
                _ask_outer(weight, low + later, weights)
        if same:
            _add_same(acc, target, low, high, sign[row])
        else:
            _add_each(acc, target, weight, low, high, signed and sign[row] < 0)


def _segment_packed(
    sums: Any, start: Any, packed: Any, bits: int, spikes: Any, first: int, last: int, run: int,
    runs: int, row0: int, base: int, mean: int, ahead: int,
) -> None:  # fmt: skip
    """The same from words of (weight << bits | column)."""
    acc, lines = sums[base:], mean * packed.itemsize // 64 + 2
    for k in range(first, last):
        if k + 2 * ahead < last:
            prefetch(start, (row0 + np.int64(spikes[k + 2 * ahead])) * runs + run)
        if k + ahead < last:
            _ask(
                packed,
                np.int64(start[(row0 + np.int64(spikes[k + ahead])) * runs + run]),
                lines,
            )
        seg = (row0 + np.int64(spikes[k])) * runs + run
        _add_words(acc, packed, bits, np.int64(start[seg]), np.int64(start[seg + 1]))


def _segment_packed_graded(
    sums: Any, start: Any, packed: Any, bits: int, spikes: Any, payload: Any, first: int, last: int,
    run: int, runs: int, row0: int, base: int,
) -> None:  # fmt: skip
    """The same for spikes that carry a value."""
    low = (1 << bits) - 1
    acc = sums[base:]
    for k in range(first, last):
        seg, value = (row0 + np.int64(spikes[k])) * runs + run, np.int64(payload[k])
        for s in range(np.uint64(start[seg]), np.uint64(start[seg + 1])):
            acc[np.uint64(packed[s] & low)] += np.int64(packed[s] >> bits) * value


def _segment_graded(
    sums: Any, start: Any, target: Any, weight: Any, sign: Any, spikes: Any,
    payload: Any, first: int, last: int, run: int, runs: int, row0: int, base: int,
) -> None:  # fmt: skip
    """The same for spikes that carry a value."""
    acc = sums[base:]
    same, signed = weight.size == 0, sign.size > 0
    for k in range(first, last):
        row = row0 + spikes[k]
        seg, value = row * runs + run, np.int64(payload[k])
        if signed:
            value *= np.int64(sign[row])
        for s in range(np.uint64(start[seg]), np.uint64(start[seg + 1])):
            acc[np.uint64(target[s])] += value if same else value * np.int64(weight[s])


def _dense_rows(
    sums: Any, matrix: Any, width: int, low: int, high: int, spikes: Any, first: int, last: int,
    base: int,
) -> None:  # fmt: skip
    """Rows of a matrix, one weight for each target, added four at a time; sources low .. high - 1."""
    k = first
    while k < last:
        a = b = c = d = found = 0
        while k < last and found < 4:
            source = spikes[k]
            k += 1
            if low <= source < high:
                at = (source - low) * width
                if found == 0:
                    a = at
                elif found == 1:
                    b = at
                elif found == 2:
                    c = at
                else:
                    d = at
                found += 1
        if found == 4:
            for j in range(width):
                four = load(matrix, 1, a + j) + load(matrix, 1, b + j)
                four += load(matrix, 1, c + j) + load(matrix, 1, d + j)
                store(sums, 0, base + j, load(sums, 0, base + j) + four)
            continue
        for q in range(found):
            at = a if q == 0 else (b if q == 1 else c)
            for j in range(width):
                store(sums, 0, base + j, load(sums, 0, base + j) + load(matrix, 1, at + j))


def _dense_graded_rows(
    sums: Any, matrix: Any, width: int, low: int, high: int, spikes: Any, payload: Any,
    first: int, last: int, base: int,
) -> None:  # fmt: skip
    """The same for spikes that carry a value."""
    for k in range(first, last):
        if low <= spikes[k] < high:
            at, value = (np.int64(spikes[k]) - low) * width, np.int64(payload[k])
            for j in range(width):
                more = np.int64(load(matrix, 1, at + j)) * value
                store(sums, 0, base + j, load(sums, 0, base + j) + more)


def _wrapped(sums: Any, at: int, ring: int, width: int) -> None:
    """Add what was meant for the row ``at`` of a ring of so many sums but put behind its end."""
    for j in range(width):
        store(sums, 0, at + j, load(sums, 0, at + j) + load(sums, 1, ring + at + j))
        store(sums, 1, ring + at + j, 0)


def _jobs_of(
    jobs: Any, start: Any, past: Any, counts: Any, mask: int, sources: int, step: int, nearest: int,
    runs: int, row0: int,
) -> int:  # fmt: skip
    """List the segments that arrive at ``step`` and ask for their ends; how many they are."""
    n = 0
    for d in range(runs):
        slot = (step - nearest - d) & mask
        for k in range(counts[slot]):
            seg = (row0 + np.int64(past[slot * sources + k])) * runs + d
            jobs[n] = seg
            prefetch(start, seg)
            n += 1
    return n


def _arrive_packed(
    sums: Any, start: Any, packed: Any, bits: int, jobs: Any, n: int, base: int, stretch: int
) -> None:
    """Add the segments of a list, of words of (weight << bits | column), into one row.

    They come from memory, which decides: not a line is asked for or read that is not theirs. First a
    stretch of them is asked for, into the second-level cache, then it is added: the sums being there
    too, to ask in between would make both wait for the same few places where a core keeps what it
    waits for.
    """
    low = (1 << bits) - 1
    acc = sums[base:]
    line = 64 // packed.itemsize
    for first in range(0, n, stretch):
        last = min(first + stretch, n)
        for k in range(first, last):
            _ask_all(packed, np.int64(start[jobs[k]]), np.int64(start[jobs[k] + 1]), line)
        for k in range(first, last):
            for s in range(np.uint64(start[jobs[k]]), np.uint64(start[jobs[k] + 1])):
                synapse = packed[s]
                acc[np.uint64(synapse & low)] += synapse >> bits


def _arrive(
    sums: Any, start: Any, target: Any, weight: Any, sign: Any, runs: int, jobs: Any, n: int,
    base: int, stretch: int,
) -> None:  # fmt: skip
    """The same from targets and weights apart."""
    acc = sums[base:]
    same, signed = weight.size == 0, sign.size > 0
    for first in range(0, n, stretch):
        last = min(first + stretch, n)
        for k in range(first, last):
            at, stop = np.int64(start[jobs[k]]), np.int64(start[jobs[k] + 1])
            _ask_all(target, at, stop, 64 // target.itemsize)
            if not same:
                _ask_all(weight, at, stop, 64 // weight.itemsize)
        for k in range(first, last):
            low, high = np.uint64(start[jobs[k]]), np.uint64(start[jobs[k] + 1])
            if same:
                value = sign[jobs[k] // runs]
                for s in range(low, high):
                    acc[np.uint64(target[s])] += value
            elif signed and sign[jobs[k] // runs] < 0:
                for s in range(low, high):
                    acc[np.uint64(target[s])] -= weight[s]
            else:
                for s in range(low, high):
                    acc[np.uint64(target[s])] += weight[s]


def _shifted(
    sums: Any, scratch: Any, start: Any, target: Any, weight: Any, spikes: Any, payload: Any,
    first: int, last: int, low: int, high: int, offset: int, delays: int, base: int, width: int,
    shift: int, bits: int,
) -> None:  # fmt: skip
    """The synapses of one projection and delay: added into a scratch row, then shifted into ``sums``.

    ``payload`` is empty if spikes carry no value. ``offset``: the segment of the first source.
    """
    many, graded = np.int64(0), payload.size > 0
    for k in range(first, last):
        if low <= spikes[k] < high:
            seg = offset + (spikes[k] - low) * delays
            a, b = np.uint64(start[seg]), np.uint64(start[seg + 1])
            many += np.int64(b - a)
            if graded:
                value = np.int64(payload[k])
                for s in range(a, b):
                    scratch[np.uint64(target[s])] += weight[s] * value
            else:
                for s in range(a, b):
                    scratch[np.uint64(target[s])] += weight[s]
    if many == 0:
        return
    if bits != 0:
        for j in range(width):
            whole = np.int64(scratch[j])
            total = wrap(whole, bits) if bits > 0 else uwrap(whole, -bits)
            sums[base + j] += total >> shift
            scratch[j] = 0
    elif many > width >> 3:
        for j in range(width):
            more = load(scratch, 1, j) >> shift
            store(sums, 0, base + j, load(sums, 0, base + j) + more)
            store(scratch, 1, j, 0)
    else:
        # Few were touched: go through them again. What is done already is 0, and adds nothing.
        for k in range(first, last):
            if low <= spikes[k] < high:
                seg = offset + (spikes[k] - low) * delays
                for s in range(np.uint64(start[seg]), np.uint64(start[seg + 1])):
                    at = np.uint64(target[s])
                    sums[np.uint64(base) + at] += scratch[at] >> shift
                    scratch[at] = 0
