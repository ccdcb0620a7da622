"""Few ordered entries for many elements: greedy, from the first entry to the last.

An entry may match keys of another route if entries before it have taken those. So from the top:
any set of keys that holds elements of one route and none of another *that is left* can be the next
entry, and takes its elements away, which lets later entries be more general.

1. A route whose elements fit one such entry costs one entry wherever it stands: it comes next.
2. Without such a route, one has to be split. Sets are grown: from an element to the smallest set that
   holds the nearest further one too, as long as no other route is in it. The route gives its largest.

Which route is split is the choice that matters: the one that frees most elements for each entry
beyond its first (``RATIO``), the one that falls into fewest sets (``FEWEST``), or the next in a given
order (``ORDER``), for instance the rarest, as in pair compression. Elements that the default route
serves need no entry: they are in the way of other routes, and may join their own. Keys in no element
are nobody's.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

RATIO, FEWEST, ORDER = 0, 1, 2
ALL = 0xFFFFFFFF
PART = 16
"""Where many routes have to be split, so many-th part of them is, before scores are found anew."""


@njit(cache=True, nogil=True)
def cover(keys: Any, masks: Any, route: Any, free: Any, choice: Any, order: Any, first: Any) -> Any:
    """Entries for elements (n,) sorted by route: ``keys, masks, route`` int64 (3, entries), first to
    last; ``split`` int64 (routes,): at which entry a route was split first, -1 if never; and how many
    comparisons it took. ``order`` float64 (routes,): least first, for ``ORDER``; ``first`` int64
    (routes,): with which of a route's elements growth begins."""
    n, routes = keys.size, order.size
    low = np.zeros(routes + 1, np.int64)
    for e in range(n):
        if route[e] < routes:
            low[route[e] + 1] += 1
    for r in range(routes):
        low[r + 1] += low[r]
    alive, mine = np.ones(n, np.bool_), np.zeros(n, np.bool_)
    rest, rk, rm, rr = np.arange(n), keys.copy(), masks.copy(), route.copy()  # those left, in order
    left, need, size, steps = n, np.int64(0), np.int64(0), np.int64(0)
    count = np.zeros(routes, np.int64)  # elements that need an entry
    for e in range(n):
        if not free[e]:
            count[route[e]] += 1
            need += 1
    witness, split = np.full(routes, -1, np.int64), np.full(routes, -1, np.int64)
    big_k, big_m = np.empty(routes, np.int64), np.empty(routes, np.int64)
    out = np.empty((3, need), np.int64)
    while need:
        again = True
        while again and need:
            again = False
            for r in range(routes):
                if count[r] == 0 or (witness[r] >= 0 and alive[witness[r]]):
                    continue
                ck: Any = np.int64(-1)
                cm: Any = np.int64(ALL)
                for e in range(low[r], low[r + 1]):
                    if alive[e] and not free[e]:
                        cm = masks[e] & cm if ck < 0 else cm & masks[e] & ~(keys[e] ^ ck)
                        ck = (keys[e] if ck < 0 else ck) & cm
                other, cost = _other(ck, cm, r, rk, rm, rr, left)
                steps += cost
                if other >= 0:
                    witness[r] = rest[other]
                    continue
                need -= _take(ck, cm, low[r], low[r + 1], keys, masks, free, alive)
                out[0, size], out[1, size], out[2, size] = ck, cm, r
                size, count[r], again = size + 1, 0, True
                left = _keep(rest, rk, rm, rr, alive, left)
                steps += left
        if need == 0:
            break
        top: Any = np.int64(-1)
        for r in range(routes):
            if count[r] and (top < 0 or order[r] < order[top]):
                top = r
        score, stuck = np.full(routes, -np.inf), 0
        for r in range(routes):
            if count[r] == 0 or (choice == ORDER and r != top):
                continue
            stuck += 1
            mine[low[r] : low[r + 1]] = alive[low[r] : low[r + 1]]
            todo, sets, held, most = count[r], 0, 0, -1
            seed = low[r] + first[r] % (low[r + 1] - low[r])
            while todo:
                while not mine[seed] or free[seed]:
                    seed = seed + 1 if seed + 1 < low[r + 1] else low[r]
                ck, cm, cost = _grow(
                    seed, low[r], low[r + 1], keys, masks, mine, r, rk, rm, rr, left
                )
                steps += cost
                got = 0
                for e in range(low[r], low[r + 1]):
                    if mine[e] and (keys[e] ^ ck) & cm == 0 and masks[e] & cm == cm:
                        mine[e] = False
                        got += 1
                        todo -= 0 if free[e] else 1
                sets, held = sets + 1, held + got
                if got > most:
                    most, big_k[r], big_m[r] = got, ck, cm
            score[r] = (1 + 1e-3 * held) / sets if choice == FEWEST else held / max(sets - 1, 0.5)
        for _ in range(1 + stuck // PART):
            s = np.argmax(score)
            score[s] = -np.inf
            took = _take(big_k[s], big_m[s], low[s], low[s + 1], keys, masks, free, alive)
            need, count[s], witness[s] = need - took, count[s] - took, -1
            split[s] = size if split[s] < 0 else split[s]
            out[0, size], out[1, size], out[2, size] = big_k[s], big_m[s], s
            size += 1
        left = _keep(rest, rk, rm, rr, alive, left)
        steps += left + 4 * routes
    return out[:, :size].copy(), split, steps


@njit(cache=True, nogil=True)
def _other(ck: Any, cm: Any, r: Any, rk: Any, rm: Any, rr: Any, left: Any) -> Any:
    """The first element of another route than ``r`` that shares keys with (ck, cm), or -1."""
    for e in range(left):
        if (rk[e] ^ ck) & rm[e] & cm == 0 and rr[e] != r:
            return e, e + 1
    return -1, left


@njit(cache=True, nogil=True)
def _grow(
    seed: Any,
    low: Any,
    high: Any,
    keys: Any,
    masks: Any,
    mine: Any,
    r: Any,
    rk: Any,
    rm: Any,
    rr: Any,
    left: Any,
) -> Any:
    ck, cm, steps = keys[seed], masks[seed], np.int64(0)
    todo = mine[low:high].copy()
    while True:
        near: Any = np.int64(-1)
        least: Any = np.int64(99)
        for e in range(low, high):
            if todo[e - low]:
                lost = cm & ~(masks[e] & ~(keys[e] ^ ck))
                bits = np.int64(0)
                while lost:
                    lost &= lost - 1
                    bits += 1
                if bits < least:
                    near, least = e, bits
        steps += high - low
        if near < 0:
            return ck, cm, steps
        todo[near - low] = False
        if least:
            m = cm & masks[near] & ~(keys[near] ^ ck)
            other, cost = _other(ck & m, m, r, rk, rm, rr, left)
            steps += cost
            if other < 0:
                ck, cm = ck & m, m


@njit(cache=True, nogil=True)
def _take(
    ck: Any, cm: Any, low: Any, high: Any, keys: Any, masks: Any, free: Any, alive: Any
) -> Any:
    """Take away the elements in (ck, cm): how many of them needed an entry."""
    needed = 0
    for e in range(low, high):
        if alive[e] and (keys[e] ^ ck) & cm == 0 and masks[e] & cm == cm:
            alive[e] = False
            needed += 0 if free[e] else 1
    return needed


@njit(cache=True, nogil=True)
def _keep(rest: Any, rk: Any, rm: Any, rr: Any, alive: Any, left: Any) -> Any:
    kept = 0
    for e in range(left):
        if alive[rest[e]]:
            rest[kept], rk[kept], rm[kept], rr[kept] = rest[e], rk[e], rm[e], rr[e]
            kept += 1
    return kept
