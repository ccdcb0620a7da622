"""The innermost loops of delivering: the synapses of one row, or of one of its segments.

Their text is copied into generated kernels. What a processor guesses wrong costs it twenty
additions, so loops have no rests: the last synapses are done as eight, of which those beyond the end,
which belong to what comes next, add nothing; and memory is always asked for as many lines.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from neurohw.native import load, prefetch, prefetch_outer, select


def _ask(array: Any, at: int, lines: int) -> None:
    """Ask for so many cache lines from an element on."""
    for q in range(lines):
        prefetch(array, at + q * (64 // array.itemsize))


def _ask_outer(array: Any, at: int, lines: int) -> None:
    """The same into the second-level cache."""
    for q in range(lines):
        prefetch_outer(array, at + q * (64 // array.itemsize))


def _ask_all(array: Any, at: int, stop: int, line: int) -> None:
    """The same for exactly the lines, of so many elements, that a stretch of an array lies in.

    It may begin within a line: steps of a line then can end before its last."""
    while at < stop:
        prefetch_outer(array, at)
        at += line
    prefetch_outer(array, stop - 1)


def _add_same(sums: Any, target: Any, low: int, high: int, value: Any) -> None:
    """One weight for all targets."""
    whole = (high - low) >> 3
    for q in range(whole):
        s = low + (q << 3)
        for i in range(8):
            sums[np.uint64(load(target, 2, s + i))] += value
    s = low + (whole << 3)
    for i in range(8):
        sums[np.uint64(load(target, 2, s + i))] += select(s + i < high, value, 0)


def _add_each(sums: Any, target: Any, weight: Any, low: int, high: int, less: bool) -> None:
    """A weight for each target, added or, if ``less``, subtracted: a product with a sign is dearer."""
    whole = (high - low) >> 3
    for q in range(whole):
        s = low + (q << 3)
        for i in range(8):
            at = np.uint64(load(target, 2, s + i))
            if less:
                sums[at] -= load(weight, 3, s + i)
            else:
                sums[at] += load(weight, 3, s + i)
    s = low + (whole << 3)
    for i in range(8):
        at = np.uint64(load(target, 2, s + i))
        more = select(s + i < high, np.int64(load(weight, 3, s + i)), 0)
        if less:
            sums[at] -= more
        else:
            sums[at] += more


def _add_words(sums: Any, packed: Any, bits: int, low: int, high: int) -> None:
    """Words of (weight << bits | target)."""
    mask, whole = (1 << bits) - 1, (high - low) >> 3
    for q in range(whole):
        s = low + (q << 3)
        for i in range(8):
            synapse = load(packed, 2, s + i)
            sums[np.uint64(synapse & mask)] += synapse >> bits
    s = low + (whole << 3)
    for i in range(8):
        synapse = load(packed, 2, s + i)
        sums[np.uint64(synapse & mask)] += select(s + i < high, np.int64(synapse >> bits), 0)
